"""Cars, vans, trucks, buses and trams: side profiles extruded to bodies, with glass, wheels and lights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crn.scenes import world as w
from crn.scenes.canvas import NEAR, Canvas, Sprite
from crn.scenes.look import linear, paint
from crn.scenes.noise import Floats
from crn.scenes.world import Thing

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Body:
    """A body: its side outline (z, y) from the rear bumper over the roof to the front, what each edge is made of."""

    label: int
    width: float
    outline: tuple[tuple[float, float], ...]
    parts: str  # one letter an edge: b body, g glass, r rear, f front, u underside
    windows: tuple[tuple[tuple[float, float], ...], ...]
    wheels: tuple[float, ...]
    radius: float
    belt: float
    taper: float


def _car(kind: int) -> Body:
    if kind == 0:  # saloon
        outline = ((-2.2, 0.28), (-2.28, 0.55), (-2.22, 0.98), (-1.62, 1.04), (-0.95, 1.42), (0.2, 1.45), (1.05, 1.0),
                   (2.05, 0.84), (2.26, 0.58), (2.2, 0.28))  # fmt: skip
        windows = (((-1.4, 1.04), (-0.88, 1.36), (-0.42, 1.38), (-0.42, 1.02)), ((-0.34, 1.02), (-0.34, 1.38), (0.18, 1.39), (0.8, 1.02)))
        return Body(w.CAR, 1.78, outline, "rrbgbgbff", windows, (-1.36, 1.36), 0.33, 1.0, 0.24)
    if kind == 1:  # hatchback
        outline = ((-1.92, 0.28), (-2.0, 0.55), (-1.95, 0.95), (-1.86, 1.02), (-1.42, 1.44), (0.2, 1.5), (1.05, 1.02),
                   (1.82, 0.88), (2.02, 0.6), (1.96, 0.28))  # fmt: skip
        windows = (((-1.55, 1.06), (-1.25, 1.4), (-0.42, 1.43), (-0.42, 1.04)), ((-0.34, 1.04), (-0.34, 1.43), (0.18, 1.44), (0.82, 1.04)))
        return Body(w.CAR, 1.74, outline, "rrbgbgbff", windows, (-1.25, 1.25), 0.32, 1.02, 0.2)
    if kind == 2:  # estate or four by four
        outline = ((-2.25, 0.34), (-2.32, 0.6), (-2.3, 1.05), (-2.22, 1.12), (-1.98, 1.62), (0.25, 1.68), (0.95, 1.14),
                   (2.05, 1.0), (2.25, 0.7), (2.2, 0.34))  # fmt: skip
        windows = (((-1.95, 1.16), (-1.8, 1.56), (-0.5, 1.59), (-0.5, 1.14)), ((-0.42, 1.14), (-0.42, 1.59), (0.22, 1.6), (0.75, 1.14)))
        return Body(w.CAR, 1.86, outline, "rrbgbgbff", windows, (-1.4, 1.4), 0.38, 1.12, 0.18)
    # van
    outline = ((-2.5, 0.34), (-2.58, 0.6), (-2.55, 1.2), (-2.52, 1.26), (-2.4, 2.05), (1.0, 2.08), (1.75, 1.22),
               (2.35, 1.02), (2.5, 0.66), (2.46, 0.34))  # fmt: skip
    windows = (((0.1, 1.26), (0.1, 1.86), (0.95, 1.88), (1.45, 1.26)),)
    return Body(w.CAR, 2.0, outline, "rrbgbgbff", windows, (-1.6, 1.6), 0.36, 1.2, 0.1)


def _box(label: int, length: float, height: float, width: float, windows: bool, floor: float) -> Body:
    """Return a long box: a bus or tram, its windows in a row."""
    half = length / 2
    outline = ((-half, floor), (-half, 1.1), (-half + 0.06, height - 0.35), (-half + 0.25, height), (half - 0.3, height),
               (half - 0.06, height - 0.4), (half, 1.05), (half - 0.02, floor))  # fmt: skip
    panes: list[tuple[tuple[float, float], ...]] = []
    if windows:
        count = max(3, round(length / 1.9))
        edges = np.linspace(-half + 0.35, half - 0.35, count + 1)
        panes = [((a + 0.07, 1.15), (a + 0.07, height - 0.5), (b - 0.07, height - 0.5), (b - 0.07, 1.15))
                 for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]  # fmt: skip
    wheels = (-half + 2.6, half - 2.6) if label == w.BUS else ()
    return Body(label, width, outline, "rgbbbgf" if windows else "rrbbbgf", tuple(panes), wheels, 0.48, height - 0.4, 0.05)


def _lorry() -> tuple[Body, Body]:
    """Return a lorry's box and its cab."""
    box = Body(w.TRUCK, 2.45, ((-4.2, 0.95), (-4.2, 3.4), (1.7, 3.4), (1.7, 0.95)), "rbb", (), (-3.0, -1.9), 0.48, 3.3, 0.0)
    outline = ((1.8, 0.5), (1.8, 2.75), (2.0, 2.85), (3.5, 2.8), (3.9, 1.75), (3.98, 0.9), (3.95, 0.4))
    windows = (((2.5, 1.75), (2.5, 2.5), (3.4, 2.5), (3.7, 1.75)),)
    return box, Body(w.TRUCK, 2.4, outline, "bbbgff", windows, (3.0,), 0.48, 2.6, 0.06)


