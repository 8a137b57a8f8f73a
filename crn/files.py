"""Writing files whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def write_whole(path: Path | str, data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path`, making its folders; a reader sees the old file or the new one.

    Raises OSError (naming `path`) when the folder cannot be written or the disk is full; nothing is left.
    """
    path = Path(path)
    content = data.encode("utf-8") if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    with said_of(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def digest(*parts: bytes | str) -> str:
    """Return the SHA-256, in hex, of the parts; lengths count, so that parts cannot run together."""
    total = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8") if isinstance(part, str) else part
        total.update(len(content).to_bytes(8, "big"))
        total.update(content)
    return total.hexdigest()


def file_digest(path: Path | str) -> str:
    """Return the SHA-256, in hex, of a file's bytes, as `sha256sum` prints it."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
