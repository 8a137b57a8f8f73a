"""How participants leave: done, or not; what is kept then, and the way back to the panel with a code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ...panels import known, lab, own_run
from ...panels.lab import LAB
from ..storage import recruiting, studies
from . import panels, web, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from ...panels.panel import Panel
    from ..storage.database import Row, Transaction


# Why somebody does not take part: HTTP's status, and which text says what is kept of them.
REASONS = {
    "full": (409, "nothing_kept"),
    "done": (409, "done_kept"),
    "screened": (400, "nothing_kept"),
    "declined": (200, "nothing_kept"),
    "cookies": (403, "cookies_kept"),
}
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
    came = panels.identify(dict(request.query_params))

    def reading(tx: Transaction) -> tuple[panels.StudySettings, Mapping[str, Any]]:
        return panels.settings_of(tx, study, None), ways_of(tx, study, came.panel)

    settings, ways = await site.read(reading)
    status, said = REASONS[reason]
    sent = {"participant": came.person, **came.kept}
    return web.page(
        request, "out", status_code=status, reason=reason, kept=said, spoken=await words.of_request(request),
        again=f"/join/{quote(study, safe='')}?{request.url.query}".rstrip("?"),
        ending=way_out(settings, came.panel, sent, study, reason, ways), between=True,
    )  # fmt: skip


def ways_of(tx: Transaction, study: str, panel: Panel) -> Mapping[str, Any]:
    """Return, by reason, the ways back that `publish` arranged with a panel; none where it did not."""
    found: Mapping[str, Any] = recruiting.settings(tx, study).get(panel.name, {}).get("ways", {})
    return found


def way_out(
    settings: panels.StudySettings,
    panel: Panel,
    kept: dict[str, str],
    study: str,
    reason: str,
    ways: Mapping[str, Any],
) -> dict[str, Any]:
    """Return where somebody goes who did not finish: url, code, panel; with advice what to do there."""
    panel = lab.PANEL if panel is own_run.PANEL else panel
    if reason in ways:
        return {**ways[reason], "panel": panel, "advice": True}
    url, code = settings.screen_out_url, settings.screen_out_code
    if reason == "declined":
        url, code = settings.decline_url or url, settings.decline_code or code
    url = _filled(url, {**_marks(kept, study), "reason": reason})
    return {"url": url, "code": code, "panel": panel, "advice": True}


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
    """Return where a participant goes afterwards: url, code, panel; None on the plain worker site.

    `declined`: they returned the assignment as they did not agree to take part.
    """
    if not hit["study"]:
        return None
    settings = panels.settings_of(tx, hit["study"], web.site_of(request).settings.completion_url)
    arrival = studies.arrival(tx, assignment["arrival"])
    kept = json.loads(arrival["parameters"]) if arrival else {}
    name = arrival["panel"] if arrival else LAB
    panel = next((panel for panel in known.PANELS if panel.name == name), known.PANELS[-1])
    ways = ways_of(tx, hit["study"], panel)
    if assignment["submitted"] is None:
        if arrival is None:
            return None
        returned = "declined" if declined else "returned"
        reason = returned if assignment["status"] == "Returned" else "time"
        return way_out(settings, panel, kept, hit["study"], reason, ways)
    if arrival is not None and "completed" in ways:
        return {**ways["completed"], "panel": panel, "advice": False}
    if arrival is None and not settings.completion_code:
        return None
    panel = lab.PANEL if panel is own_run.PANEL else panel
    marks = _marks(kept, hit["study"])
    marks["assignment"] = marks["assignment"] or assignment["assignment_id"]
    url = _filled(settings.completion_url, marks)
    return {"url": url, "code": settings.completion_code, "panel": panel, "advice": False}
