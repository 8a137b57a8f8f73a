"""What stands where: streets, blocks, buildings, trees and traffic of one world, without any appearance.

Coordinates: metres; x right, z along the street, y up. `lateral` is the offset from the street's centre line,
which bends with z. Everything follows from the world's seed; appearance is drawn separately (`look.py`), so the
same label map has many photographs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

ROAD, SIDEWALK, BUILDING, WALL, FENCE, POLE, LIGHT, SIGN, VEGETATION, TERRAIN, SKY = range(11)
PERSON, RIDER, CAR, TRUCK, BUS, TRAIN, MOTORCYCLE, BICYCLE, VOID = range(11, 20)

LANE = 3.2
STEP = 0.5  # metres between entries of the street's tables
AHEAD = 210.0  # metres of world that a camera sees before it
LEFT, RIGHT = 0, 1
SIGNS = (-1.0, 1.0)


@dataclass(frozen=True)
class Surface:
    """A vertical surface from `start` to `end` (x, z), `bottom` to `top` metres high."""

    kind: str
    label: int
    number: int
    seed: int
    start: tuple[float, float]
    end: tuple[float, float]
    top: float
    roof: float = 0.0
    gable: bool = False
    facing: float = 0.0  # -1: faces the street from its left side, 1: from its right, 0: faces along it


@dataclass(frozen=True)
class Thing:
    """An object that stands or moves: at `lateral` from the centre line and `z`, heading in radians from +z."""

    kind: str
    number: int
    seed: int
    lateral: float
    z: float
    heading: float = 0.0
    speed: float = 0.0  # metres a second along z
    size: float = 1.0


@dataclass(frozen=True)
class Crossing:
    """A street that crosses at z, with half its width in metres."""

    z: float
    half: float
    zebra: bool


@dataclass(frozen=True)
class World:
    """A street: its bends, tables along z (one row a side), surfaces and things."""

    seed: int
    bends: tuple[tuple[float, float, float], ...]
    lanes: int
    first: float
    kerb: NDArray[np.float32]
    verge: NDArray[np.float32]
    paved: NDArray[np.float32]
    facade: NDArray[np.float32]
    height: NDArray[np.float32]
    grass: NDArray[np.bool_]
    crossings: tuple[Crossing, ...]
    surfaces: tuple[Surface, ...]
    things: tuple[Thing, ...]

    def centre(self, z: NDArray[np.float32] | float) -> NDArray[np.float32] | float:
        """Return x of the street's centre line at z."""
        return sum((a * np.sin(z * k + p) for a, k, p in self.bends), 0.0 * z)

    def slope(self, z: float) -> float:
        """Return dx/dz of the centre line at z."""
        return float(sum(a * k * math.cos(z * k + p) for a, k, p in self.bends))

    def row(self, z: NDArray[np.float32]) -> NDArray[np.int32]:
        """Return the index of z in the tables, clipped to the world."""
        return np.clip((z - self.first) / STEP, 0, self.kerb.shape[1] - 1).astype(np.int32)


@dataclass
class _Builder:
    """Collects a world's parts while it is laid out."""

    rng: Generator
    seed: int
    first: float
    rows: int
    bends: tuple[tuple[float, float, float], ...]
    lanes: int
    surfaces: list[Surface] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        shape = (2, self.rows)
        self.kerb = np.full(shape, self.lanes * LANE, np.float32)
        self.verge = np.zeros(shape, np.float32)
        self.paved = np.full(shape, 12, np.float32)
        self.facade = np.full(shape, 30, np.float32)
        self.height = np.zeros(shape, np.float32)
        self.grass = np.zeros(shape, np.bool_)

    def x(self, lateral: float, z: float) -> float:
        return lateral + float(sum(a * math.sin(z * k + p) for a, k, p in self.bends))

    def slice(self, a: float, b: float) -> slice:
        return slice(max(0, int((a - self.first) / STEP)), max(0, int((b - self.first) / STEP)))

    def ids(self) -> tuple[int, int]:
        self.number += 1
        return self.number, int(self.rng.integers(2**31))

    def thing(self, kind: str, lateral: float, z: float, **more: float) -> None:
        number, seed = self.ids()
        self.things.append(Thing(kind, number, seed, lateral, z, **more))

    def along(
        self, kind: str, label: int, lateral: float, a: float, b: float, top: float, **more: object
    ) -> None:
        """Add a surface along the street, in pieces short enough to follow its bends."""
        number, seed = self.ids()
        start, end = (self.x(lateral, a), a), (self.x(lateral, b), b)
        facing = math.copysign(1.0, lateral)
        self.surfaces.append(Surface(kind, label, number, seed, start, end, top, facing=facing, **more))  # type: ignore[arg-type]

    def across(self, kind: str, lateral: float, z: float, depth: float, top: float, like: Surface) -> None:
        """Add the end of a building, facing along the street, with the building's identity."""
        start, end = (self.x(lateral, z), z), (self.x(lateral, z) + math.copysign(depth, lateral), z)
        self.surfaces.append(
            Surface(kind, BUILDING, like.number, like.seed, start, end, top, like.roof, kind == "house-end")
        )


