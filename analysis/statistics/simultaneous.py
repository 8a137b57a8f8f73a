"""Intervals that hold for all strengths at once, or for all their differences: max-t.

With T the largest of the studentised errors of all statements, the interval estimate +- q se, q the quantile
of |T|, holds for every statement at the stated confidence. The distribution of T is simulated: errors of the
strengths from a normal distribution with their clustered covariance, and each beside a covariance estimated
from as few clusters (a Wishart draw), as standard errors of many differences err in many directions. With
one statement, q is the quantile of Student's t.

Hothorn, Bretz & Westfall (2008), "Simultaneous inference in general parametric models", Biometrical Journal
50(3), for the intervals; Mogstad, Romano, Shaikh & Wilhelm (2024) for the ranks, in `rank_sets`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .clustering import divide

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .clustering import Floats

DRAWS = 10_000
BLOCK = 2_000_000  # numbers that are drawn at a time
KNOWN = 2_000  # degrees of freedom from which on a covariance counts as known


@dataclass(frozen=True)
class Estimates:
    """Strengths of K conditions with their errors.

    theta: (K,). covariance: (K, K), of the strengths about their mean; what it lacks of being positive is
    cut, and only correlations are taken from it. se: (K,) standard errors of the strengths; se_gaps: (K, K)
    of their differences. df: degrees of freedom of all errors; infinite where they are known.
    """

    theta: Floats
    covariance: Floats
    se: Floats
    se_gaps: Floats
    df: float

    @classmethod
    def known(cls, theta: Floats, covariance: Floats) -> Estimates:
        """With a covariance that is known."""
        variance = np.diag(covariance)
        gaps = variance[:, None] + variance - 2 * covariance
        return cls(theta, covariance, np.sqrt(variance), np.sqrt(np.maximum(gaps, 0.0)), np.inf)

    @property
    def usable(self) -> bool:
        """Whether there is anything to simulate."""
        return bool(self.df > 0 and np.isfinite(self.covariance).all() and np.isfinite(self.se_gaps).all())


@dataclass(frozen=True)
class Simulated:
    """Studentised errors: of strengths (draws, K), and of the differences of `pairs` (draws, P)."""

    strengths: NDArray[np.float32]
    gaps: NDArray[np.float32]
    pairs: tuple[NDArray[np.intp], NDArray[np.intp]]


def simulate(estimates: Estimates, rng: np.random.Generator, draws: int = DRAWS) -> Simulated:
    """Draw the errors of strengths and of all differences, each divided by a standard error as estimated."""
    K, root = len(estimates.theta), _root(estimates.covariance)
    pairs = np.triu_indices(K, 1)
    known = np.diag(root @ root.T)
    size = max(1, BLOCK // (K * K))
    parts = []
    for start in range(0, draws, size):
        n = min(size, draws - start)
        errors = rng.standard_normal((n, root.shape[1])) @ root.T
        if estimates.df >= KNOWN:
            variance = np.broadcast_to(known, (n, K))
            shared = np.broadcast_to((root @ root.T)[pairs], (n, len(pairs[0])))
        else:
            spread = root @ _wishart_roots(rng, n, root.shape[1], estimates.df)
            product = spread @ spread.transpose(0, 2, 1)
            variance, shared = np.diagonal(product, axis1=1, axis2=2), product[:, pairs[0], pairs[1]]
        between = variance[:, pairs[0]] + variance[:, pairs[1]] - 2 * shared
        gap = errors[:, pairs[0]] - errors[:, pairs[1]]
        parts.append([_studentised(errors, variance), _studentised(gap, between)])
    strengths, gaps = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Simulated(strengths, gaps, pairs)


def critical_value(errors: NDArray[np.float32], level: float) -> float:
    """The quantile of the largest absolute error; errors: (draws, statements)."""
    return float(np.quantile(np.maximum(errors.max(axis=1), -errors.min(axis=1)), level))


def intervals(estimates: Estimates, simulated: Simulated, level: float) -> tuple[Floats, Floats]:
    """Ends of intervals that hold for all strengths at once: two of (K,).

    >>> apart = Estimates.known(np.array([1.0, 0.0, -1.0]), np.eye(3) / 100)
    >>> low, high = intervals(apart, simulate(apart, np.random.default_rng(0)), 0.95)
    >>> (high - low).round(2).tolist()  # 2 * 0.239; one alone: 2 * 0.196
    [0.48, 0.48, 0.48]
    """
    reach = critical_value(simulated.strengths, level) * estimates.se
    return estimates.theta - reach, estimates.theta + reach


def gap_intervals(estimates: Estimates, simulated: Simulated, level: float) -> tuple[Floats, Floats]:
    """Ends of intervals that hold for all differences theta_i - theta_j at once: two of (K, K)."""
    gap = estimates.theta[:, None] - estimates.theta
    reach = critical_value(simulated.gaps, level) * estimates.se_gaps
    return gap - reach, gap + reach


def _root(covariance: Floats) -> Floats:
    """R with R R' the covariance, less its negative eigenvalues: (K, rank)."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    keep = values > 1e-12 * max(float(values[-1]), 0.0)
    return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))


def _wishart_roots(rng: np.random.Generator, n: int, rank: int, df: float) -> Floats:
    """Roots of covariances that df draws estimate, of the identity: (n, rank, columns).

    From the rank on by Bartlett's decomposition (1933), which needs no whole number; below it, from as many
    draws as df rounded.
    """
    if df < rank:
        whole = max(1, round(df))
        return np.asarray(rng.standard_normal((n, rank, whole)) / np.sqrt(whole))
    root = np.tril(rng.standard_normal((n, rank, rank)), -1)
    at = np.arange(rank)
    root[:, at, at] = np.sqrt(rng.chisquare(df - at, (n, rank)))
    return np.asarray(root / np.sqrt(df))


def _studentised(error: Floats, variance: Floats) -> NDArray[np.float32]:
    """Errors by their standard errors; 0 where there is none, as of a difference that has no variance."""
    return np.nan_to_num(divide(error, np.sqrt(np.maximum(variance, 0.0)))).astype(np.float32)
