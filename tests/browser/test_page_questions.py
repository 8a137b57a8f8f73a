"""Several questions a trial, ties and scales: by key, mouse and touch, over a reload, in practice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.exposures import ANSWERING, READY, start, stored, wait_until
from glimpse.questions import Question
from tests.browser.page_runs import IN_CHROMIUM, NOTES, serving_strictly, submit, until, watch_images
from tests.browser.rich_studies import CLOSE, FIT, QUALITY, SIDE, asking, drawn

if TYPE_CHECKING:
    from glimpse.study import Study

pytestmark = IN_CHROMIUM
QUESTIONS = (QUALITY, FIT, CLOSE, SIDE)


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return drawn(tmp_path_factory.mktemp("timed"), "limited-time")


@pytest.fixture(scope="module")
def untimed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return drawn(tmp_path_factory.mktemp("untimed"), "unlimited-time")


def asked(page: Any) -> str:
    """Wait until an answer can be given and a second press is taken for one; return the question."""
    wait_until(page, f"{ANSWERING} || {READY}")
    if not page.evaluate(ANSWERING):
        page.keyboard.press("Space")
        wait_until(page, ANSWERING)
    page.wait_for_timeout(150)
    text: str = page.locator("#ask").inner_text()
    return text


def finish(page: Any, *keys: str) -> None:
    """Answer all that is left, what is shown again with it, by the same keys for each trial."""
    while True:
        wait_until(page, f"{ANSWERING} || {READY}")
        if page.locator("#done").is_visible():
            return
        answer(page, *keys)


def answer(page: Any, *keys: str) -> list[str]:
    """Answer questions by keys; return what was asked."""
    texts = []
    for key in keys:
        texts.append(asked(page))
        page.keyboard.press(key)
    return texts


@pytest.mark.parametrize("mode", ["timed", "untimed"])
def test_a_hit_by_keyboard(page: Any, timed: Study, untimed: Study, mode: str) -> None:
    study = asking(timed if mode == "timed" else untimed, *QUESTIONS)
    keys = ("ArrowDown", "Digit1", "Numpad7", "KeyJ")
    with serving_strictly(study, progress=True) as server:
        start(page, server.address())
        assert answer(page, *keys) == [question.text for question in QUESTIONS]
        finish(page, "KeyF", "Digit3", "Digit4", "ArrowLeft")
        submission = submit(page, server)
    assert json.loads(server.submitted[0][1]["answers"][0])["schema"] == 2
    assert [one.trial for one in submission.answers if not one.repeat] == [t.trial for t in study.trials]
    first, *others = submission.answers
    assert first.choices == {"quality": "tie", "fit": -2, "close": 3, "side": "right"}
    assert others[0].choices == {"quality": "left", "fit": 0, "close": 0, "side": "left"}
    for one in submission.answers:
        assert one.answers_all(QUESTIONS)
        # Each from the moment when it was asked: nothing here takes as long as all of them together.
        assert list(one.response_ms) == list(one.choices)
        assert all(ms >= 120 for ms in list(one.response_ms.values())[1:])
        assert (one.shown_ms is None) == (mode == "untimed")


def test_by_mouse_on_buttons_and_images(page: Any, untimed: Study) -> None:
    study = asking(untimed, QUALITY, CLOSE)
    with serving_strictly(study) as server:
        start(page, server.address())
        asked(page)
        page.click("#right")
        assert asked(page) == CLOSE.text
        page.click("#left")
        page.wait_for_timeout(100)
        assert page.locator("#ask").inner_text() == CLOSE.text, "an image says nothing on a scale"
        page.click(".answers:not([hidden]) [data-a='-3']")
        assert asked(page) == QUALITY.text
        page.click(".answers:not([hidden]) [data-a='tie']")
        asked(page)
        page.click(".answers:not([hidden]) [data-a='0']")
        assert asked(page) == QUALITY.text
        choices = [one["choices"] for one in stored(page)["answers"]]
    assert choices == [{"quality": "right", "close": -3}, {"quality": "tie", "close": 0}]


def test_by_tab_arrows_and_enter(page: Any, untimed: Study) -> None:
    with serving_strictly(asking(untimed, QUALITY, FIT)) as server:
        start(page, server.address())
        asked(page)
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        asked(page)
        assert page.evaluate("document.activeElement.id") == "trial"
        for key, focused in (("Right", "1"), ("Right", "2"), ("Right", "2"), ("Left", "1")):
            page.keyboard.press("Arrow" + key)
            assert page.evaluate("document.activeElement.dataset.a") == focused
        page.keyboard.press("Space")
        asked(page)
        assert stored(page)["answers"][0]["choices"] == {"quality": "tie", "fit": 1}


@pytest.mark.parametrize("width", [390, 1366])
def test_buttons_can_be_touched_and_stand_in_the_window(window: Any, untimed: Study, width: int) -> None:
    page = window(width, 844 if width == 390 else 768, has_touch=True).new_page()
    study = asking(untimed, *QUESTIONS, prompts=("A red cube. " * 60,))
    with serving_strictly(study) as server:
        start(page, server.address())
        places = []
        for question in QUESTIONS:
            assert asked(page) == question.text
            places.append(page.locator("#stage").bounding_box())
            buttons = page.locator(".answers:not([hidden]) button")
            assert buttons.count() == len(question.kind.answers)
            for button in buttons.all():
                box = button.bounding_box()
                assert box["width"] >= 44
                assert box["height"] >= 44
                assert 0 <= box["x"] <= box["x"] + box["width"] <= width
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            buttons.first.tap()
        if width > 390:
            assert places == [places[0]] * len(QUESTIONS), "images stay where they were"
        assert asked(page) == QUALITY.text
        choices = stored(page)["answers"][0]["choices"]
        assert choices == {"quality": "left", "fit": -2, "close": -3, "side": "left"}


@pytest.mark.parametrize("mode", ["timed", "untimed"])
@pytest.mark.parametrize("where", ["browser", "server"])
def test_after_a_reload_answered_questions_stay_answered(
    page: Any, timed: Study, untimed: Study, mode: str, where: str
) -> None:
    study = asking(timed if mode == "timed" else untimed, QUALITY, FIT, SIDE)
    with serving_strictly(study, progress=where == "server") as server:
        if where == "server":
            page.add_init_script(
                "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})"
            )
        start(page, server.address())
        answer(page, "ArrowDown", "Digit5")
        assert asked(page) == SIDE.text
        if where == "server":
            until(page, lambda: b'"fit"' in (server.saved or b""))
        page.reload()
        watch_images(page)
        page.click("#start")
        assert asked(page) == SIDE.text
        if mode == "timed":
            told = page.locator("#note").inner_text()
            assert told == f"You saw this pair before the page closed. {SIDE.text}"
            assert page.evaluate("window.brightest") <= 0.01
        answer(page, "ArrowRight")
        finish(page, "KeyF", "Digit1", "KeyF")
        submission = submit(page, server)
    first = submission.answers[0]
    assert first.choices == {"quality": "tie", "fit": 2, "side": "right"}
    assert "reload" in first.flags
    assert all(ms > 0 for ms in first.response_ms.values())
    assert [one.trial for one in submission.answers if not one.repeat] == [t.trial for t in study.trials]


PRACTISED = [
    (QUALITY, "ArrowDown", "Which picture looks better? The expected answer was: {right}."),
    (QUALITY, "{right}", "Which picture looks better? Yes: {right}."),
    (FIT, "{right}", "Which picture fits the description better? Yes: {right}."),
    (FIT, "{wrong}", "Which picture fits the description better? The expected answer was: {right}."),
    (Question("preference", "Which face is older?"), "{right}", "Which face is older? Yes: {right}."),
    (Question("own", "Which?", "choice", ("A", "B")), "{wrong}", "Which? The expected answer was: {own}."),
]


@pytest.mark.parametrize(("question", "key", "expected"), PRACTISED)
def test_practice_speaks_of_its_own_question(
    page: Any, tmp_path: Any, question: Question, key: str, expected: str
) -> None:
    plan = {"sentinel": "crn", "practice_trials": 1}
    study = asking(drawn(tmp_path, "unlimited-time", **plan), question)
    right = study.trials[0].correct_side == "right"
    keys = ("Digit2", "Digit4") if question.kind.scale else ("ArrowLeft", "ArrowRight")
    names = {"{right}": keys[right], "{wrong}": keys[not right]}
    page.add_init_script(NOTES)
    with serving_strictly(study) as server:
        start(page, server.address())
        asked(page)
        page.keyboard.press(names.get(key, key))
        told = expected.format(right=("Left", "Right")[right], own=("A", "B")[right])
        wait_until(page, f"notes.includes({json.dumps(told)})")
        assert [note for note in page.evaluate("notes") if "Loading" not in note] == [told]
        assert "photograph" not in page.content()
        assert "realis" not in page.content().replace("Which image is more realistic?", "")
