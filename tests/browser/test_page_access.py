"""The page for everybody: axe-core on every screen, and what a screen reader says, in its order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.exposures import ANSWERING, READY, start, wait_until
from tests.browser.page_runs import IN_CHROMIUM, serving_strictly
from tests.browser.rich_studies import CLOSE, FIT, FORMS, LONG, QUALITY, SIDE, asking, drawn

if TYPE_CHECKING:
    from glimpse.study import Study

pytestmark = IN_CHROMIUM

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
# What is wrong with the screen that is shown, as axe-core sees it: rule, element, and what to do.
PROBLEMS = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations.flatMap(
  found => found.nodes.map(node => [found.id, node.html.slice(0, 120), node.failureSummary]))"""
QUESTIONS = (QUALITY, FIT, CLOSE, SIDE)


@pytest.fixture(scope="module")
def untimed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return drawn(tmp_path_factory.mktemp("untimed"), "unlimited-time", (320, 320), trials_per_cell=1)


@pytest.fixture(scope="module")
def rich(untimed: Study) -> Study:
    return asking(
        untimed, *QUESTIONS, prompts=(LONG,), references=True, forms=FORMS, comment=True,
        contact="a@uni.example", institution="Example University", ethics="Board 1/26",
    )  # fmt: skip


@pytest.mark.skipif(not AXE.is_file(), reason="without node_modules/axe-core (npm ci)")
@pytest.mark.parametrize("when", ["with", "before"])
def test_axe_finds_nothing_in_limited_time(page: Any, tmp_path: Path, when: str) -> None:
    timed = drawn(tmp_path, "limited-time", (320, 320))
    study = asking(timed, QUALITY, FIT, prompts=("A red cube",), references=True, context_when=when)
    with serving_strictly(study) as server:
        start(page, server.address())
        wait_until(page, READY)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        assert page.evaluate(PROBLEMS) == []
        page.keyboard.press("Space")
        wait_until(page, ANSWERING)
        assert page.evaluate(PROBLEMS) == []


def screens(page: Any, address: str) -> Any:
    """Go through a HIT and stop at every screen; yield its name."""
    page.goto(address)
    page.wait_for_selector("#consent:not([hidden])")
    yield "consent"
    page.click("#agree")
    yield "form"
    page.click("#before button")
    yield "form with problems"
    page.check("input[value='30-44']")
    page.select_option("#f-country", "Country 7")
    page.fill("#f-years", "3")
    page.click("#before button")
    yield "instructions"
    page.click("#start")
    for question in QUESTIONS:
        wait_until(page, ANSWERING)
        page.wait_for_timeout(150)
        yield question.answer
        page.keyboard.press("Digit3" if question.kind.scale else "ArrowLeft")
    page.wait_for_selector("#after:not([hidden])")
    yield "form afterwards"
    page.click("#after button")
    yield "end"


@pytest.mark.skipif(not AXE.is_file(), reason="without node_modules/axe-core (npm ci)")
@pytest.mark.parametrize("width", [390, 1366])
def test_axe_finds_nothing_on_any_screen(window: Any, rich: Study, width: int) -> None:
    page = window(width, 844 if width == 390 else 768).new_page()
    seen = []
    with serving_strictly(rich) as server:
        for name in screens(page, server.address()):
            page.evaluate(AXE.read_text(encoding="utf-8"))
            assert page.evaluate(PROBLEMS) == [], name
            seen.append(name)
    assert len(seen) == 10


CONSENT = """
- main:
  - region "Which image is more realistic?":
    - paragraph: Research study
    - heading "Which image is more realistic?" [level=1]
    - term: Pairs of images
"""
FORM = """
- main:
  - region "Before you begin":
    - heading "Before you begin" [level=1]
    - group "How old are you?":
      - radio "18-29"
"""
TRIAL = """
- main:
  - region "Which picture fits the description better?":
    - status: Pair 1 of 1 · question 2 of 4
    - progressbar "Progress"
    - img "Reference image"
    - region "Description"
    - heading "Which picture fits the description better?" [level=1]
    - img "Left pattern"
    - img "Left image"
    - img "Right pattern"
    - img "Right image"
    - group "Which picture fits the description better?":
      - button "1 Left, clearly"
      - button "2 Left, slightly"
      - button "3 No difference"
      - button "4 Right, slightly"
      - button "5 Right, clearly"
    - status
"""


def test_a_screen_reader_says_what_is_to_be_done_in_its_order(page: Any, rich: Study) -> None:
    found = {}
    with serving_strictly(rich) as server:
        for name in screens(page, server.address()):
            found[name] = page.locator("main").aria_snapshot()
    for name, expected in (("consent", CONSENT), ("form", FORM), ("scale-5", TRIAL)):
        told = iter(line.strip() for line in found[name].splitlines())
        for line in expected.strip().splitlines():
            wanted = line.strip().removesuffix(":")
            assert any(one.startswith(wanted) for one in told), (name, wanted)
