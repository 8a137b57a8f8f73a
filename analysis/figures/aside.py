"""Work done on a second core by a copy of this process, while this one goes on."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
import warnings
from contextlib import contextmanager, suppress
from functools import cache
from typing import IO, TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Asked = TypeVar("Asked")
Found = TypeVar("Found")
FAILED = (OSError, EOFError, pickle.PickleError)  # what this process meets where its copy has failed


@contextmanager
def helper(
    prepare: Callable[[], object], work: Callable[[Asked], Found]
) -> Iterator[Callable[[Asked], Callable[[], Found]]]:
    """Begin `prepare`, such as slow imports, in a forked copy of this process, which then waits for `work`.

    The value is called with each thing that `work` is to be called with; the copy works on them one after
    another, in this order. What that returns is called for what was found; from the first of these calls on
    nothing more can be asked. The copy has in memory what is there now, and nothing that comes later. Where
    there is one core, or a process cannot be forked safely (other systems than Linux, other threads), or the
    copy fails, the work is done here when its result is asked for, so that an error is raised as usual.
    """
    if not _can_fork():
        yield lambda asked: cache(lambda: work(asked))
        return
    (hears, asks), (tells, says) = os.pipe(), os.pipe()
    copy = _fork()
    if copy == 0:
        os.close(asks)
        os.close(tells)
        requests = os.fdopen(hears, "rb")
        _serve(lambda: _worked_on(prepare, work, requests), os.fdopen(says, "wb"))
    os.close(hears)
    os.close(says)
    _widen(asks)
    orders, answers = os.fdopen(asks, "wb"), os.fdopen(tells, "rb")
    everything: list[Asked] = []

    @cache
    def results() -> list[Found]:
        _tell(orders, None)
        return _results(work, everything, answers)

    def ask(asked: Asked) -> Callable[[], Found]:
        place = len(everything)
        everything.append(asked)
        _tell(orders, (asked,))  # never false, as the end is
        return lambda: results()[place]

    try:
        yield ask
    finally:
        with suppress(OSError):
            orders.close()
        answers.close()
        os.kill(copy, signal.SIGKILL)  # it has told all, or nobody will ask
        os.waitpid(copy, 0)


def aside(work: Callable[[], Found]) -> Callable[[], Found]:
    """Begin `work` in a forked copy of this process; call what is returned for what it found.

    Where `helper` would not fork, or the copy fails, the work is done here when its result is asked for.
    """
    if not _can_fork():
        return work
    tells, says = os.pipe()
    copy = _fork()
    if copy == 0:
        os.close(tells)
        _serve(lambda: [work()], os.fdopen(says, "wb"))
    os.close(says)

    def result() -> Found:
        found: Found
        with os.fdopen(tells, "rb") as answers:
            try:
                (found,) = pickle.load(answers)  # noqa: S301 - of this process's own making
            except FAILED:
                found = work()
        os.waitpid(copy, 0)
        return found

    return result


def _can_fork() -> bool:
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's own threads are idle
        return os.fork()


def _widen(pipe: int) -> None:
    """Let a pipe hold a megabyte, so that who asks need not wait until the copy listens."""
    import fcntl

    with suppress(OSError):  # the system allows less
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 2**20)


def _tell(pipe: IO[bytes], value: object) -> None:
    with suppress(OSError):  # the other process has ended: what it does not tell is missing, too
        pickle.dump(value, pipe)
        pipe.flush()


def _serve(work: Callable[[], Iterable[Any]], answers: IO[bytes]) -> None:
    """Do the work, write what it finds, and end this process without a trace."""
    gc.disable()  # all is freed with the process, and soon
    try:
        for found in work():
            pickle.dump((found,), answers)
            answers.flush()
    finally:
        os._exit(0)


def _worked_on(
    prepare: Callable[[], object], work: Callable[[Any], Any], requests: IO[bytes]
) -> Iterable[Any]:
    """What is found for each request. All of it at the end: nobody reads before, and a pipe holds little."""
    prepare()
    found = []
    while asked := pickle.load(requests):  # noqa: S301 - of this program's own making
        found.append(work(*asked))
    return found


def _results(work: Callable[[Asked], Found], asked: Sequence[Asked], answers: IO[bytes]) -> list[Found]:
    """What the copy finds; from where it fails on, what is found here."""
    found: list[Found] = []
    with suppress(*FAILED):
        while len(found) < len(asked):
            found += pickle.load(answers)  # noqa: S301 - of this process's own making
    return found + [work(one) for one in asked[len(found) :]]
