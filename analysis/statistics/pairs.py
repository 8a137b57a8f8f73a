"""Which pairs fooled people most and least."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..reading.exclusion import included
from .clustering import KeyedSums, joint
from .preference import occurring_cells, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..reading.judgments import Judgments

PAIR_COLUMNS = (
    "contrast", "end", "place", "exposure_ms", "winner", "loser", "item_winner", "item_loser",
    "n", "k", "rate", "low", "high",
)  # fmt: skip
OF_PAIR = ("contrast", "pair", "item_a", "item_b")
LONG_ENOUGH_MS = 1000.0
FEWEST_ANSWERS = 5


def pair_table(
    judgments: Judgments | pd.DataFrame, contrasts: Sequence[str], real: str | None, each: int = 2
) -> pd.DataFrame:
    """Return the pairs at both ends of each contrast: PAIR_COLUMNS, `each` rows an end.

    judgments: as marked by `exclusion.exclude`. `winner` is `real`, or the condition that people choose most
    in the contrast as a whole; `rate` is the share of a pair's answers that chose the *loser*: how often it
    fooled people. `end` is "most" or "least" fooled. Only pairs seen for a second or longer count, if there
    are such, since in a glimpse every pair fools; and only those with enough answers.
    """
    rows, answered = [], _answered(judgments)
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


def _answered(judgments: Judgments | pd.DataFrame) -> pd.DataFrame:
    """Answers of each pair at each exposure, and those that chose condition A: OF_PAIR, exposure_ms, n, k."""
    exposures = occurring_cells(judgments)["exposure_ms"].unique()
    exposures.sort()
    sums = KeyedSums()
    texts: dict[str, NDArray[np.int32]] = {}  # codes of OF_PAIR, by code of the pair
    for part in included(judgments, (*OF_PAIR, "exposure_ms", "chose_a")):
        columns = {name: part[name].astype("category").cat for name in OF_PAIR}
        pair, size = columns["pair"].codes.to_numpy(), len(columns["pair"].categories)
        exposure = pd.Index(exposures).get_indexer(part["exposure_ms"])
        sums.add(
            joint([pair, exposure], [size, len(exposures)]), (np.ones(len(part)), part["chose_a"].to_numpy())
        )
        for name, column in columns.items():
            texts.setdefault(name, np.zeros(size, dtype=np.int32))[pair] = column.codes
    key, counts = sums.result()
    pair = key // len(exposures)
    found = {
        name: pd.Categorical.from_codes(texts[name][pair], column.categories)
        for name, column in columns.items()
    }
    n, k = counts.astype(np.int64).T
    return pd.DataFrame({**found, "exposure_ms": exposures[key % len(exposures)], "n": n, "k": k})


def _judged_enough(answered: pd.DataFrame, *, loser_is_b: bool) -> pd.DataFrame:
    """Those seen for long enough with enough answers; k becomes how many chose the loser, and rate their
    share."""
    long = answered[~(answered["exposure_ms"] < LONG_ENOUGH_MS)]
    pairs = long if len(long) else answered
    pairs = pairs[pairs["n"] >= min(FEWEST_ANSWERS, int(pairs["n"].max()))]
    k = pairs["n"] - pairs["k"] if loser_is_b else pairs["k"]
    return pairs.assign(k=k, rate=k / pairs["n"])
