"""Names and places of labels in figures: measured, folded, moved apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from glimpse.text import FRACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def exposure_label(exposure_ms: float) -> str:
    """Name an exposure in seconds: 125 -> "1/8", 2000 -> "2", NaN -> "unlimited"."""
    if not np.isfinite(exposure_ms):
        return "unlimited"
    return FRACTIONS.get(round(exposure_ms), f"{exposure_ms / 1000:g}")


def spread(positions: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Return where labels of these sizes stand free of one another: moved as little as possible, and whole
    within [low, high]; where that is too little for all of them, they share it in proportion."""
    order = np.argsort(positions, kind="stable")
    size = np.asarray(sizes, float)[order]
    size *= min(1.0, (high - low) / size.sum())
    apart = np.cumsum(size) - (size + size[0]) / 2  # from the first label to each, at the least
    # Positions less that must not fall: pool the ones that do (isotonic regression).
    blocks: list[tuple[float, int]] = []
    for value in np.asarray(positions, float)[order] - apart:
        mean, weight = float(value), 1
        while blocks and blocks[-1][0] > mean:
            other, count = blocks.pop()
            mean, weight = (mean * weight + other * count) / (weight + count), weight + count
        blocks.append((mean, weight))
    base = np.repeat([mean for mean, _ in blocks], [weight for _, weight in blocks])
    placed = np.empty(len(size))
    placed[order] = np.clip(base, low + size[0] / 2, high - size[-1] / 2 - apart[-1]) + apart
    return [float(place) for place in placed]


def text_width_in(text: str, size_pt: float = 7.0, *, bold: bool = False) -> float:
    """Return how wide the widest line of a text is in the style in force, in inches."""
    font = FontProperties(weight="bold" if bold else "normal", size=size_pt)
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


def wrap(text: str, width_in: float, size_pt: float = 7.0) -> list[str]:
    """Break prose into lines of at most `width_in`, at plain spaces: none between a number and its unit.

    A word that fits on no line is folded.
    """
    width = {piece: text_width_in(piece, size_pt) for piece in dict.fromkeys(text.split(" "))}
    gap = text_width_in("a a", size_pt) - 2 * text_width_in("a", size_pt)
    lines, taken = [""], 0.0
    for word in text.split(" "):
        whole = width[word] <= 0.99 * width_in  # kerning may add a little
        for piece in [word] if whole else fold(word, width_in, size_pt).split("\n"):
            wide = width[word] if whole else text_width_in(piece, size_pt)
            if lines[-1] and taken + gap + wide > 0.99 * width_in:
                lines.append(piece)
                taken = wide
            else:
                taken += gap * bool(lines[-1]) + wide
                lines[-1] = f"{lines[-1]} {piece}" if lines[-1] else piece
    return [line for line in lines if line]


def shortened(name: str, width_in: float, size_pt: float) -> str:
    """Return as much of a name as `width_in` holds, with three dots where that is not all."""
    if text_width_in(name, size_pt) <= width_in:
        return name
    while name and text_width_in(f"{name}\u2026", size_pt) > width_in:
        name = name[:-1]
    return f"{name}\u2026"


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
