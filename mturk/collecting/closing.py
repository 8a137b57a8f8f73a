"""Closing places before they expire: nobody takes them any more; whoever is at work may finish."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from glimpse.progress import untracked

from ..publishing.ledger import Ledger, OnceCall, alone, call_once
from .status import survey

if TYPE_CHECKING:
    from collections.abc import Callable

    from glimpse.progress import Track
    from glimpse.study import Study

    from ..publishing.client import Requester
    from .status import HitState


@dataclass(frozen=True)
class Closing:
    """The HITs that are to be closed: those with places that somebody could take, now or after a return."""

    hits: tuple[HitState, ...]

    @property
    def places(self) -> int:
        """How many places nobody has taken."""
        return sum(state.open for state in self.hits)

    @property
    def working(self) -> int:
        """How many people are at work, who may finish."""
        return sum(state.out for state in self.hits)


def close(
    study: Study,
    requester: Requester,
    ledger_file: Ledger,
    confirm: Callable[[Closing], bool],
    *,
    track: Track = untracked,
) -> Closing:
    """Survey, confirm, expire the HITs; returns what was to be closed.

    `confirm` gets it before anything is done: it may raise, or return False. The ledger says what was closed,
    and when each HIT would have expired by itself.
    """
    path = ledger_file.path
    with alone(path):
        ledger, now = Ledger(path), datetime.now(UTC)
        states = survey(study, requester, ledger, track)
        what = Closing(tuple(one for one in states if (one.open or one.out) and _expires_after(one, now)))
        if confirm(what):
            for state in track(what.hits, "Closing", len(what.hits)):
                _close(requester, ledger, state)
        return what


def _expires_after(state: HitState, moment: datetime) -> bool:
    return state.expires is not None and state.expires > moment


def _close(requester: Requester, ledger: Ledger, state: HitState) -> None:
    """Let a HIT expire now; doing it again changes nothing, until somebody opens it for longer."""
    hit_id, until = state.hit.hit_id, f"{state.expires:%Y-%m-%dT%H:%M:%SZ}"
    facts = {"hit": state.hit.part.hit, "hit_id": hit_id, "places": state.open, "until": until}
    arguments = {"HITId": hit_id, "ExpireAt": datetime.now(UTC)}
    once = OnceCall(f"close:{hit_id}:{until}", "UpdateExpirationForHIT", arguments, facts)
    call_once(ledger, requester, once, lambda _: {})
