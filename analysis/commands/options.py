"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def out_option(folder: str, text: str = "Folder to write.") -> Callable[[Command], Command]:
    """Return --out, with the folder that is written where none is named."""
    return click.option(
        "--out", type=click.Path(path_type=Path), default=folder, show_default=True, help=text
    )


def seed_option(text: str) -> Callable[[Command], Command]:
    """Return --seed; `text` says what the same seed makes the same."""
    return click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help=text)
