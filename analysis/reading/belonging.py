"""Whether answers belong to the design that they are joined with: the exposures that pages measured tell.

The rule is `glimpse.counting.is_foreign`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from glimpse.counting import is_foreign
from glimpse.errors import GlimpseError

from .design import Problem

if TYPE_CHECKING:
    from .results import Results


def belonging(results: Results) -> Results:
    """Return the results without the assignments of other studies, each named among the problems.

    GlimpseError where nothing is left.
    """
    table = results.assignments
    foreign = is_foreign(table["n_measured"], table["n_off"])
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
