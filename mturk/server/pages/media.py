"""The images and clips of studies: uploaded once with a signed PUT, served for good, whole or in ranges."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from glimpse.files import file_digest, sync_folder
from glimpse.images import (
    CLIP_TYPES,
    HOSTED_ENDINGS,
    IMAGE_TYPES,
    content_type,
    content_type_of,
    type_names,
)

from ..protocol import signing
from ..protocol.errors import SignatureError
from . import addresses, web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

ARRIVING = ".arriving-"  # what the name of a file begins with that is not yet whole
MAX_IMAGE = 33_554_432
MAX_CLIP = 536_870_912
_AT_ONCE = 1_048_576  # bytes of a file that is read whole
_UPLOAD_TIMEOUT_S = 600  # for a large clip over a slow line
_STUDY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FILE = re.compile(rf"[A-Za-z0-9_-]{{1,96}}({'|'.join(map(re.escape, HOSTED_ENDINGS))})")


def _place(request: Request) -> tuple[Path, str]:
    """Return where an image lies and its media type; HTTP 404 for names that none can have."""
    study, name = request.path_params["study"], request.path_params["file"]
    matched = _FILE.fullmatch(name)
    if not matched or not _STUDY.fullmatch(study):
        raise HTTPException(404, "Names are letters, digits, - and _, then .png, .jpg, .webp, .mp4 or .webm.")
    return web.site_of(request).settings.data / "media" / study / name, content_type(name)


async def get_image(request: Request) -> Response:
    """Serve an image or clip; its name never means anything else, so it is cached for good.

    A large one is read a part at a time, so that many clients of a clip fill no memory; a part of it is sent
    where one is asked for (Range), since browsers play clips so. A small one is read at once, which takes a
    quarter of the steps.
    """
    path, kind = _place(request)
    if not path.is_file():
        raise HTTPException(404, "There is no such image or clip.")
    headers = {
        # Nothing of when or how it was stored: that could differ by condition.
        "ETag": f'"{path.stem}"',
        "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT",
        "Cache-Control": "public, max-age=31536000, immutable",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
        "Timing-Allow-Origin": "*",
    }
    if request.method == "GET" and "range" not in request.headers and path.stat().st_size <= _AT_ONCE:
        body = await asyncio.to_thread(path.read_bytes)
        return Response(body, media_type=kind, headers={"Accept-Ranges": "bytes", **headers})
    return FileResponse(path, media_type=kind, headers=headers)


async def put_image(request: Request) -> Response:
    """Keep an image or clip: signed, of a type that is what its name says, and never replaced by another."""
    path, kind = _place(request)
    site = web.site_of(request)
    try:
        # Before the body is read: nobody without a key fills the disk.
        addresses.check_signature(request, None, site.wall())
        async with _arriving(request, site.settings.data, _limit(kind)) as arrived:
            signing.check_digest(request.headers, arrived.digest)
            if content_type_of(arrived.start) != kind:
                kinds = type_names("and", (*IMAGE_TYPES, *CLIP_TYPES))
                return _refused(415, f"The bytes are not {kind}; taken are {kinds} under their own names.")
            return await asyncio.to_thread(_keep, path, arrived)
    except SignatureError as error:
        return _refused(403, error.message)


@dataclass(frozen=True)
class Arrived:
    """A file that was sent, on the disk but not yet in its place: where, its first bytes, its SHA-256."""

    path: Path
    start: bytes
    digest: str


def _limit(kind: str) -> int:
    return MAX_CLIP if kind.startswith("video/") else MAX_IMAGE


@contextlib.asynccontextmanager
async def _arriving(request: Request, data: Path, limit: int) -> AsyncIterator[Arrived]:
    """Receive a body into a file, a part at a time; the file is gone afterwards, unless it was moved."""
    path = data / f"{ARRIVING}{secrets.token_hex(8)}"
    start, digest = b"", hashlib.sha256()
    try:
        with path.open("xb") as file:
            async for part in web.parts_of(request, limit, _UPLOAD_TIMEOUT_S):
                start = start or part[:64]
                await asyncio.to_thread(_add, file, digest, part)
            await asyncio.to_thread(_finish, file)
        yield Arrived(path, start, digest.hexdigest())
    finally:
        path.unlink(missing_ok=True)


def _add(file: IO[bytes], digest: hashlib._Hash, part: bytes) -> None:
    digest.update(part)
    file.write(part)


def _finish(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _keep(path: Path, arrived: Arrived) -> Response:
    """Move a file to its place; one that stands there is never replaced."""
    if path.is_file():
        if file_digest(path) != arrived.digest:
            return _refused(409, "Another image stands under this name already; names are never used again.")
        return JSONResponse({"sha256": arrived.digest})
    path.parent.mkdir(parents=True, exist_ok=True)
    arrived.path.replace(path)
    sync_folder(path.parent)
    return JSONResponse({"sha256": arrived.digest}, 201)


def _refused(status_code: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code)


ROUTES = [
    Route("/media/{study}/{file}", get_image, methods=["GET"]),
    Route("/media/{study}/{file}", put_image, methods=["PUT"]),
]
