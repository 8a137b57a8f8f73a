"""The tables `hit_types` and `hits`: what is published. A HIT is read with the properties of its type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..protocol import lifecycle
from ..protocol.errors import missing
from .database import new_id
from .listing import Listing

if TYPE_CHECKING:
    from collections.abc import Collection

    from .database import Row, Transaction

NO_STUDY = "-"
_HITS = """SELECT hits.*, title, description, keywords, reward, duration_s, auto_approval_s, requirements
  FROM hits JOIN hit_types USING (hit_type_id) """


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
    rows = tx.all("SELECT DISTINCT hit_type_id FROM hits WHERE disposed IS NULL")
    found = (row["hit_type_id"] for row in rows if lifecycle.group_id(row["hit_type_id"]) == group_id)
    return next(found, None)


def first_of_each_type(tx: Transaction, study: str | None) -> list[Row]:
    """Return the first HIT of each HIT type of a study; None stands for the HITs of no study."""
    first = "SELECT MIN(seq) FROM hits WHERE study IS ? AND disposed IS NULL GROUP BY hit_type_id"
    return tx.all(_HITS + f"WHERE seq IN ({first}) ORDER BY seq", study)


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
    tx.run(
        "INSERT INTO hits (hit_id, hit_type_id, question, annotation, study, batch, name, max_assignments, "
        "first_max, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        hit_id, hit_type_id, question, annotation, study, batch, name, slots, slots, tx.now, expires,
    )  # fmt: skip
    return hit_id


def find(tx: Transaction, hit_id: str) -> Row:
    """Return a HIT with the properties of its type; RequestError when there is none."""
    row = tx.one(_HITS + "WHERE hit_id = ?", hit_id)
    if row is None:
        raise missing("HIT", hit_id)
    return row


def add_counts(
    tx: Transaction,
    hit_id: str,
    *,
    pending: int = 0,
    submitted: int = 0,
    approved: int = 0,
    rejected: int = 0,
) -> None:
    """Add to a HIT's counters."""
    tx.run(
        "UPDATE hits SET pending = pending + ?, submitted = submitted + ?, approved = approved + ?, "
        "rejected = rejected + ? WHERE hit_id = ?",
        pending, submitted, approved, rejected, hit_id,
    )  # fmt: skip


def set_slots(tx: Transaction, hit_id: str, slots: int) -> None:
    """Set how many assignments a HIT may have; it is Reviewing no more."""
    tx.run("UPDATE hits SET max_assignments = ?, reviewing = 0 WHERE hit_id = ?", slots, hit_id)


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
    tx.run("UPDATE hits SET hit_type_id = ? WHERE hit_id = ?", hit_type_id, hit_id)


def set_expiry_logged(tx: Transaction, hit_id: str) -> None:
    """Note that the audit log tells of a HIT's expiry."""
    tx.run("UPDATE hits SET expiry_logged = 1 WHERE hit_id = ?", hit_id)


def set_disposed(tx: Transaction, hit_id: str) -> None:
    """Take a HIT out of every list."""
    tx.run("UPDATE hits SET disposed = ?, reviewing = 0 WHERE hit_id = ?", tx.now, hit_id)


# Lists of HITs


def not_disposed() -> Listing:
    """List all HITs that are not disposed, newest first."""
    return Listing(_HITS + "WHERE disposed IS NULL", (), "hits.seq", descending=True)


def reviewable(now: float, hit_type_id: str | None, *, reviewing: bool) -> Listing:
    """List the HITs that are Reviewable, or Reviewing, at `now`; newest first."""
    sql = (
        _HITS + "WHERE disposed IS NULL AND pending = 0 AND reviewing = ? "
        "AND (expires <= ? OR submitted + approved + rejected >= max_assignments)"
    )
    values: tuple[Any, ...] = (int(reviewing), now)
    if hit_type_id is not None:
        sql, values = sql + " AND hit_type_id = ?", (*values, hit_type_id)
    return Listing(sql, values, "hits.seq", descending=True)


def requiring(qualification_type_id: str) -> Listing:
    """List the HITs that are not disposed and require a qualification, newest first."""
    sql = (
        _HITS + "WHERE disposed IS NULL AND EXISTS (SELECT 1 FROM json_each(requirements) "  # noqa: S608 - constants
        "WHERE json_extract(value, '$.QualificationTypeId') = ?)"
    )
    return Listing(sql, (qualification_type_id,), "hits.seq", descending=True)


_OPEN = f"""{_HITS} WHERE disposed IS NULL AND expires > ?1
  AND pending + submitted + approved + rejected < max_assignments
  AND NOT EXISTS (SELECT 1 FROM assignments WHERE assignments.hit_id = hits.hit_id
                  AND worker_id = ?2 AND status NOT IN ('Returned', 'Abandoned'))"""  # noqa: S608 - constants
_ONE_A_BATCH = """ AND (study IS NULL OR NOT EXISTS (
  SELECT 1 FROM assignments JOIN hits AS other USING (hit_id) WHERE worker_id = ?2
  AND status NOT IN ('Returned', 'Abandoned') AND other.study = hits.study AND other.batch = hits.batch))"""
_LEAST_FILLED = " ORDER BY pending + submitted + approved + rejected, hits.seq"


def open_to(
    tx: Transaction,
    worker_id: str,
    *,
    study: str | None = None,
    hit_type: str | None = None,
    batch: str | None = None,
    one_a_batch: bool = False,
) -> list[Row]:
    """Return the HITs with free slots of which a worker has no assignment, least-filled first.

    With `one_a_batch` also none of another HIT of the same batch. What a HIT requires is not looked at.
    """
    sql, values = _OPEN, [tx.now, worker_id]
    for column, value in (("study", study), ("hit_type_id", hit_type), ("batch", batch)):
        if value is not None:
            values.append(value)
            sql += f" AND hits.{column} = ?{len(values)}"
    if one_a_batch:
        sql += _ONE_A_BATCH
    return tx.all(sql + _LEAST_FILLED, *values)


# Studies


def required_by(tx: Transaction, names: Collection[str]) -> set[str]:
    """Return the qualification types that HITs of these studies require."""
    rows = tx.all(
        "SELECT DISTINCT requirements FROM hits JOIN hit_types USING (hit_type_id) "
        "WHERE study IN (SELECT value FROM json_each(?))",
        json.dumps(list(names)),
    )  # fmt: skip
    return {one["QualificationTypeId"] for row in rows for one in json.loads(row["requirements"])}


def of_study(tx: Transaction, study: str) -> list[Row]:
    """Return a study's HITs in the order in which they were published, without disposed ones."""
    return tx.all(_HITS + "WHERE study = ? AND disposed IS NULL ORDER BY seq", study)


def all_of_study(tx: Transaction, study: str | None) -> list[Row]:
    """Return a study's HITs by batch and name, disposed ones too; None stands for the HITs of no study."""
    return tx.all(_HITS + "WHERE study IS ? ORDER BY batch, name, seq", study)


def studies(tx: Transaction) -> list[Row]:
    """Return every study with its counts, the newest first; HITs of no study stand under NO_STUDY."""
    return tx.all(
        """SELECT COALESCE(study, ?) AS study, MAX(title) AS title, COUNT(*) AS hits,
           SUM(max_assignments) AS slots, SUM(pending) AS working,
           SUM(submitted + approved + rejected) AS done, MIN(hits.created) AS created
           FROM hits JOIN hit_types USING (hit_type_id) WHERE disposed IS NULL
           GROUP BY study ORDER BY MAX(seq) DESC""",
        NO_STUDY,
    )
