"""The figures. Every `plot_*` draws what it is given on the given Axes, returns it, and computes nothing.

Drawn for one column of a two-column paper (3.3 in), in colours that colour-blind readers can tell apart
(Okabe & Ito 2008), each series with its own marker and its name beside it instead of a legend.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgba
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    MultipleLocator,
    NullFormatter,
    NullLocator,
    PercentFormatter,
)
from matplotlib.transforms import ScaledTranslation

from .labels import exposure_label, spread, text_width_in
from .series import MANY_WORKERS
from .style import ALARM, COLOURS, FAINT, INK, SIZES, SOFT, colour_and_marker

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

DOT_LINE = 0.86  # height of a further line of a name among the dots, in rows
LINE_PT, BESIDE_PT = 8.9, 7  # a line of 7-point text; from the axes to the names beside them
LEADER: Any = {"arrowstyle": "-", "lw": 0.6, "shrinkA": 1.0, "shrinkB": 1.0, "relpos": (0, 0.5)}
CHANCE: Any = {"color": FAINT, "lw": 0.7, "ls": (0, (4, 3)), "zorder": 1}
FASTEST_S = 2.0**-6  # faster ones are drawn there


def mark_simulated(figure: Figure, corner: tuple[float, float] = (0.995, 0.995)) -> Figure:
    """Write SIMULATED into the upper right corner of a figure, in the colour of alarm."""
    figure.text(*corner, "SIMULATED", ha="right", va="top", fontsize=6.5, fontweight="bold", color=ALARM)
    return figure


def exposure_axis(ax: Axes, exposures_ms: Sequence[float]) -> None:
    """Make the x axis one of exposures in seconds, in octaves."""
    seconds = [value / 1000 for value in exposures_ms]
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(seconds))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: exposure_label(value * 1000)))
    ax.set_xlim(min(seconds) / 1.25, max(seconds) * 1.25)
    ax.set_xlabel("Exposure (s)")


def end_labels(ax: Axes, names: Sequence[str], ends: Sequence[float], colours: Sequence[str]) -> None:
    """Write names to the right of the axes at their series' ends, moved apart where they would overlap."""
    low, high = ax.get_ylim()
    height = ax.get_window_extent().height / ax.figure.dpi * 72  # in points
    line = (high - low) * LINE_PT * (float(mpl.rcParams["font.size"]) / 7) / height
    places = spread(ends, [line * (1 + name.count("\n")) for name in names], low, high)
    beside = ax.get_yaxis_transform() + ScaledTranslation(BESIDE_PT / 72, 0, ax.figure.dpi_scale_trans)
    for name, end, place, colour in zip(names, ends, places, colours, strict=True):
        ax.annotate(
            name,
            (1.0, end),
            xycoords=("axes fraction", "data"),
            xytext=(1.0, place),
            textcoords=beside,
            va="center",
            ha="left",
            color=colour,
            fontweight="normal" if colour == SOFT else "bold",
            arrowprops=LEADER | {"color": colour},
            annotation_clip=False,
        )


def _beside(rank: int, of: int) -> float:
    """Factor that sets a series' exposures beside the others', so that equal values stay visible."""
    return float(min(1.035, 1.2 ** (2 / max(of - 1, 1))) ** (rank - (of - 1) / 2))


def plot_realism(ax: Axes, points: pd.DataFrame, curves: pd.DataFrame, *, named: bool = True) -> Axes:
    """Draw the preference rate of every contrast against exposure: points, intervals, fitted curves.

    points: series, exposure_ms, rate, low, high (all in [0, 1]), one row a cell.
    curves: series, exposure_ms, rate, low, high on a fine grid; a series without a fit has no rows.
    named: write each series' name at its end, and what the dashed line is.
    """
    names = list(dict.fromkeys(points["series"]))
    exposures = sorted(points["exposure_ms"].unique())
    exposure_axis(ax, exposures)
    ax.axhline(0.5, **CHANCE)
    ends = []
    for rank, name in enumerate(names):
        colour, marker = colour_and_marker(rank)
        line = curves[curves["series"] == name]
        if len(line):
            x = line["exposure_ms"].to_numpy(float) / 1000
            ax.fill_between(x, line["low"].to_numpy(float), line["high"].to_numpy(float),
                            color=colour, alpha=0.15, lw=0, zorder=2)  # fmt: skip
            ax.plot(x, line["rate"].to_numpy(float), color=colour, zorder=3, solid_capstyle="round")
        cell = points[points["series"] == name].sort_values("exposure_ms")
        x = cell["exposure_ms"].to_numpy(float) / 1000 * _beside(rank, len(names))
        rate = cell["rate"].to_numpy(float)
        error = np.abs(cell[["low", "high"]].to_numpy(float).T - rate)
        ax.errorbar(x, rate, yerr=error, fmt=marker, color=colour, ms=SIZES[marker], mew=0.5, mec="white",
                    elinewidth=0.8, capsize=0, zorder=4, clip_on=False)  # fmt: skip
        ends.append(float(line["rate"].iloc[-1]) if len(line) else float(rate[-1]))
    low = min(float(points["low"].min()), 0.48)
    high = max(float(points["high"].max()), 0.75)
    ax.set_ylim(max(0.0, low - 0.03), min(1.0, high + 0.02) if high < 0.97 else 1.005)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set_ylabel("Preference rate")
    if named:
        colours = [SOFT, *(colour_and_marker(rank)[0] for rank in range(len(names)))]
        end_labels(ax, ["chance", *names], [0.5, *ends], colours)
    return ax


