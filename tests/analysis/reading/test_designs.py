"""Designs of results folders, alone and pooled, and what happens to every kind of bad one."""

import json

import pytest

from glimpse.analysis.reading.results import read_results
from glimpse.errors import GlimpseError
from glimpse.trials import NEEDED
from tests.analysis.reading.test_results import STUDY, TRIALS, assignment, texts, trial, write


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"exposures_ms": ["x"]},
            r"experiment.exposures_ms is \['x'\]; a list of numbers of ms above 0 is needed",
        ),
        (
            {"contrasts": [["crn"]]},
            r"experiment.contrasts is \[\['crn'\]\]; a list of pairs of conditions is",
        ),
        (
            {"workers_per_hit": "many"},
            "experiment.workers_per_hit is 'many'; a whole number from 0 is needed",
        ),
        (
            {"sentinel_exposure_ms": 0},
            "experiment.sentinel_exposure_ms is 0; a number of ms above 0 is needed",
        ),
        (
            {"reward_usd": "2 dollars"},
            "experiment.reward_usd is '2 dollars'; an amount of US dollars is needed",
        ),
        ({"real": 5}, "experiment.real is 5; a text is needed"),
    ],
)
def test_every_field_of_the_experiment_is_checked(tmp_path, changed, message):
    folder = write(tmp_path / "results", [assignment()], **changed)
    with pytest.raises(GlimpseError, match=rf"study.json: {message}"):
        read_results(folder)


def test_a_later_version_of_the_format_is_refused(tmp_path):
    folder = write(tmp_path / "results", [assignment()])
    path = folder / "study.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    with pytest.raises(
        GlimpseError, match=r"schema_version is 99; this program reads 1 and 2\. Use the version that"
    ):
        read_results(folder)


def test_trials_of_two_studies_do_not_collide_and_contrasts_get_one_order(tmp_path):
    turned = [trial(1, "real:crn"), trial(2, "real:crn", left_first=False), TRIALS[2]]
    one = write(tmp_path / "one", [assignment("A1")])
    two = write(tmp_path / "two", [assignment("B1", "w2")], turned, study="zzzzzzzz12345678")
    results = read_results([one, two])
    assert results.judgments.table()["trial"].nunique() == 6
    assert set(results.judgments.table()["contrast"]) == {"crn:real", "image-space:real"}
    row = results.judgments.table()[results.judgments.table()["trial"] == "zzzzzzzz12345678/t1"].iloc[0]
    assert (row["condition_a"], row["side_of_a"], row["chose_a"]) == ("crn", "right", False)
    assert row["item_a"] == "i1crn"
    assert set(results.assignments["hit"]) == {f"{STUDY}/h1", "zzzzzzzz12345678/h1"}


def test_folders_of_one_name_are_told_apart(tmp_path):
    one = write(tmp_path / "a" / "results", [assignment("A1")])
    two = write(tmp_path / "b" / "results", [assignment("A2", "w2")])
    assert read_results([one, two]).sources == (str(one), str(two))


def test_studies_of_different_modes_are_refused(tmp_path):
    one = write(tmp_path / "one", [assignment("A1")])
    two = write(tmp_path / "two", [assignment("A2")], mode="unlimited-time", study="zzzzzzzz12345678")
    with pytest.raises(GlimpseError, match="different modes cannot be pooled"):
        read_results([one, two])


def test_an_edited_design_is_a_problem(tmp_path):
    folder = write(tmp_path / "results", [assignment()])
    path = folder / "trials.csv"
    path.write_text(path.read_text().replace(",500,", ",1000,"))
    assert "the design was edited after it was frozen" in texts(read_results(folder))[0]


def test_an_empty_folder_says_what_a_results_folder_is(tmp_path):
    with pytest.raises(
        GlimpseError, match=r"has no study\.json and no trials\.csv and no assignments\.jsonl"
    ):
        read_results(tmp_path)


