"""The tables `hit_types` and `hits`: what is published. A HIT is read with the properties of its type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..protocol import lifecycle
from ..protocol.errors import missing
from ..protocol.questions import page_needs
from . import tallies
from .database import equal, marks, new_id
from .listing import Listing

if TYPE_CHECKING:
    from collections.abc import Collection

    from .database import Row, Transaction

_COLUMNS = "hits.*, title, description, keywords, reward, duration_s, auto_approval_s, requirements"
FACTS = f"SELECT {_COLUMNS} FROM hits JOIN hit_types USING (hit_type_id) "  # noqa: S608 - constants
# With the question, tens of kilobytes a HIT: for whoever shows it, and nobody else.
_WHOLE = (
    f"SELECT {_COLUMNS}, question FROM hits JOIN hit_types USING (hit_type_id) "  # noqa: S608 - constants
    "JOIN questions USING (seq) "
)


# HIT types


def add_type(tx: Transaction, digest: str, properties: tuple[Any, ...]) -> str:
    """Return the id of the HIT type with a digest; one that is new is stored.

    `properties` are title, description, keywords, reward, duration_s, auto_approval_s and requirements.
    """
    known = tx.one("SELECT hit_type_id FROM hit_types WHERE digest = ?", digest)
    if known:
        return str(known["hit_type_id"])
    hit_type_id = new_id()
    tx.run(
        "INSERT INTO hit_types VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)",
        hit_type_id, digest, *properties, tx.now,
    )  # fmt: skip
    return hit_type_id


def known_type(tx: Transaction, hit_type_id: str) -> str:
    """Return the id of a HIT type; RequestError when there is none."""
    if not tx.one("SELECT 1 FROM hit_types WHERE hit_type_id = ?", hit_type_id):
        raise missing("HITType", hit_type_id)
    return hit_type_id


def type_of_group(tx: Transaction, group_id: str) -> str | None:
    """Return the HIT type whose HITs workers see as a group; None when there is none."""
    found = (row["hit_type_id"] for row in tallies.with_places(tx))
    return next((hit_type for hit_type in found if lifecycle.group_id(hit_type) == group_id), None)


def asks_locale(tx: Transaction, study: str | None = None) -> bool:
    """Tell whether a HIT with places (of one study, if it is named) requires a location."""
    offered = {row["hit_type_id"] for row in tallies.with_places(tx) if study in {None, row["study"]}}
    which = f"hit_type_id IN ({marks(offered)})"
    found = tx.all(f"SELECT requirements FROM hit_types WHERE {which}", *offered) if offered else []  # noqa: S608
    return any(
        one["QualificationTypeId"] == lifecycle.LOCALE
        for row in found
        for one in json.loads(row["requirements"])
    )


def one_of_each_type(tx: Transaction, study: str | None) -> list[Row]:
    """Return a HIT of each HIT type of a study; None stands for the HITs of no study."""
    which, values = equal("study", study)
    found = []
    for row in tallies.types(tx, study):
        sql = f"WHERE {which} AND hit_type_id = ? AND disposed IS NULL ORDER BY hits.seq LIMIT 1"
        found += tx.all(FACTS + sql, *values, row["hit_type_id"])
    return found


def notification(tx: Transaction, hit_type_id: str) -> dict[str, Any]:
    """Return what a requester wants to hear of a HIT type; RequestError when there is none."""
    row = tx.one("SELECT notification FROM hit_types WHERE hit_type_id = ?", hit_type_id)
    if row is None:
        raise missing("HITType", hit_type_id)
    kept: dict[str, Any] = json.loads(row["notification"] or "{}")
    return kept


def set_notification(tx: Transaction, hit_type_id: str, kept: dict[str, Any]) -> None:
    """Keep what a requester wants to hear of a HIT type."""
    tx.run("UPDATE hit_types SET notification = ? WHERE hit_type_id = ?", json.dumps(kept), hit_type_id)


def auto_approval_s(tx: Transaction, hit_id: str) -> int:
    """Return after how many seconds a HIT's assignments are approved automatically."""
    row = tx.one(
        "SELECT auto_approval_s FROM hits JOIN hit_types USING (hit_type_id) WHERE hit_id = ?", hit_id
    )
    return int(row["auto_approval_s"]) if row else 0


# One HIT


def add(
    tx: Transaction, hit_type_id: str, *, question: str, annotation: str, slots: int, expires: float
) -> str:
    """Store a new HIT and return its id; its annotation says to which study and batch it belongs."""
    hit_id = new_id()
    study, batch, name = lifecycle.annotation_parts(annotation)
    seq = tx.insert(
        "INSERT INTO hits (hit_id, hit_type_id, annotation, study, batch, name, max_assignments, "
        "first_max, created, expires, page_needs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq",
        hit_id, hit_type_id, annotation, study, batch, name, slots, slots, tx.now, expires,
        page_needs(question),
    )  # fmt: skip
    tx.run("INSERT INTO questions VALUES (?, ?)", seq, question)
    tallies.enter(tx, hit_id)
    return hit_id


def find(tx: Transaction, hit_id: str) -> Row:
    """Return a HIT with its question and the properties of its type; RequestError when there is none."""
    return _found(tx, _WHOLE, hit_id)


def find_facts(tx: Transaction, hit_id: str) -> Row:
    """Return a HIT with the properties of its type and without its question; RequestError as `find`."""
    return _found(tx, FACTS, hit_id)


