"""Whole HITs in a real browser: by keyboard, mouse, after a reload, in preview, offline, on a phone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.exposures import (
    ANSWERING,
    READY,
    do_trial,
    draw_images,
    experiment,
    make_study,
    served,
    start,
    stored,
    wait_until,
)
from glimpse.experiment import designed, preset
from glimpse.mturk.building.building import Making, build
from glimpse.mturk.design.stimuli import find_images
from glimpse.submission import ONLY
from tests.browser.page_runs import (
    ANSWERED,
    ASKED_LATER,
    BLUR_AT_ONSET,
    CONTRASTS,
    IN_CHROMIUM,
    NOTES,
    open_at_the_end,
    serving_strictly,
    submit,
    until,
    watch_images,
)

if TYPE_CHECKING:
    from glimpse.study import Study

pytestmark = IN_CHROMIUM


SIZE = (320, 160)


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    design = experiment((60, 125), 2, sentinels_per_hit=1, sentinel_exposure_ms=125, break_every=3)
    return make_study(tmp_path_factory.mktemp("timed"), design, 6, SIZE)


@pytest.fixture(scope="module")
def untimed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("untimed")
    draw_images(folder / "images", ("crn", "real", "pix2pix"), 6, SIZE)
    design = designed(
        preset("unlimited-time"),
        contrasts=(("crn", "pix2pix"),),
        real="real",
        sentinel=None,
        trials_per_cell=4,
        sentinels_per_hit=1,
        practice_trials=1,
        hits_per_batch=1,
        break_every=0,
    )
    return build(find_images(folder / "images"), design, folder / "study", Making(seed=2, versions={})).study


def pass_break(page: Any) -> None:
    wait_until(page, f"{READY} || !document.getElementById('pause').hidden")
    if not page.locator("#pause").is_hidden():
        page.keyboard.press("Space")


def check_answers(study: Study, submission: Any, sides: set[str] | None = None) -> None:
    """Every trial is there, in order, with what was measured."""
    first = [answer for answer in submission.answers if not answer.repeat]
    assert [answer.trial for answer in first] == [trial.trial for trial in study.trials_of(study.hits[0].hit)]
    assert (submission.study, submission.hit) == (study.study, study.hits[0].hit)
    assert set(submission.page) == {
        "user_agent",
        "viewport",
        "image_size",
        "device_pixel_ratio",
        "refresh_hz",
        "focus_losses",
    }
    for answer in submission.answers:
        assert answer.response_ms[ONLY] > 0
        assert answer.onset_ms > 0
        assert sides is None or answer.choices[ONLY] in sides
        if answer.shown_ms is None:
            assert answer.frames is None
        else:
            assert abs(answer.shown_ms - answer.frames * 1000 / submission.page["refresh_hz"]) < 10


def test_a_timed_hit_by_keyboard(page: Any, timed: Study) -> None:
    with serving_strictly(timed, progress=True) as server:
        start(page, server.address())
        while True:
            pass_break(page)
            if not do_trial(page, key="KeyJ"):
                break
        submission = submit(page, server)
        assert server.puts >= len(submission.answers)
    check_answers(timed, submission, {"right"})
    nominal = {trial.trial: trial.exposure_ms for trial in timed.trials}
    for answer in submission.answers:
        if not answer.flags:
            assert abs(answer.shown_ms - nominal[answer.trial]) <= 17


def test_a_timed_hit_by_mouse(page: Any, timed: Study) -> None:
    with serving_strictly(timed) as server:
        start(page, server.address())
        for number in range(100):
            wait_until(page, f"{READY} || !document.getElementById('pause').hidden")
            if not page.locator("#done").is_hidden():
                break
            if not page.locator("#pause").is_hidden():
                page.click("#continue")
                wait_until(page, READY)
            page.click("#go")
            wait_until(page, ANSWERING)
            page.click("#pick-left" if number % 2 else "#left")
        check_answers(timed, submit(page, server), {"left"})


@pytest.mark.parametrize("way", ["keyboard", "mouse"])
def test_an_untimed_hit(page: Any, untimed: Study, way: str) -> None:
    count = untimed.hits[0].trials
    page.add_init_script(NOTES)
    with serving_strictly(untimed) as server:
        start(page, server.address())
        assert page.locator("#count").inner_text() == "Practice pair 1 of 1"
        for number in range(count):
            wait_until(page, ANSWERING)
            page.keyboard.press("Space")
            page.wait_for_timeout(150)
            assert page.evaluate(ANSWERING)
            if way == "keyboard":
                page.keyboard.press("ArrowRight")
            else:
                page.click("#pick-right" if number % 2 else "#right")
            wait_until(page, f"{ANSWERED} > {number}")
            if number == 0:
                right = untimed.trials[0].correct_side == "right"
                told = "Yes, that was the photograph." if right else "The photograph was on the left."
                assert told in page.evaluate("notes")
            else:
                assert "photograph" not in page.locator("#trial").inner_text()
        submission = submit(page, server)
    check_answers(untimed, submission, {"right"})
    assert all(answer.shown_ms is None for answer in submission.answers)


@pytest.mark.parametrize("where", ["browser", "server"])
def test_a_reload_loses_nothing_and_gives_no_second_look(page: Any, timed: Study, where: str) -> None:
    with serving_strictly(timed, progress=where == "server") as server:
        if where == "server":
            page.add_init_script(
                "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})"
            )
        start(page, server.address())
        do_trial(page)
        wait_until(page, READY)
        page.keyboard.press("Space")
        wait_until(page, ANSWERING)
        if where == "server":
            until(page, lambda: "onset" in (json.loads(server.saved or b"{}").get("open") or {}))
        page.reload()
        page.wait_for_selector("#instructions:not([hidden])")
        assert page.locator("#check").inner_text() == "Welcome back. Pair 2 of 5 comes next."
        watch_images(page)
        page.click("#start")
        wait_until(page, ANSWERING)
        assert page.locator("#note").inner_text() == ASKED_LATER
        assert page.evaluate("window.brightest") <= 0.01
        page.keyboard.press("ArrowRight")
        while True:
            pass_break(page)
            if not do_trial(page):
                break
        submission = submit(page, server)
    check_answers(timed, submission)
    second = submission.answers[1]
    assert "reload" in second.flags
    assert second.choices[ONLY] == "right"


def test_a_disturbed_exposure_is_flagged_and_shown_once_more(page: Any, timed: Study) -> None:
    with served(timed) as address:
        start(page, address)
        wait_until(page, READY)
        page.evaluate(BLUR_AT_ONSET)
        page.keyboard.press("Space")
        wait_until(page, ANSWERING)
        assert "We record when you leave it" in page.locator("#banner").inner_text()
        page.keyboard.press("ArrowLeft")
        while True:
            pass_break(page)
            if not do_trial(page):
                break
        state = stored(page)
        record = json.loads(page.locator("#record").inner_text())
    first, *_, last = state["answers"]
    assert "blur" in first["flags"]
    assert record["page"]["focus_losses"] >= 1
    again = [answer for answer in state["answers"] if answer["trial"] == first["trial"]]
    assert [answer.get("repeat") for answer in again] == [None, 1]
    assert last.get("repeat") == 1
    assert len(state["answers"]) == 5 + len(state["again"])


def test_before_accepting_nothing_is_shown_recorded_or_fetched(page: Any, timed: Study) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    with serving_strictly(timed) as server:
        page.goto(server.address("ASSIGNMENT_ID_NOT_AVAILABLE"))
        assert "Preview" in page.locator("#banner").inner_text()
        page.click("#agree")
        button = page.locator("#start")
        assert button.is_disabled()
        assert button.inner_text() == "Accept the task to start"
        page.wait_for_timeout(300)
    assert not [url for url in requests if "/media/" in url]
    assert page.evaluate("localStorage.length") == 0


def test_a_server_out_of_reach_keeps_the_answers_on_the_page(page: Any, untimed: Study) -> None:
    with serving_strictly(untimed) as server:
        answers = open_at_the_end(page, untimed, server.address())
        page.route("**/mturk/externalSubmit", lambda route: route.abort())
        page.click("#send")
        wait_until(page, "document.getElementById('sent').textContent.includes('cannot be reached')")
        assert server.submitted == []
        page.unroute("**/mturk/externalSubmit")
        page.wait_for_selector("#thanks", timeout=20_000)
        sent = json.loads(server.submitted[0][1]["answers"][0])
        assert sent["answers"] == answers


@pytest.mark.parametrize("target", ["https://evil.example", "javascript:alert(1)", "//evil.example"])
def test_answers_go_only_where_the_study_allows(page: Any, untimed: Study, target: str) -> None:
    with serving_strictly(untimed) as server:
        open_at_the_end(page, untimed, server.address(turkSubmitTo=target))
        assert page.locator("#send").is_hidden()
        assert "does not allow answers to be sent to" in page.locator("#done-text").inner_text()
        assert '"answers":[' in page.locator("#record").inner_text()


def test_an_image_that_fails_is_fetched_again_and_then_reported(page: Any, untimed: Study) -> None:
    first = untimed.trials[0].stimulus_left
    failures: list[str] = []

    def fail(route: Any) -> None:
        failures.append(route.request.url)
        route.abort()

    with serving_strictly(untimed) as server:
        page.clock.install()
        page.route(f"**/{first}.png*", fail)
        page.goto(server.address())
        page.click("#agree")
        page.click("#start")
        for _ in range(400):
            page.clock.run_for(500)
            if not page.locator("#sorry").is_hidden():
                break
        assert len(failures) >= 4
        assert "did not load" in page.locator("#sorry-title").inner_text()
        page.unroute(f"**/{first}.png*")
        page.click("#retry")
        for _ in range(400):
            page.clock.run_for(100)
            if page.evaluate(ANSWERING):
                break
        assert page.evaluate(ANSWERING)


def test_small_windows_wait_and_phones_are_refused_in_limited_time(
    window: Any, page: Any, timed: Study
) -> None:
    with served(timed) as address:
        page.set_viewport_size({"width": 700, "height": 500})
        page.goto(address)
        page.wait_for_selector("#refuse:not([hidden])")
        assert "at least 748 × 410" in page.locator("#refuse-size").inner_text()
        page.set_viewport_size({"width": 1366, "height": 768})
        page.wait_for_selector("#consent:not([hidden])")
        on_phone = window(390, 844, is_mobile=True, has_touch=True).new_page()
        on_phone.goto(address)
        on_phone.wait_for_selector("#refuse:not([hidden])")
        assert on_phone.locator("#refuse-title").inner_text() == "Please use a computer for this study"


def test_it_works_in_a_frame(page: Any, timed: Study) -> None:
    with serving_strictly(timed) as server:
        page.route(
            "**/outer", lambda route: route.fulfill(content_type="text/html", body=frame(server.address()))
        )
        page.goto(server.origin + "/outer")
        inner = page.frame_locator("iframe")
        inner.locator("#agree").click()
        inner.locator("#start").click()
        inner.locator("#go:enabled").wait_for()
        page.keyboard.press("Space")
        inner.locator("#stage.answering").wait_for()
        page.keyboard.press("ArrowLeft")
        inner.locator("#count", has_text="Pair 2 of 5").wait_for()


def frame(address: str) -> str:
    rights = "allow-scripts allow-forms allow-same-origin"
    return f'<iframe src="{address}" width="1300" height="720" sandbox="{rights}">'


def test_a_held_key_answers_once(page: Any, timed: Study) -> None:
    with served(timed) as address:
        start(page, address)
        wait_until(page, READY)
        page.keyboard.press("Space")
        wait_until(page, ANSWERING)
        page.keyboard.down("ArrowLeft")
        for _ in range(5):
            page.keyboard.down("ArrowLeft")
        wait_until(page, READY)
        assert len(stored(page)["answers"]) == 1


def test_names_contrast_and_labels(page: Any, timed: Study) -> None:
    with served(timed) as address:
        start(page, address)
        wait_until(page, READY)
        page.keyboard.press("Space")
        wait_until(page, ANSWERING)
        names = page.evaluate(
            "[...document.querySelectorAll('button')].map(b => b.ariaLabel || b.textContent.trim())"
        )
        assert all(names)
        assert {"Choose the left image", "Choose the right image"} <= set(names)
        assert page.evaluate("[...document.querySelectorAll('img')].every(image => image.alt)")
        assert page.locator("#count").get_attribute("aria-live") == "polite"
        assert min(page.evaluate(CONTRASTS)) >= 4.5
