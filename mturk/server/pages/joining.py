"""`/join/<study>`: a participant arrives by a link, says who they are where the link does not, and begins.

They get the next HIT by the rules of the worker site: one HIT a person and batch, least-filled first. Whoever
comes again goes on where they stopped. In the lab one browser serves everybody: who sat there before is not
taken for who comes next.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.routing import Route

from ...panels import own_run
from ..protocol.errors import RequestError
from ..storage import assignments, hits, offers, recruiting, studies
from ..storage.free_hits import Wanted
from ..storage.workers import GUEST, MAX_NAME, clean_name, worker_for
from . import addresses, leaving, panels, signed_links, web
from .panels import MAX_PARAMETER, Arrival
from .sessions import Session
from .worker_site import asks_place, keep_place, redirect

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..storage.database import Row, Transaction


def _first_hit(tx: Transaction, study: str) -> Row:
    hit = hits.first_of_study(tx, study)
    if hit is None:
        raise HTTPException(404, "There is no such study on this server. Check the link that you were given.")
    return hit


async def show_join(request: Request) -> Response:
    """Say what the study is, and ask whether to begin; in the lab also who is there."""
    return await _join_page(request, web.sessions_of(request).of(request))


async def _join_page(request: Request, session: Session, *, wrong: bool = False) -> Response:
    site = web.site_of(request)
    study, lab = request.path_params["study"], site.settings.lab

    def reading(tx: Transaction) -> tuple[Row, panels.StudySettings, bool]:
        settings = panels.settings_of(tx, study, site.settings.completion_url)
        return _first_hit(tx, study), settings, asks_place(tx, study)

    hit, settings, places = await site.read(reading)
    came = _came(request)
    needs = panels.needs(settings, hit, lab=lab)
    checked = ""
    if await signed_links.is_signed(request):
        checked = web.sessions_of(request).link_token(signed_links.digest(request.query_params))
    return web.page(
        request, "join", session=session, hit=hit, came=came, settings=settings, needs=needs,
        asks=lab and not came.person, phone=is_phone(request) and not needs.phones,
        asks_place=places, query=request.url.query, checked=checked,
        status_code=400 if wrong else 200, wrong=wrong, most=MAX_NAME, between=True,
    )  # fmt: skip


def _came(request: Request) -> Arrival:
    """Return who comes by a request's link; RequestError where nobody can take part with it."""
    came = panels.admitted(dict(request.query_params), web.site_of(request).settings)
    if came.panel is not own_run.PANEL:
        return came
    if not web.sessions_of(request).is_own_run_token(came.person, request.path_params["study"]):
        raise panels.wrong_test_link()
    return replace(came, person=f"test-{secrets.token_hex(6)}")


def is_phone(request: Request) -> bool:
    """Tell whether the browser says that it is a phone's or a tablet's."""
    if request.headers.get("sec-ch-ua-mobile") == "?1":
        return True
    agent = request.headers.get("user-agent", "")
    return any(word in agent for word in ("Mobile", "Android", "iPhone", "iPad"))


async def join(request: Request) -> Response:
    """Give a participant the next HIT, or the one that they have not finished; else say how to leave."""
    try:
        return await _join(request)
    except RequestError as error:
        reason = leaving.BY_CODE.get(error.code.removeprefix("AWS.MechanicalTurk."))
        if reason is None:
            raise
        return await leaving.out(request, reason)


async def decline(request: Request) -> Response:
    """Let somebody go who does not want to take part."""
    return await leaving.out(request, "declined")


async def screen_out(request: Request) -> Response:
    """Let somebody go whose device will not do."""
    return await leaving.out(request, "screened")


