"""Label sets, and label maps as files: what a pixel's number or colour means.

A label set is a JSON file (`crn/labelsets/*.json`, or your own):

    {"name": "mine", "classes": [{"name": "road", "id": 0, "colour": [128, 64, 128]}, ...]}

Classes become channels in this order; a class named "void" takes what is unlabelled and always comes
last (it is added where the file has none). `id` and `colour` are optional: classes are numbered in order,
and a set without colours reads ids only. Several values for one class: `ids`, `colours`. A set whose files
come in several numberings names them in `encodings`, and gives `ids` for each:
{"train-ids": [0], "label-ids": [7]}.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.errors import GlimpseError
from glimpse.images import is_image
from glimpse.pixels import UnreadableImageError, opened

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

FOLDER = Path(__file__).parents[1] / "labelsets"
BUNDLED = ("cityscapes", "gta5", "camvid", "nyu")
VOID = "void"
COLOURS = "colours"
Colour = tuple[int, int, int]


class LabelMapError(GlimpseError):
    """A label map that cannot be read, or that does not fit its label set."""


class UnknownValueError(LabelMapError):
    """A label map has an id or colour that its label set does not know."""


@dataclass(frozen=True)
class LabelSet:
    """Classes in channel order (void last), and how files write them."""

    name: str
    classes: tuple[str, ...]
    colours: tuple[tuple[Colour, ...], ...]  # of each class; the first is the one that is drawn
    encodings: dict[str, dict[int, int]]  # name of a numbering -> {id in the file: class}
    file_names: dict[str, str] = field(default_factory=dict)  # part of a file's name -> its encoding

    @property
    def void(self) -> int:
        """The class of unlabelled pixels: the last."""
        return len(self.classes) - 1

    def encoding_names(self) -> list[str]:
        """List what `encoding` may be for this set."""
        return [*([COLOURS] if any(self.colours) else []), *self.encodings]

    def codes(self, encoding: str) -> dict[int, int]:
        """Map each value of a file (an id, or a colour as 0xRRGGBB) to its class."""
        if encoding != COLOURS:
            return self.encodings[encoding]
        return {
            r << 16 | g << 8 | b: index for index, colours in enumerate(self.colours) for r, g, b in colours
        }


@cache
def bundled_label_set(name: str) -> LabelSet:
    """Return one of the BUNDLED label sets."""
    return _parse(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")), name)


def label_set(name_or_file: str | Path) -> LabelSet:
    """Return a bundled label set by name, or read one from a JSON file; GlimpseError when it is neither."""
    if str(name_or_file) in BUNDLED:
        return bundled_label_set(str(name_or_file))
    path = Path(name_or_file)
    if path.suffix != ".json":
        raise GlimpseError(
            f"unknown label set {str(name_or_file)!r}; bundled are {', '.join(BUNDLED)}, "
            "or name a .json file of your own."
        )
    return _parse(_read_json(path), str(path))


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GlimpseError(f"{path}: no such file.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise GlimpseError(f"{path}: is not JSON: {error}.") from None


def _parse(value: Any, where: str) -> LabelSet:
    """Check a label set's JSON, naming `where` it came from, and build it."""
    known = {"name", "about", "classes", "encodings", "file_names"}
    if not isinstance(value, dict) or not isinstance(value.get("classes"), list) or not value.get("name"):
        raise GlimpseError(f'{where}: a label set is {{"name": ..., "classes": [{{"name": ...}}, ...]}}.')
    if unknown := sorted(set(value) - known):
        raise GlimpseError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}.")
    encoded, file_names = value.get("encodings") or ["ids"], value.get("file_names") or {}
    if not isinstance(encoded, list) or not all(isinstance(name, str) for name in encoded):
        raise GlimpseError(
            f'{where}: encodings are {encoded!r}; give a list of names, such as ["train-ids"].'
        )
    if not isinstance(file_names, dict) or not all(
        isinstance(name, str) and name in encoded for name in file_names.values()
    ):
        raise GlimpseError(
            f"{where}: file_names are {file_names!r}; give {{part of a name: one of {encoded}}}."
        )
    rows = [_row(row, index, where) for index, row in enumerate(value["classes"])]
    rows.sort(key=lambda row: row["name"] == VOID)
    if not rows or rows[-1]["name"] != VOID:
        rows.append({"name": VOID, "colours": [], "ids": []})
    names = tuple(row["name"] for row in rows)
    if len(set(names)) != len(names) or len(names) < 2:
        raise GlimpseError(f"{where}: class names must differ, and there must be at least one beside void.")
    if len(names) > 256:
        raise GlimpseError(f"{where}: has {len(names)} classes; at most 256 are possible.")
    encodings = {encoding: _ids(rows, encoding, where) for encoding in encoded}
    _colour_owners(rows, where)
    colours = tuple(tuple(tuple(colour) for colour in row["colours"]) for row in rows)
    return LabelSet(str(value["name"]), names, colours, encodings, file_names)


