"""Options that several commands share, and kinds of values that they take."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


class Size(click.ParamType):  # type: ignore[type-arg]
    """HEIGHTxWIDTH in pixels, such as 256x512."""

    name = "HxW"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """Turn 256x512 into (256, 512)."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", str(value))
        if not match:
            self.fail(f"{value!r} is not height x width in pixels, such as 256x512.", param, ctx)
        return int(match[1]), int(match[2])


class PlainName(click.ParamType):  # type: ignore[type-arg]
    """The name of a folder that is to be made where the command says, and nowhere else."""

    name = "NAME"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the name as it is."""
        if value and (re.search(r"[/\\:\x00-\x1f]", value) or value.startswith((".", "-"))):
            self.fail(
                f"{value!r} cannot name a folder: leave out /, \\ and :, and do not begin with . or -.",
                param,
                ctx,
            )
        return str(value)


def unknown_option(text: str) -> Callable[[Command], Command]:
    """Return --unknown: whether label values that the label set does not know are an error."""
    kinds = click.Choice(["error", "void"])
    return click.option("--unknown", type=kinds, default="error", show_default=True, help=text)
