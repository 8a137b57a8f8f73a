"""Realism curves: fitted, with errors that allow for workers and pairs, or flagged as not identified.

psi(t) = 1/2 + (A - 1/2) F(slope (log2 t - m)): guess rate 1/2; A is the plateau, and below 1/2 where an image
is rated more real than a photograph; t in ms. Standard errors are two-way sandwiches; the goodness of fit is
the deviance, referred to what clustering makes of its distribution (Rao & Scott 1984, second order).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from glimpse.calling import refuse
from glimpse.errors import GlimpseError

from .choices import CURVE_SHAPES, EXPOSURES
from .curve_fit import LOGIT_BOUND, TINY, deviance, fit_batch, gradient, rates
from .distributions import f_tail, t_quantile
from .grouping import by_exposure
from .preference import Intervals, adjust, cell_intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..reading.judgments import Judgments
    from .choices import CurveShape
    from .clustering import Cells, Covariances, Floats
    from .grouping import Grouping

THRESHOLD = 0.75
MAX_SE_LOG_SLOPE = 1.0  # beyond it the slope is uncertain by a factor of fifty: a step, or a line
MAX_SE_OCTAVES = 2.0
STEP = "the slope is not determined: a step between two exposures, or no bend within them"
NOT_LEVEL = "the plateau is not determined: the curve has not levelled off within the exposures"
MAX_BOUND_WIDTH = 0.1
BOUND_LOGIT = 7.0  # logit A from which on the plateau counts as at its bound


@dataclass(frozen=True)
class CurveFit:
    """One contrast's realism curve; survives `from_dict(to_dict())`.

    condition, versus: the curve is the rate at which `condition` (the real one, where there is one) is
    preferred to `versus`. exposures_ms, rates, counts: what was observed, by planned exposure. Every estimate
    is None where it cannot be had, and `note` says why; with identified=False all of them are.
    plateau: A. slope: of F, per octave of exposure. midpoint_ms: 2**m. threshold_ms: where the curve reaches
    `threshold`; threshold_status is "reached", "not reached" or "not identified"; threshold_high_ms is None
    where the interval has no upper end. p_fit: of the deviance under clustering, None without spare
    exposures. theta: (logit A, ln slope, m in log2 ms). covariances: of theta: combined, answer, each way.
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
    n_pairs: int
    df: int
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
        """Pointwise confidence band of the curve at exposures in ms, made on the logit scale: (low, high)."""
        psi, slopes = gradient(_octaves(exposure_ms), self._theta(), CURVE_SHAPES[self.family])
        psi = np.clip(psi[0], TINY, 1 - TINY)
        parts = [np.einsum("ji,il,jl->j", slopes[0], np.array(m), slopes[0]) for m in self.covariances]
        se = np.sqrt(np.max(parts, axis=0)) / (psi * (1 - psi))
        reach = t_quantile((1 + self.level) / 2, max(self.df, 1)) * se
        return special.expit(special.logit(psi) - reach), special.expit(special.logit(psi) + reach)

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


def fit_curves(
    judgments: Judgments | pd.DataFrame,
    contrasts: Sequence[str] | None = None,
    *,
    real: str | None = None,
    family: str = "logistic",
    exposure: str = "nominal",
    level: float = 0.95,
    filtered: bool = True,
) -> list[CurveFit]:
    """One CurveFit a contrast, in the order of `contrasts` ("a:b"), or by name.

    judgments: as marked by `exclusion.exclude`. real: the condition whose rate the curves show where it
    takes part; elsewhere it is condition A. exposure: "measured" takes shown_ms to the nearest ms where the
    page recorded it, and the planned exposure where not. Judgments of unlimited time have no place on a
    curve; where all are, the list is empty. GlimpseError on unknown names and where no judgment is left.
    """
    if family not in CURVE_SHAPES:
        raise GlimpseError(f"curve is {family!r}; allowed are {', '.join(CURVE_SHAPES)}.")
    if exposure not in EXPOSURES:
        raise GlimpseError(f"exposure is {exposure!r}; allowed are {' and '.join(EXPOSURES)}.")
    data = by_exposure(judgments, measured=exposure == "measured", filtered=filtered)
    found = {str(name): number for number, name in enumerate(data.sets)}
    names = sorted(found) if contrasts is None else [name for name in contrasts if name in found]
    begun = {
        found[name]: _begin(name, _Points.of(data, found[name]), real, family, exposure, level)
        for name in names
    }
    sums = data.covariances({at: fit.scores() for at, fit in begun.items() if isinstance(fit, _Estimate)})
    return [fit.finish(sums[at]) if isinstance(fit, _Estimate) else fit for at, fit in begun.items()]


