"""Answers in a temporary file: thirteen bytes each, in memory as long as they are few."""

from __future__ import annotations

import os
import tempfile
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# trial: row of the design's trials. left: left was chosen. Times in ms, NaN where the page recorded none.
ANSWER = np.dtype([("trial", "<i4"), ("left", "?"), ("response_ms", "<f4"), ("shown_ms", "<f4")])
IN_MEMORY = 32 * 2**20  # bytes; more than any usual study has


class AnswerFile:
    """Grows at its end and is read anywhere; gone when nobody holds it any more."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
        self._closing = weakref.finalize(self, self._file.close)
        self.size = 0

    def __repr__(self) -> str:
        return f"<AnswerFile: {self.size:,} answers>"

    def append(self, answers: NDArray[Any]) -> None:
        """Add answers of dtype ANSWER. GlimpseError where the disk is full."""
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

    def read(self, first: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[Any]:
        """The answers of several stretches, one after another; first and count are (S,)."""
        parts = []
        # Stretches that follow each other are read at once.
        breaks = np.flatnonzero(first[1:] != first[:-1] + count[:-1]) + 1
        for stretch in np.split(np.arange(len(first)), breaks):
            if len(stretch):
                place, size = int(first[stretch[0]]), int(count[stretch].sum())
                parts.append(self._at(place * ANSWER.itemsize, size * ANSWER.itemsize))
        return np.frombuffer(b"".join(parts), dtype=ANSWER)

    def _at(self, place: int, size: int) -> bytes:
        """Some bytes. Once on disk, without moving the file's place: forked processes share it."""
        if self.size * ANSWER.itemsize > IN_MEMORY and hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, place)
        self._file.seek(place)
        return self._file.read(size)
