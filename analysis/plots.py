"""The figures. Every `plot_*` draws what it is given on the given Axes, returns it, and computes nothing.

Drawn for one column of a two-column paper (3.3 in), in colours that colour-blind readers can tell apart
(Okabe & Ito 2008), each series with its own marker and its name beside it instead of a legend.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.font_manager import fontManager
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    MultipleLocator,
    NullLocator,
    PercentFormatter,
)

from analysis.labels import exposure_label, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

COLUMN_IN = 3.3
TEXT_WIDTH_IN = 7.0
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DOT_LINE = 0.86  # height of a further line of a name among the dots, in rows
LEADER: Any = {"arrowstyle": "-", "lw": 0.6, "shrinkA": 1.0, "shrinkB": 1.0, "relpos": (0, 0.5)}
INK, FAINT, ALARM = "#222222", "#9a9a9a", "#D55E00"
for font in ("figures.ttf", "figures-bold.ttf"):
    fontManager.addfont(str(resources.files("templates").joinpath(font)))
STYLE: Any = {
    "font.family": ["Glimpse Sans", "DejaVu Sans"],
    "font.size": 7.0,
    "axes.labelsize": 7.5,
    "axes.titlesize": 7.5,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.3,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "glimpse",
}


def mark_simulated(figure: Figure) -> Figure:
    """Write SIMULATED into the upper right corner of a figure, in the colour of alarm."""
    figure.text(0.995, 0.995, "SIMULATED", ha="right", va="top", fontsize=6.5, fontweight="bold", color=ALARM)
    return figure


def _exposure_axis(ax: Axes, exposures_ms: Sequence[float]) -> None:
    seconds = [value / 1000 for value in exposures_ms]
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(seconds))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: exposure_label(value * 1000)))
    ax.set_xlim(min(seconds) / 1.25, max(seconds) * 1.25)
    ax.set_xlabel("Exposure (s)")


def _end_labels(ax: Axes, names: Sequence[str], ends: Sequence[float], colours: Sequence[str]) -> None:
    """Write each series' name to the right of the axes at its end, moved apart where they would overlap."""
    low, high = ax.get_ylim()
    # 8.5 points a line of 7-point text; the axes' height in points gives the gap in data units.
    height = ax.get_window_extent().height / ax.figure.dpi * 72
    lines = 1 + max((name.count("\n") for name in names), default=0)
    room = (high - low) * 8.5 / height
    margin = min(room * lines / 2, (high - low) / 2) if lines > 1 else 0.0
    places = spread(ends, room * lines, low + margin, high - margin)
    for name, end, place, colour in zip(names, ends, places, colours, strict=True):
        ax.annotate(
            name,
            (1.0, end),
            xycoords=("axes fraction", "data"),
            xytext=(1.055, place),
            textcoords=("axes fraction", "data"),
            va="center",
            ha="left",
            color=colour,
            fontweight="bold",
            arrowprops=LEADER | {"color": colour},
            annotation_clip=False,
        )


def plot_realism(ax: Axes, points: pd.DataFrame, curves: pd.DataFrame, *, named: bool = True) -> Axes:
    """Draw the preference rate of every contrast against exposure: points, intervals, fitted curves.

    points: series, exposure_ms, rate, low, high (all in [0, 1]), one row a cell.
    curves: series, exposure_ms, rate, low, high on a fine grid; a series without a fit has no rows.
    named: write each series' name at its end.
    """
    names = list(dict.fromkeys(points["series"]))
    exposures = sorted(points["exposure_ms"].unique())
    _exposure_axis(ax, exposures)
    ax.axhline(0.5, color=FAINT, lw=0.7, ls=(0, (4, 3)), zorder=1)
    ax.annotate(
        "chance", (1, 0.5), xycoords=("axes fraction", "data"), xytext=(-1, -2), textcoords="offset points",
        va="top", ha="right", color="#6e6e6e", fontsize=6.5,
    )  # fmt: skip
    ends, shift = [], 1.035
    for rank, name in enumerate(names):
        colour, marker = COLOURS[rank % len(COLOURS)], MARKERS[rank % len(MARKERS)]
        line = curves[curves["series"] == name]
        if len(line):
            x = line["exposure_ms"].to_numpy(float) / 1000
            ax.fill_between(x, line["low"].to_numpy(float), line["high"].to_numpy(float),
                            color=colour, alpha=0.15, lw=0, zorder=2)  # fmt: skip
            ax.plot(x, line["rate"].to_numpy(float), color=colour, zorder=3, solid_capstyle="round")
        cell = points[points["series"] == name].sort_values("exposure_ms")
        # Beside one another, so that equal rates of two contrasts stay visible.
        x = cell["exposure_ms"].to_numpy(float) / 1000 * shift ** (rank - (len(names) - 1) / 2)
        rate = cell["rate"].to_numpy(float)
        error = np.abs(cell[["low", "high"]].to_numpy(float).T - rate)
        ax.errorbar(x, rate, yerr=error, fmt=marker, color=colour, ms=3.4, mew=0.5, mec="white",
                    elinewidth=0.8, capsize=0, zorder=4)  # fmt: skip
        ends.append(float(line["rate"].iloc[-1]) if len(line) else float(rate[-1]))
    low = min(float(points["low"].min()), 0.48)
    high = max(float(points["high"].max()), 0.75)
    ax.set_ylim(max(0.0, low - 0.03), min(1.0, high + 0.02) if high < 0.97 else 1.005)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set_ylabel("Preference rate")
    if named:
        _end_labels(ax, names, ends, [COLOURS[rank % len(COLOURS)] for rank in range(len(names))])
    return ax


