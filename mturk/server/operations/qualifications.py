"""Qualification types, who holds them, and who asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..protocol.errors import RequestError
from ..storage import events, hits, qualification_tests, qualifications
from ..storage.qualifications import find_type
from ..storage.transitions import grant
from .hits import hit_result
from .paging import page
from .parameters import Parameters, Result, at_most, within
from .qualification_tests import check_requestable, keep_test, test_result

if TYPE_CHECKING:
    from ..storage.database import Row, Transaction

ONCE = "glimpse-once"
_LONGEST_DELAY_S = 2**31 - 1


def _type_result(tx: Transaction, row: Row) -> Result:
    result: dict[str, Any] = {
        "QualificationTypeId": row["qualification_type_id"],
        "CreationTime": row["created"],
        "Name": row["name"],
        "Description": row["description"],
        "QualificationTypeStatus": row["status"],
        "IsRequestable": row["status"] == "Active" and not row["once"],
        "AutoGranted": bool(row["auto_granted"]),
    }
    extra = {"Keywords": "keywords", "RetryDelayInSeconds": "retry_delay_s", "AutoGrantedValue": "auto_value"}
    result |= {name: row[column] for name, column in extra.items() if row[column] is not None}
    return result | test_result(tx, row["qualification_type_id"])


def _auto_value(granted: bool, value: int | None) -> int | None:
    if value is not None and not granted:
        raise RequestError("AutoGrantedValue needs AutoGranted.")
    return (1 if value is None else value) if granted else None


def _retry_delay_s(parameters: Parameters, otherwise: int | None = None) -> int | None:
    delay = parameters.get("RetryDelayInSeconds")
    return otherwise if delay is None else within("RetryDelayInSeconds", delay, 0, _LONGEST_DELAY_S)


def create_qualification_type(tx: Transaction, parameters: Parameters) -> Result:
    """Create a qualification type; the keyword `glimpse-once` has it granted at every acceptance."""
    keywords = at_most("Keywords", parameters.get("Keywords") or "", 1000)
    granted = bool(parameters.get("AutoGranted"))
    type_id = qualifications.add_type(
        tx,
        name=at_most("Name", parameters["Name"], 200),
        description=at_most("Description", parameters["Description"], 2000),
        keywords=keywords or None,
        status=parameters["QualificationTypeStatus"],
        retry_delay_s=_retry_delay_s(parameters),
        auto_granted=granted,
        auto_value=_auto_value(granted, parameters.get("AutoGrantedValue")),
        once=ONCE in keywords.replace(",", " ").split(),
    )
    if type_id is None:
        raise RequestError(
            "You have already created a QualificationType with this name.",
            "QualificationTypeAlreadyExists",
        )
    keep_test(tx, type_id, parameters)
    events.log(tx, "QualificationTypeCreated", type=type_id)
    return {"QualificationType": _type_result(tx, find_type(tx, type_id))}


def get_qualification_type(tx: Transaction, parameters: Parameters) -> Result:
    """Return a qualification type."""
    return {"QualificationType": _type_result(tx, find_type(tx, parameters["QualificationTypeId"]))}


def list_qualification_types(tx: Transaction, parameters: Parameters) -> Result:
    """List the qualification types; Query is looked for in name, description and keywords."""
    listing = qualifications.types(parameters.get("Query"), requestable=parameters["MustBeRequestable"])
    rows, result = page(tx, parameters, listing)
    return {**result, "QualificationTypes": [_type_result(tx, row) for row in rows]}


def update_qualification_type(tx: Transaction, parameters: Parameters) -> Result:
    """Change description, status, retry delay or automatic granting of a qualification type."""
    row = find_type(tx, parameters["QualificationTypeId"])
    granted = parameters.get("AutoGranted")
    granted = bool(row["auto_granted"]) if granted is None else granted
    value = parameters.get("AutoGrantedValue")
    value = row["auto_value"] if value is None and granted else value
    qualifications.set_type(
        tx,
        row["qualification_type_id"],
        description=at_most("Description", parameters.get("Description") or row["description"], 2000),
        status=parameters.get("QualificationTypeStatus") or row["status"],
        retry_delay_s=_retry_delay_s(parameters, row["retry_delay_s"]),
        auto_granted=granted,
        auto_value=_auto_value(granted, value),
    )
    keep_test(tx, row["qualification_type_id"], parameters)
    return {"QualificationType": _type_result(tx, find_type(tx, row["qualification_type_id"]))}


def delete_qualification_type(tx: Transaction, parameters: Parameters) -> Result:
    """Delete a qualification type: what was granted stays, nothing new can use it, requests are refused."""
    row = find_type(tx, parameters["QualificationTypeId"])
    qualifications.delete_type(tx, row["qualification_type_id"])
    events.log(tx, "QualificationTypeDeleted", type=row["qualification_type_id"])
    return {}


def associate_qualification_with_worker(tx: Transaction, parameters: Parameters) -> Result:
    """Give a worker a qualification."""
    row = find_type(tx, parameters["QualificationTypeId"])
    value = parameters.get("IntegerValue")
    grant(tx, parameters["WorkerId"], row["qualification_type_id"], 1 if value is None else value)
    return {}


def disassociate_qualification_from_worker(tx: Transaction, parameters: Parameters) -> Result:
    """Take a qualification back."""
    row = find_type(tx, parameters["QualificationTypeId"])
    worker_id, reason = parameters["WorkerId"], parameters.get("Reason")
    if not qualifications.revoke(tx, worker_id, row["qualification_type_id"], reason):
        raise _not_held(parameters)
    events.log(tx, "QualificationRevoked", worker=worker_id, type=row["qualification_type_id"])
    return {}


def _not_held(parameters: Parameters) -> RequestError:
    return RequestError(
        f"Qualification {parameters['QualificationTypeId']} of {parameters['WorkerId']} does not exist.",
        "QualificationDoesNotExist",
    )


def _qualification_result(row: Row) -> Result:
    return {
        "QualificationTypeId": row["qualification_type_id"],
        "WorkerId": row["worker_id"],
        "GrantTime": row["granted"],
        "IntegerValue": row["value"],
        "Status": row["status"],
    }


def get_qualification_score(tx: Transaction, parameters: Parameters) -> Result:
    """Return a worker's qualification; what was revoked is an error of its own, as on MTurk."""
    type_id = find_type(tx, parameters["QualificationTypeId"])["qualification_type_id"]
    row = qualifications.get(tx, parameters["WorkerId"], type_id)
    if row is None:
        raise _not_held(parameters)
    if row["status"] != "Granted":
        raise RequestError(
            f"This operation can be called with a status of: Granted (found: {row['status']}).",
            "InvalidQualificationState",
        )
    return {"Qualification": _qualification_result(row)}


