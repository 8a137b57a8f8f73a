"""Ties and scales: half a choice each, Davidson's published strengths, means, how questions correlate."""

import numpy as np
import pandas as pd
import pytest

from glimpse.analysis.statistics.agreement import agreement_table
from glimpse.analysis.statistics.choices import CLUSTERS
from glimpse.analysis.statistics.correlation import correlation_table
from glimpse.analysis.statistics.davidson import chances, davidson_table, features, tied_strengths
from glimpse.analysis.statistics.grouping import analysed
from glimpse.analysis.statistics.preference import Intervals, preference_table
from glimpse.analysis.statistics.ranking import rank_conditions
from glimpse.analysis.statistics.scales import distribution_table, scale_table, ties_table
from glimpse.analysis.statistics.workers import side_bias, worker_table
from glimpse.errors import GlimpseError

# Davidson (1970), example 2: two of six brands of chocolate pudding; how often brand i was preferred, brand
# j, and neither. His estimates, as the vignette of R's PlackettLuce gives them after as many steps.
PUDDING = np.array([
    [1, 2, 19, 22, 16], [1, 3, 16, 19, 12], [2, 3, 19, 19, 10], [1, 4, 18, 23, 13], [2, 4, 23, 19, 9],
    [3, 4, 19, 20, 15], [1, 5, 13, 19, 18], [2, 5, 16, 20, 12], [3, 5, 16, 15, 17], [4, 5, 17, 14, 16],
    [1, 6, 18, 21, 12], [2, 6, 22, 20, 12], [3, 6, 13, 18, 10], [4, 6, 14, 19, 18], [5, 6, 11, 21, 12],
])  # fmt: skip
WORTH, NU = [0.1388005, 0.1729985, 0.1617420, 0.1653930, 0.1586805, 0.2023855], 0.7468147


def test_davidsons_own_example():
    i, j, won, lost, tied = PUDDING.T
    found = tied_strengths(i - 1, j - 1, np.stack([lost, tied, won], axis=1), list("123456"), biased=False)
    worth = np.exp(found.theta) / np.exp(found.theta).sum()
    assert worth == pytest.approx(WORTH, abs=2e-4)
    assert found.nu == pytest.approx(NU, abs=2e-4)
    assert found.left_bias == 0
    # At the maximum the model has as many wins (ties halved) and ties as were seen.
    beta = np.concatenate([found.theta[:-1] - found.theta[-1], [0.0, np.log(found.nu)]])
    expected = chances(features(i - 1, j - 1, 6), beta) * (won + lost + tied)[:, None]
    assert expected[:, 1].sum() == pytest.approx(tied.sum())


def table(values, *, kind="tie", workers=12, items=8, seed=0, conditions=("crn", "real")):
    """Judgments of one cell; values: (workers, items) towards condition A: points."""
    rng = np.random.default_rng(seed)
    rows = []
    for worker in range(workers):
        for item in range(items):
            a_left = bool(rng.integers(2))
            value = -int(values[worker, item]) if a_left else int(values[worker, item])
            choice = value if kind == "scale" else {-1: "left", 0: "tie", 1: "right"}[int(np.sign(value))]
            rows.append({
                "assignment": f"a{worker}", "worker": f"w{worker}", "trial": f"t{item}-{a_left}",
                "contrast": ":".join(conditions), "exposure_ms": np.nan, "pair": f"p{item}",
                "item_a": f"i{item}", "item_b": f"j{item}", "side_of_a": "left" if a_left else "right",
                "choice": choice, "sentinel": False, "excluded": False,
            })  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(3)
    latent = rng.normal(0.6, 1.0, (12, 8)) + rng.normal(0, 0.7, (12, 1)) + rng.normal(0, 0.7, (1, 8))
    return np.clip(np.round(latent), -2, 2).astype(int)


def test_a_tie_is_half_a_choice(points):
    judged = table(np.sign(points))
    row = preference_table(judged).iloc[0]
    wins, ties = (np.sign(points) > 0).sum(), (points == 0).sum()
    assert (row["k"], row["ties"]) == (wins + ties / 2, ties)
    assert row["rate"] == pytest.approx((wins + ties / 2) / points.size)
    assert row["low"] < row["rate"] < row["high"]
    shares = ties_table(judged).iloc[0]
    assert shares["share"] == pytest.approx(ties / points.size)
    assert shares["low"] < shares["share"] < shares["high"]
    # The clustered error agrees with one of its own: by workers alone, of the means of halves.
    share = (1 + np.sign(points)) / 2
    residuals = (share - share.mean()).sum(axis=1)
    assert row["se_worker"] == pytest.approx(np.sqrt((residuals**2).sum() * 12 / 11) / points.size)


