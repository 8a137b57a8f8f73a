"""The client of Prolific: its token, its repetitions, its errors in words."""

import httpx
import pytest

from glimpse.errors import GlimpseError
from glimpse.mturk.recruiting.client import (
    ATTEMPTS,
    Address,
    OutcomeUnknownError,
    ProlificClient,
    ProlificError,
    ProlificTokenError,
    Repeat,
    UnsentError,
    flat,
    known_address,
)
from glimpse.mturk.recruiting.reviewing import CATEGORIES
from tests.mturk.client.prolific import DOCUMENT, THE_DOCUMENT, URL, Wire


def test_the_token_comes_from_the_environment_or_from_a_private_file(tmp_path):
    file = tmp_path / "token"
    file.write_text("filed\n")
    file.chmod(0o600)
    there = {"PROLIFIC_TOKEN_FILE": str(file)}
    assert known_address({**there, "PROLIFIC_TOKEN": "given"}).token == "given"
    assert known_address(there) == Address("https://api.prolific.com", "filed")
    assert "filed" not in repr(known_address(there))
    file.chmod(0o640)
    with pytest.raises(ProlificTokenError, match=r"may be read by others \(mode 640\).*chmod 600"):
        known_address(there)
    with pytest.raises(ProlificTokenError, match="There is no token for Prolific"):
        known_address({"PROLIFIC_TOKEN_FILE": str(tmp_path / "none")})
    file.chmod(0o600)
    file.write_text("")
    with pytest.raises(ProlificTokenError, match="is empty"):
        known_address(there)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://api.example.org", "would travel in clear text"),
        ("ftp://127.0.0.1", "needed: an address such as https://api.prolific.com"),
        ("https://me@example.org", "needed: an address such as"),
    ],
)
def test_an_address_that_would_show_the_token_is_refused(url, text):
    with pytest.raises(GlimpseError, match=text):
        known_address({"PROLIFIC_TOKEN": "t", "PROLIFIC_URL": url})


def answering(*replies):
    """A client whose server gives these answers in turn; returns it, the requests, and the waits."""
    left, requests, waits = list(replies), [], []

    def answer(request):
        requests.append(request)
        reply = left.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    client = ProlificClient(Address(URL, "t0ken"), transport=httpx.MockTransport(answer), sleep=waits.append)
    return client, requests, waits


def refusal(status, detail, **more):
    said = {"status": status, "error_code": 1, "title": "No", "detail": detail, **more}
    return httpx.Response(status, json={"error": said})


def test_waits_grow_and_follow_what_the_server_asks():
    busy = [httpx.Response(429), httpx.Response(500), httpx.ReadTimeout("slow")]
    asked = httpx.Response(429, headers={"Retry-After": "17"})
    client, requests, waits = answering(*busy, asked, httpx.Response(200, json={"id": "u"}))
    assert client.get("look", "api/v1/users/me/") == {"id": "u"}
    assert len(requests) == 5
    assert [0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(waits[:3])] == [True] * 3
    assert waits[3] == 17
    assert requests[0].headers["authorization"] == "Token t0ken"
    assert "t0ken" not in str(requests[0].url)


