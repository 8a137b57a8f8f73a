"""What feeds training: reading ahead, windows, one-hot on the device; averages, curves, the best network."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from matplotlib.figure import Figure
from PIL import Image
from torch.nn import functional

from glimpse.crn.losses.features import FeaturePlan, random_features
from glimpse.crn.network.checkpoints import load_weights
from glimpse.crn.network.config import NetworkConfig
from glimpse.crn.network.model import CRN
from glimpse.crn.training.averaging import MovingAverage
from glimpse.crn.training.curves import plot_losses
from glimpse.crn.training.feeding import Feeder, expanded, sample_place, window_at
from glimpse.crn.training.learner import CRNLearner, cascade
from glimpse.crn.training.record import read_state, write_state
from glimpse.crn.training.schedule import Position, Stage, TrainingSettings, learning_rate
from glimpse.errors import GlimpseError
from glimpse.main import main

KEYS = [(0, False), (2, True)]


class Pictures:
    """Four noisy pictures, which count how often each was read."""

    def __init__(self, highest: int = 3):
        self.highest, self.read = highest, []

    def __len__(self) -> int:
        return 4

    def name(self, index: int) -> str:
        return f"picture {index}"

    def load(self, index: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        self.read.append(index)
        rng = np.random.default_rng(index)
        return rng.integers(0, self.highest + 1, size, np.uint8), rng.integers(0, 255, (*size, 3), np.uint8)


def test_reading_ahead_changes_nothing_and_reads_once() -> None:
    plain, ahead = (Feeder(Pictures(), 4, (16, 32), cache_mb=0, workers=n) for n in (0, 2))
    ahead.expect([0, 2, 3])
    for keys in (KEYS, [(3, False)]):
        a, b = plain.batch(keys, 1.0), ahead.batch(keys, 1.0)
        assert torch.equal(a.labels, b.labels)
        assert torch.equal(a.photos, b.photos)
    assert sorted(ahead.pairs.read) == [0, 2, 3]
    ahead.close()


def test_a_fault_while_reading_ahead_is_told_when_its_sample_is_due() -> None:
    feeder = Feeder(Pictures(highest=9), 4, (16, 32), cache_mb=1, workers=1)
    feeder.expect([1])
    with pytest.raises(GlimpseError, match="picture 1: has class 9; the label set has 0 to 3"):
        feeder.batch([(1, False)], 1.0)
    feeder.close()


def test_label_maps_are_expanded_as_one_hot() -> None:
    ids = torch.randint(5, (2, 6, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = expanded(ids, 5)
    assert torch.equal(found, functional.one_hot(ids.long(), 5).permute(0, 3, 1, 2).float())
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_windows_stay_inside_and_reach_every_edge() -> None:
    assert window_at((0.0, 0.999), (20, 40), (16, 32)) == (slice(0, 16), slice(8, 40))
    assert window_at((0.5, 0.5), (16, 32), (64, 64)) == (slice(0, 16), slice(0, 32))
    places = {window_at(sample_place(0, 0, step), (18, 16), (16, 16))[0].start for step in range(40)}
    assert places == {0, 1, 2}
    assert sample_place(1, 0, 5) == sample_place(1, 0, 5) != sample_place(1, 1, 5)


def test_zoomed_photographs_are_cut_with_their_label_maps_and_not_cached() -> None:
    feeder = Feeder(Pictures(), 4, (16, 32), cache_mb=50, zoom=1.25)
    whole = Feeder(Pictures(), 4, (20, 40), cache_mb=50).batch(KEYS[:1], 1.0)
    batch = feeder.batch(KEYS[:1], 1.0, (0.99, 0.0))
    assert torch.equal(batch.photos, whole.photos[..., 4:, :32])
    assert torch.equal(batch.labels, whole.labels[..., 4:, :32])
    feeder.photo_features(batch, random_features(0, FeaturePlan("random", ((2, 2),) * 5)))
    assert not feeder._features


def test_the_average_is_the_weighted_sum_of_all_updates() -> None:
    network = CRN(NetworkConfig(classes=4, height=8, width=8, features=(2, 2)))
    average = MovingAverage(network, 0.5)
    expected = network.head.weight.detach().clone()
    for update, past in enumerate((0.1, 2 / 11, 0.25)):  # (1 + n) / (10 + n)
        with torch.no_grad():
            network.head.weight.fill_(float(update))
        average.follow(network)
        expected = past * expected + (1 - past) * update
    torch.testing.assert_close(average.network.head.weight.detach(), expected)
    assert not any(value.requires_grad for value in average.network.parameters())


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_what_is_published_is_the_average(average) -> None:
    settings = TrainingSettings(stages=(Stage(16, 32, 1),), average=average, features="random")
    config = NetworkConfig(classes=4, height=16, width=32, features=(2, 2, 2))
    learner = CRNLearner(CRN(config), settings, random_features(0, FeaturePlan("random", ((2, 2),) * 5)))
    learner.start_stage(settings.stages[0], first=True)
    feeder = Feeder(Pictures(), 4, (16, 32), cache_mb=1)
    learner.prepare(feeder)
    learner.learn(feeder.batch(KEYS[:1], 1.0), feeder, 0.1)
    assert torch.equal(learner.model.head.weight, learner.network.head.weight) == (average == 0)


def test_a_cosine_starts_and_ends_where_it_should() -> None:
    settings = TrainingSettings(
        stages=(Stage(16, 32, 1), Stage(32, 64, 1)), learning_rate=1e-3, final_learning_rate=1e-5,
        decay="cosine",
    )  # fmt: skip
    rates = [learning_rate(settings, Position(1, step, step), 10) for step in (0, 5, 10)]
    assert rates == pytest.approx([1e-3, (1e-3 + 1e-5) / 2, 1e-5])
    assert learning_rate(settings, Position(0, 9, 9), 10) == 1e-3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"zoom": 0.5}, "zoom is 0.5; it must be between 1 and 4"),
        ({"average": 1.0}, "average is 1.0"),
        ({"window": (8, 64)}, r"window is \[8, 64\]"),
        ({"decay": "steps"}, "decay is 'steps'"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes, message) -> None:
    with pytest.raises(GlimpseError, match=message):
        TrainingSettings(stages=(Stage(16, 32, 1),), **changes)


def test_the_output_is_float32_in_mixed_precision() -> None:
    network = CRN(NetworkConfig(classes=4, height=16, width=32, features=(4, 4, 4)))
    labels = torch.rand(1, 4, 16, 32, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        images = cascade(network, labels, recompute=False)
    assert images.dtype == torch.float32
    assert not torch.equal(images, images.bfloat16().float())


TINY = ("--data", "pairs:own", "--label-set", "camvid", "--hold-out", "0", "--widths", "4,4,4,4",
        "--features", "random", "--threads", "1", "--name", "run")  # fmt: skip
STAGES = ("--stage", "16x32:2", "--stage", "32x64:2", "--sample-steps", "2")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Five label maps with photographs, two of which begin with 0."""
    monkeypatch.chdir(tmp_path)
    for index, name in enumerate(("01", "02", "1", "2", "3")):
        classes, photo = Pictures(11).load(index, (40, 80))
        for folder, values in (("labels", classes), ("photos", photo)):
            (tmp_path / "own" / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(tmp_path / "own" / folder / f"{name}.png")


@pytest.fixture
def trained(own):
    more = (
        "--loss-window",
        "16x16",
        "--zoom",
        "1.25",
        "--average",
        "0.9",
        "--decay",
        "cosine",
        "--workers",
        "2",
    )
    result = CliRunner().invoke(main, ["train", *TINY, *STAGES, *more])
    assert result.exit_code == 0, result.output
    return Path("training/run")


def test_a_run_keeps_its_best_network_its_stages_and_its_curves(trained) -> None:
    rows = list(csv.DictReader((trained / "log.csv").read_text(encoding="utf-8").splitlines()))
    measured = {int(row["total"]): float(row["held_out"]) for row in rows if row["held_out"]}
    assert sorted(measured) == [2, 4, 6, 8, 10, 12]
    last = min(value for total, value in measured.items() if total > 6)
    best = load_weights(str(trained / "run-best.safetensors"))
    assert best.settings.notes["held_out"] == pytest.approx(last, rel=1e-5)
    assert best.config.height == 32
    assert load_weights(str(trained / "run-16x32.safetensors")).config.height == 16
    assert (trained / "losses.png").read_bytes().startswith(b"\x89PNG")
    ax = plot_losses(Figure().subplots(), rows)
    assert [line.get_label() for line in ax.get_lines()[:2]] == ["trained on", "held out"]
    assert [line.get_xdata()[0] for line in ax.get_lines()[2:]] == [6]  # where the second stage starts


def test_a_run_of_an_earlier_version_resumes(own) -> None:
    result = CliRunner().invoke(main, ["train", *TINY, *STAGES, "--average", "0", "--minutes", "0.00001"])
    assert result.exit_code == 0, result.output
    path = Path("training/run/latest.pt")
    state = read_state(path)
    for name in ("decay", "zoom", "window", "average"):
        del state["settings"][name]
    del state["about"]["request"]["workers"], state["best"], state["learner"]["average"]
    state["about"]["request"]["settings"].pop("average")
    write_state(path, state)
    again = CliRunner().invoke(main, ["train", "--resume", "--name", "run"])
    assert again.exit_code == 0, again.output
    assert math.isfinite(read_state(path)["best"])


@pytest.mark.parametrize("more", [("--average", "0.9"), ("--loss-window", "16x16")])
def test_pix2pix_refuses_what_it_has_not(tmp_path, monkeypatch, more) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["train", "--arch", "pix2pix", "--scenes", "2", *more])
    assert result.exit_code == 1
    assert f"{more[0]} is for --arch crn" in result.output


def test_the_authors_balance_is_for_vgg19_only(tmp_path) -> None:
    settings = TrainingSettings(stages=(Stage(16, 32, 1),), balance="authors", features="vgg16")
    config = NetworkConfig(classes=4, height=16, width=32, features=(2, 2, 2))
    plan = FeaturePlan("vgg16", ((2, 2),) * 4)
    learner = CRNLearner(CRN(config), settings, random_features(0, plan))
    learner.start_stage(settings.stages[0], first=True)
    with pytest.raises(GlimpseError, match="Train with --balance alike"):
        learner.prepare(Feeder(Pictures(), 4, (16, 32), cache_mb=1))
