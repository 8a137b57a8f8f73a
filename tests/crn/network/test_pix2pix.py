"""pix2pix against the architecture of the official repository, and its generators' files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from glimpse.crn.data.labels import label_set, one_hot
from glimpse.crn.network.checkpoints import load_weights, save_weights
from glimpse.crn.network.pix2pix import (
    OFFICIAL_WIDTHS,
    Discriminator,
    SampleNorm,
    build_generator,
    pix2pix_config,
    read_official,
)
from glimpse.errors import GlimpseError

CAMVID = label_set("camvid")


class Block(nn.Module):
    """One level of the published U-Net, after the paper; names as the official files have them."""

    def __init__(self, outer, inner, below=None, outermost=False, dropout=False, source=None):
        super().__init__()
        self.outermost = outermost
        down = nn.Conv2d(source or outer, inner, 4, 2, 1, bias=False)
        rise = nn.ConvTranspose2d(inner * (2 if below else 1), outer, 4, 2, 1, bias=outermost)
        if outermost:
            parts = [down, below, nn.ReLU(), rise, nn.Tanh()]
        elif below is None:
            parts = [nn.LeakyReLU(0.2), down, nn.ReLU(), rise, nn.BatchNorm2d(outer)]
        else:
            parts = [
                nn.LeakyReLU(0.2),
                down,
                nn.BatchNorm2d(inner),
                below,
                nn.ReLU(),
                rise,
                nn.BatchNorm2d(outer),
            ]
            parts += [nn.Dropout(0.5)] if dropout else []
        self.model = nn.Sequential(*parts)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class Official(nn.Module):
    """A U-Net with the widths `base` x 1, 2, 4, 8, 8, ... and colour input."""

    def __init__(self, base: int, levels: int, channels: int = 3):
        super().__init__()
        block = Block(base * 8, base * 8)
        for _ in range(levels - 5):
            block = Block(base * 8, base * 8, block, dropout=True)
        for factor in (4, 2, 1):
            block = Block(base * factor, base * factor * 2, block)
        self.model = Block(3, base, block, outermost=True, source=channels)


@pytest.fixture
def official(tmp_path) -> tuple[Official, Path]:
    torch.random.manual_seed(0)
    network = Official(4, 6)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.normal_(1.0 if name.endswith("norm.weight") else 0.0, 0.3)
    path = tmp_path / "latest_net_G.pth"
    torch.save(network.state_dict(), path)
    return network, path


def test_an_official_generator_gives_the_same_image(official) -> None:
    network, path = official
    classes = torch.randint(12, (1, 64, 128), generator=torch.Generator().manual_seed(1)).numpy()
    colours = torch.tensor([c[0] for c in CAMVID.colours])[torch.as_tensor(classes)[0]]  # (H, W, 3)
    shown = colours.permute(2, 0, 1)[None].float() / 127.5 - 1
    for part in network.modules():
        if isinstance(part, nn.Dropout):
            part.eval()  # batch normalisation stays in training mode, as the official test script leaves it
    with torch.no_grad():
        expected = (network.model(shown) + 1) * 127.5
        found = read_official(path, CAMVID, 64, 128)(one_hot(classes, 12))
    assert found.shape == (1, 1, 3, 64, 128)
    torch.testing.assert_close(found[:, 0], expected, rtol=0, atol=2e-3)


def test_a_converted_generator_is_stored_and_loaded_like_any_network(official, tmp_path) -> None:
    generator = read_official(official[1], CAMVID, 64, 128)
    path = save_weights(tmp_path / "facades", generator, generator.config, {"from": "latest_net_G.pth"})
    again = load_weights(path).model
    labels = one_hot(torch.randint(12, (1, 64, 128)).numpy(), 12)
    with torch.no_grad():
        torch.testing.assert_close(again(labels), generator(labels), rtol=0, atol=0)


def test_files_that_are_no_unet_are_refused(official, tmp_path) -> None:
    torch.save({"model.0.weight": torch.zeros(3)}, tmp_path / "resnet.pth")
    with pytest.raises(GlimpseError, match=r"resnet\.pth: has no U-Net generator in it"):
        read_official(tmp_path / "resnet.pth", CAMVID)
    (tmp_path / "broken.pth").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(GlimpseError, match="not a PyTorch weights file"):
        read_official(tmp_path / "broken.pth", CAMVID)
    with pytest.raises(GlimpseError, match="no such file"):
        read_official(tmp_path / "absent.pth", CAMVID)
    torch.save(Official(4, 6, channels=5).state_dict(), tmp_path / "five.pth")
    with pytest.raises(GlimpseError, match="not a U-Net of these classes"):
        read_official(tmp_path / "five.pth", CAMVID, 64, 128)


class Malicious:
    """A pickle that would write a file."""

    def __reduce__(self):
        return Path.touch, (Path("pwned"),)


def test_a_pickle_that_runs_code_is_not_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model.model.0.weight": Malicious()}, tmp_path / "bad.pth")
    with pytest.raises(GlimpseError, match="not a PyTorch weights file"):
        read_official(tmp_path / "bad.pth", CAMVID)
    assert not (tmp_path / "pwned").exists()


def test_the_published_sizes() -> None:
    generator = build_generator(pix2pix_config("cityscapes", 3, 256, 512))
    assert sum(p.numel() for p in generator.parameters()) == 54_413_955 - 0
    discriminator = Discriminator(3)
    assert sum(p.numel() for p in discriminator.parameters()) == 2_768_705
    assert generator.config.features == OFFICIAL_WIDTHS


def test_the_discriminator_sees_patches_of_70_pixels() -> None:
    discriminator = Discriminator(1, 2, torch.Generator().manual_seed(0))
    for part in discriminator:
        if isinstance(part, SampleNorm):
            part.forward = lambda x: x  # statistics of the whole image would see it all
    image = torch.zeros(1, 4, 128, 128, requires_grad=True)
    verdict = discriminator(image)
    assert verdict.shape[-2:] == (14, 14)
    verdict[0, 0, 7, 7].backward()
    seen = image.grad.abs().sum((0, 1)).nonzero()
    extent = seen.max(0).values - seen.min(0).values + 1
    assert extent.tolist() == [70, 70]


def test_samples_do_not_influence_one_another() -> None:
    generator = build_generator(
        pix2pix_config("camvid", 12, 32, 64, (4, 8, 8, 8)), torch.Generator().manual_seed(0)
    )
    generator.eval()
    labels = one_hot(torch.randint(12, (2, 32, 64), generator=torch.Generator().manual_seed(0)).numpy(), 12)
    with torch.no_grad():
        both, first = generator(labels), generator(labels[:1])
    torch.testing.assert_close(both[:1], first, rtol=0, atol=1e-3)
    assert first.min() >= 0
    assert first.max() <= 255


def test_sizes_that_do_not_halve_are_refused() -> None:
    with pytest.raises(GlimpseError, match="multiples of 256 pixels"):
        pix2pix_config("cityscapes", 20, 128, 256)
    generator = build_generator(pix2pix_config("camvid", 12, 32, 64, (4, 8, 8, 8)))
    with pytest.raises(GlimpseError, match="both must be multiples of 16"):
        generator(torch.zeros(1, 12, 40, 64))
    with pytest.raises(GlimpseError, match="takes 12"):
        generator(torch.zeros(1, 5, 32, 64))
