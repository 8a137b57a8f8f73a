"""The tables `qualification_tests` and `test_attempts`: what is asked before a grant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .database import Row, Transaction


def set_test(tx: Transaction, type_id: str, test: str, answer_key: str | None, duration_s: int) -> None:
    """Keep a qualification type's test (a QuestionForm), its answer key, and the time that it may take."""
    tx.run(
        "INSERT INTO qualification_tests VALUES (?, ?, ?, ?) ON CONFLICT (qualification_type_id) DO UPDATE "
        "SET test = excluded.test, answer_key = excluded.answer_key, duration_s = excluded.duration_s",
        type_id, test, answer_key, duration_s,
    )  # fmt: skip


def test_of(tx: Transaction, type_id: str) -> Row | None:
    """Return a qualification type's test (test, answer_key, duration_s); None where it has none."""
    return tx.one("SELECT * FROM qualification_tests WHERE qualification_type_id = ?", type_id)


def attempt(tx: Transaction, type_id: str, worker_id: str) -> Row | None:
    """Return a worker's latest attempt at a test (started, answer)."""
    return tx.one(
        "SELECT * FROM test_attempts WHERE qualification_type_id = ? AND worker_id = ?", type_id, worker_id
    )


def start(tx: Transaction, type_id: str, worker_id: str) -> None:
    """Let a worker's attempt begin now; an earlier one is forgotten."""
    tx.run(
        "INSERT INTO test_attempts VALUES (?, ?, ?, NULL) ON CONFLICT (qualification_type_id, worker_id) "
        "DO UPDATE SET started = excluded.started, answer = NULL",
        type_id, worker_id, tx.now,
    )  # fmt: skip


def set_answer(tx: Transaction, type_id: str, worker_id: str, answer: str) -> None:
    """Keep what a worker answered."""
    tx.run(
        "UPDATE test_attempts SET answer = ? WHERE qualification_type_id = ? AND worker_id = ?",
        answer, type_id, worker_id,
    )  # fmt: skip
