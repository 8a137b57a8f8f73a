"""What the tests of the page share: a strict server, and short ways through a HIT."""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from benchmarks.exposures import chromium
from glimpse.mturk.answers import parse_submission
from glimpse.mturk.page.pages import page_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glimpse.study import Study


IN_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="without Chromium"),
]
# What the page says of a pair that was on the screen before a reload.
ASKED_LATER = "You saw this pair before the page closed. Which image looked more realistic?"


class Server:
    """The study's images, a page under a strict policy, saved progress, and a place to submit to."""

    def __init__(self, study: Study, *, progress: bool = False) -> None:
        self.study, self.submitted, self.progress = study, [], progress
        self.saved: bytes | None = None
        self.puts = 0
        self.parts = True
        self.refusal: dict[str, str] | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def reply(self, body: bytes, kind: str = "text/html", status: int = 200, **headers: str) -> None:
                self.send_response(status)
                for name, value in {
                    "Content-Type": kind,
                    "Content-Length": str(len(body)),
                    **headers,
                }.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                path = self.path.split("?")[0]
                if path == "/page":
                    html = page_html(outer.study, outer.study.hits[0].hit, "/media/")
                    self.reply(html.encode(), Content_Security_Policy=policy(html))
                elif path.startswith("/media/"):
                    kind = mimetypes.guess_type(path)[0]
                    self.reply((outer.study.folder / "images" / path[7:]).read_bytes(), kind)
                elif path == "/progress":
                    status = 200 if outer.saved else 204
                    self.reply(outer.saved or b"", "application/json", status, X_Seconds_Left="600")
                else:
                    self.reply(b"no", status=405)

            def do_PUT(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                outer.puts += 1
                self.reply(*(outer.take if self.command == "PUT" else outer.take_part)(sent))

            do_PATCH = do_PUT  # noqa: N815 - as the base class calls it

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                outer.submitted.append((self.path, form))
                self.reply(b"<p id=thanks>Thank you</p>")

            def log_message(self, *_: object) -> None:
                """Keep the tests' output clean."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.http.server_port}"

    def take(self, sent: bytes) -> tuple[bytes, str, int]:
        """Store progress, unless it is to be refused; return the answer's body, kind and status."""
        if self.refusal:
            return json.dumps(self.refusal).encode(), "application/json", 409
        self.saved = sent
        return b"", "text/plain", 204

    def take_part(self, new: bytes) -> tuple[bytes, str, int]:
        """Store what is new of progress, as `take` does the whole."""
        if not self.parts:
            return b"no", "text/plain", 405
        kept, sent = json.loads(self.saved or b"null"), json.loads(new)
        start = sent.pop("from")
        if not kept or len(kept["answers"]) <= start:
            return b"no", "text/plain", 412
        return self.take(json.dumps({**sent, "answers": kept["answers"][:start] + sent["answers"]}).encode())

    def address(self, assignment: str = "A1", **query: str) -> str:
        words = {
            "assignmentId": assignment,
            "hitId": "H1",
            "workerId": "W1",
            "turkSubmitTo": self.origin,
            **query,
        }
        if self.progress:
            words["progressUrl"] = "/progress"
        return f"{self.origin}/page?" + "&".join(f"{name}={value}" for name, value in words.items())


def policy(html: str) -> str:
    """A policy of hashes, as a careful server sends it."""

    def hashes(tag: str) -> str:
        blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        return " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(b.encode()).digest()).decode()}'" for b in blocks
        )

    return (
        f"default-src 'none'; script-src {hashes('script')}; style-src {hashes('style')}; img-src 'self'; "
        "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'"
    )


@contextmanager
def serving_strictly(study: Study, **options: Any) -> Iterator[Server]:
    server = Server(study, **options)
    thread = threading.Thread(target=server.http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def until(page: Any, comes_true: Callable[[], bool]) -> None:
    """Wait for something that the page brings about outside itself."""
    end = time.monotonic() + 30
    while not comes_true():
        if time.monotonic() > end:
            raise TimeoutError("it did not come true in 30 s")
        page.wait_for_timeout(20)


def submit(page: Any, server: Server) -> Any:
    """Press Submit and return what the server's tables would hold."""
    page.wait_for_selector("#done:not([hidden])")
    page.click("#send")
    page.wait_for_selector("#thanks")
    (path, form), *more = server.submitted
    assert not more
    assert path == "/mturk/externalSubmit"
    assert set(form) == {"assignmentId", "answers"}
    return parse_submission(form["answers"][0])


def open_at_the_end(page: Any, study: Study, address: str) -> list[dict[str, Any]]:
    """Open a page whose answers are all given already; return them."""
    hit = study.hits[0]
    record = {"side": "left", "response_ms": 700.5, "shown_ms": None, "frames": None, "onset_ms": 9.0}
    answers = [{"trial": trial.trial, **record} for trial in study.trials_of(hit.hit)]
    state = {"v": 1, "seq": 9, "agreed": 1, "at": len(answers), "again": [], "answers": answers}
    key = f"glimpse:{study.study}:{hit.hit}:A1"
    page.add_init_script(f"localStorage.setItem({json.dumps(key)}, {json.dumps(json.dumps(state))})")
    page.goto(address)
    page.wait_for_selector("#done:not([hidden])")
    return answers


def watch_images(page: Any) -> None:
    """Record the highest opacity that any image of a pair takes."""
    page.evaluate(
        """() => { window.brightest = 0; const look = () => {
        for (const image of document.querySelectorAll('img.layer'))
          window.brightest = Math.max(window.brightest, +getComputedStyle(image).opacity);
        requestAnimationFrame(look); }; look(); }"""
    )


# How many answers the page has stored.
ANSWERED = "JSON.parse(localStorage.getItem(Object.keys(localStorage)[0])).answers.length"
# All that a page's note says, in order; some of it is gone before a test on a busy machine looks.
NOTES = """
    window.notes = [];
    new MutationObserver(() => {
        const note = document.getElementById('note');
        const text = note?.checkVisibility() && note.textContent;
        if (text && text !== notes.at(-1)) notes.push(text);
    }).observe(document, {subtree: true, childList: true, characterData: true});"""

# In the page, since a busy machine may be slower than the exposure.
BLUR_AT_ONSET = """() => { const look = () => {
  if (![...document.querySelectorAll('img.layer')].some(image => image.style.opacity === '1'))
    return requestAnimationFrame(look);
  window.dispatchEvent(new Event('blur')); }; look(); }"""

# Contrast of every text on every screen with the first opaque background behind it, by WCAG's formula.
CONTRASTS = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const linear = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const lum = c => { const f = c.slice(0, 3).map(linear);
    return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    if (['SCRIPT', 'NOSCRIPT', 'STYLE'].includes(e.tagName) || e.closest('#mark, noscript')) continue;
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    let b = e, back = [163, 163, 163];
    for (; b; b = b.parentElement) {
      const c = rgb(getComputedStyle(b).backgroundColor);
      if (c.length === 3 || c[3] > .99) { back = c; break; }
    }
    const [hi, lo] = [lum(rgb(getComputedStyle(e).color)), lum(back)].sort((x, y) => y - x);
    found.push((hi + .05) / (lo + .05));
  }
  return found; }"""
