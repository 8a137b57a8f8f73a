"""The camera and the picture being painted, far things first: light, labels and object numbers a pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .appearance import Appearance
    from .noise import Floats

NEAR = 0.4  # metres before the camera at which things are cut


@dataclass(frozen=True)
class Camera:
    """A camera at (x, z), `height` metres up, turned by `yaw` from +z; focal length and centre in pixels."""

    x: float
    z: float
    height: float
    yaw: float
    focal: float
    cx: float
    cy: float

    def see(self, x: float, z: float) -> tuple[float, float]:
        """Turn a ground point of the world into (right, ahead) of the camera, in metres."""
        dx, dz = x - self.x, z - self.z
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return dx * c - dz * s, dx * s + dz * c

    def project(self, points: NDArray[np.float64]) -> list[tuple[float, float]]:
        """Project camera points (n, 3) as (right, up from the ground, ahead) to pixels."""
        scale = self.focal / points[:, 2]
        u = self.cx + points[:, 0] * scale
        v = self.cy + (self.height - points[:, 1]) * scale
        return list(zip(u.tolist(), v.tolist(), strict=True))


class Canvas:
    """Linear light (H, W, 3) float32, labels (H, W) uint8 and object numbers (H, W) int32."""

    def __init__(self, height: int, width: int, camera: Camera, appearance: Appearance) -> None:
        self.height, self.width, self.camera, self.appearance = height, width, camera, appearance
        self.light = np.zeros((height, width, 3), np.float32)
        self.labels = np.zeros((height, width), np.uint8)
        self.numbers = np.zeros((height, width), np.int32)
        horizon = appearance.horizon * np.float32(0.95)
        self.fog_colour = horizon if appearance.hour != "dusk" else horizon * np.float32(0.8)

    def fogged(self, colour: Floats, depth: Floats | float) -> Floats:
        """Mix a colour (..., 3) with the fog that lies over `depth` metres (...)."""
        amount = 1 - np.exp(-self.appearance.fog * np.asarray(depth, np.float32))
        amount = amount[..., None] if amount.ndim else amount
        result: Floats = colour + (self.fog_colour - colour) * amount
        return result

    def paint(
        self,
        corner: tuple[int, int],
        colour: Floats,
        mask: NDArray[np.bool_],
        label: NDArray[np.uint8] | int,
        number: int,
        alpha: Floats | None = None,
    ) -> None:
        """Paint colour (h, w, 3) where mask (h, w) holds, from `corner` = (top, left) on."""
        top, left = corner
        h, w = mask.shape
        area = (slice(top, top + h), slice(left, left + w))
        light = self.light[area]
        if alpha is None:
            np.copyto(light, colour, where=mask[..., None])
        else:
            light += (colour - light) * (alpha * mask)[..., None]
        np.copyto(self.labels[area], np.asarray(label, np.uint8), where=mask)
        np.copyto(self.numbers[area], np.int32(number), where=mask)


class Sprite:
    """Polygons of flat light drawn by index, so that light stays linear and labels come with it."""

    def __init__(self, canvas: Canvas, u: Sequence[float], v: Sequence[float]) -> None:
        """Open a sprite over the box that holds the pixels (u, v); `empty` when none of it is in view."""
        self.canvas = canvas
        self.left, self.top = max(0, math.floor(min(u))), max(0, math.floor(min(v)))
        right, bottom = min(canvas.width, math.ceil(max(u)) + 1), min(canvas.height, math.ceil(max(v)) + 1)
        self.empty = right <= self.left or bottom <= self.top
        if not self.empty:
            self.image = Image.new("L", (right - self.left, bottom - self.top))
            self.draw = ImageDraw.Draw(self.image)
        self.colours: list[Floats] = [np.zeros(3, np.float32)]
        self.labels: list[int] = [255]

    def _index(self, colour: Floats, label: int) -> int:
        if len(self.colours) < 255:
            self.colours.append(np.asarray(colour, np.float32))
            self.labels.append(label)
        return len(self.colours) - 1

    def polygon(self, points: Sequence[tuple[float, float]], colour: Floats, label: int) -> None:
        """Fill a polygon of canvas pixels."""
        shifted = [(u - self.left - 0.5, v - self.top - 0.5) for u, v in points]
        self.draw.polygon(shifted, fill=self._index(colour, label))

    def ellipse(self, u: float, v: float, ru: float, rv: float, colour: Floats, label: int) -> None:
        """Fill an ellipse around (u, v)."""
        u, v = u - self.left - 0.5, v - self.top - 0.5
        self.draw.ellipse((u - ru, v - rv, u + ru, v + rv), fill=self._index(colour, label))

    def line(self, points: Sequence[tuple[float, float]], width: float, colour: Floats, label: int) -> None:
        """Draw a line `width` pixels wide (at least one)."""
        shifted = [(u - self.left - 0.5, v - self.top - 0.5) for u, v in points]
        self.draw.line(shifted, fill=self._index(colour, label), width=max(1, round(width)))

    def finish(self, depth: float, number: int, shade: Floats | None = None) -> None:
        """Put the sprite on the canvas, `depth` metres away; `shade` (h, w) multiplies its light."""
        index = np.asarray(self.image)
        mask = index > 0
        colour = np.stack(self.colours)[index]
        if shade is not None:
            colour = colour * shade[..., None]
        labels = np.asarray(self.labels, np.uint8)[index]
        self.canvas.paint((self.top, self.left), self.canvas.fogged(colour, depth), mask, labels, number)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.size[1], self.image.size[0]
