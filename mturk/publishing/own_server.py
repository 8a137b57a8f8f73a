"""Requests to our own server beside MTurk's protocol: images, who is who, how it is.

They are tried again as API calls are: a connection that breaks, a timeout, a server that is busy or being
started anew ends nothing. Every request here may be repeated: images never change, the rest only reads.
"""

from __future__ import annotations

import random
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .client import ATTEMPTS, REGION, SERVICE, EndpointError, nobody_answers, said, session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from .client import Endpoint

TIMEOUT_S = 60.0
WAIT_S, LONGEST_WAIT_S = 1.0, 20.0
# How long a command waits for a server that somebody has just started: without and with a sign of it.
UNSEEN_S, STARTING_S = 15.0, 120.0
# What passes: too many requests, a proxy whose server is away, a full disk.
_PASSING = (408, 425, 429, 500, 502, 503, 504)


def signer(target: Endpoint) -> Callable[..., dict[str, str]]:
    """Return a function (method, url, body, headers) -> headers that sign a request with the server's key."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    credentials = session(target).get_credentials().get_frozen_credentials()

    def signed(
        method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> dict[str, str]:
        request = AWSRequest(method, url, headers, body)
        SigV4Auth(credentials, SERVICE, REGION).add_auth(request)
        return dict(request.headers.items())

    return signed


def ask(
    target: Endpoint,
    client: httpx.Client,
    method: str,
    url: str,
    *,
    headers: Callable[[], dict[str, str]] = dict,
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], Any] = time.sleep,
    **content: Any,
) -> httpx.Response:
    """Send a request until it is answered, `attempts` times at most; EndpointError when it never is.

    `headers` are made anew for each attempt, because a signature ages.
    """
    import httpx

    problem: Exception | None = None
    for attempt in range(attempts):
        if attempt:
            # Exponential back-off with jitter, as botocore's.
            sleep(min(LONGEST_WAIT_S, WAIT_S * random.random() * 2 ** (attempt - 1)))  # noqa: S311 - no secret
        try:
            response = client.request(method, url, headers=headers(), **content)
        except httpx.TransportError as error:
            problem = error
            continue
        if response.status_code not in _PASSING or attempt == attempts - 1:
            return response
    if isinstance(problem, httpx.ConnectError):
        raise nobody_answers(target)
    raise EndpointError(f"{method} {url} failed {attempts} times: {problem or type(problem).__name__}")


def await_start(data: Path, say: Callable[[str], None], sleep: Callable[[float], Any] = time.sleep) -> None:
    """Wait for the server of a folder, which may have been started a moment ago.

    Returns when it listens at the address that it wrote, and also when none comes: the next request says so.
    """
    waited = 0.0
    while not listens(data):
        if waited >= (STARTING_S if _is_held(data / "lock") else UNSEEN_S):
            return
        if not waited:
            say("Waiting for the server to start.")
        sleep(0.1)
        waited += 0.1


def listens(data: Path) -> bool:
    """Tell whether the server of a folder can be reached."""
    url = said(data / "endpoint")
    if url is None:
        # Keys alone, copied from elsewhere, belong to a server at the usual address or at a given one.
        return (data / "credentials").exists() and not (data / "server.sqlite3").exists()
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=TIMEOUT_S):
            return True
    except OSError:
        return False  # left behind by a server that was killed


def _is_held(lock: Path) -> bool:
    """Tell whether a server holds its folder."""
    import fcntl

    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def clock_notice(target: Endpoint) -> str:
    """Return what a local server says of a clock that jumped; empty where it says nothing."""
    import httpx

    if target.name != "local":
        return ""
    with httpx.Client(timeout=TIMEOUT_S) as client:
        reply = ask(target, client, "GET", f"{target.url}/health")
    lines = reply.text.splitlines() if reply.status_code == httpx.codes.OK else []
    return "\n".join(lines[1:]) if lines[:1] == ["ok"] else ""
