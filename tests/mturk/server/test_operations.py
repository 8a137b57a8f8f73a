"""Every operation through boto3: what it does, and what it refuses."""

import pytest

from glimpse.mturk.server.operations.table import NOT_SUPPORTED, OPERATIONS
from glimpse.mturk.server.protocol.wire import model

OTHER_ID = "3" + "A" * 29
RULE = {"QualificationTypeId": "X", "Comparator": "Exists"}


def test_every_operation_of_the_model_is_done_or_refused_with_a_reason():
    assert set(OPERATIONS) | set(NOT_SUPPORTED) == set(model().operation_names)
    assert not set(OPERATIONS) & set(NOT_SUPPORTED)


def test_not_supported_is_said(refusal, turk, publish, question):
    hit = publish()
    assert refusal("list_review_policy_results_for_hit", HITId=hit["HITId"]) == "NotSupported"
    assert refusal("get_file_upload_url", AssignmentId=OTHER_ID, QuestionIdentifier="q") == "NotSupported"
    common = {"HITTypeId": hit["HITTypeId"], "LifetimeInSeconds": 60}
    policy = {"PolicyName": "SimplePlurality/2011-09-01"}
    for name in ("HITReviewPolicy", "AssignmentReviewPolicy"):
        assert (
            refusal("create_hit_with_hit_type", **common, Question=question, **{name: policy})
            == "NotSupported"
        )


def test_balance_is_the_sandboxs(turk):
    assert turk.get_account_balance()["AvailableBalance"] == "10000.00"


# HITs


def test_create_hit_returns_what_was_asked(turk, question):
    hit = turk.create_hit(
        Title="T", Description="D", Keywords="k, l", Reward="1.5", Question=question, MaxAssignments=3,
        LifetimeInSeconds=60, AssignmentDurationInSeconds=30, RequesterAnnotation="note",
    )["HIT"]  # fmt: skip
    assert turk.get_hit(HITId=hit["HITId"])["HIT"] == hit
    assert (hit["Title"], hit["Keywords"], hit["Reward"], hit["RequesterAnnotation"]) == (
        "T",
        "k, l",
        "1.50",
        "note",
    )
    assert (hit["HITStatus"], hit["HITReviewStatus"], hit["MaxAssignments"]) == (
        "Assignable",
        "NotReviewed",
        3,
    )
    assert hit["AutoApprovalDelayInSeconds"] == 30 * 86_400
    assert hit["Question"] == question
    assert (hit["Expiration"] - hit["CreationTime"]).total_seconds() == pytest.approx(60, abs=0.01)


def test_same_properties_are_the_same_hit_type(turk):
    common = {"Title": "T", "Description": "D", "Reward": "1", "AssignmentDurationInSeconds": 60}
    first = turk.create_hit_type(**common)["HITTypeId"]
    assert turk.create_hit_type(**{**common, "Reward": "1.00"})["HITTypeId"] == first
    assert turk.create_hit_type(**{**common, "Reward": "1.01"})["HITTypeId"] != first


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"MaxAssignments": 0}, "MaxAssignments is 0; allowed: 1 to"),
        ({"LifetimeInSeconds": 29}, "LifetimeInSeconds is 29; allowed: 30 to 31536000"),
        ({"AssignmentDurationInSeconds": 5}, "AssignmentDurationInSeconds is 5; allowed: 30"),
        ({"AutoApprovalDelayInSeconds": 2592001}, "allowed: 0 to 2592000"),
        ({"Reward": "1.005"}, "does not match"),
        ({"Reward": "-1"}, "does not match"),
        ({"Reward": "12345678"}, "too large"),
        ({"Title": "x" * 129}, "Title has 129 characters; allowed: 128"),
        ({"Title": "  "}, "Title is empty"),
        ({"RequesterAnnotation": "x" * 256}, "RequesterAnnotation has 256"),
        ({"UniqueRequestToken": "x" * 65}, "UniqueRequestToken has 65 characters; allowed: 1 to 64"),
        ({"Question": "<a/>"}, "allowed: HTMLQuestion"),
        ({"QualificationRequirements": [RULE] * 11}, "at most 10"),
        ({"QualificationRequirements": [RULE]}, "does not exist"),
        ({"QualificationRequirements": [RULE | {"Comparator": "Is"}]}, "allowed: LessThan"),
    ],
)  # fmt: skip
def test_create_hit_refuses(turk, question, change, text):
    good = {
        "Title": "T", "Description": "D", "Reward": "1", "Question": question, "LifetimeInSeconds": 60,
        "AssignmentDurationInSeconds": 30,
    }  # fmt: skip
    with pytest.raises(turk.exceptions.RequestError, match=text):
        turk.create_hit(**(good | change))
    assert turk.list_hits()["NumResults"] == 0


