"""Metrics against people, and intervals that hold at every look, in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from glimpse.calling import in_python, number, path_of, refuse, warn, word
from glimpse.errors import ArgumentError
from glimpse.program import program

from ..figures.metric import plot_metric as draw_metric
from ..figures.series import line_of, seen_from
from ..reading.exclusion import Exclusion
from ..reading.scores import HIGHER, LARGEST, LOWER, Scores, matched, read_scores, usual_direction
from ..report.tables import facing, records
from ..statistics import metric, sequential
from ..statistics.preference import Intervals
from .checks import check_judgments, known_condition
from .drawing import mark

if TYPE_CHECKING:
    import os

JUDGED = "give what glimpse.exclude(results) returns"
SCORES = "give a DataFrame with the columns item, condition, value, or the path of such a CSV file"


OF_ANSWERS = ("worker", "trial", "contrast", "condition_a", "item_a", "condition_b", "item_b", "chose_a")


@in_python
def anytime_table(judgments: Exclusion, *, level: float = 0.95) -> pd.DataFrame:
    """Return intervals of the preference rates that hold at every look, however often somebody looks.

    They are of the rate over the images that were shown, not over new ones. Workers count in whole rounds:
    one worker in every HIT.

    Args:
        judgments: What `glimpse.exclude` returned.
        level: Confidence level of the intervals, between 0 and 1.

    Returns:
        DataFrame with one row a cell: contrast, condition_a, condition_b, exposure_ms (NaN: unlimited),
        anytime_low and anytime_high (of the rate at which condition A is chosen, in [0, 1]), rounds (whole
        ones), hits (that show the cell), workers (who count).

    Raises:
        ArgumentError: `judgments` is something else, or `level` no number.
        GlimpseError: `level` is out of its range.

    Source:
        Hedged betting: Waudby-Smith & Ramdas (2024), on workers' means; `glimpse/betting.py` says how HITs
        of different images are put together.

    Example:
        >>> import glimpse
        >>> judgments = glimpse.exclude(glimpse.read_results("results"))
        >>> table = glimpse.anytime_table(judgments)
        >>> table.loc[table["exposure_ms"] == 8000, ["contrast", "anytime_low", "anytime_high"]].round(2)
                contrast  anytime_low  anytime_high
        6       crn:real         0.13          0.26
        13  pix2pix:real         0.00          0.03
        20   crn:pix2pix         0.89          0.96
    """
    if not isinstance(judgments, Exclusion):
        refuse("judgments", judgments, JUDGED)
    return sequential.anytime_table(judgments, Intervals(level=number("level", level)).level)


@in_python
def metric_table(
    judgments: Exclusion | pd.DataFrame,
    scores: pd.DataFrame | str | os.PathLike[str],
    *,
    name: str = "metric",
    direction: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return how often a metric prefers the image that people chose, for every contrast and over all.

    Args:
        judgments: What `glimpse.exclude` returned; or rows of its `table()`.
        scores: The metric's values of images: a DataFrame with the columns item, condition, value, or the
            path of such a CSV file.
        name: What the metric is called; a file's own name goes before it.
        direction: Which values are better, "lower" or "higher"; None: as the name says, such as "lpips".
        level: Confidence level of the intervals, between 0 and 1.

    Returns:
        DataFrame as in metric.csv: metric, direction, contrast (empty: over all), condition_a, condition_b, n
        of n_all answers (to pairs whose images both have a value), ties (the share where these are equal;
        they count half), accuracy with low and high, df, ceiling (how often an answer agrees with the
        majority of the others to its trial) of n_ceiling answers, spearman (of the pairs' differences with
        their rates), slope (log odds per unit of the metric), n_pairs, n_workers, note.

    Raises:
        ArgumentError: An argument has a wrong type, or a table lacks a column.
        GlimpseError: The file cannot be read, no pair has two values, or no judgment is left.

    Source:
        The interval is clustered by worker and by the images of either side: Cameron, Gelbach & Miller
        (2011).

    Example:
        >>> import glimpse, pandas as pd
        >>> judgments = glimpse.exclude(glimpse.read_results("results"))
        >>> blur = pd.DataFrame([(f"{item:06d}", condition, value) for item in range(1, 25)
        ...                      for condition, value in (("real", 0), ("crn", 1), ("pix2pix", 2))],
        ...                     columns=["item", "condition", "value"])
        >>> table = glimpse.metric_table(judgments, blur, name="blur", direction="lower")
        >>> table[["contrast", "accuracy", "low", "high", "ceiling"]].round(2)
               contrast  accuracy   low  high  ceiling
        0      crn:real      0.68  0.62  0.74     0.70
        1  pix2pix:real      0.84  0.80  0.87     0.86
        2   crn:pix2pix      0.74  0.68  0.79     0.77
        3                    0.75  0.72  0.79     0.78
    """
    level = Intervals(level=number("level", level)).level
    found = _scores(judgments, scores, name, direction)
    return _compared(judgments, found, level)[0]


