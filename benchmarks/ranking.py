"""Ranking one million comparisons of 50 systems: against choix, and against a plain loop of Elo ratings.

    python benchmarks/ranking.py [--comparisons 1000000] [--systems 50]

Ours: strengths with a left-side term and their covariance, from arrays of who stood where and who was
chosen. choix: choix.ilsr_pairwise, strengths alone. Elo: a loop over the comparisons, as leaderboards have
it, ratings alone. Beside them, what simultaneous intervals and rank sets cost. Processor time, of ours the
median of repeated runs; choix and Elo run once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import special

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._sizes import whole_number
from glimpse.analysis.statistics.bradley_terry import strengths_of
from glimpse.analysis.statistics.rank_sets import joint_statements
from glimpse.analysis.statistics.simultaneous import Estimates

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATS = 7
STEP, SCALE = 4.0, 400.0  # of Elo's updates, as arenas use them


def seconds(work: Callable[[], Any], repeats: int = 1) -> float:
    """Median processor time of `work`."""
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def elo(winner: list[int], loser: list[int], systems: int) -> list[float]:
    """Ratings after one pass over the comparisons."""
    rating = [1000.0] * systems
    for won, lost in zip(winner, loser, strict=True):
        expected = 1 / (1 + 10 ** ((rating[lost] - rating[won]) / SCALE))
        rating[won] += STEP * (1 - expected)
        rating[lost] -= STEP * (1 - expected)
    return rating


def main() -> None:
    """Measure and print."""
    import choix

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--comparisons", type=whole_number(1000, 10**8), default=1_000_000)
    parser.add_argument("--systems", type=whole_number(3, 500), default=50)
    given = parser.parse_args()
    N, K = given.comparisons, given.systems
    rng = np.random.default_rng(0)
    theta = np.linspace(2, -2, K)
    left = rng.integers(0, K, N)
    right = (left + rng.integers(1, K, N)) % K
    chose_left = rng.random(N) < special.expit(0.1 + theta[left] - theta[right])
    winner, loser = np.where(chose_left, left, right), np.where(chose_left, right, left)
    names = [f"s{number}" for number in range(K)]

    def ours() -> Any:
        order = left * K + right
        n, k = (np.bincount(order, weights=w, minlength=K * K) for w in (None, chose_left))
        return strengths_of(n.astype(float), k, names)

    mine = seconds(ours, REPEATS)
    found = ours()
    data = list(zip(winner.tolist(), loser.tolist(), strict=True))
    peers: dict[str, Any] = {}
    took = {
        "choix.ilsr_pairwise": seconds(lambda: peers.update(choix=choix.ilsr_pairwise(K, data))),
        "Elo loop": seconds(lambda: peers.update(elo=elo(winner.tolist(), loser.tolist(), K))),
    }
    print(f"{N:,} comparisons of {K} systems: {1e3 * mine:.0f} ms with a left-side term and covariance")
    for name, time_s in took.items():
        print(f"  {name}: {time_s:.2f} s, {time_s / mine:,.0f} times as long")
    free = np.vstack([np.eye(K - 1), np.zeros(K - 1)]) - 1 / K
    covariance = free @ found.inverse[: K - 1, : K - 1] @ free.T
    known = Estimates.known(found.theta, covariance)
    estimates = Estimates(known.theta, known.covariance, known.se, known.se_gaps, 60.0)
    joint = seconds(lambda: joint_statements(estimates, 0.95, np.random.default_rng(0)))
    print(f"  simultaneous intervals and rank sets: {joint:.2f} s more, once an exposure")
    off = np.abs(found.theta - (peers["choix"] - peers["choix"].mean())).max()
    scaled = np.array(peers["elo"]) * np.log(10) / SCALE
    print(f"  largest difference from choix: {off:.3f} (it has no left-side term)")
    print(f"  from the truth: ours {np.abs(found.theta - theta).max():.3f}, "
          f"Elo {np.abs(scaled - scaled.mean() - theta).max():.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
