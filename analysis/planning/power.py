"""Planning: how wide the interval, how likely a finding, how high the price, before anybody is paid.

Every planned study is simulated many times over and analysed as `analyze` does: two-way errors, Wilson
interval with the effective sample size. In a cell, Var is about s2_worker / W + s2_pair / P + s2_e / n: more
workers cannot make up for few pairs, which is what the table shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from glimpse.counting import chance_of_exclusion
from glimpse.errors import GlimpseError
from glimpse.experiment import LARGEST_REWARD_USD
from glimpse.pricing import price
from glimpse.progress import untracked

from ..statistics.choices import ALPHA
from ..statistics.distributions import t_quantile, t_test

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from glimpse.progress import Track

    Floats = NDArray[np.float64]

# Name -> (worker, pair) standard deviation in probit units. "typical" is near what the simulated default has.
SPREADS = {"low": (0.1, 0.2), "typical": (0.25, 0.45), "high": (0.5, 0.8)}
ANSWERS_AT_ONCE = 4_000_000
ANSWERS_IN_ALL = 10_000_000_000  # a few minutes
RULES = ((5, 0), (5, 1), (10, 0), (10, 1), (10, 2), (20, 2))


@dataclass(frozen=True)
class StudySize:
    """How large a study is: counts of a batch, which determine a cell, its reward, and how many batches are
    paid."""

    hits: int
    workers_per_hit: int
    trials_per_cell: int
    reward_usd: Decimal
    batches: int = 1
    cells: int = 21

    def __post_init__(self) -> None:
        """Check every number once."""
        for name in ("hits", "workers_per_hit", "trials_per_cell", "batches", "cells"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise GlimpseError(f"plan: {name} is {value!r}; it must be a whole number, 1 or more.")
        if not is_amount(self.reward_usd):
            raise GlimpseError(
                f"plan: reward_usd is {self.reward_usd}; it must be dollars and cents above 0 and at most "
                f"{LARGEST_REWARD_USD}, for example 1.50."
            )
        if self.workers < 2 or self.pairs < 2:
            raise GlimpseError(
                f"plan: a cell has workers {self.workers}, pairs {self.pairs}; it needs 2 of each at least. "
                "Raise --hits, --workers-per-hit or --trials-per-cell."
            )

    @property
    def workers(self) -> int:
        """Distinct workers of a cell."""
        return self.hits * self.workers_per_hit

    @property
    def pairs(self) -> int:
        """Distinct pairs of a cell."""
        return self.hits * self.trials_per_cell

    @property
    def answers(self) -> int:
        """Answers in a cell."""
        return self.workers * self.trials_per_cell

    @property
    def all_hits(self) -> int:
        """HITs over all batches, which are paid for."""
        return self.hits * self.batches


def is_amount(usd: Decimal) -> bool:
    """Whether `usd` is a reward that build-hits takes."""
    return usd.is_finite() and 0 < usd <= LARGEST_REWARD_USD and usd == usd.quantize(Decimal("0.01"))


def size_of(experiment: Mapping[str, Any], **changes: int | str | None) -> StudySize:
    """Read a study's size from the `experiment` of study.json; `changes` that are not None take precedence.

    Raises GlimpseError that names the field that is missing or of a wrong kind.
    """
    try:
        batches = experiment["batches"]
        cells = len(experiment["contrasts"]) * len(experiment["exposures_ms"])
        values = {
            "hits": int(experiment["hits_per_batch"]),
            "workers_per_hit": int(experiment["workers_per_hit"]),
            "trials_per_cell": int(experiment["trials_per_cell"]),
            "reward_usd": str(experiment["reward_usd"]),
        } | {name: value for name, value in changes.items() if value is not None}
        reward = Decimal(str(values.pop("reward_usd")))
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise GlimpseError(f"experiment: {type(error).__name__} {error}; build the study again.") from None
    return StudySize(reward_usd=reward, batches=len(batches), cells=cells, **values)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Outcomes:
    """What simulated studies gave, one entry of every array a study (S,): rates and intervals in [0, 1]."""

    rate: Floats
    low: Floats
    high: Floats
    p_value: Floats


def simulate_cell(
    size: StudySize, rate: float, spread: tuple[float, float], studies: int, rng: np.random.Generator
) -> Outcomes:
    """Simulate one cell of `studies` studies and analyse each.

    rate: the true preference rate over all workers and pairs; spread: their standard deviations, probit.
    """
    if not 0 < rate < 1:
        raise GlimpseError(f"--rate is {rate:g}; a true preference rate lies between 0 and 1.")
    at_once = max(1, ANSWERS_AT_ONCE // size.answers)
    counts = [min(at_once, studies - done) for done in range(0, studies, at_once)]
    parts = [_batch(size, rate, spread, count, rng) for count in counts]
    p, variance = (np.concatenate(part) for part in zip(*parts, strict=True))
    df = min(size.workers, size.pairs) - 1
    low, high = wilson(p, _effective(p, variance, df + 1), float(t_quantile(0.975, df)))
    with np.errstate(divide="ignore"):
        t = np.abs(p - 0.5) / np.sqrt(variance)
    return Outcomes(p, low, high, t_test(t, df))


def _batch(
    size: StudySize, rate: float, spread: tuple[float, float], studies: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return rates and two-way variances (S,); answers are (S, H, W, P), workers and pairs nested in HITs."""
    H, W, P = size.hits, size.workers_per_hit, size.trials_per_cell
    worker_sd, pair_sd = spread
    mu = ndtri(rate) * np.sqrt(1 + worker_sd**2 + pair_sd**2)
    worker = worker_sd * rng.standard_normal((studies, H, W, 1), dtype=np.float32)
    pair = pair_sd * rng.standard_normal((studies, H, 1, P), dtype=np.float32)
    chosen = rng.random((studies, H, W, P), dtype=np.float32) < ndtr(np.float32(mu) + worker + pair)
    n = H * W * P
    p = chosen.mean(axis=(1, 2, 3), dtype=np.float64)
    centre = p[:, None, None]
    by_worker = chosen.sum(axis=3, dtype=np.float64) - P * centre
    by_pair = chosen.sum(axis=2, dtype=np.float64) - W * centre
    v_worker = (by_worker**2).sum(axis=(1, 2)) / n**2 * (H * W) / (H * W - 1)
    v_pair = (by_pair**2).sum(axis=(1, 2)) / n**2 * (H * P) / (H * P - 1)
    v_answer = p * (1 - p) / (n - 1)
    variance = np.maximum.reduce([v_worker + v_pair - v_answer, v_worker, v_pair, v_answer])
    return p, variance


