"""Clustered variances: those of R, the published formulas by hand, and brute force over pairs of answers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.stats.sandwich_covariance import cov_cluster_2groups

from glimpse.analysis.statistics import clustering, sharing
from glimpse.analysis.statistics.covariance import Tally
from glimpse.analysis.statistics.gathering import gather
from glimpse.analysis.statistics.grouping import analysed
from glimpse.analysis.statistics.preference import preference_table, rates_of
from tests.analysis.arrays import cell_variances, judgments_of, score_covariances, tally_by_answer

DATA = Path(__file__).parents[2] / "data" / "clustered"


@pytest.fixture(scope="module")
def answers():
    return pd.read_csv(DATA / "answers.csv")


@pytest.fixture(scope="module")
def golden():
    """Variances of the mean by R 4.2.2: sandwich 3.0-2 (vcovCL) and lme4 1.1-31 (lmer); see golden.R."""
    return pd.read_csv(DATA / "golden.csv").set_index("what")["variance"]


def of_mean(answers, cluster="images"):
    residual = (answers["chose_a"] - answers["chose_a"].mean()) / len(answers)
    ways = [answers[name].to_numpy() for name in ("worker", "image_a", "image_b")]
    return score_covariances(residual.to_numpy()[:, None], *ways, cluster=cluster)


def test_three_ways_of_clustering_are_those_of_r(answers, golden):
    assert of_mean(answers).combined[0, 0] == pytest.approx(golden["worker+image_a+image_b"], rel=1e-9)
    assert of_mean(answers, "worker").combined[0, 0] == pytest.approx(golden["worker"], rel=1e-9)


def test_the_columns_of_the_table_are_those_of_r(answers, golden):
    row = preference_table(
        judgments_of(answers["chose_a"], *(answers[name] for name in ("worker", "image_a", "image_b")))
    ).iloc[0]
    for name in ("worker", "image_a", "image_b"):
        assert row[f"se_{name}"] ** 2 == pytest.approx(golden[name], rel=1e-9)
    floors = (golden["worker"], (golden["image_a"] + golden["image_b"]) / 2, row["se_pair"] ** 2)
    assert row["se"] ** 2 == pytest.approx(max(golden["worker+image_a+image_b"], *floors), rel=1e-9)


def test_a_crossed_mixed_model_finds_about_the_same_error(answers, golden):
    """lme4: chose_a ~ 1 + (1 | worker) + (1 | image_a) + (1 | image_b). Its error is that of another
    estimator of the mean, under normal effects: within a tenth here."""
    ours = np.sqrt(of_mean(answers).variance(np.ones(1)))
    assert float(ours / np.sqrt(golden["lmer"])) == pytest.approx(1, abs=0.1)


def meat(scores, *codes):
    """One term of Cameron, Gelbach & Miller (2011): the outer products of clusters' sums, G / (G - 1)."""
    code = pd.factorize(pd.Series(list(zip(*codes, strict=True))))[0]
    sums = np.array([scores[code == g].sum(axis=0) for g in range(code.max() + 1)])
    return len(sums) / (len(sums) - 1) * sums.T @ sums


def test_three_ways_follow_inclusion_and_exclusion():
    rng = np.random.default_rng(0)
    scores, (w, a, b) = rng.normal(size=(60, 2)), [rng.integers(0, g, 60) for g in (5, 6, 7)]
    expected = (meat(scores, w) + meat(scores, a) + meat(scores, b) - meat(scores, w, a)
                - meat(scores, w, b) - meat(scores, a, b) + meat(scores, w, a, b))  # fmt: skip
    assert score_covariances(scores, w, a, b).combined == pytest.approx(expected)
    two = meat(scores, w) + meat(scores, a, b) - meat(scores, w, a, b)
    assert score_covariances(scores, w, a, b, cluster="two-way").combined == pytest.approx(two)