def test_a_token_lasts_a_day(server, turk, publish):
    first = publish(UniqueRequestToken="t", lifetime=86_400 * 3)
    with pytest.raises(turk.exceptions.RequestError, match=f'"{first["HITId"]}" already exists'):
        publish(UniqueRequestToken="t")
    server.clock.skip(86_401)
    assert publish(UniqueRequestToken="t")["HITId"] != first["HITId"]


def test_a_refused_call_does_not_use_its_token_up(turk, publish, question):
    hit_type = publish()["HITTypeId"]
    call = {"HITTypeId": hit_type, "LifetimeInSeconds": 60, "UniqueRequestToken": "t"}
    with pytest.raises(turk.exceptions.RequestError, match="Question"):
        turk.create_hit_with_hit_type(**call, Question="<a")
    turk.create_hit_with_hit_type(**call, Question=question)


def test_list_hits_pages_newest_first(turk, publish):
    made = [publish()["HITId"] for _ in range(5)]
    pages = list(turk.get_paginator("list_hits").paginate(PaginationConfig={"PageSize": 2}))
    assert [hit["HITId"] for page in pages for hit in page["HITs"]] == made[::-1]
    assert [page["NumResults"] for page in pages] == [2, 2, 1, 0]
    assert "NextToken" not in pages[-1]


def test_a_page_token_is_checked(refusal, turk, publish):
    for _ in range(2):
        publish()
    token = turk.list_hits(MaxResults=1)["NextToken"]
    assert refusal("list_worker_blocks", NextToken=token) == "InvalidPaginationToken"
    assert refusal("list_hits", NextToken="?") == "InvalidPaginationToken"
    assert refusal("list_hits", MaxResults=101) == "InvalidParameterValue"
    assert refusal("list_hits", NextToken="W1tbW1tb") == "InvalidPaginationToken"


def test_what_is_submitted_while_paging_is_neither_lost_nor_repeated(server, turk, publish):
    hit = publish(4)
    early, late = server.worker("early"), server.worker("late")
    unfinished = early.take(hit["HITId"])
    for name in ("a", "b"):
        worker = server.worker(name)
        worker.submit(worker.take(hit["HITId"]))
    page = turk.list_assignments_for_hit(HITId=hit["HITId"], MaxResults=1)
    early.submit(unfinished)
    late.submit(late.take(hit["HITId"]))
    seen = page["Assignments"]
    while "NextToken" in page:
        page = turk.list_assignments_for_hit(HITId=hit["HITId"], MaxResults=1, NextToken=page["NextToken"])
        seen += page["Assignments"]
    assert len({row["AssignmentId"] for row in seen}) == len(seen) == 4


