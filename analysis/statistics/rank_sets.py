"""Which ranks a condition may have: confidence sets, for one condition, and for all at once.

Mogstad, Romano, Shaikh & Wilhelm (2024), "Inference for ranks with applications to mobility across
neighbourhoods and academic achievement across countries", Review of Economic Studies 91(1), 476-518. Who is
significantly stronger than a condition ranks before it, who is significantly weaker ranks behind it; what is
left is the set. The tests are of all one-sided hypotheses at once, stepwise (Romano & Wolf 2005): each
rejection leaves fewer hypotheses to guard against. A marginal set guards against those of one condition, a
simultaneous one against all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .clustering import divide
from .simultaneous import DRAWS, Estimates, Simulated, gap_intervals, intervals, simulate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .clustering import Floats

    Claims = NDArray[np.int8]


class RankSets(NamedTuple):
    """Lowest and highest rank of each condition, (K,) each; 1 is the strongest."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]


class Joint(NamedTuple):
    """What holds for all conditions at once, beside the marginal rank sets.

    low, high: (K,) of strengths. gap_low, gap_high: (K, K) of differences. ranks: of one condition each;
    all_ranks: of all at once.
    """

    low: Floats
    high: Floats
    gap_low: Floats
    gap_high: Floats
    ranks: RankSets
    all_ranks: RankSets


def joint_statements(
    estimates: Estimates, level: float, rng: np.random.Generator, draws: int = DRAWS
) -> Joint | None:
    """Simultaneous intervals and rank sets; None where the errors are not known."""
    if not estimates.usable:
        return None
    simulated = simulate(estimates, rng, draws)
    return Joint(
        *intervals(estimates, simulated, level),
        *gap_intervals(estimates, simulated, level),
        marginal_sets(estimates, simulated, level),
        simultaneous_sets(estimates, simulated, level),
    )


def simultaneous_sets(estimates: Estimates, simulated: Simulated, level: float) -> RankSets:
    """Sets that hold the ranks of all conditions at once.

    >>> apart = Estimates.known(np.array([2.0, 0.1, 0.0]), np.eye(3) / 100)
    >>> found = simultaneous_sets(apart, simulate(apart, np.random.default_rng(0)), 0.95)
    >>> found.low.tolist(), found.high.tolist()
    ([1, 2, 2], [1, 3, 3])
    """
    i, j = simulated.pairs
    claims = stepwise(_observed(estimates, i, j), simulated.gaps, level)
    K = len(estimates.theta)
    before = np.bincount(j[claims > 0], minlength=K) + np.bincount(i[claims < 0], minlength=K)
    behind = np.bincount(i[claims > 0], minlength=K) + np.bincount(j[claims < 0], minlength=K)
    return RankSets(1 + before, K - behind)


def marginal_sets(estimates: Estimates, simulated: Simulated, level: float) -> RankSets:
    """Sets each of which holds the rank of its condition."""
    i, j = simulated.pairs
    observed, K = _observed(estimates, i, j), len(estimates.theta)
    low, high = np.ones(K, dtype=np.int64), np.full(K, K, dtype=np.int64)
    for one in range(K):
        own = np.flatnonzero((i == one) | (j == one))
        sign = np.where(i[own] == one, 1, -1)
        claims = sign * stepwise(observed[own], simulated.gaps[:, own], level)
        low[one] += np.count_nonzero(claims < 0)
        high[one] -= np.count_nonzero(claims > 0)
    return RankSets(low, high)


def stepwise(observed: Floats, errors: NDArray[np.float32], level: float) -> Claims:
    """Which differences (P,) are significantly above 0 (1), below it (-1), or neither (0).

    observed: (P,) studentised differences. errors: (draws, P), theirs by simulation. All hypotheses "not
    above" and "not below" that are left are guarded against at once, until nothing more is rejected.
    """
    above, below = np.ones((2, len(observed)), dtype=bool)  # hypotheses that are left
    while above.any() or below.any():
        largest = np.maximum(_largest(errors, above), _largest(-errors, below))
        critical = float(np.quantile(largest, level))
        now_above, now_below = above & (observed > critical), below & (observed < -critical)
        if not (now_above.any() or now_below.any()):
            break
        above, below = above & ~now_above, below & ~now_below
    return (~above).astype(np.int8) - (~below).astype(np.int8)


def _largest(errors: NDArray[np.float32], of: NDArray[np.bool_]) -> Floats:
    if not of.any():
        return np.full(len(errors), -np.inf)
    return np.asarray((errors if of.all() else errors[:, of]).max(axis=1))


def _observed(estimates: Estimates, i: NDArray[np.intp], j: NDArray[np.intp]) -> Floats:
    """Studentised differences of pairs; 0 where a difference has no error."""
    return np.nan_to_num(divide(estimates.theta[i] - estimates.theta[j], estimates.se_gaps[i, j]))
