"""What a page sends, and what becomes of it in results: a line of assignments.jsonl. One reader, one writer.

A page sends its answers as JSON in one form field, `answers`. Of a study that asks one choice, a record has
the `side` chosen and one `response_ms`; of any other, `choices` and `response_ms` by question. `collect` and
`import-results` write a line of assignments.jsonl from it, `simulate` from simulated workers; the analysis
reads these lines. All of it comes from outside: nothing here trusts it, and what is not as it should be ends
in an `AnswerError`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from glimpse.errors import GlimpseError
from glimpse.playing import CLIP_FLAGS, PLAYED, Playing, read_playing
from glimpse.questions import KINDS, MOST_QUESTIONS, MOST_STEPS, SIDES, TIE, is_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from glimpse.questions import Choice, Question

FIELD = "answers"
ASSIGNMENTS, SIMULATION = "assignments.jsonl", "simulation.json"  # of a results folder
SCHEMAS = (1, 2)  # 1: one choice a trial; 2: several questions, other kinds of answers, forms
ONLY = ""  # under which the answer to a study's one question stands
MAX_CHARACTERS = 1_048_576  # of what a page sends: as many as a form of the server may have bytes
MAX_ANSWERS = 5_000
MAX_DEPTH = 32  # of lists and objects within one another; a page's own submission has four
LONGEST_NAME = 200
LARGEST = 1e15
NUMBERS = ("shown_ms", "frames", "onset_ms")
LONGEST_TEXT = 10_000  # of an answer to a form, and of a comment
MOST_FIELDS = 100
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
    **CLIP_FLAGS,
}

_NUMERIC = (float, int)


class AnswerError(GlimpseError):
    """A submission that is not what our page sends; the text says what was found."""


class JsonText(str):
    """JSON that goes into a line of assignments.jsonl as it is."""

    __slots__ = ()


class Answer(NamedTuple):
    """One record of a submission: a trial, shown and answered.

    `choices` and `response_ms` have an entry a question; that of a study's one choice stands under ONLY.
    Times are in milliseconds, `frames` in screen refreshes; `shown_ms`, `frames` and `onset_ms` are None
    where the page had no exposure to measure. `repeat` is 1 for the second showing of a trial whose first
    exposure was flagged. `playing` is of clips.
    """

    trial: str
    choices: Mapping[str, Choice]
    response_ms: Mapping[str, float | None]
    shown_ms: float | None
    frames: int | None
    onset_ms: float | None
    repeat: int
    flags: tuple[str, ...]
    playing: Playing = Playing()

    def choice(self, question: Question) -> Choice | None:
        """Return the answer to a question; None where there is none of its kind."""
        found = self.choices.get(question.name, self.choices.get(ONLY))
        return found if question.kind.admits(found) else None

    def answers_all(self, questions: Sequence[Question]) -> bool:
        """Tell whether every question has an answer of its kind; one side answers one choice."""
        if ONLY in self.choices and not is_plain(questions):
            return False
        return all(self.choice(question) is not None for question in questions)


@dataclass(frozen=True)
class Submission:
    """What the page of one HIT sent: which HIT, on what screen, and every answer in the order given.

    `form` has what was entered in the study's forms, by field; `comment` what was said at the end;
    `consented_at` is when the participant agreed, in UTC and ISO 8601, empty where the page did not say.
    `trials` has the trial of each answer, `records` the answers as they were received: objects, or the JSON
    of their list.
    """

    study: str
    hit: str
    page: dict[str, Any]
    answers: Sequence[Answer]
    simulated: bool
    trials: Sequence[str] = ()
    records: Sequence[Any] | JsonText = ()
    form: dict[str, str] = field(default_factory=dict)
    comment: str = ""
    consented_at: str = ""

    @property
    def refresh_hz(self) -> float:
        """The screen's refresh rate in Hz as the page measured it; NaN where it says none."""
        return number(self.page.get("refresh_hz"))

    def body(self) -> dict[str, Any]:
        """Return what a line of assignments.jsonl has of it, as it was received.

        `form`, `comment` and `consented_at` stand there only where something was said. Those that are texts
        come before `page`, so that `read_head` reads no answers.
        """
        texts = {"consented_at": self.consented_at, "comment": self.comment}
        body: dict[str, Any] = {name: text for name, text in texts.items() if text}
        body |= {"page": self.page, "answers": self.records}
        return body | ({"form": self.form} if self.form else {})


