"""Variance under clustering in several ways at once, by sums over clusters (no loop over rows).

Cameron, Gelbach & Miller (2011), "Robust inference with multiway clustering", J. Bus. Econ. Stat. 29(2):
the variance is the sum over the ways of clustering, minus that of their intersections, plus ...; each term
with its own correction G / (G - 1). The sum can come out below its parts, or even negative, in small samples;
it is therefore not allowed below the variance by any one way, nor below that of independent answers.
"""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

ROWS = 131_072  # scores made at a time
TOGETHER = 8 * ROWS  # answers whose variances are made at a time
DENSE = 4  # a table of at most this many entries a row is cheaper than a hash


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
    key = _key(codes, slice(None), size)
    span = int(key.max(initial=0)) + 1
    if span <= DENSE * size + 1024:
        present = np.bincount(key, minlength=span) > 0
        compact, values = (np.cumsum(present) - 1)[key], np.flatnonzero(present)
    elif _distinct(key):
        compact, values = np.arange(size), key
    else:
        compact, values = pd.factorize(key)
    for code in reversed(codes[1:]):
        values = values // (int(code.max(initial=0)) + 1)
    return compact, values


def _key(codes: Sequence[NDArray[np.integer]], rows: Any, size: int) -> NDArray[np.int64]:
    """One number for each combination of codes, of the rows given; `size` of them."""
    key = np.zeros(size, dtype=np.int64)
    for code in codes:
        key *= int(code.max(initial=0)) + 1
        key += code[rows]
    return key


def _distinct(key: NDArray[np.int64]) -> bool:
    """Whether no value occurs twice, as where every answer is a cluster; sorting is cheaper than hashing."""
    ordered = np.sort(key)
    return bool((ordered[1:] != ordered[:-1]).all())


