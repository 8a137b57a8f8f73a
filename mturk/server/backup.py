"""Backup and restore: a server's whole data folder in one file, `serve --backup FILE` and `--restore FILE`.

A backup is a tar file: the database in one consistent state, the images, the keys, the dashboard's token, and
`backup.json` with the digest of each. It is made while the server runs. The database is copied first: images
are stored before the HITs that show them, and never change, so that none of a copied HIT is missing.

A restore unpacks and checks everything beside the data before it moves anything. What was there is moved to
`before-restore-*`, never deleted. A restore that broke off is finished by running it again; no server starts
meanwhile.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import secrets
import shutil
import tarfile
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.files import file_digest, sync_folder
from glimpse.images import HOSTED_ENDINGS

from .running import RESTORING, alone, is_data_folder
from .storage import copies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

DATABASE, MANIFEST, MEDIA = "server.sqlite3", "backup.json", "media"
PRIVATE = (DATABASE, "credentials", "dashboard-token")
FORMAT = 1
_IMAGE = re.compile(
    rf"media/[A-Za-z0-9_-]{{1,64}}/[A-Za-z0-9_-]{{1,96}}({'|'.join(map(re.escape, HOSTED_ENDINGS))})"
)
_SQLITE = b"SQLite format 3\0"


def backup(data: Path, file: Path) -> int:
    """Write a backup of the folder `data`, whether its server runs or not; returns how many images it has.

    GlimpseError where there is no database, where it is damaged, and where `file` exists already.
    """
    if not is_data_folder(data):
        raise GlimpseError(
            f"{data} is not a server's data folder: it has no {DATABASE}. Name one with --data FOLDER"
        )
    if file.exists():
        raise GlimpseError(f"{file} exists already; no backup is ever overwritten. Give another name.")
    file.parent.mkdir(parents=True, exist_ok=True)
    copy = file.with_name(f".{file.name}.{secrets.token_hex(6)}.database")
    try:
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        copies.copy(data / DATABASE, copy)
        if problem := copies.problem(copy):
            raise GlimpseError(f"{data / DATABASE} is damaged ({problem}). Restore an earlier backup.")
        with _whole(file) as target:
            return _pack(data, copy, target)
    finally:
        copy.unlink(missing_ok=True)


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Write a private file that appears whole or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _pack(data: Path, copy: Path, target: IO[bytes]) -> int:
    found = {DATABASE: copy, **{name: data / name for name in PRIVATE[1:] if (data / name).exists()}}
    images = {
        name: path
        for path in sorted((data / MEDIA).glob("*/*"))
        if _IMAGE.fullmatch(name := f"{MEDIA}/{path.parent.name}/{path.name}")
    }
    digests = {}
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, path in (found | images).items():
            digests[name] = file_digest(path)
            entry = tar.gettarinfo(path, name)
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mode = 0o600
            with path.open("rb") as file:
                tar.addfile(entry, file)
        made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        manifest = {"glimpse_backup": FORMAT, "made_at": made, "sha256": digests}
        text = json.dumps(manifest, indent=1).encode()
        entry = tarfile.TarInfo(MANIFEST)
        entry.size, entry.mode = len(text), 0o600
        tar.addfile(entry, io.BytesIO(text))
    return len(images)


def restore(file: Path, data: Path, *, replace: bool = False) -> Path | None:
    """Put a backup into the folder `data`; returns where what was there is now, None where nothing was.

    `file` may also be a bare database, such as a copy that SQLite made; keys and images then stay.
    GlimpseError, with the folder as it was, where a server runs on it, where it holds a server's data and
    `replace` is not given, and where the backup is damaged or another thing.
    """
    with alone(data):
        unfinished = data / RESTORING
        replace |= unfinished.exists()
        draft = data / f".{RESTORING}"
        shutil.rmtree(draft, ignore_errors=True)
        try:
            _unpack(file, draft)
            names = sorted(path.name for path in draft.iterdir())
            old = [name for name in _with_log(names) if (data / name).exists()]
            if old and not replace:
                raise GlimpseError(
                    f"{data} holds a server's data already ({', '.join(old)}). Name an empty folder with "
                    "--data, or add --replace: what is there is then moved aside, not deleted."
                )
            shutil.rmtree(unfinished, ignore_errors=True)
            # From here on no server starts on the folder until everything is in its place.
            draft.rename(unfinished)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return _move_in(data, unfinished, names, old)


def _with_log(names: list[str]) -> list[str]:
    """Return names with those of the database's log: it belongs to the old database, and spoils another."""
    return [*names, f"{DATABASE}-wal", f"{DATABASE}-shm"]


def _move_in(data: Path, unfinished: Path, names: list[str], old: list[str]) -> Path | None:
    aside = None
    if old:
        aside = data / f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
        aside.mkdir(mode=0o700)
        for name in old:
            (data / name).rename(aside / name)
        sync_folder(aside)
    for name in names:
        (unfinished / name).rename(data / name)
    sync_folder(data)
    unfinished.rmdir()
    return aside


def _unpack(file: Path, draft: Path) -> None:
    """Lay a backup's files out in `draft`; GlimpseError unless all are whole and nothing else is there."""
    draft.mkdir(mode=0o700)
    with file.open("rb") as source:
        if source.read(len(_SQLITE)) == _SQLITE:
            source.seek(0)
            _write(draft / DATABASE, source)
        else:
            source.seek(0)
            _unpack_tar(file, source, draft)
    if problem := copies.problem(draft / DATABASE):
        raise GlimpseError(f"{file}: its database cannot be used ({problem}). Use another backup.")


def _unpack_tar(file: Path, source: IO[bytes], draft: Path) -> None:
    digests: dict[str, str] = {}
    manifest: dict[str, Any] = {}
    try:
        with tarfile.open(fileobj=source, mode="r:") as tar:
            for entry in tar:
                content = tar.extractfile(entry) if entry.isreg() else None
                if content is None or not (
                    entry.name in {*PRIVATE, MANIFEST} or _IMAGE.fullmatch(entry.name)
                ):
                    raise GlimpseError(f"{file} is not a backup of a server: it holds {entry.name[:100]!r}.")
                if entry.name == MANIFEST:
                    manifest = json.loads(content.read(_LARGEST_MANIFEST))
                else:
                    digests[entry.name] = _write(draft / entry.name, content)
    except (tarfile.TarError, EOFError, ValueError, RecursionError) as error:
        raise GlimpseError(f"{file} is not a whole backup ({error}). Use another one.") from None
    if not isinstance(manifest, dict) or manifest.get("glimpse_backup") != FORMAT or DATABASE not in digests:
        raise GlimpseError(f"{file} is not a whole backup of a server, or one of a newer version.")
    if manifest.get("sha256") != digests:
        raise GlimpseError(
            f"{file} is damaged: its files are not those that were backed up. Use another one."
        )


_LARGEST_MANIFEST = 1 << 30


def _write(path: Path, content: IO[bytes]) -> str:
    """Write a file to the disk and return its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    total = hashlib.sha256()
    mode = 0o600 if path.name in PRIVATE else 0o644
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        while part := content.read(1 << 20):
            total.update(part)
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    return total.hexdigest()
