"""Answers of another study are told by their measured exposures, left out and named."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glimpse.analysis.reading.belonging import belonging
from glimpse.analysis.reading.results import read_results
from glimpse.errors import GlimpseError
from glimpse.main import main
from tests.analysis.folders import build_study


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Results of two studies whose HITs and trials have the same names."""
    folder = tmp_path_factory.mktemp("belonging")
    made = []
    for seed, study in enumerate(("abcdefgh01234567", "otherstudy012345")):
        build_study(folder / study, seed=seed, study=study)
        run("simulate", folder / study, "--out", folder / f"results-{seed}", "--workers", 6, "--seed", seed)
        _unnamed(folder / f"results-{seed}" / "assignments.jsonl")
        made.append(folder / f"results-{seed}")
    return made[0], made[1]


def _unnamed(path: Path) -> None:
    """Take the study's name out of every line, as where lines were written before they had one."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        del line["study"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_answers_of_the_study_itself_all_belong(folders: tuple[Path, Path]) -> None:
    results = read_results(folders[0])
    assert belonging(results) is results


def test_answers_of_another_study_are_left_out_and_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(folders[0], tmp_path / "r")
    path = tmp_path / "r" / "assignments.jsonl"
    other = (folders[1] / "assignments.jsonl").read_text().splitlines(keepends=True)
    path.write_text(path.read_text() + "".join(other[:2]))
    read = read_results(tmp_path / "r")
    assert not read.problems  # their names alone tell nothing
    results = belonging(read)
    assert results.assignments["assignment"].tolist() == read.assignments["assignment"].tolist()[:6]
    assert set(results.judgments.table()["assignment"]) == set(results.assignments["assignment"])
    names = [json.loads(line)["assignment_id"] for line in other[:2]]
    assert [str(problem) for problem in results.problems] == [
        f"r: assignment {name!r}: its measured exposures are not those of its trials, as in answers of "
        f"another study; the assignment was left out"
        for name in names
    ]
    result = run("analyze", tmp_path / "r", "--out", tmp_path / "report", "--figures", "svg")
    assert result.exit_code == 0, result.output
    assert f"Warning: r: assignment {names[0]!r}" in result.output
    assert "6 of 18 places" in result.output


def test_nothing_but_answers_of_another_study(folders: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(folders[0], tmp_path / "r")
    shutil.copy(folders[1] / "assignments.jsonl", tmp_path / "r")
    with pytest.raises(GlimpseError, match="no answer can be used: in all 6 assignments the measured"):
        belonging(read_results(tmp_path / "r"))
    result = run("analyze", tmp_path / "r", "--out", tmp_path / "report")
    assert result.exit_code == 1
    assert "Put study.json and trials.csv of the study that was answered beside" in result.output


def test_measured_exposures_where_none_can_be_are_another_study_s(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", "unlimited-time", per_cell=8)
    run("simulate", study, "--out", tmp_path / "r", "--workers", 3)
    path = tmp_path / "r" / "assignments.jsonl"
    assert not belonging(read_results(tmp_path / "r")).problems
    path.write_text(path.read_text().replace('"shown_ms":null', '"shown_ms":500.1'))
    with pytest.raises(GlimpseError, match="answers of another study"):
        belonging(read_results(tmp_path / "r"))


def test_a_few_late_frames_and_missing_times_change_nothing(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    shutil.copytree(folders[0], tmp_path / "r")
    path = tmp_path / "r" / "assignments.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for answer in lines[0]["answers"][:20]:
        answer["shown_ms"] += 1000
    for answer in lines[1]["answers"]:
        answer["shown_ms"] = None
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert not belonging(read_results(tmp_path / "r")).problems


def test_an_edited_design_is_named_even_where_nothing_is_left(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    shutil.copytree(folders[0], tmp_path / "r")
    design = tmp_path / "r" / "trials.csv"
    text = design.read_text()
    design.write_text(
        text + text.splitlines()[-1].replace("b1-h03-47", "b1-h01-99").replace("h03", "h01") + "\n"
    )
    lines = (tmp_path / "r" / "assignments.jsonl").read_text().splitlines()
    mine = [line for line in lines if json.loads(line)["hit"] == "b1-h01"]
    (tmp_path / "r" / "assignments.jsonl").write_text("\n".join(mine) + "\n")
    result = run("analyze", tmp_path / "r", "--out", tmp_path / "report")
    assert result.exit_code == 1
    assert (
        "An assignment is incomplete where a trial of its HIT has no answer: collect again" in result.output
    )
    assert "Problems in the input:" in result.output
    assert "the design was edited after it was frozen" in result.output
    assert "--no-sentinel-filter" not in result.output
