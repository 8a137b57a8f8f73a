"""The cascaded refinement network of Chen & Koltun (ICCV 2017), in one file to read from top to bottom.

Layer normalisation, upsampling, initialisation and the order of channels follow the authors' TensorFlow code
exactly (see the tests): any one of them done otherwise is visible in the images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from .config import NetworkConfig

EPSILON = 1e-12
SLOPE = 0.2


def label_pyramid(labels: torch.Tensor, levels: int) -> list[torch.Tensor]:
    """Halve (N, C, H, W) label maps by 2 x 2 means, again and again: `levels` maps, the coarsest first.

    Coarse labels are fractions of a class, not classes.
    """
    pyramid = [labels]
    for _ in range(levels - 1):
        pyramid.append(functional.avg_pool2d(pyramid[-1], kernel_size=2))
    return pyramid[::-1]


class LayerNorm(nn.Module):
    """Normalise each sample over all of (C, H, W); then scale and shift each channel.

    The variance is biased and computed from the centred values (two passes): one pass over
    sum and sum of squares, as in `group_norm(1, C)`, loses accuracy that shows in grey levels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> the same shape and type; the statistics are float32 at least."""
        return normalise_layer(x, self.scale, self.shift)


def normalise_layer(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """What `LayerNorm` does with (N, C, H, W), given scale and shift (C,)."""
    wide = x if x.dtype == torch.float64 else x.float()
    centred = wide - wide.mean(dim=(1, 2, 3), keepdim=True)  # (N, C, H, W)
    variance = centred.square().mean(dim=(1, 2, 3), keepdim=True)  # (N, 1, 1, 1)
    factor = torch.rsqrt(variance + EPSILON) * scale.view(1, -1, 1, 1)  # (N, C, 1, 1)
    return torch.addcmul(shift.view(1, -1, 1, 1).to(wide.dtype), centred, factor).to(x.dtype)


class RefinementModule(nn.Module):
    """Twice: 3 x 3 convolution without bias, layer normalisation, leaky ReLU."""

    def __init__(self, before: int, classes: int, features: int) -> None:
        """`before`: features of the module below (0 for the first); `classes`: channels of the label map."""
        super().__init__()
        self.before = before
        self.conv1 = nn.Conv2d(before + classes, features, kernel_size=3, padding=1, bias=False)
        self.norm1 = LayerNorm(features)
        self.conv2 = nn.Conv2d(features, features, kernel_size=3, padding=1, bias=False)
        self.norm2 = LayerNorm(features)

    def forward(self, labels: torch.Tensor, below: torch.Tensor | None) -> torch.Tensor:
        """Labels (N, C, H, W) and the features (N, before, H/2, W/2) from below -> (N, features, H, W)."""
        if below is None:
            x = labels
        else:
            x = functional.interpolate(below, size=labels.shape[-2:], mode="bilinear", align_corners=True)
            x = torch.cat([x, labels.to(x.dtype)], dim=1)  # (N, before + C, H, W), the features first
        x = functional.leaky_relu(self.norm1(self.conv1(x)), SLOPE, inplace=True)
        return functional.leaky_relu(self.norm2(self.conv2(x)), SLOPE, inplace=True)


class CRN(nn.Module):
    """Label maps to images: a cascade of refinement modules, each twice as fine as the one below."""

    def __init__(self, config: NetworkConfig, generator: torch.Generator | None = None) -> None:
        """Build the network of `config`, initialised as published (Glorot uniform) from `generator`."""
        super().__init__()
        self.config = config
        self.refinements = nn.ModuleDict()
        before = 0
        for height, features in zip(config.heights, config.features, strict=True):
            self.refinements[str(height)] = RefinementModule(before, config.classes, features)
            before = features
        self.head = nn.Conv2d(before, 3 * config.outputs, kernel_size=1)
        for convolution in (module for module in self.modules() if isinstance(module, nn.Conv2d)):
            _initialise(convolution, generator)

    def forward(self, labels: torch.Tensor) -> torch.Tensor:
        """One-hot label maps (N, classes, H, W) in [0, 1] -> images (N, k, 3, H, W), RGB, 0-255, unclipped.

        H and W are the configured size, or any multiple of 2^(modules - 1).
        """
        self.check_size(labels)
        features: torch.Tensor | None = None
        for module, level in zip(
            self.refinements.values(), label_pyramid(labels, len(self.refinements)), strict=True
        ):
            features = module(level, features)
        return to_images(wide_head(self.head, features), self.config.outputs)

    def check_size(self, labels: torch.Tensor) -> None:
        """Raise GlimpseError when (N, C, H, W) labels cannot be halved down the cascade, or C is wrong."""
        step = 2 ** (len(self.refinements) - 1)
        _, classes, height, width = labels.shape
        if classes != self.config.classes:
            raise GlimpseError(
                f"label maps have {classes} channels; this network takes {self.config.classes}."
            )
        if height % step or width % step:
            raise GlimpseError(f"label maps are {height}x{width}; this network needs multiples of {step}.")

    def grown(self, features: int | None = None, generator: torch.Generator | None = None) -> CRN:
        """Return a network with one module more: all weights kept but the head's, which are new."""
        taller = CRN(self.config.grown(features), generator)
        kept = {name: value for name, value in self.state_dict().items() if not name.startswith("head.")}
        taller.load_state_dict(kept, strict=False)
        return taller


def wide_head(head: nn.Conv2d, features: torch.Tensor | None) -> torch.Tensor:
    """Return the head's output, float32 at least whatever came in: 16 bits would show as steps of grey."""
    if features is None:
        raise GlimpseError("the network has no modules.")
    with torch.autocast(features.device.type, enabled=False):
        kind = torch.promote_types(head.weight.dtype, torch.float32)
        bias = None if head.bias is None else head.bias.to(kind)
        return functional.conv2d(features.to(kind), head.weight.to(kind), bias)


def to_images(y: torch.Tensor, outputs: int) -> torch.Tensor:
    """(N, 3 k, H, W) -> (N, k, 3, H, W) in grey levels: image u of k has channels u, k + u and 2k + u."""
    n, _, height, width = y.shape
    split = y.view(n, 3, outputs, height, width).transpose(1, 2)  # by colour first, then by image
    return (split + 1.0) / 2.0 * 255.0


def _initialise(convolution: nn.Conv2d, generator: torch.Generator | None) -> None:
    if convolution.weight.is_meta:
        return
    nn.init.xavier_uniform_(convolution.weight, generator=generator)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
