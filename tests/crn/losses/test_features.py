"""Feature networks: VGG-19 from each published file format, the small one, the random one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from glimpse.crn.losses.feature_networks import build_features
from glimpse.crn.losses.features import (
    SMALL_FILE,
    TAPS,
    TORCHVISION_MEAN,
    TORCHVISION_STD,
    VGG19,
    FeatureNetwork,
    FeaturePlan,
    random_features,
    small_features,
    vgg19_features,
    write_features,
)
from glimpse.crn.training.feature_training import FeatureTraining, train_features
from glimpse.errors import GlimpseError

LAYERS = (
    64,
    64,
    "M",
    128,
    128,
    "M",
    256,
    256,
    256,
    256,
    "M",
    512,
    512,
    512,
    512,
    "M",
    512,
    512,
    512,
    512,
    "M",
)


def _torchvision_vgg19(seed: int) -> nn.Sequential:
    """Build torchvision's `vgg19().features`, with average pooling as the loss uses it."""
    generator = torch.Generator().manual_seed(seed)
    layers, before = [], 3
    for width in LAYERS:
        if width == "M":
            layers.append(nn.AvgPool2d(2))
            continue
        conv = nn.Conv2d(before, width, 3, padding=1)
        nn.init.normal_(conv.weight, 0, (2 / (9 * before)) ** 0.5, generator=generator)
        nn.init.normal_(conv.bias, 0, 0.1, generator=generator)
        layers += [conv, nn.ReLU()]
        before = width
    return nn.Sequential(*layers)


@pytest.fixture(scope="module")
def reference() -> nn.Sequential:
    return _torchvision_vgg19(0).eval()


def _reference_taps(reference: nn.Sequential, x: torch.Tensor) -> list[torch.Tensor]:
    taps = []
    with torch.no_grad():
        for position, layer in enumerate(reference):
            x = layer(x)
            if position in {3, 8, 13, 22, 31}:  # after the ReLU of conv1_2, 2_2, 3_2, 4_2, 5_2
                taps.append(x)
    return taps


