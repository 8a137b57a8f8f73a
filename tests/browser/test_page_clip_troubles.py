"""The page of a study of clips where something goes wrong: stalls, late frames, refusals, a hidden page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.exposures import stored, wait_until
from tests.browser.clip_runs import (
    AGAIN,
    ENDED,
    NOTE,
    NUMBER,
    ON,
    PLAYING,
    PLAYS,
    STANDING,
    answer,
    at_the_first_trial,
    playing,
    with_more_frames,
)
from tests.browser.page_runs import IN_CHROMIUM, serving_strictly, submit

if TYPE_CHECKING:
    from glimpse.study import Study

pytestmark = IN_CHROMIUM


def test_a_stall_is_said_counted_and_flagged_but_not_shown_again_where_clips_loop(
    page: Any, looping: Study
) -> None:
    with at_the_first_trial(page, looping):
        # In one go, since the note goes when the clips begin again.
        stall = f"{PLAYING} && {ON}[0].dispatchEvent(new Event('waiting')) && {NOTE}"
        wait_until(page, f"({stall}) === 'The clips stopped for a moment. They will go on by themselves.'")
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


def sorry_at_the_start(page: Any, address: str) -> str:
    """Go through consent and instructions; return the title of what the page then apologizes for."""
    page.goto(address)
    page.click("#agree")
    page.click("#start")
    page.wait_for_selector("#sorry:not([hidden])")
    title: str = page.locator("#sorry-title").inner_text()
    return title


def test_a_browser_that_refuses_to_play_is_noticed_and_said(page: Any, looping: Study) -> None:
    page.add_init_script(
        "window.refuse = true; const play = HTMLMediaElement.prototype.play;"
        "HTMLMediaElement.prototype.play = function () { return window.refuse"
        " ? Promise.reject(new DOMException('no', 'NotAllowedError')) : play.call(this); };"
    )
    with serving_strictly(looping) as server:
        assert sorry_at_the_start(page, server.address()) == "The clips did not start"
        assert "Try again" in page.locator("#sorry-text").inner_text()
        page.evaluate("window.refuse = false")
        page.click("#retry")
        wait_until(page, PLAYING)
        assert page.locator("#sorry-title").evaluate("title => title.textContent") == "A clip did not load"


HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
    document.dispatchEvent(new Event('visibilitychange')); }"""


def test_a_hidden_page_plays_nothing_and_both_go_on_together(page: Any, looping: Study) -> None:
    with at_the_first_trial(page, with_more_frames(looping)):
        wait_until(page, PLAYING)
        page.evaluate(HIDE, True)
        assert page.evaluate(f"{ON}.every(clip => clip.paused)")
        page.evaluate(HIDE, False)
        wait_until(page, PLAYING)
        assert answer(page)["plays"] == 1


def test_a_first_play_before_which_the_page_was_left_counts_once(page: Any, looping: Study) -> None:
    page.add_init_script(STANDING)
    with at_the_first_trial(page, playing(looping, play="once")):
        wait_until(page, f"{PLAYS} === 1")
        page.evaluate(HIDE, True)
        page.evaluate(HIDE, False)
        wait_until(page, f"{PLAYS} === 2")
        page.evaluate("window.mayMove = true")
        wait_until(page, ENDED)
        assert answer(page)["plays"] == 1


def test_a_play_during_which_the_page_was_left_counts_once(page: Any, looping: Study) -> None:
    with at_the_first_trial(page, playing(looping, play="once", again=True)):
        wait_until(page, AGAIN)
        left = f"[true, false].forEach({HIDE})"
        page.evaluate(f"() => {{ {ON}[0].addEventListener('seeking', () => {left}, {{once: true}}); }}")
        page.keyboard.press("r")
        wait_until(page, f"{PLAYS} >= 2 && {AGAIN}")
        assert answer(page)["plays"] == 2


LATE = """() => {
    const play = HTMLMediaElement.prototype.play, late = new WeakSet();
    HTMLMediaElement.prototype.play = function () {
        if (this.parentNode.id !== 'right' || late.has(this)) return play.call(this);
        late.add(this);
        setTimeout(() => play.call(this), 250);
        return Promise.resolve();
    };
    window.moves = new Map();  // the frames with which each pair began to move
    const look = () => {
        const clips = [...document.querySelectorAll('#trial video')]
            .filter(clip => clip.previousSibling.style.opacity === '1');
        const frames = clips.map(clip => clip.seen.drawn);
        if (frames.some(frame => frame > 0) && !moves.has(clips[0])) moves.set(clips[0], frames);
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""


def test_a_clip_that_starts_first_waits_for_the_other(page: Any, looping: Study) -> None:
    with at_the_first_trial(page, with_more_frames(looping)):
        wait_until(page, PLAYING)
        answer(page)
        page.evaluate(LATE)
        wait_until(page, "moves.size === 1")
        answer(page)
        wait_until(page, "moves.size === 2")
        left, right = page.evaluate("[...moves.values()][1]")
        assert left == right
        assert page.evaluate(f"{ON}.every(clip => clip.playbackRate === 1)")
        assert answer(page)["skew_ms"] == 0


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
        assert sorry_at_the_start(page, server.address()) == "A clip did not load"
        page.unroute("**/media/**")
        page.click("#retry")
        wait_until(page, PLAYING)


# A computer so slow that the frames of a clip's last part are there only after its end.
LATE_FRAMES = """
    const draw = CanvasRenderingContext2D.prototype.drawImage;
    CanvasRenderingContext2D.prototype.drawImage = function (clip, ...place) {
        if (clip.ended) clip.since ??= performance.now();
        if (clip.currentTime < 0.25 || performance.now() > clip.since + 200) draw.call(this, clip, ...place);
    };"""


def test_last_frames_that_come_late_are_shown(page: Any, looping: Study) -> None:
    page.add_init_script(LATE_FRAMES)
    with at_the_first_trial(page, playing(looping, play="once")):
        wait_until(page, ENDED)
        wait_until(page, f"{ON}.map({NUMBER}).join() === '11,11'")
