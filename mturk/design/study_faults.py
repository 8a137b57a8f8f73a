"""What goes wrong with a study that a file states: said with the file's line, and its keys for options."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError
from glimpse.toml import read_toml

from .study_fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from glimpse.toml import Place, TomlFile

    from .study_fields import StudyField

# An option, with a number as its value; or a field by its name where that can be no other word.
_MENTIONED = re.compile(
    r"(?<![\w./-])(?:(--[a-z][a-z-]*[a-z])( (?=\d))?|([a-z]+(?:_[a-z]+)+))(?![\w/-]|\.\w)"
)
# What a message begins with that names no option: the field of which it speaks.
_BEGINNINGS = {"contrast": "contrasts", "exposure": "exposures_ms", "origin": "origins"}
_TABLES = {"question": "questions", "form field": "form"}
_NAMED = re.compile(rf"({'|'.join(_TABLES)}) '?([\w-]+)")
_LOCATED = re.compile(r"[^\n]*?, line \d+")
_FIELDS = {word: field for field in FIELDS for word in (field.option, field.name)}


@contextmanager
def faults_of(path: Path | None, elsewhere: Collection[str] = ()) -> Iterator[None]:
    """Let GlimpseErrors name the line and the keys of a study file; with no file they stay as they are.

    `elsewhere` holds the names of fields that were stated by options or arguments, which win over the file.
    """
    try:
        yield
    except GlimpseError as error:
        if path is not None and not str(error).startswith(str(path)):
            error.args = (in_file_words(str(error), read_toml(path), elsewhere), *error.args[1:])
        raise


def in_file_words(message: str, file: TomlFile, elsewhere: Collection[str] = ()) -> str:
    """Return a message with keys of a study file where it names options, and the line of the first stated.

    >>> import pathlib
    >>> from glimpse.toml import TomlFile
    >>> said = TomlFile(pathlib.Path("study.toml"), {}, {("people", "reward"): 3})
    >>> in_file_words("reward_usd is -1; it must be 0 or more. Or lower --trials-per-cell.", said)
    'study.toml, line 3: people.reward is -1; it must be 0 or more. Or lower design.trials_per_cell.'
    """
    lines = _first_line(message, file, elsewhere)

    def key(found: re.Match[str]) -> str:
        field = _FIELDS.get(found[1] or found[3])
        if field is None or field.name in elsewhere:
            return found[0]
        lines.extend(_lines(field, file))
        return f"{field.section}.{field.key}".strip(".") + (" = " if found[2] else "")

    said = _MENTIONED.sub(key, message)
    return f"{lines[0]}: {said}" if lines and not _LOCATED.match(said) else said


def _first_line(message: str, file: TomlFile, elsewhere: Collection[str]) -> list[str]:
    """Return the line of the field that a message begins with, by a word of its own or a table's name."""
    named = _NAMED.match(message)
    if named and "asked" not in elsewhere:
        names = [one.get("name") for one in file.values.get(_TABLES[named[1]], [])]
        return [file.where(_TABLES[named[1]], names.index(named[2]))] if named[2] in names else []
    word = message.split(" ", maxsplit=1)[0]
    field = _FIELDS.get(_BEGINNINGS.get(word, word))
    return _lines(field, file) if field and field.name not in elsewhere else []


def _lines(field: StudyField, file: TomlFile) -> list[str]:
    """Return where a file states a field, if it does."""
    place = tuple(filter(None, (field.section, field.key)))
    places: tuple[Place, ...] = (place, (*place, 0))
    return [file.where(*one) for one in places if one in file.lines][:1]
