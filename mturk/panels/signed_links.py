"""Links that cannot be forged: Prolific signs the parameters of a link; its public keys tell.

The token is a JWT in the parameter `prolific_token`. Only RS256 is taken, whatever the token's head asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from glimpse.errors import GlimpseError

from .prolific import ISSUER, PANEL, TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "RS256"
LEEWAY_S = 30  # clocks differ
_LONGEST = 8192  # characters of a token
_NEEDED = ("iss", "iat", "exp", "aud", "sub", "prolific")


class ForgedLinkError(GlimpseError):
    """A link whose token was not signed for it; the text says what does not fit."""


class UnknownKeyError(ForgedLinkError):
    """A token whose key is not among the keys at hand; newer ones may have it."""


def check_link(
    parameters: Mapping[str, str], keys: list[dict[str, Any]], link: str, now: float
) -> dict[str, Any]:
    """Return the claims of a link's token; ForgedLinkError says why it does not count.

    `parameters` are those of the link, its token among them; `keys` are JWKs; `link` is the study's own
    address, without parameters; `now` is in epoch seconds.
    """
    claims = _signed(parameters.get(TOKEN, ""), keys)
    if claims["iss"] != ISSUER:
        raise ForgedLinkError(f"its issuer is {str(claims['iss'])[:60]!r}, not {ISSUER}")
    _check_time(claims, now)
    said = claims["prolific"]
    if not isinstance(said, dict):
        raise ForgedLinkError("its claim `prolific` holds no parameters")
    for name in (PANEL.person, *PANEL.others):
        if not parameters.get(name) or said.get(name) != parameters[name]:
            raise ForgedLinkError(f"{name} of the link is not the one that was signed")
    if claims["sub"] != parameters[PANEL.session]:
        raise ForgedLinkError(f"its subject is not the link's {PANEL.session}")
    _check_audience(claims["aud"], link, parameters)
    return claims


def _signed(token: str, keys: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the claims of a token that one of the keys signed."""
    import jwt

    if not token or len(token) > _LONGEST:
        raise ForgedLinkError("it carries no token" if not token else "its token is too long")
    try:
        head = jwt.get_unverified_header(token)
        kid = head.get("kid")
        found = [key for key in keys if key.get("kid") == kid and key.get("kty") == "RSA"]
        if not found:
            raise UnknownKeyError(f"its token names a key that Prolific does not have: {str(kid)[:40]!r}")
        claims: dict[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(found[0], ALGORITHM).key,
            algorithms=[ALGORITHM],
            # Times and the audience are checked here: the server's clock is not the system's.
            options={"require": list(_NEEDED), "verify_exp": False, "verify_iat": False,
                     "verify_nbf": False, "verify_aud": False, "verify_iss": False},
        )  # fmt: skip
    except jwt.PyJWTError as error:
        raise ForgedLinkError(f"its token does not count: {error}") from None
    return claims


def _check_time(claims: dict[str, Any], now: float) -> None:
    for name in ("iat", "exp"):
        if isinstance(claims[name], bool) or not isinstance(claims[name], (int, float)):
            raise ForgedLinkError(f"its claim `{name}` is no time")
    if claims["exp"] + LEEWAY_S < now:
        raise ForgedLinkError("its token has expired")
    if claims["iat"] - LEEWAY_S > now:
        raise ForgedLinkError("its token was issued in the future")


def _check_audience(audience: Any, link: str, parameters: Mapping[str, str]) -> None:
    """Refuse a token for another address, or for another person's link to the same one."""
    said, own = urlsplit(audience if isinstance(audience, str) else ""), urlsplit(link)
    if (said.scheme, said.netloc.lower(), said.path) != (own.scheme, own.netloc.lower(), own.path):
        raise ForgedLinkError(f"it was signed for {str(audience)[:100]!r}, not for {link}")
    for name, value in parse_qsl(said.query):
        if name != TOKEN and name in {PANEL.person, *PANEL.others} and parameters.get(name) != value:
            raise ForgedLinkError(f"{name} of its audience is not the link's")