def test_ties_do_not_depend_on_sides_or_names(points):
    judged = table(np.sign(points))
    mirrored = judged.assign(
        side_of_a=judged["side_of_a"].map({"left": "right", "right": "left"}),
        choice=judged["choice"].map({"left": "right", "right": "left", "tie": "tie"}),
    )
    one, two = (preference_table(one).iloc[0] for one in (judged, mirrored))
    assert one["rate"] == two["rate"]
    assert one["se"] == pytest.approx(two["se"])
    bias, other = side_bias(judged), side_bias(mirrored)
    assert bias.left_share == pytest.approx(1 - other.left_share)
    a, b = (davidson_table(one).set_index("condition") for one in (judged, mirrored))
    assert a["strength"].to_dict() == pytest.approx(b["strength"].to_dict())
    assert a["left_bias"].iloc[0] == pytest.approx(-b["left_bias"].iloc[0])


def test_ties_count_for_neither_side_of_a_worker(points):
    judged = table(np.sign(points))
    found = worker_table(judged).set_index("worker").loc["w0"]
    mine = judged[judged["worker"] == "w0"]["choice"]
    assert found["n"] == 8
    assert found["left_share"] == pytest.approx((mine == "left").sum() / (mine != "tie").sum())
    assert agreement_table(judged)["n_ratings"].iloc[0] <= (np.sign(points) != 0).sum()


def test_a_scales_mean_is_in_points(points):
    judged = table(points, kind="scale")
    row = scale_table(judged).iloc[0]
    assert row["mean"] == pytest.approx(points.mean())
    assert row["sd"] == pytest.approx(points.std(ddof=1))
    assert row["low"] < row["mean"] < row["high"]
    assert row["prefer_a"] == pytest.approx((points > 0).mean())
    spread = distribution_table(judged).set_index("points")
    assert spread["n"].to_dict() == {point: int((points == point).sum()) for point in range(-2, 3)}
    assert spread["share"].sum() == pytest.approx(1)
    # By its sides it has the same rate as the ties have.
    assert (
        preference_table(judged)["rate"].iloc[0] == preference_table(table(np.sign(points)))["rate"].iloc[0]
    )
    assert scale_table(table(np.sign(points))).empty


def test_means_of_nothing_are_tested_at_their_level():
    rng = np.random.default_rng(5)
    p = []
    for study in range(120):
        latent = rng.normal(0, 1, (15, 10)) + rng.normal(0, 0.5, (15, 1)) * rng.choice([-1, 1], (15, 10))
        p.append(scale_table(table(np.clip(np.round(latent), -2, 2).astype(int), kind="scale", workers=15,
                                   items=10, seed=study))["p_value"].iloc[0])  # fmt: skip
    assert np.mean(np.array(p) < 0.05) < 0.12


def test_bradley_terry_takes_ties_as_halves(points):
    judged = table(np.sign(points))
    ranking = rank_conditions(judged)[0]
    rate = preference_table(judged)["rate"].iloc[0]
    gap = ranking.strengths[0] - ranking.strengths[1]
    assert 1 / (1 + np.exp(-gap)) == pytest.approx(rate, abs=0.03)


def test_davidson_says_why_it_has_nothing(points):
    never = davidson_table(table(np.where(points == 0, 1, np.sign(points)).astype(int)))
    assert never.empty  # no tie was given, so that the answers are choices
    always = table(np.ones((12, 8), dtype=int))
    always.loc[0, "choice"] = "tie"
    found = davidson_table(always)
    assert found["strength"].isna().all()
    assert "no maximum" in found["note"].iloc[0]


def test_questions_that_go_together_correlate(points):
    rng = np.random.default_rng(9)
    other = np.where(rng.random(points.shape) < 0.8, points, rng.integers(-2, 3, points.shape))
    asked = {
        name: analysed(table(values, kind="scale", seed=0))
        for name, values in (("quality", points), ("fit", other), ("noise", rng.permutation(points)))
    }
    found = correlation_table(asked).set_index(["question_1", "question_2"])
    own = found.loc[("quality", "fit")]
    assert own["correlation"] == pytest.approx(np.corrcoef(points.ravel(), other.ravel())[0, 1])
    assert 0 < own["low"] < own["correlation"] < own["high"] < 1
    assert list(found.index) == [("quality", "fit"), ("quality", "noise"), ("fit", "noise")]
    same = correlation_table({"one": asked["quality"], "two": asked["quality"]}).iloc[0]
    assert same["correlation"] == pytest.approx(1)
    assert "no interval" in same["note"]


def test_judgments_of_several_questions_are_not_mixed(points):
    judged = pd.concat([table(points).assign(question=name) for name in ("quality", "fit")])
    with pytest.raises(GlimpseError, match=r"of several questions \(quality, fit\); pass those of one"):
        preference_table(judged)


@pytest.mark.parametrize("cluster", list(CLUSTERS))
def test_every_way_of_clustering_takes_ties(points, cluster):
    row = preference_table(
        table(np.sign(points)), settings=Intervals(cluster=cluster), rng=np.random.default_rng(0)
    ).iloc[0]
    assert row["low"] < row["rate"] < row["high"]