def _effective(p: Floats, variance: Floats, clusters: int) -> Floats:
    """Return the effective sample size p(1-p)/V; the number of clusters where p is 0 or 1."""
    flat = variance <= 0
    return np.where(flat, clusters, p * (1 - p) / np.where(flat, 1.0, variance))


def wilson(p: Floats, n: Floats, z: float) -> tuple[Floats, Floats]:
    """Return the Wilson interval of rates `p` on `n` answers with quantile `z` (Wilson 1927)."""
    scale = 1 + z**2 / n
    centre = (p + z**2 / (2 * n)) / scale
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / scale
    return centre - half, centre + half


def variants(size: StudySize) -> list[tuple[str, StudySize]]:
    """Return designs around the planned one: more or fewer workers a HIT, more or fewer HITs."""
    factors = (0.25, 0.5, 1, 2, 4)
    least_workers = min(2, size.workers_per_hit)
    least_hits = 1 if min(size.workers_per_hit, size.trials_per_cell) > 1 else 2
    workers = sorted({max(least_workers, round(size.workers_per_hit * factor)) for factor in factors})
    hits = sorted({max(least_hits, round(size.hits * factor)) for factor in factors})
    found = [("workers per HIT", replace(size, workers_per_hit=value)) for value in workers]
    return found + [("HITs", replace(size, hits=value)) for value in hits]


