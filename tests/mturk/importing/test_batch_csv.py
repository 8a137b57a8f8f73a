from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from glimpse.errors import GlimpseError
from glimpse.experiment import Experiment
from glimpse.mturk.building.building import Making, build_rows
from glimpse.mturk.design.stimuli import find_images
from glimpse.mturk.importing.batch_csv import image_of, read_hit_file
from glimpse.mturk.page.data import page_data

if TYPE_CHECKING:
    from pathlib import Path

BASE = "http://images.example/~lab/mturk"


def authors_file(path: Path, *, timed: bool = True, prefix: str = "") -> Path:
    """Two HITs of four trials in the authors' columns; their stems differ between conditions."""
    header, rows = [], [[], []]
    for i in range(1, 5):
        header += [f"{prefix}image_A_url_{i}", f"{prefix}image_B_url_{i}"] + (
            [f"{prefix}time_{i}"] if timed else []
        )
    for row in range(2):
        pairs = [
            (f"ours/00{3051 + row}", f"cityscapes/10000{1 + row}", 125),
            (f"cityscapes/10000{1 + row}", f"ours/00{3051 + row}", 250),
            (f"L1/00000{1 + row}", f"cityscapes/10000{1 + row}", 4000),
            (f"ours/00{3051 + row}", f"cityscapes/10000{1 + row}", 125),
        ]
        for a, b, time in pairs:
            rows[row] += [f"{BASE}/{a}.jpg", f"{BASE}/{b}.jpg"] + ([str(time)] if timed else [])
    path.write_text("\n".join(",".join(line) for line in (header, *rows)) + "\n")
    return path


def amt_file(path: Path) -> Path:
    """One HIT of AMT_Real_vs_Fake: two practice trials and two others."""
    sides = ["left", "right", "left", "right"]
    header = [f"{name}{i}" for name in ("gt_side", "images_left", "images_right") for i in range(4)]
    left = [f"{'gt' if side == 'left' else 'my_alg'}/{i}.jpg" for i, side in enumerate(sides)]
    right = [f"{'my_alg' if side == 'left' else 'gt'}/{i}.jpg" for i, side in enumerate(sides)]
    path.write_text(",".join(header) + "\n" + ",".join([*sides, *left, *right]) + "\n")
    return path


def test_how_pairs_were_drawn_is_not_claimed(tmp_path: Path) -> None:
    timed = read_hit_file(authors_file(tmp_path / "a.csv"), real="cityscapes", sentinel="L1").experiment
    assert (timed.pairing, timed.scenes, timed.sides) == (None, None, None)
    amt = read_hit_file(amt_file(tmp_path / "b.csv"), real="gt", practice_trials=2).experiment
    assert (amt.pairing, amt.scenes, amt.sides) == ("same-item", None, None)
    assert Experiment.from_json(timed.to_json()) == timed


def test_sentinels_may_have_exposures_that_no_other_trial_has(tmp_path: Path) -> None:
    rows = ["image_A_url_1,image_B_url_1,time_1,image_A_url_2,image_B_url_2,time_2"]
    rows += [f"h/crn/1.png,h/real/1.png,125,h/L1/1.png,h/real/1.png,{exposure}" for exposure in (700, 900)]
    (tmp_path / "hits.csv").write_text("\n".join(rows))
    for condition in ("crn", "real", "L1"):
        (tmp_path / "images" / condition).mkdir(parents=True)
        Image.new("RGB", (16, 16)).save(tmp_path / "images" / condition / "1.png")
    design = read_hit_file(tmp_path / "hits.csv", real="real", sentinel="L1")
    images, making = find_images(tmp_path / "images"), Making(seed=0, versions={})
    study = build_rows(images, design.experiment, design.trials, tmp_path / "study", making).study
    assert page_data(study, "b1-h02", "x/")["e"] == [125, 700, 900]


@pytest.mark.parametrize("prefix", ["", "Input."])
def test_the_crn_authors_timed_file(tmp_path: Path, prefix: str) -> None:
    design = read_hit_file(authors_file(tmp_path / "a.csv", prefix=prefix), real="cityscapes", sentinel="L1")
    experiment = design.experiment
    assert (experiment.mode, experiment.contrasts) == ("limited-time", (("ours", "cityscapes"),))
    assert experiment.exposures_ms == (125, 250)
    assert (experiment.sentinels_per_hit, experiment.sentinel_exposure_ms) == (1, 4000)
    assert (experiment.hits_per_batch, len(design.trials)) == (2, 8)
    third = design.trials[2]
    assert (third.sentinel, third.correct_side, third.contrast) == (True, "right", "L1:cityscapes")
    assert (third.condition_left, third.item_left, third.item_right) == ("L1", "000001", "100001")
    assert [trial.hit for trial in design.trials[3:5]] == ["b1-h01", "b1-h02"]
    assert design.warnings == ()


def test_the_crn_authors_untimed_file(tmp_path: Path) -> None:
    design = read_hit_file(authors_file(tmp_path / "a.csv", timed=False), real="cityscapes")
    assert (design.experiment.mode, design.experiment.exposures_ms) == ("unlimited-time", (None,))
    assert design.experiment.sentinels_per_hit == 0
    assert "has no sentinels" in design.warnings[0]


def test_amt_real_vs_fake(tmp_path: Path) -> None:
    design = read_hit_file(amt_file(tmp_path / "a.csv"), real="gt", practice_trials=2)
    assert design.experiment.contrasts == (("my_alg", "gt"),)
    assert [trial.practice for trial in design.trials] == [True, True, False, False]
    assert [trial.correct_side for trial in design.trials] == ["left", "right", None, None]
    assert {trial.exposure_ms for trial in design.trials} == {1000}


def test_a_design_becomes_a_study(tmp_path: Path) -> None:
    for name in (
        "ours/003051",
        "ours/003052",
        "cityscapes/100001",
        "cityscapes/100002",
        "L1/000001",
        "L1/000002",
    ):
        path = tmp_path / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 16), (len(name), 9, 9)).save(path)
    images = find_images(tmp_path / "images")
    design = read_hit_file(authors_file(tmp_path / "a.csv"), images, real="cityscapes", sentinel="L1")
    making = Making(seed=0, versions={})
    study = build_rows(images, design.experiment, design.trials, tmp_path / "study", making).study
    assert [hit.trials for hit in study.hits] == [4, 4]
    assert len(study.stimuli) == 6
    (tmp_path / "images" / "L1" / "000002.png").unlink()
    with pytest.raises(GlimpseError, match="The design shows L1/000002"):
        read_hit_file(tmp_path / "a.csv", find_images(tmp_path / "images"), real="cityscapes", sentinel="L1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("image_A_url_1,image_B_url_1\n", "has no rows"),
        ("a,b\n1,2\n", "neither the columns image_A_url_1"),
        ("image_A_url_1,image_B_url_1\nx/a.png,\n", "line 2: column image_B_url_1 is missing or empty"),
        ("image_A_url_1,image_B_url_1\nx/a.png,b.png\n", "'b.png' is not the address of an image"),
        ("image_A_url_1,image_B_url_1,time_1\nx/a.png,y/b.png,soon\n", "time_1: 'soon' is not a number"),
        (
            "image_A_url_1,image_B_url_1\nx/a.png,y/b.png\n",
            "has no condition 'real'; say --real with one of x, y",
        ),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(GlimpseError, match=message):
        read_hit_file(tmp_path / "a.csv", real="real")


def test_addresses() -> None:
    assert image_of("https://h.example/a%20b/c.d/01.tar.jpg?x=1", "") == ("c.d", "01.tar")
