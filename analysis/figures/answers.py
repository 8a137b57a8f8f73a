"""How answers are spread over their kinds, from one condition to the other: diverging stacked bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .figures import LINE_IN, TOP_IN, blank, mark
from .labels import fold, text_width_in
from .plots import CHANCE
from .style import COLUMN_IN, INK, legible, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOR, NEITHER, AGAINST = "#0072B2", "#D0D0D0", "#D55E00"
LEGEND_IN = 0.27


def shade(points: int, most: int) -> str:
    """The colour of an answer: the stronger it is, the darker; grey where it prefers neither."""
    if not points:
        return NEITHER
    pale = 0.55 * (1 - abs(points) / most)
    red, green, blue = (own + (1 - own) * pale for own in to_rgb(FOR if points > 0 else AGAINST))
    return to_hex((red, green, blue))


def plot_answers(ax: Axes, table: pd.DataFrame) -> Axes:
    """Draw one bar a row of `label`: to the right the answers for the first-named condition, to the left
    those for the other, strongest outside; those that prefer neither lie across the middle.

    table: label, points (positive for the first-named condition), share (of a label they sum to 1); labels in
    the order from top to bottom.
    """
    labels = list(dict.fromkeys(table["label"]))
    kinds = sorted(int(points) for points in table["points"].unique())
    shares = table.pivot(index="label", columns="points", values="share").loc[labels, kinds].to_numpy(float)
    middle = shares[:, [kind < 0 for kind in kinds]].sum(axis=1)
    middle = middle + shares[:, [kind == 0 for kind in kinds]].sum(axis=1) / 2
    ends = np.cumsum(shares, axis=1) - middle[:, None]
    y = np.arange(len(labels))[::-1]
    for place, kind in enumerate(kinds):
        ax.barh(y, shares[:, place], left=ends[:, place] - shares[:, place], height=0.68,
                color=shade(kind, kinds[-1]), edgecolor="white", lw=0.4, zorder=2)  # fmt: skip
    ax.axvline(0, **CHANCE | {"color": INK, "zorder": 3})
    ax.set_yticks(y, labels)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    reach = max(0.05, float(np.abs([ends.max(initial=0), (ends - shares).min(initial=0)]).max()))
    ax.set_xlim(-1.03 * reach, 1.03 * reach)
    ax.set_ylim(-0.6, len(labels) - 0.4)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], symmetric=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * abs(value):g} %"))
    ax.set_xlabel("Share of answers")
    return ax


def answers_figure(table: pd.DataFrame, words: dict[int, str], *, simulated: bool) -> Figure:
    """Draw how answers are spread; table as for `plot_answers`; words: of each answer, for the legend."""
    with style([*table["label"], *words.values()]):
        names = {name: fold(legible(name), 1.9) for name in dict.fromkeys(table["label"])}
        table = table.assign(label=table["label"].map(names))
        lines = max((1 + name.count("\n") for name in names.values()), default=1)
        row = max(0.2, 0.06 + LINE_IN * lines)
        keys = [
            Patch(color=shade(kind, max(words)), label=legible(text)) for kind, text in sorted(words.items())
        ]
        left = 0.12 + max((text_width_in(name) for name in names.values()), default=0.0)
        height = 0.4 + TOP_IN + LEGEND_IN + row * len(names)
        figure = blank(COLUMN_IN, height)
        ax = figure.add_axes((
            left / COLUMN_IN, 0.4 / height, 1 - (left + 0.13) / COLUMN_IN,
            1 - (0.4 + TOP_IN + LEGEND_IN) / height,
        ))  # fmt: skip
        plot_answers(ax, table)
        figure.legend(
            handles=keys, loc="upper center", bbox_to_anchor=(0.5, 1 - TOP_IN / height), ncols=len(keys),
            frameon=False, fontsize=6.5, handlelength=0.9, handletextpad=0.4, columnspacing=1.0, borderpad=0,
        )  # fmt: skip
        return mark(figure, simulated=simulated)
