"""Trials, and trials.csv, the private table that says what each of them shows: one writer and one reader."""

from __future__ import annotations

import csv
import io
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SIDES = ("left", "right")
OTHER_SIDE = {"left": "right", "right": "left"}


class Trial(NamedTuple):
    """One pair in one HIT: a row of trials.csv, whose columns are these fields in this order.

    `position` counts from 1 in the order shown, 0 where it is not known; `contrast` is "a:b";
    `exposure_ms` is None in unlimited time; `correct_side` is "left" or "right" for sentinels and practice
    trials, else None. `condition`, `item` and `stimulus` of a side: where its image comes from, the scene,
    and the opaque name under which workers see it. Files of earlier versions may lack `practice`.
    """

    batch: str
    hit: str
    position: int
    trial: str
    contrast: str
    exposure_ms: float | None
    sentinel: bool
    correct_side: str | None
    condition_left: str
    item_left: str
    stimulus_left: str
    condition_right: str
    item_right: str
    stimulus_right: str
    practice: bool = False


TRIAL_COLUMNS = Trial._fields
NEEDED = TRIAL_COLUMNS[: -len(Trial._field_defaults)]
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", re.ASCII)
MAY_BE_EMPTY = {"position", "exposure_ms", "correct_side"}


def trials_csv(trials: Iterable[Trial]) -> str:
    """Return trials.csv: one row a trial; what is None is empty.

    >>> trial = Trial("b1", "b1-h01", 1, "b1-h01-t001", "crn:real", 125, False, None,
    ...               "crn", "01", "3fa2", "real", "02", "9c41")
    >>> print(trials_csv([trial]).splitlines()[1])
    b1,b1-h01,1,b1-h01-t001,crn:real,125,0,,crn,01,3fa2,real,02,9c41,0
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TRIAL_COLUMNS)
    for trial in trials:
        writer.writerow(
            ["" if cell is None else int(cell) if cell in {True, False} else cell for cell in trial]
        )
    return text.getvalue()


def iterate_trials(path: Path) -> Iterator[Trial]:
    """Read a trials.csv row by row; GlimpseError as of `read_trials`, or where there is no such file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from read_trials(lines, str(path))
    except FileNotFoundError:
        raise GlimpseError(
            f"{path} does not exist; answers cannot be joined to their trials. Copy it from the study folder."
        ) from None
    except UnicodeDecodeError as error:
        raise GlimpseError(f"{path}: not a readable CSV file ({error}).") from None


def read_trials(lines: Iterable[str], where: str = "trials.csv") -> Iterator[Trial]:
    """Read the lines that `trials_csv` wrote; `where` is the file's name in messages.

    GlimpseError names the file, the line, the column, what was found and what is allowed.
    """
    rows = csv.reader(lines)
    try:
        place = _places(next(rows, []), where)
        names: set[str] = set()
        for row in rows:
            if not row or (len(row) == 1 and not row[0].strip()):
                continue
            trial = _trial(row, place, f"{where}, line {rows.line_num}")
            if trial.trial in names:
                raise _refused(
                    f"{where}, line {rows.line_num}", "trial", trial.trial, "unique within the study"
                )
            names.add(trial.trial)
            yield trial
    except csv.Error as error:
        raise GlimpseError(f"{where}: not a readable CSV file ({error}).") from None
    if not names:
        raise GlimpseError(f"{where}: no trials. A study has at least one.")


def _places(head: list[str], where: str) -> list[int | None]:
    """Return in which column of the file each of TRIAL_COLUMNS stands; None where it may be missing."""
    if not head:
        raise GlimpseError(f"{where}: not a readable CSV file (it is empty).")
    missing = [name for name in NEEDED if name not in head]
    if missing:
        raise GlimpseError(f"{where}: column(s) {', '.join(missing)} are missing; found {head}.")
    return [head.index(name) if name in head else None for name in TRIAL_COLUMNS]


def _trial(row: list[str], place: list[int | None], where: str) -> Trial:
    try:
        cells = ["" if column is None else row[column] for column in place]
    except IndexError:
        cells = []
    if not cells or not all(cells[index] for index in _FILLED):
        named = place[TRIAL_COLUMNS.index("trial")] or 0
        shown = row[named] if named < len(row) else row[0]
        allowed = "followed by every column that may not be empty; the line is cut short"
        raise _refused(where, "trial", shown, allowed)
    batch, hit, position, name, contrast, exposure, sentinel, correct, *sides, practice = cells
    condition_left, item_left, stimulus_left, condition_right, item_right, stimulus_right = sides
    trial = Trial(
        batch, hit, _position(position, where), name, contrast, _exposure(exposure, where),
        _flag("sentinel", sentinel, where), correct or None, condition_left, item_left, stimulus_left,
        condition_right, item_right, stimulus_right, _flag("practice", practice or "0", where),
    )  # fmt: skip
    _check(trial, where)
    return trial


_FILLED = [index for index, name in enumerate(NEEDED) if name not in MAY_BE_EMPTY]


def _check(trial: Trial, where: str) -> None:
    """Refuse a trial whose parts do not fit one another."""
    correct = trial.correct_side
    if correct not in {*SIDES, None} or (trial.sentinel and correct is None):
        raise _refused(where, "correct_side", correct or "", "left or right (a sentinel needs one), or empty")
    a, _, b = trial.contrast.partition(":")
    if a == b or {a, b} != {trial.condition_left, trial.condition_right}:
        raise _refused(
            where, "contrast", trial.contrast, "'a:b' with the two conditions that the trial shows"
        )
    if trial.stimulus_left == trial.stimulus_right:
        raise _refused(
            where, "stimulus_left", trial.stimulus_left, "the id of a stimulus, not the right one's"
        )


def _position(text: str, where: str) -> int:
    number = _number("position", text, where)
    return 0 if number is None else int(number)


def _exposure(text: str, where: str) -> float | None:
    number = _number("exposure_ms", text, where)
    if number is not None and number <= 0:
        raise _refused(where, "exposure_ms", number, "a positive number of ms, or empty")
    return number


def _number(column: str, text: str, where: str) -> float | None:
    if not text:
        return None
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise _refused(where, column, text, "a number, or empty")
    return int(number) if number.is_integer() else number


def _flag(column: str, text: str, where: str) -> bool:
    if text not in {"0", "1"}:
        raise _refused(where, column, text, "0 or 1")
    return text == "1"


def _refused(where: str, column: str, found: Any, allowed: str) -> GlimpseError:
    shown = repr(found) if isinstance(found, str) else f"{found:g}"
    return GlimpseError(f"{where}: {column} is {shown}; it must be {allowed}.")
