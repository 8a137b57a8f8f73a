"""What a page sends, and what becomes of it in results: a line of assignments.jsonl. One reader, one writer.

A page sends its answers as JSON in one form field, `answers`. `collect` and `import-results` write a line of
assignments.jsonl from it, `simulate` from simulated workers; the analysis reads these lines. All of it comes
from outside: nothing here trusts it, and what is not as it should be ends in an `AnswerError`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from glimpse.errors import GlimpseError
from glimpse.trials import SIDES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FIELD = "answers"
ASSIGNMENTS, SIMULATION = "assignments.jsonl", "simulation.json"  # of a results folder
SCHEMA = 1
MAX_CHARACTERS = 1_048_576  # of what a page sends: as many as a form of the server may have bytes
MAX_ANSWERS = 5_000
MAX_DEPTH = 32  # of lists and objects within one another; a page's own submission has four
LONGEST_NAME = 200
LARGEST = 1e15
NUMBERS = ("response_ms", "shown_ms", "frames", "onset_ms")
STATUSES = ("Submitted", "Approved", "Rejected")
SIMULATOR = "glimpse-simulator"  # how our simulator names itself where browsers name themselves
# What a page may note of a trial; one with a flag is shown again, and counts if that goes well.
FLAGS = {
    "late": "the animation frame after the onset came late",
    "long": "the images stayed for more frames than planned",
    "audit": "the browser's own record of what it displayed differs from the plan by more than a frame",
    "hidden": "the page was hidden during the exposure",
    "blur": "the page lost the focus during the exposure",
    "resize": "the window changed its size during the exposure",
    "reload": "the page was loaded again after the images had been shown",
}

_NUMERIC = (float, int)


class AnswerError(GlimpseError):
    """A submission that is not what our page sends; the text says what was found."""


class Answer(NamedTuple):
    """One record of a submission: a trial, shown and answered.

    `side` is "left" or "right"; times are in milliseconds, `frames` in screen refreshes; `shown_ms`, `frames`
    and `onset_ms` are None where the page had no exposure to measure. `repeat` is 1 for the second showing of
    a trial whose first exposure was flagged. `record` is the object as it was received.
    """

    trial: str
    side: str
    response_ms: float | None
    shown_ms: float | None
    frames: int | None
    onset_ms: float | None
    repeat: int
    flags: tuple[str, ...]
    record: dict[str, Any]


@dataclass(frozen=True)
class Submission:
    """What the page of one HIT sent: which HIT, on what screen, and every answer in the order given."""

    study: str
    hit: str
    page: dict[str, Any]
    answers: tuple[Answer, ...]
    simulated: bool

    @property
    def refresh_hz(self) -> float:
        """The screen's refresh rate in Hz as the page measured it; NaN where it says none."""
        return number(self.page.get("refresh_hz"))


def parse_submission(text: str) -> Submission:
    """Return the submission written in the page's JSON; raises AnswerError when it is malformed."""
    if len(text) > MAX_CHARACTERS:
        raise AnswerError(f"submission of {len(text)} characters; at most {MAX_CHARACTERS} are read")
    try:
        data = json.loads(text, parse_constant=_no_constant)
        if "\\ud" in text.lower() or not text.isascii():
            json.dumps(data, ensure_ascii=False).encode()  # half a surrogate pair can be stored nowhere
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"submission is not JSON: {error or type(error).__name__}") from None
    if not isinstance(data, dict):
        raise AnswerError(f"submission is {_kind(data)}, not an object")
    if data.get("schema") != SCHEMA:
        raise AnswerError(f"submission has schema {_short(data.get('schema'))}; this version reads {SCHEMA}")
    answers = data.get("answers")
    if not isinstance(answers, list):
        raise AnswerError(f"submission: 'answers' is {_kind(answers)}, not a list")
    if len(answers) > MAX_ANSWERS:
        raise AnswerError(f"submission has {len(answers)} answers; at most {MAX_ANSWERS} are read")
    # Every answer has one bracket of its own, so that this looks closer at hardly any submission.
    if text.count("[") + text.count("{") - len(answers) > MAX_DEPTH and _is_deep(data):
        raise AnswerError(f"submission is nested more than {MAX_DEPTH} levels deep")
    page = data.get("page", {})
    if not isinstance(page, dict):
        raise AnswerError(f"submission: 'page' is {_kind(page)}, not an object")
    return Submission(
        study=_string(data, "study"),
        hit=_string(data, "hit"),
        page=page,
        answers=_answers(answers),
        simulated=data.get("simulated") is True or str(page.get("user_agent", "")).startswith(SIMULATOR),
    )


def _is_deep(data: Any) -> bool:
    """Tell whether lists and objects stand within one another deeper than MAX_DEPTH.

    What can just be read at some depth of Python's stack cannot always be written at another.
    """
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
    return bool(level)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _answers(records: list[Any]) -> tuple[Answer, ...]:
    answers = []
    for place, record in enumerate(records, start=1):
        try:
            answers.append(read_answer(record))
        except AnswerError as error:
            raise AnswerError(f"answer {place} {error}") from None
    return tuple(answers)