class _Points(NamedTuple):
    """A contrast's answers, by cell (J) and by the exposure that was shown (U).

    planned: (J,) exposures in ms. cells: rates and two-way variances of condition A, (J,). cell: (U,) places
    in `planned`. x: (U,) log2 of the exposure shown in ms. n, k: (U,) answers, and those that chose A.
    """

    planned: Floats
    cells: Cells
    cell: NDArray[np.int64]
    x: Floats
    n: Floats
    k: Floats
    n_workers: int
    n_pairs: int

    @classmethod
    def of(cls, data: Grouping, number: int) -> _Points:
        """Of one of the contrasts."""
        groups = data.groups(number)
        rows, cell = np.unique(groups.cell, return_inverse=True)
        planned = data.cells["exposure_ms"].to_numpy(float)[rows]
        x = np.log2(np.where(groups.value > 0, groups.value, planned[cell]))
        return cls(planned, data.rates.at(rows), cell, x, *groups[2:])


def _begin(
    name: str, points: _Points, real: str | None, family: str, exposure: str, level: float
) -> CurveFit | _Estimate:
    """Estimate a curve whose errors are still to be found, or say why none can be had."""
    a, b = name.split(":")
    k, turned = points.cells.k, b == real
    if turned:
        a, b, k = b, a, points.cells.n - k
        points = points._replace(k=points.n - points.k)
    n, fewest = points.cells.n, min(points.n_workers, points.n_pairs)
    blank = CurveFit(
        contrast=name, condition=a, versus=b, family=family, exposure=exposure, level=level,
        exposures_ms=tuple(points.planned.tolist()), rates=tuple((k / n).tolist()), counts=tuple(n.tolist()),
        n_workers=points.n_workers, n_pairs=points.n_pairs, df=fewest - 1, identified=False,
        note=_too_few(n.astype(float), k.astype(float), fewest),
    )  # fmt: skip
    if blank.note:
        return blank
    if not _rises(points, level):
        return replace(blank, note="no rise: no exposure can be distinguished from chance")
    estimate = _Estimate.of(blank, points, turned=turned)
    return estimate or replace(blank, note=STEP)


def _too_few(n: Floats, k: Floats, fewest: int) -> str:
    """Why no curve can be identified from these counts, or an empty text."""
    if len(n) < 3:
        return f"a curve has three parameters, and answers are at {len(n)} exposure{'s' * (len(n) != 1)} only"
    if fewest < 3:
        return "fewer than three workers or pairs: no error can be estimated"
    if ((k == 0) | (k == n)).all():
        return "every rate is 0 or 1"
    return ""


def _rises(points: _Points, level: float) -> bool:
    """Whether the rate at any exposure differs from 1/2, by the two-way t tests and Holm's adjustment."""
    p_values = cell_intervals(points.cells, Intervals(level=level))["p_value"].to_numpy(float)
    return bool((adjust(p_values, "holm") < 1 - level).any())


