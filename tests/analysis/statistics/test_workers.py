"""Sides, sentinels and speed of workers; coin-flippers are found, careful workers are left alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from glimpse.analysis.statistics.workers import (
    WORKER_COLUMNS,
    _medians,
    _numbered,
    sentinel_table,
    side_bias,
    worker_table,
)


def judgments(
    seed=0, workers=20, trials=60, left_bias=0.0, coins=(), one_sided=(), fast=(), a_left_share=0.5
):
    """A fast worker answers 100 ms after the onset, where time is unlimited."""
    rng = np.random.default_rng(seed)
    lean = rng.normal(1.5, 1.0, trials)
    a_left = rng.random(trials) < a_left_share
    rows = []
    for worker in range(workers):
        for trial in range(trials):
            logit = (lean[trial] if a_left[trial] else -lean[trial]) + left_bias
            p_left = 0.5 if worker in coins else 1 / (1 + np.exp(-logit))
            left = True if worker in one_sided else bool(rng.random() < p_left)
            rows.append({
                "assignment": f"a{worker}", "worker": f"w{worker}", "trial": f"t{trial}", "pair": f"p{trial}",
                "contrast": "crn:real", "exposure_ms": np.nan, "item_a": f"i{trial}", "item_b": f"i{trial}",
                "side_of_a": "left" if a_left[trial] else "right",
                "chosen_side": "left" if left else "right", "chose_a": left == a_left[trial],
                "sentinel": False, "correct": None, "excluded": False, "reason": "",
                "response_ms": 100.0 if worker in fast else 900.0 + trial,
            })  # fmt: skip
        for trial in range(5):
            right = bool(worker not in coins or trial % 2)  # the right answer is A, which stands left
            rows.append({**rows[-1], "trial": f"s{trial}", "pair": f"s{trial}", "item_a": f"s{trial}",
                         "item_b": f"s{trial}", "sentinel": True, "side_of_a": "left", "chose_a": right,
                         "chosen_side": "left" if right else "right", "correct": right})  # fmt: skip
    frame = pd.DataFrame(rows)
    frame["correct"] = frame["correct"].astype("boolean")
    frame["assignment"] = frame["assignment"].astype("category")
    return frame


def flags(frame):
    return worker_table(frame).set_index("worker")["flags"].to_dict()


def test_the_table_has_the_documented_columns_and_counts():
    table = worker_table(judgments())
    assert tuple(table.columns) == WORKER_COLUMNS
    assert table["n"].tolist() == [60] * 20
    assert table["n_sentinels"].tolist() == [5] * 20
    assert table["n_wrong"].sum() == 0
    assert table["n_excluded"].sum() == 0
    assert table["reasons"].tolist() == [""] * 20
    assert table["flags"].tolist() == [""] * 20
    assert not table.isna().any().any()


def test_coins_one_sided_and_fast_workers_are_flagged():
    found = flags(judgments(1, coins=(3,), one_sided=(5,), fast=(7,)))
    assert "like a coin" in found.pop("w3")
    assert "one side" in found.pop("w5")
    assert found.pop("w7") == "fast"
    assert set(found.values()) == {""}


def test_one_sided_workers_have_the_longest_run_and_an_exact_test():
    row = worker_table(judgments(1, one_sided=(5,))).set_index("worker").loc["w5"]
    assert (row["left_share"], row["longest_run"]) == (1.0, 60)
    assert row["p_left"] == pytest.approx(stats.binomtest(60, 60).pvalue)


def test_runs_do_not_cross_assignments():
    frame = judgments(2, workers=2, one_sided=(0, 1)).assign(worker="w")
    assert worker_table(frame)["longest_run"].tolist() == [60]


def test_agreement_is_the_share_of_others_on_the_same_side():
    frame = judgments(3, workers=3, trials=4)
    genuine = frame[~frame["sentinel"]]
    own, others = genuine[genuine["worker"] == "w0"], genuine[genuine["worker"] != "w0"]
    expected = np.mean([
        (others[others["trial"] == t]["chosen_side"] == side).mean()
        for t, side in zip(own["trial"], own["chosen_side"], strict=True)
    ])  # fmt: skip
    assert worker_table(frame).set_index("worker").loc["w0", "agreement"] == pytest.approx(expected)


def test_a_careful_worker_scores_about_what_is_expected():
    table = worker_table(judgments(4, workers=40))
    assert (table["agreement_z"] / table["agreement_z_expected"]).mean() == pytest.approx(1, abs=0.1)


def test_without_times_the_speed_is_missing_and_nobody_is_fast():
    table = worker_table(judgments().assign(response_ms=np.nan))
    assert table["median_response_ms"].isna().all()
    assert table["flags"].tolist() == [""] * 20


def test_excluded_assignments_are_counted_with_their_reasons():
    frame = judgments()
    gone = frame["worker"] == "w2"
    frame.loc[gone, ["excluded", "reason"]] = [True, "wrong sentinels"]
    row = worker_table(frame).set_index("worker").loc["w2"]
    assert (row["n_assignments"], row["n_excluded"], row["reasons"]) == (1, 1, "wrong sentinels")


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_the_left_bias_is_found_whatever_side_the_better_image_stood_on(share):
    none = side_bias(judgments(5, workers=40, a_left_share=share))
    assert none.low < 0.5 < none.high
    some = side_bias(judgments(5, workers=40, a_left_share=share, left_bias=0.6))
    assert some.low > 0.5
    assert some.p_value < 0.05
    if share > 0.5:
        assert none.raw_share > 0.6  # what a plain share would have called a bias


def chosen(frame, left):
    """The same trials with other sides chosen; every column says the same."""
    side = np.where(left, "left", "right")
    return frame.assign(chosen_side=side, chose_a=side == frame["side_of_a"])


def test_side_bias_says_what_it_cannot_do():
    frame = judgments(6)
    one_sided = chosen(frame.assign(side_of_a="left"), frame["chosen_side"] == "left")
    assert side_bias(one_sided).note == "in some cells condition A was on one side only"
    alone = side_bias(judgments(workers=1))
    assert (alone.low, alone.p_value, alone.note) == (None, None, "one worker or one image only")


@pytest.mark.parametrize(("left", "share", "side"), [(True, 1.0, "left"), (False, 0.0, "right")])
def test_everybody_on_one_side_is_said(left, share, side):
    found = side_bias(chosen(judgments(6), left))
    assert (found.raw_share, found.left_share, found.p_value) == (share, share, None)
    assert found.note == f"every answer chose the {side} image: nobody compared the images"


def test_the_raw_share_is_that_of_the_answers_and_the_balanced_one_is_not():
    frame = judgments(5, a_left_share=0.8)
    found = side_bias(frame)
    genuine = frame[~frame["sentinel"]]
    assert found.raw_share == pytest.approx((genuine["chosen_side"] == "left").mean())
    by_side = genuine.groupby("side_of_a")["chosen_side"].apply(lambda side: (side == "left").mean())
    assert found.left_share == pytest.approx(by_side.mean())
    assert found.raw_share > found.left_share + 0.1


@pytest.mark.parametrize(
    ("exposure_ms", "fast"), [(np.nan, True), (50.0, True), (150.0, False), (4000.0, False)]
)
def test_fast_counts_from_the_onset(exposure_ms, fast):
    """100 ms after the mask are 100 ms after the onset only where there is none."""
    frame = judgments(1, fast=(7,)).assign(exposure_ms=exposure_ms)
    row = worker_table(frame).set_index("worker").loc["w7"]
    assert (row["fast_share"], "fast" in row["flags"]) == (1.0 * fast, fast)
    measured = frame.assign(shown_ms=60.0)  # what the page measured counts before what was planned
    assert worker_table(measured).set_index("worker").loc["w7", "fast_share"] == 1.0


def test_sentinel_errors_and_lapses():
    frame = judgments(7, coins=(0, 1))
    frame.loc[frame["worker"] == "w0", "excluded"] = True
    everybody, kept = sentinel_table(frame).to_dict("records")
    assert (everybody["n"], everybody["wrong"]) == (100, 6)
    assert everybody["rate"] == pytest.approx(0.06)
    assert everybody["lapse_rate"] == pytest.approx(0.12)
    assert everybody["low"] < 0.06 < everybody["high"]
    assert (kept["n"], kept["wrong"]) == (95, 3)


def test_no_sentinels_and_no_errors_are_said():
    none = sentinel_table(judgments()).iloc[0]
    assert (none["rate"], none["low"]) == (0.0, 0.0)
    assert none["note"].startswith("the rate is 0 or 1")
    assert none["high"] > 0
    frame = judgments()
    empty = sentinel_table(frame[~frame["sentinel"]]).iloc[0]
    assert (empty["n"], empty["note"]) == (0, "no sentinels were answered")


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_mirrored_answers_mirror_the_bias(seed):
    frame = judgments(seed, workers=6, trials=20, left_bias=0.3)
    turn = {"left": "right", "right": "left"}
    mirrored = frame.assign(
        side_of_a=frame["side_of_a"].map(turn), chosen_side=frame["chosen_side"].map(turn)
    )
    assert (mirrored["chose_a"] == (mirrored["chosen_side"] == mirrored["side_of_a"])).all()
    one, two = side_bias(frame), side_bias(mirrored.sample(frac=1, random_state=seed))
    assert one.left_share == pytest.approx(1 - two.left_share)
    assert one.low == pytest.approx(1 - two.high)
    assert one.p_value == pytest.approx(two.p_value)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_which_condition_is_named_first_does_not_change_the_bias(seed):
    frame = judgments(seed, workers=6, trials=20, left_bias=0.3, a_left_share=0.7)
    turn = {"left": "right", "right": "left"}
    swapped = frame.assign(
        contrast="real:crn", side_of_a=frame["side_of_a"].map(turn), chose_a=~frame["chose_a"]
    )
    one, two = side_bias(frame), side_bias(swapped)
    assert (one.raw_share, one.note) == (two.raw_share, two.note)
    for name in ("left_share", "low", "high", "p_value"):
        assert getattr(one, name) == pytest.approx(getattr(two, name))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), max_size=8), st.integers(0, 100))
def test_numbers_and_medians_are_those_of_pandas(stretches, seed):
    """Also of a table in which a worker's assignments take turns."""
    codes = np.repeat(*np.array(stretches, dtype=np.int32).reshape(-1, 2).T)
    (number, first, names), (code, found) = _numbered(codes), pd.factorize(codes)
    assert number.tolist() == code.tolist()
    assert names.tolist() == found.tolist()
    assert first.tolist() == np.unique(code, return_index=True)[1].tolist()
    values, who = np.random.default_rng(seed).random(len(codes)), np.sort(codes)
    medians = pd.Series(values).groupby(who).median().reindex(range(5)).to_numpy()
    assert _medians(values, np.bincount(who, minlength=5)).tolist() == pytest.approx(medians, nan_ok=True)
