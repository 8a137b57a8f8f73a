"""Tables of judgments that a caller gives: every column that is used, looked at before it is used."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.calling import refuse
from glimpse.errors import ArgumentError
from glimpse.questions import TIE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

NEEDED = ("assignment", "worker", "pair", "contrast", "exposure_ms", "sentinel", "excluded", "reason")
YES_OR_NO = ("sentinel", "excluded", "chose_a")
NAMES = ("assignment", "worker", "pair", "item_a", "item_b")
SIDES = ("side_of_a", "chosen_side")
WHOLE_TABLE = "give glimpse.exclude(results).table(), or a part of its rows"


def check_judgments(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise ArgumentError for a DataFrame that has no rows, lacks a column, or holds what a column cannot."""
    used = list(dict.fromkeys((*NEEDED, *columns)))
    for name in used:
        if name not in table:
            first = "call glimpse.exclude(results) first" if name in {"excluded", "reason"} else WHOLE_TABLE
            raise ArgumentError(f"judgments lacks the column {name!r}; {first}.")
    if not len(table):
        raise ArgumentError(f"judgments has no rows; {WHOLE_TABLE}.")
    for name in used:
        _check_column(name, table[name][_decided(table)] if name == "chose_a" else table[name])


def _decided(table: pd.DataFrame) -> pd.Series[bool]:
    """Tell which rows chose one of the conditions: those that are no ties."""
    side = table["chosen_side"] if "chosen_side" in table else pd.Series("", index=table.index)
    return side.astype(object) != TIE


def _check_column(name: str, column: pd.Series[Any]) -> None:
    """Raise ArgumentError for a column with a value that it cannot have."""
    values = list(column.unique())
    missing = [value for value in values if pd.isna(value)]
    present = [value for value in values if not pd.isna(value)]
    if name in YES_OR_NO:
        _refuse_first(name, missing + [value for value in present if value not in (False, True)],
                      "it must be True or False")  # fmt: skip
    elif name in NAMES:
        _refuse_first(name, missing, "every row needs one")
    elif name in SIDES:
        allowed = ("left", "right", *([TIE] if name == "chosen_side" else []))
        wrong = [value for value in present if value not in allowed]
        _refuse_first(name, missing + wrong, f"it must be {' or '.join(map(repr, allowed))}")
    elif name == "contrast":
        wrong = [value for value in present if not isinstance(value, str) or value.count(":") != 1]
        _refuse_first(name, missing + wrong, "it must name two conditions, such as 'crn:real'")
    elif name == "exposure_ms":
        needed = "it must be a positive number, in ms"
        _refuse_first(name, [value for value in present if not _is_number(value) or value <= 0], needed)
        if present:
            _refuse_first(name, missing, f"{needed}, or missing in all rows (unlimited time)")
    elif name == "shown_ms":  # missing where nothing was measured
        wrong = [value for value in present if not _is_number(value) or value < 0]
        _refuse_first(name, wrong, "it must be a number, in ms, or missing")


def known_condition(real: object, names: Collection[str], of: str) -> str:
    """Return the condition that is named as the real one; ArgumentError for one that `of` does not have."""
    if not isinstance(real, str) or real not in names:
        refuse("real", real, f"{of} has the conditions {', '.join(map(repr, sorted(names)))}")
    return real


def _is_number(value: object) -> bool:
    """Whether a value is a finite number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and abs(float(value)) < np.inf


def _refuse_first(name: str, wrong: Sequence[object], needed: str) -> None:
    """Raise ArgumentError for the first of a column's wrong values, if there is any."""
    if wrong:
        first = wrong[0].item() if isinstance(wrong[0], np.generic) else wrong[0]
        raise ArgumentError(f"judgments: {name!r} is {first!r} in a row; {needed}.")
