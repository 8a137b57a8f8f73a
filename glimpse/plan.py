"""plan(experiment, items, rng) -> which scenes are compared in which trial of which HIT. Pure arithmetic.

The plan of one batch is a set of arrays of shape (HITs, trials a HIT) in the order shown, so that a million
trials take seconds. Only `random()` and `integers()` of the generator are used, whose streams NumPy keeps.

Scenes are dealt from one shuffled ring, HIT after HIT, so that each is used as often as every other (to
within one) and none twice in a HIT while they last. Where one HIT needs more scenes than there are, it goes
round a ring, which keeps two uses of a scene as far apart as possible. Inside a HIT, the cells' labels are
rotated against the scenes until cells meet the fewest scenes that they had in earlier HITs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from glimpse.experiment import Batch, Experiment

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MAX_ROTATIONS = 32


@dataclass(frozen=True)
class Layout:
    """The counts of one batch. Labels: a cell's number; `cells` for sentinels; `cells + 1` for practice.

    `spread`: compared trials of a HIT where the cells are spread over HITs; None: a HIT has every cell.
    Cell number = contrast * exposures + exposure, in the order of the batch's contrasts.
    """

    hits: int
    contrasts: int
    exposures: int
    trials_per_cell: int
    sentinels: int
    practice: int
    max_sentinels_in_a_row: int
    spread: int | None = None

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.contrasts * self.exposures

    @property
    def scored(self) -> int:
        """Trials a HIT without practice."""
        compared = self.cells * self.trials_per_cell if self.spread is None else self.spread
        return compared + self.sentinels

    @property
    def trials(self) -> int:
        """Trials a HIT."""
        return self.practice + self.scored


@dataclass(frozen=True)
class Plan:
    """One batch: arrays of shape (HITs, trials a HIT), in the order shown.

    `label` as in `Layout`; `item_a` and `item_b` index the scenes of the trial's first and second condition
    (for sentinels and practice: the sentinel condition, then the real one); `a_left` says where the first is.
    """

    layout: Layout
    label: Ints
    item_a: Ints
    item_b: Ints
    a_left: Bools

    @property
    def practice(self) -> Bools:
        """True for practice trials."""
        return np.asarray(self.label == self.layout.cells + 1)

    @property
    def sentinel(self) -> Bools:
        """True for sentinels."""
        return np.asarray(self.label == self.layout.cells)

    @property
    def known(self) -> Bools:
        """True for trials whose answer is known: practice trials and sentinels."""
        return np.asarray(self.label >= self.layout.cells)

    @property
    def known_items(self) -> list[tuple[int, int]]:
        """The scenes of these, HIT after HIT in the order shown: of the first condition, of the second."""
        return list(zip(self.item_a[self.known].tolist(), self.item_b[self.known].tolist(), strict=True))

    @property
    def known_per_hit(self) -> int:
        """How many of these a HIT has."""
        return self.layout.practice + self.layout.sentinels


def scenes_needed(experiment: Experiment, batch: Batch) -> int:
    """Return how many distinct scenes one HIT would use if none came twice."""
    others = experiment.known_per_hit if experiment.sentinels == "mismatch" else 0
    return experiment.trials_per_hit(batch) * (1 if experiment.pairing == "same-item" else 2) + others


def plan(experiment: Experiment, batch: Batch, items: int, rng: np.random.Generator) -> Plan:
    """Design one batch over `items` scenes; GlimpseError when there are too few to make a pair."""
    same = experiment.pairing == "same-item"
    if items < (1 if same else 2):
        raise GlimpseError(f"There are {items} items in common to all conditions; pairs need at least 2.")
    layout = Layout(
        hits=experiment.hits_per_batch,
        contrasts=len(batch.contrasts),
        exposures=len(experiment.exposures_ms),
        trials_per_cell=experiment.trials_per_cell,
        sentinels=experiment.sentinels_per_hit,
        practice=experiment.practice_trials,
        max_sentinels_in_a_row=experiment.max_sentinels_in_a_row,
    )
    label, item_a, item_b = deal(
        layout, items, rng, same_item=same, replacement=experiment.scenes == "with-replacement"
    )
    if experiment.sides == "random":
        a_left = rng.random(label.shape) < 0.5
    else:
        a_left = _balanced_sides(layout, label, rng)
    return Plan(layout, label, item_a, item_b, a_left)


def deal(
    layout: Layout, items: int, rng: np.random.Generator, *, same_item: bool, replacement: bool = False
) -> tuple[Ints, Ints, Ints]:
    """Return the labels and both scenes of every trial, (HITs, trials a HIT), in the order shown.

    same_item: both sides show one scene. replacement: scenes are drawn at random, not dealt evenly.
    """
    label = _labels(layout, rng)
    if replacement:
        item_a = rng.integers(items, size=label.shape)
        return label, item_a, item_a if same_item else rng.integers(items, size=label.shape)
    if layout.trials * (1 if same_item else 2) <= items:
        return label, *_distinct_scenes(layout, label, items, rng, same=same_item)
    return _repeated_scenes(layout, label, items, rng, same=same_item)


def dealt(count: int, per_hit: int, hits: int, rng: np.random.Generator) -> Ints:
    """Return (hits, per_hit) numbers below `count`, in shuffled order.

    Each is used as often as every other (to within one), and none twice in a HIT while they last.
    """
    ring = _shuffled(count, rng)
    slots = np.arange(hits * per_hit).reshape(hits, per_hit) % count
    return np.take_along_axis(ring[slots], np.argsort(rng.random((hits, per_hit)), axis=1), axis=1)


def foils(planned: Plan, scene: Ints, size: Ints, rng: np.random.Generator) -> Ints:
    """Return (HITs, known trials a HIT) items to stand beside the known trials' own (`Plan.item_b`).

    scene, size: (items,) numbers, equal for items that are one scene, and of one size. A foil is of another
    scene and of the same size as the trial's own item, which must exist. It is none that the HIT shows, while
    there are others, and each item is a foil about as often as every other.
    """
    used = np.zeros(len(scene))
    chosen = np.empty((planned.layout.hits, planned.known_per_hit), dtype=np.int64)
    for hit, shown in enumerate(planned.item_b):
        met = np.bincount(shown, minlength=len(scene)).astype(np.float64)
        for place, own in enumerate(shown[planned.known[hit]]):
            wanted = (scene != scene[own]) & (size == size[own])
            cost = np.where(wanted, met * planned.label.size + used + rng.random(len(scene)), np.inf)
            other = int(cost.argmin())
            chosen[hit, place] = other
            used[other] += 1
            met[other] += 1
    return chosen


def _labels(layout: Layout, rng: np.random.Generator) -> Ints:
    """Shuffle each HIT's labels, practice first, sentinels in runs of at most the allowed length.

    Sentinels fall into the gaps before genuine trials, a gap holding no more than a run. Gaps close a circle,
    so that a rotated HIT has no longer runs either.
    """
    genuine = layout.cells * layout.trials_per_cell
    cells = np.broadcast_to(
        np.repeat(np.arange(layout.cells), layout.trials_per_cell), (layout.hits, genuine)
    )
    cells = np.take_along_axis(cells, np.argsort(rng.random((layout.hits, genuine)), axis=1), axis=1)
    places = rng.random((layout.hits, genuine * layout.max_sentinels_in_a_row))
    gaps = np.argsort(places, axis=1)[:, : layout.sentinels] // layout.max_sentinels_in_a_row
    keys = np.concatenate([np.broadcast_to(np.arange(genuine) + 0.5, cells.shape), gaps], axis=1)
    values = np.concatenate([cells, np.full(gaps.shape, layout.cells)], axis=1)
    label = np.take_along_axis(values, np.argsort(keys, axis=1, kind="stable"), axis=1)
    turn = rng.integers(layout.scored, size=(layout.hits, 1))
    label = np.take_along_axis(label, (np.arange(layout.scored) + turn) % layout.scored, axis=1)
    practice = np.full((layout.hits, layout.practice), layout.cells + 1)
    return np.concatenate([practice, label], axis=1).astype(np.int64)


def _distinct_scenes(
    layout: Layout, label: Ints, items: int, rng: np.random.Generator, *, same: bool
) -> tuple[Ints, Ints]:
    """Deal scenes of which none comes twice in a HIT, cell by cell, then carry them to the order shown."""
    ring = _shuffled(items, rng)
    count = layout.trials
    step = count if same else 2 * count
    slots = (np.arange(layout.hits) * step)[:, None] + np.arange(step)
    dealt = ring[slots % items]
    order = np.argsort(rng.random(layout.cells + 2))
    sizes = np.full(layout.cells + 2, layout.trials_per_cell)
    sizes[layout.cells], sizes[layout.cells + 1] = layout.sentinels, layout.practice
    block = np.repeat(order, sizes[order])[None, :]
    step = max(1, -(-count // MAX_ROTATIONS), layout.trials_per_cell if count > layout.trials_per_cell else 1)
    turns = np.arange(0, count, step)
    blocks = _least_repeating(dealt[:, :count], block, turns, items, layout.cells + 2)
    place = np.argsort(label + rng.random(label.shape), axis=1)
    item_a = _carried(dealt[:, :count], blocks, place)
    if same:
        return item_a, item_a
    partner = (np.arange(count) + rng.integers(count, size=(layout.hits, 1))) % count
    second = np.take_along_axis(dealt[:, count:], partner, axis=1)
    blocks = _least_repeating(second, block, turns, items, layout.cells + 2)
    return item_a, _carried(second, blocks, place)


def _carried(scenes: Ints, blocks: Ints, place: Ints) -> Ints:
    """Put scenes that stand block by block where `place` (sorted by label) says."""
    shown = np.empty_like(scenes)
    by_label = np.argsort(blocks, axis=1, kind="stable")
    np.put_along_axis(shown, place, np.take_along_axis(scenes, by_label, axis=1), axis=1)
    return shown


def _repeated_scenes(
    layout: Layout, label: Ints, items: int, rng: np.random.Generator, *, same: bool
) -> tuple[Ints, Ints, Ints]:
    """Let every HIT go round its own shuffled ring of all scenes; return labels and both scenes."""
    position = np.arange(layout.trials)
    if same:
        ring = _rings(layout.hits, items, layout.trials % items, rng)
        item_a = item_b = ring[:, position % items]
    elif items % 2:
        ring = _rings(layout.hits, items, 2 * layout.trials % items, rng)
        item_a, item_b = ring[:, 2 * position % items], ring[:, (2 * position + 1) % items]
    else:
        # Two half rings; the second moves on by one each round, or the same two scenes would meet each round.
        half = items // 2
        rounds, extra = divmod(layout.trials, half)
        ring = _rings(layout.hits, items, 2 * extra, rng)
        second = np.concatenate([ring[:, extra : 2 * extra], ring[:, half + extra :]], axis=1)
        first = np.concatenate([ring[:, :extra], ring[:, 2 * extra : half + extra]], axis=1)
        item_a = first[:, position % half]
        item_b = np.roll(second, rounds, axis=1)[:, (position + position // half) % half]
    scored = slice(layout.practice, None)
    turns = np.arange(0, layout.scored, max(1, -(-layout.scored // MAX_ROTATIONS)))
    turned = _least_repeating(item_a[:, scored], label[:, scored], turns, items, layout.cells + 2)
    label = np.concatenate([label[:, : layout.practice], turned], axis=1)
    swap = rng.random(label.shape) < (0.0 if same else 0.5)
    return label, np.where(swap, item_b, item_a), np.where(swap, item_a, item_b)


def _rings(hits: int, items: int, extra: int, rng: np.random.Generator) -> Ints:
    """Return (hits, items) shuffled scenes; the first `extra` of each row are dealt evenly over the rows."""
    keys = rng.random((hits, items))
    slots = (np.arange(hits) * extra)[:, None] + np.arange(extra)
    chosen = _shuffled(items, rng)[slots % items]
    np.put_along_axis(keys, chosen, np.take_along_axis(keys, chosen, axis=1) - 1, axis=1)
    return np.argsort(keys, axis=1)


def _least_repeating(scenes: Ints, label: Ints, turns: Ints, items: int, labels: int) -> Ints:
    """Rotate each HIT's labels so that labels meet scenes that they met least in the HITs before.

    `label` has one row a HIT, or a single row for all of them; the result has one a HIT.
    """
    count = label.shape[1]
    index = (np.arange(count) + turns[:, None]) % count
    met = np.zeros(items * labels, dtype=np.int32)
    offset = scenes * labels
    chosen = np.empty(scenes.shape, dtype=np.int64)
    candidates = label[0][index]
    for hit in range(len(scenes)):
        if len(label) > 1:
            candidates = label[hit][index]
        meetings = offset[hit] + candidates
        best = int(met.take(meetings).sum(axis=1).argmin())
        chosen[hit] = candidates[best]
        met[meetings[best]] += 1
    return chosen


def _balanced_sides(layout: Layout, label: Ints, rng: np.random.Generator) -> Bools:
    """Put the first condition left in half of each label's trials of a HIT.

    Of an odd number, the one that is left over goes left and right in turn over the exposures of a contrast
    and over the HITs, so that contrasts within a HIT and cells over all HITs are balanced to within one too.
    """
    sizes = np.full(layout.cells + 2, layout.trials_per_cell)
    sizes[layout.cells], sizes[layout.cells + 1] = layout.sentinels, layout.practice
    turn = np.argsort(rng.random((layout.contrasts, layout.exposures)), axis=1)
    turn = np.argsort(turn, axis=1) + np.arange(layout.contrasts)[:, None] * layout.exposures
    turn = np.concatenate([turn.ravel(), rng.integers(2, size=2)]) + rng.integers(2)
    odd = (turn[None, :] + np.arange(layout.hits)[:, None]) % 2
    lefts = sizes // 2 + odd * (sizes % 2)
    place = np.argsort(label + rng.random(label.shape), axis=1)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    by_label = np.repeat(np.arange(layout.cells + 2), sizes)
    rank = np.arange(layout.trials) - starts[by_label]
    a_left = np.empty(label.shape, dtype=np.bool_)
    np.put_along_axis(a_left, place, rank < lefts[:, by_label], axis=1)
    return a_left


def _shuffled(count: int, rng: np.random.Generator) -> Ints:
    """Return 0 .. count - 1 in random order."""
    return np.argsort(rng.random(count))


def summary(plans: list[Plan]) -> dict[str, Any]:
    """Return totals of several batches: trials and the number of distinct scenes used."""
    return {
        "trials": sum(plan.label.size for plan in plans),
        "scenes": len(
            set(np.concatenate([np.r_[p.item_a.ravel(), p.item_b.ravel()] for p in plans]).tolist())
        ),
    }
