"""Training: that networks learn, that a killed run resumes to the same bytes, and what stops a run."""

from __future__ import annotations

import csv
import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from glimpse.crn.losses.features import FeatureNetwork, FeaturePlan, random_features
from glimpse.crn.network.config import NetworkConfig
from glimpse.crn.network.model import CRN
from glimpse.crn.network.pix2pix import build_generator, pix2pix_config
from glimpse.crn.training import record as training_record
from glimpse.crn.training.feeding import Feeder, sample_keys
from glimpse.crn.training.learner import CRNLearner, NotFiniteError, cascade
from glimpse.crn.training.loop import Outcome, Run, train
from glimpse.crn.training.pix2pix_learner import Pix2PixLearner
from glimpse.crn.training.preparing import (
    assemble,
    network_config,
    small_widths,
    start,
    training_settings,
)
from glimpse.crn.training.record import read_state
from glimpse.crn.training.request import Request
from glimpse.crn.training.schedule import (
    PAPER_STAGES,
    Position,
    Stage,
    TrainingSettings,
    learning_rate,
    stage_steps,
)
from glimpse.crn.training.sources import DataRequest
from glimpse.errors import GlimpseError

DEVICE = os.environ.get("GLIMPSE_TEST_DEVICE", "cpu")  # `make gpu` sets it
PLAN = FeaturePlan("random", ((4, 2), (4, 2), (4, 2), (4, 2), (4, 2)))
STAGES = (Stage(16, 32, 2), Stage(32, 64, 1.5, features=4))


class Pictures:
    """Label maps of stripes with photographs in their colours."""

    def __init__(self, count: int = 6):
        self.count = count

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"picture {index}"

    def load(self, index: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(index)
        classes = np.repeat(rng.integers(0, 3, size[1] // 4), 4)[None].repeat(size[0], 0).astype(np.uint8)
        colours = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200]], np.uint8)
        noise = rng.integers(0, 20, (*size, 3), dtype=np.uint8)
        return classes, colours[classes] + noise


class InterruptedRunError(Exception):
    """Stands for whatever kills a run."""


def _settings(**changes: object) -> TrainingSettings:
    values = {
        "stages": STAGES, "learning_rate": 1e-2, "final_learning_rate": 1e-2, "log_steps": 5, "mirror": True,
        "rescale_epoch": 1.0, "sample_steps": 1000, "save_minutes": 1e9,
    }  # fmt: skip
    return TrainingSettings(**{**values, **changes})


def _learner(settings: TrainingSettings, state: dict | None = None):
    if settings.loss == "gan":
        config = pix2pix_config("test", 4, 32, 64, (4, 8, 8, 8))
        generator = build_generator(config, torch.Generator().manual_seed(0))
        return Pix2PixLearner(generator, settings, device=DEVICE)
    config = NetworkConfig(label_set="test", classes=4, height=16, width=32, features=(6, 6, 4),
                           outputs=3 if settings.loss == "diverse" else 1)  # fmt: skip
    if state:
        config = NetworkConfig.from_json(state["learner"]["config"])
    network = CRN(config, torch.Generator().manual_seed(0))
    return CRNLearner(network, settings, random_features(0, PLAN), device=DEVICE)


def _run(folder: Path, settings: TrainingSettings, *, pairs=None, resume: bool = False, **changes) -> Outcome:
    state = read_state(folder / "latest.pt") if resume else None
    about = {"label_set": "test", "classes": 4, "samples": 6, "features": None} | changes.pop("about", {})
    run = Run(_learner(settings, state), settings, pairs or Pictures(), folder, about, classes=4,
              **{key: value for key, value in changes.items() if key != "track"})  # fmt: skip
    return train(run, resume=resume, **({"track": changes["track"]} if "track" in changes else {}))


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return read_state(folder / "latest.pt")["learner"]["network"]


def _rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "log.csv").read_text(encoding="utf-8").splitlines()))


def _killed_after(updates: int):
    """Return a `track` that ends a run by an exception after so many updates."""
    left = [updates]

    def track(items, _label, _total=None):
        for item in items:
            if left[0] == 0:
                raise InterruptedRunError
            left[0] -= 1
            yield item

    return track


GAN = {"loss": "gan", "stages": (Stage(32, 64, 3),)}


