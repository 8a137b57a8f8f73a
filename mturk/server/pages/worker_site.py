"""The workers' pages: sign in, find a HIT, preview, accept, work, return.

A program takes part through the same forms as a browser; cookies must be kept (one client a worker):

1. `GET /worker/sign-in`, then `POST /worker/sign-in` with `name` and the page's hidden field `csrf`
   (or `GET /join/<study>?participant=NAME` and `POST` the same address with `csrf`, which accepts at once;
   behind a public address the parameters must be a panel's).
2. `POST /worker/studies/<study>/accept` with `csrf` accepts the least-filled HIT of a study that this
worker may do;
   `POST /worker/hits/<HITId>/accept` a certain one. Either answers 303 to
   `/worker/assignments/<AssignmentId>`, or 409 with a page that says why not.
3. `GET /worker/assignments/<AssignmentId>/state` is JSON: status, hit_id, hit (its name in the study),
study, batch,
   deadline, seconds_left, page_url, submit_url, csrf.
4. `GET page_url` is the requester's page.
5. `POST submit_url` (`/mturk/externalSubmit`) with assignmentId and the answers: 200 once they are on disk.

`GET /worker/session` is JSON at any time: worker, csrf.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ...panels.known import pays
from ..protocol import questions
from ..protocol.errors import RequestError
from ..storage import assignments, draws, events, hits, meta, offers, workers
from ..storage.free_hits import MOST_COUNTED, Wanted
from ..storage.transitions import accept, check_open, release, unmet
from ..storage.workers import LOCAL, SIMULATOR, worker_for
from . import addresses, web
from .requester_pages import frame_source, page_address, preview_address, requester_page, sandbox
from .submissions import own_assignment

if TYPE_CHECKING:
    from starlette.requests import Request

    from ..storage.database import Row, Transaction
    from .sessions import Session


_ORIGIN = re.compile(r"https?://[\w.:\[\]-]{1,200}(?![\w.:\[\]-])", re.ASCII)


def signed_in(request: Request) -> tuple[Session, str]:
    """Return the session and the worker; RequestError when nobody is signed in."""
    session = web.sessions_of(request).of(request)
    if session.worker is None:
        raise RequestError("Sign in first, or open the link that you were given.", "NotSignedIn")
    return session, session.worker


def redirect(address: str) -> RedirectResponse:
    """Send the browser to another of our pages."""
    return RedirectResponse(address, 303)


# Signing in


async def show_sign_in(request: Request) -> Response:
    """Ask a worker for a name or id."""
    session = web.sessions_of(request).of(request)
    if session.worker:
        return redirect("/worker/")
    asks = await web.site_of(request).read(asks_place)
    return web.page(
        request, "sign_in", session=session, allowed=web.site_of(request).settings.sign_in,
        group=request.query_params.get("groupId", ""), asks_place=asks,
    )  # fmt: skip


def asks_place(tx: Transaction, study: str | None = None) -> bool:
    """Tell whether workers are to say where they are: a task requires it, and the server does not say it."""
    return meta.stated_locale(tx) is None and hits.asks_locale(tx, study)


def keep_place(tx: Transaction, worker: str, fields: dict[str, str]) -> None:
    """Keep where a worker says to be, where a form asked for it."""
    if fields.get("place"):
        workers.set_locale(tx, worker, fields["place"])


async def sign_in(request: Request) -> Response:
    """Remember who works in this browser."""
    session, fields = await web.checked_form(request)
    site = web.site_of(request)
    panel = SIMULATOR if web.is_our_simulator(request) else LOCAL
    if panel == LOCAL and not site.settings.sign_in:
        raise RequestError(
            "Signing in by name is switched off. Open the link that you were given.", "NotSignedIn"
        )

    def change(tx: Transaction) -> str:
        found = worker_for(tx, site.secret, panel, fields.get("name", ""))
        keep_place(tx, found, fields)
        return found

    worker = await site.write(change)
    await web.end_session(request, session)
    group = fields.get("groupId")
    response = redirect(f"/mturk/preview?{urlencode({'groupId': group})}" if group else "/worker/")
    sessions = web.sessions_of(request)
    sessions.keep(response, sessions.sign_in(session, worker), secure=addresses.is_secure(request))
    return response


async def sign_out(request: Request) -> Response:
    """Forget who works in this browser; in the lab the next participant of a `study` is asked for."""
    session, fields = await web.checked_form(request)
    await web.end_session(request, session)
    study = fields.get("study")
    response = redirect(f"/join/{quote(study, safe='')}" if study else "/worker/sign-in")
    web.sessions_of(request).forget(response)
    return response


async def show_session(request: Request) -> Response:
    """Tell a program who it is signed in as, and its form token."""
    session = web.sessions_of(request).of(request)
    response = JSONResponse({"worker": session.worker, "csrf": web.sessions_of(request).csrf(session)})
    web.sessions_of(request).keep(response, session, secure=addresses.is_secure(request))
    return response


# Finding and accepting


async def show_list(request: Request) -> Response:
    """List what there is to do, by study, and what is unfinished."""
    session = web.sessions_of(request).of(request)
    if session.worker is None:
        return redirect("/worker/sign-in")
    worker = session.worker

    def reading(tx: Transaction) -> dict[str, Any]:
        return {"groups": _groups(tx, worker), "unfinished": assignments.unfinished(tx, worker)}

    return await web.read_page(request, "hits", reading, session=session)


def _groups(tx: Transaction, worker: str) -> list[dict[str, Any]]:
    """Return the HITs by study, batch and HIT type, as the list shows them."""
    return [
        {
            "hit": hit,
            "count": number,
            "most": number == MOST_COUNTED,
            "accept": f"/worker/studies/{hit['study']}/accept?batch={quote(hit['batch'])}"
            if hit["study"]
            else f"/worker/types/{hit['hit_type_id']}/accept",
            "may_accept": not unmet(tx, hit, worker, "Accept"),
            "may_preview": not unmet(tx, hit, worker, "Preview"),
        }
        for hit, number in offers.groups(tx, worker)
    ]


async def preview(request: Request) -> Response:
    """Show a HIT's page before it is accepted."""
    session, worker = signed_in(request)

    def reading(tx: Transaction) -> tuple[Row, bool, bool]:
        hit = hits.find(tx, request.path_params["hit_id"])
        check_open(tx, hit, worker)
        may = (unmet(tx, hit, worker, "Discover") or unmet(tx, hit, worker, "Preview")) == []
        return hit, may, may and not unmet(tx, hit, worker, "Accept")

    hit, may_preview, may_accept = await web.site_of(request).read(reading)
    if not may_preview:
        raise RequestError("You do not have the qualifications that this task requires.", "NotQualified")
    question = questions.parse(hit["question"])
    return web.page(
        request, "preview", session=session, frames=frame_source(question), hit=hit, may_accept=may_accept,
        frame=preview_address(request, hit, question), height=question.height, sandbox=sandbox(question),
    )  # fmt: skip


