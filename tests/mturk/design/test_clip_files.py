"""Clips encoded and filled: the same frames, one size, alike in every box, and silent of their origin."""

from __future__ import annotations

import re
import struct
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from glimpse.animated import UnreadableClipError
from glimpse.clips import frames_of, probe
from glimpse.errors import GlimpseError
from glimpse.mturk.design.clip_encoding import Encode, chosen, encode_clip
from glimpse.mturk.design.clip_padding import common_sizes, pad_clip, parts_of, stated_codec
from glimpse.mturk.design.clip_sources import inspect_clip
from glimpse.mturk.design.cuts import CutSettings, cut_alike
from tests.glimpse.footage import animate, record, run

CONTAINERS = ["mp4", "webm"]


def encoded(path, container="mp4", **asked):
    """Encode one clip beside itself; return the path."""
    source = inspect_clip(path)
    (cut,) = cut_alike({("a", "1"): source}, [], CutSettings(**asked), None).values()
    out = path.with_name(f"{path.stem}-encoded.{container}")
    encode_clip(source, cut, Encode(container), out)
    return out


def boxes(data):
    """List the names and sizes of a file's outermost parts."""
    found, at = [], 0
    while data[4:8] == b"ftyp" and at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8], size))
        at += size
    return found or [(b"webm", data.index(b"\x1f\x43\xb6\x75"), data[data.index(b"\x1f\x43\xb6\x75") :][:12])]


@pytest.mark.parametrize("container", CONTAINERS)
def test_filled_clips_are_alike_and_show_the_same_frames(tmp_path, container):
    """A busy clip of many bytes, a still scene of few, and a GIF."""
    paths = [record(tmp_path / "busy.mp4"), record(tmp_path / "calm.webm", source="smptebars", sound=False)]
    paths.append(animate(tmp_path / "drawn.gif"))
    made = [encoded(path, container) for path in paths]
    sizes = common_sizes(parts_of(path.read_bytes()).sizes for path in made)
    files = []
    for path in made:
        data = pad_clip(path.read_bytes(), sizes, path.name)
        assert data == pad_clip(path.read_bytes(), sizes, path.name)
        filled = path.with_name(f"filled-{path.name}")
        filled.write_bytes(data)
        assert probe(filled).times_ms == probe(path).times_ms
        for one, other in zip(frames_of(filled, 8), frames_of(path, 8), strict=True):
            assert np.array_equal(one, other)
        files.append(data)
    assert {len(data) for data in files} == {sum(sizes)}
    assert len({str(boxes(data)) for data in files}) == 1
    assert len({stated_codec(data) for data in files}) == 1
    assert not any(re.search(rb"x264 - core|crf=", data) for data in files)


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_same_clip_gives_the_same_bytes(tmp_path, container):
    path = record(tmp_path / "a.mp4")
    first = encoded(path, container).read_bytes()
    assert encoded(path, container).read_bytes() == first


def test_what_is_neither_is_not_filled():
    with pytest.raises(GlimpseError, match="Only MP4 and WebM"):
        pad_clip(b"GIF89a" + bytes(20), (100, 100), "seed")


@pytest.mark.parametrize("container", CONTAINERS)
def test_colours_stay(tmp_path, container):
    """Of an animated image in RGB, and of a video whose colours are coded for small screens, unsaid."""
    colour = (200, 60, 30)
    frames = [Image.new("RGB", (64, 64), colour)] * 3
    for place, frame in enumerate(frames := [frame.copy() for frame in frames]):
        frame.putpixel((0, 0), (place, 0, 0))
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=40, lossless=True)
    picture = f"color=c=0x{bytes(colour).hex()}:s=64x64:r=25,format=rgb24"
    run(
        "-f", "lavfi", "-i", picture, "-frames:v", "3", "-pix_fmt", "yuv420p", "-crf", "5", tmp_path / "b.mp4"
    )
    for name in ("a.webp", "b.mp4"):
        middle = frames_of(encoded(tmp_path / name, container), 1)[0][40, 40]
        assert np.abs(middle.astype(int) - colour).max() <= 4, (name, middle)


