"""The `train` command: what a person types, sees and gets wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from glimpse.crn.losses.features import small_features
from glimpse.crn.network.checkpoints import load_weights
from glimpse.crn.network.pix2pix import Generator
from glimpse.main import main

CAMVID = Path(__file__).parents[4] / "shared" / "data" / "camvid"
TINY = (
    "--scenes",
    "3",
    "--stage",
    "16x32:1",
    "--stage",
    "32x64:1",
    "--widths",
    "4,4,4,4",
    "--features",
    "random",
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["train", *arguments])

    return call


def test_training_writes_weights_that_can_be_used_and_says_what_is_next(run) -> None:
    result = run(*TINY)
    assert result.exit_code == 0, result.output
    assert "6 updates in" in result.stdout
    wrote = re.search(r"Wrote training/scenes-crn/: (.*)\.\n", result.stdout)[1].split(", ")
    assert set(wrote) >= {"scenes-crn.safetensors", "latest.pt", "log.csv", "losses.png"}
    assert all(Path("training/scenes-crn", name).exists() for name in wrote)
    assert (
        "Next: python cli.py synthesize --weights training/scenes-crn/scenes-crn.safetensors" in result.stdout
    )
    weights = load_weights("training/scenes-crn/scenes-crn.safetensors")
    assert (weights.config.height, weights.config.features) == (32, (4, 4, 4, 4))
    assert weights.settings.notes["features"]["name"] == "random"
    assert weights.settings.notes["steps"] == 6
    assert "cli.py" in weights.settings.notes["trained_by"]


def test_training_goes_on_in_a_wider_network(run) -> None:
    assert run(*TINY).exit_code == 0
    start = ("--scenes", "3", "--features", "random", "--stage", "32x64:2", "--name", "wide")
    start = (*start, "--weights", "training/scenes-crn/scenes-crn.safetensors")
    wide = run(*start, "--widths", "8,4,12,4", "--minutes", "1e-9")
    assert wide.exit_code == 0, wide.output
    resumed = run("--name", "wide", "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert load_weights("training/wide/wide.safetensors").config.features == (8, 4, 12, 4)
    other = run(*start, "--name", "other", "--widths", "6,4,4,4")
    assert other.exit_code == 1
    assert "--widths is 6,4,4,4; the weights have 4,4,4,4" in other.output


def test_a_run_goes_on_without_the_weights_that_it_started_from(run) -> None:
    """In its third stage, when the network is taller than those could be."""
    assert run(*TINY[:4], *TINY[6:], "--widths", "4,4,4").exit_code == 0
    weights = Path("training/scenes-crn/scenes-crn.safetensors")
    stages = ("--stage", "16x32:1", "--stage", "32x64:1", "--stage", "64x128:1")
    start = ("--scenes", "3", "--features", "random", *stages, "--name", "tall", "--weights", str(weights))
    assert run(*start, "--widths", "8,4,4,4,4").exit_code == 0
    weights.unlink()
    resumed = run("--name", "tall", "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert load_weights("training/tall/tall.safetensors").config.features == (8, 4, 4, 4, 4)


@pytest.mark.parametrize("widths", ["4,4", "4,4,4,4,4"])
def test_as_many_widths_as_modules(run, widths: str) -> None:
    result = run(*TINY, "--widths", widths)
    assert result.exit_code == 1
    assert f"--widths is {widths}; with these stages the network has 3 to 4 modules" in result.output


def test_a_run_lives_in_out(run) -> None:
    result = run(*TINY, "--name", "../elsewhere")
    assert result.exit_code == 2
    assert "'../elsewhere' cannot name a folder" in result.output
    assert not Path("../elsewhere").exists()


def test_a_stopped_run_resumes_by_its_name_alone(run) -> None:
    first = run(*TINY, "--minutes", "0.00001")
    assert first.exit_code == 0, first.output
    assert "1 updates" in first.stdout
    assert "Next: python cli.py train --resume --name scenes-crn --out training" in first.stdout
    second = run("--resume")
    assert second.exit_code == 0, second.output
    assert "6 updates" in second.stdout
    third = run("--resume", "--batch", "2")
    assert third.exit_code == 2
    assert "leave out --batch" in third.output
    fourth = run(*TINY)
    assert fourth.exit_code == 1
    assert "exists already. Go on with --resume" in fourth.output


def test_the_other_methods_train_by_the_same_command(run) -> None:
    gan = run("--arch", "pix2pix", "--scenes", "2", "--stage", "32x64:1", "--widths", "4,8,8,8")
    assert gan.exit_code == 0, gan.output
    assert isinstance(load_weights("training/scenes-pix2pix/scenes-pix2pix.safetensors").model, Generator)
    image = run(*TINY[:-2], "--loss", "image")
    assert image.exit_code == 0, image.output
    assert (
        load_weights("training/scenes-image-space/scenes-image-space.safetensors").settings.notes["features"]
        is None
    )
    diverse = run(*TINY, "--loss", "diverse", "--samples", "3", "--half")
    assert diverse.exit_code == 0, diverse.output
    assert load_weights("training/scenes-diverse/scenes-diverse.safetensors").config.outputs == 3


def test_a_feature_network_is_trained_and_used(run) -> None:
    made = run("--arch", "features", "--scenes", "2", "--steps", "2")
    assert made.exit_code == 0, made.output
    path = Path("training/scenes-features/scenes-features.safetensors")
    assert small_features(path).name == "small"
    used = run("--scenes", "2", "--stage", "16x32:1", "--widths", "4,4,4", "--features-file", str(path))
    assert used.exit_code == 0, used.output


def _folders(root: Path, value: int, size: tuple[int, int] = (32, 64)) -> None:
    for name in ("labels", "photos"):
        (root / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(2):
        classes = np.zeros((32, 64), np.uint8)
        classes[3, 5] = value if index else 0
        Image.fromarray(classes).save(root / "labels" / f"{index}.png")
        Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(
            root / "photos" / f"{index}.png"
        )


def _label_set(path: Path) -> str:
    path.write_text(json.dumps({"name": "mine", "classes": [{"name": "ground"}, {"name": "house"}]}))
    return str(path)


def test_two_folders_of_your_own(run, tmp_path) -> None:
    _folders(tmp_path / "mine", value=1)
    labels = _label_set(tmp_path / "mine.json")
    arguments = ("--data", "pairs:mine", "--label-set", labels, "--stage", "16x32:1", "--widths", "4,4,4",
                 "--features", "random", "--hold-out", "1")  # fmt: skip
    only_one = run(*arguments)
    assert only_one.exit_code == 1
    assert "at least two photographs" in only_one.output
    result = run(*arguments[:-2], "--name", "mine")
    assert result.exit_code == 0, result.output
    assert load_weights("training/mine/mine.safetensors").settings.class_names == ("ground", "house", "void")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--stage", "64x128"), "not HEIGHTxWIDTH:EPOCHS"),
        (("--emphasis", "1,x"), "not a list of numbers"),
        (("--emphasis", "1,2"), "needs six numbers"),
        (("--batch", "0"), "0 is not in the range"),
        (("--features", "vgg19"), "--download-features"),
        (("--data", "atlantis:x"), "atlantis"),
        (("--resume", "--name", "never"), r"never/latest.pt: no such checkpoint"),
        (
            (
                "--stage",
                "8x16:1",
            ),
            "needs 16 pixels a side",
        ),
        (("--stage", "64x128:1", "--stage", "64x128:1"), "each stage must double"),
        (("--arch", "pix2pix", "--stage", "64x128:1", "--stage", "128x256:1"), "Give one stage"),
    ],
)
def test_mistakes_are_explained_before_anything_is_trained(
    run, monkeypatch, tmp_path, arguments, message
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    result = run(*(() if "--resume" in arguments else ("--scenes", "2")), *arguments)
    assert result.exit_code in (1, 2), result.output
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_label_out_of_range_is_named_with_file_and_value(run, tmp_path) -> None:
    _folders(tmp_path / "bad", value=77)
    labels = _label_set(tmp_path / "mine.json")
    result = run("--data", "pairs:bad", "--label-set", labels)
    assert result.exit_code == 1
    assert "1.png: pixel x=5, y=3 has id 77" in result.output
    assert not list(tmp_path.glob("training/*/latest.pt"))
    _folders(tmp_path / "odd", value=1, size=(16, 64))
    result = run("--data", "pairs:odd", "--label-set", labels)
    assert "is 64x32 pixels, but its photograph" in result.output


@pytest.mark.skipif(not CAMVID.is_dir(), reason="without CamVid")
def test_camvid_trains_without_the_sequence_held_out(run) -> None:
    result = run(
        "--data", f"camvid:{CAMVID}", "--hold-out", "0001TP", "--stage", "24x32:0.02", "--widths", "4,4,4,4"
    )
    assert result.exit_code == 0, result.output
    notes = load_weights("training/camvid-crn/camvid-crn.safetensors").settings.notes
    assert notes["samples"] == 305


def test_ctrl_c_ends_a_run_with_a_checkpoint(run, monkeypatch) -> None:
    import os
    import signal

    from glimpse.crn.training.learner import CRNLearner

    learn, count = CRNLearner.learn, []

    def interrupted(self, *arguments):
        count.append(1)
        if len(count) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return learn(self, *arguments)

    monkeypatch.setattr(CRNLearner, "learn", interrupted)
    before = signal.getsignal(signal.SIGINT)
    result = run(*TINY, "--sample-steps", "1")
    assert result.exit_code == 0, result.output
    assert "2 updates" in result.stdout
    assert "update 2: loss" in result.stdout
    assert "--resume" in result.stdout
    assert signal.getsignal(signal.SIGINT) is before
