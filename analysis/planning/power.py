"""Planning: how wide the interval, how likely a finding, how high the price, before anybody is paid.

Every planned study is simulated many times over and analysed as `analyze` does (see `cell`). In a cell, Var
is about s2_worker / W + s2_image / n_A + s2_image / n_B + s2_pair / P + s2_e / n: more workers cannot make up
for few pairs, and more pairs not for few images, which is what the table shows.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glimpse.counting import chance_of_exclusion
from glimpse.errors import GlimpseError
from glimpse.precision import SPREADS
from glimpse.pricing import price
from glimpse.progress import untracked

from ..statistics.choices import ALPHA
from .cell import deals, simulate_cell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glimpse.precision import Spread
    from glimpse.progress import Track

    from .cell import Outcomes
    from .size import StudySize

ANSWERS_IN_ALL = 10_000_000_000  # a few minutes
TRIALS_AT_ONCE = 4_000_000  # of a batch, whose images are dealt together
FACTORS = (0.25, 0.5, 1, 2, 4)
RULES = ((5, 0), (5, 1), (10, 0), (10, 1), (10, 2), (20, 2))


def variants(size: StudySize) -> list[tuple[str, StudySize]]:
    """Return designs around the planned one: more or fewer workers a HIT, HITs, or images.

    Images stop at the planned number, or where every image stands in one pair of a cell.
    """
    least_workers = min(2, size.workers_per_hit)
    least_hits = 1 if min(size.workers_per_hit, size.trials_per_cell) > 1 else 2
    workers = sorted({max(least_workers, round(size.workers_per_hit * factor)) for factor in FACTORS})
    hits = sorted({max(least_hits, round(size.hits * factor)) for factor in FACTORS})
    enough = max(size.images, images_for_all(size))
    images = sorted({min(max(2, round(size.images * factor)), enough) for factor in FACTORS})
    found = [("workers per HIT", replace(size, workers_per_hit=value)) for value in workers]
    found += [("HITs", replace(size, hits=value)) for value in hits]
    return found + [("images", replace(size, images=value)) for value in images]


def images_for_all(size: StudySize) -> int:
    """How many images a condition needs so that none comes twice in a batch."""
    return size.hits * size.layout.trials * (1 if size.same_item else 2)


def plan_table(
    size: StudySize,
    *,
    rates: Sequence[float] = (0.55, 0.6, 0.75),
    spreads: Mapping[str, Spread] = SPREADS,
    studies: int = 400,
    seed: int = 0,
    alpha: float = ALPHA,
    track: Track = untracked,
    around: bool = True,
) -> pd.DataFrame:
    """Simulate the planned study and its variants for people, pairs and images that differ by `spreads`.

    around: with its variants; else `vary` is "planned" and there is one row a spread and rate.
    Columns: vary, spread, worker_sd, pair_sd, image_sd, hits, workers_per_hit, trials_per_cell, images,
    workers, pairs, answers, pairs_per_image, price_usd, rate, what `_measured` adds, planned. The planned
    study stands in every series of `vary`. GlimpseError where all that would take too long.
    """
    series = variants(size) if around else [("planned", size)]
    cells = list(dict.fromkeys(cell for _, cell in series))
    cases = [(name, rate, cell) for name in spreads for rate in rates for cell in cells]
    _check_size(cells, sum(cell.answers for _, _, cell in cases) * studies, studies)
    dealt = {
        cell: deals(cell, np.random.default_rng([seed, number, len(cells)]))
        for number, cell in enumerate(cells)
    }
    measured = {}
    for number, case in enumerate(track(cases, "simulated designs", len(cases))):
        name, rate, cell = case
        rng = np.random.default_rng([seed, number])
        out = simulate_cell(cell, rate, spreads[name], studies, rng, dealt[cell])
        measured[case] = _measured(out, rate, alpha)
    recurring = {cell: float(np.mean([one.pairs_per_image for one in dealt[cell]])) for cell in cells}
    return pd.DataFrame(
        {
            "vary": vary,
            "spread": name,
            **{f"{of}_sd": sd for of, sd in spreads[name]._asdict().items()},
            **_counts(cell),
            "pairs_per_image": recurring[cell],
            "price_usd": float(price(cell.reward_usd, cell.workers_per_hit, cell.all_hits).total_usd),
            "rate": rate,
            **measured[name, rate, cell],
            "planned": cell == size,
        }
        for name in spreads
        for rate in rates
        for vary, cell in series
    )


def _counts(size: StudySize) -> dict[str, int]:
    names = ("hits", "workers_per_hit", "trials_per_cell", "images", "workers", "pairs", "answers")
    return {name: getattr(size, name) for name in names} | {"hits": size.batch_hits}


def _check_size(cells: Sequence[StudySize], answers: int, studies: int) -> None:
    """Raise GlimpseError where it would take too long to simulate all answers, or to deal the images."""
    if answers > ANSWERS_IN_ALL:
        raise GlimpseError(
            f"plan: {studies:,} studies of each design are {answers:,} simulated answers; at most "
            f"{ANSWERS_IN_ALL:,} are simulated, which takes minutes. Lower --studies, --hits, "
            "--workers-per-hit or --trials-per-cell, or name fewer --rate and --spread."
        )
    trials = max(cell.hits * cell.layout.trials for cell in cells)
    if trials > TRIALS_AT_ONCE:
        raise GlimpseError(
            f"plan: the largest design has {trials:,} trials a batch; at most {TRIALS_AT_ONCE:,} are "
            "planned. Lower --hits or --trials-per-cell."
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
