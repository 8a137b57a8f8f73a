"""Two conditions against each other: which is taken for real more often, and which is harder to tell.

Both are set against real images; where these are the same, d' differs by z(H) alone. The covariance that
shared workers and images give is part of every interval.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .detection import compare, rows_of, weights_of
from .preference import Intervals, adjust

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .detection_answers import DetectionTally, SingleAnswers
    from .detection_rates import Estimate

DETECTION_DIFFERENCES_COLUMNS = (
    "measure", "exposure_ms", "condition_1", "condition_2", "value_1", "value_2", "difference", "low", "high",
    "se", "df", "p_value", "p_adjusted",
)  # fmt: skip


def detection_differences(
    answers: SingleAnswers | DetectionTally,
    settings: Intervals | None = None,
    *,
    by_exposure: bool = False,
    ways: Sequence[str] = ("worker", "image"),
) -> pd.DataFrame:
    """One row two conditions and a measure, with DETECTION_DIFFERENCES_COLUMNS; arguments as of
    `detection_table`.

    measure: "taken_for_real" (share of generated images), "errors" (mean of the shares of errors on generated
    and real images) or "d_prime". difference is condition 1 less condition 2; p-values are adjusted over the
    rows of a measure. Rows that nothing can be said of have NaN.
    """
    settings = settings or Intervals()
    tally = answers if not hasattr(answers, "tally") else answers.tally()
    rows = rows_of(tally, by_exposure=by_exposure)
    first, second = _pairs(rows)
    if not len(first):
        return pd.DataFrame(columns=list(DETECTION_DIFFERENCES_COLUMNS))
    found = compare(tally, rows, ways, settings)
    said, tables = found.said, []
    for measure, weights in (
        ("taken_for_real", weights_of(found, -1.0, 0.0)),
        ("errors", weights_of(found, -0.5, 0.5)),
        ("d_prime", weights_of(found, 1.0, -1.0)),
    ):
        sums = said.sums_of_z if measure == "d_prime" else said.sums_of_rates
        constant = {"taken_for_real": 1.0, "errors": 0.5}.get(measure, 0.0)
        values = sums(weights).value + constant
        table = _differing(sums(weights[first] - weights[second]), settings, bounded=measure != "d_prime")
        tables.append(table.assign(measure=measure, value_1=values[first], value_2=values[second]))
    exposures = [rows[at][1] for at in first]
    about = {
        "exposure_ms": [np.nan if code is None else tally.exposures_ms[code] for code in exposures],
        "condition_1": [tally.conditions[rows[at][0]] for at in first],
        "condition_2": [tally.conditions[rows[at][0]] for at in second],
    }
    named = [table.assign(**about) for table in tables]
    return pd.concat(named, ignore_index=True)[list(DETECTION_DIFFERENCES_COLUMNS)]


def _pairs(rows: Sequence[tuple[int, int | None]]) -> tuple[list[int], list[int]]:
    """The places of every two rows at the same exposure."""
    pairs = [(one, two) for one, two in combinations(range(len(rows)), 2) if rows[one][1] == rows[two][1]]
    return [one for one, _ in pairs], [two for _, two in pairs]


def _differing(found: Estimate, settings: Intervals, *, bounded: bool) -> pd.DataFrame:
    low, high = (np.clip(end, -1, 1) if bounded else end for end in (found.low, found.high))
    return pd.DataFrame({
        "difference": found.value, "low": low, "high": high, "se": found.se, "df": found.df,
        "p_value": found.p_value, "p_adjusted": adjust(found.p_value, settings.adjust),
    })  # fmt: skip
