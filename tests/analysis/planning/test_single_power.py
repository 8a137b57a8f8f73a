"""Plans of single images: against simulated studies, in the limits, as a command, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.detection import Study, draw
from glimpse.analysis.planning.single_power import (
    SingleSize,
    SingleSpread,
    expected_width,
    said_of_single,
    single_plan,
)
from glimpse.analysis.statistics.detection import detection_table
from glimpse.errors import GlimpseError
from tests.analysis.analyses import run

SIZE = SingleSize(20, 30, 60)
USUAL = SingleSpread("as usual")


def test_widths_are_those_of_simulated_studies():
    study = Study(20, 60, 1.2, 0.0)
    rng = np.random.default_rng(4)
    rows = pd.concat([detection_table(draw(study, rng)) for _ in range(40)])
    d = study.truth["d_prime"]
    found = expected_width(SIZE, d, USUAL)
    assert found["se"] == pytest.approx(rows["d_prime"].std(), rel=0.25)
    assert found["width"] == pytest.approx((rows["d_high"] - rows["d_low"]).mean(), rel=0.12)
    assert found["width_errors"] == pytest.approx((rows["errors_high"] - rows["errors_low"]).mean(), rel=0.12)
    assert found["width_taken"] == pytest.approx((rows["taken_high"] - rows["taken_low"]).mean(), rel=0.15)


def test_power_is_the_level_without_a_difference_and_rises():
    assert expected_width(SIZE, 1e-9, USUAL)["power"] == pytest.approx(0.05, abs=1e-6)
    powers = [expected_width(SIZE, d, USUAL)["power"] for d in (0.1, 0.3, 0.6, 1.2)]
    assert powers == sorted(powers)
    assert powers[-1] > 0.99


def test_more_of_anything_narrows_and_images_set_a_floor():
    width = expected_width(SIZE, 1.0, USUAL)["width"]
    for more in (replace(SIZE, workers=40), replace(SIZE, images=60, workers=40), replace(SIZE, trials=120)):
        assert expected_width(more, 1.0, USUAL)["width"] < width
    many = [expected_width(replace(SIZE, workers=n), 1.0, USUAL)["se"] for n in (10_000, 100_000)]
    floor = np.sqrt(2 * USUAL.image**2 / USUAL.total**2 / 30)
    assert many == pytest.approx([floor, floor], rel=0.02)


def test_a_plan_has_variants_and_says_what_helps():
    plan = single_plan(SIZE, (0.5, 1.0))
    assert plan["vary"].value_counts().to_dict() == {"workers": 12, "images": 12, "planned": 6}
    said = said_of_single(plan, SIZE)
    assert said[-2].startswith("With 40 workers the interval of d' 0.5 is ")
    assert said[-1].startswith("With 60 images the interval of d' 0.5 is ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"workers": 1}, "workers is 1; allowed are 2 to"),
        ({"images": 1}, "images is 1"),
        ({"conditions": 40}, "show no image of each of 40 conditions"),
    ],
)
def test_sizes_that_cannot_be_planned_are_refused(change, message):
    with pytest.raises(GlimpseError, match=message):
        replace(SIZE, **change)


def test_a_d_that_cannot_be_is_refused():
    with pytest.raises(GlimpseError, match="--d-prime 0: it must be above 0 and at most 5"):
        single_plan(SIZE, (0.0,))


def test_the_command_plans_and_refuses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("power", "--task", "single", "--workers-per-hit", 30, "--images", 50, "--d-prime", 0.5)
    assert done.exit_code == 0, done.output
    assert "d' 0.5: interval" in done.output
    table = pd.read_csv("power/single_power.csv")
    assert table["d_prime"].unique().tolist() == [0.5]
    assert table["workers"].max() == 60
    assert "works only with --task single" in run("power", "--d-prime", 1).output
    refused = run("power", "--task", "single", "--systems", 5)
    assert refused.exit_code == 2
    assert "--systems plans a ranking of pairs" in refused.output
    assert "leave study or --task out" in run("power", "study", "--task", "single").output


def test_plans_of_every_kind_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = ("--images", 20, "--studies", 50)
    small = ("--hits", 1, "--workers-per-hit", 2, "--spread", 0.1, 0.1, "--image-spread", 0.1, "--rate", 0.6)
    kinds = (("--task", "single", "--d-prime", 0.5), ("--systems", 3, *few), (*few, *small))
    for kind in (*kinds, *kinds):
        done = run("power", *kind)
        assert done.exit_code == 0, done.output
    assert {"single_power.csv", "ranking_power.csv", "power.csv"} <= {
        path.name for path in Path("power").iterdir()
    }
