"""What a worker sent: MTurk's answer XML, and the JSON that our page puts into it. Pure.

A page posts form fields; MTurk keeps them as a `QuestionFormAnswers` document. Our page sends one field,
`answers`, which holds everything as compact JSON. All of it comes from outside: nothing here trusts it, and
everything that is not as it should be ends in an `AnswerError` that says what was found.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from glimpse.errors import GlimpseError

NAMESPACE = (
    "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2005-10-01/QuestionFormAnswers.xsd"
)
FIELD = "answers"
SCHEMA = 1
MAX_CHARACTERS = 1_000_000
MAX_ANSWERS = 5_000
LONGEST_NAME = 200
LARGEST = 1e15
SIDES = ("left", "right")
NUMBERS = ("response_ms", "shown_ms", "frames", "onset_ms")

_NUMERIC = (float, int)
# Characters that no XML 1.0 document may hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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

    def final(self) -> dict[str, Answer]:
        """Return the record that counts for each trial, as the analysis counts them.

        The first one, unless the trial was shown again and nothing went wrong in that second showing.
        """
        chosen: dict[str, Answer] = {}
        for answer in self.answers:
            if answer.trial not in chosen or (answer.repeat and not answer.flags):
                chosen[answer.trial] = answer
        return chosen


def encode(fields: dict[str, str]) -> str:
    """Return form fields as MTurk's answer XML; characters that XML cannot hold become U+FFFD."""
    rows = "".join(
        f"<Answer><QuestionIdentifier>{_text(name)}</QuestionIdentifier><FreeText>{_text(value)}</FreeText></Answer>"
        for name, value in fields.items()
    )
    head = '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
    return f'{head}<QuestionFormAnswers xmlns="{NAMESPACE}">{rows}</QuestionFormAnswers>'


def _text(value: str) -> str:
    # A parser turns a bare carriage return into a line feed; a character reference survives.
    return escape(_FORBIDDEN.sub("\ufffd", value), {"\r": "&#13;"})


def parse_answer_xml(xml: str) -> dict[str, str]:
    """Return the fields of MTurk's answer XML; a field given twice has its values joined by `|`.

    Raises AnswerError for what is not such a document, and for entities and document types, which none needs.
    """
    if len(xml) > 2 * MAX_CHARACTERS:
        raise AnswerError(f"answer XML of {len(xml)} characters; at most {2 * MAX_CHARACTERS} are read")
    try:
        root = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise AnswerError(f"answer XML cannot be read: {error or type(error).__name__}") from None
    if _local(root.tag) != "QuestionFormAnswers":
        raise AnswerError(f"answer XML starts with <{_local(root.tag)}>, not with <QuestionFormAnswers>")
    fields: dict[str, list[str]] = {}
    for answer in root:
        children = [(_local(child.tag), child.text or "") for child in answer]
        names = [text for tag, text in children if tag == "QuestionIdentifier"]
        if _local(answer.tag) != "Answer" or len(names) != 1:
            raise AnswerError("answer XML holds something else than <Answer> with one <QuestionIdentifier>")
        fields.setdefault(names[0], []).extend(text for tag, text in children if tag != "QuestionIdentifier")
    return {name: "|".join(values) for name, values in fields.items()}


def _local(tag: Any) -> str:
    return str(tag).rpartition("}")[2]


def read_submission(xml: str) -> Submission:
    """Return the submission inside an assignment's answer XML; raises AnswerError when it is malformed."""
    fields = parse_answer_xml(xml)
    if FIELD not in fields:
        found = ", ".join(sorted(fields)[:5]) or "none"
        raise AnswerError(f"no field {FIELD!r} in the answer; fields found: {found}")
    return parse_submission(fields[FIELD])


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
    page = data.get("page", {})
    if not isinstance(page, dict):
        raise AnswerError(f"submission: 'page' is {_kind(page)}, not an object")
    return Submission(
        study=_string(data, "study"),
        hit=_string(data, "hit"),
        page=page,
        answers=tuple(_answer(record, number) for number, record in enumerate(answers, start=1)),
        simulated=data.get("simulated") is True
        or str(page.get("user_agent", "")).startswith("glimpse-simulator"),
    )


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _answer(record: Any, number: int) -> Answer:
    # What JSON gives has exactly these types, and there are a hundred answers in each of 100,000 submissions.
    if type(record) is not dict:
        raise AnswerError(f"answer {number} is {_kind(record)}, not an object")
    side, repeat, flags = record.get("side"), record.get("repeat", 0), record.get("flags") or []
    if side not in SIDES:
        raise AnswerError(f"answer {number}: 'side' is {_short(side)}; allowed are left and right")
    if type(repeat) is not int or not 0 <= repeat <= 100:
        raise AnswerError(f"answer {number}: 'repeat' is {_short(repeat)}; allowed is a count from 0")
    if type(flags) is not list or not all(type(flag) is str for flag in flags):
        raise AnswerError(f"answer {number}: 'flags' is {_short(flags)}, not a list of words")
    response_ms, shown_ms = record.get("response_ms"), record.get("shown_ms")
    frames, onset_ms = record.get("frames"), record.get("onset_ms")
    for value in (response_ms, shown_ms, frames, onset_ms):
        if value is not None and not (type(value) in _NUMERIC and -LARGEST < value < LARGEST):
            name = next(name for name in NUMBERS if record.get(name) is value)
            raise AnswerError(f"answer {number}: {name!r} is {_short(value)}, not a number")
    trial = record.get("trial")
    if type(trial) is not str or not 0 < len(trial) <= LONGEST_NAME:
        raise AnswerError(f"answer {number}: 'trial' is {_short(trial)}, not a short text")
    frames = None if frames is None else round(frames)
    return Answer(trial, side, response_ms, shown_ms, frames, onset_ms, repeat, tuple(flags), record)


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
