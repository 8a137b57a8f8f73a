"""Options of `train` that cannot work: each ends in one clear message, before anything is written."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from glimpse.crn.data.labels import bundled_label_set, colour_label_map
from glimpse.crn.network.checkpoints import load_weights
from glimpse.crn.training.record import read_state, write_state
from glimpse.main import main

TINY = ("--scenes", "2", "--stage", "16x32:1", "--widths", "4,4,4", "--features", "random")
FEATURES = ("--arch", "features", "--scenes", "2")
HUGE = "9" * 30


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["train", *arguments])

    return call


def refused(result: Result, option: str) -> None:
    words = " ".join(result.output.split())
    assert result.exit_code in (1, 2), words
    assert words.count("Error: ") == 1
    assert option in words
    assert "defect" not in words
    assert not Path("training").exists()


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--scenes", ("0", "-1", HUGE, "nan")),
        ("--samples", ("0", "-1", HUGE, "nan")),
        ("--widths", ("0,4,4", "4,-1,4", f"4,4,{HUGE}", "nan")),
        ("--stage", ("0x32:1", "16x32:0", "16x32:-1", f"{HUGE}x32:1", "16x32:nan", "16x32:1.2.3")),
        ("--emphasis", ("1,1,1,1,1,-1", "nan,1,1,1,1,1", "inf,1,1,1,1,1", "1,1")),
        ("--learning-rate", ("0", "-1", "1e400", "nan")),
        ("--final-learning-rate", ("0", "-1", "1e400", "nan")),
        ("--batch", ("0", "-1", HUGE, "nan")),
        ("--cache-mb", ("-5", HUGE, "nan")),
        ("--seed", ("-1", HUGE, "nan")),
        ("--minutes", ("-1", "1e400", "nan")),
        ("--save-minutes", ("-1", "1e400", "nan")),
        ("--sample-steps", ("0", "-1", "nan")),
        ("--threads", ("-1", HUGE, "nan")),
        ("--device", ("cuda:99", "meta", "quatsch")),
        ("--steps", ("5",)),
    ],
)
def test_numbers_and_devices_that_cannot_work_are_refused(run, option, values) -> None:
    for value in values:
        refused(run(*TINY, option, value), "emphasis" if value == "1,1" else option.strip("-"))


@pytest.mark.parametrize(
    "more",
    [("--steps", "0"), ("--steps", "-1"), ("--seed", "-1"), ("--device", "cuda:99"), ("--resume",),
     ("--minutes", "1"), ("--batch", "2")],
)  # fmt: skip
def test_the_feature_network_takes_what_it_knows_and_says_so_of_the_rest(run, more) -> None:
    refused(run(*FEATURES, *more), more[0].strip("-"))


def test_short_memory_is_told(run, monkeypatch) -> None:
    own_folders(Path("own"), highest=10, coloured=True)

    def short(*_args, **_kwargs):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("glimpse.crn.training.learner.cascade", short)
    result = run(*OWN)
    assert result.exit_code == 1
    assert "there is not enough memory. Lower --batch" in result.output


def own_folders(root: Path, highest: int, *, coloured: bool = False) -> None:
    labels = bundled_label_set("camvid")
    for name in ("labels", "photos"):
        (root / name).mkdir(parents=True)
    for index in range(2):
        classes = (np.arange(32 * 64).reshape(32, 64) % (highest + 1)).astype(np.uint8)
        written = colour_label_map(classes, labels) if coloured else classes
        Image.fromarray(written).save(root / "labels" / f"{index}.png")
        Image.fromarray(np.full((32, 64, 3), 90, np.uint8)).save(root / "photos" / f"{index}.png")


OWN = ("--data", "pairs:own", "--stage", "16x32:1", "--widths", "4,4,4", "--features", "random")


def test_ids_of_folders_of_your_own_are_not_taken_for_cityscapes(run) -> None:
    own_folders(Path("own"), highest=11)
    result = run(*OWN)
    refused(result, "say which label set they are in with --label-set")
    assert "fit cityscapes and camvid" in " ".join(result.output.split())


def test_colours_that_fit_one_label_set_only_are_read_by_it_and_said(run) -> None:
    own_folders(Path("own"), highest=10, coloured=True)
    result = run(*OWN, "--seed", str(2**63 - 2))  # the largest, at that
    assert result.exit_code == 0, result.output
    assert "Label maps are read as camvid, the only bundled label set" in result.stdout
    assert load_weights("training/pairs-crn/pairs-crn.safetensors").config.label_set == "camvid"


def test_a_run_of_pairs_of_an_earlier_version_resumes_with_the_label_set_that_it_had(run) -> None:
    own_folders(Path("own"), highest=11)
    first = run(*OWN, "--label-set", "cityscapes", "--minutes", "0.00001")
    assert first.exit_code == 0, first.output
    path = Path("training/pairs-crn/latest.pt")
    state = read_state(path)
    state["about"]["request"]["source"]["label_set"] = ""  # as version 1 stored it
    write_state(path, state)
    second = run("--resume", "--name", "pairs-crn")
    assert second.exit_code == 0, second.output


def test_of_several_processes_only_the_first_tells_the_end(run, monkeypatch) -> None:
    own_folders(Path("own"), highest=10, coloured=True)
    monkeypatch.setenv("RANK", "1")
    result = run(*OWN, "--label-set", "camvid")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_preparation_ends_the_command_at_once(run, monkeypatch, number) -> None:
    prepared = []

    def interrupted(*_args, **_kwargs):
        os.kill(os.getpid(), number)
        prepared.append(True)

    monkeypatch.setattr("glimpse.crn.training.sources.ScenePairs._read", interrupted)
    before = signal.getsignal(number)
    result = run(*TINY)
    assert result.exit_code == 1
    assert f"{number.name} before the first update was done: nothing was trained." in result.output
    assert not prepared
    assert signal.getsignal(number) is before


def test_the_feature_network_is_trained_on_the_device_that_is_named(run, monkeypatch) -> None:
    used = []
    place = torch.nn.Module.to

    def noted(self, *args, **more):
        used.extend(args)
        return place(self, *args, **more)

    monkeypatch.setattr(torch.nn.Module, "to", noted)
    own_folders(Path("own"), highest=10, coloured=True)
    pairs = ("--data", "pairs:own", "--label-set", "camvid")
    result = run("--arch", "features", *pairs, "--steps", "2", "--device", "cpu:0", "--threads", "1")
    assert result.exit_code == 0, result.output
    assert "cpu:0" in used


def test_images_too_small_for_the_discriminator_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typed = ["train", "--scenes", "3", "--arch", "pix2pix", "--widths", "4,4,4"]
    small = CliRunner().invoke(main, [*typed, "--stage", "16x32:1"])
    assert small.exit_code == 1
    assert "--stage is 16x32; pix2pix's discriminator needs 24 pixels a side." in small.output
    assert not (tmp_path / "training").exists()
    least = CliRunner().invoke(main, [*typed, "--stage", "24x32:1"])
    assert least.exit_code == 0, least.output
