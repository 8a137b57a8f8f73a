"""Trials whose answer is known: which two images they show, which is right, and what stands with them.

Known answers come from a condition (its images beside real ones), from a file of the requester's, or from a
mismatch: under an item's prompt, a picture made from it beside one made from another.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError

from glimpse.clips import is_video, probe
from glimpse.errors import GlimpseError
from glimpse.images import same_name
from glimpse.plan import dealt, foils
from glimpse.tables import read_table

from .encoding import inspect
from .stimuli import check_sizes, some

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from glimpse.experiment import Batch, Contrast, Experiment
    from glimpse.plan import Plan

    from .context import Contexts
    from .stimuli import Images, Key

COLUMNS = ("left", "right", "correct", "context")


class KnownTrial(NamedTuple):
    """A trial with a known answer: (condition, item) of either image, and the item of its context.

    `correct_side` is where the right image must stand; None leaves it to the plan.
    """

    wrong: Key
    right: Key
    contrast: Contrast
    context: str
    correct_side: str | None = None


class Known(Protocol):
    """Where known answers come from."""

    def trials(
        self, batch: Batch, planned: Plan, items: Sequence[str], rng: np.random.Generator
    ) -> Iterator[KnownTrial]:
        """Yield a batch's practice trials and sentinels, HIT after HIT in the order shown."""
        ...


@dataclass(frozen=True)
class ByCondition:
    """The batch's sentinel condition beside the real one."""

    real: str | None

    def trials(
        self,
        batch: Batch,
        planned: Plan,
        items: Sequence[str],
        rng: np.random.Generator,  # noqa: ARG002 - the plan has drawn all
    ) -> Iterator[KnownTrial]:
        """Yield the trials; the plan says which items they show."""
        wrong, right = batch.sentinel or "", self.real or ""
        for a, b in planned.known_items:
            yield KnownTrial((wrong, items[a]), (right, items[b]), (wrong, right), items[b])


@dataclass(frozen=True)
class ByFile:
    """The rows of a file, each used about as often as every other, none twice in a HIT.

    While there are enough of them, a HIT has none whose items its other trials show: a program would notice.
    """

    rows: tuple[KnownTrial, ...]

    def trials(
        self,
        batch: Batch,  # noqa: ARG002 - each batch has the same
        planned: Plan,
        items: Sequence[str],
        rng: np.random.Generator,
    ) -> Iterator[KnownTrial]:
        """Yield the rows as dealt."""
        used = np.zeros(len(self.rows))
        for hit, known in enumerate(planned.known):
            places = np.r_[planned.item_a[hit][~known], planned.item_b[hit][~known]]
            shown = {items[place] for place in places.tolist()}
            met = np.array([row.wrong[1] in shown or row.right[1] in shown for row in self.rows])
            cost = used + met * (1.0 + planned.label.size) + rng.random(len(self.rows))
            chosen = np.argsort(cost)[: planned.known_per_hit]
            used[chosen] += 1
            for row in chosen[np.argsort(rng.random(len(chosen)))].tolist():
                yield self.rows[row]


@dataclass(frozen=True)
class ByMismatch:
    """Pictures of other items: `scene` and `size` are equal for items alike in context, and in size.

    The two conditions are those of the batch's contrasts in turn, and each of them is right in turn.
    """

    scene: tuple[int, ...]
    size: tuple[int, ...]

    def trials(
        self, batch: Batch, planned: Plan, items: Sequence[str], rng: np.random.Generator
    ) -> Iterator[KnownTrial]:
        """Yield the trials: the item is the plan's, the other picture's is drawn here."""
        others = foils(planned, np.array(self.scene), np.array(self.size), rng).ravel()
        kinds = [(contrast, right) for contrast in batch.contrasts for right in (0, 1)]
        drawn = dealt(len(kinds), planned.known_per_hit, planned.layout.hits, rng).ravel()
        for (_, b), other, kind in zip(planned.known_items, others.tolist(), drawn, strict=True):
            contrast, right = kinds[kind]
            own = items[b]
            yield KnownTrial((contrast[1 - right], items[other]), (contrast[right], own), contrast, own)


