"""What assignments were approved for before their HITs got another reward, in `meta`.

Counts stand under a HIT's present type, and so under its present reward. What that says too much, or too
little, of those who were approved before is kept by study.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .database import Row, Transaction


def note_change(tx: Transaction, hit: Row, hit_type_id: str) -> None:
    """Note that a HIT, as it stands, gets another type; nothing where its reward stays."""
    new = tx.one("SELECT reward FROM hit_types WHERE hit_type_id = ?", hit_type_id)
    difference = (Decimal(hit["reward"]) - Decimal(new["reward"] if new else hit["reward"])) * hit["approved"]
    if difference:
        tx.run(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            _key(hit["study"]), str(difference_usd(tx, hit["study"]) + difference),
        )  # fmt: skip


def difference_usd(tx: Transaction, study: str | None) -> Decimal:
    """Return what was paid for a study's approved assignments beyond their HITs' present rewards."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", _key(study))
    return Decimal(row["value"]) if row else Decimal(0)


def _key(study: str | None) -> str:
    return f"earlier-rewards:{study or ''}"
