"""More workers for a study that is published: new places for every HIT, once, however often it is asked for.

What each HIT is to have is written into the ledger before the first place is opened: after a crash the rest
is opened, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError
from glimpse.progress import untracked

from ..publishing.ledger import Ledger, alone
from ..publishing.publication import cost, reward_now
from .placing import AddedPlaces, filled_or_open, open_places, workers_per_hit
from .reviewing import Review, Reviewer, Wishes
from .status import survey

if TYPE_CHECKING:
    from collections.abc import Callable

    from glimpse.progress import Track
    from glimpse.study import Study

    from ..publishing.client import Requester
    from ..publishing.publication import Part
    from .status import HitState


@dataclass(frozen=True)
class Growth:
    """How a study gets more workers a HIT: from `before` to `workers`, and what the places cost."""

    before: int
    workers: int
    places: int
    reward_usd: Decimal
    fees_usd: Decimal

    @property
    def total_usd(self) -> Decimal:
        """What the new places cost."""
        return self.reward_usd + self.fees_usd


def grow(
    study: Study,
    requester: Requester,
    ledger_file: Ledger,
    workers: int,
    confirm: Callable[[Growth], None],
    *,
    track: Track = untracked,
) -> Growth:
    """Open places until each HIT is for `workers` people beside those who were replaced.

    `confirm` gets it before anything is done, and raises if the answer is no. GlimpseError for fewer workers
    than there are places for: a place that is open may be taken at any moment.
    """
    path = ledger_file.path
    with alone(path):
        ledger = Ledger(path)
        reviewer = Reviewer(study, requester, ledger, Wishes(approve=False))
        reviewer.settle_pending()
        before, key = workers_per_hit(study, ledger), f"workers:{workers}"
        if workers < before:
            raise GlimpseError(
                f"--workers-per-hit {workers}: the HITs have places for {before} workers each, and places "
                "cannot be taken back. To have fewer, close what nobody has taken: review --close"
            )
        if workers == before:
            return Growth(before, workers, 0, Decimal(0), Decimal(0))
        states = survey(study, requester, ledger, track)
        held = _held(states)
        planned = ledger.pending.get(key, {}).get("targets")
        targets = planned or {hit: places + workers - before for hit, places in held.items()}
        added, created = _open(states, targets, held, fees=requester.endpoint.name != "local")
        places = [one.places - one.before for one in added] + [part.places for part in created]
        reward, fees = cost(reward_now(study, ledger), places, fees=requester.endpoint.name != "local")
        growth = Growth(before, workers, sum(places), reward, fees)
        confirm(growth)
        if planned is None:
            ledger.record("intent", key=key, operation="more workers", targets=targets)
        reviewer.execute(Review(grow=tuple(added), create=tuple(created)), track)
        ledger.record("outcome", key=key, workers_per_hit=workers)
        return growth


def _held(states: list[HitState]) -> dict[str, int]:
    """Return how many places each HIT of the study has, all parts together."""
    held: dict[str, int] = {}
    for state in states:
        name = state.hit.part.hit
        held[name] = held.get(name, 0) + filled_or_open(state)
    return held


def _open(
    states: list[HitState], targets: dict[str, int], held: dict[str, int], *, fees: bool
) -> tuple[list[AddedPlaces], list[Part]]:
    added: list[AddedPlaces] = []
    created: list[Part] = []
    for name, places in held.items():
        group = [state for state in states if state.hit.part.hit == name]
        more, new = open_places(group, targets.get(name, places) - places, fees=fees)
        added += more
        created += new
    return added, created
