"""Whole figures: axes laid out, `plot_*` called, and the same bytes for the same input in every format."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analysis import plots

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

FORMATS = ("png", "pdf", "svg")
# What would carry the date, or the version of a library, into the bytes.
METADATA = {
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Creator": None, "Date": None},
}


def render(figure: Figure, formats: Sequence[str] = FORMATS) -> dict[str, bytes]:
    """Return the figure as {format: bytes}; fonts are embedded, and nothing of time or machine is in it."""
    rendered = {}
    with mpl.rc_context(plots.STYLE):
        for kind in formats:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, metadata=METADATA[kind])
            rendered[kind] = buffer.getvalue()
    return rendered


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
