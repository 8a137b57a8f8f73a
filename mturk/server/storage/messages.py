"""The table `messages`: what requesters wrote to workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .database import Row, Transaction


def add(tx: Transaction, worker_id: str, subject: str, body: str) -> None:
    """Leave a message for a worker."""
    tx.run(
        "INSERT INTO messages (worker_id, subject, body, at) VALUES (?, ?, ?, ?)",
        worker_id, subject, body, tx.now,
    )  # fmt: skip


def newest_of_worker(tx: Transaction, worker_id: str, most: int) -> list[Row]:
    """Return the messages for a worker, newest first."""
    return tx.all("SELECT * FROM messages WHERE worker_id = ? ORDER BY id DESC LIMIT ?", worker_id, most)