def test_torchvisions_file_gives_torchvisions_features(tmp_path, reference) -> None:
    path = tmp_path / "vgg19-dcbb9e9d.pth"
    torch.save({f"features.{name}": value for name, value in reference.state_dict().items()}, path)
    network = vgg19_features(path)
    images = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(1)) * 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (TORCHVISION_MEAN, TORCHVISION_STD))
    expected = _reference_taps(reference, (images - mean) / std)
    found = network(images)
    assert len(found) == len(TAPS)
    for a, b in zip(found[1:], expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_the_mat_file_gives_the_same_kernels(tmp_path, reference) -> None:
    from scipy.io import savemat

    convs = [layer for layer in reference if isinstance(layer, nn.Conv2d)]
    names = [
        f"conv{block}_{i}" for block, count in enumerate((2, 2, 4, 4, 4), 1) for i in range(1, count + 1)
    ]
    layers = np.empty((1, len(names) + 1), dtype=object)
    for place, (name, conv) in enumerate(zip(names, convs, strict=True)):
        weights = np.empty((1, 2), dtype=object)
        weights[0, 0] = conv.weight.detach().permute(2, 3, 1, 0).numpy()
        weights[0, 1] = conv.bias.detach().numpy()[:, None]
        layers[0, place] = {"name": name, "weights": weights}
    layers[0, -1] = {"name": "relu5_4", "type": "relu"}
    path = tmp_path / "imagenet-vgg-verydeep-19.mat"
    savemat(path, {"layers": layers})
    network = vgg19_features(path)
    assert network.mean.flatten().tolist() == pytest.approx([123.68, 116.779, 103.939])
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 255
    expected = _reference_taps(reference, images - network.mean)
    for a, b in zip(network(images)[1:], expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-2)


def test_missing_vgg19_weights_say_what_to_do(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(GlimpseError, match=r"--download-features.*--features small or --features random"):
        build_features("vgg19")


@pytest.mark.parametrize("content", [b"not a pickle", b""])
def test_a_damaged_vgg19_file_is_named(tmp_path, content) -> None:
    path = tmp_path / "vgg19.pth"
    path.write_bytes(content)
    with pytest.raises(GlimpseError, match=r"vgg19\.pth: not a PyTorch weights file"):
        vgg19_features(path)
    (tmp_path / "x.mat").write_bytes(b"no mat file at all, but long enough for a header of one" * 4)
    with pytest.raises(GlimpseError, match=r"x\.mat: not a MatConvNet file"):
        vgg19_features(tmp_path / "x.mat")


def test_weights_of_another_network_are_refused(tmp_path) -> None:
    path = tmp_path / "resnet.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 7, 7)}, path)
    with pytest.raises(GlimpseError, match="not the weights of vgg19"):
        vgg19_features(path)


def test_random_features_repeat_and_are_named() -> None:
    images = torch.rand(1, 3, 16, 16) * 255
    a, b, c = random_features(0), random_features(0), random_features(1)
    assert a.name == "random"
    for x, y in zip(a(images), b(images), strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=0)
    assert not torch.equal(a(images)[3], c(images)[3])


def test_pooling_is_by_averages() -> None:
    network = FeatureNetwork(FeaturePlan("tiny", ((3, 2), (3, 2)), (0.0, 0.0, 0.0)))
    with torch.no_grad():
        for conv in network.convs.values():
            conv.weight.copy_(functional.pad(torch.eye(3).view(3, 3, 1, 1), (1, 1, 1, 1)))
            conv.bias.zero_()
    images = torch.rand(1, 3, 4, 4)
    torch.testing.assert_close(network(images)[2], functional.avg_pool2d(images, 2))


def test_written_features_come_back(tmp_path) -> None:
    network = random_features(3)
    write_features(network, tmp_path / "f.safetensors", {"trained_by": "a test"})
    again = small_features(tmp_path / "f.safetensors")
    assert again.plan == network.plan
    for name, value in again.state_dict().items():
        torch.testing.assert_close(value, network.state_dict()[name], rtol=1e-3, atol=1e-3)
    (tmp_path / "g.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    with pytest.raises(GlimpseError, match="not a feature network"):
        small_features(tmp_path / "g.safetensors")
    with pytest.raises(GlimpseError, match="no such file"):
        small_features(tmp_path / "h.safetensors")
    with pytest.raises(GlimpseError, match="expected one of small, vgg19, vgg16, random"):
        build_features("alexnet")


def test_the_bundled_network_sees_colour_and_structure() -> None:
    network = small_features(SMALL_FILE)
    grey, red = torch.full((1, 3, 32, 32), 128.0), torch.full((1, 3, 32, 32), 128.0)
    red[:, 0] = 200
    edge = grey.clone()
    edge[..., 16:] = 220
    for level in range(1, 6):
        plain, coloured, structured = (network(x)[level] for x in (grey, red, edge))
        assert float((plain - coloured).abs().mean()) > 0.01
        assert float((plain - structured).abs().mean()) > 0.01


def test_folding_keeps_what_was_learnt_and_training_repeats() -> None:
    rng = np.random.default_rng(0)
    pairs = [
        (
            (np.arange(48)[:, None] // 24 * np.ones((48, 64), int)),
            rng.integers(0, 255, (48, 64, 3), dtype=np.uint8),
        )
        for _ in range(3)
    ]
    rows: list[dict[str, float]] = []
    settings = FeatureTraining(steps=30, batch=2, crop=(32, 32))
    plan = FeaturePlan("small", ((4, 2), (8, 2), (8, 2), (8, 2), (8, 2)))
    first = train_features(pairs, 3, settings, plan=plan, log=rows.append)
    again = train_features(pairs, 3, settings, plan=plan)
    assert rows[-1]["segmentation"] < rows[0]["segmentation"]
    for name, value in first.state_dict().items():
        torch.testing.assert_close(value, again.state_dict()[name], rtol=0, atol=0)
    assert all(torch.isfinite(tap).all() for tap in first(torch.rand(1, 3, 32, 32) * 255))


def test_vgg19_has_its_twelve_convolutions() -> None:
    with torch.device("meta"):
        network = FeatureNetwork(VGG19)
    assert list(network.convs)[-1] == "conv5_2"
    assert sum(value.numel() for value in network.parameters()) == 15_304_768


@pytest.mark.parametrize("size", [(37, 21), (33, 50), (64, 32)])
def test_the_last_row_and_column_of_odd_sizes_count(size):
    """As in the authors' TensorFlow code: padding SAME, where only pixels of the image are averaged."""
    plan = FeaturePlan("random", ((2, 2), (2, 2)))
    network = random_features(0, plan)
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)) * 255
    _, first, second = network(image)
    height, width = size
    rows = [first[..., top : top + 2, :].mean(-2, keepdim=True) for top in range(0, height, 2)]
    tall = torch.cat(rows, -2)
    pooled = torch.cat([tall[..., left : left + 2].mean(-1, keepdim=True) for left in range(0, width, 2)], -1)
    for name in ("conv2_1", "conv2_2"):
        pooled = functional.relu(network.convs[name](pooled))
    assert second.shape[-2:] == ((height + 1) // 2, (width + 1) // 2)
    torch.testing.assert_close(second, pooled)
