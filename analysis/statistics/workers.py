"""The workers: sides, sentinels, speed, and who answers as a coin would. Descriptions, not exclusions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .choices import ALPHA, CLUSTERS, STANDARD
from .clustering import divide
from .distributions import coin_test, normal_quantile, t_quantile, t_test
from .gathering import CELL_KEYS, gather
from .grouping import analysed, tally_of
from .preference import Intervals, adjust, cell_intervals, wilson
from .terms import Groups

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..reading.judgments import Judgments
    from .clustering import Codes, Floats
    from .covariance import Tally
    from .gathering import Gathered
    from .grouping import Analysed

WORKER_COLUMNS = (
    "worker", "n_assignments", "n_excluded", "reasons", "n", "left_share", "left_low", "left_high", "p_left",
    "p_left_adjusted", "longest_run", "n_sentinels", "n_wrong", "agreement", "agreement_z",
    "agreement_z_expected", "median_response_ms", "fast_share", "flags",
)  # fmt: skip
OF_SIDES = ("left_share", "left_low", "left_high", "p_left", "p_left_adjusted", "longest_run")
ONE_CELL = pd.DataFrame([["sentinels:", "sentinels", "", np.nan]], columns=CELL_KEYS)
FAST_MS = 200.0  # from the onset: no choice between two images is made faster
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
    low, high, p_value: clustered as the rates are; None where `note` says why. Without sides, the shares are
    NaN.
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


def side_bias(
    judgments: Judgments | pd.DataFrame | Gathered | Analysed,
    *,
    level: float = 0.95,
) -> SideBias:
    """Left/right bias over all genuine judgments (as marked by `exclusion.exclude`)."""
    answers = analysed(judgments)
    tally, own = answers.by_side, answers.gathered.left_share
    if not answers.gathered.sided:
        return SideBias(int(tally.n.sum()), np.nan, np.nan, None, None, None, "the sides are not known")
    counts = tally.n.reshape(-1, len(own)).astype(float)  # of a cell and a side of condition A
    n, left, cell = counts.sum(axis=1), counts @ own, tally.cell[:: len(own)]
    answered = n > 0
    C = len(tally.cells)
    of_cell, sides = np.bincount(cell, weights=n, minlength=C), np.bincount(cell[answered], minlength=C)
    # Each cell counts by its answers, and within it each side of A by half (or all, where there is one).
    size, share = int(n.sum()), np.nan_to_num(divide(left, n))
    weight = np.nan_to_num(divide(of_cell[cell], sides[cell] * n * size))
    balanced, raw = float((weight * n * share).sum()), float(left.sum()) / size
    df = float(tally.df("all", 0))
    if not df > 0:
        return SideBias(size, raw, balanced, None, None, None, "one worker or one image only")
    scores = (weight[:, None] * (own - share[:, None])).reshape(-1, 1)
    se = float(np.sqrt(tally.covariances(scores, "all", 0).variance(np.ones(1))))
    if not se > 0:
        return SideBias(size, raw, balanced, None, None, None, _without_spread(balanced))
    reach = float(t_quantile((1 + level) / 2, df)) * se
    mixed = bool((sides[of_cell > 0] == 2).all())
    return SideBias(
        size, raw, balanced, max(balanced - reach, 0.0), min(balanced + reach, 1.0),
        float(t_test((balanced - 0.5) / se, df)),
        "" if mixed else "in some cells condition A was on one side only",
    )  # fmt: skip


def _without_spread(share: float) -> str:
    """What is to be said of answers among which sides have no spread."""
    if share in (0.0, 1.0):
        return f"every answer chose the {'left' if share else 'right'} image: nobody compared the images"
    return "no spread between answers"


def sentinel_table(
    judgments: Judgments | pd.DataFrame | Gathered, *, level: float = 0.95, cluster: str = STANDARD.name
) -> pd.DataFrame:
    """Errors on sentinels, of all assignments and those kept: scope, n, wrong, rate, low, high, lapse_rate.

    low, high: interval of `rate`, clustered as those of preference rates. lapse_rate: the share of trials
    answered without looking, which is twice the rate, since half of them come out right by chance.
    """
    gathered = gather(judgments)
    at = np.flatnonzero((gathered.shown.cell < 0)[gathered.trial])
    correct = gathered.shown.correct_left[gathered.trial[at]]
    at, correct = at[correct >= 0], correct[correct >= 0]
    wrong, kept = ~gathered.right(at), gathered.reason[at] == 0
    rows = []
    for scope, keep in (("all", np.full(len(at), True)), ("kept", kept)):
        row: dict[str, Any] = {"scope": scope, "n": int(keep.sum()), "wrong": int(wrong[keep].sum())}
        row |= dict.fromkeys(("rate", "low", "high", "lapse_rate")) | {"note": "no sentinels were answered"}
        if keep.any():
            tally = _one_rate(gathered, at[keep], wrong[keep], cluster)
            found = cell_intervals(tally.rates(np.array([False, True])), Intervals(level=level)).iloc[0]
            rate = row["wrong"] / row["n"]
            row |= {"rate": rate, "low": found["low"], "high": found["high"], "note": found["note"],
                    "lapse_rate": min(1.0, 2 * rate)}  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows)


def _one_rate(gathered: Gathered, at: Codes, one: NDArray[np.bool_], cluster: str) -> Tally:
    """Some answers as one cell, by whether they are 1."""
    groups = Groups(ONE_CELL, np.zeros(2, dtype=np.int64))
    return tally_of(gathered, at, one.astype(np.int64), groups, CLUSTERS[cluster])


def worker_table(judgments: Judgments | pd.DataFrame | Gathered, *, level: float = 0.95) -> pd.DataFrame:
    """One row a worker, excluded ones too, with WORKER_COLUMNS.

    n: genuine answers; those that choose neither side count for nothing else. left_low/high: Wilson's
    interval of the share of left answers; p_left: exact binomial test of 1/2, adjusted by Holm over workers.
    longest_run: most in a row on one side. agreement: mean share of the other workers of a trial who chose
    the same side; agreement_z: what it is worth against a coin, agreement_z_expected: what a worker like the
    others would score. fast_share: answers given within FAST_MS of the onset of the images. flags: names of
    WORKER_FLAGS. Missing where a worker shares no trial, or no time was recorded.
    """
    gathered = gather(judgments)
    lean = _leans(gathered)
    table = pd.concat([_of_part(gathered, here, lean) for here in gathered.parts], ignore_index=True)
    k, n = table["n_left"].to_numpy(), table["n_decided"].to_numpy()
    z = normal_quantile((1 + level) / 2)
    table["left_low"], table["left_high"] = wilson(divide(k, n), n.astype(float), z)
    table["p_left"] = coin_test(k, n)
    table["p_left_adjusted"] = adjust(table["p_left"].to_numpy(float), "holm")
    if not gathered.sided:
        table[list(OF_SIDES)] = np.nan
    table["flags"] = _flags(table)
    return table[list(WORKER_COLUMNS)]


def _leans(gathered: Gathered) -> Floats:
    """How far the other answers to each trial lean to the left, from -1/2 to 1/2, for an answer that chose
    right, and for one that chose left: (T, 2), NaN without others."""
    T = len(gathered.shown.cell)
    n, left = np.zeros((2, T), dtype=np.int64)
    for here in gathered.parts:
        decided = gathered.decided(here)
        trial = gathered.trial[here][decided]
        n += np.bincount(trial, minlength=T)
        left += np.bincount(trial[gathered.left(here)[decided]], minlength=T)
    return np.stack([divide(left, n - 1), divide(left - 1, n - 1)], axis=1) - 0.5


def _of_part(gathered: Gathered, here: slice, lean: Floats) -> pd.DataFrame:
    """What the table says of the workers of a part, in the order in which they appear, but for tests."""
    assignment, trial, left = gathered.assignment[here], gathered.trial[here], gathered.left(here)
    everyone, _, names = _numbered(gathered.worker[assignment])
    W, genuine = len(names), (gathered.shown.cell >= 0)[trial]
    worker, chose, decided = everyone[genuine], left[genuine], gathered.decided(here)[genuine]
    n, k = np.bincount(worker, minlength=W), np.bincount(worker[chose], minlength=W)
    of_sides = np.bincount(worker[decided], minlength=W)
    points = gathered.points[gathered.outcome[here][genuine]]
    table = pd.DataFrame({
        "worker": np.asarray(gathered.workers[names], dtype=object).astype(str), "n": n, "n_left": k,
        "n_decided": of_sides, "left_share": divide(k, of_sides),
        "longest_run": _longest_run(worker, assignment[genuine], points, W),
    })  # fmt: skip
    correct = gathered.shown.correct_left[trial]
    wrong = ~genuine & (correct >= 0) & ~gathered.right(here)
    table["n_sentinels"] = np.bincount(everyone[~genuine], minlength=W)
    table["n_wrong"] = np.bincount(everyone[wrong], minlength=W)
    of_answers = np.where(decided, lean[trial[genuine], chose.astype(np.int8)], np.nan)
    table["agreement"], table["agreement_z"], table["agreement_z_expected"] = _agreement(
        worker, chose, of_answers, W
    )
    response, shown = (times[genuine].astype(float) for times in gathered.times(here))
    _speed(table, response, shown, gathered.shown.exposure_ms[trial[genuine]], worker)
    _assignments(table, gathered, here, everyone)
    return table


def _numbered(codes: Codes) -> tuple[Codes, Codes, Codes]:
    """As pd.factorize, with where each code is first: sooner, as most stand beside their equals."""
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    number, names = pd.factorize(codes[starts])
    first = starts[np.unique(number, return_index=True)[1]]
    return np.repeat(number, np.diff(np.append(starts, len(codes)))), first, names


def _medians(values: Floats, counts: NDArray[np.int64]) -> Floats:
    """The median of each worker's values, NaN where there are none. counts: how many each has, one worker's
    after another's."""
    medians, first = np.full(len(counts), np.nan), np.cumsum(counts) - counts
    for count in np.unique(counts[counts > 0]).tolist():  # many have equally many
        who = np.flatnonzero(counts == count)
        medians[who] = np.median(values[first[who, None] + np.arange(count)], axis=1, overwrite_input=True)
    return medians


