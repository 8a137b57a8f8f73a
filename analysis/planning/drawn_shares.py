"""How often each pair is answered where a server draws the trials, before anybody answers: by simulation.

Studies are simulated whose trials `glimpse.allocation` draws as the server does, and whose people all judge
alike. What is counted is how often each pair was answered, on average over them.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from glimpse.allocation import Allocation, DrawCounts, draw, posterior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RUNS = 8  # studies that are averaged
ROUNDS = 40  # of draws from one number of workers to the next, at most: each then stands for several workers


class DrawnStudies:
    """Studies under way: `answered` tells how often each pair has been, after so many workers.

    Args:
        theta: (n,) what chances follow from, in log odds.
        items: How many each system shows.
        trials: Of a worker.
        allocation: How they are drawn.
        seed: Of the answers and of the draws.

    Example:
        >>> studies = DrawnStudies(np.array([1.0, 0.0, -1.0]), 50, 12, Allocation(), 0)
        >>> float(studies.answered(10).sum())
        120.0
    """

    def __init__(self, theta: Floats, items: int, trials: int, allocation: Allocation, seed: int) -> None:
        self.theta, self.trials, self.allocation = theta, trials, allocation
        self.workers = 0
        self._rngs = [np.random.default_rng([seed, run]) for run in range(RUNS)]
        self._shown = [DrawCounts.none(len(theta), items) for _ in range(RUNS)]
        self._wins: list[Floats] = [np.zeros((len(theta), len(theta))) for _ in range(RUNS)]

    def answered(self, workers: int) -> Floats:
        """Return (pairs,) how many answers each pair has, in the order of `combinations`.

        ValueError for fewer workers than were asked for before.
        """
        if workers < self.workers:
            raise ValueError(f"workers: {workers}, after {self.workers}; studies only grow")
        rounds = min(ROUNDS, workers - self.workers)
        ends = self.workers + np.arange(1, rounds + 1) * (workers - self.workers) // max(1, rounds)
        for people in np.diff(ends, prepend=self.workers):
            for wins, shown, rng in zip(self._wins, self._shown, self._rngs, strict=True):
                self._answer(wins, shown, rng, int(people))
        self.workers = workers
        mean = np.mean(self._wins, axis=0)
        first, second = np.array(list(combinations(range(len(self.theta)), 2))).T
        return np.asarray((mean + mean.T)[first, second])

    def _answer(self, wins: Floats, shown: DrawCounts, rng: np.random.Generator, people: int) -> None:
        """Draw the trials of one worker, and let so many people answer such ones."""
        drawn = draw(posterior(wins, self.allocation), shown, self.trials, rng, self.allocation)
        left, right = np.array([[one.left, one.right] for one in drawn]).T
        chosen = rng.binomial(people, expit(self.theta[left] - self.theta[right]))
        np.add.at(wins, (left, right), chosen)
        np.add.at(wins, (right, left), people - chosen)
