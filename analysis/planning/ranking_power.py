"""How many answers rank: until the first few of many systems are told apart, before anybody is paid.

Strengths are spaced equally. Their errors follow from the design, as in `glimpse.precision`, in log odds: an
answer adds what a Bradley-Terry model says, a worker what they like in each system, an image how good it
looks, a pair what is left. Estimates are drawn with these errors and ranked by the rank sets of the report.
Random effects draw mean rates together by 1 / sqrt(1 + 0.346 S), S their variance on an answer (Zeger, Liang
& Albert 1988, Biometrics 44(4)). How often each pair is answered is simulated where the server draws trials.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from glimpse.allocation import Allocation
from glimpse.errors import GlimpseError
from glimpse.experiment_checks import MOST_WORKERS_PER_HIT
from glimpse.precision import TYPICAL
from glimpse.progress import untracked

from ..statistics.bradley_terry import design_matrix
from ..statistics.rank_sets import simultaneous_sets
from ..statistics.simultaneous import Estimates, simulate
from .drawn_shares import DrawnStudies

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from glimpse.precision import Spread
    from glimpse.progress import Track

    from ..statistics.clustering import Floats

LOGIT = 1.702  # log odds in a probit unit
DRAWN = 0.346  # how effects draw mean rates together
ENOUGH = 0.9
MOST_WORKERS = 20_000
ERRORS = 4_000  # drawn for critical values


@dataclass(frozen=True)
class RankingSize:
    """A study that ranks: systems, items that all of them show, trials a HIT, and workers, each of one HIT.

    spread: standard deviation of the strengths, in log odds. first: how many are to be told apart. adaptive:
    the server draws each worker's trials, to tell the `leading` ones apart; None: all, the first most of all.
    """

    systems: int
    items: int
    trials_per_hit: int = 60
    workers_per_hit: int = 10
    spread: float = 1.0
    first: int = 3
    adaptive: bool = False
    leading: int | None = None

    def __post_init__(self) -> None:
        """Check every number once."""
        for name, least, most in (
            ("systems", 2, 100), ("items", 2, 100_000), ("trials_per_hit", 1, 5_000),
            ("workers_per_hit", 1, MOST_WORKERS_PER_HIT), ("first", 1, 100),
        ):  # fmt: skip
            value = getattr(self, name)
            if not least <= value <= most:
                raise GlimpseError(f"plan: {name} is {value}; it must be from {least} to {most:,}.")
        if self.first > self.systems:
            raise GlimpseError(f"plan: first is {self.first}; there are {self.systems} systems.")
        if not 0 < self.spread <= 10:
            raise GlimpseError(
                f"plan: the spread of strengths is {self.spread:g}; it must be above 0, to 10."
            )

    @property
    def strengths(self) -> Floats:
        """(systems,), the strongest first; they sum to 0."""
        spaced = np.linspace(1.0, -1.0, self.systems)
        return np.asarray(self.spread * spaced / spaced.std())


def _drawn_together(spread: Spread) -> float:
    """The share of the variance of strengths that mean rates show."""
    return 1 / (1 + DRAWN * LOGIT**2 * (spread.worker**2 + spread.pair**2 + 2 * spread.image**2))


def expected_errors(
    size: RankingSize, workers: int, spread: Spread = TYPICAL, drawing: DrawnStudies | None = None
) -> Estimates:
    """The strengths that many answers would give, with the errors that `workers` leave.

    drawing: studies whose trials are drawn for each worker; None: pairs are answered equally often, in trials
    that the workers of a HIT share. ValueError where `drawing` already has more workers.
    """
    like2, pair2, image2 = spread.worker**2 / 2, spread.pair**2, spread.image**2
    drawn = _drawn_together(spread)
    theta, K = size.strengths * np.sqrt(drawn), size.systems
    pairs = np.array(list(combinations(range(K), 2)))
    if drawing is None:
        answers = np.full(len(pairs), workers * size.trials_per_hit / len(pairs))
        hits = max(workers / size.workers_per_hit, 1.0)
        shown = np.full(len(pairs), hits * size.trials_per_hit / len(pairs))  # trials of a contrast
    else:
        answers = np.maximum(drawing.answered(workers), 1e-6)
        shown = np.minimum(answers, size.items)
    rate = special.expit(theta[pairs[:, 0]] - theta[pairs[:, 1]])
    X, weight = design_matrix(pairs[:, 0], pairs[:, 1], K)[:, : K - 1], rate * (1 - rate)
    bread = np.linalg.inv((X * (answers * weight)[:, None]).T @ X)
    of_pairs = drawn * LOGIT**2 * pair2 * shown * (answers / shown * weight) ** 2
    free = bread + bread @ ((X * of_pairs[:, None]).T @ X) @ bread
    center = np.vstack([np.eye(K - 1), np.zeros(K - 1)]) - 1 / K
    apart = drawn * LOGIT**2 * (like2 / workers + image2 / size.items) * (np.eye(K) - 1 / K)
    known = Estimates.known(theta, center @ free @ center.T + apart)
    df = float(max(1, min(workers, size.items) - 1))
    return Estimates(theta, known.covariance, known.se, known.se_gaps, df)


def drawn_studies(size: RankingSize, spread: Spread, seed: int) -> DrawnStudies | None:
    """Studies whose trials the server draws; None where they are planned."""
    if not size.adaptive:
        return None
    theta = size.strengths * np.sqrt(_drawn_together(spread))
    return DrawnStudies(theta, size.items, size.trials_per_hit, Allocation(first=size.leading), seed)


def chance_told_apart(
    true: Estimates, first: int, level: float, studies: int, rng: np.random.Generator
) -> float:
    """The share of studies with these errors in which each of the first ranks is that of one system alone."""
    simulated = simulate(true, rng, ERRORS)
    values, vectors = np.linalg.eigh(true.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    told = 0
    for error in rng.standard_normal((studies, len(true.theta))) @ root.T:
        found = Estimates(true.theta + error, true.covariance, true.se, true.se_gaps, true.df)
        sets = simultaneous_sets(found, simulated, level)
        ranks = np.arange(min(first, len(true.theta)))
        told += bool((sets.low[ranks] == ranks + 1).all() and (sets.high[ranks] == ranks + 1).all())
    return told / studies


def ranking_plan(
    size: RankingSize,
    *,
    spread: Spread = TYPICAL,
    level: float = 0.95,
    studies: int = 200,
    seed: int = 0,
    least: int = 10,
    track: Track = untracked,
) -> pd.DataFrame:
    """Return how likely the first ranks are told apart with more and more workers.

    Columns: systems, items, workers, hits, answers, largest_se (of a difference between neighbours of the
    first ranks), told_apart. It ends with the first row in which that is ENOUGH, or where more workers no
    longer help. `track` passes the numbers of workers on, which are not known to be how many beforehand.
    """
    rows: list[dict[str, Any]] = []
    drawing = drawn_studies(size, spread, seed)
    for count in track(_growing(max(least, size.workers_per_hit)), "numbers of workers tried"):
        rng = np.random.default_rng([seed, count])
        true = expected_errors(size, count, spread, drawing)
        first = range(min(size.first, size.systems - 1))
        rows.append({
            "systems": size.systems, "items": size.items, "workers": count,
            "hits": -(-count // size.workers_per_hit), "answers": count * size.trials_per_hit,
            "largest_se": max(float(true.se_gaps[place, place + 1]) for place in first),
            "told_apart": chance_told_apart(true, size.first, level, studies, rng),
        })  # fmt: skip
        if rows[-1]["told_apart"] >= ENOUGH or _helps_no_more(rows):
            break
    return pd.DataFrame(rows)


def _growing(workers: float) -> Iterator[int]:
    """Numbers of workers from `workers` to the most, by half of a doubling."""
    while workers <= MOST_WORKERS:
        yield round(workers)
        workers *= np.sqrt(2)


def _helps_no_more(rows: Sequence[dict[str, Any]]) -> bool:
    """Whether twice the workers left the errors within 2 %: then images are the limit."""
    return len(rows) > 2 and rows[-1]["largest_se"] > 0.98 * rows[-3]["largest_se"]


def said_of(plan: pd.DataFrame, size: RankingSize) -> list[str]:
    """Say in lines what a plan found."""
    rows: list[dict[Any, Any]] = plan.to_dict("records")
    hopeless = sum(row["told_apart"] == 0 for row in rows[:-1])
    rows = rows[max(0, hopeless - 1) :]  # of those that tell nothing, the last
    lines = [f"{'workers':>9}{'answers':>10}{'told apart':>12}"]
    for row in rows:
        workers, answers, told = int(row["workers"]), int(row["answers"]), float(row["told_apart"])
        lines.append(f"{workers:>9,}{answers:>10,}{100 * told:>10.0f} %")
    what = f"the first {size.first} of {size.systems} systems"
    if told >= ENOUGH:
        end = (
            f"About {workers:,} workers ({answers:,} answers, {size.trials_per_hit} trials each) tell {what} "
            f"apart with {100 * ENOUGH:.0f} % probability."
        )
    else:
        end = (
            f"{what[0].upper()}{what[1:]} are told apart in {100 * told:.0f} % of studies, however many "
            f"workers answer: {size.items} items are too few. Show more items (--images)."
        )
    return [*lines, "", end]
