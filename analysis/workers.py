"""The workers: sides, sentinels, speed, and who answers as a coin would. Descriptions, not exclusions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.clustering import (
    TOGETHER,
    cell_variances,
    codes_of,
    divide,
    pick,
    places,
    score_covariances,
    tally,
    ways_of,
)
from analysis.distributions import coin_test, normal_quantile, t_quantile, t_test
from analysis.exclusion import counted
from analysis.preference import adjust, wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.clustering import Floats

WORKER_COLUMNS = (
    "worker", "n_assignments", "n_excluded", "reasons", "n", "left_share", "left_low", "left_high", "p_left",
    "p_left_adjusted", "longest_run", "n_sentinels", "n_wrong", "agreement", "agreement_z",
    "agreement_z_expected", "median_response_ms", "fast_share", "flags",
)  # fmt: skip
NEEDED = ["assignment", "trial", "chosen_side", "response_ms"]
PICKED = [*NEEDED, "worker", "sentinel", "correct", "excluded", "reason"]
FAST_MS = 200.0  # no choice between two images is made faster
FAST_SHARE = 0.1
ALPHA = 0.05
CLICKER_Z = 1.645  # agreement with the others that a coin exceeds 5 % of the time
TELLING_Z = 4.0  # flagged only where an ordinary worker would score at least this


@dataclass(frozen=True)
class SideBias:
    """Share of left answers, with the sides of the conditions balanced within each cell.

    left_share is what it would be had every condition stood left as often as right; raw_share is as observed.
    low, high, p_value: two-way clustered; None where `note` says why.
    """

    n: int
    raw_share: float
    left_share: float
    low: float | None
    high: float | None
    p_value: float | None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return asdict(self)


def side_bias(judgments: pd.DataFrame, *, level: float = 0.95, filtered: bool = True) -> SideBias:
    """Left/right bias over all genuine judgments (as marked by `exclusion.exclude`)."""
    keep = counted(judgments, filtered=filtered)
    left = (judgments["chosen_side"] == "left").to_numpy()[keep]
    group, cell_of_group = _groups(judgments, keep)
    size, sides = tally(group), np.bincount(cell_of_group)
    share = tally(group[left], len(size)) / size
    # Each cell counts by its answers, and within it each side of A by half (or all, where there is one).
    of_cell = np.bincount(cell_of_group, weights=size)
    weight = of_cell[cell_of_group] / sides[cell_of_group] / size / len(left)
    balanced = float((weight * size * share).sum())
    covariances = score_covariances(
        lambda rows: (weight[group[rows]] * (left[rows] - share[group[rows]]))[:, None],
        [codes_of(judgments[name])[keep] for name in ("worker", "pair")],
    )
    note = "" if (sides == 2).all() else "in some cells condition A stood on one side only"
    df = min(covariances.clusters) - 1
    raw = float(left.mean())
    if df < 1:
        return SideBias(len(left), raw, balanced, None, None, None, "one worker or one pair only")
    se = float(np.sqrt(covariances.variance(np.ones(1))))
    reach = float(t_quantile((1 + level) / 2, df)) * se
    p_value = float(t_test((balanced - 0.5) / se, df)) if se > 0 else None
    low, high = max(balanced - reach, 0.0), min(balanced + reach, 1.0)
    return SideBias(
        len(left), raw, balanced, low, high, p_value, note if se > 0 else "no spread between answers"
    )


def _groups(judgments: pd.DataFrame, keep: NDArray[np.bool_]) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Cell x side of A of each judgment kept, and the cell of each of these groups; all from 0, all occur."""
    exposure_ms = judgments["exposure_ms"].to_numpy(float)
    exposures = np.unique(np.nan_to_num(pd.unique(exposure_ms), nan=-1.0))
    cell = codes_of(judgments["contrast"]).astype(np.int16) * np.int16(len(exposures))
    cell += places(exposure_ms, exposures)
    cell *= 2
    cell += (judgments["side_of_a"] == "left").to_numpy()
    cell = cell[keep]
    occurs = tally(cell) > 0
    cells = np.flatnonzero(occurs) // 2
    return (np.cumsum(occurs) - 1).astype(np.int16)[cell], np.unique(cells, return_inverse=True)[1]


