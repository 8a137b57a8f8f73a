"""One image at a time in a browser: exposures against Chromium's display trace, and what a page shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.exposures import (
    REFRESH_MS,
    browser,
    draw_images,
    exposures,
    served,
    start,
    stored,
    traced_trials,
)
from glimpse.experiment import Batch
from glimpse.mturk.building.building import Making, build
from glimpse.mturk.design.singles import single_preset
from glimpse.mturk.design.stimuli import find_images
from glimpse.questions import SINGLE_QUESTION
from tests.browser.page_runs import IN_CHROMIUM

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = IN_CHROMIUM
TRIALS = 8


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("single")
    draw_images(folder / "images", ("crn", "real"), 8)
    usual = single_preset("limited-time", "glimpse", SINGLE_QUESTION)
    design = replace(
        usual, sentinel=None, batches=(Batch("b1", (), None, ("crn", "real")),), exposures_ms=(125, 250),
        sentinels_per_hit=0, max_wrong_sentinels=0, hits_per_batch=1, hit_trials=TRIALS, break_every=0,
    )  # fmt: skip
    study = build(find_images(folder / "images"), design, folder / "study", Making(1, {})).study
    with served(study) as address, browser() as found:
        page = found.new_page(viewport={"width": 1366, "height": 768})
        start(page, address)
        panes = page.locator(".pane").count()
        frames = traced_trials(found, page, TRIALS)
        yield {
            "panes": panes,
            "text": page.locator("body").inner_text(),
            "measured": exposures(frames),
            "records": stored(page)["answers"][:TRIALS],
            "nominal": {trial.trial: trial.exposure_ms for trial in study.trials},
        }


@pytest.mark.slow
def test_every_trial_is_one_exposure_of_one_image_with_the_mask_in_the_frame_of_its_end(
    run: dict[str, Any],
) -> None:
    assert run["panes"] == 1
    assert len(run["measured"]) == len(run["records"]) == TRIALS
    assert all(one.masked for one in run["measured"])


@pytest.mark.slow
def test_what_is_recorded_is_what_was_shown(run: dict[str, Any]) -> None:
    """A flagged trial says that it was not; of the others the record is within a refresh."""
    for measured, record in zip(run["measured"], run["records"], strict=True):
        if not record.get("flags"):
            assert abs(measured.shown_ms - record["shown_ms"]) <= 1.5 * REFRESH_MS
            assert abs(record["shown_ms"] - run["nominal"][record["trial"]]) <= 1.5 * REFRESH_MS
        assert record["choices"] == {"real": "real"}


@pytest.mark.slow
def test_nothing_speaks_of_pairs(run: dict[str, Any]) -> None:
    assert "pair" not in run["text"].lower()
    assert "realistic" not in run["text"].lower()
