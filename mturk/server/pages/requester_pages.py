"""Requesters' pages in their frames: ours on this server's origin, all others on none.

A page that a requester wrote for MTurk ran there on an origin of its own, without a content policy. Here it
runs in a sandbox without an origin: whatever it loads or builds works, and nothing of this server's is within
its reach. It submits with a token instead of the worker's cookie. Amazon's addresses in it lead to this
server, which also serves Amazon's script for forms.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from glimpse.drawn import DrawnTrials
from glimpse.text import template_text

from ...page.pool import filled
from ..protocol import questions
from ..protocol.errors import RequestError
from ..storage import assignments, hits
from . import addresses, web, words
from .submissions import NO_TOKEN, NOT_YOURS, PREVIEW

if TYPE_CHECKING:
    from starlette.requests import Request

    from ..storage.database import Row, Transaction

ALLOWED = (
    "allow-scripts allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox allow-downloads "
    "allow-pointer-lock allow-presentation allow-orientation-lock"
)
POLICY = f"sandbox {ALLOWED}; frame-ancestors 'self'"
# Where pages written for MTurk send their answers, alone or as the beginning of an address that they build.
_AMAZON = re.compile(
    r"""(?:https?:)?//(?:www|workersandbox)\.mturk\.com(?=/mturk/externalSubmit|/?["'`])""", re.IGNORECASE
)
_SCRIPT = re.compile(
    r"(?:https?:)?//(?:s3\.amazonaws\.com/mturk-public|mturk-public\.s3\.amazonaws\.com)/externalHIT_v1\.js",
    re.IGNORECASE,
)
_CROWD = "https://assets.crowd.aws/crowd-html-elements.js"
# Where a page of ours names the place of its images on this server, without the public address's path.
_IMAGES = ',"b":"/media/'
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)


def page_address(request: Request, assignment: Row, question: questions.HitQuestion) -> str:
    """Return the address of an assignment's page, with the parameters that MTurk gives a page."""
    assignment_id = assignment["assignment_id"]
    parameters = {
        "assignmentId": assignment_id,
        "hitId": assignment["hit_id"],
        "workerId": assignment["worker_id"],
        "turkSubmitTo": addresses.origin(request),
    }
    if question.own:
        base = f"{addresses.base(request)}/worker/assignments/{assignment_id}"
        parameters["progressUrl"] = f"{base}/progress"
        return f"{base}/page?{urlencode(parameters)}"
    token = web.sessions_of(request).submit_token(assignment_id)
    parameters["turkSubmitTo"] += f"/submit/{token}"
    if question.url:
        return _with(question.url, parameters)
    return f"{addresses.base(request)}/submit/{token}/page?{urlencode(parameters)}"


def preview_address(request: Request, hit: Row, question: questions.HitQuestion) -> str:
    """Return the address of a HIT's page before anybody accepts it."""
    parameters = {"assignmentId": PREVIEW, "hitId": hit["hit_id"]}
    if question.url:
        return _with(question.url, parameters)
    return f"{addresses.base(request)}/worker/hits/{hit['hit_id']}/page?{urlencode(parameters)}"


def _with(address: str, parameters: dict[str, str]) -> str:
    joint = "&" if urlsplit(address).query else "?"
    base, mark, fragment = address.partition("#")
    return f"{base}{joint}{urlencode(parameters)}{mark}{fragment}"


def frame_source(question: questions.HitQuestion) -> str:
    """Return where the frame around a page may go: to this server, and to the page's own host."""
    if question.url is None:
        return "'self'"
    parts = urlsplit(question.url)
    return f"'self' {parts.scheme}://{parts.netloc}"


def sandbox(question: questions.HitQuestion) -> str | None:
    """Return what the frame around a page allows it; None for a page that runs on an origin."""
    return None if question.own or question.url else ALLOWED


async def requester_page(
    request: Request, hit: Row, token: str = NO_TOKEN, drawn: str | None = None
) -> HTMLResponse:
    """Return a HIT's page: ours with a policy that names all it holds, any other without an origin.

    `drawn`: the assignment's own trials, where they were drawn.
    """
    question = questions.parse(hit["question"])
    if question.html is None:
        raise RequestError("This task's page is on another site.", "NotFound")
    html, policy = question.html, POLICY
    if question.own:
        html = html.replace(_IMAGES, _IMAGES.replace("/media/", f"{addresses.base(request)}/media/"), 1)
        if drawn is not None:
            html = filled(html, DrawnTrials.from_text(drawn))
        policy = await asyncio.to_thread(questions.content_policy, html)
    else:
        html = adapted(request, html, f"/submit/{token}")
    return HTMLResponse(html, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})


def adapted(request: Request, html: str, path: str) -> str:
    """Return a page written for MTurk as it works here: Amazon's addresses are the server's, behind `path`.

    A script of ours runs first: it stands in for the storage that a page without an origin lacks, and says
    so where the page needs a script of Amazon's that did not load.
    """
    server = addresses.origin(request)
    html = _AMAZON.sub(server + path, html)
    html = _SCRIPT.sub(f"{server}/mturk/externalHIT_v1.js", html)
    at = _after_doctype(html)
    script = web.asset_address("frame.js")
    lost = words.of_browser(request).html("work.crowd", element="{element}", script=_CROWD)
    return f'{html[:at]}<script src="{server}{script}" data-lost="{lost}"></script>{html[at:]}'


def _after_doctype(html: str) -> int:
    """Return where a page begins behind its doctype, which nothing may stand before."""
    at = 0
    while html[at:].lstrip()[:4] == "<!--" and (end := html.find("-->", at)) >= 0:
        at = end + 3
    found = _DOCTYPE.match(html, at)
    return found.end() if found else 0


async def token_page(request: Request) -> Response:
    """Serve a requester's page to the frame that holds its token: such a frame sends no cookies."""
    token = request.path_params["token"]
    assignment_id = web.sessions_of(request).may_submit(token)
    if assignment_id is None:
        raise RequestError(NOT_YOURS, "NotYours")

    def reading(tx: Transaction) -> tuple[Row, Row]:
        row = assignments.find(tx, assignment_id)
        return row, hits.find(tx, row["hit_id"])

    assignment, hit = await web.site_of(request).read(reading)
    if assignment["status"] != "Accepted":
        raise RequestError("This task is over: it was submitted or returned, or its time is up.", "TaskOver")
    return await requester_page(request, hit, token)


async def amazons_script(_request: Request) -> Response:
    """Serve the script that pages load from Amazon to fill in their form."""
    headers = {"Cache-Control": "public, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(
        template_text("site/external_hit.js"), media_type="text/javascript; charset=utf-8", headers=headers
    )


ROUTES = [
    Route("/submit/{token}/page", token_page, methods=["GET"]),
    Route("/mturk/externalHIT_v1.js", amazons_script, methods=["GET"]),
]
