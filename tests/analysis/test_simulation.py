"""`simulate`: results/ in the format of collect, the same from the same seed, never over real answers."""

import csv
import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import cli
from analysis.errors import AnalysisError
from analysis.observer import Observer
from analysis.results import read_results
from analysis.simulation import answer_study, pseudonym, read_plan
from tests.analysis.folders import build_study


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "assignments.jsonl").read_text().splitlines()]


def test_simulate_fills_the_study(tmp_path: Path) -> None:
    study, out = build_study(tmp_path / "study", practice=1), tmp_path / "results"
    result = run("simulate", study, "--out", out)
    assert result.exit_code == 0, result.output
    assert f"Wrote {out}/: 18 of 18 assignments, 864 answers, every one marked simulated." in result.output
    assert f"Next: python cli.py analyze {out}/" in result.output
    found = lines(out)
    assert list(found[0]) == [
        "assignment_id", "study", "hit", "hit_id", "worker", "status", "accepted_at", "submitted_at",
        "simulated", "page", "answers",
    ]  # fmt: skip
    assert list(found[0]["page"]) == [
        "user_agent",
        "viewport",
        "device_pixel_ratio",
        "refresh_hz",
        "focus_losses",
    ]
    assert found[0]["page"]["user_agent"] == f"glimpse-simulator/{cli.__version__}"
    assert all(line["simulated"] is True for line in found)
    assert len({line["worker"] for line in found}) == len({line["assignment_id"] for line in found}) == 18
    for name in ("study.json", "trials.csv"):
        assert (out / name).read_bytes() == (study / name).read_bytes()


def test_results_can_be_read_and_hold_every_trial(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", practice=2)
    assert run("simulate", study, "--out", tmp_path / "r").exit_code == 0
    results = read_results(tmp_path / "r")
    assert results.simulated
    assert not results.problems
    assert (results.assignments["n_answered"] == results.assignments["n_trials"]).all()


def test_worker_ids_stay_in_a_private_file(tmp_path: Path) -> None:
    study, out = build_study(tmp_path / "study"), tmp_path / "r"
    run("simulate", study, "--out", out)
    rows = list(csv.DictReader((out / "workers.csv").read_text().splitlines()))
    assert {row["worker"] for row in rows} == {line["worker"] for line in lines(out)}
    assert rows[0]["worker"] == pseudonym("00ff" * 8, rows[0]["worker_id"])
    assert stat.S_IMODE((out / "workers.csv").stat().st_mode) == 0o600
    assert "ASIMULATED" not in (out / "assignments.jsonl").read_text()


def test_same_seed_same_bytes_and_fewer_workers_are_the_first_of_them(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study")
    for name, more in (("a", ()), ("b", ()), ("c", ("--workers", 5)), ("d", ("--seed", 1))):
        assert run("simulate", study, "--out", tmp_path / name, *more).exit_code == 0
    texts = {name: (tmp_path / name / "assignments.jsonl").read_text() for name in "abcd"}
    assert texts["a"] == texts["b"]
    assert texts["a"].startswith(texts["c"])
    assert texts["a"] != texts["d"]


def test_unlimited_time_has_no_exposures(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", "unlimited-time", per_cell=4)
    run("simulate", study, "--out", tmp_path / "r")
    answers = [answer for line in lines(tmp_path / "r") for answer in line["answers"]]
    assert {(answer["shown_ms"], answer["frames"]) for answer in answers} == {(None, None)}


def test_exposures_are_whole_frames(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study")
    run("simulate", study, "--out", tmp_path / "r")
    for line in lines(tmp_path / "r"):
        frame_ms = 1000 / line["page"]["refresh_hz"]
        for answer in line["answers"]:
            assert answer["shown_ms"] == pytest.approx(answer["frames"] * frame_ms, abs=0.5)


def test_real_answers_are_never_replaced(tmp_path: Path) -> None:
    study, out = build_study(tmp_path / "study"), tmp_path / "r"
    run("simulate", study, "--out", out)
    again = run("simulate", study, "--out", out, "--seed", 3)
    assert "Replaced 18 simulated assignments of an earlier run." in again.output
    path = out / "assignments.jsonl"
    path.write_text(path.read_text().replace('"simulated":true', '"simulated":false', 1))
    before = path.read_bytes()
    result = run("simulate", study, "--out", out)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == (
        f"Error: {path}: 1 of its 18 assignments are not marked simulated, and simulated answers "
        "never replace what people answered. Name another folder with --out."
    )
    assert path.read_bytes() == before


def test_what_is_no_study_is_named(tmp_path: Path) -> None:
    result = run("simulate", tmp_path / "nothing")
    assert result.output == (
        f"Error: {tmp_path}/nothing: there is no such folder. Build a study first: python cli.py build-hits "
        "--mode limited-time\n"
    )
    (tmp_path / "empty").mkdir()
    assert "study.json is missing" in run("simulate", tmp_path / "empty").output
    study = build_study(tmp_path / "study")
    text = (study / "trials.csv").read_text()
    (study / "trials.csv").write_text(text.replace("exposure_ms", "exposure", 1))
    assert "column exposure_ms is missing" in run("simulate", study).output
    (study / "trials.csv").write_text(text.splitlines()[0] + "\n")
    assert "there are no trials" in run("simulate", study).output
    (study / "study.json").write_text("{")
    assert "not a study that build-hits has written" in run("simulate", study).output


def test_an_exposure_that_is_no_number_is_quoted(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study")
    text = (study / "trials.csv").read_text()
    (study / "trials.csv").write_text(text.replace(",8000,", ",soon,", 1))
    with pytest.raises(AnalysisError, match="exposure_ms is 'soon'; it must be a positive number, or empty"):
        read_plan(study, Observer())


def test_workers_must_fit_the_study(tmp_path: Path) -> None:
    plan = read_plan(build_study(tmp_path / "study"), Observer())
    with pytest.raises(
        AnalysisError, match=r"--workers is 19; this study has 18 places \(3 HITs of 6 workers\)"
    ):
        answer_study(plan, Observer(), 0, 19)
