"""What a clip holds: frames, rate, size, sound, and what is said of files that are none."""

from __future__ import annotations

import contextlib
import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from glimpse.animated import UnreadableClipError, animated_frames, is_animated
from glimpse.clips import ffmpeg, frames_of, has_clips, probe, spaced
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


def test_frames_of_hundredths_of_a_second_have_a_constant_rate(tmp_path):
    """As programs write 15, 24, 30 and 40 frames a second; more than that is meant: 30 and 70 ms."""
    for ms, rate in (([70, 60, 70], 15), ([40, 40, 50, 40, 40, 40], 24), ([30, 40, 30], 30), ([30, 20], 40)):
        clip = probe(animate(tmp_path / "a.gif", ms=ms, frames=25))
        assert clip.steady, ms
        assert float(clip.frame_rate) == pytest.approx(rate, rel=0.01)
    assert not probe(animate(tmp_path / "a.gif", ms=[30, 70], frames=24)).steady


def test_a_video_of_which_frames_were_left_out_has_a_variable_rate(tmp_path):
    """Every third: 80 and 40 ms in turn, a third of a mean frame from their places."""
    left_out = ["-vf", "select='not(eq(mod(n,3),1))'", "-fps_mode", "vfr", "-pix_fmt", "yuv420p"]
    clip = probe(record(tmp_path / "a.mp4", frames=12, options=left_out))
    assert clip.times_ms[:4] == pytest.approx((0, 80, 120, 200))
    assert not clip.steady


def test_frames_of_sixty_a_second_are_shown_as_browsers_show_them(tmp_path):
    """They lengthen frames of 10 ms or less alone."""
    path = animate(tmp_path / "a.apng", ms=[1000 / 60], frames=60)
    assert float(probe(path).frame_rate) == pytest.approx(60, rel=0.03)
    assert probe(animate(tmp_path / "b.gif", ms=[10])).frame_rate == 10


@pytest.mark.parametrize("name", ["a.gif", "a.apng", "a.webp"])
def test_a_last_frame_that_is_held_keeps_its_length(tmp_path, name):
    """It is no constant rate then, and the clip lasts as long as its frames say."""
    held = probe(animate(tmp_path / name, ms=[*[40] * 7, 1000]))
    assert (held.frames, held.steady, held.duration_ms) == (8, False, 1280)
    plain = probe(animate(tmp_path / name, ms=[40]))
    assert (plain.steady, plain.duration_ms) == (True, 320)


def noisy(path):
    """Write an animated image of noise, in which every byte matters; return its bytes."""
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)) for _ in range(8)]
    kind = {".gif": "GIF", ".webp": "WEBP"}.get(path.suffix, "PNG")
    frames[0].save(path, kind, save_all=True, append_images=frames[1:], duration=40, loop=0)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["a.gif", "a.apng", "a.webp"])
