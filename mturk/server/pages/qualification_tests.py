"""A worker takes the test of a qualification: its form in a frame without an origin, as a task's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ...answers import encode
from ..operations.qualification_tests import begin_test, take_test
from ..protocol import questions
from ..protocol.errors import RequestError
from ..storage import qualification_tests
from . import addresses, web
from .requester_pages import ALLOWED, POLICY, adapted
from .submissions import NOT_YOURS, answers_of
from .worker_history import check_requestable_by
from .worker_site import signed_in

if TYPE_CHECKING:
    from starlette.requests import Request

    from ..storage.database import Transaction


async def show(request: Request) -> Response:
    """Let a worker begin a test, or go on with it, under a line with the time that is left."""
    session, worker = signed_in(request)
    type_id = request.path_params["type_id"]

    def change(tx: Transaction) -> tuple[str, float]:
        check_requestable_by(tx, worker, type_id)
        return begin_test(tx, worker, type_id)

    _, left = await web.site_of(request).write(change)
    token = web.sessions_of(request).test_token(worker, type_id)
    frame = f"{addresses.base(request)}/qualify/{token}/page"
    return web.page(
        request,
        "test",
        session=session,
        frames="'self'",
        frame=frame,
        sandbox=ALLOWED,
        seconds_left=round(left),
    )


def _holder(request: Request) -> tuple[str, str]:
    """Return the worker and the qualification type of the page's token."""
    found = web.sessions_of(request).may_test(request.path_params["token"])
    if found is None:
        raise RequestError(NOT_YOURS, "NotYours")
    return found


async def page(request: Request) -> Response:
    """Serve the test's form."""
    _, type_id = _holder(request)
    test = await web.site_of(request).read(lambda tx: qualification_tests.test_of(tx, type_id))
    html = questions.parse(test["test"]).html if test else None
    if html is None:
        raise RequestError("This qualification has no test.", "NotFound")
    shown = adapted(request, html, f"/qualify/{request.path_params['token']}")
    return HTMLResponse(shown, headers={"Content-Security-Policy": POLICY})


async def take(request: Request) -> Response:
    """Score a worker's answers, or keep them for the requester."""
    worker, type_id = _holder(request)
    form = await web.form_of(request)

    def change(tx: Transaction) -> str:
        test = qualification_tests.test_of(tx, type_id)
        selections = (questions.parse(test["test"]).selections if test else None) or {}
        texts, chosen = answers_of(form.fields, selections)
        made = {name: frozenset(value for _, value in parts) for name, parts in chosen.items()}
        return take_test(tx, worker, type_id, made, encode(texts, chosen))

    outcome = await web.site_of(request).write(change)
    return web.page(request, "test_taken", ancestors="*", outcome=outcome)


ROUTES = [
    Route("/worker/qualifications/{type_id}/test", show, methods=["GET"]),
    Route("/qualify/{token}/page", page, methods=["GET"]),
    Route("/qualify/{token}/mturk/externalSubmit", take, methods=["POST"]),
]
