"""What a requester is told of a study's HITs: on the dashboard, and by `status`."""

import html

import pytest

from glimpse.mturk.collecting.participants import study_notices
from glimpse.mturk.publishing.client import Endpoint, connect


@pytest.fixture
def at_work(server, publish):
    hit = publish(3, RequesterAnnotation="glimpse:s:b1:h1")["HITId"]
    worker = server.worker("w")
    worker.at = f"/worker/assignments/{worker.take(hit)}/blocked"
    return worker


def told(server):
    return study_notices(connect(Endpoint("local", server.url, server.site.settings.data)), "s")


def test_a_page_that_a_browser_blocked_is_named_to_the_requester(server, at_work):
    for address in ("https://www.mturk.com/mturk/externalSubmit?a=b", "https://www.mturk.com/other"):
        assert at_work.http.post(at_work.at, content=address).status_code == 204
    text = (
        "A worker's browser did not let the task's page go to https://www.mturk.com: answers sent there are "
        "lost. The page must send them to the address in turkSubmitTo."
    )
    assert told(server) == [text]
    browser = server.browser()
    browser.get("/dashboard/", params={"token": server.site.requester_token})
    assert text in html.unescape(browser.get("/dashboard/studies/s").text)
    assert browser.get(f"{server.url}/notices/s").status_code == 403, "signed requests only"


def test_a_worker_cannot_write_what_they_like_to_the_requester(server, at_work):
    for sent in ("", "x", "https://", "javascript:alert(1)", "<b>https://a.example", "https://<b>", b"\xff"):
        assert at_work.http.post(at_work.at, content=sent).status_code == 204
    assert at_work.http.post(at_work.at, content="https://a.example" * 1000).status_code == 413
    assert told(server) == []
    elsewhere = at_work.http.post(
        at_work.at, content="https://a.example", headers={"Origin": "https://b.example"}
    )
    assert elsewhere.status_code == 403
    assert server.worker("other").http.post(at_work.at, content="https://a.example").status_code == 403
    for number in range(9):
        at_work.http.post(at_work.at, content=f"https://{number}.example/<b>")
    assert [text.split(" go to ")[1].split(":")[1] for text in told(server)] == [
        f"//{number}.example" for number in range(5)
    ]
