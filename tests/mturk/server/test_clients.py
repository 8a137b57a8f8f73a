"""What programs written for MTurk take for granted, beyond the model of its API."""

import logging
import re

import httpx
import pytest

from glimpse.errors import GlimpseError
from glimpse.mturk.server.protocol import answer_keys, questions
from glimpse.mturk.server.protocol.errors import RequestError
from glimpse.mturk.server.site import ServerSettings
from tests.mturk.server.test_worker_pages import html_question

SCHEMAS = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/"
LOCALE = "00000000000000000071"
TEST = f"""<QuestionForm xmlns="{SCHEMAS}2017-11-06/QuestionForm.xsd">
  <Question><QuestionIdentifier>q1</QuestionIdentifier><IsRequired>true</IsRequired>
    <QuestionContent><Text>2 + 2?</Text></QuestionContent>
    <AnswerSpecification><SelectionAnswer><StyleSuggestion>dropdown</StyleSuggestion><Selections>
      <Selection><SelectionIdentifier>four</SelectionIdentifier><Text>4</Text></Selection>
      <Selection><SelectionIdentifier>five</SelectionIdentifier><Text>5</Text></Selection>
    </Selections></SelectionAnswer></AnswerSpecification></Question>
  <Question><QuestionIdentifier>q2</QuestionIdentifier>
    <QuestionContent><Text>Why?</Text></QuestionContent>
    <AnswerSpecification><FreeTextAnswer/></AnswerSpecification></Question>
</QuestionForm>"""
KEY = f"""<AnswerKey xmlns="{SCHEMAS}2005-10-01/AnswerKey.xsd">
  <Question><QuestionIdentifier>q1</QuestionIdentifier>
    <AnswerOption><SelectionIdentifier>four</SelectionIdentifier><AnswerScore>10</AnswerScore></AnswerOption>
    <DefaultScore>1</DefaultScore></Question>
  <QualificationValueMapping><PercentageMapping><MaximumSummedScore>10</MaximumSummedScore></PercentageMapping>
  </QualificationValueMapping></AnswerKey>"""


# Lists and answers


def test_every_page_but_an_empty_one_has_a_next_token(server, turk, publish):
    """oTree and Mephisto index NextToken without asking whether it is there."""
    hit = publish(2)
    for name in ("a", "b"):
        worker = server.worker(name)
        worker.submit(worker.take(hit["HITId"]))
    turk.create_worker_block(WorkerId="A1B", Reason="r")
    turk.create_qualification_type(Name="n", Description="d", QualificationTypeStatus="Active")
    calls = {
        "list_hits": {},
        "list_assignments_for_hit": {"HITId": hit["HITId"]},
        "list_worker_blocks": {},
        "list_qualification_types": {"MustBeRequestable": False},
        "list_reviewable_hits": {},
    }
    server.clock.skip(4000)
    for operation, arguments in calls.items():
        page = getattr(turk, operation)(**arguments)
        assert page["NumResults"] > 0, operation
        last = getattr(turk, operation)(**arguments, NextToken=page["NextToken"])
        assert last["NumResults"] == 0, operation
        assert "NextToken" not in last, operation


