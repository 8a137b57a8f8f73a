"""The study's time: the wall clock, unless it jumps.

A clock that is set back or forward by up to a day is followed. One that jumps further is not believed: time
goes on from where it was, by the system's steady clock, until the wall clock is right again or the requester
says that it is (`serve --accept-clock`, or the dashboard), to this server or to another on the same database
whose clock says the same. So a clock that is wrong for a moment disposes of
nothing, approves nothing and ends nobody's work.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("mturk.server")

LARGEST_STEP_S = 86_400.0


def steady() -> float:
    """Return seconds that nobody can set, and that a sleeping machine counts where the system has such."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class StudyClock:
    """Returns the study's time in epoch seconds; `jump_s` is by how much the wall clock is not believed."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = steady) -> None:
        self._wall, self._steady = wall, steady
        # What was the time, and what the steady clock said then: one value, since several threads ask.
        self._known = wall(), steady()
        self.jump_s = 0.0

    def __call__(self) -> float:
        """Return the study's time."""
        (time_s, at), wall, now = self._known, self._wall(), self._steady()
        expected = time_s + now - at
        jump_s = wall - expected
        if abs(jump_s) <= LARGEST_STEP_S:
            if self.jump_s:
                _log.warning("The clock is right again, and is followed.")
            self.jump_s, self._known = 0.0, (wall, now)
            return wall
        if not self.jump_s:
            _log.error("%s", jump_text(jump_s))
        self.jump_s = jump_s
        return expected

    def resume(self, last: float) -> None:
        """Go on from the moment at which an earlier run of the server stopped."""
        self._known = last, self._steady()

    def accept(self) -> None:
        """Believe the wall clock as it is now."""
        self.jump_s, self._known = 0.0, (self._wall(), self._steady())

    def agrees(self, moment: float) -> bool:
        """Tell whether the wall clock is no further from `moment` than a step that is followed."""
        return abs(self._wall() - moment) <= LARGEST_STEP_S


def jump_text(jump_s: float) -> str:
    """Say by how much the clock is not believed, and what to do."""
    days, side = abs(jump_s) / 86_400, "ahead of" if jump_s > 0 else "behind"
    return (
        f"The clock is {days:.1f} days {side} the study's time: it jumped, or the server was stopped that "
        "long. Until you confirm that the clock is right, time goes on from where it was, and the jump makes "
        "nothing expire, approves nothing and disposes of nothing. Confirm it on the dashboard, or start the "
        "server with --accept-clock."
    )