def read_answer(record: Any, doubt: Callable[[str], None] | None = None) -> Answer:
    """Read one record of a submission or of a line of assignments.jsonl.

    AnswerError, to follow "answer 7", says what is wrong. With `doubt`, a time that is none becomes None
    instead, and `doubt` is told.
    """
    # What JSON gives has exactly these types, and there are a hundred answers in each of 100,000 submissions.
    if type(record) is not dict:
        raise AnswerError(f"is {type(record).__name__}, not an object")
    trial, side = record.get("trial"), record.get("side")
    if type(trial) is not str or not 0 < len(trial) <= LONGEST_NAME:
        raise AnswerError(f"is of unknown trial {_short(trial)}")
    if side not in SIDES:
        raise AnswerError(f"has side {_short(side)}; allowed are left and right")
    repeat, flags = record.get("repeat", 0), record.get("flags") or []
    if type(repeat) is not int or not 0 <= repeat <= 100:
        raise AnswerError(f"has repeat {_short(repeat)}; allowed is a count from 0")
    flags = [flags] if type(flags) is str else flags
    if type(flags) is not list or not all(type(flag) is str for flag in flags):
        raise AnswerError(f"has flags {_short(flags)}, not a list of words")
    times = [record.get(name) for name in NUMBERS]
    for place, value in enumerate(times):
        least = 0 if place < 2 else -LARGEST
        if value is not None and not (type(value) in _NUMERIC and least <= value < LARGEST):
            times[place] = None
            _report(NUMBERS[place], trial, value, doubt)
    response_ms, shown_ms, frames, onset_ms = times
    frames = None if frames is None else round(frames)
    return Answer(trial, side, response_ms, shown_ms, frames, onset_ms, repeat, tuple(flags), record)


def _report(name: str, trial: str, value: Any, doubt: Callable[[str], None] | None) -> None:
    """Refuse a number that is none, or tell `doubt` of it."""
    if doubt is None:
        raise AnswerError(f"has {name} {_short(value)}, not a number of ms")
    doubt(f"{name} of trial {trial!r} is {value!r}, not a time in ms; read as not recorded")


def number(value: Any) -> float:
    """Return a finite number from a JSON value; NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        found = float(value)
    except OverflowError:
        return math.nan
    return found if math.isfinite(found) else math.nan


def _string(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise AnswerError(f"submission: {key!r} is {_short(value)}, not a short text")
    return value


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "missing"}
    return names.get(type(value), "a number")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def assignment_line(
    assignment_id: str,
    hit: str,
    hit_id: str,
    worker: str,
    *,
    status: str,
    times: tuple[str | None, str | None],
    body: dict[str, Any],
    study: str | None = None,
) -> dict[str, Any]:
    """Return a line of assignments.jsonl.

    `worker` is a pseudonym; `times` are those of acceptance and submission, in UTC and ISO 8601; `body` has
    `simulated`, `page` and `answers` as they were sent, and, of a submission that cannot be read, `problem`
    and `raw`. `study` is the study's id, None where files do not say it.
    """
    line = {"assignment_id": assignment_id, "study": study, "hit": hit, "hit_id": hit_id, "worker": worker}
    if study is None:
        del line["study"]
    return {**line, "status": status, "accepted_at": times[0], "submitted_at": times[1], **body}


def write_lines(lines: Iterable[dict[str, Any]], *, compact: bool = False) -> str:
    """Return assignments.jsonl, or what is to be added to it; `compact` saves the spaces and the escapes."""
    options: dict[str, Any] = {"separators": (",", ":"), "ensure_ascii": False} if compact else {}
    return "".join(json.dumps(line, **options) + "\n" for line in lines)


def read_line(raw: bytes) -> dict[str, Any]:
    """Read one line of assignments.jsonl; AnswerError says why it is none.

    NaN and Infinity, which JSON does not have, stay as text and are judged as such.
    """
    try:
        line = json.loads(raw, parse_constant=str)
    except UnicodeDecodeError:
        raise AnswerError("not UTF-8 text; the line was left out") from None
    except json.JSONDecodeError as error:
        cut = "cut short" if error.pos >= len(error.doc.rstrip()) else f"{error.msg} at {error.pos}"
        raise AnswerError(f"not JSON ({cut}); the line was left out, the others were read") from None
    except RecursionError:
        raise AnswerError("nested too deeply to be an assignment; the line was left out") from None
    except ValueError:  # a number of thousands of digits
        raise AnswerError("holds a number that is too long; the line was left out") from None
    if not isinstance(line, dict):
        raise AnswerError(f"a JSON object is expected, found {type(line).__name__}; the line was left out")
    return line


def read_head(raw: bytes) -> dict[str, Any] | None:
    """Read what stands before the answers of a line that `collect` wrote; None for what is no such line."""
    head, found, _ = raw.partition(b', "page": ')
    try:
        # A quotation mark inside a JSON text is escaped, so that this cannot be found within a value. A line
        # that ends in a text has a `problem`, and is read whole.
        line = json.loads(head + b"}" if found and not raw.rstrip().endswith(b'"}') else raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict) or not isinstance(line.get("assignment_id"), str):
        return None
    return {**line, "hit_id": str(line.get("hit_id"))}
