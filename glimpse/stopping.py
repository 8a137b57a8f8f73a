"""How a rule for stopping stands: workers' means of a cell in, in rounds, and the rule's verdict out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpse.betting import interval
from glimpse.counting import final_answers
from glimpse.questions import DEFAULT_QUESTION, share_right

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from glimpse.betting import Floats
    from glimpse.questions import Question
    from glimpse.stop_rule import StopRule
    from glimpse.submission import Submission
    from glimpse.trials import Trial

Cell = tuple[str, float | None]  # contrast "a:b", exposure in ms (None: unlimited)


class Observed(NamedTuple):
    """What N workers chose in one cell, each (N,): the HIT, by its place among those that show the cell; the
    worker, as a whole number; the assignment's place in the order of submission; the mean choice of condition
    A, in [0, 1]."""

    hit: NDArray[np.integer]
    worker: NDArray[np.integer]
    place: NDArray[np.integer]
    mean: Floats


@dataclass(frozen=True)
class Rounds:
    """What a cell's workers have shown so far, in whole rounds (see `betting`).

    means: (R, H), the r-th worker of each HIT. weights: (H,) trials of the cell in each HIT. ends: (R,) when
    each round was whole; empty where a time is not known. short: the HITs without a worker for the next
    round. observed: the workers in all.
    """

    means: Floats
    weights: Floats
    ends: tuple[str, ...]
    short: tuple[str, ...]
    observed: int

    def interval(self, level: float, rounds: int | None = None) -> tuple[float, float]:
        """Return the interval that holds at every look, after all rounds or the first few."""
        return interval(self.means[:rounds], self.weights, level)

    def first(self, rule: StopRule) -> int | None:
        """Return after how many rounds the rule held at first; None where it does not.

        Intervals only ever narrow, so that a rule that has held holds.
        """
        low, high = 0, len(self.means)
        if not rule.holds(*self.interval(rule.level)):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if rule.holds(*self.interval(rule.level, middle)) else (middle, high)
        return high


@dataclass(frozen=True)
class CellState:
    """How a rule stands in one cell.

    low, high: the interval at the rule's level, of the rate at which condition A is chosen. rounds: whole
    ones; hits, workers: that they have, and all workers who count so far. met_after: the rounds after which
    the rule held at first, None where it does not hold; met_at: when that was, empty where it is not known.
    short: as of `Rounds`.
    """

    contrast: str
    exposure_ms: float | None
    low: float
    high: float
    rounds: int
    hits: int
    workers: int
    met_after: int | None
    met_at: str
    short: tuple[str, ...]


def submission_order(assignments: Sequence[tuple[str, str]]) -> NDArray[np.int64]:
    """Return each assignment's place in the order of submission.

    Args:
        assignments: (when it was submitted, its id); times in UTC and ISO 8601 to the second. Equal times are
            put in order by the ids; unknown ones, empty texts, come first in the order given.
    """
    order = sorted(
        range(len(assignments)), key=lambda row: assignments[row] if assignments[row][0] else ("", "")
    )
    place = np.empty(len(assignments), dtype=np.int64)
    place[order] = np.arange(len(assignments))
    return place


def in_rounds(observed: Observed, trials: Mapping[str, int], times: Sequence[str] = ()) -> Rounds:
    """Put a cell's workers in rounds; a worker counts once, with the first assignment.

    Args:
        observed: Those that count, in any order.
        trials: HIT -> how many trials of the cell it has; every HIT that shows the cell.
        times: When the assignments were submitted, in the order of submission; empty: not known.
    """
    order = np.argsort(observed.place, kind="stable")
    _, first = np.unique(observed.worker[order], return_index=True)
    order = order[np.sort(first)]
    hit = observed.hit[order]
    filled = np.bincount(hit, minlength=len(trials))
    fewest = int(filled.min(initial=len(order)))
    by_hit = np.argsort(hit, kind="stable")
    number = np.arange(len(order)) - np.repeat(np.cumsum(filled) - filled, filled)  # in the HIT's own queue
    taken = by_hit[number < fewest]
    rows = order[taken].reshape(len(trials), fewest).T
    last = np.maximum.accumulate(observed.place[rows].max(axis=1, initial=0))
    return Rounds(
        means=observed.mean[rows],
        weights=np.array(list(trials.values()), dtype=float),
        ends=tuple(times[place] if times else "" for place in last),
        short=tuple(name for name, workers in zip(trials, filled, strict=True) if workers == fewest),
        observed=len(order),
    )


def cell_state(cell: Cell, rounds: Rounds, rule: StopRule) -> CellState:
    """Return how the rule stands in a cell."""
    a, _, b = cell[0].partition(":")
    rule = rule.seen_from((a, b))
    low, high = rounds.interval(rule.level)
    met_after = rounds.first(rule)
    return CellState(
        contrast=cell[0],
        exposure_ms=cell[1],
        low=low,
        high=high,
        rounds=len(rounds.means),
        hits=len(rounds.weights),
        workers=rounds.observed,
        met_after=met_after,
        met_at=rounds.ends[met_after - 1] if met_after else "",
        short=rounds.short,
    )


def cell_trials(trials: Iterable[Trial]) -> dict[Cell, dict[str, int]]:
    """Return cell -> HIT -> how many trials of the cell it has; sentinels and practice are none."""
    found: dict[Cell, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for trial in trials:
        if not trial.sentinel and not trial.practice:
            found[trial.contrast, trial.exposure_ms][trial.hit] += 1
    return found


def cell_means(
    submission: Submission, trials: Sequence[Trial], question: Question = DEFAULT_QUESTION
) -> dict[Cell, float]:
    """Return cell -> the share of its trials in which a submission chose condition A, of those answered.

    A tie is half a choice of either; on a scale, any number on a condition's side chooses it.
    """
    answers = final_answers(submission, trials)
    chosen: dict[Cell, list[float]] = defaultdict(list)
    for trial in trials:
        if trial.trial in answers and not trial.sentinel and not trial.practice:
            first = trial.contrast.partition(":")[0]
            choice = answers[trial.trial].choice(question)
            if choice is not None:
                right = share_right(choice)
                share = 1 - right if trial.condition_left == first else right
                chosen[trial.contrast, trial.exposure_ms].append(share)
    return {cell: sum(chose) / len(chose) for cell, chose in chosen.items()}
