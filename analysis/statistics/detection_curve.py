"""How d' rises with the exposure: a curve through the points, and the exposure at which it reaches a value.

    d'(t) = D / (1 + exp(-slope (log2 t - m))),

t in ms; D is where it ends, m the octave in which half of it is reached. Fitted to the d' of the exposures by
least squares, weighted as if answers were independent; the covariance of the fit is a sandwich around that of
the points, which share workers and images. The threshold is the exposure at which an unbiased judge would be
right in a given share p of trials, half of them real: d' = 2 z(p), 1.35 for 75 % (Macmillan & Creelman 2005,
eq. 1.6 and 2.2).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from .detection import compare, weights_of
from .distributions import t_quantile
from .preference import Intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .clustering import Floats
    from .detection_answers import DetectionTally, SingleAnswers

LEAST = 4  # exposures that a curve of three parameters needs
STEEPEST = 20.0  # of the slope, per octave: a step
GRID = 61


@dataclass(frozen=True)
class SensitivityCurve:
    """The curve of a condition, with its intervals; None is what cannot be said.

    end: D. midpoint_ms, slope: m and the slope per octave. threshold_ms: where d' reaches threshold_d.
    threshold_status: "reached", "not reached", "before" the shortest or "beyond" the longest exposure.
    covariance: of (D, slope, m), as rows. note: why there is no curve.
    """

    condition: str
    identified: bool
    note: str = ""
    end: float | None = None
    end_low: float | None = None
    end_high: float | None = None
    midpoint_ms: float | None = None
    slope: float | None = None
    threshold_d: float | None = None
    threshold_ms: float | None = None
    threshold_low: float | None = None
    threshold_high: float | None = None
    threshold_status: str = ""
    df: float | None = None
    level: float = 0.95
    covariance: tuple[tuple[float, ...], ...] = ()

    def at(self, exposure_ms: Floats) -> pd.DataFrame:
        """d' at exposures, with its pointwise band: exposure_ms, d_prime, low, high."""
        x = np.log2(np.asarray(exposure_ms, dtype=float))
        theta = np.array([self.end, self.slope, np.log2(self.midpoint_ms or np.nan)], dtype=float)
        value, gradient = _value(theta, x), _gradient(theta, x)
        covariance = np.array(self.covariance)
        se = np.sqrt(np.maximum((gradient @ covariance * gradient).sum(axis=1), 0))
        reach = float(t_quantile((1 + self.level) / 2, self.df or 1.0)) * se
        return pd.DataFrame({
            "exposure_ms": exposure_ms, "d_prime": value, "low": value - reach, "high": value + reach,
        })  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return asdict(self)


def sensitivity_curves(
    answers: SingleAnswers | DetectionTally,
    settings: Intervals | None = None,
    *,
    threshold: float = 0.75,
    ways: Sequence[str] = ("worker", "image"),
) -> list[SensitivityCurve]:
    """A curve for every condition with generated images; without exposures, none.

    threshold: the share of right answers at which it is asked how long people must look, above 1/2.
    """
    settings = settings or Intervals()
    tally = answers if not hasattr(answers, "tally") else answers.tally()
    exposures = np.asarray(tally.exposures_ms, dtype=float)
    if not np.isfinite(exposures).any():
        return []
    wanted = [int(code) for code in np.argsort(exposures) if np.isfinite(exposures[code])]
    conditions = [int(code) for code in np.unique(tally.condition[tally.generated])]
    return [
        _curve_of(tally, condition, wanted, settings, 2 * float(special.ndtri(threshold)), ways)
        for condition in conditions
    ]


def _curve_of(
    tally: DetectionTally,
    condition: int,
    wanted: Sequence[int],
    settings: Intervals,
    threshold_d: float,
    ways: Sequence[str],
) -> SensitivityCurve:
    found = compare(tally, [(condition, exposure) for exposure in wanted], ways, settings)
    said, weights = found.said, weights_of(found, 1.0, -1.0)
    points = said.sums_of_z(weights)
    here = np.isfinite(points.se)
    name = tally.conditions[condition]
    if here.sum() < LEAST:
        return SensitivityCurve(name, identified=False, note=f"fewer than {LEAST} exposures with answers")
    x = np.log2(np.asarray(tally.exposures_ms, dtype=float)[list(wanted)][here])
    p = np.clip(said.rate, 0.5 / np.maximum(said.n, 1), 1 - 0.5 / np.maximum(said.n, 1))
    plain = (weights**2 @ (p * (1 - p) / np.maximum(said.n, 1) / _density(said.z) ** 2))[here]
    theta, status = _fit(points.value[here], 1 / plain, x)
    if status:
        return SensitivityCurve(name, identified=False, note=status)
    J = _gradient(theta, x)
    back = np.linalg.pinv((J.T / plain) @ J) @ (J.T / plain)
    # What the fit's parameters are of the rates: so their variance has the floors of any sum of rates.
    directions = back @ weights[here] * said.z_scale
    covariance = _covariance(said, directions)
    df = float(np.nanmin(said.freedom(directions)))
    return _described(name, theta, covariance, x, df, settings.level, threshold_d)


