"""Which pairs fooled people most and least."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .grouping import analysed
from .preference import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..reading.judgments import Judgments
    from .gathering import Gathered
    from .grouping import Analysed

PAIR_COLUMNS = (
    "contrast", "end", "place", "exposure_ms", "winner", "loser", "item_winner", "item_loser",
    "n", "k", "rate", "low", "high",
)  # fmt: skip
LONG_ENOUGH_MS = 1000.0
FEWEST_ANSWERS = 5


def pair_table(
    judgments: Judgments | pd.DataFrame | Gathered | Analysed,
    contrasts: Sequence[str],
    real: str | None,
    each: int = 2,
) -> pd.DataFrame:
    """Return the pairs at both ends of each contrast: PAIR_COLUMNS, `each` rows an end.

    judgments: as marked by `exclusion.exclude`. `winner` is `real`, or the condition that people choose most
    in the contrast as a whole; `rate` is the share of a pair's answers that chose the *loser*: how often it
    fooled people. `end` is "most" or "least" fooled. Only pairs seen for a second or longer count, if there
    are such, since in a glimpse every pair fools; and only those with enough answers.
    """
    rows, answered = [], _answered(analysed(judgments))
    with_real = [name for name in contrasts if real in name.split(":")]
    for contrast in with_real or list(contrasts):
        here = answered[answered["contrast"] == contrast]
        if here.empty:
            continue
        a, b = contrast.split(":")
        first = a == real or (b != real and bool(here["k"].sum() > here["n"].sum() / 2))
        pairs = _judged_enough(here, loser_is_b=first)
        if pairs.empty:
            continue
        names = {"contrast": contrast, "winner": a if first else b, "loser": b if first else a}
        ordered = pairs.sort_values(["rate", "n", "pair"], ascending=[False, False, True])
        size = min(each, len(ordered) // 2) or 1
        ends = {"most": ordered.head(size), "least": ordered.tail(size).iloc[::-1]}
        for end, part in ends.items():
            for place, row in enumerate(part.to_dict("records"), start=1):
                items = (row["item_a"], row["item_b"]) if first else (row["item_b"], row["item_a"])
                rows.append({str(key): value for key, value in row.items()} | names
                            | {"end": end, "place": place, "item_winner": items[0],
                               "item_loser": items[1]})  # fmt: skip
    table = pd.DataFrame(rows, columns=list(PAIR_COLUMNS))
    low, high = wilson(table["rate"].to_numpy(float), table["n"].to_numpy(float), 1.959964)
    return table.assign(low=low, high=high)


def _answered(answers: Analysed) -> pd.DataFrame:
    """Answers of each pair at each exposure, and those that chose condition A."""
    shown, cells = answers.gathered.shown, answers.gathered.cells
    n, left = answers.by_trial
    trial = np.flatnonzero(n)
    chose_a = np.where(shown.a_left, left, n - left)
    key = shown.cell[trial].astype(np.int64) * len(shown.pairs) + shown.pair[trial]
    keys, first, at = np.unique(key, return_index=True, return_inverse=True)
    one, cell = trial[first], keys // len(shown.pairs)
    return pd.DataFrame({
        "contrast": cells["contrast"].to_numpy()[cell], "pair": shown.pairs[shown.pair[one]],
        "item_a": shown.items[shown.item_a[one]], "item_b": shown.items[shown.item_b[one]],
        "exposure_ms": cells["exposure_ms"].to_numpy(float)[cell],
        "n": np.bincount(at, weights=n[trial]).astype(np.int64),
        "k": np.bincount(at, weights=chose_a[trial]).astype(chose_a.dtype),
    })  # fmt: skip


def _judged_enough(answered: pd.DataFrame, *, loser_is_b: bool) -> pd.DataFrame:
    """Those seen for long enough with enough answers; k becomes how many chose the loser, and rate their
    share."""
    long = answered[~(answered["exposure_ms"] < LONG_ENOUGH_MS)]
    pairs = long if len(long) else answered
    pairs = pairs[pairs["n"] >= min(FEWEST_ANSWERS, int(pairs["n"].max()))]
    k = pairs["n"] - pairs["k"] if loser_is_b else pairs["k"]
    return pairs.assign(k=k, rate=k / pairs["n"])
