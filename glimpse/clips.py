"""Clips: which files of people's folders may be one, what each holds, and its frames.

Videos are read by the ffmpeg that imageio-ffmpeg brings along; animated images (GIF, APNG, WebP) by Pillow,
since not every ffmpeg reads them all.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from glimpse.animated import (
    ANIMATED_ENDINGS,
    INSTEAD_MS,
    TOO_SHORT_MS,
    UnreadableClipError,
    animated_frames,
    drawn_frames,
    is_animated,
)
from glimpse.errors import GlimpseError
from glimpse.images import is_image, is_left_behind
from glimpse.pixels import UnreadableImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

VIDEO_ENDINGS = (".mp4", ".webm", ".m4v", ".mov", ".mkv")
CLIP_ENDINGS = (*VIDEO_ENDINGS, *ANIMATED_ENDINGS)
# Videos of kinds that state no times of their frames, or that few programs still write.
_UNREAD = (".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".ts", ".mts", ".3gp", ".ogv")
# How far from its place, as a share of a frame and in ms, a frame of a constant rate may be: containers round
# times, cameras are a few ms early or late. Frames that were left out (80 and 40 ms in turn) are no jitter.
# GIFs have hundredths of a second, so that 15, 24, 30 and 40 frames a second alternate (60 and 70 ms, 30 and
# 40 ms) and are off by 5 ms at most: 0.2 of a frame at 40. What alternates more (30 and 70 ms) is meant so.
_JITTER, _JITTER_MS = 0.35, 10.0
_RATES = tuple(Fraction(rate) for rate in range(1, 241))
_LOOKED_AT = 5  # images of a folder, of which one must be readable to tell whether it holds clips
# What ffmpeg says of containers of which it passes over a part.
_PASSED_OVER = (
    "partial file",
    "File ended prematurely",
    "as first byte of an EBML",
    "exceeds containing master",
)
_NTSC = tuple(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120, 240))
_STREAM = re.compile(r"^ *Stream #0:\d+.*?: (Video|Audio): (.*)$", re.MULTILINE)
_PACKET = re.compile(
    r"^0, *-?\d+, *(-?\d+), *(\d+), *(\d+), *0x[0-9a-f]+(?:, *F=0x([0-9a-f]+))?", re.MULTILINE
)
_DROPPED = 0x4  # a packet that an edit list leaves out


@dataclass(frozen=True)
class Clip:
    """What a file of moving pictures holds.

    width, height: in pixels, upright and with square pixels, as players show it. frame_rate: frames a second;
    where it is not `steady`, the mean. times_ms: when each frame begins, from 0. rotation: degrees by which
    players turn it. transfer, matrix: how colours are coded, as ffmpeg names it; empty where not stated.
    end_ms: of an animated image, when its last frame has been shown for as long as it asks; 0 of a video.
    """

    path: Path
    codec: str
    width: int
    height: int
    times_ms: tuple[float, ...]
    frame_rate: Fraction
    steady: bool
    pixel_format: str
    sound: bool = False
    rotation: int = 0
    square: bool = True
    interlaced: bool = False
    transfer: str = ""
    matrix: str = ""
    end_ms: float = 0.0

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return len(self.times_ms)

    @property
    def duration_ms(self) -> float:
        """How long it plays, in ms."""
        return self.end_ms or float(1000 * self.frames / self.frame_rate)

    @property
    def animated(self) -> bool:
        """Whether it is an animated image, which Pillow reads."""
        return self.path.suffix.lower() in ANIMATED_ENDINGS


def ffmpeg() -> str:
    """Return the path of an ffmpeg; GlimpseError where there is none."""
    try:
        import imageio_ffmpeg

        found = str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        found = ""
    if not found or shutil.which(found) is None:
        # What the environment variable names is taken unseen.
        where = f": IMAGEIO_FFMPEG_EXE names {found}, which is no program" if found else ""
        raise GlimpseError(
            f"No ffmpeg was found, which clips need{where}. Install it with `pip install imageio-ffmpeg`, or "
            "name one in the environment variable IMAGEIO_FFMPEG_EXE."
        )
    if not _version(found):
        named = " (named by IMAGEIO_FFMPEG_EXE)" if os.environ.get("IMAGEIO_FFMPEG_EXE") else ""
        raise GlimpseError(
            f"The ffmpeg at {found}{named} does not work: `{found} -version` fails. Name one that works in "
            "IMAGEIO_FFMPEG_EXE, or unset that and run `pip install --force-reinstall imageio-ffmpeg`."
        )
    return found


def ffmpeg_version() -> str:
    """Return the version of the ffmpeg at hand: others may give other bytes. Errors as of `ffmpeg`."""
    return _version(ffmpeg())


@cache
def _version(program: str) -> str:
    """Return what an ffmpeg says of itself; nothing where the program is none, or fails."""
    try:
        done = subprocess.run([program, "-version"], capture_output=True, check=False)  # noqa: S603
    except OSError:
        return ""
    words = done.stdout.decode(errors="replace").split(maxsplit=3)
    return words[2] if not done.returncode and words[:2] == ["ffmpeg", "version"] and words[2:] else ""


def is_video(path: PurePath) -> bool:
    """Tell by its name whether a file is a video; animated images have the endings of still ones."""
    return path.suffix.lower() in VIDEO_ENDINGS


def clip_files(folder: Path) -> list[Path]:
    """List a folder's clips by name, as `images.image_files` lists images.

    GlimpseError for a file that is no clip by its name, which would be missing without a word.
    """
    files = sorted(path for path in folder.iterdir() if not is_left_behind(path.name) and path.is_file())
    for path in files:
        ending = path.suffix.lower()
        if ending in _UNREAD:
            raise GlimpseError(
                f"{path} cannot be used; clips are MP4, WebM, MOV, MKV, GIF, APNG or WebP. Convert it, for "
                f"example with `ffmpeg -i {path.name} {path.stem}.mp4`, or remove it."
            )
        if is_image(path) and ending not in ANIMATED_ENDINGS:
            raise GlimpseError(f"{path} is a still image among clips; a study has one kind. Remove it.")
    return [path for path in files if path.suffix.lower() in CLIP_ENDINGS]


def has_clips(folder: Path) -> bool:
    """Tell whether a folder holds clips: a video, or images of which the first readable one is animated."""
    files = sorted(path for path in folder.iterdir() if not is_left_behind(path.name) and path.is_file())
    if any(path.suffix.lower() in (*VIDEO_ENDINGS, *_UNREAD, ".apng") for path in files):
        return True
    for path in [path for path in files if is_image(path)][:_LOOKED_AT]:
        try:
            return is_animated(path)
        except UnreadableImageError:
            continue  # whoever reads it says what is wrong with it
    return False


def probe(path: Path | str) -> Clip:
    """Read what a clip holds, without decoding a video's frames: those are seen when they are needed.

    UnreadableClipError names a file that is no clip, has no video, one frame or none, or was cut short.
    """
    path = Path(path)
    if not path.stat().st_size:
        raise UnreadableClipError(f"{path} is empty (0 bytes); replace or remove it.")
    clip = _probe_animated(path) if path.suffix.lower() in ANIMATED_ENDINGS else _probe_video(path)
    if clip.frames < 2:
        what = "has one frame: it is a still image" if clip.frames else "has no frames"
        raise UnreadableClipError(f"{path} {what}; a clip has two frames or more. Replace or remove it.")
    return clip


def frames_of(
    path: Path | str, count: int, width: int | None = None, *, first: int | None = None
) -> list[np.ndarray]:
    """Return up to `count` frames of a clip from its first to its last, evenly spaced: HWC uint8 RGB.

    `width`: of the frames in pixels; None: as they are. `first`: of the first so many
    frames. UnreadableClipError where the clip cannot be read.

    >>> strip = frames_of("images/crn/0001.mp4", 4, width=160)  # doctest: +SKIP
    >>> strip[0].shape  # doctest: +SKIP
    (90, 160, 3)
    """
    clip = probe(path)
    size = (clip.width, clip.height)
    if width is not None:
        size = width, max(1, round(clip.height * width / clip.width))
    chosen = spaced(min(clip.frames, first or clip.frames), count)
    if clip.animated:
        frames = [image for index, image in enumerate(animated_frames(clip.path)) if index in set(chosen)]
        return [np.asarray(image.resize(size, Image.Resampling.LANCZOS)) for image in frames]
    return _video_frames(clip, chosen, size)


def spaced(frames: int, count: int) -> list[int]:
    """Return which of `frames` frames show a clip in `count`: the first, the last, and some between.

    >>> spaced(9, 3)
    [0, 4, 8]
    """
    count = min(count, frames)
    return [round(place * (frames - 1) / max(1, count - 1)) for place in range(count)]


def _probe_animated(path: Path) -> Clip:
    """Read the sizes and times of an animated image; every frame is decoded."""
    kind, size, times, now, lasting = "", (0, 0), [], 0.0, 0.0
    for frame in drawn_frames(path):
        kind, size = str(frame.format), frame.size
        stated = float(frame.info.get("duration", 0))
        lasting = stated if stated > TOO_SHORT_MS else INSTEAD_MS
        times.append(now)
        now += lasting
    rate, steady = _rate(times, now)
    if steady and abs(lasting * rate / 1000 - 1) > _JITTER:  # the last frame is held, or gone sooner
        rate, steady = _mean_rate(len(times), now), False
    return Clip(path, kind.lower(), *size, tuple(times), rate, steady, "rgb24", end_ms=now)


def _probe_video(path: Path) -> Clip:
    """Read what ffmpeg says of a video's streams, and the times of its packets."""
    listed = _run(["-i", str(path), "-map", "0:V:0", "-c", "copy", "-f", "framecrc", "-"])
    said, packets = listed.stderr.decode(errors="replace"), listed.stdout.decode()
    streams = _STREAM.findall(said.split("\nOutput #0")[0].split("\nStream mapping")[0])
    video = [text for kind, text in streams if kind == "Video" and "(attached pic)" not in text]
    if not streams:
        raise UnreadableClipError(
            f"{path} cannot be read as a video ({_reason(said)}); replace or remove it."
        )
    if not video:
        raise UnreadableClipError(f"{path} has no video, only sound; replace or remove it.")
    times, end = _times(packets)
    if listed.returncode or any(words in said for words in _PASSED_OVER):
        raise UnreadableClipError(f"{path} is damaged or was cut short; copy it again, or remove it.")
    rate, steady = _rate(times, end)
    return _described(
        path, video[0], said, (tuple(times), rate, steady), any(k == "Audio" for k, _ in streams)
    )


