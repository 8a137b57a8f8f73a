"""A feature network as training runs it on a CPU: Winograd's convolutions, and little kept to go back.

Its weights never learn, so all that a convolution's backward pass needs is where the ReLU let values through:
a byte a number instead of four, and no input at all.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from ..losses.features import FeatureNetwork
from .adjoints import turned_kernel
from .normalising import channels_first, rows_last
from .refining import pays_to_transform, suits
from .strips import FeatureMap, Scratch, bordered, winograd, winograd_kernel, winograd_whole


class LeanFeatures(FeatureNetwork):
    """A `FeatureNetwork` with the weights of another: the same taps and gradients, nearly."""

    def __init__(self, network: FeatureNetwork):
        nn.Module.__init__(self)
        self.plan, self.convs = network.plan, network.convs
        self.register_buffer("mean", network.mean, persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """See `FeatureNetwork.forward`, which does the work where `kernels.refining` does not suit."""
        if not suits(images):
            return super().forward(images)
        x = images - self.mean
        taps = [x]
        for block, (_, count) in enumerate(self.plan.blocks, start=1):
            if block > 1:
                x = halve(x)
            for index in range(1, count + 1):
                conv = cast("nn.Conv2d", self.convs[f"conv{block}_{index}"])
                x = frozen_convolution(x, conv.weight, conv.bias)
                if index == 2:
                    taps.append(x)
        return taps


def frozen_convolution(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve (N, C, H, W) by (F, C, 3, 3), add the bias (F,), apply the ReLU; only `x` gets a gradient."""
    made: Tensor = _FrozenConvolution.apply(x, kernel, bias)  # type: ignore[no-untyped-call]
    return made


def halve(x: Tensor) -> Tensor:
    """Average pooling of (N, C, H, W) by 2 x 2; the last row or column of an odd size stands alone."""
    made: Tensor = _Halve.apply(x)  # type: ignore[no-untyped-call]
    return made


class _FrozenConvolution(torch.autograd.Function):
    """`frozen_convolution` and its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        maps = rows_last(x)
        if pays_to_transform(maps, kernel):
            made = maps.new_empty(*maps.shape[:3], kernel.shape[0])
            weights, scratch = winograd_kernel(kernel), Scratch(maps.dtype)
            for sample, out in zip(maps, made, strict=True):
                for _, strip in winograd(FeatureMap(sample), weights, FeatureMap(out), scratch):
                    (strip if bias is None else strip.add_(bias)).relu_()
        else:
            made = rows_last(functional.conv2d(x, kernel, bias, padding=1).relu_())
        ctx.save_for_backward(made > 0 if ctx.needs_input_grad[0] else None, kernel)
        return channels_first(made)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        passed, kernel = ctx.saved_tensors
        given = rows_last(gradient)
        if not pays_to_transform(given, kernel):
            masked = channels_first(given * passed)
            return functional.conv_transpose2d(masked, kernel, padding=1), None, None
        made = given.new_empty(*given.shape[:3], kernel.shape[1])
        turned, scratch = turned_kernel(kernel), Scratch(given.dtype)
        for incoming, mask, out in zip(given, passed, made, strict=True):
            winograd_whole(_Masked(incoming, mask), turned, FeatureMap(out), scratch)
        return channels_first(made), None, None


class _Masked(FeatureMap):
    """A map that is read with zeros where a mask (H, W, C) says no."""

    def __init__(self, raw: Tensor, mask: Tensor):
        super().__init__(raw)
        self.mask = mask

    def read(self, top: int, bottom: int, out: Tensor) -> Tensor:
        first, last, inner = bordered(self.raw.shape[0], top, bottom, out)
        torch.mul(self.raw[first:last], self.mask[first:last], out=inner)
        return out


class _Halve(torch.autograd.Function):
    """`halve` and its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.size = x.shape
        return functional.avg_pool2d(x, 2, ceil_mode=True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        n, channels, height, width = ctx.size
        given = rows_last(gradient)
        down, across = given.shape[1:3]
        share = torch.outer(_shares(height, gradient), _shares(width, gradient))
        spread = (given * share[:, :, None])[:, :, None, :, None]  # (N, h, 1, w, 1, C)
        made = gradient.new_empty(n, down, 2, across, 2, channels).copy_(spread)
        made = made.view(n, 2 * down, 2 * across, channels)
        return channels_first(made[:, :height, :width].contiguous())


def _shares(size: int, like: Tensor) -> Tensor:
    """Return what a pixel counts along one side of each window of two: a half, or all where it is alone."""
    shares = like.new_full(((size + 1) // 2,), 0.5)
    if size % 2:
        shares[-1] = 1.0
    return shares