def _all_differ(codes: Sequence[NDArray[np.integer]]) -> bool:
    """Whether no combination of codes occurs twice; the first code's values by the range, to save memory."""
    size, most = len(codes[0]), int(codes[0].max(initial=0)) + 1
    step = max(1, most * 4 * ROWS // max(size, 1))
    for start in range(0, most, step):
        rows = (codes[0] >= start) & (codes[0] < start + step)
        if not _distinct(_key(codes, rows, int(np.count_nonzero(rows)))):
            return False
    return True


def cell_variances(
    chose: NDArray[np.bool_],
    cell: NDArray[np.integer],
    ways: Sequence[NDArray[np.integer]],
    n_cells: int,
) -> Cells:
    """Rates of all cells at once with their multiway clustered variances.

    chose: (N,) 0 or 1. cell: (N,) codes in [0, n_cells). ways: the ways of clustering, each (N,) codes.
    """
    parts = []
    for first, last in groups(tally(cell, n_cells)):
        if last - first == n_cells:
            return _some_cells(chose, cell, ways, n_cells)
        here = (cell >= first) & (cell < last)
        own = cell[here] - cell.dtype.type(first)
        parts.append(_some_cells(chose[here], own, [way[here] for way in ways], last - first))
    return joined(parts)


def groups(sizes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Ranges of cells worked on at a time, so that temporaries stay small: TOGETHER answers, or one cell."""
    ends, found = np.cumsum(sizes), [0]
    while found[-1] < len(sizes):
        before = ends[found[-1] - 1] if found[-1] else 0
        found.append(max(found[-1] + 1, int(np.searchsorted(ends, before + TOGETHER, side="right"))))
    return list(pairwise(found))


def joined(parts: Sequence[Cells]) -> Cells:
    """The cells of all parts, one after another."""
    n, k, ways, answer, combined, clusters = zip(*parts, strict=True)
    each = [[np.concatenate(way) for way in zip(*lists, strict=True)] for lists in (ways, clusters)]
    plain = [np.concatenate(arrays) for arrays in (n, k, answer, combined)]
    return Cells(plain[0], plain[1], each[0], plain[2], plain[3], each[1])


def _some_cells(
    chose: NDArray[np.bool_],
    cell: NDArray[np.integer],
    ways: Sequence[NDArray[np.integer]],
    n_cells: int,
) -> Cells:
    """As `cell_variances`, all at once."""
    n = np.bincount(cell, minlength=n_cells)
    k = np.bincount(cell, weights=chose, minlength=n_cells).round().astype(np.int64)
    residual = chose - divide(k, n)[cell]
    ways_alone: list[Floats] = []
    clusters: list[NDArray[np.int64]] = []
    total = np.zeros(n_cells)
    for number in range(1, len(ways) + 1):
        for subset in combinations(ways, number):
            code, of_cell = combine([cell, *subset], len(cell))
            squares = np.bincount(code, weights=residual, minlength=len(of_cell)) ** 2
            count = np.bincount(of_cell, minlength=n_cells)
            raw = np.bincount(of_cell, weights=squares, minlength=n_cells)
            variance = divide(raw * count, n**2 * (count - 1.0))
            total += variance if number % 2 else -variance
            if number == 1:
                ways_alone.append(variance)
                clusters.append(count)
    answer = variance  # the last subset is the intersection of all the ways
    # A way with one cluster leaves NaN, and maximum() passes it on: the caller flags it.
    combined = np.maximum.reduce([total, answer, *ways_alone])
    return Cells(n, k, ways_alone, answer, combined, clusters)


def score_covariances(
    scores: Floats | Callable[[slice], Floats], ways: Sequence[NDArray[np.integer]]
) -> Covariances:
    """Covariance of the sum of the scores (N, d), clustered in several ways.

    scores: the array, or a function that makes the rows of a slice, so that not all stand in memory at once.
    A way with a single cluster says nothing of its own spread; its matrix is NaN, and so is what follows.
    """
    make = scores if callable(scores) else scores.__getitem__
    alone: list[Floats] = []
    clusters: list[int] = []
    total: Floats = np.zeros(1)
    for number in range(1, len(ways) + 1):
        for subset in combinations(ways, number):
            code, found = _clusters(subset)
            factor = found / (found - 1) if found > 1 else np.nan
            matrix = factor * _squares(make, code, found)
            total = total + (matrix if number % 2 else -matrix)
            if number == 1:
                alone.append(matrix)
                clusters.append(found)
    return Covariances(alone, matrix, total, clusters)


def _clusters(ways: Sequence[NDArray[np.integer]]) -> tuple[NDArray[np.integer], int]:
    """Codes of the clusters in which ways of clustering meet, and how many there are.

    Where every answer is a cluster, the codes are not used.
    """
    if len(ways) == 1:
        occurs = tally(ways[0]) > 0
        kind = np.min_scalar_type(-len(occurs))
        return (np.cumsum(occurs) - 1).astype(kind)[ways[0]], int(occurs.sum())
    if _all_differ(ways):
        return ways[0], len(ways[0])
    code, first = combine(list(ways), len(ways[0]))
    return code, len(first)


def _squares(make: Callable[[slice], Floats], code: NDArray[np.integer], size: int) -> Floats:
    """Sum over clusters of the outer product of their sums of scores: (d, d)."""
    blocks = [slice(start, start + ROWS) for start in range(0, len(code), ROWS)]
    if size == len(code):
        return np.asarray(sum(rows.T @ rows for rows in map(make, blocks)))
    sums: Any = 0.0
    for block in blocks:
        columns = make(block).T
        sums = sums + np.stack([np.bincount(code[block], weights=s, minlength=size) for s in columns], axis=1)
    return np.asarray(sums.T @ sums)


def pick(table: pd.DataFrame, columns: Sequence[str], rows: NDArray[np.bool_]) -> pd.DataFrame:
    """Some columns and rows of a table, numbered anew. As table[columns][rows], in a third of the memory."""
    return pd.DataFrame({name: table[name].array[rows] for name in columns}, copy=False)


def places(values: Floats, sorted_values: Floats) -> NDArray[np.int16]:
    """Where each value stands among sorted ones, len(sorted_values) where it is none; NaN counts as -1."""
    found = np.empty(len(values), dtype=np.int16)
    for start in range(0, len(values), ROWS):
        value = np.nan_to_num(values[start : start + ROWS], nan=-1.0)
        place = np.searchsorted(sorted_values, value)
        place[sorted_values[np.minimum(place, len(sorted_values) - 1)] != value] = len(sorted_values)
        found[start : start + ROWS] = place
    return found


def ways_of(judgments: pd.DataFrame, cluster: str) -> list[NDArray[np.integer]]:
    """Codes of the ways in which the judgments cluster: "two-way", "scene", "worker" or "pair".

    "scene" is worker x scene where both sides show the same scene, else worker x scene of A x scene of B.
    """
    worker, pair = codes_of(judgments["worker"]), codes_of(judgments["pair"])
    if cluster == "two-way":
        return [worker, pair]
    if cluster == "scene":
        a, b = judgments["item_a"].astype(str), judgments["item_b"].astype(str)
        if (a == b).all():
            return [worker, codes_of(judgments["item_a"])]
        return [worker, codes_of(judgments["item_a"]), codes_of(judgments["item_b"])]
    return [worker] if cluster == "worker" else [pair]


def count_of(codes: NDArray[np.integer]) -> int:
    """How many different codes occur."""
    return int(np.count_nonzero(tally(codes)))


def tally(codes: NDArray[np.integer], size: int = 0) -> NDArray[np.int64]:
    """How often each code occurs, at least `size` codes; in blocks, since bincount copies what it counts."""
    found = np.zeros(max(size, int(codes.max(initial=-1)) + 1), dtype=np.int64)
    for start in range(0, len(codes), ROWS):
        found += np.bincount(codes[start : start + ROWS], minlength=len(found))
    return found


def sorted_codes(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """The distinct values in ascending order, and where each entry stands among them; by hash."""
    code, found = pd.factorize(values)
    order = np.argsort(found)
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order))
    return np.asarray(found)[order], place[code]


def codes_of(column: pd.Series) -> NDArray[np.integer]:
    """Integer codes of a column, categorical or not."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes)
    return pd.factorize(column)[0]
