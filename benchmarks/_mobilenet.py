"""MobileNetV2 (Sandler et al. 2018) as a judge: its inner maps, from torchvision's weights file.

No network of Glimpse is trained with it, so its verdict is not what they were made to please.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

FILE = "mobilenet_v2-b0353104.pth"
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
# Expansion, stride and repetitions of the blocks that are used; the maps of the last of each are compared.
BLOCKS = ((1, 1, 1), (6, 2, 2), (6, 2, 3), (6, 2, 4), (6, 1, 3))
EPSILON = 1e-5


class MobileNet:
    """The first fourteen blocks of MobileNetV2: maps at 1/2, 1/4, 1/8, 1/16 and 1/16 of the image's size."""

    def __init__(self, path: Path):
        """Read the weights; GlimpseError where the file is not torchvision's."""
        try:
            self.state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
            self.state["features.13.conv.2.weight"].shape  # noqa: B018 - the last kernel that is needed
        except Exception as error:  # noqa: BLE001 - torch raises many kinds for a damaged file
            raise GlimpseError(f"{path}: not torchvision's {FILE} ({type(error).__name__}).") from None

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> list[Tensor]:
        """Return the maps (N, C, h, w) of images (N, 3, H, W), RGB in [0, 255]."""
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        x = self._layer((images - mean) / std, "features.0", stride=2, clipped=True)
        taps, block = [], 0
        for expansion, stride, count in BLOCKS:
            for repetition in range(count):
                block += 1
                x = self._block(x, f"features.{block}.conv", expansion, stride if repetition == 0 else 1)
            taps.append(x)
        return taps

    def _block(self, x: Tensor, name: str, expansion: int, stride: int) -> Tensor:
        made, place = x, 0
        if expansion > 1:
            made, place = self._layer(made, f"{name}.0", clipped=True), 1
        made = self._layer(made, f"{name}.{place}", stride=stride, clipped=True)
        made = self._normalised(
            functional.conv2d(made, self.state[f"{name}.{place + 1}.weight"]), f"{name}.{place + 2}"
        )
        return x + made if made.shape == x.shape else made

    def _layer(self, x: Tensor, name: str, *, stride: int = 1, clipped: bool = False) -> Tensor:
        """Convolve, normalise, clip to [0, 6]; depthwise where the kernel has one input channel."""
        kernel = self.state[f"{name}.0.weight"]
        groups = x.shape[1] if kernel.shape[1] == 1 and x.shape[1] > 1 else 1
        made = functional.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2, groups=groups)
        made = self._normalised(made, f"{name}.1")
        return made.clamp(0, 6) if clipped else made

    def _normalised(self, x: Tensor, name: str) -> Tensor:
        weight, bias, mean, variance = (
            self.state[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        return functional.batch_norm(x, mean, variance, weight, bias, eps=EPSILON)
