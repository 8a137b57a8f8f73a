"""The answers that are analysed, in groups of those that differ in the answer alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

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

SIDES = 4  # groups of a cell: A left or right, and the left or the right image chosen


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
        """By cell, the side of condition A, and the side chosen (SIDES groups a cell)."""
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
        vars(other)["by_trial"] = tuple(
            all_of - out + back
            for all_of, out, back in zip(
                self.by_trial, self._by_trial(moved[gone]), self._by_trial(moved[~gone]), strict=True
            )
        )
        before, after = (
            worker_terms(groups, one.parts(changed), seen, self.cluster) for one in (self, other)
        )
        workers = self.by_side.workers - before + after
        vars(other)["by_side"] = Tally(groups, seen, other._of_trials(), workers, self.cluster)
        return other

    @property
    def _sides(self) -> Groups:
        cells = self.gathered.cells
        return Groups(cells, np.repeat(np.arange(len(cells)), SIDES))

    def _of_trials(self) -> Entries:
        """Answers of each trial in each group."""
        n, left = self.by_trial
        trial = np.flatnonzero(n)
        first = (SIDES * self.gathered.shown.cell + 2 * self.gathered.shown.a_left)[trial]
        both = np.stack([n[trial] - left[trial], left[trial]], axis=1).ravel()
        some = both > 0
        group = (first[:, None] + np.arange(2)).ravel()
        return Entries(np.repeat(trial, 2)[some], group[some], both[some])

    def parts(self, workers: NDArray[np.bool_] | None = None) -> Iterator[Answers]:
        """The analysed answers, some workers at a time. workers: whether each takes part."""
        gathered = self.gathered
        of_trial = SIDES * gathered.shown.cell + 2 * gathered.shown.a_left
        some = None if workers is None else workers[gathered.worker]  # of the assignments
        for here in gathered.parts:
            keep = self.keep[here]
            at = here.start + np.flatnonzero(keep if some is None else keep & some[gathered.assignment[here]])
            if len(at):
                trial, worker = gathered.trial[at], gathered.worker[gathered.assignment[at]]
                group = of_trial[trial] + gathered.left[at]
                yield Answers(worker, trial, group, *gathered.met_again(at))

    @cached_property
    def by_trial(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Answers of each trial (T,), and those of them that chose left."""
        n, left = np.zeros((2, len(self.gathered.shown.cell)), dtype=np.int64)
        for here in self.gathered.parts:
            own, own_left = self._by_trial(here.start + np.flatnonzero(self.keep[here]))
            n += own
            left += own_left
        return n, left

    def _by_trial(self, at: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of some answers, how many each trial has, and how many of these are left."""
        T = len(self.gathered.shown.cell)
        both = np.bincount(2 * self.gathered.trial[at] + self.gathered.left[at], minlength=2 * T)
        return both[::2] + both[1::2], both[1::2]

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

    point: (G,) the cell and exposure of each group; chose_a: (G,). Of each of U points: cell, and
    exposure_ms.
    """

    tally: Tally
    point: Codes
    chose_a: NDArray[np.bool_]
    cell: Codes
    exposure_ms: Floats


def by_exposure(answers: Analysed, *, measured: bool) -> Points:
    """Answers by cell and exposure: as planned, or as measured where the page did, to three digits."""
    gathered, planned = answers.gathered, answers.gathered.cells["exposure_ms"].to_numpy(float)
    if not measured:
        tally = answers.by_side
        number = np.arange(len(tally.cell))
        chose_a = (number // 2 % 2 == 1) == (number % 2 == 1)
        return Points(tally, tally.cell, chose_a, np.arange(len(planned)), planned)
    cell = gathered.shown.cell[gathered.trial]
    shown_ms = _three_digits(
        np.concatenate([gathered.times(here)[1] for here in gathered.parts]).astype(float)
    )
    ms = np.where(shown_ms > 0, shown_ms, np.append(planned, np.nan)[cell])
    at = np.flatnonzero(answers.keep & np.isfinite(ms))
    points, point = np.unique(np.stack([cell[at], ms[at]]), axis=1, return_inverse=True)
    chose_a = (gathered.left[at] == gathered.shown.a_left[gathered.trial[at]]).astype(np.int64)
    of_point = points[0].astype(np.int64)
    number = np.arange(2 * len(of_point))
    groups = Groups(gathered.cells, of_point[number // 2])
    tally = tally_of(gathered, at, 2 * point + chose_a, groups, answers.cluster)
    return Points(tally, number // 2, number % 2 == 1, of_point, points[1])


def _three_digits(values: Floats) -> Floats:
    """Positive numbers to three significant digits; NaN stays."""
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = 10.0 ** np.maximum(np.floor(np.log10(values)) - 2, 0)
    return np.asarray(np.round(values / unit) * unit)
