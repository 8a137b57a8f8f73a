"""The ranking by group of items, such as the category of a prompt: do the same conditions lead in all?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .choices import CLUSTERS
from .ranked import RANKING_COLUMNS, ranking_table
from .ranking import rank_conditions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .clustering import Codes
    from .grouping import Analysed

GROUP_COLUMNS = ("group", "items", *RANKING_COLUMNS)
ONE_ITEM = "one item: what is said holds for it alone, by differences between workers"


def group_rankings(
    answers: Analysed, groups: Mapping[str, str], *, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Rank the conditions within each group of items; one row a condition, exposure and group.

    groups: item -> group. An answer counts for a group where both its images are of items in it. Columns:
    GROUP_COLUMNS; items: of the group, in these answers. A group of one item has errors between workers only,
    which `note` says. No rows without groups.
    """
    names = sorted(set(groups.values()))
    code = _codes(answers, groups, names)
    parts = []
    for number, name in enumerate(names):
        keep = answers.keep & (code == number)[answers.gathered.trial]
        if not keep.any():
            continue
        items = _items(answers, keep)
        own = replace(answers, keep=keep)
        if items == 1:
            own = replace(own, cluster=CLUSTERS["worker"])
        found = rank_conditions(own, level=level, rng=np.random.default_rng([seed, number]))
        if items == 1:
            found = [replace(one, note="; ".join(filter(None, [ONE_ITEM, one.note]))) for one in found]
        parts.append(ranking_table(found).assign(group=name, items=items))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(GROUP_COLUMNS))
    return table[list(GROUP_COLUMNS)]


def agreement_of_groups(table: pd.DataFrame) -> pd.DataFrame:
    """Return how far each group's strengths go with those of the others: group, exposure_ms, correlation.

    correlation: Pearson's, of a group's strengths with the mean of the other groups'; NaN with fewer than
    three conditions or without other groups.
    """
    rows: list[dict[str, Any]] = []
    for exposure_ms, own in table[table["strength"].notna()].groupby("exposure_ms", dropna=False):
        wide = own.pivot_table(index="condition", columns="group", values="strength").astype(float)
        for group in wide:
            others = wide.drop(columns=[group]).mean(axis=1)
            both = pd.concat([wide[group], others], axis=1).dropna()
            known = len(both) > 2 and len(wide.columns) > 1 and bool((both.std() > 0).all())
            value = float(np.corrcoef(both.to_numpy().T)[0, 1]) if known else np.nan
            rows.append({"group": str(group), "exposure_ms": exposure_ms, "correlation": value})
    return pd.DataFrame(rows, columns=["group", "exposure_ms", "correlation"])


def _codes(answers: Analysed, groups: Mapping[str, str], names: list[str]) -> Codes:
    """The group of each trial (T,): -1 where its items have none, or two."""
    place = {name: number for number, name in enumerate(names)}
    shown = answers.gathered.shown
    of_item = np.array([place.get(groups.get(str(item), ""), -1) for item in shown.items], dtype=np.int64)
    a, b = of_item[shown.item_a], of_item[shown.item_b]
    return np.where(a == b, a, -1)


def _items(answers: Analysed, keep: Any) -> int:
    """How many items stand in some answers."""
    shown, trial = answers.gathered.shown, np.unique(answers.gathered.trial[keep])
    return len(np.union1d(shown.item_a[trial], shown.item_b[trial]))
