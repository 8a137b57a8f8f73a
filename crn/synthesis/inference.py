"""Running a network fast and in little memory: the images of `model(labels)`, without what training needs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

import torch
from torch.nn import functional

from glimpse.errors import GlimpseError

from ..data.labels import one_hot
from ..kernels.choosing import emulated, winograd_from
from ..kernels.strips import (
    FEW_CHANNELS,
    FEW_PIXELS,
    MANY_PIXELS,
    FeatureMap,
    Scratch,
    add_labels,
    direct,
    label_weights,
    plain_kernel,
    tap_weights,
    upsampled_taps,
    winograd,
    winograd_kernel,
)
from ..network.devices import find_device, settle
from ..network.model import CRN, SLOPE, RefinementModule, normalise_layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from torch import nn

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Renderer:
    """A network prepared for one device and one type of number.

    On a CPU a cascade runs strip by strip (`Cascade`): weights and feature maps are stored in `dtype`,
    arithmetic is float32. Anywhere else, and for other networks, the module itself runs in `dtype`.
    """

    def __init__(
        self, model: nn.Module, device: str = "cpu", dtype: str = "float32", *, spend: bool = False
    ) -> None:
        """Prepare `model` for `device`; `dtype` is a name in DTYPES. `spend`: take its memory over."""
        self.device = find_device(device)
        settle(self.device)
        self.dtype = DTYPES[dtype]
        self.classes: int = model.config.classes  # type: ignore[assignment,union-attr]
        self.cascade: Cascade | None = None
        if self.device.type == "cpu" and isinstance(model, CRN):
            self.cascade = Cascade(model, self.dtype, spend=spend)
            return
        self.model = (model if spend else copy.deepcopy(model)).eval().to(self.device, self.dtype)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, classes: np.ndarray) -> torch.Tensor:
        """Label maps (N, H, W) uint8 classes -> images (N, k, 3, H, W) uint8 RGB on the CPU."""
        with torch.inference_mode():
            if self.cascade:
                maps = torch.from_numpy(classes)
                return torch.stack([self.cascade.render(label_map) for label_map in maps])
            labels = one_hot(classes, self.classes).to(self.device, self.dtype)  # (N, C, H, W)
            return to_bytes(self.model(labels)).cpu()


def slow_products(model: nn.Module, device: str, dtype: str) -> float:
    """Return how many times as long as in float32 a network takes whose products the processor only emulates.

    0 where it has them, on other devices, and for a cascade, which computes in float32 whatever it stores.
    """
    if dtype == "float32" or not device.startswith("cpu") or isinstance(model, CRN):
        return 0.0
    return emulated(DTYPES[dtype])


def to_bytes(images: torch.Tensor) -> torch.Tensor:
    """Clip images to [0, 255] and round to uint8: what is saved."""
    return images.float().round().clamp(0, 255).to(torch.uint8)


class Cascade:
    """A CRN with its weights in the order in which the strips read them."""

    def __init__(self, model: CRN, dtype: torch.dtype = torch.float32, *, spend: bool = False) -> None:
        """`dtype`: of stored weights and feature maps. `spend`: empty `model` on the way, to save memory."""
        self.config, self.dtype = model.config, dtype
        with torch.inference_mode():
            self.modules = []
            for module, size in zip(model.refinements.values(), model.config.sizes, strict=True):
                self.modules.append(_Module(cast("RefinementModule", module), size, dtype))
                if spend:
                    module.to("meta")
            self.head = model.head.weight.float().flatten(1).t().contiguous()  # (C, 3 k)
            self.bias = model.head.bias.float() if model.head.bias is not None else torch.zeros(())

    def render(self, classes: torch.Tensor) -> torch.Tensor:
        """Label map (H, W) uint8 -> images (k, 3, H, W) uint8, as `to_bytes(model(labels))`, nearly."""
        outputs = self.config.outputs
        height, width = classes.shape
        images = torch.empty(outputs, 3, height, width, dtype=torch.uint8)
        for top, strip in self.strips(classes):  # (n, W, 3 k), channels by colour, then by image
            split = strip.view(strip.shape[0], width, 3, outputs).permute(3, 2, 0, 1)  # (k, 3, n, W)
            images[:, :, top : top + strip.shape[0]] = to_bytes((split + 1.0) / 2.0 * 255.0)
        return images

    def strips(self, classes: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield (top row, (n, W, 3 k) float32) of the network's last layer, before `to_images`."""
        scratch = Scratch()
        pyramid = LabelPyramid(classes, self.config.classes, len(self.modules))
        below: FeatureMap | None = None
        for level, module in enumerate(self.modules):
            below = module(pyramid, level, below, scratch)
        if below is None:
            raise GlimpseError("the network has no modules.")
        height, width, channels = below.raw.shape
        step = max(1, (1 << 21) // (width * channels))
        for top in range(0, height, step):
            count = min(step, height - top)
            rows = below.read(top, top + count, scratch.take("rows", count, width + 2, channels))
            yield top, torch.matmul(rows[:, 1:-1], self.head) + self.bias


class LabelPyramid:
    """One-hot label maps of every level, as (rows, columns, classes) float32; the finest on reading."""

    def __init__(self, classes: torch.Tensor, count: int, levels: int) -> None:
        """`classes`: (H, W) uint8."""
        self.eye = torch.eye(count)
        self.finest = classes.int()
        self.coarse: list[torch.Tensor] = []
        level = None
        for _ in range(levels - 1):
            level = self._halved() if level is None else _halve(level)
            self.coarse.insert(0, level)

    def size(self, level: int) -> tuple[int, int]:
        """(height, width) of a level, 0 the coarsest."""
        shape = self.coarse[level].shape if level < len(self.coarse) else self.finest.shape
        return int(shape[0]), int(shape[1])

    def rows(self, level: int, top: int, bottom: int) -> torch.Tensor:
        """Rows top ... bottom - 1 with one column more on both sides: (n, W + 2, classes), zero around."""
        height, _ = self.size(level)
        first, last = max(top, 0), min(bottom, height)
        if level < len(self.coarse):
            part = self.coarse[level][first:last]
        else:
            part = self._one_hot(self.finest[first:last])
        return functional.pad(part, (0, 0, 1, 1, first - top, bottom - last))

    def _one_hot(self, classes: torch.Tensor) -> torch.Tensor:
        return self.eye.index_select(0, classes.reshape(-1)).view(*classes.shape, -1)

    def _halved(self) -> torch.Tensor:
        strips = [self.finest[top : top + 64] for top in range(0, self.finest.shape[0], 64)]
        return torch.cat([_halve(self._one_hot(strip)) for strip in strips])


def _halve(labels: torch.Tensor) -> torch.Tensor:
    """(H, W, C) -> (H / 2, W / 2, C) by 2 x 2 means."""
    height, width, classes = labels.shape
    return labels.view(height // 2, 2, width // 2, 2, classes).mean(dim=(1, 3))


class _Module:
    """One refinement module, whole or in strips, whichever suits its size."""

    def __init__(self, module: RefinementModule, size: tuple[int, int], dtype: torch.dtype) -> None:
        """`size`: (height, width) in pixels at which the network was trained."""
        self.dtype, self.features = dtype, int(module.conv1.weight.shape[0])
        self.norms = [(norm.scale.float(), norm.shift.float()) for norm in (module.norm1, module.norm2)]
        self.in_strips = module.before > 0 and size[0] * size[1] >= FEW_PIXELS
        first, second = module.conv1.weight.to(dtype), module.conv2.weight.to(dtype)
        if not self.in_strips:
            self.first, self.second = first, second
            return
        kernel, labels = first[:, : module.before], first[:, module.before :]
        self.first, self.labels = tap_weights(kernel), label_weights(labels.float())
        large = self.features >= FEW_CHANNELS and size[0] * size[1] >= MANY_PIXELS
        self.sparse = large and self.features >= winograd_from()
        self.second = winograd_kernel(second) if self.sparse else second

    def __call__(
        self, pyramid: LabelPyramid, level: int, below: FeatureMap | None, scratch: Scratch
    ) -> FeatureMap:
        """See `RefinementModule.forward`."""
        height, width = pyramid.size(level)
        if not self.in_strips or below is None:
            return self._whole(pyramid.rows(level, 0, height), below)
        first = FeatureMap(torch.empty(height, width, self.features, dtype=self.dtype))
        for top, strip in upsampled_taps(below, self.first, first, scratch):
            labels = pyramid.rows(level, top - 1, top + strip.shape[0] + 1)
            add_labels(strip, labels, self.labels, scratch)
            first.keep(top, strip, scratch)
        first.normalise(*self.norms[0])
        below.raw = below.raw.new_empty(0)  # nobody reads it any more
        second = FeatureMap(torch.empty(height, width, self.features, dtype=self.dtype))
        if self.sparse and height % 4 == 0 and width % 4 == 0:
            strips = winograd(first, self.second, second, scratch)
        else:
            kernel = plain_kernel(self.second) if self.sparse else self.second
            strips = direct(first, kernel, second, scratch)
        for top, strip in strips:
            second.keep(top, strip, scratch)
        return second.normalise(*self.norms[1])

    def _whole(self, labels: torch.Tensor, below: FeatureMap | None) -> FeatureMap:
        """Run a small module as it stands, in float32; labels: (H, W + 2, classes)."""
        x = labels[:, 1:-1].permute(2, 0, 1)[None]  # (1, classes, H, W)
        if below is not None:
            height, width, channels = below.raw.shape
            rows = below.read(0, height, torch.empty(height, width + 2, channels))
            features = rows[:, 1:-1].permute(2, 0, 1)[None]
            up = functional.interpolate(features, size=x.shape[-2:], mode="bilinear", align_corners=True)
            x = torch.cat([up, x], dim=1)
        for kernel, (scale, shift) in zip((self.first, self.second), self.norms, strict=True):
            x = functional.conv2d(x, kernel.float(), padding=1)
            x = functional.leaky_relu_(normalise_layer(x, scale, shift), SLOPE)
        return FeatureMap(x[0].permute(1, 2, 0).contiguous())