@in_python
def metric_pairs(
    judgments: Exclusion | pd.DataFrame,
    scores: pd.DataFrame | str | os.PathLike[str],
    *,
    name: str = "metric",
    direction: str | None = None,
) -> pd.DataFrame:
    """Return what a metric and people say of every pair of images.

    Args:
        judgments: What `glimpse.exclude` returned; or rows of its `table()`.
        scores: The metric's values of images, as `glimpse.metric_table` takes them.
        name: What the metric is called; a file's own name goes before it.
        direction: Which values are better, "lower" or "higher"; None: as the name says, such as "lpips".

    Returns:
        DataFrame as in metric_pairs.csv: metric, contrast, condition_a, condition_b, item_a, item_b,
        difference (above 0 where the metric prefers the image of condition A), n answers, k of them for A.

    Raises:
        ArgumentError: An argument has a wrong type, or a table lacks a column.
        GlimpseError: The file cannot be read, no pair has two values, or no judgment is left.

    Example:
        >>> import glimpse, pandas as pd
        >>> judgments = glimpse.exclude(glimpse.read_results("results"))
        >>> blur = pd.DataFrame([(f"{item:06d}", condition, value) for item in range(1, 25)
        ...                      for condition, value in (("real", 0), ("crn", 1), ("pix2pix", 2))],
        ...                     columns=["item", "condition", "value"])
        >>> pairs = glimpse.metric_pairs(judgments, blur, name="blur", direction="lower")
        >>> pairs.groupby("contrast")["difference"].mean()
        contrast
        crn:pix2pix     1.0
        crn:real       -1.0
        pix2pix:real   -2.0
        Name: difference, dtype: float64
    """
    found = _scores(judgments, scores, name, direction)
    return _compared(judgments, found, 0.95)[1]


@in_python
def plot_metric(
    ax: Axes, pairs: pd.DataFrame, *, real: str | None = None, simulated: bool | None = None
) -> Axes:
    """Draw the preference rate of every pair against the metric's difference, with a logistic line.

    Args:
        ax: The Axes to draw on; its y axis becomes the rate, from 0 to 100 %.
        pairs: What `glimpse.metric_pairs` returned, of one metric.
        real: The condition that pairs are seen from where it takes part; None: the study's real condition.
        simulated: Write SIMULATED above the axes; None: where `pairs` says that answers are; a UserWarning
            where it says neither.

    Returns:
        `ax`.

    Raises:
        ArgumentError: `ax` is no Axes, or `pairs` is no DataFrame, has no rows or lacks a column.

    Example:
        >>> import glimpse, pandas as pd
        >>> from matplotlib.figure import Figure
        >>> judgments = glimpse.exclude(glimpse.read_results("results"))
        >>> blur = pd.DataFrame([(f"{item:06d}", condition, value) for item in range(1, 25)
        ...                      for condition, value in (("real", 0), ("crn", 1), ("pix2pix", 2))],
        ...                     columns=["item", "condition", "value"])
        >>> pairs = glimpse.metric_pairs(judgments, blur, name="blur", direction="lower")
        >>> glimpse.plot_metric(Figure().subplots(), pairs).get_xlabel()
        'How much better by blur'
    """
    if not isinstance(ax, Axes):
        refuse("ax", ax, "give the Axes to draw on, such as matplotlib.pyplot.subplots()[1]")
    if not isinstance(pairs, pd.DataFrame):
        refuse("pairs", pairs, "give what glimpse.metric_pairs(judgments, scores) returns")
    for column in metric.PAIR_COLUMNS:
        if column not in pairs:
            raise ArgumentError(f"pairs lacks the column {column!r}; give what glimpse.metric_pairs returns.")
    if not len(pairs):
        raise ArgumentError("pairs has no rows; there is nothing to draw.")
    if real is None:
        real = pairs.attrs.get("real")
    else:
        real = known_condition(real, {*pairs["condition_a"], *pairs["condition_b"]}, "pairs")
    slope = metric.slope(*(pairs[name].to_numpy() for name in ("difference", "n", "k")))
    seen = seen_from(pairs, facing(records(pairs), real))
    with mpl.rc_context({"text.parse_math": False}):
        draw_metric(ax, seen, line_of(slope, seen["difference"]))
        ax.set_xlabel(f"How much better by {pairs['metric'].iloc[0]}")
        return mark(ax, simulated, pairs)


