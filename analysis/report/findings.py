"""The findings in plain sentences, with their intervals: what a reader of the report sees first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from .crowd import is_crowded
from .tables import facing, oriented
from .wording import each_question, entries, shared_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Cell = dict[str, Any]
FEWEST_WORTH = 5  # equal workers, or images, below which there is no finding
FEWEST = 8


@dataclass(frozen=True)
class Finding:
    """A sentence; `main` ones are about what was asked, the others about the study's quality.

    question: the one that it is about, by name, where the study has several; else empty. doubt: it says that
    the main ones are less certain than they look.
    """

    text: str
    main: bool
    question: str = ""
    doubt: bool = False

    def as_text(self) -> str:
        """The sentence by itself."""
        return f"{self.question}: {self.text}" if self.question else self.text


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
    """Return the findings of a summary: how much of the study is in, where that is not all, and whether
    compared folders differ; one a contrast, question by question; then exclusion, and what else a reader
    must know."""
    each = each_question(facts)
    values = shared_values(facts) | {"few": _few(facts), "without_filter": _without_filter(each)}
    values["drift"] = _drift(facts)
    quality = [
        Finding(text[2:], main=False, doubt=text.startswith("*")) for text in entries("quality.j2", values)
    ]
    opening = int(values["under_way"]) + int(values["drift"] is not None)
    about = [finding for one in each for finding in _of_question(one)]
    return [*quality[:opening], *about, *quality[opening:]]


def by_question(found: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """Return findings by the question that they are about, in order; an empty name where they are about none
    of several."""
    return [(name, list(own)) for name, own in groupby(found, key=lambda finding: finding.question)]


def _of_question(facts: Mapping[str, Any]) -> list[Finding]:
    """What was found about one question."""
    values = shared_values(facts)
    curves = {curve["contrast"]: curve for curve in facts["curves"]}
    compared = [_compared(facts, name, curves.get(name)) for name in values["contrasts"]]
    told = {
        "compared": compared,
        "compared_methods": _methods(facts["differences"]),
        "equivalent": _equivalent(compared, facts["settings"]["alpha"]),
        "means": {(row["contrast"], row["exposure_ms"]): row for row in facts["scale"]},
    }
    name = facts["question"]["name"] if values["many"] else ""
    return [Finding(text[2:], text.startswith("*"), name) for text in entries("findings.j2", values | told)]


def _without_filter(each: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What the sentinel filter changes, over all questions: the largest change of a rate, and how many of how
    many tests; None where nothing is left without it."""
    rows = [row for one in each for row in one["sensitivity"] if row["rule"] == "none"]
    if not rows or any(row["largest_change"] is None for row in rows):
        return None
    tested = [row for one in each for row in one["preference"] if row["p_value"] is not None]
    return {
        "largest_change": max(row["largest_change"] for row in rows),
        "decisions_changed": sum(row["decisions_changed"] for row in rows),
        "tests": len(tested),
    }


