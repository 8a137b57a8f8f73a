"""The table `ended_sessions`: browsers that were signed out; their cookies count no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .database import Transaction


def nonces(tx: Transaction) -> set[str]:
    """Return what names every session that was ended."""
    return {row["nonce"] for row in tx.all("SELECT nonce FROM ended_sessions")}


def end(tx: Transaction, nonce: str) -> None:
    """End a session."""
    tx.run("INSERT INTO ended_sessions VALUES (?, ?) ON CONFLICT DO NOTHING", nonce, tx.now)
