"""AnswerKey: what the answers of a qualification test are worth. Pure.

Source: the AnswerKey data structure of the MTurk API 2017-01-17. An answer option scores when exactly its
selections were chosen; a question none of whose options fits scores its DefaultScore.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from .errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class AnswerKey:
    """By question its options (selections, score) and its default score; and how a sum becomes a value."""

    questions: dict[str, tuple[list[tuple[frozenset[str], int]], int]]
    value: Callable[[int], int]

    def score(self, chosen: Mapping[str, frozenset[str]]) -> int:
        """Return the qualification's value for the selections that somebody made, by question."""
        total = 0
        for question, (options, default) in self.questions.items():
            given = chosen.get(question, frozenset())
            total += next((score for wanted, score in options if wanted == given), default)
        return self.value(total)


def parse(xml: str) -> AnswerKey:
    """Return the answer key that MTurk's XML describes; RequestError says what is wrong with it."""
    try:
        root = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise _wrong(f"it is not XML that can be read: {error}") from None
    if _local(root) != "AnswerKey":
        raise _wrong(f"it starts with {_local(root)[:50]}")
    questions = {}
    for question in _all(root, "Question"):
        options = [
            (
                frozenset(_plain(part) for part in _all(option, "SelectionIdentifier")),
                _number(option, "AnswerScore", None),
            )
            for option in _all(question, "AnswerOption")
        ]
        questions[_text(question, "QuestionIdentifier")] = (options, _number(question, "DefaultScore", 0))
    if not questions or "" in questions:
        raise _wrong("it needs a Question, each with its QuestionIdentifier")
    return AnswerKey(questions, _mapping(root))


def _mapping(root: Element) -> Callable[[int], int]:
    """Return how a sum of scores becomes the qualification's value; without a mapping it is the sum."""
    found = _all(root, "QualificationValueMapping")
    kind = next(iter(found[0]), None) if found else None
    if kind is None:
        return lambda total: total
    if _local(kind) == "PercentageMapping":
        most = _number(kind, "MaximumSummedScore", None)
        if most <= 0:
            raise _wrong("MaximumSummedScore must be above 0")
        return lambda total: round(100 * total / most)
    if _local(kind) == "ScaleMapping":
        try:
            factor = float(_text(kind, "SummedScoreMultiplier"))
        except ValueError:
            raise _wrong("SummedScoreMultiplier is not a number") from None
        return lambda total: round(factor * total)
    if _local(kind) == "RangeMapping":
        return _ranges(kind)
    raise _wrong(f"{_local(kind)[:50]} is no mapping")


def _ranges(kind: Element) -> Callable[[int], int]:
    ranges = [
        (
            _number(part, "InclusiveLowerBound", None),
            _number(part, "InclusiveUpperBound", None),
            _number(part, "QualificationValue", None),
        )
        for part in _all(kind, "SummedScoreRange")
    ]
    outside = _number(kind, "OutOfRangeQualificationValue", 0)
    return lambda total: next((value for low, high, value in ranges if low <= total <= high), outside)


def _local(part: Element) -> str:
    return str(part.tag).rpartition("}")[2]


def _all(parent: Element, name: str) -> list[Element]:
    return [part for part in parent if _local(part) == name]


def _plain(part: Element) -> str:
    return (part.text or "").strip()


def _text(parent: Element, name: str) -> str:
    found = _all(parent, name)
    return _plain(found[0]) if found else ""


def _number(parent: Element, name: str, otherwise: int | None) -> int:
    text = _text(parent, name)
    if not text and otherwise is not None:
        return otherwise
    try:
        number = int(text)
    except ValueError:
        raise _wrong(f"{name} is {text[:20]!r}, not a whole number") from None
    if abs(number) >= 2**31:
        raise _wrong(f"{name} is too large")
    return number


def _wrong(what: str) -> RequestError:
    return RequestError(f"The AnswerKey cannot be used: {what}.", "InvalidAnswerKey")
