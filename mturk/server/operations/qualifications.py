"""Qualification types, who holds them, and who asks for them."""

from __future__ import annotations

import sqlite3
from typing import Any

from ..protocol.errors import RequestError, missing
from ..storage.store import Row, Transaction, new_id
from ..storage.transitions import HIT_SQL, grant, is_duplicate
from .hits import hit_result
from .operations import Parameters, Result, at_most, operation, page, refuse, within

ONCE = "glimpse-once"
_INTEGERS = (-(2**31), 2**31 - 1)


def _type_result(row: Row) -> Result:
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
    return result | {name: row[column] for name, column in extra.items() if row[column] is not None}


def find_type(tx: Transaction, type_id: str) -> Row:
    """Return a qualification type of ours that is not deleted; RequestError when there is none."""
    row = tx.one(
        "SELECT * FROM qualification_types WHERE qualification_type_id = ? AND deleted IS NULL", type_id
    )
    if row is None:
        raise missing("QualificationType", type_id)
    return row


def _no_test(parameters: Parameters) -> None:
    for name in ("Test", "AnswerKey", "TestDurationInSeconds"):
        if parameters.get(name) is not None:
            refuse(
                f"{name} of a qualification type", "Grant it with AssociateQualificationWithWorker instead."
            )


def _auto_value(granted: bool, value: int | None) -> int | None:
    if value is not None and not granted:
        raise RequestError("AutoGrantedValue needs AutoGranted.")
    return (1 if value is None else value) if granted else None


@operation("CreateQualificationType", writes=True)
def create_qualification_type(tx: Transaction, parameters: Parameters) -> Result:
    """Create a qualification type; the keyword `glimpse-once` has it granted at every acceptance."""
    _no_test(parameters)
    keywords = at_most("Keywords", parameters.get("Keywords") or "", 1000)
    granted = bool(parameters.get("AutoGranted"))
    delay = parameters.get("RetryDelayInSeconds")
    type_id = new_id()
    try:
        tx.run(
            "INSERT INTO qualification_types (qualification_type_id, name, description, keywords, status, "
            "retry_delay_s, auto_granted, auto_value, once, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            type_id, at_most("Name", parameters["Name"], 200),
            at_most("Description", parameters["Description"], 2000), keywords or None,
            parameters["QualificationTypeStatus"],
            None if delay is None else within("RetryDelayInSeconds", delay, 0, 2**31 - 1),
            int(granted), _auto_value(granted, parameters.get("AutoGrantedValue")),
            int(ONCE in keywords.replace(",", " ").split()), tx.now,
        )  # fmt: skip
    except sqlite3.IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise RequestError(
            f"You have already created a QualificationType with this name: {parameters['Name'][:100]!r}.",
            "QualificationTypeAlreadyExists",
        ) from None
    tx.log("QualificationTypeCreated", type=type_id)
    return {"QualificationType": _type_result(find_type(tx, type_id))}


@operation("GetQualificationType")
def get_qualification_type(tx: Transaction, parameters: Parameters) -> Result:
    """Return a qualification type."""
    return {"QualificationType": _type_result(find_type(tx, parameters["QualificationTypeId"]))}


@operation("ListQualificationTypes")
def list_qualification_types(tx: Transaction, parameters: Parameters) -> Result:
    """List the qualification types; Query is looked for in name, description and keywords."""
    sql, values = "SELECT * FROM qualification_types WHERE deleted IS NULL", []
    if parameters["MustBeRequestable"]:
        sql += " AND status = 'Active' AND NOT once"
    if parameters.get("Query"):
        sql += " AND instr(lower(name || ' ' || description || ' ' || IFNULL(keywords, '')), lower(?))"
        values.append(parameters["Query"])
    rows, result = page(tx, parameters, sql, tuple(values), order="seq")
    return {**result, "QualificationTypes": [_type_result(row) for row in rows]}


