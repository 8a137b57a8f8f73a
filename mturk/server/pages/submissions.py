"""Answers coming in: the form that MTurk's pages post, and progress saved on the way."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...answers import MAX_XML, encode
from ..protocol import forms, questions
from ..protocol.errors import RequestError
from ..protocol.question_forms import OTHER
from ..storage import assignments, hits, own_runs, staircases
from ..storage.transitions import submit
from . import addresses, web, words

if TYPE_CHECKING:
    from starlette.requests import Request

    from ...page.stairs import Decision
    from ..storage.database import Row, Transaction

MAX_PROGRESS = 262_144
PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"
# What the page of a preview holds instead of the right to submit.
NO_TOKEN = "preview"  # noqa: S105 - the opposite of a secret
# Whole seconds until the deadline, so that a page can end by itself.
TIME_LEFT = "X-Seconds-Left"
# How long to show the trial at a place, in ms, and whether the answer before it was right: 1 or 0.
PLACE, EXPOSURE_MS, RIGHT = "X-Place", "X-Exposure-Ms", "X-Right"
_ENDED = {"Accepted": "time", "Abandoned": "time", "Returned": "returned"}
_KEPT = (
    "The server has kept the answers it received, but they do not count for the study. "
    "If you can accept the task again, you will continue where you stopped."
)
REFUSALS = {
    "moved": "This task was continued in another tab or browser.",
    "time": f"Time is up. {_KEPT}",
    "returned": f"You returned this task. {_KEPT}",
    "submitted": "You submitted this task, and we received your answers. There is nothing left to do.",
}
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


async def read_progress(request: Request) -> Response:
    """Return what the page saved, or 204 when it saved nothing."""
    worker = web.sessions_of(request).of(request).worker
    row, left = await web.site_of(request).read(
        lambda tx: _with_time_left(tx, own_assignment(tx, request.path_params["assignment_id"], worker))
    )
    headers = {} if left is None else {TIME_LEFT: str(left)}
    if row["progress"] is None:
        return Response(status_code=204, headers=headers)
    return Response(row["progress"], media_type="application/json", headers=headers)


async def save_progress(request: Request) -> Response:
    """Keep what a page wants to find again after a reload, as long as the assignment is being worked on.

    PATCH brings the `answers` from the place `from` on; the one there must be kept already. 412 where it is
    not: then the page sends the whole.

    What was acknowledged stays: progress that does not go on from it, or comes when the assignment is over,
    is answered with 409 and JSON: `error` for the worker, `reason` (a key of `REFUSALS`) for the page, and
    `next`, where to go when it is over.
    """
    if addresses.from_elsewhere(request):
        raise HTTPException(403)
    if web.sessions_of(request).of(request).worker is None:
        raise RequestError(NOT_YOURS, "NotYours")
    body = await web.body_of(request, MAX_PROGRESS)
    try:
        text = body.decode("utf-8")
        sent = json.loads(text)
    except (ValueError, RecursionError):
        raise HTTPException(400, "Progress must be JSON.") from None
    worker = web.sessions_of(request).of(request).worker
    assignment_id = request.path_params["assignment_id"]

    def store(tx: Transaction) -> tuple[str | None, int | None, Decision | None]:
        row, left = _with_time_left(tx, own_assignment(tx, assignment_id, worker))
        if left is None:
            return _ENDED.get(row["status"], "submitted"), None, None
        kept = row["progress"]
        before = json.loads(kept or "null")
        whole, new = _with_the_rest(kept, before, sent) if request.method == "PATCH" else (sent, text)
        if new != kept:
            if not _goes_on(before, whole):
                return "moved", left, None
            assignments.set_progress(tx, row, new)
        climbs = isinstance(whole, dict) and whole.get("stairs")
        return None, left, staircases.decision(tx, row, whole) if climbs else None

    reason, left, decided = await web.site_of(request).write(store)
    if reason is None:
        return Response(status_code=204, headers={TIME_LEFT: str(left), **_decided(decided)})
    spoken = await words.of_request(request)
    refusal = {"error": words.again(spoken, REFUSALS[reason]), "reason": reason}
    if left is None:
        refusal["next"] = f"{addresses.base(request)}/worker/assignments/{assignment_id}/done"
    return JSONResponse(refusal, 409)


def _decided(decision: Decision | None) -> dict[str, str]:
    """Return what a page is told of its next trial."""
    if decision is None:
        return {}
    found = {PLACE: str(decision.place)}
    if decision.exposure_ms is not None:
        found[EXPOSURE_MS] = str(decision.exposure_ms)
    return found if decision.right is None else {**found, RIGHT: str(int(decision.right))}


def _with_time_left(tx: Transaction, row: Row) -> tuple[Row, int | None]:
    """Return an assignment and the seconds that are left for it, rounded up; None when it is over."""
    if row["status"] != "Accepted" or row["deadline"] <= tx.now:
        return row, None
    return row, math.ceil(row["deadline"] - tx.now)


def _with_the_rest(kept: str | None, before: Any, sent: Any) -> tuple[Any, str]:
    """Return the progress of which a page sent the end, and its text; HTTP 412 where the rest is lacking.

    `before` is what `kept` says; its answers stand in what is returned.
    """
    try:
        start, begun = sent["from"], before["answers"]
        if type(start) is not int or not 0 <= start < len(begun):
            raise HTTPException(412, "The answers before these are not kept. Send all of them.")
        whole = {**sent, "answers": begun[:start] + sent["answers"]}
        del whole["from"]
        text = str(kept) if whole == before else json.dumps(whole, separators=(",", ":"))
    except (AttributeError, KeyError, RecursionError, TypeError):
        raise HTTPException(412, "No progress is kept that this could go on from. Send all of it.") from None
    if len(text) > MAX_PROGRESS:
        raise HTTPException(413, f"The progress is {len(text)} characters long; allowed: {MAX_PROGRESS}.")
    return whole, text


def _goes_on(kept: Any, sent: Any) -> bool:
    """Tell whether progress holds all of what is kept: `seq` is higher, `at` not lower, `answers` only grew.

    A page that does not count its progress in `seq` may replace it by anything.
    """
    if not isinstance(kept, dict) or "seq" not in kept:
        return True
    answers = kept.get("answers", [])
    try:
        return bool(
            sent["seq"] > kept["seq"]
            and sent.get("at", 0) >= kept.get("at", 0)
            and sent.get("answers", [])[: len(answers)] == answers
        )
    except (AttributeError, KeyError, RecursionError, TypeError):
        return False


ROUTES = [
    Route("/mturk/externalSubmit", external_submit, methods=["POST"]),
    Route("/mturk/externalSubmit", reachable, methods=["GET"]),
    Route("/submit/{token}/mturk/externalSubmit", external_submit, methods=["POST"]),
    Route("/submit/{token}/mturk/externalSubmit", reachable, methods=["GET"]),
    Route("/worker/assignments/{assignment_id}/progress", read_progress, methods=["GET"]),
    Route("/worker/assignments/{assignment_id}/progress", save_progress, methods=["PUT", "POST", "PATCH"]),
]
