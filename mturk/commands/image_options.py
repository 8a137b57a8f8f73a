"""Options of `build-hits` that say how images are looked at, stored and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..design.encoding import ENCODINGS

if TYPE_CHECKING:
    from collections.abc import Callable

_OPTIONS = (
    click.option(
        "--encode",
        "encoding",
        type=click.Choice(ENCODINGS),
        default="auto",
        show_default=True,
        help="auto: keep the files' encoding if all share one and nothing must change, else PNG.",
    ),
    click.option(
        "--check",
        type=click.Choice(("auto", "all", "drawn")),
        default="auto",
        show_default=True,
        help="Which images are looked at: those that trials show, or all; auto: all, up to 5000.",
    ),
    click.option(
        "--pixel-ratio",
        type=click.FloatRange(1, 8),
        default=2,
        show_default=True,
        help="Pixels kept of an image for each CSS pixel shown; larger ones are scaled down. "
        "--encode keep scales none.",
    ),
    click.option(
        "--display-width",
        type=int,
        default=None,
        show_default="the images', at most what fits a laptop's window",
        help="Width of an image on the screen, in CSS pixels.",
    ),
    click.option(
        "--display",
        type=click.Choice(("fixed", "fit")),
        default="fixed",
        show_default=True,
        help="fit: images are as large as each window has room for, up to their own size or --display-width.",
    ),
)


def image_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
