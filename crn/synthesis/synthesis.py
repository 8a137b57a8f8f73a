"""Label maps to images: folders in bulk, resumed where they stopped, shared between processes.

Every condition is a folder of PNGs, one an item, with a record beside it (`<condition>.json`): settings,
versions, the digests of weights, label maps and images. What the record says decides what is left to do.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from glimpse.errors import GlimpseError
from glimpse.files import digest, file_digest, write_json, write_whole
from glimpse.pixels import read_rgb
from glimpse.progress import untracked

from ..network.devices import find_device
from .inference import Renderer
from .shards import Shard
from .video import image_grid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from glimpse.progress import Track

    from ..network.checkpoints import Weights
    from .inputs import LabelMaps, SynthesisConfig

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ConditionFolders:
    """Where the images of one condition go."""

    out: Path  # images/
    condition: str
    samples: int = 1
    grids: Path | None = None  # the folder of all conditions' grids; never inside `out`

    @property
    def record(self) -> Path:
        """The record beside the condition's folder."""
        return self.out / f"{self.condition}.json"

    @property
    def folders(self) -> list[Path]:
        """One folder a sample: <condition>, or <condition>-1 ... <condition>-k, each its own condition."""
        if self.samples == 1:
            return [self.out / self.condition]
        return [self.out / f"{self.condition}-{u}" for u in range(1, self.samples + 1)]

    def images(self, item: str) -> list[Path]:
        """The files of one item: its samples, then its grid."""
        grid = [self.grids / self.condition / f"{item}.png"] if self.grids else []
        return [*(folder / f"{item}.png" for folder in self.folders), *grid]


@dataclass(frozen=True)
class Summary:
    """What a run did for one condition."""

    place: ConditionFolders
    made: int  # items
    kept: int  # items that were there already, of the same settings and label maps
    seconds: float
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class SynthesisPlan:
    """What is left to do, and the record of what there will be."""

    todo: list[Path]
    record: dict[str, Any]


def synthesize(  # noqa: PLR0913 - how it runs, beside what it makes
    maps: LabelMaps,
    weights: Weights,
    config: SynthesisConfig,
    place: ConditionFolders,
    *,
    device: str = "cpu",
    batch: int = 1,
    versions: dict[str, str] | None = None,
    shard: Shard = Shard(),  # noqa: B008 - frozen
    track: Track = untracked,
) -> Summary:
    """Make the images of one condition that are not there yet; return what was done.

    Raises GlimpseError before anything is written when images of other origin are in the way, and OSError
    when the folder cannot be written; what was finished until then stays, and the next run goes on from
    there. `weights.model` is spent afterwards: its memory is taken over.
    """
    from time import perf_counter

    start = perf_counter()
    device = shard.device(device)
    find_device(device)
    plan = shard.agree(plan_synthesis(maps, weights, config, place, versions or {}) if shard.first else None)
    if shard.first and plan.todo:
        _clear(place, plan)
    shard.wait()
    mine = shard.share(plan.todo)
    if mine:
        renderer = Renderer(weights.model, device, config.dtype, spend=True)
        for item, images in _rendered(maps, renderer, mine, batch, track if shard.first else untracked):
            _write_images(place, item, images[: place.samples])
    shard.wait()
    if shard.first and plan.todo:
        _complete(place, plan)
    kept = len(maps.files) - len(plan.todo)
    return Summary(place, len(plan.todo), kept, perf_counter() - start, tuple(maps.items))


