"""Participants who arrive by a link: from Prolific, CloudResearch Connect, SONA, or a lab's own.

`/join/<study>` reads who they are from the address, shows what the study is, and gives them the next HIT by
the rules of the worker site: one HIT a person and batch, least-filled first. Afterwards they go back to the
panel.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.routing import Route

from mturk.errors import MTurkError
from mturk.server import offers, web
from mturk.server.errors import RequestError
from mturk.server.sessions import Session
from mturk.server.site import is_web_address
from mturk.server.transitions import study_hits
from mturk.server.workers import worker_for

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from mturk.server.store import Row, Transaction

MAX_PARAMETER = 200
LAB = "lab"


@dataclass(frozen=True)
class Panel:
    """Where participants come from: `person` is the parameter that tells who, `others` are kept with it.

    `link` is what a link to hand out holds, in the panel's own marks; `shown` tells whether the dashboard
    lists it.
    """

    name: str
    title: str
    person: str
    others: tuple[str, ...]
    link: str
    shown: bool = True


PANELS = (
    Panel(
        "prolific", "Prolific", "PROLIFIC_PID", ("STUDY_ID", "SESSION_ID"),
        "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}",
    ),
    Panel("connect", "CloudResearch Connect", "participantId", ("assignmentId", "projectId"), ""),
    Panel("sona", "SONA", "survey_code", (), "survey_code=%SURVEY_CODE%"),
    Panel("sona", "SONA", "id", (), "id=%SURVEY_CODE%", shown=False),
    Panel(LAB, "Lab", "participant", (), "participant=P01"),
)  # fmt: skip


@dataclass(frozen=True)
class StudySettings:
    """How a study ends for its participants.

    `completion_url` may hold {participant}, {session}, {study} and {assignment}; `completion_code` is shown
    to be copied; a smallest window of 0 by 0 lets phones take part.
    """

    completion_url: str = ""
    completion_code: str = ""
    screen_out_url: str = ""
    min_width_px: int = 900
    min_height_px: int = 600

    @property
    def takes_phones(self) -> bool:
        """Whether a phone may begin."""
        return self.min_width_px == 0

    def __post_init__(self) -> None:
        for name in ("completion_url", "screen_out_url"):
            value = getattr(self, name)
            if value and not is_web_address(value):
                raise RequestError(
                    f"{name} is {value[:100]!r}; needed: an address that begins with https://."
                )
        if len(self.completion_code) > MAX_PARAMETER:
            raise RequestError(f"completion_code has more than {MAX_PARAMETER} characters.")
        for name in ("min_width_px", "min_height_px"):
            if not 0 <= getattr(self, name) <= 10_000:
                raise RequestError(f"{name} is {getattr(self, name)}; allowed: 0 to 10000.")


def settings_of(tx: Transaction, study: str, default_url: str | None) -> StudySettings:
    """Return a study's settings as the dashboard saved them."""
    row = tx.one("SELECT settings FROM study_settings WHERE study = ?", study)
    stored = json.loads(row["settings"]) if row else {}
    stored.setdefault("completion_url", default_url or "")
    try:
        return StudySettings(**stored)
    except TypeError as error:
        raise MTurkError(f"The stored settings of study {study} cannot be read: {error}") from None


def identify(parameters: dict[str, str]) -> tuple[Panel, str, dict[str, str]]:
    """Return the panel, the person and the panel's own parameters; an address without any is a lab link.

    Without a name the person is nobody known: the name is then made up, and remembered by the browser.
    """
    for panel in PANELS:
        person = parameters.get(panel.person, "").strip()
        if person:
            kept = {name: parameters.get(name, "")[:MAX_PARAMETER] for name in panel.others}
            return panel, person, kept
    return PANELS[-1], "", {}


def _known_study(tx: Transaction, study: str) -> list[Row]:
    hits = study_hits(tx, study)
    if not hits:
        raise HTTPException(404, "There is no such study on this server. Check the link that you were given.")
    return hits


async def show_join(request: Request) -> Response:
    """Say what the study is, and ask whether to begin."""
    site = web.site_of(request)
    study = request.path_params["study"]
    panel, person, _ = identify(dict(request.query_params))
    session = web.sessions_of(request).of(request)

    def reading(tx: Transaction) -> tuple[Row, StudySettings]:
        return _known_study(tx, study)[0], settings_of(tx, study, site.settings.completion_url)

    hit, settings = await site.read(reading)
    return web.page(
        request, "join", session=session, hit=hit, panel=panel, person=person, settings=settings,
        phone=is_phone(request) and not settings.takes_phones, query=request.url.query,
    )  # fmt: skip


