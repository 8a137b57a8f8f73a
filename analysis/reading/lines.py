"""Lines of assignments.jsonl as they usually are, parsed fast; any other line is passed on as it is.

A usual line is ASCII, has the fields of docs/file-formats.md and no others, and holds answers to trials of
its HIT. It reads as `glimpse.submission.read_line` and the careful reading in `submissions` read it, at a
quarter of the time. Nothing here knows of other lines, so that several processes can each parse a part.
"""

from __future__ import annotations

import math
import struct
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta, Struct

from glimpse.counting import replaces
from glimpse.playing import CLIP_FLAGS, MOST
from glimpse.questions import DEFAULT_QUESTION, is_plain, value_of
from glimpse.submission import LARGEST, LONGEST_NAME

from .answer_file import PLAYED, answers_dtype

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from glimpse.questions import Question

CHUNK = 1024  # lines
BUFFER = 2**20  # bytes; a line has about ten thousand
CHUNK_BYTES = 32 * 2**20  # of lines, where they are long

BESIDE = (b'"form"', b'"comment"', b'"consented_at"')  # fields of what was said beside answers

_Id = Annotated[str, Meta(min_length=1)]
_Number = Annotated[float, Meta(ge=-LARGEST, lt=LARGEST)]
_Time = Annotated[float, Meta(ge=0, lt=LARGEST)]
_Count = Annotated[int, Meta(ge=0, le=MOST)]


# `gc=False`: they hold no cycles, and the collector need not visit a million of them.
class _Answered(Struct, gc=False, forbid_unknown_fields=True, kw_only=True):
    trial: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    shown_ms: _Time | None = None
    frames: _Number | None = None
    onset_ms: _Number | None = None
    presented_ms: _Number | None = None
    period_ms: _Number | None = None
    exposure_ms: _Number | None = None
    flags: list[str] | None = None
    repeat: Annotated[int, Meta(ge=0, le=100)] = 0
    plays: _Count | None = None
    skew_ms: _Number | None = None
    dropped: _Count | None = None
    stalls: _Count | None = None


class UsualAnswer(_Answered, gc=False, forbid_unknown_fields=True, kw_only=True):
    """An answer whose every field is what the page sends."""

    side: Literal["left", "right"]
    response_ms: _Time | None = None


class UsualAnswers(_Answered, gc=False, forbid_unknown_fields=True, kw_only=True):
    """The answers to several questions, or to one that is no choice, in fields that the page sends."""

    choices: dict[str, int | str]
    response_ms: dict[str, _Time | None] = {}


