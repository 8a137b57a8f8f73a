"""The verification of learning: its measures say what they should of made-up images."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from glimpse.crn.losses.features import random_features

FILE = Path(__file__).parents[3] / "benchmarks" / "learning.py"


@pytest.fixture(scope="module")
def learning():
    spec = importlib.util.spec_from_file_location("learning_benchmark", FILE)
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    module.LOOKS, module.SIZE = 2, (64, 128)
    return module


@pytest.fixture(scope="module")
def held(learning):
    return learning.draw(24, 3)


def test_held_out_scenes_are_neither_trained_on_nor_bundled(learning, held):
    from glimpse.crn.scenes import split_scene

    assert held.looks.shape == (3, 2, 64, 128, 3)
    assert np.array_equal(held.photos, held.looks[:, 0])
    seen = [split_scene(split, index, 64, 128).labels for split in ("train", "sample") for index in range(4)]
    assert not any(np.array_equal(a, b) for a in held.labels for b in seen)


def test_photographs_are_nearest_to_themselves(learning, held):
    distance = learning.Distance(random_features(5), held.photos)
    same = learning.judge(held.photos, held, distance, distance)
    blurred = np.stack([photo[::4, ::4].repeat(4, 0).repeat(4, 1) for photo in held.photos])
    worse = learning.judge(blurred, held, distance, distance)
    # Variances are subtracted by way of the roots of their products: half of the digits are left.
    variances = learning.local_features(distance, held.photos).var(0, ddof=1)
    left_by_rounding = np.sqrt(np.finfo(np.float64).eps) * variances.sum()
    assert same["features"] == 0
    assert same["SSIM"] == pytest.approx(1)
    assert same["gradient energy"] == pytest.approx(1)
    assert same["Frechet"] == pytest.approx(0, abs=left_by_rounding)
    assert worse["features"] > 0.05
    assert worse["SSIM"] < 0.95
    assert worse["Frechet"] > 1e4 * left_by_rounding


def test_unrelated_photographs_are_one_unit_apart(learning, held):
    distance = learning.Distance(random_features(5), held.photos)
    taps = [distance.taps(photo) for photo in held.photos]
    apart = [distance(taps[i], taps[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert np.mean(apart) == pytest.approx(1, abs=1e-5)


def test_frechet_of_gaussians(learning):
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (20000, 2)), rng.normal(0, 1, (20000, 2)) * 2 + 3
    assert learning.frechet(a, b) == pytest.approx(2 * 9 + 2 * (1 - 2) ** 2, rel=0.03)


def test_specialisation_is_told_from_chance(learning):
    rng = np.random.default_rng(0)
    scenes = rng.normal(0, 30, (20, 1, 3))
    own = rng.normal(0, 20, (1, 5, 3))
    special = learning.specialisation(scenes + own + rng.normal(0, 2, (20, 5, 3)), rng)
    chance = learning.specialisation(scenes + rng.normal(0, 20, (20, 5, 3)), rng)
    assert special["share explained"] > 0.9
    assert special["p"] < 0.01
    assert chance["share explained"] == pytest.approx(1 / 20, abs=0.05)
    assert chance["p"] > 0.01
    assert chance["by chance"] == pytest.approx(1 / 20, abs=0.01)
