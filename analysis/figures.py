"""Whole figures: axes laid out, `plot_*` called, and the same bytes for the same input in every format."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from analysis import plots
from analysis.labels import fold, text_width_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from analysis.stimuli import Stimuli

LINE_IN = 8.5 / 72  # a line of 7-point text
MANY_SERIES, PANELS_A_ROW = 6, 3
FORMATS = ("png", "pdf", "svg")
# What would carry the date, or the version of a library, into the bytes.
METADATA = {
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Creator": None, "Date": None},
}


def render(figure: Figure, formats: Sequence[str] = FORMATS, dpi: int = 300) -> dict[str, bytes]:
    """Return the figure as {format: bytes}; fonts are embedded, and nothing of time or machine is in it."""
    rendered = {}
    with mpl.rc_context(plots.STYLE):
        for kind in formats:
            buffer = io.BytesIO()
            if kind == "png":
                _png(figure, dpi, buffer)
            else:
                figure.savefig(buffer, format=kind, dpi=dpi, metadata=METADATA[kind])
            rendered[kind] = buffer.getvalue()
    return rendered


def _png(figure: Figure, dpi: int, buffer: io.BytesIO) -> None:
    """Write the figure without the transparency that savefig adds: a third of the time, and smaller."""
    usual = figure.dpi
    figure.set_dpi(dpi)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_dpi(usual)
    rgba = np.asarray(canvas.buffer_rgba())
    Image.fromarray(rgba[..., :3].copy()).save(buffer, "png", dpi=(dpi, dpi), compress_level=4)


def blank(width_in: float, height_in: float) -> Figure:
    """Return an empty figure that belongs to no global state."""
    figure = Figure(figsize=(width_in, height_in))
    FigureCanvasAgg(figure)
    return figure


def width_price_figure(table: pd.DataFrame) -> Figure:
    """Draw one panel a spread of workers and pairs; table: panel and what `plot_width_price` takes."""
    panels = list(dict.fromkeys(table["panel"]))
    with mpl.rc_context(plots.STYLE):
        figure = blank(plots.TEXT_WIDTH_IN, 2.4)
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        figure.subplots_adjust(left=0.075, right=0.87, bottom=0.17, top=0.9, wspace=0.12)
        for rank, (ax, panel) in enumerate(zip(grid, panels, strict=True)):
            ax.set_ylim(0, 1.05 * float(table["width"].max()))
            plots.plot_width_price(ax, table[table["panel"] == panel], named=rank == len(panels) - 1)
            ax.set_title(panel, loc="left")
            if rank:
                ax.set_ylabel("")
    return figure


def _mark(figure: Figure, *, simulated: bool) -> Figure:
    if simulated:
        plots.mark_simulated(figure)
    return figure


def _folded(table: pd.DataFrame, column: str, width_in: float, *, bold: bool) -> tuple[pd.DataFrame, float]:
    """Return the table with names folded to `width_in`, and how wide the widest is, in inches."""
    names = {name: fold(name, width_in, bold=bold) for name in dict.fromkeys(table[column])}
    widest = max((text_width_in(text, bold=bold) for text in names.values()), default=0.0)
    return table.assign(**{column: table[column].map(names)}), min(widest, width_in)


def _lines(names: Iterable[str]) -> int:
    """How many lines the longest of the names has."""
    return max((1 + name.count("\n") for name in names), default=1)


def _height_in(names: Iterable[str]) -> float:
    """How high a column of the names at a series' end is, in inches; each gets the room of the longest."""
    different = set(names)
    return LINE_IN * _lines(different) * len(different)


def realism_figure(points: pd.DataFrame, curves: pd.DataFrame, *, simulated: bool) -> Figure:
    """Draw preference rate against exposure, one column wide; tables as for `plots.plot_realism`.

    More series than one pair of axes can hold get a panel each, two columns wide.
    """
    with mpl.rc_context(plots.STYLE):
        if points["series"].nunique() > MANY_SERIES:
            return _mark(_realism_panels(points, curves), simulated=simulated)
        points, room = _folded(points, "series", 1.15, bold=True)
        curves, _ = _folded(curves, "series", 1.15, bold=True)
        height = max(2.45, _height_in(points["series"]) / 0.79)
        figure = blank(plots.COLUMN_IN, height)
        bottom = 0.38 / height
        ax = figure.add_axes((0.17, bottom, 0.765 - room / plots.COLUMN_IN, 0.945 - bottom))
        plots.plot_realism(ax, points, curves)
        return _mark(figure, simulated=simulated)


