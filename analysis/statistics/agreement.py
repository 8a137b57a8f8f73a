"""Agreement between workers who saw the same trials.

The coding matters: whether workers chose the same *side* of the same trial is agreement; whether they chose
the same *condition* mostly says how often a condition wins, and is near 0 even where all of them agree. Both
are computed, each under its name; "side" is the one to report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..reading.exclusion import included
from .clustering import KeyedSums, Occurring, joint, way_of
from .distributions import normal_quantile

if TYPE_CHECKING:
    from ..reading.judgments import Judgments
    from .clustering import Floats

AGREEMENT_COLUMNS = (
    "scope", "coding", "n_units", "n_ratings", "n_workers", "alpha", "alpha_low", "alpha_high", "kappa",
    "note",
)  # fmt: skip
ALL = -1  # in place of a contrast's code
CODINGS = {"side": ("chosen_side", "left"), "condition": ("chose_a", True)}


def agreement_table(
    judgments: Judgments | pd.DataFrame, *, level: float = 0.95, filtered: bool = True
) -> pd.DataFrame:
    """Krippendorff's alpha and Fleiss' kappa: by side, overall and per contrast; by condition per contrast.

    Over all contrasts there is no coding by condition: which of two conditions is A would decide it.
    judgments: as marked by `exclusion.exclude`. A unit is a trial with two or more answers. alpha_low/high:
    jackknife over the units. Where an index is not defined (nobody shares a trial, or all answers are the
    same) it is missing and `note` says so.
    """
    units = KeyedSums()
    workers = Occurring()
    needed = ("worker", "trial", "contrast", *(column for column, _ in CODINGS.values()))
    for part in included(judgments, needed, filtered=filtered):
        column = part["contrast"].astype("category")
        contrast, trial, worker = way_of(column), way_of(part["trial"]), way_of(part["worker"])
        firsts = [(part[name] == first).to_numpy() for name, first in CODINGS.values()]
        units.add(
            joint([contrast.code, trial.code], [contrast.size, trial.size]), (np.ones(len(part)), *firsts)
        )
        workers.add(contrast.code, worker)
        workers.add(np.full(len(part), ALL), worker)
    key, sums = units.result()
    n, *firsts = sums.T
    rows = []
    for number, count in sorted(workers.counts().items()):
        here = np.full(len(key), True) if number == ALL else key // trial.size == number
        scope = "all" if number == ALL else str(column.cat.categories[number])
        codings = ("side",) if number == ALL else CODINGS
        for coding, first in zip(codings, firsts, strict=False):
            rows.append(_row(scope, coding, unit_counts(n[here], first[here]), count, level))
    return pd.DataFrame(rows, columns=list(AGREEMENT_COLUMNS))


def _row(scope: str, coding: str, counts: Floats, workers: int, level: float) -> dict[str, object]:
    row: dict[str, object] = {
        "scope": scope, "coding": coding, "n_units": len(counts), "n_ratings": int(counts.sum()),
        "n_workers": workers, "alpha": None, "alpha_low": None,
        "alpha_high": None, "kappa": None, "note": "",
    }  # fmt: skip
    if not len(counts):
        return {**row, "note": "no trial was answered by two workers"}
    if not counts.sum(axis=0).all():
        return {**row, "note": "all answers are the same: agreement beyond chance is not defined"}
    alpha, se = krippendorff_alpha(counts), _jackknife_se(counts)
    reach = normal_quantile((1 + level) / 2) * se
    low, high = max(alpha - reach, -1.0), min(alpha + reach, 1.0)
    return {**row, "alpha": alpha, "alpha_low": low, "alpha_high": high, "kappa": fleiss_kappa(counts)}


def unit_counts(n: Floats, first: Floats) -> Floats:
    """How often each of two values was given to each trial: (units, 2); trials with one answer are left out.

    n: answers of each trial; first: those that gave the first value.
    """
    rated = n >= 2
    return np.stack([first[rated], (n - first)[rated]], axis=1)


def krippendorff_alpha(counts: Floats) -> float:
    """Nominal alpha of two values from counts (units, 2), each unit with two or more ratings.

    Krippendorff (2011), "Computing Krippendorff's alpha-reliability": 1 - (n - 1) o_ab / (n_a n_b), with o_ab
    the coincidences of different values. NaN where all values are equal.
    """
    return float(_alpha(*_sums(counts)))


def _sums(counts: Floats) -> tuple[Any, Any, Any]:
    """(coincidences of different values, total of the first, total of the second)."""
    a, b = counts[:, 0], counts[:, 1]
    return np.sum(a * b / (a + b - 1)), a.sum(), b.sum()


def _alpha(different: Any, n_a: Any, n_b: Any) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 - (n_a + n_b - 1) * different / (n_a * n_b))


def _jackknife_se(counts: Floats) -> float:
    """Standard error of alpha by leaving out one unit at a time; 0 with one unit."""
    a, b = counts[:, 0], counts[:, 1]
    different, n_a, n_b = _sums(counts)
    without = _alpha(different - a * b / (a + b - 1), n_a - a, n_b - b)
    without = without[np.isfinite(without)]
    U = len(without)
    return float(np.sqrt((U - 1) / U * ((without - without.mean()) ** 2).sum())) if U > 1 else 0.0


def fleiss_kappa(counts: Floats) -> float:
    """Fleiss' kappa (1971) of two values from counts (units, 2); units may differ in their number of ratings.

    The observed agreement is the mean over units, the expected one follows from the share of each value over
    all ratings. NaN where all values are equal.
    """
    m = counts.sum(axis=1)
    observed = ((counts * (counts - 1)).sum(axis=1) / (m * (m - 1))).mean()
    share = counts.sum(axis=0) / counts.sum()
    expected = float((share**2).sum())
    return float((observed - expected) / (1 - expected)) if expected < 1 else float("nan")
