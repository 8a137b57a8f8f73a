"""(label map, photograph) pairs to train on: any layout of `crn.data.layouts`, and the procedural scenes.

    dataset = open_dataset("cityscapes", "/data/cityscapes", "train")
    dataset.check()                      # every problem of every file, in one message
    classes, photo = dataset.load(0, (256, 512))

Nothing is read before it is asked for, and `check` remembers what it has found sound.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

from glimpse.errors import GlimpseError
from glimpse.files import digest, write_json
from glimpse.pixels import UnreadableImageError, read_rgb
from glimpse.progress import untracked

from .labels import BUNDLED, LabelSet, detect_encoding, label_set, read_label_map, resize_label_map
from .layouts import LAYOUTS, Found, PairFiles, find_pairs

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from glimpse.progress import Track

KINDS = ("scenes", *LAYOUTS)
LABEL_SETS = {
    "cityscapes-coarse": "cityscapes",
    "scenes": "cityscapes",
}  # else the kind's own; pairs have none
SHOWN = 20  # problems that a message lists in full
FITS = ("crop", "stretch")
SCENE_SIZE = (128, 256)


class DatasetError(GlimpseError):
    """Pairs that cannot be trained on; `problems` lists them all, one a line of text."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


@dataclass(frozen=True)
class LabelledPhoto:
    """A label map with its photograph: labels (H, W) uint8 classes, photo (H, W, 3) uint8 RGB."""

    item: str
    labels: NDArray[np.uint8]
    photo: NDArray[np.uint8]


