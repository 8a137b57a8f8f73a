"""Clips as `build-hits` writes them, filled to one size, in the browsers that people have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from benchmarks.exposures import ANSWERING, start, stored, wait_until
from glimpse.main import main
from glimpse.study import read_study
from tests.browser.clip_runs import COUNTING, PLAYS
from tests.browser.page_runs import ANSWERED, IN_CHROMIUM, serving_strictly
from tests.browser.test_page_clips_firefox import FIREFOX, in_firefox
from tests.glimpse.footage import record

if TYPE_CHECKING:
    from pathlib import Path

    from glimpse.study import Study

SMALL = (
    *(
        "--mode",
        "unlimited-time",
        "--contrast",
        "mine:real",
        "--trials-per-cell",
        "3",
        "--hits-per-batch",
        "1",
    ),
    *("--sentinels-per-hit", "0", "--contact", "me@lab.org"),
)
LENGTHS = "[...document.querySelectorAll('#trial video')].map(clip => clip.duration)"


@pytest.fixture(scope="module", params=["mp4", pytest.param("webm", marks=pytest.mark.exhaustive)])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of three pairs, whose clips differ much in how well they compress."""
    folder: Path = tmp_path_factory.mktemp("built")
    for condition, source in (("real", "testsrc2"), ("mine", "smptebars")):
        for scene in "abc":
            record(folder / "clips" / condition / f"{scene}.mp4", source=source, frames=12)
    words = ["--images", str(folder / "clips"), "--out", str(folder / "study"), "--encode", request.param]
    done = CliRunner().invoke(main, ["build-hits", *words, *SMALL], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return read_study(folder / "study")


@IN_CHROMIUM[0]
@IN_CHROMIUM[1]
def test_built_clips_play_in_chromium(page: Any, built: Study) -> None:
    page.add_init_script(COUNTING)
    with serving_strictly(built) as server:
        start(page, server.address())
        wait_until(page, ANSWERING)
        assert page.evaluate(LENGTHS)[:2] == pytest.approx([0.48, 0.48], abs=0.001)
        wait_until(page, f"{PLAYS} >= 2")
        page.keyboard.press("ArrowLeft")
        wait_until(page, f"{ANSWERED} > 0")
        (record,) = stored(page)["answers"]
        assert record["plays"] >= 2


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.skipif(FIREFOX is None, reason="without Firefox")
def test_built_clips_play_in_firefox(built: Study, tmp_path: Path) -> None:
    report = in_firefox(built, tmp_path)
    assert "error" not in report, report
    assert [trial["clips"] for trial in report["trials"]] == [2, 2, 2]
    assert all(error is None for trial in report["trials"] for error in trial["error"])
