"""The columns of tables that say something of a contrast, and how each turns.

A contrast has a direction: a row of preference.csv is seen from condition A. Seen from condition B a rate is
one minus itself, the ends of its interval change places, and a difference changes its sign. Every column says
so here, and CSV files have them in this order.
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
    places then."""

    name: str
    turn: Callable[[Any, Mapping[str, Any]], Any] = _fixed
    partner: str = ""


PREFERENCE = (
    TableColumn("contrast"),
    TableColumn("condition_a"),
    TableColumn("condition_b"),
    TableColumn("exposure_ms"),
    TableColumn("n"),
    TableColumn("k", _rest),
    TableColumn("rate", _complement),
    TableColumn("low", _complement, "high"),
    TableColumn("high", _complement, "low"),
    TableColumn("se_worker"),
    TableColumn("se_pair"),
    TableColumn("se_two_way"),
    TableColumn("n_effective"),
    TableColumn("df"),
    TableColumn("wilson_low", _complement, "wilson_high"),
    TableColumn("wilson_high", _complement, "wilson_low"),
    TableColumn("p_value"),
    TableColumn("p_adjusted"),
    TableColumn("p_binomial"),
    TableColumn("n_workers"),
    TableColumn("n_pairs"),
    TableColumn("filtered"),
    TableColumn("note"),
)
DIFFERENCE = (
    TableColumn("source"),
    TableColumn("difference", _negated),
    TableColumn("difference_low", _negated, "difference_high"),
    TableColumn("difference_high", _negated, "difference_low"),
    TableColumn("p_difference"),
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
