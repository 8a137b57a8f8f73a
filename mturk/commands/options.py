"""Options that several commands take: where the endpoint is, and where a study is published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable


def endpoint_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --data and --endpoint."""
    command = click.option(
        "--endpoint", metavar="URL", help="Another address of the endpoint.", show_default="the known one"
    )(command)
    return click.option(
        "--data",
        type=click.Path(path_type=Path),
        default=Path("server"),
        show_default=True,
        help="Data folder of the local server, with its keys.",
    )(command)


def published_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --on, --data and --endpoint."""
    return click.option(
        "--on",
        type=click.Choice(["auto", "local", "sandbox", "production"]),
        default="auto",
        show_default=True,
        help="Where the study is published; auto: the only place, if there is one.",
    )(endpoint_options(command))
