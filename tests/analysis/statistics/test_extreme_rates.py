"""Rates of 0 and 1, single workers, and cells without answers: an interval that says why."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from glimpse.analysis.statistics.choices import CLUSTERS
from glimpse.analysis.statistics.gathering import design_cells
from glimpse.analysis.statistics.grouping import analysed
from glimpse.analysis.statistics.preference import (
    Intervals,
    design_effects,
    preference_table,
    rates_of,
    wilson,
)
from tests.analysis.statistics.test_preference import effect_of, one_cell, study, with_choice


def test_a_cell_in_which_all_clusters_agree_has_an_interval_and_says_why():
    """Every worker chooses A once and B once of every pair: no spread, and a rate of exactly 1/2."""
    frame = study(0, contrasts=("crn:real",), exposures=(250.0,))
    frame = pd.concat([with_choice(frame, True), with_choice(frame, False)])
    row = preference_table(frame).iloc[0]
    assert (row["rate"], row["se"], row["n_effective"], row["p_value"]) == (0.5, 0.0, 8, 1.0)
    assert 0 < row["low"] < 0.5 < row["high"] < 1
    assert row["note"] == "no spread: n_effective is the number of workers or of images, whichever is smaller"
    # With other cells to learn from, it has their design effect.
    other = study(1, contrasts=("crn:real",), exposures=(500.0,))
    row = preference_table(pd.concat([frame, other])).iloc[0]
    assert row["note"] == "no spread between workers and images: its design effect is that of the other cells"
    assert row["n_effective"] == pytest.approx(192 / effect_of(other))


def test_degrees_of_freedom_are_missing_without_answers():
    frame = study(0, contrasts=("crn:real",), exposures=(250.0,))
    cells = design_cells(pd.DataFrame({
        "contrast": "crn:real", "condition_a": "crn", "condition_b": "real", "exposure_ms": [250.0, 500.0],
        "sentinel": False, "practice": False,
    }))  # fmt: skip
    for cluster in ("images", "two-way", "worker-bootstrap"):
        rng = np.random.default_rng(0)
        table = preference_table(frame, cells, Intervals(cluster=cluster, resamples=100), rng=rng)
        assert table["df"].isna().tolist() == [False, True]
        assert table["note"].tolist() == ["", "no answers"]


@pytest.mark.parametrize("answers", [[True] * 12, [False] * 12])
@pytest.mark.parametrize("cluster", CLUSTERS)
def test_rates_of_0_and_1_have_an_interval_and_a_note(answers, cluster):
    frame = one_cell(answers, workers=[0, 1, 2, 3] * 3, pairs=[0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    row = preference_table(frame, settings=Intervals(cluster=cluster), rng=np.random.default_rng(0)).iloc[0]
    assert row["note"].startswith("the rate is 0 or 1")
    assert row["high"] - row["low"] > 0.2
    assert row["low"] <= row["rate"] <= row["high"]
    assert row["n_effective"] == pytest.approx(11 * (10 / 12) ** 2)  # as clear as 11 of 12
    assert not row.drop(["exposure_ms", "p_equivalent"]).isna().any()


def test_rate_1_alone_is_as_uncertain_as_with_one_answer_the_other_way():
    row = preference_table(
        one_cell([True] * 12, workers=[0, 1, 2, 3] * 3, pairs=[0] * 4 + [1] * 4 + [2] * 4)
    ).iloc[0]
    worth = 11 * (10 / 12) ** 2
    assert row["n_effective"] == pytest.approx(worth)
    low, high = wilson(np.array([1.0]), np.array([worth]), stats.t.ppf(0.975, 2))
    assert (row["low"], row["high"]) == pytest.approx((low[0], high[0]))
    t = (11 / 12 - 0.5) / np.sqrt(0.25 / 11)
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(t, 2))


def test_rate_1_borrows_the_design_effect_of_the_other_cells_of_its_contrast():
    frame = study(3, contrasts=("crn:real", "crn:pix2pix"), spread=1.2)
    always = (frame["contrast"] == "crn:real") & (frame["exposure_ms"] == 1000.0)
    frame = pd.concat([frame[~always], with_choice(frame[always], True)])
    row = preference_table(frame).query("contrast == 'crn:real' and exposure_ms == 1000").iloc[0]
    effect = effect_of(frame.query("contrast == 'crn:real' and exposure_ms == 250"))
    assert effect > 2
    assert row["note"] == "the rate is 0 or 1: its design effect is that of the other cells"
    assert row["n_effective"] == pytest.approx(96 / effect)
    low, high = wilson(np.array([1.0]), np.array([96 / effect]), stats.t.ppf(0.975, row["df"]))
    assert (row["low"], row["high"]) == pytest.approx((low[0], high[0]))
    t = (95 / 96 - 0.5) / np.sqrt(0.25 / 95)  # not less than 95 of 96
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(t, row["df"]))
    # Where its contrast has no other cell, those of all contrasts lend theirs.
    alone = frame.query("contrast == 'crn:pix2pix' or exposure_ms == 1000")
    found = rates_of(analysed(alone))
    lent = design_effects(found, analysed(alone).gathered.cells["contrast"])
    others = found.combined > 0
    plain = (found.rate * (1 - found.rate) / found.n)[others].sum()
    assert lent[~others] == pytest.approx([found.combined[others].sum() / plain])


@pytest.mark.parametrize("others", ["none", "single answers", "clustered"])
@pytest.mark.parametrize("n", [5, 19, 60])
def test_p_falls_as_k_rises_to_n(n, others):
    """19 of 19 is not less than 18 of 19 (once p was 0.0115 against 0.000014), whatever it borrows."""
    lender = {
        "none": None,
        "single answers": one_cell(np.arange(40) < 25),
        "clustered": study(3, contrasts=("crn:real",), exposures=(250.0,), spread=1.5),
    }[others]
    found = []
    for k in range((n + 1) // 2, n + 1):
        frame = one_cell(np.arange(n) < k)
        if lender is not None:
            more = lender.assign(worker=[f"other {name}" for name in lender["worker"]], contrast="a1:b1")
            frame = pd.concat([frame, more[frame.columns]])
        found.append(preference_table(frame).iloc[0])
    table = pd.DataFrame(found)
    falls = np.diff(table["p_value"])
    assert (falls[:-1] < 0).all()
    assert falls[-1] <= 1e-12
    if others != "clustered":  # where the interval has the borrowed design effect
        assert (np.diff(table["low"]) > 0).all()


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_one_worker_gives_the_whole_range_and_says_so(cluster):
    frame = one_cell([True, False, True, True], workers=[0, 0, 0, 0], pairs=[1, 1, 1, 1])
    row = preference_table(frame, settings=Intervals(cluster=cluster), rng=np.random.default_rng(0)).iloc[0]
    assert (row["low"], row["high"]) == (0.0, 1.0)
    assert np.isnan([row["p_value"], row["p_adjusted"]]).all()
    assert row["note"] == "one worker or one image only: nothing can be tested, and the interval is 0 to 1"


def test_a_cell_without_answers_is_a_row_that_says_so():
    frame = study()
    cells = design_cells(frame.assign(practice=False))
    kept = frame[~((frame["contrast"] == "crn:real") & (frame["exposure_ms"] == 250.0))]
    table = preference_table(kept, cells)
    empty = table[table["n"] == 0]
    assert empty[["contrast", "exposure_ms", "note"]].to_numpy().tolist() == [
        ["crn:real", 250.0, "no answers"]
    ]
    assert table[table["n"] > 0]["p_adjusted"].notna().all()


def test_one_half_in_every_cluster_is_no_evidence():
    row = preference_table(
        one_cell([True, False] * 4, workers=[0, 0, 1, 1] * 2, pairs=[0, 0, 0, 0, 1, 1, 1, 1])
    ).iloc[0]
    assert row["p_value"] == pytest.approx(1.0)


def test_an_interval_of_no_information_is_0_to_1():
    """Answers that are all about one image leave hardly a degree of freedom, and quantiles without end."""
    low, high = wilson(np.array([0.1, 0.5, 1.0]), np.array([9.0, 9.0, 9.0]), np.array([np.inf, 1e200, 1e80]))
    assert low == pytest.approx(0, abs=1e-12)
    assert high == pytest.approx(1)
