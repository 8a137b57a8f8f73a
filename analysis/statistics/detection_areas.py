"""The curve of ratings (ROC) of single images: points, area under it, and the binormal model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from .clustering import divide
from .distributions import t_quantile
from .preference import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .clustering import Codes, Floats
    from .detection_rates import SaidGenerated

AREA_COLUMNS = ("area", "area_low", "area_high", "area_se")


def rating_counts(said: SaidGenerated) -> tuple[Codes, NDArray[np.int64]]:
    """The L ratings that occur, ascending, and how often each does in the answers of every rate: (R, L)."""
    levels, code = np.unique(said.tally.rating, return_inverse=True)
    at = np.zeros((len(said.tally.n), len(levels)), dtype=np.int64)
    at[np.arange(len(code)), code] = said.tally.n
    return levels, np.asarray(said.masks @ at, dtype=np.int64)


def areas(said: SaidGenerated, hit: NDArray[np.int64], false_alarm: NDArray[np.int64]) -> pd.DataFrame:
    """Area under the curve of ratings of M pairs of rates, by the trapezoid: AREA_COLUMNS.

    It is the probability that a generated image is rated more generated than a real one, ties as halves
    (Mann & Whitney; Bamber 1975). An answer's influence is how it does against all of the other kind (DeLong,
    DeLong & Clarke-Pearson 1988, Biometrics 44(3)), summed over workers and images as for rates (for one way
    of clustering: Obuchowski 1997, Biometrics 53(2)). The interval is Wilson's with the effective number of
    answers. NaN where answers say only real or generated.
    """
    levels, counts = rating_counts(said)
    M = len(hit)
    if len(levels) < 3:
        return pd.DataFrame(np.full((M, len(AREA_COLUMNS)), np.nan), columns=list(AREA_COLUMNS))
    gen, real = counts[hit], counts[false_alarm]
    above = _share_above(gen)  # of generated ones, rated more generated than each rating, ties as halves
    below = 1 - _share_above(real)
    area = divide((gen * below).sum(axis=1), gen.sum(axis=1))
    code = np.searchsorted(levels, said.tally.rating)
    own = np.where(said.masks[hit], below[:, code] - area[:, None], 0) / np.maximum(said.n[hit], 1)[:, None]
    other = np.where(said.masks[false_alarm], above[:, code] - area[:, None], 0)
    other = other / np.maximum(said.n[false_alarm], 1)[:, None]
    found = said.covariances_of(
        lambda way: (
            said.correction(way)[hit][:, None] * own + said.correction(way)[false_alarm][:, None] * other
        )
    )
    variance = found.variance(np.eye(M))
    weights = np.zeros((M, len(said.n)))
    weights[np.arange(M), hit], weights[np.arange(M), false_alarm] = 1.0, -1.0
    df = said.freedom(weights)
    n = divide(area * (1 - area), np.where(variance > 1e-15, variance, np.nan))
    n = np.where(variance > 1e-15, n, np.maximum(df + 1, 1.0))
    quantile = t_quantile((1 + said.level) / 2, np.where(df > 0, df, 1.0))
    low, high = wilson(area, np.where(df > 0, n, np.nan), quantile)
    return pd.DataFrame(
        dict(zip(AREA_COLUMNS, (area, low, high, np.sqrt(np.maximum(variance, 0))), strict=True))
    )


def _share_above(counts: NDArray[np.int64]) -> Floats:
    """Share of answers with a higher rating than each, and half of those with the same: (M, L)."""
    n = counts.sum(axis=1, keepdims=True)
    after = counts[:, ::-1].cumsum(axis=1)[:, ::-1] - counts
    return divide(after + counts / 2, n)


def roc_points(counts: NDArray[np.int64]) -> Floats:
    """Shares rated at least so generated, from the highest rating down, 0 first: (..., L + 1)."""
    total = counts.sum(axis=-1, keepdims=True)
    shares = divide(counts[..., ::-1].cumsum(axis=-1), total)
    return np.concatenate([np.zeros((*counts.shape[:-1], 1)), shares], axis=-1)


class Binormal(NamedTuple):
    """The binormal model of ratings: what is seen of a real image is standard normal, of a generated one
    normal with `mean` and `sd`; `criteria` (L - 1,) part the ratings.

    area: under its curve, Phi(mean / sqrt(1 + sd^2)); d_a: the distance in units of the root mean square of
    both spreads (Macmillan & Creelman 2005, eq. 3.4); slope: of the curve in z, 1 / sd.
    """

    mean: float
    sd: float
    criteria: tuple[float, ...]
    log_likelihood: float

    @property
    def area(self) -> float:
        """Under the curve, in [0, 1]."""
        return float(special.ndtr(self.mean / np.sqrt(1 + self.sd**2)))

    @property
    def d_a(self) -> float:
        """The distance of the two kinds of images; d' where sd is 1."""
        return float(self.mean * np.sqrt(2 / (1 + self.sd**2)))

    @property
    def slope(self) -> float:
        """Of the curve of ratings in z coordinates."""
        return 1 / self.sd

    def curve(self, false_alarm_rate: Floats) -> Floats:
        """Hit rate at rates of false alarms, (N,) in (0, 1)."""
        return np.asarray(special.ndtr((special.ndtri(false_alarm_rate) + self.mean) / self.sd))


