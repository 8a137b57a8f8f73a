"""Who is at the other end: signed cookies, and the tokens that make forms unforgeable."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from mturk.server.errors import RequestError

COOKIE = "glimpse"
REQUESTER_COOKIE = "glimpse_requester"
_LIFE_S = 60 * 86_400


@dataclass(frozen=True)
class Session:
    """A browser: `nonce` tells it from others, `worker` is who signed in, `arrival` the link they came by."""

    nonce: str
    worker: str | None = None
    arrival: int | None = None


class Sessions:
    """Reads and writes the cookies of one server, signed with its secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._cookie = URLSafeTimedSerializer(secret, salt="session")
        self._submit = URLSafeTimedSerializer(secret, salt="submit")

    def of(self, request: Request) -> Session:
        """Return the session of a request; a new, empty one when its cookie is missing or not ours."""
        try:
            nonce, worker, arrival = self._cookie.loads(request.cookies.get(COOKIE, ""), max_age=_LIFE_S)
            return Session(str(nonce), worker, arrival)
        except (BadSignature, ValueError, TypeError):
            return Session(secrets.token_urlsafe(12))

    def keep(self, response: Response, session: Session, *, secure: bool) -> None:
        """Send a session to the browser."""
        value = self._cookie.dumps([session.nonce, session.worker, session.arrival])
        response.set_cookie(
            COOKIE, value, max_age=_LIFE_S, httponly=True, samesite="lax", secure=secure, path="/"
        )

    @staticmethod
    def sign_in(session: Session, worker: str, arrival: int | None = None) -> Session:
        """Return a session for a worker, with a nonce of its own so that nothing is carried over."""
        return replace(session, nonce=secrets.token_urlsafe(12), worker=worker, arrival=arrival)

    def csrf(self, session: Session) -> str:
        """Return the token that this browser's forms carry."""
        return hmac.new(self._secret, b"csrf:" + session.nonce.encode(), hashlib.sha256).hexdigest()[:32]

    def check_csrf(self, session: Session, token: str) -> None:
        """Refuse a form that this server did not give to this browser."""
        if not hmac.compare_digest(self.csrf(session).encode(), token.encode("utf-8", "replace")):
            raise RequestError(
                "This form is no longer valid. Go back, reload the page and try again.", "FormExpired"
            )

    def submit_token(self, assignment_id: str) -> str:
        """Return the right to submit one assignment from a page that stands on another site."""
        return str(self._submit.dumps(assignment_id))

    def may_submit(self, token: str) -> str | None:
        """Return the assignment that a submit token is for; None when it is not ours."""
        try:
            return str(self._submit.loads(token, max_age=400 * 86_400))
        except BadSignature:
            return None
