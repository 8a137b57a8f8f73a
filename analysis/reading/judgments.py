"""Judgments, some workers at a time: what is worked on stays small, however many there are.

Every statistic goes over the judgments part by part. A part is a DataFrame, and all judgments of a worker
are in one part, so that what belongs to a worker is complete there; what belongs to a pair or a trial is
summed up over the parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from glimpse.counting import EXPOSURE, REASONS
from glimpse.questions import DEFAULT_QUESTION, SIDES, TIE, value_of
from glimpse.text import counted

from .design import correct_left

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from glimpse.questions import Question

    from .answer_file import AnswerFile

JUDGMENT_COLUMNS = (
    "assignment", "worker", "hit", "trial", "pair", "contrast", "condition_a", "condition_b",
    "item_a", "item_b", "exposure_ms", "shown_ms", "side_of_a", "chosen_side", "chose_a", "response_ms",
    "sentinel", "correct", "excluded", "reason", "source", "question", "choice",
)  # fmt: skip
# Those of studies of clips, beside the others.
CLIP_COLUMNS = ("plays", "skew_ms", "dropped", "stalls")
EXPOSURE_CODE = list(REASONS).index(EXPOSURE) + 1

OF_ASSIGNMENTS = ("assignment", "worker", "hit", "source", "panel")
OF_TRIALS = ("trial", "pair", "contrast", "condition_a", "condition_b", "item_a", "item_b", "side_of_a")
PART = 262_144  # judgments, unless one worker has more


class TextColumn(NamedTuple):
    """A column of texts: `text[code]`."""

    code: NDArray[np.integer]
    text: pd.Index

    @classmethod
    def of(cls, column: pd.Series) -> TextColumn:
        """Of a table's column."""
        short = pd.Categorical(column)
        return cls(np.asarray(short.codes), pd.Index(short.categories))

    def spread(self, rows: NDArray[np.integer]) -> pd.Categorical[Any]:
        """The texts of some rows."""
        return pd.Categorical.from_codes(self.code[rows], self.text, validate=False)