def bodies(thing: Thing) -> tuple[Body, ...]:
    """Return the bodies of a vehicle; the same vehicle always has the same."""
    rng = np.random.default_rng([5, thing.seed])
    if thing.kind == "car":
        return (_car(int(rng.choice([0, 1, 2], p=[0.4, 0.35, 0.25]))),)
    if thing.kind == "van":
        return (_car(3),)
    if thing.kind == "truck":
        return _lorry()
    if thing.kind == "bus":
        return (_box(w.BUS, 11.5, 3.05, 2.5, True, 0.35),)
    return (_box(w.TRAIN, 26.0, 3.4, 2.5, True, 0.3),)


def footprint(thing: Thing) -> tuple[float, float, float, float]:
    """Return (rear, front, width, height) of a vehicle in metres."""
    parts = bodies(thing)
    z = [p for body in parts for p, _ in body.outline]
    return min(z), max(z), max(body.width for body in parts), max(y for body in parts for _, y in body.outline)


def cut_near(points: Points) -> Points:
    """Cut a polygon of camera points (n, 3) at the near plane."""
    if (points[:, 2] >= NEAR).all():
        return points
    kept: list[Points] = []
    for a, b in zip(points, np.roll(points, -1, 0), strict=True):
        if a[2] >= NEAR:
            kept.append(a)
        if (a[2] >= NEAR) != (b[2] >= NEAR):
            kept.append(a + (b - a) * ((NEAR - a[2]) / (b[2] - a[2])))
    return np.array(kept).reshape(-1, 3)


class _Painter:
    """Draws one vehicle, face by face, into a sprite."""

    def __init__(self, canvas: Canvas, thing: Thing, x: float, z: float, heading: float, shade: float) -> None:
        self.canvas, self.thing, self.shade = canvas, thing, shade
        self.c, self.s = math.cos(heading), math.sin(heading)
        self.x, self.z = x, z
        camera = canvas.camera
        self.origin = np.array([camera.x, camera.height, camera.z])
        self.rng = canvas.look.rng(thing.number)
        self.body = paint(self.rng)
        if thing.kind in {"bus", "tram"}:
            fleet = ((196, 44, 38), (232, 196, 60), (226, 226, 222), (46, 110, 76), (52, 92, 150))
            self.body = linear(*fleet[int(self.rng.integers(5))])
        if thing.kind == "van" and self.rng.random() < 0.6:
            self.body = linear(226, 226, 224)
        self.cargo = linear(*((224, 222, 216), (206, 206, 210), (70, 96, 150), (178, 60, 44))[int(self.rng.integers(4))])
        self.near = math.hypot(x - camera.x, z - camera.z)

    def world(self, points: Points) -> Points:
        """Turn vehicle points (right, up, ahead) into world points (x, y, z)."""
        out = points.copy()
        out[:, 0] = self.x + points[:, 0] * self.c + points[:, 2] * self.s
        out[:, 2] = self.z - points[:, 0] * self.s + points[:, 2] * self.c
        return out

    def pixels(self, points: Points) -> list[tuple[float, float]]:
        """Project world points (n, 3) to canvas pixels, cut at the near plane."""
        camera = self.canvas.camera
        c, s = math.cos(camera.yaw), math.sin(camera.yaw)
        dx, dz = points[:, 0] - camera.x, points[:, 2] - camera.z
        seen = cut_near(np.column_stack([dx * c - dz * s, points[:, 1], dx * s + dz * c]))
        return camera.project(seen) if len(seen) >= 3 else []

    def face(self, sprite: Sprite, points: Points, colour: Floats, label: int, normal: Points, gloss: float) -> None:
        """Fill a face of the body, lit by sky and sun, with the sky's reflection on it."""
        outline = self.pixels(points)
        if not outline:
            return
        look = self.canvas.look
        sky = look.horizon + (look.zenith - look.horizon) * max(0.0, float(normal[1]))
        colour = colour * look.light(normal.astype(np.float32), self.shade) + sky * np.float32(gloss)
        sprite.polygon(outline, colour, label)

    def normal(self, points: Points) -> tuple[Points, bool]:
        """Return a face's normal towards the camera and whether the face, wound outwards, looks at the camera."""
        n = np.cross(points[1] - points[0], points[2] - points[0])
        n = n / max(float(np.linalg.norm(n)), 1e-9)
        towards = float(n @ (self.origin - points[0]))
        return n, towards > 0


