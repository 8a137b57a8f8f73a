"""Workers: messages to them, blocks, notifications about them."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from ..protocol.errors import RequestError, missing
from ..storage.transitions import is_duplicate
from .operations import Parameters, Result, at_most, operation, page

if TYPE_CHECKING:
    from ..storage.store import Transaction


@operation("NotifyWorkers", writes=True)
def notify_workers(tx: Transaction, parameters: Parameters) -> Result:
    """Leave a message on the history page of workers whose work was approved or rejected before."""
    workers = list(dict.fromkeys(parameters["WorkerIds"]))
    if not 1 <= len(workers) <= 100:
        raise RequestError(f"{len(workers)} WorkerIds; allowed: 1 to 100.")
    subject = at_most("Subject", parameters["Subject"], 200)
    text = at_most("MessageText", parameters["MessageText"], 4096)
    failures = []
    for worker_id in workers:
        worker = tx.one("SELECT approved + rejected AS decided FROM workers WHERE worker_id = ?", worker_id)
        if not worker or not worker["decided"]:
            failures.append(
                {
                    "NotifyWorkersFailureCode": "HardFailure",
                    "NotifyWorkersFailureMessage": "No work of this worker was approved or rejected yet.",
                    "WorkerId": worker_id,
                }
            )
            continue
        tx.run(
            "INSERT INTO messages (worker_id, subject, body, at) VALUES (?, ?, ?, ?)",
            worker_id, subject, text, tx.now,
        )  # fmt: skip
        tx.log("WorkerNotified", worker=worker_id)
    return {"NotifyWorkersFailureStatuses": failures}


@operation("CreateWorkerBlock", writes=True)
def create_worker_block(tx: Transaction, parameters: Parameters) -> Result:
    """Keep a worker from every HIT; what they have accepted they may finish."""
    try:
        tx.run(
            "INSERT INTO blocks (worker_id, reason, at) VALUES (?, ?, ?)",
            parameters["WorkerId"], at_most("Reason", parameters["Reason"], 4096), tx.now,
        )  # fmt: skip
    except sqlite3.IntegrityError as error:
        if not is_duplicate(error):
            raise
        tx.run(
            "UPDATE blocks SET reason = ? WHERE worker_id = ?", parameters["Reason"], parameters["WorkerId"]
        )
    tx.log("WorkerBlocked", worker=parameters["WorkerId"], reason=parameters["Reason"])
    return {}


@operation("DeleteWorkerBlock", writes=True)
def delete_worker_block(tx: Transaction, parameters: Parameters) -> Result:
    """Lift a block; lifting one that is not there changes nothing."""
    if tx.run("DELETE FROM blocks WHERE worker_id = ?", parameters["WorkerId"]).rowcount:
        tx.log("WorkerUnblocked", worker=parameters["WorkerId"])
    return {}


@operation("ListWorkerBlocks")
def list_worker_blocks(tx: Transaction, parameters: Parameters) -> Result:
    """List who is blocked and why."""
    rows, result = page(tx, parameters, "SELECT * FROM blocks WHERE 1", (), order="seq")
    blocks = [{"WorkerId": row["worker_id"], "Reason": row["reason"]} for row in rows]
    return {**result, "WorkerBlocks": blocks}


@operation("UpdateNotificationSettings", writes=True)
def update_notification_settings(tx: Transaction, parameters: Parameters) -> Result:
    """Keep what a requester wants to hear of; nothing leaves this server, the audit log has every event."""
    if parameters.get("Notification") is None and parameters.get("Active") is None:
        raise RequestError("Give Notification, Active, or both.")
    row = tx.one("SELECT notification FROM hit_types WHERE hit_type_id = ?", parameters["HITTypeId"])
    if row is None:
        raise missing("HITType", parameters["HITTypeId"])
    kept = json.loads(row["notification"] or "{}")
    kept |= {
        name: parameters[name] for name in ("Notification", "Active") if parameters.get(name) is not None
    }
    tx.run(
        "UPDATE hit_types SET notification = ? WHERE hit_type_id = ?",
        json.dumps(kept),
        parameters["HITTypeId"],
    )
    return {}


@operation("SendTestEventNotification", writes=True)
def send_test_event_notification(tx: Transaction, parameters: Parameters) -> Result:
    """Write a test event into the audit log, where real events go."""
    tx.log(
        "TestEvent", event=parameters["TestEventType"], destination=parameters["Notification"]["Destination"]
    )
    return {}