@dataclass(frozen=True)
class KnownFile:
    """A file of known answers as read; `where` has the line of each row.

    `keep_sides`: images stand on the sides that the file says; else sides are balanced as the study's are.
    """

    path: Path
    rows: tuple[KnownTrial, ...]
    where: tuple[str, ...]
    keep_sides: bool = False


def read_known(path: Path, *, keep_sides: bool = False) -> KnownFile:
    """Read a file of known answers.

    Args:
        path: A CSV file with columns `left` and `right` (`condition/item`), `correct` (`left` or `right`)
            and, where pairs have contexts, `context` (an item; empty: that of both images).
        keep_sides: Show images on the file's sides, instead of balancing sides.

    Raises:
        GlimpseError: The file cannot be read, lacks a column, or a row has no such cell, one condition on
            both sides, or stands there twice. The message names file and line.
    """
    table = read_table(path, COLUMNS)
    head = [name.lower() for name in table.head]
    if missing := [name for name in COLUMNS[:3] if name not in head]:
        raise GlimpseError(
            f"{path} lacks the column {missing[0]}; it needs left, right and correct, and may have context. "
            f"Found are {', '.join(table.head)}."
        )
    rows: dict[KnownTrial, str] = {}
    for line, cells in table.rows:
        where = f"{path}, line {line}"
        if any(cell.strip() for cell in cells[len(head) :]):
            raise GlimpseError(
                f"{where}: {len(cells)} cells under {len(head)} columns; leave out what is more."
            )
        row = _known(dict(zip(head, map(str.strip, cells), strict=False)), where)
        if row in rows:
            raise GlimpseError(f"{where} says the same as {rows[row].rpartition(', ')[2]}; leave one out.")
        if other := next((rows[one] for one in rows if _contradict(row, one)), None):
            raise GlimpseError(
                f"{where} says the opposite of {other.rpartition(', ')[2]}, where the other image of these "
                "two is the right one; leave one out."
            )
        rows[row] = where
    if not rows:
        raise GlimpseError(f"{path} has no rows; it needs one for each trial with a known answer.")
    return KnownFile(path, tuple(rows), tuple(rows.values()), keep_sides)


def _known(row: Mapping[str, str], where: str) -> KnownTrial:
    """Read one row."""
    sides = {side: image_named(row.get(side, ""), f"{where}, {side}") for side in ("left", "right")}
    correct = row.get("correct", "").lower()
    if correct not in sides:
        raise GlimpseError(f"{where}: correct is {row.get('correct', '')!r}; it must be left or right.")
    right, wrong = sides.pop(correct), *sides.values()
    if right[0] == wrong[0]:
        raise GlimpseError(
            f"{where}: both sides are of condition {right[0]}; a pair shows two conditions. Copy one file "
            "into a folder of its own."
        )
    return KnownTrial(wrong, right, (wrong[0], right[0]), row.get("context", ""), correct)


def _contradict(one: KnownTrial, other: KnownTrial) -> bool:
    """Tell whether two rows show the same images, and each calls another one right."""
    return (one.wrong, one.right, one.context) == (other.right, other.wrong, other.context)


def image_named(cell: str, where: str) -> Key:
    """Read condition/item; an ending of a file is taken off by `image_at`."""
    condition, slash, item = cell.replace("\\", "/").removeprefix("images/").rpartition("/")
    if not slash or not condition or not item:
        raise GlimpseError(f"{where}: {cell!r} is not condition/item, such as blurred/0001.")
    return same_name(condition), same_name(item)


def source_of(
    experiment: Experiment,
    images: Images,
    items: Sequence[str],
    contexts: Contexts,
    known: KnownFile | None,
) -> Known:
    """Return where an experiment's known answers come from.

    GlimpseError where the file is not given or names what is not there, and where too few items differ.
    """
    if known is not None and experiment.sentinels != "file":
        raise GlimpseError(f"{known.path} has known answers, but sentinels is {experiment.sentinels!r}.")
    if not experiment.known_per_hit or experiment.sentinels == "condition":
        return ByCondition(experiment.real)
    if experiment.sentinels == "mismatch":
        return _by_mismatch(experiment, images, items, contexts)
    if known is None:
        raise GlimpseError("sentinels is 'file', but there is no file of known answers (--sentinel-file).")
    if len(known.rows) < experiment.known_per_hit:
        raise GlimpseError(
            f"{known.path} has {len(known.rows)} trials; a HIT needs {experiment.known_per_hit} that differ "
            f"({experiment.sentinels_per_hit} sentinels, {experiment.practice_trials} practice). Add some, "
            "or lower --sentinels-per-hit."
        )
    rows = zip(known.rows, known.where, strict=True)
    return ByFile(tuple(_placed(row, where, experiment, images, contexts, known) for row, where in rows))


