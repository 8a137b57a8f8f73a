"""Tables as the figures take them: curves on a grid of exposures, conditions by their strength,
pairs by a metric; and the words of a slide."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..statistics.curve import CurveFit

FORMATS = ("png", "pdf", "svg")
MANY_CONTRASTS = 12  # of more, only those with the real condition are shown one by one
MANY_SERIES = 6  # more need a panel each
MANY_WORKERS = 2_000  # more are drawn as a density
CURVE_POINTS, LINE_POINTS = 121, 101


class SlideWords(NamedTuple):
    """What stands on a slide beside its figure.

    question: what people were asked. finding: the main one, as a sentence. further: others, of which those
    are written that fit above a figure of few rows. doubts: what makes findings doubtful. numbers: how many
    people, answers and images.
    """

    question: str
    finding: str
    further: tuple[str, ...]
    doubts: tuple[str, ...]
    numbers: str


def curve_grid(curves: Iterable[CurveFit]) -> pd.DataFrame:
    """Return fitted curves on a grid of exposures: series, exposure_ms, rate, low, high.

    A curve that is not identified has no rows.
    """
    parts = []
    for fit in curves:
        if fit.identified:
            grid = np.geomspace(fit.exposures_ms[0], fit.exposures_ms[-1], CURVE_POINTS)
            low, high = fit.band(grid)
            parts.append(
                pd.DataFrame(
                    {
                        "series": f"{fit.condition} over {fit.versus}",
                        "exposure_ms": grid,
                        "rate": fit.predict(grid),
                        "low": low,
                        "high": high,
                    }
                )
            )
    columns = ["series", "exposure_ms", "rate", "low", "high"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def by_strength(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ranking.csv that have a strength, the condition first that is strongest at last."""
    table = table[table["strength"].notna()]
    order = table.groupby("condition")["strength"].last().sort_values(ascending=False).index
    return table.set_index("condition").loc[list(order)].reset_index() if len(table) else table


def seen_from(pairs: pd.DataFrame, flips: Mapping[str, bool]) -> pd.DataFrame:
    """Return pairs as `metric.plot_metric` takes them.

    pairs: `statistics.metric.PAIR_COLUMNS`. flips: contrast -> whether it is seen from condition B. Adds
    series ("real over crn") and rate.
    """
    flip = pairs["contrast"].map(lambda name: flips[str(name)]).to_numpy(bool)
    first, second = (
        pairs[f"condition_{one}"].where(~flip, pairs[f"condition_{other}"]).astype(str)
        for one, other in ("ab", "ba")
    )
    rate = pairs["k"] / pairs["n"]
    return pairs.assign(
        series=first + " over " + second,
        difference=pairs["difference"].where(~flip, -pairs["difference"]),
        rate=rate.where(~flip, 1 - rate),
    )


def line_of(slope: float, differences: pd.Series) -> pd.DataFrame:
    """Return the fitted line 1 / (1 + exp(-slope d)) over the differences; no rows where the slope is NaN."""
    if not np.isfinite(slope):
        return pd.DataFrame({"difference": [], "rate": []})
    grid = np.linspace(float(differences.min()), float(differences.max()), LINE_POINTS)
    return pd.DataFrame({"difference": grid, "rate": 1 / (1 + np.exp(-np.clip(slope * grid, -500, 500)))})
