"""Preference rates of the cells: intervals that allow for workers and pairs, tests, and the usual way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.errors import GlimpseError
from glimpse.stop_rule import check_level

from .choices import ADJUSTMENTS, CLUSTERS, STANDARD
from .clustering import KeyedSums, divide
from .columns import PREFERENCE_COLUMNS
from .distributions import coin_test, normal_quantile, t_quantile, t_tail, t_test
from .gathering import CELL_KEYS
from .grouping import analysed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..reading.judgments import Judgments
    from .clustering import Floats
    from .covariance import Cells
    from .gathering import Gathered
    from .grouping import Analysed

MOST_RESAMPLES = 1_000_000  # more would tell nothing new, and take hours
BLOCK = 2_000_000  # clusters that a bootstrap draws at a time
TABLE = 131_072  # entries of a table of sums, which then stays in cache


@dataclass(frozen=True)
class Intervals:
    """How intervals and tests are made.

    level: of the interval. cluster: one of `choices.CLUSTERS`; "images" (workers, and the images of either
    side) is right in every design. adjust: one of `choices.ADJUSTMENTS`, over the cells of a study.
    resamples: of a bootstrap. equivalence: how far from 1/2 a rate may lie, and how much worse a method may
    be than another, to count as no worse; None where that is not asked.
    """

    level: float = 0.95
    cluster: str = STANDARD.name
    adjust: str = "holm"
    resamples: int = 10_000
    equivalence: float | None = None

    def __post_init__(self) -> None:
        check_level("level", self.level)
        if self.cluster not in CLUSTERS:
            raise GlimpseError(f"cluster is {self.cluster!r}; allowed are {', '.join(CLUSTERS)}.")
        if self.adjust not in ADJUSTMENTS:
            raise GlimpseError(f"adjust is {self.adjust!r}; allowed are {' and '.join(ADJUSTMENTS)}.")
        if self.equivalence is not None and not 0 < self.equivalence < 0.5:
            raise GlimpseError(
                f"equivalence is {self.equivalence:g} ({100 * self.equivalence:g} percentage points); it "
                "must lie between 0 and 0.5 (50 points), such as 0.05."
            )
        if not 100 <= self.resamples <= MOST_RESAMPLES:
            raise GlimpseError(
                f"resamples is {self.resamples}; a bootstrap draws at least 100 and at most "
                f"{MOST_RESAMPLES:,} samples."
            )

    @property
    def alpha(self) -> float:
        """The level of tests: what the intervals leave."""
        return round(1 - self.level, 12)


def preference_table(
    judgments: Judgments | pd.DataFrame | Gathered | Analysed,
    cells: pd.DataFrame | None = None,
    settings: Intervals | None = None,
    *,
    filtered: bool = True,
    rng: np.random.Generator | None = None,
) -> pd.DataFrame:
    """One row a cell with PREFERENCE_COLUMNS; `rate` is the share that chose condition A, ties as halves.

    judgments: as marked by `exclusion.exclude`. cells: `design_cells`, so that a cell without answers has a
    row; None takes those that occur. filtered: False puts back what the sentinel rule alone excludes. rng:
    needed by the bootstraps only. Rows in which a number cannot be computed say why in `note`; no other row
    has NaN (except `exposure_ms`, which is NaN for unlimited time). GlimpseError when no judgment is left.
    """
    settings = settings or Intervals()
    answers = analysed(judgments, cells, cluster=settings.cluster, filtered=filtered)
    found = rates_of(answers)
    table = answers.gathered.cells[CELL_KEYS].reset_index(drop=True)
    table["n"], table["k"], table["rate"], table["ties"] = found.n, found.k, found.rate, ties_of(answers)
    for way in ("worker", "image_a", "image_b", "pair"):
        table[f"n_{way}s"] = found.clusters[way]
        table[f"se_{way}"] = np.sqrt(found.alone[way])
    for way in ("worker", "image"):
        table[f"effective_{way}s"] = found.effective[way]
    table = table.rename(columns={"n_image_as": "n_images_a", "n_image_bs": "n_images_b"})
    if answers.cluster.bootstrap:
        _bootstrap(table, answers, settings, rng)
    else:
        borrowed = design_effects(found, answers.gathered.cells["contrast"])
        table = table.join(cell_intervals(found, settings, borrowed))
    _as_in_the_literature(table, settings)
    table["filtered"] = filtered
    if cells is None:
        table = table[table["n"] > 0].reset_index(drop=True)
    table["p_adjusted"] = adjust(table["p_value"].to_numpy(float), settings.adjust)
    table["p_equivalent"] = np.nan
    if settings.equivalence is not None:
        table["p_equivalent"] = equivalence(table, settings.equivalence)
    return table[list(PREFERENCE_COLUMNS)]


def equivalence(table: pd.DataFrame, margin: float) -> Floats:
    """p-value of a rate that is `margin` or more from 1/2: two one-sided tests (Schuirmann 1987, J.
    Pharmacokin. Biopharm. 15(6)), each with the variance that a rate at its bound would have.

    table: rate, n_effective and df of each cell. NaN where nothing can be tested.
    """
    rate, n, df = (table[name].to_numpy(float) for name in ("rate", "n_effective", "df"))
    error = np.sqrt((0.25 - margin**2) / n)
    nearer = margin - np.abs(rate - 0.5)
    return np.where(table["p_value"].isna(), np.nan, t_tail(nearer / error, np.where(df > 0, df, 1.0)))


def rates_of(answers: Analysed) -> Cells:
    """The rate of condition A in every cell, and its variance."""
    return answers.by_side.rates(answers.chooses_a)


def ties_of(answers: Analysed) -> NDArray[np.int64]:
    """How many answers of every cell choose neither condition."""
    tied = answers.by_side.n * (answers.chooses_a == 0.5)
    return np.bincount(answers.by_side.cell, weights=tied, minlength=len(answers.gathered.cells)).astype(
        np.int64
    )


def design_effects(found: Cells, contrast: pd.Series) -> Floats:
    """What clustering makes of the variance of a cell, (C,), as the other cells show it; NaN where none do.

    A cell that has no variance of its own borrows that of its contrast's other cells, or else of all: the sum
    of their variances over that of independent answers, and not below 1.
    """
    plain = divide(found.rate * (1 - found.rate), found.n)
    telling = (found.combined > 0) & np.isfinite(found.combined)
    own, alone = (np.where(telling, values, 0.0) for values in (found.combined, plain))
    code = pd.factorize(contrast)[0]
    by_contrast = divide(np.bincount(code, weights=own), np.bincount(code, weights=alone))[code]
    overall = divide(np.array(own.sum()), np.array(alone.sum()))
    return np.maximum(np.where(np.isnan(by_contrast), overall, by_contrast), 1.0)


def cell_intervals(found: Cells, settings: Intervals, borrowed: Floats | None = None) -> pd.DataFrame:
    """Interval, effective sample size and t test of each cell from its clustered variance.

    Returns low, high, se, n_effective, df, p_value and note, one row a cell. The interval is Wilson's with
    n_effective = p (1 - p) / variance and the t quantile at the fewest effective clusters less one; the test
    is its dual, so that p < 1 - level exactly where the interval leaves 1/2 out. Cells without a variance
    have the effective size of `without_spread`. borrowed: `design_effects`.
    """
    rate, df = found.rate, found.df
    still = found.combined == 0
    lone = (found.n > 0) & ~(np.isfinite(found.combined) & (df > 0))
    at = np.where(df > 0, df, 1.0)
    quantile = t_quantile((1 + settings.level) / 2, at)
    n_effective = divide(rate * (1 - rate), found.combined)
    n_effective = np.where(still, without_spread(found, borrowed), n_effective)
    p_value = _score_test(rate, n_effective, at)
    least = as_if_one_were_otherwise(found)
    clear = np.fmin(p_value, _score_test(rate, least, at))  # no less than with one answer the other way
    unclear = (clear <= settings.alpha) & (p_value > settings.alpha)
    n_effective = np.where(still & unclear, np.fmax(n_effective, least), n_effective)
    low, high = wilson(rate, n_effective, quantile)
    return pd.DataFrame({
        "low": np.where(lone, 0.0, low), "high": np.where(lone, 1.0, high), "se": np.sqrt(found.combined),
        "n_effective": n_effective, "df": np.where(found.n > 0, df, np.nan),
        "p_value": np.where(lone, np.nan, np.where(still, clear, p_value)),
        "note": _notes(found.n, rate, still, lone, borrowed),
    })  # fmt: skip


def without_spread(found: Cells, borrowed: Floats | None = None) -> Floats:
    """How many independent answers a cell's are worth that shows no spread between its clusters: (C,).

    As many as under the design effect of the other cells; where there is none, as with one answer the other
    way, or, at a rate of 1/2, as there are clusters of the way that has the fewest.
    """
    alone = np.fmax(found.df + 1, as_if_one_were_otherwise(found))
    if borrowed is None:
        return np.maximum(alone, 1.0)
    return np.maximum(np.where(np.isnan(borrowed), alone, found.n / borrowed), 1.0)


def as_if_one_were_otherwise(found: Cells) -> Floats:
    """The effective size at which a rate of 0 or 1 is as far from 1/2 as with one answer the other way: (C,),
    NaN at other rates.

    A single answer shows no clustering: that rate, 1 - 1 / n, has n - 1 independent answers. So p falls as k
    rises to n.
    """
    n = found.n.astype(float)
    size = np.maximum(n - 1, 0) * (1 - 2 * divide(np.ones(len(n)), n)) ** 2
    return np.where(np.isin(found.rate, (0.0, 1.0)), size, np.nan)


def _score_test(rate: Floats, n_effective: Floats, df: Floats) -> Floats:
    """Two-sided p-value of 1/2, with the variance that a rate of 1/2 would have: the dual of Wilson's."""
    return np.asarray(t_test(2 * (rate - 0.5) * np.sqrt(n_effective), df))


