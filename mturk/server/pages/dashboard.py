"""The requester's pages: how far each study is, links to hand out, how participants leave.

They open with the link that `serve` prints; its token stands in the data folder, readable by its owner only.
"""

from __future__ import annotations

import hmac
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ...panels import own_run
from ..clock import jump_text
from ..operations.notices import study_notices
from ..protocol.errors import RequestError
from ..storage import events, hits, studies, tallies
from . import addresses, panels, web
from .study_progress import study_progress
from .words import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from ..storage.database import Transaction
    from ..storage.screening import Exclusions


def enter(request: Request) -> None:
    """Let the requester in; HTTP 403 for everybody else."""
    if not web.sessions_of(request).is_requester(request, web.site_of(request).requester_token):
        raise HTTPException(
            403,
            "This is the requester's page. Open it with the link that the server printed when it started.",
        )


async def index(request: Request) -> Response:
    """List the studies; with a valid `token` in the address, remember the requester first."""
    site = web.site_of(request)
    token = request.query_params.get("token")
    if token is not None:
        if not hmac.compare_digest(token.encode("utf-8", "replace"), site.requester_token.encode()):
            raise HTTPException(
                403, "This link is not valid (any more). The server prints the valid one when it starts."
            )
        response = RedirectResponse("/dashboard/", 303)
        web.sessions_of(request).keep_requester(
            response, site.requester_token, addresses.base(request), secure=addresses.is_secure(request)
        )
        return response
    enter(request)
    return await web.read_page(
        request,
        "dashboard",
        lambda tx: {"studies": tallies.studies(tx)},
        session=web.sessions_of(request).of(request),
        spoken=ENGLISH,
        clock_notice=_clock_notice(request),
    )


async def study_page(request: Request) -> Response:
    """Show one study."""
    enter(request)
    study = request.path_params["study"]
    settings = web.site_of(request).settings
    links = panels.links(addresses.origin(request), study, lab=settings.lab, panels_only=settings.panels_only)
    token = web.sessions_of(request).own_run_token(study)
    own = f"{addresses.origin(request)}/join/{quote(study, safe='')}?{own_run.PANEL.person}={token}"
    links = [*links, ("Your own test, does not count", own)]
    session = web.sessions_of(request).of(request)
    return await web.read_page(
        request,
        "study",
        _facts(request, study, _page_asked(request)),
        session=session,
        spoken=ENGLISH,
        study=study,
        links=links,
        panels_only=settings.panels_only,
        saved="saved" in request.query_params,
        clock_notice=_clock_notice(request),
    )


def _page_asked(request: Request) -> int:
    text = request.query_params.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() and 1 <= len(text) <= 6 and int(text) else 1


async def live(request: Request) -> Response:
    """Return the part of a study's page that changes; 304 where the asker has seen it as it is."""
    enter(request)
    site, study, page = web.site_of(request), request.path_params["study"], _page_asked(request)
    exclusions: Exclusions = request.app.state.exclusions
    # Whatever changes what is shown is in the audit log.
    last, behind = await site.read_apart(lambda tx: (events.last(tx), exclusions.behind(study)))
    seen = f'"{last}-{page}"'
    if not behind and request.headers.get("if-none-match") == seen:
        return Response(status_code=304, headers={"ETag": seen})
    facts = _facts(request, study, page)
    response = await web.read_page(request, "study_live", facts, spoken=ENGLISH, study=study)
    response.headers["ETag"] = seen
    return response


def _facts(request: Request, study: str, page: int) -> Callable[[Transaction], dict[str, Any]]:
    """Return the reading of what a study's page shows."""
    site = web.site_of(request)
    exclusions: Exclusions = request.app.state.exclusions

    def reading(tx: Transaction) -> dict[str, Any]:
        found = study_progress(tx, study, exclusions, page)
        if not found["total"].hits:
            raise HTTPException(404, "There is no such study on this server.")
        settings = panels.settings_of(tx, study, site.settings.completion_url)
        first = hits.first_of_study(tx, study)
        needs = panels.Needs(0, 0, phones=False)
        if first:
            needs = panels.needs(panels.StudySettings(), first, lab=site.settings.lab)
        noticed = study_notices(tx, None if study == tallies.NO_STUDY else study)
        return {**found, "settings": settings, "needs": needs, "now": tx.now, "notices": noticed}

    return reading


async def save_settings(request: Request) -> Response:
    """Keep how a study ends for its participants."""
    enter(request)
    _, form = await web.checked_form(request)
    study = request.path_params["study"]
    given: dict[str, Any] = {}
    for field in fields(panels.StudySettings):
        text = form.get(field.name, "").strip()
        if field.type == "int | None":
            if not text:
                continue
            if not (text.isascii() and text.isdigit() and len(text) <= 5):
                raise RequestError(f"{field.name} is {text[:20]!r}; needed: a number of pixels.")
            given[field.name] = int(text)
        else:
            given[field.name] = text
    settings = asdict(panels.StudySettings(**given))
    await web.site_of(request).write(lambda tx: studies.set_settings(tx, study, settings))
    return RedirectResponse(f"/dashboard/studies/{study}?saved=1", 303)


async def accept_clock(request: Request) -> Response:
    """Believe the clock after a jump, as the requester says."""
    enter(request)
    await web.checked_form(request)
    web.site_of(request).accept_clock()
    return RedirectResponse("/dashboard/", 303)


def _clock_notice(request: Request) -> str:
    jump_s = web.site_of(request).clock_jump_s
    return jump_text(jump_s) if jump_s else ""


ROUTES = [
    Route("/dashboard/clock", accept_clock, methods=["POST"]),
    Route("/dashboard/", index, methods=["GET"]),
    Route("/dashboard/studies/{study}", study_page, methods=["GET"]),
    Route("/dashboard/studies/{study}/live", live, methods=["GET"]),
    Route("/dashboard/studies/{study}/settings", save_settings, methods=["POST"]),
]
