"""Names and places of labels in figures: measured, folded, moved apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    """Break a series' name into lines of at most `width_in`; nothing of it is cut.

    Before " over " first, then behind spaces, hyphens, underscores, dots and slashes, then anywhere.
    """

    def fits(text: str) -> bool:
        return text_width_in(text.rstrip(), size_pt, bold=bold) <= width_in

    if fits(name):
        return name
    first, over, second = name.partition(" over ")
    parts = [first, f"over {second}"] if over else [name]
    return "\n".join(line for part in parts for line in _broken(part, fits))


def _broken(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Fill lines with pieces that end at a place to break; a piece that fits on no line is split anywhere."""
    lines = [""]
    for piece in re.findall(r"[^\s_./-]*[\s_./-]+|[^\s_./-]+", text):
        if not fits(lines[-1] + piece):
            lines.append("")
        for letter in [piece] if fits(piece) else piece:
            if not fits(lines[-1] + letter):
                lines.append("")
            lines[-1] += letter
    return [line.rstrip() for line in lines if line]