async def _join(request: Request) -> Response:
    session, fields = await web.checked_form(request)
    study = request.path_params["study"]
    site = web.site_of(request)
    phone = is_phone(request)
    parameters = dict(request.query_params)
    came = _came(request)
    signed = web.sessions_of(request).is_link_token(
        fields.get("checked", ""), signed_links.digest(request.query_params)
    )
    if site.settings.lab and not came.person:
        try:
            came = replace(came, person=clean_name(fields.get("participant", "")))
        except RequestError:
            return await _join_page(request, session, wrong=True)

    def change(tx: Transaction) -> tuple[Session, str]:
        hit = _first_hit(tx, study)
        if phone and not panels.needs(panels.settings_of(tx, study, None), hit, lab=site.settings.lab).phones:
            raise RequestError(
                "This study needs a computer with a keyboard. Please open the same link there.",
                "NotOnThisDevice",
            )
        worker = _worker(tx, site.secret, session, came, study)
        known = session.worker == worker or _is_the_same(tx, worker, study, came, lab=site.settings.lab)
        keep_place(tx, worker, fields)
        arrived = _arrive(tx, session, worker, study, came, signed=signed)
        running = assignments.unfinished(tx, worker, study)
        if running:
            if not known:
                raise RequestError(_ELSEWHERE, "NotYours")
            return arrived, str(running[0]["assignment_id"])
        finished = assignments.last_submitted(tx, worker, study)
        if finished and "batch" not in parameters:
            if not known:
                raise RequestError("You have already taken part.", "WorkerAlreadyHasAssignment")
            return arrived, finished
        return arrived, _next(tx, worker, study, parameters.get("batch"), arrived.arrival)

    arrived, assignment_id = await site.write(change)
    request.app.state.lookups.begin(site, study, arrived.arrival, came, signed=signed)
    if arrived.nonce != session.nonce:
        await web.end_session(request, session)
    response = redirect(f"/worker/assignments/{assignment_id}")
    web.sessions_of(request).keep(response, arrived, secure=addresses.is_secure(request))
    return response


_ELSEWHERE = (
    "Somebody is taking part under this id in another browser. If that is you, go on there. If you cannot, "
    "open the study again where you found it, or wait until the time of the first attempt is over."
)


def _worker(tx: Transaction, secret: str, session: Session, came: Arrival, study: str) -> str:
    """Return who comes; RequestError for somebody whom an earlier study keeps out of this one."""
    if came.person:
        recruiting.refuse_kept_out(tx, study, came.panel.name, came.person)
        return worker_for(tx, secret, came.panel.name, came.person)
    return session.worker or worker_for(tx, secret, GUEST, secrets.token_hex(8))


def _is_the_same(tx: Transaction, worker: str, study: str, came: Arrival, *, lab: bool) -> bool:
    """Tell whether a link shows that its bearer is who came before under the same id.

    An id alone is no secret. Panels send a session's id with it, the same one each time a person opens the
    study, and one that others do not know. In the lab somebody stands by.
    """
    if lab:
        return True
    kept = studies.parameters_of(tx, worker, study)
    return any(came.kept.values()) and any(came.kept.items() <= parameters.items() for parameters in kept)


def _arrive(
    tx: Transaction, session: Session, worker: str, study: str, came: Arrival, *, signed: bool
) -> Session:
    """Enter the link that a participant came by, and whether the panel had signed it."""
    parameters = {"participant": came.person[:MAX_PARAMETER], **came.kept}
    if signed:
        parameters[recruiting.SIGNED] = "yes"
    arrival = studies.add_arrival(tx, worker, study, came.panel.name, parameters)
    nonce = session.nonce if session.worker == worker else secrets.token_urlsafe(12)
    return Session(nonce, worker, arrival)


def _next(tx: Transaction, worker: str, study: str, batch: str | None, arrival: int | None) -> str:
    came = studies.arrival(tx, arrival)
    if came is not None:
        recruiting.refuse_full(tx, study, came["panel"])
    try:
        wanted = Wanted(frozenset({study}), batch=batch, one_a_batch=True)
        return offers.accept_next(tx, worker, wanted, arrival)
    except RequestError:
        if assignments.last_submitted(tx, worker, study):
            raise RequestError("You have already taken part.", "WorkerAlreadyHasAssignment") from None
        raise


ROUTES = [
    Route("/join/{study}", show_join, methods=["GET"]),
    Route("/join/{study}", join, methods=["POST"]),
    Route("/join/{study}/declined", decline, methods=["GET"]),
    Route("/join/{study}/screened-out", screen_out, methods=["GET"]),
]
