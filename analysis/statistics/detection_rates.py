"""How often images are said to be generated, and how those rates vary together.

Each of R rates is over the answers of some groups. Answers that share a worker or an image are alike, so that
the covariance of rates is V = V_worker + V_image - V_answer (Cameron, Gelbach & Miller 2011), each with the
correction G / (G - 1) of its own rates, and not below any of the three along any direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from .clustering import divide
from .covariance import Cells, Covariances
from .detection_answers import ANSWER
from .distributions import normal_quantile, t_quantile, t_test
from .preference import Intervals, cell_intervals, design_effects, wilson

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from .clustering import Floats
    from .detection_answers import DetectionTally, Flags

EDGE = 1e-12  # z of a limit is taken no nearer to 0 or 1 than this, so that it stays finite


@dataclass(frozen=True, eq=False)
class SaidGenerated:
    """R rates of "generated", over sets of groups.

    masks: (R, G) the groups of each. n, k: (R,) answers, and those that say generated. covariances: of the
    rates, (R, R). clusters, effective: by "worker", "image" and "answer", (R,). intervals: `cell_intervals`
    (low, high, se, n_effective, df, p_value, note), one row a rate.
    """

    tally: DetectionTally
    masks: Flags
    ways: tuple[str, ...]
    level: float
    n: NDArray[np.int64]
    k: NDArray[np.int64]
    covariances: Covariances
    clusters: Mapping[str, NDArray[np.int64]]
    effective: Mapping[str, Floats]
    intervals: pd.DataFrame

    @property
    def rate(self) -> Floats:
        """k / n; NaN without answers."""
        return np.asarray(divide(self.k, self.n))

    @property
    def df(self) -> Floats:
        """Degrees of freedom of each rate: its fewest effective clusters less one."""
        return np.asarray(np.min([self.effective[way] for way in self.ways], axis=0) - 1)

    def correction(self, way: str) -> Floats:
        """Root of G / (G - 1) for each rate, by which scores are multiplied; NaN with one cluster."""
        return _correction(self.clusters[way])

    def covariances_of(self, scores: Callable[[str], Floats]) -> Covariances:
        """Of sums over answers. scores: (S, G) of an answer of each group, corrected for a way."""
        return _combined(_by_way(self.tally, scores), self.ways)

    def variance(self, weights: Floats) -> Floats:
        """Of weighted sums of the rates, weights (M, R), with the floors of `Covariances`: (M,)."""
        return _along(self.covariances, weights)

    def freedom(self, weights: Floats) -> Floats:
        """Degrees of freedom of that variance, (M,): at least those of the fewest clusters.

        Satterthwaite's (1946): each part of the variance by the square of its share, over workers, and over
        the images of each rate, as rates have images of their own. So a variance that comes from images
        counts as many as there are.
        """
        used = weights != 0
        least = np.where(used, self.df, np.inf).min(axis=1)
        if len(self.ways) == 1:
            return np.asarray(least)
        worker, image, _ = self.covariances.floors
        workers = np.where(used, self.effective["worker"] - 1, np.inf).min(axis=1)
        of_images = weights**2 * np.diag(image)
        squares = divide(_quadratic(worker, weights) ** 2, workers) + np.nansum(
            divide(of_images**2, np.broadcast_to(self.effective["image"] - 1, weights.shape)), axis=1
        )
        found = divide(self.variance(weights) ** 2, squares)
        return np.asarray(np.where(np.isfinite(found) & (least > 0), np.maximum(found, least), least))

    @property
    def z(self) -> Floats:
        """Normal quantiles of the rates, with the log-linear correction of Hautus (1995): (R,)."""
        return z_of(self.k, self.n)

    @property
    def z_variance(self) -> Floats:
        """Variance of z by the delta method; that of a rate of 0 or 1 from its effective answers: (R,)."""
        p, z = log_linear(self.k, self.n), self.z
        n = self.intervals["n_effective"].to_numpy(float)
        return np.asarray(p * (1 - p) / n / _density(z) ** 2)

    @property
    def z_scale(self) -> Floats:
        """By how much z rises with each rate: (R,); 0 where a rate of 0 or 1 tells nothing of it."""
        return np.where(self._still, 0.0, 1 / _density(special.ndtri(np.where(self._still, 0.5, self.rate))))

    @property
    def _still(self) -> Flags:
        return ~np.isfinite(self.rate) | (self.rate <= 0) | (self.rate >= 1)

    def sums_of_z(self, weights: Floats) -> Estimate:
        """Weighted sums of z, weights (M, R), with their intervals and tests of 0.

        The ends of an interval lie as far off as the ends of the terms' own intervals do together (MOVER:
        Zou & Donner 2008, Stat. Med. 27(10)), times what their correlation makes of the variance.
        """
        df = self.freedom(weights * np.where(self.z_scale > 0, self.z_scale, 1.0))
        known = np.where(weights != 0, np.nan_to_num(self.z), 0.0)
        value = np.where(
            ((weights != 0) & ~np.isfinite(self.z)).any(axis=1), np.nan, (weights * known).sum(1)
        )
        n = np.broadcast_to(self.intervals["n_effective"].to_numpy(float), weights.shape)
        low, high = z_limits(np.broadcast_to(self.rate, weights.shape), n, df[:, None], self.level)
        reach = (np.maximum(self.z - low, 0), np.maximum(high - self.z, 0))
        apart = np.where(self._still, np.nan_to_num(self.z_variance), 0.0)
        extra = weights**2 @ apart
        own = weights**2 @ (self.z_scale**2 * np.nan_to_num(self.variance(np.eye(len(self.n)))))
        together = self.variance(weights * self.z_scale) + extra
        return combined(
            value, weights, reach, np.sqrt(together), divide(together, own + extra), df, self.level
        )

    def sums_of_rates(self, weights: Floats) -> Estimate:
        """Weighted sums of the rates, weights (M, R); their ends come from Wilson's intervals as those of z
        come from theirs."""
        df = self.freedom(weights)
        value = np.where(weights != 0, weights * np.nan_to_num(self.rate), 0.0).sum(axis=1)
        value = np.where(((weights != 0) & ~np.isfinite(self.rate)).any(axis=1), np.nan, value)
        n, rate = self.intervals["n_effective"].to_numpy(float), self.rate
        quantile = t_quantile((1 + self.level) / 2, np.where(df > 0, df, 1.0))[:, None]
        low, high = wilson(np.broadcast_to(rate, weights.shape), np.broadcast_to(n, weights.shape), quantile)
        own = np.nan_to_num(self.variance(np.eye(len(self.n))))
        extra = np.where(own > 0, 0.0, np.nan_to_num(0.25 / np.maximum(n, 1)))
        together = self.variance(weights) + weights**2 @ extra
        ratio = divide(together, weights**2 @ (own + extra))
        return combined(value, weights, (rate - low, high - rate), np.sqrt(together), ratio, df, self.level)


class Estimate(NamedTuple):
    """M numbers with their intervals and two-sided tests of 0, each (M,); NaN where nothing can be said."""

    value: Floats
    low: Floats
    high: Floats
    se: Floats
    df: Floats
    p_value: Floats


def combined(
    value: Floats,
    weights: Floats,
    reach: tuple[Floats, Floats],
    se: Floats,
    ratio: Floats,
    df: Floats,
    level: float,
) -> Estimate:
    """The interval of weighted sums from how far the terms' intervals reach down and up, each (M, R).

    ratio: the variance of each sum over what it would be were its terms independent. The test is the
    interval's dual: p is below 1 - level exactly where the interval leaves 0 out.
    """
    squares = [np.where(weights != 0, weights * np.nan_to_num(one), 0.0) ** 2 for one in reach]
    falls = [np.where(weights > 0, squares[side], squares[1 - side]).sum(axis=1) for side in (0, 1)]
    down, up = (np.sqrt(np.maximum(total * ratio, 0.0)) for total in falls)
    known = (df > 0) & np.isfinite(value)
    down, up = (np.where(known & (end > 0), end, np.nan) for end in (down, up))
    at = np.where(known, df, 1.0)
    error = np.where(value > 0, down, up) / t_quantile((1 + level) / 2, at)
    p_value = np.asarray(t_test(divide(value, error), at))
    return Estimate(value, value - down, value + up, np.where(known, se, np.nan),
                    np.where(known, df, np.nan), np.where(known, p_value, np.nan))  # fmt: skip


def said_generated(
    tally: DetectionTally,
    masks: Flags,
    ways: Sequence[str] = ("worker", "image"),
    settings: Intervals | None = None,
    kinds: Sequence[str] | None = None,
) -> SaidGenerated:
    """Rates over sets of groups, masks (R, G), with intervals.

    kinds: what each rate is of; one of 0 or 1 has no variance of its own, and borrows the design effect of
    the others of its kind.
    """
    settings = settings or Intervals()
    n, k = (np.asarray(masks @ of, dtype=np.int64) for of in (tally.n, tally.n * tally.said_generated))
    measured = {way: tally.clusters(way, masks) for way in tally.entries}
    clusters = {way: number for way, (number, _) in measured.items()}
    effective = {way: worth for way, (_, worth) in measured.items()}
    rate = divide(k, n)
    scores = np.where(masks, tally.said_generated - rate[:, None], 0.0) / np.maximum(n, 1)[:, None]
    parts = _by_way(tally, lambda way: scores * _correction(clusters[way])[:, None])
    covariances = _combined(parts, tuple(ways))
    df = np.min([effective[way] for way in ways], axis=0) - 1
    variance = covariances.variance(np.eye(len(n)))
    variance = np.where(variance < 1e-15, 0.0, variance)
    alone = {way: np.diag(part) for way, part in parts.items()}
    cells = Cells(n, k, variance, alone, clusters, effective, df)
    borrowed = design_effects(cells, pd.Series(list(kinds) if kinds else ["all"] * len(n)))
    return SaidGenerated(
        tally, masks, tuple(ways), settings.level, n, k, covariances, clusters, effective,
        cell_intervals(cells, settings, borrowed),
    )  # fmt: skip


def _correction(clusters: NDArray[np.int64]) -> Floats:
    G = clusters.astype(float)
    return np.sqrt(divide(G, G - 1))


def _by_way(tally: DetectionTally, scores: Callable[[str], Floats]) -> dict[str, Floats]:
    parts = {}
    for way, own in tally.grams.items():
        of_way = scores(way)
        parts[way] = np.asarray(of_way @ (own @ of_way.T))
    return parts


def _along(found: Covariances, weights: Floats) -> Floats:
    """`Covariances.variance`, by products of whole matrices."""
    return np.asarray(np.max([_quadratic(one, weights) for one in (found.combined, *found.floors)], axis=0))


def _quadratic(matrix: Floats, weights: Floats) -> Floats:
    """w' M w of each row; what has no weight may be missing."""
    return np.asarray((weights @ np.nan_to_num(matrix) * weights).sum(axis=1))


