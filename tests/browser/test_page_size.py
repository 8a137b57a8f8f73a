"""How large images are: both alike, where the study says so as large as the window allows, and recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.exposures import do_trial, draw_images, experiment, served, start, wait_until
from glimpse.mturk.building.building import Making, build
from glimpse.mturk.design.stimuli import find_images
from glimpse.mturk.page.sizes import window_of
from glimpse.mturk.server.protocol.questions import needed_window
from tests.browser.page_runs import IN_CHROMIUM, serving_strictly, submit

if TYPE_CHECKING:
    from pathlib import Path

    from glimpse.study import Study

pytestmark = IN_CHROMIUM
LEAST = 314  # of 600 x 600 images in a laptop's window of 1280 x 620, under our server's line


def make(folder: Path, **page: Any) -> Study:
    design = experiment((60,), 4)
    draw_images(folder / "images", design.conditions, 8, (600, 600))
    making = Making(seed=1, versions={}, page=page)
    return build(find_images(folder / "images"), design, folder / "study", making).study


@pytest.fixture(scope="module")
def fitting(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make(tmp_path_factory.mktemp("fit"), display="fit")


def expect_size(page: Any, side: int) -> None:
    """Wait until both images have this width and height: a window tells of its size somewhat later."""
    both = "[...document.querySelectorAll('.pane')].map(p => [p.offsetWidth, p.offsetHeight]).join()"
    wait_until(page, f"{both} === '{side},{side},{side},{side}'", seconds=10)


def test_images_fill_the_window_and_the_size_is_recorded(page: Any, fitting: Study) -> None:
    page.set_viewport_size({"width": 1280, "height": 700})
    with serving_strictly(fitting) as server:
        start(page, server.address())
        expect_size(page, 450)
        page.set_viewport_size({"width": 1000, "height": 900})
        expect_size(page, 446)
        page.set_viewport_size({"width": 1920, "height": 1000})
        expect_size(page, 600)
        while do_trial(page):
            pass
        submission = submit(page, server)
    assert submission.page["image_size"] == [600, 600]


def test_the_least_window_is_the_one_that_the_server_asks_for(page: Any, fitting: Study) -> None:
    width, height = window_of(LEAST, LEAST)
    needed = needed_window(fitting.page_path(fitting.hits[0].hit).read_text())
    assert (needed.width_px, needed.height_px) == (width, height)
    with served(fitting) as address:
        for small in ((width - 1, height), (width, height - 1)):
            page.set_viewport_size(dict(zip(("width", "height"), small, strict=True)))
            page.goto(address)
            page.wait_for_selector("#refuse:not([hidden])")
            assert f"at least {width} × {height}" in page.locator("#refuse-size").inner_text()
        page.set_viewport_size({"width": width, "height": height})
        page.click("#agree")
        page.click("#start")
        page.wait_for_selector("#trial:not([hidden])")
        expect_size(page, LEAST)


def test_a_fixed_size_is_every_bodys_and_by_itself_fits_a_laptop(page: Any, tmp_path: Path) -> None:
    with served(make(tmp_path)) as address:
        page.set_viewport_size({"width": 1280, "height": 564})  # and our server's line above it
        start(page, address)
        for width, height in ((1280, 564), (1920, 1000)):
            page.set_viewport_size({"width": width, "height": height})
            expect_size(page, LEAST)


def test_pairs_of_another_aspect_are_not_stretched(page: Any, tmp_path: Path) -> None:
    design = experiment((60,), 4)
    draw_images(tmp_path / "images", design.conditions, 8, (300, 200))
    for condition in design.conditions:  # a few upright scenes among the others
        for path in sorted((tmp_path / "images" / condition).iterdir())[:4]:
            Image.fromarray(np.zeros((300, 200, 3), np.uint8)).save(path)
    same = design.__class__.from_json(design.to_json() | {"pairing": "same-item"})
    study = build(
        find_images(tmp_path / "images"), same, tmp_path / "study", Making(seed=1, versions={})
    ).study
    with served(study) as address:
        start(page, address)
        page.wait_for_selector("img.layer", state="attached")
        styles = "[...document.querySelectorAll('img.layer')].map(i => getComputedStyle(i).objectFit)"
        assert set(page.evaluate(styles)) == {"contain"}