def test_the_variance_of_a_rate_is_the_formula_by_hand():
    chose = np.array([1, 0, 1, 1, 1, 0, 0, 1, 1], dtype=bool)
    worker, pair = np.repeat([0, 1, 2], 3), np.tile([0, 1, 2], 3)
    found = cell_variances(chose, worker, pair)
    e = (chose - chose.mean()).reshape(3, 3)
    v_worker = 1.5 * (e.sum(axis=1) ** 2).sum() / 81
    v_pair = 1.5 * (e.sum(axis=0) ** 2).sum() / 81
    v_answer = 9 / 8 * (e**2).sum() / 81
    assert found.alone["worker"][0] == pytest.approx(v_worker)
    for way in ("pair", "image_a", "image_b"):
        assert found.alone[way][0] == pytest.approx(v_pair)
    assert found.alone["answer"][0] == pytest.approx(v_answer)
    assert found.combined[0] == pytest.approx(max(v_worker + v_pair - v_answer, v_worker, v_pair, v_answer))


def test_the_variance_is_never_below_its_parts():
    below = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        chose, (w, a, b) = rng.random(90) < 0.5, [rng.integers(0, g, 90) for g in (6, 5, 7)]
        found = cell_variances(chose, w, a, b)
        residual = (chose - chose.mean())[:, None] / 90
        plain = score_covariances(residual, w, a, b).combined[0, 0]
        sides = (found.alone["image_a"][0] + found.alone["image_b"][0]) / 2
        parts = [plain, sides, *(found.alone[way][0] for way in ("worker", "pair", "answer"))]
        assert found.combined[0] == pytest.approx(max(parts))
        below += plain < max(parts) * (1 - 1e-9)
    assert below > 5  # so that the floor was needed


def test_a_pair_shown_twice_to_a_worker_is_one_cluster():
    chose = np.array([1, 1, 0, 0, 1, 0], dtype=bool)
    worker, pair = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 1, 1, 2, 3])
    found = cell_variances(chose, worker, pair)
    sums = np.array([1.0, -1.0, 0.5, -0.5])
    assert found.alone["answer"][0] == pytest.approx(4 / 3 * (sums**2).sum() / 36)


def test_clusters_with_one_rate_have_exactly_no_variance():
    """No binary fraction holds a third: rounding would leave a residue."""
    chose = np.tile([True, False, False], 7 * 10)
    found = cell_variances(chose, np.repeat(np.arange(70), 3), np.tile(np.arange(30), 7))
    assert found.alone["worker"].tolist() == [0.0]


def several_contrasts(seed=0, n=80):
    """Three contrasts of three conditions: an image of `m` stands as A in one and as B in another."""
    rng = np.random.default_rng(seed)
    contrast = rng.choice(["m:real", "k:m", "k:real"], n)
    return pd.DataFrame({
        "worker": rng.integers(0, 7, n), "contrast": contrast, "exposure_ms": 500.0,
        "item_a": rng.integers(0, 4, n), "item_b": rng.integers(0, 4, n), "chose_a": rng.random(n) < 0.6,
        "side_of_a": rng.choice(["left", "right"], n), "sentinel": False, "excluded": False, "reason": "",
    }).sort_values("worker", ignore_index=True)  # fmt: skip


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_over_contrasts_every_two_answers_that_share_a_worker_or_an_image_count(monkeypatch, seed, dense):
    """Dyadic clustering (Aronow, Samii & Assenova 2015, eq. 1) by its definition: S' M S, with M[i, j] = 1
    where answers i and j share their worker or any image, on whichever side. Corrections are set aside."""
    monkeypatch.setattr(Tally, "_correction", lambda *_: 1.0)
    monkeypatch.setattr(clustering, "DENSE", 512 if dense else 3)
    frame = several_contrasts(seed)
    n = len(frame)
    gathered = gather(frame)
    row = gathered.cells.index[[0, 1, 2]]
    assert len(row) == 3
    cell_of = dict(zip(gathered.cells["contrast"], row, strict=True))
    cell = frame["contrast"].map(cell_of).to_numpy()
    scores = np.random.default_rng(seed).normal(size=(n, 2))
    tally = tally_by_answer(frame, cell)
    found = tally.covariances(scores, "all", 0).combined

    names = frame["contrast"].str.split(":", expand=True)
    images = [set(zip(names.loc[i], frame.loc[i, ["item_a", "item_b"]], strict=True)) for i in range(n)]
    worker = frame["worker"].to_numpy()
    share = np.array([[worker[i] == worker[j] or bool(images[i] & images[j]) for j in range(n)]
                      for i in range(n)])  # fmt: skip
    crossed = sum(frame["contrast"][i] != frame["contrast"][j] and worker[i] != worker[j] and share[i, j]
                  for i in range(n) for j in range(n))  # fmt: skip
    assert crossed > 100
    assert found == pytest.approx(scores.T @ share @ scores)


