"""Sky, distance and ground: what fills the picture before anything stands in it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from . import world as w
from .appearance import linear
from .noise import Floats, band, hash01, nearest, sample, stripes, tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .canvas import Canvas
    from .world import World

FAR = 600.0


def paint_sky(canvas: Canvas) -> None:
    """Paint the sky above the horizon: gradient, clouds on a plane, the sun's glow."""
    camera, appearance = canvas.camera, canvas.appearance
    rows = min(canvas.height, max(1, math.ceil(camera.cy) + 2))
    up = ((camera.cy - np.arange(rows, dtype=np.float32) - 0.5) / camera.focal)[:, None]
    right = ((np.arange(canvas.width, dtype=np.float32) + 0.5 - camera.cx) / camera.focal)[None]
    rise = np.clip(up / 0.55, 0, 1) ** 0.6
    sky = appearance.horizon + (appearance.zenith - appearance.horizon) * rise[..., None]
    sky = np.broadcast_to(sky, (rows, canvas.width, 3)).copy()
    c, s = math.cos(camera.yaw), math.sin(camera.yaw)
    plane = 1 / np.maximum(up + 0.09, 0.03)
    cu = (right * c + s) * plane * 26 + appearance.cloud_offset + camera.x * 0.05
    cv = (c - right * s) * plane * 26 + appearance.cloud_offset * 1.7 + camera.z * 0.05
    noise = sample(tile(1.55), cu, cv) * 0.8 + 0.25 * sample(tile(1.1, 1), cu * 3.1, cv * 3.1)
    cover = np.clip((noise + (appearance.clouds - 0.45) * 3.0) * 0.9, 0, 1) * np.clip(up / 0.12, 0.15, 1)
    lit = appearance.horizon * 0.55 + appearance.ambient * 0.35 + appearance.sun * 0.16
    dark = appearance.zenith * 0.35 + appearance.ambient * 0.45
    depth = np.clip(0.55 + 0.5 * sample(tile(1.55), cu + 5, cv - 7), 0, 1)[..., None]
    cloud = lit * depth + dark * (1 - depth)
    sky += (cloud - sky) * (cover * 0.85)[..., None]
    x, y, z = appearance.direction
    ahead = z * c + x * s
    if ahead > 0.05:
        su, sv = (x * c - z * s) / ahead, y / ahead
        glow = np.exp(-((right - su) ** 2 + (up - sv) ** 2) * 6)
        sky += (appearance.sun * 0.35) * (glow * (1 - 0.6 * appearance.clouds))[..., None]
    canvas.light[:rows] = sky
    canvas.labels[:rows] = w.SKY


def paint_distance(canvas: Canvas, world: World) -> None:
    """Paint the skyline at the horizon, so far that it only turns: trees, blocks of houses between them."""
    camera, appearance = canvas.camera, canvas.appearance
    right = (np.arange(canvas.width, dtype=np.float32) + 0.5 - camera.cx) / camera.focal
    bearing = (camera.yaw + np.arctan(right)) * 180
    noise = tile(1.3, 2)
    offset = np.float32(world.seed % 509)
    trees = (
        0.02
        + 0.008 * sample(noise, bearing * 2 + offset, 0 * bearing)
        + 0.003 * sample(noise, bearing * 11, 0 * bearing)
    )
    block = np.floor(bearing / 2.3)
    tall = hash01(block.astype(np.int64) + 9999, 0, world.seed)
    houses = np.where(tall > 0.6, 0.012 + 0.055 * hash01(block.astype(np.int64) + 77, 1, world.seed), 0)
    rise = np.maximum(trees, houses)
    top = max(0, int(camera.cy - rise.max() * camera.focal) - 1)
    bottom = min(canvas.height, math.ceil(camera.cy) + 2)
    if bottom <= top:
        return
    up = ((camera.cy - np.arange(top, bottom, dtype=np.float32) - 0.5) / camera.focal)[:, None]
    mask = up < rise
    built = np.broadcast_to(houses > trees, mask.shape)
    grain = 1 + 0.25 * nearest(tile(0.6), (bearing * 14)[None] + 0 * up, up * 2500 + 0 * bearing)
    wall = linear(150, 142, 134) * (0.7 + 0.5 * tall)[:, None]
    leaf = appearance.leaves * 0.9
    colour = np.where(
        built[..., None], wall[None] * np.clip(grain, 0.8, 1.2)[..., None], leaf * grain[..., None]
    )
    colour = colour * (appearance.ambient + appearance.sun * 0.35)
    labels = np.where(built, w.BUILDING, w.VEGETATION)
    canvas.paint((top, 0), canvas.fogged(colour, 330.0).astype(np.float32), mask, labels.astype(np.uint8), 0)


