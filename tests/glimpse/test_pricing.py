from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse.errors import GlimpseError
from glimpse.pricing import price, split


@pytest.mark.parametrize(
    ("reward", "workers", "hits", "unsplit", "total"),
    [("1.00", 10, 20, "80.00", "240.00"), ("2.00", 20, 10, "160.00", "480.00")],
)
def test_the_papers_studies(reward: str, workers: int, hits: int, unsplit: str, total: str) -> None:
    found = price(Decimal(reward), workers, hits)
    assert (found.unsplit_fees_usd, found.total_usd) == (Decimal(unsplit), Decimal(total))
    assert found.saved_usd == Decimal(unsplit) / 2
    assert price(Decimal(reward), workers, hits, in_nines=False).fees_usd == Decimal(unsplit)


@given(st.integers(1, 500))
def test_parts_add_up_and_stay_below_ten(workers: int) -> None:
    parts = split(workers)
    assert sum(parts) == workers
    assert all(1 <= part <= 9 for part in parts)
    assert list(parts) == sorted(parts, reverse=True)


def test_a_fee_is_at_least_a_cent() -> None:
    assert price(Decimal("0.01"), 5, 2).fees_usd == Decimal("0.10")
    # Nines save nothing where the least fee applies anyway.
    assert price(Decimal("0.01"), 20, 1).parts == (20,)


@pytest.mark.parametrize(
    ("reward", "workers", "hits"), [("-1", 1, 1), ("NaN", 1, 1), ("1", 0, 1), ("1", 1, 0)]
)
def test_impossible_prices(reward: str, workers: int, hits: int) -> None:
    with pytest.raises(GlimpseError, match="it must be"):
        price(Decimal(reward), workers, hits)


def test_volunteers_cost_the_platforms_least_fee_alone() -> None:
    found = price(Decimal("0.00"), 5, 2)
    assert (found.reward_usd, found.fees_usd) == (Decimal("0.00"), Decimal("0.10"))
