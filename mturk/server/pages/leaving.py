"""How participants leave: done, or not; what is kept then, and the way back to the panel with a code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..storage import studies
from . import panels, web

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..storage.database import Row, Transaction


@dataclass(frozen=True)
class WayOut:
    """Why somebody does not take part: the page says it, and what is kept of them. `status` is HTTP's."""

    status: int
    heading: str
    text: str
    kept: str


_NOTHING = "You have not begun, so there are no answers of yours to keep."
REASONS = {
    "full": WayOut(
        409,
        "No place is free",
        "No place in this study is free for you at the moment: all are taken, the study has ended, or it "
        "asks for a qualification that you do not have. A place becomes free when somebody returns theirs: "
        "you can try again later.",
        _NOTHING,
    ),
    "done": WayOut(
        409,
        "You have already taken part",
        "Everybody can take part in this study once, and you have. To see your completion code again, open "
        "this page in the browser in which you took part.",
        "The answers that you submitted are kept, and they count.",
    ),
    "screened": WayOut(
        400,
        "Not on this device",
        "This study needs a computer with a keyboard and a window that is large enough. You can open the "
        "same link there.",
        _NOTHING,
    ),
    "declined": WayOut(
        200,
        "You are not taking part",
        "You decided not to take part in this study. If you change your mind, open the same link again.",
        _NOTHING,
    ),
    "cookies": WayOut(
        403,
        "This study needs a cookie",
        "Your browser does not keep this site's cookie, without which we cannot tell your answers from other "
        "people's. Allow cookies for this site, or open the link in a window of its own and not inside of "
        "another site; a private window that blocks all cookies will not do. Then try again.",
        "Nothing was stored; if you had already begun, your answers are kept and you will continue where you "
        "stopped.",
    ),
}  # fmt: skip
# What refusals of the storage mean to somebody who comes by a link.
BY_CODE = {
    "NoHITsAvailable": "full",
    "WorkerAlreadyHasAssignment": "done",
    "NotOnThisDevice": "screened",
    "CookiesBlocked": "cookies",
}


async def out(request: Request, reason: str) -> Response:
    """Show a participant who came by a link why they do not take part, and how to get back to the panel."""
    study, site = request.path_params["study"], web.site_of(request)
    settings = await site.read(lambda tx: panels.settings_of(tx, study, None))
    came = panels.identify(dict(request.query_params))
    kept = {"participant": came.person, **came.kept}
    return web.page(
        request, "out", status_code=REASONS[reason].status, reason=REASONS[reason],
        again=f"/join/{quote(study, safe='')}?{request.url.query}".rstrip("?"),
        ending=way_out(settings, came.panel, kept, study, reason), between=True,
    )  # fmt: skip


def way_out(
    settings: panels.StudySettings, panel: panels.Panel, kept: dict[str, str], study: str, reason: str
) -> dict[str, str]:
    """Return where somebody goes who did not finish: url, code, title, and what the panel asks of them."""
    url, code = settings.screen_out_url, settings.screen_out_code
    if reason == "declined":
        url, code = settings.decline_url or url, settings.decline_code or code
    url = _filled(url, {**_marks(kept, study), "reason": reason})
    return {"url": url, "code": code, "title": panel.title, "advice": panel.leave}


def _marks(kept: dict[str, str], study: str) -> dict[str, str]:
    return {
        "participant": kept.get("participant", ""),
        "session": kept.get("SESSION_ID", ""),
        "study": study,
        "assignment": kept.get("assignmentId", ""),
    }


def _filled(url: str, marks: dict[str, str]) -> str:
    for mark, value in marks.items():
        url = url.replace(f"{{{mark}}}", quote(value, safe=""))
    return url


def ending(
    tx: Transaction, request: Request, assignment: Row, hit: Row, *, declined: bool = False
) -> dict[str, Any] | None:
    """Return where a participant goes afterwards: url, code, title; None on the plain worker site.

    `declined`: they returned the assignment as they did not agree to take part.
    """
    if not hit["study"]:
        return None
    settings = panels.settings_of(tx, hit["study"], web.site_of(request).settings.completion_url)
    arrival = studies.arrival(tx, assignment["arrival"])
    kept = json.loads(arrival["parameters"]) if arrival else {}
    name = arrival["panel"] if arrival else panels.LAB
    panel = next((panel for panel in panels.PANELS if panel.name == name), panels.PANELS[-1])
    if assignment["submitted"] is None:
        if arrival is None:
            return None
        returned = "declined" if declined else "returned"
        reason = returned if assignment["status"] == "Returned" else "time"
        return way_out(settings, panel, kept, hit["study"], reason)
    if arrival is None and not settings.completion_code:
        return None
    marks = _marks(kept, hit["study"])
    marks["assignment"] = marks["assignment"] or assignment["assignment_id"]
    url = _filled(settings.completion_url, marks)
    return {"url": url, "code": settings.completion_code, "title": panel.title, "advice": ""}
