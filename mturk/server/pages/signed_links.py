"""Whether a panel signed the link by which somebody comes: its keys, fetched and kept, and the check.

A link that was signed and checked when its page was shown stays checked while the page is open: its token
lives two minutes, and people read longer. A link that cannot be checked keeps nobody out; it is marked.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ...panels.prolific import PANEL, TOKEN
from ...panels.signed_links import ForgedLinkError, UnknownKeyError, check_link
from ..storage import recruiting
from . import addresses, web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

_log = logging.getLogger("mturk.server")
_KEEP_S, _AGAIN_S, _TIMEOUT_S = 6 * 3600.0, 30.0, 10.0
_MOST_BYTES = 262_144


@dataclass
class Keys:
    """The public keys of panels, by address: kept for hours, fetched anew for a key that they lack."""

    _held: dict[str, tuple[float, list[dict[str, Any]]]] = field(default_factory=dict)

    async def of(self, url: str, *, newer: bool = False) -> list[dict[str, Any]]:
        """Return the keys at an address; empty where they cannot be had."""
        at, held = self._held.get(url, (float("-inf"), []))
        age = time.monotonic() - at
        if age < _AGAIN_S or (age < _KEEP_S and not newer and held):
            return held
        found = await asyncio.to_thread(_fetched, url)
        self._held[url] = (time.monotonic(), held if found is None else found)
        return self._held[url][1]


def _fetched(url: str) -> list[dict[str, Any]] | None:
    import httpx

    try:
        reply = httpx.get(url, timeout=_TIMEOUT_S)
        reply.raise_for_status()
        keys = reply.json()["keys"] if len(reply.content) <= _MOST_BYTES else []
        return [key for key in keys if isinstance(key, dict)]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        _log.error("the keys at %s cannot be had: %r", url, error)
        return None


async def is_signed(request: Request) -> bool:
    """Tell whether the panel signed the link of a request, for this study and for this person."""
    parameters, study = dict(request.query_params), request.path_params["study"]
    if TOKEN not in parameters:
        return False
    found = await web.site_of(request).read(lambda tx: recruiting.settings(tx, study))
    keys_url = found.get(PANEL.name, {}).get("keys_url")
    if not keys_url:
        return False
    link = f"{addresses.origin(request)}/join/{quote(study, safe='')}"
    keys: Keys = request.app.state.keys
    for newer in (False, True):
        try:
            check_link(parameters, await keys.of(keys_url, newer=newer), link, web.site_of(request).wall())
        except UnknownKeyError:
            continue
        except ForgedLinkError:
            return False
        return True
    return False


def digest(parameters: Mapping[str, str]) -> str:
    """Return what tells a link's parameters from all others."""
    return hashlib.sha256(json.dumps(sorted(parameters.items())).encode()).hexdigest()