def _longest_run(worker: Codes, assignment: Codes, points: Codes, W: int) -> NDArray[np.int64]:
    """Longest run of answers on one side within an assignment, in the order of the answers."""
    longest = np.zeros(W, dtype=np.int64)
    if len(worker):
        breaks = np.flatnonzero((np.diff(assignment) != 0) | (np.diff(np.sign(points)) != 0)) + 1
        starts = np.concatenate([[0], breaks])
        np.maximum.at(longest, worker[starts], np.diff(np.append(starts, len(worker))))
    return longest


def _agreement(worker: Codes, left: NDArray[np.bool_], lean: Floats, W: int) -> tuple[Floats, Floats, Floats]:
    """Leave-one-out agreement on sides, its z against a coin, and the z of an ordinary worker.

    lean: how far the others who saw each answer's trial lean to the left.
    """
    shared = ~np.isnan(lean)
    worker, lean, left = worker[shared], lean[shared], left[shared]
    with_them = np.bincount(worker, weights=np.where(left, lean, -lean), minlength=W)
    spread = np.sqrt(np.bincount(worker, weights=lean**2, minlength=W))
    n = np.bincount(worker, minlength=W)
    return 0.5 + divide(with_them, n), divide(with_them, spread), 2 * spread


def _speed(table: pd.DataFrame, response: Floats, shown: Floats, planned: Floats, worker: Codes) -> None:
    """A response time starts at the mask, or at the onset where time is unlimited; a look at the onset."""
    unlimited = np.isnan(planned)
    from_onset = response + np.where(unlimited, 0.0, np.where(np.isnan(shown), planned, shown))
    timed = ~np.isnan(response)
    count = np.bincount(worker[timed], minlength=len(table))
    table["median_response_ms"] = _medians(response[timed], count)
    fast = np.bincount(worker[timed & (from_onset < FAST_MS)], minlength=len(table))
    table["fast_share"] = divide(fast, count)


def _assignments(table: pd.DataFrame, gathered: Gathered, here: slice, everyone: Codes) -> None:
    """How many assignments each worker did, how many are excluded whole, and why."""
    code, first, names = _numbered(gathered.assignment[here])
    reason = gathered.reason[here]
    answers, out = np.bincount(code), np.bincount(code[reason > 0], minlength=len(names))
    lost, W = out == answers, len(table)
    worker = everyone[first]
    table["n_assignments"] = np.bincount(worker, minlength=W)
    table["n_excluded"] = np.bincount(worker[lost], minlength=W)
    reasons: list[dict[str, None]] = [{} for _ in range(W)]
    for who, why in zip(worker[lost].tolist(), reason[first[lost]].tolist(), strict=True):
        reasons[who][gathered.reasons[why]] = None
    table["reasons"] = ["; ".join(own) for own in reasons]


def _flags(table: pd.DataFrame) -> list[str]:
    """What stands out about each worker, in words."""
    raised = [entry.raised(table) for entry in WORKER_FLAGS.values()]
    rows = zip(*raised, strict=True)
    return ["; ".join(name for name, on in zip(WORKER_FLAGS, row, strict=True) if on) for row in rows]
