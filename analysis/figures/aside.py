"""Work done on a second core by a copy of this process, while this one goes on."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import warnings
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")


def aside(work: Callable[[], Found]) -> Callable[[], Found]:
    """Begin `work` in a forked copy of this process; call what is returned for what it found.

    The copy has everything in memory, and imports nothing again. Where there is one core, or a process cannot
    be forked safely (other systems than Linux, other threads), or the copy fails, the work is done here when
    its result is asked for, so that an error is raised as usual.
    """
    if not _can_fork():
        return work
    read_end, write_end = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's own threads are idle
        pid = os.fork()
    if pid == 0:
        os.close(read_end)
        _send(work, write_end)
    os.close(write_end)

    def result() -> Found:
        with os.fdopen(read_end, "rb") as pipe:
            data = pipe.read()
        _, status = os.waitpid(pid, 0)
        if status:
            return work()
        found: Found = pickle.loads(data)  # noqa: S301 - of this process's own making
        return found

    return result


def _can_fork() -> bool:
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


def _send(work: Callable[[], object], write_end: int) -> None:
    """Do the work, write what it found, and end this process without a trace."""
    status = 1
    try:
        with os.fdopen(write_end, "wb") as pipe:
            pickle.dump(work(), pipe)
        status = 0
    finally:
        os._exit(status)
