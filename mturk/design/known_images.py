"""Trials of one image whose answer is known: of a condition that is plainly generated, or of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from glimpse.errors import GlimpseError
from glimpse.questions import GENERATED, REAL, TRUTHS
from glimpse.tables import read_table

from .sentinels import image_at, image_named

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from glimpse.experiment import Batch, Experiment

    from .stimuli import Images, Key

COLUMNS = ("image", "correct")


class KnownImage(NamedTuple):
    """An image with a known answer: its (condition, item), and "real" or "generated"."""

    key: Key
    correct: str


class KnownImages(Protocol):
    """Where the known answers of one image at a time come from."""

    def dealt(
        self, batch: Batch, shown: Collection[Key], rng: np.random.Generator
    ) -> tuple[list[KnownImage], list[KnownImage]]:
        """Return the practice trials and the sentinels of the next HIT, which also shows `shown`."""
        ...


@dataclass
class PlainImages:
    """Images of the batch's sentinel condition; real ones are practised, too, but they are no sentinels:
    a real image that looks generated says nothing of attention.
    """

    experiment: Experiment
    images: Images

    def __post_init__(self) -> None:
        self.used: dict[Key, int] = {}

    def dealt(
        self, batch: Batch, shown: Collection[Key], rng: np.random.Generator
    ) -> tuple[list[KnownImage], list[KnownImage]]:
        """Return images that were shown least, and that the HIT does not show."""
        count = self.experiment
        real = self._least(count.real or "", count.practice_trials // 2, shown, rng)
        wanted = count.practice_trials - len(real) + count.sentinels_per_hit
        generated = self._least(batch.sentinel or "", wanted, shown, rng)
        sentinels = [KnownImage(key, GENERATED) for key in generated[: count.sentinels_per_hit]]
        practice = [KnownImage(key, GENERATED) for key in generated[count.sentinels_per_hit :]]
        practice += [KnownImage(key, REAL) for key in real]
        return [practice[place] for place in rng.permutation(len(practice))], sentinels

    def _least(
        self, condition: str, count: int, shown: Collection[Key], rng: np.random.Generator
    ) -> list[Key]:
        if not count:
            return []
        found = [(condition, item) for item in self.images.paths[condition] if (condition, item) not in shown]
        if len(found) < count:
            raise GlimpseError(
                f"Condition {condition} has {len(self.images.paths[condition])} images, and a HIT needs "
                f"{count} for sentinels and practice that it does not show otherwise. Bring more, or lower "
                "--sentinels-per-hit or --practice-trials."
            )
        cost = np.array([self.used.get(key, 0) for key in found]) + rng.random(len(found))
        chosen = [found[place] for place in np.argsort(cost)[:count].tolist()]
        for key in chosen:
            self.used[key] = self.used.get(key, 0) + 1
        return chosen


@dataclass
class ListedImages:
    """The images of a file, each used about as often as every other, none twice in a HIT."""

    experiment: Experiment
    listed: Sequence[KnownImage]
    where: str

    def __post_init__(self) -> None:
        self.used = np.zeros(len(self.listed))

    def dealt(
        self,
        batch: Batch,  # noqa: ARG002 - each batch has the same
        shown: Collection[Key],
        rng: np.random.Generator,
    ) -> tuple[list[KnownImage], list[KnownImage]]:
        """Return images that were used least; of these, such as the HIT does not show."""
        met = np.array([one.key in shown for one in self.listed])
        practice, sentinels = self.experiment.practice_trials, self.experiment.sentinels_per_hit
        cost = self.used + met * 1e6 + rng.random(len(self.listed))
        chosen = np.argsort(cost)[: practice + sentinels]
        if met[chosen].any():
            raise GlimpseError(
                f"{self.where} lists images that are shown otherwise, too, and a HIT needs "
                f"{practice + sentinels} that it does not show. List more, or lower --sentinels-per-hit."
            )
        self.used[chosen] += 1
        mixed = [self.listed[place] for place in rng.permutation(chosen).tolist()]
        return mixed[:practice], mixed[practice:]


def known_images(experiment: Experiment, images: Images, path: Path | None) -> KnownImages:
    """Return where known answers come from; GlimpseError for a file that is none, or has too few rows."""
    if experiment.sentinels != "file" or not experiment.known_per_hit:
        return PlainImages(experiment, images)
    if path is None:
        raise GlimpseError("sentinels is 'file', but there is no file of known answers (--sentinel-file).")
    listed = read_known_images(path, images)
    if len(listed) < experiment.known_per_hit:
        raise GlimpseError(
            f"{path} has {len(listed)} images; a HIT needs {experiment.known_per_hit} that differ "
            f"({experiment.sentinels_per_hit} sentinels, {experiment.practice_trials} practice). Add some, "
            "or lower --sentinels-per-hit."
        )
    return ListedImages(experiment, listed, str(path))


def read_known_images(path: Path, images: Images) -> list[KnownImage]:
    """Read a file of known answers.

    Args:
        path: A CSV file with columns `image` (`condition/item`) and `correct` (`real` or `generated`).
        images: The images at hand.

    Raises:
        GlimpseError: The file cannot be read, lacks a column, or a row names no image, or one twice. The
            message names file and line.
    """
    table = read_table(path, COLUMNS)
    head = [name.lower() for name in table.head]
    if missing := [name for name in COLUMNS if name not in head]:
        raise GlimpseError(
            f"{path} lacks the column {missing[0]}; with --task single it needs image and correct. Found are "
            f"{', '.join(table.head)}."
        )
    found: dict[Key, KnownImage] = {}
    for line, cells in table.rows:
        row = dict(zip(head, map(str.strip, cells), strict=False))
        where = f"{path}, line {line}"
        key = image_at(image_named(row.get("image", ""), where), where, images)
        correct = row.get("correct", "").lower()
        if correct not in TRUTHS:
            raise GlimpseError(
                f"{where}: correct is {row.get('correct', '')!r}; it must be real or generated."
            )
        if key in found:
            raise GlimpseError(f"{where}: {'/'.join(key)} stands in an earlier line, too; leave one out.")
        found[key] = KnownImage(key, correct)
    if not found:
        raise GlimpseError(f"{path} has no rows; it needs one for each image with a known answer.")
    return list(found.values())
