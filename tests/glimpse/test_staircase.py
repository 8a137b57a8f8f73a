"""The rule of the staircase: by hand, within its limits, and where it comes to rest."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse.errors import GlimpseError
from glimpse.staircase import StaircaseSettings, exposures, modal_exposure, next_exposure, threshold_ms

USUAL = StaircaseSettings()


def test_a_series_by_hand() -> None:
    right = [True, True, True, True, True, False, True, True, True]
    assert exposures(USUAL, right) == [500, 500, 500, 470, 470, 470, 480, 480, 480, 450]


@given(st.lists(st.booleans(), max_size=60))
def test_exposures_stay_within_limits_and_follow_one_by_one(right: list[bool]) -> None:
    settings = StaircaseSettings(start_ms=120, least_ms=100, most_ms=150)
    found = exposures(settings, right)
    assert all(100 <= one <= 150 for one in found)
    assert found == [next_exposure(settings, right[:place]) for place in range(len(right) + 1)]


@pytest.mark.parametrize(("rights", "longer_ms", "shorter_ms"), [(3, 10, 30), (1, 30, 10), (3, 10, 10)])
def test_it_comes_to_rest_where_as_many_answers_are_right_as_the_target_says(
    rights: int, longer_ms: int, shorter_ms: int
) -> None:
    """With a psychometric function whose share of right answers is the exposure / 1000."""
    settings = StaircaseSettings(500, 1, 1000, longer_ms, shorter_ms, rights)
    rng = np.random.default_rng(0)
    shown = []
    for _ in range(30):
        right: list[bool] = []
        for _ in range(200):
            right.append(bool(rng.random() < next_exposure(settings, right) / 1000))
        shown += exposures(settings, right)[100:]
    assert fmean(shown) / 1000 == pytest.approx(settings.target, abs=0.04)


def test_a_threshold_is_the_mean_of_modes() -> None:
    assert modal_exposure([500, 470, 470, 440, 440]) == 455
    assert threshold_ms({1: [500, 470, 470], 2: [300, 310, 310]}) == 390


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"start_ms": 2000}, r"start_ms is 2000; it must be from least_ms \(100\) to most_ms \(1000\)"),
        ({"rights": 0}, "rights is 0; it must be a whole number from 1"),
        ({"longer_ms": 1.5}, "longer_ms is 1.5; it must be a whole number"),
    ],
)
def test_settings_that_cannot_be_are_named(numbers: dict[str, int], message: str) -> None:
    with pytest.raises(GlimpseError, match=message):
        StaircaseSettings(**numbers)


def test_settings_survive_their_json() -> None:
    assert StaircaseSettings.from_json(USUAL.to_json()) == USUAL
    with pytest.raises(GlimpseError, match="it may have start_ms"):
        StaircaseSettings.from_json({"step": 3})
