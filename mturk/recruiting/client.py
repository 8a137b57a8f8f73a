"""A thin client of Prolific's API: one request, its repetition, and its errors in words.

    GlimpseError
    ├── ProlificTokenError     no token, one that others may read, or one that Prolific refuses
    ├── ProlificError          Prolific refused the request; `.status` is HTTP's
    ├── UnsentError            nobody answers: the request was never sent
    └── OutcomeUnknownError    the request may have been carried out: nobody answered, or with a 5xx

Requests that change nothing, or the same thing each time, are repeated with growing waits. One that makes
something is repeated only where Prolific says that it did not look at it (429). One that pays is sent once.
The token is in a header alone: never in an address, a log, a ledger or a message.
"""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from glimpse.errors import GlimpseError
from glimpse.version import __version__

from ..panels.prolific import API_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import httpx

TOKEN_FILE = Path("~/.prolific-token")
TIMEOUT_S = 60.0
ATTEMPTS = 6
WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
TOO_MANY = 429
PAGE_SIZE = 100
_MOST_PAGES = 1000
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class ProlificTokenError(GlimpseError):
    """There is no token for Prolific, others may read it, or Prolific refuses it."""


class ProlificError(GlimpseError):
    """Prolific refused a request; `status` is HTTP's, `detail` what Prolific said."""

    def __init__(self, what: str, status: int, detail: str) -> None:
        super().__init__(f"Prolific refused to {what}: {detail} (HTTP {status})")
        self.what, self.status, self.detail = what, status, detail


class UnsentError(GlimpseError):
    """Nobody answers at Prolific's address; nothing was sent."""


class OutcomeUnknownError(GlimpseError):
    """Nobody knows whether a request was carried out."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"Prolific may or may not have done this: {what} ({reason})")
        self.what, self.reason = what, reason


class Repeat(Enum):
    """When a request may be sent again by itself."""

    ALWAYS = "it changes nothing, or the same thing each time"
    REFUSED = "it makes something: only after a 429, which did nothing"
    NEVER = "it pays"


@dataclass(frozen=True)
class Address:
    """Where Prolific's API is and how it is entered; the token is not shown when this is printed."""

    url: str
    token: str = field(repr=False)


def known_address(environment: Mapping[str, str] | None = None) -> Address:
    """Return the address and the token, from PROLIFIC_URL, PROLIFIC_TOKEN or the token's file.

    The file is `~/.prolific-token`, or the one that PROLIFIC_TOKEN_FILE names. ProlificTokenError without a
    token, and for a file that others may read.
    """
    given = os.environ if environment is None else environment
    url = given.get("PROLIFIC_URL", "").strip().rstrip("/") or API_URL
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.username:
        raise GlimpseError(f"PROLIFIC_URL is {url[:100]!r}; needed: an address such as {API_URL}")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise GlimpseError(
            f"PROLIFIC_URL is {url}: the token would travel in clear text. Use https, or a server on this "
            "machine"
        )
    token = given.get("PROLIFIC_TOKEN", "").strip() or _filed_token(given.get("PROLIFIC_TOKEN_FILE"))
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ProlificTokenError("The token for Prolific holds characters that no token has; copy it again.")
    return Address(url, token)


def _filed_token(named: str | None) -> str:
    path = Path(named or TOKEN_FILE).expanduser()
    if not path.is_file():
        raise ProlificTokenError(
            "There is no token for Prolific. Make one at Prolific (Settings, API tokens); put it into the "
            f"environment variable PROLIFIC_TOKEN, or into the file {path}, readable by you alone (chmod 600)"
        )
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise ProlificTokenError(
            f"{path} may be read by others (mode {mode:o}), and a token of Prolific may do everything. "
            f"Change it: chmod 600 {path}"
        )
    token = path.read_text(encoding="utf-8").strip()
    if not token:
        raise ProlificTokenError(f"{path} is empty; needed: the token, on one line")
    return token


