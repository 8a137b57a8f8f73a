"""How often somebody who looks after every round is wrong, and how early a study may stop.

    python benchmarks/stopping.py [--studies 2000]

Workers differ, and so do pairs: logit P = mu + worker + pair, with standard deviations of 0.5 and 0.6. Every
HIT shows pairs of its own, to one more worker a round. The truth is the rate over the pairs that were shown,
averaged over workers. Columns, in per cent: how many studies have an interval that misses the truth at any
look, by `glimpse.betting` ("at every look") and by Wilson's interval, as if all answers were independent; how
many may stop, since the interval leaves out 50 %; and how many of the workers have answered by then.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._sizes import whole_number
from glimpse.analysis.statistics.preference import wilson
from glimpse.betting import log_capital

WORKER_SD, PAIR_SD, LEVEL = 0.5, 0.6, 0.95
ENOUGH = np.log(2 / (1 - LEVEL))
RATES = (0.5, 0.55, 0.6, 0.75, 0.9)
Floats = NDArray[np.float64]


class Design(NamedTuple):
    """A cell: HITs, the workers of each, and the trials that a HIT has of the cell."""

    name: str
    hits: int
    workers: int
    trials: int


DESIGNS = (
    Design("limited-time, 10 HITs x 20 workers x 5 pairs", 10, 20, 5),
    Design("unlimited-time, 5 HITs x 10 workers x 100 pairs", 5, 10, 100),
    Design("one HIT x 60 workers x 20 pairs", 1, 60, 20),
    Design("4 HITs x 200 workers x 3 pairs", 4, 200, 3),
)


class Found(NamedTuple):
    """Shares: of studies wrong at some look, by both intervals, that may stop; and of workers by then."""

    wrong: float
    looked_at: float
    stopped: float
    asked: float


def expit(x: Floats) -> Floats:
    """The logistic function."""
    return np.asarray(1 / (1 + np.exp(-x)))


def answers(design: Design, rate: float, studies: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return workers' means (studies, workers, HITs) and the rate over the pairs shown (studies,)."""
    shape = (studies, design.workers, design.hits)
    logit = np.log(rate / (1 - rate)) + rng.normal(0, PAIR_SD, (studies, 1, design.hits, design.trials))
    worker = rng.normal(0, WORKER_SD, shape)
    chosen = np.zeros(shape)
    for trial in range(design.trials):
        chosen += rng.random(shape) < expit(logit[..., trial] + worker)
    nodes, mass = np.polynomial.hermite_e.hermegauss(15)
    chances = [expit(logit + WORKER_SD * node).mean(axis=(1, 2, 3)) for node in nodes]
    return chosen / design.trials, np.average(chances, axis=0, weights=mass)


def found(design: Design, rate: float, studies: int, seed: int) -> Found:
    """Simulate studies of one design and rate, and look at each after every round."""
    means, truth = answers(design, rate, studies, np.random.default_rng(seed))
    wrong = 0
    for x, m in zip(means, truth, strict=True):
        wrong += max(log_capital(x, m).max(), log_capital(1 - x, 1 - m).max()) >= ENOUGH
    rounds = np.arange(1, design.workers + 1)
    so_far = means.mean(axis=2).cumsum(axis=1) / rounds
    low, high = wilson(so_far, (rounds * design.hits * design.trials).astype(float), 1.959964)
    missed = (low > truth[:, np.newaxis]) | (truth[:, np.newaxis] > high)
    out = np.maximum(log_capital(means, 0.5), log_capital(1 - means, 0.5)) >= ENOUGH
    stops = out.any(axis=1)
    asked = np.where(stops, out.argmax(axis=1) + 1, design.workers) / design.workers
    return Found(wrong / studies, float(missed.any(axis=1).mean()), float(stops.mean()), float(asked.mean()))


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=whole_number(1, 100_000), default=2000, help="simulated for a row")
    studies = parser.parse_args().studies
    print("| a cell | rate of all pairs | at every look | Wilson's | may stop | workers |")
    print("|---|---|---|---|---|---|")
    for design in DESIGNS:
        for seed, rate in enumerate(RATES):
            row = found(design, rate, studies, seed)
            shares = " | ".join(f"{100 * share:.1f}" for share in row)
            print(f"| {design.name} | {rate:g} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