def sentinel_table(judgments: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Errors on sentinels, of all assignments and those kept: scope, n, wrong, rate, low, high, lapse_rate.

    low, high: two-way Wilson interval of `rate`. lapse_rate: the share of trials answered without looking,
    which is twice the rate, since half of them come out right by chance.
    """
    rows = []
    caught = judgments[judgments["sentinel"] & judgments["correct"].notna()]
    for scope, group in (("all", caught), ("kept", caught[~caught["excluded"]])):
        row: dict[str, Any] = {"scope": scope, "n": len(group), "wrong": 0}
        row |= {**dict.fromkeys(("rate", "low", "high", "lapse_rate")), "note": ""}
        if len(group):
            wrong = ~group["correct"].astype(bool).to_numpy()
            rate = float(wrong.mean())
            row |= {"wrong": int(wrong.sum()), "rate": rate, "lapse_rate": min(1.0, 2 * rate)}
            low, high, row["note"] = _two_way_wilson(wrong, group, level)
            row |= {"low": low, "high": high}
        else:
            row["note"] = "no sentinels were answered"
        rows.append(row)
    return pd.DataFrame(rows)


def _two_way_wilson(chose: NDArray[np.bool_], group: pd.DataFrame, level: float) -> tuple[float, float, str]:
    """Interval of one rate, as the preference table makes it."""
    found = cell_variances(chose, np.zeros(len(chose), dtype=np.int64), ways_of(group, "two-way"), 1)
    fewest = int(np.min(found.clusters))
    if fewest < 2:
        return 0.0, 1.0, "one worker or one pair only"
    p = found.rate
    extreme = bool(p[0] in (0.0, 1.0))
    n_effective = np.array([float(fewest)]) if extreme else divide(p * (1 - p), found.combined)
    low, high = wilson(p, n_effective, float(t_quantile((1 + level) / 2, fewest - 1)))
    return float(low[0]), float(high[0]), "rate is 0 or 1" if extreme else ""


def worker_table(judgments: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """One row a worker, excluded ones too, with WORKER_COLUMNS.

    n: genuine answers. left_low/high: Wilson's interval of the share of left answers; p_left: exact binomial
    test of 1/2, adjusted by Holm over workers. longest_run: most in a row on one side. agreement: mean
    share of the other workers of a trial who chose the same side; agreement_z: what it is worth against a
    coin, agreement_z_expected: what a worker like the others would score. flags: "one side", "like a coin",
    "fast". Missing where a worker shares no trial, or no time was recorded.
    """
    code = codes_of(judgments["worker"])
    order = pd.unique(code)  # workers in the order in which they appear
    everyone = np.empty(int(code.max()) + 1, dtype=np.int32)
    everyone[order] = np.arange(len(order), dtype=np.int32)
    everyone = everyone[code]
    trials = _lefts(judgments)
    step = max(1, len(order) * TOGETHER // len(judgments))
    # Some workers at a time, so that millions of judgments do not stand in memory twice.
    parts = [
        _of_workers(judgments, everyone, start, min(step, len(order) - start), trials)
        for start in range(0, len(order), step)
    ]
    table = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    k, n = table["n_left"].to_numpy(), table["n"].to_numpy()
    z = normal_quantile((1 + level) / 2)
    table["left_low"], table["left_high"] = wilson(divide(k, n), n.astype(float), z)
    table["p_left"] = coin_test(k, n)
    table["p_left_adjusted"] = adjust(table["p_left"].to_numpy(float), "holm")
    table["flags"] = _flags(table)
    return table[list(WORKER_COLUMNS)]


def _lefts(judgments: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many answers each trial has (by code), and how many of them chose left."""
    trial = codes_of(judgments["trial"])
    total = tally(trial)
    return total, tally(trial[(judgments["chosen_side"] == "left").to_numpy()], len(total))


def _of_workers(
    judgments: pd.DataFrame,
    everyone: NDArray[np.int32],
    start: int,
    W: int,
    trials: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> pd.DataFrame:
    """What the table says of the W workers from `start` on, but for tests."""
    mine = (everyone >= start) & (everyone < start + W)
    judgments, everyone = pick(judgments, PICKED, mine), everyone[mine] - np.int32(start)
    shown = ~judgments["sentinel"].to_numpy(bool)
    worker, own = everyone[shown], pick(judgments, NEEDED, shown)
    n = np.bincount(worker, minlength=W)
    left = (own["chosen_side"] == "left").to_numpy()
    k = np.bincount(worker[left], minlength=W)
    first = np.unique(everyone, return_index=True)[1]
    table = pd.DataFrame({
        "worker": judgments["worker"].iloc[first].astype(str).to_numpy(), "n": n, "n_left": k,
        "left_share": divide(k, n), "longest_run": _longest_run(worker, codes_of(own["assignment"]), left, W),
    })  # fmt: skip
    caught = judgments["sentinel"].to_numpy(bool)
    wrong = caught & ~judgments["correct"].fillna(True).to_numpy(bool)
    table["n_sentinels"] = np.bincount(everyone[caught], minlength=W)
    table["n_wrong"] = np.bincount(everyone[wrong], minlength=W)
    table["agreement"], table["agreement_z"], table["agreement_z_expected"] = _agreement(
        worker, codes_of(own["trial"]), left, trials, W
    )
    _speed(table, own, worker)
    _assignments(table, judgments)
    return table


def _longest_run(
    worker: NDArray[np.integer], assignment: NDArray[np.integer], left: NDArray[np.bool_], W: int
) -> NDArray[np.int64]:
    """Longest run of answers on one side within an assignment, in the order of the answers."""
    longest = np.zeros(W, dtype=np.int64)
    if len(worker):
        breaks = np.flatnonzero((np.diff(assignment) != 0) | (np.diff(left.astype(np.int8)) != 0)) + 1
        starts = np.concatenate([[0], breaks])
        np.maximum.at(longest, worker[starts], np.diff(np.append(starts, len(worker))))
    return longest


def _agreement(
    worker: NDArray[np.integer],
    trial: NDArray[np.integer],
    left: NDArray[np.bool_],
    trials: tuple[NDArray[np.int64], NDArray[np.int64]],
    W: int,
) -> tuple[Floats, Floats, Floats]:
    """Leave-one-out agreement on sides, its z against a coin, and the z of an ordinary worker."""
    total, lefts = trials
    others = total[trial] - 1
    shared = others > 0
    lean = np.where(shared, divide(lefts[trial] - left, others) - 0.5, 0.0)  # the others' lean to the left
    with_them = np.bincount(worker, weights=np.where(left, lean, -lean), minlength=W)
    squares = np.bincount(worker, weights=lean**2, minlength=W)
    n = np.bincount(worker[shared], minlength=W)
    spread = np.sqrt(squares)
    return 0.5 + divide(with_them, n), divide(with_them, spread), 2 * spread


def _speed(table: pd.DataFrame, own: pd.DataFrame, worker: NDArray[np.integer]) -> None:
    response = own["response_ms"].to_numpy(float)
    timed = ~np.isnan(response)
    medians = pd.Series(response[timed]).groupby(worker[timed]).median()
    table["median_response_ms"] = medians.reindex(range(len(table))).to_numpy()
    count = np.bincount(worker[timed], minlength=len(table))
    fast = np.bincount(worker[timed & (response < FAST_MS)], minlength=len(table))
    table["fast_share"] = divide(fast, count)


def _assignments(table: pd.DataFrame, judgments: pd.DataFrame) -> None:
    """How many assignments each worker did, how many are excluded whole, and why."""
    each = judgments.groupby("assignment", observed=True, sort=False).agg(
        worker=("worker", "first"), excluded=("excluded", "all"), reason=("reason", "first")
    )
    names = each["worker"].astype(str)
    table["n_assignments"] = table["worker"].map(names.value_counts()).astype(int)
    left_out = each.assign(name=names)[each["excluded"]]
    table["n_excluded"] = table["worker"].map(left_out["name"].value_counts()).fillna(0).astype(int)
    reasons = left_out.groupby("name")["reason"].agg(lambda found: "; ".join(dict.fromkeys(map(str, found))))
    table["reasons"] = table["worker"].map(reasons.to_dict().get).fillna("").astype(str)


def _flags(table: pd.DataFrame) -> list[str]:
    """What stands out about each worker, in words."""
    one_side = table["p_left_adjusted"] < ALPHA
    coin = (table["agreement_z"] < CLICKER_Z) & (table["agreement_z_expected"] > TELLING_Z)
    fast = table["fast_share"] > FAST_SHARE
    names = ("one side", "like a coin", "fast")
    rows = zip(one_side, coin, fast, strict=True)
    return ["; ".join(name for name, on in zip(names, row, strict=True) if on) for row in rows]
