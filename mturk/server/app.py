"""The Starlette application: the requester's endpoint at `/`, and all pages."""

from __future__ import annotations

import logging
import re
import uuid
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

from glimpse.language import SOURCE
from glimpse.text import template_text

from ..rehearsal.app import REHEARSAL, create_fake
from . import layouts
from .clock import jump_text
from .operations import table
from .pages import (
    allocations,
    dashboard,
    joining,
    media,
    participants,
    progress,
    qualification_tests,
    recruiting,
    requester_pages,
    submissions,
    web,
    words,
    worker_history,
    worker_site,
)
from .pages.addresses import PublicPath, check_signature, public_path
from .pages.lookups import Lookups
from .pages.sessions import Sessions
from .pages.signed_links import Keys
from .protocol import signing, wire
from .protocol.errors import RequestError, ServiceFault, SignatureError
from .storage import meta
from .storage.progress import Remembered
from .storage.screening import Exclusions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from glimpse.language import Language

    from .site import Site

_log = logging.getLogger("mturk.server")

# What a refusal means to a browser; everything else is a 400.
_STATUS = {
    "NotYours": 403,
    "NotSignedIn": 401,
    "NotQualified": 403,
    "NotFromPanel": 403,
    "WorkerBlocked": 403,
    "FormExpired": 403,
    "FromElsewhere": 403,
    "CookiesBlocked": 403,
    "TaskOver": 409,
    "NoHITsAvailable": 409,
    "WorkerAlreadyHasAssignment": 409,
    "AssignmentOver": 409,
    "InvalidAssignmentState": 409,
    "HITDoesNotExist": 404,
    "AssignmentDoesNotExist": 404,
    "QualificationTypeDoesNotExist": 404,
    "NotFound": 404,
}


async def requester_endpoint(request: Request) -> Response:
    """Answer one MTurk API call: signed, bounded, checked by the model in both directions."""
    site = web.site_of(request)
    status = 200
    try:
        signing.claim(site.keys, request.headers, site.wall())
        body = await web.body_of(request, wire.MAX_BODY)
        check_signature(request, body, site.wall())
        name, parameters = wire.parse(request.headers.get("x-amz-target", ""), body)
        content = await run(site, name, parameters)
    except HTTPException as error:
        status, content = wire.error_body(RequestError(error.detail, "RequestTooLarge"), site.clock())
    except (RequestError, SignatureError, ServiceFault) as error:
        if isinstance(error, ServiceFault):
            _log.error("%s", error, exc_info=error.__cause__)
        status, content = wire.error_body(error, site.clock())
    except Exception:  # noqa: BLE001 - a defect must reach the client as a ServiceFault
        _log.exception("an operation failed")
        status, content = wire.error_body(ServiceFault("The server failed; its log says why."), site.clock())
    headers = {"x-amzn-RequestId": str(uuid.uuid4())}
    return Response(content, status, headers, media_type=wire.CONTENT_TYPE)


async def run(site: Site, name: str, parameters: dict[str, Any]) -> bytes:
    """Do one operation with checked parameters, and return its answer. A null member counts as absent."""
    found = table.find(name)
    given = {key: value for key, value in parameters.items() if value is not None}
    if name in {"CreateHIT", "CreateHITWithHITType"}:
        given = layouts.filled(site.settings.data / "layouts", given)
    if found.writes:
        return wire.response(name, await site.write(lambda tx: found.function(tx, given)))
    # A page of a list holds megabytes.
    return await site.read_apart(lambda tx: wire.response(name, found.function(tx, given)))


async def front_door(_request: Request) -> Response:
    """Send a browser to the workers' site."""
    return RedirectResponse("/worker/", 303)


async def icon(_request: Request) -> Response:
    """Serve the icon that browsers ask for by themselves."""
    return Response(
        template_text("site/icon.svg"), headers={"Cache-Control": "max-age=86400"}, media_type="image/svg+xml"
    )


async def robots(_request: Request) -> Response:
    """Ask search engines to stay away: a study is for whoever was invited."""
    return Response("User-agent: *\nDisallow: /\n", media_type="text/plain")


async def health(request: Request) -> Response:
    """Say to a proxy or a supervisor that the server answers, and whether its clock jumped."""
    site = web.site_of(request)
    await site.read(meta.secret)
    jump_s = site.clock_jump_s
    return Response("ok\n" + (f"{jump_text(jump_s)}\n" if jump_s else ""), media_type="text/plain")


