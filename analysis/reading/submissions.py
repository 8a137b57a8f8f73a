"""assignments.jsonl -> a table of assignments and a file of answers, line by line, so that any number fits.

What is wrong with a line or an answer becomes a Problem, and the rest of the file is read on.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.counting import fits_plan, replaces
from glimpse.submission import STATUSES, AnswerError, number, read_answer, read_line
from glimpse.trials import SIDES

from .answer_file import ANSWER
from .design import Problem, correct_left

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from glimpse.submission import Answer

    from .answer_file import AnswerFile
    from .design import Design

FIELDS = (
    "assignment", "hit", "worker", "status", "accepted_at", "submitted_at", "simulated",
    "user_agent", "viewport_width", "viewport_height", "device_pixel_ratio", "refresh_hz", "focus_losses",
    "n_answered", "n_repeated", "n_sentinels", "n_wrong", "n_measured", "n_off", "first_answer",
)  # fmt: skip
NUMBER_ANSWERED = FIELDS.index("n_answered")
PROBLEM_LIMIT = 1000  # of one file; the rest is counted
LONGEST_MS = 1e30  # beyond it a number is looked at more closely
TAKE = [itemgetter(name) for name in ("trial", "side", "response_ms", "shown_ms")]
CHUNK = 1024  # assignments


@dataclass
class _Log:
    """Collects problems of one file, the first PROBLEM_LIMIT in full."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    more: int = 0

    def add(self, line: int | None, text: str) -> None:
        if len(self.problems) < PROBLEM_LIMIT:
            self.problems.append(Problem(self.file, line, text))
        else:
            self.more += 1

    def close(self) -> list[Problem]:
        if self.more:
            self.problems.append(
                Problem(self.file, None, f"{self.more} more problems of this kind are not listed")
            )
        return self.problems