def plot_preference_bars(ax: Axes, table: pd.DataFrame) -> Axes:
    """Draw one bar a contrast with its interval, its rate in words, and the chance line.

    table: label, rate, low, high (in [0, 1]), from top to bottom.
    """
    y = np.arange(len(table))[::-1]
    rate = table["rate"].to_numpy(float)
    error = np.abs(table[["low", "high"]].to_numpy(float).T - rate)
    ax.barh(y, rate, height=0.62, color="#A9CCE3", edgecolor="none", zorder=2)
    ax.errorbar(
        rate, y, xerr=error, fmt="none", ecolor=INK, elinewidth=1.0, capsize=2.0, capthick=1.0, zorder=4
    )
    ax.axvline(0.5, color=INK, lw=0.7, ls=(0, (4, 3)), zorder=3)
    for place, value in zip(y, rate, strict=True):
        ax.annotate(f"{100 * value:.1f} %", (0, place), xytext=(3, 0), textcoords="offset points",
                    va="center", ha="left", fontweight="bold", zorder=5)  # fmt: skip
    ax.set_yticks(y, table["label"])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlim(0, 1.0)
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set_xlabel("Preference rate (dashed: chance)")
    return ax


def plot_preference_dots(ax: Axes, table: pd.DataFrame) -> Axes:
    """Draw one row a cell, grouped by series: dot, two-way interval, the naive one pale beneath.

    table: series, label, rate, low, high, wilson_low, wilson_high; rows in the order from top to bottom.
    """
    names = list(dict.fromkeys(table["series"]))
    place, ticks, labels = 0.0, [], []
    for rank, name in enumerate(names):
        colour, marker = COLOURS[rank % len(COLOURS)], MARKERS[rank % len(MARKERS)]
        place -= DOT_LINE * name.count("\n")  # a name of several lines stands over its rows
        ax.annotate(name, (0, place), xycoords=("axes fraction", "data"), xytext=(0, -4), color=colour,
                    textcoords="offset points", va="bottom", ha="left", fontweight="bold",
                    linespacing=1.05, zorder=5,
                    bbox={"boxstyle": "square,pad=.05", "fc": "w", "ec": "none"})  # fmt: skip
        place -= 1
        rows = table[table["series"] == name]
        y = place - np.arange(len(rows))
        gap = np.full(len(rows), np.nan)  # one line of all intervals draws faster than one line each
        thin, pale = (
            np.stack([rows[low].to_numpy(float), rows[high].to_numpy(float), gap], axis=1).ravel()
            for low, high in (("low", "high"), ("wilson_low", "wilson_high"))
        )
        ax.plot(thin, np.repeat(y, 3), color=colour, lw=1.0, zorder=3)
        ax.plot(pale, np.repeat(y, 3), color=colour, lw=3.2, alpha=0.3, zorder=2, solid_capstyle="butt")
        ax.plot(rows["rate"].to_numpy(float), y, marker, color=colour, ms=3.4, mew=0.5, mec="white", zorder=4)
        ticks += y.tolist()
        labels += list(rows["label"])
        place -= len(rows) + 0.35
    ax.axvline(0.5, color=FAINT, lw=0.7, ls=(0, (4, 3)), zorder=1)
    ax.set_yticks(ticks, labels)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(place + 0.6, 0.7)
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set_xlabel("Preference rate (pale: naive interval)")
    return ax


