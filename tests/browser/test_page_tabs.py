"""One assignment in two tabs, and an assignment that ends while its page is open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.exposures import (
    ANSWERING,
    READY,
    do_trial,
    experiment,
    make_study,
    start,
    stored,
    wait_until,
)
from glimpse.mturk.page.previewing import address_on_disk
from glimpse.mturk.server.pages.progress import REFUSALS
from tests.browser.page_runs import ASKED_LATER, IN_CHROMIUM, serving_strictly, submit, until, watch_images

if TYPE_CHECKING:
    from glimpse.study import Study

pytestmark = IN_CHROMIUM

NO_LOCKS = "Object.defineProperty(navigator, 'locks', {value: undefined})"
BEGUN = "Object.entries(localStorage).some(([key, text]) => /^glimpse:/.test(key) && JSON.parse(text).open)"
STOPPED = "!document.getElementById('stop').hidden"
BUSY = [
    "This task is open in another tab",
    "Go back to that tab, or press \u201cContinue here\u201d to work in this one.",
]
MOVED = [
    "This task was continued elsewhere",
    "You are working on it in another tab or browser; this one takes no more answers.",
]
OUT = [
    "You are signed out",
    (
        "This tab keeps your answers. Open the task or sign in again in another tab, then press "
        "\u201cContinue here\u201d."
    ),
]
TIME = [
    "Time is up",
    (
        "The server has kept the answers it received, but they do not count for the study. "
        "If you can accept the task again, you will continue where you stopped."
    ),
]


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    design = experiment((60,), 6)
    return make_study(tmp_path_factory.mktemp("tabs"), design, 8, (320, 160))


def told(page: Any) -> list[str]:
    """Wait until the page has stopped; return its title and text."""
    wait_until(page, STOPPED)
    return [page.locator(name).inner_text() for name in ("#stop-title", "#stop-text")]


def answer(page: Any, count: int) -> None:
    """Answer so many trials, and wait until the last answer is stored."""
    before = len((stored(page) or {"answers": []})["answers"])
    for _ in range(count):
        assert do_trial(page)
    wait_until(page, READY)
    assert len(stored(page)["answers"]) == before + count


@pytest.mark.parametrize("locks", [True, False], ids=["locks", "storage"])
def test_one_tab_works_at_a_time(tabs: Any, timed: Study, *, locks: bool) -> None:
    if not locks:
        tabs.add_init_script(NO_LOCKS)
    with serving_strictly(timed, progress=True) as server:
        first = tabs.new_page()
        start(first, server.address())
        answer(first, 3)
        second = tabs.new_page()
        second.goto(server.address())
        assert told(second) == BUSY
        first.bring_to_front()
        answer(first, 1)
        kept = stored(first)["answers"]

        second.bring_to_front()
        second.click("#here")
        assert told(first) == MOVED
        second.wait_for_selector("#instructions:not([hidden])")
        assert second.locator("#check").inner_text() == "Welcome back. Pair 5 of 6 comes next."
        second.click("#start")
        answer(second, 1)
        assert stored(second)["answers"][:4] == kept
        first.bring_to_front()
        first.keyboard.press("Space")
        first.keyboard.press("ArrowLeft")
        assert told(first) == MOVED

        first.click("#here")
        assert told(second) == MOVED
        first.click("#start")
        answer(first, 1)
        answers = stored(first)["answers"]
        assert [a["trial"] for a in answers] == [trial.trial for trial in timed.trials]
        # The last save is under way when the page says that this was the last pair.
        until(first, lambda: json.loads(server.saved or b"")["answers"] == answers)


def test_a_tab_that_waits_goes_on_when_the_other_is_closed(tabs: Any, timed: Study) -> None:
    with serving_strictly(timed) as server:
        first = tabs.new_page()
        start(first, server.address())
        answer(first, 2)
        second = tabs.new_page()
        second.goto(server.address())
        assert told(second) == BUSY
        first.close()
        second.wait_for_selector("#instructions:not([hidden])")
        assert second.locator("#check").inner_text() == "Welcome back. Pair 3 of 6 comes next."


@pytest.mark.parametrize("locks", [True, False], ids=["locks", "storage"])
def test_a_reload_is_not_another_tab(tabs: Any, timed: Study, *, locks: bool) -> None:
    if not locks:
        tabs.add_init_script(NO_LOCKS)
    with serving_strictly(timed) as server:
        page = tabs.new_page()
        start(page, server.address())
        answer(page, 1)
        for _ in range(4):
            page.reload()
            page.wait_for_selector("#instructions:not([hidden])")
            assert page.locator("#stop").is_hidden()


def test_a_page_from_the_disk_has_one_tab_too(tabs: Any, timed: Study) -> None:
    address = address_on_disk(timed, timed.hits[0].hit, accepted=True)
    first = tabs.new_page()
    start(first, address)
    answer(first, 1)
    second = tabs.new_page()
    second.goto(address)
    assert told(second) == BUSY
    second.click("#here")
    assert told(first) == MOVED
    second.wait_for_selector("#instructions:not([hidden])")
    assert second.locator("#check").inner_text() == "Welcome back. Pair 2 of 6 comes next."


def test_a_frame_without_an_origin_works_alone(tabs: Any, timed: Study) -> None:
    """There are neither locks nor storage, nobody to ask, and nothing to wait for."""
    with serving_strictly(timed) as server:
        page = tabs.new_page()
        frame = f'<iframe src="{server.address()}" width="1300" height="720" sandbox="allow-scripts">'
        page.route("**/outer", lambda route: route.fulfill(content_type="text/html", body=frame))
        page.goto(server.origin + "/outer")
        inner = page.frame_locator("iframe")
        inner.locator("#agree").click()
        inner.locator("#start").click()
        inner.locator("#go:enabled").wait_for()
        assert inner.locator("#stop").is_hidden()


def test_taking_over_during_an_exposure_shows_nothing_more(tabs: Any, timed: Study) -> None:
    with serving_strictly(timed) as server:
        first = tabs.new_page()
        start(first, server.address())
        second = tabs.new_page()
        second.goto(server.address())
        assert told(second) == BUSY
        first.bring_to_front()
        wait_until(first, READY)
        first.keyboard.press("Space")
        wait_until(first, BEGUN)
        second.evaluate("document.getElementById('here').click()")
        assert told(first) == MOVED
        watch_images(first)
        first.wait_for_timeout(900)
        assert first.evaluate("window.brightest") <= 0.01
        second.bring_to_front()
        second.click("#start")
        wait_until(second, ANSWERING)
        assert second.locator("#note").inner_text() == ASKED_LATER


def test_another_browser_has_gone_further(tabs: Any, timed: Study) -> None:
    """The refusal comes from the server; the newest state is the server's."""
    with serving_strictly(timed, progress=True) as server:
        page = tabs.new_page()
        start(page, server.address())
        answer(page, 2)
        further = json.loads(server.saved or b"")
        record = {**further["answers"][0], "trial": timed.trials[2].trial}
        further |= {"seq": further["seq"] + 9, "at": 3, "answers": [*further["answers"], record]}
        server.saved = json.dumps(further).encode()
        server.refusal = {"error": REFUSALS["moved"], "reason": "moved"}
        page.keyboard.press("Space")
        assert told(page) == MOVED
        server.refusal = None
        page.click("#here")
        page.wait_for_selector("#instructions:not([hidden])")
        assert page.locator("#check").inner_text() == "Welcome back. Pair 4 of 6 comes next."
        assert stored(page)["seq"] == further["seq"] + 1
        assert stored(page)["answers"] == further["answers"]


