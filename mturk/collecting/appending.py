"""Files that only grow: whole lines are appended, and a last line that was cut short is cut off."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def append(path: Path, parts: list[bytes], *, mode: int = 0o666, head: str = "") -> None:
    """Append parts of whole lines, `head` before the first; they are on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode)
    with os.fdopen(descriptor, "ab") as file:
        file.writelines([head.encode(), *parts] if file.tell() == 0 else parts)
        file.flush()
        os.fsync(file.fileno())


def drop_cut_line(path: Path) -> None:
    """Cut off a last line that a crash left unfinished: it was never counted, and is fetched again."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        end = position = file.seek(0, os.SEEK_END)
        while position > 0:
            start = max(0, position - 65_536)
            file.seek(start)
            found = file.read(position - start).rfind(b"\n")
            if found >= 0:
                position = start + found + 1
                break
            position = start
        if position < end:
            file.truncate(position)
            os.fsync(file.fileno())
