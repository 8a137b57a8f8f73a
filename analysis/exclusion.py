"""Which judgments are left out, why, and how many: nothing here touches anybody's payment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analysis.results import Results

INCOMPLETE = "incomplete"
REPEAT = "repeat worker"
SENTINELS = "wrong sentinels"
EXPOSURE = "exposure error"
# Where several reasons hold, a judgment carries the first; the table of assignments carries all. Wrong
# sentinels come last, so that lifting that rule brings back exactly what no other rule excludes.
REASONS = (INCOMPLETE, REPEAT, EXPOSURE, SENTINELS)
EXPOSURE_CODE = REASONS.index(EXPOSURE) + 1


HINTS = {
    INCOMPLETE: "An assignment is incomplete where a trial of its HIT has no answer: collect again, or check "
    "that trials.csv is the design that was answered.",
    REPEAT: "Analyse with --repeat-workers keep to see what is there.",
    EXPOSURE: "Analyse with a larger --max-exposure-error-ms to see what is there.",
    SENTINELS: "Analyse with --no-sentinel-filter or a larger --max-wrong to see what is there.",
}


@dataclass(frozen=True)
class Rules:
    """What leads to exclusion.

    sentinel_filter: exclude assignments with more wrong sentinels than allowed.
    max_wrong_sentinels: how many are allowed; None takes each study's own rule.
    repeat_workers: "first" keeps a worker's first assignment in a batch, "keep" keeps all.
    max_exposure_error_ms: leave out judgments whose measured exposure is further off; None: none are.
    """

    sentinel_filter: bool = True
    max_wrong_sentinels: int | None = None
    repeat_workers: str = "first"
    max_exposure_error_ms: float | None = None

    def __post_init__(self) -> None:
        if self.repeat_workers not in ("first", "keep"):
            raise AnalysisError(f"repeat_workers is {self.repeat_workers!r}; allowed are first and keep.")
        if self.max_wrong_sentinels is not None and self.max_wrong_sentinels < 0:
            raise AnalysisError(f"max_wrong_sentinels is {self.max_wrong_sentinels}; it must be 0 or more.")
        if self.max_exposure_error_ms is not None and not self.max_exposure_error_ms >= 0:
            raise AnalysisError(
                f"max_exposure_error_ms is {self.max_exposure_error_ms}; it must be 0 or more."
            )


class Exclusion(NamedTuple):
    """What `exclude` finds.

    judgments: those of the results with `excluded` and `reason` filled in.
    assignments: one row an assignment: assignment, worker, hit, batch, study, source, submitted_at,
        n_answered, n_trials, n_sentinels, n_wrong, n_exposure_error, excluded, reason (the first that holds),
        reasons (all, joined by "; ").
    counts: one row a reason: reason, assignments, workers, judgments. An assignment or judgment with two
        reasons counts in both rows, so the rows may add up to more than the row "any".
    """

    judgments: pd.DataFrame
    assignments: pd.DataFrame
    counts: pd.DataFrame


def exclude(results: Results, rules: Rules | None = None) -> Exclusion:
    """Apply the rules; everything stays in the tables, marked."""
    rules = rules or Rules()
    judgments = results.judgments
    table = _sentinels(results)
    allowed = _allowed(results, rules)
    holds = {
        INCOMPLETE: (table["n_answered"] < table["n_trials"]).to_numpy(),
        REPEAT: _repeats(table) if rules.repeat_workers == "first" else np.zeros(len(table), dtype=bool),
        SENTINELS: (table["n_wrong"] > allowed).to_numpy() & rules.sentinel_filter,
    }
    row = table.index.get_indexer(pd.Index(judgments["assignment"].cat.categories)).astype(np.int32)
    of_judgment = row[judgments["assignment"].cat.codes.to_numpy()]
    off = _exposure_error(judgments, rules.max_exposure_error_ms)
    table["n_exposure_error"] = np.bincount(of_judgment[off], minlength=len(table))

    first = _first_reason(holds, len(table))
    code = first[of_judgment]
    code[off & ((code == 0) | (code > EXPOSURE_CODE))] = EXPOSURE_CODE
    marked = judgments.assign(
        excluded=code > 0,
        reason=pd.Categorical.from_codes(code, pd.Index(["", *REASONS])),
    )
    table["excluded"] = first > 0
    table["reason"] = np.array(["", *REASONS])[first]
    table["reasons"] = [
        "; ".join(name for name in holds if holds[name][number]) for number in range(len(table))
    ]
    counts = _counts(table, holds, of_judgment, off)
    return Exclusion(marked, table.reset_index(), counts)


def included(judgments: pd.DataFrame, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Judgments to be analysed: not excluded, no sentinels. AnalysisError when none is left.

    columns: those that are wanted, so that millions of rows are not copied whole; None for all.
    """
    kept = judgments if columns is None else judgments[[name for name in columns if name in judgments]]
    return kept[counted(judgments)]


