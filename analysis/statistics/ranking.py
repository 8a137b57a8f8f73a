"""Ranking of the conditions at each exposure, with clustered errors and a check of what the model assumes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import special

from .bradley_terry import DisconnectedError, Strengths, design_matrix, strengths_of
from .clustering import divide
from .distributions import f_tail, t_quantile, t_test
from .grouping import analysed
from .preference import adjust
from .rank_sets import joint_statements
from .ranked import Difference, Ranking
from .simultaneous import Estimates
from .terms import condition_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ..reading.judgments import Judgments
    from .clustering import Codes, Floats
    from .covariance import Covariances, Parts, Tally
    from .gathering import Gathered
    from .grouping import Analysed
    from .rank_sets import Joint


def rank_conditions(
    judgments: Judgments | pd.DataFrame | Gathered | Analysed,
    *,
    level: float = 0.95,
    adjustment: str = "holm",
    rng: np.random.Generator | None = None,
) -> list[Ranking]:
    """One Ranking an exposure, in ascending order; unlimited time is one.

    judgments: as marked by `exclusion.exclude`; sentinels take no part. adjustment: of the p-values of the
    differences. rng: draws the errors behind simultaneous intervals and rank sets; None: the same each time.
    An exposure whose contrasts do not link all its conditions gives a Ranking with
    identified=False. GlimpseError when no judgment is left.
    """
    answers = analysed(judgments)
    tally = answers.by_side
    codes, first = np.unique(tally.sets["exposure_ms"], return_index=True)
    exposures = tally.cells["exposure_ms"].to_numpy(float)[first]
    order = codes[np.argsort(exposures)]  # NaN comes last
    shown = [_ExposureGroups.of(answers, int(number)) for number in order]
    rng = np.random.default_rng(0) if rng is None else rng
    return [_rank(groups, level, adjustment, rng) for groups in shown if len(groups.at)]


class _ExposureGroups(NamedTuple):
    """One exposure's answers, (U,) groups of a cell and a side of condition A.

    at: of each group, the first of its groups in `tally`, one an outcome. left_share: of the outcomes. left,
    right: codes in `names` of the conditions. contrast: numbers the unordered pairs of conditions, in their
    order. n, k: answers, and those that chose left, ties as halves. sided: whether sides are known.
    """

    tally: Tally
    number: int
    exposure_ms: float | None
    names: tuple[str, ...]
    at: Codes
    left: Codes
    right: Codes
    contrast: Codes
    n: Floats
    k: Floats
    left_share: Floats
    sided: bool

    @classmethod
    def of(cls, answers: Analysed, number: int) -> _ExposureGroups:
        """Of one of the exposures."""
        tally, left_share = answers.by_side, answers.gathered.left_share
        S = len(left_share)
        mine = tally.sets["exposure_ms"][tally.cell] == number
        counts = tally.n.reshape(-1, S).astype(float)
        at = np.flatnonzero(mine[::S] & (counts.sum(axis=1) > 0))
        n, k = counts[at].sum(axis=1), counts[at] @ left_share
        cell, a_left = tally.cell[S * at], at % 2 == 1
        codes = condition_codes(tally.cells)
        every = np.unique(np.concatenate([tally.cells[f"condition_{side}"].to_numpy(str) for side in "ab"]))
        known, own = np.unique(np.stack([codes["a"][cell], codes["b"][cell]]), return_inverse=True)
        a, b = own.reshape(2, -1)
        both = np.minimum(a, b) * len(known) + np.maximum(a, b)
        exposure_ms = float(tally.cells["exposure_ms"].to_numpy(float)[cell[0]]) if len(cell) else np.nan
        return cls(
            tally, number, None if np.isnan(exposure_ms) else exposure_ms, tuple(every[known].tolist()),
            S * at, np.where(a_left, a, b), np.where(a_left, b, a), np.unique(both, return_inverse=True)[1],
            n, k, left_share, answers.gathered.sided,
        )  # fmt: skip

    def count(self, way: str) -> int:
        """How many clusters the answers have."""
        return int(self.tally.count(way, "exposure_ms", self.number))

    def covariances(self, parts: Parts) -> Covariances:
        """Of sums of scores, from their `parts`."""
        return self.tally.joined(parts, "exposure_ms", self.number)

    def covariances_of_residuals(self, parts: Parts, own: Floats, fitted: float) -> Covariances:
        """The same of what a fit leaves, for a test whose distribution allows for few clusters.

        own: the scores by outcome. fitted: the share of the contrasts' means that the fit takes out.
        """
        sums = self.tally.joined(parts, "exposure_ms", self.number, corrected=False)
        return sums._replace(combined=sums.combined + fitted * self.tally.centring(own))

    def by_outcome(self, scores: Floats) -> Floats:
        """Scores (U, 2, d) of answers that chose right, and of those that chose left, in each group of the
        tally: (G, d)."""
        own = np.zeros((len(self.tally.cell), scores.shape[2]))
        for outcome, share in enumerate(self.left_share):
            own[self.at + outcome] = (1 - share) * scores[:, 0] + share * scores[:, 1]
        return own


def _rank(shown: _ExposureGroups, level: float, adjustment: str, rng: np.random.Generator) -> Ranking:
    """Estimate strengths with their errors, or say why none can be had."""
    df = float(shown.tally.df("exposure_ms", shown.number))
    blank = Ranking(
        exposure_ms=shown.exposure_ms, conditions=shown.names, n=int(shown.n.sum()),
        n_workers=shown.count("worker"), n_images=shown.count("image"), n_pairs=shown.count("pair"), df=df,
        level=level, identified=False,
    )  # fmt: skip
    if not df > 0:
        return replace(blank, note="one worker or one image only, so that no error can be estimated")
    K = len(shown.names)
    order = shown.left * K + shown.right
    n, k = (np.bincount(order, weights=w, minlength=K * K).astype(float) for w in (shown.n, shown.k))
    try:
        fit = _Fit(blank, shown, strengths_of(n, k, shown.names, sided=shown.sided))
    except DisconnectedError as error:
        return replace(blank, note=str(error))
    return fit.finish(shown.by_outcome(fit.scores()), adjustment, rng)


class _Fit(NamedTuple):
    """Strengths at one exposure, and what their errors follow from."""

    blank: Ranking
    shown: _ExposureGroups
    fit: Strengths

    def _rows(self) -> tuple[Floats, Floats, Floats]:
        """Of each group: the row of the regression (U, K), the signed contrast (U, C), and the chance that
        left is chosen (U,)."""
        left, right, contrast = self.shown.left, self.shown.right, self.shown.contrast
        K = len(self.shown.names)
        X = design_matrix(left, right, K)
        if not self.fit.biased:
            X[:, K - 1] = 0.0
        sign = np.where(left < right, 1.0, -1.0)[:, None]
        return (
            X,
            sign * (contrast[:, None] == np.unique(contrast)),
            special.expit(self.fit.logits(left, right)),
        )

    def scores(self) -> Floats:
        """Scores of the regression and of the contrasts of an answer in each group: (U, 2, K + C)."""
        X, Z, p = self._rows()
        return np.hstack([X, Z])[:, None] * np.stack([-p, 1 - p], axis=1)[:, :, None]

    def finish(self, own: Floats, adjustment: str, rng: np.random.Generator) -> Ranking:
        """Intervals, differences, ranks and the transitivity check. own: `scores` by outcome."""
        fit, names, df = self.fit, self.shown.names, self.blank.df
        K = len(names)
        t = float(t_quantile((1 + self.blank.level) / 2, df))
        _, Z, _ = self._rows()
        parts = self.shown.tally.parts(own)
        parameters = self.shown.covariances(parts).transform(
            np.hstack([fit.inverse, np.zeros((K, Z.shape[1]))])
        )
        # Free parameters are strengths against the last condition; the mean is taken out of all K.
        center = np.hstack([np.vstack([np.eye(K - 1), np.zeros(K - 1)]), np.zeros((K, 1))])
        center[:, : K - 1] -= 1 / K
        se = _se(parameters, fit, center)
        order = np.argsort(-fit.theta, kind="stable")
        left_se = float(_se(parameters, fit, np.eye(K)[[K - 1]])[0])
        found: dict[str, Any] = {}
        estimates = _estimates(fit, parameters, center, se, df)
        joint = joint_statements(estimates, self.blank.level, rng)
        if joint is not None:
            found |= _of_all(joint, order)
        if fit.biased:
            found |= {
                "left_bias": fit.left_bias,
                "left_low": fit.left_bias - t * left_se,
                "left_high": fit.left_bias + t * left_se,
            }
        spare = Z.shape[1] - (K - 1)
        if spare > 0 and not fit.firth:  # under separation the scores have no spread to be judged by
            found |= self._transitivity(spare, parts, own)
        return replace(
            self.blank,
            conditions=tuple(names[i] for i in order),
            identified=True,
            note=self._note(),
            strengths=tuple(fit.theta[order].tolist()),
            se=tuple(se[order].tolist()),
            low=tuple((fit.theta - t * se)[order].tolist()),
            high=tuple((fit.theta + t * se)[order].tolist()),
            method="Firth" if fit.firth else "maximum likelihood",
            differences=_differences(names, estimates, joint, order, t, adjustment),
            **found,
        )

    def _note(self) -> str:
        """What is to be said of how the strengths were found."""
        lefts, n = self.shown.k.sum(), self.shown.n.sum()
        if self.shown.sided and lefts in (0, n):
            side = "left" if lefts else "right"
            return f"every answer chose the {side} image, so the strengths say nothing of the conditions"
        note = []
        if self.fit.firth:
            note.append("a condition always won or lost: Firth's penalty keeps its strength finite")
        if self.shown.sided and not self.fit.biased:
            note.append(
                "the sides were not mixed, so a bias to the left cannot be separated from the strengths"
            )
        return "; ".join(note)

    def _transitivity(self, spare: int, parts: Parts, own: Floats) -> dict[str, Any]:
        """Test that the contrasts' own scores vanish: one strength a condition explains every contrast.

        Rao's score statistic, which independent answers would make a chi-square, is a sum of chi-squares
        weighted by the design effects; Satterthwaite's two moments make it a scaled chi-square (Rao & Scott
        1984), and F in place of chi-square allows for the few clusters that the weights come from.
        """
        X, Z, p = self._rows()
        weight = self.shown.n * p * (1 - p)
        drift = (Z * weight[:, None]).T @ X
        sums = self.shown.covariances_of_residuals(parts, own, 1 - spare / Z.shape[1])
        turned = sums.transform(np.hstack([-drift @ self.fit.inverse, np.eye(len(drift))]))
        plain = (Z * weight[:, None]).T @ Z - drift @ self.fit.inverse @ drift.T
        values, vectors = np.linalg.eigh(plain)
        values, vectors = values[-spare:], vectors[:, -spare:]
        if not values.min() > 1e-9 * max(values.max(), 1e-9):
            return {}
        root = vectors / np.sqrt(values)
        statistic = float(((root.T @ (Z.T @ (self.shown.k - self.shown.n * p))) ** 2).sum())
        effects = turned.transform(root.T)
        scale, freedom = effects.moments()
        if not scale > 0:
            return {}
        F = statistic / (scale * spare)
        p_value = f_tail(F, freedom, freedom * self.blank.df)
        return {"transitivity_f": F, "transitivity_df": spare, "transitivity_p": p_value}


def _se(parameters: Covariances, fit: Strengths, directions: Floats) -> Floats:
    """Standard errors along rows of `directions` (R, K).

    Under separation residuals vanish, and the sandwich with them; the model's own error is then the floor.
    """
    variance = parameters.variance(directions)
    if fit.firth:
        variance = np.maximum(variance, np.einsum("ri,ij,rj->r", directions, fit.inverse, directions))
    return np.sqrt(variance)


def _estimates(fit: Strengths, parameters: Covariances, center: Floats, se: Floats, df: float) -> Estimates:
    """The strengths with what simultaneous statements need of their errors."""
    K = len(fit.theta)
    free = np.vstack([np.eye(K)[: K - 1], np.zeros(K)])  # row of each condition among the free parameters
    i, j = np.triu_indices(K, 1)
    se_gaps = np.zeros((K, K))
    se_gaps[i, j] = se_gaps[j, i] = _se(parameters, fit, free[i] - free[j])
    # Under separation residuals vanish, and what they say of correlations with them.
    covariance = parameters.combined + (fit.inverse if fit.firth else 0.0)
    return Estimates(fit.theta, center @ covariance @ center.T, se, se_gaps, df)


def _of_all(joint: Joint, order: Codes) -> dict[str, tuple[Any, ...]]:
    """What holds for all conditions at once, as a Ranking keeps it."""
    found = {
        "simultaneous_low": joint.low, "simultaneous_high": joint.high,
        "rank_low": joint.ranks.low, "rank_high": joint.ranks.high,
        "simultaneous_rank_low": joint.all_ranks.low, "simultaneous_rank_high": joint.all_ranks.high,
    }  # fmt: skip
    return {name: tuple(values[order].tolist()) for name, values in found.items()}


def _differences(
    names: Sequence[str],
    estimates: Estimates,
    joint: Joint | None,
    order: Codes,
    t: float,
    adjustment: str,
) -> tuple[Difference, ...]:
    """Every pair of conditions, stronger first, with t intervals, simultaneous ones, and tests."""
    at = np.triu_indices(len(order), 1)
    i, j = order[at[0]], order[at[1]]
    gap, se = estimates.theta[i] - estimates.theta[j], estimates.se_gaps[i, j]
    p = np.where(se > 0, t_test(divide(gap, se), estimates.df), 1.0)
    low, high = (joint.gap_low[i, j], joint.gap_high[i, j]) if joint else np.full((2, len(gap)), np.nan)
    columns = (gap, gap - t * se, gap + t * se, low, high, p, adjust(p, adjustment), special.expit(gap))
    return tuple(
        Difference(names[one], names[other], *(float(value) for value in values))
        for one, other, values in zip(i, j, np.stack(columns, axis=1), strict=True)
    )
