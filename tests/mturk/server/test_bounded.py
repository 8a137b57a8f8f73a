"""What strangers can make the server do: little, for a short time, and one after the other."""

import asyncio
import json
import socket
import threading

import pytest

from glimpse.mturk.server.connections import BoundedProtocol
from glimpse.mturk.server.pages import web
from glimpse.mturk.server.protocol.errors import RequestError
from glimpse.mturk.server.protocol.questions import content_policy, needed_window

SIGNED = (
    "Authorization: AWS4-HMAC-SHA256 Credential={key}/{day}/us-east-1/mturk-requester/aws4_request, "
    "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=" + "0" * 64 + "\n"
    "X-Amz-Date: {day}T000000Z\nX-Amz-Content-SHA256: " + "0" * 64
)


def connected(server):
    found = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
    found.settimeout(60)
    return found


def answer(server, head):
    """Send a request's head and nothing of its body; return the first line of the answer."""
    with connected(server) as line:
        line.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        return line.recv(65_536).partition(b"\r\n")[0].decode()


def healthy(line):
    """Ask on a connection how the server is, and read the whole answer."""
    line.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    got = b""
    while not got.endswith(b"ok\n"):
        got += line.recv(65_536)


def is_closed(line):
    """Tell whether the server closes a connection without a word; socket.timeout if it never does."""
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    ("request_line", "more", "status"),
    [
        ("PUT /media/s/a.png", "", "403"),
        ("PUT /media/s/a.png", SIGNED.format(key="NOBODY", day="20260101"), "403"),
        ("PUT /media/s/a.png", SIGNED.format(key="OWN", day="20260101"), "403"),
        ("POST /", "X-Amz-Target: MTurkRequesterServiceV20170117.ListHITs", "400"),
        ("POST /", SIGNED.format(key="NOBODY", day="20260101"), "400"),
        ("POST /mturk/externalSubmit", "Content-Type: application/x-www-form-urlencoded", "403"),
        (
            "POST /submit/forged/mturk/externalSubmit",
            "Content-Type: application/x-www-form-urlencoded",
            "403",
        ),
        ("PUT /worker/assignments/3A/progress", "Content-Type: application/json", "403"),
        ("POST /worker/sign-in", "Content-Type: application/x-www-form-urlencoded", "413"),
    ],
)
def test_no_body_is_read_before_it_is_known_whose_it_is(server, request_line, more, status):
    own = next(iter(server.site.keys))
    head = f"{request_line} HTTP/1.1\nHost: 127.0.0.1\nContent-Length: 900000\n{more.replace('OWN', own)}"
    assert answer(server, head.strip()).split()[1] == status


def test_a_signature_over_another_digest_lets_nothing_in(server):
    from tests.mturk.server.test_media_and_dashboard import image, put

    good = image()
    assert put(server, "/media/s/a.png", good, sent=good + b"x").status_code == 403
    assert not (server.site.settings.data / "media").exists()


def test_bodies_that_arrive_together_have_one_limit(server, monkeypatch):
    monkeypatch.setattr(web, "MAX_ARRIVING", 5_000)
    worker = server.worker("ann")
    reply = worker.http.put("/worker/assignments/3A/progress", content=b" " * 6_000)
    assert reply.status_code == 503
    reply = worker.http.put("/worker/assignments/3A/progress", content=b"{}")
    assert reply.status_code == 403, "what was refused is counted no more"


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_headers_that_do_not_come_hold_no_connection(server, monkeypatch, sent):
    monkeypatch.setattr(BoundedProtocol, "headers_s", 0.2)
    with connected(server) as line:
        line.sendall(sent)
        assert is_closed(line)


def test_a_second_request_that_stalls_holds_no_connection_either(server, monkeypatch):
    monkeypatch.setattr(BoundedProtocol, "headers_s", 0.2)
    with connected(server) as line:
        healthy(line)
        line.sendall(b"GET /heal")
        assert is_closed(line)


def test_a_connection_too_many_is_closed_and_the_others_served(server, monkeypatch):
    monkeypatch.setattr(BoundedProtocol, "most", len(server.server.server_state.connections) + 2)
    with connected(server) as first, connected(server) as second:
        for line in (first, second):
            healthy(line)
        with connected(server) as third:
            assert is_closed(third)
        for line in (first, second):
            healthy(line)


