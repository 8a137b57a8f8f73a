"""Copies of the database file: a consistent one while the server runs, and whether a file is whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

from . import schema

if TYPE_CHECKING:
    from pathlib import Path


def copy(path: Path, to: Path) -> None:
    """Write the last committed state of a database to a file of its own, whoever writes to it meanwhile.

    GlimpseError where the database is damaged.
    """
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as target:
            source.backup(target)
            # The copy is one file: nothing beside it belongs to it.
            target.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.DatabaseError as error:
        raise GlimpseError(f"{path} cannot be copied ({error}). Restore an earlier backup.") from None


def problem(path: Path) -> str | None:
    """Return what is wrong with a database file; None for a whole one that this version can read."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            damage = damage_of(connection)
            version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return str(error)
    if damage is None and version > schema.VERSION:
        return f"a newer version of Glimpse wrote it: schema {version}, this version reads {schema.VERSION}"
    return damage


def damage_of(connection: sqlite3.Connection) -> str | None:
    """Return the first thing that is wrong with the pages of a database; None for a whole one."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    return None if found == "ok" else " ".join(str(found).split())
