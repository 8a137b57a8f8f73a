"""Who took part, asked of our own server beside MTurk's protocol, which has no place for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..publishing.client import REGION, SERVICE, CredentialsError, EndpointError, nobody_answers, session

if TYPE_CHECKING:
    from ..publishing.client import Requester

_TIMEOUT_S = 60.0


def participants(requester: Requester, study: str) -> dict[str, str]:
    """Return worker id -> participant of everybody who took a HIT of a study; nothing where nobody says."""
    target = requester.endpoint
    if target.name != "local":
        return {}
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
        return {}  # another server of MTurk's protocol
    if response.status_code == httpx.codes.FORBIDDEN:
        raise CredentialsError(f"{url} refuses the keys in {target.data}/credentials: {response.text[:200]}")
    if response.status_code != httpx.codes.OK:
        raise EndpointError(f"{url} answers {response.status_code}: {response.text[:200]}")
    return dict(response.json()["participants"])