def plot_preference_bars(ax: Axes, table: pd.DataFrame) -> Axes:
    """Draw one bar a contrast with its interval, the chance line, and to the right its rate in words.

    table: label, rate, low, high (in [0, 1]), from top to bottom.
    """
    y = np.arange(len(table))[::-1]
    rate = table["rate"].to_numpy(float)
    error = np.abs(table[["low", "high"]].to_numpy(float).T - rate)
    ax.barh(y, rate, height=0.62, color="#A9CCE3", edgecolor="none", zorder=2)
    drawn = ax.errorbar(
        rate, y, xerr=error, fmt="none", ecolor=INK, elinewidth=1.0, capsize=2.0, capthick=1.0, zorder=4
    )
    for artist in drawn.get_children():
        artist.set_clip_on(False)  # an end at 0 or 100 % is drawn whole
    ax.axvline(0.5, **CHANCE | {"color": INK, "zorder": 3})
    for place, value in zip(y, rate, strict=True):
        ax.annotate(f"{100 * value:.1f} %", (1, place), xytext=(5, 0), textcoords="offset points",
                    va="center", ha="left", fontweight="bold", annotation_clip=False)  # fmt: skip
    ax.set_yticks(y, table["label"])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlim(0, 1.0)
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.xaxis.set_major_locator(MultipleLocator(0.25))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set_xlabel("Preference rate (dashed: chance)")
    return ax


def plot_preference_dots(ax: Axes, table: pd.DataFrame) -> Axes:
    """Draw one row a cell, grouped by series: dot, interval, the naive one pale beneath.

    table: series, label, rate, low, high, wilson_low, wilson_high; rows in the order from top to bottom.
    """
    names = list(dict.fromkeys(table["series"]))
    place, ticks, labels = 0.0, [], []
    for rank, name in enumerate(names):
        colour, marker = colour_and_marker(rank)
        place -= DOT_LINE * name.count("\n")  # a name of several lines stands over its rows
        ax.annotate(name, (0, place), xycoords=("axes fraction", "data"), xytext=(0, -4), color=colour,
                    textcoords="offset points", va="bottom", ha="left", fontweight="bold",
                    linespacing=1.05)  # fmt: skip
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
        ax.plot(rows["rate"].to_numpy(float), y, marker, color=colour, ms=SIZES[marker], mew=0.5, mec="white",
                zorder=4, clip_on=False)  # fmt: skip
        ax.plot([0.5, 0.5], [y[-1] - 0.5, y[0] + 0.5], **CHANCE)  # beside the rows, not through the name
        ticks += y.tolist()
        labels += list(rows["label"])
        place -= len(rows) + 0.35
    ax.set_yticks(ticks, labels)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(place + 0.6, 0.7)
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set_xlabel("Preference rate (dashed: chance, pale: naive interval)")
    return ax


def plot_ranking(ax: Axes, table: pd.DataFrame) -> Axes:
    """Draw Bradley-Terry strengths against exposure.

    table: condition, exposure_ms, strength, low, high.
    """
    names = list(dict.fromkeys(table["condition"]))
    exposure_axis(ax, sorted(table["exposure_ms"].unique()))
    ax.axhline(0, **CHANCE)
    ends = []
    for rank, name in enumerate(names):
        colour, marker = colour_and_marker(rank)
        rows = table[table["condition"] == name].sort_values("exposure_ms")
        x = rows["exposure_ms"].to_numpy(float) / 1000 * _beside(rank, len(names))
        y = rows["strength"].to_numpy(float)
        error = np.abs(rows[["low", "high"]].to_numpy(float).T - y)
        ax.errorbar(x, y, yerr=error, fmt=marker, ls="-", color=colour, ms=SIZES[marker], mew=0.5,
                    mec="white", elinewidth=0.8, lw=1.0, zorder=3)  # fmt: skip
        ends.append(float(y[-1]))
    ax.margins(y=0.08)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    ax.set_ylabel("Bradley-Terry strength (log odds)")
    end_labels(ax, names, ends, [colour_and_marker(rank)[0] for rank in range(len(names))])
    return ax


def plot_ranking_list(ax: Axes, table: pd.DataFrame) -> Axes:
    """Draw Bradley-Terry strengths one below the other, for unlimited exposure.

    table: condition, strength, low, high; from top to bottom.
    """
    y = np.arange(len(table))[::-1]
    strength = table["strength"].to_numpy(float)
    error = np.abs(table[["low", "high"]].to_numpy(float).T - strength)
    ax.axvline(0, **CHANCE)
    ax.errorbar(
        strength, y, xerr=error, fmt="o", color=COLOURS[0], ms=4, mew=0.5, mec="white", elinewidth=1.0
    )
    ax.set_yticks(y, table["condition"])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.set_xlabel("Bradley-Terry strength (log odds)")
    return ax


