"""A world, an appearance and a camera -> a label map and a photograph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import world as w
from .bodies import footprint
from .canvas import Camera, Canvas
from .facades import paint_surface
from .figures import paint_cycle, paint_furniture, paint_person
from .ground import Shadows, paint_distance, paint_ground, paint_sky, sunlit
from .plants import paint_plant
from .vehicles import paint_vehicle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .appearance import Appearance
    from .noise import Floats
    from .world import Thing, World

VEHICLES = frozenset({"car", "van", "truck", "bus", "tram"})
PEOPLE = frozenset({"person"})
CYCLES = frozenset({"bicycle", "motorcycle", "cyclist", "biker"})
PLANTS = frozenset({"tree", "bush"})
SUPERSAMPLED = 300  # pictures up to this height are drawn twice as large and averaged


@dataclass(frozen=True)
class Scene:
    """A street scene.

    labels: (H, W) uint8, Cityscapes train ids, 19 = void. photo: (H, W, 3) uint8, sRGB. numbers: (H, W)
    int32, the object that each pixel shows, 0 = ground, sky, distance; stable between the frames of a drive.
    """

    labels: NDArray[np.uint8]
    photo: NDArray[np.uint8]
    numbers: NDArray[np.int32]


@dataclass(frozen=True)
class View:
    """Where the camera is: metres along the street and off its centre line; degrees of turn; seconds."""

    z: float
    lateral: float
    height: float = 1.45
    turn: float = 0.0
    horizon: float = 0.46
    time: float = 0.0


def render(
    world: World, appearance: Appearance, view: View, height: int, width: int, grain_seed: int = 0
) -> Scene:
    """Render what a camera sees.

    Appearance comes from `appearance` and `grain_seed` only, labels from `world` and `view` only.
    """
    times = 2 if height <= SUPERSAMPLED else 1
    rows, columns = height * times, width * times
    camera = Camera(
        x=float(world.centre(view.z)) + view.lateral,
        z=view.z,
        height=view.height,
        yaw=math.atan(world.slope(view.z)) + math.radians(view.turn),
        focal=0.8 * columns,
        cx=columns / 2,
        cy=rows * view.horizon,
    )
    canvas = Canvas(rows, columns, camera, appearance)
    placed = [_place(world, thing, view) for thing in world.things if _in_view(thing, view)]
    placed = [found for found in placed if not _in_the_way(found, view)]
    paint_sky(canvas)
    paint_distance(canvas, world)
    paint_ground(canvas, world, _shadows(canvas, placed))
    _paint_all(canvas, world, view, placed)
    return _develop(canvas, times, grain_seed)


def _in_view(thing: Thing, view: View) -> bool:
    """Whether a thing is near enough to be more than a few pixels: each kind has its reach."""
    z = thing.z + thing.speed * view.time - view.z
    reach = 140.0 if thing.kind in VEHICLES else w.AHEAD if thing.kind == "tree" else 75.0
    return -16 < z < reach


def _in_the_way(placed: tuple[Thing, float, float, float], view: View) -> bool:
    """Whether something stands where the camera drives, or closer before it than anybody drives up."""
    thing, _, z, _ = placed
    if thing.kind not in VEHICLES | CYCLES | PEOPLE:
        return False
    rear, front, width, _ = footprint(thing) if thing.kind in VEHICLES else (-1.0, 1.0, 0.8, 0.0)
    beside = abs(thing.lateral - view.lateral) < width / 2 + 0.95
    return beside and -front - 2 < z - view.z < 5.5 - rear


def _place(world: World, thing: Thing, view: View) -> tuple[Thing, float, float, float]:
    """Return a thing with its world x, z and heading now."""
    z = thing.z + thing.speed * view.time
    return thing, float(world.centre(z)) + thing.lateral, z, thing.heading + math.atan(world.slope(z))


def _shadows(canvas: Canvas, placed: list[tuple[Thing, float, float, float]]) -> tuple[Floats, Floats]:
    shadows = Shadows(canvas)
    for thing, x, z, heading in placed:
        if z - canvas.camera.z > 70:
            continue
        if thing.kind in VEHICLES:
            rear, front, width, height = footprint(thing)
            c, s = math.cos(heading), math.sin(heading)
            half = width / 2
            corners = np.array([[-half, rear], [half, rear], [half, front], [-half, front]])
            turned = np.column_stack(
                [x + corners[:, 0] * c + corners[:, 1] * s, z - corners[:, 0] * s + corners[:, 1] * c]
            )
            shadows.add(turned, height)
        elif thing.kind == "tree":
            shadows.crown(x, z, thing.size * 0.36, thing.size * 0.62)
        elif thing.kind in PEOPLE | CYCLES | {"bin", "bush"}:
            r = 0.22 if thing.kind in PEOPLE | {"bin"} else 0.4
            corners = np.array([[x - r, z - r], [x + r, z - r], [x + r, z + r], [x - r, z + r]])
            shadows.add(corners, min(thing.size, 1.8), 0.75)
    return shadows.maps()


def _paint_all(
    canvas: Canvas, world: World, view: View, placed: list[tuple[Thing, float, float, float]]
) -> None:
    """Paint surfaces and things from the farthest to the nearest."""
    camera = canvas.camera
    jobs: list[tuple[float, int]] = []
    for index, surface in enumerate(world.surfaces):
        far = max(camera.see(*surface.start)[1], camera.see(*surface.end)[1])
        if 0 < far < w.AHEAD + 40:
            jobs.append((far, index))
    jobs += [(camera.see(x, z)[1], -1 - index) for index, (_, x, z, _) in enumerate(placed)]
    for _, index in sorted(jobs, reverse=True):
        if index >= 0:
            paint_surface(canvas, world, world.surfaces[index])
        else:
            _paint_thing(canvas, world, view, *placed[-1 - index])


def _paint_thing(
    canvas: Canvas, world: World, view: View, thing: Thing, x: float, z: float, heading: float
) -> None:
    at = np.full(1, thing.lateral, np.float32), np.full(1, z, np.float32)
    shade = float(sunlit(canvas, world, at[0], at[1], min(thing.size, 3.0) * 0.6)[0])
    if thing.kind in VEHICLES:
        paint_vehicle(canvas, thing, x, z, heading, shade)
    elif thing.kind in PEOPLE:
        paint_person(canvas, thing, x, z, shade, view.time)
    elif thing.kind in CYCLES:
        paint_cycle(canvas, thing, x, z, heading, shade, view.time)
    elif thing.kind in PLANTS:
        paint_plant(canvas, thing, x, z, shade)
    else:
        paint_furniture(canvas, thing, x, z, shade)


def _develop(canvas: Canvas, times: int, grain_seed: int) -> Scene:
    """Average the samples of a pixel, expose, and encode as sRGB with a little vignette and grain."""
    light = canvas.light
    if times == 2:
        light = (light[::2, ::2] + light[1::2, ::2] + light[::2, 1::2] + light[1::2, 1::2]) * np.float32(0.25)
    h, width = light.shape[:2]
    light = np.maximum(light, 0) * np.float32(canvas.appearance.exposure * 1.15)
    light = light * (1 + light * np.float32(0.12)) / (1 + light * np.float32(0.62))
    v, u = np.linspace(-1, 1, h, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)[None]
    light *= (1 - 0.1 * (u * u + v * v))[..., None]
    photo = np.power(light, np.float32(1 / 2.2)) * np.float32(255)
    grain = np.random.default_rng([grain_seed, 41]).standard_normal((h, width, 1), np.float32)
    photo += grain * np.float32(1.6)
    half = slice(None, None, times), slice(None, None, times)
    return Scene(
        np.ascontiguousarray(canvas.labels[half]),
        np.clip(photo + 0.5, 0, 255).astype(np.uint8),
        np.ascontiguousarray(canvas.numbers[half]),
    )
