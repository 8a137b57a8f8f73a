"""The client: throttled calls are repeated, every failure is one readable sentence."""

import http.server
import json
import threading
from pathlib import Path

import boto3
import pytest

from glimpse.errors import GlimpseError
from glimpse.mturk.publishing.client import (
    CredentialsError,
    Endpoint,
    EndpointError,
    Requester,
    TurkError,
    connect,
    endpoint,
)

KEYS = "[default]\naws_access_key_id = A\naws_secret_access_key = B\n"


@pytest.fixture
def data(tmp_path):
    (tmp_path / "credentials").write_text(KEYS)
    return tmp_path


class Answering:
    """A server that gives prepared answers, one after the other."""

    def __init__(self, answers):
        self.answers, self.asked = list(answers), []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append(self.headers["X-Amz-Target"])
                status, body = outer.answers.pop(0)
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def answering():
    running = []

    def start(*answers):
        running.append(Answering(answers))
        return running[-1]

    yield start
    for one in running:
        one.server.shutdown()
        one.server.server_close()


THROTTLED = (400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
FAULT = (500, {"__type": "ServiceFault", "Message": "Try again", "TurkErrorCode": "AWS.ServiceUnavailable"})
BALANCE = (200, {"AvailableBalance": "10000.00"})


def test_throttling_and_faults_are_retried(answering, data, monkeypatch):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    server = answering(THROTTLED, THROTTLED, FAULT, BALANCE)
    requester = connect(Endpoint("local", server.url, data))
    assert requester.call("GetAccountBalance")["AvailableBalance"] == "10000.00"
    assert len(server.asked) == 4
    assert len(waits) == 3


def test_retrying_ends(answering, data, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    server = answering(*[THROTTLED] * 8)
    with pytest.raises(
        TurkError, match=r"GetAccountBalance was refused: Rate exceeded \(ThrottlingException\)"
    ):
        connect(Endpoint("local", server.url, data)).call("GetAccountBalance")
    assert len(server.asked) == 8


def test_a_refusal_carries_its_code(answering, data):
    body = {
        "__type": "RequestError",
        "Message": "No.",
        "TurkErrorCode": "AWS.MechanicalTurk.HitAlreadyExists",
    }
    requester = connect(Endpoint("local", answering((400, body)).url, data))
    with pytest.raises(TurkError) as caught:
        requester.call("GetHIT", HITId="X")
    assert str(caught.value) == "GetHIT was refused: No. (AWS.MechanicalTurk.HitAlreadyExists)"
    assert (caught.value.code, caught.value.detail) == ("AWS.MechanicalTurk.HitAlreadyExists", "No.")


def test_refused_keys_name_their_file(answering, data):
    body = {"__type": "UnrecognizedClientException", "message": "Who?"}
    server = answering((400, body))
    with pytest.raises(CredentialsError) as caught:
        connect(Endpoint("local", server.url, data)).call("GetAccountBalance")
    expected = f"{server.url} refuses the keys in {data}/credentials: Who? (UnrecognizedClientException)"
    assert str(caught.value) == expected


def test_pages_until_there_is_no_more():
    class Client:
        def list_hits(self, **arguments):
            asked.append(arguments)
            return {"HITs": [{"HITId": str(len(asked))}], **({"NextToken": "n"} if len(asked) < 3 else {})}

    asked = []
    pages = list(Requester(endpoint("sandbox"), Client()).pages("ListHITs", "HITs"))
    assert [page[0]["HITId"] for page in pages] == ["1", "2", "3"]
    assert asked == [{"MaxResults": 100}, *[{"MaxResults": 100, "NextToken": "n"}] * 2]


def test_no_server_says_how_to_start_it(data):
    with pytest.raises(EndpointError) as caught:
        connect(Endpoint("local", "http://127.0.0.1:9", data), attempts=1).call("GetAccountBalance")
    assert str(caught.value) == (
        f"nobody answers at http://127.0.0.1:9. Start the server in another terminal: "
        f"python cli.py serve --data {data}"
    )


def test_a_closed_endpoint_says_what_became_of_it(data, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "A")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "B")
    with pytest.raises(EndpointError) as caught:
        connect(Endpoint("sandbox", "http://127.0.0.1:9", data), attempts=1).call("GetAccountBalance")
    assert str(caught.value) == (
        "nobody answers at http://127.0.0.1:9. Amazon's documentation says that Mechanical Turk and its "
        "sandbox closed on 2026-09-30; --to local needs neither, and --endpoint URL names a compatible "
        "server."
    )


def test_no_keys_of_the_local_server(tmp_path):
    with pytest.raises(CredentialsError) as caught:
        connect(endpoint("local", None, Path("server")))
    assert str(caught.value) == (
        "server/credentials does not exist: the local server writes it on its first start. "
        "Start it in another terminal: python cli.py serve"
    )
    (tmp_path / "credentials").write_text("[other]\n")
    with pytest.raises(
        CredentialsError, match=r"credentials: not a credentials file with a \[default\] profile"
    ):
        connect(endpoint("local", None, tmp_path))


def test_no_aws_credentials(monkeypatch):
    monkeypatch.setattr(boto3.Session, "get_credentials", lambda _self: None)
    with pytest.raises(CredentialsError) as caught:
        connect(endpoint("production"))
    assert str(caught.value) == (
        "no AWS credentials found for --to production. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
        "run `aws configure`. --to local needs no account."
    )


def test_a_botocore_without_mturk_says_which_versions_have_it(data, monkeypatch):
    import botocore
    from botocore.loaders import Loader

    listed = Loader.list_available_services

    def without(self, type_name):
        return [name for name in listed(self, type_name) if name != "mturk"]

    monkeypatch.setattr(Loader, "list_available_services", without)
    monkeypatch.setattr(botocore, "__version__", "1.99.0")
    with pytest.raises(GlimpseError) as caught:
        connect(endpoint("local", None, data))
    assert str(caught.value) == (
        "botocore 1.99.0 does not know the service 'mturk'. Versions 1.5.19 to 1.44.5 do: "
        "pip install 'boto3<=1.44.5' 'botocore<=1.44.5'"
    )


def test_endpoints_by_name(tmp_path):
    assert endpoint("sandbox").url == "https://mturk-requester-sandbox.us-east-1.amazonaws.com"
    assert endpoint("production").costs_money
    assert endpoint("local", None, tmp_path).url == "http://127.0.0.1:8080"
    (tmp_path / "endpoint").write_text("http://127.0.0.1:4711\n")
    assert endpoint("local", None, tmp_path).worker_site == "http://127.0.0.1:4711/worker/"
    assert endpoint("local", "http://lab:80/", tmp_path).url == "http://lab:80"
    with pytest.raises(GlimpseError, match=r"^no endpoint 'x'; there are local, sandbox, production$"):
        endpoint("x")
    with pytest.raises(GlimpseError, match=r"^--endpoint lab: an address starts with http:// or https://$"):
        endpoint("local", "lab")


def test_people_are_sent_to_the_proxy_and_requests_to_the_server(tmp_path):
    (tmp_path / "endpoint").write_text("http://127.0.0.1:4711\n")
    (tmp_path / "public-url").write_text("https://study.example.org\n")
    found = endpoint("local", data=tmp_path)
    assert found.url == "http://127.0.0.1:4711"
    assert found.worker_site == "https://study.example.org/worker/"