def paint_ground(canvas: Canvas, world: World, shadows: tuple[Floats, Floats]) -> None:
    """Paint the ground below the horizon; `shadows` = (under objects, of the sun), each (H, W) in [0, 1]."""
    camera, _look = canvas.camera, canvas.appearance
    top = max(0, math.floor(camera.cy + camera.focal * camera.height / FAR))
    if top >= canvas.height:
        return
    ahead = camera.focal * camera.height / (np.arange(top, canvas.height, dtype=np.float32) + 0.5 - camera.cy)
    ahead = np.minimum(np.where(ahead <= 0, FAR, ahead), FAR)[:, None].astype(np.float32)
    right = (np.arange(canvas.width, dtype=np.float32)[None] + 0.5 - camera.cx) / camera.focal * ahead
    c, s = np.float32(math.cos(camera.yaw)), np.float32(math.sin(camera.yaw))
    x, z = camera.x + right * c + ahead * s, camera.z - right * s + ahead * c
    lateral = (x - world.centre(z)).astype(np.float32)
    wide = ahead / camera.focal
    deep = ahead**2 / (camera.focal * camera.height)
    ground = _Ground(world, lateral, z.astype(np.float32), wide, deep)
    colour = ground.colours(canvas)
    colour *= _light(canvas, world, ground, shadows[0][top:], shadows[1][top:])
    canvas.light[top:] = canvas.fogged(colour, np.broadcast_to(ahead, lateral.shape))
    canvas.labels[top:] = ground.labels
    canvas.numbers[top:] = 0


