"""Progress that pages save on the way, and what they hear: the time that is left, and their next exposure."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..protocol.errors import RequestError
from ..storage import assignments, staircases
from ..storage.progress import Progress, Remembered, goes_on
from . import addresses, web, words
from .submissions import NOT_YOURS, own_assignment

if TYPE_CHECKING:
    from starlette.requests import Request

    from ...page.stairs import Decision
    from ..storage.database import Row, Transaction

MAX_PROGRESS = 262_144
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


class _Saved(NamedTuple):
    """What became of a save: why not (a key of `REFUSALS`), seconds left, and the page's next exposure."""

    reason: str | None
    left: int | None = None
    decided: Decision | None = None


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
    text, sent = await _sent(request)
    worker = web.sessions_of(request).of(request).worker
    assignment_id = request.path_params["assignment_id"]

    remembered: Remembered = request.app.state.remembered

    def store(tx: Transaction) -> _Saved:
        row, left = _with_time_left(tx, own_assignment(tx, assignment_id, worker))
        if left is None:
            return _Saved(_ENDED.get(row["status"], "submitted"))
        kept = remembered.progress(row["seq"], row["progress"])
        new = _joined(kept, sent) if request.method == "PATCH" else Progress.of(text)
        wanted = new.text if new else text
        if wanted != row["progress"]:
            if not _goes_on(row["progress"], kept, sent, new):
                return _Saved("moved", left)
            assignments.set_progress(tx, row, wanted)
        if new is None:
            return _Saved(None, left)
        remembered.put(row["seq"], new)
        return _Saved(None, left, staircases.decision(tx, row, new) if new.rest.get("stairs") else None)

    reason, left, decided = await web.site_of(request).write(store)
    if reason is None:
        return Response(status_code=204, headers={TIME_LEFT: str(left), **_decided(decided)})
    spoken = await words.of_request(request)
    refusal = {"error": words.again(spoken, REFUSALS[reason]), "reason": reason}
    if left is None:
        refusal["next"] = f"{addresses.base(request)}/worker/assignments/{assignment_id}/done"
    return JSONResponse(refusal, 409)


async def _sent(request: Request) -> tuple[str, Any]:
    """Return the progress that a page sends, as text and read."""
    body = await web.body_of(request, MAX_PROGRESS)
    try:
        text = body.decode("utf-8")
        return text, json.loads(text)
    except (ValueError, RecursionError):
        raise HTTPException(400, "Progress must be JSON.") from None


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


def _joined(kept: Progress | None, sent: Any) -> Progress:
    """Return the progress of which a page sent the end; HTTP 412 where the rest is lacking."""
    if kept is None:
        raise HTTPException(412, "No progress is kept that this could go on from. Send all of it.")
    try:
        new = kept.joined(sent)
    except ValueError as error:
        raise HTTPException(412, f"{error} Send all of it.") from None
    if len(new.text) > MAX_PROGRESS:
        raise HTTPException(413, f"The progress is {len(new.text)} characters long; allowed: {MAX_PROGRESS}.")
    return new


def _goes_on(text: str | None, kept: Progress | None, sent: Any, new: Progress | None) -> bool:
    if kept is None or new is None:
        return goes_on(json.loads(text or "null"), sent)
    return kept.goes_on(new)


ROUTES = [
    Route("/worker/assignments/{assignment_id}/progress", read_progress, methods=["GET"]),
    Route("/worker/assignments/{assignment_id}/progress", save_progress, methods=["PUT", "POST", "PATCH"]),
]
