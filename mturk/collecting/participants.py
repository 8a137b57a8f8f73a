"""Who took part, asked of our own server beside MTurk's protocol, which has no place for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..publishing.client import REGION, SERVICE, CredentialsError, EndpointError, nobody_answers, session

if TYPE_CHECKING:
    from ..publishing.client import Requester

_TIMEOUT_S = 60.0


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
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    url = f"{target.url}/participants/{study}"
    request = AWSRequest("GET", url)
    SigV4Auth(session(target).get_credentials(), SERVICE, REGION).add_auth(request)
    try:
        response = httpx.get(url, headers=dict(request.headers.items()), timeout=_TIMEOUT_S)
    except httpx.ConnectError:
        raise nobody_answers(target) from None
    except httpx.HTTPError as error:
        raise EndpointError(f"{url}: {error or type(error).__name__}") from None
    if response.status_code == httpx.codes.NOT_FOUND:
        return People()  # another server of MTurk's protocol
    if response.status_code == httpx.codes.FORBIDDEN:
        raise CredentialsError(f"{url} refuses the keys in {target.data}/credentials: {response.text[:200]}")
    if response.status_code != httpx.codes.OK:
        raise EndpointError(f"{url} answers {response.status_code}: {response.text[:200]}")
    found = response.json()
    # A server of an earlier version does not say who is simulated.
    return People(dict(found["participants"]), frozenset(found.get("simulated", ())))