def test_whoever_does_not_agree_leaves_nothing_and_is_told_to_return_the_task(
    tabs: Any, timed: Study
) -> None:
    with serving_strictly(timed) as server:
        page = tabs.new_page()
        page.goto(server.address())
        page.click("#decline")
        assert told(page) == [
            "You are not taking part",
            "Nothing was recorded. If you accepted this task, please return it.",
        ]
        assert page.locator("#here").is_hidden()
        assert server.submitted == []
        assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('glimpse:'))") == []


@pytest.mark.parametrize("reason", sorted(REFUSALS.keys() - {"moved"}))
def test_the_server_says_that_the_assignment_is_over(tabs: Any, timed: Study, reason: str) -> None:
    with serving_strictly(timed, progress=True) as server:
        page = tabs.new_page()
        start(page, server.address())
        answer(page, 2)
        server.refusal = {"error": REFUSALS[reason], "reason": reason, "next": "/after"}
        page.keyboard.press("Space")
        title, text = told(page)
        if reason == "time":
            assert [title, text] == TIME
        else:
            assert [title, text] == ["This task no longer takes answers", REFUSALS[reason]]
        assert page.locator("#here").is_hidden()
        assert page.locator("#out").get_attribute("href") == "/after"
        assert page.evaluate("document.activeElement.id") == "stop-title"
        before = stored(page)["answers"]
        assert len(before) == 2
        for key in ("Space", "ArrowLeft"):
            page.keyboard.press(key)
        page.wait_for_timeout(900)
        assert stored(page)["answers"] == before
        assert page.locator("#trial").is_hidden()


