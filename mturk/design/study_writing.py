"""Study files written: what options said, with a comment on everything that could be said."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import tomlkit

from .contrasts import CONTRAST_WORDS
from .study_fields import FIELDS, PATHS, SECTIONS, StudyField

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tomlkit import TOMLDocument

WIDTH = 100
_HEAD = "A study for build-hits. What stands behind a # is not stated; it shows what could be."
_COPY = "This study, for build-hits."
_OPTION = {field.option: f"{field.section}.{field.key}".strip(".") for field in FIELDS}


def study_text(said: Mapping[str, Any], folder: Path, *, comments: bool = True) -> str:
    """Return the study file that says what options said, as `study_file.read_study_file` reads it back.

    `said` has what was stated, by the names of options; paths are written relative to `folder`, where the
    file will be. `comments` explains each key and shows those that are not stated.
    """
    lines = [f"# {_HEAD if comments else _COPY}"]
    for section, about in SECTIONS.items():
        here = [field for field in FIELDS if field.section == section]
        stated = any(field.name in said for field in here)
        if not stated and not comments:
            continue
        lines += ["", *_comment(about)] if comments else [""]
        if not here[0].key:
            lines += _tables(here[0], said)
            continue
        if section:
            lines.append(f"[{section}]" if stated else f"# [{section}]")
        for field in here:
            if comments:
                lines += _comment(f"{in_words(field.help)} Without it: {in_words(field.usual)}.")
            if field.name in said:
                lines.append(f"{field.key} = {_toml(in_file(field, said[field.name], folder))}")
            elif comments:
                lines.append(f"# {field.key} = {field.example}")
    return "\n".join(lines).strip() + "\n"


def amended(text: str, said: Mapping[str, Any], read: Mapping[str, Any], folder: Path) -> str:
    """Return a study file that says what was stated, everything else in it, comments too, as it was.

    `read` is what the file said as it is, by the names of options; paths are always written anew.
    """
    document = tomlkit.parse(text)
    for field in FIELDS:
        if field.name in said and (field.kind in PATHS or said[field.name] != read.get(field.name)):
            _amend(document, field, in_file(field, said[field.name], folder))
    return tomlkit.dumps(document)


def _amend(document: TOMLDocument, field: StudyField, value: Any) -> None:
    """Let a document say one thing."""
    if not field.key:
        document[field.section] = tables = tomlkit.aot()
        for one in value:
            tables.append(tomlkit.item(one))
        return
    if field.section and field.section not in document:
        document[field.section] = tomlkit.table()
    part: Any = document[field.section] if field.section else document
    part[field.key] = value


def in_file(field: StudyField, value: Any, folder: Path) -> Any:
    """Return a value as a study file in `folder` holds it."""
    if field.kind == "places":
        return [_relative(Path(one), folder) for one in value]
    if field.kind in PATHS:
        return _relative(Path(value), folder)
    if field.kind == "contrasts":
        several = len(value) == 1 and value[0] in CONTRAST_WORDS
        return value[0] if several else [contrast.split(":") for contrast in value]
    if not field.key:
        return [_short(one.to_json()) for one in value]
    return list(value) if isinstance(value, tuple) else value


def _short(one: dict[str, Any]) -> dict[str, Any]:
    """Return a question or a field of a form without what is so anyway."""
    return {key: value for key, value in one.items() if value != [] and (key, value) != ("required", True)}


def _relative(path: Path, folder: Path) -> str:
    """Return a path as seen from a folder; the whole of it where the two are on different drives."""
    try:
        return PurePath(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def _tables(field: StudyField, said: Mapping[str, Any]) -> list[str]:
    """Return [[questions]] or [[form]], each with its keys; commented out where none is stated."""
    if field.name not in said:
        return [f"# {line}" for line in (f"[[{field.section}]]", *field.example.split("\n"))]
    lines = []
    for one in in_file(field, said[field.name], Path()):
        lines += [f"[[{field.section}]]", *(f"{key} = {_toml(value)}" for key, value in one.items())]
    return lines


def _toml(value: Any) -> str:
    return str(tomlkit.item(value).as_string())


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, WIDTH)]


def in_words(text: str) -> str:
    """Return an option's help as it is said of a file: keys in the place of options, nothing to repeat."""
    keys = re.sub(r"--[a-z][a-z-]*[a-z]", lambda found: _OPTION.get(found[0], found[0]), text)
    return keys.replace(" (repeatable)", "")
