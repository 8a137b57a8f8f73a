"""Migrations: they bring a database file that an older version wrote to the present schema.

`PRAGMA user_version` says which version of the schema a file has. A new file gets the present schema at once;
an older one takes one migration a version, all in one transaction: whatever interrupts it leaves the file as
it was.

To change the schema: edit `schema.py`, raise its VERSION, and add the migration that turns files of the
version before into the same tables. A migration that was released is never edited.
"""

from __future__ import annotations

import secrets
import sqlite3
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError
from glimpse.program import program

from ..protocol import questions
from .schema import SCHEMA, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# By the version to which a migration leads, its statements, with semicolons between them.
MIGRATIONS = {
    # The dashboard counts the returned and abandoned assignments of each HIT without reading all assignments.
    2: """CREATE INDEX IF NOT EXISTS given_up ON assignments (hit_id, status)
          WHERE status IN ('Returned', 'Abandoned')""",
    # Whoever signs out is signed out for good, whoever kept their cookie. Before, the simulator signed in by
    # name and without a key; whoever came by a panel's link could not be it, whatever their answers say.
    3: """CREATE TABLE ended_sessions (nonce TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
          UPDATE workers SET panel = 'simulator' WHERE panel = 'local' AND worker_id IN (
            SELECT worker_id FROM assignments WHERE answer LIKE '%"simulated":true%'
            AND answer LIKE '%"user_agent":"glimpse-simulator%')""",
    # Qualification types may have a test.
    4: """CREATE TABLE qualification_tests (
            qualification_type_id TEXT PRIMARY KEY, test TEXT NOT NULL, answer_key TEXT,
            duration_s INTEGER NOT NULL) WITHOUT ROWID;
          CREATE TABLE test_attempts (
            qualification_type_id TEXT NOT NULL, worker_id TEXT NOT NULL, started REAL NOT NULL, answer TEXT,
            PRIMARY KEY (qualification_type_id, worker_id)) WITHOUT ROWID""",
    # Pages that list HITs read no question, and count nothing that is kept as a count.
    5: """CREATE TABLE questions (seq INTEGER PRIMARY KEY REFERENCES hits (seq), question TEXT NOT NULL);
          INSERT INTO questions SELECT seq, question FROM hits;
          ALTER TABLE hits ADD COLUMN returned INTEGER NOT NULL DEFAULT 0;
          ALTER TABLE hits ADD COLUMN abandoned INTEGER NOT NULL DEFAULT 0;
          ALTER TABLE hits ADD COLUMN bonus_cents INTEGER NOT NULL DEFAULT 0;
          ALTER TABLE hits ADD COLUMN page_needs TEXT;
          UPDATE hits SET page_needs = page_needs(question),
            returned = (SELECT COUNT(*) FROM assignments AS a
                        WHERE a.hit_id = hits.hit_id AND status = 'Returned'),
            abandoned = (SELECT COUNT(*) FROM assignments AS a
                         WHERE a.hit_id = hits.hit_id AND status = 'Abandoned'),
            bonus_cents = (SELECT COALESCE(SUM(CAST(ROUND(100 * amount) AS INTEGER)), 0) FROM bonuses AS b
                           WHERE b.hit_id = hits.hit_id);
          ALTER TABLE hits DROP COLUMN question;
          DROP INDEX given_up; DROP INDEX hits_by_study; DROP INDEX hits_to_expire;
          CREATE INDEX in_order ON assignments (submit_order) WHERE submit_order IS NOT NULL;
          CREATE INDEX events_of_assignments ON events (id) WHERE assignment_id IS NOT NULL;
          CREATE INDEX hits_by_name ON hits (study, batch, name);
          CREATE INDEX hits_to_expire ON hits (expires) WHERE expiry_logged = 0;
          CREATE INDEX hits_by_study ON hits (study, seq) WHERE disposed IS NULL;
          CREATE INDEX hits_by_group ON hits (hit_type_id, study, batch, seq) WHERE disposed IS NULL
            AND expiry_logged = 0 AND pending + submitted + approved + rejected < max_assignments;
          CREATE INDEX hits_to_offer ON hits (study, (pending + submitted + approved + rejected), seq)
            WHERE disposed IS NULL AND expiry_logged = 0
            AND pending + submitted + approved + rejected < max_assignments;
          CREATE TABLE tallies (
            study TEXT NOT NULL, batch TEXT NOT NULL, hit_type_id TEXT NOT NULL, disposed INTEGER NOT NULL,
            created REAL NOT NULL, newest INTEGER NOT NULL, hits INTEGER NOT NULL,
            max_assignments INTEGER NOT NULL, pending INTEGER NOT NULL, submitted INTEGER NOT NULL,
            approved INTEGER NOT NULL, rejected INTEGER NOT NULL,
            returned INTEGER NOT NULL, abandoned INTEGER NOT NULL, bonus_cents INTEGER NOT NULL,
            PRIMARY KEY (study, batch, hit_type_id, disposed)) WITHOUT ROWID;
          INSERT INTO tallies SELECT COALESCE(study, ''), COALESCE(batch, ''), hit_type_id,
            disposed IS NOT NULL, MIN(created), MAX(seq), COUNT(*), SUM(max_assignments), SUM(pending),
            SUM(submitted), SUM(approved), SUM(rejected), SUM(returned), SUM(abandoned), SUM(bonus_cents)
            FROM hits GROUP BY 1, 2, 3, 4""",
    # Workers may say where they are.
    6: "ALTER TABLE workers ADD COLUMN locale TEXT",
    # Trials may be drawn for each assignment.
    7: """CREATE TABLE allocations (
            study TEXT PRIMARY KEY, pool TEXT NOT NULL, epoch INTEGER NOT NULL) WITHOUT ROWID;
          CREATE TABLE draws (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, assignment_id TEXT NOT NULL UNIQUE, study TEXT NOT NULL,
            number INTEGER NOT NULL, pairs TEXT NOT NULL, trials TEXT NOT NULL, outcome TEXT,
            settled INTEGER);
          CREATE INDEX draws_of_study ON draws (study, seq);
          CREATE INDEX draws_settled ON draws (study, settled) WHERE settled IS NOT NULL""",
}


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file at `path` to the present schema; a new file gets its tables.

    GlimpseError when a newer version wrote it, or when a migration failed: then the file is as it was before.
    """
    before = _version(connection)
    if before > VERSION:
        raise GlimpseError(
            f"{path} was written by a newer version of Glimpse (its schema is {before}, this version reads "
            f"{VERSION} and older). Update Glimpse, or start with another folder: "
            f"{program()} serve --data FOLDER"
        )
    if before == VERSION:
        return
    connection.create_function("page_needs", 1, questions.page_needs, deterministic=True)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _missing(connection):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise GlimpseError(
            f"{path} could not be migrated from schema {before} to {VERSION} ({error}). Nothing in it was "
            "changed; the version of Glimpse that wrote it can still use it."
        ) from None


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _missing(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield the statements that lead from a file's schema to the present one."""
    if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
        yield from statements(SCHEMA)
        yield f"INSERT INTO meta VALUES ('secret', '{secrets.token_hex(32)}')"  # noqa: S608 - hexadecimal
        return
    # A file with tables but without a version was restored from a dump: dumps leave the version out.
    for version in range(max(_version(connection), 1) + 1, VERSION + 1):
        yield from statements(MIGRATIONS[version])


def statements(sql: str) -> Iterator[str]:
    """Yield the statements of a script one by one: sqlite3 commits before it runs a script as a whole."""
    yield from (statement for statement in sql.split(";") if statement.strip())
