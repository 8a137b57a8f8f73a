"""How `plan_study` spreads trials over HITs, or leaves them to the server."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from glimpse.calling import warn, whole, word
from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glimpse.experiment import Experiment

SPREADING = ("trials_per_hit", "allocation", "first")


def spread_as_asked(experiment: Experiment, numbers: Mapping[str, object]) -> Experiment:
    """Return an experiment, its cells spread over HITs or drawn for each assignment, if asked for or needed.

    Args:
        experiment: With every cell in each HIT.
        numbers: As `plan_study` takes them.

    Raises:
        ArgumentError: A number has a wrong type.
        GlimpseError: The numbers contradict each other, or no study can have them.
    """
    from .design.spreading import drawn, spread, spread_where_needed

    adaptive = word("allocation", numbers.get("allocation", "fixed"), ("fixed", "adaptive")) == "adaptive"
    if "first" in numbers and not adaptive:
        raise GlimpseError('first says which trials the server draws; it needs allocation="adaptive".')
    if not adaptive and "trials_per_hit" not in numbers:
        experiment, warning = spread_where_needed(experiment, numbers)
        if warning:
            warn(warning)
        return experiment
    if "trials_per_cell" in numbers:
        raise GlimpseError("trials_per_hit and trials_per_cell both say how long a HIT is; give one of them.")
    hits = experiment.hits_per_batch if "hits_per_batch" in numbers else None
    if adaptive:
        if "pairing" not in numbers:
            experiment = dataclasses.replace(experiment, pairing="same-item")
        trials, first = (
            whole(name, numbers[name], 1) if name in numbers else None for name in ("trials_per_hit", "first")
        )
        return drawn(experiment, trials, hits, first)
    return spread(experiment, whole("trials_per_hit", numbers["trials_per_hit"], 1), hits)
