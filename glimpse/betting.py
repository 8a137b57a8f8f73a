"""Intervals that hold at every look: confidence sequences for a rate, by betting.

The method is the hedged capital of Waudby-Smith & Ramdas (2024), "Estimating means of bounded random
variables by betting", J. R. Stat. Soc. B 86(1), Theorem 3: against every rate m that could be true somebody
bets that the next observation lies above it, and somebody that it lies below. If m is true, neither is likely
ever to grow rich: the chance that one of them ever multiplies the stake by 2 / alpha is at most alpha. The
rates against which nobody has are the interval, and it covers the true rate at all looks at once, whenever,
and for whatever reason, somebody looks or stops.

What is observed here, and of what the rate is. An observation is one worker's mean choice over the trials of
a cell in one HIT: the worker's answers depend on one another, so they count as one number in [0, 1]. Workers
of a HIT judge the same pairs and are independent draws of the people who take part, so their means scatter
about the HIT's own rate mu_h, over these pairs. HITs show other pairs, so mu_h differs between HITs, and
which HIT the next worker takes is not ours to choose: a plain sequence of workers would have no common mean.
The rate that is sought is m = sum of w_h mu_h, w_h the HIT's share of the cell's trials: every trial of the
study counts the same, however many have answered it. It is a rate over the images shown, not over new ones.

Therefore the bets go by rounds. Round r takes the r-th worker of every HIT; a round counts once it is whole.
Within a round all bets are of one size lambda, fixed before it, and each factor is 1 + lambda v_h (x_h - m),
v_h = H w_h. The workers of a round are independent, so the factors' product has the mean
prod(1 + lambda v_h (mu_h - m)), which is at most (1 + lambda mean(v_h (mu_h - m))) ^ H = 1, since a geometric
mean is at most the arithmetic one and v_h has the mean 1. So the capital is a test supermartingale whatever
the HITs' rates are and in whatever order they fill up; with one HIT all of this is the paper's procedure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

TRUNCATION = 0.75  # the paper's c: of the stake, what a single bet may lose at most
HALVINGS = 40


def bets(means: Floats, level: float = 0.95) -> Floats:
    """Return the size of each round's bets, the paper's predictable plug-in, before what m allows cuts it.

    Args:
        means: (..., R, H) in [0, 1], R whole rounds of H HITs.
        level: Confidence level.

    Returns:
        (..., R). A round's bet depends on the rounds before it alone: on their variance about the mean so
        far, and on how many observations there will be once the round is over.
    """
    rounds, hits = means.shape[-2:]
    t = hits * np.arange(1, rounds + 1)  # observations after each round
    mean = (0.5 + np.cumsum(means.sum(axis=-1), axis=-1)) / (t + 1)
    squares = ((means - mean[..., np.newaxis]) ** 2).sum(axis=-1)
    variance = (0.25 + np.cumsum(squares, axis=-1)) / (t + 1)
    before = np.concatenate([np.full_like(variance[..., :1], 0.25), variance[..., :-1]], axis=-1)
    return np.asarray(np.sqrt(2 * np.log(2 / (1 - level)) / (before * t * np.log(t + 1))))


def log_capital(means: Floats, m: float, weights: Floats | None = None, level: float = 0.95) -> Floats:
    """Return the logarithm of what betting that the rate is above `m` makes of a stake of 1, round by round.

    Args:
        means: (..., R, H) in [0, 1]: in round r, the mean of HIT h's r-th worker.
        m: The rate that is bet against, in [0, 1].
        weights: (H,) the HITs' numbers of trials; None: the same.
        level: Confidence level; the bets are best for it, and hold for any.

    Returns:
        (..., R). Bets that the rate is below `m` are `log_capital(1 - means, 1 - m)`.
    """
    v = np.ones(means.shape[-1]) if weights is None else weights / np.mean(weights)
    most = TRUNCATION / (m * v.max()) if m > 0 else np.inf
    bet = np.minimum(bets(means, level), most)[..., np.newaxis]
    return np.asarray(np.cumsum(np.log1p(bet * v * (means - m)).sum(axis=-1), axis=-1))


def interval(means: Floats, weights: Floats | None = None, level: float = 0.95) -> tuple[float, float]:
    """Return the rate's interval after R whole rounds, narrowed by every look before: low and high.

    Args:
        means: (R, H) in [0, 1]: in round r, the mean of HIT h's r-th worker.
        weights: (H,) the HITs' numbers of trials; None: the same.
        level: Confidence level.

    Returns:
        Two numbers in [0, 1]; 0 and 1 where there is no round.

    >>> low, high = interval(np.full((12, 5), 0.75))
    >>> round(low, 3), round(high, 3)
    (0.692, 0.776)
    """
    ends = _lower(means, weights, level), 1 - _lower(1 - means, weights, level)
    return min(ends), max(ends)  # they change places where bets have won against every rate: hardly ever


def _lower(means: Floats, weights: Floats | None, level: float) -> float:
    """Return the largest rate against which bets have ever won; capital falls with m, so it can be halved in
    on, and the end that was won against is given."""
    enough = np.log(2 / (1 - level))
    low, high = 0.0, 1.0
    for _ in range(HALVINGS if means.size else 0):
        middle = (low + high) / 2
        won = log_capital(means, middle, weights, level).max() >= enough
        low, high = (middle, high) if won else (low, middle)
    return low