def plot_ranking(ax: Axes, table: pd.DataFrame) -> Axes:
    """Draw Bradley-Terry strengths against exposure.

    table: condition, exposure_ms, strength, low, high.
    """
    names = list(dict.fromkeys(table["condition"]))
    _exposure_axis(ax, sorted(table["exposure_ms"].unique()))
    ax.axhline(0, color=FAINT, lw=0.7, ls=(0, (4, 3)), zorder=1)
    ends = []
    for rank, name in enumerate(names):
        colour, marker = COLOURS[rank % len(COLOURS)], MARKERS[rank % len(MARKERS)]
        rows = table[table["condition"] == name].sort_values("exposure_ms")
        x = rows["exposure_ms"].to_numpy(float) / 1000 * 1.035 ** (rank - (len(names) - 1) / 2)
        y = rows["strength"].to_numpy(float)
        error = np.abs(rows[["low", "high"]].to_numpy(float).T - y)
        ax.errorbar(x, y, yerr=error, fmt=marker, ls="-", color=colour, ms=3.4, mew=0.5, mec="white",
                    elinewidth=0.8, lw=1.0, zorder=3)  # fmt: skip
        ends.append(float(y[-1]))
    ax.margins(y=0.08)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    ax.set_ylabel("Bradley-Terry strength (log odds)")
    _end_labels(ax, names, ends, [COLOURS[rank % len(COLOURS)] for rank in range(len(names))])
    return ax


def plot_ranking_list(ax: Axes, table: pd.DataFrame) -> Axes:
    """Draw Bradley-Terry strengths one below the other, for unlimited exposure.

    table: condition, strength, low, high; from top to bottom.
    """
    y = np.arange(len(table))[::-1]
    strength = table["strength"].to_numpy(float)
    error = np.abs(table[["low", "high"]].to_numpy(float).T - strength)
    ax.axvline(0, color=FAINT, lw=0.7, ls=(0, (4, 3)), zorder=1)
    ax.errorbar(
        strength, y, xerr=error, fmt="o", color=COLOURS[0], ms=4, mew=0.5, mec="white", elinewidth=1.0
    )
    ax.set_yticks(y, table["condition"])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.set_xlabel("Bradley-Terry strength (log odds)")
    return ax


def plot_sentinels(ax: Axes, wrong: NDArray[np.int64], allowed: float) -> Axes:
    """Draw how many assignments had 0, 1, 2, ... wrong sentinels; those beyond `allowed` in orange."""
    counts = np.bincount(wrong) if len(wrong) else np.zeros(1, dtype=np.int64)
    x = np.arange(len(counts))
    colours = [COLOURS[0] if value <= allowed else ALARM for value in x]
    ax.bar(x, counts, color=colours, width=0.7)
    for place, count in zip(x, counts, strict=True):
        ax.annotate(f"{count}", (place, count), xytext=(0, 1.5), textcoords="offset points", ha="center",
                    fontsize=6.5)  # fmt: skip
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    ax.set_xlabel("Wrong sentinels")
    ax.set_ylabel("Assignments")
    ax.margins(y=0.12)
    ax.set_xlim(-0.6, max(float(len(counts)), 3.0) - 0.4)
    return ax


def plot_speed(ax: Axes, workers: pd.DataFrame) -> Axes:
    """Draw each worker's median response time against its share of correct sentinels.

    workers: median_response_ms, sentinel_share (in [0, 1]), excluded (bool).
    """
    for excluded, colour, marker in ((False, COLOURS[0], "o"), (True, ALARM, "X")):
        rows = workers[workers["excluded"] == excluded]
        seconds = rows["median_response_ms"].to_numpy(float) / 1000
        ax.plot(seconds, rows["sentinel_share"].to_numpy(float), marker, color=colour, ms=3.2,
                 alpha=0.95 if excluded else 0.6, mew=0, ls="none", zorder=3 if excluded else 2)  # fmt: skip
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    if not (workers["median_response_ms"].notna() & workers["sentinel_share"].notna()).any():
        ax.annotate("not recorded", (0.5, 0.5), xycoords="axes fraction", ha="center", color="#6e6e6e")
        ax.set_xticks([])
    ax.set_xlim(left=0)
    ax.set_ylim(-0.03, 1.05)
    ax.set_xlabel("Median response time (s)")
    ax.set_ylabel("Sentinels right")
    return ax