async def refused(request: Request, error: Exception) -> Response:
    """Show a refusal as a page that a person can read, in the words of the study that it is about."""
    if isinstance(error, RequestError):
        code, text = error.code.removeprefix("AWS.MechanicalTurk."), error.message
        status = _STATUS.get(code, 400)
        text = _PAGE_TEXTS.get(code, text)
        if status == 401 and request.method == "GET":
            return RedirectResponse("/worker/sign-in", 303)
        heading = "how_to_take_part" if code == "NotFromPanel" else _heading(status)
        return _message(request, status, heading, text, await words.of_request(request))
    if isinstance(error, HTTPException):
        status, text = error.status_code, error.detail
        if text == HTTPStatus(status).phrase:
            text = _PHRASES.get(status, text)
        return _message(request, status, _heading(status), text, await words.of_request(request))
    return _message(request, 503, _heading(503), str(error), words.of_browser(request))


def _message(request: Request, status: int, heading: str, text: str, spoken: Language) -> Response:
    """Show a message; when an answer was not stored, with the way back to the page that still has it."""
    came_from = _WORK.search(request.headers.get("referer", ""))
    back = came_from[0] if came_from and (status >= 500 or status in {401, 403, 413}) else None
    said = words.again(spoken, text)
    return web.page(
        request, "message", status_code=status, ancestors="'self'", heading=spoken.say(f"errors.{heading}"),
        text=said or text, foreign=said is None and spoken.code != SOURCE, back=back, between=True,
        spoken=spoken,
    )  # fmt: skip


# What the API calls a HIT is a task to whoever does it.
_PAGE_TEXTS = {"HITDoesNotExist": "There is no such task here, or not any more."}
_WORK = re.compile(r"/worker/assignments/[A-Z0-9]+")
_PHRASES = {
    404: "There is no such page here.",
    405: "This address cannot be used like that.",
}


def _heading(status: int) -> str:
    """Return the key of the heading that a status has."""
    if status in {409, 401}:
        return "not_available"
    if status == 503:
        return "try_again"
    return {403: "not_allowed", 404: "not_found"}.get(status, "did_not_work")


async def failed(request: Request, error: Exception) -> Response:
    """Show that the server failed, without saying how; the log does."""
    _log.error("%s %s failed: %r", request.method, request.url.path, error)
    text = (
        "Something went wrong on our side. Your answers are still in the page that you came from; try again."
    )
    return _message(request, 500, "try_again", text, words.of_browser(request))


def create_app(site: Site) -> Starlette:
    """Return the application of a server; closing it closes the database."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        site.close()

    app = Starlette(
        routes=[
            *progress.ROUTES,  # first, as each trial of everybody comes here
            Route("/", requester_endpoint, methods=["POST"]),
            Route("/", front_door, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
            Route("/favicon.ico", icon, methods=["GET"]),
            Route("/robots.txt", robots, methods=["GET"]),
            Route("/static/{digest}/{name}", web.asset, methods=["GET"]),
            *submissions.ROUTES,
            *requester_pages.ROUTES,
            *worker_site.ROUTES,
            *worker_history.ROUTES,
            *qualification_tests.ROUTES,
            *joining.ROUTES,
            *media.ROUTES,
            *allocations.ROUTES,
            *participants.ROUTES,
            *recruiting.ROUTES,
            *dashboard.ROUTES,
            *([Mount(REHEARSAL, create_fake())] if site.settings.rehearsal else []),
        ],
        middleware=[
            Middleware(PublicPath, path=public_path(site.settings.public_url)),
            Middleware(web.SecurityHeaders),
            Middleware(web.OptionsReply),
            Middleware(web.InTurn),
        ],
        exception_handlers={
            RequestError: refused,
            HTTPException: refused,
            ServiceFault: refused,
            Exception: failed,
        },
        lifespan=lifespan,
    )
    app.state.site, app.state.arriving = site, 0
    app.state.keys, app.state.lookups, app.state.remembered = Keys(), Lookups(), Remembered()
    app.state.sessions = Sessions(site.secret, site.ended)
    app.state.exclusions = Exclusions(site.settings.studies)
    return app
