"""Files that are written whole or not at all, and ledgers whose lines survive a crash."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def said_of(path: Path) -> Iterator[None]:
    """Let an OSError within name `path`, which the user knows, not the `.NAME.` on the way to it."""
    try:
        yield
    except OSError as error:
        if error.strerror and (error.filename is None or f".{path.name}." in str(error.filename)):
            error.filename = str(path)
        raise


def write_whole(path: Path | str, data: bytes | str, *, mode: int = 0o666) -> None:
    """Write `data` (text as UTF-8) to `path` so that a reader sees the old file or the new one, never a part.

    Missing folders are made. `mode`, for example 0o600, is what the umask then restricts further.
    OSError that names `path` when it cannot be written.
    """
    path = Path(path)
    content = data.encode("utf-8") if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    with said_of(path):
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def append_line(path: Path | str, line: str) -> None:
    """Append one line to a ledger; it is on the disk when this returns.

    A last line that a crash cut short is closed first, so that it spoils no other. ValueError when `line`
    holds a line break.
    """
    if "\n" in line or "\r" in line:
        raise ValueError("a ledger's line must not hold a line break")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("a+b") as file:
        prefix = b""
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            prefix = b"" if file.read(1) == b"\n" else b"\n"
        file.write(prefix + line.encode("utf-8") + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's new names durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