def parse_with_care(text: str) -> Submission:
    """Return any submission, as `glimpse.sent.parse_submission` does, which reads usual ones faster."""
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
    if data.get("schema") not in SCHEMAS:
        raise AnswerError(f"submission has schema {_short(data.get('schema'))}; this version reads 1 and 2")
    answers = data.get("answers")
    if not isinstance(answers, list):
        raise AnswerError(f"submission: 'answers' is {_kind(answers)}, not a list")
    if len(answers) > MAX_ANSWERS:
        raise AnswerError(f"submission has {len(answers)} answers; at most {MAX_ANSWERS} are read")
    # Every answer has up to three brackets of its own, so that this looks closer at hardly any submission.
    own = len(answers) * (1 if data["schema"] == 1 else 3)
    if text.count("[") + text.count("{") - own > MAX_DEPTH and _is_deep(data):
        raise AnswerError(f"submission is nested more than {MAX_DEPTH} levels deep")
    page = data.get("page", {})
    if not isinstance(page, dict):
        raise AnswerError(f"submission: 'page' is {_kind(page)}, not an object")
    study, hit, read = _string(data, "study"), _string(data, "hit"), _answers(answers)
    return Submission(
        study=study,
        hit=hit,
        page=page,
        answers=read,
        simulated=is_simulated(data.get("simulated"), page),
        trials=[answer.trial for answer in read],
        records=answers,
        form=_form(data.get("form", {})),
        comment=_long_text("comment", data.get("comment", "")),
        consented_at=_long_text("consented_at", data.get("consented_at", ""))[:LONGEST_NAME],
    )


def is_simulated(stated: Any, page: dict[str, Any]) -> bool:
    """Tell whether a submission says that it is simulated: by itself, or by the browser's name."""
    return stated is True or str(page.get("user_agent", "")).startswith(SIMULATOR)


def _form(value: Any) -> dict[str, str]:
    """Return what was entered in forms, by field; AnswerError for anything else."""
    if not isinstance(value, dict) or len(value) > MOST_FIELDS:
        raise AnswerError(f"submission: 'form' is {_short(value)}, not up to {MOST_FIELDS} texts by name")
    return {name[:LONGEST_NAME]: _long_text(f"form.{name[:40]}", entry) for name, entry in value.items()}


def _long_text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise AnswerError(f"submission: {name!r} is {_short(value)}, not a text of up to {LONGEST_TEXT}")
    return value


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
    trial = record.get("trial")
    if type(trial) is not str or not 0 < len(trial) <= LONGEST_NAME:
        raise AnswerError(f"is of unknown trial {_short(trial)}")
    choices = read_choices(record)
    repeat, flags = record.get("repeat", 0), record.get("flags") or []
    if type(repeat) is not int or not 0 <= repeat <= 100:
        raise AnswerError(f"has repeat {_short(repeat)}; allowed is a count from 0")
    flags = [flags] if type(flags) is str else flags
    if type(flags) is not list or not all(type(flag) is str for flag in flags):
        raise AnswerError(f"has flags {_short(flags)}, not a list of words")
    times = [record.get(name) for name in NUMBERS]
    for place, value in enumerate(times):
        least = 0 if place < 1 else -LARGEST
        if value is not None and not (type(value) in _NUMERIC and least <= value < LARGEST):
            times[place] = None
            _report(NUMBERS[place], trial, value, doubt)
    shown_ms, frames, onset_ms = times
    frames = None if frames is None else round(frames)
    response_ms = _response_times(record, trial, choices, doubt)
    playing = Playing()
    if not PLAYED.isdisjoint(record):
        playing = read_playing(record, lambda name, value, wanted: _report(name, trial, value, doubt, wanted))
    return Answer(trial, choices, response_ms, shown_ms, frames, onset_ms, repeat, tuple(flags), playing)


