"""The tables `qualification_types`, `qualifications` and `qualification_requests`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..protocol.errors import missing
from .database import new_id
from .listing import Listing

if TYPE_CHECKING:
    from .database import Row, Transaction


# Types


def add_type(tx: Transaction, **columns: Any) -> str | None:
    """Store a new qualification type and return its id; None when another has its name.

    `columns` are name, description, keywords, status, retry_delay_s, auto_granted, auto_value and once.
    """
    type_id = new_id()
    made = tx.run(
        "INSERT INTO qualification_types (qualification_type_id, name, description, keywords, status, "
        "retry_delay_s, auto_granted, auto_value, once, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        type_id, columns["name"], columns["description"], columns["keywords"], columns["status"],
        columns["retry_delay_s"], int(columns["auto_granted"]), columns["auto_value"],
        int(columns["once"]), tx.now,
    )  # fmt: skip
    return type_id if made else None


def find_type(tx: Transaction, type_id: str) -> Row:
    """Return a qualification type of ours that is not deleted; RequestError when there is none."""
    row = tx.one(
        "SELECT * FROM qualification_types WHERE qualification_type_id = ? AND deleted IS NULL", type_id
    )
    if row is None:
        raise missing("QualificationType", type_id)
    return row


def is_once(tx: Transaction, type_id: str) -> bool:
    """Tell whether a type is granted whenever a HIT is accepted that requires nobody to have it."""
    row = tx.one("SELECT 1 FROM qualification_types WHERE qualification_type_id = ? AND once = 1", type_id)
    return row is not None


def types(query: str | None, *, requestable: bool) -> Listing:
    """List the qualification types; `query` is looked for in name, description and keywords."""
    sql, values = "SELECT * FROM qualification_types WHERE deleted IS NULL", []
    if requestable:
        sql += " AND status = 'Active' AND once = 0"
    if query:
        text = "lower(name || ' ' || description || ' ' || COALESCE(keywords, ''))"
        sql += f" AND {text} LIKE lower(?) ESCAPE '!'"
        values.append("%" + re.sub("[!%_]", r"!\g<0>", query) + "%")
    return Listing(sql, tuple(values))


def set_type(tx: Transaction, type_id: str, **columns: Any) -> None:
    """Change description, status, retry_delay_s, auto_granted and auto_value of a qualification type."""
    tx.run(
        "UPDATE qualification_types SET description = ?, status = ?, retry_delay_s = ?, auto_granted = ?, "
        "auto_value = ? WHERE qualification_type_id = ?",
        columns["description"], columns["status"], columns["retry_delay_s"], int(columns["auto_granted"]),
        columns["auto_value"], type_id,
    )  # fmt: skip


def delete_type(tx: Transaction, type_id: str) -> None:
    """Delete a qualification type, and refuse the open requests for it; what was granted stays."""
    tx.run("UPDATE qualification_types SET deleted = ? WHERE qualification_type_id = ?", tx.now, type_id)
    tx.run(
        "UPDATE qualification_requests SET status = 'Rejected' "
        "WHERE qualification_type_id = ? AND status = 'Pending'",
        type_id,
    )


# Who has one


def get(tx: Transaction, worker_id: str, type_id: str) -> Row | None:
    """Return a worker's qualification, granted or revoked."""
    return tx.one(
        "SELECT * FROM qualifications WHERE qualification_type_id = ? AND worker_id = ?", type_id, worker_id
    )


def granted_value(tx: Transaction, worker_id: str, type_id: str) -> int | None:
    """Return the value of a qualification that a worker has; None when they do not have it."""
    row = tx.one(
        "SELECT value FROM qualifications "
        "WHERE qualification_type_id = ? AND worker_id = ? AND status = 'Granted'",
        type_id, worker_id,
    )  # fmt: skip
    return row["value"] if row else None


def of_type(type_id: str, status: str) -> Listing:
    """List who has a qualification (status Granted), or has lost it (Revoked)."""
    sql = "SELECT * FROM qualifications WHERE qualification_type_id = ? AND status = ?"
    return Listing(sql, (type_id, status))


