"""Judgments as a caller gives them: what `glimpse.exclude` returned, or rows of its table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from glimpse.calling import flag, refuse, word
from glimpse.errors import ArgumentError, GlimpseError

from ..reading.exclusion import Exclusion
from ..reading.results import Results
from ..statistics.gathering import design_cells, gather
from ..statistics.grouping import analysed
from ..statistics.preference import Intervals
from .checks import check_judgments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..reading.judgments import Judgments
    from ..statistics.grouping import Analysed


class Given(NamedTuple):
    """Judgments as the statistics take them; `about` is what `Exclusion.table` says of their study."""

    judgments: Judgments | pd.DataFrame
    cells: pd.DataFrame | None
    contrasts: Sequence[str] | None
    about: dict[str, Any]
    sided: bool = True

    def analysed(self, cluster: object, filtered: object) -> Analysed:
        """Those that are analysed; GlimpseError for a clustering that there is not."""
        name = Intervals(cluster=word("cluster", cluster)).cluster
        gathered = gather(self.judgments, self.cells)
        gathered = gathered if self.sided else replace(gathered, sided=False)
        return analysed(gathered, cluster=name, filtered=flag("filtered", filtered))


def given_as(judgments: Any, columns: Sequence[str]) -> Given:
    """Take judgments in either form; ArgumentError for another thing, or one that lacks `columns`."""
    if isinstance(judgments, Exclusion):
        results = judgments.results
        if results.experiment.get("task") == "single":
            raise GlimpseError(
                "judgments are of single images; this is for pairs. Use glimpse.detection_table(judgments)."
            )
        cells = design_cells(results.trials, results.experiment.get("contrasts") or ())
        about = {"real": results.real, "simulated": results.simulated}
        contrasts = list(dict.fromkeys(cells["contrast"]))
        return Given(judgments.judgments, cells, contrasts, about, results.sided)
    if isinstance(judgments, pd.DataFrame):
        check_judgments(judgments, columns)
        return Given(judgments, None, None, {str(key): value for key, value in judgments.attrs.items()})
    if isinstance(judgments, Results):
        raise ArgumentError("judgments is of type Results; call glimpse.exclude(results) first.")
    wanted = "give what glimpse.exclude(results) returns, or a DataFrame of judgments"
    return refuse("judgments", judgments, wanted)
