"""Who took part, asked of our own server beside MTurk's protocol, which has no place for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..publishing.client import CredentialsError, EndpointError
from ..publishing.own_server import TIMEOUT_S, ask, signer

if TYPE_CHECKING:
    from ..publishing.client import Requester


@dataclass(frozen=True)
class People:
    """Who took part: worker id -> participant, and which workers are our own simulator's."""

    names: dict[str, str] = field(default_factory=dict)
    simulated: frozenset[str] = frozenset()


def participants(requester: Requester, study: str) -> People:
    """Return everybody who took a HIT of a study; nobody where nobody says."""
    target = requester.endpoint
    if target.name != "local":
        return People()
    import httpx

    url = f"{target.url}/participants/{study}"
    signed = signer(target)
    with httpx.Client(timeout=TIMEOUT_S) as client:
        response = ask(target, client, "GET", url, headers=lambda: signed("GET", url))
    if response.status_code == httpx.codes.NOT_FOUND:
        return People()  # another server of MTurk's protocol
    if response.status_code == httpx.codes.FORBIDDEN:
        raise CredentialsError(f"{url} refuses the keys in {target.data}/credentials: {response.text[:200]}")
    if response.status_code != httpx.codes.OK:
        raise EndpointError(f"{url} answers {response.status_code}: {response.text[:200]}")
    found = response.json()
    # A server of an earlier version does not say who is simulated.
    return People(dict(found["participants"]), frozenset(found.get("simulated", ())))
