"""Results folders set against each other: how far each one's preference rates are from the first one's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .clustering import divide
from .columns import DIFFERENCE_COLUMNS, PREFERENCE_COLUMNS
from .distributions import t_test

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .clustering import Floats


def comparison_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """preference.csv of each source, one below the other, with DIFFERENCE_COLUMNS.

    tables: `preference_table` of each, with the same cells. Sources are taken to be independent. The interval
    of a difference is made of those of its rates (Zou & Donner 2008, "Construction of confidence limits about
    effect measures", Stat. Med. 27(10); with Wilson's intervals it is Newcombe's, 1998), so that it stays
    within -1 and 1 and has a width where a rate is 0 or 1. p_difference: score test of equal rates with the
    effective sample sizes (Rao & Scott 1992), and t in place of the normal; not adjusted. Missing in the
    first source, in cells without answers in either, and where one worker or one pair is all there is.
    """
    found: list[pd.DataFrame] = []
    for source, table in tables.items():
        own = table.assign(source=source)
        if found:
            own = own.assign(**_differences(found[0], table))
        found.append(own)
    return pd.concat(found, ignore_index=True).reindex(columns=[*PREFERENCE_COLUMNS, *DIFFERENCE_COLUMNS])


def _differences(first: pd.DataFrame, other: pd.DataFrame) -> dict[str, Floats]:
    """The columns of another source's difference from the first."""
    (p, low, high, n, df), (q, q_low, q_high, m, df_q) = _numbers(first), _numbers(other)
    difference = q - p
    below = np.sqrt((q - q_low) ** 2 + (high - p) ** 2)
    above = np.sqrt((q_high - q) ** 2 + (p - low) ** 2)
    both = divide(p * n + q * m, n + m)
    error = np.sqrt(both * (1 - both) * (1 / n + 1 / m))
    fewest = np.minimum(df, df_q)
    p_value = t_test(divide(difference, error), np.maximum(fewest, 1))
    # Equal rates of 0 or 1 have no error: nothing speaks against their being equal.
    return {
        "difference": difference,
        "difference_low": np.maximum(difference - below, -1),
        "difference_high": np.minimum(difference + above, 1),
        "p_difference": np.where(fewest < 1, np.nan, np.where(difference == 0, 1.0, p_value)),
    }


def _numbers(table: pd.DataFrame) -> NDArray[np.float64]:
    """(rate, low, high, n_effective, df) of each cell: (5, C)."""
    return table[["rate", "low", "high", "n_effective", "df"]].to_numpy(float).T
