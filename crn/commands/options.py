"""Options that several commands share, and kinds of values that they take."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

STAGE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4}):(\d+\.?\d*|\.\d+)(?::([\d,]+))?")
Command = TypeVar("Command", bound=Callable[..., Any])


class Real(click.FloatRange):
    """A number within bounds; unlike Click's own, neither "nan" nor "inf" passes."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Turn 0.5 into 0.5."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


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


def numbers(kind: click.ParamType) -> Any:  # type: ignore[type-arg]
    """Return a callback that reads numbers of a kind, separated by commas, as a tuple."""

    def parse(ctx: click.Context, option: click.Parameter, value: str) -> tuple[Any, ...]:
        try:
            return tuple(kind.convert(part, option, ctx) for part in value.split(",") if part)
        except click.BadParameter as error:
            raise click.BadParameter(
                f"{value!r} is not a list of numbers such as 1,2,3: {error.message}", param=option
            ) from None

    return parse


def stages_of(_ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[Any, ...]:
    """Read each HEIGHTxWIDTH:EPOCHS[:HEIGHTS]."""
    found = []
    for value in values:
        match = STAGE.fullmatch(value)
        if not match:
            raise click.BadParameter(
                f"{value!r} is not HEIGHTxWIDTH:EPOCHS, or HEIGHTxWIDTH:EPOCHS:HEIGHTS with the heights of "
                "the modules that learn, such as 1024x2048:5:512,1024.",
                param=option,
            )
        height, width, epochs, trained = match.groups()
        heights = tuple(int(part) for part in (trained or "").split(",") if part)
        found.append((int(height), int(width), float(epochs), heights))
    return tuple(found)


def unknown_option(text: str) -> Callable[[Command], Command]:
    """Return --unknown: whether label values that the label set does not know are an error."""
    kinds = click.Choice(["error", "void"])
    return click.option("--unknown", type=kinds, default="error", show_default=True, help=text)