def build_world(seed: int, length: float) -> World:
    """Lay out a world that a camera can travel from z = 0 to z = `length` metres.

    Returns the same world for the same arguments; its first part does not depend on `length`.
    """
    rng = np.random.default_rng([seed, 11])
    first = -40.0
    rows = int((length + AHEAD + 130 - first) / STEP)
    bends: tuple[tuple[float, float, float], ...] = ()
    if rng.random() < 0.75:
        wave = rng.uniform(160, 420)
        slope = rng.uniform(0.02, 0.16)
        bends = ((slope * wave / (2 * math.pi), 2 * math.pi / wave, rng.uniform(0, 2 * math.pi)),)
    lanes = int(rng.choice([1, 1, 2]))
    build = _Builder(rng, seed, first, rows, bends, lanes)
    character = rng.dirichlet([2.0, 1.2, 0.9, 0.7, 0.5])
    z = first - rng.uniform(0, 60)
    while z < first + rows * STEP:
        z = _block(build, z, character)
    return World(
        seed, bends, lanes, first, build.kerb, build.verge, build.paved, build.facade, build.height, build.grass,
        tuple(build.crossings), tuple(build.surfaces), tuple(build.things),
    )  # fmt: skip


def _block(build: _Builder, z: float, character: NDArray[np.float64]) -> float:
    """Lay out one block from z on, and the street that crosses after it; return where the next begins."""
    rng = build.rng
    a, b = z, z + rng.uniform(55, 130)
    half = float(rng.choice([3.4, 4.5, 6.6]))
    gap = half + 3.0
    parking = rng.random(2) < 0.55
    for side in (LEFT, RIGHT):
        style = rng.choice(["terrace", "houses", "park", "office", "yard"], p=character)
        _side(build, a, b, side, str(style), bool(parking[side]))
    crossing = b + gap
    build.crossings.append(Crossing(crossing, half, bool(rng.random() < 0.7)))
    for side in (LEFT, RIGHT):
        rows = build.slice(b, b + 2 * gap)
        build.kerb[side, rows] = build.lanes * LANE + 0.4
        build.paved[side, rows] = 60
        build.facade[side, rows] = 80
    _junction(build, b, crossing, half)
    _traffic(build, a, b + 2 * gap)
    return b + 2 * gap


def _side(build: _Builder, a: float, b: float, side: int, style: str, parking: bool) -> None:
    """Lay out one side of a block: strips of ground, what stands behind them, what stands on them."""
    rng, sign, rows = build.rng, SIGNS[side], build.slice(a, b)
    kerb = build.lanes * LANE + (2.3 if parking else 0.4)
    avenue = rng.random() < 0.45
    verge = 1.6 if avenue and rng.random() < 0.5 else 0.0
    paved = kerb + verge + rng.uniform(2.2, 4.5)
    build.kerb[side, rows], build.verge[side, rows], build.paved[side, rows] = kerb, kerb + verge, paved
    build.grass[side, rows] = style in {"houses", "park", "yard"}
    depth = {
        "terrace": 0.3,
        "houses": rng.uniform(4, 8),
        "park": 40.0,
        "office": rng.uniform(0.5, 5),
        "yard": 16.0,
    }
    facade = paved + depth[style]
    build.facade[side, rows] = facade
    {"terrace": _terrace, "houses": _houses, "park": _park, "office": _terrace, "yard": _yard}[style](
        build, a, b, sign, facade, paved, style
    )
    for surface in build.surfaces:
        if surface.label == BUILDING and surface.facing == sign and a <= surface.start[1] < b:
            build.height[side, build.slice(surface.start[1], surface.end[1])] = (
                surface.top + surface.roof * 0.5
            )
    if avenue:
        spacing = rng.uniform(8, 14)
        for z in np.arange(a + 4, b - 3, spacing):
            build.thing("tree", sign * (kerb + 0.8), z + rng.uniform(-0.8, 0.8), size=rng.uniform(4.5, 8.5))
    _furniture(build, a, b, sign, kerb, paved)
    if parking:
        _parked(build, a + 3, b - 4, sign, kerb)


