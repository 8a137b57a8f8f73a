"""Variance under clustering in several ways at once, from sums over clusters, part after part.

Cameron, Gelbach & Miller (2011), "Robust inference with multiway clustering", J. Bus. Econ. Stat. 29(2):
the variance is the sum over the ways of clustering, minus that of their intersections, plus ...; each term
with its own correction G / (G - 1). The sum can come out below its parts, or even negative, in small samples;
it is therefore not allowed below the variance by any one way, nor below that of independent answers.

A worker's judgments are all in one part (see `judgments`), so that clusters within a worker are finished
there; those of pairs and scenes stay open until the last part.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from .choices import STANDARD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

WORKER = "worker"
TWO_WAY = STANDARD.ways
DENSE = 4  # a table of at most this many entries a row is cheaper than a hash


class Way(NamedTuple):
    """A way of clustering: the cluster of each row, (N,) codes from 0; below `size` in every part."""

    code: NDArray[np.integer]
    size: int


class Cells(NamedTuple):
    """Rates of C cells and their variances, each of shape (C,); NaN where a cell is empty or has one cluster.

    n, k: answers, and those that are 1. ways: variance by each way of clustering alone. answer: variance
    of the finest clusters (worker x pair). combined: the multiway variance with its floor. clusters: the
    number of clusters of each way.
    """

    n: NDArray[np.int64]
    k: NDArray[np.int64]
    ways: list[Floats]
    answer: Floats
    combined: Floats
    clusters: list[NDArray[np.int64]]

    @property
    def rate(self) -> Floats:
        """k / n; NaN in empty cells."""
        return divide(self.k, self.n)

    def at(self, rows: NDArray[np.integer]) -> Cells:
        """Some of the cells."""
        ways, clusters = ([way[rows] for way in of_ways] for of_ways in (self.ways, self.clusters))
        return Cells(self.n[rows], self.k[rows], ways, self.answer[rows], self.combined[rows], clusters)


class Covariances(NamedTuple):
    """Covariance matrices (d, d) of a sum of scores: by each way alone, of the finest clusters, and combined.

    The combined matrix may have negative eigenvalues. Setting those to zero, as is often done, depends on the
    choice of parameters; the floor of `variance`, taken along each direction asked for, does not.
    """

    ways: list[Floats]
    answer: Floats
    combined: Floats
    clusters: list[int]

    def variance(self, direction: Floats) -> Floats:
        """Variance along `direction` (..., d), not below that of any one way or of independent answers."""
        parts = [np.einsum("...i,ij,...j->...", direction, m, direction)
                 for m in (self.combined, self.answer, *self.ways)]  # fmt: skip
        return np.asarray(np.max(parts, axis=0))

    def spectrum(self) -> tuple[Floats, Floats]:
        """Eigenvectors (d, d; columns) of the combined matrix and the variances along them, ascending."""
        if not np.isfinite(self.combined).all():
            return np.full(len(self.combined), np.nan), np.eye(len(self.combined))
        _, vectors = np.linalg.eigh((self.combined + self.combined.T) / 2)
        values = np.maximum(self.variance(vectors.T), 0.0)
        order = np.argsort(values)
        return values[order], vectors[:, order]

    def transform(self, matrix: Floats) -> Covariances:
        """Covariances of matrix @ scores; matrix is (e, d)."""
        turn = [matrix @ m @ matrix.T for m in (*self.ways, self.answer, self.combined)]
        return Covariances(turn[:-2], turn[-2], turn[-1], self.clusters)


def divide(a: NDArray[np.generic], b: NDArray[np.generic]) -> Floats:
    """a / b, NaN where b is 0."""
    out = np.full(np.broadcast(a, b).shape, np.nan)
    np.divide(a, b, out=out, where=np.asarray(b) != 0)
    return out


def combine(codes: Sequence[NDArray[np.integer]], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Compact codes of the combinations that occur, and the first code of each.

    codes: integer arrays of length `size`, from 0. Returns (code of each row, first of each).
    """
    spans = [int(code.max(initial=0)) + 1 for code in codes]
    key = joint(codes, spans)
    span = int(key.max(initial=0)) + 1
    if span <= DENSE * size + 1024:
        present = np.bincount(key, minlength=span) > 0
        compact, values = (np.cumsum(present) - 1)[key], np.flatnonzero(present)
    elif _distinct(key):
        compact, values = np.arange(size), key
    else:
        compact, values = pd.factorize(key)
    return compact, values // int(np.prod(spans[1:], dtype=np.int64))