def test_least_squares_by_two_ways_is_that_of_statsmodels():
    rng = np.random.default_rng(0)
    X, worker, pair = rng.normal(size=(200, 2)), rng.integers(0, 15, 200), rng.integers(0, 11, 200)
    fit = sm.OLS(rng.normal(size=200), X).fit()
    inverse = np.linalg.inv(X.T @ X)
    _, by_worker, by_pair = cov_cluster_2groups(fit, worker, pair)
    for cluster, expected in (("worker", by_worker), ("pair", by_pair)):
        ours = score_covariances(X * fit.resid[:, None], worker, pair, cluster=cluster).transform(inverse)
        # statsmodels also multiplies by (n - 1) / (n - k).
        assert ours.combined == pytest.approx(expected * 198 / 199)


def test_effective_clusters_are_those_of_the_counts():
    """Carter, Schnepel & Steigerwald (2017): one of ten workers has half of the answers."""
    worker = np.concatenate([np.zeros(90, dtype=int), np.repeat(np.arange(1, 10), 10)])
    pair = np.tile(np.arange(30), 6)
    chose = np.random.default_rng(0).random(180) < 0.6
    found = cell_variances(chose, worker, pair)
    assert found.clusters["worker"][0] == 10
    assert found.effective["worker"][0] == pytest.approx(180**2 / (90**2 + 9 * 10**2)) == 3.6
    assert found.effective["image"][0] == pytest.approx(30)
    assert found.df[0] == pytest.approx(2.6)
    even = cell_variances(chose, np.arange(180) % 10, pair)
    assert even.df[0] == pytest.approx(9)


def test_effective_images_are_those_of_the_side_that_has_the_fewest():
    rng = np.random.default_rng(0)
    a, b, chose = rng.integers(0, 40, 200), np.repeat([0, 1, 2, 3], [110, 30, 30, 30]), rng.random(200) < 0.5
    expected = 200**2 / (110**2 + 3 * 30**2)
    one = cell_variances(chose, np.arange(200) % 20, a, b)
    two = cell_variances(~chose, np.arange(200) % 20, b, a)
    assert one.effective["image"][0] == two.effective["image"][0] == pytest.approx(expected)
    assert one.df[0] == two.df[0] == pytest.approx(expected - 1)


@pytest.mark.parametrize("cluster", ["images", "two-way", "worker", "pair"])
def test_parts_and_sparse_sums_give_what_the_whole_gives(monkeypatch, cluster):
    frame = several_contrasts(4, 400)
    whole = analysed(frame, cluster=cluster)
    scores = np.random.default_rng(0).normal(size=(len(whole.by_side.cell), 2))
    expected = whole.by_side.covariances(scores, "all", 0)
    rates = rates_of(whole)
    monkeypatch.setattr(sharing, "PART", 23)
    monkeypatch.setattr(clustering, "DENSE", 2)
    monkeypatch.setattr(clustering, "BLOCK", 5)
    parts = analysed(frame, cluster=cluster)
    found = parts.by_side.covariances(scores, "all", 0)
    assert found.combined == pytest.approx(expected.combined, rel=1e-12)
    assert found.df == expected.df
    for one, two in zip(found.floors, expected.floors, strict=True):
        assert one == pytest.approx(two, rel=1e-12)
    assert rates_of(parts).combined.tolist() == rates.combined.tolist()
    assert {way: n.tolist() for way, n in rates_of(parts).clusters.items()} == {
        way: n.tolist() for way, n in rates.clusters.items()
    }
