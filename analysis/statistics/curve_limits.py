"""What a fitted curve's covariances say: which estimates the answers determine, and their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from .choices import ALPHA, CURVE_SHAPES
from .curve_fit import LOGIT_BOUND, fit_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .choices import CurveShape
    from .clustering import Floats
    from .curve import CurveFit

MAX_SE_LOG_SLOPE = 1.0  # beyond it the slope is uncertain by a factor of fifty: a step, or a line
MAX_SE_OCTAVES = 2.0
STEP = "the slope is not determined: a step between two exposures, or no bend within them"
NOT_LEVEL = "the plateau is not determined: the curve has not levelled off within the exposures"
UNBOUNDED = "the threshold's interval has no upper end within the exposures shown"
REJECTED = "no threshold is given, as the curve does not fit the rates"


def standard_error(matrices: Sequence[Floats], direction: Sequence[float]) -> float:
    """Standard error along a direction: not below that of any one way of clustering."""
    g = np.array(direction)
    return float(np.sqrt(max(float(g @ m @ g) for m in matrices)))


def why_not_identified(theta: Floats, covariances: Sequence[Floats], t: float, bound: bool) -> str:
    """Why the estimates are not to be printed, or an empty text."""
    if not np.isfinite(covariances).all():
        return "no error can be estimated"
    A, se_A = special.expit(theta[0]), standard_error(covariances, (1, 0, 0))
    if not bound and abs(A - 0.5) <= t * se_A * A * (1 - A):
        return NOT_LEVEL
    if standard_error(covariances, (0, 1, 0)) > MAX_SE_LOG_SLOPE:
        return STEP
    if standard_error(covariances, (0, 0, 1)) > MAX_SE_OCTAVES:
        return "the midpoint is not determined: the curve has not bent within the exposures"
    return ""


def intervals(theta: Floats, covariances: Sequence[Floats], t: float) -> dict[str, Any]:
    """Estimates with intervals, each made on its own scale: logit A, ln slope, m."""
    se = [standard_error(covariances, row) for row in np.eye(3).tolist()]
    names = (("plateau",) * 3, ("slope",) * 3, ("midpoint",) * 3)
    back = (special.expit, np.exp, np.exp2)
    found: dict[str, Any] = {}
    for (name, *_), turn, center, error in zip(names, back, theta, se, strict=True):
        unit = "_ms" if name == "midpoint" else ""
        found[f"{name}{unit}"] = float(turn(center))
        found[f"{name}_low{unit}"] = float(turn(center - t * error))
        found[f"{name}_high{unit}"] = float(turn(center + t * error))
    return found


def bound_interval(
    x: Floats, n: Floats, k: Floats, theta: Floats, t: float, scale: float, shape: CurveShape
) -> dict[str, Any]:
    """Interval of a plateau at 0 or 1, by the profile of the deviance scaled for clustering."""
    upward = theta[0] > 0
    grid = special.expit(np.linspace(0.05, LOGIT_BOUND, 60) * (1 if upward else -1))
    n, k = (np.repeat(row[None], len(grid), axis=0) for row in (n, k))
    profile = fit_batch(x, n, k, shape, plateau=grid).log_likelihood
    inside = grid[2 * (profile.max() - profile) <= t * t * max(scale, 1.0)]
    if upward:
        return {"plateau": 1.0, "plateau_low": float(inside.min()), "plateau_high": 1.0}
    return {"plateau": 0.0, "plateau_low": 0.0, "plateau_high": float(inside.max())}


def threshold_gradient(fit: CurveFit) -> tuple[float, Floats]:
    """log2 ms at which a curve reaches its threshold, and its derivatives by theta."""
    logit_A, log_slope, m = fit.theta
    A, slope, shape = float(special.expit(logit_A)), float(np.exp(log_slope)), CURVE_SHAPES[fit.family]
    q = (fit.threshold - 0.5) / (A - 0.5)
    if not 0 < q < 1:
        return np.nan, np.full(3, np.nan)
    z = float(shape.quantile(np.array(q)))
    by_A = -q / (A - 0.5) / float(shape.pdf(np.array(z))) / slope
    return m + z / slope, np.array([by_A * A * (1 - A), -z / slope, 1.0])


def threshold(fit: CurveFit, covariances: Sequence[Floats], t: float) -> dict[str, Any]:
    """Exposure at which the curve reaches the threshold: only where the plateau lies above it, the curve
    fits, and the exposure is among those shown."""
    if fit.plateau is None or fit.threshold >= float(special.expit(fit.theta[0])):
        return {"threshold_status": "not reached"}
    center, direction = threshold_gradient(fit)
    error = standard_error(covariances, direction.tolist())
    first, last = fit.exposures_ms[0], fit.exposures_ms[-1]
    if fit.p_fit is not None and fit.p_fit < ALPHA:
        return {"threshold_status": "rejected", "note": _joined(fit.note, REJECTED)}
    if not first <= 2**center <= last:
        return {"threshold_status": "before" if 2**center < first else "beyond"}
    open_end = fit.plateau_low is None or fit.plateau_low <= fit.threshold or 2 ** (center + t * error) > last
    low_ms = float(2 ** (center - t * error))
    return {
        "threshold_status": "reached",
        "threshold_ms": float(2**center),
        "threshold_low_ms": None if low_ms < first else low_ms,
        "threshold_high_ms": None if open_end else float(2 ** (center + t * error)),
        "note": _joined(fit.note, UNBOUNDED if open_end else ""),
    }


def _joined(*texts: str) -> str:
    return "; ".join(text for text in texts if text)
