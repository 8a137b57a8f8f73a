"""The images of pairs are those that people saw, or they are not shown, and why."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from glimpse.analysis.figures.stimuli import load_stimuli
from glimpse.analysis.reading.results import read_results
from glimpse.errors import GlimpseError
from tests.analysis.reading.test_results import assignment, trial, write

# What write() makes of trial(1): crn shows item i1crn as s1crn, real shows i1real as s1real.
SHOWN = {("crn", "i1crn"): "s1crn", ("real", "i1real"): "s1real"}
COLOURS = {("crn", "i1crn"): (200, 30, 30), ("real", "i1real"): (30, 30, 200)}
PAIR = pd.DataFrame([{"winner": "real", "loser": "crn", "item_winner": "i1real", "item_loser": "i1crn"}])


@pytest.fixture
def images(tmp_path):
    for shown, colour in COLOURS.items():
        path = tmp_path / "images" / shown[0] / f"{shown[1]}.png"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (900, 450), colour).save(path)
    return tmp_path / "images"


def results(folder, images, stated=True, name="sha256"):
    """Results of a study that states the SHA-256 of its stimuli (in the field `name`), or does not."""
    write(folder / "results", [assignment(answers=[])], [trial(1)])
    stimuli = {
        stimulus: {name: hashlib.sha256((images / shown[0] / f"{shown[1]}.png").read_bytes()).hexdigest()}
        for shown, stimulus in SHOWN.items()
    }
    path = folder / "results" / "study.json"
    study = json.loads(path.read_text())
    path.write_text(json.dumps(study | ({"stimuli": stimuli} if stated else {})))
    answered = [{"trial": "t1", "side": "left"}]
    (folder / "results" / "assignments.jsonl").write_text(json.dumps(assignment(answers=answered)) + "\n")
    return read_results(folder / "results")


@pytest.mark.parametrize("stated", [True, False])
def test_images_are_found_by_condition_and_item(tmp_path, images, stated):
    ((winner, loser),), problems = load_stimuli(images, PAIR, results(tmp_path, images, stated))
    assert winner.shape == loser.shape == (320, 640, 3)
    assert (winner[0, 0].tolist(), loser[0, 0].tolist()) == ([30, 30, 200], [200, 30, 30])
    assert winner.dtype == np.uint8
    assert problems == ()


def test_images_of_which_the_shown_were_made_are_found(tmp_path, images):
    found = results(tmp_path, images, name="source_sha256")
    ((winner, _),), problems = load_stimuli(images, PAIR, found)
    assert winner[0, 0].tolist() == [30, 30, 200]
    assert problems == ()


def test_images_are_found_by_their_opaque_names(tmp_path, images):
    found = results(tmp_path, images)
    (tmp_path / "hosted").mkdir()
    for shown, name in SHOWN.items():
        (images / shown[0] / f"{shown[1]}.png").rename(tmp_path / "hosted" / f"{name}.png")
    ((winner, _),), problems = load_stimuli(tmp_path / "hosted", PAIR, found)
    assert winner[0, 0].tolist() == [30, 30, 200]
    assert problems == ()


def test_images_that_were_not_shown_are_left_out_and_said(tmp_path, images):
    found = results(tmp_path, images)
    one, other = (images / shown[0] / f"{shown[1]}.png" for shown in SHOWN)
    one_bytes, other_bytes = one.read_bytes(), other.read_bytes()
    one.write_bytes(other_bytes)
    assert load_stimuli(images, PAIR, found)[0] == [None]
    other.write_bytes(one_bytes)
    loaded, (problem,) = load_stimuli(images, PAIR, found)
    assert loaded == [None]
    assert str(problem).startswith(
        f"{images}: 2 images are not what was shown (the SHA-256 in study.json differs), and"
    )


def test_a_damaged_image_is_left_out_and_said(tmp_path, images):
    found = results(tmp_path, images, stated=False)
    path = images / "crn" / "i1crn.png"
    path.write_bytes(path.read_bytes()[:200])
    loaded, (problem,) = load_stimuli(images, PAIR, found)
    assert loaded == [None]
    assert str(problem) == f"{path}: it cannot be read as an image, and is left out of the figure of pairs"


def test_a_missing_image_is_nothing_to_speak_of(tmp_path, images):
    found = results(tmp_path, images)
    (images / "crn" / "i1crn.png").unlink()
    assert load_stimuli(images, PAIR, found) == ([None], ())
    assert load_stimuli(tmp_path / "nowhere", PAIR, found) == ([None], ())


def test_stimuli_of_a_wrong_kind_are_refused(tmp_path, images):
    results(tmp_path, images)
    path = tmp_path / "results" / "study.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"stimuli": {"s1crn": "abc"}}))
    with pytest.raises(GlimpseError, match="field 'stimuli' is wrong: each stimulus has a file and a sha256"):
        read_results(tmp_path / "results")


@pytest.mark.parametrize("place", ["beside", "here"])
def test_the_studys_own_images_are_found_first(tmp_path, images, monkeypatch, place):
    """As where build-hits scaled images down: those in images/ are not what was shown."""
    found = results(tmp_path, images)
    home = tmp_path if place == "beside" else tmp_path / "elsewhere"
    (home / "my-study" / "images").mkdir(parents=True)
    if place == "here":
        monkeypatch.chdir(home)
    for (condition, item), name in SHOWN.items():
        path = images / condition / f"{item}.png"
        path.rename(home / "my-study" / "images" / f"{name}.png")
        Image.new("RGB", (1800, 900), "white").save(path)
    study = (tmp_path / "results" / "study.json").read_text()
    (home / "my-study" / "study.json").write_text(study)
    (home / "other" / "images").mkdir(parents=True)
    (home / "other" / "study.json").write_text("no study")
    ((winner, _),), problems = load_stimuli(images, PAIR, found)
    assert winner[0, 0].tolist() == [30, 30, 200]
    assert problems == ()


def test_images_are_found_whatever_their_type_and_the_way_of_their_accents(tmp_path, images):
    found = results(tmp_path, images, stated=False)
    pair = PAIR.assign(item_winner="\u00e9")
    (images / "real" / "i1real.png").unlink()
    Image.fromarray(np.full((9, 9), 0xABCD, np.uint16)).save(images / "real" / "e\u0301.TIF")
    ((winner, _),), problems = load_stimuli(images, pair, found)
    assert winner[0, 0].tolist() == [0xAB] * 3
    assert problems == ()
