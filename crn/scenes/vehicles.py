"""Cars, vans, trucks, buses and trams: side profiles extruded to bodies, with glass, wheels and lights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from . import world as w
from .appearance import linear, paint
from .bodies import Body, Outline, bodies, footprint
from .canvas import NEAR, Canvas, Sprite

if TYPE_CHECKING:
    from .noise import Floats
    from .world import Thing

Solid = list[tuple[float, float, float]]
CIRCLE = tuple((math.cos(k * math.pi / 8), math.sin(k * math.pi / 8)) for k in range(16))
FLEETS = ((196, 44, 38), (232, 196, 60), (226, 226, 222), (46, 110, 76), (52, 92, 150))
CARGO = ((224, 222, 216), (206, 206, 210), (70, 96, 150), (178, 60, 44))


def cut_near(points: Solid) -> Solid:
    """Cut a polygon of camera points (right, up, ahead) at the near plane."""
    if min(p[2] for p in points) >= NEAR:
        return points
    kept: Solid = []
    for a, b in zip(points, points[1:] + points[:1], strict=True):
        if a[2] >= NEAR:
            kept.append(a)
        if (a[2] >= NEAR) != (b[2] >= NEAR):
            t = (NEAR - a[2]) / (b[2] - a[2])
            kept.append((a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, NEAR))
    return kept


class _Painter:
    """Draws one vehicle, face by face, into a sprite; points are (right, up, ahead) of it, in metres."""

    def __init__(
        self, canvas: Canvas, thing: Thing, x: float, z: float, heading: float, shade: float
    ) -> None:
        self.canvas, self.thing, self.shade = canvas, thing, shade
        camera = canvas.camera
        self.heading = heading
        self.c, self.s = math.cos(heading - camera.yaw), math.sin(heading - camera.yaw)
        self.right, self.ahead = camera.see(x, z)
        dx, dz = camera.x - x, camera.z - z
        c, s = math.cos(heading), math.sin(heading)
        self.eye = (dx * c - dz * s, camera.height, dx * s + dz * c)
        rng = canvas.appearance.rng(thing.number)
        self.body = paint(rng)
        if thing.kind in {"bus", "tram"}:
            self.body = linear(*FLEETS[int(rng.integers(len(FLEETS)))])
        if thing.kind == "van" and rng.random() < 0.6:
            self.body = linear(226, 226, 224)
        self.cargo = linear(*CARGO[int(rng.integers(len(CARGO)))])
        self.detail = camera.focal * 1.5 / max(self.ahead, 0.5)  # pixels of a car's height
        self.lights: dict[tuple[float, float, float], tuple[Floats, Floats]] = {}

    def seen(self, points: Solid) -> Solid:
        """Turn vehicle points into camera points."""
        c, s, right, ahead = self.c, self.s, self.right, self.ahead
        return [(x * c + z * s + right, y, z * c - x * s + ahead) for x, y, z in points]

    def pixels(self, points: Solid) -> list[tuple[float, float]]:
        """Project vehicle points to canvas pixels, cut at the near plane."""
        camera = self.canvas.camera
        focal, height = camera.focal, camera.height
        return [
            (camera.cx + focal * x / z, camera.cy + focal * (height - y) / z)
            for x, y, z in cut_near(self.seen(points))
        ]

    def light(self, normal: tuple[float, float, float]) -> tuple[Floats, Floats]:
        """Return the light on a face with this normal (of the vehicle) and the sky that it mirrors."""
        if normal not in self.lights:
            c, s = math.cos(self.heading), math.sin(self.heading)
            x, y, z = normal
            appearance = self.canvas.appearance
            turned = (x * c + z * s, y, z * c - x * s)
            sky = appearance.horizon + (appearance.zenith - appearance.horizon) * np.float32(max(0.0, y))
            self.lights[normal] = appearance.light(turned, self.shade), sky
        return self.lights[normal]

    def faces(self, at: tuple[float, float, float], normal: tuple[float, float, float]) -> bool:
        """Whether a face through `at` with this normal looks at the camera."""
        return sum(n * (e - a) for n, e, a in zip(normal, self.eye, at, strict=True)) > 0

    def face(
        self,
        sprite: Sprite,
        points: Solid,
        colour: Floats,
        label: int,
        normal: tuple[float, float, float],
        gloss: float,
    ) -> None:
        """Fill a face of the body, lit by sky and sun, with the sky's reflection on it."""
        outline = self.pixels(points)
        if len(outline) >= 3:
            light, sky = self.light(normal)
            sprite.polygon(outline, colour * light + sky * np.float32(gloss), label)


