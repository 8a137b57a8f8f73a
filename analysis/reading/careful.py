"""A line of assignments.jsonl, whatever it holds: each answer is kept, mended or left out with a Problem."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.counting import replaces
from glimpse.questions import SIDES, value_of
from glimpse.submission import ONLY, STATUSES, AnswerError, number, read_answer

from .answer_file import answers_dtype
from .design import Problem
from .lines import Head, played_of, put_played

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpse.submission import Answer

    from .lines import TrialIndex

PROBLEM_LIMIT = 1000  # of one file; the rest is counted
TIMES = ("accepted_at", "submitted_at")
LONGEST_MS = 1e30  # beyond it a number is looked at more closely
TAKE = [itemgetter(name) for name in ("trial", "side", "response_ms", "shown_ms")]
# A time stamp as `collect` writes it. datetime also reads other forms, and may move 24:00 to the next day.
USUAL_TIME = re.compile(r"[1-9]\d{3}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\dZ", re.ASCII)


@dataclass
class ProblemLog:
    """Collects problems of one file, the first PROBLEM_LIMIT in full."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    more: int = 0

    def add(self, line: int | None, text: str) -> None:
        """Note a problem of a line, or of the file."""
        if len(self.problems) < PROBLEM_LIMIT:
            self.problems.append(Problem(self.file, line, text))
        else:
            self.more += 1

    def close(self) -> list[Problem]:
        """Return the problems, and how many more there are."""
        if self.more:
            self.problems.append(
                Problem(self.file, None, f"{self.more} more problems of this kind are not listed")
            )
        return self.problems


def text_of(record: dict[str, Any], name: str) -> str:
    """Return a field that needs text; AnswerError where it holds none."""
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


