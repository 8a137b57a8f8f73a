"""The preference rates under the rules of the report, and under others: does the sentinel filter matter?"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.errors import NothingLeftError

from ..reading.exclusion import Exclusion, exclude
from ..statistics.columns import PREFERENCE_COLUMNS
from ..statistics.gathering import CELL_KEYS, Gathered
from ..statistics.grouping import analysed
from ..statistics.preference import preference_table
from ..statistics.sequential import with_anytime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..reading.results import Results
    from ..statistics.grouping import Analysed
    from .settings import AnalysisSettings


def filtered_or_not(
    results: Results, settings: AnalysisSettings, answers: Analysed, exclusion: Exclusion
) -> tuple[pd.DataFrame, pd.DataFrame, dict[bytes, pd.DataFrame]]:
    """Return preference.csv as the settings have it, and with the other choice of the sentinel filter; and
    both by what is excluded (`_excluded`)."""
    on, level = settings.rules.sentinel_filter, settings.intervals.level
    lifted = exclude(results, replace(settings.rules, sentinel_filter=not on))
    gathered = _under(answers.gathered, lifted)
    mine, other = rates_under(answers, settings), rates_under(gathered, settings, answers)
    return (
        with_anytime(mine, exclusion, answers.gathered, level).assign(filtered=on),
        with_anytime(other, lifted, gathered, level).assign(filtered=not on),
        {_excluded(lifted): other, _excluded(exclusion): mine},
    )


def _excluded(exclusion: Exclusion) -> bytes:
    """What is excluded: rules that exclude the same give the same."""
    return exclusion.judgments.reason.tobytes()


def _under(gathered: Gathered, rules: Exclusion) -> Gathered:
    """The same answers under other rules."""
    return gathered.marked(rules.judgments.reason, rules.judgments.max_error_ms)


def rates_under(
    judgments: Gathered | Analysed, settings: AnalysisSettings, base: Analysed | None = None
) -> pd.DataFrame:
    """Return preference.csv, with empty cells where the rules leave nothing. base: answers that were counted
    under other rules."""
    rng = np.random.default_rng(settings.seed)
    gathered = judgments if isinstance(judgments, Gathered) else judgments.gathered
    try:
        answers = base.under(gathered) if base else analysed(judgments, cluster=settings.intervals.cluster)
        return preference_table(answers, gathered.cells, settings.intervals, rng=rng)
    except NothingLeftError:
        nothing = {"n": 0, "k": 0, "n_workers": 0, "n_images_a": 0, "n_images_b": 0, "n_pairs": 0}
        table = gathered.cells[CELL_KEYS].assign(**nothing, filtered=True, note="no answers")
        return table.reindex(columns=list(PREFERENCE_COLUMNS))


def sensitivity(
    results: Results, settings: AnalysisSettings, answers: Analysed, used: Exclusion,
    known: Mapping[bytes, pd.DataFrame],
) -> pd.DataFrame:  # fmt: skip
    """Return how the findings change with the strictness of the sentinel rule.

    used: what the rules of this report exclude. known: rates under these and other rules, as
    `filtered_or_not` has them. Columns: rule ("number" of wrong
    sentinels that are allowed, each study's "own" where these differ, or "none"), allowed (that number; NaN
    for the others), used (the rule of this report), excluded_assignments, judgments, largest_change (of any
    cell's rate against this report's, in rate units), decisions_changed (cells whose adjusted test changes
    its verdict at ALPHA). A rule that leaves nothing has NaN in the last three.
    """
    chosen, own = (
        settings.rules.max_wrong_sentinels,
        {results.max_wrong_of(study) for study in results.studies},
    )
    ours = own if chosen is None else {chosen}
    numbers = {*range(min(4, int(used.assignments["n_sentinels"].max()))), *(ours if len(ours) == 1 else ())}
    kinds: list[tuple[str, int | None]] = [("number", number) for number in sorted(numbers)]
    kinds += [("own", None)] if len(own) > 1 else []
    mine = ("number", *ours) if len(ours) == 1 else ("own", None)
    rows: list[dict[str, Any]] = []
    base, tables = known[_excluded(used)], dict(known)
    for kind, allowed in [*kinds, ("none", None)]:
        rules = replace(settings.rules, sentinel_filter=kind != "none", max_wrong_sentinels=allowed)
        this = (kind, allowed) == mine if settings.rules.sentinel_filter else kind == "none"
        row = {"rule": kind, "allowed": math.nan if allowed is None else float(allowed), "used": this}
        found = exclude(results, rules)
        same = _excluded(found)
        if same not in tables:
            tables[same] = rates_under(_under(answers.gathered, found), settings, answers)
        out = {"excluded_assignments": int(found.assignments["excluded"].sum())}
        rows.append(row | out | _strictness(tables[same], base, settings))
    return pd.DataFrame(rows)


def _strictness(table: pd.DataFrame, base: pd.DataFrame, settings: AnalysisSettings) -> dict[str, Any]:
    """What one rule gives: how its rates differ from the report's."""
    row: dict[str, Any] = {"judgments": 0, "largest_change": math.nan, "decisions_changed": math.nan}
    kept = int(table["n"].sum())
    if not kept:
        return row
    change = (table["rate"] - base["rate"]).abs()
    both = table["p_adjusted"].notna() & base["p_adjusted"].notna()
    moved = (table["p_adjusted"] < settings.alpha) != (base["p_adjusted"] < settings.alpha)
    return {
        "judgments": kept,
        "largest_change": float(change.max()),
        "decisions_changed": int((moved & both).sum()),
    }
