"""One running server: its settings, its store, and the moment at which time changes something."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from glimpse.errors import GlimpseError
from glimpse.files import write_whole

from .clock import StudyClock
from .protocol import lifecycle, signing
from .protocol.errors import ServiceFault
from .storage import due, ended_sessions, meta, transitions
from .storage.database import Clock, Store, Transaction
from .storage.postgresql import is_address
from .storage.sqlite import keep_private

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
Track = Callable[..., None]
_NOTE_TIME_S = 3600.0
# How long a server may not know what another one on the same database did.
_HEAR_S = 1.0
_SHORTEST_TOKEN = 16
# Long readings at once. Those of a file take turns with everybody's requests; those of a database wait.
_READERS, _READERS_AFAR = 2, 16


@dataclass(frozen=True)
class ServerSettings:
    """How a server runs.

    `data` is its folder; `studies` are folders whose private trials the dashboard may read; `lab` lets
    participants take turns at one browser; `sign_in` lets workers name themselves; `public_url` is where the
    outside sees this server; `completion_url` is where participants go afterwards unless the dashboard says
    otherwise; `worker_locale` is where workers are, as `US` or `US-CA`;
    `rehearsal` adds a made-up Prolific, where nobody is paid;
    `database` is the address of a PostgreSQL database that servers share, instead of a file in `data`.
    """

    data: Path
    studies: tuple[Path, ...] = ()
    lab: bool = False
    sign_in: bool = True
    public_url: str | None = None
    worker_locale: str | None = None
    completion_url: str | None = None
    database: str | None = None
    rehearsal: bool = False

    def __post_init__(self) -> None:
        for name in ("public_url", "completion_url"):
            value = getattr(self, name)
            if value is not None and not is_web_address(value):
                raise GlimpseError(
                    f"{name} is {value!r}; needed: an address that begins with https:// or http://."
                )
        if self.worker_locale is not None and not lifecycle.PLACE.fullmatch(self.worker_locale):
            raise GlimpseError(
                f"worker_locale is {self.worker_locale!r}; needed: a country of two capital letters, "
                "or with its subdivision: US, or US-CA."
            )
        if self.database is not None and not is_address(self.database):
            raise GlimpseError(
                "database is not the address of a PostgreSQL database; needed: postgresql://USER@HOST/NAME. "
                "Without one, the server keeps a file of its own."
            )
        if self.public_url:
            object.__setattr__(self, "public_url", self.public_url.rstrip("/"))
            if urlsplit(self.public_url).query:
                raise GlimpseError(f"public_url is {self.public_url!r}; needed: an address without a query.")

    @property
    def panels_only(self) -> bool:
        """Whether participants come by a panel's link or not at all."""
        return self.public_url is not None and not self.lab


