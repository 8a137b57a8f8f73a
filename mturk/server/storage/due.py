"""What time alone changes in the tables `hits` and `assignments`: what is due, and when the next thing is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.lifecycle import DISPOSED_AFTER_S

if TYPE_CHECKING:
    from .database import Row, Transaction

_NEVER = 1e15


def next_due(tx: Transaction) -> float:
    """Return the moment (epoch seconds) at which time alone changes something next."""
    row = tx.one(
        """SELECT (SELECT MIN(deadline) FROM assignments WHERE status = 'Accepted') AS abandon,
             (SELECT MIN(auto_approval) FROM assignments WHERE status = 'Submitted') AS approve,
             (SELECT MIN(expires) FROM hits WHERE expiry_logged = 0) AS expire,
             (SELECT MIN(expires) FROM hits WHERE disposed IS NULL AND pending + submitted = 0) AS dispose"""
    )
    if row is None:
        return _NEVER
    dispose = None if row["dispose"] is None else row["dispose"] + DISPOSED_AFTER_S
    known = [row["abandon"], row["approve"], row["expire"], dispose]
    return float(min((moment for moment in known if moment is not None), default=_NEVER))


def to_abandon(tx: Transaction) -> list[Row]:
    """Return the accepted assignments whose deadline is over."""
    return tx.all("SELECT * FROM assignments WHERE status = 'Accepted' AND deadline <= ?", tx.now)


def to_approve(tx: Transaction) -> list[Row]:
    """Return the submitted assignments that are approved by themselves now."""
    return tx.all("SELECT * FROM assignments WHERE status = 'Submitted' AND auto_approval <= ?", tx.now)


def expired(tx: Transaction) -> list[str]:
    """Return the HITs that have expired and of which the audit log does not tell yet."""
    rows = tx.all("SELECT hit_id FROM hits WHERE expiry_logged = 0 AND expires <= ?", tx.now)
    return [row["hit_id"] for row in rows]


def to_dispose(tx: Transaction) -> list[str]:
    """Return the HITs that expired 120 days ago and of which nothing is open."""
    rows = tx.all(
        "SELECT hit_id FROM hits WHERE disposed IS NULL AND expires <= ? AND pending + submitted = 0",
        tx.now - DISPOSED_AFTER_S,
    )
    return [row["hit_id"] for row in rows]
