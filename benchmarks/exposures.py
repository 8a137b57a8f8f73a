"""How long images really are on the screen: the page's own record against Chromium's display trace.

    python benchmarks/exposures.py [--trials 100] [--peer]

A headless Chromium does a HIT by keyboard while its display compositor is traced. Every displayed frame comes
with a screenshot and the number of the screen refresh; screenshots are read like a photodiode on each image.
The page knows nothing of it. `--peer` also measures the CRN authors' method (setTimeout and visibility).
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFilter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._sizes import whole_number
from glimpse.experiment import designed, preset
from glimpse.mturk.building.building import Making, build
from glimpse.mturk.design.stimuli import find_images
from glimpse.mturk.page.previewing import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glimpse.experiment import Experiment
    from glimpse.study import Study

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CATEGORIES = [
    "viz",
    "disabled-by-default-display.framedisplayed",
    "disabled-by-default-devtools.screenshot",
]
VIEWPORT = (1366, 768)
REFRESH_MS = 1000 / 60
# Chromium keeps no more than 450 screenshots a trace; a trial takes about five.
TRIALS_A_TRACE = 40
GREY, IMAGE, MASK = "grey", "image", "mask"


@dataclass(frozen=True)
class Frame:
    """One displayed frame: number of its refresh, time in ms, and what stood on the left and right."""

    refresh: int
    time_ms: float
    left: str
    right: str


@dataclass(frozen=True)
class Measured:
    """One exposure as displayed: refreshes and ms from onset to offset of the left image.

    `skew` is how many refreshes the right image's onset or offset differs; `masked` whether the mask came in
    the frame of the offset; `onset_ms` on the trace's clock.
    """

    refreshes: int
    shown_ms: float
    onset_ms: float
    skew: int
    masked: bool


def chromium() -> str | None:
    """Return the path of a Chromium or Chrome, None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, names) if path), None)


def draw_images(
    folder: Path, conditions: tuple[str, ...], items: int, size: tuple[int, int] = (512, 256)
) -> None:
    """Write smooth colourful images, far from the stage's grey, one folder a condition."""
    rng = np.random.default_rng(7)
    for condition in conditions:
        (folder / condition).mkdir(parents=True, exist_ok=True)
        for item in range(items):
            coarse = rng.integers(0, 256, (6, 12, 3), dtype=np.uint8)
            coarse[rng.random((6, 12)) < 0.5] //= 4
            image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.SMOOTH)
            image.save(folder / condition / f"{item:04d}.png")


def experiment(exposures_ms: tuple[int, ...], trials_per_cell: int, **numbers: Any) -> Experiment:
    """Return a limited-time experiment of one HIT, without sentinels or breaks unless asked for."""
    small: dict[str, Any] = {"sentinels_per_hit": 0, "hits_per_batch": 1, "break_every": 0, **numbers}
    return designed(
        preset("limited-time"),
        contrasts=(("crn", "real"),),
        real="real",
        sentinel="image-space",
        exposures_ms=exposures_ms,
        trials_per_cell=trials_per_cell,
        **small,
    )


def make_study(
    folder: Path, design: Experiment, items: int = 24, size: tuple[int, int] = (512, 256)
) -> Study:
    """Build a study over drawn images in `folder`."""
    draw_images(folder / "images", design.conditions, items, size)
    built = build(find_images(folder / "images"), design, folder / "study", Making(seed=1, versions={}))
    return built.study


@contextmanager
def served(study: Study, **query: str) -> Iterator[str]:
    """Serve the first HIT's page in a thread; yield its address."""
    with serving(study, study.hits[0].hit, 0, accepted=True) as (server, address):
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield address + "".join(f"&{name}={value}" for name, value in query.items())
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def browser() -> Iterator[Any]:
    """Start a headless Chromium; RuntimeError where there is none."""
    from playwright.sync_api import sync_playwright

    path = chromium()
    if path is None:
        raise RuntimeError("no Chromium found: install chromium, or Google Chrome")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield found
        finally:
            found.close()


def start(page: Any, address: str) -> None:
    """Go through consent and instructions to the first trial."""
    page.goto(address)
    page.click("#agree")
    page.click("#start")
    page.wait_for_selector("#trial:not([hidden])")


READY = "!document.getElementById('go').disabled || !document.getElementById('done').hidden"
ANSWERING = "document.getElementById('stage').classList.contains('answering')"


def wait_until(page: Any, expression: str, *, seconds: float = 30) -> None:
    """Wait for a JavaScript expression; unlike Playwright's own way, under any content security policy."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > end:
            raise TimeoutError(f"{expression} did not come true in {seconds} s")
        page.wait_for_timeout(15)


def do_trial(page: Any, *, key: str = "ArrowLeft") -> bool:
    """Do one timed trial by keyboard; False when there was none left."""
    wait_until(page, READY)
    if not page.locator("#done").is_hidden():
        return False
    page.keyboard.press("Space")
    wait_until(page, ANSWERING)
    page.wait_for_timeout(120)
    page.keyboard.press(key)
    return True


def stored(page: Any) -> dict[str, Any]:
    """Return the page's saved state."""
    text = page.evaluate(
        "localStorage.getItem(Object.keys(localStorage).find(k => k.startsWith('glimpse:')))"
    )
    state: dict[str, Any] = json.loads(text)
    return state


