"""How often 95 % intervals hold the truth, and how often tests reject what is true, by simulation.

    python benchmarks/coverage.py [--replications 2000] [--studies 200] [--out docs/coverage.md]

Answers are drawn from a model in which workers, pairs and images differ (`_drawing.py`), and analysed by the
functions that `analyze` uses: once as before version 0.2.0, clustered by worker and pair, and once as now, by
worker, image of one side and image of the other. A statistic is a function from judgments to its claims.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import special

# The package, not the benchmark of the same name that stands beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._drawing import (
    EXPOSURES_MS,
    FEW,
    LIMITED,
    PARTIAL,
    UNEQUAL,
    UNLIMITED,
    Setting,
    draw_cells,
    draw_study,
)
from benchmarks._sizes import whole_number
from glimpse.analysis.statistics.choices import CURVE_SHAPES, STANDARD
from glimpse.analysis.statistics.differences import difference_table
from glimpse.analysis.statistics.grouping import analysed
from glimpse.analysis.statistics.preference import Intervals, preference_table
from glimpse.analysis.statistics.psychometric import blank_curve, estimate_curves
from glimpse.analysis.statistics.ranking import rank_conditions
from glimpse.analysis.statistics.workers import side_bias
from glimpse.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pandas as pd

    from glimpse.analysis.statistics.grouping import Analysed

    Statistic = Callable[[Analysed, "Truth"], "Claims"]

BEFORE = "two-way"
NOW = STANDARD.name
ALPHA = 0.05
BLOCK, CELLS = 200_000, 100  # answers, and cells, analysed at a time
IMAGES = (8, 16, 24, 50, 200)
RATES = (0.5, 0.75, 0.95)
BLANK = blank_curve("logistic", "nominal", 0.95, 0.75)


@dataclass(frozen=True)
class Truth:
    """What is true of a study: how often A is chosen, by contrast and exposure; curves, strengths by name.

    curves: contrast -> plateau, midpoint_ms and threshold_ms. strengths: (exposure_ms, condition) -> Bradley-
    Terry strength.
    """

    rates: dict[tuple[str, float], float]
    curves: dict[str, dict[str, float]]
    strengths: dict[tuple[float, str], float]

    def rate(self, contrast: str, exposure_ms: float) -> float:
        """How often A is chosen; unlimited time has the exposure 0."""
        return self.rates[contrast, float(np.nan_to_num(exposure_ms))]


# What a statistic claims: by name, 1 for each interval that holds the truth and each test that rejects, else
# 0. Names of tests end in "?".
Claims = dict[str, list[float]]


def holds(low: float | None, high: float | None, truth: float) -> float:
    """1 where an interval holds the truth; an end that is missing has no bound."""
    return float((low is None or low <= truth) and (high is None or truth <= high))


def rate_claims(answers: Analysed, truth: Truth) -> Claims:
    """Preference rates, and their tests of 1/2 where that is true."""
    table = preference_table(answers, settings=Intervals(cluster=answers.cluster.name))
    claims: Claims = defaultdict(list)
    null, adjusted = [], []
    for row in table.itertuples():
        rate = truth.rate(str(row.contrast), row.exposure_ms)
        claims["rate"].append(holds(row.low, row.high, rate))
        claims["width"].append(row.high - row.low)
        claims["naive"].append(holds(row.wilson_low, row.wilson_high, rate))
        null.append(rate == 0.5)
        adjusted.append(row.p_adjusted)
        if rate == 0.5:
            claims["rate = 1/2 ?"].append(float(row.p_value < ALPHA))
    if all(null):
        claims["any rate = 1/2, Holm ?"].append(float(np.nanmin(adjusted) < ALPHA))
    return claims


def curve_claims(answers: Analysed, truth: Truth) -> Claims:
    """Plateau, midpoint, threshold and band of realism curves, and their goodness of fit."""
    claims: Claims = defaultdict(list)
    for one in estimate_curves(answers, list(truth.curves), "real", BLANK) if truth.curves else ():
        fit = one.curve
        claims["identified"].append(float(fit.identified))
        if not fit.identified:
            continue
        true = truth.curves[fit.contrast]
        claims["plateau"].append(holds(fit.plateau_low, fit.plateau_high, true["plateau"]))
        claims["midpoint"].append(holds(fit.midpoint_low_ms, fit.midpoint_high_ms, true["midpoint_ms"]))
        if fit.threshold_status == "reached":
            claims["threshold"].append(
                holds(fit.threshold_low_ms, fit.threshold_high_ms, true["threshold_ms"])
            )
        ends = zip(*fit.band(np.array(EXPOSURES_MS)), EXPOSURES_MS, strict=True)
        claims["curve"] += [
            holds(low, high, 1 - truth.rate(fit.contrast, exposure)) for low, high, exposure in ends
        ]
        if fit.p_fit is not None:
            claims["curve fits ?"].append(float(fit.p_fit < ALPHA))
    return claims


def ranking_claims(answers: Analysed, truth: Truth) -> Claims:
    """Bradley-Terry strengths and their differences, the left-side intercept, transitivity."""
    claims: Claims = defaultdict(list)
    for found in rank_conditions(answers) if truth.strengths else ():
        at = float(found.exposure_ms or 0)
        strengths = [truth.strengths[at, name] for name in found.conditions]
        claims["strength"] += [holds(*ends) for ends in zip(found.low, found.high, strengths, strict=True)]
        claims["left = right ?"].append(1 - holds(found.left_low, found.left_high, 0.0))
        if found.transitivity_p is not None:
            claims["transitive ?"].append(float(found.transitivity_p < ALPHA))
        if not any(strengths):
            claims["equal strengths ?"] += [float(one.p_value < ALPHA) for one in found.differences]
    return claims


def side_claims(answers: Analysed, truth: Truth) -> Claims:
    """Left/right bias over all answers."""
    if not truth.strengths:
        return {}
    found = side_bias(answers)
    return {"no side bias ?": [float(found.p_value is not None and found.p_value < ALPHA)]}


def difference_claims(answers: Analysed, truth: Truth) -> Claims:
    """Two methods against the same real images: differences of rates, plateaus and thresholds (octaves)."""
    if not truth.strengths:
        return {}
    fits = estimate_curves(answers, list(truth.curves) or None, "real", BLANK)
    claims: Claims = defaultdict(list)
    for row in difference_table(answers, fits, "real", Intervals()).itertuples():
        one, two = f"{row.method_1}:real", f"{row.method_2}:real"
        if row.measure == "rate":
            true = truth.rate(one, row.exposure_ms) - truth.rate(two, row.exposure_ms)
        elif not truth.curves:
            continue
        elif row.measure == "plateau":
            true = truth.curves[two]["plateau"] - truth.curves[one]["plateau"]
        else:
            true = float(np.log2(truth.curves[one]["threshold_ms"] / truth.curves[two]["threshold_ms"]))
        claims[f"difference of {row.measure}s"].append(holds(row.low, row.high, true))
        if row.measure == "rate" and true == 0:
            claims["equal rates ?"].append(float(row.p_value < ALPHA))
    return claims


STATISTICS: tuple[Statistic, ...] = (
    rate_claims, curve_claims, ranking_claims, side_claims, difference_claims,
)  # fmt: skip


def claims_of(
    studies: Iterable[tuple[pd.DataFrame, Truth]], statistics: Iterable[Statistic] = STATISTICS
) -> dict[str, tuple[float, float]]:
    """Return, for each name, the mean of what the statistics claim, (before, now)."""
    found: dict[str, Claims] = {way: defaultdict(list) for way in (BEFORE, NOW)}
    for judgments, truth in studies:
        for way, own in found.items():
            answers = analysed(judgments, cluster=way)
            for statistic in statistics:
                for name, values in statistic(answers, truth).items():
                    own[name] += values
    names = dict.fromkeys(name for own in found.values() for name in own)
    before, now = found.values()
    return {name: (_mean(before[name]), _mean(now[name])) for name in names}


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def cells(
    setting: Setting, rate: float, count: int, rng: np.random.Generator
) -> Iterator[tuple[pd.DataFrame, Truth]]:
    """Studies of which one cell is looked at, many in a table of judgments."""
    size = setting.hits * setting.workers_per_hit * setting.trials_per_cell
    at_once = int(np.clip(BLOCK // size, 2, CELLS))
    for done in range(0, count, at_once):
        here = min(at_once, count - done)
        truth = Truth({(f"a{k}:b{k}", 0.0): rate for k in range(here)}, {}, {})
        yield draw_cells(setting, rate, here, rng), truth


# (plateau, slope per octave, midpoint in ms) of how often the real image is chosen.
CURVES = {"crn:real": (0.84, 1.2, 800.0), "pix2pix:real": (0.95, 1.4, 450.0)}


def whole_truth() -> Truth:
    """Three conditions, for which Bradley-Terry holds at every exposure, and logistic curves against real."""
    x, logistic, curves = np.log2(EXPOSURES_MS), CURVE_SHAPES["logistic"], {}
    real = {}
    for name, (A, slope, midpoint_ms) in CURVES.items():
        real[name] = 0.5 + (A - 0.5) * logistic.cdf(slope * (x - np.log2(midpoint_ms)))
        octaves = float(logistic.quantile(np.array(0.25 / (A - 0.5)))) / slope
        curves[name] = {
            "plateau": A, "midpoint_ms": midpoint_ms, "threshold_ms": midpoint_ms * 2**octaves
        }  # fmt: skip
    crn, pix = (-special.logit(real[name]) for name in CURVES)
    rates = {"crn:real": 1 - real["crn:real"], "pix2pix:real": 1 - real["pix2pix:real"],
             "crn:pix2pix": special.expit(crn - pix)}  # fmt: skip
    strengths = {"real": -(crn + pix) / 3, "crn": crn - (crn + pix) / 3, "pix2pix": pix - (crn + pix) / 3}
    return Truth(
        {
            (name, at): float(rate)
            for name, of in rates.items()
            for at, rate in zip(EXPOSURES_MS, of, strict=True)
        },
        curves,
        {
            (at, name): float(s)
            for name, of in strengths.items()
            for at, s in zip(EXPOSURES_MS, of, strict=True)
        },
    )


def null_truth() -> Truth:
    """Three conditions that nobody can tell apart."""
    contrasts, names = ("crn:real", "pix2pix:real", "crn:pix2pix"), ("crn", "pix2pix", "real")
    return Truth({(name, at): 0.5 for name in contrasts for at in EXPOSURES_MS}, {},
                 {(at, name): 0.0 for name in names for at in EXPOSURES_MS})  # fmt: skip


def studies(
    setting: Setting, truth: Truth, count: int, rng: np.random.Generator
) -> Iterator[tuple[pd.DataFrame, Truth]]:
    """Whole limited-time studies."""
    contrasts = dict.fromkeys(name for name, _ in truth.rates)
    rates = {name: np.array([truth.rates[name, at] for at in EXPOSURES_MS]) for name in contrasts}
    for _ in range(count):
        yield draw_study(setting, rates, rng), truth


def about(setting: Setting) -> str:
    """What tells a row of a table from the others."""
    pairing = ", same item" if setting.same_item else ""
    differ = "" if setting.image else " that do not differ"
    return f"{setting.name}, {setting.images} images{differ}{pairing}"


@dataclass(frozen=True)
class Row:
    """A row of a table: a setting; one true rate of single cells, or the truth of whole studies."""

    setting: Setting
    count: int
    seed: tuple[int, ...]
    rate: float | None = None
    truth: Truth | None = None

    def measured(self) -> dict[str, str]:
        """Simulate the row."""
        rng = np.random.default_rng(self.seed)
        if self.truth is None:
            rate = float(self.rate or 0)
            found = claims_of(cells(self.setting, rate, self.count, rng), [rate_claims])
            head = {"study": about(self.setting), "true rate": f"{rate:g}"}
            left_out = {"any rate = 1/2, Holm ?"}
        else:
            found = claims_of(studies(self.setting, self.truth, self.count, rng))
            head, left_out = {"study": about(self.setting)}, {"naive", "width"}
        return head | shown({name: both for name, both in found.items() if name not in left_out})


def rate_rows(count: int, seed: int) -> list[Row]:
    """Coverage of preference rates, a row a setting and rate."""
    settings = [replace(design, images=n) for design in (LIMITED, UNLIMITED) for n in IMAGES]
    settings += [replace(LIMITED, same_item=True), replace(LIMITED, image=0.0), FEW, UNEQUAL, PARTIAL]
    wanted = [(setting, rate) for setting in settings for rate in RATES]
    return [Row(setting, count, (seed, 0, n), rate=rate) for n, (setting, rate) in enumerate(wanted)]


def study_rows(truth: Truth, count: int, seed: tuple[int, int]) -> list[Row]:
    """Coverage and rejections in whole studies, a row a setting."""
    settings = [replace(LIMITED, images=n) for n in IMAGES]
    settings += [replace(LIMITED, same_item=True), replace(LIMITED, image=0.0), PARTIAL]
    return [Row(setting, count, (*seed, n), truth=truth) for n, setting in enumerate(settings)]


def shown(found: dict[str, tuple[float, float]]) -> dict[str, str]:
    """Percentages as a table shows them, "before -> now", or one where both are the same."""
    texts = {
        name: ["-" if np.isnan(one) else f"{100 * one:.1f}" for one in both] for name, both in found.items()
    }
    return {name: " -> ".join(dict.fromkeys(both)) for name, both in texts.items()}


def markdown(rows: list[dict[str, str]]) -> str:
    """A Markdown table of rows, which may lack columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(str(row.get(name, "-")) for name in names) + " |" for row in rows]
    return "\n".join(lines)


