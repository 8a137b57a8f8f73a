"""Periodic noise textures and integer hashes, from which every surface of a scene gets its detail."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]  # float32, but for what numpy widens on the way
SIZE = 512


@cache
def tile(slope: float, variant: int = 0) -> Floats:
    """Return periodic noise (512, 512) float32, mean 0, deviation 1, its spectrum falling as 1 / f**slope."""
    rng = np.random.default_rng([7, variant])
    spectrum = np.fft.rfft2(rng.standard_normal((SIZE, SIZE)))
    fy = np.fft.fftfreq(SIZE)[:, None] * SIZE
    fx = np.fft.rfftfreq(SIZE)[None] * SIZE
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(spectrum / frequency**slope, s=(SIZE, SIZE))
    result: Floats = ((noise - noise.mean()) / noise.std()).astype(np.float32)
    return result


def sample(texture: Floats, u: Floats, v: Floats) -> Floats:
    """Read a tile at (u, v) texels, bilinear, wrapping around; u and v broadcast."""
    u0, v0 = np.floor(u), np.floor(v)
    fu, fv = u - u0, v - v0
    i0, j0 = u0.astype(np.int32) & (SIZE - 1), v0.astype(np.int32) & (SIZE - 1)
    i1, j1 = (i0 + 1) & (SIZE - 1), (j0 + 1) & (SIZE - 1)
    flat = texture.reshape(-1)
    j0, j1 = j0 * SIZE, j1 * SIZE
    top = flat[j0 + i0] * (1 - fu) + flat[j0 + i1] * fu
    bottom = flat[j1 + i0] * (1 - fu) + flat[j1 + i1] * fu
    result: Floats = top + (bottom - top) * fv
    return result


def nearest(texture: Floats, u: Floats, v: Floats) -> Floats:
    """Read a tile at (u, v) texels without interpolation, wrapping around: for grain finer than a pixel."""
    i = u.astype(np.int32) & (SIZE - 1)
    j = v.astype(np.int32) & (SIZE - 1)
    return texture.reshape(-1)[j * SIZE + i]


def hash01(i: Any, j: Any, seed: int) -> Floats:
    """Return a number in [0, 1) for every integer pair (i, j), the same for the same seed."""
    with np.errstate(over="ignore"):
        h = np.asarray(i).astype(np.uint32) * np.uint32(374761393)
        h = h + np.asarray(j).astype(np.uint32) * np.uint32(668265263)
        h = h + np.uint32((seed * 2246822519) & 0xFFFFFFFF)
        h = (h ^ (h >> np.uint32(13))) * np.uint32(1274126177)
        h = h ^ (h >> np.uint32(16))
    return (h & np.uint32(0xFFFFFF)).astype(np.float32) / np.float32(0x1000000)


def band(distance: Floats, half: Any, footprint: Any) -> Floats:
    """Return the antialiased coverage in [0, 1] of |distance| <= half, for a pixel `footprint` wide."""
    result: Floats = np.clip((half - np.abs(distance)) / footprint + 0.5, 0, 1)
    return result


def stripes(position: Floats, period: float, width: float, footprint: Floats) -> Floats:
    """Return the coverage of stripes `width` wide every `period`; their mean where pixels are coarse."""
    distance = position - np.floor(position / period) * period - period / 2
    coverage = band(distance, width / 2, np.maximum(footprint, 1e-4))
    fade = np.clip(footprint / period * 2 - 0.6, 0, 1)
    return coverage + (width / period - coverage) * fade
