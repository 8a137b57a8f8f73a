"""The report as one slide: what was found in words, the main figure, and how many people, answers and images.

The slide is drawn 6.4 in wide and 3.6 in high, so that the 7 points of a figure in a paper are 15 on a slide
of the usual 13.3 in; at PRINT_DPI it has 1920 by 1080 pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator

from . import plots
from .detection import plot_by_condition, plot_by_exposure
from .figures import BESIDE_IN, LINE_IN, blank
from .labels import fold, shortened, text_width_in, wrap
from .style import INK, SOFT, legible, style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .series import SlideWords

WIDTH_IN, HEIGHT_IN, MARGIN_IN = 6.4, 3.6, 0.28
INNER_IN = WIDTH_IN - 2 * MARGIN_IN
LEADING = 1.3  # from line to line, in the text's size
FOUND_PT, ASKED_PT, DOUBT_PT, NUMBERS_PT = (11.5, 10.5, 9.5, 8.5, 7.5, 6.5), 7.0, 6.5, 7.0
FOUND_IN = 0.85  # what the finding may take before its letters shrink
FOUND_LINES, DOUBT_LINES = 14, 3  # of the smallest letters; what is more ends in three dots
MARK_IN = 1.0  # beside the question: SIMULATED
AXIS_IN = 0.42  # below the axes: numbers and what they are
TALLEST_ROW_IN = 0.6
FURTHER_PT, FURTHER_LINES, FEW_ROWS = 7.5, 4, 4  # more findings, beside few rows that leave them place
A_COLUMN = 14  # rows of a leaderboard
NAME_PT, NAME_SHARE = (7.0, 6.0, 5.0, 4.5), 0.6  # of its names: size, and of a column's width at most
NAMES_IN, SERIES_IN = 1.7, 2.5  # at most, for names before rows and at the ends of series


class SlideArea(NamedTuple):
    """A part of the slide: its edges, in inches from the lower left corner."""

    left: float
    bottom: float
    right: float
    top: float

    def axes(self, figure: Figure) -> Axes:
        """Add axes there."""
        size = ((self.right - self.left) / WIDTH_IN, (self.top - self.bottom) / HEIGHT_IN)
        return figure.add_axes((self.left / WIDTH_IN, self.bottom / HEIGHT_IN, *size))


def slide_figure(
    kind: str,
    tables: tuple[pd.DataFrame, ...],
    options: dict[str, Any],
    *,
    words: SlideWords,
    simulated: bool,
) -> Figure:
    """Draw the slide.

    kind: of MAIN, or empty where there is nothing to draw; `tables` and options are what its function takes.
    Texts wrap, and a long finding has smaller letters.
    """
    column = MAIN[kind][0] if kind else ""
    names = [str(name) for table in tables for name in table[column].unique()] if kind else []
    with style([words.question, words.finding, *words.further, *words.doubts, words.numbers, *names]):
        figure = blank(WIDTH_IN, HEIGHT_IN)
        top = HEIGHT_IN - MARGIN_IN + 0.04
        top = _down(
            figure, wrap(legible(words.question), INNER_IN - MARK_IN, ASKED_PT), top, ASKED_PT, color=SOFT
        )
        size, lines = _in_its_size(legible(words.finding))
        top = _down(figure, lines, top - 0.06, size, color=INK)
        if not kind or (kind in OF_ROWS and len(tables[0]) <= FEW_ROWS):
            top = _down(figure, _fitting(words.further), top - 0.04, FURTHER_PT, color=INK)
        foot = _foot(figure, legible(words.numbers), [legible(text) for text in words.doubts])
        if kind:
            MAIN[kind][1](figure, SlideArea(MARGIN_IN, foot + 0.1, WIDTH_IN - MARGIN_IN, top - 0.12), *tables,
                          **options)  # fmt: skip
        if simulated:
            corner = (1 - MARGIN_IN / WIDTH_IN, 1 - (MARGIN_IN - 0.02) / HEIGHT_IN)
            plots.mark_simulated(figure, corner)
        return figure


def _down(figure: Figure, lines: Sequence[str], top: float, size: float, **look: Any) -> float:
    """Write lines from `top` down, in inches; return where they end."""
    for line in lines:
        top -= LEADING * size / 72
        figure.text(MARGIN_IN / WIDTH_IN, (top + 0.3 * size / 72) / HEIGHT_IN, line, fontsize=size,
                    va="baseline", **look)  # fmt: skip
    return top


def _in_its_size(finding: str) -> tuple[float, list[str]]:
    """The finding's lines in the largest letters in which it leaves the figure its place, and their size."""
    for size in FOUND_PT:
        lines = wrap(finding, INNER_IN, size)
        if LEADING * size / 72 * len(lines) <= FOUND_IN:
            return size, lines
    return size, _shortened(lines, FOUND_LINES)


def _fitting(further: Sequence[str]) -> list[str]:
    """The lines of as many further findings as have place, whole ones only."""
    lines: list[str] = []
    for text in further:
        more = wrap(legible(text), INNER_IN, FURTHER_PT)
        if len(lines) + len(more) > FURTHER_LINES:
            break
        lines += more
    return lines


def _shortened(lines: list[str], most: int) -> list[str]:
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1] + " \u2026"]