def _notes(
    n: NDArray[np.int64],
    rate: Floats,
    still: NDArray[np.bool_],
    lone: NDArray[np.bool_],
    borrowed: Floats | None,
) -> NDArray[np.str_]:
    """Why a row's numbers are missing or made differently."""
    lent = np.zeros(len(n), dtype=bool) if borrowed is None else ~np.isnan(borrowed)
    extreme = still & np.isin(rate, (0.0, 1.0))
    return np.select(
        [n == 0, lone, extreme & lent, extreme, still & lent, still],
        [
            "no answers",
            "one worker or one image only: nothing can be tested, and the interval is 0 to 1",
            "the rate is 0 or 1: its design effect is that of the other cells",
            "the rate is 0 or 1: taken to be as uncertain as with one answer the other way",
            "no spread between workers and images: its design effect is that of the other cells",
            "no spread: n_effective is the number of workers or of images, whichever is smaller",
        ],
        "",
    )


MOST_QUANTILE = 1e70


def wilson(rate: Floats, n: Floats, quantile: Floats | float) -> tuple[Floats, Floats]:
    """Wilson's score interval (1927) for a rate of `n` (effective) answers and a normal or t quantile."""
    n = np.where(np.asarray(n) > 0, n, np.nan)
    # Below one degree of freedom a quantile may have hundreds of digits: the interval is 0 to 1 long before.
    ratio = np.square(np.minimum(quantile, MOST_QUANTILE)) / n
    center = (rate + ratio / 2) / (1 + ratio)
    half = np.sqrt(ratio * rate * (1 - rate) + np.square(ratio) / 4) / (1 + ratio)
    return np.clip(center - half, 0, 1), np.clip(center + half, 0, 1)


