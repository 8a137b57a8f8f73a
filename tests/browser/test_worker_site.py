"""Three people in three browsers do a limited-time study on the worker site, as people do."""

import contextlib
import re
import signal
import sqlite3
import time

import pytest

from tests.browser.page_runs import IN_CHROMIUM
from tests.browser.sites import Site, begin, sign_in, step

pytestmark = [*IN_CHROMIUM, pytest.mark.slow]

SHORT = ("--hits-per-batch", 2, "--workers-per-hit", 3)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    running = Site(tmp_path_factory.mktemp("study"), build=SHORT)
    yield running
    running.close()


class Person:
    """Somebody with a browser of their own."""

    def __init__(self, chrome, study):
        self.study = study
        self.problems = []
        self.context = chrome.new_context(viewport={"width": 1366, "height": 768})
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self.heard)

    def heard(self, message):
        if message.type == "error":
            self.problems.append(message.text)

    def sign_in(self, name):
        sign_in(self.page, self.study, name)

    def frame(self):
        return self.page.frame_locator("iframe")

    def begin(self):
        begin(self.frame())

    def step(self):
        return step(self.frame())

    def work(self):
        """Answer every trial and submit."""
        for _ in range(60):
            if self.step() == "send":
                self.page.wait_for_url("**/done", timeout=30_000)
                return
            time.sleep(0.02)
        raise AssertionError("the page never came to its end")

    def heading(self):
        return self.page.locator("main h1").inner_text()


@pytest.fixture
def people(chrome, study):
    three = [Person(chrome, study) for _ in range(3)]
    yield three
    for person in three:
        person.context.close()


def test_three_people_at_once(people, study):
    """One reloads in the middle, one returns the HIT and takes another, one tries twice and is refused."""
    reloads, returns, twice = people
    for person, name in zip(people, ("reloads", "returns", "twice"), strict=True):
        person.sign_in(name)
        person.page.click("text=Preview")
        assert "accept the task" in person.frame().locator("#banner").inner_text()
        person.page.click("button:has-text('Accept')")
        person.begin()
    for person in people:
        person.step()

    reloads.step()
    address = reloads.page.url
    reloads.page.reload()
    assert reloads.page.url == address
    assert "Welcome back" in reloads.frame().locator("#check").inner_text()
    reloads.frame().locator("#start").click()

    returns.page.on("dialog", lambda dialog: dialog.accept())
    returns.page.click("button:has-text('Return')")
    assert returns.heading() == "Returned"
    returns.page.click("text=Do another task")
    returns.frame().locator("#start, #agree").and_(returns.frame().locator(":visible")).first.wait_for()
    if returns.frame().locator("#agree").is_visible():
        returns.frame().locator("#agree").click()
    returns.frame().locator("#start").click()

    for person in people:
        person.work()
        assert person.heading() == "Thank you"

    twice.page.goto(study.url + "/worker/")
    assert "There is nothing to do at the moment" in twice.page.locator("main").inner_text()
    twice.page.goto(f"{study.url}/join/{study.name}")
    twice.page.click("#begin")
    assert twice.page.url.endswith("/done")
    assert twice.heading() == "Thank you"
    assert not any(person.problems for person in people), [person.problems for person in people]

    twice.page.goto(study.dashboard)
    twice.page.click("text=Which image is more realistic?")
    assert twice.page.locator(".tiles b").all_inner_texts()[:2] == ["3 / 6", "0"]


def test_the_join_page_asks_for_the_window_that_the_page_needs(people, study):
    person = people[0]
    width, height = 2 * 256 + 108, 128 + 250 + 56
    for size in ((width - 1, height), (width, height - 1)):
        person.page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
        person.page.goto(f"{study.url}/join/{study.name}?PROLIFIC_PID=p1")
        assert person.page.locator("#begin").is_disabled()
        said = person.page.locator("#screen").inner_text()
        assert f"a window of at least {width} by {height} pixels. Please make the window larger" in said
    person.page.set_viewport_size({"width": width, "height": height})
    person.page.wait_for_selector("#begin:enabled")
    person.page.click("#begin")
    assert "/worker/assignments/" in person.page.url
    person.frame().locator("#consent").wait_for(timeout=10_000)
    assert re.fullmatch(r"(29|30):\d\d", person.page.locator("#countdown").inner_text())
    person.page.set_viewport_size({"width": width, "height": height - 1})
    person.frame().locator("#refuse").wait_for(timeout=10_000)
    assert not person.problems