@pytest.mark.parametrize(
    ("updates", "changes"),
    [
        (1, {}),
        (7, {}),
        (11, {}),
        (12, {}),
        (13, {"loss": "diverse"}),
        (17, {"batch": 2}),
        (9, GAN),
        (4, {"loss": "image"}),
        (9, {"average": 0.9, "window": (16, 16), "zoom": 1.25}),
        (3, {"precision": "bfloat16"}),
        (3, {"precision": "bfloat16", "loss": "diverse", "cache_mb": 0}),
    ],
)
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path, updates, changes) -> None:
    settings = _settings(**changes)
    whole = _run(tmp_path / "whole", settings)
    # Every update is saved, so that the kill strikes right after one; the last write may also be repeated.
    saving = replace(settings, save_minutes=0.0)
    with pytest.raises(InterruptedRunError):
        _run(tmp_path / "killed", saving, track=_killed_after(min(updates, whole.place.total - 1)))
    resumed = _run(tmp_path / "killed", saving, resume=True)
    assert resumed.finished
    assert resumed.place == whole.place
    expected = _weights(tmp_path / "whole")
    for name, value in _weights(tmp_path / "killed").items():
        assert torch.equal(value, expected[name]), name
    rows = [_rows(tmp_path / run) for run in ("whole", "killed")]
    for a, b in zip(*rows, strict=True):
        assert {k: v for k, v in a.items() if k != "seconds"} == {
            k: v for k, v in b.items() if k != "seconds"
        }


def test_work_after_the_last_checkpoint_is_done_again_alike(tmp_path) -> None:
    settings = _settings()
    _run(tmp_path / "whole", settings)
    stop = iter([False] * 4 + [True])
    early = _run(tmp_path / "killed", settings, stop=lambda: next(stop))
    assert (early.finished, early.place.total) == (False, 5)
    with pytest.raises(InterruptedRunError):  # nine more updates that no checkpoint has seen
        _run(tmp_path / "killed", settings, resume=True, track=_killed_after(9))
    _run(tmp_path / "killed", settings, resume=True)
    for name, value in _weights(tmp_path / "killed").items():
        assert torch.equal(value, _weights(tmp_path / "whole")[name]), name


def test_training_learns_the_colours(tmp_path) -> None:
    settings = _settings(stages=(Stage(16, 32, 30),), sample_steps=60)
    _run(
        tmp_path, settings, colour=lambda classes: classes[..., None].repeat(3, -1) * 60, looking=Pictures(9)
    )
    rows = _rows(tmp_path)
    assert float(rows[-1]["input"]) < 0.5 * float(rows[0]["input"])
    with Image.open(tmp_path / "samples" / "0000180.png") as grid:
        assert grid.size == (3 * 32, 4 * 16)


@pytest.mark.parametrize("changes", [{"precision": "bfloat16"}, {"recompute": True}])
def test_mixed_precision_and_recomputing_learn_the_same_direction(tmp_path, changes) -> None:
    settings = _settings(stages=(Stage(16, 32, 1),), learning_rate=1e-3, final_learning_rate=1e-3)
    _run(tmp_path / "plain", settings)
    _run(tmp_path / "other", replace(settings, **changes))
    plain, other = _weights(tmp_path / "plain"), _weights(tmp_path / "other")
    tolerance = 1e-6 if "recompute" in changes else 2e-2
    for name, value in plain.items():
        torch.testing.assert_close(other[name], value, rtol=0, atol=tolerance)


def test_recomputing_gives_the_same_gradients() -> None:
    network = CRN(
        NetworkConfig(classes=4, height=16, width=32, features=(4, 4, 4)), torch.Generator().manual_seed(0)
    )
    labels = torch.rand(1, 4, 16, 32, generator=torch.Generator().manual_seed(1))
    gradients = []
    for recompute in (False, True):
        network.zero_grad()
        cascade(network, labels, recompute=recompute).square().mean().backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_the_last_stage_of_the_paper_trains_fourteen_variables() -> None:
    config = NetworkConfig(height=512, width=1024, features=(2,) * 8)
    settings = TrainingSettings(stages=PAPER_STAGES, balance="authors", features="random")
    learner = CRNLearner(CRN(config), settings, random_features(0, PLAN))
    learner.start_stage(replace(PAPER_STAGES[2], features=2), first=False)
    names = [name for name, value in learner.network.named_parameters() if value.requires_grad]
    assert len(names) == 14
    assert {name.split(".")[1] for name in names if name.startswith("refinements")} == {"512", "1024"}


def test_growing_keeps_every_weight_but_the_heads(tmp_path) -> None:
    settings = _settings(stages=(STAGES[0], replace(STAGES[1], trained_heights=(32,))))
    stop = iter([False] * 11 + [True])
    _run(tmp_path, settings, stop=lambda: next(stop))
    before = _weights(tmp_path)
    _run(tmp_path, settings, resume=True)
    after = _weights(tmp_path)
    for name, value in before.items():
        assert torch.equal(after[name], value) != name.startswith("head."), name


class SpoiltFeatures(FeatureNetwork):
    """A feature network that returns NaN for one photograph."""

    def forward(self, images):
        taps = super().forward(images)
        return [
            *taps[:-1],
            taps[-1] * (float("nan") if images.requires_grad and SpoiltFeatures.calls() else 1),
        ]

    @staticmethod
    def calls() -> bool:
        SpoiltFeatures.count += 1
        return SpoiltFeatures.count == 8


