"""Which HIT a worker gets next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..protocol.errors import RequestError
from . import blocks, free_hits, workers
from .transitions import accept, unmet

if TYPE_CHECKING:
    from .database import Row, Transaction
    from .free_hits import Wanted


def next_hit(tx: Transaction, worker_id: str, action: str, wanted: Wanted) -> Row | None:
    """Return the least-filled HIT that a worker may discover, preview or accept; None when there is none.

    All HITs of a type require the same, so that at most one HIT a type is looked at.
    """
    if blocks.holds(tx, worker_id):
        return None
    came_for, refused = workers.studies_open_to(tx, worker_id), set[str]()
    if came_for is not None:
        wanted = replace(wanted, studies=frozenset(came_for & (wanted.studies or came_for)))
    while hit := free_hits.least_filled(tx, worker_id, wanted, refused):
        if not unmet(tx, hit, worker_id, action):
            return hit
        refused.add(hit["hit_type_id"])
    return None


def groups(tx: Transaction, worker_id: str) -> list[tuple[Row, int]]:
    """Return what a worker may discover, as `free_hits.groups` does."""
    if blocks.holds(tx, worker_id):
        return []
    found = free_hits.groups(tx, worker_id, workers.studies_open_to(tx, worker_id))
    return [(hit, number) for hit, number in found if not unmet(tx, hit, worker_id, "Discover")]


def accept_next(tx: Transaction, worker_id: str, wanted: Wanted, arrival: int | None = None) -> str:
    """Give a worker the least-filled HIT that they may accept; returns the assignment's id.

    Everything happens in the caller's transaction, so two who ask at once never get the same slot.
    RequestError when there is none.
    """
    found = next_hit(tx, worker_id, "Accept", wanted)
    if found is None:
        raise RequestError("There is no task for you here at the moment.", "NoHITsAvailable")
    return accept(tx, found["hit_id"], worker_id, arrival)