def paint_vehicle(canvas: Canvas, thing: Thing, x: float, z: float, heading: float, shade: float) -> None:
    """Paint a vehicle whose middle stands at world (x, z)."""
    painter = _Painter(canvas, thing, x, z, heading, shade)
    rear, front, width, height = footprint(thing)
    if painter.ahead + max(abs(rear), front) < NEAR * 2 or painter.detail * height / 1.5 < 4:
        return
    corners = [(sx * width / 2, y, e) for sx in (-1, 1) for y in (0.0, height + 0.1) for e in (rear, front)]
    depths = [p[2] for p in painter.seen(corners)]
    if max(depths) < NEAR * 2:
        return
    if min(depths) < NEAR:
        u, v = [0.0, float(canvas.width)], [0.0, float(canvas.height)]
    else:
        points = painter.pixels(corners)
        u, v = [p[0] for p in points], [p[1] for p in points]
    sprite = Sprite(canvas, u, v)
    if sprite.empty:
        return
    middles = [(sum(p[0] for p in body.outline) / len(body.outline), body) for body in bodies(thing)]
    for _, body in sorted(middles, key=lambda pair: -abs(pair[0] - painter.eye[2])):
        _paint_body(painter, sprite, body)
    sprite.finish(max(NEAR, sum(depths) / len(depths)), thing.number, _sheen(sprite, thing.seed))


def _sheen(sprite: Sprite, seed: int) -> Floats:
    """Return a soft gradient (h, w) over a body: brighter to the top, uneven along it."""
    h, width = sprite.shape
    rows = np.linspace(1.16, 0.8, h, dtype=np.float32)[:, None]
    waves = np.sin(np.linspace(0, 5, width, dtype=np.float32) + seed % 7)[None]
    return rows * (1 + 0.05 * waves)


def _half(body: Body, y: float) -> float:
    """Half the body's width at height y: it narrows above the belt and below the sills."""
    return body.width / 2 - body.taper * max(0.0, y - body.belt) / 0.45 * 0.55 - 0.06 * max(0.0, 0.5 - y)


def _paint_body(painter: _Painter, sprite: Sprite, body: Body) -> None:
    own = painter.cargo if body.label == w.TRUCK and len(body.parts) == 3 else painter.body
    dark = linear(22, 24, 28)
    _wheels(painter, sprite, body, near_side=False)
    strips: list[tuple[float, str, Solid, tuple[float, float, float]]] = []
    for part, a, b in zip(body.parts, body.outline[:-1], body.outline[1:], strict=True):
        ha, hb = _half(body, a[1]), _half(body, b[1])
        quad = [(-ha, a[1], a[0]), (-hb, b[1], b[0]), (hb, b[1], b[0]), (ha, a[1], a[0])]
        run, rise = b[0] - a[0], b[1] - a[1]
        size = math.hypot(run, rise)
        far = abs((a[0] + b[0]) / 2 - painter.eye[2])
        strips.append((far, part, quad, (0.0, run / size, -rise / size)))
    for _, part, quad, normal in sorted(strips, key=lambda strip: -strip[0]):
        if not painter.faces(quad[0], normal):
            continue
        if part != "g":
            painter.face(sprite, quad, own, body.label, normal, 0.07)
            continue
        painter.face(sprite, quad, own * 0.6, body.label, normal, 0.02)
        centre = [sum(p[k] for p in quad) / 4 for k in range(3)]
        inner = [tuple(m + (v - m) * 0.88 for v, m in zip(p, centre, strict=True)) for p in quad]
        painter.face(sprite, inner, dark * 0.5, body.label, normal, 0.2)  # type: ignore[arg-type]
    _sides(painter, sprite, body, own, dark)
    if painter.detail > 9:
        _ends(painter, sprite, body, dark)
    _wheels(painter, sprite, body, near_side=True)


def _sides(painter: _Painter, sprite: Sprite, body: Body, own: Floats, dark: Floats) -> None:
    for sign in (-1.0, 1.0):
        right = (sign, 0.12, 0.0)

        def wall(points: Outline, out: float = 0.0, sign: float = sign) -> Solid:
            return [(sign * (_half(body, y) + out), y, z) for z, y in points]

        if not painter.faces((sign * body.width / 2, 1.0, 0.0), right):
            continue
        painter.face(sprite, wall(body.outline), own, body.label, right, 0.05)
        rear, front = body.outline[0][0], body.outline[-1][0]
        if body.radius < 0.4 and painter.detail > 16:
            sill = wall(((rear, 0.3), (rear, 0.48), (front, 0.48), (front, 0.3)))
            painter.face(sprite, sill, own * 0.45, body.label, right, 0.01)
            crease = wall(
                ((rear * 0.96, 0.72), (rear * 0.96, 0.76), (front * 0.96, 0.74), (front * 0.96, 0.71))
            )
            painter.face(sprite, crease, own * 1.25, body.label, right, 0.1)
        for window in body.windows:
            painter.face(sprite, wall(window, 0.01), dark * 0.6, body.label, right, 0.12)
            if painter.detail > 16:
                half = (min(y for _, y in window) + max(y for _, y in window)) / 2
                lower = tuple((z, min(y, half)) for z, y in window)
                painter.face(sprite, wall(lower, 0.01), dark * 0.5, body.label, right, 0.05)


