"""What happens to an assignment: accepted, submitted, returned, abandoned, approved, rejected.

Every function runs inside one transaction of the store, keeps the HIT's counters in step, and writes the
audit log. The worker's site, the API and the clock all go through here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..protocol import lifecycle
from ..protocol.errors import RequestError, missing, wrong_state
from . import assignments, blocks, draws, due, events, hits, meta, qualifications, studies, workers

if TYPE_CHECKING:
    from .database import Row, Transaction


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

    The approval rate is 100 % until something was decided, as on MTurk; everybody has the location that the
    server was started with, else the one that they state; nobody has the adult qualification or Masters here.
    """
    if type_id == lifecycle.LOCALE:
        place = meta.worker_locale(tx) or workers.locale(tx, worker_id)
        return place is not None, place
    if type_id in {lifecycle.APPROVAL_RATE, lifecycle.APPROVED_COUNT}:
        approved, rejected = workers.decided(tx, worker_id)
        if type_id == lifecycle.APPROVED_COUNT:
            return True, approved
        return True, 100 * approved // (approved + rejected) if approved + rejected else 100
    value = qualifications.granted_value(tx, worker_id, type_id)
    return value is not None, value


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
    qualifications.set_granted(tx, worker_id, type_id, value, assignment_id)
    events.log(
        tx,
        "QualificationGranted",
        worker=worker_id,
        assignment=assignment_id or "",
        type=type_id,
        value=value,
    )


def _once_types(tx: Transaction, hit: Row) -> list[str]:
    """Return the `glimpse-once` qualification types that a HIT requires nobody to have."""
    wanted = [
        requirement["QualificationTypeId"]
        for requirement in json.loads(hit["requirements"])
        if requirement["Comparator"] == "DoesNotExist"
    ]
    return [type_id for type_id in wanted if qualifications.is_once(tx, type_id)]


# From acceptance to submission


def accept(tx: Transaction, hit_id: str, worker_id: str, arrival: int | None = None) -> str:
    """Give a worker a slot of a HIT and return the assignment's id; RequestError says why not.

    A worker who holds an unfinished assignment of this HIT gets that one again.
    """
    hit = hits.find_facts(tx, hit_id)
    held = assignments.holding(tx, hit_id, worker_id)
    if held and held["status"] == "Accepted":
        return str(held["assignment_id"])
    if held:
        raise RequestError("You have already done this task.", "WorkerAlreadyHasAssignment")
    check_open(tx, hit, worker_id)
    if blocks.holds(tx, worker_id):
        raise RequestError("This requester does not offer you any tasks.", "WorkerBlocked")
    if status(hit, tx.now) != "Assignable":
        raise RequestError("All places in this task are taken.", "NoHITsAvailable")
    if unmet(tx, hit, worker_id, "Accept"):
        raise RequestError("You do not have the qualifications that this task requires.", "NotQualified")
    if studies.came_for(tx, arrival) != hit["study"]:
        arrival = None
    assignment_id = assignments.add(tx, hit, worker_id, arrival)
    draws.assign(tx, hit, assignment_id, worker_id)
    hits.add_counts(tx, hit_id, pending=1)
    tx.wake(tx.now + hit["duration_s"])
    events.log(tx, "AssignmentAccepted", hit=hit_id, assignment=assignment_id, worker=worker_id)
    for type_id in _once_types(tx, hit):
        grant(tx, worker_id, type_id, 1, assignment_id=assignment_id)
    return assignment_id


def check_open(tx: Transaction, hit: Row, worker_id: str) -> None:
    """Refuse whoever came by the link of another study; to them this HIT does not exist."""
    came_for = workers.studies_open_to(tx, worker_id)
    if came_for is not None and hit["study"] not in came_for:
        raise missing("HIT", hit["hit_id"])


def release(tx: Transaction, assignment: Row, *, abandoned: bool) -> None:
    """Free the slot of an unfinished assignment, returned by its worker or `abandoned` at its deadline.

    What was granted at acceptance is taken back. The API shows nothing of it; the audit log does.
    """
    if assignment["status"] != "Accepted":
        raise wrong_state(assignment["status"], "Accepted")
    ended = assignment["deadline"] if abandoned else tx.now
    kind = "Abandoned" if abandoned else "Returned"
    assignments.set_given_up(tx, assignment["assignment_id"], kind, ended)
    hits.add_counts(tx, assignment["hit_id"], pending=-1, **{kind.lower(): 1})
    qualifications.undo_grants(tx, assignment["worker_id"], assignment["assignment_id"])
    events.log_of(tx, f"Assignment{kind}", assignment, ended=ended)


def submit(tx: Transaction, assignment: Row, answer: str) -> bool:
    """Store a worker's answer; False when one is stored already, which then stays as it is."""
    if assignment["status"] in assignments.VISIBLE:
        return False
    if assignment["status"] == "Accepted" and assignment["deadline"] <= tx.now:
        release(tx, assignment, abandoned=True)
        return submit(tx, assignments.find(tx, assignment["assignment_id"]), answer)
    if assignment["status"] != "Accepted":
        raise wrong_state(assignment["status"], "Accepted")
    approved_at = tx.now + hits.auto_approval_s(tx, assignment["hit_id"])
    tx.wake(approved_at)
    order = events.log_of(tx, "AssignmentSubmitted", assignment)
    answer = draws.settle(tx, assignment["assignment_id"], answer, order)
    assignments.set_submitted(tx, assignment["assignment_id"], answer, approved_at, order)
    hits.add_counts(tx, assignment["hit_id"], pending=-1, submitted=1)
    return True


# Decisions


def approve(
    tx: Transaction, assignment: Row, feedback: str | None, *, at: float | None = None, kind: str = "Approved"
) -> None:
    """Approve a submitted or (the caller has checked) a rejected assignment."""
    assignments.set_approved(tx, assignment["assignment_id"], tx.now if at is None else at, feedback)
    if assignment["status"] == "Rejected":
        hits.add_counts(tx, assignment["hit_id"], rejected=-1, approved=1)
        workers.add_decided(tx, assignment["worker_id"], rejected=-1, approved=1)
    else:
        hits.add_counts(tx, assignment["hit_id"], submitted=-1, approved=1)
        workers.add_decided(tx, assignment["worker_id"], approved=1)
    events.log_of(tx, f"Assignment{kind}", assignment)


def reject(tx: Transaction, assignment: Row, feedback: str) -> None:
    """Reject a submitted assignment. Its slot stays taken, as on MTurk."""
    assignments.set_rejected(tx, assignment["assignment_id"], feedback)
    hits.add_counts(tx, assignment["hit_id"], submitted=-1, rejected=1)
    workers.add_decided(tx, assignment["worker_id"], rejected=1)
    events.log_of(tx, "AssignmentRejected", assignment, reason=feedback)


# The clock


def sweep(tx: Transaction) -> None:
    """Do what time has made due: abandon, approve automatically, note expiry, dispose after 120 days."""
    for row in due.to_abandon(tx):
        release(tx, row, abandoned=True)
    for row in due.to_approve(tx):
        approve(tx, row, None, at=row["auto_approval"], kind="AutoApproved")
    for hit_id in due.expired(tx):
        hits.set_expiry_logged(tx, hit_id)
        events.log(tx, "HITExpired", hit=hit_id)
    for hit_id in due.to_dispose(tx):
        dispose(tx, hit_id)


def dispose(tx: Transaction, hit_id: str) -> None:
    """Put a HIT away: it leaves every list, its assignments stay."""
    hits.set_disposed(tx, hit_id)
    events.log(tx, "HITDisposed", hit=hit_id)
