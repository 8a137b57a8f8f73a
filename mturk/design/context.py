"""Prompts and reference images by item, as people and generators have them: tables, metadata, text files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpse.context import LONGEST_CONTEXT
from glimpse.errors import GlimpseError
from glimpse.files import file_digest
from glimpse.images import READ_ENDINGS, is_left_behind, same_name
from glimpse.tables import read_table

from .limits import unsendable
from .stimuli import Images, image_items, some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from glimpse.experiment import Experiment

# Where reference images stand among the conditions, whose names are never empty.
REFERENCE = ""
ITEM, FILE_NAME = "item", "file_name"
TEXT_COLUMNS = ("text", "caption", "prompt")
METADATA = ("metadata.jsonl", "metadata.csv")


class Prompt(NamedTuple):
    """A text, and where it was found: a file, with its line where it has several."""

    text: str
    where: str


@dataclass(frozen=True)
class Contexts:
    """What stands with pairs: a prompt an item, a reference an item, or both; and where they were read."""

    texts: Mapping[str, Prompt] = field(default_factory=dict)
    images: Mapping[str, Path] = field(default_factory=dict)
    text_path: Path | None = None
    image_path: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.texts or self.images)

    def has(self, item: str) -> bool:
        """Tell whether an item has each kind of context that is given."""
        return bool(self) and all(item in stated for stated in (self.texts, self.images) if stated)

    def text(self, item: str) -> str:
        """Return an item's prompt; empty where contexts are images alone."""
        return self.texts[item].text if self.texts else ""

    def likeness(self, item: str) -> tuple[str, str]:
        """Return what is equal for items whose contexts say the same: their pictures are exchangeable."""
        image = file_digest(self.images[item]) if self.images else ""
        return " ".join(self.text(item).casefold().split()), image

    def beside(self, images: Images) -> Images:
        """Return `images` with the reference images as one more folder, under the name REFERENCE."""
        return Images(images.folder, {**images.paths, REFERENCE: self.images}, images.moving)


class _Entry(NamedTuple):
    """One text as found: `name` is what the file calls the item, `file` where no name may stand twice."""

    item: str
    name: str
    text: str
    file: str
    where: str


def read_contexts(text: Path | None = None, image: Path | None = None) -> Contexts:
    """Read the contexts of a study.

    Args:
        text: A CSV file with columns `item` and `text`; an ImageFolder's `metadata.jsonl` or `metadata.csv`
            (`file_name`, and `text`, `caption` or `prompt`), or a folder that holds one; or a folder of .txt
            files named as the items, which may stand in folders of their conditions beside the images.
        image: A folder of reference images named as the items.

    Returns:
        The contexts, not yet compared with the items that there are: see `items_with_context`.

    Raises:
        GlimpseError: A file is missing, is not UTF-8, has no such column, an item twice, an item with two
            texts, or a text that is empty or that no page can show. The message names file and line.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     prompts = pathlib.Path(folder, "prompts.csv")
        ...     _ = prompts.write_text("item,text\\n0001,A red fox in the snow\\n")
        ...     read_contexts(prompts).text("0001")
        'A red fox in the snow'
    """
    texts = _by_item(_checked(_entries(text))) if text is not None else {}
    if text is not None and not texts:
        raise GlimpseError(f"{text} has no prompt; it needs one for each item.")
    if image is None:
        return Contexts(texts, text_path=text)
    if not image.is_dir():
        raise GlimpseError(f"There is no folder {image}; reference images stand in one, named as the items.")
    return Contexts(texts, image_items(image), text, image)


def without_references(images: Images, folder: Path | None) -> Images:
    """Return the conditions of `images`: without the folder of reference images, if it is among them."""
    if folder is None:
        return images
    kept = {
        name: paths
        for name, paths in images.paths.items()
        if (images.folder / name).resolve() != folder.resolve()
    }
    return Images(images.folder, kept, images.moving)


