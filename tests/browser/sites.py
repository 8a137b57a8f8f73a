"""A published study on a server in a process of its own, and what a person does on its pages."""

import re
import signal
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner
from PIL import Image

from glimpse.main import main

ROOT = Path(__file__).parents[2]


def glimpse(*words):
    """Run a command; return what it prints."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


class Site:
    """A published study of short HITs, and the server it is on, which can be killed and started again."""

    ending = ".png"
    design = ("--mode", "limited-time", "--exposure-ms", 125, "--sentinel-exposure-ms", 125)

    def __init__(self, folder, *serve, build=()):
        self.folder, self.port, self.process = folder, "0", None
        for number, condition in enumerate(("real", "crn", "pix2pix", "image-space")):
            for item in range(6):
                path = folder / "images" / condition / f"{item}{self.ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                self.draw(path, number, item)
        glimpse(
            "build-hits", *self.design, "--images", folder / "images", "--out", folder / "study",
            "--trials-per-cell", 1, "--sentinels-per-hit", 1, *build,
        )  # fmt: skip
        self.options = serve
        self.errors = (folder / "errors.txt").open("w")
        self.start()
        published = glimpse("publish", folder / "study", "--to", "local", "--yes", *self.data)
        self.name = re.search(r"/join/(\w+)", published)[1]

    def draw(self, path, condition, item):
        """Write what a condition, by its number, has of an item."""
        Image.new("RGB", (256, 128), (60 * condition, 40 * item, 99)).save(path)

    @property
    def data(self):
        """The options by which a command finds this server."""
        return ("--data", self.folder / "server", "--endpoint", self.url)

    def start(self):
        words = ["--port", self.port, "--data", "server", "--study", "study", *self.options]
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "cli.py", "serve", *words], cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=self.errors,
        )  # fmt: skip
        self.url = re.search(r"http://[\d.:]+", self.process.stdout.readline())[0]
        self.dashboard = re.search(r"http\S+", self.process.stdout.readline())[0]
        self.port = self.url.rpartition(":")[2]

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait(20)
        self.process.stdout.close()
        self.process = None

    def close(self):
        if self.process is not None:
            self.kill(signal.SIGTERM)
        self.errors.close()


def sign_in(page, site, name):
    page.goto(site.url + "/")
    page.fill("#name", name)
    page.click("main button")


def begin(frame):
    """Go through consent and instructions."""
    frame.locator("#agree").click()
    frame.locator("#start").click()


def step(frame):
    """Do whatever the page asks for next; return its button's id."""
    wanted = ", ".join(f"#{name}:visible" for name in ("go", "pick-left", "continue", "retry", "send"))
    button = frame.locator(wanted).and_(frame.locator(":enabled")).first
    button.wait_for(timeout=30_000)
    name = button.get_attribute("id")
    button.click()
    return name
