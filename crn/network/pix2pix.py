"""The baseline: pix2pix (Isola et al., CVPR 2017), a U-Net generator and a 70x70 PatchGAN discriminator.

The generator's parameters have the names of the official PyTorch repository's (`model.model.0.weight`, ...).
Official generators read label maps as colours; ours read one-hot classes. Because a colour is a linear
function of the one-hot vector, the first kernel converts exactly (`read_official`).

Batch normalisation uses each sample's own statistics, in training and afterwards: what the paper does with
batches of one. Dropout, the paper's only noise, is off when images are made, so that they can be reproduced.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from glimpse.errors import GlimpseError

from .config import NetworkConfig

if TYPE_CHECKING:
    from pathlib import Path

    from ..data.labels import LabelSet

OFFICIAL_WIDTHS = (64, 128, 256, 512, 512, 512, 512, 512)  # of unet_256, outermost first


def pix2pix_config(
    label_set: str, classes: int, height: int, width: int, widths: tuple[int, ...] = OFFICIAL_WIDTHS
) -> NetworkConfig:
    """Return the settings of a U-Net with `widths` channels a level; each level halves the resolution."""
    step = 2 ** len(widths)
    if height % step or width % step:
        raise GlimpseError(
            f"pix2pix with {len(widths)} levels needs a size in multiples of {step} pixels; "
            f"{height}x{width} is not: change the size or --widths."
        )
    return NetworkConfig(
        "pix2pix", label_set, classes, height, width, base_height=height // step, features=tuple(widths)
    )


def build_generator(config: NetworkConfig, generator: torch.Generator | None = None) -> Generator:
    """Build the (randomly initialised) U-Net of `config`, whose features are channels from the outside in."""
    return Generator(config, generator)


class SampleNorm(nn.BatchNorm2d):
    """Batch normalisation as pix2pix uses it, in batches of one: by each sample's own statistics, always."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same; the running statistics are kept for their names only."""
        return functional.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)


class _Level(nn.Module):
    """One level of the U-Net: down, the levels below, up; the skip connection goes around."""

    def __init__(self, outer: int, inner: int, below: _Level | None, *, dropout: bool):
        super().__init__()
        down = [nn.LeakyReLU(0.2), nn.Conv2d(outer, inner, 4, 2, 1, bias=False)]
        up = [nn.ReLU(), nn.ConvTranspose2d(inner * (2 if below else 1), outer, 4, 2, 1, bias=False)]
        middle = [SampleNorm(inner), below] if below else []
        end = [SampleNorm(outer), *([nn.Dropout(0.5)] if dropout else [])]
        self.model = nn.Sequential(*down, *middle, *up, *end)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.model(x)], 1)


class _Outermost(nn.Module):
    def __init__(self, classes: int, width: int, below: _Level):
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(classes, width, 4, 2, 1, bias=False),
            below,
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, 3, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.model(x)
        return result


