"""Agreement: against published tables, krippendorff and statsmodels, and by its coding."""

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_kappa

from glimpse.analysis.statistics.agreement import (
    AGREEMENT_COLUMNS,
    agreement_table,
    fleiss_kappa,
    krippendorff_alpha,
)


def judgments(left, side_of_a="left", contrast="crn:real"):
    """left: (workers, trials) bool, or None where a worker skipped the trial."""
    rows = []
    for worker, answers in enumerate(left):
        for trial, chose_left in enumerate(answers):
            if chose_left is None:
                continue
            a_side = side_of_a if isinstance(side_of_a, str) else side_of_a[trial]
            side = "left" if chose_left else "right"
            rows.append({"worker": f"w{worker}", "trial": f"t{trial}", "contrast": contrast,
                         "exposure_ms": np.nan, "item_a": trial, "item_b": trial, "chosen_side": side,
                         "side_of_a": a_side, "chose_a": side == a_side, "sentinel": False, "excluded": False,
                         "reason": ""})  # fmt: skip
    return pd.DataFrame(rows)


def simulated(rng, workers, trials, spread):
    """Workers who differ in how far they follow what is to be seen: (workers, trials) of left answers."""
    lean = rng.normal(0, 1.2, trials)
    care = np.exp(rng.normal(0, spread, workers))[:, None]
    return rng.random((workers, trials)) < 1 / (1 + np.exp(-care * lean))


def crossed(left, item=None):
    """Every worker's answer to every trial, left: (workers, trials). item: of each trial's images."""
    worker, trial = (grid.ravel() for grid in np.indices(left.shape))
    return pd.DataFrame({
        "worker": worker, "trial": trial, "contrast": "crn:real", "exposure_ms": np.nan,
        "item_a": trial if item is None else item[trial], "item_b": trial if item is None else item[trial],
        "side_of_a": "left", "chose_a": left.ravel(), "sentinel": False, "excluded": False, "reason": "",
    })  # fmt: skip


def test_the_interval_covers_over_workers():
    """Few workers of unequal care, many trials: resampling trials alone covers about 60 %."""
    workers, trials, spread = 10, 60, 1.0
    rng = np.random.default_rng(0)
    lefts = simulated(rng, 2000, 3000, spread).sum(axis=0).astype(float)
    truth = krippendorff_alpha(np.stack([lefts, 2000 - lefts], axis=1))
    inside = []
    for _ in range(250):
        row = table_of(crossed(simulated(rng, workers, trials, spread)))
        inside.append(row["alpha_low"] <= truth <= row["alpha_high"])
    assert 0.90 <= np.mean(inside) <= 0.985


def test_the_interval_widens_where_images_recur():
    left = simulated(np.random.default_rng(1), 12, 60, 0.2)
    apart, together = table_of(crossed(left)), table_of(crossed(left, np.arange(60) // 15))
    assert together["alpha"] == apart["alpha"]
    assert together["alpha_high"] - together["alpha_low"] > apart["alpha_high"] - apart["alpha_low"]


def table_of(frame, scope="all", coding="side"):
    table = agreement_table(frame)
    assert tuple(table.columns) == AGREEMENT_COLUMNS
    return table[(table["scope"] == scope) & (table["coding"] == coding)].iloc[0]


def test_krippendorff_published_binary_example():
    """Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section A: alpha = 0.095."""
    a, b = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    row = table_of(judgments(np.array([a, b], dtype=bool).tolist()))
    assert row["alpha"] == pytest.approx(0.095, abs=5e-4)
    assert (row["n_units"], row["n_ratings"], row["n_workers"]) == (10, 20, 2)
    assert row["alpha_low"] < row["alpha"] < row["alpha_high"]


def test_alpha_is_that_of_the_krippendorff_package_with_gaps():
    rng = np.random.default_rng(0)
    lean = rng.random(30)
    answers = (rng.random((12, 30)) < lean).astype(object)
    answers[rng.random((12, 30)) < 0.5] = None
    data = np.array([[np.nan if v is None else float(v) for v in row] for row in answers])
    expected = krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")
    assert table_of(judgments(answers.tolist()))["alpha"] == pytest.approx(expected)


def test_kappa_is_that_of_statsmodels():
    rng = np.random.default_rng(1)
    lefts = rng.binomial(9, rng.random(40))
    counts = np.stack([lefts, 9 - lefts], axis=1).astype(float)
    assert fleiss_kappa(counts) == pytest.approx(statsmodels_kappa(counts))


def test_the_coding_matters():
    """All choose the better image, which stands left or right: agreement by side, chance by condition."""
    rng = np.random.default_rng(2)
    side_of_a = rng.permutation(["left", "right"] * 30).tolist()
    better = rng.random(60) < 0.97
    left = [[(s == "left") == a for s, a in zip(side_of_a, better, strict=True)] for _ in range(10)]
    frame = judgments(left, side_of_a)
    noise = rng.random(len(frame)) < 0.04
    frame.loc[noise, "chosen_side"] = frame.loc[noise, "chosen_side"].map({"left": "right", "right": "left"})
    frame["chose_a"] = frame["chosen_side"] == frame["side_of_a"]
    assert table_of(frame)["alpha"] > 0.8
    assert table_of(frame, "crn:real", "condition")["alpha"] < table_of(frame)["alpha"] - 0.1


def test_what_is_not_defined_says_so():
    alone = table_of(judgments([[True, None], [None, False]]))
    assert alone["alpha"] is None or np.isnan(alone["alpha"])
    assert alone["note"] == "no trial was answered by two workers"
    same = table_of(judgments([[True, True], [True, True]]))
    assert same["note"] == "all answers are the same: agreement beyond chance is not defined"
    assert pd.isna(same["kappa"])


def test_each_contrast_has_its_rows():
    frame = pd.concat(
        [judgments([[True, False], [True, True]]), judgments([[False, True]] * 2, contrast="a:b")]
    )
    table = agreement_table(frame)
    assert table["scope"].tolist() == ["all", "a:b", "a:b", "crn:real", "crn:real"]
    # Over all contrasts the coding by condition would depend on which condition a contrast names first.
    assert table["coding"].tolist() == ["side", *["side", "condition"] * 2]


def test_perfect_agreement_is_1_and_opposite_answers_are_negative():
    assert krippendorff_alpha(np.array([[4.0, 0.0], [0.0, 4.0]])) == pytest.approx(1)
    assert fleiss_kappa(np.array([[2.0, 2.0], [2.0, 2.0]])) == pytest.approx(-1 / 3)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_neither_sides_nor_names_nor_order_matter(seed):
    rng = np.random.default_rng(seed)
    left = rng.random((5, 12)) < rng.random(12)
    if left.all() or not left.any():
        return
    frame = judgments(left.tolist())
    alpha = table_of(frame)["alpha"]
    assert table_of(judgments((~left).tolist()))["alpha"] == pytest.approx(alpha)
    assert table_of(frame.sample(frac=1, random_state=seed))["alpha"] == pytest.approx(alpha)
