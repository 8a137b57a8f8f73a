"""The findings in plain sentences, with their intervals: what a reader of the report sees first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..statistics.choices import ALPHA
from .tables import oriented
from .wording import entries, shared_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FEWEST = 2  # workers, and pairs, below which nothing can be said of their spread
Cell = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """A sentence; `main` ones are about the question of the study, the others about its quality."""

    text: str
    main: bool


@dataclass(frozen=True)
class Compared:
    """A contrast as findings.j2 tells of it: its answered cells, the shortest exposure first.

    cells: seen from the real condition, or from the one that is significantly preferred at the longest
    exposure; with `verdict` (1: the winner is significantly preferred, -1: the loser, 0: neither) and `doubt`
    (why there is no verdict). significant: of several exposures, who is significantly preferred at which, and
    whether these are the last ones. tested: whether any of several was. curve: where it is to be told of.
    """

    name: str
    cells: list[Cell]
    significant: list[tuple[str, list[float], bool]]
    tested: bool
    curve: Mapping[str, Any] | None


def findings(facts: Mapping[str, Any]) -> list[Finding]:
    """Return the findings of a summary: how much of the study is in, where that is not all; one a contrast;
    then exclusion, and what else a reader must know."""
    values = shared_values(facts)
    curves = {curve["contrast"]: curve for curve in facts["curves"]}
    compared = [_compared(facts, name, curves.get(name)) for name in values["contrasts"]]
    said = entries("findings.j2", values | {"compared": compared})
    return [Finding(text[2:], text.startswith("*")) for text in said]


def _compared(facts: Mapping[str, Any], name: str, curve: Mapping[str, Any] | None) -> Compared:
    rows = [row for row in facts["preference"] if row["contrast"] == name and row["n"]]
    cells = [oriented(row, flip=row["condition_b"] == facts["experiment"]["real"]) for row in rows]
    last = _verdict(cells[-1]) if cells else 0
    if last < 0:
        cells = [
            oriented({**cell, "condition_a": cell["winner"], "condition_b": cell["loser"]}, flip=True)
            for cell in cells
        ]
    return Compared(
        name,
        [{**cell, "verdict": _verdict(cell), "doubt": _doubt(cell)} for cell in cells],
        _significant(cells) if len(cells) > 1 else [],
        len(cells) > 1 and any(cell["p_adjusted"] is not None for cell in cells),
        curve if last > 0 else None,
    )


def _verdict(cell: Mapping[str, Any]) -> int:
    """1: significantly above 1/2, -1: below, 0: neither, by the adjusted two-way test."""
    p = cell["p_adjusted"]
    if p is None or not p < ALPHA:
        return 0
    return 1 if cell["rate"] > 0.5 else -1


def _doubt(cell: Mapping[str, Any]) -> str:
    """Why a cell without a verdict has none; empty for one that has."""
    if _verdict(cell):
        return ""
    if cell["p_adjusted"] is None or min(cell["n_workers"], cell["n_pairs"]) < FEWEST:
        return "few"
    # Where its interval, which is not adjusted, leaves chance out, it is the adjustment.
    return "adjusted" if cell["p_value"] < ALPHA else "chance"


def _significant(cells: Sequence[Cell]) -> list[tuple[str, list[float], bool]]:
    found = []
    for verdict, side in ((1, "winner"), (-1, "loser")):
        here = [cell["exposure_ms"] for cell in cells if _verdict(cell) == verdict]
        to_the_end = len(here) > 1 and here == [cell["exposure_ms"] for cell in cells[-len(here) :]]
        if here:
            found.append((cells[0][side], here, to_the_end))
    return found