@operation("UpdateQualificationType", writes=True)
def update_qualification_type(tx: Transaction, parameters: Parameters) -> Result:
    """Change description, status, retry delay or automatic granting of a qualification type."""
    _no_test(parameters)
    row = find_type(tx, parameters["QualificationTypeId"])
    granted = parameters.get("AutoGranted")
    granted = bool(row["auto_granted"]) if granted is None else granted
    value = parameters.get("AutoGrantedValue")
    value = row["auto_value"] if value is None and granted else value
    delay = parameters.get("RetryDelayInSeconds")
    tx.run(
        "UPDATE qualification_types SET description = ?, status = ?, retry_delay_s = ?, auto_granted = ?, "
        "auto_value = ? WHERE qualification_type_id = ?",
        at_most("Description", parameters.get("Description") or row["description"], 2000),
        parameters.get("QualificationTypeStatus") or row["status"],
        row["retry_delay_s"] if delay is None else within("RetryDelayInSeconds", delay, 0, 2**31 - 1),
        int(granted), _auto_value(granted, value), row["qualification_type_id"],
    )  # fmt: skip
    return {"QualificationType": _type_result(find_type(tx, row["qualification_type_id"]))}


@operation("DeleteQualificationType", writes=True)
def delete_qualification_type(tx: Transaction, parameters: Parameters) -> Result:
    """Delete a qualification type: what was granted stays, nothing new can use it, requests are refused."""
    row = find_type(tx, parameters["QualificationTypeId"])
    tx.run("UPDATE qualification_types SET deleted = ? WHERE seq = ?", tx.now, row["seq"])
    tx.run(
        "UPDATE qualification_requests SET status = 'Rejected' "
        "WHERE qualification_type_id = ? AND status = 'Pending'",
        row["qualification_type_id"],
    )
    tx.log("QualificationTypeDeleted", type=row["qualification_type_id"])
    return {}


@operation("AssociateQualificationWithWorker", writes=True)
def associate_qualification_with_worker(tx: Transaction, parameters: Parameters) -> Result:
    """Give a worker a qualification."""
    row = find_type(tx, parameters["QualificationTypeId"])
    value = parameters.get("IntegerValue")
    grant(tx, parameters["WorkerId"], row["qualification_type_id"], 1 if value is None else value)
    return {}


@operation("DisassociateQualificationFromWorker", writes=True)
def disassociate_qualification_from_worker(tx: Transaction, parameters: Parameters) -> Result:
    """Take a qualification back."""
    row = find_type(tx, parameters["QualificationTypeId"])
    changed = tx.run(
        "UPDATE qualifications SET status = 'Revoked', reason = ?, assignment_id = NULL "
        "WHERE qualification_type_id = ? AND worker_id = ? AND status = 'Granted'",
        parameters.get("Reason"), row["qualification_type_id"], parameters["WorkerId"],
    )  # fmt: skip
    if not changed.rowcount:
        raise _not_held(parameters)
    tx.log("QualificationRevoked", worker=parameters["WorkerId"], type=row["qualification_type_id"])
    return {}


