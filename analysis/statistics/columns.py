"""The columns of tables that say something of a contrast: how each turns, and how the report prints it.

A contrast has a direction: a row of preference.csv is seen from condition A. Seen from condition B a rate is
one minus itself, the ends of its interval change places, and a difference changes its sign. Every column says
so here; CSV files, pages and LaTeX tables take names, headings and order of columns from the same entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _fixed(value: Any, row: Mapping[str, Any]) -> Any:  # noqa: ARG001 - all turns take a row
    return value


def _complement(value: Any, row: Mapping[str, Any]) -> Any:  # noqa: ARG001
    return 1 - value


def _rest(value: Any, row: Mapping[str, Any]) -> Any:
    return row["n"] - value


def _negated(value: Any, row: Mapping[str, Any]) -> Any:  # noqa: ARG001
    return -value


@dataclass(frozen=True)
class TableColumn:
    """One column. turn: its value seen from the other condition. partner: the column with which it changes
    places then. In the report's tables: heading (may hold {level}), and form, a name of `tables.FORMS`."""

    name: str
    heading: str = ""
    form: str = ""
    turn: Callable[[Any, Mapping[str, Any]], Any] = _fixed
    partner: str = ""


PREFERENCE = (
    TableColumn("contrast"),
    TableColumn("condition_a"),
    TableColumn("condition_b"),
    TableColumn("exposure_ms", "Exposure", "exposure"),
    TableColumn("n", "Answers", "count"),
    TableColumn("k", turn=_rest),
    TableColumn("rate", "Rate", "percent", _complement),
    TableColumn("low", "{level} interval", "interval", _complement, "high"),
    TableColumn("high", turn=_complement, partner="low"),
    TableColumn("se_worker"),
    TableColumn("se_pair"),
    TableColumn("se_two_way"),
    TableColumn("n_effective", "n eff.", "rounded"),
    TableColumn("df"),
    TableColumn("wilson_low", "naive interval", "interval", _complement, "wilson_high"),
    TableColumn("wilson_high", turn=_complement, partner="wilson_low"),
    TableColumn("p_value", "p", "p"),
    TableColumn("p_adjusted", "p adjusted", "p"),
    TableColumn("p_binomial", "p binomial", "p"),
    TableColumn("n_workers", "Workers", "plain"),
    TableColumn("n_pairs", "Pairs", "plain"),
    TableColumn("filtered"),
    TableColumn("note"),
)
DIFFERENCE = (
    TableColumn("source", "Folder", "plain"),
    TableColumn("difference", "Difference and interval", "difference"),
    TableColumn("difference_low"),
    TableColumn("difference_high"),
    TableColumn("p_difference", "p", "p"),
)
COLUMNS = {column.name: column for column in (*PREFERENCE, *DIFFERENCE)}
PREFERENCE_COLUMNS = tuple(column.name for column in PREFERENCE)
DIFFERENCE_COLUMNS = tuple(column.name for column in DIFFERENCE)


def from_the_other_side(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row's numbers seen from the other condition; KeyError for a column that is not declared."""
    turned = {}
    for name in row:
        column = COLUMNS[name]
        value = row[column.partner or name]
        turned[name] = None if value is None else column.turn(value, row)
    return turned
