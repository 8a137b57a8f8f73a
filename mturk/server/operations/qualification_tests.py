"""Tests of qualification types: what a requester states of them, and a worker who takes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol import answer_keys, questions
from ..protocol.errors import RequestError
from ..storage import events, qualification_tests, qualifications
from ..storage.qualifications import find_type
from ..storage.transitions import grant
from .parameters import Parameters, Result, within

if TYPE_CHECKING:
    from ..storage.database import Row, Transaction

_LONGEST_S = 365 * 86_400
# Who sends the answers in the last moment is not too late because the network is slow.
_GRACE_S = 30


def keep_test(tx: Transaction, type_id: str, parameters: Parameters) -> None:
    """Keep what a call states of a type's test; what it leaves out stays as it was."""
    if all(parameters.get(name) is None for name in ("Test", "AnswerKey", "TestDurationInSeconds")):
        return
    before = qualification_tests.test_of(tx, type_id)
    test = parameters.get("Test") or (before["test"] if before else None)
    duration = parameters.get("TestDurationInSeconds") or (before["duration_s"] if before else None)
    if test is None or duration is None:
        raise RequestError("A test needs Test, a QuestionForm, and TestDurationInSeconds.")
    if questions.parse(test).selections is None:
        raise RequestError("Test is not a QuestionForm.", "InvalidQuestion")
    key = parameters.get("AnswerKey") or (before["answer_key"] if before else None)
    if key is not None:
        answer_keys.parse(key)
    if find_type(tx, type_id)["auto_granted"]:
        raise RequestError("A qualification type with a test cannot be AutoGranted.")
    within("TestDurationInSeconds", duration, 1, _LONGEST_S)
    qualification_tests.set_test(tx, type_id, test, key, duration)


def test_result(tx: Transaction, type_id: str) -> Result:
    """Return a type's test as the API shows it."""
    row = qualification_tests.test_of(tx, type_id)
    if row is None:
        return {}
    key = {"AnswerKey": row["answer_key"]} if row["answer_key"] else {}
    return {"Test": row["test"], "TestDurationInSeconds": row["duration_s"], **key}


def check_requestable(tx: Transaction, worker_id: str, row: Row) -> None:
    """Refuse a request for a qualification that cannot be asked for, or not yet again."""
    type_id = row["qualification_type_id"]
    if row["status"] != "Active" or row["once"]:
        raise RequestError("This qualification cannot be requested.", "QualificationNotRequestable")
    last = qualifications.last_request(tx, worker_id, type_id)
    taken = qualification_tests.attempt(tx, type_id, worker_id)
    before = [*([last["at"]] if last else []), *([taken["started"]] if taken else [])]
    if before and (row["retry_delay_s"] is None or tx.now < max(before) + row["retry_delay_s"]):
        raise RequestError("You have already asked for this qualification.", "QualificationRequestTooSoon")


def begin_test(tx: Transaction, worker_id: str, type_id: str) -> tuple[str, float]:
    """Let a worker take a test, or go on with it; returns the QuestionForm and the seconds that are left."""
    row = find_type(tx, type_id)
    test = qualification_tests.test_of(tx, type_id)
    if test is None:
        raise RequestError("This qualification has no test.", "NotFound")
    attempt = qualification_tests.attempt(tx, type_id, worker_id)
    if attempt and attempt["answer"] is None:
        left = attempt["started"] + test["duration_s"] - tx.now
        if left > 0:
            return test["test"], left
    check_requestable(tx, worker_id, row)
    qualification_tests.start(tx, type_id, worker_id)
    return test["test"], test["duration_s"]


def _late() -> RequestError:
    return RequestError("The time for this test is over.", "TestOver")


def take_test(
    tx: Transaction, worker_id: str, type_id: str, chosen: dict[str, frozenset[str]], answer: str
) -> str:
    """Store a worker's answers to a test; returns Granted, by the answer key, or Pending.

    `chosen` are the selections by question, `answer` all of it as answer XML.
    """
    find_type(tx, type_id)
    test = qualification_tests.test_of(tx, type_id)
    attempt = qualification_tests.attempt(tx, type_id, worker_id)
    if test is None or attempt is None:
        raise RequestError("This test was not begun.", "TestOver")
    if attempt["answer"] is not None:
        held = qualifications.granted_value(tx, worker_id, type_id)
        return "Pending" if held is None else "Granted"
    if tx.now > attempt["started"] + test["duration_s"] + _GRACE_S:
        raise _late()
    qualification_tests.set_answer(tx, type_id, worker_id, answer)
    if test["answer_key"]:
        value = answer_keys.parse(test["answer_key"]).score(chosen)
        grant(tx, worker_id, type_id, value)
        return "Granted"
    qualifications.add_request(tx, worker_id, type_id)
    events.log(tx, "QualificationRequested", worker=worker_id, type=type_id)
    return "Pending"
