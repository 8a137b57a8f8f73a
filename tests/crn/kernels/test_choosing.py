"""How convolutions are chosen: by measuring, once, and never where a resumed run must round alike."""

import json

import pytest
import torch
from click.testing import CliRunner

from glimpse.crn.kernels import choosing, refining
from glimpse.crn.network.checkpoints import load_weights
from glimpse.crn.synthesis.inference import slow_products
from glimpse.main import main


@pytest.fixture
def measuring(monkeypatch, tmp_path):
    """Measure anew, into a file of its own; returns what is measured, to be changed."""
    monkeypatch.delenv(choosing.FIXED, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(choosing, "_chosen", {})
    found = [128]
    monkeypatch.setattr(choosing, "measure", lambda: found.append(found[0]) or found[0])
    return found


def test_it_is_measured_once_and_remembered(measuring, tmp_path, monkeypatch):
    assert [choosing.winograd_from() for _ in range(3)] == [128] * 3
    assert len(measuring) == 2
    (stored,) = json.loads((tmp_path / "glimpse" / "kernels.json").read_text(encoding="utf-8")).items()
    assert stored[1] == 128
    assert torch.__version__ in stored[0]
    monkeypatch.setattr(choosing, "_chosen", {})  # another process
    assert choosing.winograd_from() == 128
    assert len(measuring) == 2


@pytest.mark.parametrize("content", ["{", "[1]", '{"another processor": 64}'])
def test_a_damaged_or_foreign_file_is_measured_over(measuring, tmp_path, content):
    (tmp_path / "glimpse").mkdir()
    (tmp_path / "glimpse" / "kernels.json").write_text(content, encoding="utf-8")
    assert choosing.winograd_from() == 128
    assert len(measuring) == 2


def test_where_nothing_can_be_written_it_is_measured_and_kept_for_the_process(measuring, tmp_path):
    (tmp_path / "glimpse").write_text("a file", encoding="utf-8")
    assert [choosing.winograd_from() for _ in range(2)] == [128] * 2
    assert len(measuring) == 2


def test_the_environment_and_a_checkpoint_decide_before_any_measurement(measuring, monkeypatch):
    choosing.use(64)
    assert choosing.winograd_from() == 64
    monkeypatch.setenv(choosing.FIXED, "256")
    assert choosing.winograd_from() == 256
    assert len(measuring) == 1


@pytest.mark.parametrize(
    ("plain", "expected"),
    [((5, 5, 5), 64), ((1, 5, 5), 128), ((1, 1, 5), 256), ((5, 5, 1), choosing.NEVER)],
)
def test_winograd_is_taken_from_where_it_gains_at_every_larger_size(monkeypatch, plain, expected):
    seconds = dict(zip(choosing.CHANNELS, plain, strict=True))
    monkeypatch.setattr(choosing, "_seconds", lambda channels, _clock: (seconds[channels], 2.0))
    assert choosing.measure() == expected


def test_both_ways_are_timed():
    ticks = iter(range(1000))
    assert choosing._seconds(64, lambda: float(next(ticks))) == (1.0, 1.0)


def test_the_choice_reaches_the_convolutions(measuring):
    maps, kernel = torch.zeros(1, 32, 64, 64), torch.zeros(64, 64, 3, 3)
    assert not refining.pays_to_transform(maps, kernel)
    choosing.use(64)
    assert refining.pays_to_transform(maps, kernel)


@pytest.fixture
def emulating(monkeypatch):
    for place in ("kernels.choosing", "synthesis.inference"):
        monkeypatch.setattr(f"glimpse.crn.{place}.emulated", lambda _dtype: 50.0)


def test_products_that_the_processor_emulates_are_told(emulating, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cascade, generator = (load_weights(name).model for name in ("scenes-crn", "scenes-pix2pix"))
    assert slow_products(generator, "cpu", "bfloat16") == 50
    assert slow_products(cascade, "cpu", "bfloat16") == 0  # stores in 16 bits, computes in 32
    assert slow_products(generator, "cpu", "float32") == slow_products(generator, "cuda", "bfloat16") == 0
    result = CliRunner().invoke(
        main, ["train", "--scenes", "2", "--precision", "bfloat16", "--features", "vgg16"]
    )
    assert "Warning: this processor has no products in bfloat16: they take 50 times as long" in result.output
    assert "vgg16.safetensors" in result.output  # and then goes on, to what is missing


def test_what_is_emulated_is_measured(monkeypatch):
    ticks = iter([0.0, 1.0] * 3 + [0.0, 2.0] * 3)
    monkeypatch.setattr(choosing.time, "process_time", lambda: next(ticks))
    assert choosing.emulated.__wrapped__(torch.bfloat16) == 0
    ticks = iter([0.0, 1.0] * 3 + [0.0, 9.0] * 3)
    assert choosing.emulated.__wrapped__(torch.bfloat16) == 9.0
    assert choosing.processor()
