"""Feeds training: which sample comes when, resized, mirrored, and with its photograph's features if cached.

Everything is a function of (seed, update): a run that was killed goes on with the very samples that
an uninterrupted one would have seen. What is read ahead changes only when it is read.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..losses.features import FeatureNetwork

Place = tuple[float, float]  # in [0, 1), down and across, among the places that a window may have
MIDDLE: Place = (0.5, 0.5)


class Pairs(Protocol):
    """What training needs of a dataset: see `crn.data.datasets`."""

    def __len__(self) -> int:
        """Count the samples."""
        ...

    def load(self, index: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Return classes (H, W) uint8 and the photo (H, W, 3) uint8 at `size` = (height, width) pixels."""
        ...

    def name(self, index: int) -> str:
        """Return what error messages call the sample."""
        ...


@dataclass(frozen=True)
class Minibatch:
    """This process's part of one update's samples, on the device that trains."""

    labels: Tensor  # one-hot (n, classes, H, W) float32
    photos: Tensor  # (n, 3, H, W) float32 RGB in [0, 255]
    keys: tuple[tuple[int, bool], ...]  # (sample, mirrored)
    names: tuple[str, ...]
    share: float  # one over the samples of the whole update
    place: Place = MIDDLE  # of the window in which the loss compares, if it has one


def sample_keys(
    seed: int, stage: int, step: int, *, samples: int, batch: int, mirror: bool
) -> list[tuple[int, bool]]:
    """Return the (sample, mirrored) keys of one update: every epoch is a fresh order of all samples."""
    keys = []
    for position in range(step * batch, (step + 1) * batch):
        epoch, place = divmod(position, samples)
        rng = np.random.default_rng([seed, stage, epoch])
        order = rng.permutation(samples)
        flips = rng.random(samples) < 0.5
        keys.append((int(order[place]), bool(mirror and flips[place])))
    return keys


def sample_place(seed: int, stage: int, step: int) -> Place:
    """Return where one update's window lies: of photographs that are loaded larger, and of the loss."""
    down, across = np.random.default_rng([seed, stage, step, 1]).random(2)
    return float(down), float(across)


