"""A study that states when it may stop: built, answered, looked at while it runs, and analysed alike."""

import json
import re

import pytest
from click.testing import CliRunner

from glimpse.analysis.reading.exclusion import exclude
from glimpse.analysis.reading.results import read_results
from glimpse.analysis.statistics.sequential import stopping_table
from glimpse.main import main
from glimpse.mturk.collecting.status import stopping, survey
from glimpse.mturk.publishing.ledger import Ledger, ledger_path
from glimpse.study import read_study


def run(*words):
    result = CliRunner().invoke(main, [str(word) for word in words])
    return result.exit_code, result.stdout.splitlines(), result.stderr


@pytest.fixture
def build(images, tmp_path, monkeypatch):
    """Run build-hits with a rule: two HITs of nine trials, for twelve workers each."""
    monkeypatch.chdir(tmp_path)

    def begin(rule):
        return run(
            *("build-hits", "--images", images, "--contrast", "crn:real", "--hits-per-batch", 2),
            *("--trials-per-cell", 1, "--sentinels-per-hit", 2, "--workers-per-hit", 12),
            *("--stop-when", rule),
        )  # fmt: skip

    return begin


def test_a_study_says_when_it_may_stop(build, tmp_path):
    code, out, _ = build("excludes-chance exposure=500 exposure=8000")
    words = "when the 95 % interval leaves out 50 % in every contrast at 1/2 s and 8 s"
    assert code == 0
    assert f"  may stop    {words}" in out
    study = read_study(tmp_path / "study")
    assert study.experiment.stop_when.exposures_ms == (500, 8000)
    assert (
        "leaves out 50 % in every contrast at 1/2 s and 8 s" in (tmp_path / "study/design.html").read_text()
    )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("chance", "'chance' is no part of a rule"),
        ("width=2", "width is 2.0; it must be a number between 0 and 1"),
        ("excludes-chance contrast=crn:pix2pix", "names the contrast crn:pix2pix; the study has crn:real"),
        ("excludes-chance exposure=300", "names the exposure 300 ms; the study's exposures are 125, 250"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_before_anything_is_written(build, tmp_path, rule, message):
    code, _, errors = build(rule)
    assert code == 1
    assert message in errors
    assert not (tmp_path / "study").exists()


def side_of(trial, condition):
    return "left" if trial.condition_left == condition else "right"


def submit(server, study, hit_id, name, *, real, wrong=0):
    """Let a worker choose the real image in every genuine trial, or the other one."""
    hit = next(row["annotation"] for row in server.hits() if row["hit_id"] == hit_id)
    hit = hit.split(":")[3].split(".")[0]
    records = []
    for trial in study.trials_of(hit):
        side = trial.correct_side or side_of(trial, "real" if real else "crn")
        if trial.sentinel and wrong:
            side, wrong = {"left": "right", "right": "left"}[side], wrong - 1
        records.append({"trial": trial.trial, "side": side, "response_ms": 700,
                        "shown_ms": trial.exposure_ms, "frames": 15, "onset_ms": 1.0})  # fmt: skip
    server.submit(study, hit_id, name, answers=records)


def test_status_says_whether_the_rule_holds_and_the_analysis_says_the_same(build, server, tmp_path):
    build("excludes-chance")
    study = read_study(tmp_path / "study")
    at = ("--data", server.data)
    assert run("publish", *at)[0] == 0
    one, two = (row["hit_id"] for row in server.hits())

    def lines():
        return [line for line in run("status", *at)[1] if re.search("stop|%|rule", line)]

    rule = "May stop when the 95 % interval leaves out 50 % in every contrast at the longest exposure."
    waits = "the next round needs a worker in b1-h01 and b1-h02"
    ends = "The intervals hold however often you look, for what this study shows."
    assert lines() == [
        rule,
        f"  crn:real at 8 s  crn in 0.0 to 100.0 % after 0 whole rounds of 2 HITs: not yet; {waits}",
        f"The rule does not hold yet. {ends}",
    ]
    for number in range(9):
        submit(server, study, one, f"ann{number}", real=True)
    assert "needs a worker in b1-h02" in lines()[1]
    submit(server, study, two, "careless", real=False, wrong=1)  # excluded: moves nothing
    assert "after 0 whole rounds" in lines()[1]
    for number in range(9):
        submit(server, study, two, f"bob{number}", real=True)
    shown = lines()
    found = re.fullmatch(
        r"  crn:real at 8 s  crn in 0\.0 to (\d+\.\d) % after 9 whole rounds of 2 HITs: "
        r"holds since round (\d) \(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\)",
        shown[1],
    )
    assert found
    assert float(found[1]) < 50
    assert shown[2] == f"The rule holds: you may stop here. {ends}"

    assert run("collect", *at)[0] == 0
    table = stopping_table(exclude(read_results("results")))
    ledger = Ledger(ledger_path(study.folder, "local"))
    (cell,) = stopping(study, survey(study, server.requester(), ledger))
    (row,) = table.to_dict("records")
    for name in ("contrast", "low", "high", "rounds", "hits", "workers", "met_after", "met_at"):
        assert row[name] == getattr(cell, name)
    assert json.loads((tmp_path / "results/study.json").read_text())["experiment"]["stop_when"]


def test_a_full_study_whose_rule_was_not_met_waits_for_nobody(build, server, tmp_path):
    build("excludes-chance")
    study = read_study(tmp_path / "study")
    at = ("--data", server.data)
    assert run("publish", *at)[0] == 0
    for place, row in enumerate(server.hits()):
        for number in range(12):
            submit(server, study, row["hit_id"], f"ann{place}-{number}", real=number % 2)
    lines = run("status", *at)[1]
    (cell,) = (line for line in lines if "crn:real at 8 s" in line)
    assert cell.endswith("after 12 whole rounds of 2 HITs: not met")
    assert any(
        line.startswith("All places are filled, and the rule was not met. The intervals") for line in lines
    )


def test_a_study_without_a_rule_says_nothing_of_stopping(study, server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    at = ("--data", server.data)
    assert run("publish", *at)[0] == 0
    assert not [line for line in run("status", *at)[1] if "stop" in line]
