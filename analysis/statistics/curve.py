"""A realism curve as it is found: estimates with intervals, or why there are none."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from glimpse.calling import refuse
from glimpse.errors import GlimpseError

from .choices import CURVE_SHAPES
from .curve_fit import TINY, gradient, rates
from .distributions import t_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .clustering import Floats

THRESHOLD = 0.75


@dataclass(frozen=True)
class CurveFit:
    """One contrast's realism curve; survives `from_dict(to_dict())`.

    condition, versus: the curve is the rate at which `condition` (the real one, where there is one) is
    preferred to `versus`. exposures_ms, rates, counts: what was observed, by planned exposure. Every estimate
    is None where it cannot be had, and `note` says why; with identified=False all of them are.
    plateau: A. slope: of F, per octave of exposure. midpoint_ms: 2**m. threshold_ms: where the curve reaches
    `threshold`; threshold_status is "reached", "not reached", "before" or "beyond" (the exposures shown),
    "rejected" (the curve does not fit) or "not identified"; an end of its interval is None where it lies
    outside of these. p_fit: of the deviance under clustering, None without spare exposures. theta: (logit A,
    ln slope, m in log2 ms). covariances: of theta: combined, and its floors.
    """

    contrast: str
    condition: str
    versus: str
    family: str
    exposure: str
    level: float
    exposures_ms: tuple[float, ...]
    rates: tuple[float, ...]
    counts: tuple[int, ...]
    n_workers: int
    n_images: int
    n_pairs: int
    df: float
    identified: bool
    note: str
    plateau: float | None = None
    plateau_low: float | None = None
    plateau_high: float | None = None
    slope: float | None = None
    slope_low: float | None = None
    slope_high: float | None = None
    midpoint_ms: float | None = None
    midpoint_low_ms: float | None = None
    midpoint_high_ms: float | None = None
    threshold: float = THRESHOLD
    threshold_status: str = "not identified"
    threshold_ms: float | None = None
    threshold_low_ms: float | None = None
    threshold_high_ms: float | None = None
    deviance: float | None = None
    deviance_df: int | None = None
    deviance_scale: float | None = None
    p_fit: float | None = None
    theta: tuple[float, ...] = ()
    covariances: tuple[tuple[tuple[float, ...], ...], ...] = ()

    def __repr__(self) -> str:
        head = f"<CurveFit: {self.condition} over {self.versus}"
        if not self.identified or self.plateau is None:
            return f"{head}, not identified: {self.note}>"
        reached = f"{100 * self.threshold:g} % {self.threshold_status}"
        at = f" at {self.threshold_ms:.0f} ms" if self.threshold_ms is not None else ""
        return f"{head}, plateau {100 * self.plateau:.1f} %, {reached}{at}>"

    def predict(self, exposure_ms: Floats) -> Floats:
        """Fitted preference rates at exposures in ms; GlimpseError for a curve that is not identified."""
        return np.asarray(rates(_octaves(exposure_ms), self._theta(), CURVE_SHAPES[self.family])[0])

    def band(self, exposure_ms: Floats) -> tuple[Floats, Floats]:
        """Pointwise confidence band of the curve at exposures in ms: (low, high).

        The wider of two at each end. One is symmetric on the logit scale. The other is the curve itself, its
        parameters moved as far as their covariance allows in the direction in which this point moves most:
        where a steep curve has come down to chance, its slope still says how wrong it may be.
        """
        x, shape = _octaves(exposure_ms), CURVE_SHAPES[self.family]
        psi, slopes = gradient(x, self._theta(), shape)
        ways = np.einsum("wil,jl->wji", np.array(self.covariances), slopes[0])
        variances = np.einsum("wji,ji->wj", ways, slopes[0])
        at = np.arange(len(x))
        widest = variances.argmax(axis=0)
        se = np.sqrt(np.maximum(variances[widest, at], TINY**2))
        t = t_quantile((1 + self.level) / 2, self.df)
        step = t * ways[widest, at] / se[:, None]
        moved = [rates(x, self._theta() + sign * step, shape)[at, at] for sign in (-1, 1)]
        mean = np.clip(psi[0], TINY, 1 - TINY)
        reach = t * se / (mean * (1 - mean))
        ends = [special.expit(special.logit(mean) + sign * reach) for sign in (-1, 1)]
        return np.minimum(moved[0], ends[0]), np.maximum(moved[1], ends[1])

    def _theta(self) -> Floats:
        if not self.identified:
            raise GlimpseError(
                f"the curve of {self.contrast} is not identified: {self.note}. Draw its points."
            )
        return np.array([self.theta])

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CurveFit:
        """The inverse of to_dict, also after JSON made lists of tuples. GlimpseError on unknown keys."""
        unknown = set(values) - {item.name for item in fields(cls)}
        if unknown:
            raise GlimpseError(f"unknown field(s) of a curve: {', '.join(sorted(unknown))}.")
        return cls(**{name: _frozen(value) for name, value in values.items()})


def _octaves(exposure_ms: object) -> Floats:
    """Return log2 of exposures in ms; ArgumentError for what is none."""
    found = np.asarray(exposure_ms)
    if found.dtype.kind not in "iuf" or not np.all(np.isfinite(found) & (found > 0)):
        refuse("exposure_ms", exposure_ms, "give exposures in ms, positive numbers such as [250, 1000]")
    return np.asarray(np.log2(found.astype(float)))


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def curves_table(fits: Sequence[CurveFit]) -> pd.DataFrame:
    """One row a curve: every scalar field, in the order of CurveFit."""
    nested = {"exposures_ms", "rates", "counts", "theta", "covariances"}
    keep = [item.name for item in fields(CurveFit) if item.name not in nested]
    return pd.DataFrame([{name: getattr(fit, name) for name in keep} for fit in fits], columns=keep)
