"""`analyze` at the terminal: folders named twice, contradicting options, problems beyond a few."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glimpse.main import main
from tests.analysis.folders import build_study


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("analyze")
    study = build_study(folder / "study", hits=6, workers=12)
    assert run("simulate", study, "--out", folder / "results").exit_code == 0
    return folder / "results"


@pytest.mark.parametrize("more", [[], ["--compare"]])
def test_a_folder_named_twice_is_an_error(results: Path, tmp_path: Path, more: list[str]) -> None:
    again = Path(os.path.relpath(results))
    result = run("analyze", results, again, "--out", tmp_path / "report", *more)
    assert (result.exit_code, result.output) == (
        1,
        f"Error: {again} is named twice; name each results folder once.\n",
    )
    assert not (tmp_path / "report").exists()


def test_no_filter_and_a_filter_contradict_each_other(results: Path, tmp_path: Path) -> None:
    words = ["analyze", results, "--no-sentinel-filter", "--max-wrong", 3, "--out", tmp_path / "report"]
    result = run(*words)
    assert (result.exit_code, result.output.splitlines()[-1]) == (
        2,
        "Error: --no-sentinel-filter and --max-wrong 3 contradict each other; leave one of them out.",
    )
    assert not (tmp_path / "report").exists()


def test_images_that_are_named_are_there(results: Path, tmp_path: Path) -> None:
    done = run("analyze", results, "--images", tmp_path / "nowhere", "--out", tmp_path / "report")
    assert done.exit_code == 2
    assert "nowhere is no folder; name the folder of the images, or leave --images out." in done.output
    assert not (tmp_path / "report").exists()


def damaged(results: Path, folder: Path, count: int) -> Path:
    """Copy results with the first `count` assignments of a HIT that does not exist."""
    folder.mkdir()
    for name in ("study.json", "trials.csv"):
        (folder / name).write_bytes((results / name).read_bytes())
    lines = (results / "assignments.jsonl").read_text().splitlines()
    changed = [json.dumps(json.loads(line) | {"hit": "none"}) for line in lines[:count]]
    (folder / "assignments.jsonl").write_text("\n".join([*changed, *lines[count:]]) + "\n")
    return folder


@pytest.mark.parametrize(
    ("count", "more"),
    [
        (5, []),
        (7, ["Warning: and 2 more, listed in the report."]),
        (60, ["Warning: and 55 more; the report lists the first 50."]),
    ],
)
def test_five_problems_are_printed_and_the_rest_counted(
    results: Path, tmp_path: Path, count: int, more: list[str]
) -> None:
    folder = damaged(results, tmp_path / "results", count)
    result = run("analyze", folder, "--out", tmp_path / "report", "--figures", "svg")
    assert result.exit_code == 0, result.output
    warnings = result.stderr.splitlines()
    assert all(line.startswith(f"Warning: {folder}/assignments.jsonl") for line in warnings[:5])
    assert warnings[5:] == more
    assert json.loads((tmp_path / "report" / "summary.json").read_text())["problem_count"] == count
