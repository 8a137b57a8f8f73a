"""MTurk's answer XML: form fields in, `QuestionFormAnswers` out, and back. Pure.

Our page sends one field, `answers`, which `glimpse.sent` reads. All of it comes from outside: nothing
here trusts it, and what is not as it should be ends in an `AnswerError` that says what was found.
"""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from glimpse.sent import parse_submission, read_sent
from glimpse.submission import FIELD, MAX_CHARACTERS, AnswerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from glimpse.submission import Submission

NAMESPACE = (
    "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2005-10-01/QuestionFormAnswers.xsd"
)
# What the server takes from a page is what every reader here reads: a longer answer is refused at the door.
MAX_XML = 2 * MAX_CHARACTERS
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
_START = f'{_HEAD}<QuestionFormAnswers xmlns="{NAMESPACE}">'
_END = "</QuestionFormAnswers>"
# Of an answer with one field: what stands before its name, between name and text, and behind the text.
_FIRST = f"{_START}<Answer><QuestionIdentifier>"
_BETWEEN, _LAST = "</QuestionIdentifier><FreeText>", f"</FreeText></Answer>{_END}"
_OURS = f"{_FIRST}{FIELD}{_BETWEEN}"  # what stands before a submission of our page
_MARKS = ("<", ">", "&", "\r")
# ASCII that is not text as it stands; a tab and a line feed are.
_NO_TEXT = bytes({*range(32), *b"<>&"} - {*b"\t\n"})
# Characters that no XML 1.0 document may hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def encode(fields: dict[str, str], chosen: Mapping[str, list[tuple[str, str]]] | None = None) -> str:
    """Return form fields as MTurk's answer XML; characters that XML cannot hold become U+FFFD.

    `chosen`: by question of a QuestionForm what was chosen, as (SelectionIdentifier or OtherSelectionText,
    text).
    """
    answers = {name: [("FreeText", value)] for name, value in fields.items()} | dict(chosen or {})
    rows = "".join(
        f"<Answer><QuestionIdentifier>{_text(name)}</QuestionIdentifier>"
        + "".join(f"<{tag}>{_text(value)}</{tag}>" for tag, value in parts)
        + "</Answer>"
        for name, parts in answers.items()
    )
    return f"{_START}{rows}{_END}"


def _text(value: str) -> str:
    # Nothing that is forbidden is printable, and most answers are: to look at each character takes long.
    allowed = value if value.isprintable() else _FORBIDDEN.sub("\ufffd", value)
    # A parser turns a bare carriage return into a line feed; a character reference survives.
    return escape(allowed, {"\r": "&#13;"})


# What stands in place of a withdrawn answer. No page can send it: a form without a field is refused.
WITHDRAWN = encode({})


def parse_answer_xml(xml: str) -> dict[str, str]:
    """Return the fields of MTurk's answer XML; a field given twice has its values joined by `|`.

    Raises AnswerError for what is not such a document, and for entities and document types, which none needs.
    """
    if len(xml) > MAX_XML:
        raise AnswerError(f"answer XML of {len(xml)} characters; at most {MAX_XML} are read")
    return _one_field(xml) or _fields(xml)


def _one_field(xml: str) -> dict[str, str] | None:
    """Return the field of XML that `encode` wrote of one, with nothing to unescape; None for other XML."""
    if not (xml.startswith(_FIRST) and xml.endswith(_LAST) and xml.isascii()):
        return None
    name, between, value = xml[len(_FIRST) : -len(_LAST)].partition(_BETWEEN)
    plain = (name + value).encode()
    return {name: value} if between and len(plain.translate(None, _NO_TEXT)) == len(plain) else None


def _fields(xml: str) -> dict[str, str]:
    """Return the fields of any answer XML."""
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


def iso_time(moment: datetime | None) -> str | None:
    """Return a time of MTurk's as results have it, in UTC to the second; None for none."""
    # Faster than strftime, which calls the C library; two of these belong to every assignment.
    return f"{moment.astimezone(UTC).isoformat(timespec='seconds')[:19]}Z" if moment else None


def _local(tag: Any) -> str:
    return str(tag).rpartition("}")[2]


def _usual(xml: str) -> Submission | None:
    """Return the submission of XML that has our page's one field and nothing to unescape; None for other XML.

    The text needs no look at its control characters: JSON holds none, except white space between its values.
    """
    if not (len(xml) <= MAX_XML and xml.startswith(_OURS) and xml.endswith(_LAST) and xml.isascii()):
        return None
    text = xml[len(_OURS) : -len(_LAST)]
    return None if any(mark in text for mark in _MARKS) else read_sent(text)


def read_submission(xml: str) -> Submission:
    """Return the submission inside an assignment's answer XML; raises AnswerError when it is malformed."""
    usual = _usual(xml)
    if usual is not None:
        return usual
    fields = parse_answer_xml(xml)
    if FIELD not in fields:
        names = ", ".join(sorted(fields)[:5]) or "none"
        raise AnswerError(f"no field {FIELD!r} in the answer; fields found: {names}")
    return parse_submission(fields[FIELD])
