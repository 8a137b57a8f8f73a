"""The images of one image at a time: which each HIT shows, for how long, in which order. Pure.

Over a batch, each generated condition is shown equally often at each exposure, to within one, and so is the
real one; a HIT has of each as nearly as many, and its blocks, too. Nobody sees an image twice, and while
there are enough scenes none of these either: whoever has seen a scene real knows it. As nearly as that
allows, each image of a condition is shown equally often, and equally often at each exposure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from glimpse.errors import GlimpseError
from glimpse.single import block_sizes, real_of, real_per_exposure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from glimpse.experiment import Batch, Experiment

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

# What weighs most when images are chosen: one whose scene the HIT does not show, then one shown less often.
_MET, _SHOWN = 1e6, 1.0


class PlannedImage(NamedTuple):
    """A compared trial: the place of its condition in the batch, of its exposure, and of its image.

    `item` is the place among the condition's own images.
    """

    condition: int
    exposure: int
    item: int


@dataclass(frozen=True)
class SinglePlan:
    """One batch: of each HIT the blocks, each a list in the order shown; None stands for a sentinel."""

    hits: tuple[tuple[tuple[PlannedImage | None, ...], ...], ...]


def images_needed(experiment: Experiment, batch: Batch) -> dict[str, int]:
    """Return how many images of each condition a HIT shows at most, sentinels and practice not among them."""
    counts = _counts(experiment, batch, np.random.default_rng(0))
    most = counts.sum(axis=2).max(axis=0)
    return {name: int(count) for name, count in zip(batch.shown, most, strict=True)}


def plan_single(
    experiment: Experiment, batch: Batch, items: Mapping[str, Sequence[str]], rng: np.random.Generator
) -> SinglePlan:
    """Design one batch.

    Args:
        experiment: Of task single.
        batch: One of its batches.
        items: The images of each condition that the batch shows, by name; equal names are one scene.
        rng: Draws everything.

    Raises:
        GlimpseError: A condition has fewer images than a HIT shows.
    """
    check_enough(experiment, batch, items)
    counts = _counts(experiment, batch, rng)
    scenes = {
        name: number for number, name in enumerate(sorted({one for own in items.values() for one in own}))
    }
    own = [np.array([scenes[item] for item in items[name]], dtype=np.int64) for name in batch.shown]
    used = [np.zeros(len(one)) for one in own]
    met = [np.zeros((len(one), counts.shape[2])) for one in own]
    hits = []
    for hit in range(len(counts)):
        seen = np.zeros(len(scenes), dtype=np.bool_)
        trials: list[PlannedImage] = []
        for condition in rng.permutation(len(own)).tolist():
            wanted = np.repeat(np.arange(counts.shape[2]), counts[hit, condition])
            chosen = _least_used(used[condition], seen[own[condition]], len(wanted), rng)
            used[condition][chosen] += 1
            seen[own[condition][chosen]] = True
            exposure = _dealt(met[condition], chosen, wanted, rng)
            trials += [PlannedImage(condition, *pair) for pair in zip(exposure, chosen.tolist(), strict=True)]
        hits.append(_blocks(experiment, trials, batch.shown.index(experiment.real or ""), rng))
    return SinglePlan(tuple(hits))


def check_enough(experiment: Experiment, batch: Batch, items: Mapping[str, Sequence[str]]) -> None:
    """Raise GlimpseError where a condition has fewer images than a HIT shows."""
    for name, count in images_needed(experiment, batch).items():
        if len(items[name]) < count:
            raise GlimpseError(
                f"Condition {name} has {len(items[name])} images, and a HIT shows {count} of it, none twice "
                "to "
                "anybody. Bring more, or lower --trials-per-hit or --trials-per-cell."
            )


def _counts(experiment: Experiment, batch: Batch, rng: np.random.Generator) -> Ints:
    """Return (HITs, conditions, exposures) how many trials each HIT has of each cell."""
    exposures, hits = len(experiment.exposures_ms), experiment.hits_per_batch
    shown = len(batch.shown)
    real = batch.shown.index(experiment.real or "")
    others = [place for place in range(shown) if place != real]
    counts = np.zeros((hits, shown, exposures), dtype=np.int64)
    if experiment.hit_trials is None:
        counts[:, others, :] = experiment.trials_per_cell
        generated = experiment.trials_per_cell * len(others)
        counts[:, real, :] = real_per_exposure(generated, experiment.real_share)
        return counts
    compared = experiment.genuine_per_hit(batch)
    of_real = real_of(compared, experiment.real_share)
    cells = [(place, exposure) for exposure in range(exposures) for place in others]
    _spread(counts, [cells[one] for one in rng.permutation(len(cells))], compared - of_real)
    _spread(counts, [(real, int(one)) for one in rng.permutation(exposures)], of_real)
    return counts


def _spread(counts: Ints, cells: Sequence[tuple[int, int]], per_hit: int) -> None:
    """Deal cells round and round over the HITs: each as often as every other, to within one."""
    for slot in range(len(counts) * per_hit):
        condition, exposure = cells[slot % len(cells)]
        counts[slot // per_hit, condition, exposure] += 1


def _least_used(used: Floats, met: NDArray[np.bool_], count: int, rng: np.random.Generator) -> Ints:
    """Return `count` images whose scenes the HIT does not show, while there are; of these the least shown."""
    cost = _SHOWN * used + _MET * met + rng.random(len(used))
    return np.argsort(cost)[:count]


def _dealt(met: Floats, chosen: Ints, exposures: Ints, rng: np.random.Generator) -> list[int]:
    """Return the exposure of each image, such that images are shown at each as equally often as can be.

    An assignment problem a HIT and condition; `met` counts images at exposures, and is added to.
    """
    if not len(chosen):
        return []
    cost = met[chosen][:, exposures]
    rows, columns = linear_sum_assignment(cost + 0.01 * rng.random(cost.shape))
    found = np.empty(len(chosen), dtype=np.int64)
    found[rows] = exposures[columns]
    met[chosen, found] += 1
    return [int(one) for one in found]


def _blocks(
    experiment: Experiment, trials: Sequence[PlannedImage], real: int, rng: np.random.Generator
) -> tuple[tuple[PlannedImage | None, ...], ...]:
    """Deal a HIT's trials to blocks, each cell as evenly as can be, and put each block in an order."""
    count = experiment.blocks
    mixed = [trials[place] for place in rng.permutation(len(trials))]
    # Real ones first, then the others cell by cell: dealt in turn, each block gets as many of each.
    ordered = sorted(mixed, key=lambda one: (one.condition != real, one.condition, one.exposure))
    known = [block_sizes(experiment.sentinels_per_hit, count)[place] for place in rng.permutation(count)]
    return tuple(
        _ordered(ordered[block::count], known[block], experiment.max_sentinels_in_a_row, rng)
        for block in range(count)
    )


def _ordered(
    trials: Sequence[PlannedImage], sentinels: int, most_in_a_row: int, rng: np.random.Generator
) -> tuple[PlannedImage | None, ...]:
    """Shuffle a block, sentinels in runs of at most the allowed length, and none at its end."""
    before = rng.permutation(len(trials) * most_in_a_row)[:sentinels] // most_in_a_row
    gaps = np.bincount(before, minlength=len(trials))
    found: list[PlannedImage | None] = []
    for gap, place in zip(gaps.tolist(), rng.permutation(len(trials)).tolist(), strict=True):
        found += [None] * gap + [trials[place]]
    return tuple(found)
