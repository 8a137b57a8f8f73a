"""Words for a paper: the methods paragraph, and what was assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .formats import NBSP
from .registered import registered_sentence
from .wording import entries, of_all_questions, paragraph, shared_values

if TYPE_CHECKING:
    from collections.abc import Mapping


def methods_text(facts: Mapping[str, Any]) -> str:
    """Return the methods paragraph to paste into a paper; `facts` is the summary of summary.json."""
    experiment = facts["experiment"]
    answered = [row for row in facts["preference"] if row["n"]]
    conditions = {row[side] for row in answered for side in ("condition_a", "condition_b")}
    shown = {row["exposure_ms"] for row in answered}
    text = paragraph(
        "methods.j2",
        shared_values(of_all_questions(facts))
        | {
            "conditions_compared": [name for name in experiment["conditions"] if name in conditions],
            "exposures_shown": [value for value in experiment["exposures_ms"] if value in shown],
            "registered": registered_sentence(facts.get("registrations", [])),
        },
    )
    return text.replace(NBSP, " ")  # a text editor may not know the other


def assumptions(facts: Mapping[str, Any]) -> list[str]:
    """Return what the numbers rest on, one statement an entry."""
    return [text[2:] for text in entries("assumptions.j2", shared_values(of_all_questions(facts)))]
