"""How often the default 95 % intervals hold the truth, by simulation in the paper's two designs.

    python benchmarks/coverage.py [--replications 4000] [--studies 400] [--out docs/coverage.md]

Answers are drawn from logit P = mu + worker + pair, worker ~ N(0, s_worker^2), pair ~ N(0, s_pair^2); the
truth is the mean of P over workers and pairs. Every interval comes from the functions that `analyze` uses: a
replication is a cell of one large table.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy import optimize, special

# The package, not the benchmark of the same name that stands beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._sizes import whole_number
from glimpse.analysis.statistics.choices import CURVE_SHAPES
from glimpse.analysis.statistics.clustering import Cells, CellSums, way_of
from glimpse.analysis.statistics.preference import Intervals, cell_intervals, wilson
from glimpse.analysis.statistics.psychometric import fit_curves
from glimpse.analysis.statistics.ranking import rank_conditions
from glimpse.files import write_whole

NOMINAL = 0.95
BLOCK = 2_000_000  # answers drawn at a time
RATES = (0.5, 0.75, 0.9, 0.97)
EXPOSURES_MS = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(61)


@dataclass(frozen=True)
class Design:
    """One cell: HITs, workers a HIT, and how many of the cell's pairs a HIT holds."""

    name: str
    hits: int
    workers_per_hit: int
    pairs_per_hit: int


LIMITED = Design("limited-time", 10, 20, 5)
UNLIMITED = Design("unlimited-time", 5, 10, 100)
SPREADS = {"none": (0.0, 0.0), "worker": (0.6, 0.2), "pair": (0.2, 0.8), "both": (0.5, 0.8)}


def mean_rate(mu: float, spread: float) -> float:
    """The mean of logistic(mu + N(0, spread^2))."""
    return float((special.expit(mu + spread * NODES) * WEIGHTS).sum() / WEIGHTS.sum())


def center(rate: float, spread: float) -> float:
    """The mu at which the mean rate is `rate`."""
    return float(optimize.brentq(lambda mu: mean_rate(mu, spread) - rate, -20, 20, xtol=1e-12))


def draw(
    design: Design, rate: float, spreads: tuple[float, float], replications: int, rng: Any
) -> tuple[Any, ...]:
    """Answers of `replications` cells: (chose, replication, worker, pair), the last two coded within one."""
    s_worker, s_pair = spreads
    H, W, P = design.hits, design.workers_per_hit, design.pairs_per_hit
    worker = rng.normal(0, s_worker, (replications, H, W, 1)) if s_worker else np.zeros((1, 1, 1, 1))
    pair = rng.normal(0, s_pair, (replications, H, 1, P)) if s_pair else np.zeros((1, 1, 1, 1))
    logit = center(rate, float(np.hypot(s_worker, s_pair))) + worker + pair
    shape = (replications, H, W, P)
    chose = rng.random(shape, dtype=np.float32) < special.expit(logit)
    replication, hit, w, p = (grid.ravel() for grid in np.indices(shape, dtype=np.int32))
    return chose.ravel(), replication, hit * W + w, hit * P + p


def holds(low: Any, high: Any, truth: float) -> float:
    """Share of intervals that hold the truth."""
    return float(np.mean((np.asarray(low) <= truth) & (truth <= np.asarray(high))))


def intervals_of(found: Cells, settings: Intervals) -> dict[str, tuple[Any, Any]]:
    """The default interval and those it is compared with: name -> (low, high)."""
    default = cell_intervals(found, settings)
    z = 1.959963984540054
    made = {
        "default": (default["low"], default["high"]),
        "naive": wilson(found.rate, found.n.astype(float), z),
    }
    for name, variance in (("worker", found.ways[0]), ("pair", found.ways[1]), ("two-way z", found.combined)):
        made[name] = found.rate - z * np.sqrt(variance), found.rate + z * np.sqrt(variance)
    return made


