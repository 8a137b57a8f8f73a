"""From build-hits to paid bonuses, with people in Chromium who come from a made-up Prolific and go back."""

import json
import time

import httpx
import pytest

from tests.browser.page_runs import IN_CHROMIUM
from tests.browser.sites import Site, begin, glimpse, step

pytestmark = [*IN_CHROMIUM, pytest.mark.slow]


@pytest.fixture
def study(tmp_path, monkeypatch):
    running = Site(
        tmp_path,
        "--fake-prolific",
        build=("--hits-per-batch", 2, "--workers-per-hit", 2, "--reward-usd", "1.00"),
    )
    monkeypatch.setenv("PROLIFIC_URL", f"{running.url}/fake-prolific")
    monkeypatch.setenv("PROLIFIC_TOKEN", "rehearsal")
    yield running
    running.close()


def take_part(chrome, study):
    """Press "Take part" at the panel, and begin; returns the page."""
    context = chrome.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.goto(f"{study.url}/fake-prolific/")
    page.click("text=Take part")
    return page


def finish(page):
    page.click("#begin")
    frame = page.frame_locator("iframe")
    begin(frame)
    for _ in range(60):
        if step(frame) == "send":
            break
        time.sleep(0.02)
    # The page leads back to the panel by itself, after some seconds.
    page.wait_for_url("**/submissions/complete?cc=*", timeout=60_000)
    return page.locator("#status").inner_text()


def test_from_build_hits_to_paid_bonuses(chrome, study):
    url, folder = f"{study.url}/fake-prolific", study.folder
    out = glimpse("publish", folder / "study", "--to", "prolific", "--signed-links", "--yes", *study.data)
    assert "At Prolific: study" in out
    pages = [take_part(chrome, study) for _ in range(3)]
    assert "prolific_token=" in pages[0].url
    assert [finish(page) for page in pages[:2]] == ["AWAITING REVIEW"] * 2
    pages[2].click("#decline")
    pages[2].click("#back")
    assert pages[2].locator("#status").inner_text() == "RETURNED"
    for page in pages:
        page.context.close()
    assert "     2  finished on both sides" in glimpse("status", folder / "study", *study.data)
    glimpse("collect", folder / "study", "--out", folder / "results", *study.data)
    lines = (folder / "results" / "assignments.jsonl").read_text().splitlines()
    assert [json.loads(line)["verified"] for line in lines] == ["signed", "signed"]
    review = ("review", folder / "study", "--bonus", "0.25", "--yes", *study.data)
    assert "At Prolific: approve 2 submissions." in glimpse(*review)
    again = glimpse(*review)
    assert "At Prolific: approve" not in again
    assert "At Prolific: pay" not in again
    head = {"Authorization": "Token rehearsal"}
    (found,) = httpx.get(f"{url}/api/v1/studies/", headers=head).json()["results"]
    rows = httpx.get(f"{url}/api/v1/submissions/", params={"study": found["id"]}, headers=head).json()
    paid = [
        httpx.get(f"{url}/api/v1/submissions/{row['id']}/", headers=head).json()["bonus_payments"]
        for row in rows["results"]
    ]
    assert sorted(paid) == [[], [25], [25]]
    assert sorted(row["status"] for row in rows["results"]) == ["APPROVED", "APPROVED", "RETURNED"]
