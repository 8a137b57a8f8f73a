"""An array in which equal values follow one another, kept as runs: what answers say of their assignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 262_144  # values that are looked up at a time


@dataclass(frozen=True)
class Runs:
    """N values as R runs: the value of each, and where it ends, both (R,). Ten million answers of a hundred
    each need a megabyte, and not forty.

    >>> runs = Runs.of(np.array([7, 7, 7, 2, 2]))
    >>> len(runs), runs[1:4].tolist(), runs[np.array([4, 0])].tolist()
    (5, [7, 7, 2], [2, 7])
    """

    value: NDArray[np.int32]
    end: NDArray[np.int64]

    @classmethod
    def of(cls, values: NDArray[np.integer]) -> Runs:
        """Of an array that is there already."""
        last = np.flatnonzero(np.append(np.diff(values) != 0, True)) if len(values) else np.zeros(0, np.int64)
        return cls(values[last].astype(np.int32), last.astype(np.int64) + 1)

    @classmethod
    def counted(cls, value: NDArray[np.integer], count: NDArray[np.integer]) -> Runs:
        """Of how often each value stands there."""
        some = count > 0
        return cls(value[some].astype(np.int32), np.cumsum(count[some], dtype=np.int64))

    def __len__(self) -> int:
        """How many values there are."""
        return int(self.end[-1]) if len(self.end) else 0

    def __getitem__(self, at: slice | NDArray[Any]) -> NDArray[np.int32]:
        """Values by a slice without a step, by places, or by whether each is wanted."""
        if isinstance(at, slice):
            start, stop, _ = at.indices(len(self))
            return self._between(start, max(start, stop))
        places = np.flatnonzero(at) if at.dtype == bool else at
        found = np.empty(len(places), dtype=np.int32)
        for first in range(0, len(places), BLOCK):
            here = places[first : first + BLOCK]
            low = int(here.min())
            found[first : first + BLOCK] = self._between(low, int(here.max()) + 1)[here - low]
        return found

    def _between(self, start: int, stop: int) -> NDArray[np.int32]:
        first, last = np.searchsorted(self.end, [start, stop], side="right").tolist()
        own = slice(first, last + 1)
        edges = np.clip(self.end[own], start, stop)
        return np.repeat(self.value[own], np.diff(edges, prepend=start))

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """Of each of the N, what stands in `values` at its place."""
        return np.repeat(values[self.value], np.diff(self.end, prepend=0))
