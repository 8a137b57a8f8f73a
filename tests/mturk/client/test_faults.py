"""What goes wrong around the client: full disks, broken connections, servers that move, clocks that jump."""

import errno
import json
import re
import shutil
import time

import pytest

from glimpse.errors import GlimpseError
from glimpse.mturk.collecting import collecting
from glimpse.mturk.collecting.collecting import collect
from glimpse.mturk.publishing import ledger
from glimpse.mturk.publishing.client import EndpointError, Requester
from glimpse.mturk.publishing.ledger import Ledger, ledger_path
from glimpse.mturk.publishing.publication import PublicationSettings, published_hits
from glimpse.mturk.publishing.published import find
from glimpse.mturk.publishing.publishing import publish
from glimpse.study import read_study
from tests.mturk.client.conftest import Nowhere


def go(study, requester):
    return publish(study, requester, Nowhere(), lambda _: None, PublicationSettings(in_nines=False))


def fetch(study, server, out):
    return collect(study, server.requester(), Ledger(ledger_path(study.folder, "local")), out)


@pytest.mark.parametrize("lines", [0, 1, 4, 7, 8, 9])
def test_a_disk_that_is_full_while_publishing(study, server, monkeypatch, lines):
    """Nothing is created without its line; with room again it goes on, and every HIT is there once."""
    append, left = ledger.append_line, [lines]

    def full(path, line):
        if left[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        left[0] -= 1
        append(path, line)

    monkeypatch.setattr(ledger, "append_line", full)
    with pytest.raises(OSError, match="No space left on device"):
        go(study, server.requester())
    intents = len([line for line in _events(study) if line["event"] == "intent"])
    created = len(server.hits()) + len(server.site.store.read(lambda tx: tx.all("SELECT * FROM hit_types")))
    assert created <= intents
    monkeypatch.setattr(ledger, "append_line", append)
    go(study, server.requester())
    assert len(server.hits()) == 2
    assert not Ledger(ledger_path(study.folder, "local")).pending


def _events(study):
    path = ledger_path(study.folder, "local")
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_disk_that_is_full_while_collecting(study, server, monkeypatch, tmp_path):
    hit = go(study, server.requester())[0].hit_id
    names = [server.submit(study, hit, name) for name in ("ann", "bob")]
    append, out = collecting.append, tmp_path / "results"

    def full(path, text, **more):
        append(path, text[: len(text) - 10], **more)
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(collecting, "append", full)
    for _ in range(2):
        with pytest.raises(OSError, match="No space left on device"):
            fetch(study, server, out)
    monkeypatch.setattr(collecting, "append", append)
    assert fetch(study, server, out).new == 2
    lines = [json.loads(line) for line in (out / "assignments.jsonl").read_text().splitlines()]
    assert [line["assignment_id"] for line in lines] == names


def test_answers_that_get_lost_on_the_way_back(study, server):
    """Each creating call is done by the server while the connection breaks before its answer arrives."""

    lost = set()

    class Deaf(Requester):
        def call(self, operation, **arguments):
            answer = super().call(operation, **arguments)
            key = (operation, arguments.get("RequesterAnnotation"))
            if operation.startswith("Create") and key not in lost:
                lost.add(key)
                raise EndpointError("connection lost")
            return answer

    requester = server.requester()
    for _ in range(20):
        try:
            go(study, Deaf(requester.endpoint, requester.client))
        except EndpointError:
            continue
        break
    assert len(lost) == 4
    assert len(server.hits()) == 2
    assert len(published_hits(Ledger(ledger_path(study.folder, "local")))) == 2


def test_a_server_that_was_restarted_on_another_port_is_found(study, start, tmp_path):
    first = start()
    hit = go(study, first.requester())[0].hit_id
    first.submit(study, hit, "ann")
    second = start()
    # The same data behind another address: what a restart on another port is to the client.
    (first.data / "endpoint").write_text(first.url.replace("127.0.0.1", "localhost"))
    second.site.close()
    study, requester, books = find(study.folder, "auto", None, first.data)
    assert requester.endpoint.url.startswith("http://localhost:")
    assert collect(study, requester, books, tmp_path / "results").new == 1


def test_a_clock_that_is_wrong_is_named(study, server):
    server.site.wall = lambda: time.time() + 3600
    with pytest.raises(EndpointError) as caught:
        server.requester().call("GetAccountBalance")
    assert str(caught.value).startswith(
        f"the clocks of this machine and of {server.url} differ too much; set them right (Signature expired:"
    )


def test_a_ledger_outlives_clocks_that_jump(study, server):
    """Times in the ledger are for people; nothing is decided by them."""
    go(study, server.requester())
    path = ledger_path(study.folder, "local")
    jumped = re.sub(r'"at": "\d+', '"at": "1970', path.read_text())
    path.write_text(jumped)
    assert len(go(study, server.requester())) == 2
    assert len(server.hits()) == 2


@pytest.mark.parametrize("name", ["study.json", "trials.csv", "pages/b1-h01.html"])
def test_a_study_that_was_changed_is_not_published(study, tmp_path, name):
    folder = shutil.copytree(study.folder, tmp_path / "changed")
    path = folder / name
    path.write_bytes(path.read_bytes()[:-30] + b"x")
    with pytest.raises(GlimpseError, match=re.escape(str(path))):
        read_study(folder)
