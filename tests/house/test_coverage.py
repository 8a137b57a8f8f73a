"""The simulation of coverage: its answers are what they should be, and it runs from end to end."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import coverage
from benchmarks._drawing import (
    EXPOSURES_MS,
    LIMITED,
    PARTIAL,
    UNEQUAL,
    UNLIMITED,
    Setting,
    draw_cells,
    draw_study,
    mean_rate,
)
from glimpse.analysis.report.findings import _few
from glimpse.analysis.statistics.grouping import analysed
from glimpse.analysis.statistics.preference import preference_table

SMALL = replace(LIMITED, hits=4, workers_per_hit=5, cells=3)


@pytest.mark.parametrize("rate", [0.5, 0.75, 0.95])
@pytest.mark.parametrize("setting", [LIMITED, UNLIMITED, UNEQUAL, PARTIAL], ids=lambda one: one.name)
def test_the_drawn_rate_is_the_true_one(setting: Setting, rate: float) -> None:
    few = replace(setting, trials_per_cell=min(setting.trials_per_cell, 10), images=200)
    drawn = draw_cells(few, rate, 150, np.random.default_rng(1)).table()
    rates = drawn.groupby("contrast", observed=True)["chose_a"].mean()
    assert rates.mean() == pytest.approx(rate, abs=4 * rates.std() / np.sqrt(len(rates)))
    assert mean_rate(0.0, few.spread) == pytest.approx(0.5)


def test_few_images_make_rates_vary_more() -> None:
    def variance(images: int, image: float) -> float:
        setting = replace(LIMITED, images=images, image=image, pair=0.0)
        drawn = draw_cells(setting, 0.5, 300, np.random.default_rng(2)).table()
        return float(drawn.groupby("contrast", observed=True)["chose_a"].mean().var())

    assert variance(8, 0.6) > 2.5 * variance(200, 0.6)
    assert variance(8, 0.0) == pytest.approx(variance(200, 0.0), rel=0.3)


def test_rows_are_those_of_the_design() -> None:
    drawn = draw_cells(SMALL, 0.5, 3, np.random.default_rng(0)).table()
    assert len(drawn) == 3 * 4 * 5 * 5
    of_worker = drawn.groupby("worker").agg({"assignment": "nunique", "contrast": "nunique", "trial": "size"})
    assert of_worker.to_numpy().tolist() == [[1, 1, 5]] * 60
    same_pair = drawn.groupby("pair")[["item_a", "item_b", "contrast"]].nunique()
    assert (same_pair == 1).all(axis=None)
    chose_left = drawn["chosen_side"] == "left"
    assert (drawn["chose_a"] == (chose_left == (drawn["side_of_a"] == "left"))).all()
    alike = draw_cells(replace(SMALL, same_item=True), 0.5, 2, np.random.default_rng(0)).table()
    assert (alike["item_a"] == alike["item_b"]).all()


def test_one_worker_does_half_and_a_third_is_in() -> None:
    unequal = draw_cells(UNEQUAL, 0.5, 1, np.random.default_rng(0)).table()
    shares = unequal["worker"].value_counts(normalize=True)
    assert len(shares) == 10
    assert shares.max() == 0.5
    third = draw_cells(PARTIAL, 0.5, 2, np.random.default_rng(0)).table()
    assert third.groupby("contrast", observed=True)["assignment"].nunique().tolist() == [67, 67]


def test_an_image_looks_alike_in_every_contrast() -> None:
    setting = replace(LIMITED, images=6, worker=0.0, pair=0.0, image=20.0)
    contrasts = ("crn:real", "pix2pix:real", "crn:pix2pix")
    drawn = draw_study(
        setting, {name: np.full(7, 0.5) for name in contrasts}, np.random.default_rng(3)
    ).table()
    wins = drawn.groupby(["contrast", "item_a", "item_b"], observed=True)["chose_a"].mean().to_dict()
    # Where crn 0 hardly ever loses to real 1, and real 1 hardly ever to pix2pix 2, crn 0 beats pix2pix 2.
    chains = [
        wins["crn:pix2pix", a, c]
        for a, b, c in np.ndindex(6, 6, 6)
        if wins.get(("crn:real", a, b), 0) > 0.99
        and wins.get(("pix2pix:real", c, b), 1) < 0.01
        and ("crn:pix2pix", a, c) in wins
    ]
    assert len(chains) > 3
    assert min(chains) > 0.95


def test_bradley_terry_and_the_curves_hold_in_the_true_study() -> None:
    truth = coverage.whole_truth()
    for at in EXPOSURES_MS:
        strength = {name: value for (when, name), value in truth.strengths.items() if when == at}
        assert sum(strength.values()) == pytest.approx(0, abs=1e-12)
        for contrast in ("crn:real", "pix2pix:real", "crn:pix2pix"):
            a, b = contrast.split(":")
            assert truth.rates[contrast, at] == pytest.approx(1 / (1 + np.exp(strength[b] - strength[a])))
    curve = truth.curves["crn:real"]
    assert curve["plateau"] == 0.84
    assert curve["threshold_ms"] > curve["midpoint_ms"]


def test_claims_tell_intervals_that_hold_from_those_that_do_not() -> None:
    drawn = draw_cells(LIMITED, 0.75, 20, np.random.default_rng(0))
    for rate, share in ((0.75, (0.6, 1.0)), (0.2, (0.0, 0.0))):
        truth = coverage.Truth({(f"a{k}:b{k}", 0.0): rate for k in range(20)}, {}, {})
        held = np.mean(coverage.rate_claims(analysed(drawn.gathered()), truth)["rate"])
        assert share[0] <= held <= share[1]
    found = {"x": [[2.0, 4], [1.0, 4]], "y": [[3.0, 3], [3.0, 3]], "z": [[1.0, 2], [0.0, 0]]}
    assert coverage.shown(found) == {"x": "50.0 -> 25.0", "y": "100.0", "z": "50.0 -> -"}
    assert coverage.added({"x": [[1.0, 2], [0.0, 1]]}, {"x": [[1.0, 1], [1.0, 1]], "y": found["y"]}) == {
        "x": [[2.0, 3], [1.0, 2]], "y": found["y"]
    }  # fmt: skip


def test_it_runs_and_keeps_the_words_of_the_page(tmp_path, monkeypatch) -> None:
    page = tmp_path / "coverage.md"
    page.write_text(f"# Words\n\n{coverage.MARK}\n\nold figures\n")
    words = ["coverage.py", "--replications", "2", "--studies", "1", "--jobs", "1", "--out", str(page)]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(coverage, "LIMITED", SMALL_STUDY)
    monkeypatch.setattr(coverage, "UNLIMITED", replace(UNLIMITED, trials_per_cell=10))
    monkeypatch.setattr(coverage, "IMAGES", (8,))
    coverage.main()
    text = page.read_text()
    assert text.startswith(f"# Words\n\n{coverage.MARK}\n\nSeed 0; ")
    assert text.count("\n2 cells a row.\n") == 1
    assert text.count("\n1 study a row.\n") == 2
    assert "old figures" not in text
    assert text.count("\n| limited-time, 8 images |") == 3 + 1 + 1
    assert text.count("\n| 3 workers x 20 trials, 50 images |") == 3 + 1 + 1
    for name in ("rate", "naive", "plateau", "threshold", "strength", "transitive ?", "equal strengths ?"):
        assert f"| {name} |" in text


SMALL_STUDY = replace(LIMITED, hits=4, workers_per_hit=6)


DIFFERENCES = {f"difference of {name}" for name in ("rates", "plateaus", "thresholds")}
NEEDED = {"rate", "plateau", "midpoint", "threshold", "strength"} | DIFFERENCES


def measured_rows() -> Iterator[tuple[str, str, float, int]]:
    """(study, statistic, percentage that holds now, cells or studies) of the tables of docs/coverage.md."""
    page = Path(coverage.__file__).parents[1] / "docs" / "coverage.md"
    names: list[str] = []
    for line in page.read_text(encoding="utf-8").partition(coverage.MARK)[2].splitlines():
        if found := re.match(r"([\d,]+)(?: to [\d,]+)? (?:cells|studies) a row", line):
            count = int(found[1].replace(",", ""))
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == "study":
            names = cells
        elif line.startswith("| "):
            for name, text in zip(names, cells, strict=True):
                if name in NEEDED and (now := text.split(" -> ")[-1]) != "-":
                    yield cells[0], name, float(now), count


def test_where_intervals_do_not_hold_as_often_as_they_claim_the_report_warns() -> None:
    """Between 93 and 97 % but for Monte Carlo error: two of those of single cells or studies."""
    settings = {coverage.about(row.setting): row.setting for row in coverage.rate_rows(0)}
    off = {
        study
        for study, _, holds, count in measured_rows()
        if not 93 - 200 * np.sqrt(0.0475 / count) <= holds <= 97 + 200 * np.sqrt(0.0475 / count)
    }
    assert off, "studies of three workers hold too often"
    for study in off:
        drawn = draw_cells(settings[study], 0.75, 3, np.random.default_rng(0))
        rates = preference_table(drawn.gathered()).to_dict("records")
        assert _few({"preference": rates, "rankings": []}), study


def test_answers_without_tables_are_those_of_the_tables() -> None:
    for setting in (replace(UNEQUAL, images=20), replace(PARTIAL, hits=3, images=8)):
        drawn = draw_cells(setting, 0.75, 3, np.random.default_rng(0))
        direct, usual = preference_table(drawn.gathered()), preference_table(drawn.table())
        pd.testing.assert_frame_equal(direct, usual)
    rates = {name: np.array([0.3]) for name in ("crn:real", "crn:pix2pix")}
    unlimited = draw_study(replace(UNLIMITED, trials_per_cell=10), rates, np.random.default_rng(0))
    table = unlimited.table()
    pd.testing.assert_frame_equal(preference_table(unlimited.gathered()), preference_table(table))
    assert table.groupby("contrast", observed=True)["worker"].nunique().tolist() == [50, 50]
    assert table["worker"].nunique() == 100  # each contrast has its own


def test_an_interrupted_run_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "PART", dict.fromkeys(coverage.PART, 2))
    for number, found in ((2, tmp_path / "one.json"), (4, tmp_path / "one.json"), (4, tmp_path / "two.json")):
        so_far = coverage.SoFar(0, found)
        so_far.tables = {"rates": [coverage.Row(coverage.FEW, (0, 0, 0), rate=0.75)]}
        coverage.measure(so_far, {"rates": number}, 1, tmp_path / "page.md")
    assert (tmp_path / "one.json").read_text() == (tmp_path / "two.json").read_text()
    assert "\n4 cells a row.\n" in (tmp_path / "page.md").read_text()