class CarefulReader:
    """Reads lines of one file, and tells its log what is wrong with them."""

    def __init__(self, index: TrialIndex, log: ProblemLog) -> None:
        self.index = index
        self.log = log

    def read(self, record: dict[str, Any], line: int) -> tuple[Head, NDArray[Any]]:
        """Return an assignment and its answers, of the dtype of their file, without practice.

        AnswerError where the line is none of this study.
        """
        stated = record.get("study", self.index.study)
        if stated != self.index.study:
            raise AnswerError(
                f"answers of study {stated!r}, not of {self.index.study!r}; the line was left out"
            )
        hit = text_of(record, "hit")
        if hit not in self.index.hits:
            raise AnswerError(f"HIT {hit!r} is not in study {self.index.study!r}; the line was left out")
        worker = text_of(record, "worker")
        answers = record.get("answers")
        if not isinstance(answers, list):
            raise AnswerError(f"field 'answers' is {type(answers).__name__}, a list is needed; line left out")
        stated_page = record.get("page")
        page: dict[str, Any] = stated_page if isinstance(stated_page, dict) else {}
        refresh_hz = number(page.get("refresh_hz"))
        kept, repeated = self._answers(answers, self.index.hits[hit], refresh_hz, line)
        viewport = page.get("viewport")
        view = [number(side) for side in viewport] if isinstance(viewport, list) else []
        width, height = [*view, math.nan, math.nan][:2]
        agent, panel = page.get("user_agent"), record.get("panel")
        status = self.status(record, line)
        accepted_at, submitted_at = (self.time(record.get(name), name, line) for name in TIMES)
        head = Head(
            record["assignment_id"], sys.intern(hit), worker, status, accepted_at, submitted_at,
            bool(record.get("simulated")), sys.intern(agent) if isinstance(agent, str) else "", width, height,
            number(page.get("device_pixel_ratio")), refresh_hz, number(page.get("focus_losses")),
            len(kept), repeated, sys.intern(panel) if isinstance(panel, str) else "",
        )  # fmt: skip
        return head, kept

    def status(self, record: dict[str, Any], line: int) -> str:
        """Return the status; Submitted where it is none."""
        status = record.get("status", "Submitted")
        if status not in STATUSES:
            self.log.add(line, f"status is {status!r}, allowed are {', '.join(STATUSES)}; read as Submitted")
            return "Submitted"
        return str(status)

    def time(self, value: Any, name: str, line: int) -> str:
        """Return a time stamp in UTC, as written where it has no offset; empty where there is none."""
        if value is None or value == "":
            return ""
        try:
            time = datetime.fromisoformat(value)
            if USUAL_TIME.fullmatch(value):
                return str(value)
            in_utc = time.astimezone(UTC) if time.utcoffset() else None
        except (TypeError, ValueError, OverflowError):
            self.log.add(line, f"{name} is {value!r}, not a time in ISO 8601; read as not known")
            return ""
        return str(value) if in_utc is None else in_utc.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _answers(
        self, answers: list[Any], hit: int, refresh_hz: float, line: int
    ) -> tuple[NDArray[Any], int]:
        """Return an assignment's answers, and how many were repeats."""
        clips = self.index.clips
        repeated, usual = 0, self._usual(answers, hit) if self.index.plain and not clips else None
        if usual is not None:
            rows, values, response, shown = usual
        else:
            kept, repeated = self._repair(answers, hit, refresh_hz, line)
            rows = np.array([self.index.row_of[answer.trial] for answer in kept], dtype=np.int32)
            values, response = self._of_questions(kept)
            shown = [answer.shown_ms for answer in kept]
        found = np.empty(len(rows), dtype=answers_dtype(len(self.index.questions), clips=clips))
        shape = found["value"].shape
        found["trial"] = rows + self.index.first_trial
        found["value"] = np.array(values, dtype=np.int8).reshape(shape)
        # None -> NaN: no time was recorded.
        found["response_ms"] = np.array(response, dtype=np.float32).reshape(shape)
        found["shown_ms"] = np.array(shown, dtype=np.float32)
        if clips:
            put_played(found, played_of((answer.playing, answer.flags) for answer in kept))
        return found[~self.index.practice[rows]], repeated

    def _usual(
        self, answers: list[Any], hit: int
    ) -> tuple[NDArray[np.int32], list[int], list[float | None], list[float | None]] | None:
        """Return rows, values, response_ms and shown_ms; None unless all answers are usual ones."""
        try:
            names, sides, response, shown = _columns(answers)
            rows = np.array([self.index.row_of.get(name, -1) for name in names], dtype=np.int32)
            clean = (
                len(set(names)) == len(names)
                and set(sides) <= set(SIDES)
                and _are_times(response)
                and _are_times(shown)
                and bool((rows >= 0).all())
                and bool((self.index.hit_of[rows] == hit).all())
            )
        except (KeyError, TypeError, AttributeError):
            return None
        return (rows, [value_of(side) for side in sides], response, shown) if clean else None

    def _of_questions(self, kept: list[Answer]) -> tuple[list[int], list[float | None]]:
        """Values and response times, question by question within an answer."""
        asked = self.index.questions
        values = [value_of(answer.choice(one) or 0) for answer in kept for one in asked]
        response = [
            answer.response_ms.get(one.name, answer.response_ms.get(ONLY)) for answer in kept for one in asked
        ]
        return values, response

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
                if replaces(answer, self.index.planned_ms(answer.trial), refresh_hz):
                    kept[answer.trial] = answer
            else:
                self.log.add(line, f"trial {answer.trial!r} is answered twice; the first answer holds")
        return list(kept.values()), repeated

    def _read(self, record: Any, hit: int, line: int) -> Answer:
        """Read one answer to a trial of the HIT; times that are no times become None."""
        answer = read_answer(record, lambda doubt: self.log.add(line, doubt))
        if answer.trial not in self.index.row_of:
            raise AnswerError(f"is of unknown trial {answer.trial!r}")
        for question in self.index.questions:
            if answer.choice(question) is None or not (self.index.plain or "choices" in record):
                allowed = ", ".join(map(str, question.kind.answers))
                raise AnswerError(f"does not answer question {question.name!r} by one of {allowed}")
        if self.index.hit_of[self.index.row_of[answer.trial]] != hit:
            raise AnswerError(f"is of trial {answer.trial!r}, which belongs to another HIT")
        return answer
