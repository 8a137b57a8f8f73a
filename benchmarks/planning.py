"""How fast a study is planned: a million trials, against a plain loop that draws one trial after another.

    python benchmarks/planning.py [--trials 1000000]

The loop is what study scripts usually do: shuffle a HIT's cells, then draw a scene and a side for each trial.
It keeps no balance between sides or HITs; `plan` keeps all of it and is measured in the same run. The rows
show that the cost grows linearly. The last one builds the paper's study, files and all, over 1,500 images.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._sizes import whole_number
from glimpse.experiment import preset
from glimpse.mturk.building.building import Making, build
from glimpse.mturk.design.stimuli import find_images
from glimpse.plan import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from glimpse.experiment import Experiment

SCENES = 500


def plain_loop(experiment: Experiment, scenes: int, seed: int) -> list[tuple[int, int, int, bool]]:
    """Draw (cell, left scene, right scene, side) for every trial of every HIT, one by one."""
    rng = random.Random(seed)
    trials = []
    cells = len(experiment.batches[0].contrasts) * len(experiment.exposures_ms)
    for _ in range(experiment.hits_per_batch):
        labels = [cell for cell in range(cells) for _ in range(experiment.trials_per_cell)]
        labels += [cells] * experiment.sentinels_per_hit
        rng.shuffle(labels)
        used: set[int] = set()
        for label in labels:
            pair = []
            while len(pair) < 2:
                scene = rng.randrange(scenes)
                if scene not in used:
                    used.add(scene)
                    pair.append(scene)
            trials.append((label, pair[0], pair[1], rng.random() < 0.5))
    return trials


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the least time of a few runs."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def planning(trials: int) -> dict[str, float]:
    """Time both ways for about `trials` trials."""
    experiment = replace(preset("limited-time"), hits_per_batch=max(1, round(trials / 110)))
    batch = experiment.batches[0]
    ours = seconds(lambda: plan(experiment, batch, SCENES, np.random.default_rng(0)))
    loop = seconds(lambda: plain_loop(experiment, SCENES, 0))
    return {
        "trials": experiment.hits_per_batch * 110,
        "plan_s": round(ours, 3),
        "loop_s": round(loop, 3),
        "loop_to_plan": round(loop / ours, 2),
        "plan_us_per_trial": round(1e6 * ours / (experiment.hits_per_batch * 110), 3),
    }


def building() -> dict[str, float]:
    """Build the paper's limited-time study over 1,500 images, and copy as many bytes for comparison."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pixels = np.random.default_rng(0).integers(0, 256, (128, 256, 3), dtype=np.uint8)
        for condition in ("real", "crn", "pix2pix"):
            (folder / "images" / condition).mkdir(parents=True)
            for item in range(SCENES):
                pixels = np.roll(pixels, 1, axis=1)
                Image.fromarray(pixels).save(
                    folder / "images" / condition / f"{item:04d}.png", compress_level=1
                )
        copying = seconds(lambda: shutil.copytree(folder / "images", folder / str(time.monotonic_ns())), 1)
        experiment = replace(
            preset("limited-time"),
            sentinel=None,
            sentinels_per_hit=0,
            batches=(replace(preset("limited-time").batches[0], sentinel=None),),
        )
        images = find_images(folder / "images")
        making = Making(seed=0, versions={})
        took = seconds(lambda: build(images, experiment, folder / "study", making), 1)
        count = len(list((folder / "study" / "images").iterdir()))
    return {"images": count, "build_s": round(took, 2), "copy_s": round(copying, 2)}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=whole_number(1, 100_000_000), default=1_000_000)
    options = parser.parse_args()
    steps = sorted({max(1, options.trials // part) for part in (100, 10, 1)})
    print(json.dumps({"planning": [planning(step) for step in steps], "building": building()}, indent=2))


if __name__ == "__main__":
    main()
