"""A study's whole life, by a boto3 program that uses nothing but MTurk's public calls."""

import pytest


def test_a_whole_study(server, turk, question):
    once = turk.create_qualification_type(
        Name="did batch b1",
        Description="Took part.",
        Keywords="glimpse-once",
        QualificationTypeStatus="Active",
    )["QualificationType"]["QualificationTypeId"]
    hit_type = turk.create_hit_type(
        AssignmentDurationInSeconds=1800,
        AutoApprovalDelayInSeconds=604_800,
        Reward="2",
        Title="Which image is more realistic?",
        Description="Look at pairs of images.",
        QualificationRequirements=[
            {
                "QualificationTypeId": once,
                "Comparator": "DoesNotExist",
                "ActionsGuarded": "DiscoverPreviewAndAccept",
            }
        ],
    )["HITTypeId"]
    hits = [
        turk.create_hit_with_hit_type(
            HITTypeId=hit_type,
            MaxAssignments=3,
            LifetimeInSeconds=7200,
            Question=question,
            RequesterAnnotation=f"glimpse:abc:b1:b1-h{number:02}",
            UniqueRequestToken=f"token-{number}",
        )["HIT"]
        for number in range(1, 3)
    ]
    with pytest.raises(turk.exceptions.RequestError, match=hits[0]["HITId"]) as again:
        turk.create_hit_with_hit_type(
            HITTypeId=hit_type, LifetimeInSeconds=7200, Question=question, UniqueRequestToken="token-1"
        )
    assert again.value.response["TurkErrorCode"] == "AWS.MechanicalTurk.HitAlreadyExists"

    people = [server.worker(f"person {number}") for number in range(6)]
    for person in people:
        assignment = person.accept("/worker/studies/abc/accept")
        assert person.submit(assignment, answers=f"by {person.id}").status_code == 200
    assert people[0].press("/worker/studies/abc/accept").status_code == 409

    reviewable = turk.get_paginator("list_reviewable_hits").paginate(HITTypeId=hit_type)
    assert {hit["HITId"] for page in reviewable for hit in page["HITs"]} == {hit["HITId"] for hit in hits}
    answered = {}
    for hit in hits:
        pages = turk.get_paginator("list_assignments_for_hit").paginate(
            HITId=hit["HITId"], PaginationConfig={"PageSize": 2}
        )
        for page in pages:
            for assignment in page["Assignments"]:
                answered[assignment["WorkerId"]] = assignment
    assert set(answered) == {person.id for person in people}
    assert all(f"by {worker}" in assignment["Answer"] for worker, assignment in answered.items())

    first, second, *others = answered.values()
    turk.reject_assignment(AssignmentId=first["AssignmentId"], RequesterFeedback="Empty.")
    turk.approve_assignment(
        AssignmentId=first["AssignmentId"], RequesterFeedback="Sorry, it was fine.", OverrideRejection=True
    )
    for assignment in (second, *others):
        turk.approve_assignment(AssignmentId=assignment["AssignmentId"])
    turk.send_bonus(
        WorkerId=second["WorkerId"], AssignmentId=second["AssignmentId"], BonusAmount="0.5", Reason="Thanks.",
        UniqueRequestToken="bonus-1",
    )  # fmt: skip
    with pytest.raises(turk.exceptions.RequestError, match="already used"):
        turk.send_bonus(
            WorkerId=second["WorkerId"], AssignmentId=second["AssignmentId"], BonusAmount="0.5",
            Reason="Thanks.", UniqueRequestToken="bonus-1",
        )  # fmt: skip
    with pytest.raises(turk.exceptions.RequestError, match="status of: Submitted"):
        turk.approve_assignment(AssignmentId=second["AssignmentId"])
    paid = turk.list_bonus_payments(AssignmentId=second["AssignmentId"])["BonusPayments"]
    assert [payment["BonusAmount"] for payment in paid] == ["0.50"]
    for hit in hits:
        counted = turk.get_hit(HITId=hit["HITId"])["HIT"]
        assert (counted["NumberOfAssignmentsCompleted"], counted["NumberOfAssignmentsAvailable"]) == (3, 0)
        turk.delete_hit(HITId=hit["HITId"])
    assert turk.list_hits()["NumResults"] == 0
    assert turk.get_hit(HITId=hits[0]["HITId"])["HIT"]["HITStatus"] == "Disposed"