def paint_vehicle(canvas: Canvas, thing: Thing, x: float, z: float, heading: float, shade: float) -> None:
    """Paint a vehicle whose middle stands at world (x, z)."""
    painter = _Painter(canvas, thing, x, z, heading, shade)
    parts = bodies(thing)
    rear, front, width, height = footprint(thing)
    corners = np.array([[sx * width / 2, y, e] for sx in (-1, 1) for y in (0.0, height + 0.1) for e in (rear, front)])
    box = painter.world(corners)
    camera = canvas.camera
    ahead = np.array([camera.see(p[0], p[2])[1] for p in box])
    if ahead.max() < NEAR * 2 or camera.focal * height / max(float(ahead.mean()), 0.5) < 3:
        return
    if ahead.min() < NEAR:
        u, v = [0.0, float(canvas.width)], [0.0, float(canvas.height)]
    else:
        points = painter.pixels(box)
        u, v = [p[0] for p in points], [p[1] for p in points]
    sprite = Sprite(canvas, u, v)
    if sprite.empty:
        return
    order = sorted(parts, key=lambda body: -abs(camera.see(*painter.world(np.array([[0, 0, np.mean([p[0] for p in body.outline])]]))[0, [0, 2]])[1]))
    for body in order:
        _paint_body(painter, sprite, body)
    sprite.finish(float(max(NEAR, ahead.mean())), thing.number, _sheen(sprite, thing.seed))


def _sheen(sprite: Sprite, seed: int) -> Floats:
    """Return a soft gradient (h, w) over a body: brighter to the top, uneven along it."""
    h, width = sprite.shape
    rows = np.linspace(1.12, 0.86, h, dtype=np.float32)[:, None]
    waves = np.sin(np.linspace(0, 5, width, dtype=np.float32) + seed % 7)[None]
    return rows * (1 + 0.05 * waves)


def _half(body: Body, y: float) -> float:
    """Half the body's width at height y: it narrows above the belt and below the sills."""
    return body.width / 2 - body.taper * max(0.0, y - body.belt) / 0.45 * 0.55 - 0.06 * max(0.0, 0.5 - y)


def _paint_body(painter: _Painter, sprite: Sprite, body: Body) -> None:
    own = painter.cargo if body.label == w.TRUCK and len(body.parts) == 3 else painter.body
    dark = linear(22, 24, 28)
    _wheels(painter, sprite, body, near_side=False)
    faces: list[tuple[float, str, Points]] = []
    for part, a, b in zip(body.parts, body.outline[:-1], body.outline[1:], strict=True):
        ha, hb = _half(body, a[1]), _half(body, b[1])
        quad = painter.world(np.array([[-ha, a[1], a[0]], [-hb, b[1], b[0]], [hb, b[1], b[0]], [ha, a[1], a[0]]]))
        far = float(np.linalg.norm(quad.mean(0) - painter.origin))
        faces.append((far, part, quad))
    for _, part, quad in sorted(faces, key=lambda face: -face[0]):
        normal, towards = painter.normal(quad)
        if not towards:
            continue
        colour, gloss = (dark * 0.6, 0.34) if part == "g" else (own, 0.07)
        painter.face(sprite, quad, colour, body.label, normal, gloss)
        if part == "g":
            inner = quad.mean(0) + (quad - quad.mean(0)) * np.array([0.88, 0.88, 0.88])
            painter.face(sprite, quad, own * 0.6, body.label, normal, 0.02)
            painter.face(sprite, inner, dark * 0.5, body.label, normal, 0.3)
    _sides(painter, sprite, body, own, dark)
    _ends(painter, sprite, body, dark)
    _wheels(painter, sprite, body, near_side=True)


