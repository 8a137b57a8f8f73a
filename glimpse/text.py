"""Words and pages: counts in words, and the folder `templates/`, from which every page is made."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from glimpse.program import command

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from jinja2 import Environment


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 place`, `3 places`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def template_file(name: str) -> Traversable:
    """Return a file of `templates/`, for example `page/hit.css`."""
    return resources.files("glimpse.templates").joinpath(name)


def template_text(name: str) -> str:
    """Return a file of `templates/` as text; FileNotFoundError when there is none."""
    return template_file(name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """Return the one Jinja2 environment: HTML escaped, undefined names an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("glimpse.templates", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["command"] = command
    return found