def test_every_answer_has_a_request_id(turk):
    good = turk.get_account_balance()["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    with pytest.raises(turk.exceptions.RequestError) as raised:
        turk.get_hit(HITId="3NONE")
    bad = raised.value.response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    assert good != bad
    assert all(re.fullmatch(r"[0-9a-f-]{36}", given) for given in (good, bad))


def test_texts_that_programs_look_for(turk):
    """Dallinger tells errors apart by these words."""
    type_id = _type(turk)
    with pytest.raises(turk.exceptions.RequestError, match="does not exist"):
        turk.get_qualification_score(QualificationTypeId=type_id, WorkerId="A1")
    turk.associate_qualification_with_worker(QualificationTypeId=type_id, WorkerId="A1", IntegerValue=1)
    turk.disassociate_qualification_from_worker(QualificationTypeId=type_id, WorkerId="A1")
    with pytest.raises(turk.exceptions.RequestError, match="can be called with a status of: Granted"):
        turk.get_qualification_score(QualificationTypeId=type_id, WorkerId="A1")
    with pytest.raises(
        turk.exceptions.RequestError, match=r"already created a QualificationType with this name\. \("
    ):
        _type(turk)


def _type(turk, **more):
    return turk.create_qualification_type(
        Name="n", Description="d", QualificationTypeStatus="Active", **more
    )["QualificationType"]["QualificationTypeId"]


# Locale, and requirements that nobody meets


def in_country(*places):
    return {
        "QualificationTypeId": LOCALE,
        "Comparator": "In",
        "LocaleValues": [{"Country": place} for place in places],
        "ActionsGuarded": "DiscoverPreviewAndAccept",
    }


def test_workers_are_where_the_server_says(start):
    server = start(worker_locale="US-CA")
    client = server.requester()
    made = [
        client.create_hit(
            Title=place, Description="d", Reward="0.1", AssignmentDurationInSeconds=60, LifetimeInSeconds=60,
            Question=html_question("<p>x</p>"), QualificationRequirements=[in_country(place)],
        )["HIT"]["HITId"]
        for place in ("US", "GB")
    ]  # fmt: skip
    worker = server.worker("w")
    assert worker.take(made[0])
    assert worker.press(f"/worker/hits/{made[1]}/accept").status_code == 403


def test_workers_are_asked_where_they_are_if_a_task_requires_it(server, publish):
    page = server.browser().get("/worker/sign-in").text
    assert 'name="place"' not in page
    hit = publish(3, requirements=[in_country("US", "DE")], RequesterAnnotation="glimpse:s:b1:h1")["HITId"]
    for said, status in (("fr", 403), ("us", 303), ("De", 303), ("US-CA", 303), ("", 403)):
        worker = server.somebody()
        form = worker.http.get("/worker/sign-in")
        assert 'name="place"' in form.text
        fields = {"name": f"from {said}", "place": said, "csrf": worker.csrf(form)}
        assert worker.http.post("/worker/sign-in", data=fields).status_code == 303
        reply = worker.press(f"/worker/hits/{hit}/accept")
        assert reply.status_code == status, said
        if status == 303:
            worker.give_back(reply.headers["location"].rpartition("/")[2])
    refused = server.somebody()
    fields = {"name": "x", "place": "Germany", "csrf": refused.csrf(refused.http.get("/worker/sign-in"))}
    reply = refused.http.post("/worker/sign-in", data=fields)
    assert reply.status_code == 400
    assert "the two letters of your country" in reply.text


def test_who_comes_by_a_link_is_asked_too(server, publish):
    publish(3, requirements=[in_country("US")], RequesterAnnotation="glimpse:s:b1:h1")
    publish(3, RequesterAnnotation="glimpse:open:b1:h1")
    assert 'name="place"' not in server.browser().get("/join/open").text
    for said, status in (("US", 303), ("GB", 409)):
        person = server.somebody()
        page = person.http.get("/join/s?participant=" + said)
        assert 'name="place"' in page.text
        fields = {"place": said, "csrf": person.csrf(page)}
        assert person.http.post("/join/s?participant=" + said, data=fields).status_code == status


def test_where_the_server_says_it_nobody_is_asked(start):
    server = start(worker_locale="GB")
    server.requester().create_hit(
        Title="t", Description="d", Reward="0.1", AssignmentDurationInSeconds=60, LifetimeInSeconds=60,
        Question=html_question("<p>x</p>"), QualificationRequirements=[in_country("US")],
    )  # fmt: skip
    assert 'name="place"' not in server.browser().get("/worker/sign-in").text


def test_a_locale_that_is_none_is_refused(tmp_path):
    with pytest.raises(GlimpseError, match="worker_locale is 'usa'; needed: a country of two"):
        ServerSettings(data=tmp_path, worker_locale="usa")


MASTERS = "2F1QJWKUDD8XADTFD2Q0G6UTO95ALH"


@pytest.mark.parametrize(
    ("requirement", "text"),
    [
        ({"QualificationTypeId": MASTERS, "Comparator": "Exists"}, "requires Masters, which nobody has"),
        (
            {
                "QualificationTypeId": "00000000000000000040",
                "Comparator": "GreaterThan",
                "IntegerValues": [100],
            },
            "Number of approved HITs GreaterThan 100, counted on this server",
        ),
    ],
)
def test_what_nobody_can_do_is_named(server, publish, caplog, requirement, text):
    with caplog.at_level(logging.WARNING, "mturk.server"):
        publish(requirements=[requirement], RequesterAnnotation="glimpse:s:b1:h1")
    assert text in caplog.text
    browser = server.browser()
    browser.get(f"/dashboard/?token={server.site.requester_token}")
    assert text in browser.get("/dashboard/studies/s").text.replace("&#34;", '"')


def test_what_somebody_can_do_is_not_named(publish, caplog, turk):
    with caplog.at_level(logging.WARNING, "mturk.server"):
        publish(requirements=[{"QualificationTypeId": _type(turk), "Comparator": "Exists"}])
        publish(requirements=[{"QualificationTypeId": MASTERS, "Comparator": "DoesNotExist"}])
    assert "Nobody can do it" not in caplog.text


@pytest.mark.parametrize("script", [True, False])
def test_a_page_with_crowd_elements_is_named(publish, caplog, script):
    tag = '<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>' if script else ""
    with caplog.at_level(logging.WARNING, "mturk.server"):
        publish(Question=html_question(f"{tag}<crowd-form></crowd-form>"))
    assert ("must be able to load it" if script else "does not load Amazon's script") in caplog.text


# Layouts, groups


def test_a_layout_from_the_folder(server, turk, publish, refusal):
    folder = server.site.settings.data / "layouts"
    folder.mkdir()
    (folder / "MYPAGE.html").write_text("<p>${one} and ${two}</p>", encoding="utf-8")
    common = {"HITTypeId": publish()["HITTypeId"], "LifetimeInSeconds": 60}
    given = [{"Name": "one", "Value": "1 ]]> é"}, {"Name": "two", "Value": "${one}"}]
    made = turk.create_hit_with_hit_type(**common, HITLayoutId="MYPAGE", HITLayoutParameters=given)["HIT"]
    assert questions.parse(made["Question"]).html == "<p>1 ]]> é and ${one}</p>"
    layout = {**common, "HITLayoutId": "MYPAGE"}
    name = "create_hit_with_hit_type"
    assert refusal(name, **layout, HITLayoutParameters=given[:1]) == "InvalidHITLayoutParameter"
    assert refusal(name, **layout, Question=html_question("x")) == "InvalidParameterValue"
    assert refusal(name, **{**layout, "HITLayoutId": "NONE"}) == "HITLayoutDoesNotExist"
    assert refusal(name, **common, HITLayoutParameters=given) == "InvalidParameterValue"


@pytest.mark.parametrize("address", ["/mturk/preview?groupId={}", "/projects/{}/tasks"])
def test_the_link_to_a_group(server, publish, address):
    hit = publish()
    address = address.format(hit["HITGroupId"])
    worker = server.worker("w")
    assert worker.http.get(address).headers["location"] == f"/worker/hits/{hit['HITId']}"
    assert worker.http.get(address.replace(hit["HITGroupId"], "3NONE")).status_code == 409
    stranger = server.somebody()
    sign_in = stranger.http.get(address).headers["location"]
    form = stranger.http.get(sign_in)
    data = {"name": "new", "csrf": stranger.csrf(form), "groupId": hit["HITGroupId"]}
    assert f'value="{hit["HITGroupId"]}"' in form.text
    after = stranger.http.post("/worker/sign-in", data=data).headers["location"]
    assert stranger.http.get(after).headers["location"] == f"/worker/hits/{hit['HITId']}"


# Tests of qualifications


def take(server, worker, type_id, **answers):
    page = worker.http.get(f"/worker/qualifications/{type_id}/test")
    assert page.status_code == 200, page.text
    frame = re.search(r'src="(/qualify/[^"]+)"', page.text)[1]
    form = httpx.get(server.url + frame)
    action = re.search(r'action="([^"]+)"', form.text)[1]
    assert "2 + 2?" in form.text
    return httpx.post(action, data=answers, headers={"Origin": "null"})


def test_a_test_with_an_answer_key(server, turk, refusal):
    type_id = _type(turk, Test=TEST, AnswerKey=KEY, TestDurationInSeconds=60)
    shown = turk.get_qualification_type(QualificationTypeId=type_id)["QualificationType"]
    assert (shown["Test"], shown["AnswerKey"], shown["TestDurationInSeconds"]) == (TEST, KEY, 60)
    for name, answer, value in (("right", "four", 100), ("wrong", "five", 10), ("made up", "six", 10)):
        worker = server.worker(name)
        assert "Take the test" in worker.http.get("/worker/qualifications").text
        assert worker.press(f"/worker/qualifications/{type_id}/request").status_code == 400
        assert take(server, worker, type_id, q1=answer, q2="so").status_code == 200
        score = turk.get_qualification_score(QualificationTypeId=type_id, WorkerId=worker.id)["Qualification"]
        assert score["IntegerValue"] == value
        assert worker.http.get(f"/worker/qualifications/{type_id}/test").status_code == 400


def test_a_test_that_the_requester_reads(server, turk):
    type_id = _type(turk, Test=TEST, TestDurationInSeconds=60, RetryDelayInSeconds=100)
    worker = server.worker("w")
    take(server, worker, type_id, q1="four", q2="because")
    asked = turk.list_qualification_requests(QualificationTypeId=type_id)["QualificationRequests"][0]
    assert asked["Test"] == TEST
    assert "<SelectionIdentifier>four</SelectionIdentifier>" in asked["Answer"]
    assert "<FreeText>because</FreeText>" in asked["Answer"]
    turk.reject_qualification_request(QualificationRequestId=asked["QualificationRequestId"])
    server.clock.skip(101)
    assert take(server, worker, type_id, q1="four").status_code == 200


def test_a_test_ends(server, turk):
    type_id = _type(turk, Test=TEST, AnswerKey=KEY, TestDurationInSeconds=60)
    worker = server.worker("w")
    begun = server.clock()
    server.clock.stop_at(begun)
    page = worker.http.get(f"/worker/qualifications/{type_id}/test")
    token = re.search(r"/qualify/([^/]+)/", page.text)[1]
    server.clock.stop_at(begun + 50)
    assert "10 s" in worker.http.get(f"/worker/qualifications/{type_id}/test").text
    server.clock.stop_at(begun + 110)
    late = httpx.post(f"{server.url}/qualify/{token}/mturk/externalSubmit", data={"q1": "four"})
    assert "The time for this test is over." in late.text
    assert turk.list_workers_with_qualification_type(QualificationTypeId=type_id)["NumResults"] == 0
    forged = httpx.post(f"{server.url}/qualify/forged/mturk/externalSubmit", data={"q1": "four"})
    assert forged.status_code == 403


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"Test": TEST}, "needs Test, a QuestionForm, and TestDurationInSeconds"),
        ({"TestDurationInSeconds": 5}, "needs Test, a QuestionForm"),
        ({"Test": html_question("x"), "TestDurationInSeconds": 5}, "Test is not a QuestionForm"),
        ({"Test": TEST, "TestDurationInSeconds": 5, "AnswerKey": "<a"}, "The AnswerKey cannot be used"),
        ({"Test": TEST, "TestDurationInSeconds": 5, "AutoGranted": True}, "cannot be AutoGranted"),
    ],
)
def test_tests_that_cannot_be(turk, given, text):
    with pytest.raises(turk.exceptions.RequestError, match=text):
        _type(turk, **given)
    assert turk.list_qualification_types(MustBeRequestable=False)["NumResults"] == 0


