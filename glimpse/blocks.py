"""The cells of a batch spread over its HITs: each HIT a block of them, all equally often over the study.

An incomplete block design for contrasts that are too many for one HIT. Over all HITs, each contrast and each
cell is shown equally often to within one, with its first condition left in half of its trials; each scene is
dealt equally often to within one, and each image as nearly so as the scenes of a HIT allow. In a HIT,
contrasts are chosen so that they connect its conditions, since only then does one worker's answers rank them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from glimpse.plan import Layout, Plan, deal, plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glimpse.experiment import Batch, Contrast, Experiment
    from glimpse.plan import Bools, Ints

    Floats = NDArray[np.float64]

# What weighs most when a HIT's next contrast is chosen: one shown less often, one that joins two parts.
_SHOWN, _JOINED = 1e6, 1e3
_PASSES = 3  # over all HITs, in which scenes are given to trials
_MET = 0.25  # how much it counts that a contrast has met a scene, beside how often an image was shown


def plan_batch(experiment: Experiment, batch: Batch, items: int, rng: np.random.Generator) -> Plan:
    """Design one batch over `items` scenes: `plan`, or blocks where the trials of a HIT are stated."""
    if experiment.hit_trials is None:
        return plan(experiment, batch, items, rng)
    hits, compared = experiment.hits_per_batch, experiment.genuine_per_hit(batch)
    known = experiment.sentinels_per_hit, experiment.practice_trials, experiment.max_sentinels_in_a_row
    contrasts, exposures = len(batch.contrasts), len(experiment.exposures_ms)
    one = Layout(hits, 1, 1, compared, *known)
    same = experiment.pairing == "same-item"
    again = experiment.scenes == "with-replacement"
    kinds, item_a, item_b = deal(one, items, rng, same_item=same, replacement=again)
    most = -(-compared // (contrasts * exposures))
    layout = Layout(hits, contrasts, exposures, most, *known, spread=compared)
    ends = numbered(batch.contrasts)
    chosen = blocks(ends, hits, compared, rng)
    cells = chosen * exposures + _exposures(chosen, contrasts, exposures, rng)
    a_left = _known_sides(kinds, rng) if experiment.sides == "balanced" else rng.random(kinds.shape) < 0.5
    genuine = kinds == 0
    scenes = (item_a[genuine].reshape(hits, compared), item_b[genuine].reshape(hits, compared))
    # Where no scene comes twice in a HIT, any two of its scenes may meet.
    order, second = _dealt_out(
        ends, chosen, scenes, items, rng, apart=not (same or again or 2 * one.trials > items)
    )
    cells = np.take_along_axis(cells, order, axis=1)
    label = kinds - 1 + layout.cells
    label[genuine] = cells.ravel()
    if not same:
        item_b = item_b.copy()
        item_b[genuine] = second.ravel()
    if experiment.sides == "balanced":
        a_left[genuine] = _sides(cells, exposures, layout.cells, rng).ravel()
    return Plan(layout, label, item_a, item_b, a_left)


def numbered(contrasts: Sequence[Contrast]) -> Ints:
    """Return (contrasts, 2) numbers of conditions, in the order of their first mention.

    >>> numbered([("crn", "real"), ("crn", "pix2pix")]).tolist()
    [[0, 1], [0, 2]]
    """
    names = {name: number for number, name in enumerate(dict.fromkeys(n for pair in contrasts for n in pair))}
    return np.array([[names[a], names[b]] for a, b in contrasts], dtype=np.int64)


def blocks(ends: Ints, hits: int, size: int, rng: np.random.Generator) -> Ints:
    """Return (hits, size) contrasts: each equally often to within one, in the study and in each HIT.

    Args:
        ends: (contrasts, 2) numbers of the conditions of each contrast, from 0.
        hits: How many HITs.
        size: How many compared trials of each.
        rng: Breaks ties.

    Returns:
        Numbers of contrasts. Those of a HIT connect the conditions where `size` and the contrasts allow it,
        but for HITs that the equal counts leave no choice; then as few parts as that leaves.
    """
    contrasts = len(ends)
    whole, rest = divmod(size, contrasts)
    count = np.zeros(contrasts)
    extra = np.zeros((hits, contrasts), dtype=np.bool_)
    for hit in range(hits):
        _fill(extra[hit], ends, count, rest, rng)
        count += extra[hit]
    if not whole:
        _mend(extra, ends)
    every = np.repeat(np.arange(contrasts), whole)
    return np.array([np.concatenate([every, np.flatnonzero(one)]) for one in extra], dtype=np.int64)


def parts(ends: Ints, conditions: int) -> Ints:
    """Return (conditions,) the part of the comparison graph to which each condition belongs, as a number."""
    part = np.arange(conditions)
    for a, b in ends:
        if part[a] != part[b]:
            part[part == part[b]] = part[a]
    return part


def _fill(taken: Bools, ends: Ints, count: Floats, size: int, rng: np.random.Generator) -> None:
    """Choose `size` contrasts of one HIT: the least shown, then those that join parts of its graph."""
    conditions = int(ends.max()) + 1
    part, degree = np.arange(conditions), np.zeros(conditions)
    a, b = ends.T
    tie = rng.random(len(ends)) + _SHOWN * count
    for _ in range(size):
        cost = tie + _JOINED * (part[a] == part[b]) + degree[a] + degree[b]
        cost[taken] = np.inf
        best = int(cost.argmin())
        taken[best] = True
        degree[ends[best]] += 1
        part[part == part[b[best]]] = part[a[best]]


def _mend(extra: Bools, ends: Ints) -> None:
    """Exchange contrasts between HITs until each connects the conditions, while an exchange helps."""
    conditions = int(ends.max()) + 1
    wanted = max(len(set(parts(ends, conditions))), conditions - int(extra[0].sum()))
    number = np.array([len(set(parts(ends[one], conditions))) for one in extra])
    for hit in np.flatnonzero(number > wanted):
        while number[hit] > wanted and _exchanged(int(hit), extra, ends, number):
            number[hit] -= 1


def _exchanged(hit: int, extra: Bools, ends: Ints, number: Ints) -> bool:
    """Give a HIT a contrast that joins two of its parts for one that it can spare; tell whether that was."""
    conditions = int(ends.max()) + 1
    part = parts(ends[extra[hit]], conditions)
    joins = part[ends[:, 0]] != part[ends[:, 1]]
    spare = [one for one in np.flatnonzero(extra[hit]).tolist() if _spared(one, extra[hit], ends, conditions)]
    for other in range(len(extra)):
        if other == hit:
            continue
        for gained in np.flatnonzero(extra[other] & joins & ~extra[hit]):
            for given in spare:
                if extra[other, given]:
                    continue
                changed = extra[other].copy()
                changed[gained], changed[given] = False, True
                if len(set(parts(ends[changed], conditions))) <= number[other]:
                    extra[other] = changed
                    extra[hit, gained], extra[hit, given] = True, False
                    return True
    return False


def _spared(one: int, taken: Bools, ends: Ints, conditions: int) -> bool:
    """Tell whether a HIT has no more parts without one of its contrasts."""
    without = taken.copy()
    without[one] = False
    part = parts(ends[without], conditions)
    return bool(part[ends[one, 0]] == part[ends[one, 1]])


def _exposures(chosen: Ints, contrasts: int, exposures: int, rng: np.random.Generator) -> Ints:
    """Return (hits, trials) exposures: of each contrast equally often to within one, and nearly so in a HIT.

    The exposures of a contrast's trials are given to HITs that have them least: an assignment problem a
    contrast, solved again when the others' solutions are known.
    """
    hits = np.broadcast_to(np.arange(len(chosen))[:, None], chosen.shape).ravel()
    found = np.zeros(hits.size, dtype=np.int64)
    here = np.zeros((len(chosen), exposures))
    turn = int(rng.integers(exposures))
    for again in range(_PASSES):
        for contrast in np.argsort(rng.random(contrasts)):
            trials = np.flatnonzero(chosen.ravel() == contrast)
            if again:
                np.add.at(here, (hits[trials], found[trials]), -1)
            else:
                found[trials] = (turn + np.arange(len(trials))) % exposures
                turn += len(trials)
            cost = here[hits[trials]][:, found[trials]]
            rows, columns = linear_sum_assignment(cost + 0.01 * rng.random(cost.shape))
            found[trials[rows]] = found[trials[columns]]
            np.add.at(here, (hits[trials], found[trials]), 1)
    return found.reshape(chosen.shape)


def _placed(
    trials: tuple[Ints, Ints], scenes: tuple[Ints, Ints], counts: tuple[Floats, Floats], *, apart: bool
) -> tuple[Ints, Ints]:
    """Return the places of a HIT whose scenes a trial shows: of its first condition, and of its second.

    Args:
        trials: Each trial's contrast, and its conditions (trials, 2).
        scenes: What stands at each place for the first condition, and for the second.
        counts: How often images were shown, (conditions, scenes), and scenes under a contrast.
        apart: Whether the two may come from different places.

    Images, and scenes under a contrast, are to be shown equally often: an assignment problem.
    """
    (contrast, ends), (shown, met) = trials, counts
    cost = [
        shown[ends[:, side]][:, scene] + _MET * met[contrast][:, scene] for side, scene in enumerate(scenes)
    ]
    if not apart:
        found = linear_sum_assignment(cost[0] + cost[1])[1]
        return found, found
    return linear_sum_assignment(cost[0])[1], linear_sum_assignment(cost[1])[1]


def _dealt_out(
    ends: Ints, chosen: Ints, scenes: tuple[Ints, Ints], items: int, rng: np.random.Generator, *, apart: bool
) -> tuple[Ints, Ints]:
    """Return (hits, places) which trial of a HIT stands at which place, and the second scenes there.

    A place keeps its first scene, and its second too unless they may come `apart`. Each HIT is solved again
    when the others' solutions are known.
    """
    shown, met = np.zeros((int(ends.max()) + 1, items)), np.zeros((len(ends), items))
    order, second = np.zeros_like(chosen), np.array(scenes[1])
    for turn in range(_PASSES):
        for hit, one in enumerate(chosen):
            first = scenes[0][hit]
            if turn:
                _count(shown, met, one[order[hit]], ends, (first, second[hit]), -1)
            counts = shown + 0.01 * rng.random(shown.shape), met
            place, other = _placed((one, ends[one]), (first, scenes[1][hit]), counts, apart=apart)
            order[hit, place] = np.arange(len(one))
            second[hit, place] = scenes[1][hit][other]
            _count(shown, met, one[order[hit]], ends, (first, second[hit]), 1)
    return order, second


def _count(shown: Floats, met: Floats, trials: Ints, ends: Ints, scenes: tuple[Ints, Ints], by: int) -> None:
    """Add a HIT to the counts of images and of meetings, or take it away; `trials` are its contrasts."""
    for side in (0, 1):
        np.add.at(shown, (ends[trials, side], scenes[side]), by)
        np.add.at(met, (trials, scenes[side]), by)


def _sides(cells: Ints, exposures: int, count: int, rng: np.random.Generator) -> Bools:
    """Put the first condition left in half of the trials of each cell and contrast, and nearly so in a HIT.

    Of the cells of a contrast with an odd number of trials, every second has one more on the left.
    """
    total = np.bincount(cells.ravel(), minlength=count)
    odd = (total % 2).reshape(-1, exposures)
    turn = (np.cumsum(odd, axis=1) + rng.integers(2, size=(len(odd), 1))) % 2
    lefts = (total + (odd * turn).ravel()) // 2
    hits = np.broadcast_to(np.arange(len(cells))[:, None], cells.shape).ravel()
    trials = np.argsort(cells.ravel() + rng.random(cells.size))
    groups = np.split(trials, np.cumsum(total)[:-1])
    left = np.zeros(cells.size, dtype=np.bool_)
    surplus = np.zeros(len(cells))
    for again in range(_PASSES):
        for group, wanted in zip(groups, lefts, strict=True):
            if again:
                np.add.at(surplus, hits[group], np.where(left[group], -1, 1))
            # Left in the HITs that have it least.
            order = group[np.argsort(surplus[hits[group]] + rng.random(len(group)))]
            left[order[:wanted]], left[order[wanted:]] = True, False
            np.add.at(surplus, hits[group], np.where(left[group], 1, -1))
    return left.reshape(cells.shape)


def _known_sides(kinds: Ints, rng: np.random.Generator) -> Bools:
    """Put the first image left in half of each HIT's sentinels, and of its practice trials."""
    left = np.zeros(kinds.shape, dtype=np.bool_)
    for kind in (1, 2):
        turn = int(rng.integers(2))
        for hit, row in enumerate(kinds):
            places = np.flatnonzero(row == kind)
            places = places[np.argsort(rng.random(len(places)))]
            left[hit, places[: (len(places) + (turn + hit) % 2) // 2]] = True
    return left
