"""Starting and stopping: the port, the file that tells clients where the server is, signals."""

from __future__ import annotations

import errno
import fcntl
import gc
import logging
import socket
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from glimpse.errors import GlimpseError
from glimpse.files import write_whole
from glimpse.program import program

from .app import create_app
from .clock import StudyClock
from .connections import BoundedProtocol, most_connections
from .pages.media import ARRIVING
from .site import ServerSettings, Site
from .storage import workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


_LOCK_TRIES = 5
# How many objects are made before the youngest are looked through, and how often the older ones are, too.
_COLLECT_AFTER = (20_000, 20, 50)
# For how long a thread that reads may keep the one that answers from going on, each time it does.
_SWITCH_S = 0.001
# A folder of this name holds what a restore has not moved into its place yet.
RESTORING = "restoring"


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address; GlimpseError says what to do when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; it costs 40 ms an answer.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(2048)
    except OSError as error:
        bound.close()
        raise GlimpseError(_why(error, host, port)) from None
    return bound


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is in use, perhaps by another `serve`. Stop that one, or give "
            f"another port: {program()} serve --port {port + 1}"
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used by this user. Give one above 1023: {program()} serve --port 8080"
    return f"The server cannot listen on {host} port {port}: {error.strerror}."


@contextmanager
def alone(data: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a server's data folder; GlimpseError when another server holds it.

    Servers that share a database may share a folder, and hold it `shared`.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data / "lock").open("a") as file:
        # Several tries: whoever asks whether a server runs holds the lock for a moment.
        for attempt in range(_LOCK_TRIES):
            try:
                fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                break
            except OSError:
                if attempt == _LOCK_TRIES - 1:
                    raise GlimpseError(
                        f"Another server is running on the folder {data}. Stop it, or give a folder "
                        "of its own: --data FOLDER"
                    ) from None
                time.sleep(0.05)
        yield


def address_of(bound: socket.socket, host: str) -> str:
    """Return the address under which a browser on this machine reaches a socket."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{bound.getsockname()[1]}"


def serve(
    settings: ServerSettings,
    host: str,
    port: int,
    *,
    started: Callable[[Site, str], None] = lambda _site, _url: None,
    accept_clock: bool = False,
) -> None:
    """Run a server until SIGINT or SIGTERM; `started` is told the site and its local address.

    `accept_clock`: the clock is right, however far it is from when the server last ran.
    Running work is finished and the database closed before this returns.
    """
    endpoint, public = settings.data / "endpoint", settings.data / "public-url"
    with alone(settings.data, shared=settings.database is not None):
        _refuse_unfinished(settings.data)
        # Left behind by a server that was killed: nobody must be sent there while this one starts.
        endpoint.unlink(missing_ok=True)
        public.unlink(missing_ok=True)
        if settings.database is None:  # servers that share the folder may be receiving some
            for unfinished in settings.data.glob(f"{ARRIVING}*"):
                unfinished.unlink(missing_ok=True)
        _serve_alone(settings, host, port, started, accept_clock=accept_clock)


def _refuse_unfinished(data: Path) -> None:
    if (data / RESTORING).exists():
        raise GlimpseError(
            f"A restore into {data} was broken off. Run it again: {program()} serve --data {data} "
            "--restore FILE"
        )


def is_data_folder(data: Path) -> bool:
    """Tell whether a server ran on a folder."""
    return (data / "server.sqlite3").is_file()


def _serve_alone(
    settings: ServerSettings,
    host: str,
    port: int,
    started: Callable[[Site, str], None],
    *,
    accept_clock: bool,
) -> None:
    endpoint, public = settings.data / "endpoint", settings.data / "public-url"
    with listen(host, port) as bound:
        BoundedProtocol.most = most_connections()
        site = Site(settings, clock=StudyClock())
        if accept_clock:
            site.accept_clock()
        url = address_of(bound, host)
        config = uvicorn.Config(
            create_app(site),
            # Warnings tell of requests that are no HTTP: as many as a stranger likes to send.
            log_level=logging.ERROR,
            http=BoundedProtocol,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=10,
            h11_max_incomplete_event_size=65_536,
            proxy_headers=True,
            forwarded_allow_ips="127.0.0.1,::1",
        )
        try:
            write_whole(endpoint, url + "\n")
            if settings.public_url:
                write_whole(public, settings.public_url + "\n")
            started(site, url)
            _make_python_prompt()
            _Server(config).run(sockets=[bound])
        finally:
            endpoint.unlink(missing_ok=True)
            public.unlink(missing_ok=True)
            site.close()


def _make_python_prompt() -> None:
    """Let no request wait for the collector to look through all that was loaded, nor long for a thread."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    sys.setswitchinterval(_SWITCH_S)


def forget(data: Path, name: str, database: str | None = None, *, answers: bool = False) -> workers.Forgotten:
    """Cut the tie between a person and their answers in a stopped server's folder; see `workers.forget`."""
    if database is None and not is_data_folder(data):
        raise GlimpseError(
            f"{data} is not a server's data folder: it has no server.sqlite3. Name one with --data FOLDER"
        )
    with alone(data):
        _refuse_unfinished(data)
        site = Site(ServerSettings(data=data, database=database))
        try:
            return site.store.write(lambda tx: workers.forget(tx, name, answers=answers)).result()
        finally:
            site.close()


class _Server(uvicorn.Server):
    """uvicorn's server, ending quietly: a signal is how a server is meant to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle the signals as uvicorn does, without raising them once more afterwards."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()
