"""What stands where: streets, blocks, buildings, trees and traffic of one world, without any appearance.

Coordinates: metres; x right, z along the street, y up. `lateral` is the offset from the street's centre
line, which bends with z. Everything follows from the world's seed; appearance is drawn apart
(`appearance.py`), so the same label map has many photographs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
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
    """An object that stands or moves: at `lateral` from the centre line and `z`, heading in radians."""

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

    def centre(self, z: Any) -> Any:
        """Return x of the street's centre line at z, a number or an array."""
        return sum((a * np.sin(z * k + p) for a, k, p in self.bends), 0.0 * z)

    def slope(self, z: float) -> float:
        """Return dx/dz of the centre line at z."""
        return float(sum(a * k * math.cos(z * k + p) for a, k, p in self.bends))

    def row(self, z: NDArray[np.float32]) -> NDArray[np.int32]:
        """Return the index of z in the tables, clipped to the world."""
        rows: NDArray[np.int32] = np.clip((z - self.first) / STEP, 0, self.kerb.shape[1] - 1).astype(np.int32)
        return rows