class _Ground:
    """Ground pixels in street coordinates: which strip each lies on, and what it looks like."""

    def __init__(self, world: World, lateral: Floats, z: Floats, wide: Floats, deep: Floats) -> None:
        self.world, self.lateral, self.z, self.wide, self.deep = world, lateral, z, wide, deep
        self.row = world.row(z)
        self.side = (lateral > 0).astype(np.int32)
        flat = self.side * world.kerb.shape[1] + self.row
        self.off = np.abs(lateral)
        self.kerb, self.verge = world.kerb.reshape(-1)[flat], world.verge.reshape(-1)[flat]
        self.paved, self.grass = world.paved.reshape(-1)[flat], world.grass.reshape(-1)[flat]
        beyond = self.off - self.kerb  # signed distance to the kerb, negative on the road
        self.zebra = np.zeros_like(z)
        self.inside = np.full(z.shape, 1e3, np.float32)  # distance to the nearest crossing street's kerb
        for crossing in world.crossings:
            along = np.abs(z - crossing.z) - crossing.half
            near = along < 12
            if not near.any():
                continue
            self.inside = np.where(near, np.minimum(self.inside, along), self.inside)
            if crossing.zebra:
                bars = stripes(lateral, 1.1, 0.55, np.broadcast_to(wide, z.shape))
                before = z - (crossing.z - crossing.half - 1.9)
                after = z - (crossing.z + crossing.half + 1.9)
                rung = band(before, 1.3, np.maximum(deep, 0.05)) + band(after, 1.3, np.maximum(deep, 0.05))
                self.zebra = np.maximum(self.zebra, bars * rung * (beyond < -0.3))
        corner = 2.5 - np.hypot(np.maximum(2.5 - beyond, 0), np.maximum(2.5 - self.inside, 0))
        both = (beyond > 0) & (self.inside > 0)
        self.edge = np.where(
            both & (beyond < 2.5) & (self.inside < 2.5), corner, np.minimum(beyond, self.inside)
        )
        road = self.edge < 0
        walk = (self.off < self.paved) & ((self.off > self.verge) | (beyond < 0.2)) | (self.inside < 3.0)
        self.labels = np.where(road, w.ROAD, np.where(walk | ~self.grass, w.SIDEWALK, w.TERRAIN)).astype(
            np.uint8
        )
        verge = ~road & (self.off > self.kerb + 0.2) & (self.off < self.verge) & (self.inside > 3.0)
        self.labels[verge] = w.TERRAIN

    def colours(self, canvas: Canvas) -> Floats:
        """Return the ground's own colours (h, w, 3), linear."""
        fine = np.clip(0.03 / np.maximum(self.deep, 0.001), 0, 1)
        grain = nearest(tile(0.3), self.lateral * 40, self.z * 40) * fine
        patchy = sample(tile(1.4, 3), self.lateral * 9, self.z * 3)
        road = self._road(canvas.appearance.asphalt, grain, patchy)
        walk = self._walk(canvas, grain, patchy)
        grass = self._grass(canvas, fine)
        labels = self.labels[..., None]
        return np.where(labels == w.ROAD, road, np.where(labels == w.SIDEWALK, walk, grass)).astype(
            np.float32
        )

    def _road(self, tone: float, grain: Floats, patchy: Floats) -> Floats:
        world, lateral, z = self.world, self.lateral, self.z
        lane = lateral / w.LANE - np.floor(lateral / w.LANE)
        tracks = np.exp(-(((np.abs(lane - 0.5) - 0.27) / 0.09) ** 2))
        grey = 0.105 * tone * (1 + 0.16 * grain + 0.09 * patchy - 0.13 * tracks)
        i, j = np.floor(lateral / 1.6 + 50), np.floor(z / 4.5 + 1000)
        cell = hash01(i, j, world.seed + 5)
        grey = grey * np.where(cell > 0.95, 0.8, np.where(cell < 0.03, 1.15, 1.0))
        crack = np.abs(sample(tile(1.2, 4), lateral * 14, z * 8))
        grey = grey * (1 - 0.35 * np.clip(1 - crack * 14, 0, 1) * np.clip(0.1 / self.deep, 0, 1))
        colour = grey[..., None] * np.array([1.0, 1.0, 1.03], np.float32)
        paintwork = self._markings()
        worn = np.clip(0.86 + 0.22 * patchy + 0.1 * grain, 0.3, 1)
        result: Floats = colour + (np.float32(0.62) - colour) * (paintwork * worn)[..., None]
        return result

    def _markings(self) -> Floats:
        """Coverage of paint: centre line, lane lines, stop lines, zebra crossings."""
        world, lateral, z = self.world, self.lateral, self.z
        wide, deep = np.maximum(self.wide, 1e-3), np.maximum(self.deep, 1e-3)
        dash = stripes(z, 9.0, 4.5, deep * np.ones_like(z))
        thin = np.minimum(1, 0.14 / wide)
        open_road = self.inside > 4.4
        centre = band(lateral, 0.07, wide) * thin
        if world.seed % 3 == 0 or world.lanes == 2:
            paintwork = (band(np.abs(lateral) - 0.14, 0.06, wide) * thin) * open_road
        else:
            paintwork = centre * dash * open_road
        if world.lanes == 2:
            paintwork = np.maximum(
                paintwork, band(np.abs(lateral) - w.LANE, 0.07, wide) * thin * dash * open_road
            )
        edge = np.abs(np.abs(lateral) - world.lanes * w.LANE)
        paintwork = np.maximum(
            paintwork, 0.8 * band(edge, 0.06, wide) * thin * (self.inside > 5) * (self.kerb - self.off > 0.1)
        )
        for crossing in world.crossings:
            stop = z - (crossing.z - crossing.half - 3.8)
            across = band(stop, 0.22, np.maximum(deep, 0.02)) * np.minimum(1, 0.44 / deep)
            paintwork = np.maximum(
                paintwork, across * (lateral > 0.2) * (self.off < world.lanes * w.LANE - 0.2)
            )
        result: Floats = np.maximum(paintwork, self.zebra)
        return result

    def _walk(self, canvas: Canvas, grain: Floats, patchy: Floats) -> Floats:
        wide = np.broadcast_to(self.wide, self.z.shape)
        deep = np.broadcast_to(self.deep, self.z.shape)
        joints = np.maximum(stripes(self.lateral, 0.75, 0.05, wide), stripes(self.z, 0.75, 0.05, deep))
        slab = hash01(np.floor(self.lateral / 0.75 + 200), np.floor(self.z / 0.75 + 2000), 3)
        fade = np.clip(0.5 / deep, 0, 1)
        tone = 0.27 * (1 + 0.1 * grain + 0.07 * patchy + 0.16 * (slab - 0.5) * fade)
        rng = canvas.appearance.rng(1_000_003)
        tint = linear(196, 190, 184) / linear(192, 192, 192) * rng.uniform(0.94, 1.06, 3).astype(np.float32)
        colour = (tone * (1 - 0.35 * joints))[..., None] * tint
        rim = (self.edge < 0.22).astype(np.float32) * 0.45 - 0.4 * band(
            self.edge - 0.02, 0.05, np.maximum(wide, 0.01)
        )
        result: Floats = colour * (1 + rim)[..., None]
        return result

    def _grass(self, canvas: Canvas, fine: Floats) -> Floats:
        blades = nearest(tile(0.35, 5), self.lateral * 55, self.z * 22) * np.sqrt(fine)
        patches = sample(tile(1.2, 6), self.lateral * 12, self.z * 6)
        tone = 1 + 0.32 * blades + 0.18 * patches
        dry = linear(140, 124, 78)
        mix = np.clip(0.2 + 0.2 * patches, 0, 0.7)[..., None]
        return (canvas.appearance.grass * (1 - mix) + dry * mix) * tone[..., None]


