"""What a worker sees afterwards: the end of an assignment, the history, qualifications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from ...panels.known import pays
from ..operations.qualifications import request_qualification
from ..protocol.errors import missing
from ..storage import assignments, bonuses, hits, messages, offers, workers
from ..storage.free_hits import Wanted
from ..storage.qualifications import for_worker
from . import leaving, web
from .submissions import own_assignment
from .worker_site import redirect, signed_in

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..storage.database import Transaction

_SHOWN = 200


async def done(request: Request) -> Response:
    """Say how an assignment ended, and where to go from here."""
    session, worker = signed_in(request)

    def reading(tx: Transaction) -> dict[str, Any]:
        row = own_assignment(tx, request.path_params["assignment_id"], worker)
        declined = row["status"] == "Returned" and "declined" in request.query_params
        hit = hits.find_facts(tx, row["hit_id"])
        wanted = Wanted(frozenset({hit["study"]}), one_a_batch=True)
        more = bool(hit["study"]) and offers.next_hit(tx, worker, "Accept", wanted) is not None
        return {
            "assignment": row,
            "hit": hit,
            "more": more,
            "declined": declined,
            "ending": leaving.ending(tx, request, row, hit, declined=declined),
            "person": workers.name_of(tx, worker),
        }

    found = await web.site_of(request).read_apart(reading)
    if found["assignment"]["status"] == "Accepted":
        return redirect(f"/worker/assignments/{found['assignment']['assignment_id']}")
    return web.page(request, "done", session=session, between=True, **found)


async def history(request: Request) -> Response:
    """List a worker's assignments, bonuses and messages."""
    session, worker = signed_in(request)

    def reading(tx: Transaction) -> dict[str, Any]:
        return {
            "assignments": assignments.newest_of_worker(tx, worker, _SHOWN),
            "bonuses": bonuses.newest_of_worker(tx, worker, _SHOWN),
            "messages": messages.newest_of_worker(tx, worker, _SHOWN),
            "panel_pays": pays(workers.panel_of(tx, worker)),
        }

    return await web.read_page(request, "history", reading, session=session)


async def qualifications(request: Request) -> Response:
    """List the qualifications that a worker has or may ask for."""
    session, worker = signed_in(request)

    def reading(tx: Transaction) -> dict[str, Any]:
        types = for_worker(tx, worker)
        return {"types": [row for row in types if _is_open(tx, worker, row["qualification_type_id"])]}

    return await web.read_page(request, "qualifications", reading, session=session)


def _is_open(tx: Transaction, worker: str, type_id: str) -> bool:
    """Tell whether somebody may ask for a qualification: by a study's link, for one of that study's."""
    came_for = workers.studies_open_to(tx, worker)
    return came_for is None or type_id in hits.required_by(tx, came_for)


def check_requestable_by(tx: Transaction, worker: str, type_id: str) -> None:
    """Refuse whoever came by the link of a study that does not require a qualification."""
    if not _is_open(tx, worker, type_id):
        raise missing("QualificationType", type_id)


async def ask(request: Request) -> Response:
    """Ask for a qualification; one that is granted automatically is there at once."""
    session, _ = await web.checked_form(request)
    worker = session.worker or signed_in(request)[1]
    type_id = request.path_params["type_id"]

    def change(tx: Transaction) -> None:
        check_requestable_by(tx, worker, type_id)
        request_qualification(tx, worker, type_id)

    await web.site_of(request).write(change)
    return redirect("/worker/qualifications")


ROUTES = [
    Route("/worker/assignments/{assignment_id}/done", done, methods=["GET"]),
    Route("/worker/history", history, methods=["GET"]),
    Route("/worker/qualifications", qualifications, methods=["GET"]),
    Route("/worker/qualifications/{type_id}/request", ask, methods=["POST"]),
]
