"""Participants who come by a link: the next HIT, one a batch, and the way back."""

import html
import re

import pytest

from glimpse.mturk.collecting.participants import participants
from glimpse.mturk.page.pages import html_question
from glimpse.mturk.publishing.client import Endpoint, connect
from glimpse.mturk.server.pages.panels import StudySettings, identify, links
from glimpse.mturk.server.protocol.errors import RequestError
from glimpse.mturk.server.protocol.questions import needed_window

PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148"}


@pytest.fixture
def study(publish):
    """Two batches of two HITs with two places each; returns hit id -> name."""
    return {
        publish(2, RequesterAnnotation=f"glimpse:s:{batch}:{batch}-h{number}")["HITId"]: f"{batch}-h{number}"
        for batch in ("b1", "b2")
        for number in (1, 2)
    }


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
        person = server.somebody()
        names.append(state(person, person.join("s", PROLIFIC_PID=f"p{number}"))["hit"])
    assert names == ["b1-h1", "b1-h2", "b2-h1", "b2-h2"] * 2
    late = server.somebody().join("s", PROLIFIC_PID="late")
    assert late.status_code == 409
    assert "No place in this study is free" in late.text


def test_one_hit_a_person_and_batch_then_back(server, study):
    person = server.somebody()
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
    assert "You have already taken part" in taken.text


def test_the_same_name_at_another_panel_is_somebody_else(server, study):
    first, second = server.somebody(), server.somebody()
    first.join("s", PROLIFIC_PID="x")
    second.join("s", survey_code="x")
    assert first.id != second.id
    assert re.fullmatch("A[A-Z0-9]{15}", first.id)


def test_a_link_without_a_name_is_one_person_a_browser(server, study):
    guest, other = server.somebody(), server.somebody()
    first = assignment_of(guest.join("s"))
    assert assignment_of(guest.join("s")) == first
    assert assignment_of(other.join("s")) != first


@pytest.mark.parametrize(
    ("link", "pays"),
    [
        ({"PROLIFIC_PID": "x", "STUDY_ID": "s1", "SESSION_ID": "t1"}, True),
        ({"survey_code": "x"}, True),
        ({"participant": "x"}, False),
    ],
)
def test_where_the_panel_pays_no_page_says_another_reward(server, study, link, pays):
    """A panel may pay another amount, or in pounds, and says so itself; only others read our reward."""
    person = server.somebody()
    reward = r"<b>\$\d|\$\d+\.\d\d</td>"
    assert bool(re.search(reward, person.http.get("/join/s", params=link).text)) != pays
    where = person.join("s", **link).headers["location"]
    for page in (where, "/worker/history"):
        assert bool(re.search(reward, person.http.get(page).text)) != pays, page


def settings_form(server, study="s", /, **fields):
    requester = server.browser(follow_redirects=True)
    requester.get("/dashboard/", params={"token": server.site.requester_token})
    page = requester.get(f"/dashboard/studies/{study}")
    token = re.search(r'name="csrf" value="(\w+)"', page.text)[1]
    whole = {"completion_url": "", "completion_code": "", "screen_out_url": "", "min_width_px": "",
             "min_height_px": ""}  # fmt: skip
    return requester.post(f"/dashboard/studies/{study}/settings", data={**whole, **fields, "csrf": token})


def test_back_to_the_panel(server, study):
    saved = settings_form(
        server,
        completion_url="https://panel.example/done?cc=C1&who={participant}&s={session}&a={assignment}",
        completion_code="CODE-1",
    )
    assert "Saved." in saved.text
    person = server.somebody()
    assignment = assignment_of(person.join("s", PROLIFIC_PID="p&q", SESSION_ID="9"))
    working = person.http.get(f"/worker/assignments/{assignment}/done")
    assert working.headers["location"] == f"/worker/assignments/{assignment}"
    person.submit(assignment)
    page = person.http.get(f"/worker/assignments/{assignment}/done").text
    assert f"https://panel.example/done?cc=C1&amp;who=p%26q&amp;s=9&amp;a={assignment}" in page
    assert "CODE-1" in page
    assert "Back to Prolific" in page
    somebody_else = server.somebody()
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
    phone = server.somebody()
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


# Behind a public address

PROLIFIC = {"PROLIFIC_PID": "5f1c", "STUDY_ID": "s1", "SESSION_ID": "t1"}
CONNECT = {"participantId": "p", "assignmentId": "a", "projectId": "j"}


@pytest.fixture
def public(start, question):
    server = start(public_url="https://study.example", sign_in=False)
    server.requester().create_hit(
        Title="T", Description="D", Reward="1", Question=question, LifetimeInSeconds=600, MaxAssignments=9,
        AssignmentDurationInSeconds=600, RequesterAnnotation="glimpse:s:b1:h1",
    )  # fmt: skip
    return server


@pytest.mark.parametrize("sent", [PROLIFIC, CONNECT, {"survey_code": "77"}, {"id": "77"}])
def test_what_a_panel_sends_is_enough(public, sent):
    assert assignment_of(public.somebody().join("s", **sent))


