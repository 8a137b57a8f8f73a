"""How fast `build-hits` encodes clips, beside ffmpeg called by hand on every core.

    python benchmarks/clips.py [--clips 12] [--seconds 1] [--size 256] [--repeats 3] [--by-hand both]

A whole study is `--clips 300 --seconds 4 --size 512 --repeats 1`, more than half an hour. By hand, ffmpeg is
called with the very options that `build-hits` gives it: as many calls at once as there are cores, each on one
("one core each"), or one call after the other, each on all cores ("all cores each"; `--by-hand one` leaves it
out). Ours also looks at every clip before and after, digests it, fills all to one size and writes the files.
Each repetition runs the ways in turn; medians are printed, of wall time and of processor time, since other
work on the machine tells less in the latter. The ratios are to the faster way by hand; at most 1.1 is wanted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._measures import processor, wall_seconds
from benchmarks._sizes import whole_number
from glimpse.clips import ffmpeg
from glimpse.mturk.building.developing import ClipEncoder, cores
from glimpse.mturk.building.filming import Filming, inspect_clips
from glimpse.mturk.building.imaging import LookedAt
from glimpse.mturk.design.clip_encoding import Encode
from glimpse.mturk.design.cuts import Cut, CutSettings, cut_alike
from glimpse.mturk.design.stimuli import Images
from glimpse.mturk.page.sizes import ShownSize
from glimpse.progress import untracked

if TYPE_CHECKING:
    from collections.abc import Callable

    from glimpse.mturk.design.clip_sources import ClipSource

HOW = Encode("mp4")
RATE = 25
Key = tuple[str, str]


class Taken(NamedTuple):
    """What a way took: wall and processor seconds."""

    wall: float
    processor: float


def record(folder: Path, clips: int, seconds: int, size: int) -> Images:
    """Write clips of a moving pattern with grain, each of its own: what is alike is encoded once only."""
    paths = {f"{number:04d}": folder / "mine" / f"{number:04d}.mp4" for number in range(clips)}
    (folder / "mine").mkdir(parents=True)
    for number, path in enumerate(paths.values()):
        grain = f"noise=alls=8:allf=t:all_seed={number}"
        pattern = f"testsrc2=size={size}x{size}:rate={RATE},{grain}"
        begin = ["-ss", str(number % 5), "-t", str(seconds)]
        made = ["-f", "lavfi", "-i", pattern, *begin, "-pix_fmt", "yuv420p", "-crf", "10"]
        subprocess.run([ffmpeg(), "-v", "error", *made, "-preset", "ultrafast", str(path)], check=True)
    return Images(folder, {"mine": paths}, frozenset({"mine"}))


def by_hand(sources: dict[Key, ClipSource], cuts: dict[Key, Cut], out: Path, at_once: int) -> None:
    """Call ffmpeg once a clip, `at_once` at a time: on one core each, or on all where it is one."""

    def encode(key: Key) -> None:
        options = HOW.options(sources[key], cuts[key])
        threads = ["-threads", "1"]
        if at_once == 1:
            place = options.index("-threads")
            options, threads = [*options[:place], *options[place + 4 :]], []
        path = ["-i", str(sources[key].path), *options, str(out / f"{key[1]}.mp4")]
        subprocess.run([ffmpeg(), "-v", "error", "-y", "-nostdin", *threads, *path], check=True)

    out.mkdir()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(encode, sources))


def ours(images: Images, out: Path) -> None:
    """Look at the clips, encode them and write them filled, as `build-hits` does."""
    keys = [("mine", item) for item in images.paths["mine"]]
    sources = inspect_clips(images, [(key, key) for key in keys])
    cuts = cut_alike(sources, [], CutSettings(), None)
    filming = Filming(sources, cuts, LookedAt((), 0, 0), HOW, None, ShownSize(8, 8))
    out.mkdir()
    encoder = ClipEncoder(filming, {key: key[1] for key in keys}, "seed", out / "aside", untracked)
    encoder.write(out)
    encoder.clear()


def taken(work: Callable[[], Any]) -> Taken:
    """Run something once."""
    before = os.times()
    wall = wall_seconds(work)
    after = os.times()
    return Taken(wall, sum(after[:4]) - sum(before[:4]))


def measured(images: Images, repeats: int, folder: Path, *, both: bool) -> dict[str, list[Taken]]:
    """Run the ways in turn, several times."""
    keys = [("mine", item) for item in images.paths["mine"]]
    sources = inspect_clips(images, [(key, key) for key in keys])
    cuts = cut_alike(sources, [], CutSettings(), None)
    out = folder / "out"
    ways = {
        "by hand, one core each": lambda: by_hand(sources, cuts, out, cores()),
        "by hand, all cores each": lambda: by_hand(sources, cuts, out, 1),
        "build-hits": lambda: ours(images, out),
    }
    if not both:
        del ways["by hand, all cores each"]
    found: dict[str, list[Taken]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, work in ways.items():
            found[name].append(taken(work))
            shutil.rmtree(out)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=whole_number(1, 10_000), default=12)
    parser.add_argument("--seconds", type=whole_number(1, 60), default=1)
    parser.add_argument("--size", type=whole_number(16, 2048), default=256)
    parser.add_argument("--repeats", type=whole_number(1, 100), default=3)
    parser.add_argument("--by-hand", choices=("both", "one"), default="both")
    options = parser.parse_args()
    print(f"{options.clips} clips of {options.seconds} s at {options.size}x{options.size}, on {processor()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = record(folder / "clips", options.clips, options.seconds, options.size)
        found = measured(images, options.repeats, folder, both=options.by_hand == "both")
    middle = {name: Taken(*map(median, zip(*runs, strict=True))) for name, runs in found.items()}
    best = [min(middle[name][place] for name in list(middle)[:-1]) for place in (0, 1)]
    print(f"{'':26}{'wall s':>9}{'ratio':>8}{'processor s':>14}{'ratio':>8}")
    for name, (wall, busy) in middle.items():
        print(f"{name:26}{wall:9.2f}{wall / best[0]:8.2f}{busy:14.2f}{busy / best[1]:8.2f}")


if __name__ == "__main__":
    main()
