"""The numbers of a design that a registration states, and that a report compares with what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..planning.planning import shown_images

if TYPE_CHECKING:
    from glimpse.study import Study


def planned_numbers(study: Study, *, replaced: bool) -> dict[str, Any]:
    """Return what a study plans: conditions, contrasts ("a:b"), exposures, places, answers, when it stops.

    answers: to genuine trials, sentinels and practice left out; of several questions, a trial counts once.
    replaced: whether excluded assignments are to be replaced by new ones.
    """
    one = study.experiment
    limited = one.mode == "limited-time"
    trials = sum(one.genuine_per_hit(batch) for batch in one.batches) * one.hits_per_batch
    names = one.shown or tuple(dict.fromkeys(name for pair in one.contrasts for name in pair))
    return {
        "conditions": list(names),
        "contrasts": [":".join(pair) for pair in one.contrasts],
        "exposures_ms": list(one.exposures_ms) if one.staircase is None else [None],
        "hits": one.hits,
        "workers_per_hit": one.workers_per_hit,
        "places": one.hits * one.workers_per_hit,
        "answers": trials * one.workers_per_hit,
        "images": shown_images(study.trials),
        "stop_when": None if one.stop_when is None else one.stop_when.text(limited=limited),
        "replace_excluded": replaced,
    }
