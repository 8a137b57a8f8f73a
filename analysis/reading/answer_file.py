"""Answers in a temporary file: thirteen bytes each to one question, in memory as long as they are few."""

from __future__ import annotations

import os
import tempfile
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.errors import GlimpseError
from glimpse.text import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

# trial: row of the design's trials. value: see `questions.value_of`. Times in ms, NaN where the page recorded
# none.
ANSWER = np.dtype([("trial", "<i4"), ("value", "i1"), ("response_ms", "<f4"), ("shown_ms", "<f4")])
# What a study of clips has beside them: how they played, -1 or NaN where that was not recorded, and which of
# `playing.CLIP_FLAGS` the page noted, a bit each.
PLAYED = np.dtype(
    [("plays", "<i2"), ("skew_ms", "<f4"), ("dropped", "<i2"), ("stalls", "<i2"), ("noted", "u1")]
)
IN_MEMORY = 32 * 2**20  # bytes; more than any usual study has


def answers_dtype(questions: int, *, clips: bool = False) -> np.dtype[Any]:
    """ANSWER, with `value` and `response_ms` for each of several questions, and of clips with PLAYED."""
    if questions == 1 and not clips:
        return ANSWER
    several = (questions,) if questions > 1 else ()
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("value", "response_ms"), several)
    kinds = [(ANSWER, name) for name in ANSWER.names or ()]
    kinds += [(PLAYED, name) for name in PLAYED.names or () if clips]
    return np.dtype([(name, kind[name], shapes.get(name, ())) for kind, name in kinds])


def of_question(answers: NDArray[Any], question: int) -> NDArray[Any]:
    """The answers to one of several questions, of the dtype of one question."""
    own = answers_dtype(1, clips="plays" in (answers.dtype.names or ()))
    found = np.empty(len(answers), dtype=own)
    for name in own.names or ():
        column = answers[name]
        found[name] = column[:, question] if column.ndim > 1 else column
    return found


class AnswerFile:
    """Grows at its end and is read anywhere; gone when nobody holds it any more."""

    def __init__(self, questions: int = 1, *, clips: bool = False) -> None:
        """questions: how many each trial has; their values and response times stand beside one another.

        clips: whether it has how clips played, too.
        """
        self.clips = clips
        self.dtype = answers_dtype(questions, clips=clips)
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
        self._closing = weakref.finalize(self, self._file.close)
        self.size = 0

    def __repr__(self) -> str:
        return f"<AnswerFile: {counted(self.size, 'answer', ',')}>"

    def append(self, answers: NDArray[Any]) -> None:
        """Add answers of this file's dtype. GlimpseError where the disk is full."""
        try:
            self._file.seek(0, 2)
            self._file.write(answers.tobytes())
            self._file.flush()
        except OSError as error:
            raise GlimpseError(
                f"{tempfile.gettempdir()}: answers cannot be kept there while they are analysed "
                f"({error.strerror}). Make room, or name another folder in the environment variable TMPDIR."
            ) from None
        self.size += len(answers)

    def read(self, first: NDArray[np.int64], count: NDArray[np.int64], question: int = 0) -> NDArray[Any]:
        """The answers to a question, of the dtype of one question, of several stretches; first and count are
        (S,)."""
        parts = []
        # Stretches that follow each other are read at once.
        breaks = np.flatnonzero(first[1:] != first[:-1] + count[:-1]) + 1
        for stretch in np.split(np.arange(len(first)), breaks):
            if len(stretch):
                place, size = int(first[stretch[0]]), int(count[stretch].sum())
                parts.append(self._at(place * self.dtype.itemsize, size * self.dtype.itemsize))
        found = np.frombuffer(b"".join(parts), dtype=self.dtype)
        return found if self.dtype == answers_dtype(1, clips=self.clips) else of_question(found, question)

    def _at(self, place: int, size: int) -> bytes:
        """Some bytes. Once on disk, without moving the file's place: forked processes share it."""
        if self.size * self.dtype.itemsize > IN_MEMORY and hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, place)
        self._file.seek(place)
        return self._file.read(size)
