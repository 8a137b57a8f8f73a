"""Metrics against people as figures: each pair's difference by the metric, and how people chose in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.ticker import MaxNLocator, MultipleLocator, PercentFormatter

from .figures import LINE_IN, TOP_IN, blank
from .labels import fold
from .plots import CHANCE, mark_simulated
from .style import COLUMN_IN, INK, SIZES, SOFT, TEXT_WIDTH_IN, colour_and_marker, legible, style

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS_A_ROW, MOST_NAMED = 3, 6
LEFT_IN, RIGHT_IN, BETWEEN_IN, PANEL_IN = 0.58, 0.12, 0.4, 1.75  # of the panels
NAMED_IN = 0.74  # from the left, where the series' names begin
LARGEST_PT = 16.0  # area of the point of the pair with the most answers, in square points


def plot_metric(ax: Axes, pairs: pd.DataFrame, line: pd.DataFrame) -> Axes:
    """Draw the preference rate of each pair against the metric's difference, and the fitted line.

    pairs: series, difference (above 0 where the metric prefers the first-named condition), n (answers) and
    rate (in [0, 1]), one row a pair; areas go with n. line: difference and rate on a grid; none without rows.
    The axes' title and the x axis' label are the caller's.
    """
    ax.axhline(0.5, **CHANCE)
    ax.axvline(0, color=SOFT, lw=0.5, zorder=1)
    names = list(dict.fromkeys(pairs["series"]))
    area = LARGEST_PT * pairs["n"] / max(float(pairs["n"].max()), 1.0)
    for rank, name in enumerate(names):
        colour, marker = colour_and_marker(rank) if len(names) <= MOST_NAMED else (SOFT, "o")
        mine = (pairs["series"] == name).to_numpy()
        ax.scatter(
            pairs["difference"][mine], pairs["rate"][mine], s=area[mine] * (SIZES[marker] / SIZES["o"]) ** 2,
            marker=marker, color=colour, alpha=0.45, linewidths=0, zorder=2, clip_on=False,
        )  # fmt: skip
    ax.plot(line["difference"], line["rate"], color=INK, zorder=3)
    ax.set_ylim(-0.02, 1.02)
    ax.yaxis.set_major_locator(MultipleLocator(0.25))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_ylabel("Preference rate of the pair")
    return ax


def metric_figure(
    pairs: pd.DataFrame, lines: pd.DataFrame, titles: Sequence[tuple[str, str]], *, simulated: bool
) -> Figure:
    """Draw a panel a metric: one column wide for one, else two.

    pairs, lines: as `plot_metric` takes them, and metric. titles: (metric, what stands under its name).
    """
    names = list(dict.fromkeys(pairs["series"]))
    with style([*names, *(text for title in titles for text in title)]):
        columns = min(len(titles), PANELS_A_ROW)
        rows = -(-len(titles) // columns)
        width = COLUMN_IN if columns == 1 else TEXT_WIDTH_IN
        panel = (width - LEFT_IN - RIGHT_IN - (columns - 1) * BETWEEN_IN) / columns
        heads = [f"{fold(legible(name), panel, 7.5)}\n{legible(title)}" for name, title in titles]
        feet = [fold(legible(f"How much better by {name}"), panel, 7.5) for name, _ in titles]
        above, below = 0.1 + LINE_IN * _lines(heads), 0.25 + LINE_IN * _lines(feet)
        shown = names if len(names) <= MOST_NAMED else []
        keys = [fold(legible(name), width - NAMED_IN - RIGHT_IN, bold=True) for name in shown]
        legend = TOP_IN + LINE_IN * sum(1 + key.count("\n") for key in keys)
        figure = blank(width, legend + rows * (above + PANEL_IN + below))
        height = figure.get_size_inches()[1]
        for place, (metric, _) in enumerate(titles):
            line, column = divmod(place, columns)
            left = LEFT_IN + column * (panel + BETWEEN_IN)
            bottom = height - legend - (line + 1) * (above + PANEL_IN + below) + below
            ax = figure.add_axes((left / width, bottom / height, panel / width, PANEL_IN / height))
            plot_metric(ax, *(table[table["metric"] == metric] for table in (pairs, lines)))
            ax.set_title(heads[place], loc="left")
            ax.set_xlabel(feet[place])
            ax.set_ylabel("" if column else ax.get_ylabel())
        _name(figure, keys)
        if simulated:
            mark_simulated(figure)
    return figure


def _lines(texts: Sequence[str]) -> int:
    """How many lines the longest of the texts has."""
    return max(1 + text.count("\n") for text in texts)


def _name(figure: Figure, keys: Sequence[str]) -> None:
    """Write the series' names above the panels, each in its colour behind its marker."""
    width, height = figure.get_size_inches()
    lines = [(rank, line) for rank, key in enumerate(keys) for line in key.split("\n")]
    for place, (rank, line) in enumerate(lines):
        colour, marker = colour_and_marker(rank)
        y = 1 - (TOP_IN + LINE_IN * (place + 0.5)) / height
        if not place or lines[place - 1][0] != rank:
            point = mpl.lines.Line2D([0.64 / width], [y], color=colour, marker=marker, ms=SIZES[marker], lw=0)
            figure.add_artist(point)
        figure.text(NAMED_IN / width, y, line, color=colour, fontweight="bold", va="center")
