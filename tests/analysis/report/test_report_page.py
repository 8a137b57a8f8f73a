"""The report in a browser: nothing runs off the page, every figure shows, the buttons copy, it prints."""

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.exposures import FLAGS
from benchmarks.exposures import chromium as find_chromium
from glimpse.main import main
from tests.analysis.folders import build_study, state_rule
from tests.analysis.report.conftest import QUESTIONS

CHROMIUM = find_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="without Chromium")]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    study = build_study(folder / "study", hits=4, workers=6)
    for line in (
        ["simulate", study, "--out", folder / "results"],
        ["analyze", folder / "results", "--out", folder / "report", "--figures", "svg"],
    ):
        result = CliRunner().invoke(main, [str(part) for part in line])
        assert result.exit_code == 0, result.output
    return folder / "report" / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, env=dict(os.environ))
        yield chromium
        chromium.close()


@pytest.mark.parametrize("width", [1366, 820, 390])
def test_nothing_runs_off_the_page(browser: Any, page_file: Path, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request", lambda request: request.url.startswith(("file:", "data:")) or problems.append(request.url)
    )
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 100)")
    assert page.evaluate("document.images.length") == 4
    assert problems == []
    page.close()


LONG = (
    "stable-diffusion-xl-base-1.0-refiner-guidance-7.5-steps-50",
    "diffusion_xl_base_1_0_refiner_guidance_7_5_ema",
)


@pytest.fixture(scope="module")
def long_names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a study with long names of conditions, a rule for stopping and a metric."""
    folder = tmp_path_factory.mktemp("long")
    contrasts = [[LONG[0], "real"], [LONG[1], "real"], [*LONG]]
    study = build_study(folder / "study", hits=4, workers=6, contrasts=contrasts)
    state_rule(study, {"width": 0.1})
    rows = (study / "trials.csv").read_text().splitlines()[1:]
    images = dict.fromkeys(tuple(row.split(",")[place : place + 2]) for row in rows for place in (8, 11))
    scores = "".join(f"{item},{condition},{len(condition)}\n" for condition, item in images)
    (folder / "lpips.csv").write_text("item,condition,value\n" + scores)
    for line in (
        ["simulate", study, "--out", folder / "results"],
        ["analyze", folder / "results", "--out", folder / "report", "--figures", "svg",
         "--metric", folder / "lpips.csv", "--equivalence", "10"],
    ):  # fmt: skip
        result = CliRunner().invoke(main, [str(part) for part in line])
        assert result.exit_code == 0, result.output
    return folder / "report" / "report.html"


@pytest.mark.parametrize(("width", "media"), [(1366, "screen"), (1000, "screen"), (665, "print")])
def test_tables_hold_long_names(browser: Any, long_names: Path, width: int, media: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.emulate_media(media=media)
    page.goto(long_names.as_uri())
    wide = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1)"
        ".map(e => e.closest('section').id)"
    )
    assert wide == []
    page.close()


@pytest.mark.parametrize("width", [1366, 1000, 390])
def test_several_questions_fit_the_page_and_are_in_its_contents(
    browser: Any, report_of_several: Path, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto((report_of_several / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(e => +e.tagName[1])")
    assert all(after <= before + 1 for before, after in pairwise(levels))
    asked = page.locator("h2.question").all_text_contents()
    links = page.locator("nav > ol > li:has(ol) > a").all_text_contents()
    assert asked == links == [one["text"] for one in QUESTIONS]
    page.close()


def test_findings_come_first_and_simulated_is_large(browser: Any, page_file: Path) -> None:
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.goto(page_file.as_uri())
    sizes = page.evaluate(
        "[...document.querySelectorAll('.banner strong, h1, .findings li')]"
        ".map(e => [e.textContent.slice(0, 9), parseFloat(getComputedStyle(e).fontSize), "
        "e.getBoundingClientRect().top])"
    )
    assert sizes[0][0] == "SIMULATED"
    assert sizes[0][1] >= max(size for _, size, _ in sizes)
    assert sizes[2][0] == "At 8\u00a0s, p"[:9]
    assert sizes[2][2] < 500
    page.close()


def test_the_buttons_copy(browser: Any, page_file: Path) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(page_file.as_uri())
    buttons = page.locator("[data-copy]")
    assert buttons.count() == 2
    buttons.nth(0).click()
    page.wait_for_function(
        "['Copied', 'Selected'].includes(document.querySelector('[data-copy]').textContent)"
    )
    context.close()


def test_it_prints_on_a_few_pages(browser: Any, page_file: Path, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(page_file.as_uri())
    data = page.pdf(prefer_css_page_size=True)
    page.close()
    assert data.startswith(b"%PDF")
    assert 5 <= data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") + data.count(b"/Type /Page/") <= 14
