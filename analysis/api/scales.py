"""Answers beside left and right in Python: ties, and points on a scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glimpse.calling import flag, in_python, number, word

from ..statistics import scales
from ..statistics.preference import Intervals
from .given import given_as

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from ..reading.exclusion import Exclusion
    from ..statistics.grouping import Analysed


@in_python
def ties_table(
    judgments: Exclusion | pd.DataFrame,
    *,
    level: float = 0.95,
    cluster: str = "images",
    filtered: bool = True,
) -> pd.DataFrame:
    """Return how often people preferred neither image, for every contrast at every exposure.

    Args:
        judgments: What `glimpse.exclude` returned; or rows of its `table()`.
        level: Confidence level of the intervals, between 0 and 1.
        cluster: What makes answers alike: "images", "two-way", "worker" or "pair"; "scene" is an earlier name
            of "images".
        filtered: False puts back what only the sentinel rule excludes.

    Returns:
        DataFrame with one row a cell, as in ties.csv: contrast, condition_a, condition_b, exposure_ms, n
        answers, ties among them, share = ties / n, low and high (the interval of the share), and note. No
        rows where the question has no tie.

    Raises:
        ArgumentError: `judgments` is something else, or lacks a column; an option has a wrong type.
        GlimpseError: An option is out of its range, or no judgment is left.

    Source:
        The intervals are those of `glimpse.preference_table`.

    Example:
        >>> import glimpse
        >>> rows = glimpse.exclude(glimpse.read_results("results")).table()
        >>> quick = rows["response_ms"] < 700  # let us say that they could not tell
        >>> rows["choice"] = rows["chosen_side"].astype(str).mask(quick, "tie")
        >>> table = glimpse.ties_table(rows)[["contrast", "exposure_ms", "n", "share", "low", "high"]]
        >>> table.tail(2).round(2)
                contrast  exposure_ms    n  share   low  high
        19  pix2pix:real       4000.0  388   0.46  0.41  0.51
        20  pix2pix:real       8000.0  388   0.47  0.40  0.54
    """
    return _table(scales.ties_table, judgments, level, cluster, filtered)


@in_python
def scale_table(
    judgments: Exclusion | pd.DataFrame,
    *,
    level: float = 0.95,
    cluster: str = "images",
    filtered: bool = True,
) -> pd.DataFrame:
    """Return what people said on a scale, for every contrast at every exposure: the mean in points.

    Args:
        judgments: What `glimpse.exclude` returned; or rows of its `table()`.
        level: Confidence level of the intervals, between 0 and 1.
        cluster: What makes answers alike: "images", "two-way", "worker" or "pair"; "scene" is an earlier name
            of "images".
        filtered: False puts back what only the sentinel rule excludes.

    Returns:
        DataFrame with one row a cell, as in scale.csv: contrast, condition_a, condition_b, exposure_ms, n,
        mean (points, positive towards condition A), low and high (its interval), se, sd, df, p_value against
        0, prefer_a and prefer_b (shares of the answers on either side), and note. No rows where the question
        has no scale.

    Raises:
        ArgumentError: `judgments` is something else, or lacks a column; an option has a wrong type.
        GlimpseError: An option is out of its range, or no judgment is left.

    Source:
        A mean is a rate on another scale: its interval and its test are those of `glimpse.preference_table`.

    Example:
        >>> import glimpse
        >>> rows = glimpse.exclude(glimpse.read_results("results")).table()
        >>> rows["choice"] = [-2 if side == "left" else 1 for side in rows["chosen_side"]]  # points
        >>> table = glimpse.scale_table(rows)[["contrast", "exposure_ms", "n", "mean", "low", "high"]]
        >>> table.tail(2).round(2)
                contrast  exposure_ms    n  mean   low  high
        19  pix2pix:real       4000.0  388 -1.44 -1.65 -1.14
        20  pix2pix:real       8000.0  388 -1.46 -1.66 -1.16
    """
    return _table(scales.scale_table, judgments, level, cluster, filtered)


def _table(
    make: Callable[[Analysed, Intervals], pd.DataFrame],
    judgments: Exclusion | pd.DataFrame,
    level: float,
    cluster: str,
    filtered: bool,
) -> pd.DataFrame:
    """Check the arguments, and return the table with what is known of the study in its `attrs`."""
    given = given_as(judgments, ("item_a", "item_b"))
    settings = Intervals(number("level", level), word("cluster", cluster))
    found = make(given.analysed(settings.cluster, flag("filtered", filtered)), settings)
    found.attrs |= given.about
    return found
