"""Prolific's submissions and our assignments side by side."""

import pytest

from glimpse.mturk.recruiting.matching import (
    KINDS,
    PanelSubmission,
    counts,
    side_by_side,
    submission,
    to_free,
    verified,
)
from glimpse.mturk.recruiting.own_side import PanelArrival


def here(status="Submitted", session="s", person="p", name="A", signed=False, panel="prolific"):
    return PanelArrival(name, "W", status, "h1", panel, person, session, "study", signed)


def there(status="AWAITING REVIEW", session="s", person="p"):
    return PanelSubmission(session, person, status, "CODE")


@pytest.mark.parametrize(
    ("status_there", "status_here", "kind"),
    [
        ("AWAITING REVIEW", "Submitted", "finished"),
        ("APPROVED", "Approved", "finished"),
        ("ACTIVE", "Submitted", "finished_open"),
        ("TIMED-OUT", "Submitted", "finished_gone"),
        ("ACTIVE", "Accepted", "working"),
        ("RETURNED", "Accepted", "gone_there"),
        ("TIMED-OUT", "Accepted", "gone_there"),
        ("AWAITING REVIEW", "Accepted", "no_answers"),
        ("ACTIVE", "Returned", "gone_here"),
        ("RETURNED", "Abandoned", "gone"),
        ("AWAITING REVIEW", "Returned", "no_answers"),
        ("RESERVED", None, "not_begun"),
        ("RETURNED", None, "gone"),
        ("AWAITING REVIEW", None, "no_answers"),
        (None, "Submitted", "only_here"),
        (None, "Accepted", "only_here_working"),
        (None, "Returned", "gone"),
    ],
)
def test_kinds(status_there, status_here, kind):
    (pair,) = side_by_side(
        [there(status_there)] if status_there else [], [here(status_here)] if status_here else []
    )
    assert pair.kind == kind
    assert kind in KINDS


def test_who_is_approved_finished_here_and_is_known_there():
    (good,) = side_by_side([there()], [here()])
    assert (good.is_verified, good.to_approve) == (True, True)
    (forged,) = side_by_side([], [here()])
    assert (forged.is_verified, forged.to_approve) == (False, False)
    (other,) = side_by_side([there(person="q")], [here()])
    assert (other.kind, other.is_verified, other.to_approve) == ("other_person", False, False)
    (refused,) = side_by_side([there()], [here("Rejected")])
    assert not refused.to_approve
    (approved,) = side_by_side([there("APPROVED")], [here()])
    assert not approved.to_approve


def test_of_one_session_the_furthest_assignment_counts():
    (pair,) = side_by_side(
        [there()], [here("Returned", name="A1"), here(name="A2"), here("Returned", name="A3")]
    )
    assert pair.here.assignment_id == "A2"


def test_places_to_free_and_what_is_verified():
    rows = [
        (there("RETURNED", "1"), here("Accepted", "1", name="A1")),
        (there("ACTIVE", "2"), here("Accepted", "2", name="A2")),
        (there("AWAITING REVIEW", "3"), here("Submitted", "3", name="A3", signed=True)),
    ]
    pairs = side_by_side([row[0] for row in rows], [*(row[1] for row in rows), here(session="4", name="A4")])
    assert to_free(pairs) == ["A1"]
    assert verified(pairs) == {"A1": "listed", "A2": "listed", "A3": "signed", "A4": "no"}
    assert counts(pairs) == {"finished": 1, "working": 1, "gone_there": 1, "only_here": 1}


def test_other_panels_are_not_asked_of_prolific():
    assert side_by_side([], [here(panel="connect")]) == []


def test_a_row_of_the_list():
    row = {"id": "1", "participant_id": "p", "status": "ACTIVE", "study_code": None}
    assert submission(row) == PanelSubmission("1", "p", "ACTIVE", "")
