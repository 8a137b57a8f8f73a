"""SQLite as the server's database: one file, in WAL mode, every commit on the disk (synchronous=FULL)."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from glimpse.errors import GlimpseError
from glimpse.program import program

from . import copies, migrations


def keep_private(path: Path) -> None:
    """Let only its owner read a file, whatever the umask and the folder; made empty where it is missing.

    SQLite gives the files beside a database the rights of the database. GlimpseError when the file is another
    user's.
    """
    try:
        if not path.exists():
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        # By its name: opening a database that is in use, and closing it again, would let its locks go.
        if path.stat().st_mode & 0o777 != 0o600:
            path.chmod(0o600)
    except PermissionError:
        raise GlimpseError(
            f"{path} belongs to another user, or may not be written. Run the server as its owner, or give "
            "another folder with --data."
        ) from None


class SQLite:
    """The engine of a database file that one process has."""

    shared = False
    trouble: tuple[type[Exception], ...] = (sqlite3.OperationalError,)

    def __init__(self, path: Path) -> None:
        self.path = path

    def writer(self) -> sqlite3.Connection:
        """Return a connection to a database of the present schema; GlimpseError where it is damaged."""
        for name in (self.path, Path(f"{self.path}-wal"), Path(f"{self.path}-shm")):
            if name == self.path or name.exists():
                keep_private(name)
        connection = None
        try:
            connection = self._connect()
            if damage := copies.damage_of(connection):
                raise sqlite3.DatabaseError(damage)
            migrations.migrate(connection, self.path)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if self.is_damage(error):
                raise GlimpseError(
                    f"{self.path} is damaged, or not a database ({error}). Restore it from a backup "
                    f"({program()} serve --restore FILE --replace), or start with another --data folder."
                ) from None
            raise
        return connection

    def reader(self) -> sqlite3.Connection:
        """Return a connection that changes nothing."""
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    @staticmethod
    def is_alive(_connection: Any) -> bool:
        """Tell whether a connection can still be used."""
        return True

    @staticmethod
    def is_damage(error: BaseException) -> bool:
        """Tell whether an error means that the file is damaged."""
        return type(error) is sqlite3.DatabaseError

    @staticmethod
    def begin_change(connection: Any) -> None:
        """Begin a transaction that changes something; no other is under way until it ends."""
        connection.execute("BEGIN IMMEDIATE")

    @staticmethod
    def begin_reading(connection: Any) -> None:
        """Begin a transaction that sees one state of the database."""
        connection.execute("BEGIN")

    def empty_log(self) -> None:
        """Write what the log holds into the file and empty it: it may still have what was erased there.

        Where somebody keeps the log busy, or the disk is full, it is emptied later, as it always is.
        """
        with suppress(sqlite3.OperationalError), closing(self._connect()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @staticmethod
    def erase_for_good(connection: Any) -> None:
        """Let nothing of what is changed from now on stay in the file."""
        connection.execute("PRAGMA secure_delete = ON")
