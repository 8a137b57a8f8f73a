"""How many answers a ranking needs, by which trials are drawn: adaptive allocation beside others.

    python benchmarks/allocation.py [--studies 20] [--systems 8,20] [--out docs/many-systems.md]

Workers, and images, like systems more or less than others do: logit P = mu + worker + image, with standard
deviations of 0.3 for each worker and system and 0.5 for each image; mu is such that the mean of P over all of
them is that of Bradley and Terry's model. Every study has new strengths, workers and images. The ranking and
its intervals are those of `analyze`, clustered by workers and images. Nothing of the simulation is in Glimpse
but the draws themselves.

The draws: fixed blocks as of build-hits; random pairs; a Swiss system (neighbours in the standings meet,
first those that met least often); information about all strengths along a spanning tree, as Mikhailiuk et al.
draw batches (2020); and Glimpse's own.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.special import expit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._drawing import center
from benchmarks._sizes import whole_number
from glimpse.allocation import Allocation, DrawCounts, Posterior, dealt, draw, posterior
from glimpse.analysis.statistics.ranking import rank_conditions
from glimpse.blocks import blocks
from glimpse.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Pairs = list[tuple[int, int]]

TRIALS, ITEMS = 30, 200  # of an assignment; of each system
STRENGTH_SD, WORKER_SD, IMAGE_SD = 0.8, 0.3, 0.5
SPREAD = float(np.sqrt(2 * WORKER_SD**2 + 2 * IMAGE_SD**2))
ASSIGNMENTS = {8: 80, 20: 200}  # of the longest study: 2400 and 6000 answers
PARTS = (0.25, 0.375, 0.5, 0.75, 1.0)
TOP = 3
COLUMNS = (
    "trials drawn",
    "width, top three",
    "answers needed",
    "width, all",
    "answers needed",
    "intervals that hold, top three",
    "all",
    "fewest answers of a system",
)
MARK = "<!-- measured: what follows is written by benchmarks/allocation.py -->"
METHODS = {
    "fixed": "fixed blocks, every pair equally often",
    "random": "random pairs",
    "swiss": "Swiss system",
    "tree": "information about all strengths, by spanning trees",
    "adaptive": '`allocation = "adaptive"`',
    "first": '`allocation = "adaptive"`, `first = 3`',
}


class Looked(NamedTuple):
    """A ranking's widths, of differences among the top and of all; shares of intervals that hold.

    `least` is the answers about the system that has fewest, over those of an equal share.
    """

    top: float
    every: float
    top_held: float
    every_held: float
    least: float


@cache
def _curve() -> tuple[Floats, Floats]:
    grid = np.linspace(-6, 6, 121)
    return grid, np.array([center(float(expit(value)), SPREAD) for value in grid])


def study(systems: int, method: str, seed: int) -> list[Looked]:
    """Simulate one study and look at it as its answers come in."""
    rng = np.random.default_rng([seed, systems])
    theta = np.sort(rng.normal(0, STRENGTH_SD, systems))[::-1]
    theta -= theta.mean()
    image = rng.normal(0, IMAGE_SD, (systems, ITEMS))
    last = ASSIGNMENTS.get(systems, 10 * systems)
    looks = {round(part * last) for part in PARTS}
    draws = DRAWS[method](systems, last, np.random.default_rng([seed, 1]))
    wins, shown, rows, found = np.zeros((systems, systems)), DrawCounts.none(systems, ITEMS), [], []
    for worker in range(last):
        drawn = np.array(draws(wins, shown, np.random.default_rng([seed, 2, worker])))
        left, right, item = drawn[:, 0], drawn[:, 1], drawn[:, 2]
        own = rng.normal(0, WORKER_SD, systems)
        mu = np.interp(theta[left] - theta[right], *_curve())
        at = mu + own[left] - own[right] + image[left, item] - image[right, item]
        chose = rng.random(len(left)) < expit(at)
        np.add.at(wins, (np.where(chose, left, right), np.where(chose, right, left)), 1)
        rows.append(np.stack([np.full(len(left), worker), left, right, item, chose]))
        if worker + 1 in looks:
            found.append(look(np.concatenate(rows, axis=1), theta))
    return found


def look(answers: NDArray[np.int64], theta: Floats) -> Looked:
    """Rank the systems as `analyze` does."""
    ranking = rank_conditions(judgments(answers))[0]
    width, held = [], []
    for one in ranking.differences:
        a, b = int(one.condition[1:]), int(one.versus[1:])
        top = max(a, b) < TOP
        width.append((one.high - one.low, top))
        held.append((one.low <= theta[a] - theta[b] <= one.high, top))
    counts = np.bincount(answers[1:3].ravel(), minlength=len(theta))

    def mean(values: list[Any], *, top: bool) -> float:
        return float(np.mean([value for value, of_top in values if of_top or not top]))

    return Looked(
        mean(width, top=True), mean(width, top=False), mean(held, top=True), mean(held, top=False),
        float(counts.min() / counts.mean()),
    )  # fmt: skip


def judgments(answers: NDArray[np.int64]) -> pd.DataFrame:
    """Return answers (worker, left, right, item, whether left was chosen) as the analysis reads them."""
    worker, left, right, item, chose = answers
    a, b = np.minimum(left, right), np.maximum(left, right)
    a_left = left == a
    names = np.array([f"s{number:02d}" for number in range(int(b.max()) + 1)])
    pairs = pd.DataFrame({"a": a, "b": b, "item": item})
    return pd.DataFrame({
        "assignment": worker, "worker": worker, "trial": np.arange(len(a)),
        "pair": pairs.groupby(["a", "b", "item"]).ngroup(), "item_a": item, "item_b": item,
        "contrast": np.char.add(np.char.add(names[a], ":"), names[b]), "condition_a": names[a],
        "condition_b": names[b], "exposure_ms": np.nan, "chose_a": chose.astype(bool) == a_left,
        "side_of_a": np.where(a_left, "left", "right"), "chosen_side": np.where(chose, "left", "right"),
        "shown_ms": np.nan, "response_ms": 1000.0, "excluded": False, "reason": "", "sentinel": False,
        "practice": False,
    })  # fmt: skip


def fixed(systems: int, last: int, rng: np.random.Generator) -> Callable[..., Any]:
    """Blocks dealt before anybody answers."""
    ends = np.array(list(combinations(range(systems), 2)))
    dealt_out = iter(blocks(ends, last, TRIALS, rng))
    return lambda _, shown, own: dealt([tuple(ends[one]) for one in next(dealt_out)], shown, own)


def random(systems: int, last: int, rng: np.random.Generator) -> Callable[..., Any]:  # noqa: ARG001
    """Every pair alike."""
    ends = list(combinations(range(systems), 2))
    return lambda _, shown, own: dealt(
        [ends[one] for one in own.integers(len(ends), size=TRIALS)], shown, own
    )


def by_rounds(
    rounds: Callable[[Posterior, Floats, np.random.Generator], Pairs],
) -> Callable[..., Callable[..., Any]]:
    """Return draws in rounds, each of several pairs, after the answers so far."""

    def start(systems: int, last: int, rng: np.random.Generator) -> Callable[..., Any]:  # noqa: ARG001
        def draws(wins: Floats, shown: DrawCounts, own: np.random.Generator) -> Any:
            known, met, pairs = posterior(wins), wins + wins.T, []
            while len(pairs) < TRIALS:
                chosen = rounds(known, met, own)[: TRIALS - len(pairs)]
                pairs += chosen
                for a, b in chosen:
                    known = known.after((a, b), Allocation().design_effect)
                    met[[a, b], [b, a]] += 1
            return dealt(pairs, shown, own)

        return draws

    return start


def swiss(known: Posterior, met: Floats, own: np.random.Generator) -> Pairs:
    """Neighbours in the standings meet; those a place further, where the neighbours met more often."""
    left = list(np.argsort(-known.mean + 1e-6 * own.random(len(known.mean))))
    pairs = []
    while len(left) > 1:
        first = left.pop(0)
        other = min(range(min(3, len(left))), key=lambda place: met[first, left[place]])
        pairs.append((int(first), int(left.pop(other))))
    return pairs


def tree(known: Posterior, met: Floats, own: np.random.Generator) -> Pairs:  # noqa: ARG001
    """The spanning tree of the pairs that tell most of all strengths together."""
    gap = known.mean[:, None] - known.mean[None, :]
    own_variance = np.diag(known.covariance)
    variance = own_variance[:, None] + own_variance[None, :] - 2 * known.covariance
    p = expit(gap)
    told = np.log1p(p * (1 - p) * np.maximum(variance, 0)) + 1e-9 * own.random(gap.shape)
    cost = np.triu(told.max() + 1 - told, 1)
    found = minimum_spanning_tree(cost).tocoo()
    pairs = zip(found.row.tolist(), found.col.tolist(), strict=True)
    return sorted(pairs, key=lambda pair: -told[pair])


def adaptive(systems: int, last: int, rng: np.random.Generator) -> Callable[..., Any]:  # noqa: ARG001
    """Glimpse's."""
    return lambda wins, shown, own: draw(posterior(wins), shown, TRIALS, own)


