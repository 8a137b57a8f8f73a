"""The workers: sides, sentinels, speed, and who answers as a coin would. Descriptions, not exclusions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..reading.judgments import parts_of
from .choices import ALPHA
from .clustering import TWO_WAY, CellSums, KeyedSums, divide, way_of, ways_of
from .distributions import coin_test, normal_quantile, t_quantile, t_test
from .grouping import by_side
from .preference import adjust, wilson

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..reading.judgments import Judgments
    from .clustering import Cells, Floats

WORKER_COLUMNS = (
    "worker", "n_assignments", "n_excluded", "reasons", "n", "left_share", "left_low", "left_high", "p_left",
    "p_left_adjusted", "longest_run", "n_sentinels", "n_wrong", "agreement", "agreement_z",
    "agreement_z_expected", "median_response_ms", "fast_share", "flags",
)  # fmt: skip
PICKED = (
    "assignment", "trial", "chosen_side", "response_ms", "worker", "sentinel", "correct", "excluded",
    "reason",
)  # fmt: skip
FAST_MS = 200.0  # no choice between two images is made faster
FAST_SHARE = 0.1
CLICKER_Z = 1.645  # agreement with the others that a coin exceeds 5 % of the time
TELLING_Z = 4.0  # flagged only where an ordinary worker would score at least this


@dataclass(frozen=True)
class WorkerFlag:
    """Something that stands out about a worker: its name, what such workers did, and who they are.

    raised: of the rows of the worker table, without its flags.
    """

    name: str
    words: str
    raised: Callable[[pd.DataFrame], pd.Series]


WORKER_FLAGS = {
    entry.name: entry
    for entry in (
        WorkerFlag("one side", "chose mostly one side", lambda table: table["p_left_adjusted"] < ALPHA),
        WorkerFlag(
            "like a coin",
            "answered as if by coin toss",
            lambda table: (table["agreement_z"] < CLICKER_Z) & (table["agreement_z_expected"] > TELLING_Z),
        ),
        WorkerFlag(
            "fast", "answered too fast to have looked", lambda table: table["fast_share"] > FAST_SHARE
        ),
    )
}


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


def side_bias(judgments: Judgments | pd.DataFrame, *, level: float = 0.95, filtered: bool = True) -> SideBias:
    """Left/right bias over all genuine judgments (as marked by `exclusion.exclude`)."""
    data = by_side(judgments, by=None, filtered=filtered)
    groups = data.groups(0)
    of_cell, sides = np.bincount(groups.cell, weights=groups.n), np.bincount(groups.cell)
    # Each cell counts by its answers, and within it each side of A by half (or all, where there is one).
    size, share = int(groups.n.sum()), groups.k / groups.n
    weight = of_cell[groups.cell] / sides[groups.cell] / groups.n / size
    balanced = float((weight * groups.n * share).sum())
    raw, df = float(groups.k.sum()) / size, min(groups.n_workers, groups.n_pairs) - 1
    if df < 1:
        return SideBias(size, raw, balanced, None, None, None, "one worker or one pair only")
    scores = np.stack([-weight * share, weight * (1 - share)], axis=1)[:, :, None]
    se = float(np.sqrt(data.covariances({0: scores})[0].variance(np.ones(1))))
    reach = float(t_quantile((1 + level) / 2, df)) * se
    p_value = float(t_test((balanced - 0.5) / se, df)) if se > 0 else None
    low, high = max(balanced - reach, 0.0), min(balanced + reach, 1.0)
    note = "" if (sides == 2).all() else "in some cells condition A was on one side only"
    return SideBias(size, raw, balanced, low, high, p_value, note if se > 0 else "no spread between answers")


def sentinel_table(judgments: Judgments | pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Errors on sentinels, of all assignments and those kept: scope, n, wrong, rate, low, high, lapse_rate.

    low, high: two-way Wilson interval of `rate`. lapse_rate: the share of trials answered without looking,
    which is twice the rate, since half of them come out right by chance.
    """
    sums = {"all": CellSums(1), "kept": CellSums(1)}
    for part in parts_of(judgments, (*TWO_WAY, "sentinel", "correct", "excluded")):
        known = part["sentinel"].to_numpy(bool) & part["correct"].notna().to_numpy()
        kept = known & ~part["excluded"].to_numpy(bool)
        wrong = ~part["correct"].fillna(True).to_numpy(bool)
        for own, here in zip(sums.values(), (known, kept), strict=True):
            if here.any():
                own.add(wrong[here], np.zeros(here.sum(), dtype=np.int64), ways_of(part[here]))
    return pd.DataFrame([_sentinel_row(scope, own, level) for scope, own in sums.items()])


