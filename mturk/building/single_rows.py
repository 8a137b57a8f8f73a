"""Trials of one image at a time, made of their plan. Their stimuli have no names yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glimpse.single_plan import plan_single
from glimpse.trials import Trial

from ..design.known_images import known_images
from .blindness import sentinel_exposures
from .rows import practice_exposures, stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from glimpse.experiment import Batch, Experiment
    from glimpse.single_plan import PlannedImage

    from ..design.known_images import KnownImage, KnownImages
    from ..design.stimuli import Images, Key


def planned_single(
    images: Images, experiment: Experiment, seed: int, sentinel_file: Path | None
) -> list[Trial]:
    """Return the trials of a study of one image at a time.

    GlimpseError where images or known answers lack.
    """
    items = shown_items(images, experiment)
    known = known_images(experiment, images, sentinel_file)
    return list(single_rows(experiment, items, seed, known))


def shown_items(images: Images, experiment: Experiment) -> dict[str, list[str]]:
    """Return the images of each condition that is shown, by name; each condition has its own."""
    return {name: list(images.paths[name]) for name in experiment.shown}


def single_rows(
    experiment: Experiment, items: Mapping[str, Sequence[str]], seed: int, known: KnownImages
) -> Iterator[Trial]:
    """Plan every batch, each with its own streams of random numbers, and yield its trials in the order shown.

    `items`: the images of each condition that is shown. `known` says where known answers come from.
    """
    digits = max(
        4, len(str(sum(map(experiment.trials_per_hit, experiment.batches)) * experiment.hits_per_batch))
    )
    number = 0
    for index, batch in enumerate(experiment.batches):
        plan = plan_single(experiment, batch, items, stream(seed, index))
        exposures = sentinel_exposures(experiment, experiment.hits_per_batch, stream(seed, index, 1))
        rng = stream(seed, index, 2)
        names = _hit_names(batch, experiment.hits_per_batch)
        for hit, blocks in zip(names, plan.hits, strict=True):
            shown = {_key(batch, one, items) for block in blocks for one in block if one}
            practice, sentinels = known.dealt(batch, shown, rng)
            rest = iter(sentinels)
            rows = [
                *_practice(experiment, practice),
                *(
                    _compared(experiment, batch, one, items) if one else _known(next(rest), next(exposures))
                    for block in blocks
                    for one in block
                ),
            ]
            for position, row in enumerate(rows, start=1):
                number += 1
                yield row._replace(
                    batch=batch.batch, hit=hit, position=position, trial=f"t{number:0{digits}d}"
                )


def _hit_names(batch: Batch, hits: int) -> list[str]:
    digits = max(2, len(str(hits)))
    return [f"{batch.batch}-h{hit + 1:0{digits}d}" for hit in range(hits)]


def _key(batch: Batch, one: PlannedImage, items: Mapping[str, Sequence[str]]) -> Key:
    condition = batch.shown[one.condition]
    return condition, items[condition][one.item]


def _compared(
    experiment: Experiment, batch: Batch, one: PlannedImage, items: Mapping[str, Sequence[str]]
) -> Trial:
    """Return a trial whose answer is not known to anybody careful; a staircase plans no exposure."""
    planned = experiment.exposures_ms[one.exposure]
    return _trial(_key(batch, one, items), None if experiment.staircase else planned)


def _practice(experiment: Experiment, known: Sequence[KnownImage]) -> Iterator[Trial]:
    for one, exposure_ms in zip(known, practice_exposures(experiment), strict=True):
        yield _known(one, exposure_ms)._replace(sentinel=False, practice=True)


def _known(one: KnownImage, exposure_ms: int | None) -> Trial:
    return _trial(one.key, exposure_ms)._replace(sentinel=True, correct_side=one.correct)


def _trial(key: Key, exposure_ms: int | None) -> Trial:
    condition, item = key
    return Trial(
        batch="", hit="", position=0, trial="", contrast=condition, exposure_ms=exposure_ms, sentinel=False,
        correct_side=None, condition_left=condition, item_left=item, stimulus_left="", condition_right="",
        item_right="", stimulus_right="",
    )  # fmt: skip
