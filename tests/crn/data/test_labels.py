"""Label sets and label maps: every way in which files write classes, and in which they are wrong."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glimpse.crn.data.labels import (
    BUNDLED,
    COLOURS,
    LabelMapError,
    UnknownValueError,
    class_mapping,
    colour_label_map,
    detect_encoding,
    label_map_files,
    label_set,
    mapping_names,
    one_hot,
    read_label_map,
    resize_label_map,
)
from glimpse.errors import GlimpseError

SHARED = Path(__file__).parents[4] / "shared" / "data"
CITYSCAPES, CAMVID = label_set("cityscapes"), label_set("camvid")


def save(path, pixels, mode=None):
    Image.fromarray(np.asarray(pixels)).convert(mode).save(path) if mode else Image.fromarray(
        np.asarray(pixels)
    ).save(path)
    return path


def test_bundled_sets_have_the_published_sizes_and_end_in_void():
    assert {name: len(label_set(name).classes) for name in BUNDLED} == {
        "cityscapes": 20,
        "gta5": 20,
        "camvid": 12,
        "nyu": 41,
    }
    assert all(label_set(name).classes[-1] == "void" for name in BUNDLED)
    assert CITYSCAPES.classes[:3] == ("road", "sidewalk", "building")


@pytest.mark.parametrize("name", BUNDLED)
def test_colours_survive_a_round_trip(tmp_path, name):
    labels = label_set(name)
    classes = np.arange(len(labels.classes), dtype=np.uint8).reshape(1, -1)
    path = save(tmp_path / "a.png", colour_label_map(classes, labels))
    assert detect_encoding([path], labels) == (COLOURS, True)
    assert np.array_equal(read_label_map(path, labels), classes)


def test_cityscapes_label_ids_train_ids_and_colours_give_the_same_classes(tmp_path):
    label_ids = save(tmp_path / "label.png", np.array([[7, 26, 0, 33]], np.uint8))
    train_ids = save(tmp_path / "train.png", np.array([[0, 13, 255, 18]], np.uint8))
    colours = save(
        tmp_path / "colour.png",
        np.array([[[128, 64, 128], [0, 0, 142], [111, 74, 0], [119, 11, 32]]], np.uint8),
    )
    for path in (label_ids, train_ids, colours):
        assert read_label_map(path, CITYSCAPES).tolist() == [[0, 13, 19, 18]]


def test_the_numbering_is_told_by_the_whole_folder_and_by_names(tmp_path):
    ambiguous = save(tmp_path / "a.png", np.array([[7, 8]], np.uint8))
    telling = save(tmp_path / "b.png", np.array([[7, 26]], np.uint8))
    named = save(tmp_path / "x_labelIds.png", np.array([[7, 8]], np.uint8))
    assert detect_encoding([ambiguous], CITYSCAPES) == ("train-ids", False)
    assert detect_encoding([ambiguous, telling], CITYSCAPES) == ("label-ids", True)
    assert detect_encoding([named], CITYSCAPES) == ("label-ids", True)


def test_palette_files_are_read_by_their_colours_or_else_by_their_numbers(tmp_path):
    palette = Image.fromarray(np.array([[7, 26]], np.uint8)).convert("P")
    colours = np.zeros((256, 3), np.uint8)
    colours[7], colours[26] = (128, 64, 128), (0, 0, 142)
    palette.putpalette(colours.tobytes())
    palette.save(tmp_path / "gta.png")
    assert read_label_map(tmp_path / "gta.png", label_set("gta5")).tolist() == [[0, 13]]
    palette.putpalette(np.full((256, 3), 3, np.uint8).tobytes())
    palette.save(tmp_path / "other.png")
    assert read_label_map(tmp_path / "other.png", label_set("gta5")).tolist() == [[0, 13]]


def test_ids_saved_as_grey_rgb_and_in_16_bits(tmp_path):
    grey = save(tmp_path / "grey.png", np.array([[[3, 3, 3], [11, 11, 11]]], np.uint8))
    deep = save(tmp_path / "deep.png", np.array([[3, 11]], np.uint16))
    assert read_label_map(grey, CAMVID).tolist() == read_label_map(deep, CAMVID).tolist() == [[3, 11]]


def test_unknown_values_name_file_pixel_value_and_the_way_out(tmp_path):
    pixels = np.zeros((4, 6), np.uint8)
    pixels[2, 5] = 77
    path = save(tmp_path / "a.png", pixels)
    message = (
        f"{path}: pixel x=5, y=2 has id 77, which label set 'camvid' (ids) does not know. "
        "Choose another with --label-set, or map such pixels to void with --unknown void."
    )
    with pytest.raises(UnknownValueError, match=f"^{re.escape(message)}$"):
        read_label_map(path, CAMVID)
    assert read_label_map(path, CAMVID, unknown_to_void=True)[2, 5] == 11


def test_a_mask_of_0_and_255_is_not_taken_for_ids(tmp_path):
    path = save(tmp_path / "mask.png", np.array([[0, 255]], np.uint8))
    with pytest.raises(UnknownValueError, match="x=1, y=0 has id 255"):
        read_label_map(path, CAMVID)


def test_a_palette_that_does_not_match(tmp_path):
    path = save(tmp_path / "a.png", colour_label_map(np.array([[0, 1]]), CITYSCAPES))
    with pytest.raises(
        UnknownValueError, match=r"has colour \(244, 35, 232\), which label set 'camvid' \(colours\)"
    ):
        read_label_map(path, CAMVID)


def test_a_photograph_is_suspected(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (20, 20, 3)).astype(np.uint8)
    with pytest.raises(
        UnknownValueError, match=r"and 399 more such values; 100\.0% .* It may be a photograph"
    ):
        read_label_map(save(tmp_path / "a.png", noise), CITYSCAPES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not an image", r" cannot be read as an image \(no image, .*\. A label map is a PNG"),
        (b"", r" is empty \(0 bytes\)"),
        (None, ": no such file"),
    ],
)
def test_what_is_not_an_image(tmp_path, content, message):
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LabelMapError, match=f"^{re.escape(str(path))}{message}"):
        read_label_map(path, CITYSCAPES)


def test_a_truncated_image(tmp_path):
    noise = np.random.default_rng(0).integers(0, 12, (64, 64)).astype(np.uint8)
    path = save(tmp_path / "a.png", noise)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(LabelMapError, match="cannot be read"):
        read_label_map(path, CAMVID)


def test_fractions_are_no_label_map(tmp_path):
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(LabelMapError, match="is a F image; a label map has whole numbers or RGB colours"):
        read_label_map(tmp_path / "a.tiff", CAMVID)


def test_files_that_differ_from_the_others(tmp_path):
    path = save(tmp_path / "a.png", colour_label_map(np.array([[0, 1]]), CAMVID))
    with pytest.raises(LabelMapError, match="holds colours, where ids were expected"):
        read_label_map(path, CAMVID, encoding="ids")
    with pytest.raises(
        GlimpseError, match="label set 'camvid' has no encoding 'train-ids'; it has colours, ids"
    ):
        read_label_map(path, CAMVID, encoding="train-ids")


def test_folders_are_listed_by_name_and_say_when_they_are_empty(tmp_path):
    with pytest.raises(GlimpseError, match=r"holds no label maps \(files ending in \.png"):
        label_map_files(tmp_path)
    with pytest.raises(GlimpseError, match="nowhere: no such file or folder of label maps"):
        label_map_files(tmp_path / "nowhere")
    for name in ("b.png", "a.PNG", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in label_map_files(tmp_path)] == ["a.PNG", "b.png"]


def test_a_label_set_of_ones_own(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(
        json.dumps({"name": "mine", "classes": [{"name": "wood", "colour": [1, 2, 3]}, {"name": "sea"}]})
    )
    labels = label_set(path)
    assert labels.classes == ("wood", "sea", "void")
    assert labels.encodings == {"ids": {0: 0, 1: 1}}
    assert colour_label_map(np.array([[0, 1, 2]]), labels).shape == (1, 3, 3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "a label set is"),
        ({"name": "a", "classes": [], "extra": 1}, "unknown key 'extra'"),
        (
            {"name": "a", "classes": [{"name": "x", "colr": 1}]},
            "class 0 is .* it may have colour, colours, id",
        ),
        (
            {"name": "a", "classes": [{"name": "x", "colour": [1, 2]}]},
            r"colours \[\[1, 2\]\]; give \[red, green",
        ),
        ({"name": "a", "classes": [{"name": "x"}, {"name": "x"}]}, "class names must differ"),
        ({"name": "a", "classes": [{"name": "x", "id": "7"}]}, "has id '7'; ids are whole numbers"),
        (
            {"name": "a", "classes": [{"name": "x", "id": 1}, {"name": "y", "id": 1}]},
            "id 1 belongs to 'x' and 'y'",
        ),
        (
            {
                "name": "a",
                "classes": [{"name": "x", "colour": [0, 0, 0]}, {"name": "y", "colour": [0, 0, 0]}],
            },
            r"colour \(0, 0, 0\) belongs to 'x' and 'y'",
        ),
    ],
)
def test_wrong_label_sets(tmp_path, value, message):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value))
    with pytest.raises(GlimpseError, match=message):
        label_set(path)


def test_unknown_names_list_what_there_is(tmp_path):
    with pytest.raises(
        GlimpseError, match="unknown label set 'ade'; bundled are cityscapes, gta5, camvid, nyu"
    ):
        label_set("ade")
    with pytest.raises(GlimpseError, match="unknown mapping 'a-b'; bundled are camvid-cityscapes, "):
        class_mapping("a-b")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(GlimpseError, match="is not JSON"):
        label_set(tmp_path / "a.json")
    with pytest.raises(GlimpseError, match="no such file"):
        label_set(tmp_path / "b.json")


@pytest.mark.parametrize("name", mapping_names())
def test_mappings_keep_what_both_sets_know(name):
    mapping = class_mapping(name)
    assert name == f"{mapping.source.name}-{mapping.target.name}"
    table = dict(zip(mapping.source.classes, mapping.table, strict=True))
    for word in ("road", "sky", "car", "building", "void"):
        assert mapping.target.classes[table[word]] == word


def test_cityscapes_to_camvid_and_back_keeps_camvids_classes():
    there, back = class_mapping("camvid-cityscapes"), class_mapping("cityscapes-camvid")
    classes = np.arange(12, dtype=np.uint8)
    assert back(there(classes)).tolist() == classes.tolist()


def test_a_mapping_of_ones_own_names_classes_that_do_not_exist(tmp_path):
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"source": "camvid", "target": "cityscapes", "classes": {"sea": "sky"}}))
    with pytest.raises(GlimpseError, match="label set 'camvid' has no class 'sea'"):
        class_mapping(path)
    path.write_text(json.dumps({"source": "camvid"}))
    with pytest.raises(GlimpseError, match="a mapping is"):
        class_mapping(path)


def test_nearest_neighbour_takes_pixel_centres():
    assert resize_label_map(np.array([[0, 1], [2, 3]], np.uint8), 4, 2).tolist() == [
        [0, 1],
        [0, 1],
        [2, 3],
        [2, 3],
    ]
    assert resize_label_map(np.arange(9, dtype=np.uint8).reshape(3, 3), 1, 1).tolist() == [[4]]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(2, 12), st.data())
def test_one_hot_is_one_where_the_class_is(height, width, count, data):
    values = data.draw(st.lists(st.integers(0, count - 1), min_size=height * width, max_size=height * width))
    classes = np.array(values, np.uint8).reshape(height, width)
    channels = one_hot(classes, count)
    assert channels.shape == (1, count, height, width)
    assert np.array_equal(channels[0].argmax(0).numpy(), classes)
    assert channels.sum() == height * width


def test_one_hot_refuses_classes_beyond_the_channels():
    with pytest.raises(GlimpseError, match=r"a label map has class 7; there are 5 \(0 to 4\)"):
        one_hot(np.array([[7]]), 5)


@pytest.mark.skipif(not SHARED.exists(), reason="without CamVid and Cityscapes")
@pytest.mark.parametrize(
    ("folder", "labels", "encoding"),
    [("cityscapes/labels_256p", CITYSCAPES, COLOURS), ("camvid/valannot", CAMVID, "ids")],
)
def test_real_label_maps(folder, labels, encoding):
    files = label_map_files(SHARED / folder)[:10]
    assert detect_encoding(files, labels) == (encoding, True)
    seen = np.zeros(len(labels.classes), int)
    for path in files:
        seen += np.bincount(read_label_map(path, labels, encoding=encoding).ravel(), minlength=len(seen))
    assert (seen[:-1] > 0).mean() > 0.8
