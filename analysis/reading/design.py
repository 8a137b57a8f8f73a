"""A study's design as `results/` carries it: study.json and trials.csv, as a table of trials."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from glimpse.questions import SIDES, questions_of
from glimpse.study import is_own_plan, read_document
from glimpse.trials import TRIAL_COLUMNS, iterate_trials

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from glimpse.questions import Question

ROWS = 10_000  # of trials.csv, looked at at a time
OF_SIDES = tuple(f"{what}_{side}" for what in ("condition", "item", "stimulus") for side in SIDES)
SHARED = (
    "batch", "hit", "contrast", "correct_side", "condition_a", "condition_b", "item_a", "item_b", "side_of_a",
    "context",
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
class Design:
    """A study and its trials: of TRIAL_COLUMNS those that say nothing of left and right, `practice`, and

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

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """What was asked of every trial."""
        return questions_of(self.study["experiment"])

    @property
    def moving(self) -> bool:
        """Whether the study has clips."""
        stimuli = self.study.get("stimuli") or {}
        return any(isinstance(one, dict) and one.get("frames") for one in stimuli.values())

    @property
    def judged_by(self) -> Question:
        """The question to which the answers of sentinels are known."""
        named = self.study["experiment"].get("sentinel_question")
        return next((one for one in self.questions if one.name == named), self.questions[0])


def read_design(folder: Path) -> Design:
    """Read study.json and trials.csv of a results folder; GlimpseError names what is missing or damaged."""
    study = read_document(folder / "study.json")
    path = folder / "trials.csv"
    problems = []
    trials = _table(path)
    if not is_own_plan(study, path):
        text = "its SHA-256 is not the plan_sha256 of study.json: the design was edited after it was frozen"
        problems.append(Problem(str(path), None, text))
    return Design(study, trials, tuple(problems))


def _table(path: Path) -> pd.DataFrame:
    """Read trials.csv, ROWS at a time, and add the columns that follow from it."""
    trials = iterate_trials(path)
    parts = []
    while part := list(islice(trials, ROWS)):
        columns = dict(zip(TRIAL_COLUMNS, zip(*part, strict=True), strict=True))
        parts.append(_with_sides(pd.DataFrame(columns, copy=False)))
    shared = {
        name: union_categoricals([part[name] for part in parts], sort_categories=True) for name in SHARED
    }
    table = pd.concat([part.drop(columns=list(SHARED)) for part in parts], ignore_index=True)
    return table.assign(**shared)[list(parts[0].columns)]


def stimuli_of(folder: Path, wanted: set[tuple[str, str]]) -> set[tuple[tuple[str, str], str]]:
    """The stimuli of a results folder that show some (condition, item): {((condition, item), stimulus)}."""
    shown = (
        side
        for trial in iterate_trials(folder / "trials.csv")
        for side in (
            ((trial.condition_left, trial.item_left), trial.stimulus_left),
            ((trial.condition_right, trial.item_right), trial.stimulus_right),
        )
    )
    return {side for side in shown if side[0] in wanted}


def correct_left(trials: pd.DataFrame) -> NDArray[np.int8]:
    """Whether the left side is the correct one: 1, or 0 where the right one is, or -1 where none is.

    Of one image at a time real is on the left, as the answers have it.
    """
    codes = {"left": 1, "right": 0, "real": 1, "generated": 0, "": -1}
    return np.asarray(trials["correct_side"].astype(str).map(codes), dtype=np.int8)


def _with_sides(trials: pd.DataFrame) -> pd.DataFrame:
    """Add condition_a/b, item_a/b, side_of_a and pair, in place of what is said of left and right."""
    names = trials["contrast"].str.partition(":")
    a_left = trials["condition_left"] == names[0]
    left, right = trials["stimulus_left"], trials["stimulus_right"]
    numbers = trials[["position", "exposure_ms"]].astype(float)
    table = trials.drop(columns=list(OF_SIDES)).assign(
        position=numbers["position"],
        exposure_ms=numbers["exposure_ms"],
        correct_side=trials["correct_side"].fillna(""),
        condition_a=names[0],
        condition_b=names[2],
        item_a=trials["item_left"].where(a_left, trials["item_right"]),
        item_b=trials["item_right"].where(a_left, trials["item_left"]),
        side_of_a=np.where(a_left, "left", "right"),
        pair=left.where(left < right, right) + "+" + right.where(left < right, left),
    )
    return table.astype(dict.fromkeys(SHARED, "category"))