def _row(row: Any, index: int, where: str) -> dict[str, Any]:
    """Bring one class of a label set's JSON into one form: name, colours, ids."""
    known = {"name", "id", "ids", "colour", "colours"}
    if not isinstance(row, dict) or not isinstance(row.get("name"), str) or set(row) - known:
        raise GlimpseError(
            f"{where}: class {index} is {row!r}; it may have {', '.join(sorted(known))}, and a name."
        )
    colours = row.get("colours", [row["colour"]] if "colour" in row else [])
    valid = isinstance(colours, list) and all(
        isinstance(colour, list)
        and len(colour) == 3
        and all(isinstance(part, int) and 0 <= part <= 255 for part in colour)
        for colour in colours
    )
    if not valid:
        raise GlimpseError(
            f"{where}: class {row['name']!r} has colours {colours!r}; give [red, green, blue], 0-255."
        )
    return {"name": row["name"], "colours": colours, "ids": row.get("ids", [row.get("id", index)])}


def _ids(rows: list[dict[str, Any]], encoding: str, where: str) -> dict[int, int]:
    found: dict[int, int] = {}
    for index, row in enumerate(rows):
        ids = row["ids"].get(encoding, []) if isinstance(row["ids"], dict) else row["ids"]
        if not isinstance(ids, list):
            raise GlimpseError(
                f"{where}: class {row['name']!r} has ids {ids!r}; give a list of whole numbers."
            )
        for number in ids:
            if not isinstance(number, int) or isinstance(number, bool) or abs(number) >= 1 << 32:
                raise GlimpseError(
                    f"{where}: class {row['name']!r} has id {number!r}; ids are whole numbers."
                )
            if found.setdefault(number, index) != index:
                raise GlimpseError(
                    f"{where}: id {number} belongs to {rows[found[number]]['name']!r} and {row['name']!r}."
                )
    if not found:
        raise GlimpseError(f"{where}: no class has an id in encoding {encoding!r}.")
    return found


def _colour_owners(rows: list[dict[str, Any]], where: str) -> None:
    owner: dict[Colour, str] = {}
    for row in rows:
        for colour in map(tuple, row["colours"]):
            if owner.setdefault(colour, row["name"]) != row["name"]:
                raise GlimpseError(
                    f"{where}: colour {colour} belongs to {owner[colour]!r} and {row['name']!r}."
                )


