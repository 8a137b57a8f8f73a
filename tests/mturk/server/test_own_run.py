"""A requester's own run through a study, by the dashboard's link: it counts for nothing."""

import html
import re

import httpx
import pytest


@pytest.fixture
def study(publish):
    return publish(2, RequesterAnnotation="glimpse:s:b1:b1-h1")["HITId"]


def dashboard(server):
    with httpx.Client(base_url=server.url, follow_redirects=True) as browser:
        browser.get(f"/dashboard/?token={server.site.requester_token}")
        return browser.get("/dashboard/studies/s").text


def own_link(server):
    return html.unescape(re.search(r"http[^<\s]*/join/s\?test=[^<\s]+", dashboard(server))[0])


def test_an_own_run_takes_no_place_and_is_shown_to_nobody(server, study, turk):
    token = own_link(server).partition("test=")[2]
    for _ in range(3):
        person = server.somebody()
        reply = person.join("s", test=token)
        assert reply.status_code == 303
        assignment = reply.headers["location"].rpartition("/")[2]
        person.submit(assignment)
        person.submit(assignment)
        done = person.http.get(f"/worker/assignments/{assignment}/done").text
        assert "Thank you" in done
    hit = turk.get_hit(HITId=study)["HIT"]
    assert (hit["NumberOfAssignmentsAvailable"], hit["NumberOfAssignmentsPending"]) == (2, 0)
    assert turk.list_assignments_for_hit(HITId=study)["Assignments"] == []
    rows = server.site.store.read(lambda tx: tx.all("SELECT status, answer FROM assignments"))
    assert [(row["status"], bool(row["answer"])) for row in rows] == [("Returned", True)] * 3
    kinds = server.site.store.read(lambda tx: tx.all("SELECT kind FROM events"))
    assert sum(row["kind"] == "TestRunFinished" for row in kinds) == 3


def test_a_test_link_that_is_not_the_requesters(server, study):
    reply = server.somebody().http.get("/join/s?test=guessed")
    assert reply.status_code == 403
    assert "This test link is of another study or server" in reply.text
