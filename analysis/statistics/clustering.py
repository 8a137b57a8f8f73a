"""Answers that share a worker, an image or both: counted by cluster and group, and multiplied out.

A statistic gives each answer a score that depends on its group alone (its cell, the side of condition A, the
answer). With n the counts of a cluster's answers by group, and u the scores of the groups, the cluster's sum
is n u, and the sum of squares over all clusters is u' (sum of n n') u. So the sums of n n' (`gram`) are all
that any clustered variance needs of the answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Codes = NDArray[np.integer[Any]]
    Gram = Any  # (groups, groups): an array, or sparse where groups are many

FULL = 4  # a table of at most this many entries an answer is counted in full
DENSE = 512  # groups up to which the sums are kept as a full matrix
FILLED = 8  # a table of clusters and groups is multiplied out in full where one entry in so many is not 0
BLOCK = 2_000_000  # entries of a matrix that is multiplied out at a time


class Entries(NamedTuple):
    """How many answers n each cluster has in each group, where it has any; ascending by cluster and group."""

    cluster: Codes
    group: Codes
    n: Codes

    @classmethod
    def counted(cls, cluster: Codes, group: Codes, groups: int, weight: Codes | None = None) -> Entries:
        """Of answers, or of `weight` answers each."""
        low = int(cluster.min(initial=0)) if len(cluster) else 0
        key = (cluster.astype(np.int64) - low) * groups + group
        if int(key.max(initial=0)) < FULL * len(key) + 1024:  # cheaper than to sort
            counts = np.bincount(key, weights=weight)
            keys = np.flatnonzero(counts)
            n = counts[keys].astype(np.int64)
        elif weight is None:
            keys, n = np.unique(key, return_counts=True)
        else:
            keys, at = np.unique(key, return_inverse=True)
            n = np.bincount(at, weights=weight, minlength=len(keys)).astype(np.int64)
        return cls(keys // groups + low, keys % groups, n)

    def starts(self) -> NDArray[np.int64]:
        """Where each cluster begins."""
        return np.flatnonzero(np.diff(self.cluster, prepend=-1))

    def where(self, keep: NDArray[np.bool_]) -> Entries:
        """Some of them."""
        return Entries(*(column[keep] for column in self))

    def blocks(self, groups: int) -> Iterator[Entries]:
        """All entries of some clusters at a time, as many as fill BLOCK with their groups."""
        starts = np.append(self.starts(), len(self.cluster))
        step = max(1, BLOCK // groups)
        for first in range(0, len(starts) - 1, step):
            here = slice(starts[first], starts[min(first + step, len(starts) - 1)])
            yield Entries(*(column[here] for column in self))

    def rows(self) -> NDArray[np.int64]:
        """A number from 0 for each cluster."""
        return np.asarray(np.cumsum(np.diff(self.cluster, prepend=self.cluster[:1]) != 0))

    def matrix(self, groups: int) -> Floats:
        """Clusters x groups."""
        row = self.rows()
        full = np.zeros((row[-1] + 1 if len(row) else 0, groups))
        full[row, self.group] = self.n
        return full


def gram(entries: Entries, groups: int, singles: Codes | None = None) -> Gram:
    """Sum over clusters of n n': (groups, groups), in whole numbers. singles: (groups,) clusters beside these
    that have one answer."""
    starts = entries.starts()
    size = np.diff(np.append(starts, len(entries.cluster)))
    lone = np.repeat(size == 1, size)  # a cluster in one group has only its square
    squares = np.bincount(entries.group[lone], weights=entries.n[lone] ** 2, minlength=groups).astype(float)
    squares += 0.0 if singles is None else singles
    rest = entries.where(~lone)
    alone = sparse.diags(squares).tocsr() if groups > DENSE else np.diag(squares)
    return alone + _product(rest, rest, groups)


def cross_gram(a: Entries, b: Entries, groups: int) -> Gram:
    """Sum over clusters that occur in both of n_a n_b' and its transpose."""
    both = np.intersect1d(a.cluster, b.cluster)
    a, b = (entries.where(np.isin(entries.cluster, both)) for entries in (a, b))
    half = _product(a, b, groups)
    return half + half.T


