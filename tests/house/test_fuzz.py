"""Whatever arrives from outside is read, or refused in words: nothing else ever comes out of a parser.

The parsers' own tests hold the rest: answer XML, submissions (tests/glimpse/test_submission.py), result CSVs
(tests/mturk/importing/test_batch_results.py), assignments.jsonl (tests/analysis/reading/test_results.py),
ledgers and collected lines (tests/mturk/client), requests, forms and questions (tests/mturk/server).
"""

import contextlib
import csv
import hashlib
import io
import json
import shutil
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from glimpse.analysis.reading.design import read_design
from glimpse.analysis.reading.results import read_results
from glimpse.analysis.simulation.observer import Observer
from glimpse.analysis.simulation.simulated_study import read_simulated as plan_to_simulate
from glimpse.crn.data.labels import BUNDLED, bundled_label_set, class_mapping, label_set, read_label_map
from glimpse.errors import GlimpseError
from glimpse.experiment import designed, preset
from glimpse.mturk.building.building import Making, build
from glimpse.mturk.design.context import read_contexts
from glimpse.mturk.design.sentinels import read_known
from glimpse.mturk.design.stimuli import find_images
from glimpse.mturk.importing.batch_csv import read_hit_file
from glimpse.mturk.server.pages.panels import MAX_PARAMETER, PANELS, identify
from glimpse.study import read_study

QUICK = settings(max_examples=60, database=None)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["real", "crn", "limited-time", "random", "../x", "\x00", "\ud800", "NaN", "1e999"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def spots(value, path=()):
    """List the paths of everything in a JSON value, outermost first."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from spots(item, (*path, key))


@st.composite
def mutated(draw, value):
    """Draw a JSON value in which one spot was replaced, removed, or given a key that nobody knows."""
    value = json.loads(json.dumps(value))
    path = draw(st.sampled_from(list(spots(value))))
    if not path:
        return draw(VALUES)
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    kind = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
    if kind == "remove":
        del holder[path[-1]]
    elif kind == "add" and isinstance(holder, dict):
        holder[draw(st.text(max_size=5))] = draw(VALUES)
    else:
        holder[path[-1]] = draw(VALUES)
    return value


def damaged(data):
    """Draw bytes made of `data`: cut short, with bytes changed, with a piece left out or put in."""
    place = st.integers(0, max(0, len(data) - 1))
    return st.one_of(
        place.map(lambda end: data[:end]),
        st.tuples(place, st.binary(min_size=1, max_size=4)).map(
            lambda change: data[: change[0]] + change[1] + data[change[0] + len(change[1]) :]
        ),
        st.tuples(place, st.binary(max_size=8)).map(
            lambda change: data[: change[0]] + change[1] + data[change[0] :]
        ),
        st.binary(max_size=200),
    )


# Studies


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Build a small study once; its files, apart from pages and images, are mutated."""
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(0)
    for item in range(6):
        photo = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        for number, condition in enumerate(("real", "crn", "image-space")):
            path = folder / "images" / condition / f"{item}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            photo.filter(ImageFilter.GaussianBlur(number)).save(path)
    counts = {"hits_per_batch": 1, "trials_per_cell": 1, "sentinels_per_hit": 1, "exposures_ms": (125, 500)}
    experiment = designed(
        preset("limited-time"), contrasts=(("crn", "real"),), real="real", sentinel="image-space", **counts
    )
    build(find_images(folder / "images"), experiment, folder / "study", Making(seed=0, versions={}))
    return folder / "study"


def read_all_ways(folder):
    """Read a study in every way that there is; what cannot be read is refused in words."""
    with contextlib.suppress(GlimpseError):
        found = read_study(folder)
        assert found.experiment.hits > 0
        json.dumps(found.to_json())
    with contextlib.suppress(GlimpseError):
        assert len(read_design(folder).trials) > 0
    with contextlib.suppress(GlimpseError):
        read_results(folder)
    with contextlib.suppress(GlimpseError):
        plan_to_simulate(folder, Observer())


@QUICK
@given(data=st.data())
def test_any_change_of_study_json_is_read_or_refused(study, data):
    original = (study / "study.json").read_bytes()
    changed = data.draw(mutated(json.loads(original)))
    (study / "assignments.jsonl").write_text("{}\n")
    try:
        (study / "study.json").write_text(json.dumps(changed))
        read_all_ways(study)
    finally:
        (study / "study.json").write_bytes(original)


@QUICK
@given(data=st.data())
def test_any_damage_of_a_study_s_files_is_read_or_refused(study, data):
    path = study / data.draw(st.sampled_from(["study.json", "trials.csv"]))
    original = path.read_bytes()
    try:
        path.write_bytes(data.draw(damaged(original)))
        read_all_ways(study)
    finally:
        path.write_bytes(original)


@QUICK
@given(data=st.data())
def test_any_plan_with_a_fitting_digest_is_read_or_refused(study, data):
    """The digest is no secret: whoever edits the plan can edit the digest, too."""
    plan, record = (study / "trials.csv").read_bytes(), (study / "study.json").read_bytes()
    changed = data.draw(damaged(plan))
    value = {**json.loads(record), "plan_sha256": hashlib.sha256(changed).hexdigest()}
    try:
        (study / "trials.csv").write_bytes(changed)
        (study / "study.json").write_text(json.dumps(value))
        read_all_ways(study)
    finally:
        (study / "trials.csv").write_bytes(plan)
        (study / "study.json").write_bytes(record)


# Label maps and label sets


def pictures():
    """Draw small images of every mode that Pillow can write as PNG or TIFF."""
    return st.tuples(
        st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK"]),
        st.integers(1, 5),
        st.integers(1, 5),
        st.integers(0, 2**31),
    )


def picture_bytes(mode, width, height, seed):
    rng = np.random.default_rng(seed)
    if mode in {"I", "F", "I;16"}:
        kind = {"I": np.int32, "F": np.float32, "I;16": np.uint16}[mode]
        image = Image.fromarray(rng.integers(0, 60_000, (height, width)).astype(kind))
    else:
        image = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)
    stream = io.BytesIO()
    image.save(stream, "TIFF" if mode in {"F", "CMYK", "I"} else "PNG")
    return stream.getvalue()


