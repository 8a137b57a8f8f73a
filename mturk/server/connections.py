"""Connections, bounded: how many there are, and how long one may take to say what it wants."""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport

HEADERS_S = 20.0
# Browsers open up to six connections each; a proxy in front keeps far fewer.
MOST = 8192
_FILES_ELSE = 256


def most_connections() -> int:
    """Return how many connections this process can hold; it asks the system for as many files as it gives."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + _FILES_ELSE
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(64, min(MOST, soft - _FILES_ELSE))


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP, which gives up a request whose headers do not arrive, and connections beyond `most`."""

    most = MOST
    headers_s = HEADERS_S
    _waiting: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Take a connection, or close it where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what arrived; headers that began must end soon."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_watching()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self._is_served():
            self._stop_watching()
        elif self._waiting is None:
            self._waiting = asyncio.get_running_loop().call_later(self.headers_s, self._give_up)

    def _is_served(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _stop_watching(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if not self._is_served():
            self.transport.abort()
