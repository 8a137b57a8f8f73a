"""Ties, scales, several questions, prompts and forms: what is drawn has the truth that was set."""

import csv
import hashlib
import io
import json
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from glimpse.analysis.reading.exclusion import exclude
from glimpse.analysis.reading.results import read_results
from glimpse.analysis.simulation.answering import alike, draw_answers, fill_forms, thresholds
from glimpse.analysis.simulation.observer import (
    Observer,
    chance_of_left,
    draw_items,
    draw_workers,
    strength,
)
from glimpse.analysis.simulation.simulated_study import read_simulated
from glimpse.analysis.simulation.simulation import Crowd
from glimpse.forms import FormField, form_problem
from glimpse.main import main
from glimpse.questions import KINDS, PAIR_KINDS, value_of
from tests.analysis.folders import build_study

PHI = NormalDist().cdf
QUESTIONS = [
    {"name": "quality", "text": "Which looks better?", "answer": "choice-or-tie"},
    {"name": "fit", "text": "Which fits better?", "answer": "scale-7"},
    {"name": "again", "text": "Which would you look at again?", "answer": "choice"},
]
# Of the answers to a study of one choice, by the version that knew no other questions.
SIDES = "7a74a84f709d76976bdc9350dc8161ccfeaee51b72ea05c95d758e9c4739f8e5"
FORMS = [
    {"name": "age", "text": "How old are you?", "kind": "choice", "options": ["under 30", "30 or older"]},
    {"name": "hours", "text": "How many hours?", "kind": "number", "required": False},
    {"name": "note", "text": "What did you look at?", "kind": "text"},
]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def asking(study: Path, questions: list[dict[str, str]] = QUESTIONS, **more: Any) -> Path:
    """Let a study ask something else."""
    document = json.loads((study / "study.json").read_text())
    document["experiment"] |= {"questions": questions, **more.pop("experiment", {})}
    (study / "study.json").write_text(json.dumps({**document, **more}))
    return study


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "assignments.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("kind", [KINDS[name] for name in PAIR_KINDS], ids=PAIR_KINDS)
@pytest.mark.parametrize("drive", [-1.2, 0.0, 0.5])
def test_answers_come_as_often_as_the_thresholds_say(kind: Any, drive: float) -> None:
    observer = Observer(tie_threshold=0.4, scale_step=0.7)
    rng = np.random.default_rng(0)
    person = draw_workers(Observer(random_share=0.0, lapse_mean=0.0), 1, rng)
    given = draw_answers(kind, observer, np.full(40_000, drive), person, rng)
    bounds = [-np.inf, *thresholds(kind, observer), np.inf]
    for place, answer in enumerate(kind.answers):
        expected = PHI(bounds[place + 1] + drive) - PHI(bounds[place] + drive)
        assert given.count(answer) / 40_000 == pytest.approx(expected, abs=0.01)
    assert np.mean([value_of(answer) for answer in given]) * -drive >= -0.01


def test_who_clicks_at_random_takes_every_answer_equally_often() -> None:
    rng = np.random.default_rng(1)
    person = draw_workers(Observer(random_share=1.0), 1, rng)
    given = draw_answers(KINDS["scale-5"], Observer(), np.full(20_000, 3.0), person, rng)
    assert [given.count(answer) / 20_000 for answer in (-2, -1, 0, 1, 2)] == pytest.approx(
        [0.2] * 5, abs=0.015
    )


def test_prompts_that_are_easy_or_hard_leave_the_average_where_it_was() -> None:
    observer = Observer(lapse_mean=0, random_share=0, pair_sd=0, image_sd=0, item_sd=0.35)
    rng = np.random.default_rng(2)
    psi = np.full(4000, 0.8)
    ease = draw_items(observer, psi.size, rng)
    people = draw_workers(observer, 300, rng)
    mu = strength(observer, psi, observer.item_sd)
    left = np.ones(psi.size, dtype=bool)
    seen = chance_of_left(mu, np.zeros(psi.size), left, people, ease)
    assert seen.mean() == pytest.approx(0.8, abs=0.01)
    by_prompt = seen.mean(axis=0)
    assert np.corrcoef(by_prompt, ease)[0, 1] > 0.9
    assert by_prompt.std() > 0.05


def test_effects_under_two_questions_are_as_alike_as_they_should_be() -> None:
    rng = np.random.default_rng(3)
    first, own = rng.normal(size=(2, 50_000))
    for wanted in (0.0, 0.5, 1.0):
        other = alike(first, own, wanted)
        assert np.corrcoef(first, other)[0, 1] == pytest.approx(wanted, abs=0.02)
        assert other.std() == pytest.approx(1, abs=0.02)


def test_several_questions_are_answered_collected_and_read(tmp_path: Path) -> None:
    study, out = asking(build_study(tmp_path / "study", practice=1), forms=FORMS), tmp_path / "r"
    result = run("simulate", study, "--out", out, "--quality", "fit:crn=-3")
    assert result.exit_code == 0, result.output
    found = lines(out)
    names = [question["name"] for question in QUESTIONS]
    for line in found:
        assert line["simulated"] is True
        assert line["consented_at"].endswith("Z")
        assert line["accepted_at"] < line["consented_at"] < line["submitted_at"]
        assert "comment" not in line
        assert form_problem(list(map(FormField.from_json, FORMS)), line["form"]) is None
        for answer in line["answers"]:
            assert "side" not in answer
            assert list(answer["choices"]) == list(answer["response_ms"]) == names
    given = [answer["choices"] for line in found for answer in line["answers"]]
    assert {one["quality"] for one in given} == {"left", "tie", "right"}
    assert {one["fit"] for one in given} == set(range(-3, 4))
    assert {one["again"] for one in given} == {"left", "right"}
    results = read_results(out)
    assert results.problems == ()
    assert (results.assignments["n_answered"] == results.assignments["n_trials"]).all()
    used = json.loads((out / "simulation.json").read_text())["observer"]["quality"]
    assert used["fit:crn"] == -3
    assert used["quality:crn"] != used["again:crn"]
    assert used["quality:real"] == used["fit:real"] == 0


