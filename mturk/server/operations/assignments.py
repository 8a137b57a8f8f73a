"""Assignments: list, approve, reject, pay a bonus."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ..protocol import lifecycle
from ..protocol.errors import RequestError, missing, wrong_state
from ..storage import assignments, bonuses, events, hits
from ..storage.transitions import approve, reject
from .hits import hit_result
from .paging import page
from .parameters import Parameters, Result, at_most, money
from .repeating import once

if TYPE_CHECKING:
    from ..storage.database import Row, Transaction


def assignment_result(row: Row) -> Result:
    """Return an assignment as the API shows it."""
    result = {
        "AssignmentId": row["assignment_id"],
        "WorkerId": row["worker_id"],
        "HITId": row["hit_id"],
        "AssignmentStatus": row["status"],
        "AutoApprovalTime": row["auto_approval"],
        "AcceptTime": row["accepted"],
        "SubmitTime": row["submitted"],
        "Deadline": row["deadline"],
        "Answer": row["answer"],
    }
    extra = {"ApprovalTime": "approved", "RejectionTime": "rejected", "RequesterFeedback": "feedback"}
    result |= {name: row[column] for name, column in extra.items() if row[column] is not None}
    return result


def _visible(tx: Transaction, assignment_id: str) -> Row:
    """Return an assignment that was submitted; what is only accepted does not exist for the API."""
    row = assignments.find(tx, assignment_id)
    if row["status"] not in assignments.VISIBLE:
        raise missing("Assignment", assignment_id)
    return row


def list_assignments_for_hit(tx: Transaction, parameters: Parameters) -> Result:
    """List a HIT's submitted, approved and rejected assignments in the order of submission."""
    hit = hits.find(tx, parameters["HITId"])
    wanted = parameters.get("AssignmentStatuses") or list(assignments.VISIBLE)
    rows, result = page(tx, parameters, assignments.submitted_of_hit(hit["hit_id"], wanted))
    return {**result, "Assignments": [assignment_result(row) for row in rows]}


def get_assignment(tx: Transaction, parameters: Parameters) -> Result:
    """Return a submitted assignment with its HIT."""
    row = _visible(tx, parameters["AssignmentId"])
    return {"Assignment": assignment_result(row), "HIT": hit_result(tx, hits.find(tx, row["hit_id"]))}


def approve_assignment(tx: Transaction, parameters: Parameters) -> Result:
    """Approve a submitted assignment; with OverrideRejection also one rejected within 30 days."""
    row = assignments.find(tx, parameters["AssignmentId"])
    feedback = _feedback(parameters.get("RequesterFeedback"))
    override = bool(parameters.get("OverrideRejection"))
    if row["status"] == "Rejected" and override:
        if tx.now - row["submitted"] > lifecycle.OVERRIDE_WITHIN_S:
            raise RequestError("A rejection can be overridden within 30 days only.", "InvalidAssignmentState")
        if hits.find(tx, row["hit_id"])["disposed"] is not None:
            raise RequestError("The HIT of this assignment has been disposed of.", "InvalidHITState")
    elif row["status"] != "Submitted":
        raise wrong_state(row["status"], "Submitted", *(["Rejected"] if override else []))
    approve(tx, row, feedback)
    return {}


def reject_assignment(tx: Transaction, parameters: Parameters) -> Result:
    """Reject a submitted assignment; its worker is told why. psiTurk gives an empty reason."""
    row = assignments.find(tx, parameters["AssignmentId"])
    if row["status"] != "Submitted":
        raise wrong_state(row["status"], "Submitted")
    reject(tx, row, at_most("RequesterFeedback", parameters["RequesterFeedback"], 1024))
    return {}


def _feedback(text: str | None) -> str | None:
    return text if text is None else at_most("RequesterFeedback", text, 1024)


def send_bonus(tx: Transaction, parameters: Parameters) -> Result:
    """Note a bonus for the worker of an assignment."""
    row = _visible(tx, parameters["AssignmentId"])

    def make() -> tuple[str, Result]:
        amount = money(parameters["BonusAmount"])
        if Decimal(amount) < Decimal("0.01"):
            raise RequestError("BonusAmount must be at least 0.01.")
        if row["worker_id"] != parameters["WorkerId"]:
            raise RequestError(
                f"Worker {parameters['WorkerId']} did not submit assignment {row['assignment_id']}.",
                "InvalidBonusRecipient",
            )
        reason = at_most("Reason", parameters["Reason"], 4096)
        number = bonuses.add(tx, row, amount, reason)
        hits.add_counts(tx, row["hit_id"], bonus_cents=int(100 * Decimal(amount)))
        events.log_of(tx, "BonusSent", row, amount=amount)
        return f"B{number}", {}

    return once(tx, "SendBonus", parameters, make)


def list_bonus_payments(tx: Transaction, parameters: Parameters) -> Result:
    """List the bonuses of a HIT or of one assignment."""
    hit_id, assignment_id = parameters.get("HITId"), parameters.get("AssignmentId")
    if (hit_id is None) == (assignment_id is None):
        raise RequestError("Give either HITId or AssignmentId.")
    if hit_id is not None:
        listing = bonuses.of_hit(hits.find(tx, hit_id)["hit_id"])
    else:
        listing = bonuses.of_assignment(_visible(tx, str(assignment_id))["assignment_id"])
    rows, result = page(tx, parameters, listing)
    payments = [
        {
            "WorkerId": row["worker_id"],
            "BonusAmount": row["amount"],
            "AssignmentId": row["assignment_id"],
            "Reason": row["reason"],
            "GrantTime": row["at"],
        }
        for row in rows
    ]
    return {**result, "BonusPayments": payments}
