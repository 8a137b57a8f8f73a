"""Trials drawn where the ranking is least known: what the posterior says, what is drawn, and how evenly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import optimize
from scipy.special import expit, log_expit

from glimpse.allocation import (
    Allocation,
    DrawCounts,
    Posterior,
    dealt,
    draw,
    expected_ranks,
    of_first,
    posterior,
    worth,
)


def wins_of(theta: np.ndarray, answers: int) -> np.ndarray:
    """Return wins in the shares that strengths make expected."""
    found = answers * expit(theta[:, None] - theta[None, :])
    np.fill_diagonal(found, 0)
    return found


def test_the_posterior_is_the_maximum_and_its_curvature() -> None:
    """Against SciPy's minimiser of the same density, and its second differences."""
    rng = np.random.default_rng(0)
    wins = rng.integers(0, 20, (4, 4)).astype(float)
    np.fill_diagonal(wins, 0)
    allocation = Allocation(design_effect=1.7, prior_sd=0.8)

    def loss(theta: np.ndarray) -> float:
        likelihood = (wins * log_expit(theta[:, None] - theta[None, :])).sum() / 1.7
        return float((theta**2).sum() / (2 * 0.8**2) - likelihood)

    found = posterior(wins, allocation)
    best = optimize.minimize(loss, np.zeros(4), tol=1e-12)
    assert found.mean == pytest.approx(best.x, abs=1e-5)
    step = 1e-4 * np.eye(4)
    curvature = [
        [
            (loss(best.x + a + b) - loss(best.x + a - b) - loss(best.x - a + b) + loss(best.x - a - b)) / 4e-8
            for b in step
        ]
        for a in step
    ]
    assert np.linalg.inv(curvature) == pytest.approx(found.covariance, rel=1e-3, abs=1e-4)


def test_answers_to_come_make_what_is_known_narrower_and_move_nothing() -> None:
    theta = np.array([1.0, 0.0, -1.0])
    pending = np.zeros((3, 3))
    pending[0, 1] = pending[1, 0] = 100
    before, after = posterior(wins_of(theta, 10)), posterior(wins_of(theta, 10), pending=pending)
    assert (before.mean == after.mean).all()
    along = np.array([1.0, -1.0, 0.0])
    assert along @ after.covariance @ along < 0.5 * (along @ before.covariance @ along)
    one = before
    for _ in range(100):
        one = one.after((0, 1), Allocation().design_effect)
    assert one.covariance == pytest.approx(after.covariance)


def test_another_order_of_the_conditions_is_worth_the_same() -> None:
    known = posterior(wins_of(np.array([0.8, 0.3, 0.1, -0.4, -0.8]), 6))
    order = np.array([3, 0, 4, 2, 1])
    turned = Posterior(known.mean[order], known.covariance[np.ix_(order, order)])
    assert worth(turned) == pytest.approx(worth(known)[np.ix_(order, order)])
    assert expected_ranks(turned) == pytest.approx(expected_ranks(known)[order])


def test_ranks_are_expected_where_strengths_are_and_where_nothing_is_known() -> None:
    sure = posterior(wins_of(np.array([2.0, 0.0, -2.0]), 10_000))
    assert expected_ranks(sure) == pytest.approx([1, 2, 3], abs=1e-6)
    assert expected_ranks(posterior(np.zeros((5, 5)))) == pytest.approx([3] * 5)


def test_what_leads_is_drawn_most_and_everything_at_random_some() -> None:
    theta = np.linspace(1.5, -1.5, 12)
    shown = DrawCounts.none(12, 60)
    for worker in range(30):
        draw(posterior(wins_of(theta, 3 + worker)), shown, 30, np.random.default_rng(worker))
    times = shown.images.sum(axis=1)
    assert times.sum() == 2 * 30 * 30
    assert times[:3].min() > 2 * times[6:].max()
    assert times.min() > 0.1 * times.mean()


def test_what_tells_the_first_apart_counts_where_it_is_known_who_they_are() -> None:
    known = Posterior(np.array([3.0, 2.0, 1.0, 0.0]), np.eye(4) * 1e-6)
    found = of_first(known, 2, np.random.default_rng(0))
    assert found == pytest.approx(
        np.array([[0, 1, 0.5, 0], [1, 0, 0.5, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 0]], dtype=float)
    )
    nothing = of_first(posterior(np.zeros((4, 4))), 4, np.random.default_rng(0))
    assert nothing == pytest.approx(1 - np.eye(4))


def test_only_what_tells_the_first_apart_is_drawn_where_it_is_asked_for() -> None:
    theta = np.linspace(1.5, -1.5, 8)
    known, met = posterior(wins_of(theta, 60)), {}
    for first in (None, 2):
        shown = DrawCounts.none(8, 60)
        for worker in range(20):
            draw(known, shown, 30, np.random.default_rng(worker), Allocation(first=first))
        met[first] = shown.sides + shown.sides.T
    assert met[2][:3, :3].sum() > 1.25 * met[None][:3, :3].sum()
    assert met[2].sum(axis=1)[4:].min() > 0.1 * met[2].sum(axis=1).mean()


def test_the_same_numbers_draw_the_same_trials() -> None:
    known = posterior(wins_of(np.linspace(1, -1, 6), 5))
    one, again, other = (
        draw(known, DrawCounts.none(6, 20), 12, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert one == again != other


@pytest.mark.parametrize("items", [40, 7])
def test_no_image_twice_and_sides_items_and_exposures_evenly(items: int) -> None:
    shown = DrawCounts.none(6, items, 3)
    rng = np.random.default_rng(0)
    known = posterior(np.zeros((6, 6)))
    for _ in range(40):
        drawn = draw(known, shown, 12, rng)
        images = [(condition, one.item) for one in drawn for condition in (one.left, one.right)]
        assert len(images) - len(set(images)) <= 2 * (items < 12)
        times = np.bincount([one.item for one in drawn], minlength=items)
        assert times.max() <= -(-12 // items) + (items < 12)
        assert np.ptp(np.bincount([one.exposure for one in drawn], minlength=3)) == 0
    assert np.abs(shown.sides - shown.sides.T).max() <= 1
    assert np.ptp(shown.images, axis=1).max() <= 4
    met = shown.sides + shown.sides.T
    assert (shown.exposures.sum(axis=2) == met).all()


def test_only_pairs_that_are_allowed_are_drawn() -> None:
    ring = np.zeros((5, 5), dtype=bool)
    for a, b in pairwise([0, 1, 2, 3, 4, 0]):
        ring[a, b] = True
    shown = DrawCounts.none(5, 30)
    drawn = draw(posterior(np.zeros((5, 5))), shown, 20, np.random.default_rng(0), Allocation(allowed=ring))
    assert {frozenset((one.left, one.right)) for one in drawn} == {
        frozenset(pair) for pair in np.argwhere(ring).tolist()
    }


def test_pairs_are_dealt_as_they_are_given() -> None:
    pairs = [(0, 1), (2, 1), (0, 2)]
    found = dealt(pairs, DrawCounts.none(3, 9), np.random.default_rng(0))
    assert {frozenset((one.left, one.right)) for one in found} == {frozenset(pair) for pair in pairs}