def plan_synthesis(
    maps: LabelMaps,
    weights: Weights,
    config: SynthesisConfig,
    place: ConditionFolders,
    versions: dict[str, str],
) -> SynthesisPlan:
    """Compare the record of earlier runs with what is asked for now: what is left to do."""
    settings = {
        **config.to_json(),
        "label_set": maps.labels.name,
        "mapping": maps.mapping.name if maps.mapping else None,
        "encoding": maps.encoding,
        "size": list(maps.size),
        "samples": place.samples,
        "weights": weights.name,
        "weights_sha256": weights.sha256,
        "classes": list(maps.labels.classes),
    }
    settings_sha256 = digest(json.dumps(settings, sort_keys=True))
    old = _read_record(place.record)
    same = old.get("settings_sha256") == settings_sha256
    before: dict[str, Any] = old.get("items", {})
    asked = {path.stem: path for path in maps.files}
    _refuse_strangers(place, asked, before, same)
    items, todo = dict(before) if same else {}, []
    for item, path in asked.items():
        labels_sha256 = file_digest(path)
        known = before.get(item, {}) if same else {}
        if known.get("labels_sha256") == labels_sha256 and _intact(place, item, known):
            continue
        items[item] = {"labels": path.name, "labels_sha256": labels_sha256, "images": {}}
        todo.append(path)
    record = {
        "schema_version": SCHEMA_VERSION,
        "condition": place.condition,
        "settings": settings,
        "settings_sha256": settings_sha256,
        "seed": None,  # nothing is drawn at random
        "versions": versions,
        "weights": {"file": weights.path.name, "sha256": weights.sha256, **weights.settings.to_json()},
        "items": dict(sorted(items.items())),
    }
    return SynthesisPlan(todo, record)


def _read_record(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict) or not isinstance(value.get("items"), dict):
            raise TypeError
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError):
        raise GlimpseError(
            f"{path}: is not a record of `synthesize`; move it away, or choose another --condition."
        ) from None
    if value.get("schema_version") != SCHEMA_VERSION:
        raise GlimpseError(
            f"{path}: has schema_version {value.get('schema_version')!r}, not {SCHEMA_VERSION}."
        )
    return value


def _refuse_strangers(
    place: ConditionFolders, asked: dict[str, Path], before: dict[str, Any], same: bool
) -> None:
    """Never replace images that are not ours, nor mix images of two settings in one condition."""
    for folder in place.folders:
        found = {path.stem for path in folder.glob("*.png")} if folder.is_dir() else set()
        if strange := sorted(found - set(before)):
            raise GlimpseError(
                f"{folder}: holds {strange[0]}.png, which no record of `synthesize` explains. "
                "Choose another --condition or --out, or move it away."
            )
        if not same and (other := sorted(found - set(asked))):
            raise GlimpseError(
                f"{folder}: holds {len(other)} images made with other settings, such as {other[0]}.png, that "
                "this run would not replace. Choose another --condition or --out, or remove the folder."
            )


def _intact(place: ConditionFolders, item: str, known: dict[str, Any]) -> bool:
    """Tell whether an item's images are there and as they were recorded (where the run came that far)."""
    digests = known.get("images", {})
    return all(
        path.is_file() and digests.get(_key(path)) in {None, file_digest(path)} for path in place.images(item)
    )


def _key(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _clear(place: ConditionFolders, plan: SynthesisPlan) -> None:
    """Remove what is about to be made anew, then record what is coming: so a crash confuses nobody."""
    for path in plan.todo:
        for image in place.images(path.stem):
            image.unlink(missing_ok=True)
    for folder in {image.parent for image in place.images("any")}:
        folder.mkdir(parents=True, exist_ok=True)
    write_json(place.record, plan.record)


def _rendered(
    maps: LabelMaps, renderer: Renderer, files: list[Path], batch: int, track: Track
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (item, images (k, H, W, 3) uint8) of each label map, `batch` at a time through the network."""
    batches = [files[start : start + batch] for start in range(0, len(files), batch)]
    for group in track(batches, "synthesizing"):
        classes = np.stack([maps.read(path) for path in group])  # (N, H, W)
        images = renderer(classes).permute(0, 1, 3, 4, 2).numpy()  # (N, k, H, W, 3)
        for path, image in zip(group, images, strict=True):
            yield path.stem, image


def _write_images(place: ConditionFolders, item: str, images: np.ndarray) -> None:
    pictures = [*images, image_grid(images)] if place.grids else list(images)
    for path, picture in zip(place.images(item), pictures, strict=True):
        write_whole(path, png(picture))


def png(image: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB -> the bytes of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


def _complete(place: ConditionFolders, plan: SynthesisPlan) -> None:
    """Add the digests of the new images to the record."""
    for path in plan.todo:
        images = {_key(image): file_digest(image) for image in place.images(path.stem)}
        plan.record["items"][path.stem]["images"] = images
    write_json(place.record, plan.record)


def read_frames(files: list[Path]) -> Iterator[np.ndarray]:
    """Yield images as (H, W, 3) uint8 RGB, one at a time, for a video."""
    for path in files:
        yield np.asarray(read_rgb(path))
