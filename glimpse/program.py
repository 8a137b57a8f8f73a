"""How the program was called, so that every command that it prints can be typed as it stands."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
CALLED_AS = "GLIMPSE_CALLED_AS"  # what a program that runs our commands wants them to print


def program() -> str:
    """Return how to call Glimpse here: `python cli.py` in a checkout, `glimpse` where it is installed.

    >>> program() in {"python cli.py", "glimpse", "python -m glimpse"}
    True
    """
    called = Path(sys.argv[0])
    if CALLED_AS in os.environ:
        return os.environ[CALLED_AS]
    if called.name == "__main__.py" and called.parent.name == "glimpse":
        return "python -m glimpse"
    if called.name == "cli.py":
        return "python cli.py"
    in_checkout = called.stem != "glimpse" and (CHECKOUT / "cli.py").is_file()
    return "python cli.py" if in_checkout else "glimpse"


def command(*words: str) -> str:
    """Return a command as it is typed, with whatever needs quotes in quotes.

    >>> command("collect", "my study").endswith("collect 'my study'")
    True
    """
    return f"{program()} {shlex.join(words)}"
