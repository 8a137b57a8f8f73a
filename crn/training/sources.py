"""Opens what is trained on: the procedural scenes, or photographs with label maps."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from glimpse.errors import GlimpseError
from glimpse.files import digest, write_whole
from glimpse.progress import untracked

from ..data.datasets import SCENE_SIZE, FileDataset, SceneDataset, fitted, open_dataset
from ..data.guessing import guess_label_set
from ..data.layouts import find_pairs

if TYPE_CHECKING:
    from pathlib import Path

    from glimpse.progress import Track

    from ..data.labels import LabelSet
    from .feeding import Pairs


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
        self.split, self._drawn = split, SceneDataset(split, count)
        self.folder = folder / f"scenes-{_scenes_digest()}"
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self._drawn)

    @property
    def labels(self) -> LabelSet:
        """Cityscapes' classes."""
        return self._drawn.labels

    def name(self, index: int) -> str:
        """Return what error messages call the scene."""
        return self._drawn.name(index)

    def load(self, index: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Return classes (H, W) uint8 and photo (H, W, 3) uint8 at `size`."""
        if index not in self._kept:
            self._kept[index] = self._read(index)
        return fitted(*self._kept[index], size)

    def _read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        path = self.folder / f"{self.split}-{index:06d}.npz"
        if path.is_file():
            with np.load(path) as stored:
                return stored["labels"], stored["photo"]
        classes, photo = self._drawn.load(index, SCENE_SIZE)
        data = io.BytesIO()
        np.savez_compressed(data, labels=classes, photo=photo)
        write_whole(path, data.getvalue())
        return classes, photo


def _scenes_digest() -> str:
    """Return a digest of a small scene: where the scenes look otherwise, they are drawn anew."""
    classes, photo = SceneDataset("train", 1).load(0, (32, 64))
    return digest(classes.tobytes(), photo.tobytes())[:12]


@dataclass(frozen=True)
class DataRequest:
    """Which pairs to train on, as a person names them; see `crn.data.datasets.open_dataset`."""

    data: str = "scenes"  # KIND or KIND:PATH
    split: str = "train"
    label_set: str = ""  # name or JSON file; empty: the kind's own
    hold_out: str = ""  # items whose name starts so are for looking only
    scenes: int = 400  # procedural scenes to draw
    unknown_to_void: bool = False
    fit: str = "crop"  # where the aspect differs: "crop" the middle or "stretch"


def with_label_set(request: DataRequest) -> tuple[DataRequest, str]:
    """Return the request with a label set, and its name if it was guessed, for two folders of anybody's.

    Guessed is a bundled set only if it is the only one that every label map fits; GlimpseError otherwise.
    """
    kind, _, place = request.data.partition(":")
    if kind != "pairs" or request.label_set:
        return request, ""
    found = find_pairs(kind, place, request.split)
    if not found.pairs:
        return request, ""  # what is missing is listed later
    guessed = guess_label_set([pair.labels for pair in found.pairs])
    return replace(request, label_set=guessed), guessed


def open_pairs(request: DataRequest, folder: Path, track: Track = untracked) -> OpenedPairs:
    """Open and check a dataset; scenes and the memory of what was checked are kept in `folder`.

    Raises DatasetError that lists every pair that is damaged, mismatched or has unknown labels.
    """
    kind, _, place = request.data.partition(":")
    if kind == "scenes":
        scenes = ScenePairs("train", request.scenes, folder)
        aspect = SCENE_SIZE[1] / SCENE_SIZE[0]
        return OpenedPairs(scenes, scenes.labels, ScenePairs("sample", 8, folder), aspect)
    dataset = _files(request, kind, place, request.split)
    memory = folder / f".checked-{digest(request.data, request.split)[:12]}.json"
    dataset.check(memory, track)
    looking: FileDataset | None = None
    if request.hold_out:
        dataset, looking = dataset.held_out(request.hold_out)
        if not len(looking):
            raise GlimpseError(
                f"--hold-out {request.hold_out}: no item of {request.data} has a name that starts with this."
            )
    elif request.split == "train":
        looking = _validation(request, kind, place)
    if not len(dataset) and looking and request.hold_out:
        raise GlimpseError(
            f"--hold-out {request.hold_out}: every item of {request.data} has a name that starts with this, "
            "and none is left to train on. Give a longer PREFIX."
        )
    if not len(dataset):
        raise GlimpseError(f"{request.data}: has no pairs to train on in split {request.split!r}.")
    height, width = dataset[0].photo.shape[:2]
    return OpenedPairs(dataset, dataset.labels, looking, width / height)


def _files(request: DataRequest, kind: str, place: str, split: str) -> FileDataset:
    dataset = open_dataset(
        kind,
        place,
        split,
        request.label_set or None,
        fit=request.fit,
        unknown_to_void=request.unknown_to_void,
    )
    if not isinstance(dataset, FileDataset):
        raise GlimpseError(f"--data {request.data}: {kind} is not a dataset of files.")
    return dataset


def _validation(request: DataRequest, kind: str, place: str) -> FileDataset | None:
    """Return the split that grids show where nothing is held out: val, if the dataset has a sound one."""
    try:
        found = _files(request, kind, place, "val")
        shown = replace(found, files=found.files[:: max(1, len(found.files) // 4)][:4])
        shown.check()
    except GlimpseError:
        return None
    return shown if len(shown) else None