def list_workers_with_qualification_type(tx: Transaction, parameters: Parameters) -> Result:
    """List who holds a qualification (Granted, the default) or has lost it (Revoked)."""
    row = find_type(tx, parameters["QualificationTypeId"])
    status = parameters.get("Status") or "Granted"
    rows, result = page(tx, parameters, qualifications.of_type(row["qualification_type_id"], status))
    return {**result, "Qualifications": [_qualification_result(row) for row in rows]}


def list_hits_for_qualification_type(tx: Transaction, parameters: Parameters) -> Result:
    """List the HITs that require a qualification."""
    row = find_type(tx, parameters["QualificationTypeId"])
    rows, result = page(tx, parameters, hits.requiring(tx, row["qualification_type_id"]))
    return {**result, "HITs": [hit_result(tx, hit) for hit in rows]}


# Requests by workers


def request_qualification(tx: Transaction, worker_id: str, type_id: str) -> str:
    """Let a worker ask for a qualification; returns Granted or Pending."""
    row = find_type(tx, type_id)
    if qualification_tests.test_of(tx, type_id):
        raise RequestError("This qualification has a test. Take it to ask for it.", "TestNeeded")
    held = qualifications.get(tx, worker_id, type_id)
    if held and held["status"] == "Granted":
        return "Granted"
    if row["auto_granted"] and not held and row["status"] == "Active" and not row["once"]:
        grant(tx, worker_id, type_id, row["auto_value"])
        return "Granted"
    last = qualifications.last_request(tx, worker_id, type_id)
    if last and last["status"] == "Pending":
        return "Pending"
    check_requestable(tx, worker_id, row)
    qualifications.add_request(tx, worker_id, type_id)
    events.log(tx, "QualificationRequested", worker=worker_id, type=type_id)
    return "Pending"


def list_qualification_requests(tx: Transaction, parameters: Parameters) -> Result:
    """List the open requests, of one qualification type or of all."""
    type_id = parameters.get("QualificationTypeId")
    if type_id is not None:
        find_type(tx, type_id)
    rows, result = page(tx, parameters, qualifications.open_requests(type_id))
    requests = [
        {
            "QualificationRequestId": row["request_id"],
            "QualificationTypeId": row["qualification_type_id"],
            "WorkerId": row["worker_id"],
            "SubmitTime": row["at"],
            **({"Test": row["test"], "Answer": row["answer"]} if row["test"] and row["answer"] else {}),
        }
        for row in rows
    ]
    return {**result, "QualificationRequests": requests}


def accept_qualification_request(tx: Transaction, parameters: Parameters) -> Result:
    """Grant what a worker asked for."""
    row = _decide(tx, parameters["QualificationRequestId"], "Accepted", None)
    value = parameters.get("IntegerValue")
    grant(tx, row["worker_id"], row["qualification_type_id"], 1 if value is None else value)
    return {}


def reject_qualification_request(tx: Transaction, parameters: Parameters) -> Result:
    """Refuse what a worker asked for."""
    _decide(tx, parameters["QualificationRequestId"], "Rejected", parameters.get("Reason"))
    return {}


def _decide(tx: Transaction, request_id: str, outcome: str, reason: str | None) -> Row:
    row = qualifications.find_request(tx, request_id[:64])
    if row["status"] != "Pending":
        raise RequestError(
            f"This qualification request was already decided: {row['status']}.", "InvalidQualificationState"
        )
    qualifications.decide_request(tx, row, outcome, reason)
    events.log(
        tx, f"QualificationRequest{outcome}", worker=row["worker_id"], type=row["qualification_type_id"]
    )
    return row
