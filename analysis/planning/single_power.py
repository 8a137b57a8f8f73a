"""How many people and images a study of single images needs, before anybody is paid.

In the model of `statistics.detection`: what is seen of an image is normal with a standard deviation of 1
around its condition; workers differ in where they draw the line and in how well they tell, images in how
real they look. With S^2 the sum of all variances, rates are Phi of a distance over S, and that of z(rate)
is, by the delta method, what workers and images add in units of S, and, per answer, the rest of
p (1 - p) / phi(z)^2:

    Var d' = skill^2 / W + 2 image^2 / I + (rest_H + rest_F) / N,

each over S^2; W workers, I images and N answers of a kind (generated, real). The line that a worker draws
moves z(H) and z(F) alike, and leaves d' alone. Degrees of freedom are Satterthwaite's, as in the report;
power is that of a t test (noncentral t), so that it is a little too hopeful with very few workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from glimpse.errors import GlimpseError
from glimpse.pricing import price
from glimpse.text import counted

from ..statistics.distributions import t_quantile
from .size import is_amount

if TYPE_CHECKING:
    from collections.abc import Sequence

ENOUGH = 0.9
TIMES = (0.5, 1.0, 2.0)
MOST_D = 5.0


@dataclass(frozen=True)
class SingleSpread:
    """How much workers and images differ, in standard deviations of what is seen."""

    name: str
    line: float = 0.3
    skill: float = 0.3
    image: float = 0.4

    @property
    def total(self) -> float:
        """Of all answers, with what is seen of one image by one worker."""
        return float(np.sqrt(1 + self.line**2 + self.skill**2 / 4 + self.image**2))


SPREADS = (
    SingleSpread("little", 0.1, 0.1, 0.2),
    SingleSpread("as usual", 0.3, 0.3, 0.4),
    SingleSpread("a lot", 0.6, 0.6, 0.7),
)


@dataclass(frozen=True)
class SingleSize:
    """A study of single images: workers, images of each condition, and trials of a worker, half of them real.

    conditions: with generated images, which share a worker's other half. reward_usd: of an assignment.
    """

    workers: int
    images: int
    trials: int = 100
    conditions: int = 1
    reward_usd: Decimal = Decimal("1.00")

    def __post_init__(self) -> None:
        """Check every number once; GlimpseError names what is wrong."""
        for name, least, most in (
            ("workers", 2, 1_000_000), ("images", 2, 1_000_000), ("trials", 2, 100_000),
            ("conditions", 1, 1000),
        ):  # fmt: skip
            value = getattr(self, name)
            if not least <= value <= most:
                raise GlimpseError(f"plan: {name} is {value}; allowed are {least} to {most:,}.")
        if self.generated < 1:
            raise GlimpseError(
                f"plan: {counted(self.trials, 'trial')} show no image of each of "
                f"{counted(self.conditions, 'condition')}; raise --trials-per-hit or plan fewer."
            )

    @property
    def generated(self) -> float:
        """Images of each condition that a worker sees."""
        return self.trials / 2 / self.conditions

    @property
    def answers(self) -> tuple[float, float]:
        """About images of one condition, and about real ones."""
        return self.workers * self.generated, self.workers * self.trials / 2

    @property
    def shown(self) -> tuple[float, float]:
        """How many images of a condition, and real ones, are shown at all."""
        return tuple(min(float(self.images), answers) for answers in self.answers)  # type: ignore[return-value]


def single_size(
    workers: int, images: int | None, trials: int, conditions: int, reward: str | None
) -> SingleSize:
    """Return a size from what options say; without `images`, a worker's own share. GlimpseError names what
    is wrong."""
    try:
        amount = Decimal(reward or "1.00")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not is_amount(amount):
        raise GlimpseError(f"--reward {reward!r}: it must be dollars and cents, such as 1.50.")
    return SingleSize(workers, images or max(2, trials // 2), trials, conditions, amount)


def expected_width(size: SingleSize, d: float, spread: SingleSpread, level: float = 0.95) -> dict[str, float]:
    """Return what a study is expected to give where d' is `d` without a lean to either side.

    Returns: se of d' and width of its interval, df, power of the test of d' = 0, and width of the intervals
    of the share taken for real and of errors (as shares).
    """
    total, z = spread.total, np.array([d / 2, -d / 2])
    p, density = special.ndtr(z), np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    skill, image, line = ((sd / total) ** 2 for sd in (spread.skill, spread.image, spread.line))
    answers, images = np.array(size.answers), np.array(size.shown)
    rest = np.maximum(p * (1 - p) / density**2 - skill / 4 - image - line, 0.0) / answers
    workers = skill / size.workers
    parts = np.array([workers + rest.sum(), *(image / images + rest)])
    variance = workers + (image / images + rest).sum()
    df = variance**2 / (parts**2 / np.array([size.workers - 1, *(images - 1)])).sum()
    df = max(float(df), float(min(size.workers, *images) - 1))
    t = float(t_quantile((1 + level) / 2, df))
    rate = (line + skill / 4) / size.workers + image / images[0] + rest[0]
    least = max(min(size.workers, images[0]) - 1, 1.0)
    taken = 2 * float(t_quantile((1 + level) / 2, least)) * float(np.sqrt(rate)) * float(density[0])
    errors = t * float(np.sqrt(variance)) * float(density[0])
    se = float(np.sqrt(variance))
    found = {"se": se, "width": 2 * t * se, "df": df, "power": _power(d / se, t, df)}
    return found | {"width_taken": min(taken, 1.0), "width_errors": min(errors, 1.0)}


def _power(distance: float, t: float, df: float) -> float:
    """Probability that |T| exceeds t where T is noncentral."""
    if distance > 12:  # where nctdtr gives up
        return 1.0
    other = special.nctdtr(df, distance, -t) if distance < 4 else 0.0
    return float(1 - special.nctdtr(df, distance, t) + other)


def single_plan(
    size: SingleSize,
    ds: Sequence[float],
    spreads: Sequence[SingleSpread] = SPREADS,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return what a study, and variants with half and twice as many workers and images, are expected to give.

    One row a design, spread and d': vary ("planned", "workers", "images"), spread, workers, images, trials,
    conditions, answers (about a condition), price_usd, d_prime, and what `expected_width` returns.
    GlimpseError for a d' that is not above 0 and at most MOST_D.
    """
    for d in ds:
        if not 0 < d <= MOST_D:
            raise GlimpseError(f"--d-prime {d:g}: it must be above 0 and at most {MOST_D:g}, such as 0.5.")
    rows: list[dict[str, Any]] = []
    for vary, one in _variants(size):
        cost = price(one.reward_usd, one.workers, 1).total_usd
        about = {
            "vary": vary, "workers": one.workers, "images": one.images, "trials": one.trials,
            "conditions": one.conditions, "answers": one.answers[0], "price_usd": float(cost),
        }  # fmt: skip
        for spread in spreads:
            for d in ds:
                found = expected_width(one, d, spread, level)
                rows.append(about | {"spread": spread.name, "line_sd": spread.line, "skill_sd": spread.skill,
                                     "image_sd": spread.image, "d_prime": d} | found)  # fmt: skip
    return pd.DataFrame(rows)


