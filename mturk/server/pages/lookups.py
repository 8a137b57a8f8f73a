"""Whether Prolific knows of a participation whose link nobody signed: asked while its participant goes on.

The answer is kept with the arrival; `collect` and `status` ask again for all. Few requests run at once, few
wait, and a participation is asked for once. Without a token for that address nothing is asked.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from glimpse.errors import GlimpseError

from ...panels.prolific import JWKS_PATH, PANEL
from ...recruiting.client import Address, known_address
from ...recruiting.matching import GIVEN_UP
from ..storage import recruiting

if TYPE_CHECKING:
    from ..site import Site
    from .panels import Arrival

_log = logging.getLogger("mturk.server")
MOST_WAITING, AT_ONCE, MOST_KEPT = 1000, 4, 10_000
_TIMEOUT_S = 10.0
WAITS_S = (2.0, 10.0, 60.0)  # before what was not answered is asked again
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass
class Lookups:
    """The look-ups of one server: those that run or wait, and what was answered, by participation."""

    _running: set[asyncio.Task[None]] = field(default_factory=set)
    _known: dict[tuple[str, ...], bool] = field(default_factory=dict)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def begin(self, site: Site, study: str, arrival: int | None, came: Arrival, *, signed: bool) -> None:
        """Look an arrival up in the background; not where its link was signed, or too many wait."""
        if signed or came.panel is not PANEL or arrival is None or len(self._running) >= MOST_WAITING:
            return
        task = asyncio.get_running_loop().create_task(self._look(site, study, arrival, came))
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a submission could not be looked up: %r", task.exception())

    async def _look(self, site: Site, study: str, arrival: int, came: Arrival) -> None:
        told = (await site.read(lambda tx: recruiting.settings(tx, study))).get(PANEL.name, {})
        address = _address(str(told.get("keys_url", "")), rehearsal=site.settings.rehearsal)
        if address is None:
            return
        session, at_panel = came.kept[PANEL.session], str(told.get("study_id") or came.kept["STUDY_ID"])
        key = (address.url, at_panel, session, came.person)
        if key not in self._known:
            found = await self._asked(address, session)
            if found is None:
                return
            while len(self._known) >= MOST_KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = _is_theirs(found, at_panel, came.person)
        await site.write(lambda tx: recruiting.note_looked_up(tx, arrival, listed=self._known[key]))

    async def _asked(self, address: Address, session: str) -> dict[str, Any] | None:
        """Return the submission, empty where there is none; None where nobody answers so."""
        for wait_s in (*WAITS_S, None):
            async with self._turns:
                status, found = await asyncio.to_thread(_submission, address, session)
            if status is not None and status < 500 and status != 429:
                return found if status == 200 else {} if status in {400, 404} else None
            if wait_s is not None:
                await asyncio.sleep(wait_s)
        return None


def _address(keys_url: str, *, rehearsal: bool) -> Address | None:
    """Return where a study's panel is asked, and with which token; None where none is known for it."""
    if not keys_url.endswith(JWKS_PATH):
        return None
    base = keys_url.removesuffix(JWKS_PATH)
    try:
        known = known_address()
    except GlimpseError:
        known = None
    if known is not None and known.url == base:
        return known
    # A made-up Prolific of this very server takes any token; a real one never goes elsewhere.
    return Address(base, "rehearsal") if rehearsal and urlsplit(base).hostname in _LOOPBACK else None


def _submission(address: Address, session: str) -> tuple[int | None, dict[str, Any]]:
    """Return HTTP's status, None without an answer, and the submission."""
    import httpx

    url = f"{address.url}/api/v1/submissions/{quote(session, safe='')}/"
    try:
        reply = httpx.get(url, headers={"Authorization": f"Token {address.token}"}, timeout=_TIMEOUT_S)
        found = reply.json() if reply.is_success else {}
    except (httpx.HTTPError, ValueError):
        return None, {}
    return reply.status_code, found if isinstance(found, dict) else {}


def _is_theirs(found: dict[str, Any], study: str, person: str) -> bool:
    mine = (found.get("study_id"), found.get("participant")) == (study, person)
    return mine and found.get("status") not in GIVEN_UP
