"""Scenes by seed: single ones, splits that never meet, appearances of one layout, drives, the samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from glimpse.errors import GlimpseError

from .appearance import draw_appearance
from .render import Scene, View, render
from .streets import build_world
from .world import LANE, VOID, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

SPLITS = {"train": 1, "sample": 2}
SAMPLES = Path(__file__).parent.parent / "samples"
SAMPLE_COUNT = 24
REACH = 60.0  # metres of world in which a single scene's camera stands


class SampleItem(NamedTuple):
    """A bundled sample: its name and its two files."""

    item: str
    labels: Path
    photo: Path


def _layout(rng: Generator) -> tuple[World, View, int]:
    """Draw a world, a place in it, and the seed of everything that is only appearance."""
    seed, appearance_seed = (int(value) for value in rng.integers(2**31, size=2))
    world = build_world(seed, REACH)
    lane = (int(rng.integers(world.lanes)) + 0.5) * LANE
    view = View(
        z=rng.uniform(0, REACH),
        lateral=lane + rng.normal(0, 0.25),
        height=rng.uniform(1.3, 1.65),
        turn=rng.normal(0, 2.0),
        horizon=rng.uniform(0.42, 0.5),
    )
    return world, view, appearance_seed


def scene(rng: Generator, height: int = 128, width: int = 256) -> Scene:
    """Draw one street scene; the same generator state gives the same scene.

    The layout does not depend on the size, so the same seed at two sizes shows the same street.
    Raises GlimpseError for a size under 16 pixels.
    """
    _check_size(height, width)
    world, view, appearance_seed = _layout(rng)
    return render(world, draw_appearance(appearance_seed), view, height, width, appearance_seed)


def appearances(rng: Generator, count: int, height: int = 128, width: int = 256) -> list[Scene]:
    """Draw `count` photographs of one and the same layout: equal labels, different light and colours."""
    _check_size(height, width)
    world, view, appearance_seed = _layout(rng)
    return [
        render(world, draw_appearance(appearance_seed + k), view, height, width, appearance_seed + k)
        for k in range(count)
    ]


def split_rng(split: str, index: int, seed: int = 0) -> Generator:
    """Return the generator of scene `index` of a split; the scenes of two splits never coincide.

    Raises GlimpseError for a split that is not in SPLITS.
    """
    if split not in SPLITS:
        raise GlimpseError(
            f"split {split!r} of the procedural scenes is unknown; use one of {', '.join(SPLITS)}."
        )
    return np.random.default_rng([SPLITS[split], seed, index])


def split_scene(split: str, index: int, height: int = 128, width: int = 256, seed: int = 0) -> Scene:
    """Draw scene `index` of a split: "train" for learning, "sample" for what is held out (and bundled)."""
    return scene(split_rng(split, index, seed), height, width)


def drive(
    seed: int,
    frames: int,
    height: int = 128,
    width: int = 256,
    *,
    metres_per_frame: float = 0.5,
    seconds_per_frame: float = 1 / 16,
    appearance_seed: int | None = None,
    hour: str | None = None,
) -> Iterator[Scene]:
    """Yield the frames of a camera that drives through one world, one at a time; object numbers are stable.

    `hour` fixes the time of day (HOURS); `appearance_seed` gives the same drive another appearance.
    """
    _check_size(height, width)
    world = build_world(seed, frames * metres_per_frame + 1)
    rng = np.random.default_rng([seed, 53])
    lateral = (int(rng.integers(world.lanes)) + 0.5) * LANE
    appearance = draw_appearance(seed if appearance_seed is None else appearance_seed, hour)
    sway = rng.uniform(0, 2 * np.pi, 2)
    for frame in range(frames):
        view = View(
            z=frame * metres_per_frame,
            lateral=lateral + 0.12 * float(np.sin(frame / 41 + sway[0])),
            height=1.5,
            turn=0.5 * float(np.sin(frame / 29 + sway[1])),
            horizon=0.46,
            time=frame * seconds_per_frame,
        )
        yield render(world, appearance, view, height, width, frame)


def sample_items(folder: Path | None = None) -> list[SampleItem]:
    """List the bundled samples, or those that `write_samples` wrote to `folder`, by item.

    Raises GlimpseError when a label map lacks its photograph or there are none.
    """
    folder = SAMPLES if folder is None else folder
    found = [
        SampleItem(path.stem, path, folder / "real" / path.name)
        for path in sorted((folder / "labels").glob("*.png"))
    ]
    missing = [str(item.photo) for item in found if not item.photo.exists()]
    if missing:
        raise GlimpseError(
            f"sample photographs are missing: {', '.join(missing[:5])}; reinstall or run write_samples."
        )
    if not found:
        raise GlimpseError(
            f"{folder}: no samples there (labels/*.png and real/*.png); reinstall or run write_samples."
        )
    return found


def label_image(labels: NDArray[np.uint8]) -> Image.Image:
    """Return labels (H, W) as Cityscapes stores train ids: an 8-bit image with 255 where they are void."""
    return Image.fromarray(np.where(labels == VOID, np.uint8(255), labels))


def write_samples(
    folder: Path, count: int = SAMPLE_COUNT, height: int = 128, width: int = 256
) -> list[SampleItem]:
    """Write `count` held-out scenes: folder/labels/<item>.png (`label_image`) and folder/real/<item>.png."""
    for name in ("labels", "real"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        made = split_scene("sample", index, height, width)
        name = f"{index + 1:06d}.png"
        label_image(made.labels).save(folder / "labels" / name, optimize=True)
        Image.fromarray(made.photo).save(folder / "real" / name, optimize=True)
    return sample_items(folder)


def _check_size(height: int, width: int) -> None:
    if min(height, width) < 16:
        raise GlimpseError(
            f"a scene of {height}x{width} pixels is too small; height and width must be at least 16."
        )
