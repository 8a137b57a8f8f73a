"""The findings, the main table and the methods in Markdown: to paste into an issue, a README or a chat."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from glimpse.text import exposure_name

from .findings import by_question
from .formats import number, thousands
from .leaderboard import rank_set
from .printing import headings, printed
from .wording import by_contrast, each_question, shared_values, stimulus_of, template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .findings import Finding

COLUMNS = ("rate", "low", "n", "n_workers", "p_adjusted")
# What Markdown would take for its marks. An underscore inside a word and "p < 0.05" are none.
_MARKS = re.compile(
    r"[\\`*|~]|\](?=[(\[:])|<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])"
    r"|^(?=#)|#$|^>|^[-+](?=\s)|(?:(?<=^\d)|(?<=^\d\d))[.)](?=\s)",  # where a line begins or ends
    re.MULTILINE,
)


def as_markdown(facts: Mapping[str, Any], found: Sequence[Finding]) -> str:
    """Return a report as GitHub's Markdown has it: findings and rates of each question, then the methods.

    Args:
        facts: What summary.json holds.
        found: `findings.findings` of it.
    """
    each = {one["question"]["name"]: one for one in each_question(facts)}
    parts = []
    for name, own in by_question(found):
        one = each.get(name, facts if len(each) == 1 else None)
        asked = one["question"]["text"] if one and len(each) > 1 else ""
        texts = [_plain(finding.text) for finding in own]
        parts.append((_plain(_line(asked)), texts, _table(one) if one else ""))
    titles = list(dict.fromkeys(_plain(_line(study["title"])) for study in facts["studies"]))
    said = template("markdown.j2", prose=False).render(
        titles=titles, parts=parts, simulated=facts["simulated"], methods=_plain(facts["methods"])
    )
    return said.rstrip() + "\n"


def _table(facts: Mapping[str, Any]) -> str:
    """The leaderboard of many conditions, else the rates of every contrast and exposure."""
    values = shared_values(facts)
    level = facts["settings"]["level"]
    if values["crowded"] and values["board"]:
        head, rows = ["Rank", "Condition", "Strength", "Answers"], []
        for row in values["board"]:
            strength, low, high = (number(row[name]) for name in ("strength", "low", "high"))
            rows.append(
                [rank_set(row), row["condition"], f"{strength} ({low} to {high})", thousands(row["n"])]
            )
        return _pipes(head, rows)
    at = ["Exposure"] if values["limited"] else []
    head, rows = ["Preference", *at, *headings(COLUMNS, level, stimulus_of(facts))], []
    for name, cells in by_contrast(facts["preference"], values["facing"]):
        for cell in cells:
            shown = [exposure_name(cell["exposure_ms"])] if at else []
            rows.append([name, *shown, *printed(cell, COLUMNS)])
    return _pipes(head, rows)


def _pipes(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    plain = [[_plain(cell) for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in plain) if rows else ""


def _line(text: str) -> str:
    return " ".join(text.split())


def _plain(text: str) -> str:
    """Return a text that Markdown shows as it is.

    >>> print(_plain("*ours* and my_model, p < 0.05"))
    \\*ours\\* and my_model, p < 0.05
    """
    return _MARKS.sub(lambda mark: "\\" + mark[0], text.replace("\u00a0", " "))