def _ends(painter: _Painter, sprite: Sprite, body: Body, dark: Floats) -> None:
    """Lights, plates, grille and bumper at the end that looks at the camera."""
    ends: Outline
    if body.parts.startswith("b"):
        ends = ((body.outline[-1][0], 1.0),)
    elif len(body.parts) == 3:
        ends = ((body.outline[0][0], -1.0),)
    else:
        ends = ((body.outline[0][0] - 0.06, -1.0), (body.outline[-1][0] + 0.06, 1.0))
    high = body.outline[2][1] if body.width < 2.1 else 1.0
    for z, sign in ends:
        if painter.faces((0.0, 0.6, z), (0.0, 0.0, sign)):
            _end(painter, sprite, body, z, sign, high, dark)


def _end(
    painter: _Painter, sprite: Sprite, body: Body, z: float, sign: float, high: float, dark: Floats
) -> None:
    half = body.width / 2
    lamps = painter.canvas.appearance.lamps > 0.2

    def panel(x0: float, x1: float, y0: float, y1: float, colour: Floats, gloss: float = 0.0) -> None:
        quad = [(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)]
        painter.face(sprite, quad, colour, body.label, (0.0, 0.0, sign), gloss)

    panel(-half + 0.04, half - 0.04, 0.28, 0.45, dark * 1.2)
    if painter.cargo is not None and len(body.parts) == 3:
        panel(-0.02, 0.02, 1.0, 3.35, painter.cargo * 0.5)
        for y in (1.05, 3.2):
            panel(-half + 0.05, half - 0.05, y, y + 0.07, painter.cargo * 0.6)
    if sign < 0 and body.width < 2.1:
        panel(-half + 0.1, half - 0.1, 0.48, 0.505, dark * 2)
        panel(-half + 0.12, half - 0.12, high - 0.1, high - 0.07, dark * 2, 0.05)
    if sign < 0 and body.label == w.BUS:
        panel(-half + 0.25, half - 0.25, 1.5, 2.5, dark, 0.15)
        panel(-half + 0.3, half - 0.3, 0.7, 1.1, dark * 1.5)
    if sign > 0:
        panel(-half * 0.5, half * 0.5, 0.5, 0.68, dark, 0.02)
    panel(-0.25, 0.25, 0.53, 0.63, linear(214, 212, 200))
    if sign < 0:
        top, bottom, colour = high - 0.12, high - 0.27, linear(176, 16, 18) * (3.0 if lamps else 1.0)
    else:
        top, bottom, colour = high * 0.8, high * 0.8 - 0.16, linear(255, 240, 205) * (5.0 if lamps else 0.75)
    for side in (-1.0, 1.0):
        x0, x1 = sorted((side * (half - 0.06), side * (half - 0.38)))
        panel(x0, x1, bottom, top, colour, 0.05)
    if body.label == w.BUS and sign > 0:
        panel(-half * 0.7, half * 0.7, 2.6, 2.85, linear(240, 170, 40) * 1.2)


def _wheels(painter: _Painter, sprite: Sprite, body: Body, near_side: bool) -> None:
    tyre, rim = linear(26, 26, 28), linear(150, 152, 156)
    rings = (
        ((1.22, tyre * 0.35), (1.0, tyre), (0.62, rim), (0.2, tyre))
        if painter.detail > 24
        else ((1.1, tyre), (0.6, rim))
    )
    circle: Outline = CIRCLE if painter.detail > 24 else CIRCLE[::2]
    radius = body.radius
    for sign in (-1.0, 1.0):
        x = sign * (body.width / 2 - 0.02)
        right = (sign, 0.0, 0.0)
        if painter.faces((x, radius, 0.0), right) != near_side:
            continue
        for z in body.wheels:
            if not near_side:
                inner = x - sign * 0.22
                quad = [(x, 0.0, z), (inner, 0.0, z), (inner, radius * 1.6, z), (x, radius * 1.6, z)]
                painter.face(sprite, quad, tyre * 0.6, body.label, right, 0.0)
                continue
            for share, colour in rings:
                ring = [
                    (x, max(0.02, radius + radius * share * b), z + radius * share * a) for a, b in circle
                ]
                painter.face(sprite, ring, colour, body.label, right, 0.0)
