"""Progress: long work passes its items through a `Track`, which may show a bar on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


class Track(Protocol):
    """Passes items on; `label` says what they are, `total` how many, where `len(items)` does not tell."""

    def __call__(self, items: Iterable[T], label: str = "", total: int | None = None, /) -> Iterable[T]:
        """Return the items, one after another."""


def untracked(items: Iterable[T], label: str = "", total: int | None = None, /) -> Iterable[T]:  # noqa: ARG001
    """Show nothing."""
    return items
