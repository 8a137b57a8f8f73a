"""Preference rates of the cells: intervals that allow for workers and pairs, tests, and the usual way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.clustering import (
    Cells,
    cell_variances,
    codes_of,
    divide,
    groups,
    joined,
    pick,
    places,
    tally,
    ways_of,
)
from analysis.distributions import coin_test, normal_quantile, t_quantile, t_test
from analysis.errors import AnalysisError
from analysis.exclusion import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from analysis.clustering import Floats

CLUSTERS = ("two-way", "scene", "worker", "pair", "worker-bootstrap", "pair-bootstrap")
ADJUSTMENTS = ("holm", "bh")
PREFERENCE_COLUMNS = (
    "contrast", "condition_a", "condition_b", "exposure_ms", "n", "k", "rate", "low", "high",
    "se_worker", "se_pair", "se_two_way", "n_effective", "df", "wilson_low", "wilson_high",
    "p_value", "p_adjusted", "p_binomial", "n_workers", "n_pairs", "filtered", "note",
)  # fmt: skip
CELL_KEYS = ["contrast", "condition_a", "condition_b", "exposure_ms"]
BLOCK = 2_000_000  # clusters that a bootstrap draws at a time
TABLE = 131_072  # entries of a table of sums, which then stays in cache
NEEDED = ["worker", "pair", "chose_a", "item_a", "item_b"]


@dataclass(frozen=True)
class Intervals:
    """How intervals and tests are made.

    level: of the interval. cluster: one of CLUSTERS; "two-way" (worker and pair) is right in both designs.
    adjust: "holm" or "bh" over the cells of a study. resamples: of a bootstrap.
    """

    level: float = 0.95
    cluster: str = "two-way"
    adjust: str = "holm"
    resamples: int = 10_000

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise AnalysisError(f"level is {self.level}; it must lie between 0 and 1, such as 0.95.")
        if self.cluster not in CLUSTERS:
            raise AnalysisError(f"cluster is {self.cluster!r}; allowed are {', '.join(CLUSTERS)}.")
        if self.adjust not in ADJUSTMENTS:
            raise AnalysisError(f"adjust is {self.adjust!r}; allowed are {' and '.join(ADJUSTMENTS)}.")
        if self.resamples < 100:
            raise AnalysisError(f"resamples is {self.resamples}; at least 100 are needed.")


def design_cells(trials: pd.DataFrame, contrasts: Iterable[Sequence[str]] = ()) -> pd.DataFrame:
    """The cells that a design holds (CELL_KEYS), by contrast and exposure.

    contrasts: pairs of conditions in the order wanted, as experiment["contrasts"]; others follow by name.
    """
    shown = trials[~trials["sentinel"] & ~trials["practice"]]
    cells = shown[CELL_KEYS].drop_duplicates().astype(dict.fromkeys(CELL_KEYS[:3], str))
    names = [":".join(pair) for pair in contrasts]
    names += sorted(set(cells["contrast"]) - set(names))
    place = cells["contrast"].map({name: place for place, name in enumerate(names)}).astype(int)
    ordered = cells.assign(place=place).sort_values(["place", "exposure_ms"])
    return ordered[CELL_KEYS].reset_index(drop=True)


def preference_table(
    judgments: pd.DataFrame,
    cells: pd.DataFrame | None = None,
    settings: Intervals | None = None,
    *,
    filtered: bool = True,
    rng: np.random.Generator | None = None,
) -> pd.DataFrame:
    """One row a cell with PREFERENCE_COLUMNS; `rate` is the share that chose condition A.

    judgments: as marked by `exclusion.exclude`. cells: `design_cells`, so that a cell without answers has a
    row; None takes those that occur. filtered: False puts back what the sentinel rule alone excludes. rng:
    needed by the bootstraps only. Rows in which a number cannot be computed say why in `note`; no other row
    has NaN (except `exposure_ms`, which is NaN for unlimited time). AnalysisError when no judgment is left.
    """
    settings = settings or Intervals()
    if cells is None:
        shown = judgments[[*CELL_KEYS, "sentinel"]].drop_duplicates()
        cells = design_cells(shown.assign(practice=False))
    cell = _place(judgments, counted(judgments, filtered=filtered), cells)
    two_way = _variances(judgments, cell, "two-way", len(cells))
    table = cells[CELL_KEYS].reset_index(drop=True)
    table["n"], table["k"], table["rate"] = two_way.n, two_way.k, two_way.rate
    table["n_workers"], table["n_pairs"] = two_way.clusters
    table["se_worker"], table["se_pair"] = (np.sqrt(way) for way in two_way.ways)
    if settings.cluster.endswith("-bootstrap"):
        _bootstrap(table, judgments, cell, settings, rng)
    else:
        same = settings.cluster == "two-way"
        used = two_way if same else _variances(judgments, cell, settings.cluster, len(cells))
        table = table.join(cell_intervals(used, settings))
    _as_in_the_literature(table, settings)
    table["filtered"] = filtered
    table["p_adjusted"] = adjust(table["p_value"].to_numpy(float), settings.adjust)
    return table[list(PREFERENCE_COLUMNS)]


def _place(judgments: pd.DataFrame, keep: NDArray[np.bool_], cells: pd.DataFrame) -> NDArray[np.int16]:
    """The row of `cells` that each judgment belongs to, -1 where `keep` is False.

    Exposures are compared as they were planned.
    """
    contrast = judgments["contrast"].astype("category").cat
    names = pd.Index(contrast.categories)
    planned = np.nan_to_num(cells["exposure_ms"].to_numpy(float), nan=-1.0)
    exposures = np.unique(planned)
    rows = np.full((len(names), len(exposures) + 1), -1, dtype=np.int16)
    for row, (name, at) in enumerate(
        zip(cells["contrast"], np.searchsorted(exposures, planned), strict=True)
    ):
        if name in names:
            rows[names.get_loc(name), at] = row
    at = places(judgments["exposure_ms"].to_numpy(float), exposures)
    cell = np.where(keep, rows[contrast.codes.to_numpy(), at], np.int16(-1))
    if (cell[keep] < 0).any():
        raise AnalysisError("some judgments belong to no cell of the design; pass the design of their study.")
    return cell


def _variances(judgments: pd.DataFrame, cell: NDArray[np.int16], cluster: str, n_cells: int) -> Cells:
    """Rates and clustered variances of all cells; a few cells at a time where there are millions of answers.

    cell: row of the cells, -1 for judgments that take no part.
    """
    needed = [name for name in NEEDED if name in judgments]
    parts = []
    for first, last in groups(tally(cell + np.int16(1), n_cells + 1)[1:]):
        here = (cell >= first) & (cell < last)
        part = pick(judgments, needed, here)
        chose, ways = part["chose_a"].to_numpy(bool), ways_of(part, cluster)
        parts.append(cell_variances(chose, cell[here] - np.int16(first), ways, last - first))
    return joined(parts)


def cell_intervals(used: Cells, settings: Intervals) -> pd.DataFrame:
    """Interval, effective sample size and t test of each cell from its clustered variance.

    Returns low, high, se_two_way, n_effective, df, p_value and note, one row a cell of `used`. The interval
    is Wilson's with n_effective = p (1 - p) / variance and the t quantile at the fewest clusters minus one.
    """
    rate, fewest = used.rate, np.min(used.clusters, axis=0)
    n_effective = divide(rate * (1 - rate), used.combined)
    extreme = (used.n > 0) & ((used.k == 0) | (used.k == used.n))
    n_effective = np.where(extreme, fewest, n_effective)
    df = fewest - 1
    lone = (used.n > 0) & (df < 1)
    quantile = t_quantile((1 + settings.level) / 2, np.maximum(df, 1))
    low, high = wilson(rate, n_effective, quantile)
    se = np.sqrt(used.combined)
    null_se = np.where(extreme, np.sqrt(divide(np.full(len(rate), 0.25), n_effective)), se)
    p_value = t_test(divide(rate - 0.5, null_se), np.maximum(df, 1))
    # A rate of exactly 1/2 in every cluster has no spread at all: nothing speaks against 1/2.
    p_value = np.where((rate == 0.5) & (null_se == 0), 1.0, p_value)
    return pd.DataFrame({
        "low": np.where(lone, 0.0, low), "high": np.where(lone, 1.0, high), "se_two_way": se,
        "n_effective": n_effective, "df": df, "p_value": np.where(lone, 1.0, p_value),
        "note": _notes(used.n, extreme, lone),
    })  # fmt: skip


def _notes(n: NDArray[np.int64], extreme: NDArray[np.bool_], lone: NDArray[np.bool_]) -> list[str]:
    """Why a row's numbers are missing or made differently."""
    texts = []
    for empty, at_bound, one in zip(n == 0, extreme, lone, strict=True):
        if empty:
            texts.append("no answers")
        elif one:
            texts.append("one worker or one pair only: the interval cannot be estimated and is 0 to 1")
        else:
            texts.append(
                "rate is 0 or 1: n_effective is the smaller of workers and pairs" if at_bound else ""
            )
    return texts


