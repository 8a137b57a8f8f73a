"""Trials, and trials.csv, the private table that says what each of them shows: one writer and one reader."""

from __future__ import annotations

import csv
import io
import math
import re
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpse.errors import GlimpseError
from glimpse.questions import SIDES, TRUTHS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

OTHER_SIDE = {"left": "right", "right": "left"}


class Trial(NamedTuple):
    """One pair in one HIT: a row of trials.csv, whose columns are these fields in this order.

    `position` counts from 1 in the order shown, 0 where it is not known; `contrast` is "a:b";
    `exposure_ms` is None in unlimited time; `correct_side` is "left" or "right" for sentinels and practice
    trials, else None. `condition`, `item` and `stimulus` of a side: where its image comes from, the scene,
    and the opaque name under which workers see it. `context` is the item whose prompt or reference stands
    with the pair, empty for none. Files of earlier versions may lack `practice` and `context`.

    A trial of one image (task single) shows it on the left: what is said of the right side is empty,
    `contrast` is the image's condition, and `correct_side` is "real" or "generated".
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
    context: str = ""

    @property
    def single(self) -> bool:
        """Whether it shows one image."""
        return not self.condition_right

    @property
    def stimuli(self) -> tuple[str, ...]:
        """The opaque names of what it shows: left and right, or the only one."""
        return (self.stimulus_left,) if self.single else (self.stimulus_left, self.stimulus_right)


TRIAL_COLUMNS = Trial._fields
NEEDED = TRIAL_COLUMNS[: -len(Trial._field_defaults)]
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", re.ASCII)
MAY_BE_EMPTY = {"position", "exposure_ms", "correct_side"}


def trials_csv(trials: Iterable[Trial]) -> str:
    """Return trials.csv: one row a trial; what is None is empty.

    >>> trial = Trial("b1", "b1-h01", 1, "b1-h01-t001", "crn:real", 125, False, None,
    ...               "crn", "01", "3fa2", "real", "02", "9c41")
    >>> print(trials_csv([trial]).splitlines()[1])
    b1,b1-h01,1,b1-h01-t001,crn:real,125,0,,crn,01,3fa2,real,02,9c41,0,
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
    names: set[str] = set()
    try:
        cells_of = _cells_of(next(rows, []), where)
        for row in rows:
            if not row or (len(row) == 1 and not row[0].strip()):
                continue
            trial = _trial(cells_of(row))
            if trial.trial in names:
                raise _WrongCellError("trial", trial.trial, "unique within the study")
            names.add(trial.trial)
            yield trial
    except csv.Error as error:
        raise GlimpseError(f"{where}: not a readable CSV file ({error}).") from None
    except _WrongCellError as error:
        raise GlimpseError(f"{where}, line {rows.line_num}: {error}") from None
    if not names:
        raise GlimpseError(f"{where}: no trials. A study has at least one.")


class _WrongCellError(Exception):
    """A cell is not what it must be."""

    def __init__(self, column: str, found: Any, allowed: str) -> None:
        shown = repr(found) if isinstance(found, str) else f"{found:g}"
        super().__init__(f"{column} is {shown}; it must be {allowed}.")


def _cells_of(head: list[str], where: str) -> Callable[[list[str]], Sequence[str]]:
    """Return what takes the cells of TRIAL_COLUMNS from a row, in their order."""
    if not head:
        raise GlimpseError(f"{where}: not a readable CSV file (it is empty).")
    missing = [name for name in NEEDED if name not in head]
    if missing:
        raise GlimpseError(f"{where}: column(s) {', '.join(missing)} are missing; found {head}.")
    known = [name for name in TRIAL_COLUMNS if name in head]
    take = itemgetter(*map(head.index, known))
    absent = ("",) * (len(TRIAL_COLUMNS) - len(known))  # `practice` and `context`, the last ones
    named = head.index("trial")

    def cells_of(row: list[str]) -> Sequence[str]:
        try:
            cells: Sequence[str] = take(row) + absent
        except IndexError:
            cells = ()
        if not cells or ("" in _FILLED(cells) and not _is_single(cells)):
            allowed = "followed by every column that may not be empty; the line is cut short"
            raise _WrongCellError("trial", row[named] if named < len(row) else row[0], allowed)
        return cells

    return cells_of


_FILLED = itemgetter(*(index for index, name in enumerate(NEEDED) if name not in MAY_BE_EMPTY))
_OF_RIGHT = itemgetter(*(index for index, name in enumerate(NEEDED) if name.endswith("_right")))
_OF_ONE = itemgetter(
    *(index for index, name in enumerate(NEEDED) if name not in MAY_BE_EMPTY and not name.endswith("_right"))
)


def _is_single(cells: Sequence[str]) -> bool:
    """Tell whether a row says nothing of a right side, and all else that it must."""
    return not any(_OF_RIGHT(cells)) and "" not in _OF_ONE(cells)


def _trial(cells: Sequence[str]) -> Trial:
    batch, hit, position, name, contrast, exposure, sentinel, correct, *sides, practice, context = cells
    condition_left, item_left, stimulus_left, condition_right, item_right, stimulus_right = sides
    trial = Trial(
        batch, hit, _position(position), name, contrast, _exposure(exposure),
        _flag("sentinel", sentinel), correct or None, condition_left, item_left, stimulus_left,
        condition_right, item_right, stimulus_right, _flag("practice", practice or "0"), context,
    )  # fmt: skip
    known, words = (_TRUE, "real or generated") if not condition_right else (_CORRECT, "left or right")
    if correct not in known or (trial.sentinel and not correct):
        raise _WrongCellError("correct_side", correct, f"{words} (a sentinel needs one), or empty")
    if not condition_right:
        if contrast != condition_left:
            raise _WrongCellError("contrast", contrast, "the condition of the only image of the trial")
        return trial
    if not _shows(contrast, condition_left, condition_right):
        raise _WrongCellError("contrast", contrast, "'a:b' with the two conditions that the trial shows")
    if stimulus_left == stimulus_right:
        raise _WrongCellError("stimulus_left", stimulus_left, "the id of a stimulus, not the right one's")
    return trial


_CORRECT, _TRUE = {*SIDES, ""}, {*TRUTHS, ""}
# What many trials share is looked at once: their positions, exposures and contrasts.
_once = lru_cache(maxsize=4096)


@_once
def _shows(contrast: str, left: str, right: str) -> bool:
    a, _, b = contrast.partition(":")
    return a != b and {a, b} == {left, right}


@_once
def _position(text: str) -> int:
    number = _number("position", text)
    return 0 if number is None else int(number)


@_once
def _exposure(text: str) -> float | None:
    number = _number("exposure_ms", text)
    if number is not None and number <= 0:
        raise _WrongCellError("exposure_ms", number, "a positive number of ms, or empty")
    return number


def _number(column: str, text: str) -> float | None:
    if not text:
        return None
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise _WrongCellError(column, text, "a number, or empty")
    return int(number) if number.is_integer() else number


def _flag(column: str, text: str) -> bool:
    if text in {"0", "1"}:
        return text == "1"
    raise _WrongCellError(column, text, "0 or 1")
