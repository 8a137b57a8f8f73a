"""The one SQLite file, the one thread that writes to it, and transactions, through which tables are reached.

Every change runs inside `BEGIN IMMEDIATE` on the writer's thread. Changes that wait at the same time share
one commit, each in a savepoint of its own: one that fails is rolled back alone, and nobody is told that a
change succeeded before the commit is on disk (WAL, synchronous=FULL). Reads run on the caller's thread and
see the last commit. The modules of this folder that are named after tables hold all SQL; nobody outside it
knows that the database is SQLite's.
"""

from __future__ import annotations

import math
import os
import queue
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sized
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from glimpse.errors import GlimpseError
from glimpse.program import program

from ..protocol.errors import ServiceFault
from . import copies, migrations

T = TypeVar("T")
Clock = Callable[[], float]
Row = sqlite3.Row

_TOGETHER = 128
_DAMAGED = "The server's database is damaged; stop it, and restore a backup"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def new_id(first: str = "3") -> str:
    """Return a fresh id in the form of MTurk's: 30 characters, about 150 random bits, after `first`."""
    return first + "".join(secrets.choice(_ALPHABET) for _ in range(30 - len(first)))


def marks(values: Sized) -> str:
    """Return a placeholder a value, for `IN (...)`; for no values NULL, in which nothing is."""
    return ", ".join("?" * len(values)) or "NULL"


def equal(column: str, value: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the condition that a column is a value, or is NULL for None, and the values for its marks."""
    return (f"{column} IS NULL", ()) if value is None else (f"{column} = ?", (value,))


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


class Transaction:
    """One change or one reading: a connection and the moment `now` (epoch seconds) at which it happens."""

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        self.now = now
        self.wakes = math.inf

    def wake(self, moment: float) -> None:
        """Note that time alone changes something at `moment` (epoch seconds)."""
        self.wakes = min(self.wakes, moment)

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement; returns how many rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def insert(self, sql: str, *values: Any) -> int:
        """Execute one INSERT that ends in RETURNING and the name of a number; returns the new row's."""
        return int(self._connection.execute(sql, values).fetchone()[0])

    def one(self, sql: str, *values: Any) -> Row | None:
        """Return the first row, or None."""
        row: Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[Row]:
        """Return every row."""
        return self._connection.execute(sql, values).fetchall()


class _Change:
    """A function that waits for the writer, and where its outcome goes."""

    __slots__ = ("error", "function", "future", "value")

    def __init__(self, function: Callable[[Transaction], Any]) -> None:
        self.function = function
        self.future: Future[Any] = Future()
        self.value: Any = None
        self.error: Exception | None = None

    def report(self, error: Exception | None = None) -> None:
        """Hand the outcome to whoever waits; `error` overrides it."""
        if not self.future.set_running_or_notify_cancel():
            return
        if error or self.error:
            self.future.set_exception(error or self.error)
        else:
            self.future.set_result(self.value)


class Store:
    """The database of one server. `clock` returns epoch seconds; tests give one that jumps."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        self._waiting: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        self._readers = threading.local()
        self._open_readers: list[sqlite3.Connection] = []
        self._closed = False
        for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            if name == path or name.exists():
                keep_private(name)
        connection = self._opened(path)
        self._thread = threading.Thread(target=self._write, args=(connection,), name="store", daemon=True)
        self._thread.start()

    def _opened(self, path: Path) -> sqlite3.Connection:
        """Return a connection to a database of the present schema; GlimpseError where it is damaged."""
        connection = None
        try:
            connection = self._connect(path)
            if damage := copies.damage_of(connection):
                raise sqlite3.DatabaseError(damage)
            migrations.migrate(connection, path)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if type(error) is sqlite3.DatabaseError:
                raise GlimpseError(
                    f"{path} is damaged, or not a database ({error}). Restore it from a backup "
                    f"({program()} serve --restore FILE --replace), or start with another --data folder."
                ) from None
            raise
        return connection

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def write(self, function: Callable[[Transaction], T]) -> Future[T]:
        """Queue a change; the future resolves once its commit is on disk, or raises what it raised."""
        if self._closed:
            raise ServiceFault("The server is shutting down; try again in a moment.")
        change = _Change(function)
        self._waiting.put(change)
        return change.future

    def read(self, function: Callable[[Transaction], T]) -> T:
        """Run a reading on this thread, in one snapshot; ServiceFault when the file cannot be read."""
        connection = getattr(self._readers, "connection", None)
        if connection is None:
            connection = self._connect(self.path)
            connection.execute("PRAGMA query_only = ON")
            self._readers.connection = connection
            self._open_readers.append(connection)
        try:
            with _snapshot(connection):
                return function(Transaction(connection, self.clock()))
        except sqlite3.OperationalError as error:
            raise ServiceFault(f"The server could not read this ({error}); try again.") from error
        except sqlite3.DatabaseError as error:
            if type(error) is sqlite3.DatabaseError:
                raise ServiceFault(f"{_DAMAGED} ({error}).") from error
            raise

    def close(self) -> None:
        """Finish what waits, then close. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._waiting.put(None)
        self._thread.join()
        for connection in self._open_readers:
            connection.close()

    def _write(self, connection: sqlite3.Connection) -> None:
        """Take whatever waits, commit it together, report: the writer's whole life."""
        running = True
        while running:
            first = self._waiting.get()
            together = [first] if first else []
            running = first is not None
            while running and len(together) < _TOGETHER:
                try:
                    change = self._waiting.get_nowait()
                except queue.Empty:
                    break
                running = change is not None
                if change:
                    together.append(change)
            if together:
                self._commit(connection, together)
        connection.close()

    def _commit(self, connection: sqlite3.Connection, changes: list[_Change]) -> None:
        failure: Exception | None = None
        try:
            connection.execute("BEGIN IMMEDIATE")
            for change in changes:
                self._apply(connection, change)
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whoever waits must hear, and the writer live on
            damaged = type(error) is sqlite3.DatabaseError
            what = _DAMAGED if damaged else "The server could not store this"
            failure = ServiceFault(
                f"{what} ({error}). Nothing was changed{'' if damaged else '; try again'}."
            )
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        for change in changes:
            change.report(failure)

    def _apply(self, connection: sqlite3.Connection, change: _Change) -> None:
        connection.execute("SAVEPOINT one")
        try:
            change.value = change.function(Transaction(connection, self.clock()))
        except sqlite3.OperationalError:
            raise
        except Exception as error:
            if type(error) is sqlite3.DatabaseError:
                raise
            change.error = error
            connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")
