"""What a simulated study claims: which intervals hold the truth, and which tests reject it.

A statistic is a function from analysed answers and the truth to its claims; the truths are those of the
studies that `coverage.py` draws.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
from scipy import special

from benchmarks._drawing import EXPOSURES_MS
from glimpse.analysis.statistics import ranking
from glimpse.analysis.statistics.choices import CURVE_SHAPES
from glimpse.analysis.statistics.differences import difference_table
from glimpse.analysis.statistics.preference import Intervals, preference_table
from glimpse.analysis.statistics.psychometric import blank_curve, estimate_curves
from glimpse.analysis.statistics.workers import side_bias

if TYPE_CHECKING:
    from collections.abc import Callable

    from glimpse.analysis.statistics.grouping import Analysed
    from glimpse.analysis.statistics.psychometric import Estimated

    Statistic = Callable[[Analysed, "Truth"], "Claims"]

ALPHA = 0.05
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


def curves_and_differences(answers: Analysed, truth: Truth) -> Claims:
    """What is claimed of curves, and of differences, which take the same curves."""
    fits = estimate_curves(answers, list(truth.curves), "real", BLANK) if truth.curves else []
    return {**curve_claims(fits, truth), **difference_claims(answers, fits, truth)}


def curve_claims(fits: list[Estimated], truth: Truth) -> Claims:
    """Plateau, midpoint, threshold and band of realism curves, and their goodness of fit."""
    claims: Claims = defaultdict(list)
    for one in fits:
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
    if not truth.strengths:
        return claims
    # What holds for all strengths at once takes half of the time, and is judged by rank_coverage.py.
    with patch.object(ranking, "joint_statements", return_value=None):
        rankings = ranking.rank_conditions(answers)
    for found in rankings:
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


def difference_claims(answers: Analysed, fits: list[Estimated], truth: Truth) -> Claims:
    """Two methods against the same real images: differences of rates, plateaus and thresholds (octaves)."""
    if not truth.strengths:
        return {}
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
    rate_claims, ranking_claims, side_claims, curves_and_differences,
)  # fmt: skip


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


def unlimited_truth() -> Truth:
    """The same in unlimited time, as at the longest exposure: no curves, and the exposure 0."""
    limited, last = whole_truth(), EXPOSURES_MS[-1]
    return Truth(
        {(name, 0.0): rate for (name, at), rate in limited.rates.items() if at == last}, {},
        {(0.0, name): strength for (at, name), strength in limited.strengths.items() if at == last},
    )  # fmt: skip


def null_truth(exposures_ms: tuple[float, ...] = EXPOSURES_MS) -> Truth:
    """Three conditions that nobody can tell apart; unlimited time has the exposure 0 alone."""
    contrasts, names = ("crn:real", "pix2pix:real", "crn:pix2pix"), ("crn", "pix2pix", "real")
    return Truth({(name, at): 0.5 for name in contrasts for at in exposures_ms}, {},
                 {(at, name): 0.0 for name in names for at in exposures_ms})  # fmt: skip
