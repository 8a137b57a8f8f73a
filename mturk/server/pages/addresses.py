"""Under which address browsers see this server, and who sends its forms.

With `--public-url` that is the public address, whatever Host a proxy sends, and whether or not the proxy
strips the address's path before it passes a request on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import product
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..protocol import signing
from ..protocol.errors import SignatureError

if TYPE_CHECKING:
    from starlette.requests import Request

    from ..site import ServerSettings


def _settings(request: Request) -> ServerSettings:
    settings: ServerSettings = request.app.state.site.settings
    return settings


def origin(request: Request) -> str:
    """Return the address under which browsers see this server, without a slash at its end."""
    return _settings(request).public_url or _as_received(request)


def _as_received(request: Request) -> str:
    return f"{request.scope['scheme']}://{request.headers.get('host', '')}"


def base(request: Request) -> str:
    """Return the path of the public address, before every path of this server: mostly empty."""
    return public_path(_settings(request).public_url)


def public_path(public_url: str | None) -> str:
    """Return the path of a public address: `/study` of https://example.org/study."""
    return urlsplit(public_url or "").path


def is_secure(request: Request) -> bool:
    """Tell whether cookies may demand TLS: behind a public https address always, but for a program beside us.

    A browser takes such cookies from a loopback address, too; programs do not. Browsers say where a request
    comes from.
    """
    beside = request.url.scheme == "http" and request.url.hostname in _LOOPBACK
    program = "sec-fetch-site" not in request.headers
    return origin(request).startswith("https://") and not (beside and program)


def from_elsewhere(request: Request) -> str | None:
    """Return the site that a browser says made this request, if it is another one than this server."""
    stated = request.headers.get("origin")
    parts = urlsplit(origin(request))
    own = {f"{parts.scheme}://{parts.netloc}", _as_received(request)}
    return None if stated is None or stated in own else stated


def check_signature(request: Request, body: bytes | None, now: float) -> None:
    """Raise SignatureError unless one of this server's keys signed the request, for any of its addresses.

    A client signs the address that it was given. A proxy may take the path off, or send a Host of its own:
    then the signature fits the public address. `body` as in `signing.verify`.
    """
    site = request.app.state.site
    public = urlsplit(_settings(request).public_url or "")
    path = request.url.path
    hosts = [request.headers.get("host", ""), *([public.netloc] if public.netloc else [])]
    paths = [path]
    if public.path and path.startswith(f"{public.path}/"):
        paths += [public.path] if path == f"{public.path}/" else []
    elif public.path:
        paths += [public.path + path, *([public.path] if path == "/" else [])]
    for number, (host, signed_path) in enumerate(product(hosts, paths), start=1):
        try:
            headers = {**request.headers, "host": host}
            signing.verify(site.keys, (request.method, signed_path, request.url.query), headers, body, now)
        except SignatureError:
            if number == len(hosts) * len(paths):
                raise
        else:
            return


_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
App = Callable[[Any, Any, Any], Awaitable[None]]


class PublicPath:
    """Takes requests with the public address's path and without it, and redirects to paths that have it."""

    def __init__(self, app: App, path: str) -> None:
        self.app, self.path = app, path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on; routes are found behind `root_path`."""
        if not self.path or scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"] == self.path:
            scope = {**scope, "path": f"{self.path}/"}
        if scope["path"].startswith(f"{self.path}/"):
            scope = {**scope, "root_path": self.path}

        async def with_path(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    (name, self.path.encode() + value if self._is_own(name, value) else value)
                    for name, value in message.get("headers", [])
                ]
            await send(message)

        await self.app(scope, receive, with_path)

    def _is_own(self, name: bytes, value: bytes) -> bool:
        """Tell a redirect to one of our paths that lacks the public one."""
        return (
            name == b"location"
            and value.startswith(b"/")
            and not value.startswith((b"//", f"{self.path}/".encode()))
        )
