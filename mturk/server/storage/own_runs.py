"""A requester's own runs through a study: kept, marked in the audit log, and no assignment for anybody.

Such a run ends as one that was given back: its place is free again, and the API, which `status` and `collect`
ask, never shows it. What was entered stays with it in the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...panels.own_run import PANEL
from . import events, studies
from .transitions import release

if TYPE_CHECKING:
    from .database import Row, Transaction


def is_own_run(tx: Transaction, assignment: Row) -> bool:
    """Tell whether an assignment is a requester's own run."""
    came = studies.arrival(tx, assignment["arrival"])
    return came is not None and came["panel"] == PANEL.name


def finish(tx: Transaction, assignment: Row, answer: str) -> None:
    """End an own run with what was entered; the same again changes nothing."""
    if assignment["submitted"] is not None:
        return
    release(tx, assignment, abandoned=False)
    tx.run(
        "UPDATE assignments SET answer = ?, submitted = ? WHERE assignment_id = ?",
        answer, tx.now, assignment["assignment_id"],
    )  # fmt: skip
    events.log_of(tx, "TestRunFinished", assignment)