def test_nothing_of_a_phone_s_clip_is_left_but_its_pictures(tmp_path):
    flat = record(tmp_path / "flat.mp4", size="65x48", sound=True, options=["-pix_fmt", "yuv444p"])
    run(
        "-display_rotation",
        "90",
        "-i",
        flat,
        "-c",
        "copy",
        "-metadata",
        "title=secret",
        tmp_path / "turned.mov",
    )
    source = inspect_clip(tmp_path / "turned.mov")
    assert source.changes == ("sound", "a rotation")
    made = encoded(tmp_path / "turned.mov")
    found = inspect_clip(made)
    assert (found.size, found.changes, found.clip.frames) == ((48, 64), (), source.clip.frames)
    assert b"secret" not in made.read_bytes()
    upright = frames_of(tmp_path / "turned.mov", 1)[0][:64]
    assert np.abs(upright.astype(int) - frames_of(made, 1)[0]).mean() < 12


def test_frames_are_kept_where_rates_are_nearly_one_and_follow_their_times_elsewhere(tmp_path):
    sources = {
        ("a", "1"): inspect_clip(record(tmp_path / "ntsc.mp4", rate="30000/1001", frames=30)),
        ("b", "1"): inspect_clip(record(tmp_path / "thirty.mp4", rate="30", frames=30)),
        ("c", "1"): inspect_clip(record(tmp_path / "film.mp4", rate="24", frames=24)),
        ("d", "1"): inspect_clip(animate(tmp_path / "uneven.gif", frames=4, ms=[100, 300])),
    }
    cuts = cut_alike(sources, [], CutSettings(), None)
    assert {cut.rate for cut in cuts.values()} == {Fraction(30)}
    assert [(cut.frames, cut.resampled) for cut in cuts.values()] == [
        (30, False), (30, False), (30, True), (24, True),
    ]  # fmt: skip
    for (name, _), source in sources.items():
        out = tmp_path / f"{name}.mp4"
        encode_clip(source, cuts[name, "1"], Encode("mp4"), out)
        assert probe(out).frames == cuts[name, "1"].frames
    blue = [int(frame[5, 5, 0]) for frame in frames_of(tmp_path / "d.mp4", 24)]
    assert [round(value / 30) for value in blue] == [0] * 3 + [1] * 9 + [2] * 3 + [3] * 9


def test_what_turns_out_to_be_damaged_is_named(tmp_path):
    path = record(tmp_path / "a.mp4", frames=30, options=["-pix_fmt", "yuv420p", "-bf", "0"])
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + 4 + 2000
    data[middle : middle + 1500] = bytes(1500)
    path.write_bytes(data)
    with pytest.raises(UnreadableClipError, match=r"a.mp4 (cannot be decoded to its end|gives \d+ frames)"):
        encoded(path)


def test_clips_are_kept_only_where_nothing_must_change(tmp_path):
    one = inspect_clip(record(tmp_path / "one.mp4", sound=True))
    for name, how, said in (
        ("two.webm", {}, "are not encoded alike"),
        ("deep.mp4", {"options": ["-pix_fmt", "yuv420p10le"]}, "which pages do not show everywhere"),
        ("fast.mp4", {"rate": "30", "frames": 9}, "another length, rate or size than it is to have"),
    ):
        other = inspect_clip(record(tmp_path / name, **how))
        cuts = list(cut_alike({("a", "1"): one, ("b", "1"): other}, [], CutSettings(), None).values())
        with pytest.raises(GlimpseError, match=said):
            chosen("keep", [one, other], cuts)
    with pytest.raises(GlimpseError, match="--encode is 'png'; for clips, allowed are auto, keep, mp4, webm"):
        chosen("png", [], [])
    (cut,) = cut_alike({("a", "1"): one}, [], CutSettings(), None).values()
    encode_clip(one, cut, chosen("keep", [one], [cut]), tmp_path / "kept.mp4")
    assert not probe(tmp_path / "kept.mp4").sound
    for frame, other in zip(frames_of(one.path, 8), frames_of(tmp_path / "kept.mp4", 8), strict=True):
        assert np.array_equal(frame, other)
