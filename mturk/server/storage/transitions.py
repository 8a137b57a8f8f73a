"""What happens to an assignment: accepted, submitted, returned, abandoned, approved, rejected.

Every function runs inside one transaction of the store, keeps the HIT's counters in step, and writes the
audit log. The worker's site, the API and the clock all go through here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..protocol import lifecycle
from ..protocol.errors import RequestError, missing, wrong_state
from .store import Row, Transaction, new_id

if TYPE_CHECKING:
    import sqlite3

HIT_SQL = """SELECT hits.*, title, description, keywords, reward, duration_s, auto_approval_s, requirements
  FROM hits JOIN hit_types USING (hit_type_id) """
_NEVER = 1e15


def find_hit(tx: Transaction, hit_id: str) -> Row:
    """Return a HIT with the properties of its type; RequestError when there is none."""
    row = tx.one(HIT_SQL + "WHERE hit_id = ?", hit_id)
    if row is None:
        raise missing("HIT", hit_id)
    return row


def find_assignment(tx: Transaction, assignment_id: str) -> Row:
    """Return an assignment in any state; RequestError when there is none."""
    row = tx.one("SELECT * FROM assignments WHERE assignment_id = ?", assignment_id)
    if row is None:
        raise missing("Assignment", assignment_id)
    return row


def counts(hit: Row) -> lifecycle.Counts:
    """Return a HIT's counters."""
    return lifecycle.Counts(
        hit["max_assignments"], hit["pending"], hit["submitted"], hit["approved"], hit["rejected"]
    )


def status(hit: Row, now: float) -> str:
    """Return a HIT's status at `now`."""
    return lifecycle.hit_status(
        counts(hit),
        expired=hit["expires"] <= now,
        reviewing=bool(hit["reviewing"]),
        disposed=hit["disposed"] is not None,
    )


# Qualifications


def qualification(tx: Transaction, worker_id: str, type_id: str) -> tuple[bool, int | dict[str, str] | None]:
    """Return whether a worker holds a qualification, and its value.

    The approval rate is 100 % until something was decided, as on MTurk; nobody has a location, the adult
    qualification or Masters here.
    """
    if type_id in {lifecycle.APPROVAL_RATE, lifecycle.APPROVED_COUNT}:
        worker = tx.one("SELECT approved, rejected FROM workers WHERE worker_id = ?", worker_id)
        approved, rejected = (worker["approved"], worker["rejected"]) if worker else (0, 0)
        if type_id == lifecycle.APPROVED_COUNT:
            return True, approved
        return True, 100 * approved // (approved + rejected) if approved + rejected else 100
    row = tx.one(
        "SELECT value FROM qualifications "
        "WHERE qualification_type_id = ? AND worker_id = ? AND status = 'Granted'",
        type_id, worker_id,
    )  # fmt: skip
    return (True, row["value"]) if row else (False, None)


def unmet(tx: Transaction, hit: Row, worker_id: str, action: str) -> list[dict[str, Any]]:
    """Return the requirements that keep a worker from discovering, previewing or accepting a HIT."""
    failed = []
    for requirement in json.loads(hit["requirements"]):
        if lifecycle.guards(requirement, action):
            granted, value = qualification(tx, worker_id, requirement["QualificationTypeId"])
            if not lifecycle.meets(requirement, value, granted=granted):
                failed.append(requirement)
    return failed


def grant(
    tx: Transaction, worker_id: str, type_id: str, value: int, *, assignment_id: str | None = None
) -> None:
    """Give a worker a qualification, or change its value."""
    tx.run(
        """INSERT INTO qualifications
           (qualification_type_id, worker_id, status, value, granted, assignment_id)
           VALUES (?, ?, 'Granted', ?, ?, ?) ON CONFLICT (qualification_type_id, worker_id) DO UPDATE SET
           status = 'Granted', value = excluded.value, granted = excluded.granted, reason = NULL,
           assignment_id = excluded.assignment_id""",
        type_id, worker_id, value, tx.now, assignment_id,
    )  # fmt: skip
    tx.log(
        "QualificationGranted", worker=worker_id, assignment=assignment_id or "", type=type_id, value=value
    )


def _once_types(tx: Transaction, hit: Row) -> list[str]:
    """Return the `glimpse-once` qualification types that a HIT requires nobody to have."""
    wanted = [
        requirement["QualificationTypeId"]
        for requirement in json.loads(hit["requirements"])
        if requirement["Comparator"] == "DoesNotExist"
    ]
    return [
        type_id
        for type_id in wanted
        if tx.one("SELECT 1 FROM qualification_types WHERE qualification_type_id = ? AND once", type_id)
    ]


# From acceptance to submission


