"""`simulate`: results/ in the format of collect, the same from the same seed, never over real answers."""

import csv
import hashlib
import io
import json
import re
import stat
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from glimpse import __version__
from glimpse.analysis.reading.exclusion import exclude
from glimpse.analysis.reading.results import read_results
from glimpse.analysis.simulation.observer import Observer
from glimpse.analysis.simulation.simulated_study import read_simulated
from glimpse.analysis.simulation.simulation import Crowd, answer_study
from glimpse.errors import GlimpseError
from glimpse.files import file_digest
from glimpse.main import main
from glimpse.people import pseudonym
from glimpse.trials import OTHER_SIDE, iterate_trials, trials_csv
from tests.analysis.folders import build_study


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


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
    assert found[0]["page"]["user_agent"] == f"glimpse-simulator/{__version__}"
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
        "never replace answers of people. Name another folder with --out."
    )
    assert path.read_bytes() == before


def test_results_go_into_no_folder_that_holds_something_else(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study")
    (tmp_path / "images" / "crn").mkdir(parents=True)
    (tmp_path / "images" / "real").mkdir()
    result = run("simulate", study, "--out", tmp_path / "images")
    assert (result.exit_code, result.output.splitlines()[-1]) == (
        1,
        (
            f"Error: {tmp_path}/images holds files that simulate and collect did not write (crn, real); "
            "move them, or name another folder with --out."
        ),
    )
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["crn", "real"]
    (tmp_path / "notes").write_text("mine")
    result = run("simulate", study, "--out", tmp_path / "notes")
    assert (result.exit_code, result.output.splitlines()[-1]) == (
        1,
        f"Error: {tmp_path}/notes is a file; name a folder for the results with --out.",
    )


def test_an_image_looks_alike_in_every_pair_and_in_every_contrast(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", hits=4, per_cell=3, workers=2, sentinels=0)
    with (study / "trials.csv").open() as file:
        trials = {row["trial"]: row for row in csv.DictReader(file)}
    few = {name: f"{int(row['item_left']) % 3},{int(row['item_right']) % 3}" for name, row in trials.items()}
    plan = read_simulated(with_items(study, few), Observer())
    assert plan.images == 3 * 3
    crowd = Crowd(plan, Observer(pair_sd=0.0, image_sd=1.0), seed=0)
    assert np.std(crowd.images) > 0.5
    shown: dict[tuple[str, str], set[float]] = {}
    for hit in plan.hits:
        for name, a, b in zip(hit.trials, hit.image_a, hit.image_b, strict=True):
            row = trials[name]
            left, right = few[name].split(",")
            sides = [(row["condition_left"], left), (row["condition_right"], right)]
            first = row["contrast"].split(":")[0]
            for key in sides:
                shown.setdefault(key, set()).add(crowd.images[a if key[0] == first else b])
    assert len(shown) == 9
    assert all(len(effects) == 1 for effects in shown.values())


def test_image_effects_leave_the_people_as_they_were(tmp_path: Path) -> None:
    plan = read_simulated(build_study(tmp_path / "study"), Observer())
    old, new = (Crowd(plan, Observer(image_sd=sd), seed=3) for sd in (0.0, 0.3))
    assert not old.images.any()
    assert (old.people.ability == new.people.ability).all()
    assert (old.pairs == new.pairs).all()


def test_image_effects_are_recorded(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study")
    texts = []
    for sd in (0.3, 0.0):
        assert run("simulate", study, "--out", tmp_path / "r", "--image-sd", sd).exit_code == 0
        assert json.loads((tmp_path / "r" / "simulation.json").read_text())["observer"]["image_sd"] == sd
        texts.append((tmp_path / "r" / "assignments.jsonl").read_text())
    assert texts[0] != texts[1]


def with_items(study: Path, items: dict[str, str]) -> Path:
    """Let the trials of a study show other items: trial -> "left,right"."""
    rows = list(csv.DictReader((study / "trials.csv").read_text().splitlines()))
    for row in rows:
        row["item_left"], row["item_right"] = items[row["trial"]].split(",")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (study / "trials.csv").write_text(text.getvalue())
    return renamed(study, {})


def test_a_condition_that_the_study_lacks_is_an_error(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study")
    result = run("simulate", study, "--out", tmp_path / "r", "--quality", "crnn=-3", "--quality", "crn=-1")
    assert (result.exit_code, result.output) == (
        1,
        (
            f"Error: --quality names crnn, which {study} does not have; its conditions are crn, image-space, "
            "pix2pix, real. Name one of these, or leave it out.\n"
        ),
    )
    assert not (tmp_path / "r").exists()
    assert run("simulate", study, "--out", tmp_path / "r", "--quality", "crn=-1").exit_code == 0
    used = json.loads((tmp_path / "r" / "simulation.json").read_text())["observer"]["quality"]
    assert used == {"crn": -1.0, "pix2pix": -2.3, "image-space": -4.0, "real": 0.0}


def renamed(study: Path, names: dict[str, str]) -> Path:
    """Give conditions of a study other names."""
    trials, settings = (study / "trials.csv").read_text(), (study / "study.json").read_text()
    for old, new in names.items():
        trials = trials.replace(old, new)
        settings = re.sub(f'"{old}"(?!:)', f'"{new}"', settings)  # values, not keys
    document = json.loads(settings) | {"plan_sha256": hashlib.sha256(trials.encode()).hexdigest()}
    (study / "trials.csv").write_text(trials)
    (study / "study.json").write_text(json.dumps(document))
    return study


def test_the_study_says_which_condition_is_real_and_which_the_sentinels(tmp_path: Path) -> None:
    names = {"real": "holiday", "image-space": "weird", "pix2pix": "theirs"}
    study = renamed(build_study(tmp_path / "study", practice=1), names)
    quality = read_simulated(study, Observer()).quality
    assert (quality["holiday"], quality["weird"], quality["crn"]) == (0.0, -4.0, -0.85)
    assert quality["theirs"] == Observer().quality_of("theirs")
    own = read_simulated(study, Observer(quality={"weird": -1.0, "holiday": 0.5})).quality
    assert (own["weird"], own["holiday"]) == (-1.0, 0.5)
    kept = read_simulated(build_study(tmp_path / "usual"), Observer()).quality
    assert kept == {"crn": -0.85, "pix2pix": -2.3, "image-space": -4.0, "real": 0.0}


def test_hardly_anybody_fails_sentinels_of_an_unknown_name(tmp_path: Path) -> None:
    study = renamed(build_study(tmp_path / "study", hits=10, workers=20), {"image-space": "weird"})
    assert run("simulate", study, "--out", tmp_path / "r").exit_code == 0
    assert exclude(read_results(tmp_path / "r")).assignments["excluded"].sum() < 15


def test_a_baseline_that_is_its_own_sentinel_is_still_compared(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", "unlimited-time", contrasts=[["crn", "theirs"]])
    quality = read_simulated(renamed(study, {"image-space": "theirs"}), Observer()).quality
    assert quality["theirs"] == -2.3


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (
            ["--workers", 0], 1,
            "--workers is 0; this study has 18 places (3 HITs of 6 workers), so it must be from 1 to 18.",
        ),
        (["--random-share", 2], 1, "--random-share is 2.0; it must be a number from 0 to 1."),
        (["--lapse", "nan"], 1, "--lapse is nan; it must be a number from 0 to 0.5."),
        (["--image-sd", -0.1], 1, "--image-sd is -0.1; it must be a number from 0 to 5."),
        (["--pair-sd", "1e300"], 1, "--pair-sd is 1e+300; it must be a number from 0 to 5."),
        (["--ability-sd", -1], 1, "--ability-sd is -1.0; it must be a number from 0 to 1."),
        (["--side-bias-sd", "inf"], 1, "--side-bias-sd is inf; it must be a number from 0 to 5."),
        (
            ["--quality", "crn=1e308"], 1,
            ("--quality crn=1e+308: it must be a number from -10 to 10; real is 0; with -1 the photograph is "
            "chosen 84 % of the time."),
        ),
        (
            ["--quality", "crn=-1", "--quality", "crn=-2"], 1,
            "--quality names crn twice, with -1 and -2; name a condition once.",
        ),
        (["--seed", -1], 2, "Invalid value for '--seed': -1 is not in the range x>=0."),
        (
            ["--concurrency", 3], 2,
            "--concurrency works only with --through-server; leave it out, or add --through-server.",
        ),
        (
            ["--through-server", "http://127.0.0.1:9"], 2,
            "--out cannot be combined with --through-server: `collect` writes the results. Leave one out.",
        ),
    ],
)  # fmt: skip
def test_senseless_options_are_one_line(
    options: list[object], status: int, message: str, tmp_path: Path
) -> None:
    study = build_study(tmp_path / "study")
    result = run("simulate", study, "--out", tmp_path / "r", *options)
    assert (result.exit_code, result.output.splitlines()[-1]) == (status, f"Error: {message}")
    assert not (tmp_path / "r").exists()


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
    assert "column(s) exposure_ms are missing" in run("simulate", study).output
    (study / "trials.csv").write_text(text.splitlines()[0] + "\n")
    assert "no trials" in run("simulate", study).output
    (study / "study.json").write_text("{")
    assert "study.json, line 1: not JSON" in run("simulate", study).output


def test_an_exposure_that_is_no_number_is_quoted(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study")
    text = (study / "trials.csv").read_text()
    (study / "trials.csv").write_text(text.replace(",8000,", ",soon,", 1))
    with pytest.raises(GlimpseError, match="exposure_ms is 'soon'; it must be a number, or empty"):
        read_simulated(study, Observer())


def test_workers_must_fit_the_study(tmp_path: Path) -> None:
    plan = read_simulated(build_study(tmp_path / "study"), Observer())
    with pytest.raises(
        GlimpseError, match=r"--workers is 19; this study has 18 places \(3 HITs of 6 workers\)"
    ):
        answer_study(plan, Observer(), 0, 19)


@pytest.mark.parametrize("source", ["file", "mismatch"])
def test_people_see_the_right_answer_of_a_sentinel_that_no_condition_tells(
    tmp_path: Path, source: str
) -> None:
    """The trial states which side is right; here it is the one whose condition is worse."""
    study = build_study(tmp_path / "study", practice=1)
    trials = list(iterate_trials(study / "trials.csv"))
    turned = [one._replace(correct_side=OTHER_SIDE.get(one.correct_side or "")) for one in trials]
    (study / "trials.csv").write_text(trials_csv(turned))
    document = json.loads((study / "study.json").read_text())
    document["experiment"]["sentinels"] = source
    document["plan_sha256"] = file_digest(study / "trials.csv")
    (study / "study.json").write_text(json.dumps(document))
    assert run("simulate", study, "--out", tmp_path / "r").exit_code == 0
    right = {one.trial: one.correct_side for one in turned if one.sentinel}
    answers = [answer for line in lines(tmp_path / "r") for answer in line["answers"]]
    known = [answer["side"] == right[answer["trial"]] for answer in answers if answer["trial"] in right]
    assert len(known) > 40
    assert np.mean(known) > 0.95
