"""The figures in Python: each draws on Axes of your own, and returns them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes

from glimpse.calling import flag, in_python, refuse, warn
from glimpse.errors import ArgumentError

from ..figures import plots
from ..figures.series import by_strength, curve_grid
from ..figures.style import ALARM
from ..report.formats import exposure
from ..report.tables import turned
from ..statistics.curve import CurveFit
from ..statistics.ranked import Ranking, ranking_table
from .checks import known_condition
from .tables import each

if TYPE_CHECKING:
    from collections.abc import Sequence

RATES = ("contrast", "condition_a", "condition_b", "exposure_ms", "n", "k", "rate", "low", "high",
         "wilson_low", "wilson_high")  # fmt: skip
STRENGTHS = ("condition", "exposure_ms", "strength", "low", "high")


@in_python
def plot_realism(
    ax: Axes,
    preference: pd.DataFrame,
    curves: Sequence[CurveFit] = (),
    *,
    real: str | None = None,
    named: bool = True,
    simulated: bool | None = None,
) -> Axes:
    """Draw the preference rate of every contrast against exposure: points with intervals, and fitted curves.

    Draws with the fonts in force, and changes neither them nor pyplot's state. Names stand to the right of
    the axes: `layout="constrained"` leaves room for them.

    Args:
        ax: The Axes to draw on; its x axis becomes the exposure in seconds, on a log scale.
        preference: What `glimpse.preference_table` returned, in limited time.
        curves: What `glimpse.fit_curves` returned; without it, points alone are drawn.
        real: The condition whose rate is shown where it takes part; None: the study's real condition.
        named: Write each series' name at its end.
        simulated: Write SIMULATED above the axes; None: where `preference` says that answers are;
            a UserWarning where it says neither.

    Returns:
        `ax`.

    Raises:
        ArgumentError: `ax` is no Axes, `preference` is no DataFrame or lacks a column, `curves` holds
            something else, or every exposure is unlimited.

    Example:
        >>> import glimpse
        >>> from matplotlib.figure import Figure
        >>> judgments = glimpse.exclude(glimpse.read_results("results"))
        >>> ax = Figure(layout="constrained").subplots()
        >>> ax = glimpse.plot_realism(ax, glimpse.preference_table(judgments), glimpse.fit_curves(judgments))
        >>> ax.get_ylabel()
        'Preference rate'
    """
    _check(ax, preference, "preference", RATES, "glimpse.preference_table(judgments)")
    fits = each(curves, "curves", CurveFit, "glimpse.fit_curves(judgments)")
    points = _seen(preference, real)
    if points["exposure_ms"].isna().any():
        raise ArgumentError(
            "preference has unlimited exposures (NaN), which have no place on a curve; draw them with "
            "glimpse.plot_preference."
        )
    with mpl.rc_context({"text.parse_math": False}):
        plots.plot_realism(ax, points, curve_grid(fits), named=flag("named", named))
        return mark(ax, simulated, preference)


@in_python
def plot_preference(
    ax: Axes, preference: pd.DataFrame, *, real: str | None = None, simulated: bool | None = None
) -> Axes:
    """Draw preference rates with their intervals: dots by exposure, or bars where exposure is unlimited.

    The pale intervals beneath the dots are the usual ones, as if answers were independent.

    Args:
        ax: The Axes to draw on; its x axis becomes the rate, from 0 to 100 %.
        preference: What `glimpse.preference_table` returned.
        real: The condition whose rate is shown where it takes part; None: the study's real condition.
        simulated: Write SIMULATED above the axes; None: where `preference` says that answers are;
            a UserWarning where it says neither.

    Returns:
        `ax`.

    Raises:
        ArgumentError: `ax` is no Axes, or `preference` is no DataFrame or lacks a column.

    Example:
        >>> import glimpse
        >>> from matplotlib.figure import Figure
        >>> judgments = glimpse.exclude(glimpse.read_results("results"))
        >>> ax = Figure(figsize=(4, 6), layout="constrained").subplots()
        >>> ax = glimpse.plot_preference(ax, glimpse.preference_table(judgments))
        >>> len(ax.get_yticks())
        21
    """
    _check(ax, preference, "preference", RATES, "glimpse.preference_table(judgments)")
    seen = _seen(preference, real)
    limited = bool(seen["exposure_ms"].notna().all())
    labels = [exposure(value) for value in seen["exposure_ms"]] if limited else seen["series"]
    draw = plots.plot_preference_dots if limited else plots.plot_preference_bars
    with mpl.rc_context({"text.parse_math": False}):
        return mark(draw(ax, seen.assign(label=labels)), simulated, preference)


@in_python
def plot_ranking(
    ax: Axes, ranking: pd.DataFrame | Sequence[Ranking], *, simulated: bool | None = None
) -> Axes:
    """Draw the conditions' Bradley-Terry strengths: against exposure, or as a list where it is unlimited.

    Args:
        ax: The Axes to draw on.
        ranking: What `glimpse.rank_conditions` or `glimpse.ranking_table` returned.
        simulated: Write SIMULATED above the axes; None: where `ranking` says that answers are; a
            UserWarning where it says neither.

    Returns:
        `ax`.

    Raises:
        ArgumentError: `ax` is no Axes, `ranking` is something else or lacks a column, or no condition has a
            strength.

    Example:
        >>> import glimpse
        >>> from matplotlib.figure import Figure
        >>> judgments = glimpse.exclude(glimpse.read_results("results"))
        >>> ax = Figure(layout="constrained").subplots()
        >>> glimpse.plot_ranking(ax, glimpse.rank_conditions(judgments)) is ax
        True
    """
    source = "glimpse.rank_conditions(judgments)"
    given: Any = ranking
    if isinstance(ranking, list | tuple):
        given = ranking_table(each(ranking, "ranking", Ranking, source))
        given.attrs |= getattr(ranking, "attrs", {})
    _check(ax, given, "ranking", STRENGTHS, source)
    table = by_strength(given)
    if not len(table):
        raise ArgumentError("ranking has no strength in any row; its column 'note' says why.")
    limited = bool(table["exposure_ms"].notna().all())
    draw = plots.plot_ranking if limited else plots.plot_ranking_list
    with mpl.rc_context({"text.parse_math": False}):
        return mark(draw(ax, table), simulated, given)


def _check(ax: object, table: object, name: str, columns: Sequence[str], source: str) -> None:
    """Raise ArgumentError for what nothing can be drawn on, and for a table that is not what it should be."""
    if not isinstance(ax, Axes):
        refuse("ax", ax, "give the Axes to draw on, such as matplotlib.pyplot.subplots()[1]")
    if not isinstance(table, pd.DataFrame):
        refuse(name, table, f"give what {source} returns")
    for column in columns:
        if column not in table:
            raise ArgumentError(f"{name} lacks the column {column!r}; give what {source} returns.")


def _seen(preference: pd.DataFrame, real: str | None) -> pd.DataFrame:
    """Return the cells that have answers, each seen from the real condition where that takes part."""
    if real is None:
        real = preference.attrs.get("real")
    else:
        names = {*preference["condition_a"], *preference["condition_b"]}
        real = known_condition(real, names, "preference")
    answered = preference.loc[preference["n"] > 0, list(RATES)]  # a column of the user's own turns no way
    if not len(answered):
        raise ArgumentError("preference has no row with answers (n > 0); there is nothing to draw.")
    return turned(answered, real)


def mark(ax: Axes, simulated: bool | None, table: pd.DataFrame) -> Axes:
    """Write SIMULATED above the axes, in the colour of alarm, where answers are."""
    stated: Any = table.attrs.get("simulated") if simulated is None else flag("simulated", simulated)
    if stated is None:
        warn(
            "The table does not say whether its answers are simulated (a CSV file does not keep it): give "
            "simulated=True, and the figure says so, or simulated=False."
        )
    if stated:
        ax.annotate("SIMULATED", (1, 1), xycoords="axes fraction", xytext=(0, 2), ha="right", va="bottom",
                    textcoords="offset points", fontweight="bold", color=ALARM,
                    annotation_clip=False)  # fmt: skip
    return ax
