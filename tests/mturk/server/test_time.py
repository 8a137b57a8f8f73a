"""Three clocks: a HIT's lifetime, an assignment's duration, automatic approval; what they free or grant."""

import sqlite3

import pytest

from glimpse.mturk.server.protocol.lifecycle import Counts, hit_status, meets, requirement_problem


def status(turk, hit_id):
    hit = turk.get_hit(HITId=hit_id)["HIT"]
    return (
        hit["HITStatus"],
        hit["NumberOfAssignmentsPending"],
        hit["NumberOfAssignmentsAvailable"],
        hit["NumberOfAssignmentsCompleted"],
    )


def events(server):
    return [
        row["kind"]
        for row in server.site.store.read(lambda tx: tx.all("SELECT kind FROM events ORDER BY id"))
    ]


def test_a_hit_from_assignable_to_reviewable(server, turk, publish):
    hit_id = publish(2)["HITId"]
    a, b = server.worker("a"), server.worker("b")
    assert status(turk, hit_id) == ("Assignable", 0, 2, 0)
    first = a.take(hit_id)
    assert status(turk, hit_id) == ("Assignable", 1, 1, 0)
    second = b.take(hit_id)
    assert status(turk, hit_id) == ("Unassignable", 2, 0, 0)
    a.submit(first)
    assert status(turk, hit_id) == ("Unassignable", 1, 0, 0)
    b.give_back(second)
    assert status(turk, hit_id) == ("Assignable", 0, 1, 0)
    b.submit(b.take(hit_id))
    assert status(turk, hit_id) == ("Reviewable", 0, 0, 0)
    turk.approve_assignment(AssignmentId=first)
    assert status(turk, hit_id) == ("Reviewable", 0, 0, 1)
    assert "AssignmentReturned" in events(server)


def test_expiry_does_not_end_running_work(server, turk, publish):
    hit_id = publish(2, lifetime=60, duration=600)["HITId"]
    a, b = server.worker("a"), server.worker("b")
    running = a.take(hit_id)
    server.clock.skip(61)
    assert status(turk, hit_id)[0] == "Unassignable"
    assert b.press(f"/worker/hits/{hit_id}/accept").status_code == 409
    assert a.submit(running).status_code == 200
    assert status(turk, hit_id)[0] == "Reviewable"
    assert "HITExpired" in events(server)


def test_an_expired_hit_lives_again(server, turk, publish):
    hit_id = publish()["HITId"]
    turk.update_expiration_for_hit(HITId=hit_id, ExpireAt=0)
    assert status(turk, hit_id)[0] == "Reviewable"
    turk.update_hit_review_status(HITId=hit_id)
    turk.update_expiration_for_hit(HITId=hit_id, ExpireAt=server.clock() + 600)
    assert status(turk, hit_id)[0] == "Assignable"
    server.worker("a").take(hit_id)


def test_abandoned_at_the_deadline(server, turk, publish):
    once = turk.create_qualification_type(
        Name="once", Description="d", Keywords="a, glimpse-once", QualificationTypeStatus="Active"
    )["QualificationType"]["QualificationTypeId"]
    rule = {"QualificationTypeId": once, "Comparator": "DoesNotExist"}
    hits = [publish(requirements=[rule], duration=60)["HITId"] for _ in range(2)]
    a = server.worker("a")
    assignment = a.take(hits[0])
    assert turk.list_workers_with_qualification_type(QualificationTypeId=once)["NumResults"] == 1
    assert a.press(f"/worker/hits/{hits[1]}/accept").status_code == 403
    server.clock.skip(61)
    assert status(turk, hits[0]) == ("Assignable", 0, 1, 0)
    assert turk.list_workers_with_qualification_type(QualificationTypeId=once)["NumResults"] == 0
    late = a.submit(assignment)
    assert late.status_code == 409
    assert "This assignment no longer takes answers: its time is up" in late.text
    a.submit(a.take(hits[1]))
    assert a.press(f"/worker/hits/{hits[0]}/accept").status_code == 403
    assert events(server).count("AssignmentAbandoned") == 1
    assert "Time is up" in a.http.get(f"/worker/assignments/{assignment}/done").text


def test_a_qualification_that_was_there_before_survives_a_return(server, turk, publish):
    once = turk.create_qualification_type(
        Name="once", Description="d", Keywords="glimpse-once", QualificationTypeStatus="Active"
    )["QualificationType"]["QualificationTypeId"]
    a = server.worker("a")
    assignment = a.take(
        publish(requirements=[{"QualificationTypeId": once, "Comparator": "DoesNotExist"}])["HITId"]
    )
    turk.associate_qualification_with_worker(QualificationTypeId=once, WorkerId=a.id)
    a.give_back(assignment)
    assert turk.list_workers_with_qualification_type(QualificationTypeId=once)["NumResults"] == 1


def test_what_is_due_happens_even_if_the_call_that_meets_it_is_refused(server, turk, publish):
    hit_id = publish(duration=60)["HITId"]
    a, b = server.worker("a"), server.worker("b")
    a.take(hit_id)
    token = b.http.get("/worker/session").json()["csrf"]
    server.clock.skip(61)
    assert b.http.post("/worker/hits/NONE/accept", data={"csrf": token}).status_code == 404
    assert status(turk, hit_id) == ("Assignable", 0, 1, 0)


@pytest.mark.sqlite
def test_what_could_not_be_stored_is_still_due(server, turk, publish, monkeypatch):
    from glimpse.mturk.server.storage import due

    hit_id = publish(duration=60)["HITId"]
    server.worker("a").take(hit_id)
    server.clock.skip(61)

    def full(_tx):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(due, "next_due", full)
    with pytest.raises(turk.exceptions.ServiceFault, match="full"):
        turk.get_hit(HITId=hit_id)
    monkeypatch.undo()
    assert status(turk, hit_id) == ("Assignable", 0, 1, 0)