def preference_coverage(design: Design, replications: int, rng: np.random.Generator) -> pd.DataFrame:
    """Coverage of each kind of interval, and the default's mean width, over rates and spreads."""
    size = design.hits * design.workers_per_hit * design.pairs_per_hit
    rows = []
    for label, spreads in SPREADS.items():
        for rate in RATES:
            hits: dict[str, list[float]] = {}
            widths, weights = [], []
            for start in range(0, replications, max(1, BLOCK // size)):
                count = min(max(1, BLOCK // size), replications - start)
                chose, cell, worker, pair = draw(design, rate, spreads, count, rng)
                sums = CellSums(count)
                sums.add(chose, cell, {"worker": way_of(worker), "pair": way_of(pair)})
                made = intervals_of(sums.cells(), Intervals())
                for name, (low, high) in made.items():
                    hits.setdefault(name, []).append(holds(low, high, rate))
                widths.append(float(np.mean(made["default"][1] - made["default"][0])))
                weights.append(count)
            row = {
                "design": design.name,
                "spread": label,
                "s_worker": spreads[0],
                "s_pair": spreads[1],
                "rate": rate,
            }
            row |= {name: float(np.average(values, weights=weights)) for name, values in hits.items()}
            rows.append(row | {"width": float(np.average(widths, weights=weights))})
    return pd.DataFrame(rows)


def limited_study(
    contrasts: dict[str, Any], spreads: tuple[float, float], rng: np.random.Generator
) -> pd.DataFrame:
    """Judgments of one limited-time study: 10 HITs x 20 workers x 7 exposures x 5 pairs x the contrasts.

    contrasts: "a:b" -> the mean rate at which a is chosen at each exposure (7,).
    """
    s_worker, s_pair = spreads
    H, W, P, E = 10, 20, 5, len(EXPOSURES_MS)
    spread = float(np.hypot(s_worker, s_pair))
    worker = rng.normal(0, s_worker, (H, W, 1, 1))
    frames = []
    for contrast, rates in contrasts.items():
        mu = np.array([center(rate, spread) for rate in rates])[:, None]
        logit = mu + worker + rng.normal(0, s_pair, (H, 1, E, P))
        chose = (rng.random((H, W, E, P)) < special.expit(logit)).ravel()
        hit, w, e, p = (grid.ravel() for grid in np.indices((H, W, E, P)))
        a_left = np.broadcast_to(rng.random((H, 1, E, P)) < 0.5, (H, W, E, P)).ravel()
        a, b = contrast.split(":")
        frames.append(pd.DataFrame({
            "worker": hit * W + w, "pair": (hit * E + e) * P + p + len(frames) * H * E * P,
            "contrast": contrast,
            "condition_a": a, "condition_b": b, "exposure_ms": np.array(EXPOSURES_MS)[e], "chose_a": chose,
            "side_of_a": np.where(a_left, "left", "right"), "shown_ms": np.nan,
            "chosen_side": np.where(chose == a_left, "left", "right"), "excluded": False, "sentinel": False,
        }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


TRUE_CURVE = {"plateau": 0.92, "slope": 1.4, "midpoint_ms": 500.0}


def curve_coverage(studies: int, rng: np.random.Generator) -> pd.DataFrame:
    """Coverage of the curve's parameters and threshold, and how often the true family is rejected at 5 %."""
    logistic = CURVE_SHAPES["logistic"]
    x = np.log2(np.array(EXPOSURES_MS))
    A, slope, m = TRUE_CURVE["plateau"], TRUE_CURVE["slope"], np.log2(TRUE_CURVE["midpoint_ms"])
    rates = 0.5 + (A - 0.5) * logistic.cdf(slope * (x - m))
    threshold = 2 ** (m + float(logistic.quantile(np.array(0.25 / (A - 0.5)))) / slope)
    truth = {
        "plateau": ("", A),
        "slope": ("", slope),
        "midpoint": ("_ms", 2**m),
        "threshold": ("_ms", threshold),
    }
    rows = []
    for label, spreads in SPREADS.items():
        fits = [
            fit_curves(limited_study({"real:crn": rates}, spreads, rng), real="real")[0]
            for _ in range(studies)
        ]
        sound = [fit for fit in fits if fit.identified]
        row: dict[str, Any] = {"spread": label, "studies": studies, "identified": len(sound) / studies}
        for name, (unit, value) in truth.items():
            low = [getattr(fit, f"{name}_low{unit}") for fit in sound]
            high = [getattr(fit, f"{name}_high{unit}") or np.inf for fit in sound]
            row[name] = holds(low, high, value)
        row["curve"] = float(np.mean([_band_holds(fit, rates) for fit in sound]))
        row["fit rejected"] = float(np.mean([fit.p_fit is not None and fit.p_fit < 0.05 for fit in sound]))
        rows.append(row)
    return pd.DataFrame(rows)


def _band_holds(fit: Any, rates: Any) -> float:
    low, high = fit.band(np.array(EXPOSURES_MS))
    return float(np.mean((low <= rates) & (rates <= high)))


def ranking_coverage(studies: int, rng: np.random.Generator) -> pd.DataFrame:
    """Coverage of strengths, and how often a true Bradley-Terry model fails the transitivity check at 5 %.

    The truth is Bradley-Terry in the mean rates, which is what the study's rates estimate.
    """
    theta = {"real": 1.0, "crn": 0.1, "pix2pix": -1.1}
    one = {f"{a}:{b}": [float(special.expit(theta[a] - theta[b]))] * 7
           for a, b in (("crn", "real"), ("pix2pix", "real"), ("crn", "pix2pix"))}  # fmt: skip
    rows = []
    for label, spreads in SPREADS.items():
        fits = [
            ranking for _ in range(studies) for ranking in rank_conditions(limited_study(one, spreads, rng))
        ]
        row: dict[str, Any] = {"spread": label, "fits": len(fits)}
        for name, value in theta.items():
            at = [fit.conditions.index(name) for fit in fits]
            row[name] = holds([f.low[i] for f, i in zip(fits, at, strict=True)],
                              [f.high[i] for f, i in zip(fits, at, strict=True)], value)  # fmt: skip
        row["left bias"] = holds([fit.left_low for fit in fits], [fit.left_high for fit in fits], 0.0)
        row["transitivity rejected"] = float(np.mean([(fit.transitivity_p or 1.0) < 0.05 for fit in fits]))
        rows.append(row)
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame, percent: set[str]) -> str:
    """A Markdown table; columns in `percent` are written as percentages with one decimal."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    for row in table.to_dict("records"):
        cells = [_shown(value, str(name) in percent) for name, value in row.items()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _shown(value: Any, percent: bool) -> str:
    if percent:
        return f"{100 * value:.1f}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


MARK = "<!-- measured: everything below is written by benchmarks/coverage.py -->"


def main() -> None:
    """Simulate, print, and rewrite the measured part of docs/coverage.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replications", type=whole_number(1), default=4000, help="cells simulated a row")
    parser.add_argument("--studies", type=whole_number(1), default=400, help="whole studies simulated a row")
    parser.add_argument("--seed", type=whole_number(0), default=0)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).resolve().parent.parent / "docs" / "coverage.md"
    )
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    began = time.process_time()
    percent = {"default", "naive", "worker", "pair", "two-way z"}
    parts = [f"Seed {options.seed}; {options.replications} cells and {options.studies} studies a row.", ""]
    for design in (LIMITED, UNLIMITED):
        table = preference_coverage(design, options.replications, rng).drop(columns="design")
        parts += [f"## Preference rates, {design.name}", "", markdown(table, percent), ""]
        parts.append(
            f"Default interval: {100 * table['default'].min():.1f} to {100 * table['default'].max():.1f} %.\n"
        )
        print("\n".join(parts[-4:]), flush=True)
    curves = curve_coverage(options.studies, rng)
    share = {"identified", "plateau", "slope", "midpoint", "threshold", "curve", "fit rejected"}
    parts += ["## Realism curves", "", markdown(curves, share), ""]
    ranking = ranking_coverage(max(1, options.studies // 4), rng)
    share = {"real", "crn", "pix2pix", "left bias", "transitivity rejected"}
    parts += ["## Ranking", "", markdown(ranking, share), ""]
    print("\n".join(parts[-8:]))
    text = options.out.read_text(encoding="utf-8") if options.out.exists() else ""
    head = text.partition(MARK)[0] or "# Coverage\n\n"
    write_whole(options.out, head + MARK + "\n\n" + "\n".join(parts))
    print(f"{time.process_time() - began:.0f} s of processor time; wrote {options.out}")


if __name__ == "__main__":
    main()
