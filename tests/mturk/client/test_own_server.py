"""Our own server beside MTurk's protocol: connections that break, a start that takes a while, lost images."""

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from glimpse.main import main
from glimpse.mturk.collecting.participants import participants
from glimpse.mturk.publishing import own_server
from glimpse.mturk.publishing.client import CredentialsError, Endpoint, EndpointError, connect
from glimpse.mturk.server.clock import StudyClock

ROOT = Path(__file__).parents[3]


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def breaking(monkeypatch):
    """Let connections break: an address's first request is not sent, the answer to its second is lost."""
    send, asked = httpx.HTTPTransport.handle_request, []

    def handle(self, request):
        asked.append((request.method, str(request.url)))
        if asked.count(asked[-1]) == 1:
            raise httpx.ReadError("Connection reset by peer", request=request)
        response = send(self, request)
        if asked.count((request.method, str(request.url))) == 2:
            response.close()
            raise httpx.RemoteProtocolError("Server disconnected without a response", request=request)
        return response

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    return asked


def test_broken_connections_end_neither_publishing_nor_collecting(study, server, tmp_path, breaking):
    result = run("publish", study.folder, "--data", server.data)
    assert result.exit_code == 0, result.output
    assert [method for method, _ in breaking].count("PUT") == 3 * len(study.stimuli)
    assert len(list((server.data / "media" / study.study).iterdir())) == len(study.stimuli)
    server.submit(study, server.hits()[0]["hit_id"], "ann")
    before = len(breaking)
    result = run("collect", study.folder, "--data", server.data, "--out", tmp_path / "results")
    assert result.exit_code == 0, result.output
    assert len(breaking) >= before + 3
    assert "ann" in (tmp_path / "results" / "workers.csv").read_text()


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_without_its_server_is_asked_again(study, server, monkeypatch, status):
    send, asked = httpx.HTTPTransport.handle_request, []

    def handle(self, request):
        asked.append(request)
        return httpx.Response(status, request=request) if len(asked) < 4 else send(self, request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    assert participants(server.requester(), study.study).names == {}
    assert len(asked) == 4


def test_a_connection_that_never_holds_is_said(study, server, monkeypatch):
    def handle(_self, request):
        raise httpx.ReadTimeout("timed out", request=request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    with pytest.raises(EndpointError, match=r"GET http://.*/participants/\w+ failed 8 times: timed out"):
        participants(server.requester(), study.study)


def test_a_refusal_is_not_repeated(study, server, tmp_path, monkeypatch):
    asked = []
    send = httpx.HTTPTransport.handle_request
    monkeypatch.setattr(
        httpx.HTTPTransport, "handle_request", lambda self, request: asked.append(1) or send(self, request)
    )
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = A\naws_secret_access_key = B\n")
    strange = connect(Endpoint("local", server.url, tmp_path))
    with pytest.raises(CredentialsError, match="refuses the keys"):
        participants(strange, study.study)
    assert len(asked) == 1


def test_images_that_the_server_lost_are_hosted_again(study, server):
    assert run("publish", study.folder, "--data", server.data).exit_code == 0
    media = server.data / "media" / study.study
    lost = sorted(media.iterdir())[:3]
    whole = [path.read_bytes() for path in lost]
    for path in lost:
        path.unlink()
    result = run("publish", study.folder, "--data", server.data)
    assert result.exit_code == 0, result.output
    assert "Nothing is missing." in result.output
    assert [path.read_bytes() for path in lost] == whole


@pytest.fixture
def serve(tmp_path):
    """A function that starts `serve --port 0` on a folder, and does not wait for it."""
    running = []

    def started(data):
        words = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", "0", "--data", str(data)]
        running.append(subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return running[-1]

    yield started
    for process in running:
        process.terminate()
        process.wait(120)


@pytest.mark.slow
def test_publishing_waits_for_a_server_that_was_just_started(study, tmp_path, serve, monkeypatch):
    monkeypatch.setattr(own_server, "UNSEEN_S", 120.0)
    data = tmp_path / "server"
    process = serve(data)
    result = run("publish", study.folder, "--data", data)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Waiting for the server to start.\n")
    url = (data / "endpoint").read_text().strip()
    assert f"{url}/join/{study.study}" in result.stdout
    process.kill()
    process.wait(120)
    assert (data / "endpoint").read_text().strip() == url, "a killed server leaves its address behind"
    serve(data)
    result = run("publish", study.folder, "--data", data)
    assert result.exit_code == 0, result.output
    now = (data / "endpoint").read_text().strip()
    assert f"{now}/join/{study.study}" in result.stdout


def test_without_a_server_the_wait_ends_and_says_what_to_start(study, tmp_path, monkeypatch):
    monkeypatch.setattr(own_server, "UNSEEN_S", 0.3)
    result = run("publish", study.folder, "--data", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "Waiting for the server to start." in result.output
    assert "the local server writes it on its first start" in result.output


def test_status_says_that_the_clock_jumped(study, server, monkeypatch):
    assert run("publish", study.folder, "--data", server.data).exit_code == 0
    assert "clock" not in run("status", study.folder, "--data", server.data).output
    wall = [time.time()]
    monkeypatch.setattr(server.site, "clock", StudyClock(lambda: wall[0]))
    wall[0] += 365 * 86_400
    result = run("status", study.folder, "--data", server.data)
    assert result.exit_code == 0, result.output
    assert "Warning: The clock is 365.0 days ahead of the study's time" in result.output
    assert "--accept-clock" in result.output
