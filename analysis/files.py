"""The only writer of files in `analysis`: a file appears whole, or it does not appear."""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator


@dataclass(frozen=True)
class Parts:
    """A file's text in parts that are made as it is written, where the whole would fill the memory."""

    make: Callable[[], Iterable[str]]


@contextlib.contextmanager
def said_of(path: Path) -> Iterator[None]:
    """Let an OSError within name `path`, which the user knows, not the `.NAME.` on the way to it."""
    try:
        yield
    except OSError as error:
        if error.strerror and (error.filename is None or f".{path.name}." in str(error.filename)):
            error.filename = str(path)
        raise


def write_whole(path: Path, data: bytes | str | Parts) -> None:
    """Write `data` to `path` by way of a temporary file in the same folder, fsync and rename.

    Text is written as UTF-8. Missing parent folders are made. OSError that names `path` when it cannot be
    written; then a file that stood there before is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with said_of(path):
        _by_way_of_another(path, data)


def _by_way_of_another(path: Path, data: bytes | str | Parts) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            for part in data.make() if isinstance(data, Parts) else [data]:
                file.write(part.encode("utf-8") if isinstance(part, str) else part)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files private; what a person is meant to open follows the umask instead.
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def refuse_others(
    out: Path, known: Collection[str], what: str, writers: str, *, hidden: bool = False
) -> None:
    """Raise AnalysisError where `out` is a file, or a folder with entries that are not `known`.

    `what` is to be written there, and `writers` write it; `hidden`: names that begin with a dot count, too.
    """
    if out.exists() and not out.is_dir():
        raise AnalysisError(f"{out} is a file; name a folder for the {what} with --out.")
    others = sorted(path.name for path in out.glob("*" if hidden else "[!.]*") if path.name not in known)
    if others:
        listed = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        raise AnalysisError(
            f"{out} holds what {writers} did not write ({listed}); move it, or name another folder with "
            "--out."
        )


def read_json(path: Path) -> dict[str, Any]:
    """Read one JSON object; AnalysisError names the file (and line) when it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AnalysisError(f"{path} does not exist.") from None
    except UnicodeDecodeError as error:
        raise AnalysisError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}).") from None
    except json.JSONDecodeError as error:
        raise AnalysisError(
            f"{path}, line {error.lineno}: not JSON ({error.msg}). Copy the file again from its origin."
        ) from None
    if not isinstance(found, dict):
        raise AnalysisError(f"{path}: a JSON object is expected, found {type(found).__name__}.")
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
