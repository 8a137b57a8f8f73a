"""For the requester alone: a study's participants under their panel's or lab's ids, notices, withdrawal."""

from __future__ import annotations

import asyncio
import json
from functools import wraps
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..operations.notices import study_notices
from ..protocol.errors import RequestError, SignatureError
from ..storage.workers import forget, participants_of, simulated_of
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


async def post_forget(request: Request) -> Response:
    """Forget a person, {"name": text, "answers": whether these go, too}; answers as `Forgotten`."""
    site = web.site_of(request)
    body = await web.body_of(request, web.MAX_OWN_FORM)
    try:
        addresses.check_signature(request, body, site.wall())
        wish = json.loads(body)
        name, answers = str(wish["name"]), wish.get("answers") is True
        found = await site.write(lambda tx: forget(tx, name, answers=answers))
    except SignatureError as error:
        return JSONResponse({"error": error.message}, 403)
    except RequestError as error:
        return JSONResponse({"error": error.message}, 404)
    except (ValueError, KeyError, TypeError, AttributeError):
        return JSONResponse({"error": 'The request is not like {"name": text, "answers": true}.'}, 400)
    request.app.state.exclusions.begin_anew()
    await asyncio.to_thread(site.store.empty_log)
    return JSONResponse(found._asdict())


ROUTES = [
    Route("/forget", post_forget, methods=["POST"]),
    Route("/participants/{study}", get_participants, methods=["GET"]),
    Route("/notices/{study}", get_notices, methods=["GET"]),
]
