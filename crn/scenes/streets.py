"""Laying out a world: block after block, what lines each side, and the streets that cross."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .traffic import Builder, drive_through, furnish, furnish_junction, park
from .world import AHEAD, BUILDING, FENCE, LANE, LEFT, RIGHT, SIGNS, STEP, VEGETATION, WALL, Crossing, World

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray


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
    build = Builder(rng, seed, first, rows, bends, lanes)
    character = rng.dirichlet([2.0, 1.2, 0.9, 0.7, 0.5])
    z = first - rng.uniform(0, 60)
    while z < first + rows * STEP:
        z = _block(build, z, character)
    return World(
        seed,
        bends,
        lanes,
        first,
        build.kerb,
        build.verge,
        build.paved,
        build.facade,
        build.height,
        build.grass,
        tuple(build.crossings),
        tuple(build.surfaces),
        tuple(build.things),
    )


def _block(build: Builder, z: float, character: NDArray[np.float64]) -> float:
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
    furnish_junction(build, b, crossing, half)
    drive_through(build, a, b + 2 * gap)
    return b + 2 * gap


@dataclass(frozen=True)
class Strip:
    """One side of a block: from a to b along the street, its pavement up to `paved`, houses at `facade`."""

    a: float
    b: float
    sign: float
    facade: float
    paved: float
    style: str


def _side(build: Builder, a: float, b: float, side: int, style: str, parking: bool) -> None:
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
    strip = Strip(a, b, sign, facade, paved, style)
    {"terrace": _terrace, "houses": _houses, "park": _park, "office": _terrace, "yard": _yard}[style](
        build, strip
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
    furnish(build, a, b, sign, kerb, paved)
    if parking:
        park(build, a + 3, b - 4, sign, kerb)


def _terrace(build: Builder, strip: Strip) -> None:
    """Houses or offices wall to wall, with a rare gap."""
    a, b, sign, facade, style = strip.a, strip.b, strip.sign, strip.facade, strip.style
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


def _houses(build: Builder, strip: Strip) -> None:
    """Detached houses with gardens."""
    a, b, sign, facade, paved = strip.a, strip.b, strip.sign, strip.facade, strip.paved
    rng, z = build.rng, a + _gap(build.rng)
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
        gap = _gap(rng)
        if rng.random() < 0.7:
            build.thing("tree", sign * (back + rng.uniform(1, 5)), z + gap / 2, size=rng.uniform(5, 10))
        if rng.random() < 0.5:
            build.thing(
                "bush", sign * (back - rng.uniform(1, 2.5)), z - rng.uniform(1, 6), size=rng.uniform(0.9, 1.8)
            )
        z += gap
    _border(build, a, b, sign, paved + 0.15, ("fence", "fence", "lowwall", "hedge"))


def _gap(rng: Generator) -> float:
    """Return a gap between detached houses in metres."""
    return float(rng.uniform(2.5, 7))


def _park(build: Builder, strip: Strip) -> None:
    """Trees and bushes on grass."""
    a, b, sign, paved = strip.a, strip.b, strip.sign, strip.paved
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


def _yard(build: Builder, strip: Strip) -> None:
    """A wall along the pavement, trees and houses behind it."""
    a, b, sign, paved = strip.a, strip.b, strip.sign, strip.paved
    rng = build.rng
    build.along("wall", WALL, sign * (paved + 0.2), a, b, rng.uniform(1.6, 2.8))
    for z in np.arange(a + 2, b, 9):
        build.thing(
            "tree", sign * (paved + rng.uniform(2.5, 8)), z + rng.uniform(-3, 3), size=rng.uniform(6, 10)
        )
    _terrace(build, replace(strip, style="terrace"))


def _border(build: Builder, a: float, b: float, sign: float, lateral: float, kinds: tuple[str, ...]) -> None:
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
