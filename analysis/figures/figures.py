"""Whole figures: axes laid out, `plot_*` called, and the same bytes for the same input in every format."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MultipleLocator
from PIL import Image

from . import plots
from .labels import fold, text_width_in
from .series import FORMATS, MANY_SERIES
from .style import COLUMN_IN, FAMILIES, TEXT_WIDTH_IN, legible, style

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from .stimuli import Stimuli

LINE_IN, BESIDE_IN = plots.LINE_PT / 72, plots.BESIDE_PT / 72
RUN_LENGTHS = 3  # zlib's Z_RLE: photographs in half the time, and as small
TOP_IN = 0.135  # above the axes: SIMULATED
PANELS_A_ROW, FEW_PANELS, PANELS_A_LONG_ROW = 3, 12, 5
# What would carry the date, or the version of a library, into the bytes.
METADATA = {
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Creator": None, "Date": None},
}


def render(figure: Figure, formats: Sequence[str] = FORMATS, dpi: int = 300) -> dict[str, bytes]:
    """Return the figure as {format: bytes}; fonts are embedded, and nothing of time or machine is in it."""
    rendered = {}
    families = {family for text in figure.findobj(Text) for family in text.get_fontfamily()}
    with style(), mpl.rc_context({"pdf.fonttype": 42 if families <= set(FAMILIES) else 3}):
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
    Image.fromarray(rgba[..., :3].copy()).save(buffer, "png", dpi=(dpi, dpi), compress_type=RUN_LENGTHS)


def blank(width_in: float, height_in: float) -> Figure:
    """Return an empty figure that belongs to no global state."""
    figure = Figure(figsize=(width_in, height_in))
    FigureCanvasAgg(figure)
    return figure


def width_price_figure(table: pd.DataFrame) -> Figure:
    """Draw one panel a spread of workers and pairs; table: panel and what `plot_width_price` takes."""
    panels = list(dict.fromkeys(table["panel"]))
    columns = min(len(panels), PANELS_A_ROW)
    rows = -(-len(panels) // columns)
    with style():
        figure = blank(TEXT_WIDTH_IN, 2.4 * rows)
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
        figure.subplots_adjust(
            left=0.075, right=0.87, bottom=0.17 / rows, top=1 - 0.1 / rows, wspace=0.12, hspace=0.37
        )
        for rank, ax in enumerate(grid):
            if rank >= len(panels):
                ax.set_axis_off()
                continue
            last = rank % columns == columns - 1 or rank == len(panels) - 1
            ax.set_ylim(0, 1.05 * float(table["width"].max()))
            plots.plot_width_price(ax, table[table["panel"] == panels[rank]], named=last)
            ax.set_title(panels[rank], loc="left")
            if rank % columns:
                ax.set_ylabel("")
    return figure


def mark(figure: Figure, *, simulated: bool) -> Figure:
    """Write SIMULATED on a figure of simulated answers."""
    if simulated:
        plots.mark_simulated(figure)
    return figure


def _folded(table: pd.DataFrame, column: str, width_in: float, *, bold: bool) -> tuple[pd.DataFrame, float]:
    """Return the table with names folded to `width_in`, and how wide the widest is, in inches."""
    names = {name: fold(legible(name), width_in, bold=bold) for name in dict.fromkeys(table[column])}
    return table.assign(**{column: table[column].map(names)}), _widest(names.values(), bold=bold)


def _widest(texts: Iterable[str], *, bold: bool = False) -> float:
    """How wide the widest of the texts is, in inches."""
    return max((text_width_in(text, bold=bold) for text in set(texts)), default=0.0)


def _lines(names: Iterable[str]) -> int:
    """How many lines the longest of the names has."""
    return max((1 + name.count("\n") for name in names), default=1)


def _height_in(names: Iterable[str]) -> float:
    """How high a column of the names at a series' end is, in inches."""
    return LINE_IN * sum(1 + name.count("\n") for name in set(names))


def _axes(figure: Figure, left: float, right: float, bottom: float = 0.4) -> Axes:
    """Add axes at these margins, in inches."""
    width, height = figure.get_size_inches()
    return figure.add_axes(
        (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + TOP_IN) / height)
    )