def test_automatic_approval(server, turk, publish):
    hit_id = publish(auto_approval=3600)["HITId"]
    a = server.worker("a")
    assignment = a.take(hit_id)
    a.submit(assignment)
    server.clock.skip(3590)
    assert turk.get_assignment(AssignmentId=assignment)["Assignment"]["AssignmentStatus"] == "Submitted"
    server.clock.skip(20)
    found = turk.get_assignment(AssignmentId=assignment)["Assignment"]
    assert found["AssignmentStatus"] == "Approved"
    assert found["ApprovalTime"] == found["AutoApprovalTime"]
    assert events(server).count("AssignmentAutoApproved") == 1


def test_disposed_after_120_days(server, turk, publish):
    hit_id = publish()["HITId"]
    server.clock.skip(121 * 86_400)
    assert turk.list_hits()["NumResults"] == 0
    assert status(turk, hit_id)[0] == "Disposed"


def test_a_clock_that_goes_back_breaks_nothing(server, turk, publish):
    hit_id = publish(2)["HITId"]
    a = server.worker("a")
    assignment = a.take(hit_id)
    server.clock.skip(-5000)
    assert a.submit(assignment).status_code == 200
    server.clock.skip(5000)
    assert turk.get_assignment(AssignmentId=assignment)["Assignment"]["AssignmentStatus"] == "Submitted"


def test_one_assignment_a_worker_and_hit(server, publish, turk):
    hit_id = publish(5)["HITId"]
    a = server.worker("a")
    first = a.take(hit_id)
    assert a.take(hit_id) == first
    a.submit(first)
    assert a.press(f"/worker/hits/{hit_id}/accept").status_code == 409
    assert status(turk, hit_id)[1:3] == (0, 4)


def test_progress_goes_with_the_worker_who_takes_a_returned_hit_again(server, publish):
    hit_id = publish()["HITId"]
    a, b = server.worker("a"), server.worker("b")
    first = a.take(hit_id)
    a.http.put(f"/worker/assignments/{first}/progress", json={"shown": 7})
    a.give_back(first)
    other = b.take(hit_id)
    assert b.http.get(f"/worker/assignments/{other}/progress").status_code == 204
    b.give_back(other)
    again = a.take(hit_id)
    assert a.http.get(f"/worker/assignments/{again}/progress").json() == {"shown": 7}


# The rules alone


@pytest.mark.parametrize(
    ("counts", "expired", "reviewing", "expected"),
    [
        (Counts(2, 0, 0, 0, 0), False, False, "Assignable"),
        (Counts(2, 1, 1, 0, 0), False, False, "Unassignable"),
        (Counts(2, 1, 0, 0, 0), True, False, "Unassignable"),
        (Counts(2, 0, 1, 0, 0), True, False, "Reviewable"),
        (Counts(2, 0, 0, 1, 1), False, True, "Reviewing"),
        (Counts(2, 0, 0, 1, 0), False, True, "Assignable"),
    ],
)
def test_status(counts, expired, reviewing, expected):
    assert hit_status(counts, expired=expired, reviewing=reviewing, disposed=False) == expected
    assert hit_status(counts, expired=expired, reviewing=reviewing, disposed=True) == "Disposed"


@pytest.mark.parametrize(
    ("comparator", "wanted", "met"),
    [
        ("LessThan", [6], True), ("LessThan", [5], False), ("LessThanOrEqualTo", [5], True),
        ("GreaterThan", [5], False), ("GreaterThanOrEqualTo", [5], True), ("EqualTo", [5], True),
        ("NotEqualTo", [5], False), ("In", [4, 5], True), ("NotIn", [4, 5], False), ("NotIn", [1], True),
    ],
)  # fmt: skip
def test_comparators(comparator, wanted, met):
    requirement = {"QualificationTypeId": "X", "Comparator": comparator, "IntegerValues": wanted}
    assert meets(requirement, 5, granted=True) is met
    assert meets(requirement, None, granted=False) is False


def test_places():
    rule = {
        "QualificationTypeId": "L",
        "Comparator": "In",
        "LocaleValues": [{"Country": "US", "Subdivision": "CA"}],
    }
    assert meets(rule, {"Country": "US", "Subdivision": "CA"}, granted=True)
    assert not meets(rule, {"Country": "US", "Subdivision": "NY"}, granted=True)
    assert not meets(rule, {"Country": "US"}, granted=True)
    rule["Comparator"] = "NotIn"
    assert meets(rule, {"Country": "DE"}, granted=True)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"Comparator": "Exists", "IntegerValues": [1]}, "takes no values"),
        ({"Comparator": "EqualTo"}, "needs IntegerValues"),
        ({"Comparator": "EqualTo", "IntegerValues": [1, 2]}, "exactly one"),
        ({"Comparator": "In", "IntegerValues": list(range(16))}, "At most 15"),
        ({"Comparator": "EqualTo", "LocaleValues": [{"Country": "US"}]}, "only with the locale"),
        ({"Comparator": "Exists", "ActionsGuarded": "Accept", "RequiredToPreview": True}, "together"),
    ],
)
def test_requirements_that_make_no_sense(more, text):
    assert text in requirement_problem({"QualificationTypeId": "X", **more})
    assert (
        requirement_problem({"QualificationTypeId": "X", "Comparator": "In", "IntegerValues": [1, 2]}) is None
    )
