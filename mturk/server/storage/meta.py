"""The table `meta`: what the server knows of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from .database import Transaction


def secret(tx: Transaction) -> str:
    """Return the secret that signs cookies and makes worker ids; GlimpseError when it is gone."""
    row = tx.one("SELECT value FROM meta WHERE key = 'secret'")
    if row is None:
        raise GlimpseError("The server's database lacks its secret. Restore it from a backup.")
    return str(row["value"])