def read_answers(
    path: Path, design: Design, seen: dict[str, str], file: AnswerFile, first_trial: int = 0
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read assignments.jsonl into a table with FIELDS, one row an assignment, and the answers into `file`.

    seen: maps assignment ids read so far to their folder, and is extended. first_trial: what to add to the
    row of a trial in the plan. n_answered: genuine and sentinel trials with an answer, from place
    `first_answer` of the file on. n_repeated: trials shown again. n_wrong: of n_sentinels. n_off: measured
    exposures, of n_measured, that contradict the plan (see `belonging`). A later line of the same assignment
    changes its status and nothing else. OSError when there is no file.
    """
    log = _Log(str(path))
    reader = _Reader(design, log, file, first_trial)
    mine: dict[str, int] = {}
    with path.open("rb") as lines:
        for line, raw in enumerate(lines, start=1):
            if not raw.strip():
                continue
            try:
                record = read_line(raw)
                name = _text(record, "assignment_id")
                if name in mine:
                    reader.repeat(mine[name], record, line)
                elif name in seen:
                    raise AnswerError(
                        f"assignment {name!r} was read from {seen[name]} already; left out here"
                    )
                else:
                    mine[name] = reader.take(record, line)
            except AnswerError as error:
                log.add(line, str(error))
    seen.update(dict.fromkeys(mine, str(path.parent)))
    return reader.table(), log.close()


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value:
        raise AnswerError(f"field {name!r} is {value!r}, text is needed; the line was left out")
    return value


def _columns(answers: list[Any]) -> list[list[Any]]:
    """Trials, sides, response_ms and shown_ms of answers; None where a time is missing.

    KeyError, TypeError or AttributeError where an answer is none.
    """
    try:
        return [list(map(take, answers)) for take in TAKE]
    except KeyError:
        times = [[answer.get(name) for answer in answers] for name in ("response_ms", "shown_ms")]
        return [list(map(take, answers)) for take in TAKE[:2]] + times


def _is_time(value: Any) -> bool:
    return value is None or number(value) >= 0


def _are_times(values: list[Any]) -> bool:
    """Whether all are times; the usual case, numbers without a gap, at once."""
    if set(map(type, values)) <= {int, float}:
        return not values or (min(values) >= 0 and max(values) <= LONGEST_MS)
    return all(map(_is_time, values))


class _Reader:
    """Collects assignments, and passes their answers on, CHUNK at a time; one instance a file."""

    def __init__(self, design: Design, log: _Log, file: AnswerFile, first_trial: int) -> None:
        trials = design.trials
        self.log = log
        self.file = file
        self.first_trial = first_trial
        self.study_id = design.study_id
        self.row_of = {name: row for row, name in enumerate(trials["trial"])}
        hits = pd.Categorical(trials["hit"])
        self.hit_of = np.asarray(hits.codes)
        self.hits = {str(name): code for code, name in enumerate(hits.categories)}
        self.practice = trials["practice"].to_numpy(bool)
        self.exposure = trials["exposure_ms"].to_numpy(float)
        self.sentinel = trials["sentinel"].to_numpy(bool)
        self.correct_left = correct_left(trials)
        self.status: list[str] = []
        self.owner: list[tuple[str, str]] = []  # worker and HIT of each assignment
        self.waiting: list[tuple[list[Any], tuple[NDArray[Any], ...]]] = []
        self.done: list[pd.DataFrame] = []

    def take(self, record: dict[str, Any], line: int) -> int:
        """Add one assignment; returns its row."""
        stated = record.get("study", self.study_id)
        if stated != self.study_id:
            raise AnswerError(f"answers of study {stated!r}, not of {self.study_id!r}; the line was left out")
        hit = _text(record, "hit")
        if hit not in self.hits:
            raise AnswerError(f"HIT {hit!r} is not in study {self.study_id!r}; the line was left out")
        worker = _text(record, "worker")
        answers = record.get("answers")
        if not isinstance(answers, list):
            raise AnswerError(f"field 'answers' is {type(answers).__name__}, a list is needed; line left out")
        stated_page = record.get("page")
        page: dict[str, Any] = stated_page if isinstance(stated_page, dict) else {}
        refresh_hz = number(page.get("refresh_hz"))
        columns, repeated = self._answers(answers, self.hits[hit], refresh_hz, line)
        viewport = page.get("viewport")
        view = [number(side) for side in viewport] if isinstance(viewport, list) else []
        width, height = [*view, math.nan, math.nan][:2]
        agent = page.get("user_agent")
        self.status.append(self._status(record, line))
        self.owner.append((worker, sys.intern(hit)))
        self.waiting.append(([
            record["assignment_id"], sys.intern(hit), worker, "",
            *(self._when(record, name, line) for name in ("accepted_at", "submitted_at")),
            bool(record.get("simulated")),
            sys.intern(agent) if isinstance(agent, str) else "", width, height,
            number(page.get("device_pixel_ratio")), refresh_hz, number(page.get("focus_losses")),
            len(columns[0]), repeated,
        ], columns))  # fmt: skip
        if len(self.waiting) == CHUNK:
            self._pass_on()
        return len(self.status) - 1

    def repeat(self, row: int, record: dict[str, Any], line: int) -> None:
        """A later line of a known assignment: its status holds, its answers do not."""
        for name, first in zip(("worker", "hit"), self.owner[row], strict=True):
            if record.get(name, first) != first:
                raise AnswerError(
                    f"assignment {record['assignment_id']!r} occurs again with {name} {record[name]!r}, not "
                    f"{first!r}; the line was left out"
                )
        self.status[row] = self._status(record, line)

    def _status(self, record: dict[str, Any], line: int) -> str:
        status = record.get("status", "Submitted")
        if status not in STATUSES:
            self.log.add(line, f"status is {status!r}, allowed are {', '.join(STATUSES)}; read as Submitted")
            return "Submitted"
        return str(status)

    def _when(self, record: dict[str, Any], name: str, line: int) -> str:
        """A time stamp in UTC, as written where it is; empty where there is none."""
        value = record.get(name)
        if value is None or value == "":
            return ""
        try:
            time = datetime.fromisoformat(value)
            in_utc = time.astimezone(UTC) if time.utcoffset() else None
        except (TypeError, ValueError, OverflowError):
            self.log.add(line, f"{name} is {value!r}, not a time in ISO 8601; read as not known")
            return ""
        return str(value) if in_utc is None else in_utc.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _answers(
        self, answers: list[Any], hit: int, refresh_hz: float, line: int
    ) -> tuple[tuple[NDArray[Any], ...], int]:
        """(trial rows, left, response_ms, shown_ms) of an assignment's answers, and how many were repeats."""
        try:
            names, sides, response, shown = _columns(answers)
            rows = np.array([self.row_of.get(name, -1) for name in names], dtype=np.int32)
            clean = (
                len(set(names)) == len(names)
                and set(sides) <= set(SIDES)
                and _are_times(response)
                and _are_times(shown)
                and bool((rows >= 0).all())
                and bool((self.hit_of[rows] == hit).all())
            )
        except (KeyError, TypeError, AttributeError):
            clean = False
        repeated = 0
        if not clean:
            kept, repeated = self._repair(answers, hit, refresh_hz, line)
            rows = np.array([self.row_of[answer.trial] for answer in kept], dtype=np.int32)
            sides = [answer.side for answer in kept]
            response = [answer.response_ms for answer in kept]
            shown = [answer.shown_ms for answer in kept]
        genuine = ~self.practice[rows]
        left = np.array([side == "left" for side in sides], dtype=np.bool_)
        # None -> NaN: no time was recorded.
        times = [np.array(values, dtype=np.float32) for values in (response, shown)]
        return tuple(column[genuine] for column in (rows, left, *times)), repeated

    def _repair(self, answers: list[Any], hit: int, refresh_hz: float, line: int) -> tuple[list[Answer], int]:
        """Go through the answers one by one: each is kept, mended or left out with a Problem."""
        kept: dict[str, Answer] = {}
        repeated = 0
        for position, record in enumerate(answers, start=1):
            try:
                answer = self._read(record, hit, line)
            except AnswerError as error:
                self.log.add(line, f"answer {position} {error}; that answer was left out")
                continue
            if answer.trial not in kept:
                kept[answer.trial] = answer
            elif answer.repeat:
                repeated += 1
                planned = float(self.exposure[self.row_of[answer.trial]])
                if replaces(answer, None if math.isnan(planned) else planned, refresh_hz):
                    kept[answer.trial] = answer
            else:
                self.log.add(line, f"trial {answer.trial!r} is answered twice; the first answer holds")
        return list(kept.values()), repeated

    def _read(self, record: Any, hit: int, line: int) -> Answer:
        """Read one answer to a trial of the HIT; times that are no times become None."""
        answer = read_answer(record, lambda doubt: self.log.add(line, doubt))
        if answer.trial not in self.row_of:
            raise AnswerError(f"is of unknown trial {answer.trial!r}")
        if self.hit_of[self.row_of[answer.trial]] != hit:
            raise AnswerError(f"is of trial {answer.trial!r}, which belongs to another HIT")
        return answer

    def _pass_on(self) -> None:
        """Write the answers that wait into the file, and count what their assignments are judged by."""
        rows, columns = zip(*self.waiting, strict=True)
        trial, left, response, shown = (np.concatenate(parts) for parts in zip(*columns, strict=True))
        counts = [row[NUMBER_ANSWERED] for row in rows]
        own = np.repeat(np.arange(len(rows)), counts)
        sentinel, correct = self.sentinel[trial], self.correct_left[trial]
        planned, measured = self.exposure[trial], np.isfinite(shown)
        fits = fits_plan(shown, planned)
        wrong = sentinel & (correct >= 0) & (correct != left)
        table = pd.DataFrame(rows, columns=list(FIELDS[: NUMBER_ANSWERED + 2]))
        kinds = (sentinel, wrong, measured, measured & ~fits)
        for name, kind in zip(("n_sentinels", "n_wrong", "n_measured", "n_off"), kinds, strict=True):
            table[name] = np.bincount(own[kind], minlength=len(rows))
        table["first_answer"] = self.file.size + np.cumsum([0, *counts[:-1]])
        answers = np.empty(len(trial), dtype=ANSWER)
        answers["trial"], answers["left"] = trial + self.first_trial, left
        answers["response_ms"], answers["shown_ms"] = response, shown
        self.file.append(answers)
        self.done.append(table)
        self.waiting = []

    def table(self) -> pd.DataFrame:
        """Everything read so far, with FIELDS."""
        if self.waiting:
            self._pass_on()
        if not self.done:
            return pd.DataFrame(columns=list(FIELDS))
        table = pd.concat(self.done, ignore_index=True)
        return table.assign(status=self.status)
