"""Who gets a bonus, at MTurk, at our own server and at a panel alike. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

One = TypeVar("One")


def due_bonuses(
    named: Sequence[One] | None,
    everybody: Iterable[One],
    is_approved: Callable[[One], bool],
    has_it: Callable[[One], bool],
) -> list[One]:
    """Return who gets a bonus: those who are `named`, else everybody approved; nobody who has it already.

    >>> due_bonuses(None, ["ann", "bob", "eve"], lambda one: one != "eve", lambda one: one == "bob")
    ['ann']
    """
    chosen = [one for one in everybody if is_approved(one)] if named is None else named
    return [one for one in chosen if not has_it(one)]
