"""Plans of one image at a time: what is balanced, what never comes twice, and what cannot be."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glimpse.errors import GlimpseError
from glimpse.experiment import Batch, Experiment
from glimpse.mturk.design.singles import single_preset
from glimpse.questions import SINGLE_QUESTION
from glimpse.single import block_sizes, real_of, real_per_exposure
from glimpse.single_plan import SinglePlan, images_needed, plan_single

SHOWN = ("crn", "gan", "real")
ITEMS = {name: [f"{number:03d}" for number in range(120)] for name in SHOWN}


def study(**numbers: Any) -> Experiment:
    usual = single_preset("limited-time", "glimpse", SINGLE_QUESTION)
    batch = Batch("b1", (), "image-space", SHOWN)
    return replace(usual, **{"shown": SHOWN, "batches": (batch,), "hits_per_batch": 4, **numbers})


def planned(experiment: Experiment, items: dict[str, list[str]] = ITEMS, seed: int = 0) -> SinglePlan:
    return plan_single(experiment, experiment.batches[0], items, np.random.default_rng(seed))


def trials(hit: Any) -> list[Any]:
    return [one for block in hit for one in block if one]


@settings(max_examples=30)
@given(
    exposures=st.integers(1, 4), trials_per_hit=st.integers(12, 60), blocks=st.integers(1, 3),
    share=st.floats(0.1, 0.9), seed=st.integers(0, 9),
)  # fmt: skip
def test_every_cell_is_shown_equally_often(
    exposures: int, trials_per_hit: int, blocks: int, share: float, seed: int
) -> None:
    shown = tuple(range(100, 100 + exposures))
    found = study(exposures_ms=shown, hit_trials=trials_per_hit + 5, blocks=blocks, real_share=share)
    plan = planned(found, seed=seed)
    cells = Counter((one.condition, one.exposure) for hit in plan.hits for one in trials(hit))
    for names in ([0, 1], [2]):
        counts = [cells[name, exposure] for name in names for exposure in range(exposures)]
        assert max(counts) - min(counts) <= 1
    for hit in plan.hits:
        own = trials(hit)
        assert sum(one.condition == 2 for one in own) == real_of(trials_per_hit, share)
        assert len({(one.condition, one.item) for one in own}) == len(own)
        reals = [sum(one.condition == 2 for one in block if one) for block in hit]
        assert max(reals) - min(reals) <= 1
        sizes = sorted((sum(one is not None for one in block) for block in hit), reverse=True)
        assert sizes == block_sizes(trials_per_hit, blocks)
        assert sum(one is None for block in hit for one in block) == 5


def test_images_are_shown_equally_often_and_no_scene_twice_while_there_are_enough() -> None:
    plan = planned(study(hit_trials=105, hits_per_batch=6, exposures_ms=(100, 200)))
    used = Counter((one.condition, one.item) for hit in plan.hits for one in trials(hit))
    for condition in range(3):
        counts = [used[condition, item] for item in range(120)]
        assert max(counts) - min(counts) <= 2
    for hit in plan.hits:
        assert len({one.item for one in trials(hit)}) == 100


def test_images_meet_exposures_equally_often() -> None:
    plan = planned(study(hit_trials=65, hits_per_batch=8, exposures_ms=(100, 200, 400)),
                   {name: items[:30] for name, items in ITEMS.items()})  # fmt: skip
    met = Counter((one.condition, one.item, one.exposure) for hit in plan.hits for one in trials(hit))
    assert max(met.values()) <= 1 + min(met[2, item, at] for item in range(30) for at in range(3))


def test_a_hit_has_every_cell_where_trials_of_a_cell_are_stated() -> None:
    found = study(hit_trials=None, trials_per_cell=3, exposures_ms=(100, 200), real_share=0.25)
    assert found.genuine_per_hit(found.batches[0]) == 2 * (2 * 3 + real_per_exposure(6, 0.25))
    for hit in planned(found).hits:
        assert set(Counter((one.condition, one.exposure) for one in trials(hit)).values()) == {3, 2}


def test_sentinels_stand_in_short_runs_and_never_last() -> None:
    found = study(sentinels_per_hit=20, hit_trials=60, max_sentinels_in_a_row=1)
    for hit in planned(found).hits:
        for block in hit:
            kinds = [one is None for one in block]
            assert not kinds[-1]
            assert not any(a and b for a, b in itertools.pairwise(kinds))


def test_too_few_images_are_named_with_what_to_do() -> None:
    few = {**ITEMS, "real": ITEMS["real"][:20]}
    assert images_needed(study(), study().batches[0])["real"] == 50
    message = "Condition real has 20 images, and a HIT shows 50 of it, none twice to anybody"
    with pytest.raises(GlimpseError, match=message):
        planned(study(), few)


def test_the_same_seed_plans_the_same() -> None:
    assert planned(study(), seed=3) == planned(study(), seed=3) != planned(study(), seed=4)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"real_share": 0.0}, r"--real-share is 0; it must be above 0 and below 1"),
        ({"real_share": 1.5}, r"--real-share is 1.5; it must be above 0 and below 1"),
        ({"blocks": 0}, "--blocks is 0; it must be a whole number of at least 1"),
        ({"blocks": 60}, "--blocks is 60, and a HIT has 100 images beside sentinels"),
        ({"sentinels": "mismatch"}, "--sentinel-mismatch shows two images under a prompt"),
        ({"allocation": "staircase"}, "'staircase' where a staircase is stated, and only there"),
        ({"real": None}, "needs real images"),
        ({"shown": ("crn", "crn", "real")}, "batches must hold each of the conditions"),
    ],
)
def test_what_no_study_can_be_is_said_in_one_message(numbers: dict[str, Any], message: str) -> None:
    with pytest.raises(GlimpseError, match=message):
        study(**numbers)


def test_an_experiment_survives_its_json() -> None:
    found = study(blocks=2, real_share=0.4)
    assert Experiment.from_json(found.to_json()) == found
    assert {"task", "shown", "real_share", "blocks"} <= set(found.to_json())
