"""Datasets in their own layouts: pairs found, read at a network's size, problems listed at the start."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from glimpse.crn.data.datasets import DatasetError, fitted, mirrored, open_dataset
from glimpse.crn.data.labels import label_set
from glimpse.errors import GlimpseError

CAMVID = Path(__file__).parents[4] / "shared" / "data" / "camvid"


def image(path, height=20, width=40, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def ids(path, values=(7, 11, 23, 26), height=20, width=40):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.resize(np.array(values, np.uint8), (height, width))).save(path)


def cityscapes(root, annotation="gtFine", split="train", count=3):
    for number in range(count):
        stem = f"aachen_{number:06d}_000019"
        image(root / "leftImg8bit" / split / "aachen" / f"{stem}_leftImg8bit.png", seed=number)
        ids(root / annotation / split / "aachen" / f"{stem}_{annotation}_labelIds.png")
    return root


def two_folders(root, count=3):
    for number in range(count):
        image(root / "photos" / f"{number}.png", seed=number)
        ids(root / "labels" / f"{number}.png", (0, 1, 2))
    return root


def test_cityscapes_fine_and_coarse(tmp_path):
    fine = open_dataset("cityscapes", cityscapes(tmp_path), "train")
    assert len(fine) == 3
    assert fine[0].item == "aachen_000000_000019"
    assert set(np.unique(fine[0].labels)) == {0, 2, 10, 13}
    coarse = open_dataset("cityscapes-coarse", cityscapes(tmp_path, "gtCoarse", "train_extra"), "train_extra")
    assert len(coarse) == 3
    assert coarse.encoding == "label-ids"


def test_cityscapes_colour_files_serve_where_there_are_no_ids(tmp_path):
    cityscapes(tmp_path, count=1)
    folder = tmp_path / "gtFine" / "train" / "aachen"
    (folder / "aachen_000000_000019_gtFine_labelIds.png").unlink()
    colours = np.full((20, 40, 3), (128, 64, 128), np.uint8)
    Image.fromarray(colours).save(folder / "aachen_000000_000019_gtFine_color.png")
    dataset = open_dataset("cityscapes", tmp_path, "train")
    assert dataset.encoding == "colours"
    assert not dataset[0].labels.any()


def test_gta5_follows_its_split_file(tmp_path):
    for number in range(1, 6):
        image(tmp_path / "images" / f"{number:05d}.png", seed=number)
        ids(tmp_path / "labels" / f"{number:05d}.png")
    savemat(tmp_path / "split.mat", {"trainIds": [[4], [2]], "valIds": [[1]], "testIds": [[3], [5]]})
    assert [pair.item for pair in open_dataset("gta5", tmp_path, "train").files] == ["00004", "00002"]
    (tmp_path / "val.txt").write_text("00003.png\n00005.png\n")
    assert [pair.item for pair in open_dataset("gta5", tmp_path, "val").files] == ["00003", "00005"]


def test_gta5_without_a_split_file_says_so(tmp_path):
    image(tmp_path / "images" / "00001.png")
    ids(tmp_path / "labels" / "00001.png")
    with pytest.raises(GlimpseError, match=r"neither split\.mat nor train\.txt"):
        open_dataset("gta5", tmp_path, "train")
    (tmp_path / "split.mat").write_bytes(b"no matlab")
    with pytest.raises(GlimpseError, match="is not a MATLAB file"):
        open_dataset("gta5", tmp_path, "train")


def test_nyu_takes_lists_or_the_first_1200(tmp_path):
    for number in range(1, 5):
        image(tmp_path / "images" / f"{number:04d}.jpg")
        ids(tmp_path / "labels40" / f"{number:04d}.png", (0, 1, 40))
    everything = open_dataset("nyu", tmp_path, "train")
    assert len(everything) == 4
    assert set(np.unique(everything[0].labels)) == {0, 39, 40}
    (tmp_path / "train.txt").write_text("0003\n")
    (tmp_path / "test.txt").write_text("0001\n")
    assert len(open_dataset("nyu", tmp_path, "train")) == 1
    assert open_dataset("nyu", tmp_path, "val").files[0].item == "0001"


def test_nyu_as_a_matlab_file_says_what_to_do(tmp_path):
    (tmp_path / "nyu_depth_v2_labeled.mat").write_bytes(b"")
    with pytest.raises(GlimpseError, match="is read from image files, not from MATLAB"):
        open_dataset("nyu", tmp_path, "train")


@pytest.mark.skipif(not CAMVID.is_dir(), reason="without CamVid")
def test_camvid_as_distributed():
    train, val = open_dataset("camvid", CAMVID, "train"), open_dataset("camvid", CAMVID, "val")
    assert (len(train), len(val)) == (367, 101)
    rest, held = train.held_out("0001TP")
    assert (len(rest), len(held)) == (305, 62)
    assert train[0].photo.shape == (180, 240, 3)
    classes, photo = train.load(5, (192, 256))
    assert classes.shape == (192, 256)
    assert photo.shape == (192, 256, 3)
    val.check()


def test_camvid_without_lists_pairs_by_name(tmp_path):
    image(tmp_path / "train" / "a.png")
    ids(tmp_path / "trainannot" / "a.png", (0, 11))
    assert len(open_dataset("camvid", tmp_path, "train")) == 1


def test_any_two_folders(tmp_path):
    two_folders(tmp_path)
    assert len(open_dataset("pairs", tmp_path, labels="cityscapes")) == 3
    apart = open_dataset("pairs", f"{tmp_path / 'labels'},{tmp_path / 'photos'}", labels="cityscapes")
    assert [pair.item for pair in apart.files] == ["0", "1", "2"]


def test_two_folders_by_split(tmp_path):
    two_folders(tmp_path / "train")
    two_folders(tmp_path / "val", 2)
    counts = [len(open_dataset("pairs", tmp_path, split, "cityscapes")) for split in ("train", "val")]
    assert counts == [3, 2]


def test_scenes_are_a_dataset(tmp_path):
    train = open_dataset("scenes", count=4, size=(32, 64))
    held = open_dataset("scenes", split="sample", count=4, size=(32, 64))
    assert len(train) == 4
    assert train[1].photo.shape == (32, 64, 3)
    assert not np.array_equal(train[0].labels, held[0].labels)
    assert train.labels.name == "cityscapes"
    train.check()
    with pytest.raises(IndexError):
        train[4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("imagenet",), "dataset kind 'imagenet' is unknown; known are scenes, cityscapes"),
        (("cityscapes", ""), "cityscapes needs its folder"),
        (("cityscapes", "/nowhere", "train"), "/nowhere/leftImg8bit/train: no such folder"),
        (
            ("cityscapes", "/nowhere", "trian"),
            "split 'trian' of cityscapes is unknown; it has train, val, test",
        ),
        (("scenes", "", "val"), "split 'val' of scenes is unknown; it has train, sample"),
        (("pairs", "/nowhere"), "has no folder of label maps; it may be called labels"),
    ],
)
def test_what_is_not_there_is_named(arguments, message):
    with pytest.raises(GlimpseError, match=message):
        open_dataset(*arguments)


def test_settings_are_checked(tmp_path):
    two_folders(tmp_path)
    with pytest.raises(GlimpseError, match="fit is 'squash'; it must be one of crop, stretch"):
        open_dataset("pairs", tmp_path, labels="cityscapes", fit="squash")
    with pytest.raises(GlimpseError, match="height and width must be at least 1"):
        open_dataset("pairs", tmp_path, labels="cityscapes", size=(0, 3))


def spoiled(root):
    """Two folders with every kind of mistake, and one sound pair."""
    two_folders(root, 8)
    photos, labels = root / "photos", root / "labels"
    photos.joinpath("1.png").write_bytes(photos.joinpath("1.png").read_bytes()[:300])
    labels.joinpath("2.png").write_bytes(b"not an image")
    image(photos / "3.png", 20, 38)
    ids(labels / "4.png", (0, 200))
    photos.joinpath("5.png").unlink()
    labels.joinpath("6.png").unlink()
    labels.joinpath("7.png").write_bytes(b"")
    return root


def test_all_problems_are_listed_in_one_message(tmp_path):
    dataset = open_dataset("pairs", spoiled(tmp_path), labels="cityscapes")
    with pytest.raises(DatasetError, match="7 problems in 6 pairs") as caught:
        dataset.check()
    text = str(caught.value)
    for expected in (
        "1.png cannot be read as an image",
        "2.png cannot be read as an image (no image, or damaged from the start)",
        "3.png: is 40x20 pixels, but its photograph",
        "has id 200",
        "labels/5.png: has no photograph",
        "photos/6.png: has no label map",
        "labels/7.png is empty (0 bytes)",
    ):
        assert expected in text
    assert len(caught.value.problems) == 7
    sound, problems = dataset.sound()
    assert [pair.item for pair in sound.files] == ["0"]
    assert len(problems) == 7
    sound.check()


def test_long_lists_are_cut_with_a_count(tmp_path):
    two_folders(tmp_path, 30)
    for path in (tmp_path / "labels").iterdir():
        ids(path, (99,))
    with pytest.raises(DatasetError, match=r"30 problems in 30 pairs(.|\n)*\.\.\. and 10 more"):
        open_dataset("pairs", tmp_path, labels="cityscapes").check()


def test_unknown_labels_can_become_void(tmp_path):
    two_folders(tmp_path)
    ids(tmp_path / "labels" / "0.png", (0, 77))
    dataset = open_dataset("pairs", tmp_path, labels="cityscapes", unknown_to_void=True)
    dataset.check()
    assert set(np.unique(dataset[0].labels)) == {0, label_set("cityscapes").void}


def test_checks_are_remembered_until_a_file_changes(tmp_path):
    two_folders(tmp_path / "data")
    dataset = open_dataset("pairs", tmp_path / "data", labels="cityscapes")
    memory = tmp_path / "checked.json"

    def looked_at():
        counted = []
        dataset.check(memory, lambda items, label, total: counted.append(total) or items)
        return counted[0]

    assert looked_at() == 3
    assert looked_at() == 0
    image(tmp_path / "data" / "photos" / "1.png", seed=9)
    assert looked_at() == 1
    memory.write_text("{damaged")
    assert looked_at() == 3


def test_pairs_missing_from_the_list_are_reported(tmp_path):
    two_folders(tmp_path)
    (tmp_path / "train.txt").write_text("0.png\n\nmissing.png\n")
    with pytest.raises(DatasetError, match="missing: is in the split's list, but has neither"):
        open_dataset("pairs", tmp_path, labels="cityscapes").check()


def test_photographs_shrink_by_area_and_labels_by_nearest():
    photo = np.zeros((4, 8, 3), np.uint8)
    photo[::2] = 200
    classes = np.arange(32, dtype=np.uint8).reshape(4, 8)
    small, mean = classes, photo
    small, mean = fitted(classes, photo, (2, 4))
    assert (mean == 100).all()
    assert set(small.ravel()) <= set(classes.ravel())


def test_another_aspect_is_cropped_in_the_middle_or_stretched():
    classes = np.zeros((10, 40), np.uint8)
    classes[:, 10:30] = 1
    photo = np.repeat(classes[..., None] * 100, 3, -1)
    cropped, _ = fitted(classes, photo, (10, 20))
    assert (cropped == 1).all()
    stretched, pixels = fitted(classes, photo, (10, 20), "stretch")
    assert (stretched.mean(), pixels.shape) == (0.5, (10, 20, 3))
    grown, larger = fitted(classes, photo, (20, 80))
    assert grown.shape == larger.shape[:2] == (20, 80)


def test_mirroring_flips_both(tmp_path):
    pair = open_dataset("pairs", two_folders(tmp_path), labels="cityscapes")[0]
    flipped = mirrored(pair)
    assert np.array_equal(flipped.labels[:, ::-1], pair.labels)
    assert np.array_equal(flipped.photo[:, ::-1], pair.photo)


def test_photographs_of_16_bits_are_scaled_and_turned_ones_are_upright(tmp_path):
    ids(tmp_path / "labels" / "deep.png")
    (tmp_path / "photos").mkdir()
    ramp = np.linspace(0, 65535, 20 * 40).reshape(20, 40).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "photos" / "deep.png")
    np.testing.assert_array_equal(
        open_dataset("pairs", tmp_path, labels="cityscapes")[0].photo[..., 2], ramp >> 8
    )
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray((ramp >> 8).astype(np.uint8).T).save(tmp_path / "photos" / "deep.png", exif=exif)
    assert open_dataset("pairs", tmp_path, labels="cityscapes")[0].photo.shape == (20, 40, 3)
    open_dataset("pairs", tmp_path, labels="cityscapes").check()


def test_leftovers_are_no_pairs_and_accents_match_however_they_are_written(tmp_path):
    two_folders(tmp_path)
    image(tmp_path / "photos" / unicodedata.normalize("NFD", "Zürich.png"))
    ids(tmp_path / "labels" / unicodedata.normalize("NFC", "Zürich.png"))
    for folder in ("photos", "labels"):
        for name in ("._0.png", ".DS_Store", "Thumbs.db"):
            (tmp_path / folder / name).write_bytes(b"x")
    dataset = open_dataset("pairs", tmp_path, labels="cityscapes")
    dataset.check()
    assert [pair.item for pair in dataset.files] == ["0", "1", "2", unicodedata.normalize("NFC", "Zürich")]
    (tmp_path / "train.txt").write_text(unicodedata.normalize("NFD", "photos/Zürich.png\n"), encoding="utf-8")
    assert len(open_dataset("pairs", tmp_path, labels="cityscapes")) == 1


def test_folders_of_anybody_need_their_label_set(tmp_path):
    two_folders(tmp_path)
    with pytest.raises(
        GlimpseError, match=r"Name their label set with --label-set: cityscapes, .* or a \.json"
    ):
        open_dataset("pairs", tmp_path)
