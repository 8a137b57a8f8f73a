"""Realism curves: fitted, with errors that allow for workers and images, or flagged as not identified.

psi(t) = 1/2 + (A - 1/2) F(slope (log2 t - m)): guess rate 1/2; A is the plateau, and below 1/2 where an image
is rated more real than a photograph; t in ms. Standard errors are clustered sandwiches (see `covariance`);
the goodness of fit is the deviance, referred to what clustering makes of its distribution (Rao & Scott 1984,
second order).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpse.errors import GlimpseError

from .choices import CURVE_SHAPES, EXPOSURES
from .curve import THRESHOLD, CurveFit
from .curve_fit import TINY, deviance, fit_batch, gradient
from .curve_limits import NOT_LEVEL, STEP, bound_interval, intervals, threshold, why_not_identified
from .distributions import f_tail, t_quantile
from .grouping import analysed, by_exposure
from .preference import Intervals, adjust, cell_intervals, rates_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ..reading.judgments import Judgments
    from .clustering import Codes, Floats
    from .covariance import Cells, Covariances
    from .gathering import Gathered
    from .grouping import Analysed, Points

MAX_BOUND_WIDTH = 0.1
NO_RISE = "no rise: at no exposure is the preference significant after adjustment for multiple tests"
BOUND_LOGIT = 7.0  # logit A from which on the plateau counts as at its bound


def fit_curves(
    judgments: Judgments | pd.DataFrame | Gathered | Analysed,
    contrasts: Sequence[str] | None = None,
    *,
    real: str | None = None,
    family: str = "logistic",
    exposure: str = "nominal",
    level: float = 0.95,
    threshold: float = THRESHOLD,
) -> list[CurveFit]:
    """One CurveFit a contrast, in the order of `contrasts` ("a:b"), or by name.

    judgments: as marked by `exclusion.exclude`. real: the condition whose rate the curves show where it
    takes part; elsewhere it is the condition that was chosen more often. exposure: "measured" takes shown_ms,
    to three digits, where the page recorded it, and the planned exposure where not. threshold: the rate whose
    exposure is sought, between 1/2 and 1. Judgments of unlimited time have no place on a curve; where all
    are, the list is empty. GlimpseError on unknown names and where no judgment is left.
    """
    blank = blank_curve(family, exposure, level, threshold)
    return [one.curve for one in estimate_curves(analysed(judgments), contrasts, real, blank)]


def blank_curve(family: str, exposure: str, level: float, threshold: float) -> CurveFit:
    """What all curves have in common; GlimpseError for a setting that there is not."""
    if family not in CURVE_SHAPES:
        raise GlimpseError(f"curve is {family!r}; allowed are {', '.join(CURVE_SHAPES)}.")
    if exposure not in EXPOSURES:
        raise GlimpseError(f"exposure is {exposure!r}; allowed are {' and '.join(EXPOSURES)}.")
    if not 0.5 < threshold < 1:
        raise GlimpseError(
            f"threshold is {threshold:g} ({100 * threshold:g} %); it must lie between 0.5 and 1 "
            "(50 and 100 %), such as 0.75."
        )
    return CurveFit(
        contrast="", condition="", versus="", family=family, exposure=exposure, level=level, exposures_ms=(),
        rates=(), counts=(), n_workers=0, n_images=0, n_pairs=0, df=0.0, identified=False, note="",
        threshold=threshold,
    )  # fmt: skip


class Estimated(NamedTuple):
    """A curve, and what it was estimated from; None where there is no estimate."""

    curve: CurveFit
    estimate: _Estimate | None = None


def estimate_curves(
    answers: Analysed, contrasts: Sequence[str] | None, real: str | None, blank: CurveFit
) -> list[Estimated]:
    """As `fit_curves`; blank: a curve with the settings that all have."""
    timed = by_exposure(answers, measured=blank.exposure == "measured")
    cells, rates = answers.gathered.cells, rates_of(answers)
    names = sorted(set(cells["contrast"])) if contrasts is None else contrasts
    found = []
    for name in names:
        rows = np.flatnonzero((cells["contrast"] == name) & cells["exposure_ms"].notna() & (rates.n > 0))
        if len(rows):
            found.append(_fit(name, _Points.of(timed, rates, rows), real, blank))
    return found


def joint_covariances(curves: Sequence[Estimated]) -> Covariances:
    """Of theta of several curves, one after another: (3 K, 3 K)."""
    estimates = [one.estimate for one in curves if one.estimate is not None]
    influence = np.hstack([estimate.influence() for estimate in estimates])
    numbers = np.array([estimate.points.contrast for estimate in estimates])
    return estimates[0].points.timed.tally.covariances(influence, "contrast", numbers)


class _Points(NamedTuple):
    """A contrast's answers, by cell (J) and by the exposure that was shown (U).

    timed: of all contrasts. planned: (J,) exposures in ms. cells: rates and variances of condition A, (J,).
    rows: (J,) their numbers. cell: (U,) places in `planned`. of_group: (G,) the place among U of each group
    of `timed`, -1 for another contrast. x: (U,) log2 of the exposure shown in ms. n, k: (U,) answers, and
    those that chose A.
    """

    timed: Points
    planned: Floats
    cells: Cells
    rows: Codes
    cell: Codes
    of_group: Codes
    x: Floats
    n: Floats
    k: Floats

    @classmethod
    def of(cls, timed: Points, rates: Cells, rows: Codes) -> _Points:
        """Of one of the contrasts; rows: its cells that have answers."""
        answers = timed.tally.n
        n, k = (np.bincount(timed.point, weights=w, minlength=len(timed.cell)) for w in
                (answers, answers * timed.chose_a))  # fmt: skip
        here = np.flatnonzero(np.isin(timed.cell, rows) & (n > 0))
        place = np.full(len(timed.cell), -1)
        place[here] = np.arange(len(here))
        planned = timed.tally.cells["exposure_ms"].to_numpy(float)[rows]
        cell = np.searchsorted(rows, timed.cell[here])
        return cls(
            timed, planned, rates.at(rows), rows, cell, place[timed.point], np.log2(timed.exposure_ms[here]),
            n[here].astype(float), k[here].astype(float),
        )  # fmt: skip

    @property
    def contrast(self) -> int:
        """Its number among the sets of `timed.tally`."""
        return int(self.timed.tally.sets["contrast"][self.rows[0]])

    def count(self, way: str) -> int:
        """How many clusters its answers have."""
        return int(self.timed.tally.count(way, "contrast", self.contrast))

    @property
    def df(self) -> float:
        """Degrees of freedom of what its answers give."""
        return float(self.timed.tally.df("contrast", self.contrast))

    def by_group(self, scores: Floats) -> Floats:
        """Scores (U, 2, d) of answers that did not choose A, and that did, for each group: (G, d)."""
        share, own = self.timed.chose_a[:, None], scores[self.of_group]
        chosen = (1 - share) * own[:, 0] + share * own[:, 1]
        return np.where((self.of_group >= 0)[:, None], chosen, 0.0)

    def covariances(self, scores: Floats, *, corrected: bool = True) -> Covariances:
        """Of the sums of scores (U, 2, d)."""
        own = self.by_group(scores)
        return self.timed.tally.covariances(own, "contrast", self.contrast, corrected=corrected)


def _fit(name: str, points: _Points, real: str | None, blank: CurveFit) -> Estimated:
    """Estimate a curve with its errors, or say why none can be had."""
    a, b = name.split(":")
    n, k = points.cells.n, points.cells.k
    # Seen from the real condition; without one, from that which wins, whatever the order of the names.
    turned = b == real or (a != real and 2 * k.sum() < n.sum())
    if turned:
        a, b, k = b, a, n - k
        points = points._replace(k=points.n - points.k)
    workers, images = points.count("worker"), points.count("image")
    blank = replace(
        blank, contrast=name, condition=a, versus=b, exposures_ms=tuple(points.planned.tolist()),
        rates=tuple((k / n).tolist()), counts=tuple(n.tolist()), n_workers=workers, n_images=images,
        n_pairs=points.count("pair"), df=points.df,
        note=_too_few(n.astype(float), k.astype(float), points.df),
    )  # fmt: skip
    if blank.note:
        return Estimated(blank)
    if not _rises(points, blank.level):
        return Estimated(replace(blank, note=NO_RISE))
    estimate = _Estimate.of(blank, points, turned=turned)
    if estimate is None:
        return Estimated(replace(blank, note=STEP))
    return Estimated(estimate.finish(points.covariances(estimate.scores())), estimate)


def _too_few(n: Floats, k: Floats, df: float) -> str:
    """Why no curve can be identified from these counts, or an empty text."""
    if len(n) < 3:
        return f"a curve has three parameters, and answers are at {len(n)} exposure{'s' * (len(n) != 1)} only"
    if not df >= 1:
        return "too few workers or images, or one of them has most answers: no error can be estimated"
    if ((k == 0) | (k == n)).all():
        return "every rate is 0 or 1"
    return ""


def _rises(points: _Points, level: float) -> bool:
    """Whether the rate at any exposure differs from 1/2, by the t tests and Holm's adjustment."""
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

    def influence(self) -> Floats:
        """What an answer of each group adds to theta: (G, 3), 0 for a plateau at its bound."""
        own = self.scores()[:, :, len(self.points.planned) :] @ self.inverse.T
        full = np.zeros((*own.shape[:2], 3))
        full[:, :, [1, 2] if self.bound else [0, 1, 2]] = own
        return self.points.by_group(full)

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
        wide = [np.zeros((3, 3)) for _ in range(1 + len(covariance.floors))]
        for full, part in zip(wide, (covariance.combined, *covariance.floors), strict=True):
            full[np.ix_(free, free)] = part
        reason = why_not_identified(self.theta, wide, t, self.bound)
        if reason:
            return replace(blank, note=reason)
        fit = replace(
            blank, identified=True, theta=tuple(self.theta.tolist()),
            covariances=tuple(tuple(tuple(row) for row in m.tolist()) for m in wide),
            **self._goodness(),
        )  # fmt: skip
        fit = replace(fit, **intervals(self.theta, wide, t))
        if self.bound:
            ends = bound_interval(
                points.x,
                points.n,
                points.k,
                self.theta,
                t,
                fit.deviance_scale or 1.0,
                CURVE_SHAPES[fit.family],
            )
            # The others are estimated as if A were at its bound, which must then be nearly certain.
            if ends["plateau_high"] - ends["plateau_low"] > MAX_BOUND_WIDTH:
                return replace(blank, note=NOT_LEVEL)
            fit = replace(fit, **ends, note="the plateau is at its bound")
        return replace(fit, **threshold(fit, wide, t))

    def _goodness(self) -> dict[str, Any]:
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
        sums = points.covariances(self.scores(), corrected=False)
        residuals = sums.transform(np.hstack([np.eye(J), -drift @ self.inverse]))
        mean, effective = residuals.transform(np.diag(1 / np.sqrt(variance))).moments()
        if not mean > 0:
            return {"deviance": D, "deviance_df": spare}
        # What is left of J residuals has rank `spare`.
        scale, effective = mean * J / spare, min(effective, spare)
        p_fit = f_tail(D / (scale * spare), effective, effective * self.blank.df)
        return {"deviance": D, "deviance_df": spare, "deviance_scale": scale, "p_fit": p_fit}