def realism_figure(points: pd.DataFrame, curves: pd.DataFrame, *, simulated: bool) -> Figure:
    """Draw preference rate against exposure, one column wide; tables as for `plots.plot_realism`.

    More series than one pair of axes can hold get a panel each, two columns wide.
    """
    with style(points["series"]):
        if points["series"].nunique() > MANY_SERIES:
            return mark(_realism_panels(points, curves), simulated=simulated)
        points, widest = _folded(points, "series", 1.15, bold=True)
        curves, _ = _folded(curves, "series", 1.15, bold=True)
        names = _height_in([*points["series"], "chance"])
        figure = blank(COLUMN_IN, max(2.45, 0.4 + TOP_IN + names))
        plots.plot_realism(_axes(figure, 0.59, widest + BESIDE_IN + 0.05), points, curves)
        return mark(figure, simulated=simulated)


def _realism_panels(points: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    names = list(dict.fromkeys(points["series"]))
    a_row = PANELS_A_ROW if len(names) <= FEW_PANELS else PANELS_A_LONG_ROW
    folded = [fold(legible(name), 5.7 / a_row, 7.5) for name in names]
    lines, more = -(-len(names) // a_row), LINE_IN * (_lines(folded) - 1)
    figure = blank(TEXT_WIDTH_IN, 0.45 + (1.55 + more) * lines + more)
    height = figure.get_size_inches()[1]
    grid = figure.subplots(lines, a_row, squeeze=False).ravel()
    figure.subplots_adjust(
        left=0.085,
        right=0.99,
        bottom=0.4 / height,
        top=1 - (0.32 + more) / height,
        hspace=0.62 + more,
        wspace=0.28 if a_row == PANELS_A_ROW else 0.45,
    )
    low, high = float(points["low"].min()), float(points["high"].max())
    for place, ax in enumerate(grid):
        if place >= len(names):
            ax.set_axis_off()
            continue
        mine, line = (table[table["series"] == names[place]] for table in (points, curves))
        plots.plot_realism(ax, mine, line, named=False)
        ax.set_ylim(max(0.0, min(low, 0.48) - 0.03), min(1.005, high + 0.03))
        ax.yaxis.set_major_locator(MultipleLocator(0.25))
        ax.set_title(folded[place], loc="left")
        ax.set_ylabel("" if place % a_row else "Preference rate")
        about = "Exposure (s); dashed: chance" if a_row == PANELS_A_ROW else "Exposure (s)"
        ax.set_xlabel("" if place + a_row < len(names) else about)
    return figure


def preference_figure(table: pd.DataFrame, *, limited: bool, simulated: bool) -> Figure:
    """Draw preference rates: bars where exposure is unlimited, dots by exposure where it is limited."""
    with style(table["series" if limited else "label"]):
        if limited:
            return mark(_preference_dots(table), simulated=simulated)
        table, widest = _folded(table, "label", 1.25, bold=False)
        row = max(0.3, 0.06 + LINE_IN * _lines(table["label"]))
        figure = blank(COLUMN_IN, 0.4 + TOP_IN + row * len(table))
        plots.plot_preference_bars(_axes(figure, widest + 0.12, _widest(["100.0 %"], bold=True) + 0.1), table)
        return mark(figure, simulated=simulated)


def _preference_dots(table: pd.DataFrame) -> Figure:
    """Draw one column of dots, or three where there are many series."""
    columns = 1 if table["series"].nunique() <= MANY_SERIES else PANELS_A_ROW
    width = COLUMN_IN if columns == 1 else TEXT_WIDTH_IN / columns
    left = _widest(table["label"]) + 0.1
    table, _ = _folded(table, "series", width - left - 0.1, bold=True)
    names = list(dict.fromkeys(table["series"]))
    size = -(-len(names) // columns)
    groups = [names[start : start + size] for start in range(0, len(names), size)]
    parts = [table[table["series"].isin(group)] for group in groups]
    rows = max(
        len(part) + 1.35 * len(group) + plots.DOT_LINE * sum(name.count("\n") for name in group)
        for part, group in zip(parts, groups, strict=True)
    )
    figure = blank(columns * width, 0.42 + TOP_IN + 0.135 * rows)
    drawn = []
    for place, part in enumerate(parts):
        ax = _axes(figure, place * width + left, (columns - 1 - place) * width + 0.2, 0.42)
        drawn.append(plots.plot_preference_dots(ax, part))
        if columns > 1:
            ax.set_xlabel("Preference rate (dashed: chance)")
    lowest = min(ax.get_ylim()[0] for ax in drawn)
    for ax in drawn:
        ax.set_ylim(bottom=lowest)
    return figure


def ranking_figure(table: pd.DataFrame, *, limited: bool, simulated: bool) -> Figure:
    """Draw Bradley-Terry strengths, per exposure or as a list, one column wide."""
    with style(table["condition"]):
        if limited:
            table, widest = _folded(table, "condition", 1.15, bold=True)
            figure = blank(COLUMN_IN, max(2.3, 0.4 + TOP_IN + _height_in(table["condition"])))
            plots.plot_ranking(_axes(figure, 0.59, widest + BESIDE_IN + 0.05), table)
        else:
            table, widest = _folded(table, "condition", 1.4, bold=False)
            row = max(0.24, 0.04 + LINE_IN * _lines(table["condition"]))
            figure = blank(COLUMN_IN, 0.4 + TOP_IN + row * len(table))
            plots.plot_ranking_list(_axes(figure, widest + 0.12, 0.13), table)
        return mark(figure, simulated=simulated)


def workers_figure(
    wrong: NDArray[np.int64],
    workers: pd.DataFrame,
    caught: NDArray[np.bool_],
    chance: tuple[float, float],
    edges: NDArray[np.float64] | None = None,
    *,
    simulated: bool,
) -> Figure:
    """Draw sentinels, speed and side bias of the assignments in three panels, two columns wide."""
    with style():
        figure = blank(TEXT_WIDTH_IN, 1.95)
        left, middle, right = figure.subplots(1, 3)
        figure.subplots_adjust(left=0.085, right=0.975, bottom=0.2, top=0.91, wspace=0.4)
        plots.plot_sentinels(left, wrong, caught)
        plots.plot_speed(middle, workers)
        plots.plot_side_bias(right, workers, *chance, edges)
        return mark(figure, simulated=simulated)


def pairs_figure(
    rows: Sequence[tuple[Sequence[tuple[Stimuli, str, tuple[str, str], str]], str]], *, simulated: bool
) -> Figure:
    """Draw pairs with their images, two a row; `rows`: (((images, caption, conditions, prompt), ...), title).

    Of a prompt as much is shown as two lines hold.
    """
    shape = rows[0][0][0][0][0].shape
    shown = [(title, caption, prompt, *names) for pairs, title in rows for _, caption, names, prompt in pairs]
    with style(text for texts in shown for text in texts):
        prompts = {said: _in_two_lines(said) for pairs, _ in rows for *_, said in pairs}
        more = LINE_IN * max(1 + text.count("\n") if text else 0 for text in prompts.values())
        axes_in = 3.4 / 2 * shape[0] / shape[1]
        figure = blank(TEXT_WIDTH_IN, 0.3 + (axes_in + 0.36 + more) * len(rows))
        top = 0.18 / figure.get_size_inches()[1]
        grid = figure.subplots(len(rows), 2, squeeze=False)
        figure.subplots_adjust(
            left=0.003, right=0.997, bottom=0.9 * top + more / figure.get_size_inches()[1], top=1 - 1.6 * top,
            wspace=0.04, hspace=min(0.28, 0.5 / axes_in) + more / axes_in,
        )  # fmt: skip
        for axes, (pairs, title) in zip(grid, rows, strict=True):
            for ax in axes:
                ax.set_axis_off()
            for ax, (images, caption, names, prompt) in zip(axes, pairs, strict=False):
                short = [fold(legible(name), 1.6, 5.5, bold=True) for name in names]
                beneath = "\n".join(filter(None, [legible(caption), prompts[prompt]]))
                plots.plot_pair(ax, images, beneath, short)
            if title:
                axes[0].set_title(legible(title), loc="left", fontweight="bold")
        return mark(figure, simulated=simulated)


def _in_two_lines(prompt: str) -> str:
    """A prompt as far as two lines below a pair hold it."""
    lines = fold(legible(prompt), 3.3, 6).split("\n") if prompt else []
    return "\n".join(lines[:2]) + ("\u2026" if len(lines) > 2 else "")
