"""Simultaneous intervals and rank sets: against csranks and the studentised range, by brute force, by
recovery, and turned about."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from glimpse.analysis.statistics.rank_sets import (
    joint_statements,
    marginal_sets,
    simultaneous_sets,
    stepwise,
)
from glimpse.analysis.statistics.simultaneous import (
    Estimates,
    critical_value,
    gap_intervals,
    intervals,
    simulate,
)

# Scores and standard errors of PISA 2018 (OECD, mathematics), with the sets of ranks that the R package
# csranks prints for them (github.com/danielwilhelm/R-CS-ranks, examples/mathsimul.jpg and mathmarg.jpg).
PISA = Path(__file__).parents[2] / "data" / "pisa_ranks.csv"


def estimates(theta, covariance, df=np.inf):
    known = Estimates.known(np.asarray(theta, float), np.asarray(covariance, float))
    return Estimates(known.theta, known.covariance, known.se, known.se_gaps, df)


def sets_of(found):
    return list(zip(found.low.tolist(), found.high.tolist(), strict=True))


def test_the_rank_sets_of_csranks_are_found():
    rows = list(csv.DictReader(PISA.read_text().splitlines()))
    scores, errors = (np.array([float(row[name]) for row in rows]) for name in ("score", "se"))
    given = estimates(scores, np.diag(errors**2))
    simulated = simulate(given, np.random.default_rng(0))
    published = [(int(row["low"]), int(row["high"])) for row in rows]
    assert sets_of(simultaneous_sets(given, simulated, 0.95)) == published
    # Of the 74 ends of marginal sets a few lie so near to the limit that the draws decide them.
    marginal = sets_of(marginal_sets(given, simulated, 0.95))
    known = [(int(row["marginal_low"]), int(row["marginal_high"])) for row in rows]
    assert sum(one != other for one, other in zip(marginal, known, strict=True)) <= 2


@pytest.mark.parametrize("conditions", [3, 8, 20])
def test_the_critical_value_of_equal_errors_is_that_of_the_studentised_range(conditions):
    given = estimates(np.zeros(conditions), np.eye(conditions))
    found = critical_value(simulate(given, np.random.default_rng(1), 40_000).gaps, 0.95)
    expected = stats.studentized_range.ppf(0.95, conditions, 1e6) / np.sqrt(2)
    assert found == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("df", [3, 12, 300])
def test_one_difference_has_the_quantile_of_student(df):
    given = estimates([0, 0], np.eye(2), df)
    found = critical_value(simulate(given, np.random.default_rng(2), 40_000).gaps, 0.95)
    assert found == pytest.approx(stats.t.ppf(0.975, df), rel=0.03)


@pytest.mark.parametrize("df", [4, 12])  # fewer and more than the rank of the covariance
def test_errors_of_errors_are_those_of_samples(df):
    """Samples of df + 1 vectors, each with the t statistics of all its differences, as a second estimator."""
    rng = np.random.default_rng(3)
    root = rng.normal(size=(6, 6))
    sample = rng.normal(size=(20_000, df + 1, 6)) @ root.T
    i, j = np.triu_indices(6, 1)
    gap = sample[..., i] - sample[..., j]
    t = gap.mean(axis=1) / gap.std(axis=1, ddof=1) * np.sqrt(df + 1)
    expected = np.quantile(np.abs(t).max(axis=1), 0.95)
    given = estimates(np.zeros(6), root @ root.T, df)
    assert critical_value(simulate(given, rng, 20_000).gaps, 0.95) == pytest.approx(expected, rel=0.04)


def test_statements_hold_as_often_as_they_say():
    """Of 400 sets of estimates with a known truth: all at once in 95 %, and each alone in no less."""
    rng = np.random.default_rng(4)
    truth = np.array([1.2, 0.8, 0.75, 0.1, -0.2, -0.9])
    root = rng.normal(size=(6, 6)) / 8
    ranks = 1 + np.arange(6)
    held = {"strengths": 0, "differences": 0, "ranks": 0}
    alone = np.zeros(6)
    for _ in range(400):
        given = estimates(truth + root @ rng.normal(size=6), root @ root.T)
        simulated = simulate(given, rng, 1_000)
        low, high = intervals(given, simulated, 0.95)
        held["strengths"] += bool(((low <= truth) & (truth <= high)).all())
        low, high = gap_intervals(given, simulated, 0.95)
        gap = truth[:, None] - truth
        held["differences"] += bool(((low - 1e-9 <= gap) & (gap <= high + 1e-9)).all())
        found = simultaneous_sets(given, simulated, 0.95)
        held["ranks"] += bool(((found.low <= ranks) & (ranks <= found.high)).all())
        found = marginal_sets(given, simulated, 0.95)
        alone += (found.low <= ranks) & (ranks <= found.high)
    for name in ("strengths", "differences"):
        assert held[name] / 400 == pytest.approx(0.95, abs=0.035), name
    assert held["ranks"] / 400 > 0.92  # sets of whole ranks hold more often
    assert (alone / 400 > 0.92).all()


def test_a_difference_without_an_error_says_nothing():
    together = np.ones((3, 3))  # all strengths err alike
    given = estimates([1.0, 0.0, -1.0], together)
    found = joint_statements(given, 0.95, np.random.default_rng(0), 200)
    assert sets_of(found.all_ranks) == [(1, 3)] * 3


def test_unknown_errors_give_no_statements():
    for df, covariance in ((0.0, np.eye(2)), (5.0, np.full((2, 2), np.nan))):
        unknown = Estimates(np.zeros(2), covariance, np.ones(2), np.ones((2, 2)), df)
        assert joint_statements(unknown, 0.95, np.random.default_rng(0)) is None


def test_steps_reject_more_than_one_look():
    """With all but one hypothesis gone, the last is judged by its own error alone."""
    errors = np.random.default_rng(5).normal(size=(20_000, 6)).astype(np.float32)
    observed = np.array([9.0, 9.0, 9.0, 9.0, 9.0, 2.55])  # alone 1.96, of six 2.63
    assert stepwise(np.array([2.55, 0, 0, 0, 0, 0.0]), errors, 0.95).tolist() == [0] * 6
    assert stepwise(observed, errors, 0.95).tolist() == [1] * 6


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.permutations(range(5)), st.floats(0.1, 10))
def test_names_units_and_the_direction_do_not_matter(seed, order, unit):
    rng = np.random.default_rng(seed)
    theta, root = rng.normal(size=5), rng.normal(size=(5, 5)) / 3
    covariance, order = root @ root.T, list(order)
    one = estimates(theta, covariance)
    simulated = simulate(one, np.random.default_rng(0), 500)
    sets = sets_of(simultaneous_sets(one, simulated, 0.9))
    alone = sets_of(marginal_sets(one, simulated, 0.9))
    assert all(low <= own_low and own_high <= high
               for (low, high), (own_low, own_high) in zip(sets, alone, strict=True))  # fmt: skip
    # The same errors, of conditions in another order, in another unit, and of weakness.
    i, j = np.triu_indices(5, 1)
    errors = np.zeros((500, 5, 5), dtype=np.float32)
    errors[:, i, j], errors[:, j, i] = simulated.gaps, -simulated.gaps
    other = type(simulated)(
        simulated.strengths[:, order], errors[:, order][:, :, order][:, i, j], simulated.pairs
    )
    turned = estimates(unit * theta[order] + 3, unit**2 * covariance[np.ix_(order, order)])
    assert sets_of(simultaneous_sets(turned, other, 0.9)) == [sets[at] for at in order]
    assert sets_of(marginal_sets(turned, other, 0.9)) == [alone[at] for at in order]
    weak = estimates(-theta, covariance)
    mirrored = type(simulated)(-simulated.strengths, -simulated.gaps, simulated.pairs)
    assert sets_of(simultaneous_sets(weak, mirrored, 0.9)) == [(6 - high, 6 - low) for low, high in sets]
