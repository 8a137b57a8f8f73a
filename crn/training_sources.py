"""Opens what is trained on: the procedural scenes, or photographs with label maps through `crn.datasets`."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from crn.errors import CRNError
from crn.files import digest, write_whole
from crn.labels import LabelSet, label_set, resize_label_map

if TYPE_CHECKING:
    from crn.training_data import Pairs

SCENE_SIZE = (128, 256)


@dataclass(frozen=True)
class OpenedPairs:
    """A dataset, ready to train on."""

    pairs: Pairs
    labels: LabelSet
    looking: Pairs | None  # held out: for grids only
    aspect: float  # width over height of the photographs


class ScenePairs:
    """Procedural scenes of one split, drawn when they are first asked for and kept in `folder`."""

    def __init__(self, split: str, count: int, folder: Path):
        self.split, self.count = split, count
        self.folder = folder / f"scenes-{_scenes_digest()}"
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        """Return what error messages call the scene."""
        return f"{self.split} scene {index}"

    def load(self, index: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Return classes (H, W) uint8 and photo (H, W, 3) uint8 at `size`."""
        if index not in self._kept:
            self._kept[index] = self._read(index)
        return resized(*self._kept[index], size)

    def _read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        path = self.folder / f"{self.split}-{index:06d}.npz"
        if path.is_file():
            with np.load(path) as stored:
                return stored["labels"], stored["photo"]
        from crn.scenes import split_scene

        drawn = split_scene(self.split, index, *SCENE_SIZE)
        data = io.BytesIO()
        np.savez_compressed(data, labels=drawn.labels, photo=drawn.photo)
        write_whole(path, data.getvalue())
        return drawn.labels, drawn.photo


def _scenes_digest() -> str:
    """Return a digest of the code that draws the scenes: another version's scenes are drawn anew."""
    sources = sorted((Path(__file__).parent / "scenes").glob("*.py"))
    return digest(*(path.read_bytes() for path in sources))[:12]


def resized(classes: np.ndarray, photo: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Bring a sample to `size`: the label map by nearest neighbour, the photo with antialiasing."""
    if photo.shape[:2] != size:
        image = Image.fromarray(photo).resize((size[1], size[0]), Image.Resampling.BICUBIC)
        photo = np.asarray(image)
    return resize_label_map(classes, *size), photo


def open_pairs(data: str, *, hold_out: str, scenes: int, folder: Path) -> OpenedPairs:
    """Open `KIND` or `KIND:PATH`; kept scenes go to `folder`.

    Photographs whose name starts with `hold_out` are never trained on, but drawn in the sample grids.
    """
    kind, _, place = data.partition(":")
    if kind == "scenes":
        train, looking = ScenePairs("train", scenes, folder), ScenePairs("sample", 8, folder)
        return OpenedPairs(train, label_set("cityscapes"), looking, SCENE_SIZE[1] / SCENE_SIZE[0])
    raise CRNError(f"--data {data}: unknown kind {kind!r} {place}.")
