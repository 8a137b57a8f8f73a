"""Metrics against people: by hand, against other estimators, recovered, and from every side."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import expit

from glimpse.analysis.reading.scores import Scores
from glimpse.analysis.statistics.metric import (
    FARTHEST,
    Judged,
    accuracy,
    by_pair,
    ceiling,
    metric_table,
    slope,
    spearman,
)


def judged(rows):
    """Rows of (contrast, worker, trial, image_a, image_b, chose_a, difference)."""
    *codes, chose, difference = (np.array(column) for column in zip(*rows, strict=True))
    return Judged(*codes, chose.astype(bool), difference.astype(float))


# Three workers; the metric prefers A by 2 in trial 0, B by 1 in trial 1, neither in trial 2.
HAND = judged([
    (0, 0, 0, 0, 10, 1, 2), (0, 1, 0, 0, 10, 1, 2), (0, 2, 0, 0, 10, 0, 2),
    (0, 0, 1, 1, 11, 0, -1), (0, 1, 1, 1, 11, 0, -1), (0, 2, 1, 1, 11, 0, -1),
    (0, 0, 2, 2, 12, 1, 0), (0, 1, 2, 2, 12, 0, 0),
])  # fmt: skip


def test_by_hand():
    assert HAND.right.tolist() == [1, 1, 0, 1, 1, 1, 0.5, 0.5]
    found = accuracy(HAND)
    assert (found["n"], found["accuracy"], found["ties"], found["df"]) == pytest.approx(
        (8, 6 / 8, 2 / 8, 8**2 / (3**2 + 3**2 + 2**2) - 1)
    )
    # Trial 0: 1, 1 agree with a split and lose to none: (1/2 + 1/2 + 0); trial 1: all 3; trial 2: none of 2.
    assert ceiling(HAND.trial, HAND.chose_a) == (4 / 8, 8)
    pairs = by_pair(HAND)
    assert (pairs.n.tolist(), pairs.k.tolist()) == ([3, 3, 2], [2, 0, 1])
    rate = pairs.k / pairs.n
    assert spearman(HAND.difference[pairs.first], rate, both_sides=False) == pytest.approx(1)
    # Logistic through the origin: 2 of 3 at d = 2 and 0 of 3 at d = -1.
    best = minimize_scalar(
        lambda b: -(2 * math.log(expit(2 * b)) + math.log(expit(-2 * b)) + 3 * math.log(expit(b))),
        bounds=(0, 5), method="bounded", options={"xatol": 1e-12},
    )  # fmt: skip
    assert slope(HAND.difference[pairs.first], pairs.n, pairs.k) == pytest.approx(best.x, abs=1e-6)


def simulated(seed, *, workers=12, images=10, beta=1.5, spread=0.6, contrasts=1):
    """Workers judge every pair of two sides' images of one size; workers and images differ."""
    rng = np.random.default_rng(seed)
    parts = []
    for contrast in range(contrasts):
        w, pair = np.meshgrid(np.arange(workers), np.arange(3 * images), indexing="ij")
        a, b = pair % images, (pair + pair // images) % images
        value_a, value_b = rng.normal(0, 1, (2, images))
        d = (value_a[a] - value_b[b]).ravel()
        effect = rng.normal(0, spread, images)[a] - rng.normal(0, spread, images)[b]
        chance = expit(beta * d + (effect + rng.normal(0, spread, workers)[w]).ravel())
        codes = (w, contrast * 1000 + pair, contrast * 100 + a, 500 + contrast * 100 + b)
        worker, trial, image_a, image_b = (code.ravel() for code in codes)
        chose = rng.random(len(d)) < chance
        parts.append(Judged(np.full(len(d), contrast), worker, trial, image_a, image_b, chose, d))
    return Judged(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def test_the_variance_is_that_of_three_ways_of_clustering():
    """An independent sum with pandas."""
    found = simulated(1)
    frame = pd.DataFrame({"w": found.worker, "a": found.image_a, "b": found.image_b})
    frame["e"] = found.right - found.right.mean()
    variance = 0.0
    for ways in ("w", "a", "b", "wa", "wb", "ab", "wab"):
        sums = frame.groupby(list(ways))["e"].sum()
        variance += (-1) ** (len(ways) + 1) * (sums**2).sum() * len(sums) / (len(sums) - 1)
    p, n = found.right.mean(), len(frame)
    q = stats.t.ppf(0.975, 9) ** 2 / (p * (1 - p) / (variance / n**2))
    middle, half = (p + q / 2) / (1 + q), math.sqrt(q * p * (1 - p) + q * q / 4) / (1 + q)
    row = accuracy(found)
    assert (row["low"], row["high"]) == pytest.approx((middle - half, middle + half), rel=1e-9)


def test_the_rank_correlation_is_scipys():
    rng = np.random.default_rng(2)
    d, rate = rng.integers(0, 5, 40).astype(float), rng.integers(0, 6, 40) / 5
    assert spearman(d, rate, both_sides=False) == pytest.approx(stats.spearmanr(d, rate).statistic)
    twice = stats.spearmanr(np.r_[d, -d], np.r_[rate, 1 - rate]).statistic
    assert spearman(d, rate, both_sides=True) == pytest.approx(twice)
    assert math.isnan(spearman(d, np.ones(40), both_sides=False))


def test_the_ceiling_is_the_mean_over_answers():
    rng = np.random.default_rng(3)
    trial, chose = rng.integers(0, 30, 100), rng.random(100) < 0.6
    agree = []
    for row in range(100):
        others = chose[(trial == trial[row]) & (np.arange(100) != row)]
        if len(others):
            same = (others == chose[row]).mean()
            agree.append(1.0 if same > 0.5 else 0.5 if same == 0.5 else 0.0)
    assert ceiling(trial, chose) == pytest.approx((np.mean(agree), len(agree)))


def test_nobody_to_agree_with():
    share, n = ceiling(np.arange(4), np.array([True, False, True, True]))
    assert math.isnan(share)
    assert n == 0


def test_a_slope_is_recovered():
    rng = np.random.default_rng(4)
    d, n = rng.normal(0, 2, 4000), np.full(4000, 10)
    k = rng.binomial(n, expit(0.7 * d))
    assert slope(d, n, k) == pytest.approx(0.7, abs=0.03)
    assert slope(-d, n, n - k) == pytest.approx(-slope(d, n, n - k))
    assert slope(-d, n, n - k) == pytest.approx(slope(d, n, k))
    assert slope(10 * d, n, k) == pytest.approx(slope(d, n, k) / 10)


def test_answers_that_never_contradict_the_metric_make_a_step():
    d = np.array([-1.0, 1.0])
    assert slope(d, np.array([5, 5]), np.array([0, 5])) > 20
    assert slope(d, np.array([5, 5]), np.array([0, 5])) <= FARTHEST
    assert math.isnan(slope(np.zeros(2), np.array([5, 5]), np.array([0, 5])))


def test_intervals_cover_the_accuracy():
    """Over new workers and new images, which is what they claim."""
    truth = np.mean([simulated(seed, workers=60, images=60).right.mean() for seed in range(10_000, 10_030)])
    rows = [accuracy(simulated(seed, images=16)) for seed in range(400)]
    covered = np.mean([row["low"] <= truth <= row["high"] for row in rows])
    assert 0.92 <= covered <= 0.99


def frame(seed=5):
    """Judgments as a table, and a metric of their images."""
    found = simulated(seed, contrasts=2, workers=8)
    names = np.array(["crn:real", "crn:gan"])[found.contrast]
    table = pd.DataFrame({
        "assignment": "a" + pd.Series(found.worker).astype(str), "worker": found.worker,
        "trial": found.trial.astype(str), "contrast": names, "exposure_ms": np.nan, "condition_a": "crn",
        "condition_b": [name.split(":")[1] for name in names], "item_a": found.image_a.astype(str),
        "item_b": found.image_b.astype(str), "chose_a": found.chose_a, "sentinel": False, "excluded": False,
        "reason": "",
    })  # fmt: skip
    rng = np.random.default_rng(seed)
    images = pd.concat(
        [table[[f"item_{s}", f"condition_{s}"]].set_axis(["item", "condition"], axis=1) for s in "ab"]
    )
    images = images.drop_duplicates().reset_index(drop=True)
    return table, images.assign(value=rng.normal(size=len(images)).round(1))


def test_the_table_has_a_row_a_contrast_and_one_for_all():
    table, values = frame()
    found, pairs = metric_table(table, Scores("clip", "higher", values), ["crn:real", "crn:gan"])
    assert found["contrast"].tolist() == ["crn:real", "crn:gan", ""]
    assert found["n"].tolist() == [240, 240, 480]
    assert found["n_pairs"].tolist() == [30, 30, 60]
    assert found.loc[2, "accuracy"] == pytest.approx(found.loc[:1, "accuracy"].mean())
    assert found["n_all"].tolist() == [240, 240, 480]
    one = pairs.iloc[7]
    lookup = values.set_index(["item", "condition"])["value"]
    expected = lookup[one["item_a"], one["condition_a"]] - lookup[one["item_b"], one["condition_b"]]
    assert one["difference"] == pytest.approx(expected)
    mine = table[(table["item_a"] == one["item_a"]) & (table["item_b"] == one["item_b"])]
    mine = mine[mine["contrast"] == one["contrast"]]
    assert (one["n"], one["k"]) == (len(mine), mine["chose_a"].sum())


NUMBERS = ["n", "n_all", "ties", "accuracy", "low", "high", "ceiling", "spearman", "slope"]


def test_seen_from_the_other_side_it_is_the_same():
    table, values = frame()
    turned = table.rename(columns={"condition_a": "condition_b", "condition_b": "condition_a",
                                   "item_a": "item_b", "item_b": "item_a"})  # fmt: skip
    turned["contrast"] = turned["condition_a"] + ":" + turned["condition_b"]
    turned["chose_a"] = ~turned["chose_a"]
    scores = Scores("clip", "higher", values)
    mine = metric_table(table, scores, ["crn:real", "crn:gan"])[0]
    other = metric_table(turned, scores, ["real:crn", "gan:crn"])[0]
    pd.testing.assert_frame_equal(mine[NUMBERS], other[NUMBERS])


def test_relabelled_conditions_and_turned_values_change_nothing():
    table, values = frame()
    mine = metric_table(table, Scores("x", "higher", values))[0]
    other = metric_table(table, Scores("x", "lower", values.assign(value=-values["value"])))[0]
    pd.testing.assert_frame_equal(mine[NUMBERS], other[NUMBERS])
    wrong = metric_table(table, Scores("x", "lower", values))[0]
    assert wrong["accuracy"].to_numpy() == pytest.approx(1 - mine["accuracy"].to_numpy())
    names = {"crn": "z", "real": "b", "gan": "c"}
    renamed = table.assign(
        **{f"condition_{s}": table[f"condition_{s}"].map(names) for s in "ab"},
        contrast=table["contrast"].map({"crn:real": "z:b", "crn:gan": "z:c"}),
    )
    values = values.assign(condition=values["condition"].map(names))
    other = metric_table(renamed, Scores("x", "higher", values), ["z:b", "z:c"])[0]
    mine = metric_table(table, Scores("x", "higher", frame()[1]), ["crn:real", "crn:gan"])[0]
    pd.testing.assert_frame_equal(mine[NUMBERS], other[NUMBERS])


def test_a_contrast_without_values_has_none_and_single_images_are_left_out():
    table, values = frame()
    values = values[values["condition"] != "gan"]
    values = values.drop(values[values["condition"] == "real"].index[0])
    found, pairs = metric_table(table, Scores("x", "lower", values), ["crn:real", "crn:gan"])
    assert found["n"].tolist() == [216, 0, 216]
    assert found["n_all"].tolist() == [240, 240, 480]
    assert found.loc[1, "note"] == "no pair has values on both sides"
    assert found.loc[1, ["accuracy", "low", "spearman"]].isna().all()
    assert set(pairs["contrast"]) == {"crn:real"}


@pytest.mark.parametrize("keep", [("worker", 1), ("item_a", 1)])
def test_one_worker_or_one_image_says_nothing_of_others(keep):
    table, values = frame()
    column, count = keep
    few = table[table[column].isin(table[column].unique()[:count])]
    found = metric_table(few, Scores("x", "lower", values))[0].iloc[0]
    assert (found["low"], found["high"]) == (0, 1)
    assert "one worker or one image only" in found["note"]