def test_price_time_and_return_stand_whole_above_the_page_on_a_narrow_screen(people, study):
    person = people[0]
    person.page.goto(f"{study.url}/join/{study.name}?PROLIFIC_PID=p2")
    person.page.click("#begin")
    for width in (390, 320):
        person.page.set_viewport_size({"width": width, "height": 800})
        bar = person.page.locator(".bar").bounding_box()
        assert bar["height"] == 56
        for part in (".facts b:first-child", "#countdown", "text=Return"):
            box = person.page.locator(f".bar {part}" if part[0] != "t" else part).first.bounding_box()
            assert box["x"] >= 0, (width, part, box)
            assert box["x"] + box["width"] <= width, (width, part, box)
        assert person.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    running = Site(tmp_path_factory.mktemp("lab"), "--lab", build=SHORT)
    yield running
    running.close()


def enter(person, name):
    person.page.fill("#participant", name)
    person.page.click("#begin")
    person.page.wait_for_url("**/assignments/*")


def let_time_pass(site, assignment):
    """Let an assignment's half hour be over, as if the server had been away meanwhile."""
    site.kill(signal.SIGTERM)
    with contextlib.closing(sqlite3.connect(site.folder / "server" / "server.sqlite3")) as database, database:
        database.execute(
            "UPDATE assignments SET deadline = ? WHERE assignment_id = ?", (time.time(), assignment)
        )
    site.start()


def test_participants_of_a_lab_take_turns_at_one_browser(chrome, lab):
    person = Person(chrome, lab)
    link = f"{lab.url}/join/{lab.name}"
    person.page.goto(link)
    enter(person, "P01")
    assert person.page.locator(".bar").bounding_box()["height"] == 40
    person.begin()
    person.work()
    assert person.heading() == "Thank you"
    person.page.click("text=Next participant")
    assert person.page.url == link

    enter(person, "P02")
    person.page.on("dialog", lambda dialog: dialog.accept())
    person.page.click("text=Return")
    assert person.heading() == "Returned"
    person.page.click("text=Next participant")

    enter(person, "P03")
    address = person.page.url
    person.begin()
    person.step()
    person.step()
    person.page.goto(link)  # what is open after a crash
    assert "P03" not in person.page.content()
    enter(person, "P03")
    assert person.page.url == address
    assert "Welcome back" in person.frame().locator("#check").inner_text()

    let_time_pass(lab, address.rpartition("/")[2])
    person.page.wait_for_url("**/done", timeout=60_000)
    assert person.heading() == "Time is up"
    assert "Your answers are not part of the study." in person.page.locator("main").inner_text()
    person.page.click("text=Next participant")
    enter(person, "P04")
    assert not person.problems
    person.context.close()


def test_no_answer_is_taken_after_the_time_although_the_server_is_away(chrome, lab):
    person = Person(chrome, lab)
    person.page.clock.install()
    person.page.goto(f"{lab.url}/join/{lab.name}")
    enter(person, "P05")
    person.frame().locator("#agree").wait_for()
    person.page.route("**/state", lambda route: route.abort())
    person.page.clock.fast_forward(31 * 60_000)
    person.page.locator("#over").wait_for(timeout=10_000)
    assert person.page.locator("#over h1").inner_text() == "Time is up"
    said = person.page.locator("#over p").inner_text()
    assert said == "This task no longer takes answers. Please wait a moment."
    assert not person.page.locator("#work").is_visible()
    person.context.close()


def test_whoever_does_not_agree_gives_the_place_back_and_finds_the_way_back(people, study):
    person = people[0]
    person.page.goto(f"{study.url}/join/{study.name}?PROLIFIC_PID=p9&STUDY_ID=s&SESSION_ID=e")
    person.page.click("#begin")
    person.frame().locator("#decline").click()
    person.page.wait_for_url("**/done?declined")
    assert person.heading() == "You are not taking part"
    said = person.page.locator("main").inner_text()
    assert "We recorded no answers, and somebody else can take your place." in said
    assert "Go back to Prolific and return your submission there" in said
    assert not person.problems


def test_an_injected_script_does_not_run(people, study):
    """The policy of the requester's page lets only what stands in it run."""
    person = people[0]
    person.sign_in("curious")
    person.page.click("text=Preview")
    person.frame().locator("#agree").wait_for()
    frame = person.page.wait_for_selector("iframe").content_frame()
    ran = frame.evaluate(
        """() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';
        document.body.append(s); return window.ran === 1; }"""
    )
    assert ran is False
    assert any("Content Security Policy" in problem for problem in person.problems)