def items_with_context(
    contexts: Contexts, images: Images, items: Sequence[str], *, allow_missing: bool = False
) -> tuple[str, ...]:
    """Return those of `items` that have each kind of context that is given.

    GlimpseError for an item without it, and for a context of an item that no condition has; `allow_missing`
    leaves both out.
    """
    there = {item for paths in images.paths.values() for item in paths}
    for kind, stated, where in (
        ("prompt", contexts.texts, contexts.text_path),
        ("reference image", contexts.images, contexts.image_path),
    ):
        missing = [item for item in items if item not in stated]
        unknown = [item for item in stated if item not in there]
        if stated and unknown and not allow_missing:
            raise GlimpseError(_unknown(contexts, kind, unknown, sorted(there), images.stimulus))
        if stated and missing and not allow_missing:
            raise GlimpseError(
                f"{where} has no {kind} for {len(missing)} of {len(items)} items: {some(missing)}. Add them, "
                "or leave such items out with --allow-missing."
            )
        items = [item for item in items if item in stated] if stated else items
    if not items:
        raise GlimpseError("No item has both its files and its context; names must be the same.")
    return tuple(items)


def _unknown(
    contexts: Contexts, kind: str, unknown: Sequence[str], there: Sequence[str], stimulus: str
) -> str:
    """Say of which items there is a context but no image (or clip)."""
    first = unknown[0]
    where = contexts.texts[first].where if kind == "prompt" else str(contexts.images[first])
    more = f" ({len(unknown)} such items: {some(unknown)})" if len(unknown) > 1 else ""
    zeros = [item for item in there if first.isdigit() and item.isdigit() and int(item) == int(first)]
    hint = f" Is it {zeros[0]!r}, whose zeros a spreadsheet took away?" if zeros else ""
    return (
        f"{where}: a {kind} for item {first!r}, of which there is no {stimulus}{more}.{hint} Items are named "
        f"as their files, such as {some(there)}; leave others out with --allow-missing."
    )


def same_items(experiment: Experiment, *, asked: bool) -> str | None:
    """Return what to say where contexts make pairs show one item; None where they do so anyway.

    `asked` tells that the pairing was asked for, not a preset's: GlimpseError then.
    """
    if experiment.pairing == "same-item":
        return None
    if asked:
        raise GlimpseError(
            f"pairing is {experiment.pairing!r}, and each item has its own prompt or reference: both sides "
            "of a pair must be of the item that stands with it. Use --pairing same-item, or leave it out."
        )
    return "Both sides of a pair are of one item, since its prompt or reference stands with them."


def _entries(path: Path) -> Iterator[_Entry]:
    """Yield all texts of a file, or of a folder and the folders in it."""
    if path.is_file():
        yield from _metadata(path) if path.suffix.lower() in {".jsonl", ".ndjson"} else _table(path)
        return
    if not path.is_dir():
        raise GlimpseError(
            f"There is no {path}; prompts stand in a CSV file with the columns item,text, in the "
            "metadata.jsonl of an ImageFolder, or in .txt files beside the images."
        )
    folders = [path, *sorted(one for one in path.iterdir() if one.is_dir() and not is_left_behind(one.name))]
    for folder in folders:
        files = [folder / name for name in METADATA if (folder / name).is_file()]
        for file in files[:1]:
            yield from _entries(file)
        if not files:
            yield from _text_files(folder, beside_images=folder != path)


def _text_files(folder: Path, *, beside_images: bool) -> Iterator[_Entry]:
    """Yield a folder's .txt files; `beside_images`: those named as an image, others are notes."""
    files = sorted(one for one in folder.iterdir() if one.is_file() and not is_left_behind(one.name))
    images = {same_name(one.stem) for one in files if one.suffix.lower() != ".txt"}
    for file in files:
        if file.suffix.lower() == ".txt" and not (beside_images and same_name(file.stem) not in images):
            yield _Entry(_named(file.stem), file.stem, _read(file), str(file), str(file))


def _table(path: Path) -> Iterator[_Entry]:
    """Yield the rows of a CSV file."""
    table = read_table(path, (ITEM, FILE_NAME, *TEXT_COLUMNS))
    head = [name.lower() for name in table.head]
    names = [head.index(name) for name in (ITEM, FILE_NAME) if name in head]
    texts = [head.index(name) for name in TEXT_COLUMNS if name in head]
    if not names or not texts:
        raise GlimpseError(
            f"{path} needs the columns item and text (or file_name and caption); found are "
            f"{', '.join(table.head)}."
        )
    for line, cells in table.rows:
        where = f"{path}, line {line}"
        if any(cell.strip() for cell in cells[len(head) :]) or len(cells) <= max(names[0], texts[0]):
            raise GlimpseError(
                f"{where}: {len(cells)} cells under {len(head)} columns. A text that holds the separator "
                'stands in quotation marks: 0001,"A fox, asleep".'
            )
        yield _entry(cells[names[0]], cells[texts[0]], str(path), where)


