"""Qualifications and workers through the API: types, scores, requests, blocks, messages."""

import pytest

from glimpse.mturk.server.protocol import lifecycle

OTHER_ID = "3" + "A" * 29
RULE = {"QualificationTypeId": "X", "Comparator": "Exists"}


def _type(turk, name="q", **more):
    return turk.create_qualification_type(
        Name=name, Description="d", QualificationTypeStatus="Active", **more
    )["QualificationType"]["QualificationTypeId"]


def test_qualification_types(turk, refusal):
    type_id = _type(turk, "colour vision", Keywords="eyes", RetryDelayInSeconds=60)
    _type(turk, "other")
    assert refusal(
        "create_qualification_type", Name="other", Description="d", QualificationTypeStatus="Active"
    ) == "QualificationTypeAlreadyExists"  # fmt: skip
    found = turk.get_qualification_type(QualificationTypeId=type_id)["QualificationType"]
    assert (found["Name"], found["Keywords"], found["IsRequestable"]) == ("colour vision", "eyes", True)
    listed = turk.list_qualification_types(Query="EYES", MustBeRequestable=False)["QualificationTypes"]
    assert [row["QualificationTypeId"] for row in listed] == [type_id]
    changed = turk.update_qualification_type(
        QualificationTypeId=type_id, QualificationTypeStatus="Inactive", AutoGranted=True, AutoGrantedValue=7
    )["QualificationType"]
    assert (changed["QualificationTypeStatus"], changed["AutoGrantedValue"]) == ("Inactive", 7)
    assert turk.list_qualification_types(MustBeRequestable=True)["NumResults"] == 1
    turk.delete_qualification_type(QualificationTypeId=type_id)
    assert refusal("get_qualification_type", QualificationTypeId=type_id) == "QualificationTypeDoesNotExist"
    _type(turk, "colour vision")


def test_qualifications_are_given_and_taken(turk, refusal):
    type_id = _type(turk)
    turk.associate_qualification_with_worker(QualificationTypeId=type_id, WorkerId="A1", IntegerValue=42)
    score = turk.get_qualification_score(QualificationTypeId=type_id, WorkerId="A1")["Qualification"]
    assert (score["IntegerValue"], score["Status"]) == (42, "Granted")
    who = {"QualificationTypeId": type_id, "WorkerId": "A2"}
    assert refusal("get_qualification_score", **who) == "QualificationDoesNotExist"
    assert refusal("disassociate_qualification_from_worker", **who) == "QualificationDoesNotExist"
    assert turk.list_workers_with_qualification_type(QualificationTypeId=type_id)["NumResults"] == 1
    turk.disassociate_qualification_from_worker(QualificationTypeId=type_id, WorkerId="A1", Reason="r")
    assert turk.list_workers_with_qualification_type(QualificationTypeId=type_id)["NumResults"] == 0
    revoked = turk.list_workers_with_qualification_type(QualificationTypeId=type_id, Status="Revoked")
    assert revoked["Qualifications"][0]["WorkerId"] == "A1"


def test_workers_ask_for_qualifications(server, turk, refusal):
    by_hand, at_once = _type(turk, "by hand"), _type(turk, "at once", AutoGranted=True, AutoGrantedValue=5)
    worker = server.worker("w")
    for type_id in (by_hand, at_once, by_hand):
        assert worker.press(f"/worker/qualifications/{type_id}/request").status_code == 303
    who = {"QualificationTypeId": at_once, "WorkerId": worker.id}
    assert turk.get_qualification_score(**who)["Qualification"]["IntegerValue"] == 5
    asked = turk.list_qualification_requests(QualificationTypeId=by_hand)["QualificationRequests"]
    assert [row["WorkerId"] for row in asked] == [worker.id]
    request_id = asked[0]["QualificationRequestId"]
    turk.accept_qualification_request(QualificationRequestId=request_id, IntegerValue=3)
    assert "You have it: 3" in worker.http.get("/worker/qualifications").text
    assert (
        refusal("accept_qualification_request", QualificationRequestId=request_id)
        == "InvalidQualificationState"
    )
    other = server.worker("other")
    other.press(f"/worker/qualifications/{by_hand}/request")
    request_id = turk.list_qualification_requests()["QualificationRequests"][0]["QualificationRequestId"]
    turk.reject_qualification_request(QualificationRequestId=request_id, Reason="r")
    assert turk.list_qualification_requests()["NumResults"] == 0
    assert other.press(f"/worker/qualifications/{by_hand}/request").status_code == 400