def _placed(
    row: KnownTrial,
    where: str,
    experiment: Experiment,
    images: Images,
    contexts: Contexts,
    known: KnownFile,
) -> KnownTrial:
    """Return a row with its images and its context found, and its conditions in the order of a contrast."""
    wrong, right = image_at(row.wrong, where, images), image_at(row.right, where, images)
    context = row.context or (right[1] if contexts and right[1] == wrong[1] else "")
    if contexts and not context:
        raise GlimpseError(
            f"{where}: which context stands with {wrong[1]} and {right[1]}? Name an item in column context."
        )
    if context and not contexts.has(context):
        raise GlimpseError(f"{where}: context is {context!r}, an item that has none.")
    names = sorted((wrong[0], right[0]), key=lambda name: (name == experiment.real, name))
    contrast = next((one for one in experiment.contrasts if set(one) == set(names)), (names[0], names[1]))
    return KnownTrial(wrong, right, contrast, context, row.correct_side if known.keep_sides else None)


def image_at(key: Key, where: str, images: Images) -> Key:
    """Return an image's condition and item as they are named; GlimpseError where there is no such image."""
    condition, item = key
    if condition not in images.paths:
        raise GlimpseError(
            f"{where}: there is no condition {condition!r} in {images.folder}; found are "
            f"{', '.join(images.conditions)}."
        )
    for name in (item, item.rpartition(".")[0]):
        if name in images.paths[condition]:
            return condition, name
    raise GlimpseError(
        f"{where}: {images.folder / condition} has no {images.stimulus} {item!r}; found are "
        f"{some(list(images.paths[condition]))}."
    )


def _by_mismatch(
    experiment: Experiment, images: Images, items: Sequence[str], contexts: Contexts
) -> ByMismatch:
    """Number the items by context and by size; GlimpseError for an item that can be beside no other."""
    if not contexts:
        raise GlimpseError(
            f"sentinels by mismatch show another item's {images.stimulus} under a prompt, and there are no "
            "prompts or references. Give some with --context-text or --context-image, or take other "
            "sentinels."
        )
    conditions = sorted({name for contrast in experiment.contrasts for name in contrast})
    scene = _numbered([contexts.likeness(item) for item in items])
    sizes = [{name: _size(images.paths[name][item]) for name in conditions} for item in items]
    for item, found in zip(items, sizes, strict=True):
        for contrast in experiment.contrasts:
            (left, right) = ((images.paths[name][item], found[name]) for name in contrast)
            check_sizes(left, right, same_item=True, what=f"{images.stimulus}s")
    size = _numbered([tuple(found.values()) for found in sizes])
    scenes: dict[int, set[int]] = defaultdict(set)
    for own, kind in zip(scene, size, strict=True):
        scenes[kind].add(own)
    if alone := [item for item, kind in zip(items, size, strict=True) if len(scenes[kind]) < 2]:
        raise GlimpseError(
            "sentinels by mismatch need, for each item, another one with another prompt (or reference) and "
            f"{images.stimulus}s of the same size. There is none for {some(alone)}."
        )
    return ByMismatch(scene, size)


def _numbered(values: Sequence[object]) -> tuple[int, ...]:
    """Return equal numbers for equal values."""
    numbers: dict[object, int] = {}
    return tuple(numbers.setdefault(value, len(numbers)) for value in values)


def _size(path: Path) -> tuple[int, int]:
    """Return the size of an image or clip as it is shown; GlimpseError for what is neither."""
    if is_video(path):
        clip = probe(path)
        return clip.width, clip.height
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) in {5, 6, 7, 8}
            return (image.height, image.width) if turned else image.size
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError):
        source = inspect(path)  # says what is wrong with it
        return source.width, source.height