def test_no_folder_at_all(tmp_path):
    with pytest.raises(GlimpseError, match="does not exist: there are no answers yet"):
        read_results(tmp_path / "nowhere")
    with pytest.raises(GlimpseError, match="no results folder was named"):
        read_results([])


def test_no_answers_yet(tmp_path):
    folder = write(tmp_path / "results", [])
    with pytest.raises(GlimpseError, match=r"assignments\.jsonl: no answers yet"):
        read_results(folder)


def test_answers_of_another_study_only_are_refused_with_the_reason(tmp_path):
    folder = write(tmp_path / "results", [assignment(f"A{i}", hit="x") for i in range(5)])
    with pytest.raises(GlimpseError, match=r"no answer can be used.*line 1: HIT 'x'.*and 2 more"):
        read_results(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exposure_ms": "soon"}, "line 3: exposure_ms is 'soon'; it must be a number"),
        ({"exposure_ms": "-5"}, "line 3: exposure_ms is .*; it must be a positive number"),
        ({"sentinel": "yes"}, "line 3: sentinel is 'yes'; it must be 0 or 1"),
        ({"trial": "t1"}, "line 3: trial is 't1'; it must be unique"),
        ({"correct_side": "up"}, "line 3: correct_side is 'up'"),
        ({"sentinel": 1}, "line 3: correct_side is ''.*a sentinel needs one"),
        ({"contrast": "crn:pix2pix"}, "line 3: contrast is 'crn:pix2pix'; it must be 'a:b' with the two"),
        ({"stimulus_left": "s2crn"}, "line 3: stimulus_left is 's2crn'"),
    ],
)
def test_a_bad_design_is_refused_by_line(tmp_path, change, message):
    trials = [TRIALS[0], {**TRIALS[1], **change}]
    folder = write(tmp_path / "results", [assignment()], trials)
    with pytest.raises(GlimpseError, match=message):
        read_results(folder)


def test_missing_columns_and_modes_are_named(tmp_path):
    folder = write(tmp_path / "results", [assignment()])
    (folder / "trials.csv").write_text("trial,hit\nt1,h1\n")
    with pytest.raises(GlimpseError, match=r"trials\.csv: column\(s\) batch, position, contrast"):
        read_results(folder)
    folder = write(tmp_path / "results", [assignment()], mode="slow")
    with pytest.raises(GlimpseError, match="mode is 'slow'; allowed are limited-time and unlimited-time"):
        read_results(folder)
    folder = write(tmp_path / "results", [assignment()], max_wrong_sentinels="none")
    with pytest.raises(GlimpseError, match="max_wrong_sentinels is 'none'"):
        read_results(folder)


def test_a_design_that_is_cut_short_is_refused(tmp_path):
    folder = write(tmp_path / "results", [assignment()])
    path = folder / "trials.csv"
    path.write_text(path.read_text().rstrip("\n").rsplit(",", 3)[0] + "\n")
    with pytest.raises(GlimpseError, match=r"line 4: trial is 't3'.*the line is cut short"):
        read_results(folder)


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ({}, "field 'study' .* is missing or not text"),
        ({"study": "s"}, "field 'experiment' is missing or not an object"),
        ({"study": "s", "experiment": {}}, "experiment.mode is None"),
    ],
)
def test_a_study_without_its_fields_is_refused(tmp_path, study, message):
    folder = write(tmp_path / "results", [assignment()])
    (folder / "study.json").write_text(json.dumps(study))
    with pytest.raises(GlimpseError, match=message):
        read_results(folder)


@pytest.mark.parametrize(
    ("design", "message"), [("", "not a readable CSV file"), (",".join(NEEDED) + "\n", "no trials")]
)
def test_a_design_without_trials_is_refused(tmp_path, design, message):
    folder = write(tmp_path / "results", [assignment()])
    (folder / "trials.csv").write_text(design)
    with pytest.raises(GlimpseError, match=message):
        read_results(folder)
