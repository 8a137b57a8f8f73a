"""Whether answers belong to the design that they are joined with: the exposures that pages measured tell.

HITs and trials have the same names in every study, so that answers of another study join without a sound,
with the wrong conditions. A page measures how long it showed each trial. Where that contradicts the plan in
most trials of an assignment, the assignment was made on other trials, and is left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import AnalysisError
from analysis.plan import Problem

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from analysis.results import Results

FEWEST = 5  # measured trials of an assignment, below which nothing is concluded
OFF = 0.5  # of the planned exposure: further off than any screen's frame, even at 1/8 s
ROWS = 1_000_000  # looked at at a time


def belonging(results: Results) -> Results:
    """Return the results without the assignments of other studies, each named among the problems.

    AnalysisError where nothing is left.
    """
    foreign = _foreign(results.judgments)
    if not foreign.any():
        return results
    names = set(results.judgments["assignment"].cat.categories[foreign])
    gone = results.assignments["assignment"].isin(names)
    problems = [
        Problem(
            str(row["source"]),
            None,
            f"assignment {row['assignment']!r}: its measured exposures are not those of its trials, as in "
            f"answers of another study; the assignment was left out",
        )
        for row in results.assignments[gone].to_dict("records")
    ]
    if gone.all():
        raise AnalysisError(
            f"no answer can be used: in all {len(problems)} assignments the measured exposures are not those "
            f"of the trials, as in answers of another study. Put study.json and trials.csv of the study that "
            f"was answered beside assignments.jsonl."
        )
    kept = results.judgments[~foreign[results.judgments["assignment"].cat.codes.to_numpy()]]
    for name in ("assignment", "worker", "hit"):
        kept = kept.assign(**{name: kept[name].cat.remove_unused_categories()})
    return replace(
        results,
        judgments=kept.reset_index(drop=True),
        assignments=results.assignments[~gone].reset_index(drop=True),
        problems=(*results.problems, *problems),
    )


def _foreign(judgments: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether most measured exposures of an assignment contradict the plan; by category of `assignment`."""
    code = judgments["assignment"].cat.codes.to_numpy()
    shown, planned = judgments["shown_ms"].to_numpy(), judgments["exposure_ms"].to_numpy()
    size = len(judgments["assignment"].cat.categories)
    measured, off = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    for start in range(0, len(code), ROWS):
        rows = slice(start, start + ROWS)
        known = np.isfinite(shown[rows])
        # Nothing is measured where a trial lasts until the answer: the plan's NaN compares as off.
        fits = np.abs(shown[rows] - planned[rows]) <= OFF * planned[rows]
        measured += np.bincount(code[rows][known], minlength=size)
        off += np.bincount(code[rows][known & ~fits], minlength=size)
    return (measured >= FEWEST) & (2 * off > measured)
