"""What the tests of a page of clips share: what its clips do, and short ways through its pairs."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmarks.clip_starts import with_clips
from benchmarks.exposures import ANSWERING, start, stored, wait_until
from tests.browser.page_runs import ANSWERED, serving_strictly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glimpse.study import Study

NOTE = "document.getElementById('note').textContent"
CLIPS = "[...document.querySelectorAll('#trial video')]"
ON = f"{CLIPS}.filter(clip => clip.previousSibling.style.opacity === '1')"  # its canvas
PLAYING = f"{ON}.length === 2 && {ON}.every(clip => !clip.paused && clip.currentTime > 0)"
ENDED = f"{ON}.length === 2 && {ON}.every(clip => clip.ended)"
# The number in the frame that a clip's canvas shows; -1 where nothing was drawn.
NUMBER = """(({previousSibling: canvas}) => {
    const {width: w, height: h} = canvas, to = canvas.getContext('2d');
    if (to.getImageData(0, 0, w, h).data.every((value, i) => i % 4 === 3 || value < 60)) return -1;
    const light = bit => to.getImageData((bit + .5) / 8 * w, .45 * h, 1, 1).data[0] > 128;
    return [0, 1, 2, 3, 4, 5, 6, 7].reduce((sum, bit) => sum + (light(bit) << bit), 0); })"""
AGAIN = "!document.getElementById('again').disabled"
FLAGS = {"skew", "dropped", "stall"}
# How often the pair on the screen began to play, where COUNTING was there first.
PLAYS = f"({ON}[0]?.plays ?? 0)"
COUNTING = """{
    const {play} = HTMLMediaElement.prototype;
    HTMLMediaElement.prototype.play = function () {
        if (this.previousSibling?.style.opacity === '1') this.plays = (this.plays ?? 0) + 1;
        return play.call(this);
    }; }"""
# Clips that are shown stand still until the test says so.
STANDING = """{
    const {play} = HTMLMediaElement.prototype;
    const wait = ms => new Promise(done => setTimeout(done, ms));
    HTMLMediaElement.prototype.play = async function () {
        while (this.previousSibling?.style.opacity === '1' && !window.mayMove) await wait(20);
        return play.call(this);
    }; }"""


def playing(study: Study, **page: Any) -> Study:
    """Return the study with other settings of its page."""
    return replace(study, page_settings={**study.page_settings, **page})


@contextmanager
def at_the_first_trial(page: Any, study: Study, **options: Any) -> Iterator[Any]:
    page.add_init_script(COUNTING)
    with serving_strictly(study, **options) as server:
        start(page, server.address())
        yield server


def answer(page: Any, key: str = "ArrowLeft") -> dict[str, Any]:
    """Answer the pair that is shown; return its record."""
    before = len(stored(page)["answers"])
    wait_until(page, ANSWERING)
    page.wait_for_timeout(150)
    page.keyboard.press(key)
    wait_until(page, f"{ANSWERED} > {before}")
    record: dict[str, Any] = stored(page)["answers"][before]
    return record


def with_more_frames(study: Study) -> Study:
    """Return the study with clips that take a while."""
    return with_clips(study, frames=150, kinds=1, size=(64, 64))
