"""Ranking of the conditions at each exposure, with two-way errors and a check of what the model assumes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from glimpse.errors import GlimpseError

from .bradley_terry import DisconnectedError, Strengths, design_matrix, strengths_of
from .distributions import f_tail, t_quantile, t_test
from .grouping import by_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..reading.judgments import Judgments
    from .clustering import Covariances, Floats
    from .grouping import Grouping

RANKING_COLUMNS = (
    "exposure_ms", "condition", "rank", "strength", "low", "high", "se", "left_bias", "left_low",
    "left_high", "method", "transitivity_p", "n", "n_workers", "n_pairs", "df", "note",
)  # fmt: skip


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
    a contrast, None where there are no spare contrasts, or Firth's penalty was needed. differences: each
    pair, stronger first.
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

    def __repr__(self) -> str:
        at = "unlimited time" if self.exposure_ms is None else f"{self.exposure_ms:g} ms"
        if not self.identified:
            return f"<Ranking at {at}, not identified: {self.note}>"
        found = zip(self.conditions, self.strengths, strict=True)
        return f"<Ranking at {at}: {', '.join(f'{name} {strength:+.2f}' for name, strength in found)}>"

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Ranking:
        """The inverse of to_dict, also after JSON made lists of tuples. GlimpseError on unknown keys."""
        unknown = set(values) - {item.name for item in fields(cls)}
        if unknown:
            raise GlimpseError(f"unknown field(s) of a ranking: {', '.join(sorted(unknown))}.")
        made: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
        made["differences"] = tuple(Difference(**item) for item in values.get("differences", ()))
        return cls(**made)


def rank_conditions(
    judgments: Judgments | pd.DataFrame, *, level: float = 0.95, filtered: bool = True
) -> list[Ranking]:
    """One Ranking an exposure, in ascending order; unlimited time is one.

    judgments: as marked by `exclusion.exclude`; sentinels take no part. An exposure whose contrasts do not
    link all its conditions gives a Ranking with identified=False. GlimpseError when no judgment is left.
    """
    data = by_side(judgments, "exposure_ms", filtered=filtered)
    order = np.argsort(data.sets)  # NaN comes last
    begun = {int(number): _begin(_ExposureGroups.of(data, int(number)), level) for number in order}
    sums = data.covariances({at: fit.scores() for at, fit in begun.items() if isinstance(fit, _Fit)})
    return [fit.finish(sums[at]) if isinstance(fit, _Fit) else fit for at, fit in begun.items()]


class _ExposureGroups(NamedTuple):
    """One exposure's groups (U,): codes in `names` of the conditions left and right, answers, and those that
    chose left; `contrast` numbers the unordered pairs of conditions, in their order."""

    exposure_ms: float | None
    names: tuple[str, ...]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    contrast: NDArray[np.int64]
    n: Floats
    k: Floats
    n_workers: int
    n_pairs: int

    @classmethod
    def of(cls, data: Grouping, number: int) -> _ExposureGroups:
        """Of one of the exposures."""
        groups = data.groups(number)
        a, b = (data.cells[name].to_numpy(str)[groups.cell] for name in ("condition_a", "condition_b"))
        names, codes = np.unique(np.stack([a, b]), return_inverse=True)
        a_code, b_code = codes.reshape(2, -1)
        a_left = groups.value == 1
        left, right = np.where(a_left, a_code, b_code), np.where(a_left, b_code, a_code)
        both = np.minimum(left, right) * len(names) + np.maximum(left, right)
        exposure_ms = float(data.sets[number])
        return cls(None if np.isnan(exposure_ms) else exposure_ms, tuple(names.tolist()), left, right,
                   np.unique(both, return_inverse=True)[1], *groups[2:])  # fmt: skip


def _begin(shown: _ExposureGroups, level: float) -> Ranking | _Fit:
    """Estimate strengths whose errors are still to be found, or say why none can be had."""
    df = min(shown.n_workers, shown.n_pairs) - 1
    blank = Ranking(
        exposure_ms=shown.exposure_ms, conditions=shown.names, n=int(shown.n.sum()),
        n_workers=shown.n_workers, n_pairs=shown.n_pairs, df=df, level=level, identified=False,
    )  # fmt: skip
    if df < 1:
        return replace(blank, note="one worker or one pair only: no error can be estimated")
    K = len(shown.names)
    order = shown.left * K + shown.right
    n, k = (np.bincount(order, weights=w, minlength=K * K).astype(float) for w in (shown.n, shown.k))
    try:
        return _Fit(blank, shown, strengths_of(n, k, shown.names))
    except DisconnectedError as error:
        return replace(blank, note=str(error))


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

    def finish(self, sums: Covariances) -> Ranking:
        """Intervals, differences and the transitivity check, from the covariances of the sums of `scores`."""
        fit, names, df = self.fit, self.shown.names, self.blank.df
        K = len(names)
        t = float(t_quantile((1 + self.blank.level) / 2, df))
        X, Z, p = self._rows()
        parameters = sums.transform(np.hstack([fit.inverse, np.zeros((K, Z.shape[1]))]))
        # Free parameters are strengths against the last condition; the mean is taken out of all K.
        center = np.hstack([np.vstack([np.eye(K - 1), np.zeros(K - 1)]), np.zeros((K, 1))])
        center[:, : K - 1] -= 1 / K
        se = _se(parameters, fit, center)
        order = np.argsort(-fit.theta, kind="stable")
        left_se = float(_se(parameters, fit, np.eye(K)[[K - 1]])[0])
        found: dict[str, Any] = {}
        if fit.biased:
            found = {
                "left_bias": fit.left_bias,
                "left_low": fit.left_bias - t * left_se,
                "left_high": fit.left_bias + t * left_se,
            }
        spare = Z.shape[1] - (K - 1)
        if spare > 0 and not fit.firth:  # under separation the scores have no spread to be judged by
            drift = (Z * (self.shown.n * p * (1 - p))[:, None]).T @ X
            turned = sums.transform(np.hstack([-drift @ fit.inverse, np.eye(len(drift))]))
            found |= _transitivity(Z.T @ (self.shown.k - self.shown.n * p), turned, spare, df)
        return replace(
            self.blank,
            conditions=tuple(names[i] for i in order),
            identified=True,
            note=_note(fit),
            strengths=tuple(fit.theta[order].tolist()),
            se=tuple(se[order].tolist()),
            low=tuple((fit.theta - t * se)[order].tolist()),
            high=tuple((fit.theta + t * se)[order].tolist()),
            method="Firth" if fit.firth else "maximum likelihood",
            differences=_differences(names, fit, parameters, order, df, t),
            **found,
        )


def _note(fit: Strengths) -> str:
    """What is to be said of how the strengths were found."""
    note = []
    if fit.firth:
        note.append("a condition always won or lost: Firth's penalty keeps its strength finite")
    if not fit.biased:
        note.append("the sides were not mixed, so a bias to the left cannot be separated from the strengths")
    return "; ".join(note)


def _se(parameters: Covariances, fit: Strengths, directions: Floats) -> Floats:
    """Standard errors along rows of `directions` (R, K).

    Under separation residuals vanish, and the sandwich with them; the model's own error is then the floor.
    """
    variance = parameters.variance(directions)
    if fit.firth:
        variance = np.maximum(variance, np.einsum("ri,ij,rj->r", directions, fit.inverse, directions))
    return np.sqrt(variance)


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
