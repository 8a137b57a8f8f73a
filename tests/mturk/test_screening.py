"""The rule that leaves assignments out: wrong sentinels, missing answers, strange HITs."""

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from glimpse.mturk.collecting.answers import Answer, Submission
from glimpse.mturk.collecting.screening import is_excluded, missing_trials, wrong_sentinels


@dataclass(frozen=True)
class Trial:
    trial: str
    hit: str = "h1"
    sentinel: bool = False
    practice: bool = False
    correct_side: str | None = None


def answer(trial, side="left", repeat=0, flags=()):
    return Answer(trial, side, 1.0, None, None, None, repeat, flags, {})


def submission(*answers, hit="h1"):
    return Submission("s", hit, {}, answers, simulated=False)


PLAN = [
    Trial("p1", practice=True, correct_side="left"),
    Trial("t1"),
    Trial("t2", sentinel=True, correct_side="left"),
    Trial("t3", sentinel=True, correct_side="right"),
    Trial("t9", hit="h2", sentinel=True, correct_side="right"),
]


def test_sentinels_of_the_own_hit_are_counted_and_practice_is_not():
    given_ = submission(answer("p1", "right"), answer("t1"), answer("t2"), answer("t3"), answer("t9"))
    assert wrong_sentinels(given_, PLAN) == 1
    assert is_excluded(given_, PLAN, 0)
    assert not is_excluded(given_, PLAN, 1)


def test_a_missing_answer_is_missing_and_not_wrong():
    given_ = submission(answer("t1"), answer("t2"))
    assert (wrong_sentinels(given_, PLAN), missing_trials(given_, PLAN)) == (0, 1)
    assert is_excluded(given_, PLAN, 5)


def test_what_cannot_be_read_or_is_of_no_hit_is_excluded():
    assert is_excluded(None, PLAN, 5)
    assert is_excluded(submission(hit="h3"), PLAN, 5)


def test_a_sentinel_shown_again_counts_as_the_analysis_counts_it():
    first, flagged = answer("t3", "left", 0, ("late",)), answer("t3", "right", 1, ("late",))
    assert wrong_sentinels(submission(first, flagged), PLAN) == 1
    assert wrong_sentinels(submission(first, answer("t3", "right", 1)), PLAN) == 0


@given(st.lists(st.tuples(st.sampled_from(["t1", "t2", "t3", "x"]), st.sampled_from(["left", "right"]))))
def test_allowing_more_never_excludes_more(pairs):
    given_ = submission(*(answer(*pair) for pair in pairs))
    verdicts = [is_excluded(given_, PLAN, allowed) for allowed in range(4)]
    assert verdicts == sorted(verdicts, reverse=True)
    other = {"left": "right", "right": "left", None: None}
    swapped = [replace(trial, correct_side=other[trial.correct_side]) for trial in PLAN]
    mirrored = submission(*(answer(trial, other[side]) for trial, side in pairs))
    assert wrong_sentinels(given_, PLAN) == wrong_sentinels(mirrored, swapped)
