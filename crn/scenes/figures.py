"""People, riders, cycles, and what stands on the pavement: lamps, signs, traffic lights, bins."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from . import world as w
from .appearance import linear
from .canvas import NEAR, Canvas, Sprite

if TYPE_CHECKING:
    from collections.abc import Callable

    from .noise import Floats
    from .world import Thing

CLOTHES = (
    (40, 44, 58),
    (150, 40, 44),
    (58, 90, 140),
    (226, 224, 216),
    (34, 34, 36),
    (96, 110, 70),
    (190, 150, 70),
    (122, 122, 128),
    (170, 90, 120),
    (220, 120, 50),
    (62, 120, 130),
)
TROUSERS = ((36, 42, 60), (28, 28, 30), (92, 84, 72), (60, 76, 110), (120, 116, 110), (150, 134, 104))
SKINS = ((232, 188, 158), (206, 156, 122), (156, 108, 78), (98, 66, 48), (244, 206, 180))
HAIRS = ((30, 24, 20), (74, 50, 32), (140, 100, 56), (160, 156, 150), (16, 14, 14))


FRAME = (  # a bicycle's tubes, (along, up) in metres
    ((-0.52, 0.34), (-0.12, 0.32)),
    ((-0.12, 0.32), (0.4, 0.82)),
    ((-0.12, 0.32), (-0.2, 0.86)),
    ((-0.18, 0.78), (0.42, 0.8)),
    ((0.4, 0.92), (0.52, 0.34)),
    ((-0.52, 0.34), (-0.18, 0.74)),
)


class Board:
    """A flat drawing that faces the camera: (right, up) in metres from the foot of a thing at (x, z)."""

    def __init__(self, canvas: Canvas, x: float, z: float, reach: float, height: float) -> None:
        self.canvas = canvas
        camera = canvas.camera
        self.right, self.ahead = camera.see(x, z)
        self.visible = self.ahead > NEAR + 0.3
        if not self.visible:
            return
        self.scale = camera.focal / self.ahead
        self.u, self.v = camera.cx + self.right * self.scale, camera.cy + camera.height * self.scale
        r, h = reach * self.scale, height * self.scale
        self.sprite = Sprite(canvas, (self.u - r, self.u + r), (self.v - h, self.v + 1))
        self.visible = not self.sprite.empty

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel of a point of the drawing."""
        return self.u + x * self.scale, self.v - y * self.scale

    def polygon(self, points: list[tuple[float, float]], colour: Floats, label: int) -> None:
        """Fill a polygon given in metres."""
        self.sprite.polygon([self.at(x, y) for x, y in points], colour, label)

    def limb(
        self, a: tuple[float, float], b: tuple[float, float], wide: float, colour: Floats, label: int
    ) -> None:
        """Fill a bar from a to b, `wide` metres across and never under a pixel."""
        dx, dy = b[0] - a[0], b[1] - a[1]
        length = max(math.hypot(dx, dy), 1e-6)
        half = max(wide / 2, 0.55 / self.scale)
        nx, ny = -dy / length * half, dx / length * half
        points = [
            (a[0] + nx, a[1] + ny),
            (b[0] + nx, b[1] + ny),
            (b[0] - nx, b[1] - ny),
            (a[0] - nx, a[1] - ny),
        ]
        self.polygon(points, colour, label)

    def disc(self, x: float, y: float, rx: float, ry: float, colour: Floats, label: int) -> None:
        """Fill an ellipse given in metres."""
        u, v = self.at(x, y)
        self.sprite.ellipse(u, v, rx * self.scale, ry * self.scale, colour, label)

    def finish(self, number: int, rounded: float = 0.18) -> None:
        """Put the drawing on the canvas, rounded by a gradient from the sun's side to the other."""
        h, width = self.sprite.shape
        side = math.copysign(1.0, self.canvas.appearance.direction[0] or 1.0)
        shade = (
            1
            + rounded * side * np.linspace(-1, 1, width, dtype=np.float32)[None]
            + np.zeros((h, 1), np.float32)
        )
        self.sprite.finish(self.ahead, number, shade)