def _as_in_the_literature(table: pd.DataFrame, settings: Intervals) -> None:
    """Wilson's interval and the exact binomial test, as if answers were independent: descriptive only."""
    k, n, ties = (table[name].to_numpy() for name in ("k", "n", "ties"))
    z = normal_quantile((1 + settings.level) / 2)
    table["wilson_low"], table["wilson_high"] = wilson(table["rate"].to_numpy(float), n.astype(float), z)
    table["p_binomial"] = coin_test(k - ties / 2, n - ties)  # the sign test: ties tell nothing


def adjust(p_values: Floats, method: str) -> Floats:
    """Adjust p-values for their number by one of `choices.ADJUSTMENTS`; NaN stay out."""
    out = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    out[order] = np.minimum(ADJUSTMENTS[method].step(p_values[order]), 1.0)
    return out


def bootstrap_rates(
    k: NDArray[np.int64], n: NDArray[np.int64], resamples: int, rng: np.random.Generator
) -> Floats:
    """Rates of `resamples` bootstrap samples of whole clusters: (resamples,).

    k, n: (G,) answers that are 1, and answers, of each cluster. A sample draws G clusters with replacement; a
    rate is the sum of their k over the sum of their n. Clusters are drawn several at a time, as one index
    into a table of all sums of that many; blocks keep memory bounded.
    """
    G = len(k)
    together = max(1, int(np.log(TABLE) / np.log(max(G, 2))))
    even = bool((n == n[0]).all())
    kind: type[np.integer[Any]] = np.uint16 if max(int(n.max()), 1) * G < 65_536 else np.int64
    # (draws a sample, table of sums of k, table of sums of n)
    parts = [(G // together, _sums(k, together, kind), _sums(n, together, kind))]
    if G % together:
        parts.append((1, _sums(k, G % together, kind), _sums(n, G % together, kind)))
    rates = np.empty(resamples)
    step = max(1, BLOCK // G)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        top, below = (np.zeros(size, dtype=np.int64) for _ in range(2))
        for draws, k_sums, n_sums in parts:
            drawn = rng.integers(0, len(k_sums), size=(draws, size))
            top += k_sums.take(drawn).sum(axis=0, dtype=kind)
            if not even:
                below += n_sums.take(drawn).sum(axis=0, dtype=kind)
        rates[start : start + size] = top / (G * int(n[0]) if even else below)
    return rates


def _sums(values: NDArray[np.int64], together: int, kind: type[np.integer[Any]]) -> NDArray[Any]:
    """Sums of every ordered choice of `together` values, with replacement: (len(values) ** together,)."""
    single: NDArray[Any] = values.astype(kind)
    table = single
    for _ in range(together - 1):
        table = np.add.outer(table, single).ravel()
    return table


def _clusters(answers: Analysed, way: str) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(n, k): answers, and those that chose A, of each cluster in each cell."""
    gathered, keep, cells = answers.gathered, answers.keep, len(answers.gathered.cells)
    trial = gathered.trial[keep]
    code = answers.worker() if way == "worker" else gathered.shown.pair[trial]
    sums = KeyedSums()
    key = code.astype(np.int64) * cells + gathered.shown.cell[trial]
    sums.add(key, (np.ones(len(key)), gathered.chose_a()[keep]))
    key, found = sums.result()
    if answers.gathered.kind.tie:
        found = 2 * found  # in halves
    n, k = found.astype(np.int64).T
    return [(n[mine], k[mine]) for mine in (key % cells == cell for cell in range(cells))]


def _bootstrap(
    table: pd.DataFrame, answers: Analysed, settings: Intervals, rng: np.random.Generator | None
) -> None:
    """Percentile intervals by resampling workers or pairs; the other way of clustering is ignored."""
    if rng is None:
        raise GlimpseError(
            f"cluster {settings.cluster!r} draws at random; pass rng=numpy.random.default_rng(seed)."
        )
    tail = (1 - settings.level) / 2
    found, df = np.full((len(table), 4), np.nan), np.full(len(table), -1.0)
    for row, (n, k) in enumerate(_clusters(answers, answers.cluster.ways[0])):
        if len(n):
            rates = bootstrap_rates(k, n, settings.resamples, rng)
            ends = np.quantile(rates, [tail, 1 - tail])
            found[row] = (*ends, rates.std(ddof=1), _share_beyond(rates))
            df[row] = len(k) - 1
    table["low"], table["high"], table["se"], table["p_value"] = found.T
    _without_bootstrap(table, df, settings.level)


def _share_beyond(rates: Floats) -> float:
    """Two-sided p-value of 1/2: twice the share of resampled rates on its other side (Davison & Hinkley 1997,
    sec. 4.2), so that it agrees with the percentile interval."""
    beyond = min(int((rates <= 0.5).sum()), int((rates >= 0.5).sum()))
    return min(1.0, 2 * (beyond + 1) / (len(rates) + 1))


def _without_bootstrap(table: pd.DataFrame, df: Floats, level: float) -> None:
    """Rows whose resampled rates are all the same, and rows with one cluster: as the default has them."""
    rate, se, n = (table[name].to_numpy() for name in ("rate", "se", "n"))
    still, lone = (n > 0) & (se == 0), (n > 0) & (df < 1)
    worth = np.where(
        np.isin(rate, (0.0, 1.0)), np.maximum(n - 1, 0) * (1 - 2 / np.maximum(n, 1)) ** 2, df + 1
    )
    n_effective = np.where(still, np.maximum(worth, 1.0), divide(rate * (1 - rate), se**2))
    at = np.maximum(df, 1)
    low, high = wilson(rate, n_effective, t_quantile((1 + level) / 2, at))
    p_value = np.where(still, _score_test(rate, n_effective, at), table["p_value"])
    table["n_effective"], table["df"] = n_effective, np.where(n > 0, df, np.nan)
    table["p_value"] = np.where(lone, np.nan, p_value)
    table["low"] = np.where(lone, 0.0, np.where(still, low, table["low"]))
    table["high"] = np.where(lone, 1.0, np.where(still, high, table["high"]))
    table["note"] = _notes(n, rate, still, lone, None)
