"""The table `assignments`: who works or worked on which HIT, and what they answered.

What these functions set belongs together with the HIT's counters and the audit log: `transitions` keeps all
three in step, and nothing else calls the functions that set anything but progress.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.errors import missing
from .database import marks, new_id
from .listing import Listing

if TYPE_CHECKING:
    from .database import Row, Transaction

# Those that the API shows. The others are Accepted, Returned or Abandoned.
VISIBLE = ("Submitted", "Approved", "Rejected")


# One assignment


def get(tx: Transaction, assignment_id: str) -> Row | None:
    """Return an assignment in any state; None when there is none."""
    return tx.one("SELECT * FROM assignments WHERE assignment_id = ?", assignment_id)


def find(tx: Transaction, assignment_id: str) -> Row:
    """Return an assignment in any state; RequestError when there is none."""
    row = get(tx, assignment_id)
    if row is None:
        raise missing("Assignment", assignment_id)
    return row


def holding(tx: Transaction, hit_id: str, worker_id: str) -> Row | None:
    """Return a worker's assignment of a HIT (assignment_id, status) that they did not return or abandon."""
    return tx.one(
        "SELECT assignment_id, status FROM assignments WHERE hit_id = ? AND worker_id = ? "
        "AND status NOT IN ('Returned', 'Abandoned')",
        hit_id, worker_id,
    )  # fmt: skip


def add(tx: Transaction, hit: Row, worker_id: str, arrival: int | None) -> str:
    """Store a new, accepted assignment and return its id.

    It begins with the progress that the worker saved in an earlier assignment of the same HIT. `arrival` is
    the link that the worker came by.
    """
    assignment_id = new_id()
    earlier = tx.one(
        "SELECT progress FROM assignments WHERE hit_id = ? AND worker_id = ? AND progress IS NOT NULL "
        "ORDER BY seq DESC LIMIT 1",
        hit["hit_id"], worker_id,
    )  # fmt: skip
    tx.run(
        "INSERT INTO assignments "
        "(assignment_id, hit_id, worker_id, status, accepted, deadline, progress, arrival) "
        "VALUES (?, ?, ?, 'Accepted', ?, ?, ?, ?)",
        assignment_id, hit["hit_id"], worker_id, tx.now, tx.now + hit["duration_s"],
        earlier["progress"] if earlier else None, arrival,
    )  # fmt: skip
    return assignment_id


def set_progress(tx: Transaction, assignment: Row, progress: str) -> None:
    """Keep what a page wants to find again after a reload."""
    tx.run("UPDATE assignments SET progress = ? WHERE seq = ?", progress, assignment["seq"])


def set_given_up(tx: Transaction, assignment_id: str, status: str, moment: float) -> None:
    """Mark an assignment as Returned or Abandoned at `moment` (epoch seconds)."""
    tx.run(
        "UPDATE assignments SET status = ?, ended = ? WHERE assignment_id = ?", status, moment, assignment_id
    )


def set_submitted(tx: Transaction, assignment_id: str, answer: str, due: float, order: int) -> None:
    """Store a worker's answer; `due` is when it is approved by itself, `order` its place among all others."""
    tx.run(
        "UPDATE assignments SET status = 'Submitted', submitted = ?, auto_approval = ?, answer = ?, "
        "submit_order = ?, progress = NULL WHERE assignment_id = ?",
        tx.now, due, answer, order, assignment_id,
    )  # fmt: skip


def set_approved(tx: Transaction, assignment_id: str, moment: float, feedback: str | None) -> None:
    """Mark an assignment as Approved at `moment` (epoch seconds); no feedback leaves the one before."""
    tx.run(
        "UPDATE assignments SET status = 'Approved', approved = ?, rejected = NULL, "
        "feedback = COALESCE(?, feedback) WHERE assignment_id = ?",
        moment, feedback, assignment_id,
    )  # fmt: skip


def set_rejected(tx: Transaction, assignment_id: str, feedback: str) -> None:
    """Mark an assignment as Rejected."""
    tx.run(
        "UPDATE assignments SET status = 'Rejected', rejected = ?, feedback = ? WHERE assignment_id = ?",
        tx.now, feedback, assignment_id,
    )  # fmt: skip


# Assignments of a HIT


def submitted_of_hit(hit_id: str, statuses: list[str]) -> Listing:
    """List a HIT's submitted assignments in certain states, in the order of submission."""
    sql = (
        "SELECT * FROM assignments WHERE hit_id = ? AND submit_order IS NOT NULL "  # noqa: S608 - marks
        f"AND status IN ({marks(statuses)})"
    )
    return Listing(sql, (hit_id, *statuses), "submit_order")


# Assignments of a worker


def unfinished(tx: Transaction, worker_id: str, study: str | None = None) -> list[Row]:
    """Return a worker's accepted assignments with their HITs' titles, soonest deadline first."""
    sql = (
        "SELECT assignments.*, title, study, batch FROM assignments JOIN hits USING (hit_id) "
        "JOIN hit_types USING (hit_type_id) WHERE worker_id = ? AND status = 'Accepted' AND deadline > ?"
    )
    if study is None:
        return tx.all(sql + " ORDER BY deadline", worker_id, tx.now)
    return tx.all(sql + " AND study = ? ORDER BY deadline", worker_id, tx.now, study)


def last_submitted(tx: Transaction, worker_id: str, study: str) -> str | None:
    """Return the id of the assignment of a study that a worker submitted last."""
    row = tx.one(
        "SELECT assignment_id FROM assignments JOIN hits USING (hit_id) WHERE worker_id = ? AND study = ? "
        "AND assignments.submitted IS NOT NULL ORDER BY submit_order DESC",
        worker_id, study,
    )  # fmt: skip
    return str(row["assignment_id"]) if row else None


def newest_of_worker(tx: Transaction, worker_id: str, most: int) -> list[Row]:
    """Return a worker's assignments in any state with title and reward, newest first."""
    return tx.all(
        "SELECT assignments.*, title, reward FROM assignments JOIN hits USING (hit_id) "
        "JOIN hit_types USING (hit_type_id) WHERE worker_id = ? ORDER BY assignments.seq DESC LIMIT ?",
        worker_id, most,
    )  # fmt: skip


# Assignments of a study


def submitted_after(tx: Transaction, order: int, most: int, study: str) -> list[Row]:
    """Return the next `most` assignments that were submitted after the place `order` among all, in order.

    Each with HIT, study, batch, name of the HIT, worker and panel; those of `study` with their answer.
    """
    return tx.all(
        """SELECT assignment_id, hit_id, study, batch, hits.name, worker_id, panel, next.submitted,
           submit_order, CASE WHEN study = ? THEN answer END AS answer
           FROM (SELECT * FROM assignments WHERE submit_order > ? ORDER BY submit_order LIMIT ?) AS next
           JOIN hits USING (hit_id) LEFT JOIN workers USING (worker_id) ORDER BY submit_order""",
        study, order, most,
    )  # fmt: skip
