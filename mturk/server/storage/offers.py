"""Which HIT a worker gets next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.errors import RequestError
from . import blocks, hits, workers
from .transitions import accept, unmet

if TYPE_CHECKING:
    from .database import Row, Transaction


def open_hits(
    tx: Transaction,
    worker_id: str,
    action: str,
    *,
    study: str | None = None,
    hit_type: str | None = None,
    batch: str | None = None,
    one_a_batch: bool = False,
) -> list[Row]:
    """Return the HITs with free slots that a worker may discover, preview or accept, least-filled first."""
    if blocks.holds(tx, worker_id):
        return []
    came_for = workers.studies_open_to(tx, worker_id)
    found = hits.open_to(tx, worker_id, study=study, hit_type=hit_type, batch=batch, one_a_batch=one_a_batch)
    found = [hit for hit in found if came_for is None or hit["study"] in came_for]
    allowed: dict[str, bool] = {}
    for hit in found:
        kind = hit["hit_type_id"]
        if kind not in allowed:
            allowed[kind] = not unmet(tx, hit, worker_id, action)
    return [hit for hit in found if allowed[hit["hit_type_id"]]]


def accept_next(
    tx: Transaction,
    worker_id: str,
    *,
    study: str | None = None,
    hit_type: str | None = None,
    batch: str | None = None,
    one_a_batch: bool = False,
    arrival: int | None = None,
) -> str:
    """Give a worker the least-filled HIT that they may accept; returns the assignment's id.

    Everything happens in the caller's transaction, so two who ask at once never get the same slot.
    RequestError when there is none.
    """
    found = open_hits(
        tx, worker_id, "Accept", study=study, hit_type=hit_type, batch=batch, one_a_batch=one_a_batch
    )
    if not found:
        raise RequestError("There is no task for you here at the moment.", "NoHITsAvailable")
    return accept(tx, found[0]["hit_id"], worker_id, arrival)