def window_at(place: Place, whole: tuple[int, int], window: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of a window (height, width) within a whole of (height, width) pixels."""
    height, width = (min(part, size) for part, size in zip(window, whole, strict=True))
    top, left = int(place[0] * (whole[0] - height + 1)), int(place[1] * (whole[1] - width + 1))
    return slice(top, top + height), slice(left, left + width)


class Feeder:
    """Loads batches of one stage; keeps resized samples and photographs' features while they fit.

    Label maps and photographs travel to the device as bytes and are expanded there. With `workers`, threads
    read ahead what `expect` names (decoding and resizing leave Python's lock); for a GPU, into pinned memory.
    """

    def __init__(
        self,
        pairs: Pairs,
        classes: int,
        size: tuple[int, int],
        *,
        cache_mb: int,
        device: str | torch.device = "cpu",
        workers: int = 0,
        zoom: float = 1.0,
    ):
        """`size`: (height, width) in pixels; `zoom`: samples are loaded this much larger and cut to it."""
        self.pairs, self.classes, self.size = pairs, classes, size
        self.device = torch.device(device)
        self.loaded = (round(size[0] * zoom), round(size[1] * zoom))
        self._room = cache_mb * 2**20
        self._room_for_features = self._device_room(self._room)
        self._images: dict[int, tuple[Tensor, Tensor]] = {}
        self._features: dict[tuple[int, bool], list[Tensor]] = {}
        self._coming: dict[int, Future[tuple[Tensor, Tensor]]] = {}
        self._pool = ThreadPoolExecutor(workers, "loading") if workers else None

    def close(self) -> None:
        """End the threads that read ahead."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def expect(self, indices: Iterable[int]) -> None:
        """Begin to read samples that will be asked for soon."""
        if not self._pool:
            return
        for index in indices:
            if index not in self._images and index not in self._coming:
                self._coming[index] = self._pool.submit(self._read, index)

    def batch(self, keys: Sequence[tuple[int, bool]], share: float, place: Place = MIDDLE) -> Minibatch:
        """Load the samples of `keys`."""
        labels, photos = zip(*(self._sample(index, mirrored, place) for index, mirrored in keys), strict=True)
        ids, pixels = self._sent(torch.stack(labels)), self._sent(torch.stack(photos))
        return Minibatch(
            expanded(ids, self.classes),
            pixels.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last),
            tuple(keys),
            tuple(self.pairs.name(index) for index, _ in keys),
            share,
            place,
        )

    def photo_features(self, batch: Minibatch, network: FeatureNetwork) -> list[Tensor]:
        """Return the taps of the batch's photos, (n, C, H, W) each, from memory where they are kept.

        They stay on the device. The features proper are rounded to half precision whether kept or not, so
        that a run does not depend on how much memory there was.
        """
        found = []
        for row, key in enumerate(batch.keys):
            taps = self._features.get(key)
            if taps is None:
                with torch.no_grad():
                    taps = network(batch.photos[row : row + 1])[1:]
                taps = [tap.clamp(max=65504).half() for tap in taps]
                self._keep(key, taps)
            found.append(taps)
        mixed = [torch.cat([taps[level].float() for taps in found]) for level in range(len(found[0]))]
        return [batch.photos - network.mean, *mixed]

    def _device_room(self, room: int) -> int:
        """Return how many bytes of features may be kept: on a GPU at most half of what is free."""
        if self.device.type != "cuda":
            return room
        return min(room, torch.cuda.mem_get_info(self.device)[0] // 2)

    def _keep(self, key: tuple[int, bool], taps: list[Tensor]) -> None:
        if self.loaded != self.size:
            return  # the same window hardly comes again
        size = sum(tap.numel() * tap.element_size() for tap in taps)
        # On a CPU samples and features share the memory that is allowed; a GPU has its own for features.
        room = self._room if self.device.type != "cuda" else self._room_for_features
        if size <= room:
            if self.device.type != "cuda":
                self._room -= size
            else:
                self._room_for_features -= size
            self._features[key] = taps

    def _sample(self, index: int, mirrored: bool, place: Place) -> tuple[Tensor, Tensor]:
        """Return one sample's classes (H, W) and photo (H, W, 3), uint8, cut and mirrored."""
        if index not in self._images:
            coming = self._coming.pop(index, None)
            labels, photo = coming.result() if coming else self._read(index)
            if (size := labels.numel() + photo.numel()) <= self._room:
                self._room -= size
                self._images[index] = (labels, photo)
        else:
            labels, photo = self._images[index]
        rows, columns = window_at(place, self.loaded, self.size)
        labels, photo = labels[rows, columns], photo[rows, columns]
        return (labels.flip(1), photo.flip(1)) if mirrored else (labels, photo)

    def _read(self, index: int) -> tuple[Tensor, Tensor]:
        """Load a sample as uint8 tensors; GlimpseError where it is not what was asked for."""
        classes, photo = self.pairs.load(index, self.loaded)
        if classes.shape != self.loaded or photo.shape != (*self.loaded, 3):
            raise GlimpseError(
                f"{self.pairs.name(index)}: label map {classes.shape} and photo {photo.shape}, "
                f"not {self.loaded} as asked for."
            )
        if (most := int(classes.max())) >= self.classes:
            raise GlimpseError(
                f"{self.pairs.name(index)}: has class {most}; the label set has 0 to {self.classes - 1}."
            )
        both = torch.tensor(classes, dtype=torch.uint8), torch.tensor(photo, dtype=torch.uint8)
        return (both[0].pin_memory(), both[1].pin_memory()) if self.device.type == "cuda" else both

    def _sent(self, values: Tensor) -> Tensor:
        if self.device.type == "cuda":
            values = values.pin_memory()
        return values.to(self.device, non_blocking=True)


def expanded(ids: Tensor, classes: int) -> Tensor:
    """Classes (n, H, W) uint8 -> one-hot (n, classes, H, W) float32, channels-last, on the same device."""
    return (ids[..., None] == torch.arange(classes, device=ids.device)).permute(0, 3, 1, 2).float()