def _metadata(path: Path) -> Iterator[_Entry]:
    """Yield the lines of an ImageFolder's metadata."""
    for number, line in enumerate(_read(path).split("\n"), start=1):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            value: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise GlimpseError(f"{where}: not JSON ({error}); each line is one object.") from None
        if not isinstance(value, dict):
            raise GlimpseError(f"{where}: each line is one JSON object, found {type(value).__name__}.")
        name = value.get(FILE_NAME, value.get(ITEM))
        text = next((value[key] for key in TEXT_COLUMNS if key in value), None)
        if not isinstance(name, str) or not isinstance(text, str):
            raise GlimpseError(
                f"{where}: {FILE_NAME} and one of {', '.join(TEXT_COLUMNS)} are needed, both texts; found "
                f"are {', '.join(map(str, value)) or 'none'}."
            )
        yield _entry(name, text, str(path), where)


def _entry(name: str, text: str, file: str, where: str) -> _Entry:
    return _Entry(_named(name), name.strip(), text, file, where)


def _named(name: str) -> str:
    """Return the item that a name means: without folder and ending of an image, accents in one way.

    >>> _named("sdxl/0001.png"), _named("v1.5")
    ('0001', 'v1.5')
    """
    path = PureWindowsPath(name.strip())  # which takes both kinds of slashes
    return same_name(path.stem if path.suffix.lower() in READ_ENDINGS else path.name)


def _read(path: Path) -> str:
    """Return a file's text with line feeds; GlimpseError names the line that is not UTF-8."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise GlimpseError(
            f"{path}, line {line}: not UTF-8 text ({error.reason} at byte {error.start}). Save it as UTF-8."
        ) from None


def _checked(entries: Iterable[_Entry]) -> Iterator[_Entry]:
    """Yield the entries with clean texts; GlimpseError for what no page can show."""
    for entry in entries:
        text = entry.text.replace("\r\n", "\n").replace("\r", "\n").strip()
        if not entry.item:
            raise GlimpseError(f"{entry.where}: the item is empty; it is named as its images' files.")
        if not text:
            raise GlimpseError(f"{entry.where}: the text of item {entry.item!r} is empty.")
        if code := unsendable(entry.item) or unsendable(text):
            raise GlimpseError(
                f"{entry.where}: the item or its text holds the character {code}, which no page can show; "
                "leave it out."
            )
        if len(text) > LONGEST_CONTEXT:
            raise GlimpseError(
                f"{entry.where}: the text has {len(text)} characters; at most {LONGEST_CONTEXT} can be shown."
            )
        yield entry._replace(text=text)


def _by_item(entries: Iterable[_Entry]) -> dict[str, Prompt]:
    """Return one text an item; GlimpseError where a file names one twice, or where two files differ."""
    found: dict[str, Prompt] = {}
    named: dict[tuple[str, str], str] = {}
    differing: dict[str, str] = {}
    for entry in entries:
        before = named.setdefault((entry.file, entry.name), entry.where)
        if before != entry.where:
            raise GlimpseError(
                f"{entry.where}: {entry.name!r} stands on {before.rpartition(', ')[2]} already; each item "
                "has one text."
            )
        first = found.setdefault(entry.item, Prompt(entry.text, entry.where))
        if first.text != entry.text:
            differing.setdefault(entry.item, f"{first.where} and {entry.where}")
    if differing:
        item, where = next(iter(differing.items()))
        more = f" ({len(differing)} such items: {some(list(differing))})" if len(differing) > 1 else ""
        raise GlimpseError(
            f"{where} differ in the text of item {item!r}{more}. All images of an item share one prompt: "
            "make them equal, or name one file of prompts."
        )
    return dict(sorted(found.items()))
