"""A study of clips from folders to a report: built, published, watched in a browser, collected, analysed."""

import csv
import json

import numpy as np
import pytest

from benchmarks.clip_starts import write_clip
from tests.browser.clip_runs import COUNTING, PLAYS, STANDING
from tests.browser.page_runs import IN_CHROMIUM, until
from tests.browser.sites import Site, begin, glimpse, step

pytestmark = [*IN_CHROMIUM, pytest.mark.slow]


class ClipSite(Site):
    """A study of clips on a server of its own."""

    ending = ".mp4"
    design = (
        "--mode", "unlimited-time", "--ours", "crn", "--baseline", "pix2pix", "--play", "once", "--again",
        "--must-see-all", "--max-wrong-sentinels", 0,
    )  # fmt: skip

    def draw(self, path, condition, item):
        write_clip(path, 12, 30, (96, 64), np.random.default_rng([condition, item]))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    running = ClipSite(
        tmp_path_factory.mktemp("clips"), build=("--hits-per-batch", 1, "--workers-per-hit", 2)
    )
    yield running
    running.close()


def test_from_folders_of_clips_to_a_report(site, window):
    for name in ("one", "two"):
        page = window().new_page()
        page.add_init_script(COUNTING)
        page.add_init_script(STANDING)
        page.goto(f"{site.url}/join/{site.name}?PROLIFIC_PID={name}")
        page.click("#begin")
        frame = page.frame_locator("iframe")
        begin(frame)
        clips = frame.locator("#trial video")
        clips.first.wait_for(state="attached")
        assert all(
            address.startswith("blob:") for address in clips.evaluate_all("all => all.map(c => c.src)")
        )
        frame.locator("#note", has_text="Watch both clips").wait_for()
        body = frame.locator("body")
        body.evaluate("window.mayMove = true")
        frame.locator("#again:enabled").click()
        until(page, lambda body=body: body.evaluate(f"() => {PLAYS} >= 2"))
        while step(frame) != "send":
            pass
        page.wait_for_url("**/done", timeout=30_000)
    glimpse("collect", site.folder / "study", "--out", site.folder / "results", *site.data)
    lines = (site.folder / "results" / "assignments.jsonl").read_text().splitlines()
    answers = [answer for line in lines for answer in json.loads(line)["answers"]]
    assert len(answers) == 4
    assert [answer["plays"] >= 2 for answer in answers] == [True, False] * 2
    assert all(answer["response_ms"] > 0 and answer["shown_ms"] is None for answer in answers)
    report = site.folder / "report"
    images = ("--images", site.folder / "images", "--no-sentinel-filter")
    glimpse("analyze", site.folder / "results", "--out", report, *images)
    with (report / "judgments.csv").open() as table:
        assert [int(row["plays"]) for row in csv.DictReader(table)] == [answer["plays"] for answer in answers]
    facts = json.loads((report / "summary.json").read_text())
    assert facts["playing"][0]["n_recorded"] == 2
    assert "two clips were shown side by side" in (report / "methods.txt").read_text().replace("\n", " ")
    assert (report / "hardest_pairs.png").is_file()
    assert "How clips played" in (report / "report.html").read_text()