def _covariance(said: Any, directions: Floats) -> Floats:
    """Of the parameters (3, 3): the combined one, with its diagonal not below the floors."""
    full = directions @ np.nan_to_num(said.covariances.combined) @ directions.T
    scale = np.sqrt(np.maximum(said.variance(directions), 1e-300) / np.maximum(np.diag(full), 1e-300))
    full = full * np.minimum(scale, 1e3)[:, None] * np.minimum(scale, 1e3)
    values, vectors = np.linalg.eigh((full + full.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0)) @ vectors.T)


def _described(
    name: str, theta: Floats, covariance: Floats, x: Floats, df: float, level: float, threshold_d: float
) -> SensitivityCurve:
    D, slope, m = (float(value) for value in theta)
    t = float(t_quantile((1 + level) / 2, max(df, 1.0)))
    reach = t * float(np.sqrt(covariance[0, 0]))
    about: dict[str, Any] = {"threshold_d": threshold_d, "threshold_status": "not reached"}
    if threshold_d < D:
        ratio = threshold_d / D
        octave = m + float(special.logit(ratio)) / slope
        gradient = np.array([
            -1 / (slope * D * (1 - ratio)), -float(special.logit(ratio)) / slope**2, 1.0
        ])  # fmt: skip
        error = t * float(np.sqrt(gradient @ covariance @ gradient))
        inside = x.min() <= octave <= x.max()
        status = "reached" if inside else "before" if octave < x.min() else "beyond"
        about["threshold_status"] = status
        if inside:
            ends = {"threshold_low": 2 ** (octave - error), "threshold_high": 2 ** (octave + error)}
            about |= {"threshold_ms": 2**octave, **ends}
    return SensitivityCurve(
        name, identified=True, end=D, end_low=D - reach, end_high=D + reach, midpoint_ms=2**m, slope=slope,
        df=df, level=level, covariance=tuple(map(tuple, covariance.tolist())), **about,
    )  # fmt: skip


def _fit(d: Floats, weight: Floats, x: Floats) -> tuple[Floats, str]:
    """(D, slope, m) by weighted least squares, and why there is no curve."""
    from scipy.optimize import least_squares

    slopes, middles = np.geomspace(0.2, STEEPEST / 2, GRID), np.linspace(x.min() - 2, x.max() + 2, GRID)
    shape = special.expit(slopes[:, None, None] * (x - middles[:, None]))  # (slopes, middles, exposures)
    D = np.maximum((shape * d * weight).sum(-1) / (shape**2 * weight).sum(-1), 0)
    loss = (weight * (d - D[..., None] * shape) ** 2).sum(-1)
    at = np.unravel_index(int(loss.argmin()), loss.shape)
    flat = float((weight * (d - (weight @ d) / weight.sum()) ** 2).sum())
    if float(D[at]) <= 0 or flat - float(loss[at]) < 3.84:
        return np.full(3, np.nan), "d' does not rise with the exposure by more than chance"
    start = np.array([max(float(D[at]), 0.05), slopes[at[0]], middles[at[1]]])

    def residuals(theta: Floats) -> Floats:
        return np.asarray(np.sqrt(weight) * (d - _value(theta, x)))

    found = least_squares(
        residuals, start,
        bounds=([0.0, 0.05, x.min() - 4], [10.0, STEEPEST, x.max() + 4]), x_scale=[1.0, 1.0, 1.0],
    )  # fmt: skip
    theta = found.x
    if theta[1] > 0.99 * STEEPEST:
        return theta, "d' rises in one step between two exposures"
    if theta[0] > 9.9 or theta[2] > x.max() + 3.9:
        return theta, "d' still rises at the longest exposure; where it ends cannot be told"
    return theta, ""


def _value(theta: Floats, x: Floats) -> Floats:
    return np.asarray(theta[0] * special.expit(theta[1] * (x - theta[2])))


def _gradient(theta: Floats, x: Floats) -> Floats:
    """Of the value by (D, slope, m): (N, 3)."""
    D, slope, m = theta
    share = special.expit(slope * (x - m))
    rise = D * share * (1 - share)
    return np.stack([share, rise * (x - m), -rise * slope], axis=1)


def _density(z: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))
