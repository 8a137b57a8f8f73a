"""The statistics in Python: each takes judgments, and gives what `analyze` writes into a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from glimpse.calling import flag, in_python, number, refuse, whole, word

from ..statistics import curve as curves_of
from ..statistics import preference, psychometric, ranked, ranking
from ..statistics.choices import EXPOSURES
from ..statistics.curve import CurveFit
from ..statistics.preference import Intervals
from ..statistics.ranked import Ranking
from .checks import known_condition
from .given import given_as

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..reading.exclusion import Exclusion


T = TypeVar("T")
IMAGES = ("item_a", "item_b")


@in_python
def preference_table(
    judgments: Exclusion | pd.DataFrame,
    *,
    level: float = 0.95,
    cluster: str = "images",
    adjust: str = "holm",
    equivalence: float | None = None,
    resamples: int = 10_000,
    filtered: bool = True,
    seed: int = 0,
) -> pd.DataFrame:
    """Return how often condition A was preferred, for every contrast at every exposure, with intervals.

    The intervals and tests allow for workers who judge many pairs, and for images that recur in many pairs.

    Args:
        judgments: What `glimpse.exclude` returned; or rows of its `table()`.
        level: Confidence level of the intervals, between 0 and 1.
        cluster: What makes answers alike: "images" (their worker, and each of their images), or, narrower,
            "two-way" (their worker, and their pair), "worker", "pair", "worker-bootstrap" or
            "pair-bootstrap"; "scene" is an earlier name of "images".
        adjust: Adjustment of the p-values over all cells: "holm", or "bh" (Benjamini-Hochberg).
        equivalence: How far a rate may lie from 1/2 to count as equivalent, such as 0.05; None: not tested.
        resamples: How many samples a bootstrap draws, 100 to 1,000,000.
        filtered: False puts back what only the sentinel rule excludes.
        seed: The same seed gives the same bootstrap.

    Returns:
        DataFrame with one row a cell, as in preference.csv: contrast, condition_a, condition_b, exposure_ms
        (NaN: unlimited), n answers, k of them for A, rate = k / n, low and high (the interval, in [0, 1]),
        se_worker, se_image_a, se_image_b, se_pair, se, n_effective, df, wilson_low and wilson_high (as if
        answers were independent), p_value against 1/2, p_adjusted, p_binomial, p_equivalent, n_workers,
        n_images_a, n_images_b, n_pairs, filtered, and note, which says why a number is missing.

    Raises:
        ArgumentError: `judgments` is something else, or lacks a column; an option has a wrong type.
        GlimpseError: An option is out of its range, or no judgment is left.

    Source:
        Multi-way clustered variance: Cameron, Gelbach & Miller (2011). Interval: Wilson (1927), with the
        effective sample size. Equivalence: two one-sided tests (Schuirmann 1987). Adjustments: Holm (1979);
        Benjamini & Hochberg (1995).

    Example:
        >>> import glimpse
        >>> judgments = glimpse.exclude(glimpse.read_results("results"))
        >>> table = glimpse.preference_table(judgments)
        >>> table.loc[table["exposure_ms"] == 8000, ["contrast", "n", "rate", "low", "high"]].round(2)
                contrast    n  rate   low  high
        6       crn:real  388  0.18  0.13  0.25
        13  pix2pix:real  388  0.01  0.00  0.05
        20   crn:pix2pix  388  0.92  0.87  0.95
    """
    settings = Intervals(
        number("level", level),
        word("cluster", cluster),
        word("adjust", adjust),
        whole("resamples", resamples),
        None if equivalence is None else number("equivalence", equivalence),
    )
    given = given_as(judgments, ("chose_a", *IMAGES))
    rng = np.random.default_rng(whole("seed", seed))
    found = preference.preference_table(
        given.judgments, given.cells, settings, filtered=flag("filtered", filtered), rng=rng
    )
    found.attrs |= given.about
    return found


@in_python
def fit_curves(
    judgments: Exclusion | pd.DataFrame,
    *,
    curve: str = "logistic",
    exposure: str = "nominal",
    level: float = 0.95,
    cluster: str = "images",
    threshold: float = 0.75,
    filtered: bool = True,
    real: str | None = None,
) -> list[CurveFit]:
    """Fit a realism curve to every contrast: how the preference rate rises with the exposure.

    Args:
        judgments: What `glimpse.exclude` returned; or rows of its `table()`.
        curve: Shape of the curves: "logistic", "weibull" or "gaussian".
        exposure: Exposures as planned ("nominal"), or as the page measured them ("measured").
        level: Confidence level of the intervals, between 0 and 1.
        cluster: What makes answers alike, as for `preference_table`.
        threshold: The rate whose exposure is sought, between 1/2 and 1.
        filtered: False puts back what only the sentinel rule excludes.
        real: The condition whose rate a curve shows where it takes part; None: the study's real condition.

    Returns:
        One CurveFit a contrast, an empty list in unlimited time. Each has plateau, slope (per octave of
        exposure), midpoint_ms and threshold_ms (where the curve reaches `threshold`), each with its interval,
        or None where the data do not determine it, and note, which says why. `predict(exposure_ms)` gives the
        fitted rates at exposures in ms, `band(exposure_ms)` the ends of their intervals.

    Raises:
        ArgumentError: `judgments` is something else, or lacks a column; an option has a wrong type.
        GlimpseError: An option is out of its range, or no judgment is left.

    Source:
        psi(t) = 1/2 + (A - 1/2) F(slope (log2 t - m)), by maximum likelihood, with clustered sandwich errors;
        goodness of fit after Rao & Scott (1984).

    Example:
        >>> import glimpse
        >>> judgments = glimpse.exclude(glimpse.read_results("results"))
        >>> curves = glimpse.fit_curves(judgments)
        >>> curves[2]
        <CurveFit: crn over pix2pix, plateau 91.4 %, 75 % reached at 781 ms>
        >>> curves[2].predict([500, 2000]).round(2)
        array([0.66, 0.88])
    """
    word("exposure", exposure, EXPOSURES)
    columns = ("chose_a", *IMAGES, *(("shown_ms",) if exposure == "measured" else ()))
    given = given_as(judgments, columns)
    about = given.about
    if real is not None:
        table = given.judgments
        contrasts = table["contrast"].unique() if isinstance(table, pd.DataFrame) else given.contrasts or ()
        names = {name for contrast in contrasts for name in contrast.split(":")}
        about = about | {"real": known_condition(real, names, "judgments")}
    found = psychometric.fit_curves(
        given.analysed(cluster, filtered),
        given.contrasts,
        real=about.get("real"),
        family=word("curve", curve),
        exposure=exposure,
        level=_level(level),
        threshold=number("threshold", threshold),
    )
    return Fitted(found, about)


@in_python
def curves_table(curves: Iterable[CurveFit]) -> pd.DataFrame:
    """Return fitted curves as a table.

    Args:
        curves: What `glimpse.fit_curves` returned.

    Returns:
        DataFrame with one row a curve, as in curves.csv: contrast, condition over versus, plateau, slope (per
        octave of exposure), midpoint_ms, threshold_ms, each with its _low and _high, p_fit, note, ...

    Raises:
        ArgumentError: `curves` holds something else.

    Example:
        >>> import glimpse
        >>> judgments = glimpse.exclude(glimpse.read_results("results"))
        >>> table = glimpse.curves_table(glimpse.fit_curves(judgments))
        >>> table[["condition", "versus", "plateau", "threshold_status"]].round(2)
          condition   versus  plateau threshold_status
        0      real      crn     0.84          reached
        1      real  pix2pix     0.99          reached
        2       crn  pix2pix     0.91          reached
    """
    return curves_of.curves_table(each(curves, "curves", CurveFit, "glimpse.fit_curves(judgments)"))


@in_python
def rank_conditions(
    judgments: Exclusion | pd.DataFrame,
    *,
    level: float = 0.95,
    cluster: str = "images",
    filtered: bool = True,
) -> list[Ranking]:
    """Rank the conditions at every exposure by their Bradley-Terry strengths.

    Args:
        judgments: What `glimpse.exclude` returned; or rows of its `table()`.
        level: Confidence level of the intervals, between 0 and 1.
        cluster: What makes answers alike, as for `preference_table`.
        filtered: False puts back what only the sentinel rule excludes.

    Returns:
        One Ranking an exposure, the shortest first; unlimited time is one. Each has conditions, the strongest
        first, with strengths (log odds that sum to 0), low and high in the same order, left_bias (log odds of
        choosing left between equals), transitivity_p, and differences, every two conditions compared. Where
        the contrasts do not link all conditions, identified is False, and note says why.

    Raises:
        ArgumentError: `judgments` is something else, or lacks a column; an option has a wrong type.
        GlimpseError: An option is out of its range, or no judgment is left.

    Source:
        Bradley & Terry (1952); Firth (1993) where a condition always won; clustered sandwich errors.

    Example:
        >>> import glimpse
        >>> judgments = glimpse.exclude(glimpse.read_results("results"))
        >>> rankings = glimpse.rank_conditions(judgments)
        >>> rankings[-1]
        <Ranking at 8000 ms: real +1.86, crn +0.31, pix2pix -2.16>
        >>> round(rankings[-1].differences[0].wins, 2)  # the chance that real is chosen beside crn
        0.82
    """
    given = given_as(judgments, ("side_of_a", "chosen_side", *IMAGES))
    found = ranking.rank_conditions(given.analysed(cluster, filtered), level=_level(level))
    return Fitted(found, given.about)


@in_python
def ranking_table(rankings: Iterable[Ranking]) -> pd.DataFrame:
    """Return rankings as a table.

    Args:
        rankings: What `glimpse.rank_conditions` returned.

    Returns:
        DataFrame with one row a condition and exposure, as in ranking.csv: exposure_ms (NaN: unlimited),
        condition, rank, strength (log odds) with low and high, se, left_bias, method, transitivity_p, n,
        n_workers, n_images, n_pairs, df, note.

    Raises:
        ArgumentError: `rankings` holds something else.

    Example:
        >>> import glimpse
        >>> judgments = glimpse.exclude(glimpse.read_results("results"))
        >>> table = glimpse.ranking_table(glimpse.rank_conditions(judgments))
        >>> table.loc[table["exposure_ms"] == 8000, ["condition", "rank", "strength"]].round(2)
           condition  rank  strength
        18      real     1      1.86
        19       crn     2      0.31
        20   pix2pix     3     -2.16
    """
    given = each(rankings, "rankings", Ranking, "glimpse.rank_conditions(judgments)")
    table = ranked.ranking_table(given)
    table.attrs |= getattr(rankings, "attrs", {})
    return table


class Fitted(list[T]):
    """A list of curves or rankings that knows its study: the real condition, and if answers are simulated."""

    def __init__(self, items: Iterable[T], about: Mapping[str, Any]) -> None:
        super().__init__(items)
        self.attrs = dict(about)


def _level(level: object) -> float:
    """Return a confidence level; GlimpseError for one that is out of range."""
    return Intervals(level=number("level", level)).level


def each(items: Any, name: str, kind: type[T], source: str) -> list[T]:
    """Return a list of results of one kind; ArgumentError for another thing."""
    found = list(items) if isinstance(items, Iterable) and not isinstance(items, pd.DataFrame) else [items]
    for item in found:
        if not isinstance(item, kind):
            refuse(name, items, f"give what {source} returns")
    return found
