"""More places for a HIT: how many it may get, and where fees make new parts cheaper. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from glimpse.pricing import LARGE_HIT, split

from ..publishing.publication import Part, PublishedHit

if TYPE_CHECKING:
    from glimpse.study import Study

    from ..publishing.ledger import Ledger
    from .status import HitState

LARGEST_PART = LARGE_HIT - 1


@dataclass(frozen=True)
class AddedPlaces:
    """More places for a HIT: from how many it has to `places`."""

    hit: PublishedHit
    before: int
    places: int


def workers_per_hit(study: Study, ledger: Ledger) -> int:
    """Return how many workers a HIT is for: as the study says, or as `publish` was told later."""
    lines = ledger.find("workers:")
    return max([study.experiment.workers_per_hit, *(int(line["workers_per_hit"]) for line in lines)])


def open_places(group: list[HitState], missing: int, *, fees: bool) -> tuple[list[AddedPlaces], list[Part]]:
    """Return how to open so many places for the parts of one HIT.

    A HIT that was published with fewer than ten places may not reach ten, and where fees are taken none
    should: parts with room grow to nine, and what remains becomes new parts.
    """
    grow: list[AddedPlaces] = []
    create: list[Part] = []
    for state in group:
        room = min(missing, _room(state, fees=fees))
        if room > 0:
            grow.append(AddedPlaces(state.hit, state.places, state.places + room))
            missing -= room
    number = max(state.hit.part.number for state in group)
    for size in split(missing) if missing > 0 else ():
        number += 1
        create.append(Part(group[0].hit.part.hit, group[0].hit.part.batch, number, size))
    return grow, create


def filled_or_open(state: HitState) -> int:
    """Return the places of a HIT; one that is gone counts with what was published."""
    return state.places or state.hit.part.places


def _room(state: HitState, *, fees: bool) -> int:
    soon = datetime.now(UTC) + timedelta(hours=1)
    if state.expired or state.expires is None or state.expires < soon or not state.places:
        return 0
    if state.places < LARGE_HIT:
        return LARGEST_PART - state.places
    return 0 if fees else 10**6
