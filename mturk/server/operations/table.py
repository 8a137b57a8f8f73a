"""The table of MTurk's operations: by name, what each does and whether it changes anything.

An operation is a function of a transaction and its checked parameters; it returns what the model calls the
operation's output. It knows nothing of HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import account, assignments, hits, qualifications, workers
from .parameters import Parameters, Result, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..storage.database import Transaction


@dataclass(frozen=True)
class Operation:
    """What an operation does, and whether it changes anything."""

    function: Callable[[Transaction, Parameters], Result]
    writes: bool = False


def _reads(function: Callable[[Transaction, Parameters], Result]) -> Operation:
    return Operation(function)


def _writes(function: Callable[[Transaction, Parameters], Result]) -> Operation:
    return Operation(function, writes=True)


OPERATIONS = {
    "GetAccountBalance": _reads(account.get_account_balance),
    "UpdateNotificationSettings": _writes(account.update_notification_settings),
    "SendTestEventNotification": _writes(account.send_test_event_notification),
    # HITs
    "CreateHIT": _writes(hits.create_hit),
    "CreateHITType": _writes(hits.create_hit_type),
    "CreateHITWithHITType": _writes(hits.create_hit_with_hit_type),
    "GetHIT": _reads(hits.get_hit),
    "ListHITs": _reads(hits.list_hits),
    "ListReviewableHITs": _reads(hits.list_reviewable_hits),
    "UpdateHITReviewStatus": _writes(hits.update_hit_review_status),
    "UpdateExpirationForHIT": _writes(hits.update_expiration_for_hit),
    "CreateAdditionalAssignmentsForHIT": _writes(hits.create_additional_assignments),
    "UpdateHITTypeOfHIT": _writes(hits.update_hit_type_of_hit),
    "DeleteHIT": _writes(hits.delete_hit),
    # Assignments
    "ListAssignmentsForHIT": _reads(assignments.list_assignments_for_hit),
    "GetAssignment": _reads(assignments.get_assignment),
    "ApproveAssignment": _writes(assignments.approve_assignment),
    "RejectAssignment": _writes(assignments.reject_assignment),
    "SendBonus": _writes(assignments.send_bonus),
    "ListBonusPayments": _reads(assignments.list_bonus_payments),
    # Qualifications
    "CreateQualificationType": _writes(qualifications.create_qualification_type),
    "GetQualificationType": _reads(qualifications.get_qualification_type),
    "ListQualificationTypes": _reads(qualifications.list_qualification_types),
    "UpdateQualificationType": _writes(qualifications.update_qualification_type),
    "DeleteQualificationType": _writes(qualifications.delete_qualification_type),
    "AssociateQualificationWithWorker": _writes(qualifications.associate_qualification_with_worker),
    "DisassociateQualificationFromWorker": _writes(qualifications.disassociate_qualification_from_worker),
    "GetQualificationScore": _reads(qualifications.get_qualification_score),
    "ListWorkersWithQualificationType": _reads(qualifications.list_workers_with_qualification_type),
    "ListHITsForQualificationType": _reads(qualifications.list_hits_for_qualification_type),
    "ListQualificationRequests": _reads(qualifications.list_qualification_requests),
    "AcceptQualificationRequest": _writes(qualifications.accept_qualification_request),
    "RejectQualificationRequest": _writes(qualifications.reject_qualification_request),
    # Workers
    "NotifyWorkers": _writes(workers.notify_workers),
    "CreateWorkerBlock": _writes(workers.create_worker_block),
    "DeleteWorkerBlock": _writes(workers.delete_worker_block),
    "ListWorkerBlocks": _reads(workers.list_worker_blocks),
}

NOT_SUPPORTED = {
    "GetFileUploadURL": "File uploads belong to QuestionForm questions. Let your page send the file.",
    "ListReviewPolicyResultsForHIT": "Review policies are not run here. Review with ApproveAssignment.",
}


def find(name: str) -> Operation:
    """Return an operation of the model; RequestError when this server does not do it."""
    if name not in OPERATIONS:
        refuse(name, NOT_SUPPORTED.get(name, ""))
    return OPERATIONS[name]
