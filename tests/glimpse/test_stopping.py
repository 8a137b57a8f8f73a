"""Workers in rounds, and when a rule held at first."""

import numpy as np
import pytest

from glimpse.betting import interval
from glimpse.stop_rule import StopRule
from glimpse.stopping import Observed, cell_means, cell_state, cell_trials, in_rounds, submission_order
from glimpse.submission import ONLY, Answer, Submission
from glimpse.trials import Trial


def observed(rows):
    """Rows of (hit, worker, place, mean)."""
    columns = np.array(rows, dtype=float).reshape(-1, 4).T
    return Observed(*columns[:3].astype(int), columns[3])


TIMES = [f"2026-01-05T09:00:0{second}Z" for second in range(8)]


def test_a_round_takes_one_worker_of_every_hit_in_the_order_of_submission():
    rows = [(1, 4, 5, 0.5), (0, 1, 0, 0.1), (0, 3, 2, 0.3), (1, 2, 1, 0.2), (0, 5, 4, 0.4)]
    found = in_rounds(observed(rows), {"h1": 5, "h2": 3}, TIMES)
    assert found.means.tolist() == [[0.1, 0.2], [0.3, 0.5]]
    assert found.weights.tolist() == [5, 3]
    assert found.ends == (TIMES[1], TIMES[5])
    assert (found.short, found.observed) == (("h2",), 5)


def test_a_worker_counts_once_with_the_first_assignment():
    rows = [(1, 7, 3, 0.9), (0, 7, 0, 0.1), (1, 8, 4, 0.8)]
    found = in_rounds(observed(rows), {"h1": 5, "h2": 5})
    assert found.means.tolist() == [[0.1, 0.8]]
    assert (found.ends, found.observed) == (("",), 2)


@pytest.mark.parametrize("rows", [[], [(0, 1, 0, 0.5)]])
def test_without_a_whole_round_nothing_is_known(rows):
    found = in_rounds(observed(rows), {"h1": 5, "h2": 5}, TIMES)
    assert found.interval(0.95) == (0.0, 1.0)
    assert found.first(StopRule(excludes=0.5)) is None
    assert found.short == (("h1", "h2") if not rows else ("h2",))


def test_equal_times_are_told_apart_by_the_ids_and_unknown_ones_come_first():
    submitted = [(TIMES[1], "b"), (TIMES[0], "z"), (TIMES[1], "a"), ("", "x"), ("", "c")]
    assert submission_order(submitted).tolist() == [4, 2, 3, 0, 1]


def test_the_rule_held_first_where_a_search_of_every_look_finds_it():
    rng = np.random.default_rng(2)
    rounds = in_rounds(
        observed(
            [(hit, 100 * hit + number, number, rng.beta(6, 4)) for hit in range(3) for number in range(40)]
        ),
        {"a": 2, "b": 2, "c": 3},
    )
    for rule in (
        StopRule(excludes=0.5),
        StopRule(width=0.2),
        StopRule(excludes=0.9, contrasts=(("a", "b"),)),
        StopRule(width=0.01),
    ):
        looks = [rule.holds(*interval(rounds.means[:look], rounds.weights)) for look in range(1, 41)]
        assert rounds.first(rule) == (looks.index(True) + 1 if any(looks) else None)
    state = cell_state(("a:b", 500), rounds, StopRule(excludes=0.5))
    assert (state.rounds, state.hits, state.workers, state.short) == (40, 3, 120, ("a", "b", "c"))
    assert state.met_after is not None
    assert state.low > 0.5


def trial(name, exposure_ms, left, right, **more):
    sides = {"condition_left": left, "item_left": "1", "stimulus_left": f"{name}l", "condition_right": right,
             "item_right": "1", "stimulus_right": f"{name}r"}  # fmt: skip
    kinds = {"sentinel": False, "correct_side": None} | more
    return Trial("b1", "h1", 1, name, "crn:real", exposure_ms, **kinds, **sides)


TRIALS = (
    trial("t1", 500, "crn", "real"), trial("t2", 500, "real", "crn"), trial("t3", None, "real", "crn"),
    trial("t4", 500, "crn", "real", sentinel=True, correct_side="right"),
    trial("t5", 500, "crn", "real", practice=True),
)  # fmt: skip


def test_a_workers_mean_is_of_the_first_condition_and_of_genuine_trials():
    assert cell_trials(TRIALS) == {("crn:real", 500): {"h1": 2}, ("crn:real", None): {"h1": 1}}
    sides = {"t1": "right", "t2": "right", "t4": "left", "t5": "left"}
    answers = tuple(
        Answer(name, {ONLY: side}, {ONLY: 1.0}, None, None, None, 0, ()) for name, side in sides.items()
    )
    assert cell_means(Submission("s", "h1", {}, answers, simulated=False), TRIALS) == {("crn:real", 500): 0.5}