def _pick(rng: np.random.Generator, colours: tuple[tuple[int, int, int], ...], light: Floats) -> Floats:
    return linear(*colours[int(rng.integers(len(colours)))]) * light


def paint_person(canvas: Canvas, thing: Thing, x: float, z: float, shade: float, time: float) -> None:
    """Paint somebody standing or walking; the legs swing with the time in seconds."""
    board = Board(canvas, x, z, thing.size * 0.36, thing.size * 1.05)
    if not board.visible:
        return
    shape = np.random.default_rng([9, thing.seed])
    phase = time * 6.0 + shape.uniform(0, 2 * math.pi)
    stride = 0.17 * math.sin(phase) if thing.speed else 0.05
    sideways = 1.0 if shape.random() < 0.5 else 0.45
    figure = _Figure(board, thing, shape, shade)
    figure.legs(stride * sideways)
    figure.torso(stride * sideways * 0.9)
    figure.head()
    board.finish(thing.number)


class _Figure:
    """Somebody's body, drawn from the feet up; `k` is the height as a share of 1.75 metres."""

    def __init__(self, board: Board, thing: Thing, shape: np.random.Generator, shade: float) -> None:
        appearance = board.canvas.appearance
        self.board, self.k = board, thing.size / 1.75
        self.light = appearance.light((0.0, 0.35, 0.0), 0.0) + appearance.sun * np.float32(0.45 * shade)
        self.own = appearance.rng(thing.number)
        self.top, self.trousers = (_pick(self.own, colours, self.light) for colours in (CLOTHES, TROUSERS))
        self.skin, self.hair = (_pick(self.own, colours, self.light) for colours in (SKINS, HAIRS))
        self.broad = 0.24 * self.k * shape.uniform(0.88, 1.15)
        self.hem = 0.6 if shape.random() < 0.18 else 0.82
        self.bag = shape.random() < 0.3

    def polygon(self, points: list[tuple[float, float]], colour: Floats) -> None:
        """Fill a polygon of (right in metres, up in metres of a body of 1.75)."""
        self.board.polygon([(x, y * self.k) for x, y in points], colour, w.PERSON)

    def limb(self, a: tuple[float, float], b: tuple[float, float], wide: float, colour: Floats) -> None:
        """Fill a bar from a to b, `wide` metres across."""
        k = self.k
        self.board.limb((a[0], a[1] * k), (b[0], b[1] * k), wide * k, colour, w.PERSON)

    def legs(self, stride: float) -> None:
        """Draw legs and shoes, `stride` metres apart from standing."""
        k = self.k
        self.limb((-0.08 * k, 0.85), (-0.08 * k - stride, 0.05), 0.15, self.trousers * 0.8)
        self.limb((0.08 * k, 0.85), (0.08 * k + stride, 0.05), 0.15, self.trousers)
        for side in (-1, 1):
            heel, toe = side * (0.06 * k + stride), side * (0.13 * k + stride)
            self.limb((heel, 0.03), (toe, 0.03), 0.07, self.light * 0.03)

    def torso(self, swing: float) -> None:
        """Draw the torso with arms that swing by so many metres, and a bag where there is one."""
        broad, hem, top, k = self.broad, self.hem, self.top, self.k
        self.limb((-broad, 1.4), (-broad - 0.05 * k + swing, 0.85), 0.1, top * 0.7)
        right = [(broad, 1.42), (broad * 0.75, 1.1), (broad * 0.8, hem)]
        left = [(-broad * 0.8, hem), (-broad * 0.75, 1.1), (-broad, 1.42)]
        self.polygon([*left, (-0.07 * k, 1.5), (0.07 * k, 1.5), *right], top)
        self.polygon([(0.02, hem), (0.02, 1.45), (broad, 1.4), *right[1:]], top * 0.85)
        self.limb((broad, 1.4), (broad + 0.05 * k - swing, 0.85), 0.1, top * 0.9)
        if self.bag:
            out = broad + 0.12
            outline = [(broad * 0.9, 0.85), (broad * 0.9, 1.1), (out, 1.1), (out, 0.85)]
            self.polygon(outline, _pick(self.own, CLOTHES, self.light))

    def head(self) -> None:
        """Draw neck, face and hair."""
        k = self.k
        self.limb((0, 1.46), (0, 1.56), 0.1, self.skin * 0.8)
        self.board.disc(0, 1.63 * k, 0.105 * k, 0.13 * k, self.skin, w.PERSON)
        half = 0.11 * k
        fringe = [(-half, 1.62), (-half, 1.72), (0.0, 1.78), (half, 1.72), (half, 1.66), (0.0, 1.7)]
        self.polygon(fringe, self.hair)