def wilson(rate: Floats, n: Floats, quantile: Floats | float) -> tuple[Floats, Floats]:
    """Wilson's score interval (1927) for a rate of `n` (effective) answers and a normal or t quantile."""
    n = np.where(np.asarray(n) > 0, n, np.nan)
    ratio = np.square(quantile) / n
    center = (rate + ratio / 2) / (1 + ratio)
    half = np.sqrt(ratio * rate * (1 - rate) + np.square(ratio) / 4) / (1 + ratio)
    return np.clip(center - half, 0, 1), np.clip(center + half, 0, 1)


def _as_in_the_literature(table: pd.DataFrame, settings: Intervals) -> None:
    """Wilson's interval and the exact binomial test, as if answers were independent: descriptive only."""
    k, n = table["k"].to_numpy(), table["n"].to_numpy()
    z = normal_quantile((1 + settings.level) / 2)
    table["wilson_low"], table["wilson_high"] = wilson(table["rate"].to_numpy(float), n.astype(float), z)
    table["p_binomial"] = coin_test(k, n)


def adjust(p_values: Floats, method: str) -> Floats:
    """Adjust p-values for their number: "holm" (1979) or "bh" (Benjamini & Hochberg 1995); NaN stay out."""
    out = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    m = len(tested)
    order = tested[np.argsort(p_values[tested], kind="stable")]
    ranked = p_values[order]
    if method == "holm":
        stepped = np.maximum.accumulate(ranked * (m - np.arange(m)))
    else:
        stepped = np.minimum.accumulate((ranked * m / np.arange(1, m + 1))[::-1])[::-1]
    out[order] = np.minimum(stepped, 1.0)
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


