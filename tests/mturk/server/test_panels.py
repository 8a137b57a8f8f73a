"""Participants who come by a link: the next HIT, one a batch, and the way back."""

import re

import pytest

from mturk.server.errors import RequestError
from mturk.server.panels import StudySettings, identify

PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148"}


@pytest.fixture
def study(publish):
    """Two batches of two HITs with two places each; returns hit id -> name."""
    return {
        publish(2, RequesterAnnotation=f"glimpse:s:{batch}:{batch}-h{number}")["HITId"]: f"{batch}-h{number}"
        for batch in ("b1", "b2")
        for number in (1, 2)
    }


def somebody(server):
    worker = type("Somebody", (), {})()
    del worker
    from_class = type(server.worker("helper"))
    return from_class(server.browser())


def assignment_of(reply):
    assert reply.status_code == 303, reply.text
    return reply.headers["location"].rpartition("/")[2]


def state(person, reply):
    return person.http.get(f"/worker/assignments/{assignment_of(reply)}/state").json()


@pytest.mark.parametrize(
    ("parameters", "panel", "person", "kept"),
    [
        ({"PROLIFIC_PID": "p", "STUDY_ID": "s", "SESSION_ID": "x"}, "prolific", "p",
         {"STUDY_ID": "s", "SESSION_ID": "x"}),
        ({"participantId": "p", "assignmentId": "a", "projectId": "j"}, "connect", "p",
         {"assignmentId": "a", "projectId": "j"}),
        ({"survey_code": "77"}, "sona", "77", {}),
        ({"id": "77"}, "sona", "77", {}),
        ({"participant": "P07"}, "lab", "P07", {}),
        ({"PROLIFIC_PID": " "}, "lab", "", {}),
        ({}, "lab", "", {}),
    ],
)  # fmt: skip
def test_who_comes(parameters, panel, person, kept):
    found = identify(parameters)
    assert (found.panel.name, found.person, found.kept) == (panel, person, kept)


def test_least_filled_first(server, study):
    names = []
    for number in range(8):
        person = somebody(server)
        names.append(state(person, person.join("s", PROLIFIC_PID=f"p{number}"))["hit"])
    assert names == ["b1-h1", "b1-h2", "b2-h1", "b2-h2"] * 2
    late = somebody(server).join("s", PROLIFIC_PID="late")
    assert late.status_code == 409
    assert "All places of this study are taken" in late.text


def test_one_hit_a_person_and_batch_then_back(server, study):
    person = somebody(server)
    link = {"PROLIFIC_PID": "p", "STUDY_ID": "1", "SESSION_ID": "2"}
    first = person.join("s", **link)
    assert assignment_of(person.join("s", **link)) == assignment_of(first)
    person.submit(assignment_of(first))
    again = person.join("s", **link)
    assert person.http.get(again.headers["location"]).headers["location"].endswith("/done")
    other = state(person, person.join("s", **link, batch="b2"))
    assert other["batch"] == "b2"
    person.submit(other["assignment_id"])
    taken = person.join("s", **link, batch="b1")
    assert taken.status_code == 409
    assert "you have taken part already" in taken.text


def test_the_same_name_at_another_panel_is_somebody_else(server, study):
    first, second = somebody(server), somebody(server)
    first.join("s", PROLIFIC_PID="x")
    second.join("s", survey_code="x")
    assert first.id != second.id
    assert re.fullmatch("A[A-Z0-9]{15}", first.id)


def test_a_link_without_a_name_is_one_person_a_browser(server, study):
    guest, other = somebody(server), somebody(server)
    first = assignment_of(guest.join("s"))
    assert assignment_of(guest.join("s")) == first
    assert assignment_of(other.join("s")) != first


def settings_form(server, **fields):
    requester = server.browser(follow_redirects=True)
    requester.get("/dashboard/", params={"token": server.site.requester_token})
    page = requester.get("/dashboard/studies/s")
    token = re.search(r'name="csrf" value="(\w+)"', page.text)[1]
    whole = {"completion_url": "", "completion_code": "", "screen_out_url": "", "min_width_px": "900",
             "min_height_px": "600"}  # fmt: skip
    return requester.post("/dashboard/studies/s/settings", data={**whole, **fields, "csrf": token})


def test_back_to_the_panel(server, study):
    saved = settings_form(
        server,
        completion_url="https://panel.example/done?cc=C1&who={participant}&s={session}&a={assignment}",
        completion_code="CODE-1",
    )
    assert "Saved." in saved.text
    person = somebody(server)
    assignment = assignment_of(person.join("s", PROLIFIC_PID="p&q", SESSION_ID="9"))
    working = person.http.get(f"/worker/assignments/{assignment}/done")
    assert working.headers["location"] == f"/worker/assignments/{assignment}"
    person.submit(assignment)
    page = person.http.get(f"/worker/assignments/{assignment}/done").text
    assert f"https://panel.example/done?cc=C1&amp;who=p%26q&amp;s=9&amp;a={assignment}" in page
    assert "CODE-1" in page
    assert "Back to Prolific" in page
    somebody_else = somebody(server)
    somebody_else.join("s", PROLIFIC_PID="r")
    returned = assignment_of(somebody_else.join("s", PROLIFIC_PID="r"))
    somebody_else.give_back(returned)
    assert "CODE-1" not in somebody_else.http.get(f"/worker/assignments/{returned}/done").text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"completion_url": "javascript:alert(1)"}, "begins with https://"),
        ({"screen_out_url": "x"}, "begins with https://"),
        ({"completion_code": "x" * 201}, "more than 200"),
        ({"min_width_px": "-1"}, "needed: a number of pixels"),
        ({"min_width_px": "99999"}, "allowed: 0 to 10000"),
    ],
)
def test_settings_that_cannot_be(server, study, fields, text):
    reply = settings_form(server, **fields)
    assert reply.status_code == 400
    assert text in reply.text


def test_phones_are_turned_away_politely(server, study):
    phone = somebody(server)
    phone.http.headers.update(PHONE)
    assert "open the same link on a computer" in phone.http.get("/join/s?PROLIFIC_PID=p").text
    reply = phone.join("s", PROLIFIC_PID="p")
    assert reply.status_code == 400
    assert "needs a computer with a keyboard" in reply.text
    settings_form(server, min_width_px="0", min_height_px="0")
    assert phone.join("s", PROLIFIC_PID="p").status_code == 303


def test_a_study_that_is_not_there(server):
    assert server.browser().get("/join/none?PROLIFIC_PID=p").status_code == 404


def test_settings_refuse_nonsense():
    with pytest.raises(RequestError, match="begins with https://"):
        StudySettings(completion_url="ftp://x")