@pytest.mark.parametrize("guard", ["Accept", "PreviewAndAccept", "DiscoverPreviewAndAccept"])
def test_what_a_qualification_guards(server, turk, publish, guard):
    type_id = _type(turk)
    rule = {
        "QualificationTypeId": type_id,
        "Comparator": "GreaterThan",
        "IntegerValues": [5],
        "ActionsGuarded": guard,
    }
    hit_id = publish(requirements=[rule], title="Guarded")["HITId"]
    worker = server.worker("w")

    def possible():
        listed = "Guarded" in worker.http.get("/worker/").text
        preview = worker.http.get(f"/worker/hits/{hit_id}").status_code
        page = worker.http.get(f"/worker/hits/{hit_id}/page").status_code
        assert preview == page
        return listed, preview == 200, worker.press(f"/worker/hits/{hit_id}/accept").status_code == 303

    listed, previewed = guard != "DiscoverPreviewAndAccept", guard == "Accept"
    assert possible() == (listed, previewed, False)
    turk.associate_qualification_with_worker(QualificationTypeId=type_id, WorkerId=worker.id, IntegerValue=5)
    assert possible() == (listed, previewed, False)
    turk.associate_qualification_with_worker(QualificationTypeId=type_id, WorkerId=worker.id, IntegerValue=6)
    assert possible() == (True, True, True)
    found = turk.list_hits_for_qualification_type(QualificationTypeId=type_id)["HITs"]
    assert [hit["HITId"] for hit in found] == [hit_id]


def test_system_qualifications(server, turk, publish):
    rate = {
        "QualificationTypeId": lifecycle.APPROVAL_RATE,
        "Comparator": "GreaterThanOrEqualTo",
        "IntegerValues": [90],
    }
    count = {"QualificationTypeId": lifecycle.APPROVED_COUNT, "Comparator": "EqualTo", "IntegerValues": [1]}
    place = {"QualificationTypeId": lifecycle.LOCALE, "Comparator": "In", "LocaleValues": [{"Country": "US"}]}
    first, second, third, fourth = (
        publish(requirements=rules)["HITId"] for rules in ([rate], [count], [rate, count], [place])
    )
    worker = server.worker("w")
    accept = lambda hit_id: worker.press(f"/worker/hits/{hit_id}/accept").status_code  # noqa: E731
    assert [accept(hit) for hit in (second, third, fourth)] == [403, 403, 403]
    assignment = worker.take(first)
    worker.submit(assignment)
    turk.approve_assignment(AssignmentId=assignment)
    assignment = worker.take(second)
    worker.submit(assignment)
    assert accept(third) == 303
    turk.reject_assignment(AssignmentId=assignment, RequesterFeedback="no")
    assert accept(publish(requirements=[rate], title="another")["HITId"]) == 403


# Workers


def test_blocks(server, turk, publish):
    hit_id = publish(2, title="Blocked?")["HITId"]
    worker = server.worker("w")
    turk.create_worker_block(WorkerId=worker.id, Reason="first")
    turk.create_worker_block(WorkerId=worker.id, Reason="spam")
    assert turk.list_worker_blocks()["WorkerBlocks"] == [{"WorkerId": worker.id, "Reason": "spam"}]
    assert "Blocked?" not in worker.http.get("/worker/").text
    assert worker.press(f"/worker/hits/{hit_id}/accept").status_code == 403
    turk.delete_worker_block(WorkerId=worker.id)
    turk.delete_worker_block(WorkerId=worker.id)
    worker.take(hit_id)


def test_notify_workers(server, turk, publish, refusal):
    worker = server.worker("w")
    assignment = worker.take(publish()["HITId"])
    worker.submit(assignment)
    message = {"Subject": "Hello", "MessageText": "Thank <you>", "WorkerIds": [worker.id]}
    failed = turk.notify_workers(**message)["NotifyWorkersFailureStatuses"]
    assert failed[0]["NotifyWorkersFailureCode"] == "HardFailure"
    turk.approve_assignment(AssignmentId=assignment)
    assert turk.notify_workers(**message)["NotifyWorkersFailureStatuses"] == []
    assert "Thank &lt;you&gt;" in worker.http.get("/worker/history").text
    assert refusal("notify_workers", **{**message, "WorkerIds": [f"A{n}" for n in range(101)]})


def test_notification_settings_are_kept(turk, publish, refusal):
    hit_type = publish()["HITTypeId"]
    wish = {
        "Destination": "arn",
        "Transport": "SNS",
        "Version": "2006-05-05",
        "EventTypes": ["HITReviewable"],
    }
    turk.update_notification_settings(HITTypeId=hit_type, Notification=wish, Active=True)
    turk.send_test_event_notification(Notification=wish, TestEventType="Ping")
    assert refusal("update_notification_settings", HITTypeId=OTHER_ID, Active=False) == "HITTypeDoesNotExist"
    assert refusal("update_notification_settings", HITTypeId=hit_type) == "InvalidParameterValue"
    assert refusal(
        "send_test_event_notification", Notification={**wish, "Transport": "Fax"}, TestEventType="Ping"
    )
