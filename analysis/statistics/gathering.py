"""One reading of the judgments: everything that the statistics count, as arrays of codes.

What a trial is follows from the design: its cell, its sides, its images. So an answer is four numbers (its
assignment, its trial, its side, and why it is left out, if it is) and two times, 16 bytes in all. Every
statistic is arithmetic on these arrays; none goes back to the answers as they were collected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from glimpse.counting import REASONS, SENTINELS
from glimpse.errors import GlimpseError, NothingLeftError
from glimpse.questions import DEFAULT_QUESTION, AnswerKind, share_right, value_of
from glimpse.text import counted

from ..reading.exclusion import none_left
from ..reading.judgments import Judgments, mark_exposure_errors
from .coding import codes_of_rows, column_of, outcome_of, texts_of, trials_of, values_of
from .runs import Runs
from .sharing import Seen, met_again, stretches

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Codes = NDArray[np.integer]
    Floats = NDArray[np.float64]

CELL_KEYS = ["contrast", "condition_a", "condition_b", "exposure_ms"]
NO_REASON = ""
EVERY = slice(None)
OF_TRIAL = (
    "trial", "contrast", "exposure_ms", "side_of_a", "pair", "condition_a", "item_a", "condition_b", "item_b",
    "sentinel", "correct_left",
)  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """What each of T trials shows; every array is (T,).

    cell: row of `Gathered.cells`, -1 for a sentinel. exposure_ms: as planned, NaN for unlimited time.
    a_left: whether condition A stands left. image_a, image_b: codes of the images, of one numbering. item_a,
    item_b, pair: codes. correct_left: 1, 0, or -1 where no side is known to be right. items, pairs: the texts
    of these codes.
    """

    cell: Codes
    exposure_ms: NDArray[np.float64]
    a_left: NDArray[np.bool_]
    image_a: Codes
    image_b: Codes
    item_a: Codes
    item_b: Codes
    pair: Codes
    correct_left: Codes
    items: pd.Index
    pairs: pd.Index

    @classmethod
    def of(cls, table: pd.DataFrame, cells: pd.DataFrame, asked: NDArray[np.bool_]) -> Shown:
        """From a table with OF_TRIAL, one row a trial; GlimpseError for a genuine one outside of `cells`.

        asked: (T,) whether a trial has answers; others, such as practice, need no cell.
        """
        item, items = pd.factorize(_one_after_another(table["item_a"], table["item_b"]))
        conditions = pd.factorize(_one_after_another(table["condition_a"], table["condition_b"]))[0]
        image = pd.factorize(conditions.astype(np.int64) * len(items) + item)[0]
        pair, pairs = pd.factorize(_one_after_another(table["pair"]), sort=True)  # bootstraps draw the same
        T = len(table)
        cell = place(table["contrast"], table["exposure_ms"], cells)
        sentinel = table["sentinel"].to_numpy(bool)
        if (cell[asked & ~sentinel] < 0).any():
            raise GlimpseError(
                "some judgments belong to no cell of the design; pass the design of their study."
            )
        return cls(
            np.where(sentinel, -1, cell), table["exposure_ms"].to_numpy(float),
            (table["side_of_a"] == "left").to_numpy(), image[:T], image[T:], item[:T], item[T:], pair,
            table["correct_left"].to_numpy(np.int8), pd.Index(texts_of(items)), pd.Index(texts_of(pairs)),
        )  # fmt: skip

    def seen(self) -> Seen:
        """The images and pairs."""
        return Seen(self.image_a, self.image_b, self.pair)


@dataclass(frozen=True)
class Gathered:
    """All judgments of a study, sentinels and excluded ones too.

    cells: CELL_KEYS, in the order of the design. shown: of the trials, by code.
    Of each of A assignments (A,): worker, hit and source, codes. workers, assignments, sources: their texts.
    parts: stretches of answers, each of some workers with all that they answered.
    Of each of N answers (N,), those of a worker together: assignment and trial, codes; outcome, the place of
    the answer among those of its kind, from right to left, so that of a choice 1 is left; reason, 0 or the
    place in `reasons` of why it is left out. Times stay where they are (`times`), since only descriptions ask
    for them. kind: of the answers. sided: whether it is known which condition stood left; where it is not,
    condition A does in every trial.
    """

    cells: pd.DataFrame
    shown: Shown
    worker: Codes
    workers: pd.Index
    assignments: pd.Index
    source: Codes
    sources: pd.Index
    hit: Codes | None
    parts: tuple[slice, ...]
    assignment: Runs
    trial: NDArray[np.int16] | NDArray[np.int32]
    outcome: NDArray[np.int8]
    reason: NDArray[np.int8]
    reasons: tuple[str, ...]
    clock: Judgments | tuple[NDArray[np.float32], NDArray[np.float32]]
    kind: AnswerKind = DEFAULT_QUESTION.kind
    sided: bool = True

    def __len__(self) -> int:
        """How many answers there are."""
        return len(self.trial)

    def __repr__(self) -> str:
        return f"<Gathered: {counted(len(self), 'judgment', ',')} in {counted(len(self.cells), 'cell')}>"

    def marked(self, reason: NDArray[np.int8], max_error_ms: float | None) -> Gathered:
        """The same answers under other rules of exclusion (see `Judgments.marked`)."""
        codes = self.assignment.spread(reason)
        for here in self.parts if max_error_ms is not None else ():
            shown_ms = self.times(here)[1]
            off = np.abs(shown_ms - self.shown.exposure_ms[self.trial[here]]) > max_error_ms
            mark_exposure_errors(codes[here], off)
        return replace(self, reason=codes)

    def times(self, part: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """response_ms and shown_ms of a part's answers, NaN where nothing was recorded."""
        if isinstance(self.clock, tuple):
            return self.clock[0][part], self.clock[1][part]
        rows = self.assignment[part].astype(np.int64)
        rows = rows[np.flatnonzero(np.diff(rows, prepend=-1))]
        answers = self.clock.answers(rows)
        return answers["response_ms"], answers["shown_ms"]

    def played(self, part: slice) -> NDArray[Any] | None:
        """How the clips of a part's answers played (`answer_file.PLAYED`); None of images, and of a table."""
        if isinstance(self.clock, tuple) or not self.clock.file.clips:
            return None
        rows = self.assignment[part].astype(np.int64)
        return self.clock.answers(rows[np.flatnonzero(np.diff(rows, prepend=-1))])

    def analysed(self, *, filtered: bool = True) -> NDArray[np.bool_]:
        """Which answers (N,) are analysed: not excluded, and no sentinels.

        filtered: False puts back what the sentinel rule alone excludes. NothingLeftError where none is left.
        """
        keep = self.reason == 0
        if not filtered and SENTINELS in self.reasons:
            keep |= self.reason == self.reasons.index(SENTINELS)
        keep &= (self.shown.cell >= 0)[self.trial]
        if not keep.any():
            raise NothingLeftError(self._none_left())
        return np.asarray(keep)

    def _none_left(self) -> str:
        genuine = bool((self.shown.cell[self.trial] >= 0).any())
        counts = np.bincount(self.reason, minlength=len(self.reasons)).tolist()
        found = {name: count for name, count in zip(self.reasons, counts, strict=True) if name and count}
        return none_left(len(np.unique(self.assignment.value)), found, genuine=genuine)

    @cached_property
    def left_share(self) -> Floats:
        """How much of a choice each outcome gives to the left side: 1, 0, or of a tie 1/2."""
        return np.array([1 - share_right(answer) for answer in reversed(self.kind.answers)])

    @cached_property
    def points(self) -> NDArray[np.int64]:
        """What each outcome is worth on its scale, positive towards the left side."""
        return -np.array([value_of(answer) for answer in reversed(self.kind.answers)], dtype=np.int64)

    def left(self, at: slice | Codes = EVERY) -> NDArray[np.bool_]:
        """Whether each of some answers chose the left side."""
        own = self.outcome[at]
        return np.asarray((self.points > 0)[own]) if self.kind.tie else own.view(np.bool_)

    def decided(self, at: slice | Codes = EVERY) -> NDArray[np.bool_]:
        """Whether each of some answers chose a side."""
        own = self.outcome[at]
        return np.asarray((self.points != 0)[own]) if self.kind.tie else np.ones(len(own), dtype=bool)

    def right(self, at: slice | Codes = EVERY) -> NDArray[np.bool_]:
        """Whether each of some answers chose the side that is known to be right; False where none is."""
        correct = self.shown.correct_left[self.trial[at]]
        left = self.left(at)
        return np.asarray((correct >= 0) & ((correct == 1) == left) & self.decided(at))

    def chose_a(self) -> Any:
        """How much of a choice each answer (N,) gives to condition A: bool, or where there are ties float."""
        a_left = self.shown.a_left[self.trial]
        if not self.kind.tie:
            return np.asarray(self.left() == a_left)
        left = self.left_share[self.outcome]
        return np.where(a_left, left, 1 - left)

    def met_again(self, at: Codes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether the worker of each of some answers met an image of it, or its pair, in another: two (N,).

        at: numbers of answers, all that their workers gave or fewer. Of a worker who did one HIT its trials
        tell.
        """
        assignment, trial = self.assignment[at], self.trial[at]
        worker, seen = self.worker[assignment], self.shown.seen()
        if self._met_in_hit is None:
            return met_again(worker, trial, seen)
        image, pair = (met[trial] for met in self._met_in_hit)
        more = np.flatnonzero(self._several[assignment])
        if len(more):
            image[more], pair[more] = met_again(worker[more], trial[more], seen)
        return image, pair

    @cached_property
    def _several(self) -> NDArray[np.bool_]:
        """Whether the worker of each assignment did several."""
        return np.asarray(np.bincount(self.worker)[self.worker] > 1)

    @cached_property
    def _met_in_hit(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """Whether an image, or the pair, of each trial is in another trial of its HIT: two (T,)."""
        if self.hit is None:
            return None
        seen = self.shown.seen()
        hit = np.zeros(len(seen.pair), dtype=np.int64)
        for here in self.parts:
            hit[self.trial[here]] = self.hit[self.assignment[here]]
        return met_again(hit, np.arange(len(hit)), seen)


def gather(judgments: Judgments | pd.DataFrame | Gathered, cells: pd.DataFrame | None = None) -> Gathered:
    """Read judgments once, as marked by `exclusion.exclude`.

    cells: `design_cells`; None takes those that occur. GlimpseError for judgments outside of `cells`.
    """
    if isinstance(judgments, Gathered):
        return judgments
    if isinstance(judgments, pd.DataFrame):
        return _from_table(judgments, cells)
    return _from_answers(judgments, cells)


def _from_answers(judgments: Judgments, cells: pd.DataFrame | None) -> Gathered:
    """From the answers of results folders."""
    trials, assignments = judgments.trials, judgments.assignments
    code = trials["trial"].code
    # A trial that two folders of one study bring is one trial.
    kinds, first = np.unique(code, return_index=True)
    renamed = np.searchsorted(kinds, code).astype(np.int16 if len(kinds) <= 2**15 else np.int32)
    table = pd.DataFrame({name: column.spread(first) for name, column in trials.items()}, copy=False)
    table = table.assign(
        exposure_ms=judgments.exposure_ms[first], sentinel=judgments.sentinel[first],
        correct_left=judgments.correct_left[first],
    )  # fmt: skip
    N = len(judgments)
    trial = np.empty(N, dtype=renamed.dtype)
    outcome, reason = np.empty(N, dtype=np.int8), np.empty(N, dtype=np.int8)
    kind = judgments.question.kind
    at, parts = 0, []
    for rows, answers, reasons in judgments.coded():
        here = slice(at, at + len(rows))
        trial[here] = renamed[answers["trial"]]
        outcome[here] = outcome_of(answers["value"], kind)
        reason[here] = reasons
        at += len(rows)
        parts.append(here)
    asked = np.bincount(trial, minlength=len(table)) > 0
    cells = occurring_cells(table[asked & ~table["sentinel"]]) if cells is None else cells
    return Gathered(
        cells, Shown.of(table, cells, asked), assignments["worker"].code, assignments["worker"].text,
        assignments["assignment"].text[assignments["assignment"].code], assignments["source"].code,
        assignments["source"].text, assignments["hit"].code, tuple(parts),
        Runs.counted(judgments.order, judgments.count[judgments.order]), trial, outcome, reason,
        (NO_REASON, *REASONS), judgments, kind,
    )  # fmt: skip


def _from_table(given: pd.DataFrame, cells: pd.DataFrame | None) -> Gathered:
    """From a table of judgments, which may lack what is not asked of it."""
    together = np.argsort(pd.factorize(given["worker"])[0], kind="stable")
    table = given.iloc[together].reset_index(drop=True)
    worker, workers = pd.factorize(texts_of(table["worker"]), sort=True)  # so that bootstraps draw the same
    a_left = np.asarray(column_of(table, "side_of_a", "left") == "left")
    value, kind = values_of(table, a_left)
    left = value < 0
    of_trial = trials_of(table, a_left, left, value != 0)
    known = [name for name in OF_TRIAL if name in of_trial]
    trial, first = codes_of_rows(of_trial[known])
    table_of_trials = of_trial.iloc[first].reset_index(drop=True)
    genuine = table_of_trials[~table_of_trials["sentinel"].to_numpy(bool)]
    cells = occurring_cells(genuine) if cells is None else cells
    assignment, assignments = pd.factorize(texts_of(column_of(table, "assignment", table["worker"])))
    _, first_of = np.unique(assignment, return_index=True)
    source, sources = pd.factorize(texts_of(column_of(table, "source", ""))[first_of])
    why = texts_of(column_of(table, "reason", "excluded"))
    text = np.where(table["excluded"].to_numpy(bool), np.where(why == "", "excluded", why), "")
    reasons = (NO_REASON, *sorted({*text} - {""}))
    times = [
        np.asarray(column_of(table, name, np.nan), dtype=np.float32) for name in ("response_ms", "shown_ms")
    ]
    return Gathered(
        cells, Shown.of(table_of_trials, cells, np.ones(len(first), dtype=bool)), worker[first_of],
        pd.Index(workers), pd.Index(assignments), source, pd.Index(sources), None, tuple(stretches(worker)),
        Runs.of(assignment), trial.astype(np.int32), outcome_of(value, kind),
        np.array([reasons.index(name) for name in text], dtype=np.int8), reasons, (times[0], times[1]), kind,
    )  # fmt: skip


def _one_after_another(*columns: pd.Series) -> Any:
    """Columns of texts as one; it costs little where they are categorical, as those of a design are."""
    if all(isinstance(column.dtype, pd.CategoricalDtype) for column in columns):
        return union_categoricals([column.array for column in columns], sort_categories=True)
    return np.concatenate([texts_of(column) for column in columns])


def design_cells(trials: pd.DataFrame, contrasts: Iterable[Sequence[str]] = ()) -> pd.DataFrame:
    """The cells that a design holds (CELL_KEYS), by contrast and exposure.

    contrasts: pairs of conditions in the order wanted, as experiment["contrasts"]; others follow by name.
    """
    shown = trials[~trials["sentinel"] & ~trials["practice"]]
    cells = shown[CELL_KEYS].drop_duplicates().astype(dict.fromkeys(CELL_KEYS[:3], str))
    names = [":".join(pair) for pair in contrasts]
    names += sorted(set(cells["contrast"]) - set(names))
    at = cells["contrast"].map({name: number for number, name in enumerate(names)}).astype(int)
    ordered = cells.assign(place=at).sort_values(["place", "exposure_ms"])
    return ordered[CELL_KEYS].reset_index(drop=True)


def occurring_cells(trials: pd.DataFrame) -> pd.DataFrame:
    """The cells of some trials (CELL_KEYS), by contrast and exposure."""
    keys = ["contrast", "exposure_ms"]
    cells = trials[keys].astype({"contrast": str}).drop_duplicates().sort_values(keys)
    sides = [name.partition(":") for name in cells["contrast"]]
    cells = cells.assign(condition_a=[a for a, _, _ in sides], condition_b=[b for _, _, b in sides])
    return cells[CELL_KEYS].reset_index(drop=True)


def place(contrast: pd.Series, exposure_ms: pd.Series, cells: pd.DataFrame) -> NDArray[np.int64]:
    """The row of `cells` of each contrast and exposure, -1 where it has none."""
    names, exposures = (pd.Index(cells[name].unique()) for name in ("contrast", "exposure_ms"))
    rows = np.full((len(names) + 1, len(exposures) + 1), -1)
    rows[names.get_indexer(cells["contrast"]), exposures.get_indexer(cells["exposure_ms"])] = range(
        len(cells)
    )
    code, texts = pd.factorize(contrast)
    of_contrast = names.get_indexer(pd.Index(texts).astype(str))
    return np.asarray(rows[of_contrast[code], exposures.get_indexer(exposure_ms)])
