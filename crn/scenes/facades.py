"""Vertical surfaces: facades with their windows, shops and roofs, walls, fences and hedges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import world as w
from .appearance import linear
from .canvas import NEAR, Canvas
from .ground import sunlit
from .noise import Floats, band, hash01, nearest, sample, stripes, tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .world import Surface, World

PLASTER = (
    (226, 210, 178),
    (212, 178, 130),
    (206, 160, 138),
    (222, 220, 212),
    (178, 184, 170),
    (168, 182, 196),
    (196, 186, 168),
    (232, 224, 204),
    (156, 142, 130),
    (214, 196, 120),
)
BRICK = ((142, 78, 60), (158, 96, 72), (122, 72, 60), (172, 128, 96), (108, 84, 76))
STONE = ((186, 180, 168), (160, 154, 146), (202, 192, 172))
ROOFS = ((134, 72, 54), (84, 82, 88), (112, 84, 70), (66, 70, 78), (154, 88, 62))
SHOPS = (
    (158, 38, 34),
    (34, 72, 120),
    (40, 96, 70),
    (216, 172, 60),
    (60, 52, 60),
    (210, 206, 198),
    (190, 96, 40),
)


@dataclass(frozen=True)
class Patch:
    """Pixels of a surface: s along it, y above the ground (metres), and how much of each a pixel spans."""

    top: int
    left: int
    s: Floats
    y: Floats
    depth: Floats
    wide: Floats
    tall: Floats
    length: float
    x: Floats
    z: Floats


def find_patch(canvas: Canvas, surface: Surface, above: float = 0.0) -> Patch | None:
    """Return the pixels that a surface may cover, up to `above` metres over its top; None if none."""
    camera = canvas.camera
    x0, z0 = camera.see(*surface.start)
    x1, z1 = camera.see(*surface.end)
    if max(z0, z1) < NEAR:
        return None
    slant = (np.arange(canvas.width) + 0.5 - camera.cx) / camera.focal
    denominator = (x1 - x0) - slant * (z1 - z0)
    t = (slant * z0 - x0) / np.where(np.abs(denominator) < 1e-9, 1e-9, denominator)
    depth = z0 + t * (z1 - z0)
    columns = np.flatnonzero((t >= 0) & (t < 1) & (depth > NEAR))
    if len(columns) < 2:
        return None
    left, right = int(columns[0]), int(columns[-1]) + 1
    t, depth = t[left:right], np.maximum(depth[left:right], NEAR)
    scale = camera.focal / depth
    top = int(max(0, np.floor((camera.cy - (surface.top + above - camera.height) * scale).min())))
    bottom = int(min(canvas.height, np.ceil((camera.cy + camera.height * scale).max()) + 1))
    if bottom <= top:
        return None
    rows = np.arange(top, bottom)[:, None] + 0.5
    y = camera.height - (rows - camera.cy) / scale
    length = math.dist(surface.start, surface.end)
    s = t * length
    wide = np.abs(np.gradient(s)) if len(s) > 1 else np.full(1, 0.05)
    x = surface.start[0] + t * (surface.end[0] - surface.start[0])
    z = surface.start[1] + t * (surface.end[1] - surface.start[1])
    single = np.float32
    return Patch(
        top,
        left,
        s.astype(single)[None],
        y.astype(single),
        depth.astype(single)[None],
        wide.astype(single)[None],
        (1 / scale).astype(single)[None],
        length,
        x.astype(single)[None],
        z.astype(single)[None],
    )


def _illumination(canvas: Canvas, world: World, surface: Surface, patch: Patch) -> Floats:
    """Light (h, w, 3) on a surface: ambient, darker near the ground, and sun past the houses opposite."""
    appearance = canvas.appearance
    dx, dz = surface.end[0] - surface.start[0], surface.end[1] - surface.start[1]
    normal = np.array([dz, -dx]) / patch.length
    eye = np.array([canvas.camera.x - surface.start[0], canvas.camera.z - surface.start[1]])
    normal = normal if normal @ eye > 0 else -normal
    direct = max(0.0, normal[0] * appearance.direction[0] + normal[1] * appearance.direction[2])
    occlusion = 0.62 + 0.3 * np.clip(patch.y / 9, 0, 1) + 0.08 * (patch.y > 0.25)
    light = appearance.ambient * occlusion[..., None]
    if direct > 0:
        lateral = patch.x - world.centre(patch.z)
        lit = sunlit(canvas, world, lateral - np.sign(lateral) * 0.3, patch.z, patch.y)
        light = light + appearance.sun * (direct * lit)[..., None]
    return light.astype(np.float32)


def paint_surface(canvas: Canvas, world: World, surface: Surface) -> None:
    """Paint one vertical surface with its material."""
    extra = surface.roof + 0.8 if surface.label == w.BUILDING else 0.5
    patch = find_patch(canvas, surface, extra)
    if patch is None:
        return
    if surface.label == w.BUILDING:
        colour, mask, glow = _Facade(canvas, surface, patch).shade()
    else:
        colour, mask, alpha = {"fence": _fence, "wall": _wall, "lowwall": _wall, "hedge": _hedge}[
            surface.kind
        ](canvas, surface, patch)
        glow = None
    colour = colour * _illumination(canvas, world, surface, patch)
    if glow is not None:
        colour = colour + glow
    colour = canvas.fogged(colour.astype(np.float32), np.broadcast_to(patch.depth, patch.y.shape))
    alpha = alpha if surface.kind == "fence" else None
    canvas.paint((patch.top, patch.left), colour, mask, surface.label, surface.number, alpha)


class _Facade:
    """The material of one building: plaster, brick, stone or glass; windows, a ground floor, a roof."""

    def __init__(self, canvas: Canvas, surface: Surface, patch: Patch) -> None:
        self.canvas, self.surface, self.p = canvas, surface, patch
        rng = canvas.appearance.rng(surface.number)

        def pick(colours: tuple[tuple[int, int, int], ...]) -> Floats:
            chosen = colours[int(rng.integers(len(colours)))]
            return linear(*chosen) * rng.uniform(0.88, 1.1, 3).astype(np.float32)

        kinds = ["plaster", "brick", "stone", "glass"]
        shares = {"office": [0.15, 0.15, 0.25, 0.45], "house": [0.6, 0.35, 0.05, 0]}
        self.material = str(
            rng.choice(kinds, p=shares.get(surface.kind.split("-")[0], [0.55, 0.27, 0.18, 0]))
        )
        self.base = pick({"plaster": PLASTER, "brick": BRICK, "stone": STONE, "glass": STONE}[self.material])
        self.roof = pick(ROOFS)
        self.trim = linear(224, 220, 210) * rng.uniform(0.8, 1.05)
        self.storey = rng.uniform(2.9, 3.5) if surface.kind != "house" else 2.8
        self.pitch = rng.uniform(2.1, 3.2)
        self.window = (rng.uniform(0.95, 1.35), rng.uniform(1.35, 1.85))
        self.shop = surface.kind == "terrace" and rng.random() < 0.5
        self.sign, self.awning = pick(SHOPS), pick(SHOPS)
        self.awnings = rng.random() < 0.45
        self.shutters = self.material == "plaster" and rng.random() < 0.3
        self.shutter = linear(*((70, 100, 84), (96, 64, 48), (64, 84, 116))[int(rng.integers(3))])
        self.blind = surface.kind.endswith("-end") and rng.random() < 0.6
        self.seed = int(rng.integers(2**31))
        if self.material == "glass":
            self.pitch, self.window, self.storey = 1.6, (1.44, 2.7), 3.4

    def shade(self) -> tuple[Floats, NDArray[np.bool_], Floats]:
        """Return the colours (h, w, 3), the building's mask (h, w), the light its windows give (h, w, 3)."""
        p, surface = self.p, self.surface
        fine = np.clip(0.12 / np.maximum(p.wide, p.tall), 0, 1)
        dirt = sample(tile(1.3, 7), p.s * 8 + self.seed % 512, p.y * 3)
        wall = self._wall(fine) * (1 + 0.06 * dirt)[..., None]
        glow = np.zeros_like(wall)
        if not self.blind:
            wall, glow = self._windows(wall)
        if self.shop and not self.blind:
            wall = self._ground_floor(wall)
        cornice = band(p.y - (surface.top - 0.2), 0.2, p.tall)
        if self.material != "glass":
            wall = wall + (self.trim - wall) * (cornice * 0.8)[..., None]
            wall = wall * (1 - 0.4 * band(p.y - (surface.top - 0.55), 0.14, p.tall))[..., None]
            wall = wall * (1 - 0.35 * band(p.y - 0.2, 0.25, p.tall))[..., None]
        seam = np.minimum(p.s, p.length - p.s)
        wall = wall * (1 - 0.3 * np.clip(1 - seam / np.maximum(0.12, p.wide), 0, 1))[..., None]
        mask = (p.y >= -p.tall) & (p.y < surface.top)
        if surface.roof:
            wall, mask = self._roof(wall, mask)
        return wall, mask, glow * mask[..., None]

    def _wall(self, fine: Floats) -> Floats:
        p = self.p
        if self.material == "brick":
            course = np.floor(p.y / 0.12)
            shifted = p.s / 0.36 + 0.5 * (course % 2)
            tone = hash01(np.floor(shifted) + 4096, course + 64, self.seed) - 0.5
            joints = np.maximum(stripes(p.y, 0.12, 0.02, p.tall * np.ones_like(p.y)), 0)
            grade = 1 + 0.5 * tone * fine
            return self.base * grade[..., None] * (1 + 0.25 * (joints - 0.15) * fine)[..., None]
        if self.material == "stone":
            joints = np.maximum(
                stripes(p.y, 0.6, 0.05, p.tall * np.ones_like(p.y)),
                stripes(p.s + 0 * p.y, 1.2, 0.04, p.wide * np.ones_like(p.y)),
            )
            block = hash01(np.floor(p.s / 1.2) + 99, np.floor(p.y / 0.6) + 99, self.seed) - 0.5
            return self.base * (1 + 0.14 * block - 0.25 * joints)[..., None]
        grain = nearest(tile(0.8, 8), p.s * 30 + 0 * p.y, p.y * 30 + 0 * p.s)
        return self.base * (1 + 0.05 * grain * fine)[..., None]

    def _windows(self, wall: Floats) -> tuple[Floats, Floats]:
        p, appearance = self.p, self.canvas.appearance
        first = 4.0 if self.shop else 0.9 if self.surface.kind == "house" else 1.1
        storeys = max(1.0, math.floor((self.surface.top - first) / self.storey))
        count = max(1.0, round(p.length / self.pitch))
        pitch = p.length / count
        column = np.floor(p.s / pitch)
        storey = np.clip(np.floor((p.y - first) / self.storey), 0, storeys - 1)
        du = p.s - (column + 0.5) * pitch
        dv = p.y - (first + storey * self.storey + self.window[1] / 2 + 0.05)
        half_u, half_v = min(self.window[0], pitch * 0.9) / 2, self.window[1] / 2
        frame = band(du, half_u + 0.12, p.wide) * band(dv, half_v + 0.12, p.tall)
        pane = band(du, half_u, p.wide) * band(dv, half_v, p.tall)
        bars = np.maximum(
            band(du, 0.035, p.wide) * np.minimum(1, 0.07 / p.wide),
            band(dv - half_v * 0.3, 0.03, p.tall) * np.minimum(1, 0.06 / p.tall),
        )
        luck = hash01(column + 300, storey + 30, self.seed)
        other = hash01(column + 300, storey + 30, self.seed + 1)
        reflected = (
            appearance.zenith * 0.2
            + appearance.horizon * (0.24 + 0.2 * np.clip(dv / half_v, -1, 1) + 0.2 * (luck - 0.5))[..., None]
        )
        glass = np.float32(0.012) + reflected * (0.5 + 0.5 * (self.material == "glass"))
        curtain = (other > 0.55) & (dv > half_v * (1 - 2 * (other - 0.5)) * 0.9)
        glass = np.where(curtain[..., None], linear(206, 200, 188) * 0.6, glass)
        glass = glass * (1 - 0.45 * band(dv - half_v, 0.16, p.tall))[..., None]
        if self.shutters:
            side = band(np.abs(du) - half_u - 0.36, 0.22, p.wide) * band(dv, half_v, p.tall)
            slats = 0.85 + 0.3 * stripes(p.y, 0.14, 0.07, p.tall * np.ones_like(p.y))
            wall = wall + (self.shutter * slats[..., None] - wall) * side[..., None]
        trim = self.trim if self.material != "glass" else self.base * 0.5
        wall = wall + (trim - wall) * (frame * (0.85 if self.material != "brick" else 0.6))[..., None]
        glass = glass + (trim * 0.8 - glass) * (bars * (self.material != "glass"))[..., None]
        wall = wall + (glass - wall) * pane[..., None]
        sill = band(du, half_u + 0.2, p.wide) * band(dv + half_v + 0.14, 0.07, p.tall)
        wall = wall * (1 + 0.25 * sill)[..., None]
        wall = (
            wall
            * (1 - 0.3 * band(du, half_u + 0.2, p.wide) * band(dv + half_v + 0.32, 0.1, p.tall))[..., None]
        )
        lit = (luck < 0.08 + 0.4 * appearance.lamps) & (appearance.lamps > 0.02)
        warm = linear(255, 196, 110) * (0.5 + 0.6 * other)[..., None]
        return wall, warm * (pane * (1 - bars) * lit * (0.1 + 0.9 * appearance.lamps))[..., None]

    def _ground_floor(self, wall: Floats) -> Floats:
        p, appearance = self.p, self.canvas.appearance
        bays = max(1.0, round(p.length / 4.2))
        bay = p.length / bays
        du = p.s - (np.floor(p.s / bay) + 0.5) * bay
        number = np.floor(p.s / bay) + 70
        pane = band(du, bay / 2 - 0.3, p.wide) * band(p.y - 1.65, 1.15, p.tall)
        inside = nearest(tile(0.9, 9), p.s * 9 + self.seed % 512, p.y * 14)
        display = (
            linear(104, 90, 76)
            * (0.4 + 0.3 * np.clip(inside, -1, 2) * np.clip(0.05 / p.wide, 0, 1))[..., None]
        )
        mirror = 0.05 + 0.16 * np.clip((p.y - 1.2) / 1.6, 0, 1)
        glass = (
            display * 0.45
            + appearance.horizon * mirror[..., None]
            + linear(255, 214, 150) * (0.25 * appearance.lamps)
        )
        door = band(du + bay * 0.25, 0.45, p.wide) * band(p.y - 1.1, 1.1, p.tall)
        glass = glass * (1 - 0.5 * door)[..., None]
        wall = wall + (glass - wall) * pane[..., None]
        board = band(p.y - 3.25, 0.32, p.tall) * band(du, bay / 2 - 0.1, p.wide)
        letters = (
            (hash01(np.floor(p.s / 0.28) + 5, number, self.seed) > 0.4)
            * band(p.y - 3.25, 0.14, p.tall)
            * band(du, bay / 3, p.wide)
        )
        sign = self.sign * (1 - letters[..., None]) + self.trim * letters[..., None]
        wall = wall + (sign - wall) * board[..., None]
        if self.awnings:
            slope = band(p.y - 2.65, 0.3, p.tall) * band(du, bay / 2 - 0.25, p.wide)
            cloth = np.where(stripes(p.s, 0.5, 0.25, p.wide)[..., None] > 0.5, self.awning, self.trim * 0.9)
            wall = wall + (cloth - wall) * slope[..., None]
            wall = wall * (1 - 0.4 * band(p.y - 2.2, 0.25, p.tall))[..., None]
        return wall

    def _roof(self, wall: Floats, mask: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
        """Add the roof: a gable of the wall's own, or a slope of tiles with dormers and chimneys."""
        p, surface = self.p, self.surface
        over = p.y - surface.top
        middle = np.abs(p.s - p.length / 2)
        if surface.gable:
            limit = (p.length / 2 + 0.3 - middle) * (surface.roof / (p.length / 2))
            mask = (p.y >= -p.tall) & (over < np.maximum(limit, 0))
            rim = (over > limit - 0.35) & (over > -0.2)
            return np.where(rim[..., None], self.roof, wall), mask
        rows = stripes(p.y, 0.3, 0.1, p.tall * np.ones_like(p.y))
        tiles = hash01(np.floor(p.s / 0.3) + 9, np.floor(p.y / 0.3) + 9, self.seed)
        slope = self.roof * ((1 - 0.3 * rows) * (0.85 + 0.3 * tiles))[..., None] * 1.1
        on_roof = over > 0
        bays = max(1.0, round(p.length / 4.5))
        du = p.s - (np.floor(p.s / (p.length / bays)) + 0.5) * (p.length / bays)
        if surface.kind == "terrace" and self.seed % 2:
            dormer = band(du, 0.75, p.wide) * band(over - 1.1, 0.75, p.tall)
            pane = band(du, 0.5, p.wide) * band(over - 1.1, 0.5, p.tall)
            slope = slope + (self.trim - slope) * dormer[..., None]
            slope = slope + (self.canvas.appearance.zenith * 0.25 - slope) * pane[..., None]
        wall = np.where(on_roof[..., None], slope, wall)
        narrowing = over * (0.7 if surface.kind == "house" else 0.12)
        mask = mask | (
            on_roof
            & (over < surface.roof)
            & (middle < p.length / 2 - narrowing + (surface.kind == "house") * 0.4)
        )
        chimney = (np.abs(p.s - p.length * 0.27) < 0.4) & on_roof & (over < surface.roof + 0.7)
        if surface.seed % 3:
            wall = np.where((chimney & (over > surface.roof * 0.6))[..., None], linear(128, 82, 66), wall)
            mask = mask | chimney
        return wall, mask


def _wall(canvas: Canvas, surface: Surface, patch: Patch) -> tuple[Floats, NDArray[np.bool_], None]:
    rng = canvas.appearance.rng(surface.seed % 97)
    bricks = rng.random() < 0.5
    base = linear(*(BRICK if bricks else STONE)[int(rng.integers(3))])
    s, y = patch.s + 0 * patch.y, patch.y
    course = np.floor(y / (0.12 if bricks else 0.4))
    tone = (
        hash01(np.floor(s / (0.36 if bricks else 0.8) + 0.5 * (course % 2)) + 512, course + 9, surface.seed)
        - 0.5
    )
    fine = np.clip(0.12 / patch.wide, 0, 1)
    dirt = sample(tile(1.3, 7), s * 10, y * 8)
    colour = base * (1 + 0.4 * tone * fine + 0.1 * dirt)[..., None]
    colour = np.where((y > surface.top - 0.14)[..., None], linear(176, 172, 164), colour)
    return colour, (y >= -patch.tall) & (y < surface.top), None


def _hedge(canvas: Canvas, surface: Surface, patch: Patch) -> tuple[Floats, NDArray[np.bool_], None]:
    s, y = patch.s + 0 * patch.y, patch.y
    top = surface.top + 0.1 * sample(tile(0.9, 3), s * 12, 0 * s)
    leaves = nearest(tile(0.5, 10), s * 34, y * 34) * np.clip(0.15 / patch.wide, 0.2, 1)
    clumps = sample(tile(1.1, 6), s * 14, y * 14)
    tone = 0.75 + 0.35 * leaves + 0.2 * clumps + 0.35 * np.clip(y / surface.top, 0, 1)
    return canvas.appearance.leaves * np.maximum(tone, 0.1)[..., None], (y >= -patch.tall) & (y < top), None


def _fence(canvas: Canvas, surface: Surface, patch: Patch) -> tuple[Floats, NDArray[np.bool_], Floats]:
    rng = canvas.appearance.rng(surface.seed % 89)
    kind = int(rng.integers(3))
    s, y, ones = patch.s + 0 * patch.y, patch.y, np.ones_like(patch.y)
    wide, tall = patch.wide * ones, patch.tall * ones
    rails = np.maximum(band(y - surface.top * 0.88, 0.05, tall), band(y - surface.top * 0.2, 0.05, tall))
    posts = stripes(s, 2.4, 0.1, wide)
    if kind == 0:  # pickets
        colour, bars = (
            linear(*((228, 226, 218), (120, 92, 66))[int(rng.integers(2))]),
            stripes(s, 0.2, 0.13, wide),
        )
    elif kind == 1:  # iron
        colour, bars = linear(46, 52, 50), stripes(s, 0.16, 0.03, wide)
    else:  # mesh
        colour = linear(120, 126, 122)
        bars = 0.55 * np.maximum(stripes(s + y, 0.18, 0.03, wide), stripes(s - y, 0.18, 0.03, wide))
    alpha = np.clip(np.maximum(np.maximum(rails, posts), bars), 0, 1)
    shade = 0.85 + 0.3 * stripes(s, 0.4, 0.2, wide)
    return colour * shade[..., None], (y >= -patch.tall) & (y < surface.top), alpha
