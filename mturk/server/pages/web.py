"""What all pages share: bounded bodies, forms, addresses, templates, headers."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from contextlib import AsyncExitStack
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from glimpse.text import environment, template_text

from ..protocol import forms
from ..protocol.errors import RequestError
from ..storage import ended_sessions
from . import words
from .addresses import App, base, from_elsewhere, is_secure, origin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from glimpse.language import Language

    from ..site import Site
    from ..storage.database import Transaction
    from .sessions import Session, Sessions

MAX_FORM = 1_048_576
MAX_OWN_FORM = 65_536  # the forms of our own pages have a few short fields
MAX_ARRIVING = 268_435_456  # bytes of all bodies that are being received
MAX_UPLOAD = 67_108_864  # bytes of a form with files, of which none is kept
_BODY_TIMEOUT_S = 60
_SCRIPT = "text/javascript; charset=utf-8"
ASSETS = {"site.css": "text/css; charset=utf-8", "site.js": _SCRIPT, "frame.js": _SCRIPT}

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}; frame-src {frames}"
)


def site_of(request: Request) -> Site:
    """Return the server that a request came to."""
    site: Site = request.app.state.site
    return site


def sessions_of(request: Request) -> Sessions:
    """Return the reader and writer of its cookies."""
    sessions: Sessions = request.app.state.sessions
    return sessions


async def body_of(request: Request, limit: int) -> bytes:
    """Return a request's body; HTTP 413 above `limit` bytes, 408 when it does not arrive.

    HTTP 503 where the bodies that are just arriving hold more memory than a server should give to them.
    """
    state, parts, size = request.app.state, [], 0
    try:
        async for part in parts_of(request, limit, _BODY_TIMEOUT_S):
            size += len(part)
            state.arriving += len(part)
            if state.arriving > MAX_ARRIVING:
                raise HTTPException(503, "The server is busy. Please try again in a moment.")
            parts.append(part)
    finally:
        state.arriving -= size
    return b"".join(parts)


async def parts_of(request: Request, limit: int, timeout_s: float) -> AsyncIterator[bytes]:
    """Yield a request's body as it arrives; HTTP 413 above `limit` bytes, 408 when it does not arrive."""
    stated, size = request.headers.get("content-length", "0"), 0
    if not stated.isdigit() or len(stated) > 15 or int(stated) > limit:
        raise HTTPException(413, f"More than {limit} bytes were sent.")
    arriving, loop = aiter(request.stream()), asyncio.get_running_loop()
    end = loop.time() + timeout_s
    try:
        while True:
            part = await asyncio.wait_for(anext(arriving), end - loop.time())
            size += len(part)
            if size > limit:
                raise HTTPException(413, f"More than {limit} bytes were sent.")
            yield part
    except StopAsyncIteration:
        return
    except TimeoutError:
        raise HTTPException(408, "The request did not arrive in time.") from None


async def form_of(request: Request, limit: int = MAX_FORM) -> forms.Form:
    """Return a form's fields in order; RequestError when it is not one that can be read.

    `limit` bounds the bytes that are kept. Files that come along are passed over, up to MAX_UPLOAD.
    """
    stated = request.headers.get("content-type", "")
    kind, _, parameters = stated.partition(";")
    if kind.strip().lower() == "application/x-www-form-urlencoded":
        charset = re.search(r"charset=\"?([\w.:-]+)", parameters, re.IGNORECASE)
        return forms.urlencoded(await body_of(request, limit), charset[1] if charset else None)
    if kind.strip().lower() == "multipart/form-data":
        return await _multipart(request, forms.Multipart(stated, limit))
    raise RequestError("The form was not sent as a form.", "MalformedForm")


async def _multipart(request: Request, reader: forms.Multipart) -> forms.Form:
    size = 0
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for part in request.stream():
                size += len(part)
                if size > MAX_UPLOAD:
                    raise HTTPException(413, f"More than {MAX_UPLOAD} bytes were sent.")
                reader.feed(part)
    except TimeoutError:
        raise HTTPException(408, "The request did not arrive in time.") from None
    return reader.form()


async def checked_form(request: Request) -> tuple[Session, dict[str, str]]:
    """Return the session and the fields of one of our own forms, its CSRF token checked."""
    check_origin(request)
    session = sessions_of(request).of(request)
    fields = dict((await form_of(request, MAX_OWN_FORM)).fields)
    if sessions_of(request).cookie not in request.cookies:
        raise RequestError(
            "Your browser does not keep this site's cookie. Allow cookies for this site, then go back, "
            "reload the page and try again. Nothing was lost.",
            "CookiesBlocked",
        )
    sessions_of(request).check_csrf(session, fields.get("csrf", ""))
    return session, fields


def check_origin(request: Request) -> None:
    """Refuse a form from another site; and where a proxy hides the address, before anybody begins to work."""
    stated = from_elsewhere(request)
    if stated:
        raise RequestError(
            f"This form was sent from {stated[:100]}, but this server believes that it is {origin(request)}. "
            "If you run the study: let the proxy pass Host on, or start the server with --public-url. If you "
            "take part in it: please tell the researchers; nothing was lost.",
            "FromElsewhere",
        )


