"""Clips encoded alike by ffmpeg: one codec with one quality, no sound, no metadata, the same bytes each time.

A browser receives the files, so that nothing in them may tell conditions apart: see `encoding` of images.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glimpse.animated import UnreadableClipError, animated_frames
from glimpse.clips import ffmpeg, probe
from glimpse.errors import GlimpseError

from .clip_sources import TURNED, UNEVEN, ClipSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .cuts import Cut

CLIP_ENCODINGS = ("auto", "keep", "mp4", "webm")
# No compression is seen at these: over the drawn drive, photographs keep a PSNR of 46 dB and a SSIM of 0.99
# with either, images of networks more. At 18, the usual choice, fine grain goes (43 dB, 0.977); at 12, files
# are a quarter larger, and whole clips are loaded before each trial.
# One key frame a clip, and frames that follow the ones before them: the tables of all files are alike, and
# the first frame is there at once.
_ENCODERS = {
    "mp4": (
        *("-c:v", "libx264", "-preset", "medium", "-crf", "14", "-profile:v", "high", "-bf", "0"),
        *("-g", "9999", "-keyint_min", "9999", "-sc_threshold", "0"),
        # The encoder writes its settings into the stream, as supplemental information (NAL type 6).
        *("-bsf:v", "filter_units=remove_types=6"),
    ),
    "webm": (
        *("-c:v", "libvpx-vp9", "-crf", "8", "-b:v", "0", "-deadline", "good", "-cpu-used", "2"),
        *("-g", "9999", "-keyint_min", "9999", "-row-mt", "0"),
    ),
}
_COLOURS = (
    *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"),
    *("-pix_fmt", "yuv420p"),
)
_MUXERS = {
    "mp4": ("-movflags", "+faststart", "-write_btrt", "0", "-f", "mp4"),
    "webm": (
        "-cluster_size_limit",
        "1000000000",
        "-cluster_time_limit",
        "1000000",
        "-cues_to_front",
        "1",
        "-f",
        "webm",
    ),
}
_PLAIN = (
    *("-disposition:v:0", "default", "-an", "-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1"),
    *("-fflags", "+bitexact", "-flags:v", "+bitexact"),
)
# Containers that pages show a codec in.
KEPT = {"h264": "mp4", "vp8": "webm", "vp9": "webm", "av1": "webm"}
_DAMAGE = re.compile(
    r"error while decoding|corrupt|Invalid data|conceal|partial file|Truncating", re.IGNORECASE
)
# What ffmpeg says that lacks an encoder, a filter or an option.
_UNABLE = re.compile(
    r"Unknown encoder '[^']*'|No such filter: '[^']*'|Unrecognized option '[^']*'|Option \S+ not found"
    r"|Unknown bitstream filter \S+"
)
_MATRICES = {"bt709": "bt709", "smpte170m": "smpte170m", "bt470bg": "bt470bg", "smpte240m": "smpte240m"}
_HIGH_DEFINITION = 720  # lines from which players take colours without a statement for BT.709


@dataclass(frozen=True)
class Encode:
    """How the clips of a study are stored: the container, and whether they are only packed anew."""

    container: str
    keep: bool = False

    def options(self, source: ClipSource, cut: Cut) -> list[str]:
        """Return ffmpeg's options between the input and the file, in the order in which it takes them."""
        if self.keep:
            strip = _ENCODERS["mp4"][-2:] if source.clip.codec == "h264" else ()
            return ["-c:v", "copy", *strip, *_PLAIN, *_MUXERS[self.container]]
        return [
            *("-vf", _filters(source, cut), "-fps_mode", "passthrough", "-frames:v", str(cut.frames)),
            *_ENCODERS[self.container],
            *_COLOURS,
            *_PLAIN,
            *("-threads", "1", "-filter_threads", "1"),
            *_MUXERS[self.container],
        ]


def chosen(encoding: str, sources: Sequence[ClipSource], cuts: Sequence[Cut]) -> Encode:
    """Turn --encode into what is done; GlimpseError for `keep` where a clip would have to change."""
    if encoding not in CLIP_ENCODINGS:
        raise GlimpseError(f"--encode is {encoding!r}; for clips, allowed are {', '.join(CLIP_ENCODINGS)}.")
    if encoding != "keep":
        return Encode("webm" if encoding == "webm" else "mp4")
    others = "use --encode mp4 or webm."
    for source, cut in zip(sources, cuts, strict=True):
        clip = source.clip
        kept = (
            clip.frames == cut.frames
            and clip.frame_rate == cut.rate
            and source.size == (cut.width, cut.height)
        )
        why = next((name for name in (TURNED, UNEVEN) if name in source.changes), None)
        if clip.codec not in KEPT or clip.pixel_format not in {"yuv420p", "yuvj420p"}:
            raise GlimpseError(
                f"{source.path} is {clip.codec} ({clip.pixel_format}), which pages do not show everywhere; "
                f"{others}"
            )
        if why or not kept:
            raise GlimpseError(
                f"{source.path} has {why or 'another length, rate or size than it is to have'}, which "
                f"--encode keep leaves as it is; {others}"
            )
        if source.style != sources[0].style:
            raise GlimpseError(
                f"{sources[0].path} and {source.path} are not encoded alike ({_style(sources[0])}; "
                f"{_style(source)}): a program in the browser could tell conditions by it; {others}"
            )
    return Encode(KEPT[sources[0].clip.codec], keep=True)


