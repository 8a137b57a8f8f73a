"""Who is who, for the requester alone: a study's participants under the ids that a panel or lab gave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..protocol.errors import SignatureError
from ..storage.workers import participants_of, simulated_of
from . import addresses, web

if TYPE_CHECKING:
    from starlette.requests import Request


async def get_participants(request: Request) -> Response:
    """Tell whoever signs with the server's key who took part in a study.

    {"participants": {worker id: participant}, "simulated": [worker id]}
    """
    site = web.site_of(request)
    try:
        addresses.check_signature(request, b"", site.wall())
    except SignatureError as error:
        return JSONResponse({"error": error.message}, 403)
    study = request.path_params["study"]
    names, simulated = await site.read_apart(lambda tx: (participants_of(tx, study), simulated_of(tx, study)))
    return JSONResponse({"participants": names, "simulated": simulated})


ROUTES = [Route("/participants/{study}", get_participants, methods=["GET"])]