def test_a_refusal_without_words_stops_too(tabs: Any, timed: Study) -> None:
    with serving_strictly(timed, progress=True) as server:
        page = tabs.new_page()
        start(page, server.address())
        wait_until(page, READY)
        page.route("**/progress", lambda route: route.fulfill(status=409, body="no"))
        page.keyboard.press("Space")
        assert told(page) == ["This task no longer takes answers", "Go back to the list of tasks to see why."]


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("storage", [True, False], ids=["storage", "no storage"])
def test_whoever_is_signed_out_keeps_every_answer(
    tabs: Any, timed: Study, status: int, *, storage: bool
) -> None:
    if not storage:
        tabs.add_init_script(
            "delete window.localStorage; Object.defineProperty(window, 'localStorage', {value: null})"
        )
    with serving_strictly(timed, progress=True) as server:
        page = tabs.new_page()
        start(page, server.address())
        for _ in range(2):
            assert do_trial(page)
        wait_until(page, READY)
        page.route("**/progress", lambda route: route.fulfill(status=status, body="no"))
        page.keyboard.press("Space")
        assert told(page) == OUT
        with page.expect_response("**/progress"):
            page.click("#here")
        assert told(page) == OUT, "not signed in yet"
        page.unroute("**/progress")
        page.click("#here")
        page.wait_for_selector("#instructions:not([hidden])")
        page.click("#start")
        wait_until(page, ANSWERING)
        assert page.locator("#note").inner_text() == ASKED_LATER
        page.keyboard.press("ArrowLeft")
        while do_trial(page):
            pass
        page.route("**/progress", lambda route: route.fulfill(status=status, body="no"))
        page.click("#send")
        assert told(page) == OUT
        assert server.submitted == []
        page.unroute("**/progress")
        page.click("#here")
        page.wait_for_selector("#done:not([hidden])")
        submission = submit(page, server)
        answered = list(dict.fromkeys(answer.trial for answer in submission.answers))
        assert answered == [trial.trial for trial in timed.trials]


def test_the_deadline_comes_without_network(tabs: Any, timed: Study) -> None:
    with serving_strictly(timed, progress=True) as server:
        page = tabs.new_page()
        start(page, server.address())
        answer(page, 1)
        left = iter([{"X-Seconds-Left": "1"}])

        def then_no_network(route: Any) -> None:
            said = next(left, None)
            route.fulfill(status=204, headers=said) if said else route.abort()

        page.route("**/progress", then_no_network)
        page.keyboard.press("Space")  # a pair is saved as soon as it begins
        assert told(page) == TIME
        assert len(stored(page)["answers"]) == 1
        assert page.locator("#trial").is_hidden()
