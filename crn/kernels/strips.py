"""3 x 3 convolutions with less arithmetic than they seem to need, strip by strip (a few rows at a time).

Two identities, both exact but for rounding, take 2.15 to about 0.7 tera-operations at 256 x 512:

- Upsampling is linear and works on each channel alone, so it commutes with the 1 x 1 convolution that each
  tap of a 3 x 3 kernel is. `upsampled_taps` multiplies before upsampling, on a quarter of the pixels; what is
  left at the fine resolution are weighted sums of neighbours (`interpolation`).
- Winograd's F(4 x 4, 3 x 3) (Lavin & Gray, CVPR 2016) makes 16 outputs with 36 products instead of 144.

Strips keep the working set near the processor and the memory small: nothing upsampled is ever whole. Layout
is (rows, columns, channels) throughout; arithmetic is float32 whatever the maps are stored in (float64 with a
`Scratch` of that type). `crn.kernels.adjoints` has the same for the backward pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from math import gcd
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from ..network.model import EPSILON, SLOPE

if TYPE_CHECKING:
    from collections.abc import Iterator

STRIP_ROWS = 8  # of the coarse map, at most, in `upsampled_taps`
BLOCK = 4  # coarse columns, at most, that are interpolated by one small matrix
TILES = 128  # about as many Winograd tiles in a strip: they should stay in the cache
FEW_CHANNELS = 64  # below, a convolution as it is costs less than its transforms
FEW_PIXELS = 16 * 32  # below, a module is not worth cutting into strips
MOST_AT_ONCE = 1 << 16  # numbers that are summed in float32; their sums are joined in float64
MANY_PIXELS = 32 * 64  # from here on, transforming the kernel pays


class Scratch:
    """Memory that is used again and again: pages that are new cost more than the arithmetic on them."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        self.dtype = dtype
        self._flat: dict[str, torch.Tensor] = {}

    def take(self, name: str, *shape: int) -> torch.Tensor:
        """Return the tensor called `name`, of any contents."""
        size = torch.Size(shape).numel()
        if name not in self._flat or self._flat[name].numel() < size:
            self._flat[name] = torch.empty(size, dtype=self.dtype)
        return self._flat[name][:size].view(shape)


