"""Exact percentiles of more numbers than stand in memory: found by their bits, in two readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .clustering import KeyedSums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from .clustering import Floats

    # (group of each number, numbers): codes from 0, and float32 from 0
    Read = Callable[[], Iterable[tuple[NDArray[np.integer], NDArray[np.float32]]]]

HALF = 16  # bits


def percentiles(read: Read, groups: int, percents: Sequence[float]) -> tuple[NDArray[np.int64], Floats]:
    """How many numbers each group has, and their percentiles as `numpy.percentile` interpolates them.

    NaN are left out. Returns (groups,) and (groups, percents), NaN in a group without numbers. The bits of a
    float32 from 0 on are in the order of the numbers: the first reading counts by their upper half, the
    second by the lower half of those that the percentiles lie among.
    """
    upper = KeyedSums()
    for key, _ in _keyed(read):
        upper.add(key, (np.ones(len(key)),))
    keys, counts = (column.astype(np.int64).ravel() for column in upper.result())
    n = np.bincount(keys >> HALF, weights=counts, minlength=groups).astype(np.int64)
    first = np.cumsum(n) - n
    place = np.asarray(percents) / 100 * np.maximum(n - 1, 0)[:, None]
    below = np.floor(place).astype(np.int64)
    ranks = np.stack([below, np.minimum(below + 1, np.maximum(n - 1, 0)[:, None])])  # (2, groups, percents)
    asked = np.unique((ranks + first[:, None])[:, n > 0])  # places among all numbers, ordered by group
    if not len(asked):
        return n, np.full((groups, len(percents)), np.nan)
    wanted = keys[np.searchsorted(np.cumsum(counts), asked, side="right")]
    values = _values(read, keys, counts, wanted, asked)
    low, high = np.full((2, groups, len(percents)), np.nan)
    for ends, rank in zip((low, high), ranks, strict=True):
        ends[n > 0] = values[np.searchsorted(asked, (rank + first[:, None])[n > 0])]
    share = place - below
    near_low, near_high = low + (high - low) * share, high - (high - low) * (1 - share)
    return n, np.where(share < 0.5, near_low, near_high)


def _values(
    read: Read,
    keys: NDArray[np.int64],
    counts: NDArray[np.int64],
    wanted: NDArray[np.int64],
    asked: NDArray[np.int64],
) -> Floats:
    """The numbers at the places `asked`, which are among those whose group and upper half are `wanted`."""
    kept, lower = np.unique(wanted), KeyedSums()
    for key, rest in _keyed(read):
        here = kept[np.minimum(np.searchsorted(kept, key), len(kept) - 1)] == key
        lower.add(key[here] << HALF | rest[here], (np.ones(here.sum()),))
    found, number = (column.astype(np.int64).ravel() for column in lower.result())
    # Where each key's numbers begin among all numbers, and among those of the second reading.
    begin_all = (np.cumsum(counts) - counts)[np.searchsorted(keys, wanted)]
    begin = (np.cumsum(number) - number)[np.searchsorted(found, wanted << HALF)]
    at = np.searchsorted(np.cumsum(number), begin + asked - begin_all, side="right")
    bits = (found[at] & (2 ** (2 * HALF) - 1)).astype(np.uint32)
    return np.asarray(bits.view(np.float32), dtype=float)


def _keyed(read: Read) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Group and upper half, and lower half, of each number."""
    for group, numbers in read():
        known = ~np.isnan(numbers)
        bits = (numbers[known] + np.float32(0)).view(np.uint32).astype(np.int64)  # no negative zero
        yield group[known].astype(np.int64) << HALF | bits >> HALF, bits & (2**HALF - 1)