def _variants(size: SingleSize) -> list[tuple[str, SingleSize]]:
    found = [("planned", size)]
    for name in ("workers", "images"):
        for times in TIMES:
            if times != 1:
                values = {**vars(size), name: max(2, round(times * getattr(size, name)))}
                found.append((name, SingleSize(**values)))
    return found


def said_of_single(plan: pd.DataFrame, size: SingleSize) -> list[str]:
    """Return the plan in lines: for each spread and d' what it gives, then what would help."""
    said = []
    planned = plan[plan["vary"] == "planned"]
    for name, own in planned.groupby("spread", sort=False):
        said.append(f"Workers and images that differ {name}:")
        said += [
            f"  d' {row['d_prime']:g}: interval {row['width']:.2f} wide, power {100 * row['power']:.0f} %; "
            f"taken for real within {100 * row['width_taken']:.0f} points, errors within "
            f"{100 * row['width_errors']:.0f}"
            for row in own.to_dict("records")
        ]
    names = list(dict.fromkeys(plan["spread"]))
    usual = plan[plan["spread"] == ("as usual" if "as usual" in names else names[0])]
    for vary in ("workers", "images"):
        more = usual[(usual["vary"] == vary) & (usual[vary] > getattr(size, vary))]
        if len(more):
            first, now = more.iloc[0], usual[usual["vary"] == "planned"].iloc[0]
            cost = f", for ${first['price_usd']:,.2f} instead of ${now['price_usd']:,.2f}"
            said.append(
                f"With {int(first[vary])} {vary} the interval of d' {now['d_prime']:g} is "
                f"{first['width']:.2f} wide instead of {now['width']:.2f}{cost if vary == 'workers' else ''}."
            )
    return said
