"""Workers: messages to them, and blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.errors import RequestError
from ..storage import blocks, events, messages, workers
from .paging import page
from .parameters import Parameters, Result, at_most

if TYPE_CHECKING:
    from ..storage.database import Transaction


def notify_workers(tx: Transaction, parameters: Parameters) -> Result:
    """Leave a message on the history page of workers whose work was approved or rejected before."""
    worker_ids = list(dict.fromkeys(parameters["WorkerIds"]))
    if not 1 <= len(worker_ids) <= 100:
        raise RequestError(f"{len(worker_ids)} WorkerIds; allowed: 1 to 100.")
    subject = at_most("Subject", parameters["Subject"], 200)
    text = at_most("MessageText", parameters["MessageText"], 4096)
    failures = []
    for worker_id in worker_ids:
        if not any(workers.decided(tx, worker_id)):
            failures.append(
                {
                    "NotifyWorkersFailureCode": "HardFailure",
                    "NotifyWorkersFailureMessage": "No work of this worker was approved or rejected yet.",
                    "WorkerId": worker_id,
                }
            )
            continue
        messages.add(tx, worker_id, subject, text)
        events.log(tx, "WorkerNotified", worker=worker_id)
    return {"NotifyWorkersFailureStatuses": failures}


def create_worker_block(tx: Transaction, parameters: Parameters) -> Result:
    """Keep a worker from every HIT; what they have accepted they may finish."""
    reason = at_most("Reason", parameters["Reason"], 4096)
    blocks.add(tx, parameters["WorkerId"], reason)
    events.log(tx, "WorkerBlocked", worker=parameters["WorkerId"], reason=reason)
    return {}


def delete_worker_block(tx: Transaction, parameters: Parameters) -> Result:
    """Lift a block; lifting one that is not there changes nothing."""
    if blocks.lift(tx, parameters["WorkerId"]):
        events.log(tx, "WorkerUnblocked", worker=parameters["WorkerId"])
    return {}


def list_worker_blocks(tx: Transaction, parameters: Parameters) -> Result:
    """List who is blocked and why."""
    rows, result = page(tx, parameters, blocks.everybody())
    found = [{"WorkerId": row["worker_id"], "Reason": row["reason"]} for row in rows]
    return {**result, "WorkerBlocks": found}
