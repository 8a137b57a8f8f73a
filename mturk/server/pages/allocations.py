"""For the requester alone: what trials are drawn from, rules of staircases, and the ranking as it stands."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...page.pool import POOL_VERSION
from ...page.stairs import RULES_VERSION
from ..protocol import signing
from ..protocol.errors import RequestError, SignatureError
from ..storage import draws, staircases
from . import addresses, web

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from ..storage.database import Transaction

MAX_POOL = 33_554_432


async def put_pool(request: Request) -> Response:
    """Keep the pool of a study, signed as images are; the same one again changes nothing."""
    return await _put(request, draws.put_pool, POOL_VERSION, "draws from pools", "The request is no pool.")


async def put_rules(request: Request) -> Response:
    """Keep the rules of a study's staircases, signed as images are; the same ones again change nothing."""
    return await _put(
        request, staircases.put_rules, RULES_VERSION, "knows rules", "The request has no rules."
    )


async def _put(
    request: Request, put: Callable[[Transaction, str, str], None], version: int, takes: str, malformed: str
) -> Response:
    """Keep a text about a study with `put`, of a `version`; `takes` and `malformed` are for the errors."""
    site, study = web.site_of(request), request.path_params["study"]
    try:
        addresses.check_signature(request, None, site.wall())
        body = await web.body_of(request, MAX_POOL)
        signing.check_digest(request.headers, hashlib.sha256(body).hexdigest())
        sent = json.loads(body)
        if sent["version"] != version or sent["study"] != study:
            return JSONResponse({"error": f"This server {takes} of version {version}."}, 400)
        text = json.dumps(sent, separators=(",", ":"))
        await site.write(lambda tx: put(tx, study, text))
    except SignatureError as error:
        return JSONResponse({"error": error.message}, 403)
    except RequestError as error:
        return JSONResponse({"error": error.message}, 409)
    except (ValueError, KeyError, TypeError, RecursionError):
        return JSONResponse({"error": malformed}, 400)
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
    Route("/staircases/{study}", put_rules, methods=["PUT"]),
    Route("/allocations/{study}", get_standings, methods=["GET"]),
]
