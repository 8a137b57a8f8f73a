"""Clips on our own server: whole and in ranges, uploaded in parts, in memory that does not grow with them."""

from __future__ import annotations

import contextlib
import hashlib
import re
import selectors
import socket
import time
import zlib
from pathlib import Path

import httpx
import numpy as np
import pytest

from glimpse.mturk.publishing.client import endpoint
from glimpse.mturk.publishing.hosting import Image, LocalHosting
from glimpse.mturk.server.pages import media
from tests.mturk.server.test_durability import Process
from tests.mturk.server.test_media_and_dashboard import put

MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 40
WEBM = b"\x1a\x45\xdf\xa3" + bytes(5000)


@pytest.fixture
def clip(server):
    """The address of a clip that was uploaded."""
    assert put(server, "/media/study1/a.mp4", MP4).status_code == 201
    return f"{server.url}/media/study1/a.mp4"


def get(address, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(address, headers=named, verify=False)


@pytest.mark.parametrize(
    ("name", "body", "kind"), [("a.mp4", MP4, "video/mp4"), ("b.webm", WEBM, "video/webm")]
)
def test_a_clip_in_and_out(server, name, body, kind):
    assert put(server, f"/media/study1/{name}", body).status_code == 201
    assert put(server, f"/media/study1/{name}", body).status_code == 200
    assert put(server, f"/media/study1/{name}", body + b"x").status_code == 409
    reply = get(f"{server.url}/media/study1/{name}")
    assert reply.content == body
    assert reply.headers["content-type"] == kind
    assert reply.headers["accept-ranges"] == "bytes"
    assert not list(server.site.settings.data.glob(f"{media.ARRIVING}*"))


def test_parts_are_sent_where_they_are_asked_for(clip):
    whole = len(MP4)
    for asked, begin, end in (
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, whole),
        ("bytes=-50", whole - 50, whole),
    ):
        reply = get(clip, Range=asked)
        assert reply.status_code == 206
        assert reply.content == MP4[begin:end]
        assert reply.headers["content-range"] == f"bytes {begin}-{end - 1}/{whole}"
        assert reply.headers["content-type"] == "video/mp4"
        assert reply.headers["etag"] == '"a"'
    reply = get(clip, Range=f"bytes={whole}-")
    assert reply.status_code == 416
    assert reply.headers["content-range"] == f"bytes */{whole}"


def test_a_part_of_another_file_is_never_sent(clip):
    assert get(clip, Range="bytes=0-9", If_Range='"a"').status_code == 206
    reply = get(clip, Range="bytes=0-9", If_Range='"of another"')
    assert (reply.status_code, reply.content) == (200, MP4)


def test_the_head_alone(clip):
    reply = httpx.head(clip, verify=False)
    assert reply.status_code == 200
    assert (reply.headers["content-length"], reply.headers["content-type"]) == (str(len(MP4)), "video/mp4")
    assert not reply.content


def test_uploads_that_are_refused_leave_nothing(server, monkeypatch):
    monkeypatch.setattr(media, "MAX_CLIP", 50_000)
    assert put(server, "/media/s/a.mp4", WEBM).status_code == 415
    assert put(server, "/media/s/a.mp4", MP4, sent=MP4 + b"x").status_code == 403
    assert put(server, "/media/s/a.mp4", MP4 * 9).status_code == 413
    assert put(server, "/media/s/a.mov", MP4).status_code == 404
    data = server.site.settings.data
    assert not (data / "media").exists()
    assert not list(data.glob(f"{media.ARRIVING}*"))


def memory_kb(process, name):
    """Return a line of what the system says of a process' memory, in kB."""
    said = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", said)[1])


