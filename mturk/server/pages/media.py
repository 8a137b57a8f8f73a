"""The images of studies: uploaded once with a signed PUT, served for good."""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from glimpse.files import write_whole
from glimpse.images import ENDINGS, content_type, content_type_of, type_names

from ..protocol import signing
from ..protocol.errors import SignatureError
from . import addresses, web

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

MAX_IMAGE = 33_554_432
_STUDY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FILE = re.compile(rf"[A-Za-z0-9_-]{{1,96}}({'|'.join(map(re.escape, ENDINGS))})")


def _place(request: Request) -> tuple[Path, str]:
    """Return where an image lies and its media type; HTTP 404 for names that none can have."""
    study, name = request.path_params["study"], request.path_params["file"]
    matched = _FILE.fullmatch(name)
    if not matched or not _STUDY.fullmatch(study):
        raise HTTPException(404, "Names are letters, digits, - and _, then .png, .jpg or .webp.")
    return web.site_of(request).settings.data / "media" / study / name, content_type(name)


async def get_image(request: Request) -> Response:
    """Serve an image; its name never means anything else, so it is cached for good."""
    path, kind = _place(request)
    if not path.is_file():
        raise HTTPException(404, "There is no such image.")
    headers = {
        # Nothing of when or how it was stored: that could differ by condition.
        "ETag": f'"{path.stem}"',
        "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT",
        "Cache-Control": "public, max-age=31536000, immutable",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
        "Timing-Allow-Origin": "*",
    }
    return FileResponse(path, media_type=kind, headers=headers)


async def put_image(request: Request) -> Response:
    """Keep an image: signed, of a type that is what its name says, and never replaced by another."""
    path, kind = _place(request)
    site = web.site_of(request)
    try:
        # Before the body is read: nobody without a key fills the memory.
        addresses.check_signature(request, None, site.wall())
        body = await web.body_of(request, MAX_IMAGE)
        signing.check_digest(request.headers, body)
    except SignatureError as error:
        return _refused(403, error.message)
    if content_type_of(body) != kind:
        return _refused(
            415, f"The bytes are not {kind}; taken are {type_names('and')} under their own names."
        )
    digest = hashlib.sha256(body).hexdigest()
    return await asyncio.to_thread(_keep, path, body, digest)


def _keep(path: Path, body: bytes, digest: str) -> Response:
    if path.is_file():
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            return _refused(409, "Another image stands under this name already; names are never used again.")
        return JSONResponse({"sha256": digest})
    write_whole(path, body)
    return JSONResponse({"sha256": digest}, 201)


def _refused(status_code: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code)


ROUTES = [
    Route("/media/{study}/{file}", get_image, methods=["GET"]),
    Route("/media/{study}/{file}", put_image, methods=["PUT"]),
]
