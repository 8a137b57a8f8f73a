"""Trials made of a plan: which images, exposure and context each shows. Their stimuli have no names yet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from glimpse.blocks import plan_batch
from glimpse.errors import GlimpseError
from glimpse.experiment import shorter
from glimpse.plan import scenes_needed
from glimpse.trials import Trial

from ..design.sentinels import ByCondition
from .blindness import sentinel_exposures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from glimpse.experiment import Batch, Experiment
    from glimpse.plan import Plan
    from glimpse.study import Stimulus

    from ..design.sentinels import Known, KnownTrial
    from ..design.stimuli import Key, Pair


def planned_rows(
    experiment: Experiment,
    items: Sequence[str],
    seed: int,
    known: Known | None = None,
    *,
    contextual: bool = False,
) -> Iterator[Trial]:
    """Plan every batch, each with its own streams of random numbers: one more changes none before it.

    `known` says where known answers come from, None: from the sentinel condition. `contextual`: a context
    stands with each pair, that of its item.
    """
    known = known or ByCondition(experiment.real)
    number = 0
    for index, batch in enumerate(experiment.batches):
        planned = plan_batch(experiment, batch, len(items), stream(seed, index))
        exposures = sentinel_exposures(experiment, experiment.hits_per_batch, stream(seed, index, 1))
        answers = known.trials(batch, planned, items, stream(seed, index, 2))
        rows = list(_rows(experiment, batch, planned, items, number, exposures, answers))
        number += len(rows)
        yield from rows if contextual else (row._replace(context="") for row in rows)


def stream(*numbers: int) -> np.random.Generator:
    """Return the stream of random numbers of a seed, a batch, and a use."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(numbers))))


def _rows(
    experiment: Experiment,
    batch: Batch,
    planned: Plan,
    items: Sequence[str],
    first: int,
    sentinel_ms: Iterator[int | None],
    known: Iterator[KnownTrial],
) -> Iterator[Trial]:
    """Turn the arrays of one batch into trials, numbered from `first` + 1.

    `sentinel_ms`: the exposures of the sentinels, one after the other; `known`: the trials of `Known`.
    """
    cells, exposures = planned.layout.cells, experiment.exposures_ms
    practice_ms = practice_exposures(experiment)
    total = experiment.hits * max(experiment.trials_per_hit(batch) for batch in experiment.batches)
    digits = max(4, len(str(total)))
    hit_digits = max(2, len(str(planned.layout.hits)))
    arrays = (planned.label, planned.item_a, planned.item_b, planned.a_left)
    for number, index in enumerate(np.ndindex(planned.label.shape), start=first + 1):
        label, a, b, a_left = (array[index].item() for array in arrays)
        hit, position = index
        correct = None
        if label < cells:
            contrast, exposure = batch.contrasts[label // len(exposures)], exposures[label % len(exposures)]
            images, context = ((contrast[0], items[a]), (contrast[1], items[b])), items[a]
        else:
            one = next(known)
            images, contrast, context = (one.wrong, one.right), one.contrast, one.context
            exposure = next(sentinel_ms) if label == cells else practice_ms[position]
            correct = one.correct_side or ("right" if a_left else "left")
            a_left = correct == "right"
        left, right = images if a_left else images[::-1]
        yield Trial(
            batch=batch.batch,
            hit=f"{batch.batch}-h{hit + 1:0{hit_digits}d}",
            position=position + 1,
            trial=f"t{number:0{digits}d}",
            contrast=":".join(contrast),
            exposure_ms=exposure,
            sentinel=label == cells,
            correct_side=correct,
            condition_left=left[0],
            item_left=left[1],
            stimulus_left="",
            condition_right=right[0],
            item_right=right[1],
            stimulus_right="",
            practice=label > cells,
            context=context,
        )


def practice_exposures(experiment: Experiment) -> list[int | None]:
    """Return the exposures of the practice trials: from the longest to the shortest."""
    exposures = sorted((e for e in experiment.exposures_ms if e is not None), reverse=True)
    count = experiment.practice_trials
    if not exposures:
        return [None] * count
    return [exposures[round(i * (len(exposures) - 1) / max(1, count - 1))] for i in range(count)]


def drawable(experiment: Experiment, items: Sequence[str]) -> list[Pair]:
    """Return pairs of images that hold every image of which a server may draw trials."""
    contrasts = {one: contrast for contrast in reversed(experiment.contrasts) for one in contrast}
    return [((a, item), (b, item)) for a, b in dict.fromkeys(contrasts.values()) for item in items]


def placed(stimuli: Mapping[str, Stimulus], told: Mapping[str, Key]) -> dict[str, Stimulus]:
    """Return stimuli with condition and item where `told` names them."""
    return {
        name: replace(one, condition=told[name][0], item=told[name][1]) if name in told else one
        for name, one in stimuli.items()
    }


def in_context(rows: Iterable[Trial]) -> Iterator[Trial]:
    """Give each trial the context of the item that both its images show; GlimpseError for two items."""
    for row in rows:
        if row.item_left != row.item_right:
            raise GlimpseError(
                f"Trial {row.trial} shows items {row.item_left} and {row.item_right}, and each has its own "
                "prompt or reference: leave the contexts out, or pair images of one item."
            )
        yield row._replace(context=row.item_left)


def scene_warnings(experiment: Experiment, items: int) -> Iterator[str]:
    """Say where scenes come back for a worker, and how many would be needed."""
    needed = max(scenes_needed(experiment, batch) for batch in experiment.batches)
    if experiment.scenes == "without-replacement" and needed > items:
        yield (
            f"There are {items} scenes, and a HIT shows {needed}: each worker meets a scene up to "
            f"{-(-needed // items)} times, as far apart as possible. To show none twice, bring {needed} "
            f"scenes, or use fewer trials a HIT ({shorter(experiment)})."
        )