def paint_cycle(
    canvas: Canvas, thing: Thing, x: float, z: float, heading: float, shade: float, time: float
) -> None:
    """Paint a bicycle or motorcycle, alone or with its rider."""
    ridden = thing.kind in {"cyclist", "biker"}
    motor = thing.kind in {"motorcycle", "biker"}
    board = Board(canvas, x, z, 1.25, 2.1 if ridden else 1.3)
    if not board.visible:
        return
    label = w.MOTORCYCLE if motor else w.BICYCLE
    appearance = canvas.appearance
    light = appearance.light((0.0, 0.4, 0.0), 0.0) + appearance.sun * np.float32(0.4 * shade)
    own = appearance.rng(thing.number)
    frame = _pick(own, CLOTHES, light)
    across = math.sin(heading - canvas.camera.yaw)  # how much of the length is seen
    tyre = light * 0.03
    for end in (-0.52, 0.52):
        _wheel(board, end * across, 0.34, abs(across), tyre, label, 0.13 if motor else 0.05)
    if motor:
        board.polygon(
            [
                (-0.6 * across - 0.1, 0.4),
                (-0.5 * across - 0.14, 0.8),
                (0.3 * across + 0.14, 0.95),
                (0.5 * across + 0.12, 0.5),
            ],
            frame,
            label,
        )
        board.limb((-0.6 * across, 0.82), (0.1 * across, 0.84), 0.12, tyre, label)
    else:
        for a, b in FRAME:
            board.limb((a[0] * across, a[1]), (b[0] * across, b[1]), 0.05, frame, label)
        board.limb((-0.3 * across, 0.9), (-0.08 * across + 0.02, 0.9), 0.07, tyre, label)
    spread = 0.3 * math.sqrt(max(0.0, 1 - across * across)) + 0.03
    board.limb((0.42 * across - spread, 1.0), (0.42 * across + spread, 1.0), 0.05, tyre, label)
    if ridden:
        _rider(board, across, light, time, own)
    board.finish(thing.number)


def _wheel(
    board: Board, x: float, radius: float, open_: float, colour: Floats, label: int, thick: float
) -> None:
    """Draw a wheel as a ring, seen as an ellipse `open_` of its height wide."""
    angle = np.linspace(0, 2 * math.pi, 17)
    rim = [(x + radius * open_ * math.cos(a), radius + radius * math.sin(a)) for a in angle]
    for a, b in itertools.pairwise(rim):
        board.limb(a, b, thick, colour, label)


