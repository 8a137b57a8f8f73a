"""What stands on the pavement and moves on the road: furniture, people, parked and moving vehicles."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .world import BUILDING, LANE, STEP, Crossing, Surface, Thing

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass
class Builder:
    """Collects a world's parts while it is laid out; every random choice comes from `rng`."""

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
        """Return the world's x at `lateral` metres from the centre line."""
        return lateral + float(sum(a * math.sin(z * k + p) for a, k, p in self.bends))

    def slice(self, a: float, b: float) -> slice:
        """Return the tables' rows between a and b metres."""
        return slice(max(0, int((a - self.first) / STEP)), max(0, int((b - self.first) / STEP)))

    def ids(self) -> tuple[int, int]:
        """Return the next object's number and seed."""
        self.number += 1
        return self.number, int(self.rng.integers(2**31))

    def thing(self, kind: str, lateral: float, z: float, **more: float) -> None:
        """Add an object at `lateral` and z."""
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


def furnish(build: Builder, a: float, b: float, sign: float, kerb: float, paved: float) -> None:
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


def park(build: Builder, a: float, b: float, sign: float, kerb: float) -> None:
    """Vehicles parked along the kerb, with gaps."""
    rng, z = build.rng, a
    while z < b:
        if rng.random() < 0.66:
            kind = str(rng.choice(["car", "van", "truck"], p=[0.88, 0.1, 0.02]))
            heading = 0.0 if sign > 0 else math.pi
            build.thing(kind, sign * (kerb - 1.1), z + 2.4, heading=heading + rng.normal(0, 0.02))
            z += 9.5 if kind == "truck" else 5.0 + rng.uniform(0.4, 1.0)
        else:
            z += rng.uniform(3, 8)


def furnish_junction(build: Builder, b: float, z: float, half: float) -> None:
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


def drive_through(build: Builder, a: float, b: float) -> None:
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
