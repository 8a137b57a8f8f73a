"""A running server with a clock that jumps, a boto3 client for it, and workers who fill in its forms."""

import asyncio
import re
import secrets
import threading
import time
from pathlib import Path

import boto3
import httpx
import pytest
import uvicorn
from botocore.config import Config

from glimpse.mturk.server.app import create_app
from glimpse.mturk.server.connections import BoundedProtocol
from glimpse.mturk.server.protocol.signing import load_keys
from glimpse.mturk.server.running import listen
from glimpse.mturk.server.site import ServerSettings, Site
from tests.mturk.server import postgresql

HTML = (
    '<HTMLQuestion xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/'
    'HTMLQuestion.xsd"><HTMLContent><![CDATA[<!doctype html><title>t</title><p id="q">Which?</p>]]>'
    "</HTMLContent><FrameHeight>0</FrameHeight></HTMLQuestion>"
)


SESSION = boto3.Session(region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")


class Clock:
    """Real time, plus what a test has skipped; or the moment at which it was stopped."""

    def __init__(self):
        self.skipped = 0.0
        self.stopped_at = None

    def __call__(self):
        return time.time() + self.skipped if self.stopped_at is None else self.stopped_at

    def stop_at(self, moment):
        self.stopped_at = moment

    def skip(self, seconds):
        self.skipped += seconds


class Quick(uvicorn.Server):
    """uvicorn's server, which looks every 10 ms instead of every 100 whether it is to stop."""

    async def main_loop(self):
        while not self.should_exit:
            await asyncio.sleep(0.01)


class Running:
    """One server on a port of its own, in a thread."""

    def __init__(self, data: Path, clock=None, **settings):
        self.clock = clock or Clock()
        self.site = Site(ServerSettings(data=data, **settings), clock=self.clock)
        self.socket = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        config = uvicorn.Config(
            create_app(self.site),
            log_level="critical",
            timeout_graceful_shutdown=2,
            http=BoundedProtocol,
        )
        self.server = Quick(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)
        self.opened = []

    def requester(self, key=None, secret=None, **config):
        """Return a boto3 client, with the server's own keys unless others are given."""
        own_key, own_secret = next(iter(load_keys(self.site.settings.data / "credentials").items()))
        client = SESSION.client(
            "mturk",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key or own_key,
            aws_secret_access_key=secret or own_secret,
            config=Config(retries={"max_attempts": 1}, **config),
        )
        self.opened.append(client)
        return client

    def browser(self, **options):
        client = httpx.Client(base_url=self.url, timeout=60, verify=False, **options)
        self.opened.append(client)
        return client

    def somebody(self):
        """Return somebody who has not said yet who they are."""
        return Worker(self.browser())

    def worker(self, name):
        worker = self.somebody()
        worker.sign_in(name)
        return worker

    def stop(self):
        for client in self.opened:
            client.close()
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.socket.close()
        self.site.close()


class Worker:
    """Somebody in front of a browser: sees pages, presses their buttons."""

    def __init__(self, http):
        self.http = http
        self.id = None

    def csrf(self, page):
        return re.search(r'name="csrf" value="(\w+)"', page.text)[1]

    def sign_in(self, name):
        page = self.http.get("/worker/sign-in")
        reply = self.http.post("/worker/sign-in", data={"name": name, "csrf": self.csrf(page)})
        assert reply.status_code == 303, reply.text
        self.id = self.http.get("/worker/session").json()["worker"]

    def press(self, address, **fields):
        token = self.http.get("/worker/session").json()["csrf"]
        return self.http.post(address, data={"csrf": token, **fields})

    def accept(self, address):
        """Press an accept button; returns the assignment's id."""
        reply = self.press(address)
        assert reply.status_code == 303, reply.text
        return reply.headers["location"].rpartition("/")[2]

    def take(self, hit_id):
        return self.accept(f"/worker/hits/{hit_id}/accept")

    def submit(self, assignment_id, **answers):
        data = {"assignmentId": assignment_id, **(answers or {"choice": "left"})}
        return self.http.post("/mturk/externalSubmit", data=data)

    def give_back(self, assignment_id):
        return self.press(f"/worker/assignments/{assignment_id}/return")

    def join(self, study, **parameters):
        address = httpx.URL(f"/join/{study}", params=parameters)
        page = self.http.get(address)
        reply = self.http.post(address, data={"csrf": self.csrf(page)})
        self.id = self.http.get("/worker/session").json()["worker"]
        return reply


# Files whose tests run on both databases, whatever is asked for.
API = {"test_assignment_operations", "test_operations", "test_qualification_operations"}
ON_BOTH = {*API, "test_draws", "test_life", "test_size"}


def pytest_generate_tests(metafunc):
    if "database" in metafunc.fixturenames:
        asked = metafunc.config.getoption("--database")
        if asked == "sqlite" and metafunc.module.__name__.rpartition(".")[2] in ON_BOTH:
            metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True)
        elif asked == "postgresql":
            metafunc.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def database(request):
    """The database that servers of a test have: `sqlite`, or `postgresql` where there is one to start."""
    chosen = getattr(request, "param", "sqlite")
    if chosen == "postgresql":
        if request.node.get_closest_marker("sqlite"):
            pytest.skip("without files of SQLite")
        if not postgresql.is_there():
            pytest.skip(postgresql.MISSING)
    return chosen


@pytest.fixture
def start(tmp_path, database):
    """A function that starts a server, with settings of its own if need be."""
    running, addresses = [], {}

    def starter(data=tmp_path / "server", **settings):
        if database == "postgresql":
            name = f"glimpse_{secrets.token_hex(6)}"
            if data not in addresses:
                addresses[data] = settings.get("database") or postgresql.new_database(name)
            settings["database"] = addresses[data]
        running.append(Running(data, **settings))
        return running[-1]

    yield starter
    for server in running:
        server.stop()


@pytest.fixture
def server(start):
    return start()


@pytest.fixture
def turk(server):
    return server.requester()


@pytest.fixture
def question():
    return HTML


@pytest.fixture
def publish(turk, question):
    """A function that creates one HIT and returns it."""

    def create(slots=1, *, duration=600, lifetime=3600, client=turk, requirements=(), **more):
        hit_type = client.create_hit_type(
            AssignmentDurationInSeconds=duration,
            Reward=more.pop("reward", "0.50"),
            Title=more.pop("title", "Which image is more realistic?"),
            Description="Look at pairs.",
            QualificationRequirements=list(requirements),
            AutoApprovalDelayInSeconds=more.pop("auto_approval", 86_400),
        )["HITTypeId"]
        return client.create_hit_with_hit_type(
            HITTypeId=hit_type,
            MaxAssignments=slots,
            LifetimeInSeconds=lifetime,
            Question=more.pop("Question", question),
            **more,
        )["HIT"]

    return create


@pytest.fixture
def refusal(turk):
    """A function that calls an operation which must be refused, and returns the error's code."""

    def call(operation, client=turk, **parameters):
        with pytest.raises(
            client.exceptions.RequestError, match=r"\(\d+ s AWS\.MechanicalTurk\.\w+\)"
        ) as raised:
            getattr(client, operation)(**parameters)
        return raised.value.response["TurkErrorCode"].removeprefix("AWS.MechanicalTurk.")

    return call
