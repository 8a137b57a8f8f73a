"""Judgments in groups that differ in the answer alone: counted in one reading, scored in another.

What a likelihood makes of a judgment depends on its cell, on one more thing (the exposure shown, or the side
of condition A) and on the answer. So it is fitted to counts, and the clustered covariance of its scores needs
one score for each group and answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ..reading.exclusion import included
from .clustering import TWO_WAY, CellSums, KeyedSums, Occurring, ScoreSums, Way, ways_of
from .preference import occurring_cells, place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ..reading.judgments import Judgments
    from .clustering import Cells, Covariances, Floats

    Split = Callable[[pd.DataFrame], NDArray[Any]]

SPAN = 2**40  # values of a split are below it


class Groups(NamedTuple):
    """One set's groups, (U,): the row of `cells`, the value of the split, answers, and those that are 1.

    n_workers, n_pairs: of the set.
    """

    cell: NDArray[np.int64]
    value: NDArray[np.int64]
    n: Floats
    k: Floats
    n_workers: int
    n_pairs: int


class Grouping:
    """Judgments to be analysed, as groups of a cell and a value, in sets of cells.

    cells: those that occur (`preference.occurring_cells`). sets: values of `by` in `cells`. rates: of the
    cells, with two-way variances, where they were asked for.
    """

    rates: Cells

    def __init__(
        self,
        judgments: Judgments | pd.DataFrame,
        split: Split,
        columns: Sequence[str],
        outcome: Callable[[pd.DataFrame], NDArray[np.bool_]],
        by: str | None,
        *,
        timed: bool = False,
        rates: bool = False,
        filtered: bool = True,
    ) -> None:
        """split: a whole number from 0 for each judgment of a part, of `columns`. outcome: whether its answer
        is 1. by: the column of `cells` whose values make the sets; None: one set. timed: leave unlimited time
        out.
        """
        self._judgments, self._split, self._outcome = judgments, split, outcome
        self._columns = ("contrast", "exposure_ms", *TWO_WAY, *columns)
        self._timed, self._filtered = timed, filtered
        cells = occurring_cells(judgments, filtered=filtered)
        self.cells = cells[cells["exposure_ms"].notna()].reset_index(drop=True) if timed else cells
        of_cell = np.zeros(len(self.cells)) if by is None else self.cells[by]
        self.sets: Any
        self._set_of_cell, self.sets = pd.factorize(of_cell, use_na_sentinel=False)
        if len(self.cells):
            self._count(rates=rates)

    def _count(self, *, rates: bool) -> None:
        """The first reading."""
        sums, groups = CellSums(len(self.cells)), KeyedSums()
        clusters = {name: Occurring() for name in TWO_WAY}
        for part, cell, key in self._parts():
            one, ways = self._outcome(part), ways_of(part)
            if rates:
                sums.add(one, cell, ways)
            groups.add(key, (np.ones(len(key)), one))
            for name, occurring in clusters.items():
                occurring.add(self._set_of_cell[cell], ways[name])
        if rates:
            self.rates = sums.cells()
        self._clusters = [occurring.counts() for occurring in clusters.values()]
        self._keys, self._counts = groups.result()
        self._set = self._set_of_cell[self._keys // SPAN]

    def _parts(self) -> Iterator[tuple[pd.DataFrame, NDArray[np.int64], NDArray[np.int64]]]:
        """Parts with each judgment's cell, and the key of its group."""
        for everything in included(self._judgments, self._columns, filtered=self._filtered):
            part = everything[everything["exposure_ms"].notna()] if self._timed else everything
            if len(part):
                cell = place(part, self.cells)
                yield part, cell, cell * SPAN + self._split(part)

    def groups(self, number: int) -> Groups:
        """Those of a set, by its place in `sets`."""
        here = self._set == number
        keys, (n, k) = self._keys[here], self._counts[here].T
        return Groups(keys // SPAN, keys % SPAN, n, k, *(counts[number] for counts in self._clusters))

    def covariances(self, scores: Mapping[int, Floats]) -> dict[int, Covariances]:
        """Clustered covariances of sums of scores, by set.

        scores: (U, 2, d) of a set's groups, for answers that are 0, and for those that are 1.
        """
        if not scores:
            return {}
        sums = {number: ScoreSums() for number in scores}
        place_in_set = np.zeros(len(self._keys), dtype=np.int64)
        for number in scores:
            here = self._set == number
            place_in_set[here] = np.arange(here.sum())
        for part, _, key in self._parts():
            group, one, ways = np.searchsorted(self._keys, key), self._outcome(part), ways_of(part)
            for number, own in scores.items():
                here = self._set[group] == number
                if here.any():
                    mine = {name: Way(way.code[here], way.size) for name, way in ways.items()}
                    sums[number].add(own[place_in_set[group[here]], one[here].astype(np.int8)], mine)
        return {number: own.covariances() for number, own in sums.items()}


def by_side(judgments: Judgments | pd.DataFrame, by: str | None, *, filtered: bool = True) -> Grouping:
    """Groups of a cell and whether condition A stood left (1) or not (0); an answer is 1 where it is left."""
    return Grouping(
        judgments,
        lambda part: (part["side_of_a"] == "left").to_numpy(np.int64),
        ("side_of_a", "chosen_side"),
        lambda part: (part["chosen_side"] == "left").to_numpy(),
        by,
        filtered=filtered,
    )


def by_exposure(judgments: Judgments | pd.DataFrame, *, measured: bool, filtered: bool = True) -> Grouping:
    """Groups of a cell of limited time and the exposure shown in ms, 0 where it is the planned one; an answer
    is 1 where it is condition A. A set is a contrast."""

    def shown(part: pd.DataFrame) -> NDArray[np.int64]:
        if not measured:
            return np.zeros(len(part), dtype=np.int64)
        shown_ms = np.round(part["shown_ms"].to_numpy(float))
        return np.where(shown_ms > 0, np.minimum(shown_ms, SPAN - 1), 0).astype(np.int64)

    return Grouping(
        judgments,
        shown,
        ("shown_ms", "chose_a"),
        lambda part: part["chose_a"].to_numpy(bool),
        "contrast",
        timed=True,
        rates=True,
        filtered=filtered,
    )
