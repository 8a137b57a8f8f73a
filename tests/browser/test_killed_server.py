"""The server is killed while a worker answers, and is back only after they pressed Submit."""

import json

import pytest

from glimpse.study import read_study
from tests.browser.page_runs import IN_CHROMIUM
from tests.browser.sites import Site, begin, glimpse, sign_in, step

pytestmark = [*IN_CHROMIUM, pytest.mark.slow]


@pytest.fixture
def site(tmp_path):
    running = Site(tmp_path, build=("--hits-per-batch", 1, "--workers-per-hit", 1))
    yield running
    running.close()


def test_a_worker_finishes_though_the_server_is_killed_in_the_middle(site, page):
    """The answers stay in the page, which says so, and are sent again when the server is back."""
    sign_in(page, site, "ann")
    page.click("text=Preview")
    page.click("button:has-text('Accept')")
    frame = page.frame_locator("iframe")
    begin(frame)
    while step(frame) != "pick-left":
        pass
    site.kill()
    while step(frame) != "send":
        pass
    sent = frame.locator("#sent")
    sent.filter(has_text="cannot be reached. Your answers are kept on this computer").wait_for(timeout=30_000)
    site.start()
    page.wait_for_url("**/done", timeout=60_000)
    assert page.locator("main h1").inner_text() == "Thank you"
    glimpse("collect", site.folder / "study", "--out", site.folder / "results", *site.data)
    (line,) = (site.folder / "results" / "assignments.jsonl").read_text().splitlines()
    answered = {answer["trial"] for answer in json.loads(line)["answers"]}
    assert answered == {trial.trial for trial in read_study(site.folder / "study").trials}
