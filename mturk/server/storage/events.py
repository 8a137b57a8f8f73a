"""The table `events`: the audit log. Lines are only ever added."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .database import Row, Transaction


def log(
    tx: Transaction, kind: str, *, hit: str = "", assignment: str = "", worker: str = "", **detail: Any
) -> int:
    """Write one line of the audit log; returns its number, which grows with every event."""
    return tx.insert(
        "INSERT INTO events (at, kind, hit_id, assignment_id, worker_id, detail) "
        "VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        tx.now, kind, hit or None, assignment or None, worker or None,
        json.dumps(detail, sort_keys=True) if detail else None,
    )  # fmt: skip


def log_of(tx: Transaction, kind: str, assignment: Row, **detail: Any) -> int:
    """Write one line about an assignment."""
    return log(
        tx, kind, hit=assignment["hit_id"], assignment=assignment["assignment_id"],
        worker=assignment["worker_id"], **detail,
    )  # fmt: skip


def last(tx: Transaction) -> int:
    """Return the number of the newest line; 0 when there is none."""
    row = tx.one("SELECT MAX(id) AS last FROM events")
    return (row["last"] if row else 0) or 0


def latest_of_study(tx: Transaction, study: str | None, most: int, nameless_panel: str) -> list[Row]:
    """Return the newest events of a study's assignments, with the HIT's `name` and the `participant`.

    `participant` is how somebody was called where they came from; empty where the name says no more than the
    worker id, and for everybody of `nameless_panel`. `study` None stands for the HITs of no study.
    """
    return tx.all(
        """SELECT events.*, hits.name,
           CASE WHEN panel = ? OR workers.name = worker_id THEN '' ELSE workers.name END AS participant
           FROM events JOIN hits USING (hit_id) LEFT JOIN workers USING (worker_id)
           WHERE COALESCE(study, '') = ? AND assignment_id IS NOT NULL AND kind LIKE 'Assignment%'
           ORDER BY id DESC LIMIT ?""",
        nameless_panel, study or "", most,
    )  # fmt: skip
