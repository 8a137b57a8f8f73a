"""A made-up Prolific as a web application: the API, and the pages on which people would take part.

The API's addresses are Prolific's own. Beside them `/` lists the studies, `/take/<study>` takes a place as
Prolific's site would and leads to the study, `/leave/<submission>` gives it back or lets its time run out,
and `/submissions/complete?cc=CODE` is where people come back.
"""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from glimpse.text import environment, template_text

from ..panels.prolific import JWKS_PATH
from .faults import Faults
from .signing import LinkKey, filled, with_token
from .state import FakeProlific, Refused, cost, new_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

REHEARSAL = "/fake-prolific"  # where the server of `serve --fake-prolific` has it
_COOKIE = "fake_prolific_submission"
_DEFAULT_PAGE = 20
_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


class DroppedError(Exception):
    """The connection breaks here; what runs the application decides how."""


def create_fake(state: FakeProlific | None = None, faults: Faults | None = None) -> Starlette:
    """Return the application; `app.state.fake` is what it knows, `app.state.faults` what will go wrong."""
    app = Starlette(routes=[*_routes(), *_pages()])
    app.state.fake, app.state.faults, app.state.key = state or FakeProlific(), faults or Faults(), LinkKey()
    app.state.token, app.state.calls = None, []
    return app


def _api(handler: Callable[..., Any], status: int = 200) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint of the API: its token, its body, its faults, its errors."""

    async def answer(request: Request) -> Response:
        state, raw = request.app.state, await request.body()
        path = request.url.path[request.url.path.find("/api/") :]
        state.calls.append((request.method, path, raw))
        kind = state.faults.met(request.method, path)
        if kind in {"429", "500"}:
            return _error(Refused(int(kind), "Please try again later.", "Busy"))
        if kind == "unsent":
            raise DroppedError(path)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Token" or not token or state.token not in {None, token}:
            return _error(Refused(401, "Authentication credentials were not provided.", "Unauthorized"))
        try:
            body = json.loads(raw) if raw else {}
            found = handler(state.fake, request, body)
        except Refused as error:
            return _error(error)
        except (KeyError, TypeError, ValueError) as error:
            return _error(Refused(400, f"The request cannot be read: {error!r}"))
        if kind == "lost":
            raise DroppedError(path)
        return JSONResponse(found, status) if found is not None else Response(status_code=status)

    return answer


def _error(error: Refused) -> Response:
    said = {"status": error.status, "error_code": 140_000 + error.status, "title": error.title}
    return JSONResponse({"error": {**said, "detail": error.detail}}, error.status)


def _page_of(request: Request, rows: list[dict[str, Any]]) -> dict[str, Any]:
    size = int(request.query_params.get("page_size", _DEFAULT_PAGE))
    start = size * (int(request.query_params.get("page", 1)) - 1)
    if start and start >= len(rows):
        raise Refused(404, "Invalid page.", "Not found")
    return {"results": rows[start : start + size]}


def _list_studies(fake: FakeProlific, request: Request, _body: Any) -> Any:
    rows = [
        {
            "id": one["id"],
            "name": one["name"],
            "internal_name": one.get("internal_name"),
            "status": one["status"],
            "reward": one["reward"],
            "total_available_places": one["total_available_places"],
            "places_taken": fake.places_taken(one["id"]),
            "number_of_submissions": len(fake.of_study(one["id"])),
            "total_cost": cost(one["reward"], one["total_available_places"]),
            "date_created": one["created"],
        }
        for one in fake.studies.values()
    ]
    return _page_of(request, rows)


def _short(one: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "status", "started_at", "completed_at", "return_requested")
    row = {name: one[name] for name in names}
    return {**row, "participant_id": one["participant"], "study_code": one["entered_code"],
            "has_siblings": False}  # fmt: skip


def _counts(fake: FakeProlific, request: Request, _body: Any) -> Any:
    rows = fake.of_study(request.path_params["id"])
    found: dict[str, int] = {"TOTAL": len(rows)}
    for one in rows:
        found[one["status"]] = found.get(one["status"], 0) + 1
    return found


def _group(one: dict[str, Any]) -> dict[str, Any]:
    row = {name: one[name] for name in ("id", "name", "workspace_id", "description")}
    return {**row, "participant_count": len(one["participants"]), "is_deleted": False}


def _balance(fake: FakeProlific, _request: Request, _body: Any) -> Any:
    return {
        "currency_code": fake.currency,
        "total_balance": fake.balance,
        "available_balance": fake.balance,
        "balance_breakdown": {"rewards": fake.balance, "fees": 0, "vat": 0},
        "available_balance_breakdown": {"rewards": fake.balance, "fees": 0, "vat": 0},
    }


def _routes() -> list[Route]:
    def ident(request: Request) -> str:
        return str(request.path_params["id"])

    table: list[tuple[str, str, Callable[..., Any], int]] = [
        ("GET", "users/me/", lambda f, _r, _b: {"id": f.user, "email": "rehearsal@example.org"}, 200),
        ("GET", "workspaces/", lambda f, _r, _b: {
            "results": [{"id": f.workspace, "title": "Rehearsal"}]}, 200),
        ("GET", "workspaces/{id}/balance/", _balance, 200),
        ("GET", "workspaces/{id}/projects/", lambda f, _r, _b: {
            "results": [{"id": f.project, "title": "Rehearsal", "type": "PRIVATE"}]}, 200),
        ("POST", "study-cost-calculator/", lambda _f, _r, b: {
            "total_cost": cost(int(b["reward"]), int(b["total_available_places"]))}, 200),
        ("GET", "studies/", _list_studies, 200),
        ("POST", "studies/", lambda f, _r, b: f.create(b), 201),
        ("GET", "studies/{id}/", lambda f, r, _b: f.study(ident(r)), 200),
        ("PATCH", "studies/{id}/", lambda f, r, b: f.update(ident(r), b), 200),
        ("DELETE", "studies/{id}/", lambda f, r, _b: f.delete(ident(r)) or {}, 200),
        ("POST", "studies/{id}/transition/", lambda f, r, b: f.transition(ident(r), b["action"]), 200),
        ("GET", "studies/{id}/submissions/", lambda f, r, _b: _page_of(
            r, [_short(one) for one in f.of_study(ident(r))]), 200),
        ("GET", "studies/{id}/submissions/counts/", _counts, 200),
        ("GET", "submissions/", lambda f, r, _b: _page_of(
            r, [_short(one) for one in f.of_study(r.query_params["study"])]), 200),
        ("POST", "submissions/bulk-approve/", lambda f, _r, b: f.approve_all(b["submission_ids"]), 200),
        ("POST", "submissions/bonus-payments/", lambda f, _r, b: f.set_up_bonuses(
            b["study_id"], b["csv_bonuses"]), 201),
        ("POST", "bulk-bonus-payments/{id}/pay/", lambda f, r, _b: f.pay(ident(r)), 202),
        ("GET", "submissions/{id}/", lambda f, r, _b: f.submission(ident(r)), 200),
        ("POST", "submissions/{id}/transition/", lambda f, r, b: f.decide(ident(r), b["action"], b), 200),
        ("GET", "participant-groups/", lambda f, r, _b: _page_of(
            r, [_group(one) for one in f.groups.values()]), 200),
        ("POST", "participant-groups/", lambda f, _r, b: _group(f.add_group(b)), 201),
    ]  # fmt: skip
    return [
        Route(f"/api/v1/{path}", _api(handler, status), methods=[method])
        for method, path, handler, status in table
    ]


def _pages() -> list[Route]:
    """Return what stands beside the API: its keys, and the pages of those who take part."""
    return [
        Route(JWKS_PATH, _jwks, methods=["GET"]),
        Route("/", _studies_page, methods=["GET"]),
        Route("/take/{id}", _take, methods=["GET"]),
        Route("/leave/{id}", _leave, methods=["POST"]),
        Route("/submissions/complete", _complete, methods=["GET"]),
        Route("/site.css", _style, methods=["GET"]),
    ]


async def _jwks(request: Request) -> Response:
    return JSONResponse(request.app.state.key.jwks)


async def _studies_page(request: Request) -> Response:
    """List the studies, as Prolific's site lists them to participants, and who took part in them."""
    fake: FakeProlific = request.app.state.fake

    def money(cents: int) -> str:
        return f"{Decimal(cents) / 100:.2f} {fake.currency}"

    return _shown(request, "Studies", fake=fake, money=money)