def _described(
    path: Path, video: str, said: str, timed: tuple[tuple[float, ...], Fraction, bool], sound: bool
) -> Clip:
    """Put together what ffmpeg's line about the video says: codec, pixels, size, turned or not."""
    codec = video.split(maxsplit=1)[0].rstrip(",")
    pixels = re.search(r", (\w+)(?:\(([^)]*)\))?, (\d+)x(\d+)", video)
    if pixels is None:
        raise UnreadableClipError(f"{path}: its pictures have no stated size or colours; encode it anew.")
    words = [word.strip() for word in (pixels[2] or "").split(",")]
    colours = next((word for word in words if word and _is_colour(word)), "")
    matrix, _, transfer = colours.split("/") if colours.count("/") == 2 else (colours, "", colours)
    aspect = re.search(r"SAR (\d+):(\d+)", video)
    sample = Fraction(int(aspect[1]), int(aspect[2])) if aspect and int(aspect[2]) else Fraction(1)
    turned = re.search(r"rotation of (-?\d+(?:\.\d+)?) degrees", said)
    rotation = round(float(turned[1])) % 360 if turned else 0
    width, height = round(int(pixels[3]) * (sample or 1)), int(pixels[4])
    if rotation in {90, 270}:
        width, height = height, width
    return Clip(
        path,
        codec,
        width,
        height,
        *timed,
        pixels[1],
        sound,
        rotation,
        sample == 1,
        any("first" in word for word in words),
        "" if transfer == "unknown" else transfer,
        "" if matrix == "unknown" else matrix,
    )


