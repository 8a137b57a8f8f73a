"""Simulated people who see one image at a time: d', criterion and growth come out as they went in."""

from __future__ import annotations

import json
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from glimpse.analysis.reading.detections import DETECTION_COLUMNS, all_detections
from glimpse.analysis.reading.exclusion import exclude
from glimpse.analysis.reading.results import read_results
from glimpse.analysis.simulation.detector import Detector, location, share_seen
from glimpse.main import main

if TYPE_CHECKING:
    from pathlib import Path

Z = NormalDist().inv_cdf
LEVEL = ["--image-sd", "0", "--ability-sd", "0", "--criterion-sd", "0", "--random-share", "0", "--lapse", "0"]


def run(*words: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("single") / "images"
    for shade, condition in enumerate(("real", "crn", "gan", "image-space")):
        (folder / condition).mkdir(parents=True)
        for item in range(30):
            image = Image.new("RGB", (24, 16), (60 * shade, item * 8, 99))
            image.save(folder / condition / f"{item:02d}.png")
    return folder


def built(images: Path, out: Path, *options: Any) -> Path:
    found = run(
        "build-hits", "--task", "single", "--images", images, "--out", out, "--contact", "a@b.org",
        "--hits-per-batch", 3, *options,
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    return out


def judged(study: Path, out: Path, *options: Any) -> Any:
    found = run("simulate", study, "--out", out, *options)
    assert found.exit_code == 0, found.output
    results = read_results(out)
    return all_detections(exclude(results).judgments, results.real or "")


def rate(table: Any, **of: Any) -> float:
    for name, value in of.items():
        table = table[table[name] == value]
    return float(table["said_generated"].mean())


@pytest.mark.parametrize("spread", [LEVEL, ["--image-sd", "0.6", "--ability-sd", "0.4", *LEVEL[6:]]])
def test_d_prime_and_criterion_come_out(images: Path, tmp_path: Path, spread: list[str]) -> None:
    study = built(images, tmp_path / "s", "--mode", "unlimited-time", "--workers-per-hit", 120)
    table = judged(
        study, tmp_path / "r", "--d-prime", "crn=1.2", "--d-prime", "gan=2", "--criterion", 0.5, *spread
    )
    shown = table[~table["sentinel"]]
    alarms = Z(rate(shown, condition="real"))
    near = 0.05 if spread is LEVEL else 0.35  # three sets of 30 images: their own luck stays
    assert alarms == pytest.approx(-0.5, abs=near)
    assert Z(rate(shown, condition="crn")) - alarms == pytest.approx(1.2, abs=near + 0.05)
    assert Z(rate(shown, condition="gan")) - alarms == pytest.approx(2, abs=near + 0.1)
    assert rate(table[table["sentinel"]]) > 0.98


@pytest.mark.parametrize("option", ["--pair-sd", "--side-bias-sd", "--tie-threshold"])
def test_options_of_pairs_are_refused(images: Path, tmp_path: Path, option: str) -> None:
    words = ["simulate", built(images, tmp_path / "s"), "--out", tmp_path / "r", option, 0.3]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 2
    assert f"{option} is for studies of pairs; this one shows one image at a time." in done.output


def test_d_prime_grows_with_the_exposure(images: Path, tmp_path: Path) -> None:
    study = built(
        images, tmp_path / "s", "--exposure-ms", 120, "--exposure-ms", 2000, "--workers-per-hit", 100,
        "--condition", "crn",
    )  # fmt: skip
    table = judged(study, tmp_path / "r", "--d-prime", "crn=2", "--half-ms", 120, "--criterion", 0.4, *LEVEL)
    for exposure in (120, 2000):
        expected = 2 * share_seen(exposure, 120, 1.3)
        found = Z(rate(table, condition="crn", exposure_ms=exposure)) - Z(rate(table, condition="real"))
        assert found == pytest.approx(float(expected), abs=0.12)


def test_ratings_cut_the_same_evidence(images: Path, tmp_path: Path) -> None:
    study = built(images, tmp_path / "s", "--mode", "unlimited-time", "--answer", "confidence-6",
                  "--workers-per-hit", 60)  # fmt: skip
    table = judged(study, tmp_path / "r", "--criterion", 0.5, *LEVEL)
    real = table[(table["condition"] == "real")]["rating"]
    assert set(real.unique()) == {-3, -2, -1, 1, 2, 3}
    for step, bound in ((-3, -1.6), (-2, -0.8), (-1, 0.0), (1, 0.8), (2, 1.6)):
        expected = NormalDist().cdf(0.5 + bound)
        assert (real <= step).mean() == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("z", [-1.5, -0.2, 0.3, 2.0])
def test_people_as_a_whole_have_the_rate_that_was_asked_for(z: float) -> None:
    observer = Detector(ability_sd=0.3, image_sd=0.5, criterion_sd=0.4, criterion=0.7)
    m, k = location(np.array([z]), observer)
    rng = np.random.default_rng(0)
    ability = 1 + 0.3 * rng.normal(size=400_000)
    evidence = ability * m[0] - k + 0.5 * rng.normal(size=400_000) + 0.4 * rng.normal(size=400_000)
    share = (evidence + rng.normal(size=400_000) > 0).mean()
    assert Z(float(share)) == pytest.approx(z, abs=0.02)


def test_a_table_of_judgments_has_the_columns_that_are_promised(images: Path, tmp_path: Path) -> None:
    study = built(images, tmp_path / "s", "--mode", "unlimited-time", "--workers-per-hit", 2)
    table = judged(study, tmp_path / "r")
    assert tuple(table.columns) == DETECTION_COLUMNS
    assert (table["correct"] == (table["generated"] == table["said_generated"])).all()
    assert table["exposure_ms"].isna().all()
    record = json.loads((tmp_path / "r" / "simulation.json").read_text())
    assert record["observer"]["d_prime"]["real"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--d-prime", "nobody=1"], "--d-prime names nobody"),
        (["--d-prime", "crn=99"], "it must be a number from -20 to 20"),
        (["--criterion", "9"], "--criterion is 9; it must be a number from -5 to 5"),
        (["--half-ms", "0"], "--half-ms is 0; it must be above 0"),
    ],
)
def test_settings_that_cannot_be_are_named(
    images: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    study = built(images, tmp_path / "s", "--mode", "unlimited-time", "--workers-per-hit", 2)
    found = run("simulate", study, "--out", tmp_path / "r", *options)
    assert found.exit_code == 1
    assert message in found.output
    assert not (tmp_path / "r").exists()


def test_the_report_says_how_often_images_were_called_generated(images: Path, tmp_path: Path) -> None:
    study = built(images, tmp_path / "s", "--workers-per-hit", 3)
    judged(study, tmp_path / "r")
    found = run("analyze", tmp_path / "r", "--out", tmp_path / "report")
    assert found.exit_code == 0, found.output
    assert "crn was taken for real in" in " ".join(found.output.split())
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert summary["task"] == "single"
    assert {row["condition"] for row in summary["detection_rates"]} == {"crn", "gan", "real"}
    head = (tmp_path / "report" / "judgments.csv").read_text().splitlines()[0]
    assert head == ",".join(DETECTION_COLUMNS)