async def _leave(request: Request) -> Response:
    """Let a participant give their place back, or run out of time."""
    given = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
    status = "TIMED-OUT" if given.get("status") == "TIMED-OUT" else "RETURNED"
    try:
        request.app.state.fake.leave(request.path_params["id"], status)
    except Refused as error:
        return _shown(request, "Not possible", str(error.detail), error.status)
    return RedirectResponse(_base(request) + "/", 303)


async def _take(request: Request) -> Response:
    """Take a place for a participant, new unless one is named, and go to the study by its own link."""
    state = request.app.state
    participant = request.query_params.get("participant") or new_id()
    try:
        one = state.fake.take(request.path_params["id"], participant)
    except Refused as error:
        return _shown(request, "Not possible", str(error.detail), error.status)
    response = RedirectResponse(signed_link(state, one), 303)
    response.set_cookie(_COOKIE, one["id"], httponly=True, samesite="lax")
    return response


def signed_link(state: Any, one: dict[str, Any]) -> str:
    """Return the link by which the participant of a submission comes to the study."""
    study = state.fake.study(one["study_id"])
    marks = {"PROLIFIC_PID": one["participant"], "STUDY_ID": one["study_id"], "SESSION_ID": one["id"]}
    link = filled(study["external_study_url"], marks)
    if not study.get("is_external_study_url_secure"):
        return link
    return with_token(link, state.key.token(link, state.fake.workspace, one["id"], time.time()))


async def _complete(request: Request) -> Response:
    """Take a participant back with their code."""
    fake: FakeProlific = request.app.state.fake
    name = request.query_params.get("submission") or request.cookies.get(_COOKIE, "")
    try:
        one = fake.complete(name, request.query_params.get("cc", ""))
    except Refused as error:
        return _shown(request, "Not possible", str(error.detail), error.status)
    said = "Your submission is now"
    return _shown(request, "Back at the panel", said, status=one["status"])


async def _style(_request: Request) -> Response:
    return Response(template_text("site/site.css"), media_type="text/css; charset=utf-8")


def _base(request: Request) -> str:
    """Return where this application is on its server, and behind a proxy."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def _shown(request: Request, heading: str, text: str = "", status_code: int = 200, **values: Any) -> Response:
    """Show a page in the look of the server's own: the list of studies with `fake`, else a message."""
    known = {"fake": None, "status": "", **values}
    page = environment().get_template("site/rehearsal.html.j2")
    html = page.render(base=_base(request), heading=heading, text=text, **known)
    return HTMLResponse(html, status_code, {"Content-Security-Policy": _POLICY})
