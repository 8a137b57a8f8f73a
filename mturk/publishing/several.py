"""Several requests at once, where an endpoint takes them: the time of one is mostly spent waiting for it."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from glimpse.progress import Track

T = TypeVar("T")
R = TypeVar("R")
THREADS = 8


def each(
    action: Callable[[T], R], items: Sequence[T], label: str, track: Track, *, threads: int = THREADS
) -> list[R]:
    """Run an action on every item, a few at a time, and return what it returns; a failure ends it.

    With one thread nothing begins after it; with several, what has begun by then is finished.

    >>> from glimpse.progress import untracked
    >>> each(abs, [-1, 2], "Counting", untracked)
    [1, 2]
    """
    if threads == 1:
        return [action(item) for item in track(items, label, len(items))]
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(action, item) for item in items]
        try:
            return [future.result() for future in track(futures, label, len(futures))]
        finally:
            for future in futures:
                future.cancel()


@contextmanager
def ahead(lists: Iterable[Iterator[T]], most: int) -> Iterator[Iterator[Iterator[T]]]:
    """Give every list of pages, with the next page of `most` lists on its way while one is looked at.

    One list at a time, from its first page to its last; with `most` 1 nothing is asked for ahead. When the
    block ends, so do the requests.

    >>> with ahead([iter("ab"), iter(""), iter("c")], 2) as found:
    ...     [list(pages) for pages in found]
    [['a', 'b'], [], ['c']]
    """
    if most == 1:
        yield iter(lists)
        return
    with ThreadPoolExecutor(most) as pool:
        yield _coming(pool, iter(lists), most)


def _coming(pool: ThreadPoolExecutor, waiting: Iterator[Iterator[T]], most: int) -> Iterator[Iterator[T]]:
    coming = deque((pages, pool.submit(next, pages, None)) for pages in islice(waiting, most))
    while coming:
        yield _rest(pool, *coming.popleft())
        coming.extend((pages, pool.submit(next, pages, None)) for pages in islice(waiting, 1))


def _rest(pool: ThreadPoolExecutor, pages: Iterator[T], coming: Future[T | None]) -> Iterator[T]:
    """Yield the pages of a list, of which the first is coming."""
    while (page := coming.result()) is not None:
        coming = pool.submit(next, pages, None)
        yield page
