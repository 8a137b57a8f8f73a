"""Every invariant of a design, over random settings; and the paper's counts exactly."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glimpse.errors import GlimpseError
from glimpse.experiment import MODES, PRESETS, designed, preset
from glimpse.plan import dealt, foils, plan, scenes_needed

if TYPE_CHECKING:
    from glimpse.experiment import Experiment
    from glimpse.plan import Plan

CONTRASTS = (("crn", "real"), ("pix2pix", "real"), ("crn", "pix2pix"), ("other", "crn"))
PATIENT = settings(max_examples=120)


@st.composite
def experiments(draw: st.DrawFn, *, scenes: str = "without-replacement") -> Experiment:
    mode = draw(st.sampled_from(MODES))
    limited = mode == "limited-time"
    exposures = (
        draw(st.lists(st.integers(20, 8000), min_size=1, max_size=5, unique=True)) if limited else [None]
    )
    return designed(
        preset(mode),
        contrasts=draw(st.sampled_from([CONTRASTS[:n] for n in range(1, 5)])),
        real="real",
        sentinel="bad",
        exposures_ms=tuple(exposures),
        trials_per_cell=draw(st.integers(1, 7)),
        sentinels_per_hit=(sentinels := draw(st.integers(0, 6))),
        max_sentinels_in_a_row=draw(
            st.integers(max(1, sentinels), 7) if sentinels > 1 else st.integers(1, 3)
        ),
        practice_trials=draw(st.integers(0, 4)),
        hits_per_batch=draw(st.integers(1, 9)),
        pairing=draw(st.sampled_from(["random", "same-item"])),
        scenes=scenes,
    )


def planned(experiment: Experiment, items: int, seed: int = 0) -> Plan:
    return plan(experiment, experiment.batches[0], items, np.random.default_rng(seed))


def cases() -> st.SearchStrategy[tuple[Experiment, int, int]]:
    return st.tuples(experiments(), st.integers(2, 300), st.integers(0, 2**32))


def distances(plan_: Plan) -> list[int]:
    """Trials between two meetings of a scene in a HIT, the least of each HIT."""
    least = []
    for a, b in zip(plan_.item_a, plan_.item_b, strict=True):
        last: dict[int, int] = {}
        closest = len(a) + 1
        for position, pair in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
            for item in set(pair):
                closest = min(closest, position - last.get(item, -len(a) - 1))
                last[item] = position
        least.append(closest)
    return least


@given(cases())
@PATIENT
def test_each_hit_holds_each_cell_exactly(case: tuple[Experiment, int, int]) -> None:
    experiment, items, seed = case
    result = planned(experiment, items, seed)
    layout = result.layout
    for labels in result.label:
        counts = Counter(labels.tolist())
        assert all(counts[cell] == experiment.trials_per_cell for cell in range(layout.cells))
        assert counts[layout.cells] == experiment.sentinels_per_hit
        assert (labels[: layout.practice] == layout.cells + 1).all()
        assert counts[layout.cells + 1] == experiment.practice_trials


@given(cases())
@PATIENT
def test_sides_are_balanced_within_one(case: tuple[Experiment, int, int]) -> None:
    experiment, items, seed = case
    result = planned(experiment, items, seed)
    layout = result.layout
    for label in range(layout.cells + 2):
        chosen = result.label == label
        left, all_ = (result.a_left & chosen).sum(axis=1), chosen.sum(axis=1)
        assert (abs(2 * left - all_) <= 1).all()
        assert abs(2 * left.sum() - all_.sum()) <= 1
    contrast = result.label // layout.exposures
    for number in range(layout.contrasts):
        chosen = (contrast == number) & (result.label < layout.cells)
        assert (abs(2 * (result.a_left & chosen).sum(axis=1) - chosen.sum(axis=1)) <= 1).all()


@given(cases())
@PATIENT
def test_no_long_runs_of_sentinels(case: tuple[Experiment, int, int]) -> None:
    experiment, items, seed = case
    genuine = experiment.genuine_per_hit(experiment.batches[0])
    shortest = max(1, -(-experiment.sentinels_per_hit // genuine))
    experiment = replace(experiment, max_sentinels_in_a_row=shortest)
    result = planned(experiment, items, seed)
    for sentinel in result.sentinel:
        runs = "".join("s" if s else " " for s in sentinel).split()
        assert max(map(len, runs), default=0) <= experiment.max_sentinels_in_a_row


@given(cases())
@PATIENT
def test_no_scene_twice_unless_unavoidable_and_then_far_apart(case: tuple[Experiment, int, int]) -> None:
    experiment, items, seed = case
    result = planned(experiment, items, seed)
    same = experiment.pairing == "same-item"
    assert same == bool((result.item_a == result.item_b).all())
    if not same:
        assert (result.item_a != result.item_b).all()
    needed = scenes_needed(experiment, experiment.batches[0])
    least = min(distances(result))
    if needed <= items:
        assert least > result.layout.trials
    else:
        # One more trial and some scene must come twice; partners that rotate cost one more.
        assert least >= (items if same else items // 2 - 1)


@given(cases())
@PATIENT
def test_every_scene_is_used_equally_often(case: tuple[Experiment, int, int]) -> None:
    experiment, items, seed = case
    result = planned(experiment, items, seed)
    used = result.item_a if experiment.pairing == "same-item" else np.r_[result.item_a, result.item_b]
    counts = np.bincount(used.ravel(), minlength=items)
    assert counts.max() - counts.min() <= 1


@given(cases())
@settings(max_examples=30)
def test_same_seed_same_plan(case: tuple[Experiment, int, int]) -> None:
    experiment, items, seed = case
    one, two = planned(experiment, items, seed), planned(experiment, items, seed)
    for name in ("label", "item_a", "item_b", "a_left"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


@given(experiments(scenes="with-replacement"), st.integers(2, 50))
@settings(max_examples=30)
def test_with_replacement_stays_in_range(experiment: Experiment, items: int) -> None:
    result = planned(replace(experiment, sides="random"), items)
    assert result.item_a.min() >= 0
    assert max(result.item_a.max(), result.item_b.max()) < items


@pytest.mark.parametrize("items", [500, 249])
@pytest.mark.parametrize("pairing", ["random", "same-item"])
def test_cells_of_the_papers_study_never_meet_a_scene_twice(items: int, pairing: str) -> None:
    result = planned(replace(preset("limited-time"), pairing=pairing), items)
    for cell in range(result.layout.cells):
        chosen = result.label == cell
        for side in (result.item_a, result.item_b):
            assert len(set(side[chosen].tolist())) == chosen.sum() == 50


OF_PAIRS = [name for name in PRESETS if not name.startswith("hype-")]


@pytest.mark.parametrize("name", OF_PAIRS)
def test_the_papers_limited_time_counts(name: str) -> None:
    result = planned(preset("limited-time", name), 500)
    assert result.label.shape == (10, 110)
    for labels in result.label:
        counts = Counter(labels.tolist())
        assert counts == {**dict.fromkeys(range(21), 5), 21: 5}


@pytest.mark.parametrize("name", OF_PAIRS)
def test_the_papers_unlimited_time_counts(name: str) -> None:
    experiment = preset("unlimited-time", name)
    assert len(experiment.batches) == 4
    for batch in experiment.batches:
        result = plan(experiment, batch, 500, np.random.default_rng(0))
        assert result.label.shape == (5, 110)
        assert all(Counter(labels.tolist()) == {0: 100, 1: 10} for labels in result.label)


def test_different_seeds_differ() -> None:
    one, two = (planned(preset("limited-time"), 500, seed) for seed in (0, 1))
    assert (one.label != two.label).any()
    assert (one.item_a != two.item_a).any()


def test_the_stream_of_random_numbers_is_pinned() -> None:
    # A change here changes every study that is built again from its seed: it needs a line in the changelog.
    result = planned(preset("limited-time"), 500, 0)
    assert result.label[0, :8].tolist() == PINNED["label"]
    assert result.item_a[0, :8].tolist() == PINNED["item_a"]
    assert result.item_b[9, :8].tolist() == PINNED["item_b"]
    assert result.a_left[3, :8].tolist() == PINNED["a_left"]


PINNED = {
    "label": [12, 16, 3, 15, 14, 11, 21, 15],
    "item_a": [387, 495, 417, 262, 122, 164, 325, 42],
    "item_b": [415, 449, 412, 494, 83, 353, 437, 108],
    "a_left": [True, False, True, False, False, False, False, False],
}


@given(st.integers(1, 40), st.integers(0, 12), st.integers(1, 30), st.integers(0, 5))
def test_what_is_dealt_is_used_equally_often(count: int, per_hit: int, hits: int, seed: int) -> None:
    numbers = dealt(count, per_hit, hits, np.random.default_rng(seed))
    assert numbers.shape == (hits, per_hit)
    uses = np.bincount(numbers.ravel(), minlength=count)
    assert len(uses) == count
    assert uses.max() - uses.min() <= 1
    if per_hit <= count:
        assert all(len(set(row)) == per_hit for row in numbers.tolist())


@given(st.integers(2, 60), st.integers(1, 3), st.integers(0, 5))
def test_foils_are_other_scenes_of_the_same_size(items: int, sizes: int, seed: int) -> None:
    experiment = replace(
        preset("limited-time"), pairing="same-item", trials_per_cell=1, practice_trials=2, hits_per_batch=3
    )
    plan_ = planned(experiment, items, seed)
    size = np.arange(items) % min(sizes, max(1, items // 2))
    scene = np.arange(items)
    found = foils(plan_, scene, size, np.random.default_rng(seed))
    assert found.shape == (3, 7)
    for own, shown, foil in zip(plan_.item_b, plan_.known, found, strict=True):
        assert (foil != own[shown]).all()
        assert (size[foil] == size[own[shown]]).all()
        if sizes == 1 and items >= 28 + 7:
            assert len({*own.tolist(), *foil.tolist()}) == 28 + 7


def test_a_mismatch_needs_more_scenes() -> None:
    limited = replace(preset("limited-time"), pairing="same-item", practice_trials=2)
    batch = limited.batches[0]
    assert scenes_needed(limited, batch) == 112
    assert scenes_needed(replace(limited, sentinels="mismatch"), batch) == 112 + 5 + 2


def test_a_pair_needs_two_scenes() -> None:
    with pytest.raises(GlimpseError, match="1 items in common"):
        planned(preset("limited-time"), 1)
