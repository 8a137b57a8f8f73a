"""A folder as the examples of the Python API start from it: images/, labels/, study/ and results/.

And of one image at a time single-study/ and single-results/, of staircases staircase-study/ and
staircase-results/.
"""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

import glimpse

SAMPLES = Path(__file__).parents[2] / "crn" / "samples"
SMALL = {"pairing": "same-item", "trials_per_cell": 1, "sentinels_per_hit": 3}
SINGLE = {"trials_per_hit": 30, "sentinels_per_hit": 0, "hits_per_batch": 3, "workers_per_hit": 8}
STAIRCASE = {
    "preset": "hype-time", "trials_per_hit": 40, "blocks": 2, "hits_per_batch": 3, "workers_per_hit": 2,
    "staircase": {"longer_ms": 90, "shorter_ms": 30, "rights": 1},
}  # fmt: skip


def lay_out(folder):
    """Write the folder: 24 scenes of noise, blurred in three conditions, and 400 simulated people."""
    rng = np.random.default_rng(0)
    for item in range(1, 25):
        coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        photo = Image.fromarray(coarse).resize((64, 48), Image.Resampling.BICUBIC)
        for condition, radius in (("real", 0), ("crn", 1), ("pix2pix", 2), ("image-space", 6)):
            path = folder / "images" / condition / f"{item:06d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            photo.filter(ImageFilter.GaussianBlur(radius)).save(path)
    (folder / "labels").mkdir()
    for name in ("000001.png", "000002.png"):
        shutil.copy(SAMPLES / "labels" / name, folder / "labels")
    experiment = glimpse.plan_study(folder / "images", hits_per_batch=20, **SMALL)
    study = glimpse.build_study(folder / "images", experiment, folder / "study", contact="me@lab.org")
    glimpse.simulate(study, folder / "results")
    for name, numbers in (("single", SINGLE), ("staircase", STAIRCASE)):
        experiment = glimpse.plan_single(folder / "images", conditions=["crn", "pix2pix"], **numbers)
        study = glimpse.build_study(
            folder / "images", experiment, folder / f"{name}-study", contact="me@lab.org"
        )
        seeing = {"d_prime": {"crn": 0.8, "pix2pix": 2.5}, "half_ms": 200}
        glimpse.simulate(study, folder / f"{name}-results", random_share=0, **seeing)