def accept(tx: Transaction, hit_id: str, worker_id: str, arrival: int | None = None) -> str:
    """Give a worker a slot of a HIT and return the assignment's id; RequestError says why not.

    A worker who holds an unfinished assignment of this HIT gets that one again.
    """
    hit = find_hit(tx, hit_id)
    held = tx.one(
        "SELECT assignment_id, status FROM assignments WHERE hit_id = ? AND worker_id = ? "
        "AND status NOT IN ('Returned', 'Abandoned')",
        hit_id, worker_id,
    )  # fmt: skip
    if held and held["status"] == "Accepted":
        return str(held["assignment_id"])
    if held:
        raise RequestError("You have already done this HIT.", "WorkerAlreadyHasAssignment")
    if tx.one("SELECT 1 FROM blocks WHERE worker_id = ?", worker_id):
        raise RequestError("This requester does not offer you any HITs.", "WorkerBlocked")
    if status(hit, tx.now) != "Assignable":
        raise RequestError("No assignment of this HIT is available any more.", "NoHITsAvailable")
    if unmet(tx, hit, worker_id, "Accept"):
        raise RequestError("You do not have the qualifications that this HIT requires.", "NotQualified")
    assignment_id = new_id()
    earlier = tx.one(
        "SELECT progress FROM assignments WHERE hit_id = ? AND worker_id = ? AND progress IS NOT NULL "
        "ORDER BY seq DESC LIMIT 1",
        hit_id, worker_id,
    )  # fmt: skip
    tx.run(
        "INSERT INTO assignments "
        "(assignment_id, hit_id, worker_id, status, accepted, deadline, progress, arrival) "
        "VALUES (?, ?, ?, 'Accepted', ?, ?, ?, ?)",
        assignment_id, hit_id, worker_id, tx.now, tx.now + hit["duration_s"],
        earlier["progress"] if earlier else None, arrival,
    )  # fmt: skip
    tx.run("UPDATE hits SET pending = pending + 1 WHERE hit_id = ?", hit_id)
    tx.wake(tx.now + hit["duration_s"])
    tx.log("AssignmentAccepted", hit=hit_id, assignment=assignment_id, worker=worker_id)
    for type_id in _once_types(tx, hit):
        grant(tx, worker_id, type_id, 1, assignment_id=assignment_id)
    return assignment_id


def release(tx: Transaction, assignment: Row, *, abandoned: bool) -> None:
    """Free the slot of an unfinished assignment, returned by its worker or `abandoned` at its deadline.

    What was granted at acceptance is taken back. The API shows nothing of it; the audit log does.
    """
    if assignment["status"] != "Accepted":
        raise wrong_state(assignment["status"], "Accepted")
    ended = assignment["deadline"] if abandoned else tx.now
    kind = "Abandoned" if abandoned else "Returned"
    tx.run(
        "UPDATE assignments SET status = ?, ended = ? WHERE assignment_id = ?",
        kind, ended, assignment["assignment_id"],
    )  # fmt: skip
    tx.run("UPDATE hits SET pending = pending - 1 WHERE hit_id = ?", assignment["hit_id"])
    tx.run(
        "DELETE FROM qualifications WHERE worker_id = ? AND assignment_id = ?",
        assignment["worker_id"], assignment["assignment_id"],
    )  # fmt: skip
    tx.log(
        f"Assignment{kind}", hit=assignment["hit_id"], assignment=assignment["assignment_id"],
        worker=assignment["worker_id"], ended=ended,
    )  # fmt: skip


def submit(tx: Transaction, assignment: Row, answer: str) -> bool:
    """Store a worker's answer; False when one is stored already, which then stays as it is."""
    if assignment["status"] in {"Submitted", "Approved", "Rejected"}:
        return False
    if assignment["status"] == "Accepted" and assignment["deadline"] <= tx.now:
        release(tx, assignment, abandoned=True)
        return submit(tx, find_assignment(tx, assignment["assignment_id"]), answer)
    if assignment["status"] != "Accepted":
        raise wrong_state(assignment["status"], "Accepted")
    hit_id, assignment_id = assignment["hit_id"], assignment["assignment_id"]
    found = tx.one(
        "SELECT auto_approval_s FROM hits JOIN hit_types USING (hit_type_id) WHERE hit_id = ?", hit_id
    )
    due = tx.now + (found["auto_approval_s"] if found else 0)
    tx.wake(due)
    order = tx.log(
        "AssignmentSubmitted", hit=hit_id, assignment=assignment_id, worker=assignment["worker_id"]
    )
    tx.run(
        "UPDATE assignments SET status = 'Submitted', submitted = ?, auto_approval = ?, answer = ?, "
        "submit_order = ?, progress = NULL WHERE assignment_id = ?",
        tx.now, due, answer, order, assignment_id,
    )  # fmt: skip
    tx.run("UPDATE hits SET pending = pending - 1, submitted = submitted + 1 WHERE hit_id = ?", hit_id)
    return True


# Decisions


