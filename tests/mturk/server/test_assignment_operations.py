"""Assignments through the API: listed, decided, paid a bonus."""

OTHER_ID = "3" + "A" * 29
RULE = {"QualificationTypeId": "X", "Comparator": "Exists"}


def test_an_accepted_assignment_is_not_there_for_the_api(server, turk, publish, refusal):
    hit_id = publish()["HITId"]
    worker = server.worker("w")
    assignment = worker.take(hit_id)
    assert refusal("get_assignment", AssignmentId=assignment) == "AssignmentDoesNotExist"
    assert refusal("approve_assignment", AssignmentId=assignment) == "InvalidAssignmentState"
    assert turk.list_assignments_for_hit(HITId=hit_id)["Assignments"] == []
    worker.submit(assignment)
    found = turk.get_assignment(AssignmentId=assignment)
    assert found["HIT"]["HITId"] == found["Assignment"]["HITId"] == hit_id
    assert (
        found["Assignment"]["AcceptTime"]
        <= found["Assignment"]["SubmitTime"]
        < found["Assignment"]["Deadline"]
    )


def test_statuses_can_be_asked_for(server, turk, publish):
    hit_id = publish(3)["HITId"]
    ids = []
    for name in "abc":
        worker = server.worker(name)
        ids.append(worker.take(hit_id))
        worker.submit(ids[-1])
    turk.approve_assignment(AssignmentId=ids[0], RequesterFeedback="Good.")
    turk.reject_assignment(AssignmentId=ids[1], RequesterFeedback="Empty.")

    def listed(*statuses):
        rows = turk.list_assignments_for_hit(HITId=hit_id, AssignmentStatuses=list(statuses))["Assignments"]
        return [row["AssignmentId"] for row in rows]

    assert listed("Submitted") == ids[2:]
    assert listed("Approved", "Rejected") == ids[:2]
    assert turk.get_assignment(AssignmentId=ids[1])["Assignment"]["RequesterFeedback"] == "Empty."


def test_a_rejection_needs_no_words(server, turk, publish):
    """psiTurk gives none."""
    worker = server.worker("a")
    assignment = worker.take(publish()["HITId"])
    worker.submit(assignment)
    turk.reject_assignment(AssignmentId=assignment, RequesterFeedback="")
    found = turk.get_assignment(AssignmentId=assignment)["Assignment"]
    assert (found["AssignmentStatus"], found["RequesterFeedback"]) == ("Rejected", "")
    assert "Rejected" in worker.http.get("/worker/history").text


def test_a_rejection_can_be_overridden_for_thirty_days(server, turk, publish, refusal):
    hit_id = publish(2)["HITId"]
    for name, days in (("a", 29), ("b", 2)):
        worker = server.worker(name)
        assignment = worker.take(hit_id)
        worker.submit(assignment)
        turk.reject_assignment(AssignmentId=assignment, RequesterFeedback="no")
        assert refusal("approve_assignment", AssignmentId=assignment) == "InvalidAssignmentState"
        if name == "a":
            server.clock.skip(days * 86_400)
            turk.approve_assignment(AssignmentId=assignment, OverrideRejection=True)
            turk.update_expiration_for_hit(HITId=hit_id, ExpireAt=server.clock() + 86_400)
    server.clock.skip(31 * 86_400)
    code = refusal("approve_assignment", AssignmentId=assignment, OverrideRejection=True)
    assert code == "InvalidAssignmentState"


def test_a_bonus_is_for_the_worker_who_submitted(server, turk, publish, refusal):
    hit_id = publish()["HITId"]
    worker = server.worker("w")
    assignment = worker.take(hit_id)
    worker.submit(assignment)
    bonus = {"AssignmentId": assignment, "Reason": "r"}
    assert refusal("send_bonus", **bonus, WorkerId="AOTHER", BonusAmount="1") == "InvalidBonusRecipient"
    assert refusal("send_bonus", **bonus, WorkerId=worker.id, BonusAmount="0") == "InvalidParameterValue"
    turk.send_bonus(**bonus, WorkerId=worker.id, BonusAmount="1")
    assert turk.list_bonus_payments(HITId=hit_id)["BonusPayments"][0]["BonusAmount"] == "1.00"
    assert refusal("list_bonus_payments") == "InvalidParameterValue"
    assert "$1.00" in worker.http.get("/worker/history").text
