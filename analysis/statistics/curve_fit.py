"""Maximum likelihood of psi(t) = 1/2 + (A - 1/2) F(slope (log2 t - m)), many curves at a time.

Fisher scoring with Levenberg's damping on binomial counts; a curve is one row of a batch, so that bootstraps
and simulated studies are fitted together. Inside, a curve is theta = (logit A, ln slope, m): (B, 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .choices import CurveShape
    from .clustering import Floats

TINY = 1e-9  # rates are kept this far from 0 and 1, where the likelihood has no derivative
LOGIT_BOUND = 9.0  # A between 0.0001 and 0.9999
SLOPES = (0.4, 0.8, 1.5, 3.0, 6.0)  # where the search begins
SLOPE_BOUNDS = (0.05, 60.0)
MARGIN = 6.0  # octaves beyond the exposures that m may go
ITERATIONS = 80
STUCK = 4.0  # logit A from which on the plateau may be on its way to the bound
DIAGONAL = [0, 1, 2]


class Fits(NamedTuple):
    """theta: (B, 3); log_likelihood: (B,) without the binomial coefficient; converged: (B,)."""

    theta: Floats
    log_likelihood: Floats
    converged: NDArray[np.bool_]


def rates(x: Floats, theta: Floats, shape: CurveShape) -> Floats:
    """psi at x = log2 exposure: x (J,) or (B, J), theta (B, 3) -> (B, J) in (0, 1)."""
    z = np.exp(theta[:, 1:2]) * (x - theta[:, 2:3])
    return np.asarray(0.5 + (special.expit(theta[:, 0:1]) - 0.5) * shape.cdf(z))


def gradient(x: Floats, theta: Floats, shape: CurveShape) -> tuple[Floats, Floats]:
    """psi (B, J) and its derivatives by theta (B, J, 3)."""
    slope = np.exp(theta[:, 1:2])
    z = slope * (x - theta[:, 2:3])
    A = special.expit(theta[:, 0:1])
    F, rise = shape.cdf(z), (A - 0.5) * shape.pdf(z)
    psi = 0.5 + (A - 0.5) * F
    return psi, np.stack([A * (1 - A) * F, rise * z, -rise * slope], axis=-1)


def fit_batch(
    x: Floats, n: Floats, k: Floats, shape: CurveShape, *, plateau: Floats | None = None, starts: int = 3
) -> Fits:
    """Fit B curves to counts.

    x: (J,) log2 exposure. n, k: (B, J) answers, and those that chose the condition. plateau: (B,) values of A
    to be held fixed, strictly between 0 and 1; None estimates them. starts: how many of the best points of a
    grid each search begins from; the best end is kept.
    """
    begin = _starts(x, n, k, shape, plateau, starts)  # (B, S, 3)
    fits = _best(x, n, k, begin, shape, fixed=plateau is not None)
    # A plateau that runs to its bound does so along a flat valley; there A is set, and the rest is searched.
    stuck = ~fits.converged | (np.abs(fits.theta[:, 0]) > STUCK)
    if plateau is not None or not stuck.any():
        return fits
    n, k = n[stuck], k[stuck]
    side = np.where(fits.theta[stuck, 0] > 0, 1.0, -1.0) * LOGIT_BOUND
    begin = _starts(x, n, k, shape, special.expit(side), starts)
    again = _best(x, n, k, begin, shape, fixed=True)
    for mine, other in zip(fits, again, strict=True):
        mine[stuck] = np.where(
            _column(again.log_likelihood > fits.log_likelihood[stuck], other), other, mine[stuck]
        )
    return fits


def _column(flag: NDArray[np.bool_], like: NDArray[np.generic]) -> NDArray[np.bool_]:
    return flag[:, None] if like.ndim == 2 else flag


def _best(x: Floats, n: Floats, k: Floats, begin: Floats, shape: CurveShape, *, fixed: bool) -> Fits:
    """Climb from every start (B, S, 3) and keep the best end of each row."""
    B, S, _ = begin.shape
    many_n, many_k = np.repeat(n, S, axis=0), np.repeat(k, S, axis=0)
    theta, value, converged = _climb(x, many_n, many_k, begin.reshape(B * S, 3), shape, fixed)
    best = np.argmax(value.reshape(B, S), axis=1) + S * np.arange(B)
    return Fits(theta[best], value[best], converged[best])


def _starts(
    x: Floats, n: Floats, k: Floats, shape: CurveShape, plateau: Floats | None, starts: int
) -> Floats:
    """The best points of a grid over slope and m, with A by least squares: (B, S, 3)."""
    slope, m = (g.ravel() for g in np.meshgrid(SLOPES, np.linspace(x.min() - 1, x.max() + 1, 9)))
    F = shape.cdf(slope[:, None] * (x - m[:, None]))  # (G, J)
    excess = k - 0.5 * n  # (B, J)
    top, below = excess @ F.T, n @ (F * F).T  # (B, G)
    if plateau is None:
        d = np.clip(top / np.maximum(below, TINY), -0.49, 0.49)
    else:
        d = np.repeat(plateau[:, None] - 0.5, len(slope), axis=1)
    loss = d * d * below - 2 * d * top
    best = np.argpartition(loss, starts - 1, axis=1)[:, :starts]
    chosen = np.take_along_axis(d, best, axis=1)
    return np.stack([special.logit(0.5 + chosen), np.log(slope)[best], m[best]], axis=-1)


def _log_likelihood(n: Floats, k: Floats, psi: Floats) -> Floats:
    return np.asarray((k * np.log(psi) + (n - k) * np.log1p(-psi)).sum(axis=-1))


def _inside(psi: Floats) -> Floats:
    return np.minimum(np.maximum(psi, TINY), 1 - TINY)


def _climb(
    x: Floats, n: Floats, k: Floats, theta: Floats, shape: CurveShape, fixed: bool
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Fisher scoring from each start until no step helps any more; rows that are done are left alone."""
    low = np.array([-LOGIT_BOUND, np.log(SLOPE_BOUNDS[0]), x.min() - MARGIN])
    high = np.array([LOGIT_BOUND, np.log(SLOPE_BOUNDS[1]), x.max() + MARGIN])
    end, end_value, converged = theta.copy(), np.full(len(theta), -np.inf), np.zeros(len(theta), dtype=bool)
    at, damping = np.arange(len(theta)), np.full(len(theta), 1e-3)
    psi, slopes = gradient(x, theta, shape)
    value = _log_likelihood(n, k, _inside(psi))
    for _ in range(ITERATIONS):
        trial = theta + _step(n, k, psi, slopes, damping, fixed)
        trial = np.minimum(np.maximum(trial, low), high)
        trial_psi, trial_slopes = gradient(x, trial, shape)
        gain = _log_likelihood(n, k, _inside(trial_psi)) - value
        better = gain > 0
        moved = np.abs(trial - theta).max(axis=1)
        theta = np.where(better[:, None], trial, theta)
        psi = np.where(better[:, None], trial_psi, psi)
        slopes = np.where(better[:, None, None], trial_slopes, slopes)
        value = value + np.where(better, gain, 0.0)
        damping = np.where(better, damping / 10, damping * 10)
        # Done when a step changes neither the place nor the likelihood, or none improves it any more.
        done = (moved < 1e-7) | (better & (gain < 1e-9)) | (damping > 1e8)
        if done.any():
            end[at[done]], end_value[at[done]], converged[at[done]] = theta[done], value[done], True
            on = ~done
            if not on.any():
                return end, end_value, converged
            at, theta, value, damping, n, k = (a[on] for a in (at, theta, value, damping, n, k))
            psi, slopes = psi[on], slopes[on]
    end[at], end_value[at] = theta, value
    return end, end_value, converged


