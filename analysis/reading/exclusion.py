"""Which judgments are left out, why, and how many: nothing here touches anybody's payment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from glimpse.counting import (
    EXPOSURE,
    INCOMPLETE,
    REASONS,
    REPEAT,
    SENTINELS,
    fails_sentinels,
    is_incomplete,
)
from glimpse.errors import GlimpseError
from glimpse.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .judgments import Judgments
    from .results import Results


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
            raise GlimpseError(f"repeat_workers is {self.repeat_workers!r}; allowed are first and keep.")
        if self.max_wrong_sentinels is not None and self.max_wrong_sentinels < 0:
            raise GlimpseError(f"max_wrong_sentinels is {self.max_wrong_sentinels}; it must be 0 or more.")
        if self.max_exposure_error_ms is not None and not self.max_exposure_error_ms >= 0:
            raise GlimpseError(
                f"max_exposure_error_ms is {self.max_exposure_error_ms}; it must be 0 or more."
            )


COUNTED = (
    "assignment", "worker", "hit", "batch", "study", "source", "submitted_at", "n_answered", "n_trials",
    "n_sentinels", "n_wrong",
)  # fmt: skip


class Exclusion(NamedTuple):
    """What `exclude` finds.

    judgments: those of the results with `excluded` and `reason` filled in.
    assignments: one row an assignment: assignment, worker, hit, batch, study, source, submitted_at,
        n_answered, n_trials, n_sentinels, n_wrong, n_exposure_error, excluded, reason (the first that holds),
        reasons (all, joined by "; ").
    counts: one row a reason: reason, assignments, workers, judgments. An assignment with two reasons counts
        in both rows; an exposure error counts where its assignment stays. The row "any" counts each once.
    results: what the rules were applied to.
    """

    judgments: Judgments
    assignments: pd.DataFrame
    counts: pd.DataFrame
    results: Results

    def __repr__(self) -> str:
        lost = self.counts.set_index("reason").loc["any"]
        judgments, assignments = len(self.judgments), len(self.assignments)
        return (
            f"<Exclusion: {lost['assignments']:,} of {counted(assignments, 'assignment', ',')} and "
            f"{lost['judgments']:,} of {counted(judgments, 'judgment', ',')} excluded>"
        )

    def table(self) -> pd.DataFrame:
        """All judgments, as in judgments.csv.

        `attrs` says which condition is real ("real"), and whether any answer is simulated ("simulated").
        """
        table = self.judgments.table(self.judgments.columns)
        table.attrs |= {"real": self.results.real, "simulated": self.results.simulated}
        return table


def exclude(results: Results, rules: Rules | None = None) -> Exclusion:
    """Apply the rules; everything stays in the tables, marked."""
    rules = rules or Rules()
    table = results.assignments[list(COUNTED)].reset_index(drop=True)
    holds = {
        INCOMPLETE: is_incomplete(table["n_answered"], table["n_trials"]).to_numpy(),
        REPEAT: results.repeated if rules.repeat_workers == "first" else np.zeros(len(table), dtype=bool),
        SENTINELS: fails_sentinels(table["n_wrong"], _allowed(results, rules)).to_numpy()
        & rules.sentinel_filter,
    }
    first = _first_reason(holds, len(table))
    marked = results.judgments.marked(first, rules.max_exposure_error_ms)
    off = _exposure_errors(marked, table)
    table["n_exposure_error"] = off
    table["excluded"] = first > 0
    table["reason"] = np.array(["", *REASONS])[first]
    table["reasons"] = _all_reasons(holds, len(table))
    return Exclusion(marked, table, _counts(table, holds), results)


def _exposure_errors(judgments: Judgments, table: pd.DataFrame) -> NDArray[np.int64]:
    """How many judgments of each assignment were shown for too long or too short."""
    off = np.zeros(len(table), dtype=np.int64)
    if judgments.max_error_ms is not None:
        place = table.reset_index().set_index("assignment")["index"]
        for part in judgments.parts(("assignment", "exposure_ms", "shown_ms")):
            error_ms = (part["shown_ms"] - part["exposure_ms"]).abs()
            far = part["assignment"][error_ms > judgments.max_error_ms].value_counts()
            off[place[far.index].to_numpy()] += far.to_numpy()
    return off


def none_left(assignments: int, found: Mapping[str, int], *, genuine: bool) -> str:
    """Say why nothing is left to analyse. found: judgments by reason; genuine: whether there is any trial
    that is no sentinel."""
    if not genuine:
        return "every answer is to a sentinel; there is no genuine trial to analyse."
    most = sorted(found.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{number} for {reason!r}" for reason, number in most)
    which = f"all {assignments} assignments are" if assignments > 1 else "the only assignment is"
    hints = [hint for reason, hint in REASONS.items() if reason in found]
    return f"{which} excluded (judgments: {listed}). {' '.join(hints)}"


def _allowed(results: Results, rules: Rules) -> int | NDArray[np.int64]:
    """How many wrong sentinels each assignment may have."""
    if rules.max_wrong_sentinels is not None:
        return rules.max_wrong_sentinels
    own = {study: results.max_wrong_of(study) for study in results.studies}
    return np.asarray(results.assignments["study"].map(own), dtype=np.int64)


def _first_reason(holds: dict[str, np.ndarray], size: int) -> np.ndarray:
    """0 where no reason holds, else 1 + the place in REASONS of the first that does."""
    first = np.zeros(size, dtype=np.int8)
    for name in reversed(list(holds)):
        first[holds[name]] = list(REASONS).index(name) + 1
    return first


def _all_reasons(holds: dict[str, NDArray[np.bool_]], size: int) -> NDArray[np.object_]:
    """All reasons that hold of each assignment, joined by "; "."""
    which = np.zeros(size, dtype=np.int64)  # a bit for each reason
    texts = [""]
    for bit, (name, here) in enumerate(holds.items()):
        which |= here.astype(np.int64) << bit
        texts += [f"{text}; {name}" if text else name for text in texts]
    return np.array(texts, dtype=object)[which]


def _counts(table: pd.DataFrame, holds: dict[str, NDArray[np.bool_]]) -> pd.DataFrame:
    """One row a reason, and a last row "any"."""
    workers, answered = table["worker"].to_numpy(), table["n_answered"].to_numpy()
    out = table["excluded"].to_numpy(bool)
    off = np.where(out, 0, table["n_exposure_error"])  # single answers of assignments that stay
    rows = [
        (name, int(here.sum()), len(set(workers[here])), int(answered[here].sum()))
        for name, here in holds.items()
    ]
    rows.append((EXPOSURE, 0, len(set(workers[off > 0])), int(off.sum())))
    lost = np.where(out, answered, off)
    rows.append(("any", int(out.sum()), len(set(workers[out | (off > 0)])), int(lost.sum())))
    return pd.DataFrame(rows, columns=["reason", "assignments", "workers", "judgments"])
