"""`import-weights`: the authors' variables by name, pix2pix and VGG-19 files, and what is none of these."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from glimpse.crn.network.checkpoints import load_weights
from glimpse.crn.network.config import NetworkConfig
from glimpse.crn.network.converting import (
    checkpoint_prefix,
    convert,
    detect_format,
    open_checkpoint,
    read_crn,
    tensor_names,
)
from glimpse.crn.network.model import CRN
from glimpse.errors import GlimpseError
from glimpse.main import main

CONFIG = NetworkConfig(height=16, width=32, features=(5, 4, 3), outputs=2)


class Reader:
    """A TensorFlow checkpoint in memory, optimiser's variables and older heads included."""

    def __init__(self, model):
        state = model.state_dict()
        self.variables = {"beta1_power": np.float32(0.9), "g_8_conv100/weights": np.zeros((1, 1, 4, 3))}
        for ours, (theirs, kernel) in tensor_names(model.config).items():
            value = state[ours].numpy()
            self.variables[theirs] = value.transpose(2, 3, 1, 0) if kernel else value
            self.variables[f"{theirs}/Adam"] = self.variables[theirs] * 0

    def get_variable_to_shape_map(self):
        return {name: list(np.shape(value)) for name, value in self.variables.items()}

    def get_tensor(self, name):
        return self.variables[name]


@pytest.fixture
def model():
    return CRN(CONFIG, torch.Generator().manual_seed(0))


def test_names_follow_the_published_ones():
    names = tensor_names(CONFIG)
    assert names["refinements.8.conv2.weight"] == ("g_8_conv2/weights", True)
    assert names["refinements.8.norm1.shift"] == ("g_8_conv1/LayerNorm/beta", False)
    assert names["refinements.8.norm1.scale"] == ("g_8_conv1/LayerNorm/gamma", False)
    assert names["head.weight"] == ("g_16_conv100/weights", True)


def test_every_variable_arrives(model):
    read = read_crn(Reader(model), "checkpoint")
    assert read.config == CONFIG
    for name, value in model.state_dict().items():
        assert torch.equal(read.state_dict()[name], value)


def test_a_missing_variable_is_named(model):
    reader = Reader(model)
    del reader.variables["g_8_conv2/LayerNorm/gamma"]
    with pytest.raises(GlimpseError, match="checkpoint: lacks variable g_8_conv2/LayerNorm/gamma"):
        read_crn(reader, "checkpoint")


def test_a_wrong_shape_is_named(model):
    reader = Reader(model)
    reader.variables["g_8_conv2/weights"] = np.zeros((3, 3, 9, 9))
    with pytest.raises(
        GlimpseError, match=r"variable g_8_conv2/weights gives shape \(9, 9, 3, 3\); \(4, 4, 3, 3\) was"
    ):
        read_crn(reader, "checkpoint")


def test_another_network_is_none_of_the_authors():
    reader = Reader(CRN(CONFIG))
    reader.variables = {"conv/kernel": np.zeros((3, 3, 1, 1))}
    with pytest.raises(GlimpseError, match=r"has no variables of a CRN .* it has conv/kernel, \.\.\."):
        read_crn(reader, "checkpoint")


def test_other_classes_need_their_label_set():
    config = NetworkConfig(label_set="nyu", classes=41, height=8, width=16, features=(3, 3))
    reader = Reader(CRN(config))
    with pytest.raises(GlimpseError, match="is a network of 41 classes; name its label set with --label-set"):
        read_crn(reader, "checkpoint")
    with pytest.raises(GlimpseError, match="takes 41 classes; label set 'camvid' has 12"):
        read_crn(reader, "checkpoint", "camvid")
    assert read_crn(reader, "checkpoint", "nyu").config.label_set == "nyu"


