"""How the answers to several questions go together, and how the conditions' rates do."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .distributions import t_quantile
from .preference import rates_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .clustering import Codes, Floats
    from .covariance import Cells
    from .grouping import Analysed

CORRELATION_COLUMNS = (
    "question_1", "question_2", "n", "correlation", "low", "high", "n_workers", "n_cells", "of_cells", "note",
)  # fmt: skip


def correlation_table(questions: Mapping[str, Analysed], *, level: float = 0.95) -> pd.DataFrame:
    """One row a pair of questions with CORRELATION_COLUMNS.

    questions: the answers that are analysed of each, by name; all of the same trials. correlation: Pearson's,
    of what the two answers to a trial give to condition A (points of a scale count as they are), over all
    answers; low, high: by a jackknife over workers of Fisher's z, with a t quantile. of_cells: the
    correlation of the two questions' rates over the n_cells cells that have both. Missing where `note` says
    why.
    """
    rows = [_row(one, two, questions[one], questions[two], level) for one, two in combinations(questions, 2)]
    return pd.DataFrame(rows, columns=list(CORRELATION_COLUMNS))


def _row(one: str, two: str, first: Analysed, second: Analysed, level: float) -> dict[str, Any]:
    keep = first.keep & second.keep
    x, y = (_toward_a(answers)[keep] for answers in (first, second))
    code = np.unique(first.gathered.worker[first.gathered.assignment[keep]], return_inverse=True)[1]
    row: dict[str, Any] = {"question_1": one, "question_2": two, "n": len(x), "note": ""}
    W = row["n_workers"] = int(code.max(initial=-1)) + 1
    row |= _of_cells(*(rates_of(answers) for answers in (first, second)))
    by_worker = _sums(x, y, code)
    found = float(_pearson(by_worker.sum(axis=0)))
    if not np.isfinite(found):
        return row | {"note": "all answers to one of the questions are the same"}
    row["correlation"] = found
    without = _pearson(by_worker.sum(axis=0) - by_worker)
    if W < 3 or not np.isfinite(without).all() or abs(found) > 1 - 1e-9:
        return row | {"note": "no interval: too few workers, or all answers go together"}
    z = np.arctanh(np.clip(without, -1 + 1e-12, 1 - 1e-12))
    error = float(np.sqrt((W - 1) / W * ((z - z.mean()) ** 2).sum()))
    reach = float(t_quantile((1 + level) / 2, W - 1)) * error
    row["low"], row["high"] = (float(np.tanh(np.arctanh(found) + sign * reach)) for sign in (-1, 1))
    return row


def _of_cells(first: Cells, second: Cells) -> dict[str, Any]:
    """How the rates of the two questions go together, over the cells that have both."""
    both = (first.n > 0) & (second.n > 0)
    number = int(both.sum())
    sums = _sums(first.rate[both], second.rate[both], np.zeros(number, dtype=np.int64))
    found = float(_pearson(sums.sum(axis=0)))
    return {"n_cells": number, "of_cells": found if number > 2 and np.isfinite(found) else None}


def _toward_a(answers: Analysed) -> Floats:
    """What each answer (N,) is worth towards condition A, in points."""
    gathered = answers.gathered
    left = gathered.points[gathered.outcome].astype(float)
    return np.where(gathered.shown.a_left[gathered.trial], left, -left)


def _sums(x: Floats, y: Floats, code: Codes) -> Floats:
    """Sums by code that a correlation is made of: n, x, y, x x, y y, x y."""
    columns = (np.ones(len(x)), x, y, x * x, y * y, x * y)
    size = int(code.max(initial=0)) + 1
    return np.stack([np.bincount(code, weights=column, minlength=size) for column in columns], axis=1)


def _pearson(sums: Floats) -> Floats:
    """Pearson's correlation from sums (..., 6); NaN where one does not vary."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        below = (n * xx - x * x) * (n * yy - y * y)
        return np.asarray(np.where(below > 1e-12 * n**2, (n * xy - x * y) / np.sqrt(below), np.nan))
