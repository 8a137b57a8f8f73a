"""The key of a made-up Prolific, and the links that it signs with it."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from ..panels.prolific import ISSUER, TOKEN
from ..panels.signed_links import ALGORITHM

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

LIFE_S = 120
KID = "rehearsal"


class LinkKey:
    """A key pair, made when it is first needed."""

    @cached_property
    def private(self) -> RSAPrivateKey:
        """The private key."""
        from cryptography.hazmat.primitives.asymmetric import rsa

        return rsa.generate_private_key(public_exponent=65_537, key_size=2048)

    @cached_property
    def jwks(self) -> dict[str, Any]:
        """The public key, as the API shows it."""
        from jwt.algorithms import RSAAlgorithm

        key = json.loads(RSAAlgorithm.to_jwk(self.private.public_key()))
        parts = {name: key[name] for name in ("kty", "n", "e")}
        return {"keys": [{**parts, "kid": KID, "alg": ALGORITHM, "use": "sig", "key_ops": ["verify"]}]}

    def token(self, link: str, workspace: str, session: str, now: float, **changes: Any) -> str:
        """Return the token of a link; `changes` replace claims, for tests of what must not count."""
        import jwt

        claims = {
            "iss": ISSUER,
            "iat": int(now),
            "exp": int(now) + LIFE_S,
            "aud": link,
            "sub": session,
            "prolific": {**dict(parse_qsl(urlsplit(link).query)), "workspace_id": workspace},
        }
        return jwt.encode(claims | changes, self.private, algorithm=ALGORITHM, headers={"kid": KID})


def filled(template: str, marks: dict[str, str]) -> str:
    """Return a study's link with Prolific's marks filled in."""
    for name, value in marks.items():
        template = template.replace(f"{{{{%{name}%}}}}", quote(value, safe=""))
    return template


def with_token(link: str, token: str) -> str:
    """Return a link with its token."""
    return f"{link}{'&' if '?' in link else '?'}{TOKEN}={token}"