def key(mapping):
    options = "".join(
        f"<Question><QuestionIdentifier>{name}</QuestionIdentifier><AnswerOption>"
        f"<SelectionIdentifier>{name}</SelectionIdentifier><AnswerScore>{score}</AnswerScore></AnswerOption>"
        "</Question>"
        for name, score in (("a", 3), ("b", 4))
    )
    return f"<AnswerKey>{options}<QualificationValueMapping>{mapping}</QualificationValueMapping></AnswerKey>"


RANGES = (
    "<RangeMapping><SummedScoreRange><InclusiveLowerBound>3</InclusiveLowerBound>"
    "<InclusiveUpperBound>6</InclusiveUpperBound><QualificationValue>9</QualificationValue></SummedScoreRange>"
    "<OutOfRangeQualificationValue>-1</OutOfRangeQualificationValue></RangeMapping>"
)


@pytest.mark.parametrize(
    ("mapping", "values"),
    [
        ("", [0, 3, 7]),
        ("<ScaleMapping><SummedScoreMultiplier>2.5</SummedScoreMultiplier></ScaleMapping>", [0, 8, 18]),
        ("<PercentageMapping><MaximumSummedScore>7</MaximumSummedScore></PercentageMapping>", [0, 43, 100]),
        (RANGES, [-1, 9, -1]),
    ],
)
def test_what_answers_are_worth(mapping, values):
    answer_key = answer_keys.parse(key(mapping))
    chosen = [{}, {"a": frozenset("a")}, {"a": frozenset("a"), "b": frozenset("b")}]
    assert [answer_key.score(one) for one in chosen] == values


@pytest.mark.parametrize(
    "xml",
    ["", "<Other/>", "<AnswerKey/>", key("<Odd/>"), key("<PercentageMapping/>"), key("<ScaleMapping/>"),
     key("<PercentageMapping><MaximumSummedScore>0</MaximumSummedScore></PercentageMapping>")],
)  # fmt: skip
def test_answer_keys_that_cannot_be(xml):
    with pytest.raises(RequestError, match="The AnswerKey cannot be used"):
        answer_keys.parse(xml)