def plot_sentinels(ax: Axes, wrong: NDArray[np.int64], caught: NDArray[np.bool_]) -> Axes:
    """Draw how many assignments had 0, 1, 2, ... wrong sentinels; those that are `caught` by it in orange."""
    counts = np.bincount(wrong, minlength=1)
    orange = np.bincount(wrong[caught], minlength=len(counts))
    x = np.arange(len(counts))
    ax.bar(x, counts, color=ALARM, width=0.7)
    ax.bar(x, counts - orange, color=COLOURS[0], width=0.7)
    ax.set_xlim(-0.6, max(float(len(counts)), 3.0) - 0.4)
    pitch = ax.get_window_extent().width / ax.figure.dpi / (x[-1] + 1.2)
    widths = [text_width_in(str(count), 6.5) for count in counts]
    if all((one + other) / 2 < pitch for one, other in pairwise(widths)):
        for place, count in zip(x, counts, strict=True):
            ax.annotate(f"{count}", (place, count), xytext=(0, 1.5), textcoords="offset points", ha="center",
                        fontsize=6.5)  # fmt: skip
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    ax.set_xlabel("Wrong sentinels")
    ax.set_ylabel("Assignments")
    ax.margins(y=0.12)
    return ax


def plot_speed(ax: Axes, workers: pd.DataFrame) -> Axes:
    """Draw each worker's median response time against its share of correct sentinels.

    workers: median_response_ms, sentinel_share (in [0, 1]), excluded (bool). More than MANY_WORKERS are
    drawn as a density: the darker, the more workers.
    """
    known = workers[workers["median_response_ms"].notna() & workers["sentinel_share"].notna()]
    for excluded, colour, marker in ((False, COLOURS[0], "o"), (True, ALARM, "X")):
        rows = known[known["excluded"] == excluded]
        x = np.maximum(rows["median_response_ms"].to_numpy(float) / 1000, FASTEST_S)
        y = rows["sentinel_share"].to_numpy(float)
        if len(known) > MANY_WORKERS:
            _density(ax, x, y, colour)
            continue
        ax.plot(x, y, marker, color=colour, ms=3.2, alpha=0.95 if excluded else 0.6, mew=0, ls="none",
                zorder=3 if excluded else 2, clip_on=False)  # fmt: skip
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    if not len(known):
        ax.annotate("not recorded", (0.5, 0.5), xycoords="axes fraction", ha="center", color=SOFT)
        ax.set_xticks([])
    else:
        ax.set_xscale("log", base=2)
        low, high = (max(end / 1000, FASTEST_S) for end in known["median_response_ms"].agg(["min", "max"]))
        ax.set_xlim(low / 1.3, high * 1.3)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(-0.03, 1.05)
    ax.set_xlabel("Median response time (s)")
    ax.set_ylabel("Sentinels right")
    return ax


def _density(ax: Axes, x: NDArray[np.float64], y: NDArray[np.float64], colour: str) -> None:
    """Draw how many points lie where, from the palest of a colour, one, to the colour itself."""
    across = np.exp2(np.arange(np.floor(np.log2(FASTEST_S)), 14, 1 / 12))  # up to hours
    counts, across, up = np.histogram2d(x, y, (across, np.linspace(-0.025, 1.025, 22)))
    shades = LinearSegmentedColormap.from_list("", [to_rgba(colour, 0.25), to_rgba(colour, 1.0)])
    most = LogNorm(1, max(float(counts.max()), 2.0))
    cells = np.ma.masked_equal(counts.T, 0)
    ax.pcolormesh(across, up, cells, cmap=shades, norm=most, zorder=2, rasterized=True)


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
    ax.axvline(0.5, **CHANCE | {"color": INK, "zorder": 3})
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
        colour, marker = colour_and_marker(rank)
        rows = table[table["series"] == name].sort_values("price_usd")
        ax.plot(rows["price_usd"], rows["width"], color=colour, marker=marker, ms=SIZES[marker], mew=0.5,
                mec="white", lw=1.1)  # fmt: skip
        ends.append(float(rows["width"].iloc[-1]))
    planned = table[table["planned"]]
    if len(planned):
        price = float(planned["price_usd"].iloc[0])
        ax.axvline(price, **CHANCE)
        ax.annotate("as planned", (price, 1), xycoords=("data", "axes fraction"), xytext=(2, 0), fontsize=6.5,
                    textcoords="offset points", va="top", ha="left", color=SOFT)  # fmt: skip
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4))
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"${value:,.0f}"))
    ax.set_xlabel("Price of the study with Mechanical Turk's fees")
    ax.set_ylabel("Width of a cell's 95 % interval")
    if named:
        end_labels(ax, names, ends, [colour_and_marker(rank)[0] for rank in range(len(names))])
    return ax
