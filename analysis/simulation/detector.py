"""Simulated people who see one image at a time: what they see in it, and what they say.

The model, in probit units, is that of signal detection. An image of a condition gives the evidence

    x = g m(t) + u + N(0, 1),        "generated" where x > k + b,

with m = 0 for real images, a worker's ability g and lean b, and the image's own u. Over workers and images as
a whole the rates are those of an observer with d'(t) = D s(t) and the criterion k, wherever it looks:

    false alarms Phi(-k),   hits Phi(d'(t) - k),   s(t) = 1 / (1 + (h / t) ^ (slope / ln 2)),

with D for a condition's d' without a time limit and h for the exposure at which half of it is there. m and
the criterion are larger than d' and k by just so much that this holds whatever workers and images differ by,
as in `observer`. The criterion in the middle between the two distributions, c of the textbooks (Macmillan &
Creelman 2005), is k - d'(t) / 2. Ratings cut the same evidence at k + j `scale_step`, j = ..., -1, 0, 1, ...
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from glimpse.errors import GlimpseError

from .observer import Observer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LARGEST_D_PRIME = 20.0


@dataclass(frozen=True)
class Detector(Observer):
    """Settings of people who say whether an image is real.

    `d_prime` is that of a condition without a time limit; another one's follows from how real it looks in
    pairs, as d' = sqrt(2) times its distance from a photograph. `criterion` is k above, `criterion_sd` how
    people differ in it, `half_ms` the exposure at which half of d' is there.
    """

    d_prime: Mapping[str, float] = field(default_factory=dict)
    criterion: float = 0.6
    criterion_sd: float = 0.2
    half_ms: float = 120.0

    def __post_init__(self) -> None:
        """Check every number once."""
        for name, value in self.d_prime.items():
            if not abs(value) <= LARGEST_D_PRIME:
                raise GlimpseError(f"--d-prime {name}={value:g}: it must be a number from -20 to 20.")
        if not self.half_ms > 0:
            raise GlimpseError(f"--half-ms is {self.half_ms:g}; it must be above 0.")
        if not abs(self.criterion) <= 5:
            raise GlimpseError(f"--criterion is {self.criterion:g}; it must be a number from -5 to 5.")
        shifted = self.criterion
        object.__setattr__(self, "criterion", abs(shifted))  # the others' check takes numbers from 0 on
        super().__post_init__()
        object.__setattr__(self, "criterion", shifted)

    def d_prime_of(self, condition: str, role: str) -> float:
        """Return d' of a condition without a time limit: your own setting, else by how real it looks."""
        if role == "real":
            return 0.0
        own = self.d_prime.get(condition)
        return math.sqrt(2) * -self.quality_of(condition, role) if own is None else own


def detector(observer: Observer, d_prime: Mapping[str, float], **seeing: float) -> Detector:
    """Return the same people, as those who see one image at a time; seeing: criterion, half_ms ..."""
    return Detector(**{**vars(observer), **seeing, "d_prime": dict(d_prime)})


def settings_used(observer: Observer, quality: dict[str, float]) -> dict[str, Any]:
    """Return the settings that a study was answered with; `quality` is its conditions', or their d'."""
    if isinstance(observer, Detector):
        return asdict(replace(observer, d_prime=quality))
    return asdict(replace(observer, quality=quality))


def share_seen(exposure_ms: Floats | float, half_ms: float, slope: float) -> Floats:
    """Return s(t), the share of d' that is there after an exposure; 1 where it is not limited.

    >>> share_seen(np.array([120.0, np.inf]), 120.0, 1.3).tolist()
    [0.5, 1.0]
    """
    t = np.asarray(exposure_ms, float)
    with np.errstate(divide="ignore"):
        octaves = np.where(np.isfinite(t), np.log2(t / half_ms), np.inf)
    return np.asarray(expit(slope * octaves), dtype=float)


def location(z: Floats, observer: Detector) -> tuple[Floats, float]:
    """Return m and the criterion of an average worker, such that over all of them the hit rate is Phi(z).

    z: d'(t) - k of each trial. With v = 1 + sd_u^2 + sd_b^2: (m - k') / sqrt(v + sd_g^2 m^2) = z.
    """
    v = 1 + observer.image_sd**2 + observer.criterion_sd**2
    k = observer.criterion * math.sqrt(v)
    room = np.maximum(1 - (observer.ability_sd * z) ** 2, 0.05)
    root = np.sqrt(np.maximum(k**2 - room * (k**2 - z**2 * v), 0))
    return np.asarray((k + np.sign(z) * root) / room, dtype=float), k