@dataclass
class Moments:
    """Mean and biased variance of a map that is seen in strips, joined as Chan et al. (1983) do."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0  # sum of squared distances from the mean

    def add(self, strip: torch.Tensor, scratch: Scratch) -> None:
        """Take in a strip, float32, contiguous, of any shape.

        In pieces: a dot product of millions of numbers in float32 is wrong by hundredths of a grey level.
        """
        for piece in torch.split(strip.view(-1), MOST_AT_ONCE):
            self._join(piece, scratch)

    def _join(self, flat: torch.Tensor, scratch: Scratch) -> None:
        count = flat.numel()
        mean = float(flat.sum()) / count
        squares = float(torch.dot(flat, flat)) - count * mean * mean
        if squares < count * mean * mean:  # a mean so large that the difference would lose digits
            centred = torch.sub(flat, mean, out=scratch.take("centred", count))
            squares = float(torch.dot(centred, centred))
        total = self.count + count
        self.squares += squares + (mean - self.mean) ** 2 * self.count * count / total
        self.mean += (mean - self.mean) * count / total
        self.count = total


@dataclass
class FeatureMap:
    """What a convolution gave, with the normalisation and leaky ReLU that are applied when rows are read."""

    raw: torch.Tensor  # (H, W, C), float32 or bfloat16
    moments: Moments = field(default_factory=Moments)
    scale: torch.Tensor | None = None  # (C,) float32; None: raw is final
    shift: torch.Tensor | None = None

    def rows(self, top: int, count: int, scratch: Scratch) -> torch.Tensor:
        """Return where rows from `top` on are to be made, (count, W, C) float32; then `keep` them."""
        if self.raw.dtype == scratch.dtype:
            return self.raw[top : top + count]
        return scratch.take("made", count, *self.raw.shape[1:])

    def keep(self, top: int, strip: torch.Tensor, scratch: Scratch) -> None:
        """Keep the strip that was made in `rows`, and count it into the moments."""
        self.moments.add(strip, scratch)
        if self.raw.dtype != strip.dtype:
            self.raw[top : top + strip.shape[0]] = strip

    def normalise(self, gamma: torch.Tensor, beta: torch.Tensor) -> FeatureMap:
        """Set the layer normalisation (after all rows are stored)."""
        inverse = (self.moments.squares / self.moments.count + EPSILON) ** -0.5
        self.scale = gamma.float() * inverse
        self.shift = beta.float() - self.scale * self.moments.mean
        return self

    def read(self, top: int, bottom: int, out: torch.Tensor) -> torch.Tensor:
        """Write rows top ... bottom - 1 to `out` (n, W + 2, C): activated, zero around the map."""
        first, last, inner = bordered(self.raw.shape[0], top, bottom, out)
        if self.scale is None or self.shift is None:
            inner.copy_(self.raw[first:last])
            return out
        if self.raw.dtype == out.dtype:
            torch.addcmul(self.shift, self.raw[first:last], self.scale, out=inner)
        else:
            torch.addcmul(self.shift, inner.copy_(self.raw[first:last]), self.scale, out=inner)
        functional.leaky_relu_(inner, SLOPE)
        return out


def bordered(height: int, top: int, bottom: int, out: torch.Tensor) -> tuple[int, int, torch.Tensor]:
    """Zero what `out` (bottom - top, W + 2, C) has around a map of `height` rows.

    Returns the first and last + 1 of the map's rows in it, and the part of `out` that they fill.
    """
    first, last = max(top, 0), min(bottom, height)
    out[:, 0] = 0
    out[:, -1] = 0
    out[: first - top] = 0
    out[last - top :] = 0
    return first, last, out[first - top : last - top, 1:-1]


@cache
def interpolation(coarse: int, first: int, count: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Weights (2 count, count + 2, 3) of upsampled taps: `coarse` pixels to twice as many, ends aligned.

    Row r is fine pixel 2 first + r; [r, i, t] weighs tap t (-1, 0, 1) at coarse pixel first - 1 + i: the fine
    pixel sums, over the taps, the upsampled map of tap t at its neighbour t, and nothing beyond the border.
    """
    fine = 2 * coarse
    weights = torch.zeros(2 * count, count + 2, 3, dtype=torch.float64)
    for row in range(2 * count):
        for tap in range(3):
            position = 2 * first + row + tap - 1
            if not 0 <= position < fine:
                continue
            source = position * (coarse - 1) / (fine - 1)
            below = max(0, min(int(source), coarse - 2))
            weights[row, below - first + 1, tap] += 1 - (source - below)
            weights[row, below - first + 2, tap] += source - below
    return weights.to(dtype)


def _features_last(kernel: torch.Tensor) -> torch.Tensor:
    """(F, C, 3, 3) -> (C 9, F), contiguous: in this order copies are whole lines, not single numbers."""
    return kernel.reshape(kernel.shape[0], -1).t().contiguous()


def tap_weights(kernel: torch.Tensor) -> torch.Tensor:
    """(F, C, 3, 3) -> (3, C, 3 F): by row of the kernel; columns by its column, then by output channel."""
    features, channels = kernel.shape[:2]
    taps = _features_last(kernel).view(channels, 3, 3 * features)
    return taps.transpose(0, 1).contiguous()


