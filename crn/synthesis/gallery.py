"""The paper's qualitative figures from any folder of conditions: layout | baselines | ours | real.

Three files from one arrangement: gallery.png for a slide, gallery.pdf for a paper (images at their own
resolution, vector text), index.html to look through all items.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from glimpse.errors import GlimpseError
from glimpse.files import write_whole
from glimpse.images import BY_ENDING, is_image, is_left_behind, item_of, same_name
from glimpse.pixels import read_rgb
from glimpse.program import program
from glimpse.progress import untracked

from ..data.labels import (
    BUNDLED,
    UnknownValueError,
    colour_label_map,
    label_set,
    read_label_map,
)
from .gallery_page import Cell, page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from glimpse.progress import Track

LAYOUT = "layout"
LABEL_CONDITIONS = ("layout", "labels")  # a folder of images/ that holds label maps, not a condition
ROWS = 6  # items in the figures, unless told
GAP, MARGIN = 6, 14  # pixels between images, and around them
EMBEDDED_BYTES = 48 * 2**20  # a page with more than this keeps its images in files beside it


@dataclass(frozen=True)
class Column:
    """A column of the gallery: its name, its heading, and the image of each item."""

    name: str
    title: str
    files: dict[str, Path]


@dataclass(frozen=True)
class Gallery:
    """What is shown: columns, items in order, and how label maps are coloured."""

    columns: tuple[Column, ...]
    items: tuple[str, ...]
    label_set: str = "cityscapes"
    encoding: str | None = None
    left_out: tuple[str, ...] = ()  # items that not every column has
    strange: bool = False  # whether label maps hold values that the label set does not know, shown as void

    def only(self, items: Sequence[str]) -> Gallery:
        """Return the gallery of these items; one number that is no item's name means so many, from the first.

        No items mean all. Raises GlimpseError for an item that is not in every column.
        """
        if not items:
            return self
        if len(items) == 1 and re.fullmatch(r"[1-9]\d{0,5}", items[0]) and items[0] not in self.items:
            return replace(self, items=self.items[: int(items[0])])
        for item in items:
            if item not in self.items:
                lacking = [column.name for column in self.columns if item not in column.files]
                raise GlimpseError(f"item {item!r} is not in {', '.join(lacking)}.")
        return replace(self, items=tuple(items))

    def image(self, column: Column, item: str) -> NDArray[np.uint8]:
        """Read an image as (H, W, 3) uint8; label maps in their label set's colours."""
        path = column.files[item]
        if column.name != LAYOUT:
            return _read_image(path)
        classes = read_label_map(
            path, label_set(self.label_set), encoding=self.encoding, unknown_to_void=True
        )
        return colour_label_map(classes, label_set(self.label_set))


@dataclass(frozen=True)
class Written:
    """The files of a gallery."""

    png: Path
    pdf: Path
    page: Path
    images: int  # files beside the page; 0 when the page holds all its images


def open_gallery(
    images: Path | str,
    *,
    labels: Path | str | None = None,
    labels_in: str | None = None,
    columns: Sequence[str] = (),
    ours: str | None = None,
    real: str = "real",
) -> Gallery:
    """Find what there is to show in `images`/<condition>/<item>.png (JPEG, WebP).

    `labels` is the folder of the items' label maps: None takes images/labels, else the bundled samples' where
    the items are those; `labels_in` their label set (None: seen from them). `columns` are conditions in order
    ("layout" among them); none: layout, the others by name, `ours` (None: "crn" where there is one), `real`.
    Shown is what every column has. Raises GlimpseError for what is not there.
    """
    images = Path(images)
    found = find_conditions(images)
    label_files, encoding = _find_labels(images, labels, found)
    if label_files:
        found = {LAYOUT: label_files, **{name: files for name, files in found.items() if name != LAYOUT}}
    _check_named(found, ours, real)
    order = list(columns) or _default_order(found, ours, real)
    if missing := [name for name in order if name not in found]:
        have = ", ".join(found)
        raise GlimpseError(
            f"{images}: has no column {missing[0]!r}; it has {have}." + _layout_hint(missing[0])
        )
    chosen = tuple(Column(name, _title(name, ours or "crn", real), found[name]) for name in order)
    everywhere = set.intersection(*(set(column.files) for column in chosen))
    anywhere = set().union(*(column.files for column in chosen if column.name != LAYOUT))
    shown = tuple(sorted(everywhere, key=natural))
    if not shown:
        raise GlimpseError(
            f"{images}: no item is in all of {', '.join(order)}; choose others with --columns."
        )
    left_out = tuple(sorted(anywhere - everywhere, key=natural))
    if LAYOUT not in order:
        return Gallery(chosen, shown, left_out=left_out)
    maps = [label_files[item] for item in shown]
    tried = (labels_in,) if labels_in else BUNDLED
    fitting = next((name for name in tried if _fits(maps, name, encoding)), None)
    colours = fitting or labels_in or "cityscapes"
    return Gallery(chosen, shown, colours, encoding, left_out, strange=fitting is None)