def label_map_files(path: Path | str) -> list[Path]:
    """Return a folder's image files in the order of their names, or the one file; GlimpseError when none.

    Of a folder of Cityscapes (gtFine/val, a folder a town) the label ids are taken, not their renderings.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise GlimpseError(f"{path}: no such file or folder of label maps.")
    found = sorted(path.rglob("*_labelIds.png")) or sorted(file for file in path.iterdir() if is_image(file))
    if not found:
        raise GlimpseError(f"{path}: holds no label maps (files ending in .png, .tif, .bmp, ...).")
    return found


def _read_values(path: Path, labels: LabelSet) -> tuple[np.ndarray, str]:
    """Read an image as (H, W) int64 ids, or colours as 0xRRGGBB; say which ("ids" or COLOURS)."""
    try:
        with opened(path, path) as image:
            image.load()
            mode, pixels = image.mode, np.asarray(image)
            rgb = np.asarray(image.convert("RGB")) if mode in {"P", "RGB", "RGBA"} else None
    except FileNotFoundError:
        raise LabelMapError(f"{path}: no such file.") from None
    except UnreadableImageError as error:
        raise LabelMapError(f"{error} A label map is a PNG of class ids or class colours.") from None
    if rgb is None:
        if pixels.ndim != 2 or pixels.dtype.kind not in "iub":
            raise LabelMapError(f"{path}: is a {mode} image; a label map has whole numbers or RGB colours.")
        return pixels.astype(np.int64), "ids"
    codes = rgb.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])  # (H, W)
    known = np.fromiter(labels.codes(COLOURS), dtype=np.int64)
    if mode == "P" and not np.isin(codes, known).all():
        return pixels.astype(np.int64), "ids"
    grey = (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all()
    if grey and not np.isin(codes, known).all():
        return rgb[..., 0].astype(np.int64), "ids"  # ids that some tool saved as RGB
    return codes, COLOURS


def detect_encoding(files: Iterable[Path | str], labels: LabelSet) -> tuple[str, bool]:
    """Tell how label maps that belong together are written: (encoding, whether that is certain).

    Colours show in the files themselves; between numberings decides the file's name, else the first file
    whose ids fit one numbering only. Uncertain (every file fits several): the first of them.
    """
    candidates = list(labels.encodings)
    for path in map(Path, files):
        named = [
            encoding for part, encoding in labels.file_names.items() if part.lower() in path.stem.lower()
        ]
        if named:
            return named[0], True
        values, kind = _read_values(path, labels)
        if kind == COLOURS:
            return COLOURS, True
        if len(candidates) == 1:
            return candidates[0], True
        present = set(np.unique(values).tolist())
        unknown = {name: len(present - set(labels.encodings[name])) for name in candidates}
        fewest = min(unknown.values())
        candidates = [name for name in candidates if unknown[name] == fewest]
        if len(candidates) == 1:
            return candidates[0], True
    return candidates[0], len(candidates) == 1


def read_label_map(
    path: Path | str, labels: LabelSet, *, encoding: str | None = None, unknown_to_void: bool = False
) -> np.ndarray:
    """Read a label map as (H, W) uint8 classes, 0 ... len(labels.classes) - 1.

    `encoding` is one of `labels.encoding_names()`, None to detect it from this file alone. Ids and colours
    that the label set does not know are a LabelMapError that names file, pixel and value, or void.
    """
    path = Path(path)
    if encoding is None:
        encoding, _ = detect_encoding([path], labels)
    if encoding not in labels.encoding_names():
        known = ", ".join(labels.encoding_names())
        raise GlimpseError(f"label set {labels.name!r} has no encoding {encoding!r}; it has {known}.")
    values, kind = _read_values(path, labels)
    if (kind == COLOURS) != (encoding == COLOURS):
        raise LabelMapError(
            f"{path}: holds {kind}, where {encoding} were expected: so says --encoding, or another label map."
        )
    table = labels.codes(encoding)
    keys = np.array(sorted(table), dtype=np.int64)
    classes = np.array([table[key] for key in keys.tolist()], dtype=np.uint8)
    position = np.minimum(np.searchsorted(keys, values), len(keys) - 1)
    strange = keys[position] != values  # (H, W)
    if strange.any() and not unknown_to_void:
        raise UnknownValueError(_describe_unknown(path, values, strange, encoding, labels))
    return np.where(strange, np.uint8(labels.void), classes[position])


def _describe_unknown(
    path: Path, values: np.ndarray, strange: np.ndarray, encoding: str, labels: LabelSet
) -> str:
    y, x = (int(index[0]) for index in np.nonzero(strange))
    value, others = int(values[y, x]), len(np.unique(values[strange])) - 1
    what = f"id {value}"
    if encoding == COLOURS:
        what = f"colour ({value >> 16}, {value >> 8 & 255}, {value & 255})"
    more = f" (and {others} more such values; {strange.mean():.1%} of its pixels)" if others else ""
    lossy = " It may be a photograph, or saved with lossy compression." if others > 50 else ""
    return (
        f"{path}: pixel x={x}, y={y} has {what}, which label set {labels.name!r} ({encoding}) does not know"
        f"{more}.{lossy} Choose another with --label-set, or map such pixels to void with --unknown void."
    )


def resize_label_map(classes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize an (H, W) label map by nearest neighbour (pixel centres)."""
    rows = ((np.arange(height) + 0.5) * classes.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * classes.shape[1] / width).astype(np.intp)
    return np.ascontiguousarray(classes[rows[:, None], columns])


