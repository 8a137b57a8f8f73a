"""Judgments that are given as a table, as codes: what each answer is worth, and what its trial shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.errors import GlimpseError
from glimpse.questions import KINDS, AnswerKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.integer]


def outcome_of(value: NDArray[np.integer], kind: AnswerKind) -> NDArray[np.int8]:
    """The place of each value among a kind's answers, from right to left."""
    if not kind.tie:
        return np.asarray(value < 0).view(np.int8)
    return np.asarray(kind.steps - value, dtype=np.int8)


def values_of(table: pd.DataFrame, a_left: NDArray[np.bool_]) -> tuple[NDArray[np.int64], AnswerKind]:
    """The values of a table's answers, and the kind of them: by `choice`, `chose_a` or `chosen_side`."""
    if "question" in table and table["question"].nunique() > 1:
        names = ", ".join(map(str, table["question"].unique()))
        raise GlimpseError(f"the judgments are of several questions ({names}); pass those of one.")
    if "choice" in table:
        given = table["choice"].astype(object)
        if all(isinstance(answer, int | np.integer) for answer in given.unique()):
            value = given.to_numpy(np.int64)
            return value, KINDS["scale-5" if np.abs(value).max(initial=0) <= 2 else "scale-7"]
        value = given.map({"left": -1, "right": 1}).fillna(0).to_numpy(np.int64)
    elif "chose_a" in table:
        chose = table["chose_a"].astype("boolean")
        left = chose.fillna(False).to_numpy(bool) == a_left
        value = np.where(chose.isna(), 0, np.where(left, -1, 1))
    else:
        value = np.where(np.asarray(column_of(table, "chosen_side", "left") == "left"), -1, 1)
    return np.asarray(value), KINDS["choice-or-tie" if (value == 0).any() else "choice"]


def trials_of(
    table: pd.DataFrame, a_left: Any, left: NDArray[np.bool_], decided: NDArray[np.bool_]
) -> pd.DataFrame:
    """The columns OF_TRIAL of each judgment, with what follows from others where it is missing."""
    contrast, texts = pd.factorize(table["contrast"])  # few texts, however many answers
    of_text = pd.Series(texts).astype(str).str.partition(":")
    names = {place: of_text[place].to_numpy(object)[contrast] for place in (0, 2)}
    own = {name: column_of(table, name, "") for name in ("trial", "pair", "item_a", "item_b")}
    if "pair" not in table:
        sides = [
            names[place] + "/" + pd.Series(texts_of(own[f"item_{side}"]))
            for place, side in ((0, "a"), (2, "b"))
        ]
        own["pair"] = sides[0] + "+" + sides[1]
    if "item_a" not in table:  # the images are not known apart from their pairs
        own["item_a"] = own["item_b"] = own["pair"]
    known = table["correct"].notna().to_numpy() if "correct" in table else np.zeros(len(table), dtype=bool)
    right = (
        table["correct"].astype(object).where(known, False).to_numpy(bool) if "correct" in table else known
    )
    return pd.DataFrame({
        **own, "contrast": table["contrast"].astype(str), "exposure_ms": table["exposure_ms"].astype(float),
        "side_of_a": np.where(a_left, "left", "right"), "condition_a": names[0], "condition_b": names[2],
        "sentinel": table["sentinel"].to_numpy(bool),
        "correct_left": _correct_left(own["trial"], known & decided, right == left),
    })  # fmt: skip


def _correct_left(trial: Any, known: NDArray[np.bool_], left: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Whether left is the right side of each answer's trial, -1 where no answer to it tells."""
    found = pd.Series(np.where(known, left, -1))
    return np.asarray(found.groupby(texts_of(trial)).transform("max") if known.any() else found)


def column_of(table: pd.DataFrame, name: str, otherwise: Any) -> Any:
    """A column, or the same for every row where there is none."""
    return table[name] if name in table else np.broadcast_to(otherwise, len(table))


def texts_of(column: Any) -> NDArray[np.object_]:
    """A column's values as texts."""
    values = np.asarray(column)
    if values.dtype == object:
        return values.astype(str).astype(object)
    code, values = pd.factorize(values, use_na_sentinel=False)  # few, however many answers
    texts: NDArray[np.object_] = np.asarray(values, dtype=object).astype(str).astype(object)
    return texts[code]


def codes_of_rows(table: pd.DataFrame) -> tuple[Codes, Codes]:
    """A code for each different row of a table, and the first row of each code."""
    code = np.zeros(len(table), dtype=np.int64)
    for name in table:
        own, values = pd.factorize(table[name], use_na_sentinel=False)
        code = pd.factorize(code * len(values) + own)[0]
    return code, np.unique(code, return_index=True)[1]