@QUICK
@given(picture=pictures(), name=st.sampled_from(BUNDLED), lenient=st.booleans(), data=st.data())
def test_any_image_is_a_label_map_or_refused(tmp_path, picture, name, lenient, data):
    whole = picture_bytes(*picture)
    path = tmp_path / "map.png"
    path.write_bytes(data.draw(st.just(whole) | damaged(whole)))
    labels = bundled_label_set(name)
    encoding = data.draw(st.none() | st.sampled_from(labels.encoding_names()))
    with warnings.catch_warnings(), contextlib.suppress(GlimpseError):
        warnings.simplefilter("ignore")  # Pillow's, of damaged files that it reads all the same
        classes = read_label_map(path, labels, encoding=encoding, unknown_to_void=lenient)
        assert classes.dtype == np.uint8
        assert classes.ndim == 2
        assert classes.max() < len(labels.classes)


OWN = {
    "name": "mine",
    "classes": [
        {"name": "road", "ids": {"a": [0], "b": [7]}, "colour": [1, 2, 3]},
        {"name": "sky", "ids": {"a": [1], "b": [8]}, "colours": [[4, 5, 6], [7, 8, 9]]},
        {"name": "void", "ids": {"a": [255], "b": [0]}},
    ],
    "encodings": ["a", "b"],
    "file_names": {"_b": "b"},
}
PLAIN = {"name": "mine", "classes": [{"name": "road", "id": 3}, {"name": "sky", "ids": [4, 5]}]}
MAPPING = {"source": "camvid", "target": "cityscapes", "classes": {"Sky": "sky", "Road": "road"}}


@QUICK
@given(changed=st.one_of(mutated(OWN), mutated(PLAIN)), data=st.data())
def test_any_label_set_is_read_or_refused(tmp_path, changed, data):
    path = tmp_path / "set.json"
    text = json.dumps(changed).encode()
    path.write_bytes(data.draw(st.just(text) | damaged(text)))
    Image.new("L", (2, 2), 1).save(tmp_path / "map.png")
    with contextlib.suppress(GlimpseError):
        labels = label_set(path)
        read_label_map(tmp_path / "map.png", labels, unknown_to_void=True)


@QUICK
@given(changed=mutated(MAPPING))
def test_any_mapping_is_read_or_refused(tmp_path, changed):
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps(changed))
    with contextlib.suppress(GlimpseError):
        class_mapping(path)


# Weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    import torch

    from glimpse.crn.network.checkpoints import save_weights
    from glimpse.crn.network.config import NetworkConfig
    from glimpse.crn.network.model import CRN

    config = NetworkConfig(height=8, width=16, features=(2, 2))
    model = CRN(config, torch.Generator().manual_seed(0))
    return save_weights(tmp_path_factory.mktemp("weights") / "tiny", model, config).read_bytes()


def reheaded(weights, header):
    """Return the weights with another header (the JSON in front of a safetensors file)."""
    (size,) = struct.unpack("<Q", weights[:8])
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + weights[8 + size :]


def load(path, content):
    from glimpse.crn.network.checkpoints import load_weights

    path.write_bytes(content)
    with contextlib.suppress(GlimpseError):
        load_weights(path)


@QUICK
@given(data=st.data())
def test_any_damage_of_weights_is_refused(tmp_path, weights, data):
    (size,) = struct.unpack("<Q", weights[:8])
    head = weights[: 8 + size]
    load(tmp_path / "w.safetensors", data.draw(damaged(head)) + weights[8 + size :])


