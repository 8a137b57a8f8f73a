"""What a study costs: rewards, the platform's fees, and why batches of nine are cheaper."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from glimpse.errors import GlimpseError

CENT = Decimal("0.01")
FEE_RATE = Decimal("0.20")
# From this many assignments of one HIT on, the platform takes its rate twice.
LARGE_HIT = 10


@dataclass(frozen=True)
class Price:
    """Money in US dollars for all HITs together.

    `parts` is how the workers of one HIT are split over published HITs, for example (9, 9, 2);
    `unsplit_fees_usd` is what the fees would be without splitting.
    """

    assignments: int
    parts: tuple[int, ...]
    reward_usd: Decimal
    fees_usd: Decimal
    total_usd: Decimal
    unsplit_fees_usd: Decimal

    @property
    def saved_usd(self) -> Decimal:
        """Return what the splitting saves."""
        return self.unsplit_fees_usd - self.fees_usd


def fee_usd(reward_usd: Decimal, assignments: int) -> Decimal:
    """Return the fee for one assignment of a HIT that has `assignments` of them: at least a cent."""
    rate = FEE_RATE * (2 if assignments >= LARGE_HIT else 1)
    return max(CENT, (reward_usd * rate).quantize(CENT, rounding=ROUND_HALF_UP))


def split(workers: int) -> tuple[int, ...]:
    """Split the workers of one HIT into parts of at most nine, the largest first: 20 -> (9, 9, 2)."""
    full, rest = divmod(workers, LARGE_HIT - 1)
    return (LARGE_HIT - 1,) * full + ((rest,) if rest else ())


def price(reward_usd: Decimal, workers_per_hit: int, hits: int, *, in_nines: bool = True) -> Price:
    """Return the price of `hits` HITs done by `workers_per_hit` workers each.

    `in_nines` publishes a HIT in parts of at most nine assignments wherever that is cheaper.
    A reward may be 0, for volunteers. GlimpseError when it is negative, or a count is below one.
    """
    if not reward_usd.is_finite() or reward_usd < 0:
        raise GlimpseError(f"reward_usd is {reward_usd}; it must be an amount from 0 on, for example 1.00.")
    for name, count in (("workers_per_hit", workers_per_hit), ("hits", hits)):
        if count < 1:
            raise GlimpseError(f"{name} is {count}; it must be 1 or more.")
    assignments = workers_per_hit * hits
    unsplit = fee_usd(reward_usd, workers_per_hit) * assignments
    nines = split(workers_per_hit)
    in_parts = sum((fee_usd(reward_usd, part) * part for part in nines), Decimal(0)) * hits
    cheaper = in_nines and in_parts < unsplit
    fees = in_parts if cheaper else unsplit
    reward = reward_usd * assignments
    return Price(
        assignments=assignments,
        parts=nines if cheaper else (workers_per_hit,),
        reward_usd=reward.quantize(CENT),
        fees_usd=fees.quantize(CENT),
        total_usd=(reward + fees).quantize(CENT),
        unsplit_fees_usd=unsplit.quantize(CENT),
    )