def test_what_is_damaged_of_an_animated_image_is_said(tmp_path, name):
    """No damage ends in another error, whatever Pillow makes of the bytes."""
    path = tmp_path / name
    data = noisy(path)
    path.write_bytes(data[: len(data) // 2])
    where = "cannot be read as a clip" if name == "a.webp" else "is damaged or was cut short near frame [45]"
    with pytest.raises(UnreadableClipError, match=f"{name} {where} .*; copy it again, or remove it"):
        probe(path)
    rng = np.random.default_rng(1)
    for _ in range(40):
        at = int(rng.integers(0, len(data) - 200))
        path.write_bytes(data[:at] + rng.bytes(150) + data[at + 150 :])
        with contextlib.suppress(UnreadableClipError):
            assert probe(path).frames == 8


def test_a_gif_that_was_cut_between_two_frames_is_noticed(tmp_path):
    """As a program leaves it that was stopped while it wrote."""
    data = noisy(tmp_path / "a.gif")
    after = [place for place in range(len(data)) if data[place : place + 4] == b"\0\x21\xf9\x04"]
    (tmp_path / "a.gif").write_bytes(data[: after[4] + 1])
    with pytest.raises(UnreadableClipError, match=r"a.gif was cut short after 4 frames; copy it again"):
        probe(tmp_path / "a.gif")
    (tmp_path / "a.gif").write_bytes(data + b"\0\0")
    assert probe(tmp_path / "a.gif").frames == 8


def test_a_webm_of_which_ffmpeg_passes_over_a_part_is_damaged(tmp_path):
    data = bytearray(record(tmp_path / "a.webm", frames=20).read_bytes())
    blocks = len(data) - 600  # where the last frames are, each a block with its length
    data[blocks : blocks + 300] = bytes(300)
    (tmp_path / "a.webm").write_bytes(data)
    with pytest.raises(UnreadableClipError, match=r"a.webm is damaged or was cut short"):
        probe(tmp_path / "a.webm")


def test_a_folder_whose_first_clip_is_damaged_holds_clips(tmp_path):
    for name in ("a.gif", "b.gif"):
        animate(tmp_path / name)
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    assert has_clips(tmp_path)


def test_a_picture_for_programs_that_cannot_play_is_no_frame(tmp_path):
    frames = [Image.new("RGB", (16, 16), (60 * place, 0, 0)) for place in range(4)]
    asked = {"save_all": True, "append_images": frames[1:], "duration": 40, "default_image": True}
    frames[0].save(tmp_path / "a.png", **asked)
    assert probe(tmp_path / "a.png").frames == 3
    assert len(list(animated_frames(tmp_path / "a.png"))) == 3
    assert int(frames_of(tmp_path / "a.png", 1)[0][0, 0, 0]) == 60


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
    parts = ["-pix_fmt", "yuv420p", "-movflags", "frag_keyframe+empty_moov"]
    split = record(tmp_path / "split.mp4", options=parts).read_bytes()
    (tmp_path / "begun.mp4").write_bytes(split[: split.index(b"moof") - 4])
    run("-i", tmp_path / "both.mp4", "-vf", "select=0", tmp_path / "track.mkv")
    Image.new("RGB", (8, 8)).save(tmp_path / "still.png")
    for name, said in {
        "index.mp4": "cannot be read as a video .it has no video that ffmpeg knows, or its index",
        "none.mp4": "cannot be read as a video .moov atom not found",
        "short.mp4": "is damaged or was cut short",
        "empty.mp4": "is empty",
        "text.webm": "cannot be read as a video .Invalid data found.",
        "sound.mp4": "has no video, only sound",
        "begun.mp4": "has no frames; a clip has two frames or more",
        "track.mkv": "has no frames; a clip has two frames or more",
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


def test_an_ffmpeg_that_does_not_work_is_said_with_its_name_and_the_variable(monkeypatch, tmp_path):
    silent = tmp_path / "ffmpeg"
    silent.write_text("#!/bin/sh\nexit 1\n")
    silent.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(silent))
    with pytest.raises(GlimpseError, match=rf"{silent} .named by IMAGEIO_FFMPEG_EXE. does not work"):
        ffmpeg()
    silent.write_text("#!/bin/sh\necho hello\n")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", f"{tmp_path}/../{tmp_path.name}/ffmpeg")
    with pytest.raises(GlimpseError, match="does not work"):
        ffmpeg()


def test_only_clips_state_frames():
    assert Stimulus("a.png", "0", 8, 8).to_json() == {"file": "a.png", "sha256": "0", "width": 8, "height": 8}
    clip = Stimulus("a.mp4", "0", 8, 8, frames=100, frame_rate=25.0)
    assert clip.to_json() == {
        "file": "a.mp4", "sha256": "0", "width": 8, "height": 8, "frames": 100, "frame_rate": 25.0,
    }  # fmt: skip
    assert clip.duration_ms == 4000
    assert Stimulus("a.png", "0", 8, 8).duration_ms is None
