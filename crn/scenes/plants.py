"""Trees and bushes: a bank of crowns painted leaf by leaf once, then placed, tinted and lit."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from . import world as w
from .canvas import NEAR, Canvas

if TYPE_CHECKING:
    from .noise import Floats
    from .world import Thing

WIDTH, HEIGHT = 256, 320
KINDS = 14


@cache
def crown(kind: int) -> tuple[Floats, ...]:
    """Return a plant's mip levels (h, w, 3): leaf tone, bark tone, opacity; the last kinds are bushes."""
    rng = np.random.default_rng([31, kind])
    bush = kind >= KINDS - 3
    image = Image.new("RGB", (WIDTH * 2, HEIGHT * 2))
    draw = ImageDraw.Draw(image)
    if not bush:
        _trunk(draw, rng)
    centre_y, radius_y, radius_x = (
        (520, 210, 245) if bush else (250, 225 * rng.uniform(0.85, 1.05), 225 * rng.uniform(0.7, 1.05))
    )
    lobes = [(0.0, 0.0, 0.62)]
    lobes += [
        (a, b, rng.uniform(0.22, 0.4)) for a, b in rng.uniform(-0.72, 0.72, (11, 2)) if a * a + b * b < 0.8
    ]
    dabs = []
    for _ in range(5200):
        a, b, size = lobes[int(rng.integers(len(lobes)))]
        angle, r = rng.uniform(0, 2 * np.pi), size * rng.uniform(0, 1.15) ** 0.6
        x, y = a + r * np.cos(angle), b + r * np.sin(angle)
        within = (a - x) * 0.35 + (b - y) * 0.9  # lit from above, within its lobe
        front = rng.uniform(0, 1)
        tone = (
            0.5
            + 0.42 * within / size * (0.4 + 0.6 * front)
            - 0.22 * y
            + 0.19 * rng.standard_normal()
            - 0.3 * (1 - front)
        )
        dabs.append((front, x, y, tone))
    for front, x, y, tone in sorted(dabs):
        size = rng.uniform(3.5, 9.5) * (1.3 - 0.45 * front)
        u, v = WIDTH + x * radius_x, centre_y + y * radius_y
        flat = size * rng.uniform(0.5, 0.95)
        draw.ellipse(
            (u - size, v - flat, u + size, v + flat), fill=(int(np.clip(tone, 0.06, 1) * 255), 0, 255)
        )
    base: Floats = np.asarray(image.reduce(2), np.float32) / 255
    levels: list[Floats] = [base]
    while levels[-1].shape[1] > 8:
        last = levels[-1]
        h, width = last.shape[0] // 2 * 2, last.shape[1] // 2 * 2
        levels.append(last[:h, :width].reshape(h // 2, 2, width // 2, 2, 3).mean((1, 3)))
    return tuple(levels)


def _trunk(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    x, foot = float(WIDTH), float(HEIGHT * 2)
    lean = rng.uniform(-14, 14)
    draw.polygon(
        [(x - 17, foot), (x - 10 + lean, 330), (x + 8 + lean, 330), (x + 17, foot)], fill=(0, 110, 255)
    )
    draw.polygon([(x + 4, foot), (x + 3 + lean, 330), (x + 8 + lean, 330), (x + 17, foot)], fill=(0, 70, 255))
    for _ in range(5):
        end = (x + rng.uniform(-120, 120), rng.uniform(200, 330))
        draw.line([(x + lean, rng.uniform(360, 440)), end], fill=(0, 84, 255), width=9)


def paint_plant(canvas: Canvas, thing: Thing, x: float, z: float, shade: float) -> None:
    """Paint a tree or bush standing at world (x, z); `shade` is how much of the sun reaches it."""
    camera = canvas.camera
    right, ahead = camera.see(x, z)
    if ahead < NEAR + 0.6:
        return
    rng = np.random.default_rng([3, thing.seed])
    bush = thing.kind == "bush"
    kind = int(rng.integers(KINDS - 3, KINDS)) if bush else int(rng.integers(KINDS - 3))
    scale = camera.focal / ahead
    tall = thing.size * (1.3 if bush else 1.0) * scale
    broad = tall * WIDTH / HEIGHT * rng.uniform(0.85, 1.2) * (1.5 if bush else 1)
    u0, v0 = camera.cx + right * scale - broad / 2, camera.cy + camera.height * scale - tall
    left, top = max(0, int(np.floor(u0))), max(0, int(np.floor(v0)))
    end_u, end_v = min(canvas.width, int(np.ceil(u0 + broad))), min(canvas.height, int(np.ceil(v0 + tall)))
    if end_u <= left or end_v <= top or tall < 2:
        return
    levels = crown(kind)
    level = int(np.clip(np.log2(WIDTH / broad), 0, len(levels) - 1))
    texture = levels[level]
    h, width = texture.shape[:2]
    fu = (np.arange(left, end_u) + 0.5 - u0) / broad
    fu = 1 - fu if rng.random() < 0.5 else fu
    found = _resample(texture, (np.arange(top, end_v) + 0.5 - v0) / tall * h - 0.5, fu * width - 0.5)
    appearance = canvas.appearance
    own = appearance.rng(thing.number)
    leaf = appearance.leaves * own.uniform(0.82, 1.18, 3).astype(np.float32)
    opacity = found[..., 2]
    tone = np.maximum(found / np.maximum(opacity, 0.05)[..., None], 0)
    lit = appearance.ambient * 0.85 + appearance.sun * (
        0.62 * shade * (0.35 + 0.65 * max(0.0, appearance.direction[1]))
    )
    lighting = tone[..., :1] ** 1.4 * 2.9
    colour = (
        leaf * lighting * lit + np.array([0.16, 0.12, 0.09], np.float32) * tone[..., 1:2] * appearance.ambient
    )
    colour = canvas.fogged(colour.astype(np.float32), ahead)
    alpha = np.clip(opacity * 1.6 - 0.2, 0, 1)
    mask = opacity > 0.12
    area = (slice(top, end_v), slice(left, end_u))
    light = canvas.light[area]
    light += (colour - light) * (alpha * mask)[..., None]
    solid = opacity > 0.5
    canvas.labels[area][solid] = w.VEGETATION
    canvas.numbers[area][solid] = thing.number


def _resample(texture: Floats, v: np.ndarray, u: np.ndarray) -> Floats:
    """Read a texture (h, w, 3) at rows v and columns u, bilinear, zero outside."""
    h, width = texture.shape[:2]
    i, j = np.floor(v).astype(int), np.floor(u).astype(int)
    fv, fu = (v - i).astype(np.float32)[:, None, None], (u - j).astype(np.float32)[None, :, None]
    i0, i1 = np.clip(i, 0, h - 1), np.clip(i + 1, 0, h - 1)
    j0, j1 = np.clip(j, 0, width - 1), np.clip(j + 1, 0, width - 1)
    upper, lower = texture[i0], texture[i1]
    rows = upper + (lower - upper) * fv
    result: Floats = rows[:, j0] * (1 - fu) + rows[:, j1] * fu
    return result
