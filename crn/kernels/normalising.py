"""Layer normalisation and leaky ReLU as one step, forward and backward, keeping only what came in.

Written out, the pair makes five maps on the way and keeps three for the backward pass. Here it reads its
input in pieces that stay near the processor and writes one map; backward, each piece is normalised again,
which costs less than reading it from memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from ..network.model import EPSILON, SLOPE
from .strips import FeatureMap, Moments, Scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 1 << 16  # numbers in a piece, about, for each thread


def rows_last(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H, W, C), contiguous; copies only what is not channels-last."""
    return x.permute(0, 2, 3, 1).contiguous()


def channels_first(x: Tensor) -> Tensor:
    """(N, H, W, C), contiguous -> the same numbers as (N, C, H, W), channels-last."""
    return x.permute(0, 3, 1, 2)


def pieces(*maps: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield maps of equal shape (..., C) piece by piece: views (pixels, C)."""
    channels = maps[0].shape[-1]
    flat = [values.view(-1, channels) for values in maps]
    pixels = max(1, PIECE * torch.get_num_threads() // channels)
    return zip(*(torch.split(values, pixels) for values in flat), strict=True)


class Normalisation:
    """Layer normalisation of one sample (H, W, C), then leaky ReLU; with the gradients of both."""

    def __init__(self, raw: Tensor, scale: Tensor, shift: Tensor, scratch: Scratch) -> None:
        """`raw`: contiguous, what is normalised; `scale`, `shift`: (C,)."""
        moments = Moments()
        for (piece,) in pieces(raw):
            moments.add(piece, scratch)
        self.raw, self.scale, self.shift, self.scratch = raw, scale, shift, scratch
        self.mean = moments.mean
        self.inverse = (moments.squares / moments.count + EPSILON) ** -0.5
        self.factor = scale * self.inverse

    def apply(self, out: Tensor) -> Tensor:
        """Write the normalised, activated map to `out`, of the shape of `raw`."""
        offset = self.shift - self.factor * self.mean
        for piece, made in pieces(self.raw, out):
            torch.addcmul(offset, piece, self.factor, out=made)
            functional.leaky_relu_(made, SLOPE)
        return out

    def as_map(self) -> FeatureMap:
        """Return the map as one that normalises and activates the rows that are read."""
        return FeatureMap(self.raw, scale=self.factor, shift=self.shift - self.factor * self.mean)

    def adjoint(self, gradient: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
        """Write the input's gradient, given the output's, to `out` (may be `gradient`).

        Returns the gradients of scale and shift.
        """
        by_scale, by_shift = torch.zeros_like(self.scale), torch.zeros_like(self.shift)
        for piece, given, made in pieces(self.raw, gradient, out):
            centred = torch.sub(piece, self.mean, out=self.scratch.take("centred", *piece.shape))
            z = self.scratch.take("normalised", *piece.shape)
            torch.addcmul(self.shift, centred, self.factor, out=z)
            torch.ops.aten.leaky_relu_backward(given, z, SLOPE, False, grad_input=made)
            by_shift += made.sum(0)
            by_scale += torch.mul(made, centred, out=z).sum(0)
        by_scale *= self.inverse
        count = self.raw.numel()
        mean = float((self.scale * by_shift).sum()) / count  # of the gradient before the normalisation
        along = float((self.scale * by_scale).sum()) / count  # of that times the normalised input
        slope = -along * self.inverse**2
        offset = -mean * self.inverse - slope * self.mean
        for piece, made in pieces(self.raw, out):
            made.mul_(self.factor).add_(piece, alpha=slope).add_(offset)
        return by_scale, by_shift


class _NormaliseActivate(torch.autograd.Function):
    """`normalise_activate` and its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        raw, scratch = rows_last(x), Scratch(x.dtype)
        made = torch.empty_like(raw)
        for sample, out in zip(raw, made, strict=True):
            Normalisation(sample, scale, shift, scratch).apply(out)
        ctx.save_for_backward(raw, scale, shift)
        return channels_first(made)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        raw, scale, shift = ctx.saved_tensors
        scratch, given = Scratch(raw.dtype), rows_last(gradient)
        made = torch.empty_like(raw)
        by_scale, by_shift = torch.zeros_like(scale), torch.zeros_like(shift)
        for sample, incoming, out in zip(raw, given, made, strict=True):
            parts = Normalisation(sample, scale, shift, scratch).adjoint(incoming, out)
            by_scale += parts[0]
            by_shift += parts[1]
        return channels_first(made), by_scale, by_shift


def normalise_activate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Layer normalisation (`model.LayerNorm`) and leaky ReLU of (N, C, H, W); float32 or float64, CPU."""
    made: Tensor = _NormaliseActivate.apply(x, scale, shift)  # type: ignore[no-untyped-call]
    return made