def _compared(
    judgments: Exclusion | pd.DataFrame, scores: Scores, level: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Set scores against judgments; both tables know their study as `Exclusion.table` does."""
    if isinstance(judgments, Exclusion):
        results = judgments.results
        about = {"real": results.real, "simulated": results.simulated}
        contrasts = [":".join(pair) for pair in results.experiment.get("contrasts") or ()]
        found = metric.metric_table(judgments.judgments, scores, contrasts, level=level)
    else:
        about = {str(key): value for key, value in judgments.attrs.items()}
        found = metric.metric_table(judgments, scores, level=level)
    for table in found:
        table.attrs |= about
    return found


def _scores(judgments: Any, scores: Any, name: str, direction: str | None) -> Scores:
    """Return scores that cover some of the judgments; what was left out is warned of."""
    word("name", name)
    if direction is not None:
        word("direction", direction, (LOWER, HIGHER))
    if isinstance(judgments, Exclusion):
        shown = judgments.results.trials
    elif isinstance(judgments, pd.DataFrame):
        check_judgments(judgments, OF_ANSWERS)
        shown = judgments.assign(practice=False)
    else:
        refuse("judgments", judgments, f"{JUDGED}, or a DataFrame of judgments")
    if isinstance(scores, pd.DataFrame):
        table = _table(scores)
        found = Scores(name, _which(name, direction), table)
    else:
        file = path_of("scores", scores, SCORES)
        several = read_scores([file], [direction] if direction else [])
        if len(several) > 1:
            names = ", ".join(one.name for one in several)
            raise ArgumentError(
                f"scores holds several metrics ({names}); give one of them as a DataFrame, or use "
                f"{program()} analyze."
            )
        found = several[0]
    found = matched(found, shown)
    for problem in found.problems:
        warn(str(problem))
    return found


def _which(name: str, direction: str | None) -> str:
    found = direction or usual_direction(name)
    if found is None:
        raise ArgumentError(
            f'direction is None, and the name {name!r} does not tell; give "lower" or "higher".'
        )
    return found


def _table(scores: pd.DataFrame) -> pd.DataFrame:
    """Return a caller's values; ArgumentError for a column that is missing or holds what it cannot."""
    for column in ("item", "condition", "value"):
        if column not in scores:
            raise ArgumentError(f"scores lacks the column {column!r}; {SCORES}.")
    values = pd.to_numeric(scores["value"], errors="coerce").to_numpy(float)
    usable = np.abs(values) <= LARGEST
    if not usable.all():
        wrong = scores["value"][~usable].iloc[0]
        raise ArgumentError(
            f"scores: 'value' is {wrong!r} in a row; it must be a number from {-LARGEST:g} to {LARGEST:g}."
        )
    table = pd.DataFrame({name: scores[name].astype(str).to_numpy() for name in ("item", "condition")})
    if table.duplicated().any():
        item, condition = table[table.duplicated()].iloc[0]
        raise ArgumentError(f"scores has item {item!r} of {condition} twice; give one value an image.")
    return table.assign(value=values)
