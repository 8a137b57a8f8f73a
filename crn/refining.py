"""The network's modules as training runs them on a CPU: the same numbers with less arithmetic and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from crn.normalising import normalise_activate

if TYPE_CHECKING:
    from crn.model import RefinementModule


def suits(x: Tensor) -> bool:
    """Whether `refine` can stand in for a module here: float32 (float64) on a CPU, no mixed precision."""
    plain = x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    return plain and x.dtype in {torch.float32, torch.float64}


def refine(module: RefinementModule, labels: Tensor, below: Tensor | None) -> Tensor:
    """See `RefinementModule.forward`: the same features and gradients, nearly; labels get no gradient."""
    x = labels
    if below is not None:
        x = functional.interpolate(below, size=labels.shape[-2:], mode="bilinear", align_corners=True)
        x = torch.cat([x, labels], dim=1)
    x = normalise_activate(module.conv1(x), module.norm1.scale, module.norm1.shift)
    return normalise_activate(module.conv2(x), module.norm2.scale, module.norm2.shift)