FROM_THE_PANEL = "Open the study at Prolific, and follow the link there."


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({}, "This link does not say who you are, so you cannot take part with it."),
        ({"participant": "Anybody"}, "This link does not say who you are, so you cannot take part with it."),
        ({"PROLIFIC_PID": "x"}, f"lacks STUDY_ID, SESSION_ID, which Prolific sends. {FROM_THE_PANEL}"),
        ({**PROLIFIC, "SESSION_ID": " "}, f"lacks SESSION_ID, which Prolific sends. {FROM_THE_PANEL}"),
        ({"participantId": "p"}, "lacks assignmentId, projectId, which CloudResearch Connect sends."),
        (
            {**PROLIFIC, "PROLIFIC_PID": "{{%PROLIFIC_PID%}}"},
            "still contains {{%PROLIFIC_PID%}} where the panel",
        ),
        (
            {"survey_code": "%SURVEY_CODE%"},
            "still contains %SURVEY_CODE% where the panel should have put your id",
        ),
    ],
)
def test_who_does_not_come_from_a_panel_is_told_how_to(public, sent, text):
    person = public.somebody()
    token = person.http.get("/worker/session").json()["csrf"]
    for reply in (person.http.get("/join/s", params=sent),
                  person.http.post("/join/s", params=sent, data={"csrf": token})):  # fmt: skip
        assert reply.status_code == 403
        assert "<h1>How to take part</h1>" in reply.text
        assert text in html.unescape(reply.text)
    people = public.site.store.read(lambda tx: tx.all("SELECT name FROM workers"))
    assert people == []


def test_a_browser_that_was_here_does_not_come_in_without_its_link(public):
    person = public.somebody()
    assignment = assignment_of(person.join("s", **PROLIFIC))
    assert person.http.get("/join/s").status_code == 403
    assert person.http.get(f"/worker/assignments/{assignment}").status_code == 200
    assert assignment_of(person.join("s", **PROLIFIC)) == assignment


def test_links_are_those_that_work(start, public, question):
    def names(server):
        settings = server.site.settings
        shown = links("http://x", "s", lab=settings.lab, panels_only=settings.panels_only)
        return [name for name, _ in shown]

    assert names(public) == ["Prolific", "CloudResearch Connect", "SONA"]
    lab = start(public.site.settings.data.parent / "lab", lab=True)
    assert names(lab) == ["Lab, asks who comes", "Prolific", "CloudResearch Connect", "SONA", "Lab"]


# Who is who


def test_the_requester_alone_is_told_who_is_who(server, study):
    person, guest = server.somebody(), server.somebody()
    person.submit(assignment_of(person.join("s", **PROLIFIC)))
    guest.join("s")
    address = f"{server.url}/participants/s"
    assert person.http.get(address).status_code == 403
    browser = server.browser()
    browser.get("/dashboard/", params={"token": server.site.requester_token})
    refused = browser.get(address)
    assert (refused.status_code, "5f1c" in refused.text) == (403, False)
    target = Endpoint("local", server.url, server.site.settings.data)
    assert participants(connect(target), "s").names == {person.id: "5f1c", guest.id: ""}
    assert participants(connect(target), "other").names == {}


def test_the_dashboard_names_participants(server, study):
    person, guest = server.somebody(), server.somebody()
    person.join("s", **PROLIFIC)
    guest.join("s")
    browser = server.browser(follow_redirects=True)
    browser.get("/dashboard/", params={"token": server.site.requester_token})
    page = browser.get("/dashboard/studies/s").text
    assert f"<td>5f1c</td><td><code>{person.id}</code></td>" in page
    assert f"<td></td><td><code>{guest.id}</code></td>" in page


# The window


def test_the_window_follows_from_the_study(server, publish):
    data = '{"w":600,"H":300,"e":[125]}'
    for number, exposures in enumerate(("[125]", "[]")):
        page = f'<script type="application/json" id="data">{data.replace("[125]", exposures)}</script>'
        publish(2, RequesterAnnotation=f"glimpse:w{number}:b1:h1", Question=html_question(page))
    publish(2, RequesterAnnotation="glimpse:other:b1:h1")

    def needed(study):
        page = server.browser().get(f"/join/{study}?PROLIFIC_PID=p").text
        return re.search(r'data-phones="(\d)" data-min-width="(\d+)" data-min-height="(\d+)"', page).groups()

    assert needed("w0") == ("0", "1308", "606")
    assert needed("w1") == ("0", "468", "396")
    assert needed("other") == ("0", "0", "0")
    for study in ("w0", "w1"):
        settings_form(server, study, min_width_px="0", min_height_px="700")
    assert needed("w0") == ("0", "1308", "700")
    assert needed("w1") == ("1", "468", "700")


@pytest.mark.parametrize("data", ["", "[]", '{"w":1,"H":[]}', '{"w":1e400,"H":1,"e":[]}', "{", "null"])
def test_a_page_that_is_not_ours_needs_nothing(data):
    assert needed_window(f'<script type="application/json" id="data">{data}</script>') is None
