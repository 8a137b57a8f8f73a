"""assignments.jsonl -> a table of assignments and a file of answers, a chunk at a time; any number fits.

What is wrong with a line or an answer becomes a Problem, and the rest of the file is read on. `lines` parses
usual lines, in several processes where the file is large (see `ranges`); `careful` reads all others.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from glimpse.counting import fits_plan
from glimpse.submission import AnswerError, read_line

from .careful import TIMES, CarefulReader, ProblemLog, text_of
from .design import correct_left
from .lines import Head, TrialIndex
from .ranges import chunks

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from .answer_file import AnswerFile
    from .design import Design, Problem
    from .lines import Chunk

FIELDS = (*Head._fields, "n_sentinels", "n_wrong", "n_measured", "n_off", "first_answer")


class ReadAnswers(NamedTuple):
    """What `read_answers` returns: assignments, problems, and whether any line holds more than answers."""

    assignments: pd.DataFrame
    problems: list[Problem]
    says_more: bool


def read_answers(
    path: Path, design: Design, seen: dict[str, str], file: AnswerFile, first_trial: int = 0
) -> ReadAnswers:
    """Read assignments.jsonl into a table with FIELDS, one row an assignment, and the answers into `file`.

    seen: maps assignment ids read so far to their folder, and is extended. first_trial: what to add to the
    row of a trial in the plan. n_answered: genuine and sentinel trials with an answer, from place
    `first_answer` of the file on. n_repeated: trials shown again. n_wrong: of n_sentinels. n_off: measured
    exposures, of n_measured, that contradict the plan (see `belonging`). A later line of the same assignment
    changes its status and nothing else. OSError when there is no file.
    """
    log = ProblemLog(str(path))
    reader = _Reader(design, log, file, seen, first_trial)
    with closing(chunks(path, reader.index)) as found:
        for chunk in found:
            reader.add(chunk)
    seen.update(dict.fromkeys(reader.row_of, str(path.parent)))
    return ReadAnswers(reader.table(), log.close(), reader.says_more)


def _index(design: Design, first_trial: int, *, clips: bool) -> TrialIndex:
    trials = design.trials
    hits = pd.Categorical(trials["hit"])
    return TrialIndex(
        design.study_id,
        {name: row for row, name in enumerate(trials["trial"])},
        {str(name): code for code, name in enumerate(hits.categories)},
        np.asarray(hits.codes),
        trials["practice"].to_numpy(bool),
        trials["exposure_ms"].to_numpy(float),
        first_trial,
        design.questions,
        clips,
    )


class _Reader:
    """Collects assignments, and passes their answers on, a chunk at a time; one instance a file."""

    def __init__(
        self, design: Design, log: ProblemLog, file: AnswerFile, seen: dict[str, str], first_trial: int
    ) -> None:
        self.index = _index(design, first_trial, clips=file.clips)
        self.careful = CarefulReader(self.index, log)
        self.log = log
        self.file = file
        self.raw = np.dtype((np.void, file.dtype.itemsize))  # an answer as bytes: many are joined sooner
        self.judged_by = design.questions.index(design.judged_by)
        self.seen = seen
        self.climbed = design.study["experiment"].get("staircase") is not None
        self.sentinel = design.trials["sentinel"].to_numpy(bool)
        self.correct_left = correct_left(design.trials)
        self.lines = 0  # read so far
        self.says_more = False
        self.row_of: dict[str, int] = {}  # of each assignment
        self.status: list[str] = []
        self.owner: list[tuple[str, str]] = []  # worker and HIT of each assignment
        self.waiting: list[tuple[Head, NDArray[Any]]] = []
        self.done: list[pd.DataFrame] = []

    def add(self, chunk: Chunk) -> None:
        """Take the lines that follow those read so far."""
        self.says_more |= chunk.says_more
        place, answers = 0, chunk.answers.view(self.raw)
        for entry in chunk.lines:
            self.lines += 1
            try:
                if isinstance(entry, Head):
                    start, place = place, place + entry.n_answered
                    self._usual(entry, answers[start:place])
                elif entry is not None:
                    self._unusual(entry)
            except AnswerError as error:
                self.log.add(self.lines, str(error))
        if self.waiting:
            self._pass_on()

    def _usual(self, head: Head, answers: NDArray[Any]) -> None:
        if not self._is_new(head.assignment):
            self._repeat(head.assignment, {"worker": head.worker, "hit": head.hit, "status": head.status})
            return
        times = [self.careful.time(getattr(head, name), name, self.lines) for name in TIMES]
        if times != [head.accepted_at, head.submitted_at]:
            head = head._replace(accepted_at=times[0], submitted_at=times[1])
        self._take(head, answers)

    def _unusual(self, raw: bytes) -> None:
        record = read_line(raw)
        name = text_of(record, "assignment_id")
        if self._is_new(name):
            head, answers = self.careful.read(record, self.lines)
            self._take(head, answers.view(self.raw))
        else:
            self._repeat(name, record)

    def _is_new(self, name: str) -> bool:
        """Whether an assignment is not of this file; AnswerError where another has it."""
        if name in self.row_of:
            return False
        if name in self.seen:
            raise AnswerError(f"assignment {name!r} was read from {self.seen[name]} already; left out here")
        return True

    def _take(self, head: Head, answers: NDArray[Any]) -> None:
        self.row_of[head.assignment] = len(self.status)
        self.status.append(head.status)
        self.owner.append((head.worker, head.hit))
        self.waiting.append((head, answers))

    def _repeat(self, name: str, record: dict[str, Any]) -> None:
        """A later line of a known assignment: its status holds, its answers do not."""
        row = self.row_of[name]
        for field, first in zip(("worker", "hit"), self.owner[row], strict=True):
            if record.get(field, first) != first:
                raise AnswerError(
                    f"assignment {name!r} occurs again with {field} {record[field]!r}, not "
                    f"{first!r}; the line was left out"
                )
        self.status[row] = self.careful.status(record, self.lines)

    def _pass_on(self) -> None:
        """Write the answers that wait into the file, and count what their assignments are judged by."""
        heads, parts = zip(*self.waiting, strict=True)
        answers = np.concatenate(parts).view(self.file.dtype)
        trial, shown = answers["trial"] - self.index.first_trial, answers["shown_ms"]
        counts = np.array([head.n_answered for head in heads])
        own = np.repeat(np.arange(len(heads)), counts)
        sentinel, correct = self.sentinel[trial], self.correct_left[trial]
        measured, fits = np.isfinite(shown), fits_plan(shown, self.index.exposure_ms[trial])
        if self.climbed:  # no exposure was planned
            fits = np.ones_like(measured)
        value = answers["value"] if answers["value"].ndim == 1 else answers["value"][:, self.judged_by]
        wrong = sentinel & (correct >= 0) & (np.sign(value) != 1 - 2 * correct)
        table = pd.DataFrame(heads, columns=list(Head._fields))
        kinds = (sentinel, wrong, measured, measured & ~fits)
        for name, kind in zip(("n_sentinels", "n_wrong", "n_measured", "n_off"), kinds, strict=True):
            table[name] = np.bincount(own[kind], minlength=len(heads))
        table["first_answer"] = self.file.size + np.cumsum(counts) - counts
        self.file.append(answers)
        self.done.append(table)
        self.waiting = []

    def table(self) -> pd.DataFrame:
        """Everything read so far, with FIELDS."""
        if not self.done:
            return pd.DataFrame(columns=list(FIELDS))
        return pd.concat(self.done, ignore_index=True).assign(status=self.status)
