"""assignments.jsonl -> a table of assignments and a file of answers, line by line, so that any number fits.

What is wrong with a line or an answer becomes a Problem, and the rest of the file is read on.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .answer_file import ANSWER
from .plan import SIDES, Problem, correct_left

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from .answer_file import AnswerFile
    from .plan import Plan

STATUSES = ("Submitted", "Approved", "Rejected")
FIELDS = (
    "assignment", "hit", "worker", "status", "accepted_at", "submitted_at", "simulated",
    "user_agent", "viewport_width", "viewport_height", "device_pixel_ratio", "refresh_hz", "focus_losses",
    "n_answered", "n_repeated", "n_sentinels", "n_wrong", "n_measured", "n_off", "first_answer",
)  # fmt: skip
NUMBER_ANSWERED = FIELDS.index("n_answered")
PROBLEM_LIMIT = 1000  # of one file; the rest is counted
FRAMES_OFF = 1.5  # how far, in frames, a repeated trial's exposure may be off to count as good
USUAL_HZ = 60.0
OFF = 0.5  # of the planned exposure: further off than any screen's frame, even at 1/8 s
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


class _UnusableError(ValueError):
    """A line that cannot be used; the text says why."""


def read_answers(
    path: Path, plan: Plan, seen: dict[str, str], file: AnswerFile, first_trial: int = 0
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read assignments.jsonl into a table with FIELDS, one row an assignment, and the answers into `file`.

    seen: maps assignment ids read so far to their folder, and is extended. first_trial: what to add to the
    row of a trial in the plan. n_answered: genuine and sentinel trials with an answer, from place
    `first_answer` of the file on. n_repeated: trials shown again. n_wrong: of n_sentinels. n_off: measured
    exposures, of n_measured, that contradict the plan (see `belonging`). A later line of the same assignment
    changes its status and nothing else. OSError when there is no file.
    """
    log = _Log(str(path))
    reader = _Reader(plan, log, file, first_trial)
    mine: dict[str, int] = {}
    with path.open("rb") as lines:
        for number, raw in enumerate(lines, start=1):
            if not raw.strip():
                continue
            try:
                record = _parse(raw)
                name = _text(record, "assignment_id")
                if name in mine:
                    reader.repeat(mine[name], record, number)
                elif name in seen:
                    raise _UnusableError(
                        f"assignment {name!r} was read from {seen[name]} already; left out here"
                    )
                else:
                    mine[name] = reader.take(record, number)
            except _UnusableError as error:
                log.add(number, str(error))
    seen.update(dict.fromkeys(mine, str(path.parent)))
    return reader.table(), log.close()


def _parse(raw: bytes) -> dict[str, Any]:
    """Parse one line; NaN and Infinity, which JSON does not have, stay as text and are judged as such."""
    try:
        record = json.loads(raw, parse_constant=str)
    except UnicodeDecodeError:
        raise _UnusableError("not UTF-8 text; the line was left out") from None
    except json.JSONDecodeError as error:
        cut = "cut short" if error.pos >= len(raw.decode("utf-8").rstrip()) else f"{error.msg} at {error.pos}"
        raise _UnusableError(f"not JSON ({cut}); the line was left out, the others were read") from None
    except RecursionError:
        raise _UnusableError("nested too deeply to be an assignment; the line was left out") from None
    if not isinstance(record, dict):
        raise _UnusableError(
            f"a JSON object is expected, found {type(record).__name__}; the line was left out"
        )
    return record


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value:
        raise _UnusableError(f"field {name!r} is {value!r}, text is needed; the line was left out")
    return value