def is_phone(request: Request) -> bool:
    """Tell whether the browser says that it is a phone's or a tablet's."""
    if request.headers.get("sec-ch-ua-mobile") == "?1":
        return True
    agent = request.headers.get("user-agent", "")
    return any(word in agent for word in ("Mobile", "Android", "iPhone", "iPad"))


async def join(request: Request) -> Response:
    """Give a participant the next HIT, or the one that they have not finished."""
    session, _ = await web.checked_form(request)
    study = request.path_params["study"]
    site = web.site_of(request)
    phone = is_phone(request)
    parameters = dict(request.query_params)

    def change(tx: Transaction) -> tuple[Session, str]:
        _known_study(tx, study)
        if phone and not settings_of(tx, study, None).takes_phones:
            raise RequestError(
                "This study needs a computer with a keyboard. Please open the same link there.",
                "NotOnThisDevice",
            )
        arrived = _arrive(tx, site.secret, session, study, parameters)
        worker = str(arrived.worker)
        running = offers.unfinished(tx, worker, study)
        if running:
            return arrived, str(running[0]["assignment_id"])
        finished = _finished(tx, worker, study)
        if finished and not _again(parameters):
            return arrived, finished
        return arrived, _next(tx, worker, study, parameters, arrived.arrival)

    arrived, assignment_id = await site.write(change)
    from mturk.server.worker_site import redirect

    response = redirect(f"/worker/assignments/{assignment_id}")
    web.sessions_of(request).keep(response, arrived, secure=web.is_secure(request))
    return response


def _again(parameters: dict[str, str]) -> bool:
    return "batch" in parameters


def _arrive(
    tx: Transaction, secret: str, session: Session, study: str, parameters: dict[str, str]
) -> Session:
    """Enter the participant and the link that they came by."""
    panel, person, kept = identify(parameters)
    if person or session.worker is None:
        worker = worker_for(tx, secret, panel.name, person or f"guest-{secrets.token_hex(8)}")
    else:
        worker = session.worker
    cursor = tx.run(
        "INSERT INTO arrivals (worker_id, study, panel, parameters, at) VALUES (?, ?, ?, ?, ?)",
        worker, study, panel.name, json.dumps({"participant": person[:MAX_PARAMETER], **kept}), tx.now,
    )  # fmt: skip
    if session.worker == worker:
        return Session(session.nonce, worker, cursor.lastrowid)
    return Session(secrets.token_urlsafe(12), worker, cursor.lastrowid)


def _finished(tx: Transaction, worker: str, study: str) -> str | None:
    row = tx.one(
        "SELECT assignment_id FROM assignments JOIN hits USING (hit_id) WHERE worker_id = ? AND study = ? "
        "AND assignments.submitted IS NOT NULL ORDER BY submit_order DESC",
        worker, study,
    )  # fmt: skip
    return str(row["assignment_id"]) if row else None


def _next(tx: Transaction, worker: str, study: str, parameters: dict[str, str], arrival: int | None) -> str:
    try:
        return offers.accept_next(
            tx, worker, study=study, batch=parameters.get("batch"), one_a_batch=True, arrival=arrival
        )
    except RequestError as error:
        raise RequestError(
            "All places of this study are taken at the moment, or you have taken part already. "
            "Thank you for your interest; you may close this page, or try again later.",
            error.code.removeprefix("AWS.MechanicalTurk."),
        ) from None


# The way back


def ending(tx: Transaction, request: Request, assignment: Row, hit: Row) -> dict[str, Any] | None:
    """Return where a participant goes afterwards: url, code, panel, title; None on the plain worker site."""
    if not hit["study"] or assignment["submitted"] is None:
        return None
    settings = settings_of(tx, hit["study"], web.site_of(request).settings.completion_url)
    arrival = tx.one("SELECT panel, parameters FROM arrivals WHERE id = ?", assignment["arrival"])
    if arrival is None and not settings.completion_code:
        return None
    kept = json.loads(arrival["parameters"]) if arrival else {}
    url = settings.completion_url
    for mark, value in {
        "participant": kept.get("participant", ""),
        "session": kept.get("SESSION_ID", ""),
        "study": hit["study"],
        "assignment": kept.get("assignmentId") or assignment["assignment_id"],
    }.items():
        url = url.replace(f"{{{mark}}}", quote(value, safe=""))
    name = arrival["panel"] if arrival else LAB
    title = next((panel.title for panel in PANELS if panel.name == name), "the panel")
    return {"url": url, "code": settings.completion_code, "panel": name, "title": title}


ROUTES = [
    Route("/join/{study}", show_join, methods=["GET"]),
    Route("/join/{study}", join, methods=["POST"]),
]