@QUICK
@given(data=st.data())
def test_any_header_of_weights_is_read_or_refused(tmp_path, weights, data):
    (size,) = struct.unpack("<Q", weights[:8])
    header = json.loads(weights[8 : 8 + size])
    if data.draw(st.booleans()):
        header = data.draw(mutated(header))
    else:
        inside = data.draw(mutated(json.loads(header["__metadata__"]["glimpse"])))
        header["__metadata__"]["glimpse"] = json.dumps(inside)
    load(tmp_path / "w.safetensors", reheaded(weights, header))


# HIT files


TIMED = ["image_A_url_1", "image_B_url_1", "time_1"]
CELLS = st.sampled_from(
    ["", "125", "-1", "0", "1e3", "٣", "²", "9" * 30, "x", "https://h/real/1.png", "https://h/crn/1.png",
     "http://[::1", "real/2.png", "//", "%00/%2e.png", "a/b.c/d"]
) | st.text(max_size=6)  # fmt: skip


@QUICK
@given(
    rows=st.lists(st.lists(CELLS, min_size=6, max_size=7), max_size=3),
    names=st.sampled_from(
        [
            TIMED,
            [*TIMED, "image_A_url_2", "image_B_url_2", "time_2"],
            ["Input.image_A_url_1", "Input.image_B_url_1", "a", "b", "c", "d"],
            ["gt_side0", "images_left0", "images_right0", "gt_side1", "images_left1", "images_right1"],
            ["image_A_url_1", "image_B_url_٣", "image_A_url_٣", "", "time_1", "image_B_url_1"],
        ]
    ),
    sentinel=st.sampled_from([None, "blurred", "crn"]),
)
@example([["https://h/real/1.png", "https://h/crn/1.png", "²", "", "", ""]], TIMED, None)
@example([["http://[::1", "https://h/crn/1.png", "125", "", "", ""]], TIMED, None)
def test_any_hit_file_is_read_or_refused(tmp_path, rows, names, sentinel):
    path = tmp_path / "hits.csv"
    with contextlib.suppress(UnicodeError), path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    with contextlib.suppress(GlimpseError):
        design = read_hit_file(path, real="real", sentinel=sentinel)
        assert design.trials


@QUICK
@given(content=st.binary(max_size=120))
def test_any_bytes_are_a_hit_file_or_refused(tmp_path, content):
    path = tmp_path / "hits.csv"
    path.write_bytes(content)
    with contextlib.suppress(GlimpseError):
        read_hit_file(path, real="real")


# Links to join


WORDS = st.text(max_size=8) | st.sampled_from(["0001", "flux/0001.png", "left", "a,b", '"', "\ud800", "\x00"])
NAMES = st.sampled_from(["item", "file_name", "text", "caption", "left", "right", "correct", "context"])


@QUICK
@given(lines=st.lists(st.dictionaries(NAMES, VALUES | WORDS, max_size=4), max_size=3), cut=st.integers(0, 9))
def test_any_metadata_are_prompts_or_refused(tmp_path, lines, cut):
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines))[cut:])
    with contextlib.suppress(GlimpseError):
        found = read_contexts(tmp_path)
        assert all(prompt.text.strip() for prompt in found.texts.values())


@QUICK
@given(head=st.lists(NAMES, max_size=4), rows=st.lists(st.lists(WORDS, max_size=5), max_size=4))
def test_any_table_is_prompts_or_known_answers_or_refused(tmp_path, head, rows):
    text = io.StringIO()
    csv.writer(text).writerows([head, *rows])
    file = tmp_path / "table.csv"
    file.write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))
    for read in (read_contexts, read_known):
        with contextlib.suppress(GlimpseError):
            read(file)


@QUICK
@given(content=st.binary(max_size=120), name=st.sampled_from(["0001.txt", "metadata.jsonl", "metadata.csv"]))
def test_any_bytes_are_prompts_or_refused(tmp_path, content, name):
    folder = tmp_path / name.replace(".", "-")
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    with contextlib.suppress(GlimpseError):
        read_contexts(folder)


@QUICK
@given(
    st.dictionaries(
        st.sampled_from([name for panel in PANELS for name in (panel.person, *panel.others)])
        | st.text(max_size=8),
        st.text(max_size=300),
        max_size=6,
    )
)
def test_any_parameters_of_a_join_link_name_a_panel(parameters):
    came = identify(parameters)
    assert came.panel in PANELS
    assert came.person == came.person.strip()
    assert set(came.kept) <= set(came.panel.others)
    assert all(len(value) <= MAX_PARAMETER for value in came.kept.values())


def test_the_study_was_not_changed(study):
    """Every mutation above was taken back, so that each began from a valid study."""
    assert Path(read_study(study).folder) == study
    shutil.rmtree(study)