class _Estimate(NamedTuple):
    """A curve by maximum likelihood: theta, whether its plateau is at its bound, and, at each point, psi
    (U,) and its slopes (U, p) by the free parameters. inverse: (p, p) of the information.
    turned: the curve is of condition B.
    """

    blank: CurveFit
    points: _Points
    turned: bool
    theta: Floats
    bound: bool
    psi: Floats
    slopes: Floats
    inverse: Floats

    @classmethod
    def of(cls, blank: CurveFit, points: _Points, *, turned: bool) -> _Estimate | None:
        """Fit the points; None where the information is singular."""
        shape = CURVE_SHAPES[blank.family]
        theta = fit_batch(points.x, points.n[None], points.k[None], shape, starts=5).theta
        bound = bool(abs(theta[0, 0]) > BOUND_LOGIT)
        psi, slopes = (array[0] for array in gradient(points.x, theta, shape))
        psi, slopes = np.clip(psi, TINY, 1 - TINY), slopes[:, [1, 2] if bound else [0, 1, 2]]
        information = (slopes * (points.n / (psi * (1 - psi)))[:, None]).T @ slopes
        if np.linalg.cond(information) > 1e12:
            return None
        return cls(blank, points, turned, theta[0], bound, psi, slopes, np.linalg.inv(information))

    def scores(self) -> Floats:
        """Residuals by cell, and scores of the free parameters, of an answer at each point: (U, 2, J + p),
        for answers that did not choose condition A, and for those that did."""
        here = self.points.cell[:, None] == np.arange(len(self.points.planned))
        by_residual = np.hstack([here, self.slopes / (self.psi * (1 - self.psi))[:, None]])
        lost, won = (residual[:, None] * by_residual for residual in (-self.psi, 1 - self.psi))
        return np.stack([won, lost] if self.turned else [lost, won], axis=1)

    def finish(self, sums: Covariances) -> CurveFit:
        """Errors and goodness of fit from the covariances of the sums of `scores`; flags what the data do not
        determine."""
        blank, points, t = (
            self.blank,
            self.points,
            float(t_quantile((1 + self.blank.level) / 2, self.blank.df)),
        )
        J, p = len(points.planned), len(self.inverse)
        free = [1, 2] if self.bound else [0, 1, 2]
        covariance = sums.transform(np.hstack([np.zeros((p, J)), self.inverse]))
        wide = [np.zeros((3, 3)) for _ in range(2 + len(covariance.ways))]
        for full, part in zip(wide, (covariance.combined, covariance.answer, *covariance.ways), strict=True):
            full[np.ix_(free, free)] = part
        reason = _not_identified(self.theta, wide, t, self.bound)
        if reason:
            return replace(blank, note=reason)
        fit = replace(
            blank, identified=True, theta=tuple(self.theta.tolist()),
            covariances=tuple(tuple(tuple(row) for row in m.tolist()) for m in wide),
            **self._goodness(sums),
        )  # fmt: skip
        fit = replace(fit, **_intervals(self.theta, wide, t))
        if self.bound:
            ends = _bound_interval(points, self.theta, t, fit.deviance_scale or 1.0, CURVE_SHAPES[fit.family])
            # The others are estimated as if A were at its bound, which must then be nearly certain.
            if ends["plateau_high"] - ends["plateau_low"] > MAX_BOUND_WIDTH:
                return replace(blank, note=NOT_LEVEL)
            fit = replace(fit, **ends, note="the plateau is at its bound")
        return replace(fit, **_threshold(fit, wide, t))

    def _goodness(self, sums: Covariances) -> dict[str, Any]:
        """Deviance over the cells, and its p-value with the distribution that clustering gives it.

        The deviance is distributed as a sum of chi-squares weighted by the eigenvalues of the design effects;
        Satterthwaite's two moments make it a scaled chi-square, and F in place of chi-square allows for the
        few clusters that the weights are estimated from (Thomas & Rao 1987).
        """
        points, J = self.points, len(self.points.planned)
        n, k, expected, variance = (
            np.bincount(points.cell, weights=weights, minlength=J).astype(float)
            for weights in (points.n, points.k, points.n * self.psi, points.n * self.psi * (1 - self.psi))
        )
        D, spare = float(deviance(n, k, expected / n)), J - len(self.inverse)
        if spare < 1:
            return {"deviance": D, "deviance_df": 0}
        columns = (self.slopes * points.n[:, None]).T
        drift = np.stack([np.bincount(points.cell, weights=c, minlength=J) for c in columns], axis=1)
        residuals = sums.transform(np.hstack([np.eye(J), -drift @ self.inverse]))
        effects = residuals.transform(np.diag(1 / np.sqrt(variance))).spectrum()[0][-spare:]
        if not effects.sum() > 0:
            return {"deviance": D, "deviance_df": spare}
        scale = float(effects.mean())
        effective = float(effects.sum() ** 2 / (effects**2).sum())
        p_fit = f_tail(D / (scale * spare), effective, effective * self.blank.df)
        return {"deviance": D, "deviance_df": spare, "deviance_scale": scale, "p_fit": p_fit}


def _se(matrices: Sequence[Floats], direction: Sequence[float]) -> float:
    """Standard error along a direction: not below that of any one way of clustering."""
    g = np.array(direction)
    return float(np.sqrt(max(float(g @ m @ g) for m in matrices)))


