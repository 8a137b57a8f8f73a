"""The lab: one browser, participants who take turns, the time that is left, and a way out."""

import html
import re

import pytest


@pytest.fixture
def server(start):
    return start(lab=True)


@pytest.fixture
def study(publish):
    return [publish(2, RequesterAnnotation=f"glimpse:s:b1:h{number}")["HITId"] for number in (1, 2)]


def enter(person, name, **parameters):
    """Open the join link and type a name or number."""
    page = person.http.get("/join/s", params=parameters)
    data = {"csrf": person.csrf(page), "participant": name}
    return person.http.post("/join/s", params=parameters, data=data)


def assignment_of(reply):
    assert reply.status_code == 303, reply.text
    return reply.headers["location"].rpartition("/")[2]


def text_of(page):
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text)))


def test_the_link_asks_who_comes(server, study):
    person = server.somebody()
    page = person.http.get("/join/s")
    assert 'name="participant"' in page.text
    assert "Your name or number" in page.text
    assignment = assignment_of(enter(person, " P01 "))
    worker = server.site.store.read(lambda tx: tx.one("SELECT panel, name FROM workers"))
    assert tuple(worker) == ("lab", "P01")
    assert assignment_of(enter(server.somebody(), "P01")) == assignment


def test_a_link_that_names_somebody_asks_nothing(server, study):
    person = server.somebody()
    page = person.http.get("/join/s", params={"participant": "P07"})
    assert 'name="participant"' not in page.text
    assert "You take part as P07" in text_of(page)
    assert assignment_of(person.join("s", participant="P07")) == assignment_of(
        enter(server.somebody(), "P07")
    )


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "\u202e"])
def test_names_that_cannot_be_are_asked_for_again(server, study, name):
    reply = enter(server.somebody(), name)
    assert reply.status_code == 400
    assert "Enter the name or number that you were given: 1 to 100 printable characters." in reply.text
    assert 'name="participant"' in reply.text
    assert server.site.store.read(lambda tx: tx.one("SELECT COUNT(*) FROM workers"))[0] == 0


def test_who_sat_here_before_is_not_taken_for_who_comes_next(server, study):
    """After a HIT that was finished, one that was given up and one that was walked away from."""
    browser = server.somebody()
    first = assignment_of(enter(browser, "P01"))
    browser.submit(first)
    assert 'name="participant"' in browser.http.get("/join/s").text
    second = assignment_of(enter(browser, "P02"))
    browser.give_back(second)
    third = assignment_of(enter(browser, "P03"))
    fourth = assignment_of(enter(browser, "P04"))
    assert len({first, second, third, fourth}) == 4
    who = server.site.store.read(
        lambda tx: tx.all("SELECT name, status FROM assignments JOIN workers USING (worker_id) ORDER BY seq")
    )
    assert [tuple(row) for row in who] == [
        ("P01", "Submitted"), ("P02", "Returned"), ("P03", "Accepted"), ("P04", "Accepted")]  # fmt: skip


def test_next_participant_signs_out(server, study):
    browser = server.somebody()
    assignment = assignment_of(enter(browser, "P01"))
    browser.submit(assignment)
    page = browser.http.get(f"/worker/assignments/{assignment}/done")
    assert "Participant P01" in text_of(page)
    assert "Next participant" in page.text
    assert "Sign out" not in page.text
    reply = browser.http.post("/worker/sign-out", data={"csrf": browser.csrf(page), "study": "s"})
    assert reply.headers["location"] == "/join/s"
    assert browser.http.get("/worker/session").json()["worker"] is None
    assert browser.http.get(f"/worker/assignments/{assignment}").status_code == 303


def test_no_page_between_two_participants_says_who_was_there(server, study):
    browser = server.somebody()
    for name in ("P01", "P02", "P03", "P04"):
        enter(browser, name)
    session = browser.http.get("/worker/session").json()["worker"]
    for reply in (browser.http.get("/join/s"), enter(browser, "P05"), browser.http.get("/join/none")):
        assert session not in reply.text
        assert "/worker/history" not in reply.text


def test_signing_out_never_leads_to_another_site(server):
    person = server.worker("a")
    reply = person.press("/worker/sign-out", study="//evil.example/x")
    assert reply.headers["location"] == "/join/%2F%2Fevil.example%2Fx"


def test_time_left_and_return_stand_above_the_page(server, study):
    person = server.somebody()
    assignment = assignment_of(enter(person, "P01"))
    server.clock.skip(100)
    page = person.http.get(f"/worker/assignments/{assignment}").text
    assert 490 < float(re.search(r'data-seconds="([\d.]+)"', page)[1]) <= 500
    assert f'action="/worker/assignments/{assignment}/return"' in page
    assert 'class="frame lab"' in page
    assert 490 < person.http.get(f"/worker/assignments/{assignment}/state").json()["seconds_left"] <= 500


def test_what_becomes_of_answers_is_said_as_it_is(server, study):
    person = server.somebody()
    assignment = assignment_of(enter(person, "P01"))
    progress = f"/worker/assignments/{assignment}/progress"
    assert person.http.put(progress, json={"shown": 7}).status_code == 204
    person.give_back(assignment)
    done = text_of(person.http.get(f"/worker/assignments/{assignment}/done"))
    assert "You returned this task. Your answers are not part of the study" in done
    kept = "We keep them only so that you can continue where you stopped if you take the same task again."
    assert kept in done
    again = assignment_of(enter(person, "P01"))
    assert person.http.get(f"/worker/assignments/{again}/progress").json() == {"shown": 7}
    server.clock.skip(601)
    assert person.http.put(f"/worker/assignments/{again}/progress", json={"shown": 8}).status_code == 409
    over = text_of(person.http.get(f"/worker/assignments/{again}/done"))
    assert "before you submitted it. Your answers are not part of the study." in over
    assert kept in over
    assert person.submit(again).status_code == 409
    third = assignment_of(enter(person, "P01"))
    assert person.http.get(f"/worker/assignments/{third}/progress").json() == {"shown": 7}