LARGE, CLIENTS, READ = 50_000_000, 64, 1_000_000


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="without /proc")
def test_a_large_clip_to_many_clients_fills_no_memory(tmp_path):
    """Each of 64 takes its time over 50 MB: 3.2 GB are on their way, and the server grows by a hundredth."""
    place = tmp_path / "data" / "media" / "study1" / "a.mp4"
    place.parent.mkdir(parents=True)
    with place.open("wb") as file:
        file.write(MP4[:12])
        file.truncate(LARGE)
    served = Process(tmp_path / "data")
    lines = []
    try:
        host, port = served.url.removeprefix("http://").split(":")
        assert (
            httpx.get(f"{served.url}/media/study1/a.mp4", headers={"Range": "bytes=0-9"}).status_code == 206
        )
        before = memory_kb(served.process, "VmRSS")
        for _ in range(CLIENTS):
            lines.append(socket.create_connection((host, int(port))))
            lines[-1].settimeout(60)
            lines[-1].sendall(b"GET /media/study1/a.mp4 HTTP/1.1\r\nHost: x\r\n\r\n")
        for line in lines:
            taken = 0
            while taken < READ:
                taken += len(line.recv(65_536))
        time.sleep(0.5)  # the server fills whatever it fills
        grown = memory_kb(served.process, "VmHWM") - before
        assert grown < 40_000, f"{grown} kB"
    finally:
        for line in lines:
            line.close()
        served.kill()


def received(address, count):
    """Read a file `count` times at once, each to its end; return the sizes and check sums that came."""
    host, port = address.removeprefix("http://").partition("/")[0].split(":")
    path = address.split(port, 1)[1]
    found = {}
    with selectors.DefaultSelector() as waiting, contextlib.ExitStack() as closing:
        for _ in range(count):
            line = closing.enter_context(socket.create_connection((host, int(port))))
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            waiting.register(line, selectors.EVENT_READ)
            found[line] = [b"", 0, 0]  # the head until it is whole, bytes of the body, their check sum
        while waiting.get_map():
            for key, _ in waiting.select(60):
                own, part = found[key.fileobj], key.fileobj.recv(262_144)
                if not part:
                    waiting.unregister(key.fileobj)
                    continue
                if own[0] is not None:
                    head, whole, part = (own[0] + part).partition(b"\r\n\r\n")
                    own[0] = None if whole else head
                own[1:] = own[1] + len(part), zlib.crc32(part, own[2])
    return [(size, checked) for _, size, checked in found.values()]


@pytest.mark.exhaustive
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="without /proc")
def test_a_large_clip_reaches_many_clients_whole_within_bounded_memory(tmp_path):
    """All 64 read their 50 MB to the end: 3.2 GB, every byte right. `pytest -s` prints time and memory."""
    content = MP4[:12] + np.random.default_rng(0).bytes(LARGE - 12)
    place = tmp_path / "data" / "media" / "study1" / "a.mp4"
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    served = Process(tmp_path / "data")
    try:
        address = f"{served.url}/media/study1/a.mp4"
        assert httpx.get(address, headers={"Range": "bytes=0-9"}).status_code == 206
        before, began = memory_kb(served.process, "VmRSS"), time.monotonic()
        replies = received(address, CLIENTS)
        took, grown = time.monotonic() - began, memory_kb(served.process, "VmHWM") - before
    finally:
        served.kill()
    sent = sum(size for size, _ in replies)
    print(f"{sent:,} bytes to {CLIENTS} clients in {took:.1f} s; the server grew by {grown / 1000:.0f} MB")
    assert replies == [(LARGE, zlib.crc32(content))] * CLIENTS
    assert grown < 40_000, f"{grown} kB"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="without /proc")
def test_a_large_upload_fills_no_memory(tmp_path):
    served = Process(tmp_path / "data")
    try:
        path = tmp_path / "a.mp4"
        with path.open("wb") as file:
            file.write(MP4[:12])
            file.truncate(LARGE)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        images = [Image(f"{name}.mp4", path, digest) for name in "abc"]
        before = memory_kb(served.process, "VmRSS")
        hosting = LocalHosting(endpoint("local", data=tmp_path / "data"))
        hosting.host("study1", images, lambda items, *_: items)
        assert memory_kb(served.process, "VmHWM") - before < 40_000
        assert (tmp_path / "data" / "media" / "study1" / "c.mp4").stat().st_size == LARGE
    finally:
        served.kill()
