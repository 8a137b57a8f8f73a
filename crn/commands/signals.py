"""Ctrl-C and SIGTERM, which end a training run."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def ended_by_signal() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C and SIGTERM end a run after the update at hand, with a checkpoint; a second one at once.

    Before the first update there is nothing to keep: they end the command at once.
    """
    received: list[int] = []
    asked: list[bool] = []  # filled by the first update's end
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def remember(number: int, _frame: Any) -> None:
        if not asked:
            name = signal.Signals(number).name
            raise click.ClickException(f"{name} before the first update was done: nothing was trained.")
        received.append(number)
        signal.signal(number, before[signal.Signals(number)])

    def stop() -> bool:
        asked.append(True)
        return bool(received)

    for number in before:
        signal.signal(number, remember)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
