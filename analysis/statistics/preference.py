"""Preference rates of the cells: intervals that allow for workers and pairs, tests, and the usual way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.errors import GlimpseError

from ..reading.exclusion import included
from ..reading.judgments import parts_of
from .choices import ADJUSTMENTS, CLUSTERS, STANDARD, Cluster
from .clustering import TWO_WAY, CellSums, KeyedSums, divide, joint, way_of, ways_of
from .columns import PREFERENCE_COLUMNS
from .distributions import coin_test, normal_quantile, t_quantile, t_test

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ..reading.judgments import Judgments
    from .clustering import Cells, Floats

CELL_KEYS = ["contrast", "condition_a", "condition_b", "exposure_ms"]
BLOCK = 2_000_000  # clusters that a bootstrap draws at a time
TABLE = 131_072  # entries of a table of sums, which then stays in cache


@dataclass(frozen=True)
class Intervals:
    """How intervals and tests are made.

    level: of the interval. cluster: one of `choices.CLUSTERS`; "two-way" (worker and pair) is right in
    both designs. adjust: one of `choices.ADJUSTMENTS`, over the cells of a study. resamples: of a bootstrap.
    """

    level: float = 0.95
    cluster: str = STANDARD.name
    adjust: str = "holm"
    resamples: int = 10_000

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise GlimpseError(f"level is {self.level}; it must lie between 0 and 1, such as 0.95.")
        if self.cluster not in CLUSTERS:
            raise GlimpseError(f"cluster is {self.cluster!r}; allowed are {', '.join(CLUSTERS)}.")
        if self.adjust not in ADJUSTMENTS:
            raise GlimpseError(f"adjust is {self.adjust!r}; allowed are {' and '.join(ADJUSTMENTS)}.")
        if self.resamples < 100:
            raise GlimpseError(f"resamples is {self.resamples}; at least 100 are needed.")


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
    judgments: Judgments | pd.DataFrame,
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
    has NaN (except `exposure_ms`, which is NaN for unlimited time). GlimpseError when no judgment is left.
    """
    settings = settings or Intervals()
    if cells is None:
        cells = occurring_cells(judgments, filtered=filtered)
    cluster = CLUSTERS[settings.cluster]
    ways = _ways(judgments, cluster)
    two_way, used = CellSums(len(cells)), CellSums(len(cells), ways)
    clusters = _Clusters(ways[0], len(cells))
    for part in included(judgments, (*CELL_KEYS, *TWO_WAY, *ways, "chose_a"), filtered=filtered):
        cell, chose = place(part, cells), part["chose_a"].to_numpy(bool)
        two_way.add(chose, cell, ways_of(part))
        if cluster.bootstrap:
            clusters.add(chose, cell, part)
        elif ways != TWO_WAY:
            used.add(chose, cell, ways_of(part, ways))
    found = two_way.cells()
    table = cells[CELL_KEYS].reset_index(drop=True)
    table["n"], table["k"], table["rate"] = found.n, found.k, found.rate
    table["n_workers"], table["n_pairs"] = found.clusters
    table["se_worker"], table["se_pair"] = (np.sqrt(way) for way in found.ways)
    if cluster.bootstrap:
        _bootstrap(table, clusters, settings, rng)
    else:
        table = table.join(cell_intervals(found if ways == TWO_WAY else used.cells(), settings))
    _as_in_the_literature(table, settings)
    table["filtered"] = filtered
    table["p_adjusted"] = adjust(table["p_value"].to_numpy(float), settings.adjust)
    return table[list(PREFERENCE_COLUMNS)]


def occurring_cells(judgments: Judgments | pd.DataFrame, *, filtered: bool = True) -> pd.DataFrame:
    """The cells that judgments to be analysed are in (CELL_KEYS), by contrast and exposure."""
    keys = ["contrast", "exposure_ms"]
    cells = pd.DataFrame()
    for part in included(judgments, keys, filtered=filtered):
        cells = pd.concat([cells, part.drop_duplicates().astype({"contrast": str})]).drop_duplicates()
    cells = cells.sort_values(keys)
    names = cells["contrast"].str.partition(":")
    return cells.assign(condition_a=names[0], condition_b=names[2])[CELL_KEYS].reset_index(drop=True)


def _ways(judgments: Judgments | pd.DataFrame, cluster: Cluster) -> tuple[str, ...]:
    """The columns by which judgments cluster; where both sides always show the same scene, the scenes of the
    one side are enough."""
    if not cluster.by_scene:
        return cluster.ways
    items = parts_of(judgments, ("item_a", "item_b"))
    same = all((part["item_a"].astype(str) == part["item_b"].astype(str)).all() for part in items)
    return tuple(way for way in cluster.ways if not (same and way == "item_b"))


def place(part: pd.DataFrame, cells: pd.DataFrame) -> NDArray[np.int64]:
    """The row of `cells` that each judgment belongs to; exposures are compared as they were planned."""
    names, exposures = (pd.Index(cells[name].unique()) for name in ("contrast", "exposure_ms"))
    rows = np.full((len(names) + 1, len(exposures) + 1), -1)
    rows[names.get_indexer(cells["contrast"]), exposures.get_indexer(cells["exposure_ms"])] = range(
        len(cells)
    )
    contrast = part["contrast"].astype("category").cat
    of_contrast = names.get_indexer(pd.Index(contrast.categories.astype(str)))
    cell = rows[of_contrast[contrast.codes], exposures.get_indexer(part["exposure_ms"])]
    if (cell < 0).any():
        raise GlimpseError("some judgments belong to no cell of the design; pass the design of their study.")
    return np.asarray(cell)


