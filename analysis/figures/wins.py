"""The win matrix as a heat map, legible from three conditions to fifty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from .figures import blank, mark
from .labels import fold, text_width_in
from .style import FAINT, INK, SOFT, TEXT_WIDTH_IN, legible, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST_CELL_IN, NUMBERED_CELL_IN = 0.46, 0.2
LONGEST_NAME_IN = 1.5
SCALE_IN = 0.62  # beside the matrix: what the colours mean
# Orange through white to blue: which of the two was chosen more often, to colour-blind readers, too.
SHADES = LinearSegmentedColormap.from_list("wins", ["#B35806", "#F1A340", "#F7F7F7", "#67A9CF", "#2166AC"])


def plot_win_matrix(ax: Axes, table: pd.DataFrame, *, size_pt: float, numbers: bool) -> Axes:
    """Draw how often the row's condition was chosen beside the column's; grey: never compared.

    table: condition, versus, rate (in [0, 1]), sure (whether its interval leaves 1/2 out), conditions in the
    order wanted. size_pt: of the names. numbers: write rates into the cells, in bold where they are sure.
    """
    names = list(dict.fromkeys(table["condition"]))
    place = {name: number for number, name in enumerate(names)}
    row, column = (table[end].map(place).to_numpy(int) for end in ("condition", "versus"))
    rates = np.full((len(names), len(names)), np.nan)
    rates[row, column] = table["rate"].to_numpy(float)
    shades = SHADES.with_extremes(bad="#E4E4E4")
    ax.imshow(np.ma.masked_invalid(rates), cmap=shades, vmin=0, vmax=1, aspect="equal")
    if numbers:
        for at, rate, sure in zip(
            zip(column, row, strict=True), table["rate"], table["sure"].to_numpy(bool), strict=True
        ):
            dark = abs(rate - 0.5) > 0.33
            ax.annotate(f"{100 * rate:.0f}", at, ha="center", va="center", fontsize=max(size_pt - 1, 4.2),
                        fontweight="bold" if sure else "normal",
                        color="white" if dark else INK)  # fmt: skip
    else:
        here = table["sure"].to_numpy(bool)
        ax.plot(column[here], row[here], ".", color=INK, ms=1.0, mew=0)
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=size_pt)
    ax.set_yticks(range(len(names)), names, fontsize=size_pt)
    ax.xaxis.tick_top()
    ax.tick_params(length=0, pad=2)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", lw=0.7 if numbers else 0.25)
    ax.tick_params(which="minor", length=0)
    return ax


def plot_scale(ax: Axes) -> Axes:
    """Draw what the colours mean, from 0 to 100 %."""
    ax.imshow(
        np.linspace(1, 0, 101)[:, None], cmap=SHADES, vmin=0, vmax=1, aspect="auto", extent=(0, 1, 0, 100)
    )
    ax.set_xticks([])
    ax.yaxis.tick_right()
    ax.set_yticks([0, 50, 100], ["0 %", "50 %", "100 %"], fontsize=6.5)
    ax.tick_params(length=2, color=FAINT)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_title("row\nchosen", fontsize=6, color=SOFT, loc="left", pad=7)
    return ax


def wins_figure(table: pd.DataFrame, *, simulated: bool) -> Figure:
    """Draw the win matrix within the width of a page; table: as `plot_win_matrix` takes it.

    Cells shrink with the number of conditions; too small for a number, they have a dot where a rate is sure.
    """
    with style(table["condition"]):
        names = list(dict.fromkeys(table["condition"]))
        size = 7.0 if len(names) <= 24 else 5.0
        short = {name: fold(legible(name), LONGEST_NAME_IN, size) for name in names}
        table = table.assign(**{end: table[end].map(short) for end in ("condition", "versus")})
        wide = max(text_width_in(name, size) for name in short.values()) + 0.08
        cell = min(LARGEST_CELL_IN, (TEXT_WIDTH_IN - wide - SCALE_IN - 0.06) / len(names))
        side = cell * len(names)
        width, height = wide + side + SCALE_IN + 0.06, wide + side + 0.16
        figure = blank(width, height)
        numbers = cell >= NUMBERED_CELL_IN
        ax = figure.add_axes((wide / width, 0.04 / height, side / width, side / height))
        plot_win_matrix(ax, table, size_pt=size, numbers=numbers)
        bar = min(side, 1.4)
        low = (0.04 + max(0.0, side - bar - 0.25)) / height
        plot_scale(figure.add_axes(((wide + side + 0.14) / width, low, 0.1 / width, bar / height)))
        return mark(figure, simulated=simulated)
