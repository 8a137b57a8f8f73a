"""How often the intervals of d', criterion and thresholds hold the truth, by simulation.

    python benchmarks/detection.py [--replications 1000] [--out docs/detection.md]

Workers all see the same images, half of them real. What they see of an image is normal with a standard
deviation of 1 around its condition; workers differ in where they draw the line and in how well they tell
(standard deviations of 0.3 each), images in how real they look (0.4). The truth is that of endless workers
and images: hits and false alarms are then Phi of a mean over the root of all variances.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy import special

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._document import markdown, put_between
from benchmarks._sizes import whole_number
from glimpse.analysis.statistics.detection import detection_table
from glimpse.analysis.statistics.detection_answers import SingleAnswers
from glimpse.analysis.statistics.detection_curve import sensitivity_curves
from glimpse.analysis.statistics.staircases import (
    Staircases,
    image_errors,
    staircase_blocks,
    staircase_thresholds,
    steady_share,
    threshold_table,
)

BEGIN = "<!-- detection: written by benchmarks/detection.py -->"
END = "<!-- detection: end -->"
STEPS = (-1.2, -0.5, 0.0, 0.5, 1.2)  # between the six answers, from surely real to surely generated
EXPOSURES_MS = (62.5, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0)
SLOPE = 1.2  # of d' over exposure, per octave


@dataclass(frozen=True)
class Study:
    """Workers, images (half of them real), d' and criterion before anything varies, and what does."""

    workers: int
    images: int
    d: float
    c: float = 0.0
    line_sd: float = 0.3
    skill_sd: float = 0.3
    image_sd: float = 0.4

    @property
    def spread(self) -> float:
        """Of what is seen over all workers and images."""
        return float(np.sqrt(1 + self.line_sd**2 + self.skill_sd**2 / 4 + self.image_sd**2))

    @property
    def truth(self) -> dict[str, float]:
        """What endless workers and images would give."""
        d, c, edges = self.d / self.spread, self.c / self.spread, np.array([-np.inf, *STEPS, np.inf])
        gen, real = (np.diff(special.ndtr(edges / self.spread + sign * d / 2 + c)) for sign in (-1, 1))
        H, F = float(special.ndtr(d / 2 - c)), float(special.ndtr(-d / 2 - c))
        area = float(gen @ (real.cumsum() - real / 2))
        return {"d_prime": d, "criterion": c, "errors": (1 - H + F) / 2, "area": area, "hit_rate": H,
                "false_alarm_rate": F}  # fmt: skip


def draw(study: Study, rng: np.random.Generator) -> SingleAnswers:
    """The answers of one study."""
    half = study.images // 2
    w, c, i = (part.ravel() for part in np.meshgrid(
        np.arange(study.workers), np.arange(2), np.arange(half), indexing="ij"))  # fmt: skip
    line, skill = (rng.normal(0, sd, study.workers) for sd in (study.line_sd, study.skill_sd))
    looks = rng.normal(0, study.image_sd, (2, half))
    seen = (c - 0.5) * (study.d + skill[w]) + looks[c, i] - line[w] - study.c + rng.normal(size=len(w))
    rating = np.searchsorted(STEPS, seen) - 3
    rating = np.where(rating >= 0, rating + 1, rating)
    return SingleAnswers(w, c * half + i, c, 0 * c, c > 0, rating, ("real", "made"))


ENDS = {
    "d_prime": ("d_low", "d_high"), "criterion": ("criterion_low", "criterion_high"),
    "errors": ("errors_low", "errors_high"), "area": ("area_low", "area_high"),
    "hit_rate": ("hit_low", "hit_high"), "false_alarm_rate": ("false_alarm_low", "false_alarm_high"),
}  # fmt: skip


def coverage(study: Study, replications: int, rng: np.random.Generator) -> dict[str, float]:
    """How often each interval holds the truth, in [0, 1]; and `width` of that of d'; and `independent` and
    `bootstrap`: intervals of d' as if answers were independent, and of errors by a bootstrap over workers."""
    held: dict[str, float] = dict.fromkeys([*ENDS, "width", "independent", "bootstrap"], 0.0)
    truth = study.truth
    for _ in range(replications):
        answers = draw(study, rng)
        row = detection_table(answers).iloc[0]
        for name, (low, high) in ENDS.items():
            held[name] += row[low] <= truth[name] <= row[high]
        held["width"] += row["d_high"] - row["d_low"]
        held["independent"] += abs(row["d_prime"] - truth["d_prime"]) <= 1.96 * _plain_error(row)
        low, high = _bootstrap(answers, rng)
        held["bootstrap"] += low <= truth["errors"] <= high
    return {name: float(value) / replications for name, value in held.items()}


