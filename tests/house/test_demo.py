"""The demo: the whole way in one command, started over by a second run, never over somebody's own folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from glimpse.demo import Step
from glimpse.main import main

ROOT = Path(__file__).parents[2]


# What the demo would take minutes for: 200 assignments of 110 trials.
SMALLER = """
import sys
from glimpse import demo, main
run = demo.Step.run
few = ("--hits-per-batch", "2", "--workers-per-hit", "4")
demo.Step.run = lambda step, *words: run(step, *words, *(few if words[0] == "build-hits" else ()))
main.main(["demo", "--out", sys.argv[1]])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "assignments"),
    [
        (("-c", SMALLER), 8),
        pytest.param(("-m", "glimpse", "demo", "--out"), 200, marks=pytest.mark.exhaustive),
    ],
    ids=("small", "whole"),
)
def test_the_demo_goes_from_label_maps_to_a_report(tmp_path, start, assignments):
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / ".glimpse-demo").touch()
    (folder / "left-over").write_text("of an earlier run")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, *start, str(folder)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert not (folder / "left-over").exists()
    assert not (folder / "server" / "endpoint").exists(), "the server still runs"
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    assert "SIMULATED" in page
    summary = json.loads((folder / "report" / "summary.json").read_text(encoding="utf-8"))
    lines = (folder / "results" / "assignments.jsonl").read_text(encoding="utf-8").splitlines()
    assert len({json.loads(line)["assignment_id"] for line in lines}) == assignments
    assert all(json.loads(line)["simulated"] for line in lines)
    assert summary
    assert str(folder / "report" / "report.html") in result.stdout


def test_the_demo_leaves_other_folders_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    result = CliRunner().invoke(main, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "holds files that the demo did not write" in result.output
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_step_that_fails_stops_the_demo(capfd):
    with pytest.raises(click.ClickException, match="the demo stopped at `preview`"):
        Step().run("preview", "no-such-study")
    assert "Error: " in capfd.readouterr().err