def natural(name: str) -> list[tuple[int, Any]]:
    """Return a sort key that puts diverse-10 after diverse-9."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name) if part]


def find_conditions(images: Path) -> dict[str, dict[str, Path]]:
    """Map condition -> item -> file; GlimpseError when there are none."""
    if not images.is_dir():
        raise GlimpseError(f"{images}: no such folder; `{program()} synthesize` makes one.")
    found = {}
    for folder in sorted((path for path in images.iterdir() if path.is_dir()), key=lambda p: natural(p.name)):
        files = _image_files(folder)
        if files and not is_left_behind(folder.name) and folder.name not in LABEL_CONDITIONS:
            found[same_name(folder.name)] = files
    if not found:
        raise GlimpseError(f"{images}: holds no folders of images (images/<condition>/<item>.png).")
    return found


def _image_files(folder: Path) -> dict[str, Path]:
    return {item_of(path): path for path in sorted(folder.iterdir()) if is_image(path)}


def _find_labels(
    images: Path, labels: Path | str | None, found: dict[str, dict[str, Path]]
) -> tuple[dict[str, Path], str | None]:
    """Return item -> label map and their encoding where it is known; nothing where there are none."""
    if labels is not None:
        folder = Path(labels)
        files = _image_files(folder) if folder.is_dir() else {}
        if not files:
            raise GlimpseError(f"{folder}: no label maps there (PNGs named as the items).")
        return files, None
    for name in LABEL_CONDITIONS:
        if (images / name).is_dir() and (files := _image_files(images / name)):
            return files, None
    from ..scenes import sample_items

    samples = {item.item: item for item in sample_items()}
    real = found.get("real", {})
    if real and all(
        item in samples and path.read_bytes() == samples[item].photo.read_bytes()
        for item, path in real.items()
    ):
        return {item: sample.labels for item, sample in samples.items()}, "train-ids"
    return {}, None


def _fits(files: Sequence[Path], name: str, encoding: str | None) -> bool:
    """Tell whether a label set, by name or file, knows every value of the label maps."""
    try:
        for file in files:
            read_label_map(file, label_set(name), encoding=encoding)
    except UnknownValueError:
        return False
    except GlimpseError:
        if encoding and name in BUNDLED:
            return False
        raise
    return True


def _check_named(found: dict[str, dict[str, Path]], ours: str | None, real: str) -> None:
    """Refuse names of conditions that are not there; "real", which nobody need have said, may be missing."""
    conditions = [name for name in found if name != LAYOUT]
    for option, name in (("--ours", ours), ("--real", None if real == "real" else real)):
        if name is not None and name not in conditions:
            raise GlimpseError(
                f"{option} {name!r}: there is no such condition; there are {', '.join(conditions)}."
            )


def _default_order(found: dict[str, dict[str, Path]], ours: str | None, real: str) -> list[str]:
    last = [name for name in (ours or "crn", real) if name in found]
    first = [LAYOUT] if LAYOUT in found else []
    return [*first, *(name for name in found if name not in {*last, LAYOUT}), *last]


def _title(name: str, ours: str, real: str) -> str:
    if name == ours:
        return f"{name} (ours)"
    return {LAYOUT: "layout", real: "photograph" if real == "real" else f"{real} (real)"}.get(name, name)


def _layout_hint(name: str) -> str:
    return " Name the label maps' folder with --labels." if name == LAYOUT else ""


def _read_image(path: Path) -> NDArray[np.uint8]:
    return np.asarray(read_rgb(path))


def write_gallery(
    gallery: Gallery,
    out: Path | str,
    *,
    rows: int = ROWS,
    cell_width: int = 320,
    title: str = "Gallery",
    track: Track = untracked,
) -> Written:
    """Write `out`/gallery.png, gallery.pdf (of the first `rows` items) and index.html (of all).

    `cell_width` is an image's width in the PNG, in pixels. Everything is read before anything is written.
    """
    if rows < 1 or cell_width < 16:
        raise GlimpseError(f"rows is {rows} and the cell width {cell_width}; at least 1 and 16 are needed.")
    out = Path(out)
    figure_items = gallery.items[:rows]
    table = [[gallery.image(column, item) for column in gallery.columns] for item in figure_items]
    titles = [column.title for column in gallery.columns]
    figure = compose(table, titles, cell_width)
    document = _pdf(table, titles)
    cells, beside = _page_cells(gallery, track)
    for name, data in beside.items():
        write_whole(out / name, data)
    html = page(title, [(column.name, column.title) for column in gallery.columns], cells)
    write_whole(out / "gallery.png", _png(figure))
    write_whole(out / "gallery.pdf", document)
    write_whole(out / "index.html", html)
    return Written(out / "gallery.png", out / "gallery.pdf", out / "index.html", len(beside))


def compose(
    table: Sequence[Sequence[NDArray[np.uint8]]], titles: Sequence[str], cell_width: int
) -> NDArray[np.uint8]:
    """Set rows of images (each (H, W, 3) uint8) under their titles, as one (H, W, 3) uint8 picture."""
    height, width = table[0][0].shape[:2]
    cell_height = max(1, round(cell_width * height / width))
    font = _font(titles, cell_width)
    head = round(font.size * 1.9)
    columns = len(titles)
    total = (
        2 * MARGIN + columns * cell_width + (columns - 1) * GAP,
        2 * MARGIN + head + len(table) * cell_height + (len(table) - 1) * GAP,
    )
    sheet = Image.new("RGB", total, "white")
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        middle = MARGIN + column * (cell_width + GAP) + cell_width / 2
        draw.text((middle, MARGIN + head * 0.42), title, fill=(30, 30, 30), font=font, anchor="mm")
    for row, images in enumerate(table):
        for column, image in enumerate(images):
            shrinks = image.shape[1] > cell_width
            method = Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
            cell = Image.fromarray(image).resize((cell_width, cell_height), method)
            sheet.paste(
                cell, (MARGIN + column * (cell_width + GAP), MARGIN + head + row * (cell_height + GAP))
            )
    return np.asarray(sheet)


def _font(titles: Sequence[str], cell_width: int) -> Any:
    """Return the largest font, up to 22 pixels, in which every title fits its column."""
    for size in range(22, 7, -1):
        font = ImageFont.load_default(size)
        if max(font.getlength(title) for title in titles) <= cell_width - 4:
            return font
    return font


def _png(picture: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def plot_image(ax: Axes, image: NDArray[np.uint8], title: str = "") -> Axes:
    """Draw an image (H, W, 3) uint8 on `ax` at its own resolution, without axes."""
    ax.imshow(image, interpolation="none")
    ax.set_axis_off()
    if title:
        ax.set_title(title, fontsize=8, pad=3)
    return ax


def _pdf(table: Sequence[Sequence[NDArray[np.uint8]]], titles: Sequence[str]) -> bytes:
    """Return the figure as a PDF as wide as a page's text (7 inches)."""
    from matplotlib.figure import Figure

    height, width = table[0][0].shape[:2]
    cell = 7.0 / len(titles)
    size = (7.0, cell * height / width * len(table) + 0.25)
    figure = Figure(figsize=size)
    grid = figure.subplots(len(table), len(titles), squeeze=False)
    figure.subplots_adjust(0, 0, 1, 1 - 0.22 / size[1], wspace=0.02, hspace=0.03)
    for row, images in enumerate(table):
        for column, image in enumerate(images):
            plot_image(grid[row, column], image, titles[column] if row == 0 else "")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="pdf", dpi=300, metadata={"CreationDate": None})
    return buffer.getvalue()


def _page_cells(gallery: Gallery, track: Track) -> tuple[dict[str, list[Cell]], dict[str, bytes]]:
    """Return the page's images by item, and the files that go beside it when they are too many to embed."""
    total = sum(column.files[item].stat().st_size for column in gallery.columns for item in gallery.items)
    embed = total <= EMBEDDED_BYTES
    cells: dict[str, list[Cell]] = {}
    beside: dict[str, bytes] = {}
    for item in track(gallery.items, "laying out", len(gallery.items)):
        cells[item] = []
        for column in gallery.columns:
            image = gallery.image(column, item)  # also checks that it can be read
            path = column.files[item]
            drawn = column.name == LAYOUT or path.suffix.lower() not in BY_ENDING
            data = _png(image) if drawn else path.read_bytes()
            suffix = ".png" if drawn else path.suffix.lower()
            name = f"images/{column.name}/{item}{suffix}"
            if not embed:
                beside[name] = data
            cells[item].append(Cell(image.shape[1], image.shape[0], name, suffix, data if embed else None))
    return cells, beside
