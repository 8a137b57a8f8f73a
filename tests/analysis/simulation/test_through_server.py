"""Simulated workers over HTTP, against a small server that speaks as ours: forms, tokens, 303, 409, 503."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner, Result

from glimpse import __version__
from glimpse.analysis.simulation import through_server
from glimpse.analysis.simulation.simulated_study import read_simulated
from glimpse.analysis.simulation.through_server import default_url
from glimpse.main import main
from tests.analysis.folders import build_study

STUDY = "abcdefgh01234567"


class Site:
    """What the small server knows: HITs with places, who holds which assignment, what was submitted."""

    def __init__(self, hits: list[str], places: int) -> None:
        self.room = dict.fromkeys(hits, places)
        self.held: dict[str, tuple[str, str]] = {}
        self.submitted: dict[str, dict[str, Any]] = {}
        self.agents: set[str] = set()
        self.busy = 0
        self.lock = threading.Lock()

    def accept(self, worker: str) -> str | None:
        with self.lock:
            if any(holder == worker for holder, _ in self.held.values()):
                return None
            hit = max(self.room, key=lambda name: self.room[name])
            if not self.room[hit]:
                return None
            self.room[hit] -= 1
            name = f"ASSIGNMENT{len(self.held):04d}"
            self.held[name] = (worker, hit)
            return name


class Handler(BaseHTTPRequestHandler):
    """Speaks the part of the workers' site that a program needs."""

    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *_: object) -> None:
        return

    def reply(self, status: int, body: object = "", **headers: str) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @property
    def worker(self) -> str:
        found = re.search(r"worker=(\w+)", self.headers.get("Cookie") or "")
        return found.group(1) if found else ""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.site.agents.add(self.headers["User-Agent"])
        if path == "/worker/session":
            self.reply(200, {"worker": self.worker or None, "csrf": f"token-{self.worker}"})
        elif path == "/worker/":
            mine = [name for name, (holder, _) in self.site.held.items() if holder == self.worker]
            open_ = [name for name in mine if name not in self.site.submitted]
            self.reply(200, "".join(f'<a href="/worker/assignments/{name}">Continue</a>' for name in open_))
        elif path.startswith("/join/"):
            self.reply(200 if path == f"/join/{STUDY}" else 404, "<h1>join</h1>")
        elif path.endswith("/state"):
            name = path.split("/")[3]
            state = {
                "status": "Accepted",
                "hit": self.site.held[name][1],
                "study": STUDY,
                "page_url": "/page",
            }
            self.reply(200, state | {"submit_url": "/mturk/externalSubmit"})
        else:
            self.reply(200 if path == "/page" else 404, "<h1>page</h1>")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        form = dict(parse_qsl(body.decode()))
        path = urlsplit(self.path).path
        with self.site.lock:
            self.site.busy -= 1
            busy = self.site.busy >= 0
        if busy:
            self.reply(503, "busy")
        elif path == "/mturk/externalSubmit":
            self.site.submitted[form["assignmentId"]] = json.loads(form["answers"])
            self.reply(200)
        elif form.get("csrf") != f"token-{self.worker}":
            self.reply(400, "<p>This form is no longer valid.</p>")
        elif path == "/worker/sign-in":
            self.reply(303, Location="/worker/", Set_Cookie=f"worker={form['name']}; Path=/")
        elif path == f"/worker/studies/{STUDY}/accept":
            name = self.site.accept(self.worker)
            if name is None:
                self.reply(409, "There is no HIT for you here at the moment.")
            else:
                self.reply(303, Location=f"/worker/assignments/{name}")
        else:
            self.reply(404)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return build_study(tmp_path / "study", hits=2, per_cell=1, workers=4)


@pytest.fixture
def server() -> Iterator[tuple[str, Site]]:
    site = Site(["b1-h01", "b1-h02"], 4)
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"site": site}))
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{http.server_address[1]}", site
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture(autouse=True)
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay the server's key where it is looked for."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "dashboard-token").write_text("the key\n")


def test_without_the_requester_s_key_nobody_answers(study: Path, server: tuple[str, Site]) -> None:
    result = run("simulate", study, "--through-server", server[0], "--data", "elsewhere")
    assert result.exit_code == 1
    assert "elsewhere/dashboard-token: No such file or directory. The server takes simulated" in result.output
    assert server[1].submitted == {}


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(through_server, "WAIT_S", 0.005)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_workers_fill_the_study_and_say_what_they_are(study: Path, server: tuple[str, Site]) -> None:
    url, site = server
    result = run("simulate", study, "--through-server", url, "--concurrency", 3)
    assert result.exit_code == 0, result.output
    assert f"8 simulated workers answered at {url}, every assignment marked simulated." in result.output
    assert "Next: python cli.py collect" in result.output
    assert len(site.submitted) == 8
    assert {holder for holder, _ in site.held.values()} == {f"ASIMULATED0X{slot:05d}" for slot in range(8)}
    assert site.agents == {f"glimpse-simulator/{__version__}"}
    plan = read_simulated(study, through_server_observer())
    trials = {hit.name: set(hit.trials) for hit in plan.hits}
    for name, submission in site.submitted.items():
        assert submission["simulated"] is True
        assert submission["study"] == STUDY
        assert submission["page"]["user_agent"] == f"glimpse-simulator/{__version__}"
        assert submission["hit"] == site.held[name][1]
        assert {answer["trial"] for answer in submission["answers"]} == trials[submission["hit"]]


