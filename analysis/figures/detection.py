"""Single images as figures: what is taken for real, how well people tell, curves of ratings, staircases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import FixedLocator, MultipleLocator, PercentFormatter

from .figures import BESIDE_IN, LINE_IN, TOP_IN, blank, mark
from .labels import fold, text_width_in
from .plots import CHANCE, end_labels, exposure_axis
from .style import COLUMN_IN, INK, SIZES, SOFT, TEXT_WIDTH_IN, colour_and_marker, legible, style

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .stimuli import Pixels

ROW_IN, PANEL_IN, LEFT_IN, FOOT_IN = 0.26, 2.0, 0.56, 0.42
NAMES_IN = 1.0  # at most, for names beside a panel


def plot_by_exposure(
    ax: Axes, points: pd.DataFrame, lines: pd.DataFrame, *, label: str, percent: bool, chance: float
) -> Axes:
    """Draw a measure of every condition against exposure: points with intervals, and fitted curves.

    points: condition, exposure_ms, value, low, high. lines: the same on a fine grid; conditions without a
    curve have straight lines between their points. percent: values are shares in [0, 1].
    """
    names = list(dict.fromkeys(points["condition"]))
    exposure_axis(ax, sorted(points["exposure_ms"].unique()))
    ax.axhline(chance, **CHANCE)
    ends, colours = [], []
    for rank, name in enumerate(names):
        colour, marker = colour_and_marker(rank)
        mine = points[points["condition"] == name].sort_values("exposure_ms")
        line = lines[lines["condition"] == name]
        x = mine["exposure_ms"].to_numpy(float) / 1000 * 1.02 ** (rank - (len(names) - 1) / 2)
        value = mine["value"].to_numpy(float)
        if len(line):
            at = line["exposure_ms"].to_numpy(float) / 1000
            band = (line[end].to_numpy(float) for end in ("low", "high"))
            ax.fill_between(at, *band, color=colour, alpha=0.15, lw=0, zorder=2)
            ax.plot(at, line["value"].to_numpy(float), color=colour, zorder=3)
        else:
            ax.plot(x, value, color=colour, lw=0.8, zorder=3)
        error = np.abs(mine[["low", "high"]].to_numpy(float).T - value)
        ax.errorbar(x, value, yerr=np.nan_to_num(error), fmt=marker, color=colour, ms=SIZES[marker], mew=0.5,
                    mec="white", elinewidth=0.8, zorder=4, clip_on=False)  # fmt: skip
        ends.append(float(value[-1]))
        colours.append(colour)
    if percent:
        ax.set_ylim(-0.01, 1.01)
        ax.yaxis.set_major_locator(MultipleLocator(0.25))
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    else:
        ax.set_ylim(min(-0.1, float(points["low"].min())), max(1.0, float(points["high"].max())) * 1.03)
    ax.set_ylabel(label)
    end_labels(ax, names, ends, colours)
    return ax


def plot_by_condition(ax: Axes, rows: pd.DataFrame, *, label: str, percent: bool, chance: float) -> Axes:
    """Draw a measure of every condition, one row each, the first at the top: condition, value, low, high."""
    place = np.arange(len(rows))[::-1]
    ax.axvline(chance, **CHANCE)
    values = rows[["value", "low", "high"]].to_numpy(float)
    for rank, (at, (value, low, high)) in enumerate(zip(place, values, strict=True)):
        colour, marker = colour_and_marker(rank)
        ax.plot([low, high], [at, at], color=colour, lw=1.1, zorder=2)
        ax.plot([value], [at], marker, color=colour, ms=SIZES[marker] + 0.6, mew=0.5, mec="white",
                zorder=3)  # fmt: skip
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.yaxis.set_major_locator(FixedLocator(list(place)))
    ax.set_yticklabels(list(rows["condition"]))
    ax.tick_params(axis="y", length=0)
    if percent:
        ax.set_xlim(-0.01, 1.01)
        ax.xaxis.set_major_locator(MultipleLocator(0.25))
        ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set_xlabel(label)
    return ax


def plot_roc(ax: Axes, points: pd.DataFrame, lines: pd.DataFrame) -> Axes:
    """Draw curves of ratings: hit rate over false-alarm rate.

    points: condition, false_alarm_rate, hit_rate, from (0, 0) to (1, 1), one row a rating. lines: the
    binormal curve on a grid; a condition without one has straight lines between its points.
    """
    ax.plot([0, 1], [0, 1], **CHANCE)
    for rank, name in enumerate(dict.fromkeys(points["condition"])):
        colour, marker = colour_and_marker(rank)
        mine, line = points[points["condition"] == name], lines[lines["condition"] == name]
        drawn = line if len(line) else mine
        ax.plot(drawn["false_alarm_rate"], drawn["hit_rate"], color=colour, zorder=2, lw=1.1)
        inner = mine.iloc[1:-1]
        ax.plot(inner["false_alarm_rate"], inner["hit_rate"], marker, color=colour, ms=SIZES[marker],
                mew=0.5, mec="white", zorder=3)  # fmt: skip
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MultipleLocator(0.25))
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    ax.set_xlabel("Real images rated at least so generated")
    ax.set_ylabel("Generated images, likewise")
    return ax


def plot_staircases(ax: Axes, stairs: pd.DataFrame, mean: pd.DataFrame, threshold_ms: float) -> Axes:
    """Draw a system's staircases: exposure by trial, one pale line a block, and their mean.

    stairs: line (one number a block), trial (from 1), exposure_ms. mean: trial, exposure_ms.
    """
    for _, own in stairs.groupby("line", sort=False):
        ax.plot(own["trial"], own["exposure_ms"], color=SOFT, lw=0.4, alpha=0.25, zorder=1)
    ax.axhline(threshold_ms, color=INK, lw=0.8, ls=(0, (4, 3)), zorder=2)
    ax.plot(mean["trial"], mean["exposure_ms"], color=colour_and_marker(0)[0], zorder=3)
    ax.set_xlabel("Image of the block")
    ax.set_ylabel("Exposure (ms)")
    ax.set_ylim(0, 1.03 * float(max(stairs["exposure_ms"].max(), threshold_ms)))
    return ax


def over_exposures_figure(
    points: pd.DataFrame, lines: pd.DataFrame, *, label: str, percent: bool, chance: float, simulated: bool
) -> Figure:
    """Draw one measure over exposure, one column wide."""
    names = list(dict.fromkeys(points["condition"]))
    with style(names):
        folded = {name: fold(legible(name), NAMES_IN, bold=True) for name in names}
        beside = BESIDE_IN + max(_width_in(name) for name in folded.values()) + 0.05
        points, lines = (one.assign(condition=one["condition"].map(folded)) for one in (points, lines))
        height = TOP_IN + PANEL_IN + FOOT_IN
        figure = blank(COLUMN_IN, height)
        size = ((COLUMN_IN - LEFT_IN - beside) / COLUMN_IN, PANEL_IN / height)
        ax = figure.add_axes((LEFT_IN / COLUMN_IN, FOOT_IN / height, *size))
        plot_by_exposure(ax, points, lines, label=label, percent=percent, chance=chance)
        return mark(figure, simulated=simulated)


def by_condition_figure(
    rows: pd.DataFrame, *, label: str, percent: bool, chance: float, simulated: bool
) -> Figure:
    """Draw one measure of every condition, one column wide."""
    names = list(dict.fromkeys(rows["condition"]))
    with style(names):
        folded = {name: fold(legible(name), 1.3) for name in names}
        rows = rows.assign(condition=rows["condition"].map(folded))
        left = 0.14 + max(_width_in(name) for name in folded.values())
        lines = sum(1 + name.count("\n") for name in folded.values())
        panel = max(ROW_IN * len(names), LINE_IN * lines + 0.1 * len(names))
        height = TOP_IN + panel + FOOT_IN
        figure = blank(COLUMN_IN, height)
        size = ((COLUMN_IN - left - 0.16) / COLUMN_IN, panel / height)
        ax = figure.add_axes((left / COLUMN_IN, FOOT_IN / height, *size))
        plot_by_condition(ax, rows, label=label, percent=percent, chance=chance)
        return mark(figure, simulated=simulated)


def roc_figure(points: pd.DataFrame, lines: pd.DataFrame, *, simulated: bool) -> Figure:
    """Draw the curves of ratings, one column wide, with names below the diagonal."""
    names = list(dict.fromkeys(points["condition"]))
    with style(names):
        panel = COLUMN_IN - LEFT_IN - 0.16
        height = TOP_IN + panel + FOOT_IN
        figure = blank(COLUMN_IN, height)
        ax = figure.add_axes((LEFT_IN / COLUMN_IN, FOOT_IN / height, panel / COLUMN_IN, panel / height))
        plot_roc(ax, points, lines)
        _legend(ax, [fold(legible(name), 1.1, bold=True) for name in names])
        return mark(figure, simulated=simulated)


def staircases_figure(
    stairs: pd.DataFrame, means: pd.DataFrame, systems: pd.DataFrame, *, simulated: bool
) -> Figure:
    """Draw a panel a system, two columns wide where there are several; systems: system, threshold_ms."""
    names = list(systems["system"])
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    with style(names):
        width = COLUMN_IN if columns == 1 else TEXT_WIDTH_IN
        height = TOP_IN + rows * (PANEL_IN + FOOT_IN + 0.2)
        figure = blank(width, height)
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
        top = 1.03 * float(stairs["exposure_ms"].max())
        figure.subplots_adjust(left=LEFT_IN / width, right=1 - 0.12 / width, bottom=FOOT_IN / height,
                               top=1 - (TOP_IN + 0.2) / height, wspace=0.12, hspace=0.45)  # fmt: skip
        for place, ax in enumerate(grid):
            if place >= len(names):
                ax.set_axis_off()
                continue
            own = systems.iloc[place]
            here, mean = (table[table["system"] == own["system"]] for table in (stairs, means))
            plot_staircases(ax, here, mean, float(own["threshold_ms"]))
            ax.set_title(fold(legible(str(own["system"])), width / columns - 0.3), loc="left")
            ax.set_ylabel("" if place % columns else ax.get_ylabel())
            ax.set_ylim(0, top)
        return mark(figure, simulated=simulated)


def mistaken_figure(rows: Sequence[tuple[Sequence[tuple[Pixels, str]], str]], *, simulated: bool) -> Figure:
    """Draw images with captions, a condition a row, two columns wide; rows: (((image, caption), ...), title).

    Images are HWC uint8 in [0, 255].
    """
    columns = max(4, *(len(panels) for panels, _ in rows))
    tallest = max(image.shape[0] / image.shape[1] for panels, _ in rows for image, _ in panels)
    with style(text for panels, title in rows for text in (title, *(caption for _, caption in panels))):
        image_in = (TEXT_WIDTH_IN / columns - 0.06) * min(tallest, 1.5)
        height = TOP_IN + len(rows) * (image_in + 0.5)
        figure = blank(TEXT_WIDTH_IN, height)
        grid = figure.subplots(len(rows), columns, squeeze=False)
        figure.subplots_adjust(left=0.003, right=0.997, bottom=0.25 / height, wspace=0.04,
                               top=1 - (TOP_IN + 0.16) / height, hspace=0.5 / image_in)  # fmt: skip
        for axes, (panels, title) in zip(grid, rows, strict=True):
            for ax in axes:
                ax.set_axis_off()
            for ax, (image, caption) in zip(axes, panels, strict=False):
                ax.imshow(image, interpolation="antialiased")
                ax.annotate(fold(legible(caption), TEXT_WIDTH_IN / columns - 0.1, 6), (0.5, 0),
                            xycoords="axes fraction", xytext=(0, -2), textcoords="offset points", va="top",
                            ha="center", fontsize=6)  # fmt: skip
            axes[0].set_title(legible(title), loc="left", fontweight="bold")
        return mark(figure, simulated=simulated)


def _legend(ax: Axes, names: Sequence[str]) -> None:
    """Write names into the lower right corner, where no curve of people who can tell goes."""
    lines = [(rank, line) for rank, name in enumerate(names) for line in name.split("\n")]
    named: set[int] = set()
    for place, (rank, line) in enumerate(lines):
        colour, marker = colour_and_marker(rank)
        y = 0.04 + 0.055 * (len(lines) - 1 - place)
        ax.text(0.62, y, line, color=colour, va="bottom", fontweight="bold", transform=ax.transAxes)
        if rank not in named:
            point = mpl.lines.Line2D([0.58], [y + 0.02], color=colour, marker=marker, ms=SIZES[marker], lw=0,
                                     transform=ax.transAxes)  # fmt: skip
            ax.add_artist(point)
        named.add(rank)


def _width_in(name: str) -> float:
    return text_width_in(name, bold=True)
