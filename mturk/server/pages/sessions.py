"""Who is at the other end: signed cookies, and the tokens that make forms unforgeable."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, URLSafeTimedSerializer

from ..protocol.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.requests import Request
    from starlette.responses import Response

# Its browser forgets a session after this time. The server never does: its clock may be wrong.
_LIFE_S = 60 * 86_400
_KNOWN = 4096


@dataclass(frozen=True)
class Session:
    """A browser: `nonce` tells it from others, `worker` is who signed in, `arrival` the link they came by."""

    nonce: str
    worker: str | None = None
    arrival: int | None = None


class Sessions:
    """Reads and writes the cookies of one server, signed with its secret; `ended` sessions are nobody's."""

    def __init__(self, secret: str, ended: Collection[str] = ()) -> None:
        self._secret, self._ended = secret.encode(), ended
        # Browsers share cookies between the ports of a host: two servers must not overwrite each other's.
        mark = hashlib.sha256(b"cookie:" + self._secret).hexdigest()[:8]
        self.cookie, self._requester_cookie = f"glimpse_{mark}", f"glimpse_requester_{mark}"
        self._cookie = URLSafeTimedSerializer(secret, salt="session")
        # A browser shows the same cookie again and again; one that is not ours is never kept.
        self._read = lru_cache(_KNOWN)(self._cookie.loads)
        self._submit = URLSafeTimedSerializer(secret, salt="submit")
        self._test = URLSafeTimedSerializer(secret, salt="test")
        self._link = URLSafeTimedSerializer(secret, salt="link")
        self._own_run = URLSafeTimedSerializer(secret, salt="own run")

    def of(self, request: Request) -> Session:
        """Return the session of a request; a new, empty one when its cookie is missing or not ours."""
        try:
            nonce, worker, arrival = self._read(request.cookies.get(self.cookie, ""))
        except (BadSignature, ValueError, TypeError):
            return Session(secrets.token_urlsafe(12))
        if nonce in self._ended:
            return Session(secrets.token_urlsafe(12))
        return Session(str(nonce), worker, arrival)

    def keep(self, response: Response, session: Session, *, secure: bool) -> None:
        """Send a session to the browser."""
        value = self._cookie.dumps([session.nonce, session.worker, session.arrival])
        response.set_cookie(
            self.cookie, value, max_age=_LIFE_S, httponly=True, samesite="lax", secure=secure, path="/"
        )

    @staticmethod
    def sign_in(session: Session, worker: str, arrival: int | None = None) -> Session:
        """Return a session for a worker, with a nonce of its own so that nothing is carried over."""
        return replace(session, nonce=secrets.token_urlsafe(12), worker=worker, arrival=arrival)

    def forget(self, response: Response) -> None:
        """Sign a browser out."""
        response.delete_cookie(self.cookie, path="/")

    def keep_requester(self, response: Response, token: str, base: str, *, secure: bool) -> None:
        """Let this browser be the requester's; `base` is the path of the public address."""
        response.set_cookie(
            self._requester_cookie, self._proof(token), max_age=_LIFE_S, httponly=True, samesite="lax",
            secure=secure, path=f"{base}/dashboard/",
        )  # fmt: skip

    def is_requester(self, request: Request, token: str) -> bool:
        """Tell whether this browser is the requester's."""
        shown = request.cookies.get(self._requester_cookie, "")
        return hmac.compare_digest(shown.encode("utf-8", "replace"), self._proof(token).encode())

    def _proof(self, token: str) -> str:
        return hmac.new(self._secret, b"requester:" + token.encode(), hashlib.sha256).hexdigest()

    def csrf(self, session: Session) -> str:
        """Return the token that this browser's forms carry."""
        return hmac.new(self._secret, b"csrf:" + session.nonce.encode(), hashlib.sha256).hexdigest()[:32]

    def check_csrf(self, session: Session, token: str) -> None:
        """Refuse a form that this server did not give to this browser."""
        if not hmac.compare_digest(self.csrf(session).encode(), token.encode("utf-8", "replace")):
            raise RequestError(
                "This form is no longer valid. Go back, reload the page and try again.", "FormExpired"
            )

    def test_token(self, worker: str, type_id: str) -> str:
        """Return the right to take a qualification's test, from a page that sends no cookie."""
        return str(self._test.dumps([worker, type_id]))

    def may_test(self, token: str) -> tuple[str, str] | None:
        """Return the worker and the qualification type of a test's token; None when it is not ours."""
        try:
            worker, type_id = self._test.loads(token)
        except BadSignature:
            return None
        return worker, type_id

    def own_run_token(self, study: str) -> str:
        """Return the right to run through a study without being counted, for its requester."""
        return str(self._own_run.dumps(study))

    def is_own_run_token(self, token: str, study: str) -> bool:
        """Tell whether a link is its requester's own."""
        try:
            return bool(self._own_run.loads(token) == study)
        except BadSignature:
            return False

    def link_token(self, digest: str) -> str:
        """Return the proof that a link was checked when its page was shown; `digest` tells it from others."""
        return str(self._link.dumps(digest))

    def is_link_token(self, token: str, digest: str) -> bool:
        """Tell whether a link was checked when its page was shown."""
        try:
            return bool(self._link.loads(token) == digest)
        except BadSignature:
            return False

    def submit_token(self, assignment_id: str) -> str:
        """Return the right to submit one assignment from a page that stands on another site."""
        return str(self._submit.dumps(assignment_id))

    def may_submit(self, token: str) -> str | None:
        """Return the assignment that a submit token is for; None when it is not ours."""
        try:
            return str(self._submit.loads(token))
        except BadSignature:
            return None