def set_granted(tx: Transaction, worker_id: str, type_id: str, value: int, assignment_id: str | None) -> None:
    """Give a worker a qualification, or change its value; `assignment_id` says at which acceptance."""
    tx.run(
        """INSERT INTO qualifications
           (qualification_type_id, worker_id, status, value, granted, assignment_id)
           VALUES (?, ?, 'Granted', ?, ?, ?) ON CONFLICT (qualification_type_id, worker_id) DO UPDATE SET
           status = 'Granted', value = excluded.value, granted = excluded.granted, reason = NULL,
           assignment_id = excluded.assignment_id""",
        type_id, worker_id, value, tx.now, assignment_id,
    )  # fmt: skip


def revoke(tx: Transaction, worker_id: str, type_id: str, reason: str | None) -> bool:
    """Take a qualification from a worker; False when they do not have it."""
    changed = tx.run(
        "UPDATE qualifications SET status = 'Revoked', reason = ?, assignment_id = NULL "
        "WHERE qualification_type_id = ? AND worker_id = ? AND status = 'Granted'",
        reason, type_id, worker_id,
    )  # fmt: skip
    return changed > 0


def undo_grants(tx: Transaction, worker_id: str, assignment_id: str) -> None:
    """Take back what a worker was granted when they accepted an assignment."""
    tx.run("DELETE FROM qualifications WHERE worker_id = ? AND assignment_id = ?", worker_id, assignment_id)


# Requests by workers


def for_worker(tx: Transaction, worker_id: str) -> list[Row]:
    """Return the types that workers may ask for, with what this one has (`value`, `held`) and has `asked`.

    `duration_s` is the time that the test of a type may take; None where it has no test.
    """
    return tx.all(
        """SELECT types.*, held.value, held.status AS held, asked.status AS asked, tests.duration_s
        FROM qualification_types AS types
        LEFT JOIN qualifications AS held ON held.worker_id = ?
          AND held.qualification_type_id = types.qualification_type_id
        LEFT JOIN qualification_requests AS asked ON asked.worker_id = ? AND asked.status = 'Pending'
          AND asked.qualification_type_id = types.qualification_type_id
        LEFT JOIN qualification_tests AS tests
          ON tests.qualification_type_id = types.qualification_type_id
        WHERE types.deleted IS NULL AND types.status = 'Active' AND types.once = 0 ORDER BY types.seq""",
        worker_id, worker_id,
    )  # fmt: skip


def add_request(tx: Transaction, worker_id: str, type_id: str) -> None:
    """Store a worker's request for a qualification."""
    tx.run(
        "INSERT INTO qualification_requests (request_id, qualification_type_id, worker_id, status, at) "
        "VALUES (?, ?, ?, 'Pending', ?)",
        new_id(), type_id, worker_id, tx.now,
    )  # fmt: skip


def find_request(tx: Transaction, request_id: str) -> Row:
    """Return a worker's request; RequestError when there is none."""
    row = tx.one("SELECT * FROM qualification_requests WHERE request_id = ?", request_id)
    if row is None:
        raise missing("QualificationRequest", request_id)
    return row


def last_request(tx: Transaction, worker_id: str, type_id: str) -> Row | None:
    """Return a worker's latest request for a qualification (status, at)."""
    return tx.one(
        "SELECT status, at FROM qualification_requests WHERE qualification_type_id = ? AND worker_id = ? "
        "ORDER BY seq DESC LIMIT 1",
        type_id, worker_id,
    )  # fmt: skip


def open_requests(type_id: str | None) -> Listing:
    """List the open requests for a qualification type, or for all."""
    sql = (
        "SELECT qualification_requests.*, test, answer FROM qualification_requests "
        "LEFT JOIN qualification_tests USING (qualification_type_id) "
        "LEFT JOIN test_attempts USING (qualification_type_id, worker_id) WHERE status = 'Pending'"
    )
    if type_id is None:
        return Listing(sql, ())
    return Listing(sql + " AND qualification_type_id = ?", (type_id,))


def decide_request(tx: Transaction, request: Row, status: str, reason: str | None) -> None:
    """Mark a request as Accepted or Rejected."""
    tx.run(
        "UPDATE qualification_requests SET status = ?, reason = ? WHERE seq = ?",
        status, reason, request["seq"],
    )  # fmt: skip
