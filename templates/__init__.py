"""The pages that people see: Jinja2 templates with their own scripts and styles."""

from __future__ import annotations

from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def environment() -> Environment:
    """Return the one Jinja2 environment: HTML escaped, undefined names an error."""
    return Environment(
        loader=PackageLoader("templates", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def text(name: str) -> str:
    """Return a file of this folder as text, for example `hit.css`; FileNotFoundError when there is none."""
    return resources.files("templates").joinpath(name).read_text(encoding="utf-8")