def _rider(board: Board, across: float, light: Floats, time: float, own: np.random.Generator) -> None:
    top, legs, skin = _pick(own, CLOTHES, light), _pick(own, TROUSERS, light), _pick(own, SKINS, light)
    helmet = _pick(own, ((230, 230, 230), (30, 30, 34), (180, 40, 40), (60, 110, 170)), light)
    pedal = 0.12 * math.sin(time * 8)
    hip, knee = (-0.16 * across, 0.95), (0.12 * across, 0.62)
    for side in (-1, 1):
        off = side * 0.1 * (1 - abs(across) * 0.7)
        board.limb(
            (hip[0] + off, hip[1]),
            (knee[0] + off * 1.4, knee[1] + side * pedal),
            0.15,
            legs * (1 if side > 0 else 0.8),
            w.RIDER,
        )
        board.limb(
            (knee[0] + off * 1.4, knee[1] + side * pedal),
            (-0.02 * across + off, 0.24 + side * pedal),
            0.12,
            legs,
            w.RIDER,
        )
    shoulder = (0.14 * across, 1.45)
    half = 0.13 + 0.1 * (1 - abs(across))
    board.polygon(
        [
            (hip[0] - half * 0.8, hip[1] - 0.05),
            (shoulder[0] - half, shoulder[1]),
            (shoulder[0] + half, shoulder[1]),
            (hip[0] + half * 0.8, hip[1] - 0.05),
        ],
        top,
        w.RIDER,
    )
    for side in (-1, 1):
        board.limb(
            (shoulder[0] + side * half * 0.9, 1.4),
            (0.42 * across + side * 0.26 * (1 - abs(across)), 1.03),
            0.09,
            top * 0.85,
            w.RIDER,
        )
    board.disc(shoulder[0] + 0.06 * across, 1.62, 0.1, 0.13, skin, w.RIDER)
    board.disc(shoulder[0] + 0.05 * across, 1.69, 0.12, 0.09, helmet, w.RIDER)


def paint_furniture(canvas: Canvas, thing: Thing, x: float, z: float, shade: float) -> None:
    """Paint a lamp, sign, traffic light, mast or bin."""
    drawers: dict[str, Callable[[Board, Thing, Floats], None]] = {
        "lamp": _lamp,
        "sign": _sign,
        "light": _light,
        "mast": _mast,
        "bin": _bin,
    }
    reach = {"lamp": 2.2, "mast": 4.6}.get(thing.kind, 0.6)
    board = Board(canvas, x, z, reach, thing.size + 0.8)
    if not board.visible:
        return
    appearance = canvas.appearance
    light = appearance.light((0.0, 0.3, 0.0), 0.0) + appearance.sun * np.float32(0.4 * shade)
    drawers[thing.kind](board, thing, light)
    board.finish(thing.number, 0.08)


def _lamp(board: Board, thing: Thing, light: Floats) -> None:
    steel = linear(96, 100, 102) * light
    h = thing.size
    board.limb((0, 0), (0, 1.0), 0.2, steel * 0.9, w.POLE)
    board.limb((0, 0), (0, h), 0.13, steel, w.POLE)
    board.limb((0, h), (thing.heading * 1.5, h + 0.25), 0.09, steel, w.POLE)
    glow = linear(255, 214, 150) * 4 * board.canvas.appearance.lamps + linear(120, 122, 122) * light
    board.limb((thing.heading * 1.35, h + 0.2), (thing.heading * 2.0, h + 0.24), 0.17, glow, w.POLE)


def _sign(board: Board, thing: Thing, light: Floats) -> None:
    rng = np.random.default_rng([13, thing.seed])
    board.limb((0, 0), (0, thing.size), 0.08, linear(140, 142, 144) * light, w.POLE)
    for k in range(1 + int(rng.random() < 0.35)):
        _plate(board, 3 if k else int(rng.integers(6)), thing.size - 0.05 - 0.7 * k, light)