def test_review_status_goes_and_comes_back(server, turk, publish, refusal):
    hit_id = publish()["HITId"]
    assert refusal("update_hit_review_status", HITId=hit_id) == "InvalidHITState"
    server.clock.skip(4000)
    turk.update_hit_review_status(HITId=hit_id)
    assert turk.get_hit(HITId=hit_id)["HIT"]["HITStatus"] == "Reviewing"
    assert turk.list_reviewable_hits()["HITs"] == []
    assert [hit["HITId"] for hit in turk.list_reviewable_hits(Status="Reviewing")["HITs"]] == [hit_id]
    turk.update_hit_review_status(HITId=hit_id, Revert=True)
    assert turk.get_hit(HITId=hit_id)["HIT"]["HITStatus"] == "Reviewable"
    assert refusal("update_hit_review_status", HITId=hit_id, Revert=True) == "InvalidHITState"


def test_more_assignments(turk, publish, refusal):
    few, many = publish(9)["HITId"], publish(10)["HITId"]
    add = turk.create_additional_assignments_for_hit
    more = "create_additional_assignments_for_hit"
    assert refusal(more, HITId=few, NumberOfAdditionalAssignments=1) == "InvalidMaximumAssignmentsIncrease"
    add(HITId=many, NumberOfAdditionalAssignments=5, UniqueRequestToken="t")
    assert (
        refusal(more, HITId=many, NumberOfAdditionalAssignments=5, UniqueRequestToken="t")
        == "DuplicateRequest"
    )
    assert turk.get_hit(HITId=many)["HIT"]["MaxAssignments"] == 15
    assert refusal(more, HITId=many, NumberOfAdditionalAssignments=0) == "InvalidParameterValue"


def test_a_hit_older_than_a_year_takes_no_more(server, turk, publish, refusal):
    hit_id = publish(10, lifetime=31_536_000)["HITId"]
    server.clock.skip(366 * 86_400)
    code = refusal("create_additional_assignments_for_hit", HITId=hit_id, NumberOfAdditionalAssignments=1)
    assert code == "HITTooOldForExtension"


def test_update_hit_type(turk, publish):
    one, other = publish(), publish(reward="3")
    turk.update_hit_type_of_hit(HITId=one["HITId"], HITTypeId=other["HITTypeId"])
    assert turk.get_hit(HITId=one["HITId"])["HIT"]["Reward"] == "3.00"
    assert turk.get_hit(HITId=one["HITId"])["HIT"]["HITGroupId"] == other["HITGroupId"]


def test_unknown_ids(refusal):
    assert refusal("get_hit", HITId=OTHER_ID) == "HITDoesNotExist"
    assert refusal("list_assignments_for_hit", HITId=OTHER_ID) == "HITDoesNotExist"
    assert refusal("get_assignment", AssignmentId=OTHER_ID) == "AssignmentDoesNotExist"
    assert refusal("get_qualification_type", QualificationTypeId=OTHER_ID) == "QualificationTypeDoesNotExist"
    assert (
        refusal("accept_qualification_request", QualificationRequestId="x")
        == "QualificationRequestDoesNotExist"
    )
    assert refusal("update_hit_type_of_hit", HITId=OTHER_ID, HITTypeId=OTHER_ID) == "HITDoesNotExist"
    assert refusal("get_hit", HITId="no-such-form") == "InvalidParameterValue"


def test_deleting_needs_every_decision(server, turk, publish, refusal):
    hit_id = publish()["HITId"]
    assert refusal("delete_hit", HITId=hit_id) == "InvalidHITState"
    worker = server.worker("w")
    assignment = worker.take(hit_id)
    worker.submit(assignment)
    assert refusal("delete_hit", HITId=hit_id) == "InvalidHITState"
    turk.reject_assignment(AssignmentId=assignment, RequesterFeedback="no")
    turk.delete_hit(HITId=hit_id)
    assert refusal("delete_hit", HITId=hit_id) == "InvalidHITState"
    assert turk.list_assignments_for_hit(HITId=hit_id)["NumResults"] == 1
    override = {"AssignmentId": assignment, "OverrideRejection": True}
    assert refusal("approve_assignment", **override) == "InvalidHITState"
    assert refusal("update_expiration_for_hit", HITId=hit_id, ExpireAt=0) == "InvalidHITState"