class UsualPage(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What a page says of itself."""

    user_agent: str = ""
    viewport: list[float] = []
    image_size: list[float] | None = None
    device_pixel_ratio: float | None = None
    refresh_hz: float | None = None
    focus_losses: float | None = None
    missing: list[str] | None = None


class _Line(Struct, gc=False, forbid_unknown_fields=True, kw_only=True):
    assignment_id: _Id
    hit: _Id
    worker: _Id
    study: str = None  # type: ignore[assignment]
    hit_id: str | None = None
    status: Literal["Submitted", "Approved", "Rejected"] = "Submitted"
    accepted_at: str | None = None
    submitted_at: str | None = None
    simulated: bool | None = None
    panel: str | None = None
    verified: str | None = None
    page: UsualPage = UsualPage()
    form: dict[str, str] | None = None
    comment: str | None = None
    consented_at: str | None = None


class UsualLine(_Line, gc=False, forbid_unknown_fields=True, kw_only=True):
    """A line without `problem`; `study` is None where the line states none (null is not usual)."""

    answers: list[UsualAnswer]


class UsualLines(_Line, gc=False, forbid_unknown_fields=True, kw_only=True):
    """The same of a study that does not ask one choice."""

    answers: list[UsualAnswers]


_decode_plain = msgspec.json.Decoder(UsualLine).decode
_decode_others = msgspec.json.Decoder(UsualLines).decode


class Head(NamedTuple):
    """An assignment without its answers: the first of `submissions.FIELDS`, in their order."""

    assignment: str
    hit: str
    worker: str
    status: str
    accepted_at: Any
    submitted_at: Any
    simulated: bool
    user_agent: str
    viewport_width: float
    viewport_height: float
    device_pixel_ratio: float
    refresh_hz: float
    focus_losses: float
    n_answered: int
    n_repeated: int
    panel: str = ""


class Chunk(NamedTuple):
    """Some lines in their order: a Head, the bytes of an unusual line, or None of an empty one.

    answers: those of the heads, one after another, of the dtype of their file; practice is left out.
    says_more: whether these lines, or earlier ones of their parser, hold more than answers (`BESIDE`).
    """

    lines: list[Head | bytes | None]
    answers: NDArray[Any]
    says_more: bool = False


@dataclass(frozen=True)
class TrialIndex:
    """What of a design joins an answer to its trial.

    row_of: the row of each trial in the plan, by name and in order. hits: a number for each HIT.
    hit_of, practice, exposure_ms: (T,) the number of each trial's HIT, whether it is practice, and how long
    it is shown, NaN where it lasts until the answer. first_trial: what to add to a row. clips: whether
    answers are kept with how clips played.
    """

    study: str
    row_of: dict[str, int]
    hits: dict[str, int]
    hit_of: NDArray[np.integer]
    practice: NDArray[np.bool_]
    exposure_ms: NDArray[np.float64]
    first_trial: int
    questions: tuple[Question, ...] = (DEFAULT_QUESTION,)
    clips: bool = False

    @property
    def plain(self) -> bool:
        """Whether a trial has one answer, a choice of a side."""
        return is_plain(self.questions)

    def planned_ms(self, trial: str) -> float | None:
        """Return the planned exposure of a trial of the plan; None where it lasts until the answer."""
        planned = float(self.exposure_ms[self.row_of[trial]])
        return None if math.isnan(planned) else planned


class LineParser:
    """Parses lines, and gathers the answers of the usual ones until `take` hands them over."""

    def __init__(self, index: TrialIndex) -> None:
        self.index = index
        self.names = list(index.row_of)
        self.decode = _decode_plain if index.plain else _decode_others
        self.values = [
            (question.name, {answer: value_of(answer) for answer in question.kind.answers})
            for question in index.questions
        ]
        self.last: dict[int, tuple[list[str], NDArray[np.int32], int]] = {}  # of each HIT, see `_find`
        self.says_more = False  # see `Chunk`
        self._clear()

    def _clear(self) -> None:
        self.rows: list[NDArray[np.int32]] = []
        self.value, self.response, self.shown = bytearray(), bytearray(), bytearray()
        self.played: list[NDArray[Any]] = []

    def chunks(self, path: Path, start: int = 0, stop: float = math.inf) -> Iterator[Chunk]:
        """Parse the lines that begin from byte `start` on and before byte `stop`; OSError without a file."""
        with path.open("rb", buffering=BUFFER) as file:
            if start:
                file.seek(start - 1)
                file.readline()  # the line that begins before `start` is not ours
            lines: list[Head | bytes | None] = []
            place, begun = file.tell(), file.tell()
            while place < stop and (raw := file.readline()):
                place += len(raw)
                lines.append(None if raw.isspace() else self.parse(raw) or self._unusual(raw))
                if len(lines) == CHUNK or place - begun > CHUNK_BYTES:
                    yield Chunk(lines, self.take(), self.says_more)
                    lines, begun = [], place
            yield Chunk(lines, self.take(), self.says_more)

    def _unusual(self, raw: bytes) -> bytes:
        self.says_more |= any(field in raw for field in BESIDE)
        return raw

    def parse(self, raw: bytes) -> Head | None:
        """Return the head of a usual line and keep its answers; None for any other line."""
        # Only ASCII: json.loads also reads UTF-16, and halves of surrogate pairs.
        if not raw.isascii():
            return None
        try:
            line: Any = self.decode(raw)
        except msgspec.DecodeError:
            return None
        hit, page = self.index.hits.get(line.hit), line.page
        if hit is None or (line.study is not None and line.study != self.index.study):
            return None
        refresh_hz = _or_nan(page.refresh_hz)
        names, answers, repeated = [answer.trial for answer in line.answers], line.answers, 0
        found = self._find(names, hit)
        if found is None and len(set(names)) < len(names):
            kept = self._without_repeats(answers, refresh_hz)
            if kept is not None:
                repeated, answers = len(answers) - len(kept), kept
                found = self._find([answer.trial for answer in answers], hit)
        if found is None:
            return None
        if not self._keep(found[1], answers):
            return None
        if self.index.clips:
            self.played.append(played_of((answer, answer.flags) for answer in answers))
        self.says_more |= not (line.form is line.comment is line.consented_at is None)
        width, height = [*page.viewport, math.nan, math.nan][:2]
        return Head(
            line.assignment_id, sys.intern(line.hit), line.worker, line.status, line.accepted_at or "",
            line.submitted_at or "", bool(line.simulated), sys.intern(page.user_agent), width, height,
            _or_nan(page.device_pixel_ratio), refresh_hz, _or_nan(page.focus_losses), found[2], repeated,
            sys.intern(line.panel or ""),
        )  # fmt: skip

    def _find(self, names: list[str], hit: int) -> tuple[list[str], NDArray[np.int32], int] | None:
        """Return the names, their rows, and how many are not practice; None unless all are of the HIT."""
        # Most workers of a HIT answer its trials in the same order.
        if hit in self.last and self.last[hit][0] == names:
            return self.last[hit]
        rows = np.array([self.index.row_of.get(name, -1) for name in names], dtype=np.int32)
        if len(set(names)) < len(names) or (rows < 0).any() or (self.index.hit_of[rows] != hit).any():
            return None
        genuine = len(rows) - int(self.index.practice[rows].sum())
        self.last[hit] = ([self.names[row] for row in rows], rows, genuine)
        return self.last[hit]

    def _without_repeats(self, answers: list[Any], refresh_hz: float) -> list[Any] | None:
        """Return the answer that counts of each trial; None where one is answered twice without a repeat."""
        kept: dict[str, Any] = {}  # trial -> UsualAnswer
        answer: Any
        for answer in answers:
            if answer.trial not in kept:
                kept[answer.trial] = answer
                continue
            if answer.trial not in self.index.row_of or not answer.repeat:
                return None
            if replaces(answer, self.index.planned_ms(answer.trial), refresh_hz):
                kept[answer.trial] = answer
        return list(kept.values())

    def _keep(self, rows: NDArray[np.int32], answers: list[Any]) -> bool:
        """Keep the answers; False where one is not of its question's kind, or lacks."""
        if not self.index.plain:
            try:
                value = [values[answer.choices[name]] for answer in answers for name, values in self.values]
            except KeyError:
                return False
            names = [name for name, _ in self.values]
            self.value += struct.pack(f"={len(value)}b", *value)
            self.response += _times([answer.response_ms.get(name) for answer in answers for name in names])
            self.shown += _times([answer.shown_ms for answer in answers])
            self.rows.append(rows)
            return True
        self.rows.append(rows)
        # Packed at once: a third of the time that an array takes, which looks at each value.
        sides = [-1 if answer.side == "left" else 1 for answer in answers]
        self.value += struct.pack(f"={len(answers)}b", *sides)
        self.response += _times([answer.response_ms for answer in answers])
        self.shown += _times([answer.shown_ms for answer in answers])
        return True

    def take(self) -> NDArray[Any]:
        """Hand over the answers kept so far."""
        rows = np.concatenate([np.empty(0, np.int32), *self.rows])
        answers = np.empty(len(rows), dtype=answers_dtype(len(self.index.questions), clips=self.index.clips))
        shape = answers["value"].shape
        answers["trial"] = rows + self.index.first_trial
        answers["value"] = np.frombuffer(self.value, np.int8).reshape(shape)
        answers["response_ms"] = np.frombuffer(self.response, np.float32).reshape(shape)
        answers["shown_ms"] = np.frombuffer(self.shown, np.float32)
        if self.index.clips:
            put_played(answers, np.concatenate([np.empty(0, PLAYED), *self.played]))
        self._clear()
        genuine: NDArray[Any] = answers[~self.index.practice[rows]]
        return genuine


def played_of(answers: Iterable[tuple[Any, Iterable[str] | None]]) -> NDArray[Any]:
    """How the clips of answers played, of dtype PLAYED; each with its flags.

    An answer has `plays`, `skew_ms`, `dropped` and `stalls`, as a line's has and `playing.Playing`.
    """

    def count(value: int | None) -> int:
        return -1 if value is None else value

    def noted(flags: Iterable[str] | None) -> int:
        return sum(1 << bit for bit, flag in enumerate(CLIP_FLAGS) if flag in (flags or ()))

    rows = [
        (count(one.plays), _or_nan(one.skew_ms), count(one.dropped), count(one.stalls), noted(flags))
        for one, flags in answers
    ]
    return np.array(rows, dtype=PLAYED)


def put_played(answers: NDArray[Any], played: NDArray[Any]) -> None:
    """Enter how clips played."""
    for name in PLAYED.names or ():
        answers[name] = played[name]


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _times(values: list[float | None]) -> bytes:
    """Return times as float32, NaN where there is none."""
    try:
        return struct.pack(f"={len(values)}f", *values)
    except struct.error:
        return struct.pack(f"={len(values)}f", *map(_or_nan, values))