def _is_colour(word: str) -> bool:
    return word not in {"tv", "pc", "progressive"} and "first" not in word and "gray" not in word


def _times(packets: str) -> tuple[list[float], float]:
    """Return when each frame begins, in ms from the first, and when the last ends."""
    base = re.search(r"^#tb 0: (\d+)/(\d+)", packets, re.MULTILINE)
    found = sorted(
        (int(begin), int(length))
        for begin, length, _, flags in _PACKET.findall(packets)
        if not int(flags or "0", 16) & _DROPPED
    )
    if base is None or not found:
        return [], 0.0
    tick_ms = 1000 * int(base[1]) / int(base[2])
    times = [(begin - found[0][0]) * tick_ms for begin, _ in found]
    return times, times[-1] + found[-1][1] * tick_ms


def _rate(times_ms: Sequence[float], end_ms: float) -> tuple[Fraction, bool]:
    """Return the frames a second, and whether each is in its place: times may be rounded to whole ms."""
    if len(times_ms) < 2 or times_ms[-1] <= 0:
        return Fraction(1), False
    frame_ms = times_ms[-1] / (len(times_ms) - 1)
    rounded = 1.0 / times_ms[-1]  # times are at most a ms off
    rate = min((*_RATES, *_NTSC), key=lambda one: abs(float(one) * frame_ms / 1000 - 1))
    if abs(float(rate) * frame_ms / 1000 - 1) > max(1e-4, rounded):
        rate = Fraction(1000 / frame_ms).limit_denominator(1001)
    places = np.arange(len(times_ms)) * float(1000 / rate)
    steady = bool(np.abs(np.asarray(times_ms) - places).max() <= min(_JITTER * frame_ms, _JITTER_MS))
    return (rate, True) if steady else (_mean_rate(len(times_ms), end_ms), False)