async def preview_page(request: Request) -> Response:
    """Serve the requester's page inside a preview."""
    _, worker = signed_in(request)

    def reading(tx: Transaction) -> Row:
        hit = hits.find(tx, request.path_params["hit_id"])
        check_open(tx, hit, worker)
        if unmet(tx, hit, worker, "Preview"):
            raise RequestError("You do not have the qualifications that this task requires.", "NotQualified")
        return hit

    return await requester_page(request, await web.site_of(request).read(reading))


async def preview_group(request: Request) -> Response:
    """Send a worker who has MTurk's link to a group of HITs to the first of them that is open to them."""
    group = request.path_params.get("group") or request.query_params.get("groupId", "")
    session = web.sessions_of(request).of(request)
    if session.worker is None:
        return redirect(f"/worker/sign-in?{urlencode({'groupId': group})}")
    worker = session.worker

    def reading(tx: Transaction) -> Row:
        hit_type = hits.type_of_group(tx, group)
        wanted = Wanted(hit_type=hit_type)
        found = offers.next_hit(tx, worker, "Preview", wanted) if hit_type else None
        if found is None:
            raise RequestError("There is nothing of this group for you at the moment.", "NoHITsAvailable")
        return found

    hit = await web.site_of(request).read_apart(reading)
    return redirect(f"/worker/hits/{hit['hit_id']}")


async def accept_hit(request: Request) -> Response:
    """Take a slot of a certain HIT."""
    session, _ = await web.checked_form(request)
    worker = session.worker or signed_in(request)[1]
    assignment_id = await web.site_of(request).write(
        lambda tx: accept(tx, request.path_params["hit_id"], worker, session.arrival)
    )
    return redirect(f"/worker/assignments/{assignment_id}")


async def accept_next(request: Request) -> Response:
    """Take a slot of the least-filled HIT of a study, or of a HIT type."""
    session, _ = await web.checked_form(request)
    worker = session.worker or signed_in(request)[1]
    study, hit_type = request.path_params.get("study"), request.path_params.get("hit_type")
    batch = request.query_params.get("batch")

    def change(tx: Transaction) -> str:
        wanted = Wanted(study and frozenset({study}), hit_type, batch, one_a_batch=True)
        return offers.accept_next(tx, worker, wanted, session.arrival)

    return redirect(f"/worker/assignments/{await web.site_of(request).write(change)}")


# Working


async def _own(request: Request) -> tuple[Session, Row, Row]:
    """Return the session, its assignment and the HIT."""
    session, worker = signed_in(request)
    return session, *await web.site_of(request).read(lambda tx: _assignment(tx, request, worker))


def _assignment(tx: Transaction, request: Request, worker: str) -> tuple[Row, Row]:
    row = own_assignment(tx, request.path_params["assignment_id"], worker)
    return row, hits.find(tx, row["hit_id"])


