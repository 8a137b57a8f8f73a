"""How often intervals and rank sets of many systems hold the truth, by simulation.

    python benchmarks/rank_coverage.py [--studies 200] [--out docs/coverage.md]

Every study compares all its systems on the same items, each contrast equally often, in HITs of 60 trials that
several workers do. Workers differ in what they like, images in how good they look, and pairs beyond that. The
truth is what endless answers of this design would give: Bradley-Terry strengths of the mean rates.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy import special

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._document import markdown, put_between
from benchmarks._sizes import whole_number
from glimpse.analysis.statistics.bradley_terry import strengths_of
from glimpse.analysis.statistics.ranking import rank_conditions

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
BEGIN = "<!-- ranks: written by benchmarks/rank_coverage.py -->"
END = "<!-- ranks: end -->"
TRIALS, EQUAL = 60, 1e-9


@dataclass(frozen=True)
class Many:
    """Studies of many systems: counts, and standard deviations in logits.

    spread: of the strengths, equally spaced. likes: of what a worker likes in each system. image: of how good
    an image looks. pair: of what a pair adds.
    """

    systems: int
    items: int
    hits: int
    workers_per_hit: int
    spread: float = 1.0
    likes: float = 0.4
    image: float = 0.6
    pair: float = 0.3

    @property
    def name(self) -> str:
        """What tells it from others."""
        answers = self.hits * self.workers_per_hit * TRIALS
        return (
            f"{self.systems} {'' if self.spread else 'equal '}systems, {self.items} items, "
            f"{self.hits} HITs x {self.workers_per_hit} workers ({answers:,} answers)"
        )

    @property
    def strengths(self) -> Any:
        """What the systems' images add, before anything varies: (K,), the strongest first."""
        spaced = np.linspace(1, -1, self.systems)
        return self.spread * spaced / spaced.std()


def names_of(study: Many) -> list[str]:
    """The names of the systems."""
    return [f"s{number:02d}" for number in range(study.systems)]


def truth_of(study: Many) -> Any:
    """Strengths (K,) that fit the mean rates of all contrasts."""
    theta, K = study.strengths, study.systems
    variance = 2 * study.likes**2 + 2 * study.image**2 + study.pair**2
    gap = theta[:, None] - theta
    rate = special.expit(gap[..., None] + np.sqrt(variance) * NODES) @ WEIGHTS / WEIGHTS.sum()
    n = 1.0 - np.eye(K)
    return strengths_of(n.ravel(), (n * rate).ravel(), names_of(study)).theta


