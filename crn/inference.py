"""Running a network fast: the same images as `model(labels)`, without what only training needs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from crn.errors import CRNError

if TYPE_CHECKING:
    from torch import nn

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Renderer:
    """A network prepared for one device and one type of number."""

    def __init__(self, model: nn.Module, device: str = "cpu", dtype: str = "float32") -> None:
        """Copy `model` to `device`; `dtype` is a name in DTYPES."""
        self.device = _device(device)
        self.dtype = DTYPES[dtype]
        self.model = copy.deepcopy(model).eval().to(self.device, self.dtype)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.classes: int = model.config.classes  # type: ignore[assignment,union-attr]

    def __call__(self, labels: torch.Tensor) -> torch.Tensor:
        """One-hot label maps (N, classes, H, W) -> images (N, k, 3, H, W) uint8 RGB on the CPU."""
        with torch.inference_mode():
            images = self.model(labels.to(self.device, self.dtype))
            return to_bytes(images).cpu()


def to_bytes(images: torch.Tensor) -> torch.Tensor:
    """Clip images to [0, 255] and round to uint8: what is saved."""
    return images.float().round().clamp(0, 255).to(torch.uint8)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise CRNError(
            f"device {name!r} is not available to torch here; use cpu, or cuda (mps) where there is one."
        ) from None
    return device
