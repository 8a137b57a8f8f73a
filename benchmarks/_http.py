"""HTTP over a connection that is kept, written by hand: clients must cost as little as they can."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_HEAD = 2**20
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")


class Line:
    """One connection to a server on this machine, which sends a request and then waits for its answer."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self._port = port

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._port, limit=LONGEST_HEAD
        )

    def close(self) -> None:
        """Let the connection go."""
        self._writer.close()

    async def ask(
        self, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, bytes]:
        """Send one request; returns the status, the answer's head and its body."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items() if value)
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write((head + body).encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(answer)
        found = await self._reader.readexactly(int(length[1]) if length else 0)
        return int(answer.split(maxsplit=2)[1]), answer, found
