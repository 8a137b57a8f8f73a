"""What a page is made of: sections of blocks, and short ways to make them. Nothing is computed here."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class Row:
    """A line of a table: cells, or the heading of a group."""

    cells: tuple[str, ...] = ()
    group: str = ""


@dataclass(frozen=True)
class Table:
    """A table of texts; `numeric` says which columns are set flush right."""

    head: tuple[str, ...]
    rows: tuple[Row, ...]
    numeric: tuple[bool, ...]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure of the page; `data` is a data URI, `width` is "column" or "wide"."""

    name: str
    data: str
    alt: str
    caption: str
    width: str


@dataclass(frozen=True)
class Block:
    """A piece of a section; `kind` decides which of the others are used."""

    kind: str
    text: str = ""
    entries: tuple[Any, ...] = ()
    table: Table | None = None
    figure: Picture | None = None
    note: bool = False
    code: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading."""

    id: str
    title: str
    blocks: tuple[Block, ...]


def line(*cells: str) -> Row:
    """Return a line of a table."""
    return Row(cells)


def table(
    head: Sequence[str], rows: Iterable[Row], text_columns: Iterable[int] = (0,), caption: str = ""
) -> Block:
    """Return a block with a table; columns are numeric but for `text_columns`."""
    rows, head = list(rows), list(head)
    text = set(text_columns)
    # A last column of notes is there only where there is a note.
    if head[-1] == "Note" and not any(row.cells and row.cells[-1] for row in rows):
        head = head[:-1]
        rows = [Row(row.cells[:-1], row.group) for row in rows]
    numeric = tuple(place not in text for place in range(len(head)))
    return Block("table", table=Table(tuple(head), tuple(rows), numeric, caption))


def paragraph(text: str, *, note: bool = False) -> Block:
    """Return a paragraph; a `note` is set in a softer colour."""
    return Block("paragraph", text, note=note)


def picture(name: str, data: bytes, kind: str, alt: str, caption: str, *, wide: bool = False) -> Block:
    """Return a figure as a data URI; kind is "svg" or "png"."""
    mime = {"svg": "image/svg+xml", "png": "image/png"}[kind]
    uri = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    return Block("figure", figure=Picture(name, uri, alt, caption, "wide" if wide else "column"))