class ProlificClient:
    """Requests to Prolific's API. `sleep` waits between two attempts; use it in a `with` block."""

    def __init__(
        self,
        address: Address,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], Any] = time.sleep,
    ) -> None:
        import httpx

        self.url, self._sleep = address.url, sleep
        headers = {"Authorization": f"Token {address.token}", "User-Agent": f"Glimpse/{__version__}"}
        self._http = httpx.Client(headers=headers, timeout=TIMEOUT_S, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, what: str, path: str, **query: Any) -> Any:
        """Return what an address says; `what` completes the sentence "Prolific refused to ..."."""
        return self.send(what, "GET", path, query=query)

    def send(
        self,
        what: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        repeat: Repeat = Repeat.ALWAYS,
    ) -> Any:
        """Send one request, and again where `repeat` allows it; returns the answer's JSON, None without one.

        ProlificError when Prolific refuses, OutcomeUnknownError when nobody knows what it did.
        """
        import httpx

        attempts = 1 if repeat is Repeat.NEVER else ATTEMPTS
        for attempt in range(attempts):
            last = attempt == attempts - 1
            try:
                reply = self._http.request(method, f"{self.url}/{path}", json=body, params=query or None)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                # The request never left.
                if last:
                    raise UnsentError(f"nobody answers at {self.url} ({error}); nothing was sent") from None
            except httpx.TransportError as error:
                if last or repeat is not Repeat.ALWAYS:
                    raise OutcomeUnknownError(what, f"no answer: {type(error).__name__}") from None
            else:
                if reply.is_success:
                    return _content(reply)
                if reply.status_code >= 500 and repeat is not Repeat.ALWAYS:
                    raise OutcomeUnknownError(what, f"HTTP {reply.status_code}")
                if last or not _passing(reply.status_code):
                    raise _refusal(what, reply)
                self._wait(attempt, reply.headers.get("retry-after", ""))
                continue
            self._wait(attempt)
        raise AssertionError("unreachable")

    def _wait(self, attempt: int, asked: str = "") -> None:
        """Wait before another attempt: longer each time, and as long as Prolific asks."""
        grown = WAIT_S * 2**attempt * (0.5 + random.random() / 2)  # noqa: S311 - no secret
        self._sleep(min(LONGEST_WAIT_S, max(grown, float(asked) if asked.isdigit() else 0.0)))

    def pages(self, what: str, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield everything that a paged list holds.

        A list ends with a page that brings nothing new: how long pages may be is not documented, nor whether
        every list has them.
        """
        seen: set[str] = set()
        for page in range(1, _MOST_PAGES):
            try:
                found = self.get(what, path, **query, page=page, page_size=PAGE_SIZE)
            except ProlificError as error:
                if page > 1 and error.status in {400, 404}:
                    return  # beyond the last page
                raise
            fresh = [one for one in _results(found, what) if str(one.get("id")) not in seen]
            if not fresh:
                return
            seen.update(str(one.get("id")) for one in fresh)
            yield from fresh


def _passing(status: int) -> bool:
    return status == TOO_MANY or status >= 500


def _results(found: Any, what: str) -> list[dict[str, Any]]:
    rows = found.get("results") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise GlimpseError(f"Prolific was asked to {what}, and answered without a list of results")
    return [row for row in rows if isinstance(row, dict)]


def _content(reply: httpx.Response) -> Any:
    """Return an answer's JSON; what is none, as text: the request was carried out all the same."""
    if not reply.content:
        return None
    try:
        return reply.json()
    except ValueError:
        return reply.text


def _refusal(what: str, reply: httpx.Response) -> GlimpseError:
    """Return what a refusal says, in words."""
    detail = _detail(reply)
    if reply.status_code in {401, 403}:
        return ProlificTokenError(
            f"Prolific refused to {what}: {detail} (HTTP {reply.status_code}). Does PROLIFIC_TOKEN, or the "
            "token's file, hold a token of the right account?"
        )
    if reply.status_code == TOO_MANY:
        detail = f"too many requests; wait a few minutes and run the same command again ({detail})"
    return ProlificError(what, reply.status_code, detail)


def _detail(reply: httpx.Response) -> str:
    """Return an error's text: `detail` may be a text, a list of them, or lists of them by field."""
    try:
        error = reply.json()
    except ValueError:
        return " ".join(reply.text[:200].split()) or "no reason was given"
    error = error.get("error", error) if isinstance(error, dict) else {}
    if not isinstance(error, dict):
        return str(error)[:500]
    said = error.get("detail") or error.get("title") or "no reason was given"
    more = error.get("additional_information")
    text = flat(said) + (f" ({more})" if more and isinstance(more, str) else "")
    return text[:1000].rstrip(".")


def flat(said: Any) -> str:
    """Return texts, lists of texts and lists by field as one line.

    >>> flat({"reward": ["Too low."], "name": ["Missing."]})
    'reward: Too low. name: Missing.'
    """
    if isinstance(said, dict):
        return " ".join(f"{name}: {flat(texts)}" for name, texts in said.items())
    if isinstance(said, list):
        return " ".join(map(flat, said))
    return " ".join(str(said).split())
