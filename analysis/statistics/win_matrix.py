"""Every condition against every other: how often each was chosen, and the ranking as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from .ranked import ranks_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .ranked import Ranking

WIN_MATRIX_COLUMNS = (
    "exposure_ms", "condition", "versus", "rate", "low", "high", "n", "n_workers", "n_pairs", "expected",
)  # fmt: skip
LEADERBOARD_COLUMNS = (
    "exposure_ms", "condition", "rank_low", "rank_high", "rank", "strength", "low", "high", "wins", "n",
)  # fmt: skip


def win_matrix(preference: pd.DataFrame, rankings: Sequence[Ranking]) -> pd.DataFrame:
    """Return the rate of every ordered pair of conditions, one row a pair and exposure.

    Conditions stand as in the leaderboard, so that table and matrix are read together.

    preference: `preference.preference_table`; cells without answers are left out. rankings: give the order of
    the conditions, and `expected`, the rate by their strengths; by name, and missing, where an exposure has
    none. Columns: WIN_MATRIX_COLUMNS; low and high are of `rate`.
    """
    cells = preference[preference["n"] > 0]
    same = {name: cells[name].to_numpy() for name in ("exposure_ms", "n", "n_workers", "n_pairs")}
    a, b = (cells[f"condition_{side}"].astype(str).to_numpy() for side in "ab")
    rate, low, high = (cells[name].to_numpy(float) for name in ("rate", "low", "high"))
    there = pd.DataFrame({**same, "condition": a, "versus": b, "rate": rate, "low": low, "high": high})
    back = pd.DataFrame(
        {**same, "condition": b, "versus": a, "rate": 1 - rate, "low": 1 - high, "high": 1 - low}
    )
    table = pd.concat([there, back], ignore_index=True)
    strength = _strengths(rankings)
    at = table["exposure_ms"].fillna(0.0).tolist()
    one, other = (
        np.array([strength.get((ms, name), np.nan) for ms, name in zip(at, table[end], strict=True)])
        for end in ("condition", "versus")
    )
    table["expected"] = special.expit(one - other)
    place = {
        (float(ranking.exposure_ms or 0), name): number
        for ranking in rankings
        for number, name in enumerate(_by_rank_set(ranking))
    }
    first, second = (
        [place.get((ms, name), len(place)) for ms, name in zip(at, table[end], strict=True)]
        for end in ("condition", "versus")
    )
    order = table.assign(one=first, other=second).sort_values(
        ["exposure_ms", "one", "condition", "other", "versus"], kind="stable"
    )
    return order[list(WIN_MATRIX_COLUMNS)].reset_index(drop=True)


def _strengths(rankings: Sequence[Ranking]) -> dict[tuple[float, str], float]:
    """Strengths by exposure (0: unlimited) and condition."""
    return {
        (float(ranking.exposure_ms or 0.0), name): strength
        for ranking in rankings
        if ranking.identified
        for name, strength in zip(ranking.conditions, ranking.strengths, strict=True)
    }


def _by_rank_set(ranking: Ranking) -> list[str]:
    """The conditions in the order of the leaderboard; by strength where no rank sets are known."""
    if not ranking.identified:
        return []
    ranks = ranks_of(ranking.strengths)
    low, high = (ranking.simultaneous_rank_low or ranks, ranking.simultaneous_rank_high or ranks)
    order = sorted(range(len(ranks)), key=lambda one: (low[one], high[one], ranks[one]))
    return [ranking.conditions[one] for one in order]


def leaderboard(rankings: Sequence[Ranking], preference: pd.DataFrame) -> pd.DataFrame:
    """Return the conditions by rank set, one row a condition and exposure, with LEADERBOARD_COLUMNS.

    rank_low, rank_high: of sets that hold for all conditions at once; so do low and high, of the strength.
    wins: how often the condition would be chosen beside each of the others, by the strengths, on average. n:
    answers in which it took part. Exposures without rank sets are left out.
    """
    rows: list[dict[str, Any]] = []
    for ranking in rankings:
        if not ranking.simultaneous_rank_low:
            continue
        theta, ranks = np.array(ranking.strengths), ranks_of(ranking.strengths)
        chance = special.expit(theta[:, None] - theta)
        wins = (chance.sum(axis=1) - 0.5) / max(len(theta) - 1, 1)
        answers = _answers(preference, ranking.exposure_ms)
        own = [
            {
                "exposure_ms": ranking.exposure_ms,
                "condition": name,
                "rank_low": ranking.simultaneous_rank_low[place],
                "rank_high": ranking.simultaneous_rank_high[place],
                "rank": ranks[place],
                "strength": ranking.strengths[place],
                "low": ranking.simultaneous_low[place],
                "high": ranking.simultaneous_high[place],
                "wins": float(wins[place]),
                "n": answers.get(name, 0),
            }
            for place, name in enumerate(ranking.conditions)
        ]
        order = _by_rank_set(ranking)
        rows += sorted(own, key=lambda row: order.index(row["condition"]))
    return pd.DataFrame(rows, columns=list(LEADERBOARD_COLUMNS))


def _answers(preference: pd.DataFrame, exposure_ms: float | None) -> dict[str, int]:
    """In how many answers each condition took part at an exposure."""
    at = preference["exposure_ms"]
    cells = preference[at.isna() if exposure_ms is None else at == exposure_ms]
    both = pd.concat([cells.groupby(f"condition_{side}", observed=True)["n"].sum() for side in "ab"])
    return {str(name): int(n) for name, n in both.groupby(level=0).sum().items()}
