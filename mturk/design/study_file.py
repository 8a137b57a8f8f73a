"""Study files: study.toml read into what options of build-hits would say, every fault with its line.

What is read are the stated things alone, by the names of their options (`study_fields`): paths relative to
where the program runs, questions and fields of forms as themselves, everything else as options have it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.forms import FormField, check_forms
from glimpse.questions import Question, check_questions, only_question
from glimpse.toml import read_toml

from .contrasts import CONTRAST_WORDS
from .study_fields import BY_PLACE, PATHS, SECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from glimpse.toml import TomlFile

TABLES: Mapping[str, tuple[type[Question | FormField], Callable[[Any], None]]] = {
    "questions": (Question, check_questions),
    "form": (FormField, check_forms),
}


@dataclass(frozen=True)
class Reader:
    """How values of one kind are read: which fit, what is said of others, and what becomes of them."""

    fits: Callable[[Any], bool]
    wanted: str
    turned: Callable[[Any], Any] = lambda value: value


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are(one: Callable[[object], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(one, value))


def _are_contrasts(value: Any) -> bool:
    """Tell whether a value is a word for several contrasts, or a list of pairs of conditions."""
    return value in CONTRAST_WORDS if _is_text(value) else _are(_is_pair)(value)


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_text, value))


_QUOTED = ", ".join(f'"{word}"' for word in CONTRAST_WORDS)
_TEXT = Reader(_is_text, "write a text in quotation marks")
READERS = {
    "text": _TEXT,
    "word": _TEXT,
    "file": _TEXT,
    "folder": _TEXT,
    "place": _TEXT,
    "flag": Reader(lambda value: isinstance(value, bool), "write true or false"),
    "whole": Reader(_is_whole, "write a whole number, such as 3, and no negative one"),
    "number": Reader(lambda value: _is_whole(value) or isinstance(value, float), "write a number", float),
    "wholes": Reader(_are(_is_whole), "write whole numbers in a list, such as [500, 1000]", tuple),
    "texts": Reader(_are(_is_text), 'write texts in a list, such as ["a", "b"]', tuple),
    "places": Reader(_are(_is_text), 'write folders or files in a list, such as ["pilot/"]'),
    "amount": Reader(
        lambda value: _is_text(value) or _is_whole(value) or isinstance(value, float),
        'write dollars and cents, such as "1.50"',
        str,
    ),
    "contrasts": Reader(
        _are_contrasts,
        f'write {_QUOTED}, or pairs of conditions, such as [["ours", "theirs"]]',
        lambda value: (value,) if isinstance(value, str) else tuple(map(":".join, value)),
    ),
}


def read_study_file(path: Path) -> dict[str, Any]:
    """Read a study file: what it says, by the names of the options that say the same.

    Raises:
        GlimpseError: The file is no TOML, has a key that is not known (the message names the nearest), a
            value of a wrong kind, a question or a field of a form that cannot be asked, or names a file that
            is not there. The message names the file, the line and the key.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "study.toml")
        ...     _ = file.write_text('seed = 7\\n[people]\\nreward = "1.50"\\n')
        ...     read_study_file(file)
        {'seed': 7, 'reward_usd': '1.50'}
    """
    file = read_toml(path)
    said: dict[str, Any] = {}
    for key, value in file.values.items():
        if key in TABLES:
            said["asked" if key == "questions" else key] = _table(file, key, value)
        elif key in SECTIONS:
            if not isinstance(value, dict):
                _refuse(file, (key,), value, f"write it as a part of the file, [{key}]")
            for inner, one in value.items():
                said |= _value(file, key, inner, one)
        else:
            said |= _value(file, "", key, value)
    return said


def _value(file: TomlFile, section: str, key: str, value: Any) -> dict[str, Any]:
    """Read one key; the result is empty for what does not say anything."""
    place = (section, key) if section else (key,)
    field = BY_PLACE.get((section, key))
    if field is None:
        keys = [known for part, known in BY_PLACE if part == section and known]
        raise GlimpseError(_unknown(file, place, keys if section else [*keys, *filter(None, SECTIONS)]))
    reader = READERS[field.kind]
    if not reader.fits(value) or (field.allowed and value not in field.allowed):
        _refuse(
            file, place, value, f"allowed are {', '.join(field.allowed)}" if field.allowed else reader.wanted
        )
    if field.kind not in PATHS:
        return {field.name: reader.turned(value)}
    if field.kind == "places":
        return {field.name: tuple(_path(file, place, "place", one) for one in value)}
    return {field.name: _path(file, place, field.kind, value)}


def _path(file: TomlFile, place: tuple[str | int, ...], kind: str, value: str) -> Path:
    """Return a path as the program sees it, which a file has relative to itself."""
    if not value.strip():
        _refuse(file, place, value, f"write the path of a {'file' if kind == 'file' else 'folder'}")
    named = Path(os.path.normpath(file.path.parent / value))
    if (kind == "file" and not named.is_file()) or (kind == "place" and not named.exists()):
        _refuse(file, place, value, f"there is no {'file' if kind == 'file' else 'file or folder'} {named}")
    return named


def _unknown(file: TomlFile, place: tuple[str | int, ...], known: Collection[str]) -> str:
    """Return what is said of a key that nobody would read."""
    near = get_close_matches(str(place[-1]), known, 1, 0.5)
    elsewhere = sorted(part for part, key in BY_PLACE if key == place[-1] and part != place[0])
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}."
    if elsewhere and not (near and near[0] == place[-1]):
        hint = f"it belongs to [{elsewhere[0]}]." if elsewhere[0] else "it belongs above the first [part]."
    return f"{file.where(*place)}: there is no key {_name(place)}; {hint}"


def _refuse(file: TomlFile, place: tuple[str | int, ...], value: Any, wanted: str) -> None:
    """Raise GlimpseError: where, what was found, what is wanted."""
    found = repr(value) if not isinstance(value, bool) else str(value).lower()
    found = found if len(found) <= 60 else f"{found[:57]}..."
    raise GlimpseError(f"{file.where(*place)}: {_name(place)} is {found}; {wanted}.")


def _name(place: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in place if isinstance(part, str))


def _table(file: TomlFile, section: str, value: Any) -> tuple[Any, ...]:
    """Read [[questions]] or [[form]]: each with its own checks, and those of all of them together."""
    kind, check = TABLES[section]
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        _refuse(file, (section,), value, f"write each as a part of the file, [[{section}]]")
    found = []
    for number, one in enumerate(value):
        known = [field.name for field in fields(kind)]
        for key in one:
            if key not in known:
                raise GlimpseError(_unknown(file, (section, number, key), known))
        for key in ("name", "text"):
            if key not in one and not (key == "name" and section == "questions" and len(value) == 1):
                raise GlimpseError(
                    f"{file.where(section, number)}: this [[{section}]] has no {key}; give it one."
                )
        if "name" not in one and isinstance(one["text"], str):
            one["name"] = only_question(one["text"]).name
        try:
            found.append(kind.from_json(one))
            check(found)
        except GlimpseError as error:
            raise GlimpseError(f"{file.where(section, number)}: {error}") from None
    return tuple(found)