def _drift(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """The surest difference between results folders that are compared, its p-value adjusted by Bonferroni's
    rule; None where none is significant, or nothing is compared."""
    rows = [row for row in facts["comparison"] or () if row["p_difference"] is not None]
    surest = min(rows, key=lambda row: row["p_difference"], default=None)
    if surest is None or surest["p_difference"] * len(rows) >= facts["settings"]["alpha"]:
        return None
    return {"row": surest, "p": surest["p_difference"] * len(rows), "tests": len(rows)}


def _compared(facts: Mapping[str, Any], name: str, curve: Mapping[str, Any] | None) -> Compared:
    rows = [row for row in facts["preference"] if row["contrast"] == name and row["n"]]
    flip = facing(facts["preference"], facts["experiment"]["real"])[name]
    cells = [oriented(row, flip=flip) for row in rows]
    alpha = facts["settings"]["alpha"]
    last = _verdict(cells[-1], alpha) if cells else 0
    if last < 0:
        cells = [
            oriented({**cell, "condition_a": cell["winner"], "condition_b": cell["loser"]}, flip=True)
            for cell in cells
        ]
    return Compared(
        name,
        [{**cell, "verdict": _verdict(cell, alpha), "doubt": _doubt(cell, alpha)} for cell in cells],
        _significant(cells, alpha) if len(cells) > 1 else [],
        len(cells) > 1 and any(cell["p_adjusted"] is not None for cell in cells),
        curve if curve and cells and _is_told(curve, cells[-1]["winner"], last) else None,
    )


def _is_told(curve: Mapping[str, Any], winner: str, verdict: int) -> bool:
    """Whether a curve belongs to the finding: one that is determined, or is missed where people prefer."""
    return bool(curve["condition"] == winner and (curve["identified"] or verdict))


def _methods(differences: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The differences of methods at the longest exposure at which both were judged."""
    rates = [row for row in differences if row["measure"] == "rate" and row["low"] is not None]
    last = {(row["reference"], row["method_1"], row["method_2"]): row for row in rates}
    return list(last.values())


def _equivalent(
    compared: Sequence[Compared], alpha: float
) -> list[tuple[tuple[float, float | None], list[tuple[str, str]]]]:
    """Pairs of conditions whose equivalence was tested at the longest exposure: by whether it is shown (the
    largest p-value of those, or 0), and by that exposure."""
    found: dict[tuple[bool, float | None], list[Cell]] = {}
    for contrast in compared:
        for cell in contrast.cells[-1:]:
            if cell["p_equivalent"] is not None:
                found.setdefault((cell["p_equivalent"] < alpha, cell["exposure_ms"]), []).append(cell)
    return [
        ((max(cell["p_equivalent"] for cell in cells) if shown else 0.0, at),
         [(cell["winner"], cell["loser"]) for cell in cells])
        for (shown, at), cells in found.items()
    ]  # fmt: skip


def _few(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is too few for intervals to be trusted: workers, or images.

    pilot: worth fewer than FEWEST_WORTH equal ones; else fewer than FEWEST, or with most answers by few.
    """
    found = []
    crowded = is_crowded(list(dict.fromkeys(row["contrast"] for row in facts["preference"])))
    ranked = [row for row in facts["rankings"] if crowded and row["identified"]]
    for what in ("workers", "images"):
        cells = [
            (row["n_workers"] if what == "workers" else min(row["n_images_a"], row["n_images_b"]),
             row[f"effective_{what}"], row)
            for row in facts["preference"] if row["n"]
        ]  # fmt: skip
        # Of many conditions the ranking is the finding, which pools what each contrast has little of.
        if ranked:
            cells = [_ranked_on(row, what) for row in ranked]
        pilot = [cell for cell in cells if cell[1] < FEWEST_WORTH]
        doubtful = [cell for cell in cells if cell[0] < FEWEST or cell[1] < min(cell[0] / 2, FEWEST)]
        if few := pilot or doubtful:
            number, worth, _ = min(few, key=lambda cell: cell[1])
            found.append({
                "what": what, "pilot": bool(pilot), "cells": len(few), "all": len(few) == len(cells),
                "number": number, "effective": worth,
                "unequal": worth < 0.9 * number, "where": _where([row for _, _, row in few]),
                "ranked": bool(ranked),
            })  # fmt: skip
    return found


def _ranked_on(ranking: Mapping[str, Any], what: str) -> tuple[int, float, Cell]:
    """How many workers or images a ranking has, and how many equal ones the scarcer of the two is worth."""
    number = ranking[f"n_{what}"]
    scarce = number == min(ranking["n_workers"], ranking["n_images"])
    return number, min(number, ranking["df"] + 1) if scarce else number, {"contrast": "", **ranking}


def _where(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[float]]]:
    """Each contrast of some cells, with its exposures; without any where these are unlimited."""
    found: dict[str, list[float]] = {}
    for row in rows:
        times = found.setdefault(row["contrast"], [])
        times += [] if row["exposure_ms"] is None else [row["exposure_ms"]]
    return list(found.items())


def _verdict(cell: Mapping[str, Any], alpha: float) -> int:
    """1: significantly above 1/2, -1: below, 0: neither, by the adjusted test."""
    p = cell["p_adjusted"]
    if p is None or not p < alpha:
        return 0
    return 1 if cell["rate"] > 0.5 else -1


def _doubt(cell: Mapping[str, Any], alpha: float) -> str:
    """Why a cell without a verdict has none; empty for one that has."""
    if _verdict(cell, alpha):
        return ""
    if cell["p_adjusted"] is None:
        return "few"
    # Where its interval, which is not adjusted, leaves chance out, it is the adjustment.
    return "adjusted" if cell["p_value"] < alpha else "chance"


def _significant(cells: Sequence[Cell], alpha: float) -> list[tuple[str, list[float], bool]]:
    found = []
    for verdict, side in ((1, "winner"), (-1, "loser")):
        here = [cell["exposure_ms"] for cell in cells if _verdict(cell, alpha) == verdict]
        to_the_end = len(here) > 1 and here == [cell["exposure_ms"] for cell in cells[-len(here) :]]
        if here:
            found.append((cells[0][side], here, to_the_end))
    return found