def _bootstrap(
    table: pd.DataFrame,
    judgments: pd.DataFrame,
    cell: NDArray[np.int16],
    settings: Intervals,
    rng: np.random.Generator | None,
) -> None:
    """Percentile intervals by resampling workers or pairs; the other way of clustering is ignored."""
    if rng is None:
        raise AnalysisError(
            f"cluster {settings.cluster!r} draws at random; pass rng=numpy.random.default_rng(seed)."
        )
    way = codes_of(judgments[settings.cluster.removesuffix("-bootstrap")])
    chose = judgments["chose_a"].to_numpy(bool)
    tail = (1 - settings.level) / 2
    columns = ("low", "high", "se_two_way")
    found = np.full((len(table), len(columns)), np.nan)
    df = np.zeros(len(table), dtype=np.int64) - 1
    for row in range(len(table)):
        here = cell == row
        if here.any():
            _, code = np.unique(way[here], return_inverse=True)
            k = np.bincount(code, weights=chose[here]).astype(np.int64)
            rates = bootstrap_rates(k, np.bincount(code), settings.resamples, rng)
            found[row] = (*np.quantile(rates, [tail, 1 - tail]), rates.std(ddof=1))
            df[row] = len(k) - 1
    rate = table["rate"].to_numpy(float)
    for name, values in zip(columns, found.T, strict=True):
        table[name] = values
    se = found[:, 2]
    table["n_effective"], table["df"] = divide(rate * (1 - rate), se**2), df
    _bootstrap_tests(table, rate, se, df, settings.level)


def _bootstrap_tests(
    table: pd.DataFrame, rate: Floats, se: Floats, df: NDArray[np.int64], level: float
) -> None:
    """The t test with the bootstrap's standard error; where it has no spread, what the default does."""
    n = table["n"].to_numpy()
    still = (n > 0) & (se == 0)
    lone = (n > 0) & (df < 1)
    floor = np.sqrt(divide(np.full(len(n), 0.25), np.maximum(df + 1, 0)))
    p_value = t_test(divide(rate - 0.5, np.where(still, floor, se)), np.maximum(df, 1))
    table["p_value"] = np.where(lone, 1.0, p_value)
    table.loc[still, "n_effective"] = (df + 1)[still].astype(float)
    low, high = wilson(rate, (df + 1).astype(float), t_quantile((1 + level) / 2, np.maximum(df, 1)))
    table["low"] = np.where(lone, 0.0, np.where(still, low, table["low"]))
    table["high"] = np.where(lone, 1.0, np.where(still, high, table["high"]))
    table["note"] = _notes(n, still, lone)