def upsampled_taps(
    below: FeatureMap, weights: torch.Tensor, into: FeatureMap, scratch: Scratch
) -> Iterator[tuple[int, torch.Tensor]]:
    """Convolve the upsampled map without upsampling it: yield (top row, (2 n, 2 w, F) float32) in strips.

    `below` is (h, w, C); `weights` are `tap_weights`. The strips are rows of `into`, to be kept there before
    the next is taken.
    """
    height, width, channels = below.raw.shape
    features = weights.shape[2] // 3
    n, block = gcd(STRIP_ROWS, height), gcd(BLOCK, width)
    padded, blocks = width + 2, width // block
    line = padded * 3 * features  # numbers in one row of taps of one kernel row
    taps = scratch.take("taps", 3, n + 2, padded, 3 * features)
    rows = scratch.take("rows", n, padded, channels)
    mixed = scratch.take("mixed", 2 * n, padded, 3, features)
    # (2 n, blocks, (block + 2) 3, F): each block with one column of neighbours on both sides
    windows = mixed.as_strided(
        (2 * n, blocks, (block + 2) * 3, features), (line, block * 3 * features, features, 1)
    )
    steps = range(0, width, block)
    across = torch.stack([interpolation(width, first, block, scratch.dtype) for first in steps])
    across = across.view(blocks, 2 * block, -1)
    wide = weights.to(scratch.dtype)
    taps[:, 0] = 0
    _multiply(below, 0, 1, wide, taps[:, 1:2], rows)
    for top in range(0, height, n):
        _multiply(below, top + 1, min(top + n + 1, height), wide, taps[:, 2:], rows)
        down = interpolation(height, top, n, scratch.dtype).transpose(1, 2).reshape(2 * n, -1)
        torch.mm(down, taps.view(3 * (n + 2), line), out=mixed.view(2 * n, line))
        strip = into.rows(2 * top, 2 * n, scratch)
        for made, window in zip(strip, windows, strict=True):
            torch.bmm(across, window, out=made.view(blocks, 2 * block, features))
        yield 2 * top, strip
        taps[:, :2] = taps[:, n:].clone()


def _multiply(
    below: FeatureMap, first: int, last: int, weights: torch.Tensor, taps: torch.Tensor, rows: torch.Tensor
) -> None:
    """Multiply coarse rows first ... last - 1 by every tap, into `taps` (3, n, w + 2, 3 F); zero beyond."""
    count = last - first
    taps[:, count:] = 0
    if count <= 0:
        return
    strip = below.read(first, last, rows[:count])
    flat = strip.view(-1, strip.shape[-1])
    for kernel_row, made in zip(weights, taps, strict=True):
        torch.mm(flat, kernel_row, out=made[:count].view(flat.shape[0], -1))


# Winograd's F(4 x 4, 3 x 3): of the input, the kernel, the output.
_INPUT = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_KERNEL = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_OUTPUT = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


