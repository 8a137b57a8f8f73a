"""Many conditions: what of them is looked at one by one, and by group of items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..figures.series import MANY_CONTRASTS
from ..reading.item_groups import found_beside, read_item_groups
from ..statistics.item_groups import group_rankings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from ..reading.design import Problem
    from ..reading.results import Results
    from ..statistics.grouping import Analysed
    from .settings import AnalysisSettings


def is_crowded(contrasts: Sequence[str]) -> bool:
    """Tell whether there are too many contrasts to tell of each.

    >>> is_crowded(["crn:real"] * 3)
    False
    """
    return len(contrasts) > MANY_CONTRASTS


def told_one_by_one(contrasts: Sequence[str], real: str | None) -> list[str]:
    """Return the contrasts that are told of one by one: of many, those with the real condition."""
    if not is_crowded(contrasts):
        return list(contrasts)
    return [name for name in contrasts if real is not None and real in name.split(":")]


def only(
    rows: Iterable[dict[str, Any]], contrasts: Sequence[str], key: str = "contrast"
) -> list[dict[str, Any]]:
    """Return the rows of some contrasts."""
    names = set(contrasts)
    return [row for row in rows if row[key] in names]


def at_longest(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the longest exposure; unlimited time is the longest."""
    times = {row["exposure_ms"] for row in rows}
    last = None if None in times else max(times, default=None)
    return [row for row in rows if row["exposure_ms"] == last]


def item_groups(
    results: Results, answers: Analysed, settings: AnalysisSettings
) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the ranking by group of items, and what is wrong with their file; no rows without one."""
    path = settings.items or found_beside(results.folders)
    groups: dict[str, str] = {}
    problems: list[Problem] = []
    if path is not None:
        genuine = results.trials[~results.trials["sentinel"] & ~results.trials["practice"]]
        items = {*genuine["item_a"].astype(str), *genuine["item_b"].astype(str)}
        groups, problems = read_item_groups(path, items)
    table = group_rankings(answers, groups, level=settings.intervals.level, seed=settings.seed)
    return table, problems
