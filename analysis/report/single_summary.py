"""What summary.json says of the questions of a study of single images; docs/summary.md lists it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ..statistics.mistaken import most_mistaken
from .tables import records

if TYPE_CHECKING:
    import pandas as pd

    from .single_tables import SingleStatistics

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def question_facts(found: SingleStatistics) -> dict[str, Any]:
    """Everything of one question, as JSON can hold it but for NaN; nobody's id is in it."""
    question = found.question
    return {
        "name": question.name,
        "text": question.text,
        "answer": question.answer,
        "conditions": records(found.conditions),
        "by_exposure": records(found.exposures),
        "conditions_other_filter": records(found.unfiltered),
        "differences": records(found.differences),
        "curves": [curve.to_dict() for curve in found.curves],
        "roc": records(found.roc),
        "binormal": [
            {"condition": name} | (_model(model) if model else {"identified": False})
            for name, model in found.binormal.items()
        ],
        "workers": [
            row | _spread(found.workers[found.workers["condition"] == row["condition"]])
            for row in records(found.means)
        ],
        "staircases": _climbs(found),
        "images": records(most_mistaken(found.images)),
    }


def _model(model: Any) -> dict[str, Any]:
    return {
        "identified": True, "mean": model.mean, "sd": model.sd, "criteria": list(model.criteria),
        "area": model.area, "d_a": model.d_a, "slope": model.slope, "log_likelihood": model.log_likelihood,
    }  # fmt: skip


def _spread(workers: pd.DataFrame) -> dict[str, Any]:
    """How workers differ: the least, the quartiles and the most of what each has by itself."""
    found = {}
    for name in ("errors", "d_prime", "criterion"):
        values = workers[name].to_numpy(float)
        values = values[np.isfinite(values)]
        found[f"{name}_quantiles"] = np.quantile(values, QUANTILES).tolist() if len(values) else []
    return found


def _climbs(found: SingleStatistics) -> dict[str, Any] | None:
    climbs = found.climbs
    if climbs is None:
        return None
    notes = climbs.blocks["note"].value_counts()
    return {
        "settings": asdict(climbs.settings),
        "steady_share": climbs.settings.target,
        "systems": records(climbs.systems),
        "differences": records(climbs.differences),
        "between_blocks_ms": float(climbs.thresholds["between_blocks_ms"].mean()),
        "unsettled": [{"why": str(why), "blocks": int(count)} for why, count in notes.items() if why],
    }