def _combined(parts: Mapping[str, Floats], ways: tuple[str, ...]) -> Covariances:
    """One way, or both less what they share, with the floors of the second."""
    if len(ways) == 1:
        return Covariances(parts[ways[0]], (), parts[ANSWER], np.nan)
    worker, image, answer = (parts[way] for way in ("worker", "image", ANSWER))
    return Covariances(worker + image - answer, (worker, image, answer), answer, np.nan)


def log_linear(k: NDArray[np.integer], n: NDArray[np.integer]) -> Floats:
    """(k + 1/2) / (n + 1): rates that are never 0 or 1 (Hautus 1995, "Corrections for extreme proportions
    and their biasing effects on estimated values of d'", Behav. Res. Methods 27(1)); NaN without answers."""
    return np.where(np.asarray(n) > 0, (np.asarray(k) + 0.5) / (np.asarray(n) + 1.0), np.nan)


def z_of(k: NDArray[np.integer], n: NDArray[np.integer]) -> Floats:
    """The normal quantile of a log-linear rate."""
    return np.asarray(special.ndtri(log_linear(k, n)))


def z_limits(rate: Floats, n_effective: Floats, df: Floats, level: float) -> tuple[Floats, Floats]:
    """Ends of the interval of a rate's normal quantile, always finite: two of (R,), NaN without a variance.

    The rate's interval is Jeffreys' (Brown, Cai & DasGupta 2001, Stat. Sci. 16(2)), whose mean is the
    log-linear rate, with the effective answers, and fewer of them as the t quantile is wider than the normal
    (Korn & Graubard 1998, Surv. Methodol. 24(2), use the same factor with the interval of Clopper and
    Pearson).
    """
    tail = (1 - level) / 2
    ratio = normal_quantile(1 - tail) / t_quantile(1 - tail, np.where(df > 0, df, 1.0))
    n = np.where(df > 0, n_effective * ratio**2, np.nan)
    a, b = n * rate + 0.5, n * (1 - rate) + 0.5
    ends = (special.betaincinv(a, b, tail), special.betaincinv(a, b, 1 - tail))
    low, high = (np.asarray(special.ndtri(np.clip(end, EDGE, 1 - EDGE))) for end in ends)
    return low, high


def _density(z: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))
