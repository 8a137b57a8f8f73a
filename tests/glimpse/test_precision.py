"""The variance formula against its own limits, and against a plain simulation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from glimpse.precision import SPREADS, CellSize, Spread, as_equal, interval_width, rate_variance

SIZE = CellSize(answers=400, workers=20, pairs=20, images_a=20, images_b=20)


def test_unequal_things_count_as_fewer() -> None:
    assert as_equal("abc") == 3
    assert as_equal([1, 1, 2, 2]) == 2
    assert as_equal("aaab") == pytest.approx(16 / 10)


def test_without_spread_it_is_the_binomial_variance() -> None:
    assert rate_variance(SIZE, Spread(0, 0, 0), 0.7) == pytest.approx(0.7 * 0.3 / 400)


@pytest.mark.parametrize("rate", [0.5, 0.8])
@pytest.mark.parametrize("spread", SPREADS.values(), ids=SPREADS)
def test_it_is_the_variance_of_simulated_rates(rate: float, spread: Spread) -> None:
    """Every worker answers every pair; an image stands in two."""
    rng, W, n, studies = np.random.default_rng(3), 20, 8, 4000
    a, b = np.repeat(np.arange(n), 2), np.tile(np.arange(n), 2)
    look_a, look_b = spread.image * rng.normal(size=(2, studies, n))
    pair = spread.pair * rng.normal(size=(studies, 2 * n))
    worker = spread.worker * rng.normal(size=(studies, W, 1))
    total = spread.worker**2 + spread.pair**2 + 2 * spread.image**2
    d = (look_a[:, a] - look_b[:, b] + pair)[:, None] + worker
    p = ndtr(ndtri(rate) * np.sqrt(1 + total) + d)
    found = (rng.random(p.shape) < p).mean(axis=(1, 2)).var()
    size = CellSize(answers=2 * n * W, workers=W, pairs=2 * n, images_a=n, images_b=n)
    assert rate_variance(size, spread, rate) == pytest.approx(found, rel=0.12)


@pytest.mark.parametrize("name", ["answers", "workers", "pairs", "images_a", "images_b"])
def test_more_of_anything_is_narrower(name: str) -> None:
    more = replace(SIZE, **{name: 2 * getattr(SIZE, name)})
    assert interval_width(more) < interval_width(SIZE)
