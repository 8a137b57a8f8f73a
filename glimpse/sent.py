"""Submissions as our page sends them, read in a fifth of the time; any other is left to the careful reading.

What is read here has the page's fields and no others. So it reads as `glimpse.submission` reads it, and its
answers go into a line of assignments.jsonl in the very characters in which they came.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from glimpse.playing import MOST, Playing
from glimpse.questions import MOST_QUESTIONS, MOST_STEPS
from glimpse.submission import (
    LARGEST,
    LONGEST_NAME,
    LONGEST_TEXT,
    MAX_ANSWERS,
    MAX_DEPTH,
    MOST_FIELDS,
    ONLY,
    Answer,
    JsonText,
    Submission,
    is_simulated,
    parse_with_care,
)

if TYPE_CHECKING:
    from glimpse.questions import Choice

_MOST = int(LARGEST)
_Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
_Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]
_Time = Annotated[int, Meta(ge=0, lt=_MOST)] | Annotated[float, Meta(ge=0, lt=LARGEST)] | None
_Number = Annotated[int, Meta(ge=-_MOST, lt=_MOST)] | Annotated[float, Meta(ge=-LARGEST, lt=LARGEST)] | None
_Count = Annotated[int, Meta(ge=0, le=MOST)] | None
_Choice = (
    Literal["left", "right", "tie", "real", "generated"] | Annotated[int, Meta(ge=-MOST_STEPS, le=MOST_STEPS)]
)
# Of a line of assignments.jsonl, which is ASCII; no text in it is half of a surrogate pair.
_NOT_IN_A_LINE = (b"\\", b"\n", b"\r")


# `gc=False`: they hold no cycles, and the collector need not visit a hundred of each submission.
class SentAnswer(Struct, gc=False, forbid_unknown_fields=True, kw_only=True):
    """What answers of both schemas have. Numbers stay whole or not, as they came."""

    shown_ms: _Time = None
    frames: _Number = None
    onset_ms: _Number = None
    presented_ms: _Number = None
    period_ms: _Number = None
    exposure_ms: _Number = None
    flags: list[str] | None = None
    repeat: Annotated[int, Meta(ge=0, le=100)] = 0
    plays: _Count = None
    skew_ms: _Number = None
    dropped: _Count = None
    stalls: _Count = None


class SentChoice(SentAnswer, gc=False, forbid_unknown_fields=True):
    """An answer of schema 1."""

    trial: _Name
    side: Literal["left", "right"]
    response_ms: _Time = None

    def said(self) -> tuple[dict[str, Choice], dict[str, float | None]]:
        """Return the choices and response times by question."""
        return {ONLY: self.side}, {ONLY: self.response_ms}


class SentChoices(SentAnswer, gc=False, forbid_unknown_fields=True):
    """An answer of schema 2."""

    trial: _Name
    choices: Annotated[dict[str, _Choice], Meta(min_length=1, max_length=MOST_QUESTIONS)]
    response_ms: dict[str, _Time]

    def said(self) -> tuple[dict[str, Choice], dict[str, float | None]]:
        """Return the choices and response times by question."""
        return {**self.choices}, {name: self.response_ms.get(name) for name in self.choices}


class _Sent(Struct, forbid_unknown_fields=True):
    schema: Literal[1, 2]
    study: _Name
    hit: _Name
    page: Raw
    answers: Raw
    simulated: bool = False
    form: Annotated[dict[str, _Text], Meta(max_length=MOST_FIELDS)] = {}
    comment: _Text = ""
    consented_at: _Text = ""


_decode = msgspec.json.Decoder(_Sent).decode
_decode_answers = {
    1: msgspec.json.Decoder(Annotated[list[SentChoice], Meta(max_length=MAX_ANSWERS)]).decode,
    2: msgspec.json.Decoder(Annotated[list[SentChoices], Meta(max_length=MAX_ANSWERS)]).decode,
}


class SentAnswers(Sequence[Answer]):
    """The answers of a submission, each made when it is asked for: to collect, their trials are enough."""

    def __init__(self, sent: list[Any]) -> None:
        self.sent = sent

    def __len__(self) -> int:
        return len(self.sent)

    def __getitem__(self, place: Any) -> Any:
        chosen = self.sent[place]
        return SentAnswers(chosen) if isinstance(place, slice) else _answer(chosen)


def _answer(sent: Any) -> Answer:
    choices, response_ms = sent.said()
    return Answer(
        trial=sent.trial,
        choices=choices,
        response_ms=response_ms,
        shown_ms=sent.shown_ms,
        frames=None if sent.frames is None else round(sent.frames),
        onset_ms=sent.onset_ms,
        repeat=sent.repeat,
        flags=tuple(sent.flags or ()),
        playing=Playing(sent.plays, sent.skew_ms, sent.dropped, sent.stalls),
    )


def parse_submission(text: str) -> Submission:
    """Return the submission written in the page's JSON; raises AnswerError when it is malformed."""
    return read_sent(text) or parse_with_care(text)


def read_sent(text: str) -> Submission | None:
    """Return a submission just as our page sends it, as `parse_submission` does; None for any other text."""
    try:
        sent = _decode(text)
        raw, page = bytes(sent.answers), bytes(sent.page)
        answers = _decode_answers[sent.schema](raw)
        facts = json.loads(page)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    # The careful reading looks for halves of surrogate pairs, and at the depth.
    if not isinstance(facts, dict) or not raw.isascii() or any(mark in raw for mark in _NOT_IN_A_LINE):
        return None
    if b"\\" in page or page.count(b"[") + page.count(b"{") >= MAX_DEPTH:
        return None
    return Submission(
        study=sent.study,
        hit=sent.hit,
        page=facts,
        answers=SentAnswers(answers),
        simulated=is_simulated(sent.simulated, facts),
        form={name[:LONGEST_NAME]: text for name, text in sent.form.items()},
        comment=sent.comment,
        consented_at=sent.consented_at[:LONGEST_NAME],
        trials=[answer.trial for answer in answers],
        records=JsonText(raw.decode()),
    )
