"""The server is killed while a worker answers, and is back only after they pressed Submit."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.exposures import FLAGS
from benchmarks.exposures import chromium as find_chromium
from glimpse.main import main
from glimpse.study import read_study

ROOT = Path(__file__).parents[2]
CHROMIUM = find_chromium()

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="without Chromium"),
]


def glimpse(*words):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output


class Server:
    """A server in a process of its own, which can be killed and started again at the same address."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, "0", None
        self.errors = (folder / "errors.txt").open("w")

    def start(self):
        words = ["serve", "--port", self.port, "--data", "server", "--study", "study"]
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "cli.py", *words], cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=self.errors,
        )  # fmt: skip
        self.url = re.search(r"http://[\d.:]+", self.process.stdout.readline())[0]
        self.port = self.url.rpartition(":")[2]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)
        self.process.stdout.close()
        self.process = None

    def close(self):
        if self.process is not None:
            self.kill()
        self.errors.close()


@pytest.fixture
def server(tmp_path):
    rng = np.random.default_rng(0)
    for condition in ("real", "crn", "image-space"):
        for item in range(4):
            path = tmp_path / "images" / condition / f"{item}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (64, 128, 3), dtype=np.uint8)).save(path)
    glimpse(
        "build-hits", "--mode", "limited-time", "--images", tmp_path / "images", "--out", tmp_path / "study",
        "--hits-per-batch", 1, "--trials-per-cell", 3, "--exposure-ms", 125, "--sentinels-per-hit", 1,
        "--sentinel-exposure-ms", 125, "--workers-per-hit", 1,
    )  # fmt: skip
    running = Server(tmp_path)
    running.start()
    options = ("--to", "local", "--yes", "--data", tmp_path / "server", "--endpoint", running.url)
    glimpse("publish", tmp_path / "study", *options)
    yield running
    running.close()


@pytest.fixture
def page():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_page(viewport={"width": 1366, "height": 768})
        browser.close()


def step(frame):
    """Do whatever the page asks for next; return its button's id."""
    wanted = ", ".join(f"#{name}:visible" for name in ("go", "pick-left", "continue", "retry", "send"))
    button = frame.locator(wanted).and_(frame.locator(":enabled")).first
    button.wait_for(timeout=30_000)
    name = button.get_attribute("id")
    button.click()
    return name


def test_a_worker_finishes_though_the_server_is_killed_in_the_middle(server, page):
    """The answers stay in the page, which says so, and are sent again when the server is back."""
    page.goto(server.url + "/")
    page.fill("#name", "ann")
    page.click("main button")
    page.click("text=Preview")
    page.click("button:has-text('Accept')")
    frame = page.frame_locator("iframe")
    frame.locator("#agree").click()
    frame.locator("#start").click()
    while step(frame) != "pick-left":
        pass
    server.kill()
    while step(frame) != "send":
        pass
    sent = frame.locator("#sent")
    sent.filter(has_text="cannot be reached. Your answers are kept on this computer").wait_for(timeout=30_000)
    server.start()
    page.wait_for_url("**/done", timeout=60_000)
    assert page.locator("main h1").inner_text() == "Thank you"
    data = ("--data", server.folder / "server", "--endpoint", server.url)
    glimpse("collect", server.folder / "study", "--out", server.folder / "results", *data)
    (line,) = (server.folder / "results" / "assignments.jsonl").read_text().splitlines()
    answered = {answer["trial"] for answer in json.loads(line)["answers"]}
    assert answered == {trial.trial for trial in read_study(server.folder / "study").trials}
