"""What `analyze` lets one choose: how answers cluster, how p-values are adjusted, the shape of a curve.

One entry a choice, and everything that depends on it made from that entry: the option's values, the check of
a setting, the computation, and the words of the report. NumPy and SciPy are imported when they compute, so
that `analyze --help` is instant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

ALPHA = 0.05  # the level of every test whose verdict is stated: a convention, and no choice
EXPOSURES = ("nominal", "measured")


@dataclass(frozen=True)
class Cluster:
    """What makes answers alike.

    ways: of "worker", and "image" or "pair"; a `bootstrap` draws whole clusters of its one way. In words:
    clustered ("Rates with 95 % intervals (...)"), allowance ("Intervals and tests ..."), methods ("intervals
    that account for correlation within ...") and sampled ("... are treated as a sample of those to which the
    findings apply").
    """

    name: str
    ways: tuple[str, ...]
    clustered: str
    allowance: str
    methods: str
    sampled: str
    bootstrap: bool = False

    @property
    def standard(self) -> bool:
        """Whether it is the default."""
        return self.name == STANDARD.name

    def spoken(self, stimulus: str) -> Cluster:
        """Return it with words about what people saw: an "image" or a "clip"."""
        words = ("clustered", "allowance", "methods", "sampled")
        return replace(self, **{word: getattr(self, word).replace("image", stimulus) for word in words})


CLUSTERS = {
    entry.name: entry
    for entry in (
        Cluster(
            "images",
            ("worker", "image"),
            "clustered by worker and by image",
            "account for differences between workers and between the images of either side",
            "participants and images of either side (multi-way cluster-robust variance; Cameron, Gelbach and "
            "Miller 2011)",
            "Workers and images",
        ),
        Cluster(
            "two-way",
            ("worker", "pair"),
            "clustered by worker and by pair of images",
            "account for differences between workers and between pairs of images, but not for images that "
            "recur in several pairs",
            "participants and image pairs (two-way cluster-robust variance; Cameron, Gelbach and Miller "
            "2011)",
            "Workers and pairs of images",
        ),
        Cluster(
            "worker",
            ("worker",),
            "clustered by worker",
            "account for differences between workers, but not between images",
            "participants (cluster-robust variance)",
            "Workers, but not images,",
        ),
        Cluster(
            "pair",
            ("pair",),
            "clustered by pair of images",
            "account for differences between pairs of images, but not between workers",
            "image pairs (cluster-robust variance)",
            "Pairs of images, but not workers,",
        ),
        Cluster(
            "worker-bootstrap",
            ("worker",),
            "bootstrap over workers",
            "come from a bootstrap over workers, and ignore differences between images",
            "participants (percentile bootstrap over participants)",
            "Workers, but not images,",
            bootstrap=True,
        ),
        Cluster(
            "pair-bootstrap",
            ("pair",),
            "bootstrap over pairs of images",
            "come from a bootstrap over pairs of images, and ignore differences between workers",
            "image pairs (percentile bootstrap over pairs)",
            "Pairs of images, but not workers,",
            bootstrap=True,
        ),
    )
}
STANDARD = CLUSTERS["images"]  # right in every design
CLUSTERS["scene"] = STANDARD  # its earlier name


@dataclass(frozen=True)
class Adjustment:
    """How p-values are adjusted for their number. step: of all p-values, ascending, before the cap at 1."""

    name: str
    label: str
    step: Callable[[Floats], Floats]


def _holm(ascending: Floats) -> Floats:
    """Holm (1979)."""
    import numpy as np

    return np.asarray(np.maximum.accumulate(ascending * (len(ascending) - np.arange(len(ascending)))))


def _benjamini_hochberg(ascending: Floats) -> Floats:
    """Benjamini & Hochberg (1995)."""
    import numpy as np

    m = len(ascending)
    return np.asarray(np.minimum.accumulate((ascending * m / np.arange(1, m + 1))[::-1])[::-1])


ADJUSTMENTS = {
    entry.name: entry
    for entry in (
        Adjustment("holm", "Holm", _holm),
        Adjustment("bh", "Benjamini-Hochberg", _benjamini_hochberg),
    )
}


@dataclass(frozen=True)
class CurveShape:
    """A shape F of the realism curve: its name in a sentence, F(z), its derivative, and its inverse."""

    name: str
    label: str
    cdf: Callable[[Floats], Floats]
    pdf: Callable[[Floats], Floats]
    quantile: Callable[[Floats], Floats]


def _logistic_cdf(z: Floats) -> Floats:
    from scipy.special import expit

    return expit(z)


def _logistic_pdf(z: Floats) -> Floats:
    F = _logistic_cdf(z)
    return F * (1 - F)


def _logistic_quantile(q: Floats) -> Floats:
    from scipy.special import logit

    return logit(q)


def _gaussian_cdf(z: Floats) -> Floats:
    from scipy.special import ndtr

    return ndtr(z)


def _gaussian_pdf(z: Floats) -> Floats:
    import numpy as np

    return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))


def _gaussian_quantile(q: Floats) -> Floats:
    from scipy.special import ndtri

    return ndtri(q)


def _weibull_cdf(z: Floats) -> Floats:
    import numpy as np

    # A Weibull function of t is a Gumbel function of log t.
    return np.asarray(-np.expm1(-np.exp(np.minimum(z, 5.0))))


def _weibull_pdf(z: Floats) -> Floats:
    import numpy as np

    z = np.minimum(z, 5.0)
    return np.asarray(np.exp(z - np.exp(z)))


def _weibull_quantile(q: Floats) -> Floats:
    import numpy as np

    return np.asarray(np.log(-np.log1p(-q)))


CURVE_SHAPES = {
    entry.name: entry
    for entry in (
        CurveShape("logistic", "logistic", _logistic_cdf, _logistic_pdf, _logistic_quantile),
        CurveShape("weibull", "Weibull", _weibull_cdf, _weibull_pdf, _weibull_quantile),
        CurveShape("gaussian", "cumulative Gaussian", _gaussian_cdf, _gaussian_pdf, _gaussian_quantile),
    )
}
