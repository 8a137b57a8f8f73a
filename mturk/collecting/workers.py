"""Who is who: results/workers.csv, and where its third column comes from.

A row is `worker` (the pseudonym), `worker_id`, `participant`: the id under which a panel sent the person, a
lab's code, or the name that they signed in with; empty where there is none, or where nobody says. Only our
own server does: MTurk's protocol has no place for it, so that it is asked beside the protocol, with the same
keys.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from ..publishing.client import REGION, SERVICE, CredentialsError, EndpointError, nobody_answers, session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ..publishing.client import Requester

HEAD = ("worker", "worker_id", "participant")
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


def csv_row(row: Iterable[str]) -> str:
    """Return one line of the file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()


def rows(path: Path) -> list[list[str]]:
    """Return the rows of the file, its head first; none when there is no file."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [row for row in csv.reader(io.StringIO(text)) if len(row) >= 2]


def is_narrow(found: list[list[str]]) -> bool:
    """Tell whether a file has the two columns of earlier versions."""
    return bool(found) and tuple(found[0]) == HEAD[:2]


def widened(found: list[list[str]], known: Mapping[str, str]) -> str:
    """Return the text of a file of two columns with its third."""
    return csv_row(HEAD) + "".join(
        csv_row((*row, known.get(row[1], "")) if len(row) == 2 else row) for row in found[1:]
    )
