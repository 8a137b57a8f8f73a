"""The page in other conditions: slow images, breaks, keyboard alone, forced colours, little room."""

from __future__ import annotations

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
from tests.browser.page_runs import IN_CHROMIUM, serving_strictly, watch_images

if TYPE_CHECKING:
    from glimpse.study import Study

pytestmark = IN_CHROMIUM

NOTE = "document.getElementById('note').textContent"


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    design = experiment((60,), 4, break_every=2)
    return make_study(tmp_path_factory.mktemp("conditions"), design, 8, (320, 160))


def hold_back(page: Any) -> Any:
    """Let every image wait; return a function that lets go those that were asked for so far."""
    waiting: list[Any] = []

    def hold(route: Any) -> None:
        waiting.append(route)

    page.route("**/media/**", hold)

    def release() -> None:
        while waiting:
            waiting.pop(0).continue_()
        page.wait_for_timeout(50)

    return release


def test_slow_images_are_waited_for(page: Any, timed: Study) -> None:
    release = hold_back(page)
    with serving_strictly(timed) as server:
        start(page, server.address())
        watch_images(page)
        for _ in range(40):
            page.keyboard.press("Space")
            page.wait_for_timeout(50)
            assert page.locator("#go").is_disabled()
        assert page.evaluate(NOTE) == "Loading the images \u2026"
        assert page.locator("#note").get_attribute("role") == "status"
        assert page.evaluate("window.brightest") <= 0.01
        assert stored(page)["open"] is None
        while not page.evaluate(READY):
            release()
        assert page.evaluate(NOTE) == ""
        page.keyboard.press("Space")
        wait_until(page, ANSWERING)
        page.unroute("**/media/**")


def test_a_break_comes_once_and_space_ends_it(page: Any, timed: Study) -> None:
    with serving_strictly(timed) as server:
        start(page, server.address())
        for _ in range(2):
            assert do_trial(page)
        page.wait_for_selector("#pause:not([hidden])")
        assert page.locator("#pause-text").inner_text() == "2 of 4 pairs done, 2 to go."
        assert page.evaluate("document.activeElement.id") == "pause-title"
        page.keyboard.press("Space")
        page.wait_for_selector("#trial:not([hidden])")
        page.reload()
        page.click("#start")
        page.wait_for_selector("#trial:not([hidden])")
        assert do_trial(page)
        wait_until(page, READY)
        assert len(stored(page)["answers"]) == 3


@pytest.mark.parametrize("key", ["Space", "Enter"])
def test_by_tab_and_one_key_alone(page: Any, timed: Study, key: str) -> None:
    with serving_strictly(timed) as server:
        page.goto(server.address())
        wait_until(page, "!document.getElementById('consent').hidden")
        for button in ("agree", "start"):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.id") == button
            page.keyboard.press(key)
        page.wait_for_selector("#trial:not([hidden])")
        wait_until(page, READY)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "go"
        page.keyboard.press(key)
        wait_until(page, ANSWERING)
        for button in ("pick-left", "pick-right"):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.id") == button
        page.keyboard.press(key)
        wait_until(page, READY)
        assert [answer["side"] for answer in stored(page)["answers"]] == ["right"]
        assert page.evaluate("document.activeElement.id") == "trial"


@pytest.mark.parametrize("colours", [{"color_scheme": "dark"}, {"forced_colors": "active"}])
def test_the_stage_stays_grey(window: Any, timed: Study, colours: dict[str, str]) -> None:
    page = window(**colours).new_page()
    with serving_strictly(timed) as server:
        start(page, server.address())
        grey = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        cross = page.evaluate(
            "getComputedStyle(document.querySelector('.stage .cross'), '::before').backgroundColor"
        )
        assert (grey, cross) == ("rgb(163, 163, 163)", "rgb(20, 20, 20)")


@pytest.mark.parametrize(("width", "height"), [(800, 600), (1366, 768), (748, 410)])
def test_the_trial_fits_the_window(window: Any, timed: Study, width: int, height: int) -> None:
    page = window(width, height).new_page()
    with serving_strictly(timed) as server:
        start(page, server.address())
        wait_until(page, READY)
        page.keyboard.press("Space")
        wait_until(page, ANSWERING)
        for name in ("#count", "#left", "#right", "#pick-left", "#pick-right"):
            box = page.locator(name).bounding_box()
            assert box["x"] >= 0
            assert box["y"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= height