def cell_intervals(used: Cells, settings: Intervals) -> pd.DataFrame:
    """Interval, effective sample size and t test of each cell from its clustered variance.

    Returns low, high, se_two_way, n_effective, df, p_value and note, one row a cell of `used`. The interval
    is Wilson's with n_effective = p (1 - p) / variance and the t quantile at the fewest clusters minus one.
    """
    rate, fewest = used.rate, np.min(used.clusters, axis=0)
    n_effective = divide(rate * (1 - rate), used.combined)
    still = used.combined == 0
    n_effective = np.where(still, fewest, n_effective)
    df = fewest - 1
    lone = (used.n > 0) & (df < 1)
    quantile = t_quantile((1 + settings.level) / 2, np.maximum(df, 1))
    low, high = wilson(rate, n_effective, quantile)
    se = np.sqrt(used.combined)
    null_se = np.where(still, np.sqrt(divide(np.full(len(rate), 0.25), n_effective)), se)
    p_value = t_test(divide(rate - 0.5, null_se), np.maximum(df, 1))
    return pd.DataFrame({
        "low": np.where(lone, 0.0, low), "high": np.where(lone, 1.0, high), "se_two_way": se,
        "n_effective": n_effective, "df": _present(df, used.n), "p_value": np.where(lone, np.nan, p_value),
        "note": _notes(used.n, rate, still, lone),
    })  # fmt: skip


def _present(df: NDArray[np.int64], n: NDArray[np.int64]) -> pd.arrays.IntegerArray:
    """Degrees of freedom, missing in cells without answers."""
    return pd.arrays.IntegerArray(df.astype(np.int64), n == 0)


def _notes(
    n: NDArray[np.int64], rate: Floats, still: NDArray[np.bool_], lone: NDArray[np.bool_]
) -> NDArray[np.str_]:
    """Why a row's numbers are missing or made differently."""
    return np.select(
        [n == 0, lone, still & np.isin(rate, (0.0, 1.0)), still],
        [
            "no answers",
            "one worker or one pair only: nothing can be tested, and the interval is 0 to 1",
            "the rate is 0 or 1: n_effective is the number of workers or of pairs, whichever is smaller",
            "no spread between workers and pairs: n_effective is the smaller of their numbers",
        ],
        "",
    )


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


class _Clusters:
    """Answers, and those that are 1, of each cluster in each cell."""

    def __init__(self, way: str, n_cells: int) -> None:
        self.way, self.n_cells = way, n_cells
        self.sums = KeyedSums()

    def add(self, chose: NDArray[np.bool_], cell: NDArray[np.integer], part: pd.DataFrame) -> None:
        """Add judgments."""
        way = way_of(part[self.way])
        key = joint([way.code, cell], [way.size, self.n_cells])
        self.sums.add(key, (np.ones(len(key)), chose))

    def by_cell(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """(n, k) of the clusters of each cell."""
        key, sums = self.sums.result()
        n, k = sums.astype(np.int64).T
        here = [key % self.n_cells == cell for cell in range(self.n_cells)]
        return [(n[mine], k[mine]) for mine in here]


def _bootstrap(
    table: pd.DataFrame, clusters: _Clusters, settings: Intervals, rng: np.random.Generator | None
) -> None:
    """Percentile intervals by resampling workers or pairs; the other way of clustering is ignored."""
    if rng is None:
        raise GlimpseError(
            f"cluster {settings.cluster!r} draws at random; pass rng=numpy.random.default_rng(seed)."
        )
    tail = (1 - settings.level) / 2
    columns = ("low", "high", "se_two_way")
    found = np.full((len(table), len(columns)), np.nan)
    df = np.zeros(len(table), dtype=np.int64) - 1
    for row, (n, k) in enumerate(clusters.by_cell()):
        if len(n):
            rates = bootstrap_rates(k, n, settings.resamples, rng)
            found[row] = (*np.quantile(rates, [tail, 1 - tail]), rates.std(ddof=1))
            df[row] = len(k) - 1
    rate = table["rate"].to_numpy(float)
    for name, values in zip(columns, found.T, strict=True):
        table[name] = values
    se = found[:, 2]
    table["n_effective"] = divide(rate * (1 - rate), se**2)
    table["df"] = _present(df, table["n"].to_numpy())
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
    table["p_value"] = np.where(lone, np.nan, p_value)
    table.loc[still, "n_effective"] = (df + 1)[still].astype(float)
    low, high = wilson(rate, (df + 1).astype(float), t_quantile((1 + level) / 2, np.maximum(df, 1)))
    table["low"] = np.where(lone, 0.0, np.where(still, low, table["low"]))
    table["high"] = np.where(lone, 1.0, np.where(still, high, table["high"]))
    table["note"] = _notes(n, rate, still, lone)