def encode_clip(source: ClipSource, cut: Cut, how: Encode, path: Path) -> None:
    """Write one clip to `path`, on one core; `path` may hold part of it after an error.

    UnreadableClipError where the source turns out to be damaged or cut short.
    """
    clip = source.clip
    out = [*how.options(source, cut), f"file:{path}"]
    if clip.animated:
        raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{clip.width}x{clip.height}"]
        done = _fed(source, cut, [*raw, "-framerate", str(cut.rate), "-i", "pipe:", *out])
    else:
        done = _run(["-i", f"file:{clip.path}", "-map", "0:V:0", *out])
    said = done.stderr.decode(errors="replace")
    # What a source lacks is missing in the clip; what was made in its stead would be shown as if it were its.
    if done.returncode or _DAMAGE.search(said):
        if "No space left" in said:
            raise OSError(28, "No space left on device", str(path))
        if unable := _UNABLE.search(said):
            raise GlimpseError(
                f"The ffmpeg at {ffmpeg()} cannot encode as Glimpse needs it ({unable[0]}). Name another in "
                "IMAGEIO_FFMPEG_EXE, or run `pip install imageio-ffmpeg`, which brings one that can."
            )
        if not path.exists():  # what is wrong is not the source: another build of this study, which ended
            raise GlimpseError(
                f"{path.parent} was removed while clips were encoded, perhaps by another build of the study. "
                "Run build-hits again."
            )
        raise UnreadableClipError(
            f"{clip.path} cannot be decoded to its end ({_last(said)}); replace or remove it."
        )
    made = probe(path)
    if made.frames != cut.frames:
        raise UnreadableClipError(
            f"{clip.path} gives {made.frames} frames where it states {cut.frames}; it is damaged. Replace it."
        )


def _filters(source: ClipSource, cut: Cut) -> str:
    """Return the filters that make a source's frames those of its cut."""
    clip = source.clip
    timed = f"settb=expr={cut.rate.denominator}/{cut.rate.numerator},setpts=N"
    if cut.resampled and not clip.animated:
        timed = f"setpts=PTS-STARTPTS,tpad=stop_mode=clone:stop_duration=1,fps={cut.rate},{timed}"
    matrix = _MATRICES.get(clip.matrix, "bt709" if clip.height >= _HIGH_DEFINITION else "smpte170m")
    colours = "" if clip.animated else f"in_color_matrix={matrix}:"
    scaled = f"scale={_pixels(source, cut)}:flags=lanczos+accurate_rnd+full_chroma_int"
    crop = f"crop={cut.width}:{cut.height}:0:0,setsar=1"
    return f"{timed},{scaled}:{colours}out_color_matrix=bt709:out_range=tv,{crop},format=yuv420p"


def _pixels(source: ClipSource, cut: Cut) -> str:
    """Return the size to scale to: that of the cut, but for an odd row or column, which is cropped."""
    width, height = source.size
    if (width - width % 2, height - height % 2) == (cut.width, cut.height):
        return f"{width}:{height}"
    return f"{cut.width}:{cut.height}"


def _run(options: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    command = [ffmpeg(), "-v", "error", "-y", "-nostdin", "-threads", "1", *options]
    return subprocess.run(command, capture_output=True, check=False)  # noqa: S603


def _fed(source: ClipSource, cut: Cut, options: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Run ffmpeg on the frames of an animated image, each as often as its cut shows it."""
    command = [ffmpeg(), "-v", "error", "-y", "-threads", "1", *options]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
    write = process.stdin.write if process.stdin else len
    try:
        with contextlib.suppress(BrokenPipeError):  # ffmpeg says why it ended
            for count, frame in zip(_shown(source, cut), animated_frames(source.path), strict=False):
                for _ in range(count):
                    write(frame.tobytes())
    except BaseException:
        process.kill()
        raise
    finally:
        _, said = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, b"", said)


def _shown(source: ClipSource, cut: Cut) -> list[int]:
    """Return how many frames of the cut show each frame of an animated image."""
    if not cut.resampled:
        return [int(place < cut.frames) for place in range(source.clip.frames)]
    begins = [place * 1000 / float(cut.rate) + 0.5 for place in range(cut.frames)]  # half a ms for rounding
    showing = Counter(bisect_right(source.clip.times_ms, begin) - 1 for begin in begins)
    return [showing[place] for place in range(source.clip.frames)]


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if _DAMAGE.search(line)] or ["damaged"]
    return re.sub(r"^\[[^\]]*\] *", "", lines[0])[:100]


def _style(source: ClipSource) -> str:
    codec, pixels, rate = source.style
    return f"{codec}, {pixels}, {float(rate):g} frames a second"
