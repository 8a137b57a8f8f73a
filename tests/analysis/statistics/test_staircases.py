"""Staircases: by hand, against the rule's own mode, where they settle, and systems against each other."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.detection import Watchers, climb, fixed
from glimpse.analysis.statistics.detection_curve import sensitivity_curves
from glimpse.analysis.statistics.staircases import (
    Staircases,
    image_errors,
    staircase_blocks,
    staircase_thresholds,
    steady_share,
    threshold_differences,
    threshold_table,
)
from glimpse.errors import GlimpseError, NothingLeftError


def of_blocks(*exposures, limits=(100, 1000)):
    """One worker's blocks."""
    block = np.repeat(np.arange(len(exposures)), [len(one) for one in exposures])
    shown = np.concatenate(exposures).astype(float)
    return Staircases(0 * block, 0 * block, block, shown, shown > 0, ("m",), *limits)


def thresholds_of(answers):
    return staircase_thresholds(staircase_blocks(answers))


def test_images_that_do_not_differ_add_little_and_unknown_ones_nothing():
    rng = np.random.default_rng(5)
    answers = climb(Watchers(40, 500.0), rng)
    shuffled = replace(answers, image=rng.permutation(answers.image))
    assert image_errors(shuffled)["made"] < 0.7 * image_errors(answers)["made"]
    assert image_errors(replace(answers, image=None)) == {"made": 0.0}


def test_by_hand():
    blocks = staircase_blocks(
        of_blocks([500, 470, 470, 480, 490, 460, 470, 440], [300, 310, 310, 300, 300, 310])
    )
    assert blocks["modal_ms"].tolist() == [470, 305]  # 300 and 310 were shown equally often
    assert blocks["n"].tolist() == [8, 6]
    # 500 down to 470, up to 490, down to 460, up to 470, down: turns at 470, 490, 460 and 470.
    assert blocks["turns"].tolist() == [4, 2]
    assert blocks["turning_ms"].iloc[0] == 465  # of the third and the fourth
    assert blocks["drift_ms"].iloc[0] == pytest.approx((470 + 440) / 2 - (490 + 460) / 2)
    thresholds = staircase_thresholds(blocks)
    assert thresholds["threshold_ms"].tolist() == [387.5]
    assert thresholds["between_blocks_ms"].iloc[0] == pytest.approx(np.std([470, 305], ddof=1))
    table = threshold_table(thresholds)
    assert np.isnan(table.loc[0, ["low", "high"]].tolist()).all()
    assert table.loc[0, "note"] == "one worker: no interval"


def test_many_blocks_at_once_are_as_one_at_a_time():
    answers = climb(Watchers(6, 400.0, trials=80), np.random.default_rng(0))
    blocks = staircase_blocks(answers)
    for row in blocks.itertuples():
        own = (answers.worker == row.worker) & (answers.block == row.block)
        shown = answers.exposure_ms[own]
        values, counts = np.unique(shown, return_counts=True)
        assert row.modal_ms == values[counts == counts.max()].mean()
        steps = np.diff(shown)
        signs = np.sign(steps[steps != 0])
        assert row.turns == (np.diff(signs) != 0).sum()
        assert row.right_share == pytest.approx(answers.right[own].mean())


def test_staircases_settle_where_as_much_goes_up_as_down():
    assert steady_share(10, 30, 3) == pytest.approx(0.25 ** (1 / 3))
    people = Watchers(300, 900.0)
    answers = climb(people, np.random.default_rng(1))
    blocks = staircase_blocks(answers)
    late = answers.right.reshape(150, -1)[75:]
    assert late.mean() == pytest.approx(steady_share(10, 30, 3), abs=0.015)
    table = threshold_table(staircase_thresholds(blocks))
    assert table.loc[0, "threshold_ms"] == pytest.approx(people.exposure_at(0.63), rel=0.1)
    assert table.loc[0, "turning_ms"] == pytest.approx(people.exposure_at(0.63), rel=0.1)
    assert blocks["settled"].mean() > 0.85


