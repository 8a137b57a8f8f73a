"""The pages of a rehearsal: what a requester sees who plays the participants."""

import asyncio

import httpx
import pytest

from glimpse.mturk.rehearsal.app import create_fake

DRAFT = {
    "name": "Which <b>image</b>?", "description": "Look.", "external_study_url": "https://x.example/join/s",
    "prolific_id_option": "url_parameters", "total_available_places": 2, "estimated_completion_time": 3,
    "reward": 100, "completion_codes": [],
}  # fmt: skip


class Browser:
    """Asks the application itself, without a server."""

    def __init__(self):
        self.app = create_fake()
        self.fake = self.app.state.fake

    def get(self, path):
        return asyncio.run(self._ask("GET", path))

    def post(self, path, data):
        return asyncio.run(self._ask("POST", path, data=data))

    async def _ask(self, method, path, **what):
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://fake") as client:
            return await client.request(method, path, **what)


@pytest.fixture
def browser():
    return Browser()


def test_it_looks_like_our_other_pages_and_says_what_it_is(browser):
    page = browser.get("/")
    assert "not Prolific, and nobody is paid" in page.text
    assert "No study is here yet." in page.text
    style = browser.get("/site.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "style-src 'self'" in page.headers["content-security-policy"]


def test_places_are_taken_given_back_and_run_out_of_time(browser):
    study = browser.fake.create(DRAFT)["id"]
    assert "Take part" not in browser.get("/").text  # a draft
    browser.fake.transition(study, "PUBLISH")
    page = browser.get("/").text
    assert "Which &lt;b&gt;image&lt;/b&gt;?" in page
    assert "0 of 2 places taken" in page
    for _ in range(2):
        assert browser.get(f"/take/{study}").status_code == httpx.codes.SEE_OTHER
    assert "2 of 2 places taken" in browser.get("/").text
    one, other = browser.fake.submissions
    assert browser.post(f"/leave/{one}", data={"status": "RETURNED"}).headers["location"] == "/"
    browser.post(f"/leave/{other}", data={"status": "TIMED-OUT"})
    assert [row["status"] for row in browser.fake.submissions.values()] == ["RETURNED", "TIMED-OUT"]
    assert "0 of 2 places taken" in browser.get("/").text
    assert browser.post("/leave/nobody", data={}).status_code == httpx.codes.NOT_FOUND
