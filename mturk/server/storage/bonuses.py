"""The table `bonuses`: what workers were sent beyond the reward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .listing import Listing

if TYPE_CHECKING:
    from .database import Row, Transaction


def add(tx: Transaction, assignment: Row, amount: str, reason: str) -> int:
    """Note a bonus for the worker of an assignment; returns its number."""
    return tx.insert(
        "INSERT INTO bonuses (worker_id, assignment_id, hit_id, amount, reason, at) "
        "VALUES (?, ?, ?, ?, ?, ?) RETURNING seq",
        assignment["worker_id"], assignment["assignment_id"], assignment["hit_id"], amount, reason, tx.now,
    )  # fmt: skip


def of_hit(hit_id: str) -> Listing:
    """List the bonuses of a HIT."""
    return Listing("SELECT * FROM bonuses WHERE hit_id = ?", (hit_id,))


def of_assignment(assignment_id: str) -> Listing:
    """List the bonuses of an assignment."""
    return Listing("SELECT * FROM bonuses WHERE assignment_id = ?", (assignment_id,))


def newest_of_worker(tx: Transaction, worker_id: str, most: int) -> list[Row]:
    """Return the bonuses for a worker's assignments, newest first."""
    return tx.all(
        "SELECT bonuses.* FROM bonuses JOIN assignments USING (assignment_id) "
        "WHERE assignments.worker_id = ? ORDER BY bonuses.seq DESC LIMIT ?",
        worker_id, most,
    )  # fmt: skip
