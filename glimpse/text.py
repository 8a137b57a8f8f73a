"""Words and pages: counts in words, and the folder `templates/`, from which every page and text is made."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.program import command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.resources.abc import Traversable

    from jinja2 import BytecodeCache, Environment
    from jinja2.bccache import Bucket


FRACTIONS = {125: "1/8", 250: "1/4", 500: "1/2"}  # exposures in ms that are named as parts of a second


def counted(number: int, noun: str, separator: str = "") -> str:
    """Return a number with its noun: `1 place`, `3 places`; with `,` as separator `22,000 answers`."""
    return f"{number:{separator}} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Return names in a sentence: `a`, `a and b`, `a, b and c`."""
    return " and ".join([*filter(None, [", ".join(names[:-1])]), *names[-1:]])


def exposure_name(exposure_ms: float | None) -> str:
    """Return an exposure in words: `1/8 s`, `2 s`, `unlimited`."""
    if exposure_ms is None:
        return "unlimited"
    return f"{FRACTIONS.get(round(exposure_ms), f'{exposure_ms / 1000:g}')} s"


def template_file(name: str) -> Traversable:
    """Return a file of `templates/`, for example `page/hit.css`."""
    return resources.files("glimpse.templates").joinpath(name)


def template_text(name: str) -> str:
    """Return a file of `templates/` as text; FileNotFoundError when there is none."""
    return template_file(name).read_text(encoding="utf-8")


@cache
def environment(*, html: bool = True, prose: bool = False) -> Environment:
    """Return the one Jinja2 environment of a kind; undefined names are an error.

    html: values are escaped. prose: for templates of sentences, which `joined` makes of what they render.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    compiled = f"glimpse{'-html' * html}{'-prose' * prose}-%s.cache"  # other settings make other code
    found = Environment(
        bytecode_cache=_kept_compiled(compiled),
        loader=PackageLoader("glimpse.templates", "."),
        autoescape=html,  # noqa: S701 - what is not HTML goes to the console and into text files
        undefined=StrictUndefined,
        trim_blocks=not prose,
        lstrip_blocks=not prose,
        # Told apart from the ends of line in values.
        newline_sequence="\r" if prose else "\n",
        extensions=["jinja2.ext.do"],
    )
    found.globals["command"] = command
    return found


def _kept_compiled(pattern: str) -> BytecodeCache | None:
    """Return what keeps compiled templates from one command to the next: files named after `pattern`, in a
    temporary folder that is this user's alone; None where there can be none."""
    from jinja2 import FileSystemBytecodeCache

    class Kept(FileSystemBytecodeCache):
        def dump_bytecode(self, bucket: Bucket) -> None:
            with suppress(OSError):  # no room: compiled again next time
                super().dump_bytecode(bucket)

    try:
        return Kept(pattern=pattern)
    except (OSError, RuntimeError):
        return None


def joined(text: str, mark: str, between: str) -> str:
    """Return sentences without the line breaks and the indentation of their template.

    A line that begins with `mark` (a regular expression) stands after `between`, any other after a space.
    """
    text = re.sub(rf" *\r[ \r]*(?={mark})", between, text)
    return re.sub(r" *\r[ \r]*", " ", text).strip(f" {between}")


def check_texts(what: str, value: Mapping[str, Any], *, lists: Sequence[str]) -> None:
    """Raise GlimpseError for the first key that is no text, or of `lists` no list of texts.

    >>> check_texts("question 'fit'", {"text": 3}, lists=())
    Traceback (most recent call last):
    glimpse.errors.GlimpseError: question 'fit': text is 3; write a text in quotation marks.
    """
    for key, found in value.items():
        if key not in lists and not isinstance(found, str):
            raise GlimpseError(f"{what}: {key} is {found!r}; write a text in quotation marks.")
        if key in lists and not (
            isinstance(found, list | tuple) and all(isinstance(one, str) for one in found)
        ):
            raise GlimpseError(f'{what}: {key} is {found!r}; write texts in a list, such as ["a", "b"].')
