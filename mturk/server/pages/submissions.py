"""Answers coming in: the form that MTurk's pages post. What is saved on the way: `progress`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from ...answers import MAX_XML, encode
from ..protocol import forms, questions
from ..protocol.errors import RequestError
from ..protocol.question_forms import OTHER
from ..storage import assignments, hits, own_runs
from ..storage.transitions import submit
from . import web, words

if TYPE_CHECKING:
    from starlette.requests import Request

    from ..storage.database import Row, Transaction

PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"
# What the page of a preview holds instead of the right to submit.
NO_TOKEN = "preview"  # noqa: S105 - the opposite of a secret
NOT_YOURS = (
    "This assignment is not yours. Open the task again where you found it, or sign in as the worker who "
    "accepted it, in this browser. Then go back and submit again: the page has kept your answers."
)


def own_assignment(tx: Transaction, assignment_id: str, worker: str | None) -> Row:
    """Return an assignment of this worker; to everybody else it does not exist."""
    row = assignments.get(tx, assignment_id[:64])
    if row is None or worker is None or row["worker_id"] != worker:
        raise RequestError(NOT_YOURS, "NotYours")
    return row


async def external_submit(request: Request) -> Response:
    """Store a worker's answer. The acknowledgement means that it is on disk; repeating it changes nothing.

    The page of a preview submits to `/submit/preview/...`, a page without an origin or on another one to
    `/submit/<token>/...`, also with GET and by a script; our own with the worker's cookie.
    """
    if request.path_params.get("token") == NO_TOKEN:
        raise _preview()
    known, by_token = _known(request), "token" in request.path_params
    form = await _sent(request)
    named = dict(form.fields).get("assignmentId") or request.query_params.get("assignmentId", "")
    assignment_id = _submitted(named, known if by_token else None)
    if not any(name and name != "assignmentId" for name, _ in form.fields):
        raise RequestError("The form holds no answer besides assignmentId.", "MalformedForm")
    selections = None
    if by_token:
        found = await web.site_of(request).read(lambda tx: _question(tx, assignment_id))
        selections = questions.parse(found).selections
    xml = _answer(form.fields, selections)

    def store(tx: Transaction) -> None:
        row = assignments.find(tx, assignment_id) if by_token else own_assignment(tx, assignment_id, known)
        if own_runs.is_own_run(tx, row):
            own_runs.finish(tx, row, xml)
        else:
            submit(tx, row, xml)

    try:
        await web.site_of(request).write(store)
    except RequestError as error:
        if error.code.endswith("InvalidAssignmentState"):
            raise RequestError(
                "This assignment no longer takes answers: its time is up, or it was returned.",
                "AssignmentOver",
            ) from None
        raise
    page = web.page(
        request, "submitted", ancestors="*" if by_token else "'self'", assignment_id=assignment_id,
        files=form.files, spoken=await words.of_assignment(request, assignment_id),
    )  # fmt: skip
    if by_token:
        page.headers["Access-Control-Allow-Origin"] = "*"
    return page


def _submitted(named: str, granted: str | None) -> str:
    """Return the assignment that a form is for: the one it names, and no other than a submit token grants."""
    if named == PREVIEW:
        raise _preview()
    if granted is not None and named not in {"", granted}:
        raise RequestError(NOT_YOURS, "NotYours")
    if not named and granted is None:
        raise RequestError("The form names no assignmentId.", "MalformedForm")
    return granted or named


def _preview() -> RequestError:
    return RequestError("This is a preview. Accept the task before you submit answers.", "PreviewSubmitted")


async def _sent(request: Request) -> forms.Form:
    if request.method == "GET":
        return forms.urlencoded(request.scope["query_string"])
    return await web.form_of(request)


def _question(tx: Transaction, assignment_id: str) -> str:
    return str(hits.find(tx, assignments.find(tx, assignment_id)["hit_id"])["question"])


def _answer(fields: list[tuple[str, str]], selections: dict[str, frozenset[str]] | None) -> str:
    """Return the answer XML of what a page sent; HTTP 413 when it is too long."""
    xml = encode(_joined(fields)) if selections is None else encode(*answers_of(fields, selections))
    if len(xml) > MAX_XML:
        raise HTTPException(413, f"Your answers are too long: {len(xml)} characters; allowed: {MAX_XML}.")
    return xml


def answers_of(
    fields: list[tuple[str, str]], selections: dict[str, frozenset[str]]
) -> tuple[dict[str, str], dict[str, list[tuple[str, str]]]]:
    """Return the texts and the choices of a QuestionForm's answers, in the order of its questions."""
    chosen: dict[str, list[tuple[str, str]]] = {name: [] for name, known in selections.items() if known}
    for name, value in fields:
        question = name.removeprefix(OTHER)
        if question in chosen and value:
            if name != question:
                chosen[question].append(("OtherSelectionText", value))
            elif value in selections[question]:
                chosen[question].append(("SelectionIdentifier", value))
    texts = [(name, value) for name, value in fields if not selections.get(name.removeprefix(OTHER))]
    return _joined(texts), chosen


async def reachable(request: Request) -> Response:
    """Answer a page that asks, before it sends its answers, whether the server can be reached.

    A form that submits with GET comes here, too: it names what it sends.
    """
    if "token" in request.path_params and request.url.query and request.method == "GET":
        return await external_submit(request)
    if request.headers.get("sec-fetch-mode") in {None, "navigate"}:
        raise RequestError(
            "A task's page sends its answers to this address; there is nothing to see.", "NotFound"
        )
    return Response(status_code=204)


def _known(request: Request) -> str:
    """Return the worker who submits, or the assignment that the page's submit token is for.

    Strangers are refused before their form is read.
    """
    token, sessions = request.path_params.get("token"), web.sessions_of(request)
    if token is None:
        web.check_origin(request)
    known = sessions.of(request).worker if token is None else sessions.may_submit(token)
    if known is None:
        raise RequestError(NOT_YOURS, "NotYours")
    return known


def _joined(fields: list[tuple[str, str]]) -> dict[str, str]:
    """Return the answers by field; a field given more than once has its values joined by |, as on MTurk."""
    answers: dict[str, str] = {}
    for name, value in fields:
        if name and name != "assignmentId":
            answers[name] = f"{answers[name]}|{value}" if name in answers else value
    return answers


ROUTES = [
    Route("/mturk/externalSubmit", external_submit, methods=["POST"]),
    Route("/mturk/externalSubmit", reachable, methods=["GET"]),
    Route("/submit/{token}/mturk/externalSubmit", external_submit, methods=["POST"]),
    Route("/submit/{token}/mturk/externalSubmit", reachable, methods=["GET"]),
]
