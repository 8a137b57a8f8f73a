"""The table `meta`: what the server knows of itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

from ..protocol import lifecycle

if TYPE_CHECKING:
    from .database import Transaction

# Workers' browsers say it: of a study so many are kept.
_MOST_BLOCKED = 5


def last_time(tx: Transaction) -> float | None:
    """Return the latest moment (epoch seconds) of which this database knows; None for a new one."""
    kept = tx.one("SELECT value FROM meta WHERE key = 'time'")
    event = tx.one("SELECT at FROM events ORDER BY id DESC LIMIT 1")
    known = [float(row[0]) for row in (kept, event) if row]
    return max(known, default=None)


def keep_time(tx: Transaction) -> None:
    """Write down what the time is, for a later start of the server."""
    tx.run(
        "INSERT INTO meta VALUES ('time', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        repr(tx.now),
    )


def confirm_clock(tx: Transaction) -> None:
    """Write down, for the other servers of this database, that somebody says that the time is right."""
    tx.run(
        "INSERT INTO meta VALUES ('clock_confirmed', ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        repr(tx.now),
    )


def clock_confirmed(tx: Transaction) -> float | None:
    """Return the moment (epoch seconds) that was confirmed last; None where none was."""
    row = tx.one("SELECT value FROM meta WHERE key = 'clock_confirmed'")
    return float(row["value"]) if row else None


def set_worker_locale(tx: Transaction, place: str | None) -> None:
    """Keep where workers are, as `US` or `US-CA`; None where that is not known."""
    tx.run("DELETE FROM meta WHERE key = 'worker_locale'")
    if place:
        tx.run("INSERT INTO meta VALUES ('worker_locale', ?)", place)


def stated_locale(tx: Transaction) -> str | None:
    """Return where workers are, as it was stated."""
    row = tx.one("SELECT value FROM meta WHERE key = 'worker_locale'")
    return row["value"] if row else None


def worker_locale(tx: Transaction) -> dict[str, str] | None:
    """Return the locale that every worker has, as MTurk writes one; None where they have none."""
    stated = stated_locale(tx)
    return None if stated is None else lifecycle.locale(stated)


def blocked(tx: Transaction, study: str | None) -> list[str]:
    """Return where browsers did not let the pages of a study go; None stands for the HITs of no study."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", f"blocked:{study or ''}")
    found: list[str] = json.loads(row["value"]) if row else []
    return found


def add_blocked(tx: Transaction, study: str | None, origin: str) -> bool:
    """Keep where a browser did not let a page go; False where that is known, or enough of the kind is."""
    known = blocked(tx, study)
    if origin in known or len(known) >= _MOST_BLOCKED:
        return False
    tx.run(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        f"blocked:{study or ''}",
        json.dumps([*known, origin]),
    )
    return True


def secret(tx: Transaction) -> str:
    """Return the secret that signs cookies and makes worker ids; GlimpseError when it is gone."""
    row = tx.one("SELECT value FROM meta WHERE key = 'secret'")
    if row is None:
        raise GlimpseError("The server's database lacks its secret. Restore it from a backup.")
    return str(row["value"])
