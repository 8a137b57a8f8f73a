"""For the requester's commands alone: how people go back to a panel, who came, which places are free again.

Signed with the server's key, as the API is. `publish` says how people go back and who is kept out; `status`,
`collect` and `review` ask who came; `collect` frees the places of people who gave up at the panel.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..protocol.errors import SignatureError
from ..site import is_web_address
from ..storage import assignments, recruiting
from ..storage.transitions import release
from . import addresses, web

if TYPE_CHECKING:
    from starlette.requests import Request

    from ..storage.database import Transaction

MAX_BODY = 16_777_216  # a list of people who are kept out
_FORM = 'The request is not like {"name": panel, "settings": {...}} or {"release": [assignment id]}.'


async def get_recruiting(request: Request) -> Response:
    """Tell what is known of a study's panels, and who came: {"panels": {...}, "arrivals": [...]}."""
    site, study = web.site_of(request), request.path_params["study"]
    try:
        addresses.check_signature(request, b"", site.wall())
    except SignatureError as error:
        return JSONResponse({"error": error.message}, 403)

    def reading(tx: Transaction) -> dict[str, Any]:
        return {"panels": recruiting.settings(tx, study), "arrivals": recruiting.arrivals(tx, study)}

    return JSONResponse(await site.read_apart(reading))


async def post_recruiting(request: Request) -> Response:
    """Keep settings of a panel, or release assignments; the same request again changes nothing more."""
    site, study = web.site_of(request), request.path_params["study"]
    body = await web.body_of(request, MAX_BODY)
    try:
        addresses.check_signature(request, body, site.wall())
        wish = json.loads(body)
        released = [str(one) for one in wish.get("release", [])]
        if not released:
            name, value = str(wish["name"]), dict(wish["settings"])
            _check(value)
    except SignatureError as error:
        return JSONResponse({"error": error.message}, 403)
    except (ValueError, KeyError, TypeError, AttributeError):
        return JSONResponse({"error": _FORM}, 400)
    if released:
        freed = await site.write(lambda tx: _release(tx, study, released))
        return JSONResponse({"released": freed})
    await site.write(lambda tx: recruiting.set_settings(tx, study, name, value))
    return JSONResponse({"kept": name})


def _check(value: dict[str, Any]) -> None:
    """Raise ValueError for settings that a page could not use."""
    for way in value.get("ways", {}).values():
        if way["url"] and not is_web_address(way["url"]):
            raise ValueError(way["url"])
    if value.get("keys_url") and not is_web_address(value["keys_url"]):
        raise ValueError(value["keys_url"])


def _release(tx: Transaction, study: str, wanted: list[str]) -> list[str]:
    """Free the places of those of a study's assignments that are still at work."""
    own = {one["assignment_id"] for one in recruiting.arrivals(tx, study)}
    freed = []
    for assignment_id in wanted:
        row = assignments.get(tx, assignment_id) if assignment_id in own else None
        if row is not None and row["status"] == "Accepted":
            release(tx, row, abandoned=False)
            freed.append(assignment_id)
    return freed


ROUTES = [
    Route("/recruiting/{study}", get_recruiting, methods=["GET"]),
    Route("/recruiting/{study}", post_recruiting, methods=["POST"]),
]
