"""Look at a HIT's page without publishing it: its address on the disk, or a small local server."""

from __future__ import annotations

import functools
import webbrowser
from contextlib import contextmanager
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlencode, urlsplit

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glimpse.study import Study

# Any id but MTurk's ASSIGNMENT_ID_NOT_AVAILABLE lets the page run.
TRIAL_RUN = "TRIALRUN"


def address_on_disk(study: Study, hit: str, *, accepted: bool) -> str:
    """Return the file: address of a HIT's page; GlimpseError names the HITs when there is no such one."""
    return f"{study.page_path(hit).resolve().as_uri()}{_query(hit, accepted=accepted)}"


def open_browser(address: str) -> bool:
    """Open a browser window; False where there is none."""
    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False


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
            f"http://127.0.0.1:{server.server_port}/pages/{name}.html{_query(name, accepted=accepted)}",
        )
    finally:
        server.server_close()


def _query(hit: str, *, accepted: bool) -> str:
    assignment = TRIAL_RUN if accepted else "ASSIGNMENT_ID_NOT_AVAILABLE"
    return "?" + urlencode({"assignmentId": assignment, "hitId": hit, "workerId": "PREVIEW"})


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
