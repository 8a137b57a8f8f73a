"""results/ -> judgments, and what happens to every kind of bad input."""

import csv
import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glimpse.analysis.reading.judgments import JUDGMENT_COLUMNS
from glimpse.analysis.reading.results import read_results
from glimpse.trials import NEEDED

STUDY = "abcdefgh12345678"


def trial(number, contrast="crn:real", hit="h1", exposure="500", left_first=True, sentinel=0, practice=0):
    """One line of trials.csv; `left_first` puts condition A on the left."""
    a, b = contrast.split(":")
    left, right = (a, b) if left_first else (b, a)
    correct = ("right" if left_first else "left") if sentinel else ""
    return {
        "batch": "b1", "hit": hit, "position": number, "trial": f"t{number}", "contrast": contrast,
        "exposure_ms": exposure, "sentinel": sentinel, "correct_side": correct,
        "condition_left": left, "item_left": f"i{number}{left}", "stimulus_left": f"s{number}{left}",
        "condition_right": right, "item_right": f"i{number}{right}", "stimulus_right": f"s{number}{right}",
        "practice": practice,
    }  # fmt: skip


TRIALS = [trial(1), trial(2, left_first=False), trial(3, "image-space:real", sentinel=1, exposure="4000")]


def answer(number, side="left", **more):
    return {
        "trial": f"t{number}",
        "side": side,
        "response_ms": 900.5,
        "shown_ms": 499.0,
        "frames": 30,
        **more,
    }


def assignment(name="A1", worker="w1", hit="h1", answers=None, **more):
    answers = [answer(1), answer(2), answer(3, "right")] if answers is None else answers
    page = {
        "user_agent": "x",
        "viewport": [800, 600],
        "device_pixel_ratio": 2,
        "refresh_hz": 60,
        "focus_losses": 1,
    }
    return {"assignment_id": name, "hit": hit, "worker": worker, "status": "Submitted",
            "accepted_at": "2026-01-02T03:04:05Z", "submitted_at": "2026-01-02T03:14:05Z", "simulated": False,
            "page": page, "answers": answers, **more}  # fmt: skip


def write(folder: Path, lines, trials=TRIALS, study=STUDY, **experiment) -> Path:
    """A results folder; a line may be raw text."""
    folder.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=[*NEEDED, "practice"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(trials)
    (folder / "trials.csv").write_text(text.getvalue())
    digest = hashlib.sha256(text.getvalue().encode()).hexdigest()
    rules = {"mode": "limited-time", "real": "real", "max_wrong_sentinels": 0, **experiment}
    (folder / "study.json").write_text(
        json.dumps({"study": study, "experiment": rules, "plan_sha256": digest})
    )
    raw = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / "assignments.jsonl").write_text("\n".join(raw) + "\n")
    return folder


def texts(results):
    return [str(problem) for problem in results.problems]


def test_times_that_are_none_are_said_and_others_are_in_utc(tmp_path):
    lines = [
        assignment("A1", submitted_at="yesterday"),
        assignment("A2", worker="w2", submitted_at=5, accepted_at=""),
        assignment("A3", worker="w3", submitted_at="2026-01-05T12:00:00+02:00"),
    ]
    results = read_results(write(tmp_path / "results", lines))
    assert results.assignments["submitted_at"].tolist() == ["", "", "2026-01-05T10:00:00Z"]
    assert [str(problem).partition(": ")[2] for problem in results.problems] == [
        "submitted_at is 'yesterday', not a time in ISO 8601; read as not known",
        "submitted_at is 5, not a time in ISO 8601; read as not known",
    ]


def test_a_line_that_contradicts_an_earlier_one_is_left_out_and_said(tmp_path):
    lines = [assignment("A1"), {**assignment("A1", worker="other"), "status": "Rejected"}]
    results = read_results(write(tmp_path / "results", lines))
    assert results.assignments["status"].tolist() == ["Submitted"]
    assert "assignment 'A1' occurs again with worker 'other', not " in str(results.problems[0])


def test_judgments_join_answers_with_their_design(tmp_path):
    results = read_results(write(tmp_path / "results", [assignment()]))
    rows = results.judgments.table()
    assert tuple(rows.columns) == JUDGMENT_COLUMNS
    first, second, third = rows.to_dict("records")
    assert (first["condition_a"], first["condition_b"]) == ("crn", "real")
    assert (first["item_a"], first["item_b"]) == ("i1crn", "i1real")
    assert first["side_of_a"] == "left"
    assert first["chose_a"]
    assert second["side_of_a"] == "right"
    assert not second["chose_a"]
    assert first["pair"] == "s1crn+s1real"
    assert second["pair"] == "s2crn+s2real"
    assert first["exposure_ms"] == 500
    assert first["response_ms"] == pytest.approx(900.5)
    assert third["sentinel"]
    assert third["correct"]
    assert rows["correct"].isna().tolist() == [True, True, False]
    assert results.problems == ()
    assert results.simulated is False
    assert results.mode == "limited-time"
    assert results.assignments.loc[0, ["n_answered", "n_trials", "refresh_hz"]].tolist() == [3, 3, 60.0]