def _foot(figure: Figure, numbers: str, doubts: Sequence[str]) -> float:
    """Write the numbers at the bottom and what is doubtful above them; return where they begin, in inches."""
    counts = wrap(numbers, INNER_IN, NUMBERS_PT)
    said = _shortened(wrap(" ".join(doubts), INNER_IN, DOUBT_PT), DOUBT_LINES) if doubts else []
    top = (
        MARGIN_IN
        - 0.06
        + 0.04 * bool(said)
        + LEADING * (NUMBERS_PT * len(counts) + DOUBT_PT * len(said)) / 72
    )
    rest = _down(figure, said, top, DOUBT_PT, color=INK)
    _down(figure, counts, rest - 0.04 * bool(said), NUMBERS_PT, color=SOFT)
    return top


def _realism(figure: Figure, place: SlideArea, points: pd.DataFrame, curves: pd.DataFrame) -> None:
    """Preference rates over exposure, with fitted curves; names at their ends."""
    names = {name: fold(legible(name), SERIES_IN, bold=True) for name in points["series"].unique()}
    points, curves = (table.assign(series=table["series"].map(names)) for table in (points, curves))
    beside = max(text_width_in(name, bold=True) for name in names.values()) + BESIDE_IN + 0.02
    inner = SlideArea(place.left + 0.5, place.bottom + AXIS_IN, place.right - beside, place.top)
    plots.plot_realism(inner.axes(figure), points, curves)


def _rows(place: SlideArea, names: Sequence[str], right: float) -> tuple[list[str], SlideArea]:
    """Names folded, and where axes stand beside them that are no taller than their rows need."""
    folded = [fold(legible(name), NAMES_IN) for name in names]
    lines = max(1 + name.count("\n") for name in folded)
    left = place.left + max(text_width_in(name) for name in folded) + 0.1
    tallest = max(TALLEST_ROW_IN, LINE_IN * lines + 0.06) * len(folded)
    bottom = max(place.bottom + AXIS_IN, place.top - tallest)
    return folded, SlideArea(left, bottom, place.right - right, place.top)


def _rates(figure: Figure, place: SlideArea, table: pd.DataFrame) -> None:
    """Preference rates as bars: label, rate, low, high."""
    right = text_width_in("100.0 %", bold=True) + 0.1
    folded, inner = _rows(place, list(table["label"]), right)
    plots.plot_preference_bars(inner.axes(figure), table.assign(label=folded))


def _board(figure: Figure, place: SlideArea, table: pd.DataFrame) -> None:
    """The leaderboard in columns: condition, strength, low, high, the first at the top.

    Names stand in one line, in letters as small as that needs; in the smallest they end in three dots.
    """
    columns = -(-len(table) // A_COLUMN)
    a_column = -(-len(table) // columns)
    width = (place.right - place.left) / columns
    names = [legible(name) for name in table["condition"]]
    size = next((size for size in NAME_PT if _width_in(names, size) <= NAME_SHARE * width), NAME_PT[-1])
    table = table.assign(condition=[shortened(name, NAME_SHARE * width, size) for name in names])
    before = _width_in(table["condition"], size) + 0.1
    row = min(TALLEST_ROW_IN, (place.top - place.bottom - AXIS_IN) / a_column)
    across = (float(table["low"].min()), float(table["high"].max()))
    gap = 0.04 * (across[1] - across[0] or 1.0)
    for rank in range(columns):
        rows = table.iloc[rank * a_column : (rank + 1) * a_column]
        left = place.left + rank * width
        inner = SlideArea(left + before, place.top - row * len(rows), left + width - 0.12, place.top)
        ax = plots.plot_ranking_list(inner.axes(figure), rows)
        ax.tick_params(axis="y", labelsize=size)
        ax.set_xlim(across[0] - gap, across[1] + gap)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5 if columns < 3 else 3))
        ax.set_xlabel("Bradley-Terry strength (log odds)" if columns < 3 else "Strength (log odds)")


def _width_in(names: Iterable[str], size_pt: float) -> float:
    return max(text_width_in(name, size_pt) for name in names)


def _over_exposures(
    figure: Figure, place: SlideArea, points: pd.DataFrame, lines: pd.DataFrame, **options: Any
) -> None:
    """One measure of single images over exposure."""
    names = {name: fold(legible(name), SERIES_IN, bold=True) for name in points["condition"].unique()}
    points, lines = (table.assign(condition=table["condition"].map(names)) for table in (points, lines))
    beside = max(text_width_in(name, bold=True) for name in names.values()) + BESIDE_IN + 0.02
    inner = SlideArea(place.left + 0.5, place.bottom + AXIS_IN, place.right - beside, place.top)
    plot_by_exposure(inner.axes(figure), points, lines, **options)


def _by_condition(figure: Figure, place: SlideArea, rows: pd.DataFrame, **options: Any) -> None:
    """One measure of single images by condition."""
    folded, inner = _rows(place, list(rows["condition"]), 0.1)
    ax = plot_by_condition(inner.axes(figure), rows.assign(condition=folded), **options)
    if not options["percent"]:
        low, high = float(np.nanmin(rows["low"])), float(np.nanmax(rows["high"]))
        begin = 0.0 if np.isnan(options["chance"]) else -0.04 * max(high, 0.0)  # a line at 0 is seen
        ax.set_xlim(min(begin, low * 1.08), high * 1.08 if high > 0 else 1.0)


# The main figure, by kind: in which column names stand, and what draws it.
MAIN: dict[str, tuple[str, Callable[..., None]]] = {
    "realism": ("series", _realism),
    "rates": ("label", _rates),
    "board": ("condition", _board),
    "over_exposures": ("condition", _over_exposures),
    "by_condition": ("condition", _by_condition),
}
OF_ROWS = ("rates", "by_condition")
