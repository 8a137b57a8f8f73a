"""Work done on a second core by a copy of this process, while this one goes on."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import warnings
from contextlib import contextmanager, suppress
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Asked = TypeVar("Asked")
Found = TypeVar("Found")
FAILED = (OSError, EOFError, pickle.PickleError)  # what this process meets where its copy has failed


@contextmanager
def helper(
    prepare: Callable[[], object], work: Callable[[Asked], Iterable[Found]]
) -> Iterator[Callable[[Asked], Iterator[Found]]]:
    """Begin `prepare`, such as slow imports, in a forked copy of this process, which then waits for `work`.

    The value is called once, with what `work` is called with, and gives what that yields, as it comes. The
    copy has in memory what is there now, and nothing that comes later. Where there is one core, or a process
    cannot be forked safely (other systems than Linux, other threads), or the copy fails, the work is done
    here, so that an error is raised as usual.
    """
    if not _can_fork():
        yield lambda asked: iter(work(asked))
        return
    (hears, asks), (tells, says) = os.pipe(), os.pipe()
    copy = _fork()
    if copy == 0:
        os.close(asks)
        os.close(tells)
        _serve(prepare, work, os.fdopen(hears, "rb"), os.fdopen(says, "wb"))
    os.close(hears)
    os.close(says)
    requests, answers = os.fdopen(asks, "wb"), os.fdopen(tells, "rb")

    def ask(asked: Asked) -> Iterator[Found]:
        with suppress(OSError):  # where the copy has ended, its results are missing, too
            pickle.dump(asked, requests)
            requests.flush()
        return _results(work, asked, answers)

    try:
        yield ask
    finally:
        with suppress(OSError):
            requests.close()
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
        _serve(lambda: None, lambda _: [work()], None, os.fdopen(says, "wb"))
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


def _serve(
    prepare: Callable[[], object],
    work: Callable[[Any], Iterable[Any]],
    requests: IO[bytes] | None,
    answers: IO[bytes],
) -> None:
    """Do the work, write what it finds, and end this process without a trace."""
    try:
        prepare()
        asked = pickle.load(requests) if requests else None  # noqa: S301 - of this program's own making
        for found in work(asked):
            pickle.dump((found,), answers)  # never false, as the end is
            answers.flush()
        pickle.dump(None, answers)
        answers.flush()
    finally:
        os._exit(0)


def _results(work: Callable[[Asked], Iterable[Found]], asked: Asked, answers: IO[bytes]) -> Iterator[Found]:
    """What the copy finds; from where it fails on, what is found here."""
    done = 0
    try:
        while part := pickle.load(answers):  # noqa: S301 - of this process's own making
            yield part[0]
            done += 1
    except FAILED:
        yield from islice(work(asked), done, None)
