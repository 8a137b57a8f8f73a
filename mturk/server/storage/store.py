"""The one SQLite file, and the one thread that writes to it.

Every change runs inside `BEGIN IMMEDIATE` on the writer's thread. Changes that wait at the same time share
one commit, each in a savepoint of its own: one that fails is rolled back alone, and nobody is told that a
change succeeded before the commit is on disk (WAL, synchronous=FULL). Reads run on the caller's thread and
see the last commit.
"""

from __future__ import annotations

import json
import math
import os
import queue
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from glimpse.errors import GlimpseError

from ..protocol.errors import ServiceFault

T = TypeVar("T")
Clock = Callable[[], float]
Row = sqlite3.Row

SCHEMA_VERSION = 1
_TOGETHER = 128
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE hit_types (
  hit_type_id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, title TEXT NOT NULL, description TEXT NOT NULL,
  keywords TEXT, reward TEXT NOT NULL, duration_s INTEGER NOT NULL, auto_approval_s INTEGER NOT NULL,
  requirements TEXT NOT NULL, notification TEXT, created REAL NOT NULL);
CREATE TABLE hits (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, hit_id TEXT NOT NULL UNIQUE,
  hit_type_id TEXT NOT NULL REFERENCES hit_types, question TEXT NOT NULL, annotation TEXT NOT NULL,
  study TEXT, batch TEXT, name TEXT, max_assignments INTEGER NOT NULL, first_max INTEGER NOT NULL,
  created REAL NOT NULL, expires REAL NOT NULL, expiry_logged INTEGER NOT NULL DEFAULT 0,
  reviewing INTEGER NOT NULL DEFAULT 0, disposed REAL, pending INTEGER NOT NULL DEFAULT 0,
  submitted INTEGER NOT NULL DEFAULT 0, approved INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL
  DEFAULT 0, CHECK (pending >= 0 AND submitted >= 0 AND approved >= 0 AND rejected >= 0), CHECK (pending +
  submitted + approved + rejected <= max_assignments));
CREATE INDEX hits_by_study ON hits (study, batch);
CREATE INDEX hits_by_type ON hits (hit_type_id);
CREATE INDEX hits_to_expire ON hits (expires) WHERE NOT expiry_logged;
CREATE INDEX hits_to_dispose ON hits (expires) WHERE disposed IS NULL;
CREATE TABLE assignments (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, assignment_id TEXT NOT NULL UNIQUE,
  hit_id TEXT NOT NULL REFERENCES hits (hit_id), worker_id TEXT NOT NULL, status TEXT NOT NULL,
  accepted REAL NOT NULL, deadline REAL NOT NULL, submitted REAL, auto_approval REAL, approved REAL,
  rejected REAL, ended REAL, submit_order INTEGER, answer TEXT, feedback TEXT, progress TEXT, arrival
  INTEGER);
CREATE UNIQUE INDEX one_each ON assignments (hit_id, worker_id) WHERE status NOT IN ('Returned', 'Abandoned');
CREATE UNIQUE INDEX by_submission ON assignments (hit_id, submit_order) WHERE submit_order IS NOT NULL;
CREATE INDEX by_worker ON assignments (worker_id, seq);
CREATE INDEX to_abandon ON assignments (deadline) WHERE status = 'Accepted';
CREATE INDEX to_approve ON assignments (auto_approval) WHERE status = 'Submitted';
CREATE TABLE workers (
  worker_id TEXT PRIMARY KEY, panel TEXT NOT NULL, name TEXT NOT NULL, created REAL NOT NULL,
  approved INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0, UNIQUE (panel, name));
