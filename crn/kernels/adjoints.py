"""The backward pass of the convolutions in `crn.kernels.strips`: the same savings, strip by strip.

The gradients of a linear map are its adjoint. What the forward pass interpolates after multiplying, this
gathers before multiplying (at the coarse size, a quarter of the products); for Winograd's convolution the
input's gradient is the convolution by the turned kernel, and the kernel's is (for Y = A' [G K G' . B' X B] A)
G' [sum over tiles of B' X B . A dY A'] G.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

import torch

from .strips import (
    BLOCK,
    STRIP_ROWS,
    FeatureMap,
    Scratch,
    both_ways,
    input_tiles,
    interpolation,
    label_patches,
    winograd_kernel,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


def gathering(coarse: int, first: int, count: int, dtype: torch.dtype) -> Tensor:
    """Weights (2 count + 4, count, 3), the transpose of `interpolation`.

    Row r is fine pixel 2 first - 2 + r; [r, i, t] is what coarse pixel first + i adds to it through tap t.
    """
    return interpolation(coarse, first - 1, count + 2, dtype)[:, 2:-2]


def gathered_taps(gradient: Tensor, scratch: Scratch) -> Iterator[tuple[int, Tensor]]:
    """Take the gradient (2 h, 2 w, F) of `upsampled_taps` back to the taps, without the products.

    Yields (top row, (3, n w, 3 F)) in strips of the coarse map: by row of the kernel, coarse pixel, column of
    the kernel and output channel.
    """
    height, width, features = gradient.shape[0] // 2, gradient.shape[1] // 2, gradient.shape[2]
    n, block = gcd(STRIP_ROWS, height), gcd(BLOCK, width)
    blocks, line = width // block, (2 * width + 4) * features
    lines = scratch.take("gathered lines", 3 * n, line)
    lines[:, : 2 * features] = 0
    lines[:, -2 * features :] = 0
    windows = lines.as_strided(
        (3 * n, blocks, 2 * block + 4, features), (line, 2 * block * features, features, 1)
    )
    steps = range(0, width, block)
    across = torch.stack([gathering(width, first, block, scratch.dtype) for first in steps])
    across = across.permute(0, 2, 3, 1).reshape(blocks, 3 * block, -1)
    taps = scratch.take("gathered taps", 3, n * width, 3 * features)
    flat = gradient.view(2 * height, -1)
    for top in range(0, height, n):
        first, last = max(0, 2 * top - 2), min(2 * height, 2 * top + 2 * n + 2)
        down = gathering(height, top, n, scratch.dtype).permute(2, 1, 0).reshape(3 * n, -1)
        down = down[:, first - (2 * top - 2) : last - (2 * top - 2)]
        torch.mm(down, flat[first:last], out=lines[:, 2 * features : -2 * features])
        for window, made in zip(windows, taps.view(3 * n, blocks, 3 * block, features), strict=True):
            torch.bmm(across, window, out=made)
        yield top, taps


def upsampled_taps_adjoint(
    gradient: Tensor, below: Tensor, weights: Tensor, by_below: Tensor | None, scratch: Scratch
) -> Tensor:
    """Gradients of `upsampled_taps`: the weights' (3, C, 3 F) is returned, the input's written.

    `gradient`: (2 h, 2 w, F); `below`: (h, w, C), final; `weights`: `tap_weights`; `by_below`: (h, w, C), or
    None where nobody needs it.
    """
    width, channels = below.shape[1:]
    by_weights = torch.zeros_like(weights)
    flat = below.view(-1, channels)
    for top, taps in gathered_taps(gradient, scratch):
        here = slice(top * width, top * width + taps.shape[1])
        rows = flat[here].t()
        for kernel_row, made in zip(taps, by_weights, strict=True):
            made.addmm_(rows, kernel_row)
        if by_below is not None:
            out = by_below.view(-1, channels)[here]
            torch.mm(taps[0], weights[0].t(), out=out)
            out.addmm_(taps[1], weights[1].t()).addmm_(taps[2], weights[2].t())
    return by_weights


def add_label_gradient(by_weights: Tensor, gradient: Tensor, labels: Tensor, scratch: Scratch) -> None:
    """Add a strip's share to the gradient (9 classes, F) of `add_labels`' weights.

    `gradient`: (n, W, F); `labels`: (n + 2, W + 2, classes), zero-padded.
    """
    by_weights.addmm_(label_patches(labels, scratch).t(), gradient.view(-1, gradient.shape[-1]))


def turned_kernel(kernel: Tensor) -> Tensor:
    """(F, C, 3, 3) -> (9, F, C): with it `winograd` makes the input's gradient of the output's."""
    return winograd_kernel(kernel.flip(2, 3).transpose(0, 1))


def winograd_weights(source: FeatureMap, gradient: Tensor, scratch: Scratch) -> Tensor:
    """Gradient (9, C, F) of the kernel in `winograd`, given the output's, (H, W, F)."""
    features, channels = gradient.shape[2], source.raw.shape[2]
    made = scratch.take("weights", 36, channels, features).zero_()
    spread = both_ways("output", scratch.dtype).t()  # (36, 16)
    for top, down, inputs in input_tiles(source, scratch):
        across = inputs.shape[1] // down
        windows = scratch.take("outputs", 4, 4, down, across, features)
        tiles = gradient[top : top + 4 * down].view(down, 4, across, 4, features)
        windows.copy_(tiles.permute(1, 3, 0, 2, 4))
        outputs = scratch.take("products", 36, down * across, features)
        torch.mm(spread, windows.view(16, -1), out=outputs.view(36, -1))
        made.baddbmm_(inputs.transpose(1, 2), outputs)
    return (both_ways("kernel", scratch.dtype).t() @ made.view(36, -1)).view(9, channels, features)
