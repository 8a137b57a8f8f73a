"""The answers that are analysed, in groups of those that differ in the answer alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .choices import CLUSTERS, STANDARD
from .clustering import Entries
from .covariance import Tally, worker_terms
from .gathering import Gathered, gather
from .sharing import Answers
from .terms import Groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from ..reading.judgments import Judgments
    from .choices import Cluster
    from .clustering import Codes, Floats


@dataclass(frozen=True)
class Analysed:
    """Judgments with those of them that are analysed, and what makes these alike.

    keep: which of the N answers are. What several statistics need of them is counted once, when first asked.
    """

    gathered: Gathered
    keep: NDArray[np.bool_]
    cluster: Cluster = STANDARD

    @cached_property
    def by_side(self) -> Tally:
        """By cell, the side of condition A (right, left), and the outcome: groups in this order."""
        groups, seen = self._sides, self.gathered.shown.seen()
        workers = worker_terms(groups, self.parts(), seen, self.cluster)
        return Tally(groups, seen, self._of_trials(), workers, self.cluster)

    def under(self, gathered: Gathered) -> Analysed:
        """The same answers under other rules, counted as far as these change something.

        A worker whose answers are all counted as before adds what was added before.
        """
        other = Analysed(gathered, gathered.analysed(), self.cluster)
        groups, seen = self._sides, gathered.shown.seen()
        moved = np.flatnonzero(self.keep != other.keep)
        changed = np.zeros(len(gathered.workers), dtype=bool)
        changed[gathered.worker[gathered.assignment[moved]]] = True
        gone = self.keep[moved]
        changes = self._by_outcome(moved[~gone]) - self._by_outcome(moved[gone])
        vars(other)["by_outcome"] = self.by_outcome + changes
        before, after = (
            worker_terms(groups, one.parts(changed), seen, self.cluster) for one in (self, other)
        )
        workers = self.by_side.workers - before + after
        vars(other)["by_side"] = Tally(groups, seen, other._of_trials(), workers, self.cluster)
        return other

    @property
    def outcomes(self) -> int:
        """How many answers there are to choose from."""
        return len(self.gathered.left_share)

    @property
    def _sides(self) -> Groups:
        cells = self.gathered.cells
        return Groups(cells, np.repeat(np.arange(len(cells)), 2 * self.outcomes))

    @cached_property
    def chooses_a(self) -> Floats:
        """What the answers of each group of `by_side` give to condition A: 1, 0, or of a tie 1/2."""
        left = self.gathered.left_share
        return np.tile(np.concatenate([1 - left, left]), len(self.gathered.cells))

    @cached_property
    def points(self) -> NDArray[np.int64]:
        """The answers of each group of `by_side` as points of their scale, positive towards condition A."""
        left = self.gathered.points
        return np.tile(np.concatenate([-left, left]), len(self.gathered.cells))

    @property
    def _first_group(self) -> Codes:
        """Of each trial, the group of `by_side` of its first outcome."""
        shown = self.gathered.shown
        return self.outcomes * (2 * shown.cell + shown.a_left)

    def _of_trials(self) -> Entries:
        """Answers of each trial in each group."""
        trial, outcome = np.nonzero(self.by_outcome)
        return Entries(trial, self._first_group[trial] + outcome, self.by_outcome[trial, outcome])

    def parts(self, workers: NDArray[np.bool_] | None = None) -> Iterator[Answers]:
        """The analysed answers, some workers at a time. workers: whether each takes part."""
        gathered = self.gathered
        of_trial = self._first_group
        some = None if workers is None else workers[gathered.worker]  # of the assignments
        for here in gathered.parts:
            keep = self.keep[here]
            at = here.start + np.flatnonzero(keep if some is None else keep & some[gathered.assignment[here]])
            if len(at):
                trial, worker = gathered.trial[at], gathered.worker[gathered.assignment[at]]
                group = of_trial[trial] + gathered.outcome[at]
                yield Answers(worker, trial, group, *gathered.met_again(at))

    @cached_property
    def by_outcome(self) -> NDArray[np.int64]:
        """Answers of each trial with each outcome: (T, outcomes)."""
        found = np.zeros((len(self.gathered.shown.cell), self.outcomes), dtype=np.int64)
        for here in self.gathered.parts:
            found += self._by_outcome(here.start + np.flatnonzero(self.keep[here]))
        return found

    def _by_outcome(self, at: Codes) -> NDArray[np.int64]:
        """The same of some answers."""
        T, S = len(self.gathered.shown.cell), self.outcomes
        code = S * self.gathered.trial[at].astype(np.int64) + self.gathered.outcome[at]
        return np.bincount(code, minlength=T * S).reshape(T, S)

    @cached_property
    def by_trial(self) -> tuple[NDArray[np.int64], Any]:
        """Answers of each trial (T,), and those of them that chose left: half of a tie's, then float."""
        return self.by_outcome.sum(axis=1), _whole(self.by_outcome @ self.gathered.left_share)

    def worker(self) -> Codes:
        """The worker of each analysed answer."""
        return self.gathered.worker[self.gathered.assignment[self.keep]]


