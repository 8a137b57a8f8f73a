"""Intervals that hold at every look: against the paper's formulas by hand, and how often they are wrong."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit, logit

from glimpse.betting import bets, interval, log_capital


def by_hand(xs, m, level=0.95):
    """Capital of betting that the rate is above m, observation by observation: the paper's hedge, one HIT."""
    alpha, wealth, seen = 1 - level, 1.0, []
    for t, x in enumerate(xs, start=1):
        means = [(0.5 + sum(seen[:i])) / (i + 1) for i in range(1, t)]
        variance = (0.25 + sum((y - mean) ** 2 for y, mean in zip(seen, means, strict=True))) / t
        size = math.sqrt(2 * math.log(2 / alpha) / (variance * t * math.log(t + 1)))
        wealth *= 1 + min(size, 0.75 / m) * (x - m)
        seen.append(x)
    return wealth


XS = [0.8, 0.6, 1.0, 0.7, 0.9, 0.0, 0.75]


@pytest.mark.parametrize("m", [0.2, 0.5, 0.7, 0.95])
def test_with_one_hit_it_is_the_papers_capital(m):
    means = np.array(XS)[:, None]
    assert math.exp(log_capital(means, m)[-1]) == pytest.approx(by_hand(XS, m), rel=1e-12)
    assert math.exp(log_capital(1 - means, 1 - m)[2]) == pytest.approx(
        by_hand([1 - x for x in XS[:3]], 1 - m), rel=1e-12
    )


def test_the_interval_is_where_nobody_has_won():
    """An independent search of a fine grid, every look by itself."""
    xs = np.tile(XS, 3)
    grid = np.arange(1, 250) / 250
    left = np.ones(len(grid), dtype=bool)
    for place, m in enumerate(grid):
        won = max(by_hand(xs[:t], m) for t in range(1, len(xs) + 1))
        lost = max(by_hand(1 - xs[:t], 1 - m) for t in range(1, len(xs) + 1))
        left[place] = max(won, lost) < 40
    low, high = interval(xs[:, None])
    assert (low, high) == pytest.approx((grid[left][0], grid[left][-1]), abs=1 / 250)


def test_bets_of_a_round_know_nothing_of_it():
    rng = np.random.default_rng(3)
    means = rng.random((9, 4))
    other = means.copy()
    other[5:] = rng.random((4, 4))
    assert np.array_equal(bets(means)[:6], bets(other)[:6])
    assert not np.array_equal(bets(means)[6:], bets(other)[6:])


def test_seen_from_the_other_side_the_interval_is_turned():
    rng = np.random.default_rng(4)
    means, weights = rng.random((15, 3)) ** 2, np.array([1.0, 2.0, 5.0])
    low, high = interval(means, weights)
    assert interval(1 - means, weights) == (1 - high, 1 - low)
    order = [2, 0, 1]
    assert interval(means[:, order], weights[order]) == pytest.approx((low, high), abs=1e-9)


def test_more_rounds_never_widen_it():
    means = np.random.default_rng(5).random((30, 4))
    ends = [interval(means[:rounds]) for rounds in range(31)]
    assert ends[0] == (0.0, 1.0)
    assert all(a[0] <= b[0] and b[1] <= a[1] for a, b in pairwise(ends))


def test_a_higher_level_is_wider():
    means = np.random.default_rng(6).random((30, 4))
    narrow, wide = interval(means, level=0.9), interval(means, level=0.99)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def studies(rate, *, hits, rounds, trials, worker_sd, hit_sd, n, seed):
    """Workers' means (n, rounds, hits), and the rate over the trials shown (n,); `trials` of each HIT."""
    rng = np.random.default_rng(seed)
    means, rates = np.empty((n, rounds, hits)), np.empty((n, hits))
    nodes, mass = np.polynomial.hermite_e.hermegauss(20)
    for hit, of_hit in enumerate(trials):
        theta = rng.normal(0, hit_sd, (n, 1, of_hit))
        shifted = logit(rate) + theta
        effect = rng.normal(0, worker_sd, (n, rounds, 1))
        means[..., hit] = rng.binomial(1, expit(shifted + effect)).mean(axis=-1)
        chance = expit(shifted[..., None] + worker_sd * nodes) @ (mass / mass.sum())
        rates[:, hit] = chance[:, 0].mean(axis=-1)
    return means, rates @ np.array(trials) / sum(trials)


@pytest.mark.parametrize(
    ("rate", "trials", "rounds", "worker_sd", "hit_sd"),
    [
        (0.5, [5] * 10, 20, 0.4, 0.6),  # the limited-time study: few pairs a cell in each HIT
        (0.5, [100] * 5, 10, 0.4, 0.6),  # the unlimited one
        (0.8, [1, 2, 9], 40, 1.0, 2.0),  # unequal numbers of trials, unequal pairs
        (0.9, [1], 60, 0.5, 1.0),
        (0.5, [3] * 4, 200, 1.5, 1.5),  # many looks
    ],
)
def test_it_is_wrong_at_any_look_at_most_as_often_as_it_says(rate, trials, rounds, worker_sd, hit_sd):
    """Of the rate over the images shown, workers and images differing, and a look after every round."""
    n = 1200
    means, truth = studies(
        rate, hits=len(trials), rounds=rounds, trials=trials, worker_sd=worker_sd, hit_sd=hit_sd, n=n, seed=7
    )
    weights = np.array(trials, dtype=float)
    won = np.array([
        max(log_capital(x, m, weights).max(), log_capital(1 - x, 1 - m, weights).max())
        for x, m in zip(means, truth, strict=True)
    ])  # fmt: skip
    wrong = (won >= math.log(40)).mean()
    assert wrong <= 0.05
    assert (won > 0).mean() > 0.2  # the bets are bets: some do win


def test_a_fixed_interval_looked_at_often_is_wrong_far_more_often():
    """What the intervals are for: the same looks with a t interval of the workers' means."""
    means, truth = studies(0.5, hits=4, rounds=60, trials=[3] * 4, worker_sd=0.5, hit_sd=0.5, n=400, seed=8)
    wrong = np.zeros(400, dtype=bool)
    for rounds in range(3, 61):
        x = means[:, :rounds].mean(axis=2)
        wrong |= np.abs(x.mean(axis=1) - truth) > 1.96 * x.std(axis=1, ddof=1) / math.sqrt(rounds)
    assert wrong.mean() > 0.2


def test_hits_that_fill_unevenly_do_not_move_the_rate():
    """HITs of rates 0.2 and 0.8 are 1/2 together; workers of one of them alone would say otherwise."""
    rng = np.random.default_rng(9)
    first, second = (rng.binomial(5, rate, 40) / 5 for rate in (0.2, 0.8))
    low, high = interval(np.stack([first, second], axis=1))
    assert low < 0.5 < high
    alone = interval(first[:, None])
    assert alone[1] < 0.5