def first(systems: int, last: int, rng: np.random.Generator) -> Callable[..., Any]:  # noqa: ARG001
    """Glimpse's, where it was told how many of the first are to be told apart."""
    how = Allocation(first=TOP)
    return lambda wins, shown, own: draw(posterior(wins, how), shown, TRIALS, own, how)


DRAWS = {
    "fixed": fixed,
    "random": random,
    "swiss": by_rounds(swiss),
    "tree": by_rounds(tree),
    "adaptive": adaptive,
    "first": first,
}


def needed(looks: list[float], wanted: float, answers: list[int]) -> float:
    """Return at how many answers a width is reached, between looks or a little beyond, on a log scale."""
    line = np.polyfit(np.log(answers), np.log(looks), 1)
    if not looks[-1] <= wanted <= looks[0]:
        return float(np.exp((np.log(wanted) - line[1]) / line[0]))
    return float(np.exp(np.interp(-np.log(wanted), -np.log(looks), np.log(answers))))


def table(systems: int, studies: int) -> list[str]:
    """Simulate all methods and return a table of them."""
    last = ASSIGNMENTS.get(systems, 10 * systems)
    answers = [round(part * last) * TRIALS for part in PARTS]
    found = {}
    for method in METHODS:
        found[method] = np.array([study(systems, method, seed) for seed in range(studies)])
        print(f"{systems} systems, {method}: {studies} studies", file=sys.stderr, flush=True)
    mean = {method: looks.mean(axis=0) for method, looks in found.items()}
    wanted = mean["fixed"][-1, :2]
    lines = [
        f"{systems} systems, {studies} studies of up to {answers[-1]:,} answers:",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for method, name in METHODS.items():
        looks = mean[method]
        shares = [needed(looks[:, one].tolist(), wanted[one], answers) / answers[-1] for one in (0, 1)]
        last_look = looks[-1]
        lines.append(
            f"| {name} | {last_look[0]:.2f} | {100 * shares[0]:.0f} % | {last_look[1]:.2f} | "
            f"{100 * shares[1]:.0f} % | {100 * last_look[2]:.1f} % | {100 * last_look[3]:.1f} % | "
            f"{100 * found[method][:, -1, 4].min():.0f} % |"
        )
    return [*lines, ""]


def main() -> None:
    """Print the tables, or put them into a guide."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--studies", type=whole_number(2), default=20)
    parser.add_argument("--systems", default="8,20")
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    sizes = [whole_number(4, 200)(text) for text in options.systems.split(",")]
    lines = [line for systems in sizes for line in table(systems, options.studies)]
    print("\n".join(lines))
    if options.out:
        before = options.out.read_text(encoding="utf-8").partition(MARK)[0]
        write_whole(options.out, f"{before}{MARK}\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
