"""TOML files that people write: read with the line of every key, so that a message can name it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Place = tuple[str | int, ...]
# Texts of several lines, texts of one, and comments.
_TEXTS = re.compile(r""""{3}(?:\\.|.)*?"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*""", re.DOTALL)
_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.\s\"'-]+?)\s*\]")
_KEY = re.compile(r"\s*([\w.\"'-]+)\s*=")


@dataclass(frozen=True)
class TomlFile:
    """A TOML file as read: its values, and the line of each table and key.

    A place is the way to a value: ("people", "reward"), or ("form", 1, "text") in the second [[form]].
    """

    path: Path
    values: dict[str, Any]
    lines: dict[Place, int] = field(default_factory=dict)

    def where(self, *place: str | int) -> str:
        """Return `study.toml, line 12`: where a key is, or else the table that it belongs to."""
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.path}, line {self.lines[place]}" if place else str(self.path)


def read_toml(path: Path) -> TomlFile:
    """Read a TOML file; GlimpseError names the file and the line where it is none.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "study.toml")
    ...     _ = path.write_text('seed = 7\\n[people]\\nreward = "1.50"\\n')
    ...     found = read_toml(path)
    >>> found.values["people"], found.where("people", "reward")[-6:]
    ({'reward': '1.50'}, 'line 3')
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        values = tomllib.loads(text)
    except (FileNotFoundError, IsADirectoryError):
        raise GlimpseError(f"{path} is no file; name a TOML file, such as study.toml.") from None
    except UnicodeDecodeError as error:
        raise GlimpseError(
            f"{path} is not UTF-8 text ({error.reason} at byte {error.start}). Save it as UTF-8."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise GlimpseError(f"{path} is no TOML file: {error}. {_hint(str(error))}") from None
    return TomlFile(path, values, dict(_lines(text)))


def _hint(fault: str) -> str:
    """Return what to do about a fault that `tomllib` names."""
    if "overwrite" in fault or "twice" in fault:
        return "Each key, and each [part], stands in a file once; leave one out."
    if "\\" in fault or "hex" in fault:
        return r"Within quotation marks, write \\ for \, and / in paths."
    return 'Texts stand in quotation marks, as in title = "Which?".'


def _lines(text: str) -> Iterator[tuple[Place, int]]:
    """Yield the place and line of every table and key; tables that come several times are numbered."""
    table: Place = ()
    counts: dict[str, int] = {}
    depth = 0
    for number, line in enumerate(_TEXTS.sub(_blank, text).split("\n"), start=1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if depth == 0 and header:
            names = _names(header[2])
            table = names
            if header[1] == "[[":
                counts[header[2]] = counts.get(header[2], -1) + 1
                table = (*names, counts[header[2]])
            yield table, number
            continue
        if depth == 0 and key:
            yield (*table, *_names(key[1])), number
        depth += sum(map(line.count, "[{")) - sum(map(line.count, "]}"))


def _blank(found: re.Match[str]) -> str:
    """Return as many lines without anything to read: texts and comments may look like keys."""
    if found[0].startswith("#"):
        return ""
    names = re.fullmatch(r"[\"']([\w-]+)[\"']", found[0])
    return names[1] if names else "\n" * found[0].count("\n")


def _names(dotted: str) -> Place:
    return tuple(name.strip().strip("\"'") for name in dotted.split("."))
