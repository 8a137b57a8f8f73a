"""Ranking of the conditions at each exposure, with two-way errors and a check of what the model assumes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from analysis.bradley_terry import DisconnectedError, Strengths, bradley_terry, design
from analysis.clustering import ROWS, codes_of, count_of, pick, score_covariances
from analysis.distributions import f_tail, t_quantile, t_test
from analysis.errors import AnalysisError
from analysis.exclusion import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analysis.clustering import Covariances, Floats

RANKING_COLUMNS = (
    "exposure_ms", "condition", "rank", "strength", "low", "high", "se", "left_bias", "left_low",
    "left_high", "method", "transitivity_p", "n", "n_workers", "n_pairs", "df", "note",
)  # fmt: skip
NEEDED = ["worker", "pair", "condition_a", "condition_b", "side_of_a", "chosen_side"]


@dataclass(frozen=True)
class Difference:
    """How much stronger `condition` is than `versus`: a log odds ratio, and `wins`, as a probability."""

    condition: str
    versus: str
    difference: float
    low: float
    high: float
    p_value: float
    wins: float


@dataclass(frozen=True)
class Ranking:
    """Bradley-Terry strengths at one exposure; survives `from_dict(to_dict())`.

    exposure_ms: None for unlimited time. conditions: strongest first; strengths (log scale, sum 0), se, low
    and high stand in that order and are empty where identified is False (see `note`). left_bias: logit of
    choosing left between equals, None where the sides were not mixed. method: "maximum likelihood", or
    "Firth" where somebody always won. transitivity_*: score test of one strength a condition against one rate
    a contrast, None where there are no spare contrasts. differences: each pair, stronger first.
    """

    exposure_ms: float | None
    conditions: tuple[str, ...]
    n: int
    n_workers: int
    n_pairs: int
    df: int
    level: float
    identified: bool
    note: str = ""
    strengths: tuple[float, ...] = ()
    se: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    left_bias: float | None = None
    left_low: float | None = None
    left_high: float | None = None
    method: str = ""
    transitivity_f: float | None = None
    transitivity_df: int | None = None
    transitivity_p: float | None = None
    differences: tuple[Difference, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Ranking:
        """The inverse of to_dict, also after JSON made lists of tuples. AnalysisError on unknown keys."""
        unknown = set(values) - {item.name for item in fields(cls)}
        if unknown:
            raise AnalysisError(f"unknown field(s) of a ranking: {', '.join(sorted(unknown))}.")
        made: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
        made["differences"] = tuple(Difference(**item) for item in values.get("differences", ()))
        return cls(**made)


def rank_conditions(judgments: pd.DataFrame, *, level: float = 0.95, filtered: bool = True) -> list[Ranking]:
    """One Ranking an exposure, in ascending order; unlimited time is one.

    judgments: as marked by `exclusion.exclude`; sentinels take no part. An exposure whose contrasts do not
    link all its conditions gives a Ranking with identified=False. AnalysisError when no judgment is left.
    """
    keep, exposure = counted(judgments, filtered=filtered), judgments["exposure_ms"].to_numpy(float)
    found = sorted(value for value in pd.unique(exposure[keep]).tolist() if not np.isnan(value))
    # One exposure after another, so that only its judgments stand in memory twice.
    rankings = [_rank(pick(judgments, NEEDED, keep & (exposure == value)), value, level) for value in found]
    unlimited = keep & np.isnan(exposure)
    if unlimited.any():
        rankings.append(_rank(pick(judgments, NEEDED, unlimited), None, level))
    return rankings


class _Shown:
    """One exposure's judgments as arrays of codes."""

    def __init__(self, judgments: pd.DataFrame) -> None:
        a, b = (judgments[name].astype("category") for name in ("condition_a", "condition_b"))
        self.names = tuple(sorted({str(name) for column in (a, b) for name in column.unique()}))
        a_code, b_code = self._codes(a), self._codes(b)
        a_left = (judgments["side_of_a"] == "left").to_numpy()
        self.left, self.right = np.where(a_left, a_code, b_code), np.where(a_left, b_code, a_code)
        del a_left
        self.chose_left: NDArray[np.bool_] = (judgments["chosen_side"] == "left").to_numpy()
        # Both orders of two conditions are one contrast; numbered in the order of the conditions.
        K = len(self.names)
        low, high = (pick(a_code, b_code).astype(np.int64) for pick in (np.minimum, np.maximum))
        shown = np.bincount(low * K + high, minlength=K * K) > 0
        self.contrast = (np.cumsum(shown) - 1).astype(a_code.dtype)[low * K + high]
        self.contrasts = int(shown.sum())
        self.ways = [codes_of(judgments["worker"]), codes_of(judgments["pair"])]
        self.n_workers, self.n_pairs = (count_of(way) for way in self.ways)

    def _codes(self, column: pd.Series) -> NDArray[np.integer]:
        """Places of a categorical column's values in `names`."""
        place = {name: number for number, name in enumerate(self.names)}
        kind = np.int16 if len(self.names) ** 2 < 32_768 else np.int64
        of_category = np.array([place.get(str(name), -1) for name in column.cat.categories], dtype=kind)
        return np.asarray(of_category[column.cat.codes.to_numpy()])


