"""What a page sends to the server on the way: once a trial, and only what is new."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.exposures import READY, do_trial, experiment, make_study, start, stored, wait_until
from tests.browser.page_runs import IN_CHROMIUM, Server, serving_strictly, submit, until

if TYPE_CHECKING:
    from glimpse.study import Study

pytestmark = IN_CHROMIUM

# A slow machine may take longer for a trial than an answer waits for the next one.
NEVER_SOON = """const real = window.setTimeout;
window.setTimeout = (call, ms, ...more) => (ms === 3000 ? 1e9 : real(call, ms, ...more));"""
NO_STORAGE = "Object.defineProperty(window, 'localStorage', {value: null})"


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    design = experiment((60,), 6)
    return make_study(tmp_path_factory.mktemp("saves"), design, 8, (320, 160))


def watched(page: Any) -> list[tuple[str, Any]]:
    """Return the list that the page's saves go to: how each was sent, and what."""
    sent: list[tuple[str, Any]] = []

    def note(one: Any) -> None:
        if one.method in {"PUT", "PATCH"}:
            sent.append((one.method, one.post_data_json))

    page.on("request", note)
    return sent


def kept(server: Server) -> list[Any]:
    return json.loads(server.saved or b'{"answers": []}')["answers"]


def until_kept(page: Any, server: Server, count: int) -> None:
    """Wait until the server holds so many answers, the page's own."""
    until(page, lambda: len(kept(server)) >= count)
    found = kept(server)
    assert found == stored(page)["answers"][: len(found)]


def test_a_trial_is_one_request_that_holds_what_is_new(tabs: Any, timed: Study) -> None:
    with serving_strictly(timed, progress=True) as server:
        page = tabs.new_page()
        sent = watched(page)
        page.add_init_script(NEVER_SOON)
        start(page, server.address())
        wait_until(page, READY)
        sent.clear()
        for _ in range(4):
            assert do_trial(page)
            wait_until(page, READY)
        methods, states = zip(*sent, strict=True)
        assert [state["open"] for state in states] == [{"place": place} for place in range(4)]
        assert methods == ("PUT", "PUT", "PATCH", "PATCH")
        assert [len(state["answers"]) for state in states] == [0, 1, 2, 2]
        assert [state.get("from") for state in states] == [None, None, 0, 1]
        assert kept(server) == stored(page)["answers"][:3]


def test_without_storage_every_save_goes_to_the_server_at_once(tabs: Any, timed: Study) -> None:
    tabs.add_init_script(NO_STORAGE)
    with serving_strictly(timed, progress=True) as server:
        page = tabs.new_page()
        sent = watched(page)
        start(page, server.address())
        wait_until(page, READY)
        sent.clear()
        assert do_trial(page)
        wait_until(page, READY)
        until(page, lambda: len(sent) >= 3)
        shown = ["place", "shown", "frames", "onset", "flags"]
        assert [list(state["open"] or {}) for _, state in sent] == [["place"], shown, []]


def test_an_answer_does_not_wait_for_ever_to_be_sent(tabs: Any, timed: Study) -> None:
    with serving_strictly(timed, progress=True) as server:
        page = tabs.new_page()
        start(page, server.address())
        assert do_trial(page)
        until_kept(page, server, 1)


def test_an_answer_is_sent_when_the_page_is_left(tabs: Any, timed: Study) -> None:
    with serving_strictly(timed, progress=True) as server:
        page = tabs.new_page()
        page.add_init_script(NEVER_SOON)
        start(page, server.address())
        assert do_trial(page)
        wait_until(page, READY)
        answers = stored(page)["answers"]
        assert kept(server) == []
        page.goto(server.origin + "/elsewhere")
        until(page, lambda: bool(kept(server)))
        assert kept(server) == answers


@pytest.mark.parametrize("lacking", ["answers", "parts"])
def test_a_server_that_lacks_the_rest_gets_the_whole(tabs: Any, timed: Study, lacking: str) -> None:
    """It was restored from a backup, or is older than the page."""
    with serving_strictly(timed, progress=True) as server:
        page = tabs.new_page()
        sent = watched(page)
        start(page, server.address())
        for _ in range(3):
            assert do_trial(page)
        until_kept(page, server, 3)
        if lacking == "answers":
            server.saved = None
        else:
            server.parts = False
        sent.clear()
        assert do_trial(page)
        until_kept(page, server, 4)
        assert [method for method, _ in sent[:2]] == ["PATCH", "PUT"]
        assert len(sent[1][1]["answers"]) == 3
        assert page.locator("#stop").is_hidden()


def test_a_lost_reply_loses_nothing(tabs: Any, timed: Study) -> None:
    """The server has what was sent, and the page does not know."""
    with serving_strictly(timed, progress=True) as server:
        page = tabs.new_page()
        start(page, server.address())
        assert do_trial(page)

        def unanswered(route: Any) -> None:
            route.fetch()
            route.abort()

        page.route("**/progress", unanswered)
        for _ in range(3):
            assert do_trial(page)
        page.unroute("**/progress")
        while do_trial(page):
            pass
        until_kept(page, server, 6)
        answered = list(dict.fromkeys(answer.trial for answer in submit(page, server).answers))
        assert answered == [trial.trial for trial in timed.trials]
