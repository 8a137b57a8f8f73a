"""How clips play for simulated people, as the page would record it."""

import numpy as np

from glimpse.analysis.simulation.playing import PlayedClips
from glimpse.submission import CLIP_FLAGS, read_answer

CLIP = {"file": "a.mp4", "sha256": "0", "width": 8, "height": 8, "frames": 60, "frame_rate": 30.0}
ANSWER = {"trial": "t1", "side": "left", "response_ms": 7_000.0, "shown_ms": None, "frames": None}


def recorded(answer, document, n=2_000):
    clips = PlayedClips.of(document)
    found = clips.recorded([answer] * n, 60.0, np.random.default_rng(1))
    return [read_answer(record) for record in found]


def test_images_have_no_plays():
    still = {name: value for name, value in CLIP.items() if not name.startswith("frame")}
    assert PlayedClips.of({"stimuli": {"a": still}, "page": {}}) is None
    assert PlayedClips.of({}) is None


def test_clips_loop_until_the_answer_and_start_together_almost_always():
    found = recorded(ANSWER, {"stimuli": {"a": CLIP}})
    assert {answer.playing.plays for answer in found} == {4}
    apart = [answer for answer in found if answer.playing.skew_ms]
    assert 5 < len(apart) < 40
    assert all("skew" in answer.flags for answer in apart)
    assert {flag for answer in found for flag in answer.flags} <= set(CLIP_FLAGS)


def test_clips_that_play_once_play_again_when_asked_and_in_limited_time_for_the_exposure():
    once = {"stimuli": {"a": CLIP}, "page": {"play": "once"}}
    assert {answer.playing.plays for answer in recorded(ANSWER, once)} == {1}
    again = {"stimuli": {"a": CLIP}, "page": {"play": "once", "again": True}}
    assert 1.2 < np.mean([answer.playing.plays for answer in recorded(ANSWER, again)]) < 1.4
    glimpsed = {**ANSWER, "shown_ms": 500.0, "frames": 30}
    assert {answer.playing.plays for answer in recorded(glimpsed, {"stimuli": {"a": CLIP}})} == {1}