def joint(codes: Sequence[NDArray[np.integer]], sizes: Sequence[int]) -> NDArray[np.int64]:
    """One number for each combination of codes; each code is below its size."""
    key = np.zeros(len(codes[0]), dtype=np.int64)
    for code, size in zip(codes, sizes, strict=True):
        key *= size
        key += code
    return key


def _distinct(key: NDArray[np.int64]) -> bool:
    """Whether no value occurs twice, as where every answer is a cluster; sorting is cheaper than hashing."""
    ordered = np.sort(key)
    return bool((ordered[1:] != ordered[:-1]).all())


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


class CellSums:
    """What the rates of C cells and their clustered variances follow from, added up part after part.

    With p = K / N, the sum of squares of a cell's cluster sums of residuals is that of k - p n over its
    clusters. It follows from whole numbers, which are combined without rounding, however many answers.
    """

    def __init__(self, n_cells: int, ways: Sequence[str] = TWO_WAY) -> None:
        """ways: names of the ways of clustering, as `add` gets them."""
        self.n, self.k = (np.zeros(n_cells, dtype=np.int64) for _ in range(2))
        self._moments = {subset: np.zeros((4, n_cells)) for subset in _subsets(ways)}
        self._open = {subset: KeyedSums() for subset in self._moments if WORKER not in subset}

    def add(self, chose: NDArray[np.bool_], cell: NDArray[np.integer], ways: Mapping[str, Way]) -> None:
        """Add rows. chose: (N,) 0 or 1. cell: (N,) codes below C."""
        C = len(self.n)
        self.n += np.bincount(cell, minlength=C)
        self.k += np.bincount(cell[chose], minlength=C)
        for subset in self._moments:
            codes = [ways[name].code for name in subset]
            if subset in self._open:
                key = joint([*codes, cell], [*(ways[name].size for name in subset), C])
                self._open[subset].add(key, (np.ones(len(key)), chose))
            else:
                code, of_cell = combine([cell, *codes], len(cell))
                n = np.bincount(code, minlength=len(of_cell))
                k = np.bincount(code[chose], minlength=len(of_cell))
                self._moments[subset] += _moments(of_cell, n, k, C)

    def cells(self) -> Cells:
        """The rates and variances of what was added."""
        C = len(self.n)
        total, alone, clusters = np.zeros(C), [], []
        for subset, closed in self._moments.items():
            moments: Floats = closed
            if subset in self._open:
                key, sums = self._open[subset].result()
                moments = _moments(key % C, sums[:, 0], sums[:, 1], C)
            count = moments[0].astype(np.int64)
            variance = divide(_squares(self.n, self.k, moments[1:]) * count, self.n**2 * (count - 1.0))
            total += variance if len(subset) % 2 else -variance
            if len(subset) == 1:
                alone.append(variance)
                clusters.append(count)
        answer = variance  # the last subset is the intersection of all the ways
        # A way with one cluster leaves NaN, and maximum() passes it on: the caller flags it.
        return Cells(self.n, self.k, alone, answer, np.maximum.reduce([total, answer, *alone]), clusters)


def _subsets(ways: Sequence[str]) -> list[tuple[str, ...]]:
    return [subset for number in range(1, len(ways) + 1) for subset in combinations(ways, number)]


def _moments(cell: NDArray[np.integer], n: NDArray[Any], k: NDArray[Any], n_cells: int) -> Floats:
    """Of clusters with n answers, k of them 1: their number in each cell, and sums of n n, n k and k k."""
    weights = (None, n * n, n * k, k * k)
    return np.stack([np.bincount(cell, weights=w, minlength=n_cells).astype(float) for w in weights])


