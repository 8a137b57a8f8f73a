"""Frames of clips in the figure of pairs: from the first to the last, one below the other."""

import numpy as np
import pytest

from benchmarks.clip_starts import write_clip
from glimpse.analysis.figures.stimuli import film_strip


@pytest.mark.parametrize(
    ("size", "shape"), [((64, 64), (3 * 64 + 2, 64, 3)), ((128, 64), (4 * 64 + 3, 128, 3))]
)
def test_a_strip_has_three_frames_and_of_wide_clips_four(tmp_path, size, shape):
    write_clip(tmp_path / "a.mp4", 16, 30, size, np.random.default_rng(0))
    strip = film_strip(tmp_path / "a.mp4", 640)
    assert strip.shape == shape
    assert strip.dtype == np.uint8
    first, last = strip[: size[1]], strip[-size[1] :]
    block = first.shape[1] // 8
    row = round(size[1] * 0.45)
    assert first[row, block // 2].mean() < 60  # frame 0: no bit
    assert last[row, block // 2].mean() > 200  # frame 15: the first bit


def test_a_strip_is_no_wider_than_asked_for(tmp_path):
    write_clip(tmp_path / "a.mp4", 4, 30, (128, 64), np.random.default_rng(0))
    assert film_strip(tmp_path / "a.mp4", 64).shape[1] == 64