def test_one_answer_costs_little_memory(tmp_path):
    lines = [assignment(f"A{i}", f"w{i}") for i in range(2000)]
    rows = read_results(write(tmp_path / "results", lines)).judgments.table()
    assert rows.memory_usage(deep=True).sum() / len(rows) < 200


def test_unlimited_time_has_no_exposure(tmp_path):
    trials = [trial(1, exposure=""), trial(2, exposure="")]
    lines = [assignment(answers=[answer(1, shown_ms=None), answer(2, shown_ms=None)])]
    rows = read_results(write(tmp_path / "results", lines, trials, mode="unlimited-time")).judgments.table()
    assert rows["exposure_ms"].isna().all()
    assert rows["shown_ms"].isna().all()


def test_practice_is_never_analysed_and_does_not_count_as_a_trial(tmp_path):
    trials = [*TRIALS, trial(4, practice=1)]
    lines = [assignment(answers=[answer(4), answer(1), answer(2), answer(3)])]
    results = read_results(write(tmp_path / "results", lines, trials))
    assert results.judgments.table()["trial"].tolist() == ["t1", "t2", "t3"]
    assert results.assignments.loc[0, ["n_answered", "n_trials"]].tolist() == [3, 3]


def test_a_truncated_line_is_named_and_the_rest_is_read(tmp_path):
    cut = json.dumps(assignment("A2"))[:80]
    results = read_results(write(tmp_path / "results", [assignment("A1"), cut, assignment("A3", "w3")]))
    assert results.assignments["assignment"].tolist() == ["A1", "A3"]
    where = f"{tmp_path}/results/assignments.jsonl, line 2"
    assert texts(results) == [f"{where}: not JSON (cut short); the line was left out, the others were read"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[1, 2]", "a JSON object is expected, found list"),
        ("nonsense", "not JSON"),
        ("[" * 100_000, "not JSON|nested too deeply"),
        (assignment(name=7), "field 'assignment_id' is 7, text is needed"),
        (assignment(worker=None), "field 'worker' is None, text is needed"),
        (assignment(hit="elsewhere"), "HIT 'elsewhere' is not in study"),
        (assignment(study="otherstudy"), "answers of study 'otherstudy', not of"),
        (assignment(answers={"t1": "left"}), "field 'answers' is dict, a list is needed"),
    ],
)
def test_a_line_that_cannot_be_used_becomes_a_problem(tmp_path, line, message):
    results = read_results(write(tmp_path / "results", [line, assignment("good")]))
    assert results.assignments["assignment"].tolist() == ["good"]
    assert len(results.problems) == 1
    assert results.problems[0].line == 1
    assert re.search(message, results.problems[0].text)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (answer(99), "answer 1 is of unknown trial 't99'; that answer was left out"),
        ({"trial": ["t1"], "side": "left"}, r"answer 1 is of unknown trial \['t1'\]"),
        (answer(1, "middle"), "answer 1 has side 'middle'; allowed are left and right"),
        ("t1", "answer 1 is str, not an object"),
        ({"side": "left"}, "answer 1 is of unknown trial None"),
    ],
)
def test_an_answer_that_cannot_be_used_is_left_out_alone(tmp_path, bad, message):
    results = read_results(write(tmp_path / "results", [assignment(answers=[bad, answer(2), answer(3)])]))
    assert results.judgments.table()["trial"].tolist() == ["t2", "t3"]
    assert len(results.problems) == 1
    assert re.search(message, results.problems[0].text)


def test_a_trial_of_another_hit_is_left_out(tmp_path):
    trials = [*TRIALS, trial(9, hit="h2")]
    results = read_results(write(tmp_path / "results", [assignment(answers=[answer(1), answer(9)])], trials))
    assert results.judgments.table()["trial"].tolist() == ["t1"]
    assert "which belongs to another HIT" in texts(results)[0]


@pytest.mark.parametrize("value", ["fast", True, -3, [1], float("nan"), float("inf"), "12", 10**400])
def test_a_time_that_is_none_is_read_as_not_recorded(tmp_path, value):
    lines = [assignment(answers=[answer(1, response_ms=value), answer(2), answer(3)])]
    results = read_results(write(tmp_path / "results", lines))
    assert results.judgments.table()["response_ms"].isna().tolist() == [True, False, False]
    assert "response_ms of trial 't1' is" in texts(results)[0]
    assert "not a time in ms; read as not recorded" in texts(results)[0]


