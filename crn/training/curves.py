"""The curves of a training run: the loss of every so many updates, and of photographs never trained on."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TYPE_CHECKING

from glimpse.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes


def plot_losses(ax: Axes, rows: Sequence[Mapping[str, str]]) -> Axes:
    """Draw loss and held-out loss against the number of updates, a line where a stage starts; returns `ax`.

    `rows`: of `log.csv`, by column.
    """
    for column, label, style in (("loss", "trained on", "-"), ("held_out", "held out", "o-")):
        shown = [(int(row["total"]), float(row[column])) for row in rows if row.get(column)]
        if shown:
            ax.plot(*zip(*shown, strict=True), style, markersize=3, linewidth=1, label=label)
    stages = [(int(row["total"]), row["stage"]) for row in rows]
    for (total, before), (_, stage) in pairwise(stages):
        if stage != before:
            ax.axvline(total, color="0.7", linewidth=1, linestyle="--")
    ax.set_xlabel("updates")
    ax.set_ylabel("loss")
    if rows:
        ax.legend(frameon=False)
    return ax


def write_losses(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write `plot_losses` as a PNG, whole."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    plot_losses(figure.subplots(), rows)
    data = io.BytesIO()
    figure.savefig(data, dpi=120, format="png", metadata={"Software": None})
    write_whole(path, data.getvalue())