def approve(
    tx: Transaction, assignment: Row, feedback: str | None, *, at: float | None = None, kind: str = "Approved"
) -> None:
    """Approve a submitted or (the caller has checked) a rejected assignment."""
    before = assignment["status"]
    tx.run(
        "UPDATE assignments SET status = 'Approved', approved = ?, rejected = NULL, "
        "feedback = COALESCE(?, feedback) WHERE assignment_id = ?",
        tx.now if at is None else at, feedback, assignment["assignment_id"],
    )  # fmt: skip
    _move(tx, assignment, before.lower(), "approved")
    tx.log(
        f"Assignment{kind}", hit=assignment["hit_id"], assignment=assignment["assignment_id"],
        worker=assignment["worker_id"],
    )  # fmt: skip


def reject(tx: Transaction, assignment: Row, feedback: str) -> None:
    """Reject a submitted assignment. Its slot stays taken, as on MTurk."""
    tx.run(
        "UPDATE assignments SET status = 'Rejected', rejected = ?, feedback = ? WHERE assignment_id = ?",
        tx.now, feedback, assignment["assignment_id"],
    )  # fmt: skip
    _move(tx, assignment, "submitted", "rejected")
    tx.log(
        "AssignmentRejected", hit=assignment["hit_id"], assignment=assignment["assignment_id"],
        worker=assignment["worker_id"], reason=feedback,
    )  # fmt: skip


def _move(tx: Transaction, assignment: Row, before: str, after: str) -> None:
    """Move one assignment between the counters `submitted`, `approved` and `rejected`."""
    tx.run(
        """UPDATE hits SET submitted = submitted - (?1 = 'submitted'),
           approved = approved + (?2 = 'approved'),
           rejected = rejected + (?2 = 'rejected') - (?1 = 'rejected') WHERE hit_id = ?3""",
        before, after, assignment["hit_id"],
    )  # fmt: skip
    tx.run(
        """UPDATE workers SET approved = approved + (?2 = 'approved'),
           rejected = rejected + (?2 = 'rejected') - (?1 = 'rejected') WHERE worker_id = ?3""",
        before, after, assignment["worker_id"],
    )  # fmt: skip


# The clock


def next_due(tx: Transaction) -> float:
    """Return the moment (epoch seconds) at which time alone changes something next."""
    row = tx.one(
        """SELECT MIN(
             IFNULL((SELECT MIN(deadline) FROM assignments WHERE status = 'Accepted'), ?1),
             IFNULL((SELECT MIN(auto_approval) FROM assignments WHERE status = 'Submitted'), ?1),
             IFNULL((SELECT MIN(expires) FROM hits WHERE NOT expiry_logged), ?1),
             IFNULL((SELECT MIN(expires) + ?2 FROM hits
                     WHERE disposed IS NULL AND pending + submitted = 0), ?1)) AS due""",
        _NEVER,
        lifecycle.DISPOSED_AFTER_S,
    )
    return float(row["due"]) if row else _NEVER


def sweep(tx: Transaction) -> None:
    """Do what time has made due: abandon, approve automatically, note expiry, dispose after 120 days."""
    for row in tx.all("SELECT * FROM assignments WHERE status = 'Accepted' AND deadline <= ?", tx.now):
        release(tx, row, abandoned=True)
    for row in tx.all("SELECT * FROM assignments WHERE status = 'Submitted' AND auto_approval <= ?", tx.now):
        approve(tx, row, None, at=row["auto_approval"], kind="AutoApproved")
    for row in tx.all("SELECT hit_id FROM hits WHERE NOT expiry_logged AND expires <= ?", tx.now):
        tx.run("UPDATE hits SET expiry_logged = 1 WHERE hit_id = ?", row["hit_id"])
        tx.log("HITExpired", hit=row["hit_id"])
    old = tx.now - lifecycle.DISPOSED_AFTER_S
    for row in tx.all(
        "SELECT hit_id FROM hits WHERE disposed IS NULL AND expires <= ? AND pending + submitted = 0", old
    ):
        dispose(tx, row["hit_id"])


def dispose(tx: Transaction, hit_id: str) -> None:
    """Put a HIT away: it leaves every list, its assignments stay."""
    tx.run("UPDATE hits SET disposed = ?, reviewing = 0 WHERE hit_id = ?", tx.now, hit_id)
    tx.log("HITDisposed", hit=hit_id)


def study_hits(tx: Transaction, study: str) -> list[Row]:
    """Return a study's HITs in the order in which they were published."""
    return tx.all(HIT_SQL + "WHERE study = ? AND disposed IS NULL ORDER BY seq", study)


def is_duplicate(error: sqlite3.IntegrityError) -> bool:
    """Tell a broken uniqueness rule from other broken rules."""
    return error.sqlite_errorname == "SQLITE_CONSTRAINT_UNIQUE"
