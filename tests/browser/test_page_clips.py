"""The page of a study of clips: played together, once or again and again, watched, recorded, let go."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.clip_starts import unlimited, with_clips
from benchmarks.exposures import ANSWERING, READY, experiment, make_study, served, start, stored, wait_until
from glimpse.mturk.page.pages import page_html
from tests.browser.page_runs import IN_CHROMIUM, serving_strictly, submit
from tests.browser.rich_studies import CLOSE, asking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glimpse.study import Study

pytestmark = IN_CHROMIUM

NOTE = "document.getElementById('note').textContent"
CLIPS = "[...document.querySelectorAll('#trial video')]"
ON = f"{CLIPS}.filter(clip => clip.previousSibling.style.opacity === '1')"  # its canvas
PLAYING = f"{ON}.length === 2 && {ON}.every(clip => !clip.paused && clip.currentTime > 0)"
ENDED = f"{ON}.length === 2 && {ON}.every(clip => clip.ended)"
# The number in the frame that a clip's canvas shows; -1 where nothing was drawn.
NUMBER = """(({previousSibling: canvas}) => {
    const {width: w, height: h} = canvas, to = canvas.getContext('2d');
    if (to.getImageData(0, 0, w, h).data.every((value, i) => i % 4 === 3 || value < 60)) return -1;
    const light = bit => to.getImageData((bit + .5) / 8 * w, .45 * h, 1, 1).data[0] > 128;
    return [0, 1, 2, 3, 4, 5, 6, 7].reduce((sum, bit) => sum + (light(bit) << bit), 0); })"""
AGAIN = "!document.getElementById('again').disabled"
FLAGS = {"skew", "dropped", "stall"}


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("unlimited"), unlimited(4), 8, (64, 64))


@pytest.fixture(scope="module")
def looping(still: Study) -> Study:
    return with_clips(still, frames=12)


def playing(study: Study, **page: Any) -> Study:
    """Return the study with other settings of its page."""
    return replace(study, page_settings={**study.page_settings, **page})


@contextmanager
def at_the_first_trial(page: Any, study: Study, **options: Any) -> Iterator[Any]:
    with serving_strictly(study, **options) as server:
        start(page, server.address())
        yield server


def answer(page: Any, key: str = "ArrowLeft") -> dict[str, Any]:
    """Answer the pair that is shown; return its record."""
    before = len(stored(page)["answers"])
    wait_until(page, ANSWERING)
    page.wait_for_timeout(150)
    page.keyboard.press(key)
    wait_until(
        page, f"JSON.parse(localStorage.getItem(Object.keys(localStorage)[0])).answers.length > {before}"
    )
    record: dict[str, Any] = stored(page)["answers"][before]
    return record


def test_a_pair_plays_again_and_again_and_is_recorded(page: Any, looping: Study) -> None:
    with at_the_first_trial(page, looping) as server:
        wait_until(page, PLAYING)
        assert page.evaluate(f"{ON}.every(clip => clip.muted && clip.playsInline && !clip.loop)")
        assert page.evaluate(f"{ON}.map(clip => clip.previousSibling.getAttribute('aria-label'))") == [
            "Left clip",
            "Right clip",
        ]
        page.evaluate("window.begun = 0; " + f"{ON}[0].addEventListener('playing', () => window.begun++)")
        wait_until(page, "window.begun >= 2")
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
        page.evaluate("window.begun = 0; " + f"{ON}[0].addEventListener('playing', () => window.begun++)")
        wait_until(page, "window.begun >= 3")
        apart = page.evaluate(f"Math.abs({ON}[0].currentTime - {ON}[1].currentTime)")
    assert apart < 0.1


def test_a_browser_that_does_not_announce_frames_plays_and_records_what_it_can(
    page: Any, looping: Study
) -> None:
    page.add_init_script("delete HTMLVideoElement.prototype.requestVideoFrameCallback;")
    with at_the_first_trial(page, playing(looping, play="once", again=True)) as server:
        seen = set()
        wait_until(page, PLAYING)
        while not page.evaluate(AGAIN):
            seen.add(tuple(page.evaluate(f"{ON}.map({NUMBER})")))
        assert page.evaluate(f"{ON}.map({NUMBER})") == [11, 11]
        assert len(seen) > 3
        assert max(abs(left - right) for left, right in seen) <= 2
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
        assert page.evaluate(f"{ON}.map({NUMBER})") == [11, 11]
        assert page.locator("#again").inner_text() == "Play again R"
        page.keyboard.press("r")
        wait_until(page, f"!({AGAIN})")
        wait_until(page, AGAIN)
        page.click("#again")
        wait_until(page, f"!({AGAIN})")
        page.wait_for_timeout(100)
        record = answer(page)
        assert record["plays"] == 3
        assert page.locator("#again").is_hidden()


# Clips that are shown stand still until the test says so.
STANDING = """
    const play = HTMLMediaElement.prototype.play;
    const wait = ms => new Promise(done => setTimeout(done, ms));
    HTMLMediaElement.prototype.play = async function () {
        while (this.previousSibling?.style.opacity === '1' && !window.mayMove) await wait(20);
        return play.call(this);
    };"""


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
        wait_until(page, ANSWERING)
        assert page.evaluate(NOTE) == ""
        record = answer(page)
    assert record["plays"] >= 2
    assert record["response_ms"] < 10_000


def test_nothing_lies_over_the_button_that_plays_again(page: Any, looping: Study) -> None:
    study = asking(looping, CLOSE, prompts=("A red car.",), play="once", again=True, must_see_all=True)
    overlap = """() => {
        const [a, b] = ['note', 'again'].map(id => document.getElementById(id).getBoundingClientRect());
        return a.height > 0 && a.bottom > b.top && b.bottom > a.top; }"""
    with at_the_first_trial(page, study):
        wait_until(page, f"{ON}.length === 2")
        assert page.evaluate(NOTE).startswith("Watch both clips.")
        assert page.evaluate(overlap) is False
        wait_until(page, ANSWERING)
        lowest = page.evaluate("document.querySelector('.answers').getBoundingClientRect().bottom")
        assert page.locator("#again").bounding_box()["y"] >= lowest
        page.wait_for_timeout(150)
        page.keyboard.press("3")
        wait_until(
            page, "JSON.parse(localStorage.getItem(Object.keys(localStorage)[0])).answers.length === 1"
        )
        assert stored(page)["answers"][0]["plays"] == 1


def test_an_exposure_is_a_glimpse_of_motion_and_then_the_mask(
    page: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("limited")
    study = with_clips(make_study(folder, experiment((400,), 2), 6, (64, 64)), frames=60)
    with at_the_first_trial(page, study) as server:
        for _ in range(2):
            wait_until(page, READY)
            assert page.evaluate(f"{CLIPS}.every(clip => clip.paused && clip.currentTime === 0)")
            assert page.evaluate(f"{CLIPS}.every(clip => {NUMBER}(clip) === 0)")
            page.keyboard.press("Space")
            wait_until(page, PLAYING)
            wait_until(page, ANSWERING)
            assert page.evaluate(f"{ON}.length") == 0
            assert page.evaluate(f"{CLIPS}.every(clip => clip.paused)")
            record = answer(page)
            assert record["plays"] == 1
            assert record["shown_ms"] > 300
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


def test_a_stall_is_said_counted_and_flagged_but_not_shown_again_where_clips_loop(
    page: Any, looping: Study
) -> None:
    with at_the_first_trial(page, looping):
        wait_until(page, PLAYING)
        page.evaluate(f"{ON}[0].dispatchEvent(new Event('waiting'))")
        assert page.evaluate(NOTE) == "The clips stopped for a moment. They will go on by themselves."
        record = answer(page)
        assert record["stalls"] >= 1
        assert "stall" in record["flags"]
        assert stored(page)["again"] == []


def test_what_played_once_and_stalled_is_shown_again_at_the_end(page: Any, looping: Study) -> None:
    with at_the_first_trial(page, playing(with_more_frames(looping), play="once")):
        wait_until(page, PLAYING)
        page.evaluate(f"{ON}[0].dispatchEvent(new Event('waiting'))")
        answer(page)
        state = stored(page)
        assert 0 in state["again"]
        for _ in range(3):
            answer(page)
        wait_until(page, f"{ON}.length === 2")
        assert page.locator("#count").inner_text().startswith("Repeated pair 1 of")
        assert answer(page)["repeat"] == 1


def test_where_every_pair_is_flagged_few_are_shown_again_and_the_hit_ends(page: Any, looping: Study) -> None:
    """As on a computer that is too slow for the clips: a quarter of the trials, 2 at least, once each."""
    with at_the_first_trial(page, playing(with_more_frames(looping), play="once")) as server:
        for place in range(6):
            wait_until(page, PLAYING)
            page.evaluate(f"{ON}[0].dispatchEvent(new Event('waiting'))")
            record = answer(page)
            assert "stall" in record["flags"]
            assert record.get("repeat") == (1 if place >= 4 else None)
        assert len(stored(page)["again"]) == 2
        assert len(submit(page, server).answers) == 6


def test_a_browser_that_refuses_to_play_is_noticed_and_said(page: Any, looping: Study) -> None:
    page.add_init_script(
        "window.refuse = true; const play = HTMLMediaElement.prototype.play;"
        "HTMLMediaElement.prototype.play = function () { return window.refuse"
        " ? Promise.reject(new DOMException('no', 'NotAllowedError')) : play.call(this); };"
    )
    with serving_strictly(looping) as server:
        page.goto(server.address())
        page.click("#agree")
        page.click("#start")
        page.wait_for_selector("#sorry:not([hidden])")
        assert page.locator("#sorry-title").inner_text() == "The clips did not start"
        assert "Try again" in page.locator("#sorry-text").inner_text()
        page.evaluate("window.refuse = false")
        page.click("#retry")
        wait_until(page, PLAYING)
        assert page.locator("#sorry-title").evaluate("title => title.textContent") == "A clip did not load"


def test_a_hidden_page_plays_nothing_and_both_go_on_together(page: Any, looping: Study) -> None:
    hide = (
        "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange')); }"
    )
    with at_the_first_trial(page, with_more_frames(looping)):
        wait_until(page, PLAYING)
        page.evaluate(hide, True)
        assert page.evaluate(f"{ON}.every(clip => clip.paused)")
        page.evaluate(hide, False)
        wait_until(page, PLAYING)
        assert answer(page)["plays"] == 1


LATE = """() => {
    const play = HTMLMediaElement.prototype.play, late = window.late = new WeakSet();
    HTMLMediaElement.prototype.play = function () {
        if (this.parentNode.id !== 'right' || late.has(this)) return play.call(this);
        late.add(this);
        setTimeout(() => play.call(this), 250);
        return Promise.resolve();
    };
    window.moves = [];
    const look = () => {
        const frames = [...document.querySelectorAll('#trial video')]
            .filter(clip => clip.previousSibling.style.opacity === '1').map(clip => clip.seen.drawn);
        if (frames.some(frame => frame > 0)) window.moves.push(frames);
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""


def test_a_clip_that_starts_first_waits_for_the_other(page: Any, looping: Study) -> None:
    with at_the_first_trial(page, with_more_frames(looping)):
        wait_until(page, PLAYING)
        answer(page)
        page.evaluate(LATE)
        wait_until(page, PLAYING)
        answer(page)
        page.evaluate("window.moves = []")
        wait_until(page, "window.moves.length > 0")
        left, right = page.evaluate("window.moves[0]")
        assert left == right
        assert page.evaluate(f"{ON}.every(clip => clip.playbackRate === 1)")
        assert answer(page)["skew_ms"] == 0


def with_more_frames(study: Study) -> Study:
    """Return the study with clips that take a while."""
    return with_clips(study, frames=150, kinds=1, size=(64, 64))


def test_a_reload_during_a_pair_shows_it_from_its_first_frame(page: Any, looping: Study) -> None:
    with at_the_first_trial(page, looping) as server:
        wait_until(page, PLAYING)
        page.goto(server.address())
        page.click("#start")
        wait_until(page, PLAYING)
        assert "reload" in answer(page)["flags"]


def test_a_clip_that_does_not_arrive_is_said(page: Any, looping: Study) -> None:
    page.route("**/media/**", lambda route: route.fulfill(status=404, body="no"))
    with serving_strictly(looping) as server:
        page.goto(server.address())
        page.click("#agree")
        page.click("#start")
        page.wait_for_selector("#sorry:not([hidden])")
        assert page.locator("#sorry-title").inner_text() == "A clip did not load"
        page.unroute("**/media/**")
        page.click("#retry")
        wait_until(page, PLAYING)


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
