"""The database, the one thread of this process that writes to it, and transactions.

An engine, `SQLite` or `PostgreSQL`, opens connections and begins transactions. A change sees no other under
way, of this process or another (`BEGIN IMMEDIATE`; a lock), and runs on the writer's thread. Changes that
wait at the same time share one commit, each in a savepoint of its own: one that fails is rolled back alone,
and nobody is told that a change succeeded before the commit is on disk. Reads run on the caller's thread and
see the last commit. The modules of this folder that are named after tables hold all SQL; nobody outside it
knows which engine the database has.
"""

from __future__ import annotations

import math
import queue
import secrets
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sized
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from ..protocol.errors import ServiceFault
from .postgresql import PostgreSQL
from .sqlite import SQLite

T = TypeVar("T")
Clock = Callable[[], float]
Row = sqlite3.Row  # PostgreSQL's are read in the same way
Engine = SQLite | PostgreSQL

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


class Transaction:
    """One change or one reading: a connection and the moment `now` (epoch seconds) at which it happens."""

    def __init__(self, engine: Engine, connection: Any, now: float) -> None:
        self._engine, self._connection = engine, connection
        self.now = now
        self.wakes = math.inf

    @property
    def engine(self) -> Engine:
        """The database that this is a transaction of."""
        return self._engine

    def erase_for_good(self) -> None:
        """Let nothing of what this transaction changes stay where it was."""
        self._engine.erase_for_good(self._connection)

    def wake(self, moment: float) -> None:
        """Note that time alone changes something at `moment` (epoch seconds)."""
        self.wakes = min(self.wakes, moment)

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement; returns how many rows it changed."""
        return int(self._connection.execute(sql, values).rowcount)

    def insert(self, sql: str, *values: Any) -> int:
        """Execute one INSERT that ends in RETURNING and the name of a number; returns the new row's."""
        return int(self._connection.execute(sql, values).fetchone()[0])

    def one(self, sql: str, *values: Any) -> Row | None:
        """Return the first row, or None."""
        row: Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[Row]:
        """Return every row."""
        rows: list[Row] = self._connection.execute(sql, values).fetchall()
        return rows


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

    def __init__(self, where: Path | str, clock: Clock) -> None:
        """Open the database: a file of SQLite's, or the address of one of PostgreSQL's (postgresql://...)."""
        self._engine: Engine = SQLite(where) if isinstance(where, Path) else PostgreSQL(where)
        self.path, self.shared = self._engine.path, self._engine.shared
        self.clock = clock
        self._waiting: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        self._idle: deque[Any] = deque()
        self._closed = False
        connection = self._engine.writer()
        self._thread = threading.Thread(target=self._write, args=(connection,), name="store", daemon=True)
        self._thread.start()

    def write(self, function: Callable[[Transaction], T]) -> Future[T]:
        """Queue a change; the future resolves once its commit is on disk, or raises what it raised."""
        if self._closed:
            raise ServiceFault("The server is shutting down; try again in a moment.")
        change = _Change(function)
        self._waiting.put(change)
        return change.future

    def read(self, function: Callable[[Transaction], T]) -> T:
        """Run a reading on this thread, in one snapshot; ServiceFault when the file cannot be read."""
        try:
            with self._reading() as connection:
                return function(Transaction(self._engine, connection, self.clock()))
        except self._engine.trouble as error:
            raise ServiceFault(f"The server could not read this ({error}); try again.") from error
        except Exception as error:
            if self._engine.is_damage(error):
                raise ServiceFault(f"{_DAMAGED} ({error}).") from error
            raise

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        """Give a connection that nobody else reads with, in a transaction."""
        connection = None
        with suppress(IndexError):
            connection = self._idle.pop()
        connection = self._begun(connection, self._engine.begin_reading, self._engine.reader)
        try:
            yield connection
        finally:
            if self._engine.is_alive(connection):
                connection.execute("COMMIT")
            self._put_back(connection)

    def _begun(self, connection: Any, begin: Callable[[Any], None], another: Callable[[], Any]) -> Any:
        """Return a connection in a transaction: this one, or another where there is none or it broke."""
        if connection is not None and self._engine.is_alive(connection):
            try:
                begin(connection)
            except self._engine.trouble:
                if self._engine.is_alive(connection):
                    raise
                self._forget_idle()  # where one broke, the others may have, too
            else:
                return connection
        connection = another()
        begin(connection)
        return connection

    def _put_back(self, connection: Any) -> None:
        if self._engine.is_alive(connection):
            self._idle.append(connection)
        if self._closed:
            self._forget_idle()

    def _forget_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def empty_log(self) -> None:
        """Let nothing of what was erased for good stay in the database's log, once it was committed."""
        self._engine.empty_log()

    def close(self) -> None:
        """Finish what waits, then close. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._waiting.put(None)
        self._thread.join()
        self._forget_idle()

    def _write(self, connection: Any) -> None:
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
                connection = self._commit(connection, together)
        connection.close()

    def _commit(self, connection: Any, changes: list[_Change]) -> Any:
        """Run changes in one transaction; returns the connection to go on with."""
        failure: Exception | None = None
        try:
            connection = self._begun(connection, self._engine.begin_change, self._engine.writer)
            for change in changes:
                self._apply(connection, change)
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whoever waits must hear, and the writer live on
            damaged = self._engine.is_damage(error)
            what = _DAMAGED if damaged else "The server could not store this"
            failure = ServiceFault(
                f"{what} ({error}). Nothing was changed{'' if damaged else '; try again'}."
            )
            with suppress(*self._engine.trouble):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        for change in changes:
            change.report(failure)
        return connection

    def _apply(self, connection: Any, change: _Change) -> None:
        connection.execute("SAVEPOINT one")
        try:
            change.value = change.function(Transaction(self._engine, connection, self.clock()))
        except self._engine.trouble:
            raise
        except Exception as error:
            if self._engine.is_damage(error):
                raise
            change.error = error
            connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
