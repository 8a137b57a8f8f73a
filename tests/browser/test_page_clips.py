"""The page of a study of clips: played together, once or again and again, watched, recorded, let go."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, Any

from benchmarks.clip_starts import with_clips
from benchmarks.exposures import ANSWERING, READY, experiment, make_study, served, start, stored, wait_until
from glimpse.mturk.page.pages import page_html
from tests.browser.clip_runs import (
    AGAIN,
    CLIPS,
    ENDED,
    FLAGS,
    NOTE,
    NUMBER,
    ON,
    PLAYING,
    PLAYS,
    STANDING,
    answer,
    at_the_first_trial,
    playing,
)
from tests.browser.page_runs import ANSWERED, IN_CHROMIUM, serving_strictly, submit
from tests.browser.rich_studies import CLOSE, asking

if TYPE_CHECKING:
    import pytest

    from glimpse.study import Study

pytestmark = IN_CHROMIUM


def test_a_pair_plays_again_and_again_and_is_recorded(page: Any, looping: Study) -> None:
    with at_the_first_trial(page, looping) as server:
        wait_until(page, PLAYING)
        assert page.evaluate(f"{ON}.every(clip => clip.muted && clip.playsInline && !clip.loop)")
        assert page.evaluate(f"{ON}.map(clip => clip.previousSibling.getAttribute('aria-label'))") == [
            "Left clip",
            "Right clip",
        ]
        wait_until(page, f"{PLAYS} >= 3")
        record = answer(page)
        assert list(record)[:6] == ["trial", "side", "response_ms", "shown_ms", "frames", "onset_ms"]
        assert list(record)[-4:] == ["plays", "skew_ms", "dropped", "stalls"]
        assert record["plays"] >= 3
        assert record["stalls"] >= 0
        assert record["dropped"] >= 0
        assert set(record.get("flags", [])) <= FLAGS
        for _ in range(3):
            answer(page, "ArrowRight")
        found = submit(page, server)
    assert len(found.answers) == 4
    assert not any(one.repeat for one in found.answers)


def test_both_clips_keep_together_over_their_plays(page: Any, looping: Study) -> None:
    with at_the_first_trial(page, looping):
        wait_until(page, PLAYING)
        page.evaluate(
            "window.apart = []; (function look() {"
            f"const [left, right] = {ON}.map(clip => clip.currentTime);"
            " if (left) apart.push(Math.abs(left - right)); requestAnimationFrame(look); })()"
        )
        wait_until(page, f"{PLAYS} >= 4")
        assert statistics.median(page.evaluate("apart")) < 0.1


def test_a_browser_that_does_not_announce_frames_plays_and_records_what_it_can(
    page: Any, still: Study
) -> None:
    page.add_init_script(
        "delete HTMLVideoElement.prototype.requestVideoFrameCallback;"
        f"window.seen = []; (function look() {{ if ({ON}.length) seen.push({ON}.map({NUMBER}));"
        " requestAnimationFrame(look); })()"
    )
    longer = with_clips(still, frames=60)
    with at_the_first_trial(page, playing(longer, play="once", again=True)) as server:
        wait_until(page, AGAIN)
        seen = {tuple(numbers) for numbers in page.evaluate("seen")}
        wait_until(page, f"{ON}.map({NUMBER}).join() === '59,59'")
        assert len(seen) > 3
        assert statistics.median(abs(left - right) for left, right in seen) <= 2
        record = answer(page)
        assert (record["plays"], record["skew_ms"], record["dropped"]) == (1, None, None)
        for _ in range(3):
            answer(page, "ArrowRight")
        found = submit(page, server)
    assert len(found.answers) == 4


def test_clips_that_play_once_stay_on_their_last_frame_and_play_again_when_asked(
    page: Any, looping: Study
) -> None:
    with at_the_first_trial(page, playing(looping, play="once", again=True)):
        wait_until(page, ENDED)
        wait_until(page, AGAIN)
        wait_until(page, f"{ON}.map({NUMBER}).join() === '11,11'")
        assert page.locator("#again").inner_text() == "Play again R"
        page.keyboard.press("r")
        wait_until(page, f"{PLAYS} === 2 && {AGAIN}")
        page.click("#again")
        wait_until(page, f"{PLAYS} === 3")
        record = answer(page)
        assert record["plays"] == 3
        assert page.locator("#again").is_hidden()


def test_answers_wait_for_the_first_whole_play(page: Any, looping: Study) -> None:
    page.add_init_script(STANDING)
    with at_the_first_trial(page, playing(looping, must_see_all=True)):
        wait_until(page, f"{ON}.length === 2")
        assert page.evaluate(NOTE) == "Watch both clips. You can answer after they have ended."
        for key in ("ArrowLeft", "f", "1"):
            page.keyboard.press(key)
        page.locator("#left").click()
        assert page.locator("#choose").is_hidden()
        assert stored(page)["answers"] == []
        page.evaluate("window.mayMove = true")
        wait_until(page, f"{ANSWERING} && {PLAYS} >= 2")
        assert "Watch" not in page.evaluate(NOTE)
        record = answer(page)
    assert record["plays"] >= 2
    assert record["response_ms"] < 10_000


def test_nothing_lies_over_the_button_that_plays_again(page: Any, looping: Study) -> None:
    study = asking(looping, CLOSE, prompts=("A red car.",), play="once", again=True, must_see_all=True)
    overlap = """() => {
        const [a, b] = ['note', 'again'].map(id => document.getElementById(id).getBoundingClientRect());
        return a.height > 0 && a.bottom > b.top && b.bottom > a.top; }"""
    page.add_init_script(STANDING)
    with at_the_first_trial(page, study):
        wait_until(page, f"{ON}.length === 2")
        assert page.evaluate(NOTE).startswith("Watch both clips.")
        assert page.evaluate(overlap) is False
        page.evaluate("window.mayMove = true")
        wait_until(page, ANSWERING)
        lowest = page.evaluate("document.querySelector('.answers').getBoundingClientRect().bottom")
        assert page.locator("#again").bounding_box()["y"] >= lowest
        page.wait_for_timeout(150)
        page.keyboard.press("3")
        wait_until(page, f"{ANSWERED} === 1")
        assert stored(page)["answers"][0]["plays"] == 1


def test_an_exposure_is_a_glimpse_of_motion_and_then_the_mask(
    page: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("limited")
    study = with_clips(make_study(folder, experiment((1000,), 2), 6, (64, 64)), frames=60)
    page.add_init_script(
        "window.moving = new Set();"
        "document.addEventListener('playing', ({target}) => moving.add(target), true);"
    )
    with at_the_first_trial(page, study) as server:
        for _ in range(2):
            wait_until(page, READY)
            assert page.evaluate(f"{CLIPS}.every(clip => clip.paused && clip.currentTime === 0)")
            assert page.evaluate(f"{CLIPS}.every(clip => {NUMBER}(clip) === 0)")
            page.evaluate("window.moving.clear()")
            page.keyboard.press("Space")
            wait_until(page, ANSWERING)
            assert page.evaluate("window.moving.size") == 2
            assert page.evaluate(f"{ON}.length") == 0
            assert page.evaluate(f"{CLIPS}.every(clip => clip.paused)")
            record = answer(page)
            assert record["plays"] == 1
            assert record["shown_ms"] > 900
        again = len(stored(page)["again"])
        for _ in range(again):
            wait_until(page, READY)
            page.keyboard.press("Space")
            record = answer(page)
            assert record["repeat"] == 1
        assert len(submit(page, server).answers) == 2 + again


def test_clips_are_let_go_after_their_trial_and_few_are_fetched_ahead(page: Any, still: Study) -> None:
    study = with_clips(still, frames=12, kinds=2)
    page.add_init_script(
        "window.urls = new Set(); const make = URL.createObjectURL, drop = URL.revokeObjectURL;"
        "URL.createObjectURL = blob => { const url = make.call(URL, blob); urls.add(url); return url; };"
        "URL.revokeObjectURL = url => { urls.delete(url); drop.call(URL, url); };"
    )
    with at_the_first_trial(page, study):
        held = []
        for _ in range(4):
            answer(page)
            held.append(page.evaluate("urls.size"))
        page.wait_for_selector("#done:not([hidden])")
        assert max(held) <= 8  # the pair just seen, its successor, and two ahead
        wait_until(page, "urls.size === 0")
        assert page.evaluate(f"{CLIPS}.length") == 0


def test_clips_play_from_the_disk_and_from_another_site(page: Any, looping: Study, tmp_path: Any) -> None:
    """Neither can be read by the script: the browser loads them by itself."""
    assert looping.folder is not None
    words = "?assignmentId=A1&hitId=H1&workerId=W1"
    start(page, looping.page_path(looping.hits[0].hit).resolve().as_uri() + words)
    wait_until(page, PLAYING)
    assert page.evaluate(f"{ON}.every(clip => clip.src.startsWith('file:'))")
    answer(page)


def test_the_page_says_that_clips_move_and_how_they_are_watched(page: Any, looping: Study) -> None:
    study = playing(looping, play="once", again=True, must_see_all=True)
    with serving_strictly(study) as server:
        page.goto(server.address())
        consent = page.locator("#consent").inner_text()
        assert "We also record how smoothly the clips play." in consent
        page.click("#agree")
        said = page.locator("#instructions").inner_text()
    for sentence in (
        "The pictures move. They have no sound.",
        "You can answer after both clips have ended.",
        "To watch both again, press R or the button below the answers.",
        "Two clips play side by side, once.",
    ):
        assert sentence in said
    assert "image" not in (consent + said).lower()


def test_an_image_page_has_nothing_of_clips(still: Study) -> None:
    page = page_html(still, still.hits[0].hit)
    assert "requestVideoFrameCallback" not in page
    assert '"C":' not in page
    assert json.dumps("Left clip") not in page


def test_webm_plays_too(page: Any, still: Study) -> None:
    with at_the_first_trial(page, with_clips(still, frames=12, kinds=2, ending=".webm")):
        wait_until(page, PLAYING)
        assert answer(page)["plays"] >= 1


def test_the_preview_by_the_local_server_plays(page: Any, looping: Study) -> None:
    with served(looping) as address:
        start(page, address)
        wait_until(page, PLAYING)
