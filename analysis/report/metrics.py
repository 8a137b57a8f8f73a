"""Metrics against people in the report: read, computed, drawn, said."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from ..figures.drawing import Drawing
from ..figures.series import line_of, seen_from
from ..reading.scores import matched, read_scores
from ..statistics.metric import METRIC_COLUMNS, PAIR_COLUMNS, metric_table
from .formats import interval, percent
from .tables import records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ..reading.design import Problem
    from ..reading.results import Results
    from ..statistics.grouping import Analysed


class Metrics(NamedTuple):
    """What metrics say, and people: METRIC_COLUMNS and PAIR_COLUMNS of `metric`, and what was left out."""

    table: pd.DataFrame
    pairs: pd.DataFrame
    problems: tuple[Problem, ...]


def compare_metrics(
    results: Results,
    judgments: Analysed,
    contrasts: Sequence[str],
    files: Sequence[Path],
    directions: Sequence[str],
    level: float,
) -> Metrics:
    """Set every metric of the files against the judgments; without files, nothing.

    GlimpseError as of `read_scores` and `matched`.
    """
    scores = [matched(one, results.trials, results.stimulus) for one in read_scores(files, directions)]
    found = [metric_table(judgments, one, contrasts, level=level) for one in scores]
    if not found:
        nothing = [pd.DataFrame(columns=list(columns)) for columns in (METRIC_COLUMNS, PAIR_COLUMNS)]
        return Metrics(nothing[0], nothing[1], ())
    table, pairs = (pd.concat(part, ignore_index=True) for part in zip(*found, strict=True))
    return Metrics(table, pairs, tuple(problem for one in scores for problem in one.problems))


def overall(table: pd.DataFrame) -> pd.DataFrame:
    """The row of each metric that is over all contrasts, or its only one."""
    return table.groupby("metric", sort=False).tail(1)


def metric_drawing(metrics: Metrics, flips: Mapping[str, bool], caption: str) -> Drawing:
    """Return what is to be drawn; flips: as `tables.facing` gives it."""
    drawn = seen_from(metrics.pairs, flips)
    lines, titles, said = [], [], []
    for row in records(overall(metrics.table)):
        name = row["metric"]
        lines.append(
            line_of(row["slope"], drawn.loc[drawn["metric"] == name, "difference"]).assign(metric=name)
        )
        if row["ties"] == 1:
            titles.append((name, "all pairs tie"))
            said.append(f"{name}: all pairs tie")
            continue
        right = f"right in {percent(row['accuracy'], 0)}"
        titles.append((name, f"{right} ({interval(row['low'], row['high'], 0)})"))
        said.append(f"{name}: {right} of answers")
    alt = f"Preference rate of each pair against the difference by the metric. {'; '.join(said)}."
    return Drawing("metric", (drawn, pd.concat(lines), titles), {}, alt, caption, wide=len(titles) > 1)