def test_a_loss_that_is_not_a_number_names_the_sample_and_keeps_the_checkpoint(tmp_path) -> None:
    settings = _settings(save_minutes=0.0)
    learner = _learner(settings)
    SpoiltFeatures.count = 0
    learner.features = SpoiltFeatures(PLAN)
    learner.features.load_state_dict(random_features(0, PLAN).state_dict())
    about = {"label_set": "test", "classes": 4, "samples": 6}
    eighth = sample_keys(0, 0, 7, samples=6, batch=1, mirror=True)[0][0]
    with pytest.raises(
        NotFiniteError, match=f"loss is nan at sample picture {eighth}.*last good checkpoint is kept"
    ):
        train(Run(learner, settings, Pictures(), tmp_path, about, classes=4))
    assert read_state(tmp_path / "latest.pt")["place"]["total"] == 7
    assert all(torch.isfinite(value).all() for value in _weights(tmp_path).values())


def test_a_state_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(PermissionError) as error:
        training_record.write_state(tmp_path / "state.pt", {"number": 1})
    assert error.value.filename == str(tmp_path / "state.pt")


def test_a_full_disk_is_told_and_the_checkpoint_before_stays(tmp_path, monkeypatch) -> None:
    path = tmp_path / "latest.pt"
    training_record.write_state(path, {"number": 1})

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(
        GlimpseError, match=r"latest\.pt: the disk is full.*make room, then go on with --resume"
    ):
        training_record.write_state(path, {"number": 2})
    assert read_state(path)["number"] == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["latest.pt"]


def test_checkpoints_that_do_not_fit_are_refused(tmp_path) -> None:
    settings = _settings(stages=(Stage(16, 32, 1),))
    _run(tmp_path, settings)
    with pytest.raises(GlimpseError, match=r"latest\.pt: exists already.*--resume"):
        _run(tmp_path, settings)
    with pytest.raises(GlimpseError, match="was trained with label_set 'test', and this is 'camvid'"):
        _run(tmp_path, settings, resume=True, about={"label_set": "camvid"})
    with pytest.raises(GlimpseError, match=r"other settings \(learning_rate\)"):
        _run(tmp_path, replace(settings, learning_rate=0.5), resume=True)
    with pytest.raises(GlimpseError, match="no such checkpoint"):
        read_state(tmp_path / "absent.pt")
    (tmp_path / "damaged.pt").write_bytes((tmp_path / "latest.pt").read_bytes()[:1000])
    with pytest.raises(GlimpseError, match="not a training checkpoint, or damaged"):
        read_state(tmp_path / "damaged.pt")