def _product(a: Entries, b: Entries, groups: int) -> Gram:
    """Sum over clusters, the same in both, of n_a n_b'; sparse where groups are many."""
    row, other = a.rows(), b.rows()
    clusters = int(row[-1]) + 1 if len(row) else 0
    if groups > DENSE or len(row) * FILLED < clusters * groups:
        shape = (clusters, groups)
        first = sparse.csr_matrix((a.n.astype(float), (row, a.group)), shape=shape)
        second = sparse.csr_matrix((b.n.astype(float), (other, b.group)), shape=shape)
        found = first.T @ second
        return found if groups > DENSE else found.toarray()
    full = np.zeros((groups, groups))
    for left, right in zip(a.blocks(groups), b.blocks(groups), strict=True):
        full += left.matrix(groups).T @ right.matrix(groups)
    return full


def occurring(entries: Entries, label: Codes, labels: int, singles: Codes | None = None) -> NDArray[np.int64]:
    """How many clusters have answers in each set of groups: (labels,). label: the set of each group. singles:
    as for `gram`."""
    key = entries.cluster.astype(np.int64) * labels + label[entries.group]
    if len(key) and (np.diff(key) < 0).any():
        key = np.sort(key)
    found = np.bincount(key[np.diff(key, prepend=-1) != 0] % labels, minlength=labels)
    if singles is not None:
        found += np.bincount(label, weights=singles, minlength=labels).astype(np.int64)
    return found


def sizes(entries: Entries, label: Codes, labels: int) -> tuple[Floats, Floats]:
    """Sums over clusters of n and of n^2, n the answers of a cluster in a set of groups: two of (labels,)."""
    key = entries.cluster.astype(np.int64) * labels + label[entries.group]
    count = entries.n
    if len(key) and (np.diff(key) < 0).any():
        order = np.argsort(key, kind="stable")
        key, count = key[order], count[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    n = np.add.reduceat(count, first) if len(first) else count
    of_set = key[first] % labels
    return tuple(np.bincount(of_set, weights=w, minlength=labels) for w in (n, n * n))  # type: ignore[return-value]


def divide(a: NDArray[np.generic], b: NDArray[np.generic]) -> Floats:
    """a / b, NaN where b is 0."""
    out = np.full(np.broadcast(a, b).shape, np.nan)
    np.divide(a, b, out=out, where=np.asarray(b) != 0)
    return out


def joint(codes: Sequence[Codes], sizes: Sequence[int]) -> NDArray[np.int64]:
    """One number for each combination of codes; each code is below its size."""
    key = np.zeros(len(codes[0]), dtype=np.int64)
    for code, size in zip(codes, sizes, strict=True):
        key *= size
        key += code
    return key


class KeyedSums:
    """Sums by key of several columns, part after part; memory follows the number of different keys."""

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[np.int64], Floats]] = []

    def add(self, key: NDArray[np.int64], columns: Sequence[NDArray[Any]]) -> None:
        """Add rows: key (N,), and columns (N,) of numbers."""
        self._parts.append(_summed(key, columns))
        waiting = sum(len(keys) for keys, _ in self._parts[1:])
        if waiting > len(self._parts[0][0]):
            self._parts = [self._joined()]

    def result(self) -> tuple[NDArray[np.int64], Floats]:
        """The keys, ascending, and their sums (keys, columns)."""
        keys, sums = self._joined()
        order = np.argsort(keys)
        return keys[order], sums[order]

    def _joined(self) -> tuple[NDArray[np.int64], Floats]:
        if len(self._parts) == 1:
            return self._parts[0]
        keys, sums = zip(*self._parts, strict=True)
        return _summed(np.concatenate(keys), np.concatenate(sums).T)


def _summed(key: NDArray[np.int64], columns: Sequence[NDArray[Any]] | Floats) -> tuple[Any, Floats]:
    code, found = pd.factorize(key)
    sums = [np.bincount(code, weights=column, minlength=len(found)) for column in columns]
    return found, np.stack(sums, axis=1)