def test_hardly_anybody_fails_sentinels_of_the_question_that_judges(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", hits=4, workers=20)
    asking(study, experiment={"sentinel_question": "fit"})
    run("simulate", study, "--out", tmp_path / "r", "--random-share", 0)
    excluded = exclude(read_results(tmp_path / "r")).assignments["excluded"]
    assert excluded.mean() < 0.1


def test_a_question_has_its_own_strengths(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", "unlimited-time", workers=30, per_cell=6)
    asking(study, [{**one, "answer": "choice"} for one in QUESTIONS[:2]])
    words = ("--quality", "quality:crn=-3", "--quality", "fit:crn=3", "--quality", "pix2pix=0")
    assert run("simulate", study, "--out", tmp_path / "r", *words).exit_code == 0
    results = read_results(tmp_path / "r")
    for name, often in (("quality", False), ("fit", True)):
        table = results.asked(name).judgments.table()
        rate = table[table["contrast"] == "crn:pix2pix"]["chose_a"].astype(float).mean()
        assert (rate > 0.9) if often else (rate < 0.1)


def test_a_question_that_the_study_lacks_is_an_error(tmp_path: Path) -> None:
    study = asking(build_study(tmp_path / "study"))
    result = run("simulate", study, "--out", tmp_path / "r", "--quality", "fits:crn=-3")
    assert result.exit_code == 1
    assert "each also as QUESTION:CONDITION, such as quality:crn" in result.output
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("option", "value", "high"),
    [
        ("--item-sd", 2, 1),
        ("--tie-threshold", -1, 5),
        ("--scale-step", 6, 5),
        ("--question-correlation", 2, 1),
    ],
)
def test_numbers_out_of_range_are_one_line(tmp_path: Path, option: str, value: int, high: int) -> None:
    result = run("simulate", build_study(tmp_path / "study"), "--out", tmp_path / "r", option, value)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {option} is {value}")
    assert f"a number from 0 to {high}." in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tie-threshold", 3], "--tie-threshold is for questions with ties, and this study has none."),
        (["--scale-step", 1], "--scale-step is for questions on a scale, and this study has none."),
        (["--question-correlation", 0.1], "--question-correlation is for studies of several questions"),
        (["--strength", "crn=1", "--quality", "pix2pix=1"], "say the same on two scales"),
        (["--half-ms", 100], "--half-ms is for studies of one image at a time; this one shows pairs."),
    ],
)
def test_options_that_play_no_part_are_refused(tmp_path: Path, words: list[object], said: str) -> None:
    result = run("simulate", build_study(tmp_path / "study"), "--out", tmp_path / "r", *words)
    assert result.exit_code != 0
    assert said in result.output
    assert not (tmp_path / "r").exists()


def test_one_choice_is_answered_as_before(tmp_path: Path) -> None:
    """Forms change nothing about the answers either."""
    study, out = build_study(tmp_path / "study", "unlimited-time", practice=1), tmp_path / "r"
    assert run("simulate", study, "--out", out, "--seed", 3).exit_code == 0
    kept = [{**line, "page": {**line["page"], "user_agent": ""}} for line in lines(out)]
    sides = "".join(answer["side"][0] for line in kept for answer in line["answers"])
    assert hashlib.sha256(sides.encode()).hexdigest() == SIDES
    forms = run("simulate", asking(study, [QUESTIONS[2]], forms=FORMS), "--out", out, "--seed", 3)
    assert forms.exit_code == 0, forms.output
    again = lines(out)
    assert [line["answers"] for line in again] == [line["answers"] for line in kept]
    assert all({"form", "consented_at"} <= line.keys() for line in again)


def test_a_prompt_is_as_hard_in_every_pair(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", hits=2, per_cell=2)
    rows = list(csv.DictReader((study / "trials.csv").read_text().splitlines()))
    for place, row in enumerate(rows):
        row["context"] = f"p{place % 3}" if place % 4 else ""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (study / "trials.csv").write_text(text.getvalue())
    asking(study, plan_sha256=hashlib.sha256(text.getvalue().encode()).hexdigest())
    plan = read_simulated(study, Observer())
    assert plan.items == 3
    crowd = Crowd(plan, Observer(item_sd=0.3), seed=0)
    codes = dict(zip((row["trial"] for row in rows), (row["context"] for row in rows), strict=True))
    seen: dict[str, set[int]] = {}
    for hit in plan.hits:
        for trial, item in zip(hit.trials, hit.item, strict=True):
            seen.setdefault(codes[trial], set()).add(int(item))
    assert seen[""] == {-1}
    assert all(len(seen[name]) == 1 for name in ("p0", "p1", "p2"))
    assert set.union(*seen.values()) == {-1, 0, 1, 2}
    assert len(crowd.items) == 3
    assert crowd.visit(0, plan.hits[0]).submission["schema"] == 2


def test_optional_fields_stay_empty_now_and_then() -> None:
    field = FormField("hours", "How many?", "number", required=False)
    entered = [fill_forms([field], np.random.default_rng(seed))["hours"] for seed in range(200)]
    assert 0.1 < entered.count("") / 200 < 0.3
