"""What our own server says beside MTurk's protocol, which has no place for it: who took part, and notices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ..publishing.client import CredentialsError, EndpointError
from ..publishing.own_server import TIMEOUT_S, ask, signer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..publishing.client import Requester


@dataclass(frozen=True)
class People:
    """Who took part: worker id -> participant, and which workers are our own simulator's."""

    names: dict[str, str] = field(default_factory=dict)
    simulated: frozenset[str] = frozenset()


class Marks(Protocol):
    """What is known of the panels that sent people."""

    def __call__(self, wanted: list[str]) -> Mapping[str, Mapping[str, str]]:
        """Return, by assignment id, `panel` and whether it is `verified`."""

    def keep(self, assignments: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return those of a page's assignments that results are to hold."""


def participants(requester: Requester, study: str) -> People:
    """Return everybody who took a HIT of a study; nobody where nobody says."""
    found = _asked(requester, f"participants/{study}")
    # A server of an earlier version does not say who is simulated.
    return People(dict(found.get("participants", {})), frozenset(found.get("simulated", ())))


def study_notices(requester: Requester, study: str) -> list[str]:
    """Return what our own server wants a requester to know of a study's HITs."""
    return [str(text) for text in _asked(requester, f"notices/{study}").get("notices", [])]


def _asked(requester: Requester, path: str) -> dict[str, Any]:
    """Return what our own server says to whoever holds its keys; nothing where it knows no such address."""
    target = requester.endpoint
    if target.name != "local":
        return {}
    import httpx

    url = f"{target.url}/{path}"
    signed = signer(target)
    with httpx.Client(timeout=TIMEOUT_S) as client:
        response = ask(target, client, "GET", url, headers=lambda: signed("GET", url))
    if response.status_code == httpx.codes.NOT_FOUND:
        return {}  # another server of MTurk's protocol, or an older one
    if response.status_code == httpx.codes.FORBIDDEN:
        raise CredentialsError(f"{url} refuses the keys in {target.data}/credentials: {response.text[:200]}")
    if response.status_code != httpx.codes.OK:
        raise EndpointError(f"{url} answers {response.status_code}: {response.text[:200]}")
    found: dict[str, Any] = response.json()
    return found
