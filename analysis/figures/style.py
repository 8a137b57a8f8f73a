"""How the figures look: sizes, colours, markers, and fonts that have the characters of every name."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.font_manager import FontProperties, findfont, findSystemFonts, fontManager, ttfFontProperty
from matplotlib.ft2font import FT2Font

from glimpse.text import template_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

COLUMN_IN = 3.3
TEXT_WIDTH_IN = 7.0
# The first seven are Okabe & Ito's, which colour-blind readers can tell apart; the others come after them.
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6BB1", "#A6761D",
    "#66A61E", "#01665E", "#B2182B",
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
SIZES = {
    "o": 3.6,
    "s": 3.4,
    "^": 4.4,
    "D": 3.2,
    "v": 4.4,
    "P": 4.2,
    "X": 4.2,
    "<": 4.4,
    ">": 4.4,
    "p": 4.4,
    "h": 4.2,
    "*": 5.4,
}  # points; they look alike
INK, SOFT, FAINT, ALARM = "#222222", "#6e6e6e", "#9a9a9a", "#D55E00"
FAMILIES, WEIGHTS = ("Glimpse Sans", "DejaVu Sans"), (400, 700)
SLANTED_OR_HEAVY = ("bold", "black", "heavy", "light", "thin", "italic", "oblique", "mono", "cond", "narrow")
for font in ("figures.ttf", "figures-bold.ttf"):
    fontManager.addfont(str(template_file(f"report/{font}")))
STYLE: Any = {
    "font.family": list(FAMILIES),
    "font.size": 7.0,
    "axes.labelsize": 7.5,
    "axes.titlesize": 7.5,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "text.parse_math": False,  # a name may have dollar signs
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.3,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "glimpse",
}


def colour_and_marker(rank: int) -> tuple[str, str]:
    """Colour and marker of a series: of its own for each of twelve; beyond, names beside the series tell."""
    if rank >= len(COLOURS):
        return SOFT, MARKERS[rank % len(MARKERS)]
    return COLOURS[rank], MARKERS[rank]


def style(texts: Iterable[str] = ()) -> AbstractContextManager[None]:
    """Return a context in which figures are drawn in our style, with fonts for the texts' characters.

    A character that ours lack comes from a font installed on this machine, where one has it.
    """
    lacking = frozenset("".join(texts)) - _characters(FAMILIES) - {"\n"}
    families = [*FAMILIES, *_installed(lacking)] if lacking else list(FAMILIES)
    return mpl.rc_context(STYLE | {"font.family": families})


def legible(text: str) -> str:
    """Return the text with each character that no font of the style in force has as its number: [U+6A21]."""
    known = _characters(tuple(mpl.rcParams["font.family"]))
    return "".join(sign if sign in known or sign == "\n" else f"[U+{ord(sign):04X}]" for sign in text)


@cache
def _characters(families: tuple[str, ...]) -> frozenset[str]:
    """Return what the families have both light and bold."""
    found: set[int] = set()
    for family in families:
        light, bold = (findfont(FontProperties(family=[family], weight=weight)) for weight in WEIGHTS)
        found |= FT2Font(light).get_charmap().keys() & FT2Font(bold).get_charmap().keys()
    return frozenset(map(chr, found))


@cache
def _installed(characters: frozenset[str]) -> tuple[str, ...]:
    """Families for as many of the characters as the machine's fonts have, those first that have most of them.

    Each is one file under a name of its own, so that no other file of its family can be taken for it.
    """
    families: list[str] = []
    has = {
        path: found
        for path in sorted(findSystemFonts(), key=_plainness)
        if (found := _outlined(path, characters))
    }
    while has:
        best = max(has, key=lambda path: len(has[path]))  # the first of equals
        families.append(f"installed {Path(best).name}")
        entry = ttfFontProperty(FT2Font(best))
        fontManager.ttflist += [
            replace(entry, name=families[-1], style="normal", weight=weight) for weight in WEIGHTS
        ]
        has = {path: rest for path, found in has.items() if (rest := found - has[best])}
    return tuple(families)


def _plainness(path: str) -> tuple[bool, bool, str]:
    """Sort upright fonts of usual weight first, and of those the ones without serifs."""
    name = Path(path).name.lower()
    return any(word in name for word in SLANTED_OR_HEAVY), "sans" not in name, path


def _outlined(path: str, characters: frozenset[str]) -> frozenset[str]:
    """Those of the characters that the font draws: fonts of coloured bitmaps, as of emoji, draw none."""
    try:
        font = FT2Font(path)
        found = {sign for sign in characters if ord(sign) in font.get_charmap()}
        if not found or not font.scalable:
            return frozenset()
        font.set_size(10, 72)
        drawn = set()
        for sign in found:
            font.load_char(ord(sign))
            if len(font.get_path()[0]):
                drawn.add(sign)
    except (OSError, RuntimeError, ValueError):  # not a font, or none that FreeType reads
        return frozenset()
    return frozenset(drawn)
