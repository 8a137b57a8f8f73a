"""A large file of lines, parsed by several processes, a range of its bytes each, in the order of the file.

A helper is a fresh interpreter that runs nothing but `main`: it works where `fork` does not, and never runs
the script of somebody who uses the Python API. It writes its chunks into a temporary file, so that none of
them waits in memory. What a helper does not finish, this process parses itself.
"""

from __future__ import annotations

import itertools
import os
import pickle
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Self

from .lines import LineParser

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from .lines import Chunk, TrialIndex

RANGE_BYTES = 100_000_000  # of a file; a process for less takes longer to start than it saves
MOST = 4  # processes; each needs 50 MB


def chunks(path: Path, index: TrialIndex) -> Generator[Chunk]:
    """Parse all lines of a file; OSError when there is none."""
    size = path.stat().st_size
    count = max(1, min(MOST, _cores(), size // RANGE_BYTES)) if sys.executable else 1
    edges = [*(size * number // count for number in range(count)), sys.maxsize]
    (_, first_stop), *others = itertools.pairwise(edges)
    with ExitStack() as stack:
        helpers = [stack.enter_context(_Helper(path, index, *edge)) for edge in others]
        yield from LineParser(index).chunks(path, 0, first_stop)
        for helper in helpers:
            yield from helper.chunks()


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Helper:
    """A process that parses one range, from byte `start` to byte `stop`."""

    def __init__(self, path: Path, index: TrialIndex, start: int, stop: int) -> None:
        self.path, self.index, self.start, self.stop = path.absolute(), index, start, stop
        self.found: IO[bytes] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        code = f"import sys; sys.path = {sys.path!r}; from {__name__} import main; main()"
        try:
            self.found = tempfile.TemporaryFile()
            with tempfile.TemporaryFile() as job:
                pickle.dump((self.path, self.index, self.start, self.stop), job)
                job.seek(0)
                self.process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-c", code], stdin=job, stdout=self.found, stderr=subprocess.DEVNULL
                )
        except OSError:  # no room, or no more processes
            self.process = None
        return self

    def __exit__(self, *_: object) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
        if self.found:
            self.found.close()

    def chunks(self) -> Iterator[Chunk]:
        """Wait for the process, and return what it parsed; else parse it here."""
        if self.found is None or self.process is None or self.process.wait():
            yield from LineParser(self.index).chunks(self.path, self.start, self.stop)
            return
        self.found.seek(0)
        while True:
            try:
                yield pickle.load(self.found)  # noqa: S301
            except EOFError:
                return


def main() -> None:
    """Parse the range that standard input names, and write its chunks to standard output."""
    path, index, start, stop = pickle.load(sys.stdin.buffer)  # noqa: S301
    for chunk in LineParser(index).chunks(path, start, stop):
        pickle.dump(chunk, sys.stdout.buffer)
    sys.stdout.buffer.flush()
