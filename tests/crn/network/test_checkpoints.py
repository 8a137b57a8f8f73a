"""Weights files: what is stored, and what is refused before it can do harm."""

import json
import pickle
import re

import pytest
import torch
from safetensors.torch import save_file

from glimpse.crn.network.checkpoints import (
    WeightsError,
    build,
    bundled_weights,
    find_weights,
    load_weights,
    read_settings,
    save_weights,
)
from glimpse.crn.network.config import NetworkConfig
from glimpse.crn.network.model import CRN
from glimpse.errors import GlimpseError

CONFIG = NetworkConfig(height=8, width=16, features=(4, 3), outputs=2)


@pytest.fixture
def saved(tmp_path):
    model = CRN(CONFIG, torch.Generator().manual_seed(0))
    return model, save_weights(tmp_path / "mine.safetensors", model, CONFIG, {"steps": 3})


def test_a_network_survives(saved):
    model, path = saved
    loaded = load_weights(path)
    assert loaded.config == CONFIG
    assert loaded.name == "mine"
    assert loaded.settings.notes == {"steps": 3}
    assert loaded.settings.class_names[0] == "road"
    labels = torch.rand(1, 20, 8, 16, generator=torch.Generator().manual_seed(1))
    assert torch.equal(loaded.model(labels), model(labels))
    assert not loaded.model.training


def test_the_same_weights_give_the_same_bytes(saved, tmp_path):
    model, path = saved
    again = save_weights(tmp_path / "again.safetensors", model, CONFIG, {"steps": 3})
    assert again.read_bytes() == path.read_bytes()


def test_settings_stand_beside_the_weights_for_people(saved):
    _, path = saved
    assert json.loads(path.with_suffix(".json").read_text())["network"] == CONFIG.to_json()
    path.with_suffix(".json").unlink()
    assert read_settings(path).config == CONFIG  # they are read from the weights file


def test_half_precision_on_disk_and_in_memory(saved, tmp_path):
    model, path = saved
    half = save_weights(tmp_path / "half.safetensors", model, CONFIG, dtype=torch.float16)
    assert half.stat().st_size < path.stat().st_size
    assert load_weights(half).model.head.weight.dtype == torch.float32
    assert load_weights(half, dtype=torch.bfloat16).model.head.weight.dtype == torch.bfloat16


def test_a_label_set_of_ones_own_needs_its_names(tmp_path):
    config = NetworkConfig(label_set="mine", classes=3, height=8, width=16, features=(4, 3))
    model = CRN(config)
    with pytest.raises(GlimpseError, match="label set 'mine' is not a bundled one; give class_names"):
        save_weights(tmp_path / "a", model, config)
    with pytest.raises(GlimpseError, match="class_names has 2 entries; the network has 3 classes"):
        save_weights(tmp_path / "a", model, config, class_names=("a", "void"))
    path = save_weights(tmp_path / "a", model, config, class_names=("a", "b", "void"))
    assert load_weights(path).settings.class_names == ("a", "b", "void")


class Dangerous:
    def __init__(self, flag):
        self.flag = flag

    def __reduce__(self):
        return (open, (self.flag, "w"))


@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_a_pickle_is_never_opened(tmp_path, writer):
    path, flag = tmp_path / "evil.pth", tmp_path / "ran"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(Dangerous(str(flag))))
    else:
        torch.save(Dangerous(str(flag)), path)
    with pytest.raises(WeightsError, match=r"evil\.pth: is a pickle .* it was not opened"):
        load_weights(path)
    assert not flag.exists()


@pytest.mark.parametrize("keep", [0, 4, 200, -10])
def test_a_truncated_file(saved, keep):
    _, path = saved
    content = path.read_bytes()
    path.write_bytes(content[:keep])
    size = len(content[:keep])
    with pytest.raises(
        WeightsError, match=rf"mine\.safetensors: is truncated or not a safetensors file \({size} bytes"
    ):
        load_weights(path)


def test_weights_of_another_width(saved):
    _, path = saved
    other = CRN(NetworkConfig(height=8, width=16, features=(4, 5), outputs=2))
    metadata = {"glimpse": json.dumps(read_settings(path).to_json())}
    save_file(other.state_dict(), path, metadata)
    with pytest.raises(
        WeightsError,
        match=r"tensor head.weight has shape \(6, 5, 1, 1\), but its settings ask for \(6, 3, 1, 1\)",
    ):
        load_weights(path)


def test_missing_and_strange_tensors(saved):
    model, path = saved
    metadata = {"glimpse": json.dumps(read_settings(path).to_json())}
    state = model.state_dict()
    save_file({name: value for name, value in state.items() if name != "head.bias"}, path, metadata)
    with pytest.raises(WeightsError, match=r"lacks tensor head\.bias"):
        load_weights(path)
    save_file({**state, "more": torch.zeros(1)}, path, metadata)
    with pytest.raises(WeightsError, match="has tensor more, which a network of its settings does not have"):
        load_weights(path)
    save_file({**state, "head.bias": torch.full((6,), float("nan"))}, path, metadata)
    with pytest.raises(WeightsError, match=r"head\.bias has values that are not finite"):
        load_weights(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "has no Glimpse settings in it"),
        ("{", "its settings cannot be read"),
        ('{"schema_version": 9}', "has schema_version 9; only 1 is read"),
        ('{"schema_version": 1}', "its settings cannot be read"),
        (
            '{"schema_version": 1, "network": {"x": 1}, "class_names": [], "notes": {}}',
            "unknown network setting 'x'",
        ),
    ],
)
def test_settings_that_cannot_be_read(tmp_path, text, message):
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"glimpse": text} if text else None)
    with pytest.raises(WeightsError, match=f"^{re.escape(str(path))}: {message}"):
        load_weights(path)


def test_unknown_architectures_and_names_list_what_there_is(tmp_path):
    with pytest.raises(GlimpseError, match="architecture is 'gan'; known are crn, pix2pix"):
        build(NetworkConfig("gan"))
    with pytest.raises(WeightsError, match="nothing: no such weights file; bundled weights are "):
        find_weights("nothing")


def test_every_bundled_network_can_be_built():
    for name, path in bundled_weights().items():
        assert find_weights(name) == path
        assert load_weights(name).config.height >= 32
