"""Quantiles and tail areas that the tests need, from scipy.special.

scipy.stats has them too, to the last bit or nearly so, but importing it costs more than analysing a study.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from .clustering import Floats

    Numbers = float | NDArray[Any]


def t_quantile(probability: float, df: Numbers) -> Any:
    """Quantile of Student's t."""
    return special.stdtrit(df, probability)


def t_test(t: Numbers, df: Numbers) -> Any:
    """Two-sided p-value of a t statistic."""
    return 2 * special.stdtr(df, -np.abs(t))


def t_tail(t: Numbers, df: Numbers) -> Any:
    """Probability of more than t under Student's t."""
    return special.stdtr(df, -np.asarray(t))


def normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution."""
    return float(special.ndtri(probability))


def f_tail(F: float, df: float, df_below: float) -> float:
    """Probability of more than F under Snedecor's F distribution."""
    return float(special.fdtrc(df, df_below, F))


def binomial_cdf(k: ArrayLike, n: ArrayLike, p: float) -> Floats:
    """Probability of at most k of n."""
    k, n = np.asarray(k), np.asarray(n)
    return np.asarray(np.where(k < n, special.betainc(np.maximum(n - k, 1), k + 1.0, 1 - p), 1.0))


def coin_test(k: ArrayLike, n: ArrayLike) -> Floats:
    """Exact two-sided p-value of k heads of n throws of a fair coin; NaN without throws."""
    k, n = np.asarray(k), np.asarray(n)
    p_value = np.minimum(1.0, 2 * binomial_cdf(np.minimum(k, n - k), n, 0.5))
    return np.asarray(np.where(n > 0, p_value, np.nan))


def coin_quantile(probability: float, n: int) -> int:
    """Fewest heads that a fair coin stays at or below in n throws with at least this probability."""
    return int(np.searchsorted(binomial_cdf(np.arange(n + 1), n, 0.5), probability))