def _terrace(
    build: _Builder, a: float, b: float, sign: float, facade: float, paved: float, style: str
) -> None:
    rng, z = build.rng, a
    base = rng.uniform(9, 17) if style == "terrace" else rng.uniform(12, 30)
    before = 0.0  # height of the building that hides the end of the next
    while z < b - 4:
        width = min(rng.uniform(7, 16) if style == "terrace" else rng.uniform(16, 34), b - z)
        if b - z - width < 6:
            width = b - z
        top = max(5.5, base + rng.normal(0, 2.2))
        roof = rng.uniform(2, 3.5) if style == "terrace" and rng.random() < 0.6 else 0.0
        build.along(style, BUILDING, sign * facade, z, z + width, top, roof=roof)
        if top + roof > before:
            build.across(style + "-end", sign * facade, z, 14, top, build.surfaces[-1])
        gap = rng.uniform(3, 5) if rng.random() < 0.08 else 0.0
        before = 0.0 if gap else top
        z += width + gap


def _houses(
    build: _Builder, a: float, b: float, sign: float, facade: float, paved: float, style: str
) -> None:
    rng, z = build.rng, a + rng_gap(build.rng)
    while z < b - 7:
        width = min(rng.uniform(8, 13), b - z)
        top = float(rng.choice([3.2, 5.6, 6.2, 8.4]))
        back = facade + rng.uniform(-0.8, 2.5)
        build.along(
            "house",
            BUILDING,
            sign * back,
            z,
            z + width,
            top,
            roof=rng.uniform(2.2, 3.6),
            gable=bool(rng.random() < 0.4),
        )
        build.across("house-end", sign * back, z, 9, top, build.surfaces[-1])
        z += width
        gap = rng_gap(rng)
        if rng.random() < 0.7:
            build.thing("tree", sign * (back + rng.uniform(1, 5)), z + gap / 2, size=rng.uniform(5, 10))
        if rng.random() < 0.5:
            build.thing(
                "bush", sign * (back - rng.uniform(1, 2.5)), z - rng.uniform(1, 6), size=rng.uniform(0.9, 1.8)
            )
        z += gap
    _border(build, a, b, sign, paved + 0.15, ("fence", "fence", "lowwall", "hedge"))


def rng_gap(rng: Generator) -> float:
    """Return a gap between detached houses in metres."""
    return float(rng.uniform(2.5, 7))


def _park(build: _Builder, a: float, b: float, sign: float, facade: float, paved: float, style: str) -> None:
    rng = build.rng
    for row, spacing in ((3.0, 9.0), (9.0, 6.0), (17.0, 5.0), (26.0, 5.0)):
        for z in np.arange(a, b, spacing):
            build.thing(
                "tree",
                sign * (paved + row + rng.uniform(-2, 2)),
                z + rng.uniform(-2, 2),
                size=rng.uniform(5, 11),
            )
    for z in np.arange(a, b, 7):
        if rng.random() < 0.5:
            build.thing(
                "bush", sign * (paved + rng.uniform(1, 6)), z + rng.uniform(-2, 2), size=rng.uniform(0.8, 2)
            )
    _border(build, a, b, sign, paved + 0.15, ("fence", "fence", "none", "lowwall", "hedge"))


def _yard(build: _Builder, a: float, b: float, sign: float, facade: float, paved: float, style: str) -> None:
    rng = build.rng
    build.along("wall", WALL, sign * (paved + 0.2), a, b, rng.uniform(1.6, 2.8))
    for z in np.arange(a + 2, b, 9):
        build.thing(
            "tree", sign * (paved + rng.uniform(2.5, 8)), z + rng.uniform(-3, 3), size=rng.uniform(6, 10)
        )
    _terrace(build, a, b, sign, facade, paved, "terrace")


def _border(build: _Builder, a: float, b: float, sign: float, lateral: float, kinds: tuple[str, ...]) -> None:
    """Fence, wall or hedge between the pavement and what is behind, with gates."""
    rng = build.rng
    kind = str(rng.choice(kinds))
    if kind == "none":
        return
    label = {"fence": FENCE, "lowwall": WALL, "hedge": VEGETATION}[kind]
    top = {"fence": rng.uniform(0.9, 1.9), "lowwall": rng.uniform(0.7, 1.4), "hedge": rng.uniform(0.9, 1.9)}[
        kind
    ]
    z = a
    while z < b:
        end = min(b, z + rng.uniform(9, 22))
        build.along(kind, label, sign * lateral, z, end, top)
        z = end + (rng.uniform(1.2, 3) if rng.random() < 0.6 else 0)