def plan_table(
    size: StudySize,
    *,
    rates: Sequence[float] = (0.55, 0.6, 0.75),
    spreads: Mapping[str, tuple[float, float]] = SPREADS,
    studies: int = 400,
    seed: int = 0,
    alpha: float = ALPHA,
    track: Track = untracked,
) -> pd.DataFrame:
    """Simulate the planned study and its variants over worker and pair variance, each design once.

    Columns: vary, spread, worker_sd, pair_sd, hits, workers_per_hit, trials_per_cell, workers, pairs,
    answers, price_usd, rate, what `_measured` adds, planned. The planned study stands in both series of
    `vary`. GlimpseError where all that would take too long.
    """
    cells = list(dict.fromkeys(cell for _, cell in variants(size)))
    cases = [(name, rate, cell) for name in spreads for rate in rates for cell in cells]
    _check_size(sum(cell.answers for _, _, cell in cases) * studies, studies)
    measured = {}
    for number, case in enumerate(track(cases, "simulated designs", len(cases))):
        name, rate, cell = case
        out = simulate_cell(cell, rate, spreads[name], studies, np.random.default_rng([seed, number]))
        measured[case] = _measured(out, rate, alpha)
    return pd.DataFrame(
        {
            "vary": vary,
            "spread": name,
            "worker_sd": spreads[name][0],
            "pair_sd": spreads[name][1],
            **_counts(cell),
            "price_usd": float(price(cell.reward_usd, cell.workers_per_hit, cell.all_hits).total_usd),
            "rate": rate,
            **measured[name, rate, cell],
            "planned": cell == size,
        }
        for name in spreads
        for rate in rates
        for vary, cell in variants(size)
    )


def _counts(size: StudySize) -> dict[str, int]:
    names = ("hits", "workers_per_hit", "trials_per_cell", "workers", "pairs", "answers")
    return {name: getattr(size, name) for name in names}


def _check_size(answers: int, studies: int) -> None:
    """Raise GlimpseError where so many simulated answers would take too long."""
    if answers > ANSWERS_IN_ALL:
        raise GlimpseError(
            f"plan: {studies:,} studies of each design are {answers:,} simulated answers; at most "
            f"{ANSWERS_IN_ALL:,} are simulated, which takes minutes. Lower --studies, --hits, "
            "--workers-per-hit or --trials-per-cell, or name fewer --rate and --spread."
        )


def _measured(out: Outcomes, rate: float, alpha: float) -> dict[str, float]:
    """Return what simulated studies say of their design, whose true preference rate is `rate`.

    studies: how many there are. width: mean full width of the 95 % interval. coverage: share of intervals
    with `rate` in them. power: share in which the two-way test rejects 1/2 at `alpha`, one test alone.
    width_se, power_se: Monte Carlo standard errors, with one success and one failure added to those of
    power, since a power of 0 or 1 is not known exactly either.
    """
    width, found = out.high - out.low, out.p_value <= alpha
    studies = len(width)
    share = (int(found.sum()) + 1) / (studies + 2)
    return {
        "studies": studies,
        "width": float(width.mean()),
        "width_se": float(width.std(ddof=1) / math.sqrt(studies)),
        "coverage": float(((out.low <= rate) & (rate <= out.high)).mean()),
        "power": float(found.mean()),
        "power_se": math.sqrt(share * (1 - share) / (studies + 2)),
    }


def sentinel_rules(extra: tuple[int, int] | None = None, slip: float = 0.02) -> pd.DataFrame:
    """Return what sentinel rules do: `sentinels`, `allowed` wrong ones, `random_passes`, `careful_excluded`.

    A random clicker is right in half of the sentinels; a careful worker slips in a share `slip` of them.
    """
    if not 0 <= slip <= 0.5:
        raise GlimpseError(f"--slip is {slip:g}; it must be from 0 to 0.5.")
    rules = sorted({*RULES, *([extra] if extra else [])})
    count, allowed = np.array(rules).T
    return pd.DataFrame(
        {
            "sentinels": count,
            "allowed": allowed,
            "random_passes": [1 - chance_of_exclusion(*rule, 0.5) for rule in rules],
            "careful_excluded": [chance_of_exclusion(*rule, slip) for rule in rules],
        }
    )
