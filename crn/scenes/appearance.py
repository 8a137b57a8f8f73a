"""Appearance: light, weather, season, colours, drawn apart from the layout: one layout, many appearances."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from .noise import Floats

HOURS = ("noon", "overcast", "evening", "haze", "dusk")
CAR_PAINTS = (
    (232, 232, 230),
    (24, 25, 28),
    (112, 116, 120),
    (176, 180, 184),
    (160, 22, 26),
    (28, 58, 128),
    (58, 92, 150),
    (30, 78, 52),
    (196, 150, 40),
    (92, 60, 44),
    (222, 208, 178),
    (206, 84, 30),
)
CAR_SHARES = (0.18, 0.14, 0.12, 0.12, 0.13, 0.1, 0.06, 0.04, 0.04, 0.02, 0.03, 0.02)


def linear(*srgb: float) -> Floats:
    """Turn an sRGB colour in [0, 255] into linear light in [0, 1], (3,) float32."""
    return (np.asarray(srgb, np.float32) / 255) ** np.float32(2.2)


@dataclass(frozen=True)
class Appearance:
    """Light and colours of a photograph; colours are linear light (3,)."""

    seed: int
    hour: str
    zenith: Floats
    horizon: Floats
    sun: Floats
    ambient: Floats
    direction: tuple[float, float, float]
    clouds: float
    cloud_offset: float
    fog: float
    lamps: float
    leaves: Floats
    grass: Floats
    asphalt: float
    exposure: float

    def rng(self, number: int) -> Generator:
        """Return the generator of one object's colours."""
        return np.random.default_rng([self.seed, number])

    def light(self, normal: NDArray[np.float32] | tuple[float, float, float], shade: float = 1.0) -> Floats:
        """Return the light (3,) on a surface with this normal; `shade` is how much of the sun reaches it."""
        n = np.asarray(normal, np.float32)
        direct = max(0.0, float(n @ np.asarray(self.direction, np.float32)))
        return self.ambient * np.float32(0.72 + 0.28 * n[1]) + self.sun * np.float32(direct * shade)


_SKIES: dict[str, dict[str, tuple[float, ...]]] = {
    "noon": {
        "zenith": (62, 118, 200),
        "horizon": (178, 208, 236),
        "sun": (255, 246, 228),
        "ambient": (150, 170, 205),
    },
    "overcast": {
        "zenith": (158, 168, 182),
        "horizon": (214, 218, 222),
        "sun": (120, 120, 122),
        "ambient": (205, 208, 214),
    },
    "evening": {
        "zenith": (96, 112, 168),
        "horizon": (255, 190, 120),
        "sun": (255, 182, 100),
        "ambient": (158, 156, 182),
    },
    "haze": {
        "zenith": (196, 200, 196),
        "horizon": (236, 228, 208),
        "sun": (230, 214, 180),
        "ambient": (196, 192, 182),
    },
    "dusk": {
        "zenith": (44, 62, 118),
        "horizon": (224, 158, 128),
        "sun": (90, 64, 60),
        "ambient": (118, 128, 152),
    },
}
_SETTINGS = {  # sun's strength, elevation range in degrees, cloud range, fog per metre, lamps, exposure
    "noon": (2.3, (38, 60), (0.2, 0.62), (0.0008, 0.0025), 0.0, 1.2),
    "overcast": (0.5, (40, 60), (0.75, 1.0), (0.0015, 0.004), 0.05, 1.3),
    "evening": (2.4, (13, 24), (0.25, 0.6), (0.0015, 0.0035), 0.25, 1.3),
    "haze": (1.0, (20, 40), (0.4, 0.7), (0.005, 0.010), 0.1, 1.1),
    "dusk": (0.3, (6, 12), (0.15, 0.5), (0.0015, 0.0035), 1.0, 1.55),
}


def draw_appearance(seed: int, hour: str | None = None) -> Appearance:
    """Draw an appearance; `hour` (one of HOURS) fixes the time of day and the weather.

    Raises ValueError for an unknown hour.
    """
    rng = np.random.default_rng([seed, 23])
    drawn = str(rng.choice(HOURS, p=[0.36, 0.22, 0.18, 0.12, 0.12]))
    hour = hour or drawn
    if hour not in HOURS:
        raise ValueError(f"hour {hour!r} is not one of {', '.join(HOURS)}.")
    strength, elevation, clouds, fog, lamps, exposure = _SETTINGS[hour]
    colours = {
        key: linear(*value) * rng.uniform(0.93, 1.07, 3).astype(np.float32)
        for key, value in _SKIES[hour].items()
    }
    height = math.radians(rng.uniform(*elevation))
    around = rng.uniform(-math.pi, math.pi)
    direction = (math.cos(height) * math.sin(around), math.sin(height), math.cos(height) * math.cos(around))
    leaves = linear(84, 116, 48) * rng.uniform(0.8, 1.2, 3).astype(np.float32)
    if rng.random() < 0.22:  # autumn
        leaves = linear(*((150, 104, 40), (164, 132, 44), (122, 84, 42))[int(rng.integers(3))])
    grass = linear(88, 116, 52) * rng.uniform(0.8, 1.2, 3).astype(np.float32)
    return Appearance(
        seed=seed,
        hour=hour,
        zenith=colours["zenith"],
        horizon=colours["horizon"],
        sun=colours["sun"] * np.float32(strength),
        ambient=colours["ambient"] * np.float32(1.15),
        direction=direction,
        clouds=rng.uniform(*clouds),
        cloud_offset=rng.uniform(0, 512),
        fog=rng.uniform(*fog),
        lamps=lamps,
        leaves=leaves,
        grass=grass,
        asphalt=rng.uniform(0.8, 1.25),
        exposure=exposure * rng.uniform(0.93, 1.07),
    )


def paint(rng: Generator) -> Floats:
    """Draw the paint of a car, linear light (3,)."""
    chosen = CAR_PAINTS[int(rng.choice(len(CAR_PAINTS), p=CAR_SHARES))]
    return linear(*chosen) * rng.uniform(0.88, 1.12, 3).astype(np.float32)
