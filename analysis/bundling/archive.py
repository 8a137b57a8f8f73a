"""One zip file, the same bytes for the same files; and unpacked with nothing written outside its folder."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGINNING = (1980, 1, 1, 0, 0, 0)  # the first time that a zip file can state
# What is compressed already is stored.
STORED = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".apng", ".mp4", ".webm", ".pdf", ".parquet"})
PART = 2**20  # bytes that are read at a time


@dataclass(frozen=True)
class Limits:
    """How much a bundle may hold: files, bytes of all, and bytes of a large file for each of it packed.

    A packed file that grows a thousandfold is made to fill the disk; text grows some twentyfold.
    """

    files: int = 200_000
    bytes: int = 20 * 2**30
    growth: int = 200
    from_bytes: int = 2**24


def write_archive(folder: Path, path: Path) -> None:
    """Write all files of a folder, by name, into a zip file; the times and owners of files are left out."""
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(files, key=lambda one: one.relative_to(folder).as_posix()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), BEGINNING)
            entry.create_system = 3  # Unix, whatever this is
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            entry.compress_type = zipfile.ZIP_STORED if file.suffix in STORED else zipfile.ZIP_DEFLATED
            entry.file_size = file.stat().st_size
            with archive.open(entry, "w") as into, file.open("rb") as data:
                while part := data.read(PART):
                    into.write(part)


def holds(path: Path, name: str) -> bool:
    """Tell whether a file is a zip file with an entry of that name."""
    try:
        with zipfile.ZipFile(path) as archive:
            return name in archive.namelist()
    except (zipfile.BadZipFile, UnicodeError):
        return False


def unpack(path: Path, folder: Path, limits: Limits | None = None) -> list[str]:
    """Unpack a bundle into an empty folder, and return the names of its files.

    Everything is checked before the first byte is written: names that lead elsewhere, links and other things
    that are no files, two entries of one name, passwords, and how much it would be. GlimpseError says what
    is wrong; what was written by then is the caller's to remove.
    """
    limits = limits or Limits()
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check(entries, path, limits)
            _check_space(entries, path, folder)
            for entry in entries:
                _write(archive, entry, folder / entry.filename, path)
    except FileNotFoundError:
        raise GlimpseError(f"{path} does not exist; name the file that bundle wrote.") from None
    except IsADirectoryError:
        raise GlimpseError(f"{path} is a folder; name the zip file that bundle wrote.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError) as error:
        raise GlimpseError(
            f"{path} is damaged, or no zip file ({error}). Download it again from its origin."
        ) from None
    return [entry.filename for entry in entries]


def _check(entries: Sequence[zipfile.ZipInfo], path: Path, limits: Limits) -> None:
    total, seen, folders = 0, set[str](), set[str]()
    for count, entry in enumerate(entries, start=1):
        name = entry.filename
        if reason := _wrong(entry) or ("is there twice" if name.casefold() in seen else ""):
            raise _refusal(path, f"entry {_shown(name)} {reason}")
        seen.add(name.casefold())
        folders |= {str(one) for one in PurePosixPath(name.casefold()).parents}
        total += entry.file_size
        if count > limits.files:
            raise _refusal(path, f"it holds more than {limits.files:,} files")
        if total > limits.bytes:
            raise _refusal(path, f"it would take more than {limits.bytes / 2**30:.3g} GiB")
        grown = entry.file_size / max(1, entry.compress_size)
        if entry.file_size > limits.from_bytes and grown > limits.growth:
            raise _refusal(path, f"entry {_shown(name)} would grow {grown:,.0f}-fold as it is unpacked")
    if both := seen & folders:
        raise _refusal(path, f"entry {_shown(min(both))} is a file, and a folder of other files")


def _check_space(entries: Sequence[zipfile.ZipInfo], path: Path, folder: Path) -> None:
    """Refuse what the disk has no space for; the new report takes some, too."""
    above = next(one for one in (folder, *folder.absolute().parents) if one.is_dir())
    needed, free = sum(entry.file_size for entry in entries), shutil.disk_usage(above).free
    if needed > free:
        raise GlimpseError(
            f"{path} was not unpacked: it takes {needed / 1e6:,.1f} MB, and {above} has {free / 1e6:,.1f} MB "
            "left. Make space, or name a folder on another disk with --out."
        )


def _wrong(entry: zipfile.ZipInfo) -> str:
    """Return what is wrong with an entry; empty where it is a plain file inside the folder."""
    # ZipInfo cuts names at a zero byte, and what stood before may look harmless.
    name = entry.orig_filename
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or ":" in name or ".." in parts:
        return "leads out of the folder"
    if not name or "" in parts or "." in parts or any(ord(letter) < 32 for letter in name):
        return "is no name of a file"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:
        return "is a link or something else that is no file" if stat.S_ISLNK(kind) else "is no plain file"
    if entry.flag_bits & 1:
        return "has a password"
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return "is packed in a way that bundle does not use"
    return "" if len(name.encode()) <= 240 else "has a name that is too long"


def _shown(name: str) -> str:
    """A name as a message quotes it."""
    return repr(name if len(name) <= 80 else f"{name[:77]}...")


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, path: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(entry) as data, target.open("xb") as into:
        while part := data.read(PART):
            size += len(part)
            if size > entry.file_size:
                raise _refusal(path, f"entry {entry.filename!r} is longer than it says")
            into.write(part)


def _refusal(path: Path, what: str) -> GlimpseError:
    return GlimpseError(f"{path} was not unpacked: {what}. It is not a bundle as bundle writes them.")
