"""Starts of clips against Chromium's display trace. The machine may be busy: what must hold anyway is gated.

`benchmarks/clip_starts.py` reports the distribution over a hundred trials, beside two autoplaying videos.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.clip_starts import (
    MASKED,
    NOTHING,
    Shown,
    showings,
    stepper,
    traced_clips,
    unlimited,
    with_clips,
)
from benchmarks.exposures import REFRESH_MS, browser, chromium, make_study, served, stored, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIALS = 6


def test_the_instrument_reads_which_frames_of_clips_were_displayed() -> None:
    shown = [
        Shown(0.0, NOTHING, NOTHING),
        Shown(100.0, 0, 0),
        Shown(133.3, 1, 0),
        Shown(166.7, 2, 1),
        Shown(200.0, MASKED, MASKED),
        Shown(500.0, NOTHING, 0),
        Shown(516.7, 0, 1),
        Shown(700.0, NOTHING, NOTHING),
    ]
    one, two = showings(shown)
    assert (one.onset_skew, one.motion_skew, one.masked) == (0, -2, True)
    assert (two.onset_skew, two.motion_skew, two.masked) == (1, None, False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    if chromium() is None:
        pytest.skip("without Chromium")
    study = make_study(tmp_path_factory.mktemp("clips"), unlimited(TRIALS), 8, (64, 64))
    study = with_clips(study, frames=24, size=(256, 256), play="once", again=True)
    with served(study) as address, browser() as found:
        page = found.new_page(viewport={"width": 1366, "height": 768})
        page.goto(address)
        page.click("#agree")
        played = traced_clips(found, page, TRIALS, stepper(page))
        page.keyboard.press("ArrowLeft")
        wait_until(page, "!document.getElementById('done').hidden")
        yield {"played": played, "records": stored(page)["answers"]}


@pytest.mark.browser
@pytest.mark.slow
def test_both_clips_appear_in_the_same_frame(run: dict[str, Any]) -> None:
    assert len(run["played"]) == len(run["records"]) == TRIALS
    assert [one.onset_skew for one in run["played"]] == [0] * TRIALS
    assert all(0 in one.left and 0 in one.right for one in run["played"])


@pytest.mark.browser
@pytest.mark.slow
def test_what_the_page_says_of_the_start_is_what_was_displayed(run: dict[str, Any]) -> None:
    """By half a refresh more than one: a frame may be displayed one refresh after it was due."""
    for record, one in zip(run["records"], run["played"], strict=True):
        if record["skew_ms"] is None or one.motion_skew is None:
            continue
        apart = abs(record["skew_ms"] / REFRESH_MS - one.motion_skew)
        assert apart < 1.51 or record.get("flags"), (record, one)


@pytest.mark.browser
@pytest.mark.slow
def test_what_started_apart_or_lost_frames_is_flagged(run: dict[str, Any]) -> None:
    for record in run["records"]:
        flags = record.get("flags", [])
        assert ("skew" in flags) == (abs(record["skew_ms"] or 0) > REFRESH_MS / 2)
        assert ("stall" in flags) == (record["stalls"] > 0)
        if "dropped" in flags:
            assert record["dropped"] > 2
