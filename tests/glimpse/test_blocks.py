"""Cells spread over HITs: equally often, in connected HITs, over images that are shown equally often."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glimpse.blocks import blocks, numbered, parts, plan_batch
from glimpse.errors import GlimpseError
from glimpse.experiment import MODES, Experiment, designed, preset
from glimpse.mturk.design.contrasts import infer
from glimpse.mturk.design.spreading import spread, spread_where_needed, usual_trials

if TYPE_CHECKING:
    from glimpse.plan import Plan


def names(count: int) -> list[str]:
    return [f"m{number:02d}" for number in range(count)]


def every(count: int) -> tuple[tuple[str, str], ...]:
    return tuple(combinations(names(count), 2))


def ring(count: int) -> tuple[tuple[str, str], ...]:
    return tuple(zip(names(count), names(count)[1:] + names(count)[:1], strict=True))


def star(count: int) -> tuple[tuple[str, str], ...]:
    return tuple(("m00", name) for name in names(count)[1:])


def made(contrasts: tuple[tuple[str, str], ...], trials: int, hits: int, **numbers: object) -> Experiment:
    mode = str(numbers.pop("mode", "limited-time"))
    found = designed(preset(mode), contrasts=contrasts, real="real", sentinel="bad", **numbers)
    return spread(found, trials, hits)


def planned(experiment: Experiment, items: int, seed: int = 0) -> Plan:
    return plan_batch(experiment, experiment.batches[0], items, np.random.default_rng(seed))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Experiment, int, int]:
    count = draw(st.integers(3, 9))
    contrasts = draw(st.sampled_from([every(count), ring(count), star(count)]))
    mode = draw(st.sampled_from(MODES))
    exposures = tuple(range(100, 100 + draw(st.integers(1, 4)))) if mode == "limited-time" else (None,)
    sentinels, practice = draw(st.integers(0, 4)), draw(st.integers(0, 2))
    compared = draw(st.integers(5, 30))
    hits = draw(st.integers(-(-len(contrasts) * len(exposures) // compared), 30))
    numbers = {
        "mode": mode,
        "exposures_ms": exposures,
        "sentinels_per_hit": sentinels,
        "practice_trials": practice,
        "pairing": draw(st.sampled_from(["random", "same-item"])),
    }
    experiment = made(contrasts, compared + sentinels + practice, hits, **numbers)
    return experiment, draw(st.integers(2, 120)), draw(st.integers(0, 2**32))


@settings(max_examples=60)
@given(cases())
def test_cells_contrasts_and_sides_are_equally_often_to_within_one(
    case: tuple[Experiment, int, int],
) -> None:
    experiment, items, seed = case
    found = planned(experiment, items, seed)
    assert found.label.shape == (experiment.hits, experiment.hit_trials)
    assert (found.sentinel.sum(axis=1) == experiment.sentinels_per_hit).all()
    assert (found.practice.sum(axis=1) == experiment.practice_trials).all()
    assert found.practice[:, : experiment.practice_trials].all()
    exposures, compared = len(experiment.exposures_ms), ~found.known
    cells = np.bincount(found.label[compared], minlength=found.layout.cells)
    left = np.bincount(found.label[compared], weights=found.a_left[compared], minlength=len(cells))
    for counts in (cells, cells.reshape(-1, exposures).sum(axis=1)):
        assert np.ptp(counts) <= 1
    for counts, lefts in (
        (cells, left),
        (cells.reshape(-1, exposures).sum(1), left.reshape(-1, exposures).sum(1)),
    ):
        assert (np.abs(2 * lefts - counts) <= 1).all()
    if experiment.pairing == "random":
        assert (found.item_a != found.item_b).all()
    shown = np.r_[found.item_a.ravel(), found.item_b.ravel()]
    if experiment.hit_trials * 2 <= items:
        assert np.ptp(np.bincount(shown, minlength=items)) <= 2
        assert all(len(set(row.tolist())) == len(row) for row in found.item_a)


@pytest.mark.parametrize(
    ("contrasts", "compared", "hits", "wanted"),
    [
        (every(20), 30, 60, 1),
        (every(20), 19, 40, 1),  # no contrast more than a tree needs
        (every(20), 19, 10, 1),  # and none left over
        (every(20), 12, 40, 8),
        (every(8), 55, 16, 1),
        (ring(20), 25, 20, 1),
        (ring(20), 19, 20, 1),
        (star(20), 19, 20, 1),
        (star(20), 10, 38, 10),
    ],
)
def test_each_hit_connects_its_conditions_as_far_as_its_trials_go(contrasts, compared, hits, wanted) -> None:
    ends = numbered(contrasts)
    found = blocks(ends, hits, compared, np.random.default_rng(1))
    count = int(ends.max()) + 1
    assert {len(set(parts(ends[np.unique(one)], count).tolist())) for one in found} == {wanted}
    assert np.ptp(np.bincount(found.ravel(), minlength=len(ends))) <= 1
    assert all(np.ptp(np.bincount(one, minlength=len(ends))) <= 1 for one in found)


def test_each_image_is_shown_equally_often_to_within_one() -> None:
    """Of the images of each condition; where two scenes meet in a trial, to within two."""
    contrasts = every(20)
    for pairing, items in (("same-item", 200), ("random", 300)):
        experiment = made(contrasts, 60, 60, mode="unlimited-time", pairing=pairing)
        found = planned(experiment, items)
        ends = numbered(contrasts)[found.label[~found.known]]
        shown = np.zeros((20, items))
        np.add.at(shown, (ends[:, 0], found.item_a[~found.known]), 1)
        np.add.at(shown, (ends[:, 1], found.item_b[~found.known]), 1)
        assert np.ptp(shown, axis=1).max() <= (1 if pairing == "same-item" else 2)


def test_the_same_seed_gives_the_same_blocks_and_another_seed_others() -> None:
    experiment = made(every(9), 30, 20)
    one, again, other = (planned(experiment, 50, seed) for seed in (3, 3, 4))
    for name in ("label", "item_a", "item_b", "a_left"):
        assert (getattr(one, name) == getattr(again, name)).all()
    assert (one.label != other.label).any()


def test_a_spread_study_is_read_back_as_it_was() -> None:
    experiment = made(every(9), 30, 20)
    assert experiment.to_json()["hit_trials"] == 30
    assert Experiment.from_json(experiment.to_json()) == experiment
    assert experiment.trials_per_hit(experiment.batches[0]) == 30
    assert experiment.genuine_per_hit(experiment.batches[0]) == 25


@pytest.mark.parametrize(
    ("trials", "hits", "message"),
    [
        (5, 90, "trials_per_hit is 5; it must be a whole number above 5, the sentinels and practice"),
        (30, 9, "hits_per_batch is 9; 252 cells need 11 HITs of 30 trials, or some would never be shown"),
    ],
)
def test_numbers_that_show_nothing_are_refused(trials: int, hits: int, message: str) -> None:
    with pytest.raises(GlimpseError, match=message):
        made(every(9), trials, hits)


def test_one_batch_needs_a_sentinel_condition() -> None:
    found = infer(preset("unlimited-time"), [*names(4), "real"], ours="m00")
    assert found.sentinel is None
    with pytest.raises(GlimpseError, match="Name one with --sentinel, or do without: --sentinels-per-hit 0"):
        spread(found, 60)


def test_a_ring_meets_each_condition_twice() -> None:
    conditions = [*names(5), "image-space", "real"]
    found = infer(preset("limited-time"), conditions, contrasts=("ring",))
    assert found.contrasts == (*zip(names(5), [*names(5)[1:], "real"], strict=True), ("real", "m00"))
    assert infer(
        preset("limited-time"), ["a", "b"], contrasts=("ring",), numbers={"sentinels_per_hit": 0}
    ).contrasts == (("a", "b"),)
    with pytest.raises(GlimpseError, match="--contrast ring names the pairs; leave out --ours"):
        infer(preset("unlimited-time"), conditions, contrasts=("ring",), ours="m00")


@pytest.mark.parametrize(
    ("mode", "count", "hits"),
    [("limited-time", 7, 27), ("limited-time", 20, 70), ("unlimited-time", 8, 23)],
)
def test_many_conditions_are_shown_as_often_as_those_of_the_usual_study(mode, count, hits) -> None:
    found = infer(preset(mode), [*names(count), "image-space", "real"], contrasts=("all",))
    assert spread(found, 110).hits == hits
    per_condition = usual_trials(found) * 2 / (count + 1) / len(found.exposures_ms)
    assert per_condition == pytest.approx(100 if mode == "limited-time" else 500, rel=0.01)
    few = infer(preset(mode), ["crn", "pix2pix", "image-space", "real"], contrasts=("all",))
    usual = few.hits * few.genuine_per_hit(few.batches[0])
    assert usual_trials(few) == usual if mode == "limited-time" else usual_trials(few) <= usual


def test_only_hits_that_are_too_long_are_spread_by_themselves() -> None:
    conditions = [*names(8), "image-space", "real"]
    many = infer(preset("limited-time"), conditions)
    found, said = spread_where_needed(many, ())
    assert (found.hit_trials, found.hits, found.cells) == (110, 30, 252)
    assert said is not None
    assert "252 cells are too many for one HIT: it would take about 106 minutes, and 30 are allotted" in said
    assert spread_where_needed(many, {"trials_per_cell"}) == (many, None)
    few = infer(preset("limited-time"), conditions, contrasts=("m00:real", "m01:real"))
    assert spread_where_needed(few, ()) == (few, None)
    patient = infer(preset("limited-time"), conditions, numbers={"time_allotted_minutes": 200})
    assert spread_where_needed(patient, ()) == (patient, None)


def test_many_hits_of_one_contrast_each_are_warned_of() -> None:
    """20 systems in unlimited time are 950 HITs of one contrast each, where 63 tell the ranking."""
    many = infer(preset("unlimited-time"), [*names(19), "image-space", "real"], contrasts=("all",))
    found, said = spread_where_needed(many, ())
    assert found == many
    assert said is not None
    assert "190 contrasts make 950 HITs" in said
    assert f"--trials-per-hit 90 spreads them over {spread(many, 90).hits} HITs" in said
    few = infer(preset("unlimited-time"), ["crn", "pix2pix", "image-space", "real"], contrasts=("all",))
    assert spread_where_needed(few, ()) == (few, None)
