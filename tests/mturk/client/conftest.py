"""A small study, a server in this process, and workers: shared by the tests of the client."""

import json
import random
import re
import shutil
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uvicorn
from click.testing import CliRunner
from PIL import Image

from glimpse.main import main
from glimpse.mturk.answers import encode
from glimpse.mturk.publishing import own_server
from glimpse.mturk.publishing.client import Endpoint, Requester, connect
from glimpse.mturk.server.app import create_app
from glimpse.mturk.server.site import ServerSettings, Site
from glimpse.mturk.server.storage import assignments, transitions
from glimpse.mturk.server.storage.workers import LOCAL, worker_for
from glimpse.study import read_study
from tests.mturk.client.prolific import Wire, install


class Nowhere:
    """A hosting that does nothing."""

    def base_url(self, _study):
        return "https://images.example/"

    def host(self, _study, images, _track):
        assert all(image.path.exists() for image in images)


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Wait for nobody: neither between two attempts nor for a server that is being started."""
    monkeypatch.setattr(own_server, "WAIT_S", 0.001)
    monkeypatch.setattr(own_server, "UNSEEN_S", 0.0)


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    noise = random.Random(0)
    for condition in ("real", "crn", "pix2pix", "image-space"):
        (folder / condition).mkdir()
        for item in range(12):
            picture = Image.frombytes("RGB", (32, 32), noise.randbytes(32 * 32 * 3))
            picture.save(folder / condition / f"{item:03d}.png")
    return folder


def build(images, target, workers):
    """Run build-hits: two HITs of nine trials, two of them sentinels."""
    options = {
        "--mode": "limited-time",
        "--images": images,
        "--out": target,
        "--contrast": "crn:real",
        "--hits-per-batch": 2,
        "--trials-per-cell": 1,
        "--sentinels-per-hit": 2,
        "--workers-per-hit": workers,
        "--reward-usd": "1.00",
    }
    words = [str(word) for option in options.items() for word in option]
    result = CliRunner().invoke(main, ["build-hits", *words])
    assert result.exit_code == 0, result.output
    return target


@pytest.fixture(scope="session")
def studies(images, tmp_path_factory):
    """Studies that are built once: three workers a HIT, and eleven."""
    folder = tmp_path_factory.mktemp("studies")
    return {count: build(images, folder / str(count), count) for count in (3, 11)}


@pytest.fixture
def study(studies, tmp_path):
    """Two HITs of nine trials, three workers each, in a folder of its own."""
    return read_study(shutil.copytree(studies[3], tmp_path / "study"))


@pytest.fixture
def large_study(studies, tmp_path):
    """Two HITs with eleven workers each: 9 + 2 where fees are taken."""
    return read_study(shutil.copytree(studies[11], tmp_path / "large-study"))


@dataclass
class Running:
    """A server in a thread of this process; `now` moves its clock."""

    site: Site
    url: str
    data: Path
    shift_s: float = 0.0
    requesters: dict = field(default_factory=dict)

    def requester(self, name="local") -> Requester:
        if name not in self.requesters:
            self.requesters[name] = connect(Endpoint(name, self.url, self.data), attempts=1)
        return self.requesters[name]

    def change(self, function):
        return self.site.store.write(function).result()

    def forget_all(self):
        """Make the server as new."""
        for table in ("questions", "hits", "hit_types", "qualification_types", "tallies", "tokens"):
            self.change(lambda tx, table=table: tx.run(f"DELETE FROM {table}"))

    def hits(self):
        """The HITs in the order of their creation; those that are created several at a time, by name."""
        rows = self.site.store.read(lambda tx: tx.all("SELECT * FROM hits ORDER BY seq"))
        is_part = ["." in (row["annotation"] or "") for row in rows]
        if is_part != sorted(is_part):
            return rows  # in nines, one after the other
        studies = list(dict.fromkeys(row["study"] for row in rows))
        whole = rows[: is_part.count(False)]
        whole.sort(key=lambda row: (studies.index(row["study"]), row["annotation"] or ""))
        return whole + rows[len(whole) :]

    def worker(self, name, panel=LOCAL):
        return self.change(lambda tx: worker_for(tx, self.site.secret, panel, name))

    def submit(self, study, hit_id, name, *, wrong=0, answer=None, panel=LOCAL, **changes):
        """Let a worker accept a HIT and answer it, `wrong` sentinels wrongly; returns the assignment id."""
        assignment = self.accept(hit_id, name, panel)
        self.hand_in(assignment, study, hit_id, wrong=wrong, answer=answer, **changes)
        return assignment

    def accept(self, hit_id, name, panel=LOCAL):
        worker = self.worker(name, panel)
        return self.change(lambda tx: transitions.accept(tx, hit_id, worker))

    def hand_in(self, assignment, study, hit_id, *, wrong=0, answer=None, **changes):
        hit = (
            next(row["annotation"] for row in self.hits() if row["hit_id"] == hit_id)
            .split(":")[3]
            .split(".")[0]
        )
        text = answer or encode({"answers": json.dumps({**answers(study, hit, wrong=wrong), **changes})})
        self.change(lambda tx: transitions.submit(tx, assignments.find(tx, assignment), text))


def answers(study, hit, *, wrong=0):
    """Return what the page of a HIT sends when everything was answered."""
    records = []
    for trial in study.trials_of(hit):
        side = trial.correct_side or "left"
        if trial.sentinel and wrong:
            side, wrong = {"left": "right", "right": "left"}[side], wrong - 1
        times = {"response_ms": 700, "shown_ms": trial.exposure_ms, "frames": 15, "onset_ms": 1.0}
        records.append({"trial": trial.trial, "side": side, **times})
    page = {"user_agent": "t", "viewport": [1280, 800], "device_pixel_ratio": 1, "refresh_hz": 60}
    return {
        "schema": 1,
        "study": study.study,
        "hit": hit,
        "page": {**page, "focus_losses": 0},
        "answers": records,
    }


@pytest.fixture
def start(tmp_path_factory, monkeypatch):
    """Return a function that starts a server, with a data folder of its own if none is given.

    Its keys are those that AWS tools find, too.
    """
    running = []

    def begin(data=None):
        data = data or tmp_path_factory.mktemp("server")
        state = {}
        site = Site(
            ServerSettings(data),
            clock=lambda: time.time() + state["running"].shift_s if state else time.time(),
        )
        bound = socket.socket(
            socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
        )  # so that uvicorn sends at once
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        state["running"] = found = Running(site, url, data)
        server = uvicorn.Server(uvicorn.Config(create_app(site), log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        (data / "endpoint").write_text(url)
        key, secret = next(iter(site.keys.items()))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        running.append((server, thread, site))
        return found

    yield begin
    for server, thread, site in running:
        server.should_exit = True
        server.force_exit = True
        thread.join(60)
        site.close()


@pytest.fixture
def server(start):
    return start()


@pytest.fixture
def browser():
    with httpx.Client(follow_redirects=False) as client:
        yield client


@pytest.fixture
def glimpse(tmp_path, monkeypatch):
    """Run a command in a folder of its own; returns (exit status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def run(*words, typed=None):
        result = CliRunner().invoke(main, words, input=typed)
        errors = [line for line in result.stderr.splitlines() if not re.search(r": \d+/\d+$", line)]
        return result.exit_code, result.stdout.splitlines(), errors

    return run


@pytest.fixture
def at(server):
    return ["--data", str(server.data)]


@pytest.fixture
def paid(study, server, glimpse, monkeypatch, website):
    """Publish to an endpoint that is taken for the paid site."""

    def run(*words, typed=None, terminal=True):
        monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _self: terminal, raising=False)
        place = ["--image-url-prefix", website] if words[0] == "publish" else []
        name = ["--to"] if words[0] == "publish" else ["--on"]
        return glimpse(*words, *name, "production", "--endpoint", server.url, *place, typed=typed)

    return run


@pytest.fixture
def website(study, monkeypatch):
    """An address at which the images are, without a server for them."""
    monkeypatch.setattr("glimpse.mturk.publishing.hosting.check_reachable", lambda *_, **__: None)
    return "https://images.example/"


@pytest.fixture
def wire(monkeypatch):
    """A made-up Prolific in place of the network."""
    found = Wire()
    install(monkeypatch, found)
    return found
