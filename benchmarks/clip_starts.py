"""When two clips really begin: displayed frames, beside a plain page with two autoplaying <video> tags.

    python benchmarks/clip_starts.py [--trials 100]

A headless Chromium does a HIT of clips while its display compositor is traced, as in `exposures.py`. Every
clip carries the number of its frame as a strip of black and white blocks, which is read from the screenshots:
so it is known in which refresh of the screen either clip showed which frame. The page knows nothing of it.
The peer is measured in the same run, in turns.
"""

from __future__ import annotations

import argparse
import base64
import functools
import io
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._sizes import whole_number
from benchmarks.exposures import (
    CATEGORIES,
    FLAGS,
    REFRESH_MS,
    VIEWPORT,
    chromium,
    load_since,
    make_study,
    served,
    stored,
    wait_until,
)
from glimpse.experiment import designed, preset
from glimpse.files import file_digest
from glimpse.mturk.page.pages import page_html
from glimpse.mturk.page.settings import page_settings
from glimpse.questions import DEFAULT_QUESTION, Question
from glimpse.study import Stimulus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from glimpse.study import Study

BITS = 8
STRIP = 0.3, 0.6  # of a frame's height, where the blocks are
NOTHING = -1  # neither a clip nor a mask
MASKED = -2
CARD = 2**BITS - 1  # what the light card of the instructions reads as
TRIALS_A_TRACE = 8  # Chromium keeps no more than 450 screenshots a trace


@dataclass(frozen=True)
class Shown:
    """What one displayed frame of the screen had on the left and right: the numbers of the clips' frames."""

    time_ms: float
    left: int
    right: int


@dataclass(frozen=True)
class Played:
    """One showing of a pair: the refresh in which either clip first showed each of its frames, from 0."""

    left: Mapping[int, int]
    right: Mapping[int, int]
    masked: bool

    @property
    def onset_skew(self) -> int:
        """How many refreshes apart the two appeared."""
        return min(self.left.values(), default=999) - min(self.right.values(), default=999)

    @property
    def motion_skew(self) -> int | None:
        """How many refreshes apart they showed the first moving frame that both showed; None without one."""
        both = [frame for frame in self.left if frame in self.right and frame > 0]
        return self.left[min(both)] - self.right[min(both)] if both else None


