"""The table `tokens`: the UniqueRequestTokens of calls, and what each call made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.lifecycle import TOKEN_LIFE_S

if TYPE_CHECKING:
    from .database import Transaction


def made_with(tx: Transaction, operation: str, token: str) -> str | None:
    """Return what was made when a token was used for an operation, within its life; None for a new token."""
    tx.run("DELETE FROM tokens WHERE at <= ?", tx.now - TOKEN_LIFE_S)
    row = tx.one("SELECT result FROM tokens WHERE operation = ? AND token = ?", operation, token)
    return str(row["result"]) if row else None


def keep(tx: Transaction, operation: str, token: str, made: str) -> None:
    """Keep what a call with a token has made."""
    tx.run("INSERT INTO tokens VALUES (?, ?, ?, ?)", operation, token, tx.now, made)