@dataclass(frozen=True)
class Judgments:
    """All judgments of a study: answers in a file, and what the design and the assignments say of them.

    assignments, trials: the texts of OF_ASSIGNMENTS and OF_TRIALS, by row. exposure_ms: (T,), NaN where a
    trial lasts until the answer. sentinel: (T,). correct_left: (T,), see `design.correct_left`. first, count:
    (A,) where an assignment's answers stand in the file. order: rows of the assignments that take part, those
    of a worker together, in the order in which workers appear. reason: (A,) 0, or 1 + the place in REASONS of
    why the assignment is excluded. question, place: what was asked, and which of the file's questions it is.
    max_error_ms: how far a measured exposure may be off.
    """

    file: AnswerFile
    assignments: dict[str, TextColumn]
    trials: dict[str, TextColumn]
    exposure_ms: NDArray[np.float64]
    sentinel: NDArray[np.bool_]
    correct_left: NDArray[np.int8]
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    order: NDArray[np.int64]
    reason: NDArray[np.int8]
    question: Question
    place: int
    max_error_ms: float | None = None

    @classmethod
    def join(
        cls,
        file: AnswerFile,
        assignments: pd.DataFrame,
        trials: pd.DataFrame,
        question: Question = DEFAULT_QUESTION,
        place: int = 0,
        *,
        sentinels_known: bool = True,
    ) -> Judgments:
        """Answers with the tables that they refer to: `Results.assignments` and `Results.trials`.

        sentinels_known: whether it is this question to which the answers of sentinels are known.
        """
        correct = correct_left(trials)
        worker = pd.factorize(assignments["worker"])[0]
        return cls(
            file,
            {name: TextColumn.of(assignments[name]) for name in OF_ASSIGNMENTS},
            {name: TextColumn.of(trials[name]) for name in OF_TRIALS},
            trials["exposure_ms"].to_numpy(float),
            trials["sentinel"].to_numpy(bool),
            correct if sentinels_known else np.full_like(correct, -1),
            assignments["first_answer"].to_numpy(np.int64),
            assignments["n_answered"].to_numpy(np.int64),
            np.argsort(worker, kind="stable"),
            np.zeros(len(assignments), dtype=np.int8),
            question,
            place,
        )

    def __repr__(self) -> str:
        return f"<Judgments: {len(self):,} of {counted(len(self.order), 'assignment', ',')}>"

    def __len__(self) -> int:
        """How many judgments there are."""
        return int(self.count[self.order].sum())

    @property
    def columns(self) -> tuple[str, ...]:
        """JUDGMENT_COLUMNS, where there are clips CLIP_COLUMNS, and `panel` where panels sent people."""
        clips, panels = CLIP_COLUMNS if self.file.clips else (), ("panel",) * any(self.panels)
        return (*JUDGMENT_COLUMNS, *clips, *panels)

    def parts(self, columns: Sequence[str] = JUDGMENT_COLUMNS) -> Iterator[pd.DataFrame]:
        """Some columns of `columns`, PART judgments or one worker at a time.

        Texts are categorical, with the same categories in all parts. `exposure_ms` is NaN for unlimited time;
        `shown_ms` and `response_ms` (float32) are NaN where nothing was recorded; `correct` is <NA> where no
        side is correct; `reason` is empty where `excluded` is False. A tie is no side: `chosen_side` is
        "tie", and `chose_a` <NA>; where a question has no ties, `chose_a` is bool. `choice` is the answer as
        it was given.
        """
        for part in self._parts():
            yield pd.DataFrame({name: part.column(name) for name in columns}, copy=False)

    def coded(self) -> Iterator[tuple[NDArray[np.int64], NDArray[Any], NDArray[np.int8]]]:
        """The same judgments as codes: rows of their assignments, answers (`answer_file.ANSWER`), and 0, or
        1 + the place in REASONS of why each is excluded."""
        for part in self._parts():
            yield part.assignment, part.answers, part.reasons()

    def answers(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """The answers (`answer_file.ANSWER`) of some assignments, one after another."""
        return self.file.read(self.first[rows], self.count[rows], self.place)

    def _parts(self) -> Iterator[_Part]:
        for rows in self._stretches():
            assignment = np.repeat(rows, self.count[rows])
            yield _Part(self, assignment, self.answers(rows))

    def _stretches(self) -> Iterator[NDArray[np.int64]]:
        """Rows of the assignments of a part: those of as many workers as have PART judgments, or of one."""
        worker = self.assignments["worker"].code[self.order]
        ends = np.append(np.flatnonzero(np.diff(worker)) + 1, len(worker))  # of each worker's assignments
        judged = np.cumsum(self.count[self.order])[ends - 1]
        first = 0
        while first < len(ends):
            before, start = (judged[first - 1], ends[first - 1]) if first else (0, 0)
            last = max(int(np.searchsorted(judged, before + PART, side="right")), first + 1)
            yield self.order[start : ends[last - 1]]
            first = last

    def table(self, columns: Sequence[str] = JUDGMENT_COLUMNS) -> pd.DataFrame:
        """All judgments at once, for studies of a usual size."""
        return pd.concat(self.parts(columns), ignore_index=True)

    def marked(self, reason: NDArray[np.int8], max_error_ms: float | None) -> Judgments:
        """The same judgments, excluded by assignment and by measured exposure."""
        return replace(self, reason=reason, max_error_ms=max_error_ms)

    @property
    def sources(self) -> list[str]:
        """The results folders that judgments are of, in the order of their assignments."""
        return self._texts("source")

    def of_source(self, name: str) -> Judgments:
        """Those of one results folder."""
        return self._of("source", name)

    @property
    def panels(self) -> list[str]:
        """The panels that sent whoever judged, in the order of their assignments; empty for nobody's."""
        return self._texts("panel")

    def of_panel(self, name: str) -> Judgments:
        """Those of the people whom one panel sent."""
        return self._of("panel", name)

    @property
    def any_counts(self) -> bool:
        """Whether the assignment of any judgment is not excluded."""
        return bool((self.reason[self.order] == 0).any())

    def _texts(self, column: str) -> list[str]:
        of = self.assignments[column]
        return list(dict.fromkeys(of.text[of.code[np.sort(self.order)]]))

    def _of(self, column: str, name: str) -> Judgments:
        of = self.assignments[column]
        return replace(self, order=self.order[of.text[of.code[self.order]] == name])


class _Part(NamedTuple):
    """Some answers with the row of their assignment; a method for each column that is not a text."""

    of: Judgments
    assignment: NDArray[np.int64]
    answers: NDArray[Any]

    def column(self, name: str) -> Any:
        """One of `Judgments.columns`."""
        if name in self.of.assignments:
            return self.of.assignments[name].spread(self.assignment)
        if name in self.of.trials:
            return self.of.trials[name].spread(self.answers["trial"])
        return getattr(self, name)()

    def exposure_ms(self) -> Any:
        """NaN where a trial lasts until the answer."""
        return self.of.exposure_ms[self.answers["trial"]]

    def shown_ms(self) -> Any:
        """NaN where none was measured."""
        return self.answers["shown_ms"].copy()

    def response_ms(self) -> Any:
        """NaN where none was recorded."""
        return self.answers["response_ms"].copy()

    def plays(self) -> Any:
        """How often the pair was started; <NA> where that was not recorded."""
        return self._counted("plays")

    def skew_ms(self) -> Any:
        """How much later the left clip began to move, NaN where no frame told."""
        return self.answers["skew_ms"].copy()

    def dropped(self) -> Any:
        """Frames of both clips that never were on the screen."""
        return self._counted("dropped")

    def stalls(self) -> Any:
        """How often a clip waited."""
        return self._counted("stalls")

    def _counted(self, name: str) -> Any:
        count = self.answers[name].astype(np.int32)
        return pd.arrays.IntegerArray(count, count < 0)

    def chosen_side(self) -> Any:
        """As a text."""
        ties = [TIE] if self.of.question.kind.tie else []
        code = np.select([self.answers["value"] < 0, self.answers["value"] > 0], [0, 1], 2)
        return pd.Categorical.from_codes(code, pd.Index([*SIDES, *ties]))

    def chose_a(self) -> Any:
        """Whether the side of condition A was chosen."""
        side, value = self.of.trials["side_of_a"], self.answers["value"]
        chose = (value < 0) == (side.text == "left")[side.code[self.answers["trial"]]]
        return pd.arrays.BooleanArray(chose, value == 0) if self.of.question.kind.tie else chose

    def question(self) -> Any:
        """The question's name."""
        one = np.zeros(len(self.answers), dtype=np.int8)
        return pd.Categorical.from_codes(one, pd.Index([self.of.question.name]))

    def choice(self) -> Any:
        """The answer as it was given."""
        kind, value = self.of.question.kind, self.answers["value"]
        code = np.searchsorted([value_of(answer) for answer in kind.answers], value)
        return pd.Categorical.from_codes(code, pd.Index(list(kind.answers)))

    def sentinel(self) -> Any:
        """Whether the answer is known."""
        return self.of.sentinel[self.answers["trial"]]

    def correct(self) -> Any:
        """<NA> where no side is."""
        left = self.of.correct_left[self.answers["trial"]]
        return pd.arrays.BooleanArray(np.sign(self.answers["value"]) == 1 - 2 * left, left < 0)

    def excluded(self) -> Any:
        """Whether any reason holds."""
        return self.reasons() > 0

    def reason(self) -> Any:
        """The first that holds, as a text."""
        return pd.Categorical.from_codes(self.reasons(), pd.Index(["", *REASONS]))

    def reasons(self) -> NDArray[np.int8]:
        """0, or 1 + the place in REASONS, of each judgment."""
        code: NDArray[np.int8] = self.of.reason[self.assignment]
        if self.of.max_error_ms is not None:
            mark_exposure_errors(
                code, np.abs(self.answers["shown_ms"] - self.exposure_ms()) > self.of.max_error_ms
            )
        return code


def mark_exposure_errors(reason: NDArray[np.int8], off: NDArray[np.bool_]) -> None:
    """Enter the reason of those judgments that were shown for too long or too short, where none ranks
    before it."""
    reason[off & ((reason == 0) | (reason > EXPOSURE_CODE))] = EXPOSURE_CODE


def parts_of(judgments: Judgments | pd.DataFrame, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Parts with some columns; a DataFrame is one part, and may lack what is not needed of it."""
    if isinstance(judgments, pd.DataFrame):
        yield judgments[[name for name in dict.fromkeys(columns) if name in judgments]]
    else:
        yield from judgments.parts(tuple(dict.fromkeys(columns)))
