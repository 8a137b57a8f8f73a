"""What commands use to speak to a person."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Sized
from typing import TYPE_CHECKING

import click

from glimpse.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from glimpse.progress import T


class Console:
    """Commands reach it as `click.get_current_context().obj`."""

    def say(self, text: str = "") -> None:
        """Print one line of results to standard output."""
        click.echo(text)

    def warn(self, text: str) -> None:
        """Print a warning to standard error."""
        click.secho(f"Warning: {text}", fg="yellow", err=True)

    def next(self, command: str) -> None:
        """Print what to type next."""
        click.echo(f"\nNext: {click.style(command, bold=True)}")

    def track(self, items: Iterable[T], label: str = "", total: int | None = None, /) -> Iterator[T]:
        """Pass `items` on, with a progress bar on a terminal, a plain line every two seconds elsewhere.

        `total` is the number of items, where `len(items)` does not tell.
        """
        if total is None:
            total = len(items) if isinstance(items, Sized) else 0
        if sys.stderr.isatty():
            with click.progressbar(items, length=total or None, label=label, file=sys.stderr) as bar:
                yield from bar
            return
        done, said = 0, time.monotonic()
        for done, item in enumerate(items, start=1):
            yield item
            if time.monotonic() - said > 2 and done != total:
                click.echo(f"{label}: {done}/{total}" if total else f"{label}: {done}", err=True)
                said = time.monotonic()
        click.echo(f"{label}: {done}/{total or done}", err=True)


def versions(*packages: str) -> dict[str, str]:
    """Versions of Glimpse, Python and `packages`, to be recorded beside every output."""
    from importlib import metadata  # slow, and most commands do without

    found = {name: metadata.version(name) for name in packages}
    return {"glimpse": __version__, "python": platform.python_version(), **found}