def through_server_observer() -> Any:
    from glimpse.analysis.simulation.observer import Observer

    return Observer()


def test_an_interrupted_run_goes_on(study: Path, server: tuple[str, Site]) -> None:
    url, site = server
    assert run("simulate", study, "--through-server", url, "--workers", 3).exit_code == 0
    begun = site.accept("ASIMULATED0X00003")  # accepted, then the run was interrupted
    before = dict(site.submitted)
    result = run("simulate", study, "--through-server", url)
    assert result.exit_code == 0, result.output
    assert f"5 simulated workers answered at {url}" in result.output
    assert "3 found nothing to do" in result.output
    assert begun in site.submitted
    assert len(site.submitted) == 8
    assert before.items() <= site.submitted.items()


def test_a_busy_server_is_asked_again(study: Path, server: tuple[str, Site]) -> None:
    url, site = server
    site.busy = 3
    result = run("simulate", study, "--through-server", url, "--workers", 2)
    assert result.exit_code == 0, result.output
    assert len(site.submitted) == 2


def test_a_study_that_is_not_published_there_is_an_error(tmp_path: Path, server: tuple[str, Site]) -> None:
    url, site = server
    study = build_study(tmp_path / "mine", hits=1, per_cell=1, study="otherstudy012345")
    result = run("simulate", study, "--through-server", url)
    assert result.exit_code == 1
    assert result.output == (
        f"Error: {url}: study otherstudy012345 is not published there. Publish it first: "
        f"python cli.py publish {study} --to local\n"
    )
    assert not site.held


def test_a_full_study_is_no_error(study: Path, server: tuple[str, Site]) -> None:
    url, site = server
    site.room = dict.fromkeys(site.room, 0)
    result = run("simulate", study, "--through-server", url, "--workers", 2)
    assert result.exit_code == 0, result.output
    assert "2 found nothing to do: they had answered before, or every place is taken." in result.output
    assert f"Next: python cli.py collect {study}" in result.output


def test_another_study_s_server_is_named(study: Path, server: tuple[str, Site]) -> None:
    url, site = server
    site.room = {"b9-h01": 4}
    result = run("simulate", study, "--through-server", url, "--workers", 1)
    assert result.exit_code == 1
    assert "is of HIT 'b9-h01' of study 'abcdefgh01234567', which is not in this study" in result.output


def test_no_server_says_how_to_start_one(study: Path) -> None:
    result = run("simulate", study, "--through-server", "http://127.0.0.1:9", "--workers", 1)
    assert (result.exit_code, result.output) == (
        1,
        "Error: http://127.0.0.1:9: no server answers there; start one with: python cli.py serve.\n",
    )


@pytest.mark.parametrize("url", ["study", "ftp://127.0.0.1", "http://"])
def test_what_is_no_address_is_refused_at_once(study: Path, url: str) -> None:
    result = run("simulate", study, "--through-server", url)
    assert (result.exit_code, result.output) == (
        1,
        (
            f"Error: --through-server {url!r}: it must be a server's address, such as "
            "http://127.0.0.1:8080. Put the study's folder before this option.\n"
        ),
    )


def test_too_many_workers_are_refused_before_anybody_signs_in(study: Path, server: tuple[str, Site]) -> None:
    url, site = server
    result = run("simulate", study, "--through-server", url, "--workers", 9)
    assert (result.exit_code, result.output) == (
        1,
        "Error: --workers is 9; this study has 8 places (2 HITs of 4 workers), so it must be from 1 to 8.\n",
    )
    assert not site.held


def test_a_refusal_is_quoted_without_its_markup(study: Path, server: tuple[str, Site]) -> None:
    url, _ = server
    result = run("simulate", study, "--through-server", f"{url}/elsewhere", "--workers", 1)
    assert result.exit_code == 1
    assert "the server answered 404: page" in result.output


def test_the_address_is_found_beside_the_server(tmp_path: Path) -> None:
    assert default_url(tmp_path) == "http://127.0.0.1:8080"
    (tmp_path / "endpoint").write_text("http://127.0.0.1:1234\n")
    assert default_url(tmp_path) == "http://127.0.0.1:1234"