@cache
def both_ways(which: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return the transform of flattened tiles: "input" (36, 36), "kernel" (36, 9), or "output" (16, 36)."""
    rows = {"input": _INPUT, "kernel": _KERNEL, "output": _OUTPUT}[which]
    matrix = torch.tensor(rows, dtype=torch.float64)
    return torch.kron(matrix, matrix).to(dtype)


def winograd_kernel(kernel: torch.Tensor) -> torch.Tensor:
    """(F, C, 3, 3) -> (9, C, F): the kernel in the order in which `winograd` reads it."""
    features, channels = kernel.shape[:2]
    return _features_last(kernel).view(channels, 9, features).transpose(0, 1).contiguous()


def winograd(
    source: FeatureMap, kernel: torch.Tensor, into: FeatureMap, scratch: Scratch
) -> Iterator[tuple[int, torch.Tensor]]:
    """Convolve (H, W, C) by a `winograd_kernel`: yield (top row, (n, W, F) float32) in strips.

    H and W must be multiples of 4. The strips are rows of `into`, to be kept there before the next
    is taken.
    """
    channels, features = kernel.shape[1:]
    weights = scratch.take("weights", 36, channels, features)
    kernel = kernel.to(scratch.dtype).view(9, -1)
    torch.mm(both_ways("kernel", scratch.dtype), kernel, out=weights.view(36, -1))
    back = both_ways("output", scratch.dtype)
    for top, down, inputs in input_tiles(source, scratch):
        across = inputs.shape[1] // down
        products = scratch.take("products", 36, down * across, features)
        outputs = scratch.take("outputs", 4, 4, down, across, features)
        torch.bmm(inputs, weights, out=products)
        torch.mm(back, products.view(36, -1), out=outputs.view(16, -1))
        strip = into.rows(top, 4 * down, scratch)
        strip.view(down, 4, across, 4, features).copy_(outputs.permute(2, 0, 3, 1, 4))
        yield top, strip


def winograd_whole(source: FeatureMap, kernel: torch.Tensor, into: FeatureMap, scratch: Scratch) -> None:
    """Convolve as `winograd` does, into the whole of a map of the scratch's type."""
    for _ in winograd(source, kernel, into, scratch):
        pass  # each strip is written where it belongs


def input_tiles(source: FeatureMap, scratch: Scratch) -> Iterator[tuple[int, int, torch.Tensor]]:
    """Yield (top row, n rows of tiles, (36, tiles, C)): a map's overlapping tiles, transformed, in strips."""
    height, width, channels = source.raw.shape
    down, across = height // 4, width // 4
    while down % 2 == 0 and down * across > TILES:
        down //= 2
    line = (width + 2) * channels
    rows = scratch.take("tile rows", 4 * down + 2, width + 2, channels)
    windows = scratch.take("windows", 6, 6, down, across, channels)
    inputs = scratch.take("inputs", 36, down * across, channels)
    view = rows.as_strided(windows.shape, (line, channels, 4 * line, 4 * channels, 1))
    transform = both_ways("input", scratch.dtype)
    for top in range(0, height, 4 * down):
        source.read(top - 1, top + 4 * down + 1, rows)
        windows.copy_(view)
        torch.mm(transform, windows.view(36, -1), out=inputs.view(36, -1))
        yield top, down, inputs


def plain_kernel(kernel: torch.Tensor) -> torch.Tensor:
    """(9, C, F) -> (F, C, 3, 3): a `winograd_kernel` as it was."""
    return kernel.permute(2, 1, 0).reshape(kernel.shape[2], kernel.shape[1], 3, 3)


def direct(
    source: FeatureMap, kernel: torch.Tensor, into: FeatureMap, scratch: Scratch
) -> Iterator[tuple[int, torch.Tensor]]:
    """Convolve (H, W, C) by (F, C, 3, 3) as it is: for few channels, where sums cost more than products."""
    height, width, channels = source.raw.shape
    step = min(height, max(STRIP_ROWS, (1 << 22) // (width * channels)))
    weights = kernel.to(scratch.dtype).contiguous(memory_format=torch.channels_last)
    rows = scratch.take("direct rows", step + 2, width + 2, channels)
    for top in range(0, height, step):
        count = min(step, height - top)
        read = source.read(top - 1, top + count + 1, rows[: count + 2])
        strip = into.rows(top, count, scratch)
        strip.copy_(functional.conv2d(read.permute(2, 0, 1)[None], weights)[0].permute(1, 2, 0))
        yield top, strip


def add_labels(strip: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, scratch: Scratch) -> None:
    """Add to a strip (n, W, F) the convolution of its label rows (n + 2, W + 2, classes), zero-padded.

    `weights` are (9 classes, F): by row of the kernel, its column, class.
    """
    flat = strip.view(-1, strip.shape[-1])
    torch.addmm(flat, label_patches(labels, scratch), weights, out=flat)


def label_patches(labels: torch.Tensor, scratch: Scratch) -> torch.Tensor:
    """(n + 2, W + 2, classes) -> (n W, 9 classes): what lies under a kernel at every pixel."""
    count, width, classes = labels.shape[0] - 2, labels.shape[1] - 2, labels.shape[2]
    line = labels.stride(0)
    view = labels.as_strided((count, width, 3, 3 * classes), (line, classes, line, 1))
    patches = scratch.take("patches", count, width, 3, 3 * classes)
    return patches.copy_(view).view(count * width, -1)


def label_weights(kernel: torch.Tensor) -> torch.Tensor:
    """(F, classes, 3, 3) -> (9 classes, F)."""
    return kernel.permute(2, 3, 1, 0).reshape(-1, kernel.shape[0])
