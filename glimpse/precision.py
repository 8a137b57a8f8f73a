"""How precise a preference rate is: what workers, pairs and images add to its variance.

In probit units, a worker, a pair, and the image of each side add effects of their own. Then the rate p of a
cell has about the variance

    Var = s2_worker / W + s2_image / n_A + s2_image / n_B + s2_pair / P + s2_answer / n,

for W workers, n_A and n_B images of the two sides, P pairs and n answers: more answers about few images
cannot make up for them. With z = Phi^-1(p), sd an effect's standard deviation and S the sum of sd^2 over the
worker, the pair and both images, s2 = phi(z)^2 sd^2 / (1 + S); s2_answer is what these leave of p (1 - p).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable


class Spread(NamedTuple):
    """Standard deviations in probit units: between workers, pairs, and the images of a condition.

    What a pair shows differs by sqrt(pair^2 + 2 image^2) from one pair to another.
    """

    worker: float
    pair: float
    image: float


# Pairs differ by 0.21, 0.45 and 0.81 in all, mostly since their images do. "typical" is what `simulate` does.
SPREADS = {
    "low": Spread(0.1, 0.07, 0.14),
    "typical": Spread(0.25, 0.15, 0.3),
    "high": Spread(0.5, 0.27, 0.54),
}
TYPICAL = SPREADS["typical"]
PAIR_SD, IMAGE_SD = TYPICAL.pair, TYPICAL.image
PAPER_IMAGES = 500  # of Cityscapes' validation set, which Chen & Koltun (2017) compare
LEVEL = 0.95


@dataclass(frozen=True)
class CellSize:
    """What a cell has: answers; workers, pairs, images of side A and of side B, each as equal ones.

    Where some of them stand in more answers than others, they count as fewer: see `as_equal`.
    """

    answers: float
    workers: float
    pairs: float
    images_a: float
    images_b: float

    @property
    def fewest(self) -> float:
        """The smallest of the numbers of workers and of images of a side, which limits a t quantile."""
        return min(self.workers, self.images_a, self.images_b)


def as_equal(names: Iterable[Hashable]) -> float:
    """How many equally frequent things are worth what `names` holds: (sum m)^2 / sum m^2, m their counts.

    >>> as_equal("aabb"), as_equal("aaab")
    (2.0, 1.6)
    """
    counts = Counter(names).values()
    return sum(counts) ** 2 / sum(count**2 for count in counts)


def rate_variance(counts: CellSize, spread: Spread = TYPICAL, rate: float = 0.5) -> float:
    """Variance of a cell's preference rate, whose true value is `rate`: the formula above.

    >>> few = CellSize(answers=1000, workers=200, pairs=50, images_a=8, images_b=8)
    >>> round(math.sqrt(rate_variance(few)), 3)
    0.058
    """
    normal = NormalDist()
    total = spread.worker**2 + spread.pair**2 + 2 * spread.image**2
    scale = normal.pdf(normal.inv_cdf(rate)) ** 2 / (1 + total)
    return (
        scale * spread.worker**2 / counts.workers
        + scale * spread.image**2 * (1 / counts.images_a + 1 / counts.images_b)
        + scale * spread.pair**2 / counts.pairs
        + (rate * (1 - rate) - scale * total) / counts.answers
    )


def interval_width(counts: CellSize, spread: Spread = TYPICAL, rate: float = 0.5) -> float:
    """About how wide the 95 % interval of a cell's rate is, in [0, 1]: Wilson's, with a t quantile.

    >>> few = CellSize(answers=1000, workers=200, pairs=50, images_a=8, images_b=8)
    >>> many = CellSize(answers=1000, workers=200, pairs=50, images_a=50, images_b=50)
    >>> round(interval_width(few), 2), round(interval_width(many), 2)
    (0.26, 0.11)
    """
    from scipy.special import stdtrit

    t = float(stdtrit(max(counts.fewest - 1, 1), (1 + LEVEL) / 2))
    ratio = t**2 * rate_variance(counts, spread, rate) / (rate * (1 - rate))
    return 2 * math.sqrt(ratio * rate * (1 - rate) + ratio**2 / 4) / (1 + ratio)