def draw(study: Many, rng: np.random.Generator) -> pd.DataFrame:
    """Judgments of one study, as `rank_conditions` takes them."""
    K, H, W = study.systems, study.hits, study.workers_per_hit
    contrasts = np.array(list(combinations(range(K), 2)))
    size = H * TRIALS
    which = np.tile(np.arange(len(contrasts)), -(-size // len(contrasts)))[:size]
    which = rng.permutation(which)
    item = rng.permutation(np.tile(np.arange(study.items), -(-size // study.items))[:size])
    a, b = contrasts[which].T
    looks = rng.normal(0, study.image, (K, study.items))
    pair = rng.normal(0, study.pair, (len(contrasts), study.items))
    drift = study.strengths[a] - study.strengths[b] + looks[a, item] - looks[b, item] + pair[which, item]
    likes = rng.normal(0, study.likes, (H, W, K))
    trial = np.arange(size).reshape(H, TRIALS)
    at = np.broadcast_to(trial[:, None], (H, W, TRIALS)).ravel()
    worker = np.broadcast_to(np.arange(H * W).reshape(H, W, 1), (H, W, TRIALS)).ravel()
    own = likes.reshape(H * W, K)
    logit = drift[at] + own[worker, a[at]] - own[worker, b[at]]
    chose_a = rng.random(len(at)) < special.expit(logit)
    a_left = rng.random(size)[at] < 0.5
    names = np.array(names_of(study))
    return pd.DataFrame({
        "worker": worker, "pair": which[at] * study.items + item[at],
        "item_a": item[at], "item_b": item[at],
        "contrast": np.char.add(np.char.add(names[a], ":"), names[b])[at],
        "condition_a": names[a][at], "condition_b": names[b][at], "exposure_ms": np.nan, "chose_a": chose_a,
        "side_of_a": np.where(a_left, "left", "right"),
        "chosen_side": np.where(chose_a == a_left, "left", "right"), "sentinel": False, "excluded": False,
        "reason": "",
    })  # fmt: skip


def claims_of(study: Many, judgments: pd.DataFrame, truth: Any) -> dict[str, Any]:
    """What one study claims, and whether it is true."""
    (found,) = rank_conditions(judgments)
    code = {name: number for number, name in enumerate(names_of(study))}
    order = np.array([code[name] for name in found.conditions])
    true = truth[order]
    # Equal systems share all ranks from the best to the worst of them.
    first = 1 + (true[None] > true[:, None] + EQUAL).sum(axis=1)
    last = len(true) - (true[None] < true[:, None] - EQUAL).sum(axis=1)
    place = {name: number for number, name in enumerate(found.conditions)}

    def held(low: Any, high: Any, value: Any) -> Any:
        return (np.asarray(low) <= value) & (value <= np.asarray(high))

    gaps = [
        one.simultaneous_low <= true[place[one.condition]] - true[place[one.versus]] <= one.simultaneous_high
        for one in found.differences
    ]
    own, every = (
        np.array([found.rank_low, found.rank_high]),
        np.array([found.simultaneous_rank_low, found.simultaneous_rank_high]),
    )
    within = [(low <= first) & (last <= high) for low, high in (own, every)]
    return {
        "strength": held(found.low, found.high, true).mean(),
        "all strengths": held(found.simultaneous_low, found.simultaneous_high, true).all(),
        "all differences": all(gaps),
        "rank set": within[0].mean(),
        "all rank sets": within[1].all(),
        "ranks in a set": np.mean(np.subtract(own[1], own[0]) + 1),
        "ranks in a set for all": np.mean(np.subtract(every[1], every[0]) + 1),
        "df": found.df,
    }


SIZES = (
    Many(8, 50, 14, 5),
    Many(8, 24, 7, 3),
    Many(20, 60, 19, 5),
    Many(20, 100, 38, 5),
    Many(20, 40, 10, 3),
    Many(8, 50, 14, 5, spread=0.0),
    Many(20, 60, 19, 5, spread=0.0),
)


def measured(job: tuple[Many, int, int]) -> dict[str, str]:
    """A row of the table."""
    study, studies, seed = job
    rng, truth = np.random.default_rng([seed, study.systems, study.items]), truth_of(study)
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(studies):
        for name, value in claims_of(study, draw(study, rng), truth).items():
            found[name].append(float(value))
    means = {name: float(np.mean(values)) for name, values in found.items()}
    counted = {"ranks in a set", "ranks in a set for all", "df"}
    return {"study": study.name} | {
        name: f"{value:.1f}" if name in counted else f"{100 * value:.1f}" for name, value in means.items()
    }


def main() -> None:
    """Simulate, print, and rewrite the part of docs/coverage.md between its marks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=whole_number(1), default=200, help="studies simulated a row")
    parser.add_argument("--seed", type=whole_number(0), default=0)
    parser.add_argument("--jobs", type=whole_number(1, 256), default=os.cpu_count(), help="rows at a time")
    parser.add_argument("--out", type=Path, help="file whose part between the marks is replaced")
    given = parser.parse_args()
    start = time.perf_counter()
    with ProcessPoolExecutor(given.jobs) as pool:
        rows = list(pool.map(measured, [(study, given.studies, given.seed) for study in SIZES]))
    table = f"Seed {given.seed}; {given.studies} studies a row.\n\n{markdown(rows)}\n"
    print(table, f"\n{time.perf_counter() - start:.0f} s")
    if given.out:
        put_between(given.out, BEGIN, END, table)


if __name__ == "__main__":
    main()