def _rank(judgments: pd.DataFrame, exposure_ms: float | None, level: float) -> Ranking:
    """Fit one exposure."""
    shown = _Shown(judgments)
    df = min(shown.n_workers, shown.n_pairs) - 1
    common: dict[str, Any] = {
        "exposure_ms": exposure_ms, "n": len(judgments), "n_workers": shown.n_workers,
        "n_pairs": shown.n_pairs, "df": df, "level": level,
    }  # fmt: skip
    if df < 1:
        note = "one worker or one pair only: no error can be estimated"
        return Ranking(conditions=shown.names, identified=False, note=note, **common)
    try:
        fit = bradley_terry(shown.left, shown.right, shown.chose_left, shown.names)
    except DisconnectedError as error:
        return Ranking(conditions=shown.names, identified=False, note=str(error), **common)
    return Ranking(**common, **_report(shown, fit, df, level))


def _report(shown: _Shown, fit: Strengths, df: int, level: float) -> dict[str, Any]:
    """Intervals, differences and the transitivity check of a fit."""
    K = len(shown.names)
    t = float(t_quantile((1 + level) / 2, df))
    parameters, transitivity = _sandwich(shown, fit, df)
    # Free parameters are strengths against the last condition; the mean is taken out of all K.
    center = np.hstack([np.vstack([np.eye(K - 1), np.zeros(K - 1)]), np.zeros((K, 1))])
    center[:, : K - 1] -= 1 / K
    se = _se(parameters, fit, center)
    order = np.argsort(-fit.theta, kind="stable")
    left_se = float(_se(parameters, fit, np.eye(K)[[K - 1]])[0])
    note = []
    if fit.firth:
        note.append("a condition always won or lost: Firth's penalty keeps its strength finite")
    if not fit.biased:
        note.append("the sides were not mixed, so a bias to the left cannot be told from the strengths")
    return {
        "conditions": tuple(shown.names[i] for i in order),
        "identified": True,
        "note": "; ".join(note),
        "strengths": tuple(fit.theta[order].tolist()),
        "se": tuple(se[order].tolist()),
        "low": tuple((fit.theta - t * se)[order].tolist()),
        "high": tuple((fit.theta + t * se)[order].tolist()),
        "left_bias": fit.left_bias if fit.biased else None,
        "left_low": fit.left_bias - t * left_se if fit.biased else None,
        "left_high": fit.left_bias + t * left_se if fit.biased else None,
        "method": "Firth" if fit.firth else "maximum likelihood",
        "differences": _differences(shown.names, fit, parameters, order, df, t),
        **transitivity,
    }


def _se(parameters: Covariances, fit: Strengths, directions: Floats) -> Floats:
    """Standard errors along rows of `directions` (R, K).

    Under separation residuals vanish, and the sandwich with them; the model's own error is then the floor.
    """
    variance = parameters.variance(directions)
    if fit.firth:
        variance = np.maximum(variance, np.einsum("ri,ij,rj->r", directions, fit.inverse, directions))
    return np.sqrt(variance)


