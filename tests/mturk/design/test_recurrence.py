"""What few images cost, counted from the trials of a design, against the planner's simulation of it."""

import numpy as np
import pytest

from glimpse.analysis.planning.cell import simulate_cell
from glimpse.analysis.planning.size import size_of
from glimpse.experiment import preset
from glimpse.mturk.building.recurrence import Recurrence, recurrence
from glimpse.mturk.building.rows import planned_rows
from glimpse.precision import TYPICAL
from glimpse.trials import Trial


def trials(mode: str, images: int) -> list[Trial]:
    return list(planned_rows(preset(mode), [f"{number:04d}" for number in range(images)], 0))


def found(mode: str, images: int) -> Recurrence:
    counted = recurrence(trials(mode, images), preset(mode).workers_per_hit)
    assert counted is not None
    return counted


@pytest.mark.parametrize("mode", ["limited-time", "unlimited-time"])
@pytest.mark.parametrize("images", [8, 24, 200])
def test_the_cost_is_what_power_simulates(mode: str, images: int) -> None:
    experiment = preset(mode).to_json()
    widths = [
        (out.high - out.low).mean()
        for count in (images, 2500)
        for size in [size_of(experiment, images=count)]
        for out in [simulate_cell(size, 0.5, TYPICAL, 200, np.random.default_rng(0))]
    ]
    assert found(mode, images).widening == pytest.approx(widths[0] / widths[1], rel=0.12)


def test_images_that_recur_in_no_cell_cost_nothing() -> None:
    counted = found("limited-time", 500)
    assert (counted.trials, counted.trials_per_image, counted.widening) == (50, 1, 1)
    assert list(counted.warnings()) == []


def test_few_clips_are_warned_of_as_clips() -> None:
    (warning,) = found("limited-time", 24).warnings("clip")
    assert warning.startswith("Each condition shows 24 clips, and one stands in")
    assert "image" not in warning


def test_only_compared_trials_are_counted() -> None:
    rows = trials("limited-time", 24)
    known = [row for row in rows if row.sentinel]
    assert known
    assert recurrence(known, 20) is None
    assert recurrence(rows, 20) == recurrence([row for row in rows if not row.sentinel], 20)


def test_sides_make_no_difference() -> None:
    rows = trials("limited-time", 24)
    turned = [
        row._replace(
            condition_left=row.condition_right, item_left=row.item_right,
            condition_right=row.condition_left, item_right=row.item_left,
        )
        for row in rows
    ]  # fmt: skip
    assert recurrence(rows, 20) == recurrence(turned, 20)


@pytest.mark.parametrize(("widening", "percent"), [(1.0, 0), (1.042, 4), (1.33, 35), (2.61, 160)])
def test_percentages_are_no_more_exact_than_the_estimate(widening: float, percent: int) -> None:
    assert Recurrence(8, 9, 50, 2.0, widening).percent == percent
    assert Recurrence(8, 9, 50, 2.0, widening).images == "8 to 9"
