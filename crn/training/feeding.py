"""Feeds training: which sample comes when, resized, mirrored, and with its photograph's features if cached.

Everything is a function of (seed, update): a run that was killed goes on with the very samples that
an uninterrupted one would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..losses.features import FeatureNetwork


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
    """This process's part of one update's samples."""

    labels: Tensor  # one-hot (n, classes, H, W) float32
    photos: Tensor  # (n, 3, H, W) float32 RGB in [0, 255]
    keys: tuple[tuple[int, bool], ...]  # (sample, mirrored)
    names: tuple[str, ...]
    share: float  # one over the samples of the whole update


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


class Feeder:
    """Loads batches of one stage; keeps resized samples and photographs' features while they fit."""

    def __init__(self, pairs: Pairs, classes: int, size: tuple[int, int], *, cache_mb: int):
        self.pairs, self.classes, self.size = pairs, classes, size
        self._room = cache_mb * 2**20
        self._images: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._features: dict[tuple[int, bool], list[Tensor]] = {}

    def batch(self, keys: Sequence[tuple[int, bool]], share: float) -> Minibatch:
        """Load the samples of `keys`."""
        labels, photos = zip(*(self._sample(index, mirrored) for index, mirrored in keys), strict=True)
        return Minibatch(
            torch.cat(labels).contiguous(memory_format=torch.channels_last),
            torch.cat(photos).contiguous(memory_format=torch.channels_last),
            tuple(keys),
            tuple(self.pairs.name(index) for index, _ in keys),
            share,
        )

    def photo_features(self, batch: Minibatch, network: FeatureNetwork) -> list[Tensor]:
        """Return the taps of the batch's photos, (n, C, H, W) each, from memory where they are kept.

        The features proper are rounded to half precision whether kept or not, so that a run does not depend
        on how much memory there was.
        """
        found = []
        device = network.mean.device
        for row, key in enumerate(batch.keys):
            taps = self._features.get(key)
            if taps is None:
                with torch.no_grad():
                    taps = network(batch.photos[row : row + 1].to(device))[1:]
                taps = [tap.clamp(max=65504).half().cpu() for tap in taps]
                self._keep(key, taps)
            found.append(taps)
        mixed = [torch.cat([taps[level].float() for taps in found]) for level in range(len(found[0]))]
        return [batch.photos - network.mean.cpu(), *mixed]

    def _keep(self, key: tuple[int, bool], taps: list[Tensor]) -> None:
        size = sum(tap.numel() * tap.element_size() for tap in taps)
        if size <= self._room:
            self._room -= size
            self._features[key] = taps

    def _sample(self, index: int, mirrored: bool) -> tuple[Tensor, Tensor]:
        if index not in self._images:
            classes, photo = self.pairs.load(index, self.size)
            if classes.shape != self.size or photo.shape != (*self.size, 3):
                raise GlimpseError(
                    f"{self.pairs.name(index)}: label map {classes.shape} and photo {photo.shape}, "
                    f"not {self.size} as asked for."
                )
            if classes.nbytes + photo.nbytes > self._room:
                return _tensors(classes, photo, self.classes, mirrored)
            self._room -= classes.nbytes + photo.nbytes
            self._images[index] = (classes, photo)
        classes, photo = self._images[index]
        return _tensors(classes, photo, self.classes, mirrored)


def _tensors(classes: np.ndarray, photo: np.ndarray, count: int, mirrored: bool) -> tuple[Tensor, Tensor]:
    """Turn one sample into (1, classes, H, W) one-hot and (1, 3, H, W) in [0, 255], both float32."""
    labels = (
        functional.one_hot(torch.as_tensor(classes.astype(np.int64)), count).permute(2, 0, 1)[None].float()
    )
    pixels = torch.as_tensor(photo.copy()).permute(2, 0, 1)[None].float()
    return (labels.flip(-1), pixels.flip(-1)) if mirrored else (labels, pixels)