def _sandwich(shown: _Shown, fit: Strengths, df: int) -> tuple[Covariances, dict[str, Any]]:
    """Clustered covariances of the free parameters, and the score test of transitivity."""
    K, C = len(shown.names), shown.contrasts

    def parts(rows: slice) -> tuple[Floats, Floats, Floats, Floats]:
        """Regression rows (n, K), signed contrasts (n, C), residuals and variances (n,) of some answers."""
        left, right = shown.left[rows], shown.right[rows]
        X = design(left, right, K)
        if not fit.biased:
            X[:, K - 1] = 0.0
        sign = np.where(left < right, 1.0, -1.0)[:, None]
        p = special.expit(fit.logits(left, right))
        return X, sign * (shown.contrast[rows, None] == np.arange(C)), shown.chose_left[rows] - p, p * (1 - p)

    def scores(rows: slice) -> Floats:
        X, Z, residual, _ = parts(rows)
        return np.asarray(np.hstack([X, Z]) * residual[:, None])

    sums = score_covariances(scores, shown.ways)
    parameters = sums.transform(np.hstack([fit.inverse, np.zeros((K, C))]))
    spare = C - (K - 1)
    if spare < 1:
        return parameters, {}
    drift, score = np.zeros((C, K)), np.zeros(C)
    for start in range(0, len(shown.left), ROWS):
        X, Z, residual, variance = parts(slice(start, start + ROWS))
        drift, score = drift + (Z * variance[:, None]).T @ X, score + Z.T @ residual
    turned = sums.transform(np.hstack([-drift @ fit.inverse, np.eye(C)]))
    return parameters, _transitivity(score, turned, spare, df)


def _transitivity(score: Floats, covariances: Covariances, spare: int, df: int) -> dict[str, Any]:
    """F test that the contrasts' own scores vanish; their covariance has rank `spare`."""
    values, vectors = covariances.spectrum()
    values, vectors = values[-spare:], vectors[:, -spare:]
    if df - spare + 1 < 1 or not values.min() > 1e-12 * max(values.max(), 1e-12):
        return {}
    F = float(((vectors.T @ score) ** 2 / values).sum() / spare)
    return {"transitivity_f": F, "transitivity_df": spare,
            "transitivity_p": f_tail(F, spare, df - spare + 1)}  # fmt: skip


def _differences(
    names: Sequence[str], fit: Strengths, parameters: Covariances, order: NDArray[np.int64], df: int, t: float
) -> tuple[Difference, ...]:
    """Every pair of conditions, stronger first, with t intervals and tests."""
    K = len(names)
    free = np.vstack([np.eye(K)[: K - 1], np.zeros(K)])  # row of each condition among the free parameters
    found = []
    for place, i in enumerate(order):
        for j in order[place + 1 :]:
            se = float(_se(parameters, fit, (free[i] - free[j])[None])[0])
            gap = float(fit.theta[i] - fit.theta[j])
            p = float(t_test(gap / se, df)) if se > 0 else 1.0
            wins = float(special.expit(gap))
            found.append(Difference(names[i], names[j], gap, gap - t * se, gap + t * se, p, wins))
    return tuple(found)


def ranking_table(rankings: Sequence[Ranking]) -> pd.DataFrame:
    """One row a condition and exposure with RANKING_COLUMNS; estimates are missing where `note` says why."""
    rows = []
    for ranking in rankings:
        shared = {name: getattr(ranking, name) for name in RANKING_COLUMNS if hasattr(ranking, name)}
        for place, condition in enumerate(ranking.conditions):
            own: dict[str, Any] = {"condition": condition, "rank": None, "strength": None}
            own |= dict.fromkeys(("se", "low", "high"))
            if ranking.identified:
                own |= {"rank": place + 1, "strength": ranking.strengths[place]}
                own |= {name: getattr(ranking, name)[place] for name in ("se", "low", "high")}
            rows.append({**shared, **own})
    return pd.DataFrame(rows, columns=list(RANKING_COLUMNS))
