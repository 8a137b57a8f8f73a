"""The network's modules as training runs them on a CPU: the same numbers with less arithmetic and memory.

A module is three steps, each with its own backward pass (`crn.kernels.adjoints`), and each keeps its input
alone: the convolution of upsampled features and labels, which never makes the upsampled map; normalisation,
leaky ReLU and the second convolution; normalisation and leaky ReLU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from .adjoints import add_label_gradient, turned_kernel, upsampled_taps_adjoint, winograd_weights
from .choosing import winograd_from
from .normalising import Normalisation, channels_first, normalise_activate, rows_last
from .strips import (
    FEW_CHANNELS,
    FEW_PIXELS,
    MANY_PIXELS,
    FeatureMap,
    Scratch,
    add_labels,
    bordered,
    label_weights,
    plain_kernel,
    tap_weights,
    upsampled_taps,
    winograd_kernel,
    winograd_whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..network.model import RefinementModule

LABEL_ROWS = 16  # of the fine map, whose label patches are laid out at once, backward


def suits(x: Tensor) -> bool:
    """Whether `refine` can stand in for a module here: float32 (float64) on a CPU, no mixed precision."""
    plain = x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    return plain and x.dtype in {torch.float32, torch.float64}


def refine(module: RefinementModule, labels: Tensor, below: Tensor | None) -> Tensor:
    """See `RefinementModule.forward`: the same features and gradients, nearly; labels get no gradient."""
    first, second = module.norm1, module.norm2
    height, width = labels.shape[-2:]
    if below is None or height * width < FEW_PIXELS:
        x = labels
        if below is not None:
            x = functional.interpolate(below, size=(height, width), mode="bilinear", align_corners=True)
            x = torch.cat([x, labels], dim=1)
        x = normalise_activate(module.conv1(x), first.scale, first.shift)
        x = module.conv2(x)
    else:
        x = upsampled_convolution(below, labels, module.conv1.weight)
        x = activated_convolution(x, first.scale, first.shift, module.conv2.weight)
    return normalise_activate(x, second.scale, second.shift)


def upsampled_convolution(below: Tensor, labels: Tensor, kernel: Tensor) -> Tensor:
    """Convolve upsampled (N, C, H/2, W/2) and labels (N, classes, H, W) by (F, C + classes, 3, 3)."""
    made: Tensor = _UpsampledConvolution.apply(below, labels, kernel)  # type: ignore[no-untyped-call]
    return made


def activated_convolution(x: Tensor, scale: Tensor, shift: Tensor, kernel: Tensor) -> Tensor:
    """Normalise (N, C, H, W), apply the leaky ReLU, and convolve by (F, C, 3, 3)."""
    made: Tensor = _ActivatedConvolution.apply(x, scale, shift, kernel)  # type: ignore[no-untyped-call]
    return made


def pays_to_transform(x: Tensor, kernel: Tensor) -> bool:
    """Whether Winograd's transforms cost less than the products that they save; x: (N, H, W, C)."""
    height, width = x.shape[1:3]
    if height % 4 or width % 4 or height * width < MANY_PIXELS:
        return False
    channels = min(kernel.shape[:2])
    return channels >= FEW_CHANNELS and channels >= winograd_from()


class _UpsampledConvolution(torch.autograd.Function):
    """`upsampled_convolution` and its gradient."""

    @staticmethod
    def forward(ctx: Any, below: Tensor, labels: Tensor, kernel: Tensor) -> Tensor:
        coarse, fine, scratch = rows_last(below), rows_last(labels), Scratch(below.dtype)
        taps = tap_weights(kernel[:, : coarse.shape[3]])
        weights = label_weights(kernel[:, coarse.shape[3] :])
        made = coarse.new_empty(*fine.shape[:3], kernel.shape[0])
        for features, maps, out in zip(coarse, fine, made, strict=True):
            into = FeatureMap(out)
            for top, strip in upsampled_taps(FeatureMap(features), taps, into, scratch):
                add_labels(strip, _label_rows(maps, top, strip.shape[0], scratch), weights, scratch)
        ctx.save_for_backward(coarse, fine, kernel)
        return channels_first(made)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None, Tensor]:
        coarse, fine, kernel = ctx.saved_tensors
        given, scratch = rows_last(gradient), Scratch(coarse.dtype)
        taps = tap_weights(kernel[:, : coarse.shape[3]])
        by_below = torch.empty_like(coarse) if ctx.needs_input_grad[0] else None
        by_taps = torch.zeros_like(taps)
        by_labels = coarse.new_zeros(9 * fine.shape[3], kernel.shape[0])
        for index, (features, maps, incoming) in enumerate(zip(coarse, fine, given, strict=True)):
            out = None if by_below is None else by_below[index]
            by_taps += upsampled_taps_adjoint(incoming, features, taps, out, scratch)
            for top, strip in _row_strips(incoming, LABEL_ROWS):
                rows = _label_rows(maps, top, strip.shape[0], scratch)
                add_label_gradient(by_labels, strip, rows, scratch)
        by_kernel = _join(by_taps, by_labels, kernel)
        return None if by_below is None else channels_first(by_below), None, by_kernel


