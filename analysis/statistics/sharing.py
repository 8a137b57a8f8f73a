"""What answers share: the worker who gave them, and the images that they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .clustering import Codes

PART = 262_144  # answers that are sorted at a time


class Seen(NamedTuple):
    """The images of each of T trials, (T,) codes of one numbering, and its pair of them."""

    image_a: Codes
    image_b: Codes
    pair: Codes


class Answers(NamedTuple):
    """Of each of N answers, (N,) codes; those of a worker stand together. group: below G. image_again,
    pair_again: whether the worker may have met an image, or the pair, of the answer in another one."""

    worker: Codes
    trial: Codes
    group: Codes
    image_again: NDArray[np.bool_]
    pair_again: NDArray[np.bool_]

    def at(self, here: slice) -> Answers:
        """Some of them."""
        return Answers(
            self.worker[here],
            self.trial[here],
            self.group[here],
            self.image_again[here],
            self.pair_again[here],
        )


def met_again(worker: Codes, trial: Codes, seen: Seen) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each answer's worker met an image of it, or its pair, in another answer: twice (N,).

    All others are clusters of one answer, which need no sorting.
    """
    span = 1 + max(int(code.max(initial=0)) for code in seen)
    who, N = worker.astype(np.int64) * span, len(worker)
    both = _repeated(np.concatenate([who + seen.image_a[trial], who + seen.image_b[trial]]))
    return both[:N] | both[N:], _repeated(who + seen.pair[trial])


def _repeated(keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each key occurs more than once."""
    order = np.argsort(keys, kind="stable")
    same = np.diff(keys[order]) == 0
    found = np.empty(len(keys), dtype=bool)
    found[order] = np.append(same, False) | np.append(False, same)
    return found


def stretches(worker: Codes) -> Iterator[slice]:
    """Answers of as many workers as have PART of them, or of one."""
    ends = np.append(np.flatnonzero(np.diff(worker)) + 1, len(worker))
    first = 0
    while first < len(worker):
        one, many = (np.searchsorted(ends, at, side="right") for at in (first, first + PART))
        last = int(ends[max(one, many - 1)])
        yield slice(first, last)
        first = last
