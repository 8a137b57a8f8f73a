"""For the requester alone: the pool that trials are drawn from, and the ranking as it stands."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...page.pool import POOL_VERSION
from ..protocol import signing
from ..protocol.errors import RequestError, SignatureError
from ..storage import draws
from . import addresses, web

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_POOL = 33_554_432


async def put_pool(request: Request) -> Response:
    """Keep the pool of a study, signed as images are; the same one again changes nothing."""
    site, study = web.site_of(request), request.path_params["study"]
    try:
        addresses.check_signature(request, None, site.wall())
        body = await web.body_of(request, MAX_POOL)
        signing.check_digest(request.headers, hashlib.sha256(body).hexdigest())
        pool = json.loads(body)
        if pool["version"] != POOL_VERSION or pool["study"] != study:
            return JSONResponse({"error": f"This server draws from pools of version {POOL_VERSION}."}, 400)
        text = json.dumps(pool, separators=(",", ":"))
        await site.write(lambda tx: draws.put_pool(tx, study, text))
    except SignatureError as error:
        return JSONResponse({"error": error.message}, 403)
    except RequestError as error:
        return JSONResponse({"error": error.message}, 409)
    except (ValueError, KeyError, TypeError, RecursionError):
        return JSONResponse({"error": "The request is no pool."}, 400)
    return JSONResponse({"study": study}, 201)


async def get_standings(request: Request) -> Response:
    """Tell the requester how the ranking stands: {"standings": [...]}, the strongest first."""
    site, study = web.site_of(request), request.path_params["study"]
    try:
        addresses.check_signature(request, b"", site.wall())
    except SignatureError as error:
        return JSONResponse({"error": error.message}, 403)
    found = await site.read_apart(lambda tx: draws.standings(tx, study))
    if found is None:
        return JSONResponse({"error": "No trials are drawn for such a study."}, 404)
    return JSONResponse({"standings": [asdict(one) for one in found]})


ROUTES = [
    Route("/allocations/{study}", put_pool, methods=["PUT"]),
    Route("/allocations/{study}", get_standings, methods=["GET"]),
]