def test_the_first_of_two_answers_to_a_trial_holds(tmp_path):
    lines = [assignment(answers=[answer(1, "left"), answer(1, "right"), answer(2), answer(3)])]
    results = read_results(write(tmp_path / "results", lines))
    assert results.judgments.table()["chosen_side"].tolist()[0] == "left"
    assert len(results.judgments) == 3
    assert "trial 't1' is answered twice; the first answer holds" in texts(results)[0]


@pytest.mark.parametrize(
    ("repeat", "side"),
    [
        ({"shown_ms": 501.0}, "right"),
        ({"shown_ms": 524.9}, "right"),
        ({"shown_ms": 525.1}, "left"),
        ({"shown_ms": 500.0, "flags": ["late"]}, "left"),
        ({"shown_ms": None}, "right"),
    ],
)
def test_a_repeated_trial_replaces_the_flagged_one_where_its_exposure_is_good(tmp_path, repeat, side):
    first = answer(1, "left", shown_ms=700.0, flags=["late"])
    again = {**answer(1, "right", repeat=1), **repeat}
    results = read_results(
        write(tmp_path / "results", [assignment(answers=[first, answer(2), answer(3), again])])
    )
    assert results.judgments.table()["chosen_side"].tolist()[0] == side
    assert len(results.judgments) == 3
    assert results.problems == ()
    assert results.assignments.loc[0, "n_repeated"] == 1


def test_a_later_line_of_an_assignment_changes_its_status_only(tmp_path):
    later = assignment("A1", status="Approved", answers=[answer(1, "right")])
    results = read_results(write(tmp_path / "results", [assignment("A1"), later]))
    assert results.assignments["status"].tolist() == ["Approved"]
    assert results.judgments.table()["chosen_side"].tolist() == ["left", "left", "right"]
    assert results.problems == ()


def test_an_unknown_status_is_a_problem(tmp_path):
    results = read_results(write(tmp_path / "results", [assignment(status="Maybe")]))
    assert results.assignments["status"].tolist() == ["Submitted"]
    assert "status is 'Maybe', allowed are Submitted, Approved, Rejected" in texts(results)[0]


def test_an_assignment_in_two_folders_counts_once(tmp_path):
    one = write(tmp_path / "one", [assignment("A1"), assignment("A2", "w2")])
    two = write(tmp_path / "two", [assignment("A2", "w2"), assignment("A3", "w3")])
    results = read_results([one, two])
    assert results.assignments["assignment"].tolist() == ["A1", "A2", "A3"]
    assert results.judgments.table()["source"].tolist() == ["one"] * 6 + ["two"] * 3
    assert f"assignment 'A2' was read from {one} already" in texts(results)[0]
    assert results.judgments.table()["trial"].nunique() == 3


def test_many_problems_are_counted_not_listed(tmp_path):
    lines = [assignment(), *["oops"] * 1100]
    results = read_results(write(tmp_path / "results", lines))
    assert len(results.problems) == 1001
    assert results.problems[-1].text == "100 more problems of this kind are not listed"


def test_reading_twice_gives_the_same(tmp_path):
    folder = write(tmp_path / "results", [assignment("A1"), assignment("A2", "w2")])
    one, two = read_results(folder), read_results(folder)
    assert one.judgments.table().equals(two.judgments.table())
    assert np.array_equal(one.assignments["n_answered"], two.assignments["n_answered"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    "assignment_id",
    "hit",
    "worker",
    "status",
    "accepted_at",
    "submitted_at",
    "simulated",
    "page",
    "answers",
]


@settings(max_examples=40)
@given(key=st.sampled_from(KEYS), value=JSON, inside=st.booleans(), cut=st.integers(1, 400))
def test_whatever_a_line_holds_the_good_ones_are_read(tmp_path, key, value, inside, cut):
    bad = assignment("bad", "w9")
    if inside:
        bad["answers"][0] = value
    else:
        bad[key] = value
    whole = json.dumps(bad)
    lines = [assignment("A1"), whole, whole.encode()[:cut].decode(errors="ignore"), assignment("A2", "w2")]
    results = read_results(write(tmp_path / "results", lines))
    assert {"A1", "A2"} <= set(results.assignments["assignment"])
    good = results.judgments.table()[results.judgments.table()["assignment"].isin(["A1", "A2"])]
    assert len(good) == 6
    assert not results.judgments.table()["chose_a"].isna().any()