@pytest.mark.parametrize("middle_ms", [300.0, 500.0, 900.0])
def test_long_staircases_and_fixed_exposures_give_the_same_people_one_threshold(middle_ms):
    """Two ways to one number: a staircase, and a curve through seven exposures that were fixed beforehand."""
    people, rng = Watchers(200, middle_ms, trials=1500), np.random.default_rng(4)
    own, share = people.people(300, rng), steady_share(10, 30, 3)
    found = threshold_table(thresholds_of(climb(people, rng, own))).loc[0, "threshold_ms"]
    (curve,) = sensitivity_curves(fixed(people, 300, rng, own), threshold=share)
    assert curve.threshold_low < found < curve.threshold_high
    for one in (found, curve.threshold_ms):
        assert one == pytest.approx(people.exposure_at(share), rel=0.08)


def test_the_papers_blocks_are_too_short_where_people_need_little_time():
    people, rng = Watchers(200, 300.0), np.random.default_rng(4)
    own = people.people(300, rng)
    found = threshold_table(thresholds_of(climb(people, rng, own))).loc[0, "threshold_ms"]
    (curve,) = sensitivity_curves(fixed(people, 300, rng, own), threshold=steady_share(10, 30, 3))
    assert found > curve.threshold_high


def test_what_has_not_settled_is_said():
    up = np.arange(100, 600, 10)
    flat = np.full(40, 100)
    notes = staircase_blocks(of_blocks(up, flat, np.full(40, 300)))["note"].tolist()
    assert notes == ["turned too seldom", "at the shortest or longest exposure", "turned too seldom"]
    moving = np.concatenate([np.tile([900, 910], 15), np.tile([400, 410], 10)])
    assert staircase_blocks(of_blocks(moving))["note"].tolist() == ["still moving"]


def test_intervals_over_workers_hold_what_many_workers_give():
    rng = np.random.default_rng(2)
    several = [climb(Watchers(150, 500.0), rng) for _ in range(8)]
    truth = np.mean([staircase_blocks(one)["modal_ms"].mean() for one in several])
    held, wider = 0, 0.0
    for _ in range(50):
        answers = climb(Watchers(8, 500.0), rng)
        row = threshold_table(thresholds_of(answers), images=image_errors(answers)).iloc[0]
        held += row["low"] <= truth <= row["high"]
        wider += row["se_images"] / 50
    assert held >= 44
    assert 3 < wider < 15


def test_systems_are_compared_within_workers_or_between_them():
    rng = np.random.default_rng(3)
    one, two = rng.normal(400, 80, 12), rng.normal(450, 80, 12)
    same = pd.DataFrame({
        "worker": np.tile(np.arange(12), 2), "system": np.repeat(["a", "b"], 12),
        "threshold_ms": np.concatenate([one, two]),
    })  # fmt: skip
    found = threshold_differences(same).iloc[0]
    assert found["p_value"] == pytest.approx(stats.ttest_rel(one, two).pvalue)
    apart = threshold_differences(same.assign(worker=np.arange(24))).iloc[0]
    welch = stats.ttest_ind(one, two, equal_var=False)
    assert apart["p_value"] == pytest.approx(welch.pvalue)
    ends = welch.confidence_interval(0.95)
    assert (apart["low"], apart["high"]) == pytest.approx((ends.low, ends.high))


def test_what_is_refused():
    none = np.array([], dtype=int)
    with pytest.raises(NothingLeftError, match="no answers of staircases"):
        Staircases(none, none, none, none.astype(float), none > 0, ("m",))
    one = np.array([0])
    with pytest.raises(GlimpseError, match="exposure of a staircase is missing"):
        Staircases(one, one, one, np.array([np.nan]), one > 0, ("m",))
    with pytest.raises(GlimpseError, match="block has 2 values for 1 answer"):
        Staircases(one, one, np.array([0, 1]), np.array([500.0]), one > 0, ("m",))
