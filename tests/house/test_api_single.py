"""Studies of one image at a time from Python: what the commands write, refused in Python's words."""

import re

import pandas as pd
import pytest
from click.testing import CliRunner

import glimpse
from glimpse.analysis.report.tables import csv_text
from glimpse.main import main
from tests.house.api_folder import SINGLE, STAIRCASE


def run(*words):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def single(made):
    return glimpse.exclude(glimpse.read_results(made / "single-results"))


@pytest.fixture(scope="module")
def climbed(made):
    return glimpse.exclude(glimpse.read_results(made / "staircase-results"))


def test_tables_equal_those_of_the_report(made, single, tmp_path):
    run("analyze", made / "single-results", "--out", tmp_path, "--figures", "svg")
    assert (tmp_path / "judgments.csv").read_text() == csv_text(glimpse.detections(single))
    table = glimpse.detection_table(single)
    both = [table.assign(filtered=on) for on in (True, False)]
    assert (tmp_path / "detection.csv").read_text() == csv_text(pd.concat(both, ignore_index=True))
    exposures = csv_text(glimpse.detection_table(single, by_exposure=True))
    assert (tmp_path / "detection_exposures.csv").read_text() == exposures
    assert table.attrs == {"real": "real", "simulated": True}


def test_thresholds_equal_those_of_the_report(made, climbed, tmp_path):
    run("analyze", made / "staircase-results", "--out", tmp_path, "--figures", "svg")
    for file, by in (("systems", "system"), ("workers", "worker"), ("blocks", "block")):
        own = csv_text(glimpse.staircase_table(climbed, by=by))
        assert (tmp_path / f"staircase_{file}.csv").read_text() == own
    assert len(glimpse.detection_table(climbed)) == 2


def test_rows_give_what_the_judgments_give(single):
    rows = glimpse.detections(single)
    whole = glimpse.detection_table(single)
    pd.testing.assert_frame_equal(glimpse.detection_table(rows), whole)
    few = glimpse.detection_table(rows[rows["condition"] != "crn"])
    assert list(few["condition"]) == ["pix2pix"]
    assert few["hits"].tolist() == whole["hits"].tolist()[1:]


def test_a_plan_equals_that_of_the_command(made, tmp_path, monkeypatch):
    monkeypatch.chdir(made)
    shared = ["--condition", "crn", "--condition", "pix2pix", "--contact", "me@lab.org", "--images", "images"]
    run("build-hits", "--task", "single", *shared, "--trials-per-hit", 30, "--sentinels-per-hit", 0,
        "--hits-per-batch", 3, "--workers-per-hit", 8, "--out", tmp_path / "single")  # fmt: skip
    run("build-hits", "--preset", "hype-time", *shared, "--trials-per-hit", 40, "--blocks", 2,
        "--hits-per-batch", 3, "--workers-per-hit", 2, "--staircase-longer-ms", 90,
        "--staircase-shorter-ms", 30, "--staircase-rights", 1, "--out", tmp_path / "staircase")  # fmt: skip
    for name in ("single", "staircase"):
        for file in ("study.json", "trials.csv"):
            ours, theirs = (folder / file for folder in (made / f"{name}-study", tmp_path / name))
            assert ours.read_bytes() == theirs.read_bytes(), file


def test_a_power_table_equals_that_of_the_command(tmp_path):
    run("power", "--task", "single", "--workers-per-hit", 12, "--images", 20, "--trials-per-hit", 40,
        "--d-prime", 0.5, "--reward", "1.00", "--out", tmp_path)  # fmt: skip
    table = glimpse.detection_power_table(12, 20, trials_per_hit=40, d_prime=[0.5])
    written = pd.read_csv(tmp_path / "single_power.csv")
    pd.testing.assert_frame_equal(written, table, check_dtype=False, rtol=1e-4)


def test_names_alone_are_enough_to_plan():
    experiment = glimpse.plan_single(
        ["real", "mine"], preset="hype-infinity", answer="confidence-6", real_share=0.4, question="Real?"
    )
    assert [experiment.mode, experiment.real_share] == ["unlimited-time", 0.4]
    assert [experiment.questions[0].text, experiment.questions[0].answer] == ["Real?", "confidence-6"]
    rule = glimpse.plan_single(["real", "mine"], preset="hype-time", staircase=STAIRCASE["staircase"])
    assert rule.staircase.target == 0.75


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: glimpse.plan_single(["real", "mine"], trial_per_hit=3), "did you mean trials_per_hit?"),
        (lambda: glimpse.plan_single(["real", "mine"], staircase={"right": 2}), "did you mean rights?"),
        (lambda: glimpse.plan_single(["real", "mine"], staircase=3), "staircase is 3 (int); give a dict"),
        (lambda: glimpse.plan_single(["mine"]), "there is no condition 'real'"),
        (lambda: glimpse.plan_single(["real", "mine"], preset="paper"), "allowed are 'glimpse', 'hype-inf"),
        (lambda: glimpse.plan_study(["real"], preset="hype-time"), "plan_single(images, preset='hype"),
        (
            lambda: glimpse.power_table(glimpse.plan_single(["real", "mine"], sentinels_per_hit=0,
                                                            practice_trials=0, max_wrong_sentinels=0)),
            "glimpse.detection_power_table(workers, images)",
        ),
        (lambda: glimpse.detection_power_table(1), "workers"),
        (lambda: glimpse.detection_table(3), "judgments is 3 (int); give what glimpse.exclude"),
        (lambda: glimpse.detection_table(pd.DataFrame({"worker": ["a"]})), "lacks the column 'condition'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_message(call, message):
    with pytest.raises(glimpse.GlimpseError, match=re.escape(message)):
        call()


def test_each_task_has_tables_of_its_own(judgments, single, climbed):
    with pytest.raises(glimpse.GlimpseError, match=r"are of pairs.*glimpse\.preference_table"):
        glimpse.detection_table(judgments)
    with pytest.raises(glimpse.GlimpseError, match=r"are of single images.*glimpse\.detection_table"):
        glimpse.preference_table(single)
    with pytest.raises(glimpse.GlimpseError, match=r"planned, not chosen by a staircase"):
        glimpse.staircase_table(single)
    with pytest.raises(glimpse.GlimpseError, match=r"a staircase chose the exposures"):
        glimpse.detection_table(climbed, by_exposure=True)
    with pytest.raises(glimpse.ArgumentError, match=r"call glimpse\.exclude"):
        glimpse.detections(single.results)
    with pytest.raises(glimpse.ArgumentError, match=r"real is 'nope'"):
        glimpse.detection_table(single, real="nope")
    with pytest.raises(glimpse.GlimpseError, match=r"d_prime is for studies of one image at a time"):
        glimpse.simulate(judgments.results.folders[0].parent / "study", "x", d_prime={"crn": 1.0})


def test_the_folder_is_what_these_tests_think(single, climbed):
    assert (
        repr(single.results) == "<Results: 720 answers of 24 workers, limited-time, 3 conditions, simulated>"
    )
    assert SINGLE["trials_per_hit"] * 24 == 720
    assert repr(climbed) == "<Exclusion: 0 of 12 assignments and 0 of 480 judgments excluded>"