def _not_identified(theta: Floats, covariances: Sequence[Floats], t: float, bound: bool) -> str:
    """Why the estimates are not to be printed, or an empty text."""
    if not np.isfinite(covariances).all():
        return "no error can be estimated"
    A, se_A = special.expit(theta[0]), _se(covariances, (1, 0, 0))
    if not bound and abs(A - 0.5) <= t * se_A * A * (1 - A):
        return NOT_LEVEL
    if _se(covariances, (0, 1, 0)) > MAX_SE_LOG_SLOPE:
        return STEP
    if _se(covariances, (0, 0, 1)) > MAX_SE_OCTAVES:
        return "the midpoint is not determined: the curve has not bent within the exposures"
    return ""


def _intervals(theta: Floats, covariances: Sequence[Floats], t: float) -> dict[str, Any]:
    """Estimates with intervals, each made on its own scale: logit A, ln slope, m."""
    se = [_se(covariances, row) for row in np.eye(3).tolist()]
    names = (("plateau",) * 3, ("slope",) * 3, ("midpoint",) * 3)
    back = (special.expit, np.exp, np.exp2)
    found: dict[str, Any] = {}
    for (name, *_), turn, center, error in zip(names, back, theta, se, strict=True):
        unit = "_ms" if name == "midpoint" else ""
        found[f"{name}{unit}"] = float(turn(center))
        found[f"{name}_low{unit}"] = float(turn(center - t * error))
        found[f"{name}_high{unit}"] = float(turn(center + t * error))
    return found


def _bound_interval(
    points: _Points, theta: Floats, t: float, scale: float, shape: CurveShape
) -> dict[str, Any]:
    """Interval of a plateau at 0 or 1, by the profile of the deviance scaled for clustering."""
    upward = theta[0] > 0
    grid = special.expit(np.linspace(0.05, LOGIT_BOUND, 60) * (1 if upward else -1))
    n, k = (np.repeat(row[None], len(grid), axis=0) for row in (points.n, points.k))
    profile = fit_batch(points.x, n, k, shape, plateau=grid).log_likelihood
    inside = grid[2 * (profile.max() - profile) <= t * t * max(scale, 1.0)]
    if upward:
        return {"plateau": 1.0, "plateau_low": float(inside.min()), "plateau_high": 1.0}
    return {"plateau": 0.0, "plateau_low": 0.0, "plateau_high": float(inside.max())}


def _threshold(fit: CurveFit, covariances: Sequence[Floats], t: float) -> dict[str, Any]:
    """Exposure at which the curve reaches the threshold, only where the plateau lies above it."""
    logit_A, log_slope, m = fit.theta
    A = float(special.expit(logit_A))
    if fit.plateau is None or fit.threshold >= A:
        return {"threshold_status": "not reached"}
    shape, slope = CURVE_SHAPES[fit.family], float(np.exp(log_slope))
    q = (fit.threshold - 0.5) / (A - 0.5)
    z = float(shape.quantile(np.array(q)))
    by_A = -q / (A - 0.5) / float(shape.pdf(np.array(z))) / slope
    center, error = m + z / slope, _se(covariances, (by_A * A * (1 - A), -z / slope, 1.0))
    open_end = fit.plateau_low is None or fit.plateau_low <= fit.threshold
    first, last = fit.exposures_ms[0], fit.exposures_ms[-1]
    outside = bool(2**center < first or 2**center > last)
    texts = [
        fit.note,
        "the threshold lies outside the exposures shown" if outside else "",
        "the threshold's interval has no upper end, since the plateau may lie below it" if open_end else "",
    ]
    return {
        "threshold_status": "reached",
        "threshold_ms": float(2**center),
        "threshold_low_ms": float(2 ** (center - t * error)),
        "threshold_high_ms": None if open_end else float(2 ** (center + t * error)),
        "note": "; ".join(text for text in texts if text),
    }


def curves_table(fits: Sequence[CurveFit]) -> pd.DataFrame:
    """One row a curve: every scalar field, in the order of CurveFit."""
    nested = {"exposures_ms", "rates", "counts", "theta", "covariances"}
    keep = [item.name for item in fields(CurveFit) if item.name not in nested]
    return pd.DataFrame([{name: getattr(fit, name) for name in keep} for fit in fits], columns=keep)
