"""The estimators on answers that stand in memory, as tests have them; products add up parts."""

import numpy as np

from glimpse.analysis.statistics.bradley_terry import strengths_of
from glimpse.analysis.statistics.clustering import WORKER, CellSums, ScoreSums, way_of


def cell_variances(chose, cell, ways, n_cells):
    """As `CellSums`; ways: each (N,) codes."""
    named = _named(ways)
    sums = CellSums(n_cells, tuple(named))
    sums.add(chose, cell, named)
    return sums.cells()


def score_covariances(scores, ways):
    """As `ScoreSums`, of scores (N, d); ways: each (N,) codes."""
    named = _named(ways)
    sums = ScoreSums(tuple(named))
    sums.add(scores, named)
    return sums.covariances()


def _named(ways):
    return {name: way_of(codes) for name, codes in zip((WORKER, "b", "c"), ways, strict=False)}


def bradley_terry(left, right, chose_left, names, *, firth=None):
    """As `strengths_of`, of N comparisons: codes of the conditions, and whether left was chosen."""
    K = len(names)
    order = np.asarray(left, dtype=np.int64) * K + right
    n, k = (np.bincount(order, weights=weights, minlength=K * K) for weights in (None, chose_left))
    return strengths_of(n.astype(float), k, names, firth=firth)