def read_choices(record: dict[str, Any]) -> dict[str, Choice]:
    """Return a record's answers by question, the one `side` of version 1 under ONLY; AnswerError for others.

    Whether an answer is of its question's kind the study says: see `Answer.choice`.

    >>> read_choices({"side": "left"}), read_choices({"choices": {"quality": -2, "alignment": "tie"}})
    ({'': 'left'}, {'quality': -2, 'alignment': 'tie'})
    """
    if "choices" not in record:
        side = record.get("side")
        if side not in SIDES:
            raise AnswerError(f"has side {_short(side)}; allowed are left and right")
        return {ONLY: side}
    choices = record["choices"]
    if type(choices) is not dict or not 1 <= len(choices) <= MOST_QUESTIONS:
        raise AnswerError(f"has choices {_short(choices)}, not 1 to {MOST_QUESTIONS} answers by question")
    for name, choice in choices.items():
        if not any(kind.admits(choice) for kind in KINDS.values()):
            raise AnswerError(
                f"has {_short(choice)} for question {_short(name)}; allowed are left, right, {TIE} and whole "
                f"numbers from -{MOST_STEPS} to {MOST_STEPS}"
            )
    return choices


def _response_times(
    record: dict[str, Any], trial: str, choices: dict[str, Choice], doubt: Callable[[str], None] | None
) -> dict[str, float | None]:
    """Return the response times by question; None where none was recorded."""
    stated = record.get("response_ms")
    if "choices" not in record:
        stated = {ONLY: stated}
    elif type(stated) is not dict:
        _report("response_ms", trial, stated, doubt)
        stated = {}
    found: dict[str, float | None] = {}
    for name in choices:
        value = stated.get(name)
        if value is not None and not (type(value) in _NUMERIC and 0 <= value < LARGEST):
            _report("response_ms", trial, value, doubt)
            value = None
        found[name] = value
    return found


def _report(name: str, trial: str, value: Any, doubt: Callable[[str], None] | None, wanted: str = "") -> None:
    """Refuse a number that is none, or tell `doubt` of it; `wanted`: what is allowed, if not a time."""
    if doubt is None:
        raise AnswerError(f"has {name} {_short(value)}, not {wanted or 'a number of ms'}")
    doubt(f"{name} of trial {trial!r} is {value!r}, not {wanted or 'a time in ms'}; read as not recorded")


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
    `simulated` and `Submission.body`, and, where something was wrong with the submission, `problem`, and
    `raw` if it cannot be read. `study` is the study's id, None where files do not say it.
    """
    line = {"assignment_id": assignment_id, "study": study, "hit": hit, "hit_id": hit_id, "worker": worker}
    if study is None:
        del line["study"]
    return {**line, "status": status, "accepted_at": times[0], "submitted_at": times[1], **body}


def write_lines(lines: Iterable[dict[str, Any]], *, compact: bool = False) -> str:
    """Return assignments.jsonl, or what is to be added to it; `compact` saves the spaces and the escapes."""
    options: dict[str, Any] = {"separators": (",", ":"), "ensure_ascii": False} if compact else {}
    return "".join(_in_json(line, options) + "\n" for line in lines)


def _in_json(line: dict[str, Any], options: dict[str, Any]) -> str:
    if not any(type(value) is JsonText for value in line.values()):
        return json.dumps(line, **options)
    parts: list[str] = []
    others: dict[str, Any] = {}  # written together: a call for each takes longer than all of them
    for name, value in line.items():
        if type(value) is JsonText:
            parts += [json.dumps(others)[1:-1]] if others else []
            parts.append(f"{json.dumps(name)}: {value}")
            others = {}
        else:
            others[name] = value
    parts += [json.dumps(others)[1:-1]] if others else []
    return f"{{{', '.join(parts)}}}"


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