async def end_session(request: Request, session: Session) -> None:
    """Let the cookie of a browser that somebody leaves count no more, wherever a copy of it is kept."""
    site = site_of(request)
    if session.worker is not None:
        await site.write(lambda tx: ended_sessions.end(tx, session.nonce))
        site.ended.add(session.nonce)


def is_our_simulator(request: Request) -> bool:
    """Tell whether the requester's own simulator asks, by the token of the data folder.

    HTTP 403 for another token: whoever is not the simulator sends none.
    """
    kind, _, shown = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return False
    if not hmac.compare_digest(shown.encode("utf-8", "replace"), site_of(request).requester_token.encode()):
        raise HTTPException(
            403, "This token is not the one in `dashboard-token` of the server's data folder."
        )
    return True


def bar_px(*, lab: bool) -> int:
    """Return the height of the line above a HIT's page, in CSS pixels, as site.css has it."""
    return 40 if lab else 56


def page(
    request: Request,
    template: str,
    *,
    session: Session | None = None,
    status_code: int = 200,
    frames: str = "'none'",
    ancestors: str = "'none'",
    between: bool = False,
    spoken: Language | None = None,
    **values: Any,
) -> HTMLResponse:
    """Render one of our pages; a session given is kept in the browser and gives the forms their token.

    On a page `between` two participants of a lab nobody is said to be signed in. `spoken` are the page's
    words: without them those of the `hit` that it shows, or of the browser.
    """
    found = session or sessions_of(request).of(request)
    lab = site_of(request).settings.lab
    shared = {
        **words.of_page(spoken or words.of_hit(request, values.get("hit"))),
        "csrf": sessions_of(request).csrf(found),
        "worker": None if lab and between else found.worker,
        "lab": lab,
        "base": base(request),
        "asset": lambda name: base(request) + asset_address(name),
        "path": request.url.path.removeprefix(base(request)),
    }
    html = _template(template).render(shared | values)
    policy = PAGE_POLICY.format(ancestors=ancestors, frames=frames)
    response = HTMLResponse(
        html, status_code, {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    )
    if session is not None:
        sessions_of(request).keep(response, session, secure=is_secure(request))
    return response


async def read_page(
    request: Request, template: str, reading: Callable[[Transaction], dict[str, Any]], **values: Any
) -> HTMLResponse:
    """Render one of our pages with what a reading finds, both on another thread: they may take long."""
    return await site_of(request).read_apart(lambda tx: page(request, template, **values, **reading(tx)))


@cache
def _template(name: str) -> Any:
    pages = environment()
    # Of the dashboard, which is English.
    written = {name: partial(getattr(words, name), words.ENGLISH) for name in ("moment", "duration")}
    pages.filters |= {**written, "ago": written["duration"]}
    return pages.get_template(f"site/{name}.html.j2")


@cache
def asset_address(name: str) -> str:
    """Return the address of a stylesheet or script, with its digest, so that it can be cached for good."""
    return f"/static/{hashlib.sha256(template_text(f'site/{name}').encode()).hexdigest()[:12]}/{name}"


async def asset(request: Request) -> Response:
    """Serve one of our stylesheets and scripts."""
    name = request.path_params["name"]
    if name not in ASSETS:
        raise HTTPException(404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(template_text(f"site/{name}"), media_type=ASSETS[name], headers=headers)


class SecurityHeaders:
    """Adds to every response what tells browsers not to guess, frame or leak."""

    DEFAULTS = (
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        (b"cache-control", b"no-store"),
    )

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, and add the headers that the response does not set itself."""

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                present = {name for name, _ in headers}
                headers += [pair for pair in self.DEFAULTS if pair[0] not in present]
            await send(message)

        await self.app(scope, receive, with_headers)


class OptionsReply:
    """Answers OPTIONS on every address: which methods there are, and that any page may send a form."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, or pass the request on."""
        if scope["type"] != "http" or scope["method"] != "OPTIONS":
            await self.app(scope, receive, send)
            return
        headers = {"Allow": "GET, HEAD, POST, PUT, OPTIONS"}
        if "/submit/" in scope["path"]:
            # A token is the right to submit; no cookie goes along.
            headers |= {
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Allow-Methods": "GET, POST",
                "Access-Control-Allow-Headers": "Content-Type, X-Requested-With",
            }
        await Response(status_code=204, headers=headers)(scope, receive, send)


class InTurn:
    """Lets few pages be made at once, so that short requests come in between and none waits for all.

    What reads a body has no turn, nor what takes no longer than to wait for one. A turn ends when the page is
    made, however slowly a browser takes it.
    """

    AT_ONCE = 4
    SHORT = ("/health", "/media/", "/static/")

    def __init__(self, app: App) -> None:
        self.app = app
        self.turns = asyncio.Semaphore(self.AT_ONCE)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, in its turn."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope.get("method") not in {"GET", "HEAD"} or path.startswith(self.SHORT):
            await self.app(scope, receive, send)
            return
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(self.turns)

            async def made(message: Any) -> None:
                await turn.aclose()
                await send(message)

            await self.app(scope, receive, made)
