"""The ranking at one exposure, as it is kept, and as tables."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import pandas as pd

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Sequence

EQUAL = 1e-9  # strengths that differ by less are equal but for rounding
RANKING_COLUMNS = (
    "exposure_ms", "condition", "rank", "rank_low", "rank_high", "simultaneous_rank_low",
    "simultaneous_rank_high", "strength", "low", "high", "simultaneous_low", "simultaneous_high", "se",
    "left_bias", "left_low", "left_high", "method", "transitivity_p", "n", "n_workers", "n_images", "n_pairs",
    "df", "note",
)  # fmt: skip
ESTIMATES = ("se", "low", "high")
# What is missing where no joint distribution of the errors can be had.
JOINT = (
    "simultaneous_low", "simultaneous_high", "rank_low", "rank_high", "simultaneous_rank_low",
    "simultaneous_rank_high",
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """How much stronger `condition` is than `versus`: a log odds ratio, and `wins`, as a probability.

    simultaneous_low, simultaneous_high: of intervals that hold for all pairs of conditions at this exposure
    at once. p_adjusted: for all of these pairs.
    """

    condition: str
    versus: str
    difference: float
    low: float
    high: float
    simultaneous_low: float
    simultaneous_high: float
    p_value: float
    p_adjusted: float
    wins: float


@dataclass(frozen=True)
class Ranking:
    """Bradley-Terry strengths at one exposure; survives `from_dict(to_dict())`.

    exposure_ms: None for unlimited time. conditions: strongest first; strengths (log scale, sum 0), se, low
    and high stand in that order and are empty where identified is False (see `note`). simultaneous_low and
    simultaneous_high: ends of intervals that hold for all conditions at once. rank_low and rank_high: the
    ranks that a condition may have; simultaneous_rank_low and simultaneous_rank_high: of sets that hold for
    all at once. left_bias: logit of
    choosing left between equals, None where the sides were not mixed. method: "maximum likelihood", or
    "Firth" where somebody always won. transitivity_*: score test of one strength a condition against one rate
    a contrast, None where there are no spare contrasts, or Firth's penalty was needed. differences: each
    pair, stronger first.
    """

    exposure_ms: float | None
    conditions: tuple[str, ...]
    n: int
    n_workers: int
    n_images: int
    n_pairs: int
    df: float
    level: float
    identified: bool
    note: str = ""
    strengths: tuple[float, ...] = ()
    se: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    simultaneous_low: tuple[float, ...] = ()
    simultaneous_high: tuple[float, ...] = ()
    rank_low: tuple[int, ...] = ()
    rank_high: tuple[int, ...] = ()
    simultaneous_rank_low: tuple[int, ...] = ()
    simultaneous_rank_high: tuple[int, ...] = ()
    left_bias: float | None = None
    left_low: float | None = None
    left_high: float | None = None
    method: str = ""
    transitivity_f: float | None = None
    transitivity_df: int | None = None
    transitivity_p: float | None = None
    differences: tuple[Difference, ...] = ()

    def __repr__(self) -> str:
        at = "unlimited time" if self.exposure_ms is None else f"{self.exposure_ms:g} ms"
        if not self.identified:
            return f"<Ranking at {at}, not identified: {self.note}>"
        found = zip(self.conditions, self.strengths, strict=True)
        return f"<Ranking at {at}: {', '.join(f'{name} {strength:+.2f}' for name, strength in found)}>"

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Ranking:
        """The inverse of to_dict, also after JSON made lists of tuples. GlimpseError on unknown keys."""
        unknown = set(values) - {item.name for item in fields(cls)}
        if unknown:
            raise GlimpseError(f"unknown field(s) of a ranking: {', '.join(sorted(unknown))}.")
        made: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
        made["differences"] = tuple(Difference(**item) for item in values.get("differences", ()))
        return cls(**made)


def differences_table(rankings: Sequence[Ranking]) -> pd.DataFrame:
    """One row a pair of conditions and exposure: exposure_ms and the fields of Difference."""
    names = ["exposure_ms", *(item.name for item in fields(Difference))]
    rows = [
        {"exposure_ms": ranking.exposure_ms, **asdict(one)}
        for ranking in rankings
        for one in ranking.differences
    ]
    return pd.DataFrame(rows, columns=names)


def ranks_of(strengths: Sequence[float]) -> list[int]:
    """Return the ranks of strengths, strongest first; equal ones share the best: 1, 1, 3.

    >>> ranks_of((0.5, 0.5, -1.0))
    [1, 1, 3]
    """
    ranks: list[int] = []
    for place, strength in enumerate(strengths):
        tied = place > 0 and strengths[place - 1] - strength <= EQUAL
        ranks.append(ranks[-1] if tied else place + 1)
    return ranks


def ranking_table(rankings: Sequence[Ranking]) -> pd.DataFrame:
    """One row a condition and exposure with RANKING_COLUMNS; estimates are missing where `note` says why."""
    rows = []
    for ranking in rankings:
        shared = {name: getattr(ranking, name) for name in RANKING_COLUMNS if hasattr(ranking, name)}
        ranks = ranks_of(ranking.strengths)
        for place, condition in enumerate(ranking.conditions):
            own: dict[str, Any] = {"condition": condition, "rank": None, "strength": None}
            own |= dict.fromkeys((*ESTIMATES, *JOINT))
            if ranking.identified:
                own |= {"rank": ranks[place], "strength": ranking.strengths[place]}
                known = (*ESTIMATES, *JOINT) if ranking.rank_low else ESTIMATES
                own |= {name: getattr(ranking, name)[place] for name in known}
            rows.append({**shared, **own})
    return pd.DataFrame(rows, columns=list(RANKING_COLUMNS))