async def work(request: Request) -> Response:
    """Show the work in a frame with a countdown, as on MTurk; in the lab under a line as thin as can be."""
    session, worker = signed_in(request)

    def reading(tx: Transaction) -> tuple[Row, Row, bool]:
        return *_assignment(tx, request, worker), pays(workers.panel_of(tx, worker))

    assignment, hit, panel_pays = await web.site_of(request).read(reading)
    if assignment["status"] != "Accepted":
        return redirect(f"/worker/assignments/{assignment['assignment_id']}/done")
    question = questions.parse(hit["question"])
    return web.page(
        request, "work", session=session, frames=frame_source(question), hit=hit, assignment=assignment,
        panel_pays=panel_pays, frame=page_address(request, assignment, question), height=question.height,
        sandbox=sandbox(question), seconds_left=_seconds_left(request, assignment),
    )  # fmt: skip


def _seconds_left(request: Request, assignment: Row) -> float:
    left: float = assignment["deadline"] - web.site_of(request).clock()
    return max(0.0, round(left, 3))


async def work_page(request: Request) -> Response:
    """Serve the requester's page to the worker whose assignment it is."""
    _, assignment, hit = await _own(request)
    if assignment["status"] != "Accepted":
        return redirect(f"/worker/assignments/{assignment['assignment_id']}/done")
    assignment_id = assignment["assignment_id"]
    token = web.sessions_of(request).submit_token(assignment_id)
    drawn = await web.site_of(request).read(lambda tx: draws.drawn_of(tx, assignment_id))
    return await requester_page(request, hit, token, drawn)


async def state(request: Request) -> Response:
    """Tell the page around the frame, or a program, how an assignment stands."""
    session, assignment, hit = await _own(request)
    question = questions.parse(hit["question"])
    return JSONResponse(
        {
            "status": assignment["status"],
            "assignment_id": assignment["assignment_id"],
            "hit_id": assignment["hit_id"],
            "hit": hit["name"],
            "study": hit["study"],
            "batch": hit["batch"],
            "deadline": assignment["deadline"],
            "seconds_left": _seconds_left(request, assignment),
            "page_url": page_address(request, assignment, question),
            "submit_url": f"{addresses.base(request)}/mturk/externalSubmit",
            "csrf": web.sessions_of(request).csrf(session),
        }
    )


async def give_back(request: Request) -> Response:
    """Return an assignment: somebody else can take its slot."""
    session, _ = await web.checked_form(request)
    return redirect(f"{await _given_back(request, session.worker)}/done")


async def decline(request: Request) -> Response:
    """Return the assignment of somebody who does not agree to take part, as its page in the frame asks."""
    web.check_origin(request)
    return redirect(f"{await _given_back(request, signed_in(request)[1])}/done?declined")


async def _given_back(request: Request, worker: str | None) -> str:
    assignment_id = request.path_params["assignment_id"]

    def change(tx: Transaction) -> None:
        row = own_assignment(tx, assignment_id, worker)
        if row["status"] not in {"Returned", "Abandoned"}:
            release(tx, row, abandoned=False)

    await web.site_of(request).write(change)
    return f"/worker/assignments/{assignment_id}"


async def blocked(request: Request) -> Response:
    """Keep for the requester where a worker's browser did not let the page go: the origin, and no more."""
    web.check_origin(request)
    _, worker = signed_in(request)
    sent = (await web.body_of(request, 2000)).decode("utf-8", "replace")
    found = _ORIGIN.match(sent)

    def change(tx: Transaction) -> None:
        row = own_assignment(tx, request.path_params["assignment_id"], worker)
        if found and meta.add_blocked(tx, hits.find_facts(tx, row["hit_id"])["study"], found[0]):
            events.log_of(tx, "PageBlocked", row, origin=found[0])

    await web.site_of(request).write(change)
    return Response(status_code=204)


ROUTES = [
    Route("/worker/", show_list, methods=["GET"]),
    Route("/worker/sign-in", show_sign_in, methods=["GET"]),
    Route("/worker/sign-in", sign_in, methods=["POST"]),
    Route("/worker/sign-out", sign_out, methods=["POST"]),
    Route("/worker/session", show_session, methods=["GET"]),
    Route("/worker/studies/{study}/accept", accept_next, methods=["POST"]),
    Route("/worker/types/{hit_type}/accept", accept_next, methods=["POST"]),
    Route("/mturk/preview", preview_group, methods=["GET"]),
    Route("/mturk/previewandaccept", preview_group, methods=["GET"]),
    Route("/projects/{group}/tasks", preview_group, methods=["GET"]),
    Route("/worker/hits/{hit_id}", preview, methods=["GET"]),
    Route("/worker/hits/{hit_id}/page", preview_page, methods=["GET"]),
    Route("/worker/hits/{hit_id}/accept", accept_hit, methods=["POST"]),
    Route("/worker/assignments/{assignment_id}", work, methods=["GET"]),
    Route("/worker/assignments/{assignment_id}/page", work_page, methods=["GET"]),
    Route("/worker/assignments/{assignment_id}/state", state, methods=["GET"]),
    Route("/worker/assignments/{assignment_id}/return", give_back, methods=["POST"]),
    Route("/worker/assignments/{assignment_id}/blocked", blocked, methods=["POST"]),
    Route("/worker/assignments/{assignment_id}/decline", decline, methods=["POST"]),
]
