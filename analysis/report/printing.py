"""Columns of the tables about contrasts as the report prints them: their headings, and a row's texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..statistics.columns import COLUMNS
from .formats import DASH, interval, level_text, number, p_text, percent, thousands

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def _difference(row: Mapping[str, Any], name: str) -> str:
    """A difference of rates with its interval, in points."""
    if row[name] is None:
        return DASH
    middle, low, high = (number(100 * row[part], 1) for part in (name, f"{name}_low", f"{name}_high"))
    return f"{middle} ({low} to {high})"


# What makes a text of a row and the name of one of its columns.
FORMS: dict[str, Callable[[Mapping[str, Any], str], str]] = {
    "text": lambda row, name: f"{row[name]}",
    "both": lambda row, name: f"{thousands(row[name])} / {thousands(row[COLUMNS[name].partner])}",
    "count": lambda row, name: thousands(row[name]),
    "rounded": lambda row, name: number(row[name], 0),
    "percent": lambda row, name: percent(row[name]),
    "p": lambda row, name: p_text(row[name]),
    "interval": lambda row, name: interval(row[name], row[COLUMNS[name].partner]),
    "difference": _difference,
}


def headings(names: Sequence[str], level: float, stimulus: str = "image") -> list[str]:
    """Return the headings of columns; level: of the intervals; stimulus: what people saw, image or clip."""
    words = {"level": level_text(level), "stimuli": f"{stimulus.capitalize()}s"}
    return [COLUMNS[name].heading.format(**words) for name in names]


def printed(row: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return the texts of a row in these columns."""
    return [FORMS[COLUMNS[name].form](row, name) for name in names]
