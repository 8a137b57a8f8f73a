"""Adaptive studies on our own server: what trials are drawn from goes there, and the ranking comes back."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from glimpse.drawn import is_adaptive
from glimpse.errors import GlimpseError

from ..page.pool import pool_of
from ..page.stairs import is_climbed, rules_of
from .own_server import TIMEOUT_S, ask, signer

if TYPE_CHECKING:
    from glimpse.study import Study

    from .client import Endpoint


def check_place(study: Study, target: Endpoint) -> None:
    """Raise GlimpseError where trials would have to be drawn by somebody who cannot."""
    if is_climbed(study) and target.name != "local":
        raise GlimpseError(
            "the exposures of this study are decided answer by answer (allocation staircase), which your own "
            f"server does and {target.name} cannot. Publish it with --to local, or build it with "
            "--exposure-ms"
        )
    if is_adaptive(study) and target.name != "local":
        raise GlimpseError(
            "this study's trials are drawn for each assignment (allocation adaptive), which your own server "
            f"does and {target.name} cannot: a HIT has one page there. Publish it with --to local, or build "
            "it with --allocation fixed"
        )


def put_pool(study: Study, target: Endpoint) -> None:
    """Send what a study's trials are drawn from; again is no harm."""
    _put(target, f"{target.url}/allocations/{study.study}", pool_of(study), "does not draw trials")


def put_rules(study: Study, target: Endpoint) -> None:
    """Send the rules of a study's staircases; again is no harm."""
    _put(target, f"{target.url}/staircases/{study.study}", rules_of(study), "has no staircases")


def _put(target: Endpoint, url: str, value: dict[str, Any], fault: str) -> None:
    """Send what is private of a study; GlimpseError, with `fault`, for a server that does not take it."""
    import httpx

    body = json.dumps(value, separators=(",", ":")).encode()
    digest = {"Content-Type": "application/json", "X-Amz-Content-SHA256": sha256(body).hexdigest()}
    sign = signer(target)
    with httpx.Client(timeout=TIMEOUT_S) as client:
        reply = ask(target, client, "PUT", url, headers=lambda: sign("PUT", url, body, digest), content=body)
    if reply.status_code != httpx.codes.CREATED:
        raise GlimpseError(f"{url}: the server {fault} ({reply.status_code}: {reply.text[:200]})")


def standings(study: Study, target: Endpoint) -> list[dict[str, Any]]:
    """Return how the ranking stands, the strongest first: condition, strength, sd, rank, answers."""
    import httpx

    url = f"{target.url}/allocations/{study.study}"
    sign = signer(target)
    with httpx.Client(timeout=TIMEOUT_S) as client:
        reply = ask(target, client, "GET", url, headers=lambda: sign("GET", url))
    if reply.status_code != httpx.codes.OK:
        return []
    found: list[dict[str, Any]] = reply.json()["standings"]
    return found


def ranking_lines(study: Study, target: Endpoint) -> list[str]:
    """Return the ranking of an adaptive study as it stands, a line a condition; none of other studies."""
    found = standings(study, target) if is_adaptive(study) else []
    if not found:
        return []
    if not any(one["answers"] for one in found):
        return ["Ranking: none yet, no answer that counts has come in."]
    width = max(len(one["condition"]) for one in found)
    return [
        "Ranking as it stands (strength, give or take one standard deviation; of answers that count):",
        *(
            f"  {place:>3}  {one['condition'].ljust(width)}  {one['strength']:+.2f} +- {one['sd']:.2f}  "
            f"{one['answers']:>6} answers"
            for place, one in enumerate(found, start=1)
        ),
    ]