def test_a_whole_conversion(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / "model.ckpt.index").write_bytes(b"index")
    monkeypatch.setattr("glimpse.crn.network.converting.open_checkpoint", lambda prefix: Reader(model))
    result = CliRunner().invoke(main, ["import-weights", "result", "--label-set", "gta5"])
    assert result.exit_code == 0, result.output
    assert "result.safetensors: CRN, 16x32, label set gta5, 2 images of a label map" in result.output
    assert "Next: python cli.py synthesize LABELS --weights result.safetensors" in result.output
    loaded = load_weights("result.safetensors")
    assert loaded.settings.notes["converted_from"] == "model.ckpt.index"
    assert torch.equal(loaded.model.head.weight, model.head.weight)
    wrong = CliRunner().invoke(main, ["import-weights", "result", "--size", "8x16"])
    assert "is a network of height 16; --size says 8." in wrong.output


def test_without_tensorflow_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "tensorflow.train", None)
    with pytest.raises(GlimpseError, match=r"needs the package tensorflow: pip install 'glimpse\[import\]'"):
        open_checkpoint(tmp_path / "model.ckpt")


def test_prefixes_files_and_folders_of_a_checkpoint(tmp_path):
    prefix = tmp_path / "model.ckpt"
    with pytest.raises(GlimpseError, match=r"no such TensorFlow checkpoint \(model.ckpt.index is missing\)"):
        checkpoint_prefix(prefix)
    (tmp_path / "model.ckpt.index").touch()
    for name in ("model.ckpt", "model.ckpt.index", "model.ckpt.meta", "model.ckpt.data-00000-of-00001", "."):
        assert checkpoint_prefix(tmp_path / name) == prefix
    (tmp_path / "other.ckpt.index").touch()
    with pytest.raises(
        GlimpseError, match=r"holds 2 checkpoints \(model.ckpt.index, other.ckpt.index\); name one"
    ):
        checkpoint_prefix(tmp_path)


def test_formats_are_seen_from_the_files(tmp_path):
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "vgg.pth")
    torch.save({"model.model.0.weight": torch.zeros(1)}, tmp_path / "net_G.pth")
    (tmp_path / "model.ckpt.index").touch()
    (tmp_path / "readme.txt").touch()
    assert detect_format(tmp_path / "vgg.pth") == "vgg19"
    assert detect_format(tmp_path / "net_G.pth") == "pix2pix"
    assert detect_format(tmp_path / "model.ckpt") == "crn-tensorflow"
    assert detect_format(tmp_path / "vgg.mat") == "vgg19"
    with pytest.raises(
        GlimpseError, match=r"readme\.txt: is no TensorFlow checkpoint, \.pth, \.mat, \.h5 or \.whl file"
    ):
        detect_format(tmp_path / "readme.txt")
    with pytest.raises(GlimpseError, match="no such file, and no TensorFlow checkpoint of that prefix"):
        detect_format(tmp_path / "nothing")


class Dangerous:
    def __init__(self, flag):
        self.flag = flag

    def __reduce__(self):
        return (open, (self.flag, "w"))


@pytest.mark.parametrize("kind", [None, "pix2pix", "vgg19"])
def test_a_pth_that_would_run_code_does_not(tmp_path, kind):
    torch.save(Dangerous(str(tmp_path / "ran")), tmp_path / "evil.pth")
    with pytest.raises(GlimpseError, match=r"evil\.pth"):
        convert(tmp_path / "evil.pth", tmp_path / "out.safetensors", kind=kind)
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out.safetensors").exists()


def test_a_pix2pix_generator_becomes_ours(tmp_path):
    from glimpse.crn.network.pix2pix import build_generator, pix2pix_config

    config = pix2pix_config("cityscapes", 20, 64, 64, (4, 6, 6, 6))
    generator = build_generator(config, torch.Generator().manual_seed(0)).eval()
    torch.save(generator.state_dict(), tmp_path / "latest_net_G.pth")
    done = convert(tmp_path / "latest_net_G.pth", tmp_path / "p.safetensors", size=(64, 64))
    assert done.about == "pix2pix, 64x64, label set cityscapes"
    labels = torch.rand(1, 20, 64, 64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(load_weights(done.path).model(labels), generator(labels))