def _realism_panels(points: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    names = list(dict.fromkeys(points["series"]))
    folded = [fold(name, 1.9, 7.5) for name in names]
    lines, more = -(-len(names) // PANELS_A_ROW), LINE_IN * (_lines(folded) - 1)
    figure = blank(plots.TEXT_WIDTH_IN, 0.45 + (1.55 + more) * lines + more)
    height = figure.get_size_inches()[1]
    grid = figure.subplots(lines, PANELS_A_ROW, squeeze=False).ravel()
    figure.subplots_adjust(
        left=0.085,
        right=0.99,
        bottom=0.4 / height,
        top=1 - (0.32 + more) / height,
        hspace=0.62 + more,
        wspace=0.28,
    )
    low, high = float(points["low"].min()), float(points["high"].max())
    for place, ax in enumerate(grid):
        if place >= len(names):
            ax.set_axis_off()
            continue
        mine, line = (table[table["series"] == names[place]] for table in (points, curves))
        plots.plot_realism(ax, mine, line, named=False)
        ax.set_ylim(max(0.0, min(low, 0.48) - 0.03), min(1.005, high + 0.03))
        ax.set_title(folded[place], loc="left")
        ax.set_ylabel("" if place % PANELS_A_ROW else "Preference rate")
        ax.set_xlabel("" if place + PANELS_A_ROW < len(names) else "Exposure (s)")
    return figure


def preference_figure(table: pd.DataFrame, *, limited: bool, simulated: bool) -> Figure:
    """Draw preference rates: bars where exposure is unlimited, dots by exposure where it is limited."""
    with mpl.rc_context(plots.STYLE):
        if limited:
            return _mark(_preference_dots(table), simulated=simulated)
        table, room = _folded(table, "label", 1.4, bold=False)
        row = max(0.3, 0.06 + LINE_IN * _lines(table["label"]))
        figure = blank(plots.COLUMN_IN, 0.6 + row * len(table))
        bottom, left = 0.4 / figure.get_size_inches()[1], (room + 0.1) / plots.COLUMN_IN
        plots.plot_preference_bars(figure.add_axes((left, bottom, 0.93 - left, 0.93 - bottom)), table)
        return _mark(figure, simulated=simulated)


def _preference_dots(table: pd.DataFrame) -> Figure:
    """Draw one column of dots, or three where there are many series."""
    columns = 1 if table["series"].nunique() <= MANY_SERIES else PANELS_A_ROW
    room = 0.75 * (plots.COLUMN_IN if columns == 1 else plots.TEXT_WIDTH_IN) / columns
    table, _ = _folded(table, "series", room, bold=True)
    names = list(dict.fromkeys(table["series"]))
    size = -(-len(names) // columns)
    groups = [names[start : start + size] for start in range(0, len(names), size)]
    parts = [table[table["series"].isin(group)] for group in groups]
    rows = max(
        len(part) + 1.35 * len(group) + plots.DOT_LINE * sum(name.count("\n") for name in group)
        for part, group in zip(parts, groups, strict=True)
    )
    figure = blank(plots.COLUMN_IN if columns == 1 else plots.TEXT_WIDTH_IN, 0.65 + 0.135 * rows)
    bottom = 0.42 / figure.get_size_inches()[1]
    for place, part in enumerate(parts):
        left = (place + 0.13) / columns
        ax = figure.add_axes((left, bottom, (0.81 if columns == 1 else 0.76) / columns, 0.965 - bottom))
        plots.plot_preference_dots(ax, part)
        if columns > 1:
            ax.set_xlabel("Preference rate")
    return figure


def ranking_figure(table: pd.DataFrame, *, limited: bool, simulated: bool) -> Figure:
    """Draw Bradley-Terry strengths, per exposure or as a list, one column wide."""
    with mpl.rc_context(plots.STYLE):
        if limited:
            table, room = _folded(table, "condition", 1.15, bold=True)
            figure = blank(plots.COLUMN_IN, max(2.3, 0.6 + _height_in(table["condition"])))
            width = 0.76 - room / plots.COLUMN_IN
            bottom = 0.38 / figure.get_size_inches()[1]
            plots.plot_ranking(figure.add_axes((0.175, bottom, width, 0.94 - bottom)), table)
        else:
            table, room = _folded(table, "condition", 1.4, bold=False)
            row = max(0.24, 0.04 + LINE_IN * _lines(table["condition"]))
            figure = blank(plots.COLUMN_IN, 0.6 + row * len(table))
            bottom, left = 0.4 / figure.get_size_inches()[1], (room + 0.1) / plots.COLUMN_IN
            plots.plot_ranking_list(figure.add_axes((left, bottom, 0.96 - left, 0.92 - bottom)), table)
        return _mark(figure, simulated=simulated)


def workers_figure(
    wrong: NDArray[np.int64],
    workers: pd.DataFrame,
    allowed: float,
    chance: tuple[float, float],
    edges: NDArray[np.float64] | None = None,
    *,
    simulated: bool,
) -> Figure:
    """Draw sentinels, speed and side bias of the assignments in three panels, two columns wide."""
    with mpl.rc_context(plots.STYLE):
        figure = blank(plots.TEXT_WIDTH_IN, 1.95)
        left, middle, right = figure.subplots(1, 3)
        figure.subplots_adjust(left=0.065, right=0.975, bottom=0.2, top=0.91, wspace=0.36)
        plots.plot_sentinels(left, wrong, allowed)
        plots.plot_speed(middle, workers)
        plots.plot_side_bias(right, workers, *chance, edges)
        return _mark(figure, simulated=simulated)


def pairs_figure(
    rows: Sequence[tuple[Sequence[tuple[Stimuli, str, tuple[str, str]]], str]], *, simulated: bool
) -> Figure:
    """Draw pairs with their images, two a row; `rows`: (((images, caption, conditions), ...), title)."""
    shape = rows[0][0][0][0][0].shape
    height = 3.4 / 2 * shape[0] / shape[1] + 0.36
    with mpl.rc_context(plots.STYLE):
        figure = blank(plots.TEXT_WIDTH_IN, 0.3 + height * len(rows))
        top = 0.18 / figure.get_size_inches()[1]
        grid = figure.subplots(len(rows), 2, squeeze=False)
        figure.subplots_adjust(
            left=0.003, right=0.997, bottom=0.9 * top, top=1 - 1.6 * top, wspace=0.04, hspace=0.28
        )
        for axes, (pairs, title) in zip(grid, rows, strict=True):
            for ax in axes:
                ax.set_axis_off()
            for ax, (images, caption, names) in zip(axes, pairs, strict=False):
                plots.plot_pair(ax, images, caption, names)
            if title:
                axes[0].set_title(title, loc="left", fontweight="bold")
        return _mark(figure, simulated=simulated)