def _number(value: Any) -> float:
    """A finite number from a JSON value; NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


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
    return value is None or _number(value) >= 0


def _are_times(values: list[Any]) -> bool:
    """Whether all are times; the usual case, numbers without a gap, at once."""
    if set(map(type, values)) <= {int, float}:
        return not values or (min(values) >= 0 and max(values) <= LONGEST_MS)
    return all(map(_is_time, values))


class _Reader:
    """Collects assignments, and passes their answers on, CHUNK at a time; one instance a file."""

    def __init__(self, plan: Plan, log: _Log, file: AnswerFile, first_trial: int) -> None:
        trials = plan.trials
        self.log = log
        self.file = file
        self.first_trial = first_trial
        self.study_id = plan.study_id
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

    def take(self, record: dict[str, Any], number: int) -> int:
        """Add one assignment; returns its row."""
        stated = record.get("study", self.study_id)
        if stated != self.study_id:
            raise _UnusableError(
                f"answers of study {stated!r}, not of {self.study_id!r}; the line was left out"
            )
        hit = _text(record, "hit")
        if hit not in self.hits:
            raise _UnusableError(f"HIT {hit!r} is not in study {self.study_id!r}; the line was left out")
        worker = _text(record, "worker")
        answers = record.get("answers")
        if not isinstance(answers, list):
            raise _UnusableError(
                f"field 'answers' is {type(answers).__name__}, a list is needed; line left out"
            )
        stated_page = record.get("page")
        page: dict[str, Any] = stated_page if isinstance(stated_page, dict) else {}
        refresh_hz = _number(page.get("refresh_hz"))
        columns, repeated = self._answers(answers, self.hits[hit], refresh_hz, number)
        viewport = page.get("viewport")
        view = [_number(side) for side in viewport] if isinstance(viewport, list) else []
        width, height = [*view, math.nan, math.nan][:2]
        agent = page.get("user_agent")
        self.status.append(self._status(record, number))
        self.owner.append((worker, sys.intern(hit)))
        self.waiting.append(([
            record["assignment_id"], sys.intern(hit), worker, "",
            *(self._when(record, name, number) for name in ("accepted_at", "submitted_at")),
            bool(record.get("simulated")),
            sys.intern(agent) if isinstance(agent, str) else "", width, height,
            _number(page.get("device_pixel_ratio")), refresh_hz, _number(page.get("focus_losses")),
            len(columns[0]), repeated,
        ], columns))  # fmt: skip
        if len(self.waiting) == CHUNK:
            self._pass_on()
        return len(self.status) - 1

    def repeat(self, row: int, record: dict[str, Any], number: int) -> None:
        """A later line of a known assignment: its status holds, its answers do not."""
        for name, first in zip(("worker", "hit"), self.owner[row], strict=True):
            if record.get(name, first) != first:
                raise _UnusableError(
                    f"assignment {record['assignment_id']!r} occurs again with {name} {record[name]!r}, not "
                    f"{first!r}; the line was left out"
                )
        self.status[row] = self._status(record, number)

    def _status(self, record: dict[str, Any], number: int) -> str:
        status = record.get("status", "Submitted")
        if status not in STATUSES:
            self.log.add(
                number, f"status is {status!r}, allowed are {', '.join(STATUSES)}; read as Submitted"
            )
            return "Submitted"
        return str(status)

    def _when(self, record: dict[str, Any], name: str, number: int) -> str:
        """A time stamp in UTC, as written where it is; empty where there is none."""
        value = record.get(name)
        if value is None or value == "":
            return ""
        try:
            time = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            self.log.add(number, f"{name} is {value!r}, not a time in ISO 8601; read as not known")
            return ""
        if not time.utcoffset():
            return str(value)
        return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _answers(
        self, answers: list[Any], hit: int, refresh_hz: float, number: int
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
            kept, repeated = self._repair(answers, hit, refresh_hz, number)
            rows = np.array([self.row_of[answer["trial"]] for answer in kept], dtype=np.int32)
            sides = [answer["side"] for answer in kept]
            response = [answer["response_ms"] for answer in kept]
            shown = [answer["shown_ms"] for answer in kept]
        genuine = ~self.practice[rows]
        left = np.array([side == "left" for side in sides], dtype=np.bool_)
        # None -> NaN: no time was recorded.
        times = [np.array(values, dtype=np.float32) for values in (response, shown)]
        return tuple(column[genuine] for column in (rows, left, *times)), repeated

    def _repair(
        self, answers: list[Any], hit: int, refresh_hz: float, number: int
    ) -> tuple[list[dict[str, Any]], int]:
        """Go through the answers one by one: each is kept, mended or left out with a Problem."""
        kept: dict[str, dict[str, Any]] = {}
        repeated = 0
        for position, answer in enumerate(answers, start=1):
            try:
                mended = self._mend(answer, hit, number)
            except _UnusableError as error:
                self.log.add(number, f"answer {position} {error}; that answer was left out")
                continue
            name = mended["trial"]
            if name not in kept:
                kept[name] = mended
            elif mended["repeat"]:
                repeated += 1
                if self._good(mended, refresh_hz):
                    kept[name] = mended
            else:
                self.log.add(number, f"trial {name!r} is answered twice; the first answer holds")
        return list(kept.values()), repeated

    def _mend(self, answer: Any, hit: int, number: int) -> dict[str, Any]:
        """One answer with its fields checked; times that are no times become None."""
        if not isinstance(answer, dict):
            raise _UnusableError(f"is {type(answer).__name__}, not an object")
        name, side = answer.get("trial"), answer.get("side")
        if not isinstance(name, str) or name not in self.row_of:
            raise _UnusableError(f"is of unknown trial {name!r}")
        if self.hit_of[self.row_of[name]] != hit:
            raise _UnusableError(f"is of trial {name!r}, which belongs to another HIT")
        if side not in SIDES:
            raise _UnusableError(f"has side {side!r}; allowed are left and right")
        mended = {
            "trial": name,
            "side": side,
            "repeat": bool(answer.get("repeat")),
            "flags": answer.get("flags"),
        }
        for key in ("response_ms", "shown_ms"):
            value = answer.get(key)
            mended[key] = value if _is_time(value) else None
            if not _is_time(value):
                self.log.add(
                    number, f"{key} of trial {name!r} is {value!r}, not a time in ms; read as not recorded"
                )
        return mended

    def _good(self, answer: dict[str, Any], refresh_hz: float) -> bool:
        """Whether a repeated trial was shown as planned: no flag of the page, and at most FRAMES_OFF off."""
        if answer["flags"]:
            return False
        planned, shown = self.exposure[self.row_of[answer["trial"]]], answer["shown_ms"]
        if math.isnan(planned) or shown is None:
            return True
        frame_ms = 1000 / (refresh_hz if refresh_hz > 0 else USUAL_HZ)
        return bool(abs(shown - planned) <= FRAMES_OFF * frame_ms)

    def _pass_on(self) -> None:
        """Write the answers that wait into the file, and count what their assignments are judged by."""
        rows, columns = zip(*self.waiting, strict=True)
        trial, left, response, shown = (np.concatenate(parts) for parts in zip(*columns, strict=True))
        counts = [row[NUMBER_ANSWERED] for row in rows]
        own = np.repeat(np.arange(len(rows)), counts)
        sentinel, correct = self.sentinel[trial], self.correct_left[trial]
        planned, measured = self.exposure[trial], np.isfinite(shown)
        # Nothing is measured where a trial lasts until the answer: the plan's NaN compares as off.
        fits = np.abs(shown - planned) <= OFF * planned
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
