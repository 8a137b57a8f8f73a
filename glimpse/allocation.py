"""Which trials tell most: an assignment's pairs drawn where the ranking is least known. Pure.

The strengths theta of the conditions have a Gaussian posterior, the Laplace approximation of the model of
Bradley & Terry with a normal prior: P(i beats j) = 1 / (1 + exp(theta_j - theta_i)). An answer about i and j,
whose chances are p and 1 - p, lowers the variance of the difference of k and l by

    w cov(k - l, i - j)^2 / (1 + w var(i - j)),          w = p (1 - p) / design effect,

so half of that over var(k - l) is, nearly, the information that it is expected to give about that difference.
A pair's worth is the sum of this over all differences, each weighted by (r s)^(-3/2), where r and s are the
expected ranks of its two conditions: what counts most is who leads, and by how much. Where it is stated how
many of the first are to be told apart, from each other and from the next, the weight is the chance that both
are among them, and half the chance that one is and the other comes next. Answers of one worker, and about one
image, are alike; the design effect is by how many times fewer independent ones they are worth.

A share of pairs is drawn at random, so that no condition is left out, whatever the answers were. Compare
Mikhailiuk et al. (2020), "Active sampling for pairwise comparisons via approximate message passing
and information gain maximization" (they maximise information about all strengths, and know neither workers
nor images).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import expit, ndtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

RANDOM_SHARE = 0.2
PRIOR_SD = 1.5
DESIGN_EFFECT = 2.0
_STEPS = 50
_TOP = 1.5  # how much more first ranks count
_POSTERIOR_DRAWS = 400
_MOST = 1e9  # worth of nothing else


@dataclass(frozen=True)
class Posterior:
    """What is known of the strengths: `mean` (n,) and `covariance` (n, n), on the logit scale."""

    mean: Floats
    covariance: Floats

    def after(self, pair: tuple[int, int], design_effect: float) -> Posterior:
        """Return it with what one more answer about a pair will add, whatever it will be."""
        a, b = pair
        p = float(expit(self.mean[a] - self.mean[b]))
        weight = p * (1 - p) / design_effect
        along = self.covariance[:, a] - self.covariance[:, b]
        lost = np.outer(along, along) * (weight / (1 + weight * (along[a] - along[b])))
        return Posterior(self.mean, np.asarray(self.covariance - lost))


class DrawnPair(NamedTuple):
    """One trial: numbers of its conditions, of the item that both images show, and of the exposure."""

    left: int
    right: int
    item: int
    exposure: int


@dataclass
class DrawCounts:
    """How often trials were drawn, which draws keep even; `draw` counts its own.

    Arrays: `images` (conditions, items); `sides` (conditions, conditions), the left one first; `exposures`
    (conditions, conditions, exposures), both ways alike.
    """

    images: Ints
    sides: Ints
    exposures: Ints

    @classmethod
    def none(cls, conditions: int, items: int, exposures: int = 1) -> DrawCounts:
        """Before the first draw."""
        return cls(
            np.zeros((conditions, items), dtype=np.int64),
            np.zeros((conditions, conditions), dtype=np.int64),
            np.zeros((conditions, conditions, exposures), dtype=np.int64),
        )

    def add(self, pair: DrawnPair) -> None:
        """Count one trial."""
        self.images[[pair.left, pair.right], pair.item] += 1
        self.sides[pair.left, pair.right] += 1
        self.exposures[pair.left, pair.right, pair.exposure] += 1
        self.exposures[pair.right, pair.left, pair.exposure] += 1


@dataclass(frozen=True)
class Allocation:
    """How trials are drawn.

    `allowed` (n, n) tells which conditions may meet; None: every two. `random_share` of an assignment's pairs
    are drawn at random. `first`: how many of the first conditions are to be told apart, from each other and
    from the next; None: all, the first most of all.
    """

    random_share: float = RANDOM_SHARE
    design_effect: float = DESIGN_EFFECT
    prior_sd: float = PRIOR_SD
    allowed: NDArray[np.bool_] | None = field(default=None, repr=False)
    first: int | None = None


def posterior(wins: Floats, allocation: Allocation | None = None, pending: Floats | None = None) -> Posterior:
    """Return the posterior of the strengths.

    Args:
        wins: (n, n) how often the condition of the row was chosen over that of the column; ties as halves.
        allocation: Its prior and design effect.
        pending: (n, n) how many answers are still to come, both ways alike: what they will add is known
            beforehand, and so is drawn less often.

    Example:
        >>> found = posterior(np.array([[0.0, 30.0], [10.0, 0.0]]))
        >>> found.mean.round(2).tolist()
        [0.48, -0.48]
    """
    allocation = allocation or Allocation()
    wins = wins / allocation.design_effect
    number = wins + wins.T
    prior = np.eye(len(wins)) / allocation.prior_sd**2
    theta = np.zeros(len(wins))
    for _ in range(_STEPS):
        p = expit(theta[:, None] - theta[None, :])
        weight = number * p * (1 - p)
        precision = prior + np.diag(weight.sum(axis=1)) - weight
        score = (wins - number * p).sum(axis=1) - prior @ theta
        step = np.linalg.solve(precision, score)
        theta = theta + step * min(1.0, 2.0 / max(1e-12, float(np.abs(step).max())))
        if np.abs(step).max() < 1e-8:
            break
    p = expit(theta[:, None] - theta[None, :])
    if pending is not None:
        number = number + pending / allocation.design_effect
    weight = number * p * (1 - p)
    precision = prior + np.diag(weight.sum(axis=1)) - weight
    return Posterior(theta, np.asarray(np.linalg.inv(precision), dtype=np.float64))


def worth(known: Posterior, design_effect: float = DESIGN_EFFECT, matters: Floats | None = None) -> Floats:
    """Return (n, n) how much one more answer about each pair is expected to tell of the ranking, in nats.

    `matters` (n, n): how much the difference of each two counts; None: the more, the higher they rank.
    """
    gap = known.mean[:, None] - known.mean[None, :]
    spread = _spread(known.covariance)
    matters = (_by_rank(known) if matters is None else matters) / spread
    np.fill_diagonal(matters, 0.0)
    of_differences = np.diag(matters.sum(axis=1)) - matters
    told = known.covariance @ of_differences @ known.covariance
    p = expit(gap)
    weight = p * (1 - p) / design_effect
    return np.asarray(weight * _spread(told) / (1 + weight * spread) / 2)


def _by_rank(known: Posterior) -> Floats:
    """Return (n, n) how much the difference of each two counts where all do, the first most."""
    own = expected_ranks(known) ** -_TOP
    return np.asarray(own[:, None] * own[None, :])


def of_first(known: Posterior, first: int, rng: np.random.Generator) -> Floats:
    """Return (n, n) how much the difference of each two counts where the `first` are to be told apart.

    That is how often, among strengths drawn from the posterior, one of the two is among the first and the
    other, too, or the next; half as often where it is the next.
    """
    drawn = rng.multivariate_normal(known.mean, known.covariance, _POSTERIOR_DRAWS, method="cholesky")
    ranks = np.argsort(np.argsort(-drawn, axis=1), axis=1)
    both = (ranks < first).T.astype(np.float64) @ (ranks <= first).astype(np.float64) / _POSTERIOR_DRAWS
    np.fill_diagonal(both, 0.0)
    return np.asarray((both + both.T) / 2)


def _spread(covariance: Floats) -> Floats:
    """Return the variances of all differences."""
    own = np.diag(covariance)
    return np.maximum(own[:, None] + own[None, :] - 2 * covariance, 1e-12)


def expected_ranks(known: Posterior) -> Floats:
    """Return (n,) the rank that each condition is expected to have, from 1: the strongest."""
    gap = known.mean[:, None] - known.mean[None, :]
    stronger = ndtr(gap / np.sqrt(_spread(known.covariance)))
    # Nobody is stronger than oneself; the diagonal says one half.
    return np.asarray(0.5 + (1 - stronger).sum(axis=1))


def draw(
    known: Posterior,
    shown: DrawCounts,
    trials: int,
    rng: np.random.Generator,
    allocation: Allocation | None = None,
) -> list[DrawnPair]:
    """Return the trials of one assignment, in the order shown.

    Args:
        known: The posterior, of the answers before.
        shown: How often trials were drawn before; those drawn here are added to it.
        trials: How many.
        rng: Decides the random pairs, the order, and between equals: the same one draws the same trials.
        allocation: How.

    Returns:
        Trials whose two images show one item, none of them twice in the assignment while there are others.
    """
    allocation = allocation or Allocation()
    n = len(known.mean)
    upper = np.triu(np.ones((n, n), dtype=np.bool_), 1)
    allowed = upper if allocation.allowed is None else upper & (allocation.allowed | allocation.allowed.T)
    at_random = round(allocation.random_share * trials)
    pairs = _random_pairs(allowed, at_random, rng)
    drawn = np.zeros((n, n))
    # Found once: within an assignment, who is among the first hardly changes.
    matters = None if allocation.first is None else of_first(known, allocation.first, rng)
    for pair in pairs:
        known = known.after(pair, allocation.design_effect)
        drawn[pair] += 1
    for _ in range(trials - at_random):
        value = worth(known, allocation.design_effect, matters) / (1 + drawn)
        value = np.where(allowed, value * (1 + 1e-6 * rng.random((n, n))), -1.0)
        first, second = divmod(int(value.argmax()), n)
        pairs.append((first, second))
        drawn[first, second] += 1
        known = known.after((first, second), allocation.design_effect)
    return dealt(pairs, shown, rng)


def _random_pairs(allowed: NDArray[np.bool_], count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw pairs at random, none twice while there are others."""
    every = np.argwhere(allowed)
    rounds = np.argsort(rng.random((max(1, -(-count // len(every))), len(every))), axis=1)
    return [(int(a), int(b)) for a, b in every[rounds.ravel()[:count]]]


def dealt(pairs: list[tuple[int, int]], shown: DrawCounts, rng: np.random.Generator) -> list[DrawnPair]:
    """Give each pair an item, an exposure and its sides, each the least shown, and shuffle the trials.

    No item comes twice while there are others, and no image of a condition; `shown` counts what is dealt.
    """
    items = shown.images.shape[1]
    here = np.zeros(shown.exposures.shape[2])
    met = np.zeros(items)
    seen = np.zeros(shown.images.shape, dtype=np.bool_)
    found = []
    for place in np.argsort(rng.random(len(pairs))).tolist():
        a, b = pairs[place]
        ahead = shown.sides[a, b] - shown.sides[b, a]
        if ahead > 0 or (ahead == 0 and rng.random() < 0.5):
            a, b = b, a
        cost = shown.images[a] + shown.images[b] + _MOST * (met + items * (seen[a] | seen[b]))
        item = int((cost + rng.random(items)).argmin())
        exposure = int((_MOST * here + shown.exposures[a, b] + rng.random(len(here))).argmin())
        one = DrawnPair(a, b, item, exposure)
        shown.add(one)
        met[item] += 1
        seen[[a, b], item] = True
        here[exposure] += 1
        found.append(one)
    return found
