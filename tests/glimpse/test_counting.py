"""The rules that leave assignments out, and that server, client and analysis have the same ones."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse.analysis.reading.belonging import belonging
from glimpse.analysis.reading.exclusion import exclude
from glimpse.analysis.reading.results import read_results
from glimpse.counting import REASONS, Submitted, left_out, reason_left_out, repeats, tally
from glimpse.questions import DEFAULT_QUESTION
from glimpse.sent import parse_submission
from glimpse.submission import FLAGS, assignment_line, write_lines
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


@dataclass
class OneHit:
    """What the rules need of a study."""

    max_wrong_sentinels: int = 0
    questions = (DEFAULT_QUESTION,)
    judged_by = DEFAULT_QUESTION
    staircase = None
    study: str = "s1"

    @property
    def experiment(self):
        return self

    def trials_of(self, hit):
        return PLAN if hit == "h1" else ()


def submitted(name, submission, worker="ann", at=None, hit="h1", allowed=0):
    return Submitted(name, worker, "b1", at, reason_left_out(OneHit(allowed), hit, submission))


def reason(answers, allowed=0):
    return left_out([submitted("A", page(answers), allowed=allowed)]).get("A")


def test_sentinels_of_the_own_hit_are_counted_and_practice_is_not():
    answers = [answer("p1", "right"), *sound(t3="left"), answer("t9", "left")]
    assert tally(page(answers), PLAN).n_wrong == 1
    assert reason(answers) == "wrong sentinels"
    assert reason(answers, allowed=1) is None


def test_a_missing_answer_is_missing_and_not_wrong():
    found = tally(page([answer("t1"), answer("t2")]), PLAN)
    assert (found.n_wrong, found.n_trials - found.n_answered) == (0, 6)
    assert reason([answer("t1"), answer("t2")], allowed=5) == "incomplete"


def test_what_cannot_be_read_or_is_of_another_hit_is_left_out():
    other = parse_submission(json.dumps({"schema": 1, "study": "s1", "hit": "h2", "answers": sound()}))
    strange = parse_submission(json.dumps({"schema": 1, "study": "s2", "hit": "h1", "answers": sound()}))
    assignments = [submitted(name, one, name) for name, one in (("A", None), ("B", other), ("C", strange))]
    assert left_out(assignments) == dict.fromkeys("ABC", "unreadable")
    assert left_out([submitted("D", other, hit="h2")]) == {"D": "of another study"}


def test_a_worker_counts_once_in_a_batch():
    rows = [("ann", 3, "late"), ("ann", 1, "first"), ("bob", 2, "only"), ("ann", None, "unknown")]
    assert repeats(rows) == {"late", "first"}
    assert repeats([("ann", 1, "b"), ("ann", 1, "a")]) == {"b"}
    assert repeats([("ann", "", "b"), ("ann", "", "a")]) == {"a"}
    twice = [submitted("B", page(sound()), at=2), submitted("A", page(sound()), at=1)]
    assert left_out(twice) == {"B": "repeat worker"}


@given(st.lists(st.tuples(st.sampled_from(["t1", "t2", "t3", "x"]), st.sampled_from(["left", "right"]))))
def test_allowing_more_never_excludes_more(pairs):
    answers = [answer(*pair) for pair in pairs]
    verdicts = [reason(answers, allowed) is not None for allowed in range(4)]
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
    pytest.param([{**one, "shown_ms": 2000.0} for one in sound()], "of another study", id="another study's"),
    *(
        pytest.param([*sound(t3="left"), answer("t3", "right", repeat=1, **more)], reason, id=f"again {more}")
        for more, reason in AGAIN
    ),
]


@pytest.mark.parametrize(("answers", "expected"), CASES)
def test_server_and_analysis_leave_out_the_same(tmp_path, answers, expected):
    """The records that MTurk's protocol returns, and the same records in results; B is A's worker again."""
    given_ = {"A": (answers, "ann"), "B": (sound(), "ann"), "C": (sound(), "bob")}
    out = left_out([submitted(name, page(one), who, at=1) for name, (one, who) in given_.items()])
    (tmp_path / "trials.csv").write_text(trials_csv(PLAN))
    experiment = {"mode": "limited-time", "max_wrong_sentinels": 0}
    (tmp_path / "study.json").write_text(json.dumps({"study": "s1", "experiment": experiment}))
    body = {"simulated": False, "page": {"refresh_hz": 60.0}}
    came = ("2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z")
    lines = [
        assignment_line(name, "h1", "H1", who, status="Submitted", times=came, study="s1",
                        body={**body, "answers": one})
        for name, (one, who) in reversed(given_.items())
    ]  # fmt: skip
    (tmp_path / "assignments.jsonl").write_text(write_lines(lines))
    found = exclude(belonging(read_results(tmp_path))).assignments.set_index("assignment")["reason"]
    assert out.get("A") == expected == (found.get("A", "of another study") or None)
    assert found["B"] == out.get("B", "")
    assert ("B" in out) == (expected != "of another study")
    assert found["C"] == out.get("C", "")


def test_every_reason_says_what_helps_and_every_flag_what_it_means():
    assert all(text.endswith(".") for text in REASONS.values())
    assert all(FLAGS.values())
