"""Bradley-Terry strengths by logistic regression with a left-side intercept, on counts.

logit P(left is chosen) = left_bias + theta[left] - theta[right]   (Bradley & Terry 1952; order effect as in
Davidson & Beaver 1977). The likelihood needs only how often each ordered pair was shown and won, so a million
comparisons cost one pass over them. Firth's penalty (1993) keeps estimates finite under separation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .clustering import Floats

ITERATIONS = 1000
SEPARATED = 15.0  # a logit beyond it is on its way to infinity
STEP = 3.0
HALVINGS = 30
ROUNDING = 1e-9  # of a penalised log-likelihood
CONDITION = 1e13  # in the 1-norm; beyond it the information is singular


class DisconnectedError(GlimpseError):
    """No chain of contrasts joins all conditions; their strengths have no common scale."""


class Strengths(NamedTuple):
    """theta: (K,) log strengths that sum to zero. left_bias: logit of choosing left between equals; 0 where
    the sides were not mixed, so that it cannot be told apart (`biased` is then False). firth: the penalty was
    needed. inverse: (K, K) inverse information of the free parameters (K - 1 strengths against the last, then
    left_bias).
    """

    theta: Floats
    left_bias: float
    biased: bool
    firth: bool
    inverse: Floats

    def logits(self, left: NDArray[np.integer], right: NDArray[np.integer]) -> Floats:
        """Logit of choosing left, for condition codes."""
        return np.asarray(self.left_bias + self.theta[left] - self.theta[right])


def strengths_of(
    n: Floats, k: Floats, names: Sequence[str], *, firth: bool | None = None, sided: bool = True
) -> Strengths:
    """Estimate strengths from counts.

    n, k: (K * K,) how often each ordered pair of conditions (left, right) was shown, and left was chosen.
    firth: True always penalises, False never, None where the likelihood has no maximum. sided: False where it
    is not known who stood left, so that there is no bias to estimate. DisconnectedError
    names the parts; GlimpseError where firth=False and the maximum does not exist.
    """
    K = len(names)
    shown = np.flatnonzero(n)
    refuse_disconnected(shown // K, shown % K, names)
    X = design_matrix(shown // K, shown % K, K)
    biased = sided and bool(np.linalg.matrix_rank(X) == K)
    used = X if biased else X[:, :-1]
    found = None if firth else _newton(used, n[shown], k[shown], penalised=False)
    if found is None:
        if firth is False:
            raise GlimpseError(
                "the strengths are infinite (a condition always won or lost); use the penalty."
            )
        found = _newton(used, n[shown], k[shown], penalised=True)
        if found is None:
            raise GlimpseError(f"Firth's estimate did not converge in {ITERATIONS} steps; report this input.")
        firth = True
    beta, inverse = found
    theta = np.append(beta[: K - 1], 0.0)
    full = np.zeros((K, K))
    full[: len(beta), : len(beta)] = inverse
    theta -= theta.mean()
    theta[np.abs(theta) < 1e-12] = 0.0  # what rounding leaves of an exact tie
    return Strengths(theta, float(beta[K - 1]) if biased else 0.0, biased, bool(firth), full)


def design_matrix(left: NDArray[np.integer], right: NDArray[np.integer], K: int) -> Floats:
    """Rows of the regression: (N, K) = strengths of all conditions but the last, then the intercept."""
    X = np.zeros((len(left), K + 1))
    rows = np.arange(len(left))
    X[rows, left] += 1
    X[rows, right] -= 1
    X[:, K - 1], X[:, K] = 1.0, 0.0
    return X[:, :K]


def refuse_disconnected(left: NDArray[np.integer], right: NDArray[np.integer], names: Sequence[str]) -> None:
    """Raise DisconnectedError, with the parts by name, unless every condition is linked to every other."""
    part = np.arange(len(names))
    for _ in names:
        lower = np.minimum(part[left], part[right])
        np.minimum.at(part, left, lower)
        np.minimum.at(part, right, lower)
    if part.any():
        groups = [", ".join(name for name, p in zip(names, part, strict=True) if p == i)
                  for i in np.unique(part)]  # fmt: skip
        raise DisconnectedError(
            f"nothing links {{{'} and {'.join(groups)}}}: strengths on one scale need a chain of contrasts."
        )


def _newton(X: Floats, n: Floats, k: Floats, *, penalised: bool) -> tuple[Floats, Floats] | None:
    """Maximise the (penalised) likelihood of grouped data: (estimates, inverse information), or None.

    With Firth's penalty each trial counts as 1 + h trials, h its leverage, of which h / 2 more are won
    (Heinze & Schemper 2002, eq. 4); a step that would lower the penalised likelihood is halved. None when the
    estimates run to infinity.
    """
    beta = np.zeros(X.shape[1])
    for _ in range(ITERATIONS):
        p = special.expit(X @ beta)
        information = (X * (n * p * (1 - p))[:, None]).T @ X
        inverse = _inverse(information)
        if inverse is None:
            return None
        added = n * p * (1 - p) * np.einsum("ij,jk,ik->i", X, inverse, X) if penalised else np.zeros(len(n))
        score = X.T @ (k - n * p + added * (0.5 - p))
        step = np.linalg.solve((X * ((n + added) * p * (1 - p))[:, None]).T @ X, score)
        longest = float(np.abs(step).max())
        if longest < 1e-10:
            return beta, inverse
        step *= min(1.0, STEP / longest)
        before = _penalised_likelihood(X, n, k, beta) - ROUNDING
        for _ in range(HALVINGS if penalised else 0):
            if _penalised_likelihood(X, n, k, beta + step) >= before:
                break
            step /= 2
        beta = beta + step
        if not penalised and np.abs(X @ beta).max() > SEPARATED:
            return None
    return None


def _inverse(information: Floats) -> Floats | None:
    """The inverse of an information matrix, or None where it is singular."""
    try:
        inverse = np.linalg.inv(information)
    except np.linalg.LinAlgError:
        return None
    condition = np.abs(information).sum(axis=0).max() * np.abs(inverse).sum(axis=0).max()
    return inverse if condition <= CONDITION else None


def _penalised_likelihood(X: Floats, n: Floats, k: Floats, beta: Floats) -> float:
    """Logarithm of the likelihood times the root of the determinant of the information (Firth 1993)."""
    logit = X @ beta
    p = special.expit(logit)
    _, penalty = np.linalg.slogdet((X * (n * p * (1 - p))[:, None]).T @ X)
    return float((k * special.log_expit(logit) + (n - k) * special.log_expit(-logit)).sum() + penalty / 2)
