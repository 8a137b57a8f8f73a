"""Strengths where ties are allowed: Davidson's model, with a left-side intercept, on counts.

P(left) : P(tie) : P(right) = exp(u) : nu exp(u / 2) : 1,  u = left_bias + theta[left] - theta[right].

Davidson (1970), "On extending the Bradley-Terry model to accommodate ties in paired comparison experiments",
J. Am. Stat. Assoc. 65(329); the order effect as in Davidson & Beaver (1977), Biometrics 33(4). Its logarithm
is linear in the parameters, so that the likelihood is that of a multinomial regression and has one maximum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from .bradley_terry import DisconnectedError, refuse_disconnected
from .distributions import t_quantile
from .grouping import analysed
from .terms import condition_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..reading.judgments import Judgments
    from .clustering import Codes, Floats
    from .covariance import Tally
    from .gathering import Gathered
    from .grouping import Analysed

DAVIDSON_COLUMNS = (
    "exposure_ms", "condition", "strength", "low", "high", "se", "nu", "nu_low", "nu_high", "left_bias", "n",
    "ties", "df", "note",
)  # fmt: skip
ITERATIONS = 100
SMALLEST_STEP = 1e-10
LARGEST = 15.0  # a parameter beyond it is on its way to infinity
RIGHT, TIED, LEFT = 0, 1, 2


class TiedStrengths(NamedTuple):
    """theta: (K,) log strengths that sum to zero. left_bias: log odds of left against right between equals.
    nu: how readily equals tie. inverse: (K + 1, K + 1) inverse information of the free parameters: K - 1
    strengths against the last, left_bias, and the logarithm of nu."""

    theta: Floats
    left_bias: float
    nu: float
    inverse: Floats


def tied_strengths(
    left: Codes, right: Codes, counts: Floats, names: Sequence[str], *, biased: bool = True
) -> TiedStrengths | None:
    """Estimate strengths from counts by maximum likelihood; None where it has no maximum.

    left, right: (U,) codes of the conditions shown. counts: (U, 3), how often right, neither, left was
    chosen. biased: False leaves the left-side intercept out. DisconnectedError where no chain of contrasts
    joins all.

    >>> pairs = np.array([0, 0, 1]), np.array([1, 2, 2])
    >>> counts = np.array([[9, 2, 9], [5, 2, 13], [5, 2, 13]])
    >>> found = tied_strengths(*pairs, counts, ["a", "b", "c"], biased=False)
    >>> [round(float(strength), 2) for strength in found.theta]
    [0.32, 0.32, -0.63]
    """
    refuse_disconnected(left, right, names)
    X = features(left, right, len(names))
    kept = np.arange(X.shape[2])
    if not biased:
        kept = np.delete(kept, len(names) - 1)
    found = _newton(X[:, :, kept], counts.astype(float))
    if found is None:
        return None
    beta, inverse = np.zeros(X.shape[2]), np.zeros((X.shape[2], X.shape[2]))
    beta[kept], inverse[np.ix_(kept, kept)] = found
    theta = np.append(beta[: len(names) - 1], 0.0)
    return TiedStrengths(theta - theta.mean(), float(beta[-2]), float(np.exp(beta[-1])), inverse)


def features(left: Codes, right: Codes, K: int) -> Floats:
    """What the logarithm of each outcome's chance is linear in: (U, 3, K + 1), outcomes RIGHT, TIED, LEFT."""
    U = len(left)
    row, strengths = np.arange(U), np.zeros((U, K))
    strengths[row, left] += 1
    strengths[row, right] -= 1
    X = np.zeros((U, 3, K + 1))
    X[:, LEFT, : K - 1], X[:, LEFT, K - 1] = strengths[:, :-1], 1.0
    X[:, TIED] = X[:, LEFT] / 2
    X[:, TIED, K] = 1.0
    return X