def sunlit(canvas: Canvas, world: World, lateral: Floats, z: Floats, y: Floats | float) -> Floats:
    """Return in [0, 1] how much of the sun passes the buildings and reaches the points (lateral, y, z)."""
    x_sun, y_sun, z_sun = canvas.appearance.direction
    if abs(x_sun) < 0.03:
        return np.ones(np.broadcast(lateral, z).shape, np.float32)
    side = w.RIGHT if x_sun > 0 else w.LEFT
    facade = world.facade[side][world.row(z)]
    reach = np.maximum(facade - lateral * np.sign(x_sun), 0) / abs(x_sun)
    row = world.row(z + z_sun * reach)
    blocked = world.height[side][row] - y - y_sun * reach
    result: Floats = np.clip(0.5 - blocked / 0.7, 0, 1).astype(np.float32)
    return result


def _light(canvas: Canvas, world: World, ground: _Ground, under: Floats, cast: Floats) -> Floats:
    appearance = canvas.appearance
    sun = (
        sunlit(canvas, world, ground.lateral, ground.z, 0.0) * (1 - cast) * max(0.0, appearance.direction[1])
    )
    walls = 0.72 + 0.28 * np.clip(1 - (ground.off / 14) ** 2, 0, 1)
    ambient = walls * (1 - 0.85 * under)
    light: Floats = (
        appearance.ambient * ambient[..., None] + appearance.sun * (sun * (1 - 0.7 * under))[..., None]
    )
    return light


class Shadows:
    """Soft shadows on the ground: under objects, and cast by the sun."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        size = (canvas.width, canvas.height)
        self.under, self.cast = Image.new("L", size), Image.new("L", size)
        self._under, self._cast = ImageDraw.Draw(self.under), ImageDraw.Draw(self.cast)

    def _outline(self, corners: NDArray[np.float64]) -> list[tuple[float, float]]:
        camera = self.canvas.camera
        seen = np.array([camera.see(x, z) for x, z in corners])
        if seen[:, 1].max() < 1.0 or seen[:, 1].min() > 90:
            return []
        flat = np.column_stack([seen[:, 0], np.zeros(len(seen)), np.maximum(seen[:, 1], 1.0)])
        return camera.project(flat)

    def add(self, corners: NDArray[np.float64], height: float, strength: float = 1.0) -> None:
        """Add the shadow of an object with this ground outline (n, 2) of (x, z), `height` metres tall."""
        outline = self._outline(corners)
        if outline:
            self._under.polygon(outline, fill=int(255 * strength))
        x, y, z = self.canvas.appearance.direction
        stretch = min(height / max(y, 0.12), 14.0)
        shifted = corners - np.array([x, z]) * stretch
        for part in (corners, shifted, (corners + shifted) / 2):
            outline = self._outline(part)
            if outline:
                self._cast.polygon(outline, fill=int(235 * strength))

    def crown(self, x: float, z: float, radius: float, height: float) -> None:
        """Add the shadow of a tree's crown."""
        sx, sy, sz = self.canvas.appearance.direction
        stretch = min(height / max(sy, 0.12), 16.0)
        angle = np.linspace(0, 2 * math.pi, 13)[:-1]
        wobble = radius * (1 + 0.18 * np.sin(angle * 3 + x))
        centre = np.array([x - sx * stretch, z - sz * stretch])
        outline = self._outline(centre + np.column_stack([np.cos(angle) * wobble, np.sin(angle) * wobble]))
        if outline:
            self._cast.polygon(outline, fill=200)

    def maps(self) -> tuple[Floats, Floats]:
        """Return (under objects, of the sun), each (H, W) float32 in [0, 1]."""
        scale = self.canvas.height / 256
        under = self.under.filter(ImageFilter.BoxBlur(1.6 * scale))
        cast = self.cast.filter(ImageFilter.BoxBlur(0.9 * scale))
        return np.asarray(under, np.float32) / 255, np.asarray(cast, np.float32) / 255