def _not_held(parameters: Parameters) -> RequestError:
    return RequestError(
        f"Worker {parameters['WorkerId']} does not have qualification {parameters['QualificationTypeId']}.",
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


@operation("GetQualificationScore")
def get_qualification_score(tx: Transaction, parameters: Parameters) -> Result:
    """Return a worker's qualification, revoked ones included."""
    find_type(tx, parameters["QualificationTypeId"])
    row = tx.one(
        "SELECT * FROM qualifications WHERE qualification_type_id = ? AND worker_id = ?",
        parameters["QualificationTypeId"], parameters["WorkerId"],
    )  # fmt: skip
    if row is None:
        raise _not_held(parameters)
    return {"Qualification": _qualification_result(row)}


@operation("ListWorkersWithQualificationType")
def list_workers_with_qualification_type(tx: Transaction, parameters: Parameters) -> Result:
    """List who holds a qualification (Granted, the default) or has lost it (Revoked)."""
    row = find_type(tx, parameters["QualificationTypeId"])
    rows, result = page(
        tx, parameters, "SELECT * FROM qualifications WHERE qualification_type_id = ? AND status = ?",
        (row["qualification_type_id"], parameters.get("Status") or "Granted"), order="seq",
    )  # fmt: skip
    return {**result, "Qualifications": [_qualification_result(row) for row in rows]}


@operation("ListHITsForQualificationType")
def list_hits_for_qualification_type(tx: Transaction, parameters: Parameters) -> Result:
    """List the HITs that require a qualification."""
    row = find_type(tx, parameters["QualificationTypeId"])
    sql = (
        HIT_SQL + "WHERE disposed IS NULL AND EXISTS (SELECT 1 FROM json_each(requirements) "  # noqa: S608
        "WHERE json_extract(value, '$.QualificationTypeId') = ?)"
    )
    rows, result = page(
        tx, parameters, sql, (row["qualification_type_id"],), order="hits.seq", descending=True
    )
    return {**result, "HITs": [hit_result(tx, hit) for hit in rows]}


# Requests by workers


def request_qualification(tx: Transaction, worker_id: str, type_id: str) -> str:
    """Let a worker ask for a qualification; returns Granted or Pending."""
    row = find_type(tx, type_id)
    if row["status"] != "Active" or row["once"]:
        raise RequestError("This qualification cannot be requested.", "QualificationNotRequestable")
    held = tx.one(
        "SELECT status FROM qualifications WHERE qualification_type_id = ? AND worker_id = ?",
        type_id,
        worker_id,
    )
    if held and held["status"] == "Granted":
        return "Granted"
    if row["auto_granted"] and not held:
        grant(tx, worker_id, type_id, row["auto_value"])
        return "Granted"
    last = tx.one(
        "SELECT status, at FROM qualification_requests WHERE qualification_type_id = ? AND worker_id = ? "
        "ORDER BY seq DESC LIMIT 1",
        type_id, worker_id,
    )  # fmt: skip
    if last and last["status"] == "Pending":
        return "Pending"
    if last and (row["retry_delay_s"] is None or tx.now < last["at"] + row["retry_delay_s"]):
        raise RequestError("You have already asked for this qualification.", "QualificationRequestTooSoon")
    tx.run(
        "INSERT INTO qualification_requests (request_id, qualification_type_id, worker_id, status, at) "
        "VALUES (?, ?, ?, 'Pending', ?)",
        new_id(), type_id, worker_id, tx.now,
    )  # fmt: skip
    tx.log("QualificationRequested", worker=worker_id, type=type_id)
    return "Pending"


@operation("ListQualificationRequests")
def list_qualification_requests(tx: Transaction, parameters: Parameters) -> Result:
    """List the open requests, of one qualification type or of all."""
    sql, values = "SELECT * FROM qualification_requests WHERE status = 'Pending'", []
    if parameters.get("QualificationTypeId") is not None:
        sql += " AND qualification_type_id = ?"
        values.append(find_type(tx, parameters["QualificationTypeId"])["qualification_type_id"])
    rows, result = page(tx, parameters, sql, tuple(values), order="seq")
    requests = [
        {
            "QualificationRequestId": row["request_id"],
            "QualificationTypeId": row["qualification_type_id"],
            "WorkerId": row["worker_id"],
            "SubmitTime": row["at"],
        }
        for row in rows
    ]
    return {**result, "QualificationRequests": requests}


@operation("AcceptQualificationRequest", writes=True)
def accept_qualification_request(tx: Transaction, parameters: Parameters) -> Result:
    """Grant what a worker asked for."""
    row = _decide(tx, parameters["QualificationRequestId"], "Accepted", None)
    value = parameters.get("IntegerValue")
    grant(tx, row["worker_id"], row["qualification_type_id"], 1 if value is None else value)
    return {}


@operation("RejectQualificationRequest", writes=True)
def reject_qualification_request(tx: Transaction, parameters: Parameters) -> Result:
    """Refuse what a worker asked for."""
    _decide(tx, parameters["QualificationRequestId"], "Rejected", parameters.get("Reason"))
    return {}


def _decide(tx: Transaction, request_id: str, outcome: str, reason: str | None) -> Row:
    row = tx.one("SELECT * FROM qualification_requests WHERE request_id = ?", request_id[:64])
    if row is None:
        raise missing("QualificationRequest", request_id[:64])
    if row["status"] != "Pending":
        raise RequestError(
            f"This qualification request was already decided: {row['status']}.", "InvalidQualificationState"
        )
    tx.run(
        "UPDATE qualification_requests SET status = ?, reason = ? WHERE seq = ?", outcome, reason, row["seq"]
    )
    tx.log(f"QualificationRequest{outcome}", worker=row["worker_id"], type=row["qualification_type_id"])
    return row
