"""The prompts of pairs: what participants read beside them."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.results import Results

OF_PAIR = ("winner", "item_winner", "loser", "item_loser")
LONGEST = 300  # characters of a prompt that the report shows
RIGHT_TO_LEFT = ("R", "AL", "AN")


def prompts_of(pairs: pd.DataFrame, results: Results) -> list[str]:
    """Return the prompt of each row of `pairs.pair_table`; empty where nothing was written beside a pair."""
    known = {name: study.get("contexts") or {} for name, study in results.studies.items()}
    if not any(known.values()):
        return [""] * len(pairs)
    trials = results.trials[results.trials["contrast"].isin(pairs["contrast"].unique())]
    columns = ("condition_a", "item_a", "condition_b", "item_b", "study", "context")
    beside: dict[frozenset[tuple[str, str]], str] = {}
    shown = zip(*(trials[name].astype(str) for name in columns), strict=True)
    for a, item_a, b, item_b, study, item in shown:
        beside[frozenset(((a, item_a), (b, item_b)))] = _text(known[study].get(item))
    rows = zip(*(pairs[name].astype(str) for name in OF_PAIR), strict=True)
    return [beside.get(frozenset(((a, one), (b, other))), "") for a, one, b, other in rows]


def _text(context: Any) -> str:
    """The text of a context, on one line, as far as it is shown."""
    text = " ".join(str(context.get("text") or "").split()) if isinstance(context, dict) else ""
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rstrip()}\u2026"


def drawable(text: str) -> bool:
    """Whether a text can be drawn letter by letter from left to right, as figures do."""
    return not any(
        unicodedata.bidirectional(letter) in RIGHT_TO_LEFT or unicodedata.combining(letter) for letter in text
    )
