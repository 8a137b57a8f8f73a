"""Bradley-Terry: against Agresti's table, choix and statsmodels, by recovery, separated, and refused."""

import itertools
import json
from dataclasses import replace

import choix
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from glimpse.analysis.statistics import bradley_terry as bt
from glimpse.analysis.statistics.bradley_terry import DisconnectedError, design_matrix
from glimpse.analysis.statistics.grouping import analysed
from glimpse.analysis.statistics.preference import adjust
from glimpse.analysis.statistics.ranked import RANKING_COLUMNS, Ranking, differences_table, ranking_table
from glimpse.analysis.statistics.ranking import rank_conditions
from glimpse.errors import GlimpseError
from tests.analysis.arrays import bradley_terry

# Agresti, Categorical Data Analysis (2nd ed. 2002), table 10.10: American League East, 1987; row beat column.
TEAMS = ["Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore"]
WINS = np.array([
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
])  # fmt: skip
# Ibid., section 10.6.1: estimates against Baltimore.
PUBLISHED = [1.581, 1.436, 1.294, 1.248, 1.108, 0.684, 0.0]

CONTRASTS = (("crn", "real"), ("pix2pix", "real"), ("crn", "pix2pix"))
TRUTH = {"real": 1.0, "crn": 0.2, "pix2pix": -1.2}


def both_sides(wins):
    """Every game twice, once with the winner on the left: the intercept is then exactly 0."""
    winner, loser = (
        np.repeat(index, wins.ravel()) for index in (grid.ravel() for grid in np.indices(wins.shape))
    )
    left, right = np.concatenate([winner, loser]), np.concatenate([loser, winner])
    return left, right, np.repeat([True, False], len(winner))


