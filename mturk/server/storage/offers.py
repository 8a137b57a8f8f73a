"""Which HIT a worker gets next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.errors import RequestError
from .transitions import HIT_SQL, accept, unmet

if TYPE_CHECKING:
    from .store import Row, Transaction

_OPEN = f"""{HIT_SQL} WHERE disposed IS NULL AND expires > :now
  AND pending + submitted + approved + rejected < max_assignments
  AND NOT EXISTS (SELECT 1 FROM assignments WHERE assignments.hit_id = hits.hit_id
                  AND worker_id = :worker AND status NOT IN ('Returned', 'Abandoned'))"""  # noqa: S608 - constants
_ONE_A_BATCH = """ AND (study IS NULL OR NOT EXISTS (
  SELECT 1 FROM assignments JOIN hits AS other USING (hit_id) WHERE worker_id = :worker
  AND status NOT IN ('Returned', 'Abandoned') AND other.study = hits.study AND other.batch = hits.batch))"""
_LEAST_FILLED = " ORDER BY pending + submitted + approved + rejected, hits.seq"


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
    if tx.one("SELECT 1 FROM blocks WHERE worker_id = ?", worker_id):
        return []
    sql = _OPEN
    for column, value in (("study", study), ("hit_type_id", hit_type), ("batch", batch)):
        if value is not None:
            sql += f" AND hits.{column} = :{column}"
    if one_a_batch:
        sql += _ONE_A_BATCH
    values = {"now": tx.now, "worker": worker_id, "study": study, "hit_type_id": hit_type, "batch": batch}
    allowed: dict[str, bool] = {}
    hits = []
    for hit in tx.named(sql + _LEAST_FILLED, values):
        kind = hit["hit_type_id"]
        if kind not in allowed:
            allowed[kind] = not unmet(tx, hit, worker_id, action)
        if allowed[kind]:
            hits.append(hit)
    return hits


def unfinished(tx: Transaction, worker_id: str, study: str | None = None) -> list[Row]:
    """Return a worker's accepted assignments with their HITs' titles, soonest deadline first."""
    sql = (
        "SELECT assignments.*, title, study, batch FROM assignments JOIN hits USING (hit_id) "
        "JOIN hit_types USING (hit_type_id) WHERE worker_id = ? AND status = 'Accepted' AND deadline > ?"
    )
    if study is None:
        return tx.all(sql + " ORDER BY deadline", worker_id, tx.now)
    return tx.all(sql + " AND study = ? ORDER BY deadline", worker_id, tx.now, study)


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
    hits = open_hits(
        tx, worker_id, "Accept", study=study, hit_type=hit_type, batch=batch, one_a_batch=one_a_batch
    )
    if not hits:
        raise RequestError("There is no HIT for you here at the moment.", "NoHITsAvailable")
    return accept(tx, hits[0]["hit_id"], worker_id, arrival)
