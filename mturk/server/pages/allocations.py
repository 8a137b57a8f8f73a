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


async def put_rules(request: Request) -> Response:
    """Keep the rules of a study's staircases, signed as images are; the same ones again change nothing."""
    site, study = web.site_of(request), request.path_params["study"]
    try:
        addresses.check_signature(request, None, site.wall())
        body = await web.body_of(request, MAX_POOL)
        signing.check_digest(request.headers, hashlib.sha256(body).hexdigest())
        rules = json.loads(body)
        if rules["version"] != RULES_VERSION or rules["study"] != study:
            return JSONResponse({"error": f"This server knows rules of version {RULES_VERSION}."}, 400)
        text = json.dumps(rules, separators=(",", ":"))
        await site.write(lambda tx: staircases.put_rules(tx, study, text))
    except SignatureError as error:
        return JSONResponse({"error": error.message}, 403)
    except RequestError as error:
        return JSONResponse({"error": error.message}, 409)
    except (ValueError, KeyError, TypeError, RecursionError):
        return JSONResponse({"error": "The request has no rules."}, 400)
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