def judgments(
    seed=0, workers=20, pairs=10, spread=0.5, truth=TRUTH, contrasts=CONTRASTS, left_bias=0.0, exposure=500.0
):
    rng = np.random.default_rng(seed)
    frames = []
    for number, (a, b) in enumerate(contrasts):
        a_left = np.tile([True, False], pairs)[None, :pairs] & np.ones((workers, 1), dtype=bool)
        logit = (
            truth[a] - truth[b] + rng.normal(0, spread, (1, pairs)) + np.where(a_left, left_bias, -left_bias)
        )
        chose = rng.random((workers, pairs)) < special.expit(logit)
        w, p = (grid.ravel() for grid in np.indices((workers, pairs)))
        a_left, chose = a_left.ravel(), chose.ravel()
        frames.append(pd.DataFrame({
            "worker": w, "pair": number * pairs + p, "item_a": number * pairs + p,
            "item_b": number * pairs + p, "contrast": f"{a}:{b}",
            "condition_a": a, "condition_b": b,
            "exposure_ms": exposure, "chose_a": chose, "side_of_a": np.where(a_left, "left", "right"),
            "chosen_side": np.where(chose == a_left, "left", "right"), "sentinel": False, "excluded": False,
            "reason": "",
        }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def with_sides(frame, chosen_side):
    """The same trials with other answers; every column says the same."""
    return frame.assign(chosen_side=chosen_side, chose_a=chosen_side == frame["side_of_a"])


def strengths(ranking):
    return dict(zip(ranking.conditions, ranking.strengths, strict=True))


def test_agresti_baseball_table_is_reproduced():
    fit = bradley_terry(*both_sides(WINS), TEAMS)
    assert fit.left_bias == pytest.approx(0, abs=1e-9)
    assert fit.theta - fit.theta[-1] == pytest.approx(np.array(PUBLISHED), abs=6e-4)
    assert fit.theta.sum() == pytest.approx(0)
    assert not fit.firth


def test_choix_finds_the_same_strengths():
    left, right, chose_left = both_sides(WINS)
    winner, loser = np.where(chose_left, left, right), np.where(chose_left, right, left)
    data = list(zip(winner.tolist(), loser.tolist(), strict=True))
    fit = bradley_terry(left, right, chose_left, TEAMS)
    assert fit.theta == pytest.approx(choix.opt_pairwise(len(TEAMS), data, method="Newton-CG"), abs=1e-5)
    assert fit.theta == pytest.approx(choix.ilsr_pairwise(len(TEAMS), data), abs=1e-5)


def test_statsmodels_finds_the_same_strengths_and_two_way_errors():
    frame = judgments(3, left_bias=0.3)
    names = ["crn", "pix2pix", "real"]
    code = {name: i for i, name in enumerate(names)}
    a_left = (frame["side_of_a"] == "left").to_numpy()
    a, b = frame["condition_a"].map(code).to_numpy(), frame["condition_b"].map(code).to_numpy()
    left, right = np.where(a_left, a, b), np.where(a_left, b, a)
    X = design_matrix(left, right, 3)
    y = (frame["chosen_side"] == "left").to_numpy().astype(float)
    logit = sm.GLM(y, X, family=sm.families.Binomial()).fit(tol=1e-12)
    fit = bradley_terry(left, right, y.astype(bool), names)
    assert fit.theta[:2] - fit.theta[2] == pytest.approx(logit.params[:2], abs=1e-7)
    assert fit.left_bias == pytest.approx(logit.params[2], abs=1e-7)
    assert fit.inverse == pytest.approx(logit.cov_params(), rel=1e-5)

    (ranking,) = rank_conditions(analysed(frame, cluster="two-way"))
    # statsmodels' sandwich of a logistic model, from its scores and Hessian.
    scores = X * (y - logit.fittedvalues)[:, None]
    bread = logit.cov_params(scale=1)
    worker, pair = (pd.factorize(frame[name])[0] for name in ("worker", "pair"))

    def meat(code):
        sums = np.array([scores[code == g].sum(axis=0) for g in range(code.max() + 1)])
        return len(sums) / (len(sums) - 1) * sums.T @ sums

    both = pd.factorize(worker * 1000 + pair)[0]
    two_way = bread @ (meat(worker) + meat(pair) - meat(both)) @ bread
    gap = ranking.differences[0]  # real against crn
    assert (gap.condition, gap.versus) == ("real", "crn")
    reach = (gap.high - gap.low) / 2
    one_way = [bread @ meat(code) @ bread for code in (worker, pair, both)]
    variance = max(m[0, 0] for m in [two_way, *one_way])
    assert reach == pytest.approx(stats.t.ppf(0.975, ranking.df) * np.sqrt(variance), rel=1e-6)


def test_strengths_and_left_bias_are_recovered():
    frames = [judgments(seed, workers=40, pairs=40, left_bias=0.25) for seed in range(8)]
    found = [rank_conditions(frame)[0] for frame in frames]
    for name, value in TRUTH.items():
        assert np.mean([strengths(r)[name] for r in found]) == pytest.approx(value, abs=0.1)
    assert np.mean([r.left_bias for r in found]) == pytest.approx(0.25, abs=0.07)
    assert all(r.conditions == ("real", "crn", "pix2pix") for r in found)


def test_an_interval_holds_its_strength():
    (ranking,) = rank_conditions(judgments(1))
    for low, value, high, se in zip(ranking.low, ranking.strengths, ranking.high, ranking.se, strict=True):
        assert low < value < high
        assert se > 0
    assert ranking.left_low < ranking.left_bias < ranking.left_high
    assert ranking.method == "maximum likelihood"


def test_firth_is_the_known_closed_form_for_one_contrast():
    """One contrast, no intercept: Firth's estimate is the log odds with half an answer added to each side."""
    n, k = 40, 40
    left, right = np.zeros(n, dtype=int), np.ones(n, dtype=int)
    fit = bradley_terry(left, right, np.arange(n) < k, ["a", "b"])
    assert fit.firth
    assert not fit.biased
    assert fit.theta[0] - fit.theta[1] == pytest.approx(np.log((k + 0.5) / (n - k + 0.5)))


def test_firth_of_a_known_small_table():
    """A saturated logistic model: Firth's penalty adds 1/2 to each cell (Heinze & Schemper 2002)."""
    left = np.repeat([0, 1], 20)
    right = 1 - left
    chose_left = np.concatenate([np.ones(20, dtype=bool), np.arange(20) < 5])
    fit = bradley_terry(left, right, chose_left, ["a", "b"])
    logit_a, logit_b = np.log(20.5 / 0.5), np.log(5.5 / 15.5)
    assert fit.firth
    assert fit.left_bias == pytest.approx((logit_a + logit_b) / 2)
    assert fit.theta[0] - fit.theta[1] == pytest.approx((logit_a - logit_b) / 2)


def test_separation_is_penalised_flagged_and_wide():
    frame = judgments(2)
    always = frame["contrast"] != "crn:pix2pix"
    side_of_b = np.where(frame["side_of_a"] == "left", "right", "left")
    frame = with_sides(frame, np.where(always, side_of_b, frame["chosen_side"]))
    (ranking,) = rank_conditions(frame)
    assert ranking.method == "Firth"
    assert "Firth's penalty" in ranking.note
    assert ranking.conditions[0] == "real"
    assert np.isfinite(ranking.strengths).all()
    assert ranking.high[0] - ranking.low[0] > 1.0


def test_a_rate_of_997_in_1000_is_finite():
    truth = {"real": 6.0, "crn": 0.2, "pix2pix": -0.2}
    (ranking,) = rank_conditions(judgments(4, truth=truth, workers=100, pairs=10))
    assert ranking.identified
    assert np.isfinite([*ranking.strengths, *ranking.low, *ranking.high]).all()


def test_without_firth_separation_is_refused():
    with pytest.raises(GlimpseError, match="the strengths are infinite"):
        bradley_terry(np.array([0, 1]), np.array([1, 0]), np.array([True, False]), ["a", "b"], firth=False)


def test_a_disconnected_graph_is_refused_by_name():
    truth = {**TRUTH, "sims": 0.0, "srgan": 0.1}
    frame = judgments(contrasts=(("crn", "real"), ("sims", "srgan")), truth=truth)
    (ranking,) = rank_conditions(frame)
    assert not ranking.identified
    assert "{crn, real} and {sims, srgan}" in ranking.note
    assert ranking.strengths == ()
    with pytest.raises(DisconnectedError, match=r"nothing links \{a\} and \{b, c\}"):
        bradley_terry(np.array([1, 2]), np.array([2, 1]), np.array([True, True]), ["a", "b", "c"])


def test_sides_that_were_not_mixed_are_said():
    frame = judgments(5, contrasts=(("crn", "real"),))
    frame["side_of_a"] = "left"
    frame["chosen_side"] = np.where(frame["chose_a"], "left", "right")
    (ranking,) = rank_conditions(frame)
    assert ranking.left_bias is None
    assert "the sides were not mixed" in ranking.note
    k, n = int(frame["chose_a"].sum()), len(frame)
    assert strengths(ranking)["crn"] - strengths(ranking)["real"] == pytest.approx(np.log(k / (n - k)))


def test_one_worker_gives_no_errors_and_no_numbers():
    (ranking,) = rank_conditions(judgments(workers=1))
    assert not ranking.identified
    assert "one worker or one image only" in ranking.note


def test_transitivity_is_rejected_where_contrasts_disagree_and_absent_without_spare_ones():
    frame = judgments(6, workers=60, spread=0.2)
    assert rank_conditions(frame)[0].transitivity_p > 0.001
    cycle = {("crn", "real"): 1.0, ("pix2pix", "real"): -1.0, ("crn", "pix2pix"): -1.0}
    parts = [judgments(7, workers=60, spread=0.2, truth={a: gap, b: 0.0}, contrasts=((a, b),))
             for (a, b), gap in cycle.items()]  # fmt: skip
    for number, part in enumerate(parts):
        for name in ("pair", "item_a", "item_b"):
            part[name] += 1000 * number
    (ranking,) = rank_conditions(pd.concat(parts))
    assert ranking.transitivity_p < 1e-3
    assert ranking.transitivity_df == 1
    (tree,) = rank_conditions(judgments(contrasts=CONTRASTS[:2]))
    assert tree.identified
    assert tree.transitivity_p is None


def test_exposures_are_ranked_apart_and_unlimited_time_is_one():
    frame = pd.concat([judgments(1, exposure=1000.0), judgments(2, exposure=125.0)])
    assert [r.exposure_ms for r in rank_conditions(frame)] == [125.0, 1000.0]
    assert [r.exposure_ms for r in rank_conditions(judgments(exposure=np.nan))] == [None]


def test_equal_strengths_share_a_rank():
    (ranking,) = rank_conditions(judgments())
    for strengths, ranks in (
        ((0.5, 0.5 - 1e-12, -1.0), [1, 1, 3]), ((0.0, 0.0, 0.0), [1, 1, 1]), ((1.0, -0.5, -0.5), [1, 2, 2]),
    ):  # fmt: skip
        assert ranking_table([replace(ranking, strengths=strengths)])["rank"].tolist() == ranks


def test_a_ranking_survives_json_and_makes_a_table():
    frame = pd.concat([judgments(1), judgments(workers=1, exposure=9000.0)])
    rankings = rank_conditions(frame)
    for ranking in rankings:
        assert Ranking.from_dict(json.loads(json.dumps(ranking.to_dict(), allow_nan=False))) == ranking
    table = ranking_table(rankings)
    assert tuple(table.columns) == RANKING_COLUMNS
    assert len(table) == 6
    assert table.loc[table["exposure_ms"] == 500, "rank"].tolist() == [1, 2, 3]
    assert table.loc[table["exposure_ms"] == 9000, "note"].str.contains("one worker").all()
    with pytest.raises(GlimpseError, match="unknown field"):
        Ranking.from_dict({"colour": 1})


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_swapping_all_sides_turns_the_left_bias_only(seed):
    frame = judgments(seed, workers=8, left_bias=0.3)
    turn = {"left": "right", "right": "left"}
    mirrored = frame.assign(
        side_of_a=frame["side_of_a"].map(turn), chosen_side=frame["chosen_side"].map(turn)
    )
    one, two = rank_conditions(frame)[0], rank_conditions(mirrored)[0]
    assert one.conditions == two.conditions
    assert one.strengths == pytest.approx(two.strengths, abs=1e-8)
    assert one.se == pytest.approx(two.se, abs=1e-8)
    assert one.left_bias == pytest.approx(-two.left_bias, abs=1e-8)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_names_order_of_rows_and_which_is_a_do_not_matter(seed):
    frame = judgments(seed, workers=8)
    names = {"real": "a", "crn": "z", "pix2pix": "m"}
    other = frame.assign(condition_a=frame["condition_b"].map(names),
                         condition_b=frame["condition_a"].map(names),
                         side_of_a=frame["side_of_a"].map({"left": "right", "right": "left"}),
                         chose_a=~frame["chose_a"]).sample(frac=1, random_state=seed)  # fmt: skip
    other["contrast"] = other["condition_a"] + ":" + other["condition_b"]
    one, two = rank_conditions(frame)[0], rank_conditions(other)[0]
    assert two.conditions == tuple(names[name] for name in one.conditions)
    assert one.strengths == pytest.approx(two.strengths, abs=1e-8)
    assert one.low == pytest.approx(two.low, abs=1e-7)
    assert one.transitivity_p == pytest.approx(two.transitivity_p, abs=1e-6)


def test_a_condition_that_always_wins_leaves_transitivity_untested():
    """Real over crn over pix2pix in every answer is as transitive as can be; its scores have no spread."""
    frame = judgments(0).assign(
        chose_a=lambda table: table["condition_a"].map(TRUTH) > table["condition_b"].map(TRUTH)
    )
    frame["chosen_side"] = np.where(
        frame["chose_a"], frame["side_of_a"], frame["side_of_a"].map({"left": "right", "right": "left"})
    )
    (ranking,) = rank_conditions(frame)
    assert (ranking.method, ranking.conditions) == ("Firth", ("real", "crn", "pix2pix"))
    assert (ranking.transitivity_f, ranking.transitivity_p) == (None, None)


def test_firth_s_estimate_is_found_for_any_few_answers():
    """Few answers let plain scoring run in circles; the maximum is that of a general optimiser."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        K = int(rng.integers(2, 6))
        i, j = np.array(
            [(i, j) for i in range(K) for j in range(K) if i != j and rng.random() < 0.6] or [(0, 1)]
        ).T
        X = design_matrix(i, j, K)
        if np.linalg.matrix_rank(X) < K:
            continue
        n = rng.integers(1, 6, len(X)).astype(float)
        k = rng.binomial(n.astype(int), rng.random(len(X)) ** 5).astype(float)
        beta, _ = bt._newton(X, n, k, penalised=True)
        best = optimize.minimize(lambda b, *data: -bt._penalised_likelihood(*data, b), np.zeros(K), (X, n, k))
        assert bt._penalised_likelihood(X, n, k, beta) >= -best.fun - 1e-9


def of_conditions(K, seed, pairs, workers, gap=0.0):
    """K conditions, all contrasts; a tenth of a logit apart, and a cycle of `gap` between the first three."""
    names = [f"c{number}" for number in range(K)]
    contrasts = list(itertools.combinations(names, 2))
    truth = {name: 0.1 * number for number, name in enumerate(names)}
    frame = judgments(seed, workers, pairs, 0.6, truth, contrasts)
    if gap:
        rng = np.random.default_rng(seed + 1)
        cycle = {"c0:c1": gap, "c1:c2": gap, "c0:c2": -gap}
        p = special.expit(frame["contrast"].map(cycle).fillna(0.0).to_numpy())
        chose = np.where(frame["contrast"].isin(cycle), rng.random(len(frame)) < p, frame["chose_a"])
        turned = frame["side_of_a"].map({"left": "right", "right": "left"})
        return with_sides(frame, np.where(chose, frame["side_of_a"], turned))
    return frame


def test_the_transitivity_test_has_its_size_with_six_conditions():
    """5 % of transitive studies are rejected; the Wald test of before rejected 0.0 to 0.3 %."""
    p = [rank_conditions(of_conditions(6, seed, 10, 20))[0].transitivity_p for seed in range(250)]
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.085


@pytest.mark.parametrize("workers", [6, 20])
def test_the_transitivity_test_appears_with_eight_conditions(workers):
    (ranking,) = rank_conditions(of_conditions(8, 0, 5, workers))
    assert ranking.transitivity_df == 28 - 7
    assert ranking.transitivity_p > 0.001
    (ranking,) = rank_conditions(of_conditions(8, 0, 5, 20, gap=2.0))
    assert ranking.transitivity_p < 0.01


def test_differences_are_adjusted_in_a_table():
    rankings = rank_conditions(pd.concat([judgments(1, exposure=125.0), judgments(2, exposure=1000.0)]))
    table = differences_table(rankings)
    assert table["exposure_ms"].tolist() == [125.0] * 3 + [1000.0] * 3
    for exposure_ms, rows in table.groupby("exposure_ms"):
        ranking = next(one for one in rankings if one.exposure_ms == exposure_ms)
        found = strengths(ranking)
        assert rows["p_adjusted"].to_numpy() == pytest.approx(adjust(rows["p_value"].to_numpy(), "holm"))
        gap = rows["condition"].map(found) - rows["versus"].map(found)
        assert rows["difference"].to_numpy() == pytest.approx(gap.to_numpy())
        assert (rows["difference"] >= 0).all()
        assert rows["wins"].to_numpy() == pytest.approx(special.expit(gap.to_numpy()))
        outside = (rows["low"] > 0) | (rows["high"] < 0)
        assert (outside == (rows["p_value"] < 0.05)).all()
    plain = differences_table(rank_conditions(judgments(1, exposure=125.0), adjustment="bh"))
    assert plain["p_adjusted"].to_numpy() == pytest.approx(adjust(plain["p_value"].to_numpy(), "bh"))
    assert differences_table([]).columns.tolist() == table.columns.tolist()


def test_images_that_recur_widen_the_intervals_of_strengths():
    frame = judgments(1, spread=0.9)
    few = frame.assign(item_a=frame["item_a"] % 10 // 3, item_b=frame["item_b"] % 10 % 3)
    (wide,), (narrow,) = rank_conditions(few), rank_conditions(frame)
    assert wide.strengths == pytest.approx(narrow.strengths)
    assert (wide.n_images, narrow.n_images) == (3, 20)  # of each condition, 10 beside either other
    assert wide.df < narrow.df
    assert wide.high[0] - wide.low[0] > narrow.high[0] - narrow.low[0]
