"""Tables that people bring: CSV as their spreadsheet saved it, read with every row's line.

Separated by commas, semicolons or tabs, in UTF-8 or UTF-16, with or without a byte order mark. What the
programs of Glimpse write among themselves (trials.csv, workers.csv) has readers of its own.
"""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

SEPARATORS = ",;\t"
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# What begins files of other kinds that people take for tables.
_OTHERS = {b"PK\x03\x04": "a spreadsheet or an archive", b"\xd0\xcf\x11\xe0": "a spreadsheet"}
# One long answer must not keep the others from being read; by itself csv stops at 131,072 characters.
csv.field_size_limit(2**31 - 1)


class TableRow(NamedTuple):
    """A row of a table: the line on which it begins, counted from 1, and its cells."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """A table as found: where it was read, its head, and its rows, of as many cells as each has."""

    file: str
    head: list[str]
    rows: list[TableRow]


def read_table(path: Path, known: Collection[str] = ()) -> Table:
    """Read a CSV file; rows without any text are left out.

    Args:
        path: The file.
        known: Names of columns, in any case, by which the separator is found; without them the one that
            parts the head into the most cells.

    Raises:
        GlimpseError: It is no file, no text, or empty; a quotation mark is never closed; a column of
            `known` is there twice. The message names the file and, where there is one, the line.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise GlimpseError(f"{path} is no file; name a CSV file{_columns(known)}.") from None
    return parse_table(_text(data, path), str(path), known)


def parse_table(text: str, where: str, known: Collection[str] = ()) -> Table:
    """Read a table's text as `read_table` does; `where` names it in messages.

    >>> parse_table("item;value\\n01;0.5\\n", "scores.csv").rows
    [TableRow(line=2, cells=['01', '0.5'])]
    """
    stated, text, skipped = _stated_separator(text.removeprefix("\ufeff"))
    separator = stated or _separator(text, known)
    rows = [TableRow(row.line + skipped, row.cells) for row in _rows(text, separator, where)]
    if not rows:
        raise GlimpseError(f"{where}: the file is empty; it needs a first line{_columns(known)}, and rows.")
    head = [name.strip() for name in rows[0].cells]
    names = [name.lower() for name in head]
    if twice := [name for name in known if names.count(name.lower()) > 1]:
        raise GlimpseError(f"{where}: column {twice[0]} is there twice; keep one, or rename the other.")
    return Table(where, head, rows[1:])


def _columns(known: Collection[str]) -> str:
    """Say what a table's head may hold."""
    return f" with columns such as {', '.join(list(known)[:4])}" if known else ""


def _text(data: bytes, path: Path) -> str:
    """Decode a file's bytes; GlimpseError says what it is instead, or on which line it is no UTF-8."""
    for start, kind in _OTHERS.items():
        if data.startswith(start):
            raise GlimpseError(f"{path} is {kind}, no CSV file; save it as CSV in UTF-8.")
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), _unmarked(data))
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise GlimpseError(
            f"{path}, line {line}: not {encoding.removesuffix('-sig').upper()} text ({error.reason} at byte "
            f"{error.start}). Save it as CSV in UTF-8."
        ) from None


def _unmarked(data: bytes) -> str:
    """Tell the encoding of a file without a byte order mark: the head in UTF-16 has a zero in each letter."""
    first = data[:64]
    if len(first) > 3 and not any(first[1::2]) and all(first[::2]):
        return "utf-16-le"
    return "utf-16-be" if len(first) > 3 and not any(first[::2]) and all(first[1::2]) else "utf-8"


def _stated_separator(text: str) -> tuple[str, str, int]:
    """Take off the line `sep=;` that spreadsheets write: the separator, the rest, and how many lines went."""
    first, _, rest = text.partition("\n")
    words = first.strip("\r ").strip('"')
    if words[:4].lower() == "sep=" and words[4:] in (*SEPARATORS,):
        return words[4:], rest, 1
    return "", text, 0


def _separator(text: str, known: Collection[str]) -> str:
    """Find what parts the head: by the columns that are known, else into the most cells."""
    names = {name.lower() for name in known}

    def parted(separator: str) -> tuple[int, int]:
        cells = next(csv.reader(io.StringIO(text.lstrip("\r\n"), newline=""), delimiter=separator), [])
        return len(names & {cell.strip().lower() for cell in cells}), len(cells)

    return max(SEPARATORS, key=parted)


def _rows(text: str, separator: str, where: str) -> Iterator[TableRow]:
    """Yield the rows that hold text."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator)
    end, start = 0, 0
    try:
        for cells in reader:
            line, end = end + 1, reader.line_num  # a quoted cell may hold line ends
            if lines.tell() == len(text):
                _check_closed(text[start:], separator, f"{where}, line {line}")
            start = lines.tell()
            if any(cell.strip() for cell in cells):
                yield TableRow(line, cells)
    except csv.Error as error:
        raise GlimpseError(f"{where}, line {reader.line_num}: not a readable CSV file ({error}).") from None


def _check_closed(row: str, separator: str, where: str) -> None:
    """Refuse a last row whose quotation mark swallowed all that follows it."""
    try:
        list(csv.reader(io.StringIO(row, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        if "end of data" in str(error):
            raise GlimpseError(
                f'{where}: a quotation mark opens a cell that never ends; close it, or write it twice ("").'
            ) from None