def _plain_error(row: Any) -> float:
    """Of d', as if answers were independent (Gourevitch & Galanter 1967)."""
    total = 0.0
    for k, n in ((row["hits"], row["n_generated"]), (row["false_alarms"], row["n_real"])):
        p = (k + 0.5) / (n + 1)
        total += p * (1 - p) / n / (np.exp(-(special.ndtri(p) ** 2) / 2) / np.sqrt(2 * np.pi)) ** 2
    return float(np.sqrt(total))


def _bootstrap(answers: SingleAnswers, rng: np.random.Generator) -> tuple[float, float]:
    """As HYPE has it: the share of errors, by resampling workers."""
    wrong = answers.said_generated != answers.generated
    own = np.bincount(answers.worker, weights=wrong) / np.bincount(answers.worker)
    means = own[rng.integers(0, len(own), (1000, len(own)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


SIZES = tuple(
    Study(workers, images, d, c)
    for workers, images in ((8, 30), (8, 60), (8, 200), (20, 60), (30, 100), (50, 30))
    for d, c in ((0.0, 0.0), (1.0, 0.3), (2.0, 0.0), (3.0, 0.5))
)


@dataclass(frozen=True)
class Watchers:
    """Workers whose d' rises with the exposure to `end`, half of it at `middle_ms`."""

    workers: int
    middle_ms: float
    end: float = 2.5
    blocks: int = 3
    trials: int = 150

    def seen(self, exposure_ms: Any, generated: Any, worker: Any, image: Any, rng: Any, own: Any) -> Any:
        """What is seen: (N,), above 0 where it looks generated. own: line, skill and looks."""
        line, skill, looks = own
        d = self.end * special.expit(SLOPE * np.log2(exposure_ms / self.middle_ms))
        side = np.where(generated, 0.5, -0.5)
        return side * (d + skill[worker]) + looks[generated.astype(int), image] - line[worker] + rng.normal(
            size=np.shape(exposure_ms))  # fmt: skip

    def people(self, images: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
        """Lines, skills and looks."""
        return (rng.normal(0, 0.3, self.workers), rng.normal(0, 0.3, self.workers),
                rng.normal(0, 0.4, (2, images)))  # fmt: skip

    def exposure_at(self, share: float) -> float:
        """Where people as a whole are right in so many trials, half of them real; NaN: nowhere."""
        spread = Study(1, 2, 0.0).spread
        ratio = 2 * special.ndtri(share) * spread / self.end
        return float(self.middle_ms * 2 ** (special.logit(ratio) / SLOPE)) if ratio < 1 else np.nan


def climb(people: Watchers, rng: np.random.Generator, own: Any = None) -> Staircases:
    """Everybody's staircases, with the paper's numbers; own: `people.people(300)`, else drawn."""
    W, B, images = people.workers, people.blocks, 300
    own = own or people.people(images, rng)
    t, row = np.full((W, B), 500.0), np.zeros((W, B), dtype=int)
    worker = np.broadcast_to(np.arange(W)[:, None], (W, B))
    shown, right = np.empty((people.trials, W, B)), np.empty((people.trials, W, B), dtype=bool)
    image, truth = np.empty_like(right, dtype=int), np.empty_like(right)
    for trial in range(people.trials):
        generated, which = rng.random((W, B)) < 0.5, rng.integers(0, images, (W, B))
        seen = people.seen(t, generated, worker, which, rng, own)
        shown[trial], right[trial] = t, (seen > 0) == generated
        image[trial], truth[trial] = which + images * generated, generated
        row = np.where(right[trial], row + 1, 0)
        t = np.clip(t + np.where(~right[trial], 10, np.where(row == 3, -30, 0)), 100, 1000)
        row %= 3
    block = np.broadcast_to(np.arange(B), (W, B))
    flat = [np.broadcast_to(part, shown.shape).ravel() for part in (worker, block)]
    return Staircases(flat[0], 0 * flat[0], flat[1], shown.ravel(), right.ravel(), ("made",), 100, 1000,
                      image.ravel(), truth.ravel())  # fmt: skip


def fixed(people: Watchers, images: int, rng: np.random.Generator, own: Any = None) -> SingleAnswers:
    """The same people with exposures that were fixed beforehand; own: `people.people(images)`, else drawn."""
    w, c, i = (part.ravel() for part in np.meshgrid(
        np.arange(people.workers), np.arange(2), np.arange(images // 2), indexing="ij"))  # fmt: skip
    t = (i + rng.integers(0, 7, (people.workers, 2))[w, c]) % 7
    own = own or people.people(images // 2, rng)
    seen = people.seen(np.array(EXPOSURES_MS)[t], c > 0, w, i, rng, own)
    rating = np.where(seen > 0, 1, -1)
    return SingleAnswers(w, c * (images // 2) + i, c, t, c > 0, rating, ("real", "made"), EXPOSURES_MS)


def measured(job: tuple[Study, int, int]) -> dict[str, str]:
    """A row of the table of d' and criterion."""
    study, replications, seed = job
    rng = np.random.default_rng([seed, study.workers, study.images, int(10 * study.d)])
    found = coverage(study, replications, rng)
    names = ("d_prime", "criterion", "hit_rate", "false_alarm_rate", "errors", "area")
    return {
        "workers": str(study.workers), "images": str(study.images),
        "d', c": f"{study.truth['d_prime']:.2f}, {study.truth['criterion']:.2f}",
        **{name.replace("_", " "): f"{100 * found[name]:.1f}" for name in names},
        "width of d'": f"{found['width']:.2f}", "d' independent": f"{100 * found['independent']:.1f}",
        "errors bootstrap": f"{100 * found['bootstrap']:.1f}",
    }  # fmt: skip


def stairs(job: tuple[Watchers, int, int]) -> dict[str, str]:
    """A row of the table of staircases: what many workers give, and how often studies of a few hold it."""
    people, replications, seed = job
    rng = np.random.default_rng([seed, people.workers, int(people.middle_ms)])
    many = Watchers(200, people.middle_ms, people.end, people.blocks, people.trials)
    # Of many people who each see other images than most: 20 times 200.
    blocks = pd.concat([staircase_blocks(climb(many, rng)) for _ in range(20)], ignore_index=True)
    blocks["worker"] += 200 * (blocks.groupby(["worker", "block"]).cumcount())
    truth = threshold_table(staircase_thresholds(blocks)).iloc[0]
    share = steady_share(10, 30, 3)
    held, alone, curve, told = 0, 0, 0, 0
    for _ in range(replications):
        answers = climb(people, rng)
        thresholds = staircase_thresholds(staircase_blocks(answers))
        row = threshold_table(thresholds, images=image_errors(answers)).iloc[0]
        alone += _without_images(thresholds, truth["threshold_ms"])
        held += row["low"] <= truth["threshold_ms"] <= row["high"]
        (fit,) = sensitivity_curves(fixed(people, 140, rng), threshold=share)
        if fit.threshold_ms is not None:
            told += 1
            curve += fit.threshold_low <= people.exposure_at(share) <= fit.threshold_high
    return {
        "workers": str(people.workers),
        f"right in {100 * share:.0f} % at": f"{people.exposure_at(share):.0f} ms",
        "right in 75 % at": f"{people.exposure_at(0.75):.0f} ms",
        "mean of modes": f"{truth['threshold_ms']:.0f} ms", "mean of turns": f"{truth['turning_ms']:.0f} ms",
        "settled blocks": f"{100 * blocks['settled'].mean():.0f} %",
        "interval holds": f"{100 * held / replications:.1f} %",
        "without images": f"{100 * alone / replications:.1f} %",
        "curve holds": f"{100 * curve / told:.1f} % of {told}" if told else "-",
    }  # fmt: skip


def _without_images(thresholds: pd.DataFrame, truth: float) -> bool:
    """Whether an interval over workers alone holds the truth."""
    row = threshold_table(thresholds).iloc[0]
    return bool(row["low"] <= truth <= row["high"])


CLIMBS = (*(Watchers(30, middle) for middle in (120.0, 250.0, 500.0, 900.0)), Watchers(8, 500.0))


def main() -> None:
    """Simulate, print, and rewrite the part of a document between its marks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replications", type=whole_number(1), default=1000, help="studies a row")
    parser.add_argument("--staircases", type=whole_number(1), default=200, help="studies of staircases a row")
    parser.add_argument("--seed", type=whole_number(0), default=0)
    parser.add_argument("--jobs", type=whole_number(1, 256), default=os.cpu_count(), help="rows at a time")
    parser.add_argument("--out", type=Path, help="file whose part between the marks is replaced")
    given = parser.parse_args()
    start = time.perf_counter()
    with ProcessPoolExecutor(given.jobs) as pool:
        rows = list(pool.map(measured, [(study, given.replications, given.seed) for study in SIZES]))
        climbs = list(pool.map(stairs, [(people, given.staircases, given.seed) for people in CLIMBS]))
    text = (
        f"Seed {given.seed}; {given.replications} studies a row.\n\n{markdown(rows)}\n\n"
        f"Staircases; {given.staircases} studies a row.\n\n{markdown(climbs)}\n"
    )
    print(text, f"\n{time.perf_counter() - start:.0f} s")
    if given.out:
        put_between(given.out, BEGIN, END, text)


if __name__ == "__main__":
    main()
