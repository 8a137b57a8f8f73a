"""Names and places of labels in figures: measured, folded, moved apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

if TYPE_CHECKING:
    from collections.abc import Sequence

FRACTIONS = {125: "1/8", 250: "1/4", 500: "1/2"}


def exposure_label(exposure_ms: float) -> str:
    """Name an exposure in seconds: 125 -> "1/8", 2000 -> "2", NaN -> "unlimited"."""
    if not np.isfinite(exposure_ms):
        return "unlimited"
    return FRACTIONS.get(round(exposure_ms), f"{exposure_ms / 1000:g}")


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move label positions apart to at least `gap`, as little as possible, within [low, high] if they fit."""
    order = np.argsort(positions, kind="stable")
    placed = np.asarray(positions, float)[order]
    gap = min(gap, (high - low) / max(len(placed) - 1, 1))
    # Positions less their rank must not fall: pool the ones that do (isotonic regression).
    blocks: list[list[float]] = []
    for rank, value in enumerate(placed - gap * np.arange(len(placed))):
        blocks.append([value, 1.0, rank])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, weight, _ = blocks.pop()
            blocks[-1][0] = (blocks[-1][0] * blocks[-1][1] + mean * weight) / (blocks[-1][1] + weight)
            blocks[-1][1] += weight
    base = np.concatenate([[mean] * int(weight) for mean, weight, _ in blocks] or [[]])
    result = np.clip(base, low, high - gap * max(len(placed) - 1, 0)) + gap * np.arange(len(placed))
    back = np.empty(len(placed))
    back[order] = result
    return [float(value) for value in back]


def text_width_in(text: str, size_pt: float = 7.0, *, bold: bool = False) -> float:
    """Return how wide the widest line of a text is, in inches."""
    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal", size=size_pt)
    lines = [line for line in text.split("\n") if line]
    widths = [text_to_path.get_text_width_height_descent(line, font, ismath=False)[0] for line in lines]
    return float(max(widths, default=0.0)) / 72


def fold(name: str, width_in: float, size_pt: float = 7.0, *, bold: bool = False) -> str:
    """Break a series' name before " over " where it is wider than `width_in`; shorten what still is."""
    lines = [name]
    if text_width_in(name, size_pt, bold=bold) > width_in and " over " in name:
        first, second = name.split(" over ", 1)
        lines = [first, f"over {second}"]
    for place, line in enumerate(lines):
        cut = line
        while len(cut) > 4 and text_width_in(cut, size_pt, bold=bold) > width_in:
            cut = cut.rstrip("…")[:-1] + "…"
        lines[place] = cut
    return "\n".join(lines)