def _sentinel_row(scope: str, sums: CellSums, level: float) -> dict[str, Any]:
    n, wrong = int(sums.n[0]), int(sums.k[0])
    row: dict[str, Any] = {"scope": scope, "n": n, "wrong": wrong}
    if not n:
        empty = dict.fromkeys(("rate", "low", "high", "lapse_rate"))
        return row | empty | {"note": "no sentinels were answered"}
    low, high, note = _two_way_wilson(sums.cells(), level)
    return row | {
        "rate": wrong / n, "low": low, "high": high, "lapse_rate": min(1.0, 2 * wrong / n), "note": note,
    }  # fmt: skip


def _two_way_wilson(found: Cells, level: float) -> tuple[float, float, str]:
    """Interval of one rate, as the preference table makes it."""
    fewest = int(np.min(found.clusters))
    if fewest < 2:
        return 0.0, 1.0, "one worker or one pair only"
    p = found.rate
    extreme = bool(p[0] in (0.0, 1.0))
    n_effective = np.array([float(fewest)]) if extreme else divide(p * (1 - p), found.combined)
    low, high = wilson(p, n_effective, float(t_quantile((1 + level) / 2, fewest - 1)))
    return float(low[0]), float(high[0]), "rate is 0 or 1" if extreme else ""


def worker_table(judgments: Judgments | pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """One row a worker, excluded ones too, with WORKER_COLUMNS.

    n: genuine answers. left_low/high: Wilson's interval of the share of left answers; p_left: exact binomial
    test of 1/2, adjusted by Holm over workers. longest_run: most in a row on one side. agreement: mean
    share of the other workers of a trial who chose the same side; agreement_z: what it is worth against a
    coin, agreement_z_expected: what a worker like the others would score. flags: names of WORKER_FLAGS.
    Missing where a worker shares no trial, or no time was recorded.
    """
    trials = _Trials(judgments)
    table = pd.concat([_of_workers(part, trials) for part in parts_of(judgments, PICKED)], ignore_index=True)
    k, n = table["n_left"].to_numpy(), table["n"].to_numpy()
    z = normal_quantile((1 + level) / 2)
    table["left_low"], table["left_high"] = wilson(divide(k, n), n.astype(float), z)
    table["p_left"] = coin_test(k, n)
    table["p_left_adjusted"] = adjust(table["p_left"].to_numpy(float), "holm")
    table["flags"] = _flags(table)
    return table[list(WORKER_COLUMNS)]


class _Trials:
    """How many answers each trial has, and how many of them chose left."""

    def __init__(self, judgments: Judgments | pd.DataFrame) -> None:
        sums = KeyedSums()
        for part in parts_of(judgments, ("trial", "chosen_side")):
            code = way_of(part["trial"]).code.astype(np.int64)
            sums.add(code, (np.ones(len(code)), (part["chosen_side"] == "left").to_numpy()))
        self._code, self._sums = sums.result()

    def of(self, trial: NDArray[np.integer]) -> tuple[Floats, Floats]:
        """(answers, those that chose left) of the trial of each judgment, by code."""
        total, lefts = self._sums[np.searchsorted(self._code, trial)].T
        return total, lefts


def _of_workers(judgments: pd.DataFrame, trials: _Trials) -> pd.DataFrame:
    """What the table says of the workers of a part, in the order in which they appear, but for tests."""
    everyone, names = pd.factorize(judgments["worker"].astype(str))
    W = len(names)
    shown = ~judgments["sentinel"].to_numpy(bool)
    worker, own = everyone[shown], judgments[shown]
    n = np.bincount(worker, minlength=W)
    left = (own["chosen_side"] == "left").to_numpy()
    k = np.bincount(worker[left], minlength=W)
    table = pd.DataFrame({
        "worker": names, "n": n, "n_left": k, "left_share": divide(k, n),
        "longest_run": _longest_run(worker, way_of(own["assignment"]).code, left, W),
    })  # fmt: skip
    caught = judgments["sentinel"].to_numpy(bool)
    wrong = caught & ~judgments["correct"].fillna(True).to_numpy(bool)
    table["n_sentinels"] = np.bincount(everyone[caught], minlength=W)
    table["n_wrong"] = np.bincount(everyone[wrong], minlength=W)
    of_trials = trials.of(way_of(judgments["trial"]).code[shown])
    table["agreement"], table["agreement_z"], table["agreement_z_expected"] = _agreement(
        worker, left, *of_trials, W
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
    worker: NDArray[np.integer], left: NDArray[np.bool_], total: Floats, lefts: Floats, W: int
) -> tuple[Floats, Floats, Floats]:
    """Leave-one-out agreement on sides, its z against a coin, and the z of an ordinary worker.

    total, lefts: answers of each judgment's trial, and those that chose left.
    """
    others = total - 1
    shared = others > 0
    lean = np.where(shared, divide(lefts - left, others) - 0.5, 0.0)  # the others' lean to the left
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
    raised = [entry.raised(table) for entry in WORKER_FLAGS.values()]
    rows = zip(*raised, strict=True)
    return ["; ".join(name for name, on in zip(WORKER_FLAGS, row, strict=True) if on) for row in rows]
