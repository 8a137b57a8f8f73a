"""Answers beside left and right: how many ties there are, and what people say on a scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .clustering import divide
from .gathering import CELL_KEYS
from .grouping import analysed
from .preference import Intervals, cell_intervals, design_effects

if TYPE_CHECKING:
    from ..reading.judgments import Judgments
    from .covariance import Cells
    from .gathering import Gathered
    from .grouping import Analysed

TIES_COLUMNS = (*CELL_KEYS, "n", "ties", "share", "low", "high", "note")
SCALE_COLUMNS = (
    *CELL_KEYS, "n", "mean", "low", "high", "se", "sd", "df", "p_value", "prefer_a", "prefer_b", "note",
)  # fmt: skip
DISTRIBUTION_COLUMNS = (*CELL_KEYS, "points", "n", "share")


def ties_table(
    judgments: Judgments | pd.DataFrame | Gathered | Analysed, settings: Intervals | None = None
) -> pd.DataFrame:
    """One row a cell with TIES_COLUMNS: the share of answers that choose neither, with its interval.

    judgments: as marked by `exclusion.exclude`. The interval is clustered as those of rates. No rows where a
    question has no ties.
    """
    answers, settings = analysed(judgments), settings or Intervals()
    if not answers.gathered.kind.tie:
        return pd.DataFrame(columns=list(TIES_COLUMNS))
    found = answers.by_side.rates((answers.points == 0).astype(float))
    table = _cells(answers).assign(n=found.n, ties=found.k, share=found.rate)
    return table.join(_interval(found, answers, settings)[["low", "high", "note"]])[list(TIES_COLUMNS)]


def scale_table(
    judgments: Judgments | pd.DataFrame | Gathered | Analysed, settings: Intervals | None = None
) -> pd.DataFrame:
    """One row a cell with SCALE_COLUMNS: the mean in points, positive towards condition A, with its interval.

    judgments: as marked by `exclusion.exclude`. A mean is a rate on another scale: (mean + m) / (2 m) lies
    between 0 and 1, m the most points, so that its interval and its test of 0 are those of a rate. prefer_a,
    prefer_b: shares of the answers on either side. No rows where a question has no scale.
    """
    answers, settings = analysed(judgments), settings or Intervals()
    kind = answers.gathered.kind
    if not kind.scale:
        return pd.DataFrame(columns=list(SCALE_COLUMNS))
    m, points, tally = kind.steps, answers.points, answers.by_side
    found = tally.rates((points + m) / (2 * m), top=2 * m)
    ends = _interval(found, answers, settings)
    C, n = len(tally.cells), found.n
    squares = np.bincount(tally.cell, weights=tally.n * points**2, minlength=C)
    mean = 2 * m * found.rate - m
    sides = [np.bincount(tally.cell, weights=tally.n * own, minlength=C) for own in (points > 0, points < 0)]
    return _cells(answers).assign(
        n=n, mean=mean, low=2 * m * ends["low"] - m, high=2 * m * ends["high"] - m, se=2 * m * ends["se"],
        sd=np.sqrt(np.maximum(divide(squares - n * mean**2, n - 1.0), 0.0)), df=ends["df"],
        p_value=ends["p_value"], prefer_a=divide(sides[0], n), prefer_b=divide(sides[1], n),
        note=ends["note"],
    )[list(SCALE_COLUMNS)]  # fmt: skip


def distribution_table(judgments: Judgments | pd.DataFrame | Gathered | Analysed) -> pd.DataFrame:
    """One row a cell and answer with DISTRIBUTION_COLUMNS; points are positive towards condition A."""
    answers = analysed(judgments)
    tally, points = answers.by_side, answers.points
    C, kinds = len(tally.cells), np.unique(points)
    counts = np.stack(
        [np.bincount(tally.cell, weights=tally.n * (points == one), minlength=C) for one in kinds], axis=1
    )
    rows = _cells(answers).loc[np.repeat(np.arange(C), len(kinds))].reset_index(drop=True)
    share = divide(counts, counts.sum(axis=1, keepdims=True))
    return rows.assign(points=np.tile(kinds, C), n=counts.ravel().astype(np.int64), share=share.ravel())


def _cells(answers: Analysed) -> pd.DataFrame:
    return answers.gathered.cells[CELL_KEYS].reset_index(drop=True)


def _interval(found: Cells, answers: Analysed, settings: Intervals) -> pd.DataFrame:
    """As of a rate; a cell without spread borrows from the others."""
    return cell_intervals(found, settings, design_effects(found, answers.gathered.cells["contrast"]))