def facts_or_none(tx: Transaction, hit_id: str) -> Row | None:
    """Return the same; None when there is no such HIT."""
    return tx.one(FACTS + "WHERE hit_id = ?", hit_id)


def _found(tx: Transaction, sql: str, hit_id: str) -> Row:
    row = tx.one(sql + "WHERE hit_id = ?", hit_id)
    if row is None:
        raise missing("HIT", hit_id)
    return row


def add_counts(tx: Transaction, hit_id: str, **more: int) -> None:
    """Add to a HIT's counters, and to those of its study: names of `tallies.COUNTS`, and by how much."""
    sql = ", ".join(f"{column} = {column} + ?" for column in more)
    tx.run(f"UPDATE hits SET {sql} WHERE hit_id = ?", *more.values(), hit_id)  # noqa: S608 - columns
    tallies.add(tx, hit_id, more)


def set_slots(tx: Transaction, hit_id: str, slots: int, before: int) -> None:
    """Set how many assignments a HIT may have, `before` so far; it is Reviewing no more."""
    add_counts(tx, hit_id, max_assignments=slots - before)
    set_reviewing(tx, hit_id, reviewing=False)


def set_reviewing(tx: Transaction, hit_id: str, *, reviewing: bool) -> None:
    """Mark a HIT as Reviewing, or not."""
    tx.run("UPDATE hits SET reviewing = ? WHERE hit_id = ?", int(reviewing), hit_id)


def set_expiry(tx: Transaction, hit_id: str, moment: float) -> None:
    """Move a HIT's expiry (epoch seconds); one that lies ahead ends a review."""
    tx.run(
        "UPDATE hits SET expires = ?, expiry_logged = 0, reviewing = CASE WHEN ? THEN reviewing ELSE 0 END "
        "WHERE hit_id = ?",
        moment, moment <= tx.now, hit_id,
    )  # fmt: skip


def set_type(tx: Transaction, hit_id: str, hit_type_id: str) -> None:
    """Give a HIT the properties of another HIT type."""
    tallies.leave(tx, hit_id)
    tx.run("UPDATE hits SET hit_type_id = ? WHERE hit_id = ?", hit_type_id, hit_id)
    tallies.enter(tx, hit_id)


def set_expiry_logged(tx: Transaction, hit_id: str) -> None:
    """Note that the audit log tells of a HIT's expiry."""
    tx.run("UPDATE hits SET expiry_logged = 1 WHERE hit_id = ?", hit_id)


def set_disposed(tx: Transaction, hit_id: str) -> None:
    """Take a HIT out of every list."""
    tallies.leave(tx, hit_id)
    tx.run("UPDATE hits SET disposed = ?, reviewing = 0 WHERE hit_id = ?", tx.now, hit_id)
    tallies.enter(tx, hit_id)


# Lists of HITs


def not_disposed() -> Listing:
    """List all HITs that are not disposed, newest first."""
    return Listing(_WHOLE + "WHERE disposed IS NULL", (), "hits.seq", descending=True)


def reviewable(now: float, hit_type_id: str | None, *, reviewing: bool) -> Listing:
    """List the HITs that are Reviewable, or Reviewing, at `now`; newest first."""
    sql = (
        _WHOLE + "WHERE disposed IS NULL AND pending = 0 AND reviewing = ? "
        "AND (expires <= ? OR submitted + approved + rejected >= max_assignments)"
    )
    values: tuple[Any, ...] = (int(reviewing), now)
    if hit_type_id is not None:
        sql, values = sql + " AND hit_type_id = ?", (*values, hit_type_id)
    return Listing(sql, values, "hits.seq", descending=True)


def requiring(tx: Transaction, qualification_type_id: str) -> Listing:
    """List the HITs that are not disposed and require a qualification, newest first."""
    rows = tx.all("SELECT hit_type_id, requirements FROM hit_types")
    kinds = [
        row["hit_type_id"]
        for row in rows
        if any(one["QualificationTypeId"] == qualification_type_id for one in json.loads(row["requirements"]))
    ]
    return Listing(
        _WHOLE + f"WHERE disposed IS NULL AND hit_type_id IN ({marks(kinds)})",
        tuple(kinds), "hits.seq", descending=True,
    )  # fmt: skip


# Studies


def required_by(tx: Transaction, names: Collection[str]) -> set[str]:
    """Return the qualification types that HITs of these studies require."""
    rows = tx.all(
        "SELECT DISTINCT requirements FROM hits JOIN hit_types USING (hit_type_id) "  # noqa: S608 - marks
        f"WHERE study IN ({marks(names)})",
        *names,
    )
    return {one["QualificationTypeId"] for row in rows for one in json.loads(row["requirements"])}


def first_of_study(tx: Transaction, study: str) -> Row | None:
    """Return the HIT of a study that was published first, of those that are not disposed."""
    return tx.one(FACTS + "WHERE study = ? AND disposed IS NULL ORDER BY hits.seq LIMIT 1", study)


def page_of_study(tx: Transaction, study: str | None, start: int, most: int) -> list[Row]:
    """Return a study's HITs by batch and name, disposed ones too, from place `start` (0 is the first) on.

    None stands for the HITs of no study.
    """
    which, values = equal("study", study)
    return tx.all(FACTS + f"WHERE {which} ORDER BY batch, name, seq LIMIT ? OFFSET ?", *values, most, start)
