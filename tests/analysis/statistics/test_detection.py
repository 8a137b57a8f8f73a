"""Signal detection: golden cases, second estimators, invariances, recovery, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import ndtr
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.families.links import Probit

from benchmarks import detection as simulated
from glimpse.analysis.statistics.detection import d_prime, detection_table
from glimpse.analysis.statistics.detection_answers import SingleAnswers, single_answers, ways_of
from glimpse.analysis.statistics.detection_areas import fit_binormal, roc_points
from glimpse.analysis.statistics.detection_differences import detection_differences
from glimpse.analysis.statistics.detection_workers import detection_means, detection_workers
from glimpse.analysis.statistics.preference import Intervals
from glimpse.errors import GlimpseError, NothingLeftError

# Ratings -3..3 of 100 generated and 100 real images.
GENERATED, REAL = np.array([5, 8, 12, 15, 25, 35]), np.array([30, 25, 18, 12, 10, 5])
RATINGS = np.array([-3, -2, -1, 1, 2, 3])


ENDS = ["d_prime", "d_low", "d_high", "criterion_low", "criterion_high"]


def of_counts(generated, real, ratings=RATINGS):
    """Every answer by a worker of its own, about an image of its own."""
    n, m = generated.sum(), real.sum()
    truth = np.arange(n + m) < n
    rating = np.concatenate([np.repeat(ratings, generated), np.repeat(ratings, real)])
    each, zeros = np.arange(n + m), np.zeros(n + m, dtype=int)
    return SingleAnswers(each, each, truth.astype(int), zeros, truth, rating, ("real", "m"), assignment=zeros)


def yes_no(hits, misses, alarms, rejections):
    return of_counts(np.array([misses, hits]), np.array([rejections, alarms]), np.array([-1, 1]))


@pytest.fixture(scope="module")
def crossed():
    """12 workers, 20 images of each of three conditions, two exposures; confidence of six steps."""
    rng = np.random.default_rng(5)
    w, c, i, t = (part.ravel() for part in np.meshgrid(*map(np.arange, (12, 3, 20, 2)), indexing="ij"))
    seen = np.array([-0.7, 0.2, 1.0])[c] * (t + 1) / 2
    seen = seen + rng.normal(0, 0.4, 12)[w] + rng.normal(0, 0.5, (3, 20))[c, i] + rng.normal(size=len(w))
    rating = np.searchsorted((-1.2, -0.5, 0, 0.5, 1.2), seen) - 3
    rating = np.where(rating >= 0, rating + 1, rating)
    return SingleAnswers(w, c * 20 + i, c, t, c > 0, rating, ("real", "a", "b"), (100.0, 800.0))


def test_golden_of_psycho():
    """psycho::dprime of R (0.6.x; with the correction of Hautus, its default): qnorm((h + .5) / (n + 1)) by
    hand in R 4.2.2."""
    for counts, d, c in [
        ((9, 1, 2, 7), 1.7712933122896, -0.211156905948716),
        ((40, 10, 5, 45), 2.05887242387949, 0.208644123607364),
        ((80, 20, 30, 70), 1.34977219441804, -0.156172382087556),
    ]:
        assert d_prime(*counts) == pytest.approx((d, c), rel=1e-12)
        row = detection_table(yes_no(*counts)).iloc[0]
        assert (row["d_prime"], row["criterion"]) == pytest.approx((d, c), rel=1e-12)


def test_golden_standard_error_of_a_probit_regression():
    """glm(y ~ x, binomial(probit)) of R 4.2.2: the slope is d' (DeCarlo 1998), its error the same but for
    n / (n - 1) and the log-linear rates."""
    for counts, se in [((40, 10, 5, 45), 0.315070761511221), ((80, 20, 30, 70), 0.19438285561222)]:
        assert detection_table(yes_no(*counts)).iloc[0]["d_se"] == pytest.approx(se, rel=0.04)


def test_golden_area_of_proc():
    """auc() and var() (DeLong) of pROC 1.18.0, R 4.2.2."""
    row = detection_table(of_counts(GENERATED, REAL)).iloc[0]
    assert row["area"] == pytest.approx(0.80305, rel=1e-12)
    assert row["area_se"] ** 2 == pytest.approx(0.000937993888888889, rel=1e-9)
    points = np.stack([roc_points(REAL), roc_points(GENERATED)])
    assert points[:, 1:4].tolist() == pytest.approx(np.array([[0.05, 0.15, 0.27], [0.35, 0.6, 0.75]]))


def test_golden_binormal_of_ordinal():
    """clm(y ~ x, scale = ~x, link = "probit") of the R package ordinal, R 4.2.2."""
    fit = fit_binormal(GENERATED, REAL)
    assert (fit.mean, np.log(fit.sd)) == pytest.approx((1.28671178571929, 0.0597460945532037), abs=2e-5)
    assert fit.criteria[0] == pytest.approx(-0.513179349801252, abs=1e-5)
    assert fit.criteria[-1] == pytest.approx(1.68631380742986, abs=1e-5)
    assert (fit.area, fit.d_a, fit.slope) == pytest.approx(
        (0.811186643777376, 1.24772893270478, 0.942003683088321), abs=1e-5
    )
    assert fit.log_likelihood == pytest.approx(-325.734863516605, abs=1e-8)


@pytest.mark.parametrize("counts", [([0, 0, 10], [10, 0, 0]), ([5, 5], [5, 5]), ([0, 5, 0], [0, 4, 0])])
def test_a_binormal_curve_that_is_not_identified_is_none(counts):
    assert fit_binormal(*map(np.array, counts)) is None


@pytest.mark.parametrize("way", ["worker", "image"])
def test_errors_are_those_of_a_clustered_probit_regression(crossed, way):
    """statsmodels, one way at a time: the sandwich of a probit regression on the truth."""
    for condition in (1, 2):
        keep = (crossed.condition == condition) | ~crossed.generated
        mine = crossed.where(keep)
        X = np.stack([np.ones(keep.sum()), mine.generated - 0.5], axis=1)
        groups = getattr(mine, way)
        fit = sm.GLM(mine.said_generated.astype(float), X, Binomial(Probit())).fit(
            cov_type="cluster", cov_kwds={"groups": groups}
        )
        row = detection_table(crossed, ways=(way,)).iloc[condition - 1]
        assert row["d_prime"] == pytest.approx(fit.params[1], abs=0.01)
        assert row["criterion"] == pytest.approx(-fit.params[0], abs=0.01)
        assert row["d_se"] == pytest.approx(fit.bse[1], rel=0.04)
        assert row["criterion_se"] == pytest.approx(fit.bse[0], rel=0.04)


def test_both_ways_are_the_sum_less_what_they_share(crossed):
    """V = V_worker + V_image - V_answer, of one exposure, at which a worker sees an image once."""
    one = crossed.where(crossed.exposure == 0)
    both = detection_table(one)["d_se"] ** 2
    parts = {way: detection_table(one, ways=(way,))["d_se"] ** 2 for way in ("worker", "image")}
    apart = SingleAnswers(
        np.arange(len(one.worker)), one.image, one.condition, one.exposure, one.generated, one.rating,
        one.conditions, one.exposures_ms, np.zeros(len(one.worker), dtype=int),
    )  # fmt: skip
    answer = detection_table(apart, ways=("worker",))["d_se"] ** 2
    expected = np.maximum.reduce([parts["worker"] + parts["image"] - answer, *parts.values(), answer])
    assert both.to_numpy() == pytest.approx(expected, rel=0.02)


def swapped(answers):
    """Real and generated change places, in the truth and in the answers."""
    kind = {0: 1, 1: 0}
    return SingleAnswers(
        answers.worker, answers.image, np.vectorize(kind.get)(answers.condition), answers.exposure,
        ~answers.generated, -answers.rating, ("m", "real")[::-1], answers.exposures_ms, answers.assignment,
    )  # fmt: skip


def test_labels_change_the_sign_of_the_criterion_alone(crossed):
    two = crossed.where(crossed.condition < 2)
    two = SingleAnswers(*(getattr(two, name) for name in ("worker", "image", "condition", "exposure",
                        "generated", "rating")), ("real", "m"), two.exposures_ms)  # fmt: skip
    here, there = (detection_table(one).iloc[0] for one in (two, swapped(two)))
    same = ["d_prime", "d_low", "d_high", "d_se", "errors", "errors_low", "errors_high", "area", "area_low",
            "area_se", "p_d"]  # fmt: skip
    assert here[same].tolist() == pytest.approx(there[same].tolist(), rel=1e-9)
    assert here["criterion"] == pytest.approx(-there["criterion"])
    assert here["criterion_low"] == pytest.approx(-there["criterion_high"])
    assert here["hit_rate"] == pytest.approx(1 - there["false_alarm_rate"])


def test_the_order_of_answers_and_names_does_not_matter(crossed):
    rng = np.random.default_rng(0)
    order = rng.permutation(len(crossed.worker))
    other = crossed.where(order)
    pd.testing.assert_frame_equal(detection_table(crossed), detection_table(other))
    names = rng.permutation(12)[crossed.worker]
    renamed = SingleAnswers(names, crossed.image, crossed.condition, crossed.exposure, crossed.generated,
                            crossed.rating, crossed.conditions, crossed.exposures_ms)  # fmt: skip
    pd.testing.assert_frame_equal(detection_table(crossed), detection_table(renamed))


def test_surer_answers_change_the_area_alone(crossed):
    plain = SingleAnswers(crossed.worker, crossed.image, crossed.condition, crossed.exposure,
                          crossed.generated, np.sign(crossed.rating), crossed.conditions,
                          crossed.exposures_ms)  # fmt: skip
    with_it, without = detection_table(crossed), detection_table(plain)
    areas = [name for name in with_it if name.startswith("area")]
    assert without[areas].isna().all().all()
    assert with_it[areas].notna().all().all()
    pd.testing.assert_frame_equal(with_it.drop(columns=areas), without.drop(columns=areas))


def test_conditions_and_exposures_are_what_their_own_answers_are(crossed):
    """A row says of a condition what an analysis of it alone says, but for adjusted p-values."""
    whole = detection_table(crossed, by_exposure=True).drop(columns="p_d_adjusted")
    for at, (condition, exposure) in enumerate([(1, 0), (1, 1), (2, 0), (2, 1)]):
        mine = (crossed.condition == condition) | ~crossed.generated
        alone = detection_table(crossed.where(mine & (crossed.exposure == exposure))).iloc[0]
        for name in ("d_prime", "d_low", "d_high", "criterion_low", "errors_low", "area_high", "p_d"):
            assert whole.loc[at, name] == pytest.approx(alone[name]), name


def test_rates_of_0_and_1_have_finite_intervals():
    rng = np.random.default_rng(1)
    w, c, i = (part.ravel() for part in np.meshgrid(*map(np.arange, (10, 2, 15)), indexing="ij"))
    for rating in (np.where(c > 0, 2, -2), np.where(c > 0, 2, rng.choice([-2, 2], len(w)))):
        answers = SingleAnswers(w, c * 15 + i, c, 0 * c, c > 0, rating, ("real", "m"))
        row = detection_table(answers).iloc[0]
        assert np.isfinite(row[ENDS].tolist()).all()
        assert 0 < row["d_low"] < row["d_prime"] < row["d_high"] < 12
        assert "0 or 1" in row["note"]
        assert row["p_d"] < 0.001


def test_more_hits_are_never_less_significant():
    """19 of 20 to 20 of 20: p falls as hits rise to all."""
    last = 1.0
    for hits in (14, 16, 18, 19, 20):
        row = detection_table(yes_no(hits, 20 - hits, 10, 10)).iloc[0]
        assert row["p_d"] < last
        last = row["p_d"]


def test_one_worker_or_no_real_answers_are_said():
    some = np.arange(8)
    one = SingleAnswers(0 * some, some, some % 2, 0 * some, some % 2 == 1, np.tile([-1, 1], 4), ("real", "m"))
    row = detection_table(one).iloc[0]
    assert row["note"].startswith("one worker")
    assert np.isnan(row[["d_low", "d_high", "p_d", "errors_low"]].tolist()).all()
    only = one.where(one.generated)
    row = detection_table(only).iloc[0]
    assert row["note"] == "no answers about real images"
    assert np.isnan(row["d_prime"])
    assert row["taken_for_real"] == 0


def test_real_answers_belong_to_the_people_who_saw_the_condition():
    """As in HYPE: each system has people of its own, who err on real images as they do."""
    w, i = (part.ravel() for part in np.meshgrid(np.arange(10), np.arange(8), indexing="ij"))
    generated, other = i < 4, w >= 5
    condition = np.where(generated, 1 + other, 0)
    rating = np.where(generated, 1, np.where(other & (i % 2 == 0), 1, -1))
    answers = SingleAnswers(w, condition * 8 + i, condition, 0 * w, generated, rating, ("real", "a", "b"))
    table = detection_table(answers).set_index("condition")
    assert table["n_real"].tolist() == [20, 20]
    assert table["false_alarm_rate"].tolist() == [0, 0.5]


def test_differences_are_those_of_the_table(crossed):
    table = detection_table(crossed, by_exposure=True)
    found = detection_differences(crossed, by_exposure=True)
    for measure in ("taken_for_real", "errors", "d_prime"):
        mine = found[found["measure"] == measure]
        expected = table[measure].to_numpy()[:2] - table[measure].to_numpy()[2:]
        assert mine["difference"].to_numpy() == pytest.approx(expected)
        assert mine["value_1"].to_numpy() == pytest.approx(table[measure].to_numpy()[:2])
    assert ((found["p_value"] < 0.05) == (found["low"] * found["high"] > 0)).all()
    taken, d = (found[found["measure"] == name] for name in ("taken_for_real", "d_prime"))
    errors = table["d_se"].to_numpy()
    assert (d["se"] < np.hypot(errors[:2], errors[2:])).all()  # real images are shared
    assert taken["p_value"].to_numpy() == pytest.approx(d["p_value"].to_numpy(), abs=0.02)


def test_workers_by_themselves(crossed):
    workers = detection_workers(crossed)
    first = crossed.where((crossed.worker == 3) & ((crossed.condition == 2) | ~crossed.generated))
    row = workers[(workers["worker"] == 3) & (workers["condition"] == "b")].iloc[0]
    said, real = first.said_generated, ~first.generated
    counts = [(said & ~real).sum(), (~said & ~real).sum(), (said & real).sum(), (~said & real).sum()]
    assert row["d_prime"] == pytest.approx(float(d_prime(*counts)[0]))
    means = detection_means(workers)
    mean = workers[workers["condition"] == "a"]["d_prime"].mean()
    assert means.set_index("condition").loc["a", "d_prime_mean"] == pytest.approx(mean)


def test_intervals_hold_the_truth():
    """A small, seeded part of benchmarks/detection.py, at the smallest size."""
    study = simulated.Study(8, 30, 1.0, 0.3)
    held = simulated.coverage(study, 120, np.random.default_rng(11))
    for name in ("d_prime", "criterion", "errors", "area"):
        assert 0.9 <= held[name] <= 1.0, name


def test_a_table_of_judgments_becomes_answers():
    table = pd.DataFrame({
        "worker": ["x", "x", "y", "y"], "assignment": ["p", "p", "q", "q"], "item": ["1", "1", "1", "2"],
        "condition": ["real", "m", "real", "m"], "exposure_ms": [np.nan, np.nan, np.nan, np.nan],
        "generated": [False, True, False, True], "rating": [-2, 1, 3, -1], "sentinel": False,
        "excluded": [False, False, False, True],
    })  # fmt: skip
    answers = single_answers(table, real="real")
    assert answers.conditions == ("real", "m")
    assert len(answers.worker) == 3
    assert answers.image.tolist() == [0, 1, 0]
    assert np.isnan(answers.exposures_ms).all()
    with pytest.raises(NothingLeftError, match="no answers"):
        single_answers(table[table["excluded"]], real="real")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rating": np.array([0, 1])}, "a rating is 0"),
        ({"worker": np.array([0])}, "2 values for 1 answers|has 2 values"),
        ({"condition": np.array([0, 2])}, "condition has codes up to 2; 2 are named"),
        ({"condition": np.array([0, 0])}, "has real and generated images"),
    ],
)
def test_what_is_refused(change, message):
    two = np.array([0, 1])
    given = {
        "worker": two, "image": two, "condition": two, "exposure": 0 * two, "generated": two > 0,
        "rating": np.array([-1, 1]), "conditions": ("real", "m"),
    }  # fmt: skip
    with pytest.raises(GlimpseError, match=message):
        SingleAnswers(**(given | change))


def test_bootstraps_are_refused():
    with pytest.raises(GlimpseError, match="cluster 'worker-bootstrap' is not for studies of single images"):
        ways_of(Intervals(cluster="worker-bootstrap"))


def test_the_truth_of_the_simulation_is_that_of_many_answers():
    study = simulated.Study(600, 3000, 1.5, 0.2)
    answers = simulated.draw(study, np.random.default_rng(2))
    H = answers.said_generated[answers.generated].mean()
    assert pytest.approx(study.truth["hit_rate"], abs=0.01) == H
    distance = study.truth["d_prime"] / 2 - study.truth["criterion"]
    assert study.truth["hit_rate"] == pytest.approx(float(ndtr(distance)))
