"""The rules that leave assignments out, and that server, client and analysis have the same ones."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse.analysis.reading.belonging import belonging
from glimpse.analysis.reading.exclusion import exclude
from glimpse.analysis.reading.results import read_results
from glimpse.counting import REASONS, reason_left_out, repeats, tally
from glimpse.submission import FLAGS, assignment_line, parse_submission, write_lines
from glimpse.trials import OTHER_SIDE, Trial, trials_csv

EXPOSURE_MS = 500


def trial(name, hit="h1", *, sentinel=False, practice=False, correct=None):
    return Trial(
        "b1", hit, 1, name, "crn:real", EXPOSURE_MS, sentinel, correct, "crn", "1", f"{name}a", "real", "2",
        f"{name}b", practice,
    )  # fmt: skip


PLAN = [
    trial("p1", practice=True, correct="left"),
    trial("t1"),
    trial("t2", sentinel=True, correct="left"),
    trial("t3", sentinel=True, correct="right"),
    *(trial(f"t{number}") for number in range(4, 9)),
]
SOUND = {"t1": "left", "t2": "left", "t3": "right"} | {f"t{number}": "right" for number in range(4, 9)}


def answer(name, side="left", **more):
    return {"trial": name, "side": side, "response_ms": 900.0, "shown_ms": 500.0, "onset_ms": 1.0} | more


def sound(**sides):
    return [answer(name, side) for name, side in (SOUND | sides).items()]


def page(answers, refresh_hz=60.0):
    submission = {"schema": 1, "study": "s1", "hit": "h1", "page": {"refresh_hz": refresh_hz}}
    return parse_submission(json.dumps({**submission, "answers": answers}))


def left_out(answers, allowed=0):
    return reason_left_out(page(answers), PLAN, allowed)


def test_sentinels_of_the_own_hit_are_counted_and_practice_is_not():
    answers = [answer("p1", "right"), *sound(t3="left"), answer("t9", "left")]
    assert tally(page(answers), PLAN).n_wrong == 1
    assert left_out(answers) == "wrong sentinels"
    assert left_out(answers, allowed=1) is None


def test_a_missing_answer_is_missing_and_not_wrong():
    found = tally(page([answer("t1"), answer("t2")]), PLAN)
    assert (found.n_wrong, found.n_trials - found.n_answered) == (0, 6)
    assert left_out([answer("t1"), answer("t2")], allowed=5) == "incomplete"


def test_what_cannot_be_read_or_is_of_no_hit_is_left_out():
    assert reason_left_out(None, PLAN, 5) == "unreadable"
    assert reason_left_out(page(sound()), [], 5) == "foreign"


def test_a_worker_counts_once_in_a_batch():
    rows = [("ann", 3, "late"), ("ann", 1, "first"), ("bob", 2, "only"), ("ann", None, "unknown")]
    assert repeats(rows) == {"late", "first"}
    assert repeats([("ann", 1, "a"), ("ann", 1, "b")]) == {"b"}


@given(st.lists(st.tuples(st.sampled_from(["t1", "t2", "t3", "x"]), st.sampled_from(["left", "right"]))))
def test_allowing_more_never_excludes_more(pairs):
    answers = [answer(*pair) for pair in pairs]
    verdicts = [left_out(answers, allowed) is not None for allowed in range(4)]
    assert verdicts == sorted(verdicts, reverse=True)
    swapped = [one._replace(correct_side=OTHER_SIDE.get(one.correct_side)) for one in PLAN]
    mirrored = page([answer(name, OTHER_SIDE[side]) for name, side in pairs])
    assert tally(page(answers), PLAN).n_wrong == tally(mirrored, swapped).n_wrong


AGAIN = [
    ({}, None),
    ({"flags": ["late"]}, "wrong sentinels"),
    ({"flags": "late"}, "wrong sentinels"),  # as somebody writes it by hand
    ({"flags": []}, None),
    ({"shown_ms": 530.0}, "wrong sentinels"),  # more than one and a half frames off, and no flag
    ({"shown_ms": 520.0}, None),
    ({"shown_ms": None}, None),
]
CASES = [
    pytest.param(sound(), None, id="sound"),
    pytest.param(sound(t3="left"), "wrong sentinels", id="wrong"),
    pytest.param(sound()[:-1], "incomplete", id="incomplete"),
    pytest.param([{**one, "shown_ms": 2000.0} for one in sound()], "foreign", id="another study's"),
    *(
        pytest.param([*sound(t3="left"), answer("t3", "right", repeat=1, **more)], reason, id=f"again {more}")
        for more, reason in AGAIN
    ),
]


@pytest.mark.parametrize(("answers", "reason"), CASES)
def test_server_and_analysis_leave_out_the_same(tmp_path, answers, reason):
    """The record that MTurk's protocol returns, and the same record in results."""
    assert left_out(answers) == reason
    (tmp_path / "trials.csv").write_text(trials_csv(PLAN))
    experiment = {"mode": "limited-time", "max_wrong_sentinels": 0}
    (tmp_path / "study.json").write_text(json.dumps({"study": "s1", "experiment": experiment}))
    body = {"simulated": False, "page": {"refresh_hz": 60.0}}
    lines = [
        assignment_line(name, "h1", "H1", name, status="Submitted", times=(None, None), study="s1",
                        body={**body, "answers": given})
        for name, given in (("A1", answers), ("A2", sound()))
    ]  # fmt: skip
    (tmp_path / "assignments.jsonl").write_text(write_lines(lines))
    assignments = exclude(belonging(read_results(tmp_path))).assignments.set_index("assignment")
    assert assignments["reason"]["A2"] == ""
    found = assignments["reason"].get("A1", "foreign")
    assert (found or None) == reason


def test_every_reason_says_what_helps_and_every_flag_what_it_means():
    assert all(text.endswith(".") for text in REASONS.values())
    assert all(FLAGS.values())