def clip_frames(count: int, size: tuple[int, int], rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield smooth colourful frames, HWC uint8, each with its number in a strip of blocks."""
    width, height = size
    coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    coarse[rng.random((6, 6)) < 0.5] //= 4
    base = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    top, bottom = (round(height * share) for share in STRIP)
    for number in range(count):
        frame = base.copy()
        for bit in range(BITS):
            first, last = (round(width * place / BITS) for place in (bit, bit + 1))
            frame[top:bottom, first:last] = 235 if number >> bit & 1 else 20
        yield frame


def write_clip(path: Path, frames: int, rate: int, size: tuple[int, int], rng: np.random.Generator) -> None:
    """Encode one numbered clip as `build-hits` does: H.264 in MP4, or VP9 in WebM, without sound."""
    import imageio_ffmpeg

    encoder = {
        ".mp4": ["-c:v", "libx264", "-movflags", "+faststart"],
        ".webm": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
    }[path.suffix]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", str(rate), "-i", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", *raw, "-pix_fmt", "yuv420p"]
    data = b"".join(frame.tobytes() for frame in clip_frames(frames, size, rng))
    subprocess.run([*command, *encoder, str(path)], input=data, check=True)


def with_clips(
    study: Study,
    *,
    frames: int = 30,
    rate: int = 30,
    kinds: int = 4,
    ending: str = ".mp4",
    size: tuple[int, int] = (256, 256),
    **page: Any,
) -> Study:
    """Return a copy of the study with numbered clips for images; `page` goes to `page_settings`.

    There are `kinds` different clips of `frames` at `rate` a second, which its stimuli share out.
    """
    assert study.folder is not None
    folder = Path(tempfile.mkdtemp(prefix="clips-", dir=study.folder.parent))
    shutil.copytree(study.folder, folder / "study")
    made = []
    for kind in range(kinds):
        made.append(folder / f"{kind}{ending}")
        write_clip(made[-1], frames, rate, size, np.random.default_rng(kind))
    stimuli = {}
    for place, name in enumerate(study.stimuli):
        own = folder / "study" / "images" / f"{name}{ending}"
        shutil.copyfile(made[place % kinds], own)
        stimuli[name] = Stimulus(own.name, file_digest(own), *size, frames=frames, frame_rate=float(rate))
    settings = page_settings(stimuli.values(), **page)
    text = settings.words(clips=True).say("questions.realism")
    asked = replace(study.experiment, questions=(Question(DEFAULT_QUESTION.name, text),))
    changed = {"title": text, "experiment": asked, "stimuli": stimuli, "page_settings": settings.to_json()}
    moving = replace(study, folder=folder / "study", **changed)
    for hit in moving.hits:
        moving.page_path(hit.hit).write_text(page_html(moving, hit.hit), encoding="utf-8")
    return moving


def unlimited(trials: int) -> Any:
    """Return an experiment of one HIT of so many pairs in unlimited time."""
    small = {"trials_per_cell": trials, "sentinels_per_hit": 0, "hits_per_batch": 1, "break_every": 0}
    return designed(
        preset("unlimited-time"), contrasts=(("crn", "pix2pix"),), real="real", sentinel=None, **small
    )


def read_shown(
    events: Sequence[Mapping[str, Any]], boxes: Sequence[Mapping[str, float]], masks: Sequence[np.ndarray]
) -> list[Shown]:
    """Turn trace events into what was displayed.

    A screenshot's time is that of the display next to it: its number counts the page's own frames alone, and
    clips move without the page.
    """
    at = np.array(sorted(e["ts"] for e in events if e["name"] == "Display::FrameDisplayed"), dtype=float)
    found = []
    for event in sorted((e for e in events if e["name"] == "Screenshot"), key=lambda e: e["ts"]):
        shot = Image.open(io.BytesIO(base64.b64decode(event["args"]["snapshot"])))
        grey = np.asarray(shot.convert("L"), dtype=float)
        factor = shot.width / VIEWPORT[0]
        numbers = [_number(grey, box, factor, mask) for box, mask in zip(boxes, masks, strict=True)]
        found.append(Shown(float(at[np.argmin(np.abs(at - event["ts"]))]) / 1000, *numbers))
    return found


def _number(grey: np.ndarray, box: Mapping[str, float], factor: float, mask: np.ndarray) -> int:
    """Read the number in one pane of a screenshot."""
    left, top, width, height = (box[key] * factor for key in ("x", "y", "width", "height"))
    pane = grey[round(top) + 2 : round(top + height) - 2, round(left) + 2 : round(left + width) - 2]
    if np.abs(pane - 163).mean() < 6:
        return NOTHING
    small = np.asarray(Image.fromarray(pane.astype(np.uint8)).resize((48, 24), Image.Resampling.BOX))
    if small.std() == 0:  # what a browser paints where a video has no frame yet
        return NOTHING
    if np.corrcoef(small.ravel(), mask.ravel())[0, 1] > 0.6:
        return MASKED
    first, last = (int(pane.shape[0] * share) for share in (STRIP[0] + 0.08, STRIP[1] - 0.08))
    edges = np.linspace(0, pane.shape[1], BITS + 1)
    blocks = [pane[first:last, int(a + 2) : int(b - 1)].mean() for a, b in itertools.pairwise(edges)]
    number = sum(1 << bit for bit, block in enumerate(blocks) if block > 128)
    return NOTHING if number == CARD else number


def showings(shown: Sequence[Shown]) -> list[Played]:
    """Find the showings of pairs that play once, from the first displayed frame to the first without a clip.

    A busy machine takes no screenshot of some frames: two clips that are back at an earlier frame are a new
    showing, too.
    """
    found: list[Played] = []
    current: tuple[dict[int, int], dict[int, int]] | None = None
    for one in shown:
        if max(one.left, one.right) < 0:
            if current is not None:
                found.append(Played(*current, masked=one.left == one.right == MASKED))
            current = None
            continue
        if current is not None and all(
            number < max(own, default=0) for own, number in zip(current, (one.left, one.right), strict=True)
        ):
            found.append(Played(*current, masked=False))
            current = None
        if current is None:
            current, began_ms = ({}, {}), one.time_ms
        refresh = round((one.time_ms - began_ms) / REFRESH_MS)
        for own, number in zip(current, (one.left, one.right), strict=True):
            if number >= 0:
                own.setdefault(number, refresh)
    if current is not None:
        found.append(Played(*current, masked=False))
    # What stands still was shown before the trace began.
    return [one for one in found if max(len(one.left), len(one.right)) > 1]


# A clip is shown by the canvas before it.
CLIPS = (
    "[...document.querySelectorAll('#trial video')]"
    ".filter(clip => clip.previousSibling.style.opacity === '1')"
)
PLAYED = f"{CLIPS}.length === 2 && {CLIPS}.every(clip => clip.ended)"
NO_MASK = [np.random.default_rng(0).random((24, 48))] * 2


def stepper(page: Any) -> Callable[[], None]:
    """Return what begins a page's next trial: first the Start button, then an answer."""
    keys = itertools.chain(["Start"], itertools.repeat("ArrowLeft"))

    def go_on() -> None:
        key = next(keys)
        page.click("#start") if key == "Start" else page.keyboard.press(key)

    return go_on


def traced_clips(found: Any, page: Any, trials: int, go_on: Callable[[], None]) -> list[Played]:
    """Watch clips that play once, in unlimited time, under the trace.

    `go_on` ends the trial before, which begins the next.
    """
    played: list[Played] = []
    for first in range(0, trials, TRIALS_A_TRACE):
        found.start_tracing(page=page, screenshots=True, categories=CATEGORIES)
        for _ in range(min(TRIALS_A_TRACE, trials - first)):
            go_on()
            wait_until(page, PLAYED)
        page.wait_for_timeout(100)
        events = json.loads(found.stop_tracing())["traceEvents"]
        boxes = [page.locator(pane).bounding_box() for pane in ("#left", "#right")]
        played += showings(read_shown(events, boxes, NO_MASK))
    return played


def report(played: Sequence[Played]) -> dict[str, Any]:
    """Say how far apart the two clips of each showing began, in refreshes."""
    moved = [one.motion_skew for one in played]
    return {
        "trials": len(played),
        "appeared_in_one_refresh": _share([one.onset_skew == 0 for one in played]),
        "appeared_with_their_first_frame": _share([0 in one.left and 0 in one.right for one in played]),
        "moved_in_one_refresh": _share([skew == 0 for skew in moved]),
        "moved_within_one_refresh": _share([skew is not None and abs(skew) <= 1 for skew in moved]),
        "apart_by_refreshes": dict(Counter(str(skew) for skew in moved).most_common()),
    }


def _share(values: Sequence[bool]) -> float:
    return round(float(np.mean(values)), 4)


PEER = """<!doctype html><body style="margin:0;background:#a3a3a3">
<style>.p{position:absolute;top:150px;width:512px;height:512px}video{width:100%%;height:100%%}
#left{left:100px}#right{left:700px}</style>
<div class="p" id="left"><video src="%s" autoplay muted playsinline loop></video></div>
<div class="p" id="right"><video src="%s" autoplay muted playsinline loop></video></div>"""


def _answer(body: str, route: Any) -> None:
    route.fulfill(body=body, content_type="text/html")


def traced_peer(found: Any, page: Any, site: str, files: Sequence[str], trials: int) -> list[Played]:
    """Open a page with two autoplaying <video> tags again and again under the trace."""
    boxes = [{"x": x, "y": 150, "width": 512, "height": 512} for x in (100, 700)]
    played: list[Played] = []
    for first in range(0, trials, TRIALS_A_TRACE):
        found.start_tracing(page=page, screenshots=True, categories=CATEGORIES)
        for trial in range(first, min(first + TRIALS_A_TRACE, trials)):
            pair = tuple(f"{site}/images/{files[(trial + side) % len(files)]}" for side in (0, 1))
            body = PEER % pair
            page.route("**/peer", functools.partial(_answer, body))
            page.goto(f"{site}/peer")
            page.wait_for_timeout(800)
            page.evaluate("document.querySelectorAll('video').forEach(video => video.remove())")
            page.wait_for_timeout(100)
            page.unroute("**/peer")
        events = json.loads(found.stop_tracing())["traceEvents"]
        played += showings(read_shown(events, boxes, NO_MASK))
    return played


def measure(folder: Path, trials: int, frames: int, rate: int, size: int) -> dict[str, Any]:
    """Measure the page and its peer in turns of as many trials as a trace holds; return both reports."""
    study = make_study(folder, unlimited(trials), 2 * trials, (64, 64))
    study = with_clips(study, frames=frames, rate=rate, kinds=6, size=(size, size), play="once")
    files = [stimulus.file for stimulus in list(study.stimuli.values())[:6]]
    ours, theirs = [], []
    with served(study) as address, browsers() as (mine, other):
        page, peer = (
            found.new_page(viewport={"width": VIEWPORT[0], "height": VIEWPORT[1]}) for found in (mine, other)
        )
        page.goto(address)
        page.click("#agree")
        go_on = stepper(page)
        for first in range(0, trials, TRIALS_A_TRACE):
            turn = min(TRIALS_A_TRACE, trials - first)
            ours += traced_clips(mine, page, turn, go_on)
            theirs += traced_peer(other, peer, address.split("/pages/")[0], files, turn)
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(200)
        records = stored(page)["answers"][:trials]
    own = {**report(ours), "flags": dict(Counter(flag for one in records for flag in one.get("flags", [])))}
    return {"page": own, "autoplaying_video_tags": report(theirs)}


@contextmanager
def browsers() -> Iterator[tuple[Any, Any]]:
    """Start two browsers of their own, so that neither page is hidden while the other is measured."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = [playwright.chromium.launch(executable_path=chromium(), args=FLAGS) for _ in range(2)]
        try:
            yield found[0], found[1]
        finally:
            for one in found:
                one.close()


def main() -> None:
    """Print both distributions as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=whole_number(1), default=100)
    parser.add_argument("--frames", type=whole_number(2), default=30)
    parser.add_argument("--frame-rate", type=whole_number(1), default=30)
    parser.add_argument("--size", type=whole_number(16), default=512)
    options = parser.parse_args()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options.trials, options.frames, options.frame_rate, options.size)
    print(json.dumps({**result, "machine": load_since(before)}, indent=2))


if __name__ == "__main__":
    main()