def traced_trials(found: Any, page: Any, count: int) -> list[Frame]:
    """Do `count` trials under the trace; return the displayed frames."""
    panes = [pane for pane in ("#left", "#right") if page.locator(pane).count()]
    # The only image of a trial stands for both sides.
    boxes = ([page.locator(pane).bounding_box() for pane in panes] * 2)[:2]
    masks = (mask_pictures(page) * 2)[:2]
    frames: list[Frame] = []
    left = count
    while left > 0:
        now = min(left, TRIALS_A_TRACE)
        wait_until(page, READY)
        found.start_tracing(page=page, screenshots=True, categories=CATEGORIES)
        for _ in range(now):
            do_trial(page)
        page.wait_for_timeout(100)
        events = json.loads(found.stop_tracing())["traceEvents"]
        frames += read_frames(events, boxes, masks)
        left -= now
    return frames


def mask_pictures(page: Any) -> list[np.ndarray]:
    """Return the masks as small grey pictures."""
    pictures = []
    for index in range(page.locator(".mask").count()):
        url = page.evaluate(f"document.querySelectorAll('.mask')[{index}].toDataURL()")
        pictures.append(_small(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))))
    return pictures


def read_frames(events: list[dict[str, Any]], boxes: list[Any], masks: list[np.ndarray]) -> list[Frame]:
    """Turn trace events into frames: a screenshot's refresh number and the time of its display."""
    displayed = np.array(
        sorted(e["ts"] for e in events if e["name"] == "Display::FrameDisplayed"), dtype=float
    )
    frames = []
    for event in sorted((e for e in events if e["name"] == "Screenshot"), key=lambda e: e["ts"]):
        shot = Image.open(io.BytesIO(base64.b64decode(event["args"]["snapshot"])))
        factor = shot.width / VIEWPORT[0]
        seen = [_seen(shot, box, factor, mask) for box, mask in zip(boxes, masks, strict=True)]
        at = displayed[np.argmin(np.abs(displayed - event["ts"]))] if len(displayed) else event["ts"]
        frames.append(Frame(int(event["args"]["frame_sequence"]), at / 1000, *seen))
    return frames


def _seen(shot: Image.Image, box: dict[str, float], factor: float, mask: np.ndarray) -> str:
    """Say what stands in one pane of a screenshot."""
    x, y, width, height = (box[key] * factor for key in ("x", "y", "width", "height"))
    crop = shot.convert("RGB").crop((round(x) + 2, round(y) + 2, round(x + width) - 2, round(y + height) - 2))
    if np.abs(np.asarray(crop, dtype=float) - 163).mean() < 6:
        return GREY
    picture = _small(crop)
    return MASK if np.corrcoef(picture.ravel(), mask.ravel())[0, 1] > 0.6 else IMAGE


def _small(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L").resize((48, 24), Image.Resampling.BOX), dtype=float)


def exposures(frames: list[Frame]) -> list[Measured]:
    """Find the exposures: from the first frame that shows an image to the first that shows none."""
    found, previous, onset = [], None, None
    right_on = right_off = 0
    for frame in frames:
        if onset is None and IMAGE in {frame.left, frame.right}:
            onset = frame
        if previous is not None:
            right_on = frame.refresh if frame.right == IMAGE != previous.right else right_on
            right_off = frame.refresh if frame.right != IMAGE == previous.right else right_off
        if onset is not None and IMAGE not in {frame.left, frame.right}:
            skew = max(abs(right_on - onset.refresh), abs(right_off - frame.refresh))
            masked = frame.left == frame.right == MASK
            shown = frame.time_ms - onset.time_ms
            found.append(Measured(frame.refresh - onset.refresh, shown, onset.time_ms, skew, masked))
            onset = None
        previous = frame
    return found


def refreshes(exposure_ms: int) -> int:
    """Return an exposure in whole refreshes at 60 Hz, halves rounded up: 125 ms are 8."""
    return (exposure_ms * 60 + 500) // 1000


def report(
    records: list[dict[str, Any]], measured: list[Measured], nominal: dict[str, int]
) -> dict[str, Any]:
    """Compare the page's records with the measurement, trial by trial."""
    nominal_ms = np.array([refreshes(nominal[r["trial"]]) for r in records]) * REFRESH_MS
    own = np.array([r["shown_ms"] for r in records])
    frames = np.array([m.refreshes for m in measured]) * REFRESH_MS
    shown = np.array([m.shown_ms for m in measured])
    flagged = np.array([bool(r.get("flags")) for r in records])
    good = ~flagged
    return {
        "trials": len(records),
        "flagged": int(flagged.sum()),
        "within_one_refresh_by_refresh_count": _share(np.abs(frames - nominal_ms) < 1.01 * REFRESH_MS),
        "exact_by_refresh_count": _share(np.abs(frames - nominal_ms) < 1),
        "within_one_refresh_by_display_time": _share(np.abs(shown - nominal_ms) < REFRESH_MS),
        "display_time_error_ms": _quantiles(np.abs(shown - nominal_ms)),
        "worst_unflagged_refreshes": _worst(np.abs(frames - nominal_ms)[good] / REFRESH_MS),
        "unflagged_within_one_refresh_by_display_time": _share(np.abs(shown - nominal_ms)[good] < REFRESH_MS),
        "log_within_one_refresh": _share(np.abs(own - frames) < 1.01 * REFRESH_MS),
        "log_within_one_refresh_by_display_time": _share(np.abs(own - shown) < REFRESH_MS),
        "log_error_ms_by_refresh_count": _quantiles(np.abs(own - frames)),
        "same_frame_both_images": _share(np.array([m.skew == 0 for m in measured])),
        "mask_in_frame_of_offset": _share(np.array([m.masked for m in measured])),
    }


def _worst(errors: np.ndarray) -> float:
    return round(float(errors.max(initial=0)), 2)


def _share(values: np.ndarray) -> float:
    return round(float(np.mean(values)), 4)


def _quantiles(errors: np.ndarray) -> dict[str, float]:
    return {
        name: round(float(np.quantile(errors, q)), 2)
        for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1))
    }