def _furniture(build: _Builder, a: float, b: float, sign: float, kerb: float, paved: float) -> None:
    """Lamps, signs, bins, parked bicycles and people on the pavement."""
    rng = build.rng
    if rng.random() < 0.85:
        for z in np.arange(a + rng.uniform(3, 20), b, rng.uniform(22, 32)):
            build.thing("lamp", sign * (kerb + 0.5), z, heading=-sign, size=rng.uniform(6, 9))
    for _ in range(rng.poisson(2.0)):
        build.thing("sign", sign * (kerb + 0.45), rng.uniform(a + 2, b), size=rng.uniform(2.2, 3.0))
    for _ in range(rng.poisson(0.6)):
        build.thing("bin", sign * (kerb + 0.6), rng.uniform(a, b), size=rng.uniform(0.8, 1.2))
    for _ in range(rng.poisson(1.1)):
        z = rng.uniform(a, b)
        for k in range(int(rng.integers(1, 4))):
            build.thing("bicycle", sign * (paved - 0.5), z + k * 0.9, heading=rng.uniform(0.2, 1.2) * sign)
    if rng.random() < 0.3:
        build.thing("motorcycle", sign * (kerb + 0.8), rng.uniform(a, b), heading=rng.uniform(-0.6, 0.6))
    for _ in range(rng.poisson(4.5)):
        z, lateral = rng.uniform(a, b), sign * rng.uniform(kerb + 0.9, paved - 0.4)
        speed = float(rng.choice([-1.3, 0.0, 1.2]))
        for k in range(1 + int(rng.random() < 0.35)):
            build.thing(
                "person", lateral - sign * 0.65 * k, z + 0.15 * k, speed=speed, size=rng.uniform(1.55, 1.9)
            )


def _parked(build: _Builder, a: float, b: float, sign: float, kerb: float) -> None:
    rng, z = build.rng, a
    while z < b:
        if rng.random() < 0.66:
            kind = str(rng.choice(["car", "van", "truck"], p=[0.88, 0.1, 0.02]))
            heading = 0.0 if sign > 0 else math.pi
            build.thing(kind, sign * (kerb - 1.1), z + 2.4, heading=heading + rng.normal(0, 0.02))
            z += 9.5 if kind == "truck" else 5.0 + rng.uniform(0.4, 1.0)
        else:
            z += rng.uniform(3, 8)


def _junction(build: _Builder, b: float, z: float, half: float) -> None:
    """Traffic lights, signs and people at a crossing, seen when driving towards +z."""
    rng = build.rng
    edge = build.lanes * LANE
    if rng.random() < 0.65:
        build.thing("light", edge + 1.0, b - 0.5, size=rng.uniform(3.0, 3.6))
        build.thing("light", -edge - 1.0, z + half + 2, size=rng.uniform(3.0, 3.6))
        if rng.random() < 0.5:
            build.thing("mast", edge + 1.0, z + half + 2.4, heading=-1, size=5.6)
    elif rng.random() < 0.8:
        build.thing("sign", edge + 0.9, b - 1.0, size=2.7)
    for _ in range(rng.poisson(0.8)):
        build.thing(
            "person",
            rng.choice([-1.0, 1.0]) * (edge + rng.uniform(-0.9, 1.2)),
            b + 1.2 + rng.uniform(-0.6, 0.8),
            size=rng.uniform(1.55, 1.9),
        )
    if rng.random() < 0.4:
        side = rng.choice([-1.0, 1.0])
        build.thing(
            "car", side * rng.uniform(edge + 3, edge + 12), z - side * half / 2, heading=-side * math.pi / 2
        )


def _traffic(build: _Builder, a: float, b: float) -> None:
    """Vehicles and riders on the lanes between a and b: oncoming on the left, along with us on the right."""
    rng = build.rng
    for lane in range(build.lanes):
        for sign in (-1.0, 1.0):
            z = a + rng.exponential(22)
            while z < b:
                kind = str(
                    rng.choice(["car", "van", "truck", "bus", "tram"], p=[0.8, 0.07, 0.06, 0.055, 0.015])
                )
                lateral = sign * (lane + 0.5) * LANE + rng.normal(0, 0.15)
                build.thing(kind, lateral, z, heading=0.0 if sign > 0 else math.pi, speed=sign * 8.0)
                length = {"car": 6.0, "van": 7.0, "truck": 11.0, "bus": 14.0, "tram": 30.0}[kind]
                z += length + 3 + rng.exponential(38)
    for _ in range(rng.poisson(1.5)):
        sign = float(rng.choice([-1.0, 1.0]))
        kind = str(rng.choice(["cyclist", "biker"], p=[0.72, 0.28]))
        lateral = sign * (build.lanes * LANE - 0.5)
        build.thing(
            kind,
            lateral,
            rng.uniform(a, b),
            heading=0.0 if sign > 0 else math.pi,
            speed=sign * 4.5,
            size=1.75,
        )