class Generator(nn.Module):
    """The U-Net generator: one-hot label maps to one image each."""

    def __init__(self, config: NetworkConfig, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        widths = config.features
        if len(widths) < 2:
            raise GlimpseError(f"pix2pix needs at least two levels; features is {list(widths)}.")
        level: _Level | None = None
        for depth in range(len(widths) - 1, 0, -1):
            # As in the official code: dropout on the levels of full width but the innermost.
            dropout = widths[depth] == widths[depth - 1] and level is not None
            level = _Level(widths[depth - 1], widths[depth], level, dropout=dropout)
        if level is not None:
            self.model = _Outermost(config.classes, widths[0], level)
        _initialise(self, generator)

    def forward(self, labels: Tensor) -> Tensor:
        """One-hot labels (N, classes, H, W) -> images (N, 1, 3, H, W), RGB in [0, 255]."""
        step = 2 ** len(self.config.features)
        if labels.shape[1] != self.config.classes:
            raise GlimpseError(
                f"label maps have {labels.shape[1]} channels; this network takes {self.config.classes}."
            )
        if labels.shape[2] % step or labels.shape[3] % step:
            raise GlimpseError(
                f"label maps are {labels.shape[2]}x{labels.shape[3]}; both must be multiples of {step}."
            )
        images: Tensor = (self.model(labels)[:, None] + 1.0) * 127.5
        return images


class Discriminator(nn.Sequential):
    """The 70x70 PatchGAN: labels and an image, concatenated, to one logit a patch."""

    def __init__(self, classes: int, width: int = 64, generator: torch.Generator | None = None):
        layers: list[nn.Module] = [nn.Conv2d(classes + 3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for before, after, stride in ((1, 2, 2), (2, 4, 2), (4, 8, 1)):
            layers += [
                nn.Conv2d(before * width, after * width, 4, stride, 1, bias=False),
                SampleNorm(after * width),
                nn.LeakyReLU(0.2),
            ]
        super().__init__(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))
        _initialise(self, generator)


def _initialise(module: nn.Module, generator: torch.Generator | None) -> None:
    """As published: normal, standard deviation 0.02; scales around 1, biases 0."""
    for part in module.modules():
        if not isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d) or part.weight.is_meta:
            continue
        mean = 1.0 if isinstance(part, nn.BatchNorm2d) else 0.0
        nn.init.normal_(part.weight, mean, 0.02, generator=generator)
        if part.bias is not None:
            nn.init.zeros_(part.bias)


def read_official(path: Path, labels: LabelSet, height: int = 256, width: int = 256) -> Generator:
    """Read a generator's `.pth` of the official repository (`unet_256`, batch normalisation), weights only.

    `labels`: the label set whose first colours the generator was trained on; its 3-channel colour input
    becomes one-hot input, exactly. A file of another architecture is a GlimpseError that names what does not
    fit.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise GlimpseError(f"{path}: no such file.") from None
    except Exception as error:  # noqa: BLE001 - torch raises many kinds for a damaged file
        raise GlimpseError(f"{path}: not a PyTorch weights file ({type(error).__name__}).") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise GlimpseError(
            f"{path}: is not a state dict; the official generators are `latest_net_G.pth` files."
        )
    state = {name.removeprefix("module."): value for name, value in state.items()}
    state = {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    widths = _official_widths(state, path)
    first = "model.model.0.weight"
    if state[first].shape[1] == 3:
        palette = torch.tensor([colours[0] if colours else (0, 0, 0) for colours in labels.colours])
        shown = palette.float() / 127.5 - 1  # (classes, 3), as the official code normalises colours
        state[first] = torch.einsum("orhw,cr->ochw", state[first], shown)
    config = pix2pix_config(labels.name, len(labels.classes), height, width, widths)
    generator = build_generator(config)
    expected = generator.state_dict()
    for name, value in expected.items():
        if name.rsplit(".", 1)[-1] in {"running_mean", "running_var", "num_batches_tracked"}:
            state.setdefault(name, value)
        if name not in state or state[name].shape != value.shape:
            found = tuple(state[name].shape) if name in state else "nothing"
            raise GlimpseError(
                f"{path}: {name} should be {tuple(value.shape)}, found {found}: not a U-Net of these classes."
            )
    generator.load_state_dict({name: state[name] for name in expected})
    return generator.eval()


def _official_widths(state: dict[str, Tensor], path: Path) -> tuple[int, ...]:
    """Read the U-Net's widths off its downward convolutions."""
    pattern = re.compile(r"model\.model\.(?:0|1(?:\.model\.3)*\.model\.1)\.weight")
    found = sorted((name for name in state if pattern.fullmatch(name)), key=len)
    if len(found) < 2:
        raise GlimpseError(
            f"{path}: has no U-Net generator in it (expected names such as model.model.1.model.1.weight)."
        )
    if any(name.endswith(".bias") for name in state if pattern.fullmatch(name.replace(".bias", ".weight"))):
        raise GlimpseError(
            f"{path}: uses instance normalisation; pix2pix generators use batch normalisation."
        )
    return tuple(int(state[name].shape[0]) for name in found)