def _plate(board: Board, kind: int, y: float, light: Floats) -> None:
    red, white, blue = linear(200, 24, 30) * light, linear(240, 240, 236) * light, linear(24, 80, 170) * light
    yellow = linear(240, 190, 30) * light
    if kind == 0:
        board.disc(0, y, 0.32, 0.32, red, w.SIGN)
        board.disc(0, y, 0.23, 0.23, white, w.SIGN)
        board.limb((-0.1, y), (0.12, y), 0.14, light * 0.05, w.SIGN)
    elif kind == 1:
        board.polygon([(-0.38, y + 0.3), (0.38, y + 0.3), (0, y - 0.36)], red, w.SIGN)
        board.polygon([(-0.24, y + 0.22), (0.24, y + 0.22), (0, y - 0.19)], white, w.SIGN)
    elif kind == 2:
        board.polygon([(-0.36, y - 0.28), (0.36, y - 0.28), (0, y + 0.36)], red, w.SIGN)
        board.polygon([(-0.22, y - 0.2), (0.22, y - 0.2), (0, y + 0.18)], white, w.SIGN)
    elif kind == 3:
        board.polygon([(-0.3, y - 0.3), (0.3, y - 0.3), (0.3, y + 0.3), (-0.3, y + 0.3)], blue, w.SIGN)
        board.limb((-0.08, y - 0.2), (-0.08, y + 0.2), 0.08, white, w.SIGN)
        board.limb((-0.05, y + 0.1), (0.12, y + 0.1), 0.16, white, w.SIGN)
    elif kind == 4:
        board.polygon([(0, y - 0.4), (0.4, y), (0, y + 0.4), (-0.4, y)], white, w.SIGN)
        board.polygon([(0, y - 0.3), (0.3, y), (0, y + 0.3), (-0.3, y)], yellow, w.SIGN)
    else:
        board.disc(0, y, 0.32, 0.32, blue, w.SIGN)
        board.limb((0, y - 0.2), (0, y + 0.12), 0.08, white, w.SIGN)
        board.polygon([(-0.14, y + 0.06), (0.14, y + 0.06), (0, y + 0.22)], white, w.SIGN)


def _head(board: Board, x: float, y: float, state: int, light: Floats) -> None:
    """Draw a traffic light's head whose top is at y; state 0 red, 1 amber, 2 green."""
    case = linear(26, 28, 28) * light
    board.polygon([(x - 0.17, y - 0.95), (x + 0.17, y - 0.95), (x + 0.17, y), (x - 0.17, y)], case, w.LIGHT)
    colours = (linear(255, 50, 36), linear(255, 180, 40), linear(60, 255, 150))
    for k, colour in enumerate(colours):
        board.disc(x, y - 0.17 - 0.3 * k, 0.11, 0.11, colour * (1.3 if k == state else 0.03), w.LIGHT)


def _light(board: Board, thing: Thing, light: Floats) -> None:
    board.limb((0, 0), (0, thing.size), 0.12, linear(110, 114, 112) * light, w.POLE)
    state = int(board.canvas.appearance.rng(71).choice([0, 2, 2, 1], p=[0.4, 0.3, 0.2, 0.1]))
    _head(board, 0, thing.size + 0.1, state, light)


def _mast(board: Board, thing: Thing, light: Floats) -> None:
    steel = linear(110, 114, 112) * light
    board.limb((0, 0), (0, thing.size), 0.17, steel, w.POLE)
    board.limb((0, thing.size), (thing.heading * 4.2, thing.size), 0.12, steel, w.POLE)
    state = int(board.canvas.appearance.rng(71).choice([0, 2, 2, 1], p=[0.4, 0.3, 0.2, 0.1]))
    _head(board, thing.heading * 3.9, thing.size + 0.2, state, light)


def _bin(board: Board, thing: Thing, light: Floats) -> None:
    rng = board.canvas.appearance.rng(thing.number)
    colour = _pick(rng, ((58, 70, 62), (90, 90, 94), (44, 74, 120), (150, 110, 50)), light)
    h = thing.size
    board.polygon([(-0.24, 0), (0.24, 0), (0.28, h * 0.9), (-0.28, h * 0.9)], colour, w.VOID)
    board.polygon([(-0.31, h * 0.88), (0.31, h * 0.88), (0.26, h), (-0.26, h)], colour * 0.7, w.VOID)