def _mean_rate(frames: int, end_ms: float) -> Fraction:
    return Fraction(1000 * frames / end_ms).limit_denominator(1001)


def _video_frames(clip: Clip, chosen: Sequence[int], size: tuple[int, int]) -> list[np.ndarray]:
    """Decode the chosen frames of a video, at a size."""
    picked = "+".join(f"eq(n\\,{index})" for index in chosen)
    filters = f"select='{picked}',scale={size[0]}:{size[1]}:flags=lanczos"
    output = ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = _run(["-i", str(clip.path), "-map", "0:V:0", "-vf", filters, *output])
    frames = np.frombuffer(done.stdout, np.uint8)
    if frames.size != len(chosen) * size[0] * size[1] * 3:
        reason = _reason(done.stderr.decode(errors="replace"))
        raise UnreadableClipError(f"{clip.path} cannot be decoded ({reason}); replace or remove it.")
    return list(frames.reshape(len(chosen), size[1], size[0], 3))


def _run(options: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Run ffmpeg on one core; nothing of what it is given is a pattern or an address."""
    command = [ffmpeg(), "-hide_banner", "-nostdin", "-threads", "1", *_as_files(options)]
    plain = {**os.environ, "AV_LOG_FORCE_NOCOLOR": "1"}
    return subprocess.run(command, capture_output=True, check=False, env=plain)  # noqa: S603


def _as_files(options: Sequence[str]) -> list[str]:
    """Name inputs as files: a name may begin with a dash or hold a colon."""
    return [
        f"file:{option}" if place and options[place - 1] == "-i" else option
        for place, option in enumerate(options)
    ]


def _reason(said: str) -> str:
    """Return what ffmpeg said of a file that it could not read."""
    for known in ("moov atom not found", "Invalid data found", "Permission denied", "error reading header"):
        if known in said:
            return known
    return "it has no video that ffmpeg knows, or its index is damaged"
