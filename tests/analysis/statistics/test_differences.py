"""Two methods against one reference: by hand where they are independent, and what shared workers change."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from glimpse.analysis.statistics.choices import CURVE_SHAPES
from glimpse.analysis.statistics.curve_fit import rates
from glimpse.analysis.statistics.differences import DIFFERENCES_COLUMNS, difference_table
from glimpse.analysis.statistics.grouping import analysed
from glimpse.analysis.statistics.preference import Intervals, preference_table
from glimpse.analysis.statistics.psychometric import blank_curve, estimate_curves

EXPOSURES = np.array([125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0])


def judgments(contrast, p, workers, pairs=8, lean=0.0, exposures=(500.0,), first=0, seed=0):
    """One contrast whose condition A is chosen at rates p, by exposure; lean: (workers,) of each worker."""
    rng = np.random.default_rng(seed)
    e, w, q = (grid.ravel() for grid in np.indices((len(exposures), workers, pairs)))
    logit = special.logit(np.broadcast_to(p, len(exposures)))[e] + np.broadcast_to(lean, workers)[w]
    return pd.DataFrame({
        "worker": [f"w{first + number}" for number in w], "contrast": contrast,
        "exposure_ms": np.asarray(exposures)[e], "item_a": e * pairs + q,
        "item_b": 1000 * seed + e * pairs + q,
        "chose_a": rng.random(len(e)) < special.expit(logit), "side_of_a": "left", "sentinel": False,
        "excluded": False, "reason": "",
    })  # fmt: skip


def table_of(frame, real="real", curve="logistic", **options):
    answers = analysed(frame)
    blank = blank_curve(curve, "nominal", 0.95, 0.75)
    curves = estimate_curves(answers, None, real, blank)
    return difference_table(answers, curves, real, Intervals(**options))


def independent(seed=0):
    """Other workers and other photographs for each method."""
    one = judgments("crn:real", 0.45, 14, seed=2 * seed + 1)
    two = judgments("pix2pix:real", 0.2, 14, first=100, seed=2 * seed + 2)
    return pd.concat([one, two])


def test_the_interval_of_independent_rates_is_by_hand():
    """Zou (2007), Psychological Methods 12(4), eq. 15 without its correlation: MOVER of two Wilson intervals
    (Newcombe 1998, method 10)."""
    frame = independent()
    (row,) = table_of(frame).to_dict("records")
    rates = preference_table(frame).set_index("contrast")
    one, two = rates.loc["crn:real"], rates.loc["pix2pix:real"]
    assert (row["measure"], row["reference"]) == ("rate", "real")
    assert (row["method_1"], row["method_2"]) == ("crn", "pix2pix")
    assert (row["value_1"], row["value_2"]) == (one["rate"], two["rate"])
    gap = one["rate"] - two["rate"]
    assert row["difference"] == pytest.approx(gap)
    down = np.hypot(one["rate"] - one["low"], two["high"] - two["rate"])
    up = np.hypot(one["high"] - one["rate"], two["rate"] - two["low"])
    assert (row["low"], row["high"]) == pytest.approx((gap - down, gap + up))
    assert row["df"] == min(one["df"], two["df"])
    t = stats.t.ppf(0.975, row["df"])
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(gap) / (down / t), row["df"]))


def test_the_columns_are_the_documented_ones():
    table = table_of(independent())
    assert tuple(table.columns) == DIFFERENCES_COLUMNS
    assert table[["p_1_not_worse", "p_2_not_worse"]].isna().all(axis=None)
    assert table["p_adjusted"].tolist() == table["p_value"].tolist()


def test_shared_workers_narrow_the_interval():
    """Workers who favour photographs do so against either method: their leniency cancels."""
    lean = np.random.default_rng(3).normal(0, 1.5, 14)
    one = judgments("crn:real", 0.45, 14, lean=lean, seed=1, pairs=20)
    two = judgments("pix2pix:real", 0.3, 14, lean=lean, seed=2, pairs=20)
    (shared,) = table_of(pd.concat([one, two])).to_dict("records")
    others = two.assign(worker="other " + two["worker"])
    (apart,) = table_of(pd.concat([one, others])).to_dict("records")
    assert shared["difference"] == apart["difference"]
    assert shared["high"] - shared["low"] < 0.6 * (apart["high"] - apart["low"])
    assert shared["p_value"] < apart["p_value"]


def three(seed, exposures=(500.0,)):
    """Three methods against real, by the same workers."""
    rng = np.random.default_rng(seed)
    lean = rng.normal(0, 0.7, 10)
    rates = {"crn": 0.45, "pix2pix": 0.3, "sims": 0.4}
    parts = [
        judgments(f"{name}:real", p, 10, 5, lean, exposures, seed=10 * seed + number)
        for number, (name, p) in enumerate(rates.items())
    ]
    return pd.concat(parts, ignore_index=True)


NUMBERS = ("difference", "low", "high", "df", "p_value")


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_swapping_two_methods_mirrors_their_difference(seed):
    """Names decide which of two methods is method 1."""
    frame = three(seed).query("contrast != 'sims:real'")
    names = {"crn": "z", "pix2pix": "a"}
    renamed = frame.assign(contrast=frame["contrast"].map(lambda text: names[text.split(":")[0]] + ":real"))
    (one,), (two,) = table_of(frame).to_dict("records"), table_of(renamed).to_dict("records")
    assert (one["method_1"], one["method_2"], two["method_1"], two["method_2"]) == (
        "crn",
        "pix2pix",
        "a",
        "z",
    )
    assert two["difference"] == pytest.approx(-one["difference"])
    assert (two["low"], two["high"]) == pytest.approx((-one["high"], -one["low"]))
    assert (two["p_value"], two["df"]) == pytest.approx((one["p_value"], one["df"]))


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), which=st.sets(st.sampled_from(["crn", "pix2pix", "sims"])))
def test_which_condition_a_contrast_names_first_does_not_matter(seed, which):
    frame = three(seed)
    turn = frame["contrast"].str.split(":").str[0].isin(which)
    turned = frame.assign(
        contrast=np.where(turn, "real:" + frame["contrast"].str.split(":").str[0], frame["contrast"]),
        chose_a=frame["chose_a"] ^ turn, side_of_a=np.where(turn, "right", "left"),
        item_a=np.where(turn, frame["item_b"], frame["item_a"]),
        item_b=np.where(turn, frame["item_a"], frame["item_b"]),
    )  # fmt: skip
    key = ["measure", "reference", "method_1", "method_2"]
    one, two = (table_of(given).set_index(key).sort_index() for given in (frame, turned))
    # Where a contrast's order decided which method is method 1, its signs are turned.
    one, two = (first_by_name(table) for table in (one, two))
    for name in NUMBERS:
        np.testing.assert_allclose(two[name], one[name], atol=1e-9, err_msg=name)


def first_by_name(table):
    """Each pair of methods with the one whose name comes first as method 1."""
    rows = []
    for (measure, reference, one, two), row in table.iterrows():
        values = row[list(NUMBERS)].to_dict()
        if one > two:
            values |= {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
        first, second = sorted((one, two))
        rows.append({"measure": measure, "reference": reference, "one": first, "two": second, **values})
    return pd.DataFrame(rows).sort_values(["measure", "reference", "one", "two"], ignore_index=True)


def test_p_values_are_adjusted_within_a_measure():
    table = table_of(three(1))
    assert len(table) == 3
    smallest = table["p_value"].min()
    assert table["p_adjusted"].min() == pytest.approx(min(1.0, 3 * smallest))


def test_without_real_each_condition_is_a_reference():
    frame = three(1)
    frame["contrast"] = frame["contrast"].str.replace("real", "srgan")
    assert set(table_of(frame, real=None)["reference"]) == {"srgan"}
    assert set(table_of(frame)["reference"]) == {"srgan"}


def test_rates_of_0_and_1_have_an_interval():
    one = judgments("crn:real", 0.45, 14, seed=1).assign(chose_a=True)
    two = judgments("pix2pix:real", 0.3, 14, seed=2)
    (row,) = table_of(pd.concat([one, two])).to_dict("records")
    assert row["value_1"] == 1.0
    assert row["low"] < row["difference"] < row["high"] <= 1.0


def test_one_worker_gives_a_difference_without_an_interval():
    frame = three(1)
    (row, *_) = table_of(frame[frame["worker"] == "w0"]).to_dict("records")
    assert row["note"] == "one worker or one image only"
    assert np.isnan([row["low"], row["p_value"]]).all()


def test_non_inferiority_is_the_one_sided_test_of_the_lower_end():
    frame = independent(4)
    (row,) = table_of(frame, equivalence=0.1).to_dict("records")
    (plain,) = table_of(frame).to_dict("records")
    down = plain["difference"] - plain["low"]
    t = (plain["difference"] + 0.1) / (down / stats.t.ppf(0.975, plain["df"]))
    assert row["p_1_not_worse"] == pytest.approx(stats.t.sf(t, plain["df"]))
    up = plain["high"] - plain["difference"]
    t = (0.1 - plain["difference"]) / (up / stats.t.ppf(0.975, plain["df"]))
    assert row["p_2_not_worse"] == pytest.approx(stats.t.sf(t, plain["df"]))
    # It is below (1 - level) / 2 exactly where the interval lies above the margin.
    for margin in (abs(plain["low"]) * 0.99, abs(plain["low"]) * 1.01):
        (row,) = table_of(frame.assign(), equivalence=margin).to_dict("records")
        assert (row["p_1_not_worse"] < 0.025) == (plain["low"] > -margin)


def curves(plateaus, midpoints_ms, workers=40, shared=True):
    """Curves of two methods against real (condition A)."""
    parts = []
    for number, (A, m) in enumerate(zip(plateaus, midpoints_ms, strict=True)):
        theta = np.array([[special.logit(A), np.log(1.8), np.log2(m)]])
        p = rates(np.log2(EXPOSURES), theta, CURVE_SHAPES["logistic"])[0]
        name = ("crn", "pix2pix")[number]
        parts.append(judgments(f"real:{name}", p, workers, 10, 0.0, EXPOSURES, 0 if shared else 500 * number,
                               seed=number + 5))  # fmt: skip
    return pd.concat(parts)


def test_plateaus_and_thresholds_are_compared():
    table = table_of(curves((0.85, 0.95), (400, 200))).set_index("measure")
    assert table.index.value_counts().to_dict() == {"rate": 7, "plateau": 1, "threshold": 1}
    plateau, threshold = table.loc["plateau"], table.loc["threshold"]
    # A method's plateau is how often it is chosen in the long run.
    assert (plateau["value_1"], plateau["value_2"]) == pytest.approx((0.15, 0.05), abs=0.03)
    assert plateau["low"] < 0.10 < plateau["high"]
    assert plateau["p_value"] < 0.001
    truth = [np.log2(m) + special.logit(0.25 / (A - 0.5)) / 1.8 for A, m in ((0.85, 400), (0.95, 200))]
    assert threshold["low"] < truth[0] - truth[1] < threshold["high"]
    assert threshold["value_1"] / threshold["value_2"] == pytest.approx(2 ** threshold["difference"])


def test_thresholds_of_independent_curves_add_their_variances():
    frame = curves((0.85, 0.95), (400, 200), shared=False)
    row = table_of(frame).set_index("measure").loc["threshold"]
    answers = analysed(frame)
    fits = [
        one.curve
        for one in estimate_curves(answers, None, "real", blank_curve("logistic", "nominal", 0.95, 0.75))
    ]
    se = [
        np.log2(fit.threshold_high_ms / fit.threshold_low_ms) / 2 / stats.t.ppf(0.975, fit.df) for fit in fits
    ]
    reach = (row["high"] - row["low"]) / 2 / stats.t.ppf(0.975, row["df"])
    # But for the floor, which is that of each curve alone or of both together.
    assert reach == pytest.approx(np.hypot(*se), rel=0.1)


def test_a_threshold_that_is_not_reached_is_not_compared():
    table = table_of(curves((0.7, 0.95), (400, 200)))
    assert set(table["measure"]) == {"rate", "plateau"}