def _step(n: Floats, k: Floats, psi: Floats, slopes: Floats, damping: Floats, fixed: bool) -> Floats:
    """A damped scoring step of every row: (B, 3)."""
    psi = _inside(psi)
    weighted = slopes * (1 / (psi * (1 - psi)))[..., None]
    score = ((k - n * psi)[:, None, :] @ weighted)[:, 0]
    information = (weighted * n[..., None]).swapaxes(1, 2) @ slopes
    if fixed:
        score[:, 0], information[:, 0, :], information[:, :, 0] = 0.0, 0.0, 0.0
    diagonal = information[:, DIAGONAL, DIAGONAL]
    ridge = 1e-9 * (1 + diagonal.max(axis=1))[:, None]
    information[:, DIAGONAL, DIAGONAL] += damping[:, None] * diagonal + ridge
    solved = np.linalg.solve(information, score[..., None])[..., 0]
    # A step of more than two units on any axis overshoots the region where the information is right.
    longest = np.abs(solved).max(axis=1, keepdims=True)
    return np.asarray(solved * np.minimum(1.0, 2.0 / np.maximum(longest, TINY)))


def deviance(n: Floats, k: Floats, psi: Floats) -> Floats:
    """Twice the log-likelihood ratio of the saturated model to psi, summed over the last axis."""
    psi = _inside(psi)
    chosen = special.xlogy(k, k) - special.xlogy(k, n * psi)
    other = special.xlogy(n - k, n - k) - special.xlogy(n - k, n * (1 - psi))
    return np.asarray(2 * (chosen + other).sum(axis=-1))