@pytest.mark.parametrize(
    ("repeat", "reply", "error", "sent"),
    [
        (Repeat.ALWAYS, lambda: refusal(500, "Busy."), ProlificError, ATTEMPTS),
        (Repeat.ALWAYS, lambda: refusal(400, "Wrong."), ProlificError, 1),
        (Repeat.ALWAYS, lambda: httpx.ReadError("gone"), OutcomeUnknownError, ATTEMPTS),
        (Repeat.ALWAYS, lambda: httpx.ConnectError("refused"), UnsentError, ATTEMPTS),
        (Repeat.REFUSED, lambda: refusal(429, "Slow down."), ProlificError, ATTEMPTS),
        (Repeat.REFUSED, lambda: refusal(502, "Busy."), OutcomeUnknownError, 1),
        (Repeat.REFUSED, lambda: httpx.ReadError("gone"), OutcomeUnknownError, 1),
        (Repeat.REFUSED, lambda: httpx.ConnectError("refused"), UnsentError, ATTEMPTS),
        (Repeat.NEVER, lambda: refusal(429, "Slow down."), ProlificError, 1),
        (Repeat.NEVER, lambda: refusal(500, "Busy."), OutcomeUnknownError, 1),
        (Repeat.NEVER, lambda: httpx.ReadTimeout("slow"), OutcomeUnknownError, 1),
        (Repeat.NEVER, lambda: httpx.ConnectError("refused"), UnsentError, 1),
    ],
)
def test_what_is_sent_again(repeat, reply, error, sent):
    client, requests, _ = answering(*(reply() for _ in range(ATTEMPTS)))
    with pytest.raises(error):
        client.send("try", "POST", "api/v1/studies/", {}, repeat=repeat)
    assert len(requests) == sent


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (refusal(400, {"reward": ["Too low."]}),
         r"^Prolific refused to make the draft: reward: Too low \(HTTP 400\)$"),
        (refusal(400, ["One.", "Two."], additional_information="See there"),
         r"draft: One. Two. \(See there\) \(HTTP 400\)$"),
        (httpx.Response(404, text="<html>\n Not  here"), r"draft: <html> Not here \(HTTP 404\)$"),
        (httpx.Response(400, json={"status": 400, "error_code": 1, "title": "t", "detail": "Bare."}),
         r"draft: Bare \(HTTP 400\)$"),
        (httpx.Response(400), r"no reason was given \(HTTP 400\)$"),
    ],
)  # fmt: skip
def test_errors_are_in_words(reply, text):
    client, _, _ = answering(reply)
    with pytest.raises(ProlificError, match=text):
        client.send("make the draft", "POST", "api/v1/studies/", {})


def test_a_refused_token_is_said():
    client, _, _ = answering(refusal(401, "Invalid token."))
    with pytest.raises(ProlificTokenError, match=r"Invalid token \(HTTP 401\). Does PROLIFIC_TOKEN"):
        client.get("look", "api/v1/users/me/")


def test_a_list_is_read_to_its_end():
    wire = Wire()
    with wire.client() as client:
        wire.fake.studies = {
            str(n): {"id": str(n), "name": "s", "status": "ACTIVE", "reward": 1, "total_available_places": 1,
                     "created": "2026-01-01T00:00:00Z"}
            for n in range(250)
        }  # fmt: skip
        assert len(list(client.pages("list", "api/v1/studies/"))) == 250
    # A list without pages brings the same again.
    rows = [{"id": "a"}, {"id": "b"}]
    client, requests, _ = answering(*(httpx.Response(200, json={"results": rows}) for _ in range(2)))
    assert list(client.pages("list", "x")) == rows
    assert len(requests) == 2


def test_an_answer_without_a_list_is_said():
    client, _, _ = answering(httpx.Response(200, json=[]))
    with pytest.raises(GlimpseError, match="asked to list studies, and answered without a list"):
        list(client.pages("list studies", "x"))


def test_texts_of_any_shape_become_one_line():
    assert flat({"a": ["x", "y"], "b": "z\n z"}) == "a: x y b: z z"


@pytest.mark.skipif(not DOCUMENT.is_file(), reason="without Prolific's document")
def test_the_document_has_our_words():
    schemas = THE_DOCUMENT.content["components"]["schemas"]
    assert tuple(schemas["SubmissionTransitionRejectionCategory"]["enum"]) == CATEGORIES


@pytest.mark.skipif(not DOCUMENT.is_file(), reason="without Prolific's document")
def test_the_check_by_the_document_finds_what_is_wrong():
    from jsonschema import ValidationError

    with pytest.raises(ValidationError, match="'PUBLISHED' is not one of"):
        THE_DOCUMENT.check_request("POST", "/api/v1/studies/x/transition/", {}, b'{"action": "PUBLISHED"}')
    with pytest.raises(AssertionError, match="the document has no GET"):
        THE_DOCUMENT.check_request("GET", "/api/v1/nothing/", {}, b"")