MARK = "<!-- measured: everything below is written by benchmarks/coverage.py -->"


def main() -> None:
    """Simulate, print, and rewrite the measured part of docs/coverage.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replications", type=whole_number(1), default=2000, help="cells simulated a row")
    parser.add_argument("--studies", type=whole_number(1), default=200, help="whole studies simulated a row")
    parser.add_argument("--seed", type=whole_number(0), default=0)
    parser.add_argument(
        "--jobs", type=whole_number(1, 256), default=os.cpu_count(), help="rows simulated at a time"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).resolve().parent.parent / "docs" / "coverage.md"
    )
    options = parser.parse_args()
    began, seed = time.perf_counter(), options.seed
    parts = [f"Seed {seed}; {options.replications} cells and {options.studies} studies a row.", ""]
    tables = {
        "Preference rates": rate_rows(options.replications, seed),
        "Whole studies": study_rows(whole_truth(), options.studies, (seed, 1)),
        "Whole studies of conditions that nobody can tell apart": study_rows(
            null_truth(), options.studies, (seed, 2)
        ),
    }
    with ProcessPoolExecutor(options.jobs) as pool:
        for title, rows in tables.items():
            parts += [f"## {title}", "", markdown(list(pool.map(Row.measured, rows))), ""]
            print("\n".join(parts[-4:]), flush=True)
    text = options.out.read_text(encoding="utf-8") if options.out.exists() else ""
    head = text.partition(MARK)[0] or "# Coverage\n\n"
    write_whole(options.out, head + MARK + "\n\n" + "\n".join(parts))
    print(f"{time.perf_counter() - began:.0f} s; wrote {options.out}")


if __name__ == "__main__":
    main()
