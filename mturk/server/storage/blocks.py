"""The table `blocks`: who may accept no HIT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .listing import Listing

if TYPE_CHECKING:
    from .database import Transaction


def holds(tx: Transaction, worker_id: str) -> bool:
    """Tell whether a worker is blocked."""
    return tx.one("SELECT 1 FROM blocks WHERE worker_id = ?", worker_id) is not None


def add(tx: Transaction, worker_id: str, reason: str) -> None:
    """Block a worker, or change the reason of the block."""
    tx.run(
        "INSERT INTO blocks (worker_id, reason, at) VALUES (?, ?, ?) "
        "ON CONFLICT (worker_id) DO UPDATE SET reason = excluded.reason",
        worker_id, reason, tx.now,
    )  # fmt: skip


def lift(tx: Transaction, worker_id: str) -> bool:
    """Unblock a worker; False when nothing blocked them."""
    return tx.run("DELETE FROM blocks WHERE worker_id = ?", worker_id) > 0


def everybody() -> Listing:
    """List who is blocked and why."""
    return Listing("SELECT * FROM blocks WHERE TRUE", ())
