"""The shapes of vehicles: side outlines of cars, vans, lorries, buses and trams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import world as w

if TYPE_CHECKING:
    from .world import Thing

Outline = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Body:
    """A body: its side outline (z, y) from the rear over the roof to the front, what each edge is made of."""

    label: int
    width: float
    outline: Outline
    parts: str  # one letter an edge: b body, g glass, r rear, f front, u underside
    windows: tuple[Outline, ...]
    wheels: tuple[float, ...]
    radius: float
    belt: float
    taper: float


def _line(text: str) -> Outline:
    """Read points written as "along,up along,up ..."."""
    pairs = (point.split(",") for point in text.split())
    return tuple((float(along), float(up)) for along, up in pairs)


# Outlines of cars in metres, (along, up), from the rear bumper over the roof to the front.
SALOON = Body(
    w.CAR,
    1.78,
    _line(
        "-2.2,0.28 -2.28,0.55 -2.22,0.98 -1.62,1.04 -0.95,1.42 0.2,1.45 1.05,1.0 2.05,0.84 2.26,0.58 2.2,0.28"
    ),
    "rrbgbgbff",
    (_line("-1.4,1.04 -0.88,1.36 -0.42,1.38 -0.42,1.02"), _line("-0.34,1.02 -0.34,1.38 0.18,1.39 0.8,1.02")),
    (-1.36, 1.36),
    0.33,
    1.0,
    0.24,
)
HATCHBACK = Body(
    w.CAR,
    1.74,
    _line(
        "-1.92,0.28 -2.0,0.55 -1.95,0.95 -1.86,1.02 -1.42,1.44 0.2,1.5 1.05,1.02 1.82,0.88 2.02,0.6 1.96,0.28"
    ),
    "rrbgbgbff",
    (_line("-1.55,1.06 -1.25,1.4 -0.42,1.43 -0.42,1.04"), _line("-0.34,1.04 -0.34,1.43 0.18,1.44 0.82,1.04")),
    (-1.25, 1.25),
    0.32,
    1.02,
    0.2,
)
ESTATE = Body(
    w.CAR,
    1.86,
    _line(
        "-2.25,0.34 -2.32,0.6 -2.3,1.05 -2.22,1.12 -1.98,1.62 0.25,1.68 0.95,1.14 2.05,1.0 2.25,0.7 2.2,0.34"
    ),
    "rrbgbgbff",
    (_line("-1.95,1.16 -1.8,1.56 -0.5,1.59 -0.5,1.14"), _line("-0.42,1.14 -0.42,1.59 0.22,1.6 0.75,1.14")),
    (-1.4, 1.4),
    0.38,
    1.12,
    0.18,
)
VAN = Body(
    w.CAR,
    2.0,
    _line(
        "-2.5,0.34 -2.58,0.6 -2.55,1.2 -2.52,1.26 -2.4,2.05 1.0,2.08 1.75,1.22 2.35,1.02 2.5,0.66 2.46,0.34"
    ),
    "rrbgbgbff",
    (_line("0.1,1.26 0.1,1.86 0.95,1.88 1.45,1.26"),),
    (-1.6, 1.6),
    0.36,
    1.2,
    0.1,
)


def _box(label: int, length: float, height: float, width: float, windows: bool, floor: float) -> Body:
    """Return a long box: a bus or tram, its windows in a row."""
    half = length / 2
    outline = (
        (-half, floor),
        (-half, 1.1),
        (-half + 0.06, height - 0.35),
        (-half + 0.25, height),
        (half - 0.3, height),
        (half - 0.06, height - 0.4),
        (half, 1.05),
        (half - 0.02, floor),
    )
    panes: list[tuple[tuple[float, float], ...]] = []
    if windows:
        count = max(3, round(length / 1.9))
        edges = np.linspace(-half + 0.35, half - 0.35, count + 1)
        panes = [
            ((a + 0.07, 1.15), (a + 0.07, height - 0.5), (b - 0.07, height - 0.5), (b - 0.07, 1.15))
            for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        ]
    wheels = (-half + 2.6, half - 2.6) if label == w.BUS else ()
    return Body(
        label,
        width,
        outline,
        "rgbbbgf" if windows else "rrbbbgf",
        tuple(panes),
        wheels,
        0.48,
        height - 0.4,
        0.05,
    )


def _lorry() -> tuple[Body, Body]:
    """Return a lorry's box and its cab."""
    box = Body(
        w.TRUCK,
        2.45,
        ((-4.2, 0.95), (-4.2, 3.4), (1.7, 3.4), (1.7, 0.95)),
        "rbb",
        (),
        (-3.0, -1.9),
        0.48,
        3.3,
        0.0,
    )
    outline = ((1.8, 0.5), (1.8, 2.75), (2.0, 2.85), (3.5, 2.8), (3.9, 1.75), (3.98, 0.9), (3.95, 0.4))
    windows = (((2.5, 1.75), (2.5, 2.5), (3.4, 2.5), (3.7, 1.75)),)
    return box, Body(w.TRUCK, 2.4, outline, "bbbgff", windows, (3.0,), 0.48, 2.6, 0.06)


def bodies(thing: Thing) -> tuple[Body, ...]:
    """Return the bodies of a vehicle; the same vehicle always has the same."""
    rng = np.random.default_rng([5, thing.seed])
    if thing.kind == "car":
        return ((SALOON, HATCHBACK, ESTATE)[int(rng.choice([0, 1, 2], p=[0.4, 0.35, 0.25]))],)
    if thing.kind == "van":
        return (VAN,)
    if thing.kind == "truck":
        return _lorry()
    if thing.kind == "bus":
        return (_box(w.BUS, 11.5, 3.05, 2.5, True, 0.35),)
    return (_box(w.TRAIN, 26.0, 3.4, 2.5, True, 0.3),)


def footprint(thing: Thing) -> tuple[float, float, float, float]:
    """Return (rear, front, width, height) of a vehicle in metres."""
    parts = bodies(thing)
    z = [p for body in parts for p, _ in body.outline]
    return (
        min(z),
        max(z),
        max(body.width for body in parts),
        max(y for body in parts for _, y in body.outline),
    )
