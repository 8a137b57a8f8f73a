"""How the program was called, so that every command that it prints can be typed as it stands."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

CALLED_AS = "GLIMPSE_CALLED_AS"  # what a program that runs our commands wants them to print
HERE = Path(__file__).parent


def checkout() -> Path | None:
    """Return the checkout that this runs from; None where Glimpse is installed, with its packages inside."""
    return None if (HERE / "analysis").is_dir() else HERE.parent


def program() -> str:
    """Return how to call Glimpse here: `python cli.py` in a checkout, `glimpse` where it is installed.

    >>> program() in {"python cli.py", "glimpse", "python -m glimpse"}
    True
    """
    if CALLED_AS in os.environ:
        return os.environ[CALLED_AS]
    called = Path(sys.argv[0])
    if called.name == "__main__.py" and called.parent.name == "glimpse":
        return "python -m glimpse"
    # Not by the name of what runs: a script of somebody's own that uses Glimpse may be called cli.py, too.
    return "glimpse" if called.stem == "glimpse" or checkout() is None else "python cli.py"


def command(*words: str) -> str:
    """Return a command as it is typed, with whatever needs quotes in quotes.

    >>> command("collect", "my study").endswith("collect 'my study'")
    True
    """
    return f"{program()} {shlex.join(words)}"


def as_called(text: str) -> str:
    """Return a text of help with the program named as it was called; it is written as in a checkout."""
    return text.replace("python cli.py", program())