def measure(folder: Path, exposures_ms: tuple[int, ...], trials: int) -> dict[str, Any]:
    """Build a study, do its HIT under the trace, and return the report."""
    study = make_study(folder, experiment(exposures_ms, max(1, trials // len(exposures_ms))))
    nominal = {trial.trial: int(trial.exposure_ms or 0) for trial in study.trials}
    with served(study) as address, browser() as found:
        page = found.new_page(viewport={"width": VIEWPORT[0], "height": VIEWPORT[1]})
        start(page, address)
        frames = traced_trials(found, page, len(study.trials))
        records = stored(page)["answers"][: len(study.trials)]
    measured = exposures(frames)
    if len(measured) != len(records):
        raise RuntimeError(f"{len(measured)} exposures on the screen, {len(records)} in the page's record")
    return report(records, measured, nominal)


PEER = """<!doctype html><body style="margin:0;background:#a3a3a3">
<style>div{position:absolute;top:200px}img{width:512px;height:256px;visibility:hidden}</style>
<div id="left" style="left:141px"><img src="%s"></div><div id="right" style="left:713px"><img src="%s"></div>
<script>const images = document.querySelectorAll('img');
function show(ms) { return new Promise(done => setTimeout(() => {
  const toggle = word => { for (const image of images) image.style.visibility = word; };
  toggle('visible');
  setTimeout(() => { toggle('hidden'); setTimeout(done, 200); }, ms);
}, 500)); }</script>"""


def measure_peer(folder: Path, exposures_ms: tuple[int, ...], trials: int) -> dict[str, Any]:
    """Measure setTimeout and visibility, as on the CRN authors' page, with the same instrument."""
    images = sorted((folder / "images" / "real").glob("*.png"))
    page_file = folder / "peer.html"
    page_file.write_text(PEER % (images[0].as_uri(), images[1].as_uri()))
    nominal = [exposures_ms[i % len(exposures_ms)] for i in range(trials)]
    frames: list[Frame] = []
    with browser() as found:
        page = found.new_page(viewport={"width": VIEWPORT[0], "height": VIEWPORT[1]})
        page.goto(page_file.as_uri())
        boxes = [page.locator(pane).bounding_box() for pane in ("#left", "#right")]
        masks = [np.random.default_rng(0).random((24, 48))] * 2
        for first in range(0, trials, TRIALS_A_TRACE):
            found.start_tracing(page=page, screenshots=True, categories=CATEGORIES)
            for exposure_ms in nominal[first : first + TRIALS_A_TRACE]:
                page.evaluate(f"show({exposure_ms})")
            frames += read_frames(json.loads(found.stop_tracing())["traceEvents"], boxes, masks)
    errors = [abs(m.refreshes - refreshes(ms)) for m, ms in zip(exposures(frames), nominal, strict=False)]
    return {"trials": len(errors), "within_one_refresh_by_refresh_count": _share(np.array(errors) <= 1)}


def load_since(before: float) -> dict[str, Any]:
    """Return the machine's cores, its load before the measurement, and its load now."""
    now = round(os.getloadavg()[0], 1)
    return {"cores": os.cpu_count(), "load_before": round(before, 1), "load_after": now}


def main() -> None:
    """Print the distribution as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=whole_number(1), default=100)
    parser.add_argument("--exposure-ms", type=whole_number(1), action="append", default=None)
    parser.add_argument("--peer", action="store_true")
    options = parser.parse_args()
    exposures_ms = tuple(options.exposure_ms or (125, 250))
    with tempfile.TemporaryDirectory() as folder:
        before = os.getloadavg()[0]
        result = {"page": measure(Path(folder), exposures_ms, options.trials)}
        if options.peer:
            result["set_timeout"] = measure_peer(Path(folder), exposures_ms, options.trials)
    print(json.dumps({**result, "machine": load_since(before)}, indent=2))


if __name__ == "__main__":
    main()