def test_every_epoch_shows_every_sample_once_in_a_new_order() -> None:
    seen = [sample_keys(3, 0, step, samples=10, batch=2, mirror=True) for step in range(15)]
    indices = [index for keys in seen for index, _ in keys]
    epochs = [indices[start : start + 10] for start in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert 0 < sum(mirrored for keys in seen for _, mirrored in keys) < 30
    assert not any(m for _, m in sample_keys(3, 0, 1, samples=10, batch=10, mirror=False))


def test_cached_features_change_nothing() -> None:
    network = random_features(0, PLAN)
    keys = [(0, False), (2, True)]
    kept, bare = (Feeder(Pictures(), 4, (32, 64), cache_mb=mb) for mb in (50, 0))
    first, again = (kept.photo_features(kept.batch(keys, 1.0), network) for _ in range(2))
    fresh = bare.photo_features(bare.batch(keys, 1.0), network)
    for a, b, c in zip(first, again, fresh, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)


def test_schedule_counts_and_rates() -> None:
    assert stage_steps(Stage(256, 512, 200), 2975, 1) == 595_000
    settings = _settings(learning_rate=1e-4, final_learning_rate=1e-5)
    assert learning_rate(settings, Position(0, 9, 9), 10) == 1e-4
    assert learning_rate(settings, Position(1, 4, 14), 10) == 1e-4
    assert learning_rate(settings, Position(1, 10, 20), 10) == pytest.approx(1e-5)
    assert TrainingSettings.from_json(settings.to_json()) == settings
    with pytest.raises(GlimpseError, match="must double the one before"):
        TrainingSettings(stages=(Stage(16, 32, 1), Stage(64, 128, 1)))
    with pytest.raises(GlimpseError, match="loss is 'l7'"):
        _settings(loss="l7")
    with pytest.raises(GlimpseError, match="unknown training setting 'momentum'"):
        TrainingSettings.from_json({**settings.to_json(), "momentum": 1})
    with pytest.raises(GlimpseError, match="more than 0 epochs"):
        Stage(16, 32, 0)


TWO_PROCESSES = """
import sys, torch
sys.path.insert(0, {tests!r})
torch.set_num_threads(1)
from pathlib import Path
from test_training import DEVICE, GAN, _run, _settings
from glimpse.crn.training.preparing import join_processes
joined = join_processes(DEVICE)
_run(Path({folder!r}), _settings(batch=2, loss={loss!r}, learning_rate=1e-4,
    final_learning_rate=1e-4, **{more}))
if joined:
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["features", pytest.param("gan", marks=pytest.mark.exhaustive)])
def test_two_processes_train_the_weights_of_one(tmp_path, loss) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for count, folder in enumerate(folders, start=1):
        script = tmp_path / f"{count}.py"
        more = "{'stages': GAN['stages']}" if loss == "gan" else "{}"
        script.write_text(
            TWO_PROCESSES.format(tests=str(Path(__file__).parent), folder=str(folder), loss=loss, more=more)
        )
        python = [sys.executable]
        if count == 2:
            python += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
        done = subprocess.run(
            [*python, str(script)], env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr[-2000:]
    one, two = (_weights(folder) for folder in folders)
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-4, atol=2e-5)
    assert len(_rows(folders[1])) > 0


def test_presets_are_what_they_say(tmp_path) -> None:
    from glimpse.crn.data.labels import label_set
    from glimpse.crn.training.preparing import default_stages

    paper = Request(preset="paper", features="vgg19")
    stages = default_stages(paper, 2.0)
    assert stages == PAPER_STAGES
    settings = training_settings(paper, stages)
    assert (settings.learning_rate, settings.balance, settings.mirror, settings.batch) == (
        1e-4,
        "authors",
        False,
        1,
    )
    config = network_config(paper, label_set("cityscapes"), stages)
    assert config == NetworkConfig()
    small = Request()
    assert network_config(small, label_set("cityscapes"), default_stages(small, 2.0)).height == 64
    assert default_stages(small, 4 / 3)[-1].height == 192
    assert small_widths((3, 6, 12, 24, 48, 96, 192)) == (192, 192, 160, 128, 96, 48, 24)
    assert Request.from_json(small.to_json()) == small
    pix2pix = Request(architecture="pix2pix", preset="paper")
    assert network_config(pix2pix, label_set("cityscapes"), default_stages(pix2pix, 2.0)).features[:2] == (
        64,
        128,
    )
    with pytest.raises(GlimpseError, match="expected crn, pix2pix or features"):
        network_config(Request(architecture="vae"), label_set("cityscapes"), stages)


def test_fine_tuning_checks_the_label_set_and_grows(tmp_path) -> None:
    tiny = {"out": str(tmp_path), "features": "random", "widths": (4,) * 4, "source": DataRequest(scenes=2)}
    first = Request(name="first", stages=(Stage(32, 64, 0.5),), **tiny)
    start(first)
    weights = str(tmp_path / "first" / "first.safetensors")
    grown = Request(
        name="grown", weights=weights, stages=(Stage(64, 128, 0.5),), **(tiny | {"widths": (4,) * 5})
    )
    assert start(grown).finished
    nine = Request(
        name="nine", weights=weights, stages=(Stage(32, 64, 0.5),), loss="diverse", outputs=9, **tiny
    )
    assert start(nine).finished
    with pytest.raises(GlimpseError, match="is for 32x64; the first stage is 128x256"):
        assemble(replace(grown, name="x", stages=(Stage(128, 256, 1),), widths=(4,) * 6))
    with pytest.raises(GlimpseError, match="--weights hold a CRN, and --arch asks for a Generator"):
        assemble(
            replace(grown, name="x", architecture="pix2pix", stages=(Stage(32, 64, 1),), widths=(4, 4, 4))
        )


def test_more_images_start_as_tints_of_the_one_learnt(tmp_path) -> None:
    tiny = {"out": str(tmp_path), "features": "random", "widths": (4,) * 4, "source": DataRequest(scenes=2)}
    start(Request(name="first", stages=(Stage(32, 64, 0.5),), **tiny))
    weights = str(tmp_path / "first" / "first.safetensors")
    nine = assemble(
        Request(name="x", weights=weights, stages=(Stage(32, 64, 1),), loss="diverse", outputs=9, **tiny)
    )
    one = assemble(Request(name="y", weights=weights, stages=(Stage(32, 64, 1),), **tiny))
    labels = torch.zeros(1, 20, 32, 64)
    labels[:, 3] = 1
    images, image = nine.learner.render(labels), one.learner.render(labels)
    assert images.shape == (1, 9, 3, 32, 64)
    difference = (images - image).abs().mean((0, 2, 3, 4))
    assert difference.min() > 1
    assert difference.max() < 60
