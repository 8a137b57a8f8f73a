"""Look at a HIT's page without publishing it: its address on the disk, or a small local server."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from glimpse.errors import GlimpseError
from glimpse.opening import page_address, page_query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glimpse.study import Study


def address_on_disk(study: Study, hit: str, *, accepted: bool) -> str:
    """Return the file: address of a HIT's page; GlimpseError names the HITs when there is no such one."""
    return page_address(study.page_path(hit), hit, accepted=accepted)


@contextmanager
def serving(
    study: Study, hit: str, port: int, *, accepted: bool
) -> Iterator[tuple[ThreadingHTTPServer, str]]:
    """Bind a server of the study's pages and images to 127.0.0.1; yield it and the address of one page.

    Only pages/ and images/ are served: the plan beside them is not for anybody's eyes.
    """
    name = study.hit(hit).hit
    handler = functools.partial(_Handler, directory=str(study.folder))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise GlimpseError(
            f"port {port} of this computer cannot be used ({error.strerror}); take another."
        ) from error
    try:
        yield (
            server,
            f"http://127.0.0.1:{server.server_port}/pages/{name}.html{page_query(name, accepted=accepted)}",
        )
    finally:
        server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    """Serves files of pages/ and images/ by their names, and nothing else."""

    def do_GET(self) -> None:
        """Answer one request."""
        parts = PurePosixPath(unquote(urlsplit(self.path).path)).parts
        if len(parts) == 3 and parts[1] in {"pages", "images"} and not parts[2].startswith("."):
            super().do_GET()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def list_directory(self, path: object) -> None:  # noqa: ARG002 - the base class calls it
        """Never list a folder."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Keep the terminal quiet."""
