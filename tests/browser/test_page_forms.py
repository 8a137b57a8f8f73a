"""Consent, prompts and references, forms, the comment: what stands around a HIT's questions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.exposures import ANSWERING, READY, stored, wait_until
from tests.browser.page_runs import IN_CHROMIUM, open_at_the_end, serving_strictly, submit
from tests.browser.rich_studies import FIT, FORMS, LONG, asking, drawn

if TYPE_CHECKING:
    from glimpse.study import Study

pytestmark = IN_CHROMIUM
SQUARE = (320, 320)


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return drawn(tmp_path_factory.mktemp("timed"), "limited-time", SQUARE)


@pytest.fixture(scope="module")
def untimed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return drawn(tmp_path_factory.mktemp("untimed"), "unlimited-time", SQUARE)


def fill(page: Any, number: str = "3,5") -> None:
    page.check("input[value='30-44']")
    page.select_option("#f-country", "Country 7")
    page.fill("#f-years", number)


def test_forms_are_checked_kept_and_sent(page: Any, untimed: Study) -> None:
    with serving_strictly(asking(untimed, forms=FORMS, comment=True)) as server:
        page.goto(server.address())
        page.click("#agree")
        page.click("#before button")
        assert (
            page.locator("#before [role=alert]").inner_text()
            == "Please complete the answers that are marked."
        )
        assert page.locator("#before .problem", has_text="Please answer this question.").count() == 3
        assert page.evaluate("document.activeElement.name") == "age"
        assert page.locator("#f-country").get_attribute("aria-invalid") == "true"
        fill(page, "some")
        page.click("#before button")
        assert page.evaluate("document.activeElement.id") == "f-years"
        assert page.locator("#f-years-problem").inner_text() == "Please enter a number."
        page.reload()
        page.wait_for_selector("#before:not([hidden])")
        assert page.locator("input[value='30-44']").is_checked()
        assert page.locator("#f-country").input_value() == "Country 7"
        page.fill("#f-years", "\u0663\u066b\u0665")
        page.click("#before button")
        page.click("#start")
        for _ in untimed.trials:
            wait_until(page, ANSWERING)
            page.wait_for_timeout(150)
            page.keyboard.press("ArrowLeft")
            page.wait_for_timeout(50)
        page.wait_for_selector("#after:not([hidden])")
        page.reload()
        page.wait_for_selector("#after:not([hidden])")
        page.click("#after button")
        page.fill("#comment", "Lovely \u2764")
        wait_until(page, "Object.values(localStorage).join().includes('Lovely')")
        page.reload()
        page.wait_for_selector("#done:not([hidden])")
        assert page.locator("#comment").input_value() == "Lovely \u2764"
        submission = submit(page, server)
    assert submission.form == {"age": "30-44", "country": "Country 7", "years": "3.5", "devices": ""}
    assert submission.comment == "Lovely \u2764"
    agreed = datetime.fromisoformat(submission.consented_at)
    assert agreed.tzinfo == UTC
    assert agreed < datetime.now(UTC)
    assert json.loads(server.submitted[0][1]["answers"][0])["schema"] == 1


def test_a_test_run_shows_what_it_would_send_below_its_sentence(page: Any, untimed: Study) -> None:
    with serving_strictly(asking(untimed, comment=True)) as server:
        open_at_the_end(page, untimed, server.address(turkSubmitTo=""))
        assert page.locator("#done-text").inner_text().endswith("This would have been sent:")
        assert page.evaluate("document.getElementById('done-text').nextElementSibling.id") == "record"
        page.fill("#comment", "Lovely")
        assert json.loads(page.locator("#record").inner_text())["comment"] == "Lovely"


def test_who_agreed_in_an_earlier_version_goes_on(page: Any, untimed: Study) -> None:
    with serving_strictly(untimed) as server:
        open_at_the_end(page, untimed, server.address())
        assert submit(page, server).consented_at == ""


def test_consent_in_markdown_and_no_html(page: Any, untimed: Study) -> None:
    consent = (
        "# About this study\n\nYou may *stop* at any time: [contact](mailto:a@b.example).\n\n- One\n- Two\n\n"
        "[site](https://uni.example/x) [bad](javascript:alert(1)) <b>no</b> ![i](https://x.example/i.png)"
    )
    with serving_strictly(asking(untimed, consent=consent)) as server:
        page.goto(server.address())
        page.wait_for_selector("#consent:not([hidden])")
        prose = page.locator(".prose")
        assert prose.locator("h2").inner_text() == "About this study"
        assert prose.locator("li").all_inner_texts() == ["One", "Two"]
        links = [(a.get_attribute("href"), a.get_attribute("target"), a.get_attribute("rel"))
                 for a in prose.locator("a").all()]  # fmt: skip
        assert links == [
            ("mailto:a@b.example", "_blank", "noopener"),
            ("https://uni.example/x", "_blank", "noopener"),
            ("https://x.example/i.png", "_blank", "noopener"),
        ]
        assert prose.locator("b, img, script").count() == 0
        assert "<b>no</b>" in prose.inner_text()
        page.click("#decline")
        assert page.locator("#stop-title").inner_text() == "You are not taking part"
        page.keyboard.press("Space")
        assert page.locator("#stop").is_visible()


@pytest.mark.parametrize("mode", ["timed", "untimed"])
def test_a_context_stands_with_the_pair_and_moves_nothing(
    page: Any, timed: Study, untimed: Study, mode: str
) -> None:
    prompts = ("A red cube", LONG, "\u0645\u0643\u0639\u0628 \u0623\u062d\u0645\u0631")
    study = asking(timed if mode == "timed" else untimed, FIT, prompts=prompts)
    with serving_strictly(study) as server:
        page.goto(server.address())
        page.click("#agree")
        page.click("#start")
        page.wait_for_selector("#trial:not([hidden])")
        stages = []
        for text in prompts:
            wait_until(page, f"({READY}) || {ANSWERING}")
            assert page.locator("#prompt").inner_text() == text.strip()
            box, stage = (page.locator(name).bounding_box() for name in ("#prompt", "#stage"))
            assert box["y"] + box["height"] <= stage["y"]
            stages.append(stage)
            if mode == "timed":
                page.keyboard.press("Space")
            wait_until(page, ANSWERING)
            assert page.locator("#prompt").is_visible()
            lowest = page.locator(".answers:not([hidden])").bounding_box()
            assert lowest["y"] + lowest["height"] <= 768
            page.wait_for_timeout(150)
            page.keyboard.press("Digit2")
        assert stages == [stages[0]] * 3


def test_a_reference_is_loaded_before_the_onset(page: Any, untimed: Study) -> None:
    study = asking(untimed, references=True)
    names = {study.stimuli[one.image].file for one in study.contexts.values()}
    held: list[Any] = []
    with serving_strictly(study) as server:

        def hold(route: Any) -> None:
            if route.request.url.rpartition("/")[2] in names:
                held.append(route)
            else:
                route.continue_()

        page.route("**/media/**", hold)
        page.goto(server.address())
        page.click("#agree")
        page.click("#start")
        page.wait_for_selector("#trial:not([hidden])")
        wait_until(page, "document.getElementById('note').textContent")
        assert not page.evaluate(ANSWERING)
        while not page.evaluate(ANSWERING):
            while held:
                held.pop().continue_()
            page.wait_for_timeout(50)
        wait_until(page, ANSWERING)
        shown = page.evaluate(
            """[...document.querySelectorAll('#reference img')]
            .filter(image => image.style.opacity === '1').map(image => image.src)"""
        )
        assert [address.rpartition("/")[2] for address in shown] == [
            study.stimuli[study.contexts[study.trials[0].context].image].file
        ]
        assert page.locator("#reference img").first.get_attribute("alt") == "Reference image"


@pytest.mark.parametrize("mode", ["timed", "untimed"])
def test_a_context_is_read_before_the_pair(page: Any, timed: Study, untimed: Study, mode: str) -> None:
    study = asking(
        timed if mode == "timed" else untimed, prompts=("A red cube",), references=True, context_when="before"
    )
    with serving_strictly(study) as server:
        page.goto(server.address())
        page.click("#agree")
        page.click("#start")
        page.wait_for_selector("#trial:not([hidden])")
        wait_until(page, READY)
        watch_images_of_the_pair(page)
        page.wait_for_timeout(400)
        assert page.locator("#prompt").is_visible()
        assert page.evaluate("window.brightest") <= 0.01
        page.keyboard.press("Space")
        wait_until(page, ANSWERING)
        assert page.locator("#context").evaluate("one => getComputedStyle(one).visibility") == "hidden"
        page.wait_for_timeout(150)
        page.keyboard.press("ArrowLeft")
        wait_until(page, READY)
        assert page.locator("#prompt").is_visible()
        assert len(stored(page)["answers"]) == 1
        page.keyboard.press("Space")
        wait_until(page, ANSWERING)
        page.wait_for_timeout(200)
        page.reload()
        page.click("#start")
        page.wait_for_selector("#trial:not([hidden])")
        wait_until(page, f"{READY} || {ANSWERING}")
        # In limited time there is no second look, and nothing may cover the masks.
        covered = page.locator("#context").evaluate("one => getComputedStyle(one).visibility")
        assert covered == ("hidden" if mode == "timed" else "visible")


def watch_images_of_the_pair(page: Any) -> None:
    """Record the highest opacity of an image of the pair: the reference is to be seen."""
    page.evaluate(
        """() => { window.brightest = 0; const look = () => {
        for (const image of document.querySelectorAll('.pane img'))
          window.brightest = Math.max(window.brightest, +getComputedStyle(image).opacity);
        requestAnimationFrame(look); }; look(); }"""
    )