def _squares(n: NDArray[np.int64], k: NDArray[np.int64], moments: Floats) -> Floats:
    """Sum over a cell's clusters of (k - p n)^2, p its rate; in whole numbers but for the last step."""
    N, K = n.astype(object), k.astype(object)
    nn, nk, kk = (sums.astype(np.int64).astype(object) for sums in moments)
    scaled = N * N * kk - 2 * N * K * nk + K * K * nn
    return np.array([a / b if b else 0.0 for a, b in zip(scaled, N * N, strict=True)], dtype=float)


class ScoreSums:
    """The clustered covariance of a sum of scores, added up part after part."""

    def __init__(self, ways: Sequence[str] = TWO_WAY) -> None:
        """ways: names of the ways of clustering, as `add` gets them."""
        self._closed: dict[tuple[str, ...], Any] = dict.fromkeys(_subsets(ways), 0.0)
        self._clusters = dict.fromkeys(self._closed, 0)
        self._open = {subset: KeyedSums() for subset in self._closed if WORKER not in subset}

    def add(self, scores: Floats, ways: Mapping[str, Way]) -> None:
        """Add rows: scores (N, d)."""
        for subset in self._closed:
            codes = [ways[name].code for name in subset]
            if subset in self._open:
                self._open[subset].add(joint(codes, [ways[name].size for name in subset]), list(scores.T))
                continue
            code, found = combine(codes, len(scores))
            sums = scores
            if len(found) < len(scores):
                sums = np.stack(
                    [np.bincount(code, weights=s, minlength=len(found)) for s in scores.T], axis=1
                )
            self._closed[subset] = self._closed[subset] + sums.T @ sums
            self._clusters[subset] += len(found)

    def covariances(self) -> Covariances:
        """Of what was added. A way with one cluster says nothing of its own spread; its matrix is NaN, and so
        is what follows."""
        alone, clusters, total = [], [], 0.0
        for subset, closed in self._closed.items():
            squares, found = closed, self._clusters[subset]
            if subset in self._open:
                sums = self._open[subset].result()[1]
                squares, found = sums.T @ sums, len(sums)
            matrix = squares * (found / (found - 1) if found > 1 else np.nan)
            total = total + (matrix if len(subset) % 2 else -matrix)
            if len(subset) == 1:
                alone.append(matrix)
                clusters.append(found)
        return Covariances(alone, matrix, np.asarray(total), clusters)


def way_of(column: pd.Series | NDArray[np.integer]) -> Way:
    """The codes of a column, categorical or not, or codes as they are."""
    if isinstance(column, np.ndarray):
        return Way(column, int(column.max(initial=-1)) + 1)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return Way(np.asarray(column.cat.codes), len(column.cat.categories))
    return way_of(pd.factorize(column)[0])


def ways_of(part: pd.DataFrame, names: Sequence[str] = TWO_WAY) -> dict[str, Way]:
    """The ways in which the judgments of a part cluster, by the columns that name them."""
    return {name: way_of(part[name]) for name in names}


class Occurring:
    """Which clusters occur with each of several groups, part after part."""

    def __init__(self) -> None:
        self._occurs: dict[int, NDArray[np.bool_]] = {}

    def add(self, group: NDArray[np.integer], way: Way) -> None:
        """Add rows: group (N,) codes; way as long."""
        for number in np.unique(group).tolist():
            occurs = self._occurs.setdefault(number, np.zeros(way.size, dtype=bool))
            occurs[way.code[group == number]] = True

    def counts(self) -> dict[int, int]:
        """How many clusters occur with each group."""
        return {number: int(occurs.sum()) for number, occurs in self._occurs.items()}

    def shared(self) -> int:
        """How many clusters occur with more than one group."""
        return int((np.sum(list(self._occurs.values()), axis=0) > 1).sum())
