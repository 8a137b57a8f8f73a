"""The columns of tables that say something of a contrast: how each turns, and how the report prints it.

A contrast has a direction: a row of preference.csv is seen from condition A. Seen from condition B a rate is
one minus itself, the ends of its interval change places, and a difference changes its sign. Every column says
so here; CSV files, pages and LaTeX tables take names, order and headings from the same entries.
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
    places then. Where the report shows it: heading (may hold {level} and {stimuli}), and form, one of
    `printing.FORMS`."""

    name: str
    turn: Callable[[Any, Mapping[str, Any]], Any] = _fixed
    partner: str = ""
    heading: str = ""
    form: str = ""


PREFERENCE = (
    TableColumn("contrast"),
    TableColumn("condition_a"),
    TableColumn("condition_b"),
    TableColumn("exposure_ms"),
    TableColumn("n", heading="Answers", form="count"),
    TableColumn("k", _rest),
    TableColumn("ties"),
    TableColumn("rate", _complement, heading="Rate", form="percent"),
    TableColumn("low", _complement, "high", heading="{level} interval", form="interval"),
    TableColumn("high", _complement, "low"),
    TableColumn("se_worker"),
    TableColumn("se_image_a", partner="se_image_b"),
    TableColumn("se_image_b", partner="se_image_a"),
    TableColumn("se_pair"),
    TableColumn("se"),
    TableColumn("n_effective", heading="n eff.", form="rounded"),
    TableColumn("df"),
    TableColumn("wilson_low", _complement, "wilson_high", heading="naive interval", form="interval"),
    TableColumn("wilson_high", _complement, "wilson_low"),
    TableColumn("p_value", heading="p", form="p"),
    TableColumn("p_adjusted", heading="p adjusted", form="p"),
    TableColumn("p_binomial", heading="p binomial", form="p"),
    TableColumn("p_equivalent", heading="p equivalent", form="p"),
    TableColumn("n_workers", heading="Workers", form="text"),
    TableColumn("effective_workers"),
    TableColumn("n_images_a", partner="n_images_b", heading="{stimuli}", form="both"),
    TableColumn("n_images_b", partner="n_images_a"),
    TableColumn("effective_images"),
    TableColumn("n_pairs", heading="Pairs", form="text"),
    TableColumn("filtered"),
    TableColumn("note"),
)
DIFFERENCE = (
    TableColumn("source", heading="Folder", form="text"),
    TableColumn("difference", _negated, heading="Difference and interval", form="difference"),
    TableColumn("difference_low", _negated, "difference_high"),
    TableColumn("difference_high", _negated, "difference_low"),
    TableColumn("p_difference", heading="p", form="p"),
)
# Of preference.csv too, where a study states a rule for stopping.
ANYTIME = (
    TableColumn("anytime_low", _complement, "anytime_high"),
    TableColumn("anytime_high", _complement, "anytime_low"),
)
COLUMNS = {column.name: column for column in (*PREFERENCE, *DIFFERENCE, *ANYTIME)}
PREFERENCE_COLUMNS = tuple(column.name for column in PREFERENCE)
DIFFERENCE_COLUMNS = tuple(column.name for column in DIFFERENCE)
ANYTIME_COLUMNS = tuple(column.name for column in ANYTIME)


def from_the_other_side(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row's numbers seen from the other condition; KeyError for a column that is not declared."""
    turned = {}
    for name in row:
        column = COLUMNS[name]
        value = row[column.partner or name]
        turned[name] = None if value is None else column.turn(value, row)
    return turned