def is_web_address(text: str) -> bool:
    """Tell an http(s) address from anything else, javascript: among it."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and text.isprintable() and " " not in text


@dataclass
class Site:
    """What all parts of a running server share. `clock` is the study's time, `wall` that of signatures."""

    settings: ServerSettings
    clock: Clock = time.time
    wall: Clock = time.time
    store: Store = field(init=False)
    keys: dict[str, str] = field(init=False)
    secret: str = field(init=False)
    requester_token: str = field(init=False)
    ended: set[str] = field(init=False)
    _readers: ThreadPoolExecutor = field(init=False)
    _due: float = field(init=False, default=-math.inf)
    _noted: float = field(init=False, default=-math.inf)
    _heard: float = field(init=False, default=-math.inf)
    _confirmed: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        data = self.settings.data
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.keys = signing.load_keys(data / "credentials")
        self.store = Store(self.settings.database or data / "server.sqlite3", self.clock)
        self._readers = ThreadPoolExecutor(_READERS_AFAR if self.store.shared else _READERS, "reader")
        self.secret = self.store.read(meta.secret)
        self.ended = self.store.read(ended_sessions.nonces)
        self._set_locale(self.settings.worker_locale)
        self._confirmed = self.store.read(meta.clock_confirmed)
        self._resume_clock()
        self.requester_token = _kept_token(data / "dashboard-token")
        for name in ("credentials", "dashboard-token"):
            keep_private(data / name)

    def _set_locale(self, place: str | None) -> None:
        if self.store.read(meta.stated_locale) != place:
            self.store.write(lambda tx: meta.set_worker_locale(tx, place)).result()

    def _resume_clock(self) -> None:
        """Do not believe a clock that differs from when the server stopped, if something would end by it."""
        last = self.store.read(meta.last_time)
        if last is None or not isinstance(self.clock, StudyClock):
            return
        now = self.clock()
        if now < last or self.store.read(due.next_due) <= now:
            self.clock.resume(last)

    @property
    def clock_jump_s(self) -> float:
        """By how much the wall clock has jumped and is not believed yet."""
        return self.clock.jump_s if isinstance(self.clock, StudyClock) and self.clock() else 0.0

    def accept_clock(self) -> None:
        """Believe the wall clock as it is; whatever is due by it is done at the next request.

        Other servers on the same database hear of it, and believe their clocks where these say the same.
        """
        self._believe_clock()
        if self.store.shared:
            self.store.write(meta.confirm_clock).result()

    def _believe_clock(self) -> None:
        if isinstance(self.clock, StudyClock):
            self.clock.accept()
        self._due = -math.inf

    async def write(self, change: Callable[[Transaction], T]) -> T:
        """Run a change on the writer's thread and wait until it is on disk."""

        def noted(tx: Transaction) -> T:
            result = change(tx)
            self._due = min(self._due, tx.wakes)
            return result

        await self.settle()
        return await asyncio.wrap_future(self.store.write(noted))

    async def read(self, reading: Callable[[Transaction], T]) -> T:
        """Run a short reading, after whatever time has made due."""
        if self.store.shared:  # it is asked over a network
            return await self.read_apart(reading)
        await self.settle()
        return self.store.read(reading)

    async def read_apart(self, reading: Callable[[Transaction], T]) -> T:
        """Run a reading that may take long on another thread, so that nobody else waits for it."""
        await self.settle()
        return await self._on_reader(reading)

    async def _on_reader(self, reading: Callable[[Transaction], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.store.read, reading)

    async def settle(self) -> None:
        """Do what time has made due: abandon, approve, expire, dispose."""
        await self._hear_others()
        now = self.clock()
        if now < self._due and abs(now - self._noted) < _NOTE_TIME_S:
            return
        try:
            await asyncio.wrap_future(self.store.write(self._sweep))
        except BaseException:
            # What was rolled back is still due.
            self._due = -math.inf
            raise

    async def _hear_others(self) -> None:
        """Learn what other servers on the same database did.

        Whom they signed out, what will be due when, and whether somebody told them that the time is right.
        """
        if self.store.shared and abs(time.monotonic() - self._heard) > _HEAR_S:
            self._heard = time.monotonic()

            def reading(tx: Transaction) -> tuple[set[str], float, float | None]:
                return ended_sessions.nonces(tx), due.next_due(tx), meta.clock_confirmed(tx)

            ended, due_at, confirmed = await self._on_reader(reading)
            self.ended |= ended
            self._due = min(self._due, due_at)
            if confirmed is not None and confirmed != self._confirmed:
                self._confirmed = confirmed
                if isinstance(self.clock, StudyClock) and self.clock.agrees(confirmed):
                    self._believe_clock()

    def _sweep(self, tx: Transaction) -> None:
        transitions.sweep(tx)
        meta.keep_time(tx)
        self._due, self._noted = due.next_due(tx), tx.now

    def close(self) -> None:
        """Finish what waits and close the database."""
        with suppress(ServiceFault):
            self.store.write(meta.keep_time)
        self._readers.shutdown(cancel_futures=True)
        self.store.close()


def _kept_token(path: Path) -> str:
    import secrets

    token = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    if not token:
        # Nobody must be let in by an empty token.
        token = secrets.token_urlsafe(24)
        write_whole(path, token + "\n", mode=0o600)
    if len(token) < _SHORTEST_TOKEN:
        raise GlimpseError(
            f"{path} holds {len(token)} characters; needed: {_SHORTEST_TOKEN} or more, which nobody can "
            "guess. Delete the file to have a new token made."
        )
    return token
