"""Tables as the figures take them: curves on a grid of exposures, conditions by their strength."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..statistics.curve import CurveFit

CURVE_POINTS = 121


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