class _ActivatedConvolution(torch.autograd.Function):
    """`activated_convolution` and its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, kernel: Tensor) -> Tensor:
        raw, scratch = rows_last(x), Scratch(x.dtype)
        ctx.save_for_backward(raw, scale, shift, kernel)
        if not pays_to_transform(raw, kernel):
            return functional.conv2d(_activated(raw, scale, shift, scratch), kernel, padding=1)
        made = raw.new_empty(*raw.shape[:3], kernel.shape[0])
        weights = winograd_kernel(kernel)
        for sample, out in zip(raw, made, strict=True):
            source = Normalisation(sample, scale, shift, scratch).as_map()
            winograd_whole(source, weights, FeatureMap(out), scratch)
        return channels_first(made)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        raw, scale, shift, kernel = ctx.saved_tensors
        scratch, given = Scratch(raw.dtype), rows_last(gradient)
        by_scale, by_shift = torch.zeros_like(scale), torch.zeros_like(shift)
        transform = pays_to_transform(raw, kernel)
        if transform:
            by_input, by_kernel = torch.empty_like(raw), raw.new_zeros(9, raw.shape[3], kernel.shape[0])
            turned = turned_kernel(kernel)
        else:
            activated = _activated(raw, scale, shift, scratch)
            by_input, by_kernel = _plain_adjoint(channels_first(given), activated, kernel)
            del activated
        for sample, incoming, out in zip(raw, given, by_input, strict=True):
            normalisation = Normalisation(sample, scale, shift, scratch)
            if transform:
                by_kernel += winograd_weights(normalisation.as_map(), incoming, scratch)
                winograd_whole(FeatureMap(incoming), turned, FeatureMap(out), scratch)
            parts = normalisation.adjoint(out, out)
            by_scale += parts[0]
            by_shift += parts[1]
        if transform:
            by_kernel = plain_kernel(by_kernel).contiguous(memory_format=torch.channels_last)
        return channels_first(by_input), by_scale, by_shift, by_kernel


def _activated(raw: Tensor, scale: Tensor, shift: Tensor, scratch: Scratch) -> Tensor:
    """(N, H, W, C) -> (N, C, H, W), normalised and activated."""
    made = torch.empty_like(raw)
    for sample, out in zip(raw, made, strict=True):
        Normalisation(sample, scale, shift, scratch).apply(out)
    return channels_first(made)


def _plain_adjoint(gradient: Tensor, x: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of the library's convolution: the input's as (N, H, W, C), the kernel's."""
    by_input, by_kernel, _ = torch.ops.aten.convolution_backward(
        gradient, x, kernel, None, (1, 1), (1, 1), (1, 1), False, (0, 0), 1, (True, True, False)
    )
    return rows_last(by_input), by_kernel


def _row_strips(values: Tensor, rows: int) -> Iterator[tuple[int, Tensor]]:
    """Yield (top row, (n, W, C)) of (H, W, C)."""
    for top in range(0, values.shape[0], rows):
        yield top, values[top : top + rows]


def _label_rows(labels: Tensor, top: int, count: int, scratch: Scratch) -> Tensor:
    """(H, W, classes) -> rows top - 1 ... top + count, (count + 2, W + 2, classes), zero around."""
    out = scratch.take("label rows", count + 2, labels.shape[1] + 2, labels.shape[2])
    first, last, inner = bordered(labels.shape[0], top - 1, top + count + 1, out)
    inner.copy_(labels[first:last])
    return out


def _join(by_taps: Tensor, by_labels: Tensor, kernel: Tensor) -> Tensor:
    """Put the gradients of `tap_weights` and `label_weights` where they belong in the kernel's."""
    features = kernel.shape[0]
    channels = by_taps.shape[1]
    made = torch.empty_like(kernel)
    made[:, :channels] = by_taps.view(3, channels, 3, features).permute(3, 1, 0, 2)
    made[:, channels:] = by_labels.view(3, 3, -1, features).permute(3, 2, 0, 1)
    return made
