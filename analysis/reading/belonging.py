"""Whether answers belong to the design that they are joined with: the exposures that pages measured tell.

HITs and trials have the same names in every study, so that answers of another study join without a sound,
with the wrong conditions. A page measures how long it showed each trial. Where that contradicts the plan in
most trials of an assignment, the assignment was made on other trials, and is left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

from .plan import Problem

if TYPE_CHECKING:
    from .results import Results

FEWEST = 5  # measured trials of an assignment, below which nothing is concluded


def belonging(results: Results) -> Results:
    """Return the results without the assignments of other studies, each named among the problems.

    GlimpseError where nothing is left.
    """
    table = results.assignments
    foreign = (table["n_measured"] >= FEWEST) & (2 * table["n_off"] > table["n_measured"])
    if not foreign.any():
        return results
    problems = [
        Problem(
            str(row["source"]),
            None,
            f"assignment {row['assignment']!r}: its measured exposures are not those of its trials, as in "
            f"answers of another study; the assignment was left out",
        )
        for row in table[foreign].to_dict("records")
    ]
    if foreign.all():
        raise GlimpseError(
            f"no answer can be used: in all {len(problems)} assignments the measured exposures are not those "
            f"of the trials, as in answers of another study. Put study.json and trials.csv of the study that "
            f"was answered beside assignments.jsonl."
        )
    return replace(
        results,
        assignments=table[~foreign].reset_index(drop=True),
        problems=(*results.problems, *problems),
    )
