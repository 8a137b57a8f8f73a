"""Procedural scenes: seeds decide pictures, labels ignore appearance, splits never meet, drives cohere."""

from itertools import islice, pairwise

import numpy as np
import pytest
from PIL import Image

from glimpse.crn import scenes
from glimpse.crn.data.labels import label_set, read_label_map
from glimpse.errors import GlimpseError

SMALL = (64, 128)


def read_train_ids(item):
    return read_label_map(item.labels, label_set("cityscapes"), encoding="train-ids")


def same(a, b):
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in ("labels", "photo", "numbers"))


def test_a_scene_has_the_promised_shapes_and_types():
    made = scenes.scene(np.random.default_rng(0))
    assert made.labels.shape == (128, 256)
    assert made.photo.shape == (128, 256, 3)
    assert made.labels.dtype == made.photo.dtype == np.uint8
    assert made.numbers.dtype == np.int32
    assert made.labels.max() <= 19


@pytest.mark.parametrize("size", [(16, 16), (48, 160), (96, 96), (90, 40), (320, 640)])
def test_any_size_can_be_drawn(size):
    made = scenes.split_scene("train", 3, *size)
    assert made.labels.shape == size
    assert made.photo.shape == (*size, 3)


def test_the_same_generator_state_gives_the_same_scene():
    assert same(
        scenes.scene(np.random.default_rng(5), *SMALL), scenes.scene(np.random.default_rng(5), *SMALL)
    )
    assert not same(
        scenes.scene(np.random.default_rng(5), *SMALL), scenes.scene(np.random.default_rng(6), *SMALL)
    )


def test_the_order_of_drawing_does_not_matter():
    alone = scenes.split_scene("train", 1, *SMALL)
    scenes.split_scene("train", 0, *SMALL)
    assert same(alone, scenes.split_scene("train", 1, *SMALL))


def test_the_global_generator_is_left_alone():
    np.random.seed(1)  # noqa: NPY002 - that is what must not be touched
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    scenes.split_scene("train", 0, *SMALL)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_label_map_has_many_photographs():
    many = scenes.appearances(np.random.default_rng(3), 6, *SMALL)
    assert all(np.array_equal(many[0].labels, other.labels) for other in many)
    assert all(np.array_equal(many[0].numbers, other.numbers) for other in many)
    means = np.array([other.photo.reshape(-1, 3).mean(0) for other in many])
    assert means.std(0).max() > 10  # grey levels: the hour shows


def test_paint_and_sky_differ_between_appearances_where_the_labels_are_equal():
    world = scenes.build_world(11, 40)
    views = scenes.View(z=12, lateral=1.6)
    drawn = [scenes.render(world, scenes.draw_appearance(seed), views, *SMALL, seed) for seed in range(8)]
    for label in (13, 10):
        inside = drawn[0].labels == label
        assert inside.sum() > 50
        colours = np.array([made.photo[inside].mean(0) for made in drawn])
        assert colours.std(0).max() > 12


@pytest.mark.parametrize("hour", scenes.HOURS)
def test_every_hour_can_be_asked_for(hour):
    frame = next(scenes.drive(2, 1, *SMALL, hour=hour))
    assert 40 < frame.photo.mean() < 215


def test_unknown_hours_are_refused():
    with pytest.raises(ValueError, match="'midnight' is not one of noon, overcast"):
        scenes.draw_appearance(1, "midnight")


def test_splits_never_meet():
    train = [scenes.split_scene("train", index, 32, 64).labels.tobytes() for index in range(6)]
    held = [scenes.split_scene("sample", index, 32, 64).labels.tobytes() for index in range(6)]
    assert len(set(train + held)) == 12
    with pytest.raises(
        GlimpseError, match="split 'test' of the procedural scenes is unknown; use one of train, sample"
    ):
        scenes.split_scene("test", 0)


def test_too_small_a_scene_is_refused():
    with pytest.raises(GlimpseError, match="8x256 pixels is too small"):
        scenes.scene(np.random.default_rng(0), 8, 256)


@pytest.mark.slow
def test_all_classes_occur_in_plausible_shares():
    counts = np.zeros(20)
    for index in range(24):
        counts += np.bincount(scenes.split_scene("train", index, 64, 128).labels.ravel(), minlength=20)
    shares = counts / counts.sum()
    assert (counts > 0).all(), np.flatnonzero(counts == 0)
    assert 0.2 < shares[0] < 0.45  # road
    assert 0.1 < shares[2] < 0.35  # building
    assert 0.06 < shares[10] < 0.25  # sky
    assert 0.05 < shares[13] < 0.2  # car
    assert shares[19] < 0.02  # void


def test_drives_are_coherent_and_keep_the_numbers_of_objects():
    frames = list(scenes.drive(3, 8, *SMALL, metres_per_frame=0.3))
    for before, after in pairwise(frames):
        assert (before.labels == after.labels).mean() > 0.8
        shared = set(np.unique(before.numbers)) & set(np.unique(after.numbers))
        assert len(shared) > 0.8 * len(np.unique(before.numbers))
        for number in sorted(shared - {0}):
            here, there = before.labels[before.numbers == number], after.labels[after.numbers == number]
            assert set(here) & set(there)
    difference = np.abs(frames[0].photo.astype(int) - frames[1].photo).mean()
    assert 0 < difference < 25


def test_a_longer_drive_starts_the_same_way():
    short, long = list(scenes.drive(4, 2, *SMALL)), list(islice(scenes.drive(4, 600, *SMALL), 2))
    assert all(same(a, b) for a, b in zip(short, long, strict=True))


def test_the_bundled_samples_are_the_held_out_scenes():
    items = scenes.sample_items()
    assert [item.item for item in items] == [f"{number:06d}" for number in range(1, 25)]
    for index in (0, 9, 23):
        made = scenes.split_scene("sample", index)
        stored = np.asarray(Image.open(items[index].photo))
        assert np.abs(stored.astype(int) - made.photo).mean() < 0.5  # another machine rounds differently
        assert (read_train_ids(items[index]) == made.labels).mean() > 0.999


def test_the_bundled_samples_are_small():
    total = sum(path.stat().st_size for item in scenes.sample_items() for path in (item.labels, item.photo))
    assert total < 2_000_000


def test_written_samples_read_back(tmp_path):
    items = scenes.write_samples(tmp_path, 3, 32, 64)
    assert [item.item for item in items] == ["000001", "000002", "000003"]
    for index, item in enumerate(items):
        assert np.array_equal(read_train_ids(item), scenes.split_scene("sample", index, 32, 64).labels)


def test_missing_samples_are_named(tmp_path):
    with pytest.raises(GlimpseError, match="no samples there"):
        scenes.sample_items(tmp_path)
    scenes.write_samples(tmp_path, 2, 32, 64)
    (tmp_path / "real" / "000002.png").unlink()
    with pytest.raises(GlimpseError, match=r"sample photographs are missing: .*000002\.png"):
        scenes.sample_items(tmp_path)
