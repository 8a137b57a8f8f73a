"""Clips in Firefox, which drives itself: a script beside the page's own presses its buttons and reports."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.clip_starts import unlimited, with_clips
from benchmarks.exposures import make_study
from glimpse.mturk.page.pages import page_html

if TYPE_CHECKING:
    from pathlib import Path

    from glimpse.study import Study

FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
TRIALS = 3
DRIVER = """<script>
const wait = ms => new Promise(done => setTimeout(done, ms));
const until = async is => { for (let n = 0; !is() && n < 1500; n++) await wait(20); };
const at = id => document.getElementById(id);
const answered = () => JSON.parse(localStorage.getItem(Object.keys(localStorage)[0])).answers;
(async () => {
  const ends = [];
  document.addEventListener('ended', ({target}) => ends.push(target), true);
  await until(() => !at('consent').hidden);
  at('agree').click();
  at('start').click();
  const trials = [];
  for (let place = 0; place < TRIALS; place++) {
    await until(() => at('stage').classList.contains('answering') && answered().length === place);
    const clips = [...document.querySelectorAll('#trial video')].filter(
      clip => clip.previousSibling.style.opacity === '1');
    await until(() => clips.every(clip => ends.includes(clip)));
    await until(() => clips.some(clip => !clip.paused && clip.currentTime > 0));
    trials.push({clips: clips.length, error: clips.map(clip => clip.error && clip.error.message)});
    at('pick-left').click();
  }
  await until(() => !at('done').hidden);
  const held = document.querySelectorAll('video').length;
  await fetch('/report', {method: 'POST', body: JSON.stringify({trials, held, answers: answered()})});
})().catch(error => fetch('/report', {method: 'POST', body: JSON.stringify({error: String(error)})}));
</script></body>""".replace("TRIALS", str(TRIALS))


def in_firefox(study: Study, profile: Path) -> dict[str, Any]:
    """Do a HIT in a Firefox of its own; return what the page reported."""
    reports: queue.Queue[dict[str, Any]] = queue.Queue()
    page = page_html(study, study.hits[0].hit, "/media/").replace("</body>", DRIVER)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert study.folder is not None
            clip = study.folder / "images" / self.path.rpartition("/")[2]
            is_clip = self.path.startswith("/media/")
            body = clip.read_bytes() if is_clip else page.encode()
            self.send_response(200)
            self.send_header("Content-Type", f"video/{clip.suffix[1:]}" if is_clip else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/page?assignmentId=A1&hitId=H1&workerId=W1"
    command = [
        FIREFOX,
        "--headless",
        "--no-remote",
        "--profile",
        profile,
        "--width",
        "1366",
        "--height",
        "900",
    ]
    firefox = subprocess.Popen(
        [*map(str, command), address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        return reports.get(timeout=120)
    finally:
        firefox.terminate()
        firefox.wait(20)
        server.shutdown()
        server.server_close()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(FIREFOX is None, reason="without Firefox")
@pytest.mark.parametrize("ending", [pytest.param(".webm", marks=pytest.mark.exhaustive), ".mp4"])
def test_clips_play_together_in_firefox(tmp_path: Path, ending: str) -> None:
    study = make_study(tmp_path, unlimited(TRIALS), 8, (64, 64))
    study = with_clips(study, frames=12, kinds=2, ending=ending)
    profile = tmp_path / "profile"
    profile.mkdir()
    found = in_firefox(study, profile)
    assert "error" not in found
    assert found["trials"] == [{"clips": 2, "error": [None, None]}] * TRIALS
    assert found["held"] == 0
    for record in found["answers"]:
        assert record["plays"] >= 1
        assert record["dropped"] is None or record["dropped"] >= 0
        assert set(record.get("flags", [])) <= {"skew", "dropped", "stall"}
    assert any(record["skew_ms"] is not None for record in found["answers"])