# What a parser would look through again and again
ENDLESS = [
    "<!--", "<![", "<![CDATA[", "<!x", "<?", "</a", "<a ", "<a b=", "<a b='x\" ", "<a/", "<a\t\"", "<script ",
]  # fmt: skip


@pytest.mark.parametrize("piece", ENDLESS)
def test_a_page_of_tags_that_never_end_is_refused_at_once(piece):
    with pytest.raises(RequestError, match="never end"):
        content_policy("<!doctype html><p>" + piece * (60_000 // len(piece)))


def test_a_few_unfinished_tags_are_shown_as_browsers_show_them():
    assert "sha256-" in content_policy("<script>let a = '<!--';</script><p>1 < 2 <!-- the rest")


def test_a_page_s_data_is_found_in_one_look():
    data = json.dumps({"e": [125], "w": 256, "H": 256})
    mark = '<script type="application/json" id="data">'
    assert needed_window(f"{mark}{data}</script>").limited
    assert needed_window(mark * 1400) is None
    fitting = needed_window(f"{mark}{json.dumps({'e': [125], 'w': 800, 'H': 800, 'l': 0.5})}</script>")
    assert (fitting.width_px, fitting.height_px) == (908, 650)
    for wrong in ("half", [0.5], {}, -1):
        strange = needed_window(f"{mark}{json.dumps({'e': [], 'w': 256, 'H': 256, 'l': wrong})}</script>")
        assert strange is None or strange.width_px < 10**6


def test_such_a_page_says_so_to_the_worker(server, publish):
    data = '<script type="application/json" id="data">{"e": [], "w": 1, "H": 1}</script>'
    page = "<!doctype html>" + data + "<!--" * 10_000
    question = (
        '<HTMLQuestion xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/'
        f'HTMLQuestion.xsd"><HTMLContent><![CDATA[{page}]]></HTMLContent><FrameHeight>0</FrameHeight></HTMLQuestion>'
    )
    hit_id = publish(Question=question)["HITId"]
    reply = server.worker("ann").http.get(f"/worker/hits/{hit_id}/page")
    assert reply.status_code == 400
    assert "tags and comments never end" in reply.text


def test_few_pages_are_made_at_once_and_short_requests_pass_them():
    """A page has its turn until it is made, not until a browser that takes it slowly has all of it."""
    begun = []

    async def scenario():
        data_is_there, browsers_take_it = asyncio.Event(), asyncio.Event()

        async def app(scope, _receive, send):
            begun.append(scope["path"])
            if scope["path"].startswith("/dashboard/"):
                await data_is_there.wait()
            await send({"type": "http.response.start"})

        async def slow(_message):
            await browsers_take_it.wait()

        async def quick(_message):
            pass

        async def ask(path, method="GET", send=quick):
            await turns({"type": "http", "method": method, "path": path}, None, send)

        turns = web.InTurn(app)
        pages = [asyncio.create_task(ask(f"/dashboard/{n}", send=slow)) for n in range(20)]
        await asyncio.sleep(0.01)
        assert len(begun) == web.InTurn.AT_ONCE
        await ask("/health")
        await ask("/worker/assignments/A/progress", "PUT")
        data_is_there.set()
        async with asyncio.timeout(60):
            while len(begun) < 22:
                await asyncio.sleep(0)
        browsers_take_it.set()
        await asyncio.gather(*pages)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "address",
    [
        "/worker/",
        "/worker/history",
        "/worker/qualifications",
        "/dashboard/",
        "/dashboard/studies/-",
        "/dashboard/studies/-/live",
    ],
)
def test_a_page_that_may_take_long_is_read_and_made_apart(server, publish, monkeypatch, address):
    publish(1)
    worker = server.worker("anna")
    worker.http.get(f"/dashboard/?token={server.site.requester_token}")
    threads, template = [], web._template

    def watched(name):
        threads.append(threading.current_thread().name)
        return template(name)

    monkeypatch.setattr(web, "_template", watched)
    assert worker.http.get(address).status_code == 200
    assert threads
    assert all(name.startswith("reader") for name in threads)
