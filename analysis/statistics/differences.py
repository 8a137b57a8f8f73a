"""Two methods against the same images: how much more often one is chosen than the other, and as what curves.

Both methods are compared with one reference, usually the real images, by the same workers and on images that
recur. The covariance that this gives is part of every interval (see `covariance`).
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from .clustering import divide
from .curve_limits import threshold_gradient
from .distributions import t_quantile, t_tail, t_test
from .preference import adjust, cell_intervals, design_effects, rates_of
from .psychometric import joint_covariances

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from scipy import sparse

    from .clustering import Codes, Floats
    from .covariance import Cells, Covariances
    from .grouping import Analysed
    from .preference import Intervals
    from .psychometric import Estimated

DIFFERENCES_COLUMNS = (
    "measure", "exposure_ms", "reference", "method_1", "method_2", "value_1", "value_2", "difference", "low",
    "high", "df", "p_value", "p_adjusted", "p_1_not_worse", "p_2_not_worse", "note",
)  # fmt: skip
MOST_REFERENCES = 4  # without a real condition, each condition in turn


class RatesAndErrors(NamedTuple):
    """Of every cell: its rate and the ends of its interval; and the covariances of any two rates.

    parts: (C, C) by each way of clustering, as `Tally.parts_of_cells` has them.
    """

    answers: Analysed
    rates: Cells
    ends: pd.DataFrame
    parts: Mapping[str, sparse.csr_array]

    @classmethod
    def of(cls, answers: Analysed, settings: Intervals) -> RatesAndErrors:
        """Of all answers that are analysed."""
        rates, tally, one = rates_of(answers), answers.by_side, answers.chooses_a
        chosen, n = (np.bincount(tally.cell, weights=w, minlength=len(tally.cells))
                     for w in (tally.n * one, tally.n))  # fmt: skip
        residual = divide(one - divide(chosen, n)[tally.cell], n[tally.cell])
        ends = cell_intervals(rates, settings, design_effects(rates, answers.gathered.cells["contrast"]))
        return cls(answers, rates, ends, tally.parts_of_cells(np.nan_to_num(residual)))

    def correlation(self, number: Codes, flip: NDArray[np.bool_]) -> float:
        """Of the rates of two cells, each flipped or not; 0 where one has no variance."""
        own = {way: part[number][:, number].toarray() for way, part in self.parts.items()}
        covariance = self.answers.by_side.joined(own, "cell", number)
        sign = -1.0 if flip[0] != flip[1] else 1.0
        first, second, total = covariance.variance(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -sign]]))
        found = divide(np.array(first + second - total), np.array(2 * np.sqrt(first * second)))
        return float(np.clip(np.nan_to_num(found), -1.0, 1.0))


class Side(NamedTuple):
    """A contrast seen from a method: whether it is condition A of it."""

    contrast: str
    is_a: bool


def difference_table(
    answers: Analysed, curves: Sequence[Estimated], real: str | None, settings: Intervals
) -> pd.DataFrame:
    """One row two methods and a measure: DIFFERENCES_COLUMNS.

    measure: "rate", at each exposure, of how often a method was chosen over the reference; "plateau", of its
    curve; "threshold", the exposure at which the reference is told from it, whose difference is in octaves.
    p_value: of no difference, adjusted over the rows of a measure. p_1_not_worse: one-sided, that method 1 is
    worse than method 2 by `settings.equivalence` or more, p_2_not_worse that method 2 is; missing where that
    is not asked.
    """
    names = list(dict.fromkeys(answers.gathered.cells["contrast"]))
    every, rows = RatesAndErrors.of(answers, settings), []
    for reference in references(names, real):
        sides = _against(names, reference)
        for one, two in combinations(sides, 2):
            about = {"reference": reference, "method_1": one, "method_2": two}
            found = [
                *_of_rates(every, (sides[one], sides[two]), settings),
                *_of_curves(curves, (sides[one], sides[two]), settings.level),
            ]
            rows += [about | row for row in found]
    table = pd.DataFrame(rows, columns=list(DIFFERENCES_COLUMNS))
    for measure in table["measure"].unique():
        own = table["measure"] == measure
        table.loc[own, "p_adjusted"] = adjust(table.loc[own, "p_value"].to_numpy(float), settings.adjust)
    order = table["measure"].map({"rate": 0, "plateau": 1, "threshold": 2})
    return (
        table.assign(order=order)
        .sort_values("order", kind="stable")
        .drop(columns="order")
        .reset_index(drop=True)
    )


def references(contrasts: Sequence[str], real: str | None) -> list[str]:
    """Return the conditions beside which methods are compared: the real one, else each of a few."""
    names = list(dict.fromkeys(name for contrast in contrasts for name in contrast.split(":")))
    if real in names:
        return [str(real)]
    return names if len(names) <= MOST_REFERENCES else []


def _against(contrasts: Sequence[str], reference: str) -> dict[str, Side]:
    """The methods that are compared with a reference, and how."""
    found = {}
    for contrast in contrasts:
        a, b = contrast.split(":")
        if reference in (a, b):
            found[b if a == reference else a] = Side(contrast, b == reference)
    return found


def _of_rates(every: RatesAndErrors, sides: tuple[Side, Side], settings: Intervals) -> list[dict[str, Any]]:
    """Differences at every exposure at which both methods were judged.

    The interval is made of those of the two rates and of their correlation (Zou 2007, "Toward using
    confidence intervals to compare correlations", Psychological Methods 12(4), eq. 15), so that it stays
    within -1 and 1 and has a width where a rate is 0 or 1.
    """
    cells, rates, ends = every.answers.gathered.cells, every.rates, every.ends
    rows = []
    for exposure_ms in cells["exposure_ms"].drop_duplicates():
        same = cells["exposure_ms"].isna() if pd.isna(exposure_ms) else cells["exposure_ms"] == exposure_ms
        at = [np.flatnonzero(same & (cells["contrast"] == side.contrast)) for side in sides]
        if not all(len(own) and rates.n[own[0]] for own in at):
            continue
        number = np.array([own[0] for own in at])
        flip = np.array([not side.is_a for side in sides])
        low, high = (ends[name].to_numpy(float)[number] for name in ("low", "high"))
        low, high = np.where(flip, 1 - high, low), np.where(flip, 1 - low, high)
        value = np.where(flip, 1 - rates.rate[number], rates.rate[number])
        df = float(np.min(rates.df[number]))
        correlation = every.correlation(number, flip)
        row = {"measure": "rate", "exposure_ms": exposure_ms, "value_1": value[0], "value_2": value[1]}
        if not df > 0 or ends["note"].str.startswith("one ")[number].any():
            rows.append(row | {"difference": value[0] - value[1], "note": "one worker or one image only"})
            continue
        rows.append(row | _compared(value, low, high, correlation, df, settings.level, settings.equivalence))
    return rows


def _compared(
    value: Floats,
    low: Floats,
    high: Floats,
    correlation: float,
    df: float,
    level: float,
    margin: float | None,
) -> dict[str, Any]:
    """Difference of two values with their intervals and correlation; its test is the interval's dual."""
    difference = float(value[0] - value[1])
    below, above = value - low, high - value
    down = _reach(below[0], above[1], correlation)
    up = _reach(above[0], below[1], correlation)
    t = float(t_quantile((1 + level) / 2, df))
    error = (down if difference > 0 else up) / t
    row = {
        "difference": difference, "low": max(difference - down, -1.0), "high": min(difference + up, 1.0),
        "df": df, "p_value": float(t_test(difference / error, df)) if error > 0 and difference else 1.0,
        "note": "",
    }  # fmt: skip
    if margin is not None and min(up, down) > 0:
        row["p_1_not_worse"] = float(t_tail((difference + margin) / (down / t), df))
        row["p_2_not_worse"] = float(t_tail((margin - difference) / (up / t), df))
    return row


def _reach(one: float, two: float, correlation: float) -> float:
    return float(np.sqrt(max(one**2 + two**2 - 2 * correlation * one * two, 0.0)))


def _of_curves(curves: Sequence[Estimated], sides: tuple[Side, Side], level: float) -> list[dict[str, Any]]:
    """Differences of plateaus and of thresholds, where both curves have them."""
    by_name = {one.curve.contrast: one for one in curves if one.estimate and one.curve.identified}
    if any(side.contrast not in by_name for side in sides):
        return []
    pair = [by_name[side.contrast] for side in sides]
    covariance = joint_covariances(pair)
    df = min(one.curve.df for one in pair)
    rows = [_of_plateaus(pair, sides, covariance, df, level)]
    found = [threshold_gradient(one.curve) for one in pair]
    same = [_seen_from_method(one, side) for one, side in zip(pair, sides, strict=True)]
    if same[0] == same[1] and all(one.curve.threshold_status == "reached" for one in pair):
        difference = found[0][0] - found[1][0]
        error = float(np.sqrt(covariance.variance(np.concatenate([found[0][1], -found[1][1]]))))
        reach = float(t_quantile((1 + level) / 2, df)) * error
        rows.append({
            "measure": "threshold", "value_1": 2 ** found[0][0], "value_2": 2 ** found[1][0],
            "difference": difference, "low": difference - reach, "high": difference + reach, "df": df,
            "p_value": float(t_test(difference / error, df)), "note": "",
        })  # fmt: skip
    return rows


def _seen_from_method(one: Estimated, side: Side) -> bool:
    """Whether a curve is that of the method, not of the reference."""
    a, b = side.contrast.split(":")
    return one.curve.condition == (a if side.is_a else b)


def _of_plateaus(
    pair: Sequence[Estimated], sides: tuple[Side, Side], covariance: Covariances, df: float, level: float
) -> dict[str, Any]:
    """How often each method is chosen in the long run, and the difference."""
    own = np.array([_seen_from_method(one, side) for one, side in zip(pair, sides, strict=True)])
    A, low, high = (
        np.array([getattr(one.curve, name) for one in pair])
        for name in ("plateau", "plateau_low", "plateau_high")
    )
    low, high = np.where(own, low, 1 - high), np.where(own, high, 1 - low)
    value, sign = np.where(own, A, 1 - A), np.where(own, 1.0, -1.0)
    slope = sign * A * (1 - A)
    directions = np.zeros((3, 6))
    directions[0, 0], directions[1, 3], directions[2, [0, 3]] = slope[0], slope[1], (slope[0], -slope[1])
    first, second, total = covariance.variance(directions)
    found = divide(np.array(first + second - total), np.array(2 * np.sqrt(first * second)))
    correlation = float(np.clip(np.nan_to_num(found), -1.0, 1.0))
    row = {"measure": "plateau", "value_1": value[0], "value_2": value[1]}
    return row | _compared(value, low, high, correlation, df, level, None)
