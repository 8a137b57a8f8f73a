"""A network with more features that gives the same images: what was learnt goes on in a larger one.

Net2WiderNet of Chen, Goodfellow & Shlens (2016), "Net2Net: accelerating learning via knowledge transfer", for
the refinement network. All features of a module are copied equally often, since layer normalisation looks at
them together. Who reads a feature divides its weight among the copies, unevenly, so that the copies learn
different things from then on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from glimpse.errors import GlimpseError

from .model import CRN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from .model import LayerNorm


def widened(model: CRN, features: Sequence[int], generator: torch.Generator | None = None) -> CRN:
    """Return a network with so many features in each module, whose images are those of `model`.

    Args:
        model: A network whose modules have fewer features, or as many.
        features: Of each module, the coarsest first; each a whole multiple of what the module has.
        generator: Decides how copies share weights; None: PyTorch's own.

    Raises:
        GlimpseError: There are more or fewer numbers than modules, or one is no multiple.

    Example:
        >>> from glimpse.crn.network.config import NetworkConfig
        >>> small = CRN(NetworkConfig("crn", "cityscapes", 20, 8, 16, features=(6, 4)))
        >>> widened(small, (12, 4)).config.features
        (12, 4)
    """
    times = _times(model.config.features, tuple(features))
    wide = CRN(replace(model.config, features=tuple(features)), generator)
    below = 1
    with torch.no_grad():
        modules: Any = zip(model.refinements.values(), wide.refinements.values(), times, strict=True)
        for old, new, copies in modules:
            _copy(old.conv1, new.conv1, old.before, below, copies, generator)
            _copy(old.conv2, new.conv2, old.conv2.in_channels, copies, copies, generator)
            _copy_norm(old.norm1, new.norm1, copies)
            _copy_norm(old.norm2, new.norm2, copies)
            below = copies
        _copy(model.head, wide.head, model.head.in_channels, below, 1, generator)
        if model.head.bias is not None and wide.head.bias is not None:
            wide.head.bias.copy_(model.head.bias)
    return wide


def _times(old: tuple[int, ...], new: tuple[int, ...]) -> list[int]:
    """Return how many copies each module has of its features."""
    if len(old) != len(new) or any(wanted % has for has, wanted in zip(old, new, strict=True)):
        raise GlimpseError(
            f"--widths is {','.join(map(str, new))}; the weights have {','.join(map(str, old))}, and a "
            "network grows by whole multiples of each. State such multiples, or leave --widths out."
        )
    return [wanted // has for has, wanted in zip(old, new, strict=True)]


def _copy(
    old: nn.Conv2d, new: nn.Conv2d, read: int, below: int, copies: int, generator: torch.Generator | None
) -> None:
    """Fill a convolution: `below` copies of each of its first `read` inputs, `copies` of each output."""
    weight = old.weight.repeat_interleave(copies, 0)
    copied = weight[:, :read].repeat_interleave(below, 1)  # (out, read x below, k, k)
    if below > 1:
        shape = (weight.shape[0], read, below, 1, 1)
        shares = 0.5 + torch.rand(shape, generator=generator)
        shares = (shares / shares.sum(dim=2, keepdim=True)).flatten(1, 2)
        copied = copied * shares.to(copied.dtype)
    new.weight.copy_(torch.cat([copied, weight[:, read:]], dim=1))


def _copy_norm(old: LayerNorm, new: LayerNorm, copies: int) -> None:
    """Fill a layer normalisation whose features have `copies` copies each."""
    new.scale.copy_(old.scale.repeat_interleave(copies))
    new.shift.copy_(old.shift.repeat_interleave(copies))