def analysed(
    judgments: Judgments | pd.DataFrame | Gathered | Analysed,
    cells: pd.DataFrame | None = None,
    *,
    cluster: str = STANDARD.name,
    filtered: bool = True,
) -> Analysed:
    """Those of the judgments, as marked by `exclusion.exclude`, that are analysed.

    cells: as for `gather`. filtered: False puts back what the sentinel rule alone excludes. What is analysed
    already stays as it is. NothingLeftError where nothing is left.
    """
    if isinstance(judgments, Analysed):
        return judgments
    gathered = gather(judgments, cells)
    return Analysed(gathered, gathered.analysed(filtered=filtered), CLUSTERS[cluster])


def tally_of(
    gathered: Gathered, at: Codes, group: Codes, groups: Groups, cluster: Cluster = STANDARD
) -> Tally:
    """Count some answers. at: their numbers, ascending. group: of each."""
    worker = gathered.worker[gathered.assignment[at]]
    own = Answers(worker, gathered.trial[at], group, *gathered.met_again(at))
    return Tally.of(own, gathered.shown.seen(), groups, cluster)


class Points(NamedTuple):
    """The answers of limited time by exposure: the groups of `tally`, and what they are.

    point: (G,) the cell and exposure of each group; chose_a: (G,), how much of a choice it is. Of each of U
    points: cell, and exposure_ms.
    """

    tally: Tally
    point: Codes
    chose_a: Floats
    cell: Codes
    exposure_ms: Floats


def by_exposure(answers: Analysed, *, measured: bool) -> Points:
    """Answers by cell and exposure: as planned, or as measured where the page did, to three digits."""
    gathered, planned = answers.gathered, answers.gathered.cells["exposure_ms"].to_numpy(float)
    if not measured:
        tally = answers.by_side
        return Points(tally, tally.cell, answers.chooses_a, np.arange(len(planned)), planned)
    cell = gathered.shown.cell[gathered.trial]
    shown_ms = _three_digits(
        np.concatenate([gathered.times(here)[1] for here in gathered.parts]).astype(float)
    )
    ms = np.where(shown_ms > 0, shown_ms, np.append(planned, np.nan)[cell])
    at = np.flatnonzero(answers.keep & np.isfinite(ms))
    points, point = np.unique(np.stack([cell[at], ms[at]]), axis=1, return_inverse=True)
    shares = np.array([0.0, 0.5, 1.0] if gathered.kind.tie else [0.0, 1.0])
    chose_a = np.searchsorted(shares, gathered.chose_a()[at])
    of_point = points[0].astype(np.int64)
    number = np.arange(len(shares) * len(of_point))
    groups = Groups(gathered.cells, of_point[number // len(shares)])
    tally = tally_of(gathered, at, len(shares) * point + chose_a, groups, answers.cluster)
    return Points(tally, number // len(shares), shares[number % len(shares)], of_point, points[1])


def _whole(counts: Floats) -> Any:
    """Counts as whole numbers, where they are."""
    rounded = counts.astype(np.int64)
    return rounded if (rounded == counts).all() else counts


def _three_digits(values: Floats) -> Floats:
    """Positive numbers to three significant digits; NaN stays."""
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = 10.0 ** np.maximum(np.floor(np.log10(values)) - 2, 0)
    return np.asarray(np.round(values / unit) * unit)