def _sides(painter: _Painter, sprite: Sprite, body: Body, own: Floats, dark: Floats) -> None:
    for sign in (-1.0, 1.0):
        outline = painter.world(np.array([[sign * _half(body, y), y, z] for z, y in body.outline]))
        right = np.array([painter.c * sign, 0.12, -painter.s * sign])
        if right @ (painter.origin - outline[0]) <= 0:
            continue
        painter.face(sprite, outline, own, body.label, right, 0.05)
        low = [(z, y) for z, y in ((body.outline[0][0], 0.3), (body.outline[0][0], 0.48), (body.outline[-1][0], 0.48), (body.outline[-1][0], 0.3))]
        if body.radius < 0.4:
            sill = painter.world(np.array([[sign * _half(body, y), y, z] for z, y in low]))
            painter.face(sprite, sill, own * 0.45, body.label, right, 0.01)
            crease = ((low[0][0] * 0.96, 0.72), (low[0][0] * 0.96, 0.76), (low[2][0] * 0.96, 0.74), (low[2][0] * 0.96, 0.71))
            painter.face(sprite, painter.world(np.array([[sign * _half(body, y), y, z] for z, y in crease])), own * 1.25, body.label, right, 0.1)
        for window in body.windows:
            pane = painter.world(np.array([[sign * (_half(body, y) + 0.01), y, z] for z, y in window]))
            painter.face(sprite, pane, dark * 0.6, body.label, right, 0.2)
            lower = pane.copy()
            lower[:, 1] = np.minimum(lower[:, 1], (pane[:, 1].min() + pane[:, 1].max()) / 2)
            painter.face(sprite, lower, dark * 0.5, body.label, right, 0.1)


def _ends(painter: _Painter, sprite: Sprite, body: Body, dark: Floats) -> None:
    """Lights, plates, grille and bumper at the end that looks at the camera."""
    if body.parts.startswith("b"):
        ends = ((body.outline[-1][0], 1.0),)
    elif len(body.parts) == 3:
        ends = ((body.outline[0][0], -1.0),)
    else:
        ends = ((body.outline[0][0] - 0.06, -1.0), (body.outline[-1][0] + 0.06, 1.0))
    look = painter.canvas.look
    high = body.outline[2][1] if body.width < 2.1 else 1.0
    for z, sign in ends:
        normal = np.array([painter.s * sign, 0.0, painter.c * sign])
        middle = painter.world(np.array([[0.0, 0.6, z]]))[0]
        if normal @ (painter.origin - middle) <= 0:
            continue
        half = body.width / 2

        def panel(x0: float, x1: float, y0: float, y1: float, colour: Floats, gloss: float = 0.0, z: float = z, normal: Points = normal) -> None:
            quad = painter.world(np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]]))
            painter.face(sprite, quad, colour, body.label, normal, gloss)

        panel(-half + 0.05, half - 0.05, 0.3, 0.46, dark * 1.2)
        if sign > 0:
            panel(-half * 0.5, half * 0.5, 0.5, 0.68, dark, 0.02)
        panel(-0.26, 0.26, 0.5, 0.62, linear(236, 234, 220))
        on = look.lamps > 0.2
        for side in (-1.0, 1.0):
            x0, x1 = sorted((side * (half - 0.06), side * (half - 0.42)))
            top, bottom = (high - 0.12, high - 0.34) if sign < 0 else (high * 0.8, high * 0.8 - 0.16)
            if sign < 0:
                colour = linear(190, 20, 18) * (3.0 if on else 1.0)
            else:
                colour = linear(255, 240, 205) * (5.0 if on else 0.75)
            panel(x0, x1, bottom, top, colour, 0.05)
        if body.label == w.BUS and sign > 0:
            panel(-half * 0.7, half * 0.7, 2.6, 2.85, linear(240, 170, 40) * 1.2)


def _wheels(painter: _Painter, sprite: Sprite, body: Body, near_side: bool) -> None:
    angle = np.linspace(0, 2 * math.pi, 15)[:-1]
    tyre, rim = linear(26, 26, 28), linear(150, 152, 156)
    for sign in (-1.0, 1.0):
        right = np.array([painter.c * sign, 0.0, -painter.s * sign])
        x = sign * (body.width / 2 - 0.02)
        at = painter.world(np.array([[x, body.radius, 0.0]]))[0]
        if (right @ (painter.origin - at) > 0) != near_side:
            continue
        for z in body.wheels:
            for share, colour in ((1.22, tyre * 0.35), (1.0, tyre), (0.62, rim), (0.2, tyre)):
                if share > 1 and not near_side:
                    continue
                y = body.radius + body.radius * share * np.sin(angle)
                ring = np.column_stack([np.full(14, x), np.maximum(y, 0.02), z + body.radius * share * np.cos(angle)])
                painter.face(sprite, painter.world(ring), colour, body.label, right, 0.0)
        if not near_side:
            for z in body.wheels:
                inner = x - sign * 0.22
                quad = np.array([[x, 0.0, z], [inner, 0.0, z], [inner, body.radius * 1.6, z], [x, body.radius * 1.6, z]])
                painter.face(sprite, painter.world(quad), tyre * 0.6, body.label, right, 0.0)
