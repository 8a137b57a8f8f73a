"""A study's design as `results/` carries it: study.json and trials.csv, read and checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from glimpse.errors import GlimpseError

from .study_file import read_study

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIDES = ("left", "right")
ROWS = 50_000  # of trials.csv, looked at at a time
COLUMNS = (
    "batch", "hit", "position", "trial", "contrast", "exposure_ms", "sentinel", "correct_side",
    "condition_left", "item_left", "stimulus_left", "condition_right", "item_right", "stimulus_right",
)  # fmt: skip

OF_SIDES = tuple(f"{what}_{side}" for what in ("condition", "item", "stimulus") for side in SIDES)
SHARED = (
    "batch", "hit", "contrast", "correct_side", "condition_a", "condition_b", "item_a", "item_b", "side_of_a",
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """Something in the input that was left out or repaired, and where; nothing is dropped without one."""

    file: str
    line: int | None
    text: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{where}: {self.text}"


@dataclass(frozen=True)
class Plan:
    """A study and its trials: of COLUMNS those that say nothing of left and right, `practice`, and

    condition_a, condition_b (in the order of `contrast`), item_a, item_b, side_of_a, and `pair`, the
    unordered pair of stimuli. `exposure_ms` is float, NaN where the trial lasts until the answer. Texts that
    many trials share (SHARED) are categorical.
    """

    study: dict[str, Any]
    trials: pd.DataFrame
    problems: tuple[Problem, ...]

    @property
    def study_id(self) -> str:
        """The study's identifier."""
        return str(self.study["study"])


def read_plan(folder: Path) -> Plan:
    """Read study.json and trials.csv of a results folder; GlimpseError names what is missing or damaged."""
    study = read_study(folder / "study.json")
    path = folder / "trials.csv"
    problems = []
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise GlimpseError(
            f"{path} does not exist; answers cannot be joined to their trials. Copy it from the study folder."
        ) from None
    if (study.get("plan_sha256") or found) != found:
        text = "its SHA-256 is not the plan_sha256 of study.json: the design was edited after it was frozen"
        problems.append(Problem(str(path), None, text))
    return Plan(study, _read_trials(path), tuple(problems))


def _read_trials(path: Path) -> pd.DataFrame:
    """Parse trials.csv, check every field, and add the columns that follow from them."""
    try:
        with pd.read_csv(path, dtype=str, keep_default_na=False, chunksize=ROWS) as chunks:
            parts = [_checked(chunk, path) for chunk in chunks]
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise GlimpseError(f"{path}: not a readable CSV file ({str(error).strip()}).") from None
    shared = {
        name: union_categoricals([part[name] for part in parts], sort_categories=True) for name in SHARED
    }
    trials = pd.concat([part.drop(columns=list(SHARED)) for part in parts])
    _refuse(trials["trial"].duplicated(), trials["trial"], path, "unique within the study")
    return trials.assign(**shared)[list(parts[0].columns)]


def _checked(trials: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Some lines of trials.csv, as `Plan` has them."""
    missing = [name for name in COLUMNS if name not in trials.columns]
    if missing:
        raise GlimpseError(
            f"{path}: column(s) {', '.join(missing)} are missing; found {list(trials.columns)}."
        )
    if trials.empty:
        raise GlimpseError(f"{path}: no trials. A study has at least one.")
    filled = [name for name in COLUMNS if name not in {"position", "exposure_ms", "correct_side"}]
    short = (trials[filled].isna() | (trials[filled] == "")).any(axis=1)
    _refuse(
        short, trials["trial"], path, "followed by every column that may not be empty; the line is cut short"
    )
    for name in ("position", "exposure_ms"):
        trials[name] = _numbers(trials[name], path)
    _refuse(trials["exposure_ms"] <= 0, trials["exposure_ms"], path, "a positive number of ms, or empty")
    for name in ("sentinel", "practice"):
        if name not in trials:
            trials[name] = "0"
        _refuse(~trials[name].isin(["0", "1"]), trials[name], path, "0 or 1")
        trials[name] = trials[name] == "1"
    wrong = ~trials["correct_side"].isin([*SIDES, ""]) | (trials["sentinel"] & (trials["correct_side"] == ""))
    _refuse(wrong, trials["correct_side"], path, "left or right (a sentinel needs one), or empty")
    return _with_sides(trials, path)


def stimuli_of(folder: Path, wanted: set[tuple[str, str]]) -> set[tuple[tuple[str, str], str]]:
    """The stimuli of a results folder that show some (condition, item): {((condition, item), stimulus)}."""
    found = set()
    names = [[f"{what}_{side}" for what in ("condition", "item", "stimulus")] for side in SIDES]
    columns = [name for side in names for name in side]
    with pd.read_csv(
        folder / "trials.csv", dtype=str, keep_default_na=False, usecols=columns, chunksize=ROWS
    ) as chunks:
        for chunk in chunks:
            for side in names:
                rows = chunk[side].drop_duplicates().itertuples(index=False)
                found |= {((a, item), stimulus) for a, item, stimulus in rows if (a, item) in wanted}
    return found


def correct_left(trials: pd.DataFrame) -> NDArray[np.int8]:
    """Whether the left side is the correct one: 1, or 0 where the right one is, or -1 where none is."""
    codes = {"left": 1, "right": 0, "": -1}
    return np.asarray(trials["correct_side"].astype(str).map(codes), dtype=np.int8)


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    """Text -> float, empty -> NaN; anything else is refused by line."""
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    _refuse((numbers.isna() & (column != "")) | np.isinf(numbers), column, path, "a number")
    return numbers


def _refuse(bad: pd.Series, column: pd.Series, path: Path, allowed: str) -> None:
    """Raise GlimpseError for the first bad value, by line (the header is line 1)."""
    if bad.any():
        row = int(np.flatnonzero(bad.to_numpy())[0])
        found, line = column.iloc[row], int(column.index[row]) + 2
        shown = f"{found:g}" if isinstance(found, float) else repr(found)
        raise GlimpseError(f"{path}, line {line}: {column.name} is {shown}; it must be {allowed}.")


def _with_sides(trials: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Add condition_a/b, item_a/b, side_of_a and pair; check that the contrast names what is shown."""
    names = trials["contrast"].str.partition(":")
    a, b = names[0], names[2]
    a_left = (trials["condition_left"] == a) & (trials["condition_right"] == b)
    a_right = (trials["condition_right"] == a) & (trials["condition_left"] == b)
    fits = (a_left ^ a_right) & (a != b)
    _refuse(~fits, trials["contrast"], path, "'a:b' with the two conditions that the trial shows")
    left, right = trials["stimulus_left"], trials["stimulus_right"]
    _refuse(
        (left == "") | (right == "") | (left == right),
        left,
        path,
        "the id of a stimulus, not the right one's",
    )
    table = trials.drop(columns=list(OF_SIDES)).assign(
        condition_a=a,
        condition_b=b,
        item_a=trials["item_left"].where(a_left, trials["item_right"]),
        item_b=trials["item_right"].where(a_left, trials["item_left"]),
        side_of_a=np.where(a_left, "left", "right"),
        pair=left.where(left < right, right) + "+" + right.where(left < right, left),
    )
    return table.astype(dict.fromkeys(SHARED, "category"))
