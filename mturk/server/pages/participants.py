"""For the requester alone: a study's participants under the ids of their panel or lab, and notices."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..operations.notices import study_notices
from ..protocol.errors import SignatureError
from ..storage.workers import participants_of, simulated_of
from . import addresses, web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request


def _checked(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Answer only whoever signs with the server's key."""

    @wraps(endpoint)
    async def checked(request: Request) -> Response:
        try:
            addresses.check_signature(request, b"", web.site_of(request).wall())
        except SignatureError as error:
            return JSONResponse({"error": error.message}, 403)
        return await endpoint(request)

    return checked


@_checked
async def get_notices(request: Request) -> Response:
    """Tell the requester what they should know of a study's HITs: {"notices": [text]}."""
    study = request.path_params["study"]
    found = await web.site_of(request).read_apart(lambda tx: study_notices(tx, study))
    return JSONResponse({"notices": found})


@_checked
async def get_participants(request: Request) -> Response:
    """Tell the requester who took part: {"participants": {worker id: name}, "simulated": [worker id]}."""
    site, study = web.site_of(request), request.path_params["study"]
    names, simulated = await site.read_apart(lambda tx: (participants_of(tx, study), simulated_of(tx, study)))
    return JSONResponse({"participants": names, "simulated": simulated})


ROUTES = [
    Route("/participants/{study}", get_participants, methods=["GET"]),
    Route("/notices/{study}", get_notices, methods=["GET"]),
]