def counted(judgments: pd.DataFrame, *, filtered: bool = True) -> NDArray[np.bool_]:
    """Which judgments are to be analysed; AnalysisError when none is.

    filtered: False puts back what only the sentinel rule excludes.
    """
    out = judgments["excluded"].to_numpy(bool)
    if not filtered:
        out = out & (judgments["reason"] != SENTINELS).to_numpy()
    keep: NDArray[np.bool_] = ~(out | judgments["sentinel"].to_numpy(bool))
    if not keep.any():
        raise AnalysisError(_none_left(judgments))
    return keep


def genuine(
    judgments: pd.DataFrame, columns: Sequence[str] | None = None, *, filtered: bool = True
) -> pd.DataFrame:
    """As `included`, or, with filtered=False, with what only the sentinel rule excludes put back."""
    if filtered:
        return included(judgments, columns)
    kept = judgments if columns is None else judgments[[name for name in columns if name in judgments]]
    return kept[counted(judgments, filtered=False)]


def _none_left(judgments: pd.DataFrame) -> str:
    if judgments["sentinel"].all():
        return "every answer is to a sentinel; there is no genuine trial to analyse."
    reasons = judgments.loc[judgments["excluded"], "reason"].value_counts()
    found = ", ".join(f"{number} for {reason!r}" for reason, number in reasons.items() if number)
    hints = [hint for reason, hint in HINTS.items() if reasons.get(reason, 0)]
    number = judgments["assignment"].nunique()
    return f"all {number} assignments are excluded (judgments: {found}). {' '.join(hints)}"


def _sentinels(results: Results) -> pd.DataFrame:
    """One row an assignment, indexed by its id, with its counts of sentinels."""
    judgments = results.judgments
    caught = judgments.loc[judgments["sentinel"], ["assignment", "correct"]]
    wrong = caught[~caught["correct"].fillna(True).astype(bool)]
    table = results.assignments[
        ["assignment", "worker", "hit", "batch", "study", "source", "submitted_at", "n_answered", "n_trials"]
    ].set_index("assignment")
    for name, rows in (("n_sentinels", caught), ("n_wrong", wrong)):
        count = rows["assignment"].value_counts()
        table[name] = count.reindex(table.index).fillna(0).astype(int).to_numpy()
    return table


def _allowed(results: Results, rules: Rules) -> pd.Series:
    """How many wrong sentinels each assignment may have."""
    if rules.max_wrong_sentinels is not None:
        return pd.Series(rules.max_wrong_sentinels, index=results.assignments["assignment"])
    own = {study: results.max_wrong_of(study) for study in results.studies}
    return results.assignments.set_index("assignment")["study"].map(own)


def _repeats(table: pd.DataFrame) -> np.ndarray:
    """Assignments that are not their worker's first in a batch, by time of submission, then by order of file.

    Where no time of submission is known the order of the file decides.
    """
    order = table["submitted_at"].argsort(kind="stable").to_numpy()
    later = table.iloc[order].duplicated(["study", "batch", "worker"]).to_numpy()
    repeats = np.zeros(len(table), dtype=bool)
    repeats[order] = later
    return repeats


def _exposure_error(judgments: pd.DataFrame, most_ms: float | None) -> np.ndarray:
    """Judgments whose measured exposure is further than `most_ms` from the planned one."""
    if most_ms is None:
        return np.zeros(len(judgments), dtype=bool)
    error_ms = (judgments["shown_ms"] - judgments["exposure_ms"]).abs()
    return (error_ms > most_ms).to_numpy()


def _first_reason(holds: dict[str, np.ndarray], size: int) -> np.ndarray:
    """0 where no reason holds, else 1 + the place in REASONS of the first that does."""
    first = np.zeros(size, dtype=np.int8)
    for name in reversed(list(holds)):
        first[holds[name]] = REASONS.index(name) + 1
    return first


def _counts(
    table: pd.DataFrame, holds: dict[str, np.ndarray], of_judgment: np.ndarray, off: np.ndarray
) -> pd.DataFrame:
    """One row a reason, and a last row "any"."""
    workers = table["worker"].to_numpy()
    rows = []
    everything = np.zeros(len(table), dtype=bool)
    for name, here in holds.items():
        everything |= here
        rows.append((name, int(here.sum()), len(set(workers[here])), int(here[of_judgment].sum())))
    rows.append((EXPOSURE, 0, len(set(workers[np.unique(of_judgment[off])])), int(off.sum())))
    left_out = everything[of_judgment] | off
    rows.append(("any", int(everything.sum()), len(set(workers[everything])), int(left_out.sum())))
    return pd.DataFrame(rows, columns=["reason", "assignments", "workers", "judgments"])