CREATE TABLE arrivals (
  id INTEGER PRIMARY KEY AUTOINCREMENT, worker_id TEXT NOT NULL, study TEXT NOT NULL, panel TEXT NOT NULL,
  parameters TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE qualification_types (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, qualification_type_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  description TEXT NOT NULL, keywords TEXT, status TEXT NOT NULL, retry_delay_s INTEGER,
  auto_granted INTEGER NOT NULL, auto_value INTEGER, once INTEGER NOT NULL, created REAL NOT NULL, deleted
  REAL);
CREATE UNIQUE INDEX one_name ON qualification_types (name) WHERE deleted IS NULL;
CREATE TABLE qualifications (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, qualification_type_id TEXT NOT NULL, worker_id TEXT NOT NULL,
  status TEXT NOT NULL, value INTEGER NOT NULL, granted REAL NOT NULL, assignment_id TEXT, reason TEXT,
  UNIQUE (qualification_type_id, worker_id));
CREATE TABLE qualification_requests (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE, qualification_type_id TEXT NOT NULL,
  worker_id TEXT NOT NULL, status TEXT NOT NULL, at REAL NOT NULL, reason TEXT);
CREATE UNIQUE INDEX one_request ON qualification_requests (qualification_type_id, worker_id)
  WHERE status = 'Pending';
CREATE TABLE bonuses (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, worker_id TEXT NOT NULL, assignment_id TEXT NOT NULL,
  hit_id TEXT NOT NULL, amount TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX bonuses_by_hit ON bonuses (hit_id, seq);
CREATE INDEX bonuses_by_assignment ON bonuses (assignment_id, seq);
CREATE TABLE blocks (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, worker_id TEXT NOT NULL UNIQUE, reason TEXT NOT NULL, at REAL NOT
  NULL);
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, worker_id TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
  at REAL NOT NULL);
CREATE INDEX messages_by_worker ON messages (worker_id);
CREATE TABLE tokens (
  operation TEXT NOT NULL, token TEXT NOT NULL, at REAL NOT NULL, result TEXT NOT NULL,
  PRIMARY KEY (operation, token)) WITHOUT ROWID;
CREATE TABLE study_settings (study TEXT PRIMARY KEY, settings TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL, hit_id TEXT, assignment_id TEXT,
  worker_id TEXT, detail TEXT);
CREATE INDEX events_by_hit ON events (hit_id, id);
"""


def new_id(first: str = "3") -> str:
    """Return a fresh id as MTurk's look: 30 characters, about 150 random bits, beginning with `first`."""
    return first + "".join(secrets.choice(_ALPHABET) for _ in range(30 - len(first)))


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

    def run(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Execute one statement."""
        return self._connection.execute(sql, values)

    def one(self, sql: str, *values: Any) -> Row | None:
        """Return the first row, or None."""
        row: Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[Row]:
        """Return every row."""
        return self._connection.execute(sql, values).fetchall()

    def named(self, sql: str, values: dict[str, Any]) -> list[Row]:
        """Return every row of a statement with `:named` values."""
        return self._connection.execute(sql, values).fetchall()

    def log(self, kind: str, *, hit: str = "", assignment: str = "", worker: str = "", **detail: Any) -> int:
        """Write one line of the audit log; returns its number, which grows with every event."""
        cursor = self.run(
            "INSERT INTO events (at, kind, hit_id, assignment_id, worker_id, detail) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            self.now, kind, hit or None, assignment or None, worker or None,
            json.dumps(detail, sort_keys=True) if detail else None,
        )  # fmt: skip
        return int(cursor.lastrowid or 0)


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
        connection = self._connect(path)
        _prepare(connection, path)
        self._thread = threading.Thread(target=self._write, args=(connection,), name="store", daemon=True)
        self._thread.start()

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
        """Run a reading on this thread, in one snapshot."""
        connection = getattr(self._readers, "connection", None)
        if connection is None:
            connection = self._connect(self.path)
            connection.execute("PRAGMA query_only = ON")
            self._readers.connection = connection
            self._open_readers.append(connection)
        with _snapshot(connection):
            return function(Transaction(connection, self.clock()))

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
            failure = ServiceFault(
                f"The server could not store this ({error}). Nothing was changed; try again."
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
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked, not to the others
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


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables in a new file; refuse a file of another version."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
        connection.executescript(
            f"BEGIN IMMEDIATE; {SCHEMA} INSERT INTO meta VALUES ('secret', '{secrets.token_hex(32)}');"  # noqa: S608
            f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise GlimpseError(
            f"{path} was written by another version of the server (its schema is {version}, this one "
            f"reads {SCHEMA_VERSION}). Start with another --data folder, or with the version that wrote it."
        )