class Dataset(Protocol):
    """Pairs in a fixed order."""

    labels: LabelSet
    size: tuple[int, int] | None

    def __len__(self) -> int:
        """Count the pairs."""
        ...

    def __getitem__(self, index: int) -> LabelledPhoto:
        """Return a pair at the dataset's size."""
        ...

    def load(self, index: int, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return classes (H, W) uint8 and photo (H, W, 3) uint8 at `size` = (height, width) pixels."""
        ...

    def name(self, index: int) -> str:
        """Return what error messages call the pair."""
        ...

    def check(self, memory: Path | None = None, track: Track = ...) -> None:
        """Raise DatasetError that lists every pair that cannot be used."""
        ...


def open_dataset(
    kind: str,
    root: Path | str = "",
    split: str = "train",
    labels: LabelSet | str | None = None,
    *,
    size: tuple[int, int] | None = None,
    fit: str = "crop",
    unknown_to_void: bool = False,
    count: int = 400,
) -> FileDataset | SceneDataset:
    """Open a split of a dataset; no image is read yet.

    `kind` is one of KINDS; `root` its folder ("pairs": also "LABELS,PHOTOS"). `labels` is a label set or
    the name or file of one; None: the kind's own (pairs have none). `size` is (height, width) in pixels;
    None: as it is. `fit` says what happens where the aspect differs: "crop" the middle, or "stretch".
    `count` is for scenes.
    Raises GlimpseError for an unknown kind, split, fit or label set, and for folders that are not there.
    """
    if fit not in FITS:
        raise GlimpseError(f"fit is {fit!r}; it must be one of {', '.join(FITS)}.")
    if size is not None and min(size) < 1:
        raise GlimpseError(f"size is {size}; height and width must be at least 1 pixel.")
    if kind == "scenes":
        return SceneDataset(split, count, size)
    found = find_pairs(kind, root, split)
    if not isinstance(labels, LabelSet):
        labels = _label_set(kind, labels)
    return FileDataset(
        kind, split, labels, tuple(found.pairs), tuple(found.problems), size, fit, unknown_to_void
    )


def _label_set(kind: str, named: str | None) -> LabelSet:
    """Return the label set that is named, or the kind's own; a folder of anybody's has none."""
    if not named and kind == "pairs":
        raise GlimpseError(
            "dataset pairs: nothing says which classes its label maps' values are. Name their label set with "
            f"--label-set: {', '.join(BUNDLED)}, or a .json file of your own."
        )
    return label_set(named or LABEL_SETS.get(kind, kind))


@dataclass(frozen=True)
class SceneDataset:
    """Procedural street scenes of a split ("train" or "sample", which never meet), drawn when asked for."""

    split: str
    count: int
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """Check the split and the count."""
        from ..scenes import SPLITS

        if self.split not in SPLITS:
            raise GlimpseError(f"split {self.split!r} of scenes is unknown; it has {', '.join(SPLITS)}.")
        if self.count < 1:
            raise GlimpseError(f"count is {self.count}; there must be at least one scene.")

    @property
    def labels(self) -> LabelSet:
        """Cityscapes' 19 classes and void."""
        return label_set("cityscapes")

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> LabelledPhoto:
        return LabelledPhoto(self.name(index), *self.load(index, self.size or SCENE_SIZE))

    def load(self, index: int, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Draw scene `index` at `size` = (height, width)."""
        from ..scenes import split_scene

        drawn = split_scene(self.split, _within(index, self.count), *size)
        return drawn.labels, drawn.photo

    def name(self, index: int) -> str:
        """Return the scene's item: its split and number."""
        return f"{self.split}-{_within(index, self.count):06d}"

    def check(self, memory: Path | None = None, track: Track = untracked) -> None:
        """Do nothing: what is drawn is sound."""


@dataclass(frozen=True)
class FileDataset:
    """Pairs of files; see `open_dataset`."""

    kind: str
    split: str
    labels: LabelSet
    files: tuple[PairFiles, ...]
    problems: tuple[str, ...] = ()  # found while listing: what lacks its other half
    size: tuple[int, int] | None = None
    fit: str = "crop"
    unknown_to_void: bool = False

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> LabelledPhoto:
        pair = self.files[index]
        return LabelledPhoto(pair.item, *self._read(pair, self.size))

    def load(self, index: int, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return classes (H, W) uint8 and photo (H, W, 3) uint8 at `size` = (height, width) pixels."""
        return self._read(self.files[index], size)

    def name(self, index: int) -> str:
        """Return the label map's path: what error messages call the pair."""
        return str(self.files[index].labels)

    @cached_property
    def encoding(self) -> str:
        """How the label maps are written: one of `labels.encoding_names()`, as the files show."""
        return detect_encoding((pair.labels for pair in self.files if _readable(pair.labels)), self.labels)[0]

    def held_out(self, prefix: str) -> tuple[FileDataset, FileDataset]:
        """Divide by item: (those that do not start with `prefix`, those that do)."""
        inside = tuple(pair for pair in self.files if pair.item.startswith(prefix))
        rest = tuple(pair for pair in self.files if not pair.item.startswith(prefix))
        return replace(self, files=rest), replace(self, files=inside, problems=())

    def check(self, memory: Path | None = None, track: Track = untracked) -> None:
        """Look at every file; raise DatasetError listing all that is damaged, missing, mismatched or unknown.

        `memory` is a JSON file that remembers pairs found sound, by sizes and times of their files, so that a
        large dataset is read through once.
        """
        _, problems = self.sound(memory, track)
        if problems:
            raise _listing(self, problems)

    def sound(
        self, memory: Path | None = None, track: Track = untracked
    ) -> tuple[FileDataset, tuple[str, ...]]:
        """Return the dataset without the pairs that cannot be used, and what is wrong with those."""
        checked = _Checked(
            memory, digest(self.kind, self.encoding if self.files else "", repr(self.labels.encodings))
        )
        todo = [pair for pair in self.files if not checked.has(pair)]
        found: dict[PairFiles, list[str]] = {}
        with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
            results = pool.map(self._problems, todo)
            try:
                for pair, problems in zip(todo, track(results, "checking pairs", len(todo)), strict=True):
                    if problems:
                        found[pair] = problems
                    else:
                        checked.add(pair)
            except BaseException:  # a signal: do not read the rest of a large dataset first
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        checked.write()
        good = tuple(pair for pair in self.files if pair not in found)
        wrong = (*self.problems, *(text for texts in found.values() for text in texts))
        return replace(self, files=good, problems=()), wrong

    def _problems(self, pair: PairFiles) -> list[str]:
        """Say what is wrong with a pair; both are decoded, label maps also compared with the label set."""
        problems = []
        sizes: list[tuple[int, int]] = []
        try:
            classes = self._classes(pair)
            sizes.append(classes.shape)
        except GlimpseError as error:
            problems.append(str(error))
        try:
            sizes.append(_photo(pair.photo).shape[:2])
        except GlimpseError as error:
            problems.append(str(error))
        if len(sizes) == 2 and sizes[0] != sizes[1]:
            (lh, lw), (ph, pw) = sizes
            problems.append(
                f"{pair.labels}: is {lw}x{lh} pixels, but its photograph {pair.photo} is {pw}x{ph}"
            )
        return problems

    def _classes(self, pair: PairFiles) -> NDArray[np.uint8]:
        return read_label_map(
            pair.labels, self.labels, encoding=self.encoding, unknown_to_void=self.unknown_to_void
        )

    def _read(
        self, pair: PairFiles, size: tuple[int, int] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        classes, photo = self._classes(pair), _photo(pair.photo)
        if classes.shape != photo.shape[:2]:
            raise DatasetError(f"{pair.labels}: its photograph {pair.photo} is of another size.")
        return fitted(classes, photo, size, self.fit) if size else (classes, photo)


def fitted(
    classes: NDArray[np.uint8], photo: NDArray[np.uint8], size: tuple[int, int], fit: str = "crop"
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Bring a pair to `size` = (height, width): labels by nearest neighbour, the photograph by area.

    Where the aspect differs, "crop" takes the largest middle part of that aspect, "stretch" takes all.
    Photographs that grow are interpolated bicubically.
    """
    height, width = size
    if fit == "crop":
        rows, columns = classes.shape
        high = min(rows, round(columns * height / width))
        wide = min(columns, round(rows * width / height))
        top, left = (rows - high) // 2, (columns - wide) // 2
        classes = classes[top : top + high, left : left + wide]
        photo = photo[top : top + high, left : left + wide]
    if photo.shape[:2] == size:
        return np.ascontiguousarray(classes), np.ascontiguousarray(photo)
    grows = height > photo.shape[0] or width > photo.shape[1]
    method = Image.Resampling.BICUBIC if grows else Image.Resampling.BOX
    image = Image.fromarray(np.ascontiguousarray(photo)).resize((width, height), method)
    return resize_label_map(classes, height, width), np.asarray(image)


def mirrored(pair: LabelledPhoto) -> LabelledPhoto:
    """Return a pair flipped left to right."""
    return LabelledPhoto(
        pair.item, np.ascontiguousarray(pair.labels[:, ::-1]), np.ascontiguousarray(pair.photo[:, ::-1])
    )


def _photo(path: Path) -> NDArray[np.uint8]:
    """Read a photograph as (H, W, 3) uint8 RGB; DatasetError when it is damaged."""
    try:
        return np.asarray(read_rgb(path))
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such photograph") from None
    except UnreadableImageError as error:
        raise DatasetError(str(error)) from None


def _readable(path: Path) -> bool:
    try:
        _photo(path)
    except DatasetError:
        return False
    return True


def _within(index: int, count: int) -> int:
    if not -count <= index < count:
        raise IndexError(f"pair {index} of {count}")
    return index % count


def _listing(dataset: FileDataset, problems: tuple[str, ...]) -> DatasetError:
    shown = "\n  ".join(text.rstrip(".") for text in problems[:SHOWN])
    more = f"\n  ... and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return DatasetError(
        f"{dataset.kind} {dataset.split}: {len(problems)} problem{'s' * (len(problems) > 1)} "
        f"in {len(dataset.files)} pairs:\n  {shown}{more}\n"
        "Repair or remove these files (and their other halves); nothing was trained.",
        problems,
    )


class _Checked:
    """Remembers pairs that were found sound, by the sizes and times of their files."""

    def __init__(self, path: Path | None, key: str) -> None:
        self.path, self.key = path, key
        self.sound: set[str] = set()
        if path is not None and path.is_file():
            try:
                stored = json.loads(path.read_text(encoding="utf-8"))
                self.sound = set(stored["sound"]) if stored["key"] == key else set()
            except (ValueError, KeyError, TypeError):
                self.sound = set()  # a damaged record only costs another check

    def _name(self, pair: PairFiles) -> str:
        stamps = []
        for path in (pair.labels, pair.photo):
            status = path.stat()
            stamps.append(f"{path.resolve()}:{status.st_size}:{status.st_mtime_ns}")
        return digest(*stamps)[:32]

    def has(self, pair: PairFiles) -> bool:
        if self.path is None or not (pair.labels.is_file() and pair.photo.is_file()):
            return False
        return self._name(pair) in self.sound

    def add(self, pair: PairFiles) -> None:
        if self.path is not None:
            self.sound.add(self._name(pair))

    def write(self) -> None:
        if self.path is not None:
            write_json(self.path, {"key": self.key, "sound": sorted(self.sound)})


__all__ = [
    "KINDS", "Dataset", "DatasetError", "FileDataset", "Found", "LabelledPhoto", "PairFiles", "SceneDataset",
    "fitted", "mirrored", "open_dataset",
]  # fmt: skip