def plot_side_bias(
    ax: Axes, workers: pd.DataFrame, low: float, high: float, edges: NDArray[np.float64] | None = None
) -> Axes:
    """Draw how the share of left answers is distributed over workers; grey: what chance alone allows.

    workers: left_share (in [0, 1]), excluded (bool). low, high: the central 95 % by chance. edges: of the
    bars, such that each holds equally many possible shares; None: every 2.5 %.
    """
    edges = np.linspace(0, 1, 41) if edges is None else edges
    groups = [
        workers.loc[workers["excluded"] == flag, "left_share"].to_numpy(float) for flag in (False, True)
    ]
    ax.axvspan(low, high, color="#e3e3e3", lw=0, zorder=0)
    base = np.zeros(len(edges) - 1)
    for group, colour in zip(groups, (COLOURS[0], ALARM), strict=True):
        heights = np.histogram(group, bins=edges)[0]
        ax.bar(edges[:-1], heights, bottom=base, width=np.diff(edges), align="edge", color=colour, zorder=2)
        base = base + heights
    ax.axvline(0.5, color=INK, lw=0.7, ls=(0, (4, 3)), zorder=3)
    shares = np.concatenate(groups)
    reach = max(0.2, float(np.abs(shares - 0.5).max()) + 0.05) if len(shares) else 0.5
    ax.set_xlim(max(0.0, 0.5 - reach), min(1.0, 0.5 + reach))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.xaxis.set_major_locator(MultipleLocator(0.1 if reach <= 0.3 else 0.25))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    ax.set_ylim(0, 1.08 * max(float(base.max()), 1.0))
    ax.set_xlabel("Left side chosen")
    ax.set_ylabel("Workers")
    return ax


def plot_pair(
    ax: Axes, images: tuple[NDArray[np.uint8], NDArray[np.uint8]], caption: str, names: Sequence[str]
) -> Axes:
    """Draw two stimuli side by side, HWC uint8 in [0, 255], with their conditions and a caption beneath."""
    height, width = images[0].shape[:2]
    gap = width * 0.03
    for rank, image in enumerate(images):
        left = rank * (width + gap)
        ax.imshow(image, extent=(left, left + width, height, 0), interpolation="antialiased")
        ax.annotate(names[rank], (left, 0), xytext=(2, -2), textcoords="offset points", va="top", ha="left",
                    color="white", fontsize=5.5, fontweight="bold",
                    bbox={"boxstyle": "square,pad=.15", "fc": "k", "ec": "none", "alpha": 0.6})  # fmt: skip
    ax.set_xlim(0, 2 * width + gap)
    ax.set_ylim(height, 0)
    ax.set_axis_off()
    ax.annotate(caption, (0.5, 0), xycoords="axes fraction", xytext=(0, -2), textcoords="offset points",
                va="top", ha="center", fontsize=6)  # fmt: skip
    return ax


def plot_width_price(ax: Axes, table: pd.DataFrame, *, named: bool = True) -> Axes:
    """Draw interval width against price, one line a series; its name at its end where `named`.

    table: series, price_usd, width (full width of the 95 % interval, in [0, 1]), planned (bool).
    """
    names = list(dict.fromkeys(table["series"]))
    ends = []
    for rank, name in enumerate(names):
        colour, marker = COLOURS[rank % len(COLOURS)], MARKERS[rank % len(MARKERS)]
        rows = table[table["series"] == name].sort_values("price_usd")
        ax.plot(
            rows["price_usd"],
            rows["width"],
            color=colour,
            marker=marker,
            ms=3.2,
            mew=0.5,
            mec="white",
            lw=1.1,
        )
        ends.append(float(rows["width"].iloc[-1]))
    planned = table[table["planned"]]
    if len(planned):
        price = float(planned["price_usd"].iloc[0])
        ax.axvline(price, color=FAINT, lw=0.7, ls=(0, (4, 3)), zorder=1)
        ax.annotate("as planned", (price, 1), xycoords=("data", "axes fraction"), xytext=(2, 0), fontsize=6.5,
                    textcoords="offset points", va="top", ha="left", color="#6e6e6e")  # fmt: skip
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4))
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"${value:,.0f}"))
    ax.set_xlabel("Price of the study, fees included")
    ax.set_ylabel("Width of a cell's 95 % interval")
    if named:
        _end_labels(ax, names, ends, [COLOURS[rank % len(COLOURS)] for rank in range(len(names))])
    return ax