def chances(X: Floats, beta: Floats) -> Floats:
    """The chance of each outcome: (U, 3)."""
    logit = X @ beta
    raised = np.exp(logit - logit.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _newton(X: Floats, counts: Floats) -> tuple[Floats, Floats] | None:
    """Maximum of the multinomial likelihood: (estimates, inverse information)."""
    beta, n = np.zeros(X.shape[2]), counts.sum(axis=1)
    for _ in range(ITERATIONS):
        p = chances(X, beta)
        mean = np.einsum("uo,uod->ud", p, X)
        spread = X - mean[:, None]
        information = np.einsum("u,uo,uod,uoe->de", n, p, spread, spread)
        score = np.einsum("uo,uod->d", counts - n[:, None] * p, X)
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            return None
        longest = float(np.abs(step).max())
        if longest < SMALLEST_STEP:
            return beta, np.linalg.inv(information)
        beta = beta + step * min(1.0, 2.0 / longest)
        if np.abs(beta).max() > LARGEST:
            return None
    return None


def davidson_table(
    judgments: Judgments | pd.DataFrame | Gathered | Analysed, *, level: float = 0.95
) -> pd.DataFrame:
    """Strengths by Davidson's model, one row a condition and exposure with DAVIDSON_COLUMNS, strongest first.

    judgments: as marked by `exclusion.exclude`; an answer on a scale counts by its side. low, high: t
    intervals clustered as those of the ranking. Estimates are missing where `note` says why. No rows where no
    answer can be a tie.
    """
    answers = analysed(judgments)
    if not answers.gathered.kind.tie:
        return pd.DataFrame(columns=list(DAVIDSON_COLUMNS))
    tally = answers.by_side
    codes, first = np.unique(tally.sets["exposure_ms"], return_index=True)
    exposures = tally.cells["exposure_ms"].to_numpy(float)[first]
    rows = [
        row
        for place in np.argsort(exposures)
        for row in _at_exposure(answers, int(codes[place]), float(exposures[place]), level)
    ]
    return pd.DataFrame(rows, columns=list(DAVIDSON_COLUMNS))


class _Shown(NamedTuple):
    """One exposure's answers, (U,) by cell and side of condition A.

    at: the first group of each in `tally`. left, right: codes in `names` of the conditions. counts: (U, 3),
    how often right, neither, left was chosen. side: RIGHT, TIED or LEFT of each outcome. sided: whether it is
    known who stood left.
    """

    tally: Tally
    number: int
    names: list[str]
    at: Codes
    left: Codes
    right: Codes
    counts: Floats
    side: Codes
    sided: bool

    @classmethod
    def of(cls, answers: Analysed, number: int) -> _Shown:
        """Of one of the exposures."""
        tally, S = answers.by_side, answers.outcomes
        side = np.sign(answers.gathered.points) + 1
        every = tally.n.reshape(-1, S)
        counts = np.stack([every[:, side == one].sum(axis=1) for one in (RIGHT, TIED, LEFT)], axis=1)
        here = tally.sets["exposure_ms"][tally.cell[::S]] == number
        units = np.flatnonzero(here & (counts.sum(axis=1) > 0))
        cell, a_left = tally.cell[S * units], units % 2 == 1
        both = condition_codes(tally.cells)
        known, own = np.unique(np.stack([both["a"][cell], both["b"][cell]]), return_inverse=True)
        a, b = own.reshape(2, -1)
        names = np.unique(np.concatenate([tally.cells[f"condition_{end}"].to_numpy(str) for end in "ab"]))
        left, right = np.where(a_left, a, b), np.where(a_left, b, a)
        return cls(
            tally,
            number,
            names[known].tolist(),
            S * units,
            left,
            right,
            counts[units],
            side,
            answers.gathered.sided,
        )

    @property
    def mixed(self) -> bool:
        """Whether the sides are known and were mixed, so that a bias to the left can be told from the
        strengths."""
        if not self.sided:
            return False
        K = len(self.names)
        return bool(np.linalg.matrix_rank(features(self.left, self.right, K)[:, LEFT, :K]) == K)

    def fit(self) -> tuple[TiedStrengths | None, str]:
        """The strengths, and why there are none."""
        if not self.tally.df("exposure_ms", self.number) > 0:
            return None, "one worker or one image only, so that no error can be estimated"
        try:
            found = tied_strengths(self.left, self.right, self.counts, self.names, biased=self.mixed)
        except DisconnectedError as error:
            return None, str(error)
        if found is None:
            return None, "a condition always won or lost, or nobody tied: the strengths have no maximum"
        return found, "" if self.mixed or not self.sided else "the sides were not mixed"

    def errors(self, found: TiedStrengths) -> tuple[Floats, float]:
        """Standard errors of the strengths (K,), and of the logarithm of nu."""
        K, X = len(self.names), features(self.left, self.right, len(self.names))
        beta = np.concatenate([found.theta[:-1] - found.theta[-1], [found.left_bias, np.log(found.nu)]])
        spread = X - np.einsum("uo,uod->ud", chances(X, beta), X)[:, None]
        scores = np.zeros((len(self.tally.cell), K + 1))
        groups = self.at[:, None] + np.arange(len(self.side))
        scores[groups.ravel()] = spread[:, self.side].reshape(-1, K + 1)
        sums = self.tally.covariances(scores, "exposure_ms", self.number).transform(found.inverse)
        # Free parameters are strengths against the last condition; the mean is taken out of all K.
        center = np.hstack([np.vstack([np.eye(K - 1), np.zeros(K - 1)]), np.zeros((K, 2))])
        center[:, : K - 1] -= 1 / K
        return np.sqrt(sums.variance(center)), float(np.sqrt(sums.variance(np.eye(K + 1)[K])))


def _at_exposure(answers: Analysed, number: int, exposure_ms: float, level: float) -> list[dict[str, Any]]:
    """The rows of one exposure."""
    shown = _Shown.of(answers, number)
    if not len(shown.at):
        return []
    found, note = shown.fit()
    df = float(shown.tally.df("exposure_ms", number))
    row: dict[str, Any] = {"exposure_ms": exposure_ms, "n": int(shown.counts.sum()), "df": df, "note": note}
    row["ties"] = int(shown.counts[:, TIED].sum())
    if found is None:
        return [row | {"condition": name} for name in shown.names]
    se, of_nu = shown.errors(found)
    t = float(t_quantile((1 + level) / 2, df))
    row |= {"nu": found.nu, "nu_low": found.nu * np.exp(-t * of_nu), "nu_high": found.nu * np.exp(t * of_nu)}
    row["left_bias"] = found.left_bias if shown.mixed else None
    low, high = found.theta - t * se, found.theta + t * se
    return [
        row
        | {
            "condition": shown.names[i],
            "strength": found.theta[i],
            "low": low[i],
            "high": high[i],
            "se": se[i],
        }
        for i in np.argsort(-found.theta, kind="stable")
    ]
