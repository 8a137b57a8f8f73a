"""Files that appear whole or not at all, ledgers whose lines survive a crash, and digests."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator


@dataclass(frozen=True)
class Parts:
    """A file's text in parts that are made as it is written, where the whole would fill the memory."""

    make: Callable[[], Iterable[str | bytes]]


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an OSError within name `path`, which the user knows, not the `.NAME.` on the way to it."""
    try:
        yield
    except OSError as error:
        if error.strerror and (error.filename is None or f".{path.name}." in str(error.filename)):
            error.filename = str(path)
        raise


def write_whole(path: Path | str, data: bytes | str | Parts, *, mode: int = 0o666) -> None:
    """Write `data` (text as UTF-8) to `path` so that a reader sees the old file or the new one, never a part.

    By way of a temporary file in the same folder, fsync and rename. Missing folders are made. `mode`, for
    example 0o600, is what the umask then restricts further. OSError that names `path` when it cannot be
    written; then a file that stood there before is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    with naming(path):
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                for part in data.make() if isinstance(data, Parts) else [data]:
                    file.write(part.encode("utf-8") if isinstance(part, str) else part)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


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


def refuse_others(
    out: Path, known: Collection[str], what: str, writers: str, *, hidden: bool = False, option: str = "--out"
) -> None:
    """Raise GlimpseError where `out` is a file, or a folder with entries that are not `known`.

    `what` is to be written there, and `writers` write it; `hidden`: names that begin with a dot count, too.
    `option`: of the command, which names the folder.
    """
    if out.exists() and not out.is_dir():
        raise GlimpseError(f"{out} is a file; name a folder for the {what} with {option}.")
    others = sorted(path.name for path in out.glob("*" if hidden else "[!.]*") if path.name not in known)
    if others:
        listed = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        raise GlimpseError(
            f"{out} holds files that {writers} did not write ({listed}); move them, or name another folder "
            f"with {option}."
        )


def refuse_twice(paths: Iterable[Path], what: str) -> None:
    """Raise GlimpseError where two of the paths lead to one place; `what` it is: "results folder"."""
    named: set[Path] = set()
    for path in paths:
        if path.resolve() in named:
            raise GlimpseError(f"{path} is named twice; name each {what} once.")
        named.add(path.resolve())


def read_json(path: Path) -> dict[str, Any]:
    """Read one JSON object; GlimpseError names the file (and line) when it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise GlimpseError(f"{path} does not exist.") from None
    except UnicodeDecodeError as error:
        raise GlimpseError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}).") from None
    except json.JSONDecodeError as error:
        raise GlimpseError(
            f"{path}, line {error.lineno}: not JSON ({error.msg}). Copy the file again from its origin."
        ) from None
    except (ValueError, RecursionError) as error:
        raise GlimpseError(
            f"{path}: cannot be read ({error}). Copy the file again from its origin."
        ) from None
    if not isinstance(found, dict):
        raise GlimpseError(f"{path}: a JSON object is expected, found {type(found).__name__}.")
    return found


def plain(value: Any) -> Any:
    """Turn a result into what JSON can hold: NumPy scalars and arrays, tuples, NaN (as null), recursively.

    Infinite numbers and NaN become None, since JSON has neither; whoever writes them flags them first.
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


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
