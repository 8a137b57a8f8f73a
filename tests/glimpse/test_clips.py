"""What a clip holds: frames, rate, size, sound, and what is said of files that are none."""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from glimpse.clips import UnreadableClipError, ffmpeg, frames_of, is_animated, probe, spaced
from glimpse.errors import GlimpseError
from glimpse.study import Stimulus
from tests.glimpse.footage import animate, record, run


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.m4v", "a.webm"])
def test_a_video_is_described(tmp_path, name):
    clip = probe(record(tmp_path / name, rate="30000/1001", size="64x48"))
    assert (clip.frames, clip.frame_rate, clip.steady) == (8, Fraction(30000, 1001), True)
    assert (clip.width, clip.height, clip.pixel_format) == (64, 48, "yuv420p")
    assert clip.codec == ("vp9" if name.endswith("webm") else "h264")
    assert not clip.sound
    assert clip.duration_ms == pytest.approx(266.93, abs=0.01)


@pytest.mark.parametrize("name", ["a.gif", "a.apng", "a.png", "a.webp"])
def test_an_animated_image_is_described(tmp_path, name):
    clip = probe(animate(tmp_path / name, size=(40, 30)))
    assert (clip.frames, clip.frame_rate, clip.steady) == (8, 25, True)
    assert (clip.width, clip.height) == (40, 30)
    assert is_animated(clip.path)


def test_frames_without_a_time_stay_as_long_as_in_browsers(tmp_path):
    assert probe(animate(tmp_path / "a.gif", ms=[0])).frame_rate == 10


def test_sound_turning_and_uneven_times_are_noticed(tmp_path):
    heard = record(tmp_path / "heard.mp4", sound=True)
    assert probe(heard).sound
    run(
        "-display_rotation",
        "90",
        "-i",
        record(tmp_path / "flat.mp4", size="64x48"),
        "-c",
        "copy",
        tmp_path / "t.mov",
    )
    turned = probe(tmp_path / "t.mov")
    assert (turned.rotation, turned.width, turned.height) == (90, 48, 64)
    assert not probe(animate(tmp_path / "a.gif", ms=[40, 120])).steady
    deep = ["-pix_fmt", "yuv420p10le", "-color_trc", "smpte2084", "-color_primaries", "bt2020"]
    x264 = ["-x264-params", "transfer=smpte2084:colorprim=bt2020:colormatrix=bt2020nc"]
    hdr = probe(record(tmp_path / "hdr.mp4", options=[*deep, *x264]))
    assert (hdr.pixel_format, hdr.transfer, hdr.matrix) == ("yuv420p10le", "smpte2084", "bt2020nc")


def test_frames_are_spread_from_the_first_to_the_last(tmp_path):
    assert spaced(9, 3) == [0, 4, 8]
    assert spaced(2, 5) == [0, 1]
    path = animate(tmp_path / "a.gif")
    first, last = frames_of(path, 2)
    assert np.abs(first[0, 0].astype(int) - [0, 90, 200]).max() < 8
    assert np.abs(last[0, 0].astype(int) - [210, 90, 200]).max() < 8
    strip = frames_of(record(tmp_path / "a.mp4", size="64x48"), 3, width=32)
    assert [frame.shape for frame in strip] == [(24, 32, 3)] * 3
    assert (strip[0] != strip[2]).any()


def test_what_is_no_clip_is_named(tmp_path):
    whole = record(tmp_path / "whole.mp4", frames=20)
    early = record(
        tmp_path / "early.mp4", frames=20, options=["-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    )
    (tmp_path / "index.mp4").write_bytes(whole.read_bytes()[:-900])
    (tmp_path / "none.mp4").write_bytes(whole.read_bytes()[:-2000])
    (tmp_path / "short.mp4").write_bytes(early.read_bytes()[:-900])
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.webm").write_bytes(b"hello")
    run("-i", record(tmp_path / "both.mp4", sound=True), "-vn", "-c", "copy", tmp_path / "sound.mp4")
    record(tmp_path / "one.mp4", frames=1)
    Image.new("RGB", (8, 8)).save(tmp_path / "still.png")
    for name, said in {
        "index.mp4": "cannot be read as a video .it has no video that ffmpeg knows, or its index",
        "none.mp4": "cannot be read as a video .moov atom not found",
        "short.mp4": "is damaged or was cut short",
        "empty.mp4": "is empty",
        "text.webm": "cannot be read as a video .Invalid data found.",
        "sound.mp4": "has no video, only sound",
        "one.mp4": "has one frame: it is a still image",
        "still.png": "has one frame: it is a still image",
    }.items():
        with pytest.raises(UnreadableClipError, match=f"{name} {said}"):
            probe(tmp_path / name)


def test_a_missing_ffmpeg_is_said(monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "")
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", lambda: (_ for _ in ()).throw(RuntimeError("none")))
    with pytest.raises(GlimpseError, match="No ffmpeg was found, which clips need"):
        ffmpeg()


def test_an_ffmpeg_that_is_named_wrongly_or_not_installed_is_said(monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/not/there/ffmpeg")
    with pytest.raises(GlimpseError, match="need: IMAGEIO_FFMPEG_EXE names /not/there/ffmpeg, which is no"):
        ffmpeg()
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(GlimpseError, match=r"which clips need\. Install it"):
        ffmpeg()


def test_only_clips_state_frames():
    assert Stimulus("a.png", "0", 8, 8).to_json() == {"file": "a.png", "sha256": "0", "width": 8, "height": 8}
    clip = Stimulus("a.mp4", "0", 8, 8, frames=100, frame_rate=25.0)
    assert clip.to_json() == {
        "file": "a.mp4", "sha256": "0", "width": 8, "height": 8, "frames": 100, "frame_rate": 25.0,
    }  # fmt: skip
    assert clip.duration_ms == 4000
    assert Stimulus("a.png", "0", 8, 8).duration_ms is None