def one_hot(classes: np.ndarray, count: int) -> torch.Tensor:
    """(H, W) or (N, H, W) integer classes -> (N, count, H, W) float32, 0 or 1."""
    import torch

    stack = torch.from_numpy(np.ascontiguousarray(classes)).long()
    stack = stack[None] if stack.ndim == 2 else stack
    if stack.numel() and (int(stack.max()) >= count or int(stack.min()) < 0):
        raise GlimpseError(f"a label map has class {int(stack.max())}; there are {count} (0 to {count - 1}).")
    channels = torch.zeros(stack.shape[0], count, *stack.shape[1:])
    return channels.scatter_(1, stack[:, None], 1.0)


def colour_label_map(classes: np.ndarray, labels: LabelSet) -> np.ndarray:
    """(H, W) classes -> (H, W, 3) uint8 RGB in the label set's colours; greys where it has none."""
    shades = np.linspace(40, 230, len(labels.classes)).astype(int).tolist()
    palette = [
        colours[0] if colours else (shade, shade, shade)
        for colours, shade in zip(labels.colours, shades, strict=True)
    ]
    coloured: np.ndarray = np.array(palette, dtype=np.uint8)[classes]
    return coloured


@dataclass(frozen=True)
class ClassMapping:
    """Takes label maps of one label set to another: `table[class of source] = class of target`."""

    name: str
    source: LabelSet
    target: LabelSet
    table: tuple[int, ...]

    def __call__(self, classes: np.ndarray) -> np.ndarray:
        """(H, W) classes of the source -> (H, W) uint8 classes of the target."""
        mapped: np.ndarray = np.array(self.table, dtype=np.uint8)[classes]
        return mapped


def mapping_names() -> list[str]:
    """List the bundled mappings, such as cityscapes-camvid."""
    return sorted(path.stem for path in (FOLDER / "mappings").glob("*.json"))


def class_mapping(name_or_file: str | Path) -> ClassMapping:
    """Return a bundled mapping by name, or read one from JSON: {"source", "target", "classes": {name: name}}.

    Source and target are names or files of label sets; classes that are not listed become void.
    """
    path = Path(name_or_file)
    if str(name_or_file) in mapping_names():
        path = FOLDER / "mappings" / f"{name_or_file}.json"
    elif path.suffix != ".json":
        raise GlimpseError(
            f"unknown mapping {str(name_or_file)!r}; bundled are {', '.join(mapping_names())}, "
            "or name a .json file of your own."
        )
    value = _read_json(path)
    if not isinstance(value, dict) or set(value) != {"source", "target", "classes"}:
        raise GlimpseError(f'{path}: a mapping is {{"source": ..., "target": ..., "classes": {{from: to}}}}.')
    kinds = (value["source"], str), (value["target"], str), (value["classes"], dict)
    if not all(isinstance(item, kind) for item, kind in kinds):
        raise GlimpseError(f"{path}: source and target are names, and classes is {{from: to}}.")
    if not all(isinstance(name, str) for name in value["classes"].values()):
        raise GlimpseError(f"{path}: every class is mapped to the name of another.")
    source, target = label_set(value["source"]), label_set(value["target"])
    for names, side in ((value["classes"], source), (value["classes"].values(), target)):
        if strange := sorted(set(names) - set(side.classes)):
            raise GlimpseError(
                f"{path}: label set {side.name!r} has no class {strange[0]!r}; "
                f"it has {', '.join(side.classes)}."
            )
    table = (target.classes.index(value["classes"].get(name, VOID)) for name in source.classes)
    return ClassMapping(path.stem, source, target, tuple(table))