def fit_binormal(generated: NDArray[np.int64], real: NDArray[np.int64]) -> Binormal | None:
    """Fit the model by maximum likelihood (Dorfman & Alf 1969, J. Math. Psychol. 6(3)).

    generated, real: (L,) how often each rating was given, ascending from surest real. None where it is not
    identified: fewer than three ratings, or a curve along the edge.
    """
    used = (generated + real) > 0
    gen: Floats = generated[used].astype(float)
    noise: Floats = real[used].astype(float)
    if len(gen) < 3 or not gen.sum() or not noise.sum() or not _inside(gen, noise):
        return None
    shares = (noise.cumsum()[:-1] + 0.5) / (noise.sum() + 1)
    first = special.ndtri(shares)
    first = np.maximum.accumulate(first + 1e-3 * np.arange(len(first)))
    start = np.concatenate([[special.ndtri(0.5 + 0.49 * _lead(gen, noise)) * np.sqrt(2), 0.0], first[:1],
                            np.log(np.diff(first))])  # fmt: skip

    def parts(theta: Floats) -> tuple[float, float, Floats]:
        criteria = np.cumsum(np.concatenate([theta[2:3], np.exp(np.clip(theta[3:], -20, 5))]))
        return theta[0], float(np.exp(np.clip(theta[1], -5, 5))), criteria

    def loss(theta: Floats) -> float:
        mean, sd, criteria = parts(theta)
        edges = np.concatenate([[-np.inf], criteria, [np.inf]])
        p_real, p_gen = (np.diff(special.ndtr(z)) for z in (edges, (edges - mean) / sd))
        return float(-(gen @ np.log(np.maximum(p_gen, 1e-300)) + noise @ np.log(np.maximum(p_real, 1e-300))))

    from scipy.optimize import minimize

    found = minimize(loss, start, method="BFGS", options={"gtol": 1e-7})
    mean, sd, criteria = parts(found.x)
    if not np.isfinite(found.fun) or not 0.02 < sd < 50:
        return None
    return Binormal(float(mean), sd, tuple(map(float, criteria)), -float(found.fun))


def _inside(gen: Floats, real: Floats) -> bool:
    """Whether two points of the curve at least lie within the square, so that a slope can be told."""
    H, F = gen.cumsum()[:-1] / gen.sum(), real.cumsum()[:-1] / real.sum()
    within = (H > 0) & (H < 1) & (F > 0) & (F < 1)
    return len(set(zip(H[within], F[within], strict=True))) >= 2


def _lead(gen: Floats, real: Floats) -> float:
    """Area under the curve less 1/2, twice: from -1 to 1."""
    share = (real.cumsum() - real / 2) / real.sum()
    return float(2 * (gen @ share) / gen.sum() - 1)
