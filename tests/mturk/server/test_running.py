"""Starting and stopping a server as a person does: `python cli.py serve`."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from glimpse.errors import GlimpseError
from glimpse.main import main
from glimpse.mturk.answers import WITHDRAWN
from glimpse.mturk.server.running import address_of, alone, listen
from glimpse.mturk.server.site import ServerSettings, Site
from glimpse.mturk.server.storage import events

ROOT = Path(__file__).parents[3]


def launched(tmp_path, *options):
    command = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", "0", *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path
    )


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_serve_and_stop(tmp_path, stop):
    process = launched(tmp_path)
    url = re.search(r"http://[\d.:]+", process.stdout.readline())[0]
    assert (tmp_path / "server/endpoint").read_text().strip() == url
    for _ in range(1200):
        try:
            assert httpx.get(f"{url}/health", verify=False).text == "ok\n"
            break
        except httpx.ConnectError:
            time.sleep(0.05)
    link = re.search(r"http\S+/dashboard/\?token=\S+", process.stdout.readline())[0]
    assert httpx.get(link, verify=False).status_code == 303
    process.send_signal(stop)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 0, output
    assert "Traceback" not in output
    assert not (tmp_path / "server/endpoint").exists()
    assert not (tmp_path / "server/server.sqlite3-wal").exists()


def test_a_port_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["serve", "--port", str(port), "--data", str(tmp_path / "d")])
    assert result.exit_code == 1
    assert f"Error: Port {port} of 127.0.0.1 is in use" in result.output
    assert f"serve --port {port + 1}" in result.output


def test_two_servers_on_one_folder(tmp_path):
    with alone(tmp_path):
        result = CliRunner().invoke(main, ["serve", "--port", "0", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "Another server is running on the folder" in result.output


def test_an_address_that_is_not_ours():
    with pytest.raises(GlimpseError, match=r"cannot listen on 192\.0\.2\.1 port 0"):
        listen("192.0.2.1", 0)


def test_addresses_as_a_browser_needs_them():
    with listen("0.0.0.0", 0) as bound:
        assert address_of(bound, "0.0.0.0").startswith("http://127.0.0.1:")
        assert address_of(bound, "lab.local").startswith("http://lab.local:")


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (["--public-url", "study.example"], "public_url is 'study.example'; needed: an address"),
        (["--public-url", "https://a.example/b?c"], "needed: an address without a query"),
        (["--completion-url", "javascript:x"], "completion_url is"),
        (["--study", "nowhere"], "does not exist"),
    ],
)
def test_options_that_cannot_be(tmp_path, option, text):
    result = CliRunner().invoke(main, ["serve", "--port", "0", "--data", str(tmp_path), *option])
    assert result.exit_code != 0
    assert text in result.output


def test_a_person_is_forgotten_and_the_answers_stay(start, tmp_path, question):
    server = start(tmp_path / "d")
    turk = server.requester()
    hit = turk.create_hit(
        Title="T", Description="D", Reward="1", Question=question, LifetimeInSeconds=600,
        AssignmentDurationInSeconds=600, RequesterAnnotation="glimpse:s:b1:h1",
    )["HIT"]["HITId"]  # fmt: skip
    worker = server.worker("helper")
    worker.join("s", PROLIFIC_PID="person-of-prolific", SESSION_ID="session-9")
    assignment = worker.join("s", PROLIFIC_PID="person-of-prolific").headers["location"].rpartition("/")[2]
    worker.submit(assignment)
    turk.approve_assignment(AssignmentId=assignment)
    turk.send_bonus(WorkerId=worker.id, AssignmentId=assignment, BonusAmount="1", Reason="r")
    server.stop()

    shared = server.site.settings.database

    def forget(name, data="d"):
        words = ["serve", "--forget", name, "--data", str(tmp_path / data)]
        return CliRunner().invoke(main, [*words, *(["--database", shared] if shared else [])])

    (tmp_path / "d/before-restore-1").mkdir()
    result = forget("person-of-prolific")
    assert f"{tmp_path}/d/before-restore-1 still holds the database" in result.output
    assert "Identities removed: 1. Assignments kept without a name: 1." in result.output, result.output
    for text in (worker.id, "person-of-prolific", "session-9"):
        assert text.encode() not in (b"" if shared else (tmp_path / "d/server.sqlite3").read_bytes())
    again = start(tmp_path / "d").requester()
    found = again.list_assignments_for_hit(HITId=hit)["Assignments"][0]
    assert found["WorkerId"] != worker.id
    assert again.list_bonus_payments(HITId=hit)["BonusPayments"][0]["WorkerId"] == found["WorkerId"]
    with alone(tmp_path / "d"):
        assert "Another server is running" in forget("x").output
    assert ("Nobody on this server" if shared else "it has no server.sqlite3") in forget(
        "x", "nowhere"
    ).output


def test_a_person_takes_the_answers_along_while_the_server_runs(start, tmp_path, question):
    server = start(tmp_path / "d")
    (tmp_path / "d/endpoint").write_text(server.url)
    turk = server.requester()
    hit = turk.create_hit(
        Title="T", Description="D", Reward="1", Question=question, LifetimeInSeconds=600, MaxAssignments=2,
        AssignmentDurationInSeconds=600, RequesterAnnotation="glimpse:s:b1:h1",
    )["HIT"]["HITId"]  # fmt: skip
    worker, other = server.worker("Ann Lee"), server.worker("bob")
    assignment, kept = worker.take(hit), other.take(hit)
    worker.submit(assignment, note="I live in Ulm")
    other.submit(kept, note="I do not")
    turk.approve_assignment(AssignmentId=assignment)
    turk.send_bonus(WorkerId=worker.id, AssignmentId=assignment, BonusAmount="1", Reason="r")
    words = ["serve", "--forget", "Ann Lee", "--answers", "--data", str(tmp_path / "d")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert f"Answers removed from {tmp_path}/d: 1. What was paid stays on record." in result.output
    first, second = turk.list_assignments_for_hit(HITId=hit)["Assignments"]
    assert (first["AssignmentStatus"], first["Answer"]) == ("Approved", WITHDRAWN)
    assert first["WorkerId"] != worker.id
    assert "I do not" in second["Answer"]
    assert turk.list_bonus_payments(HITId=hit)["BonusPayments"][0]["WorkerId"] == first["WorkerId"]
    # The page that is still open signs in anew, as a stranger.
    assert worker.submit(assignment, note="again").status_code < 500
    assert turk.list_assignments_for_hit(HITId=hit)["Assignments"][0]["Answer"] == WITHDRAWN


def test_forgetting_nobody(tmp_path):
    Site(ServerSettings(data=tmp_path)).close()
    result = CliRunner().invoke(main, ["serve", "--forget", "x", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "Nobody on this server has the name or id 'x'." in result.output


def test_what_is_private_is_its_owners_whoever_made_the_folder(tmp_path):
    data, before = tmp_path / "server", os.umask(0)
    names = ("server.sqlite3", "server.sqlite3-wal", "server.sqlite3-shm", "credentials", "dashboard-token")

    def modes():
        return {name: oct((data / name).stat().st_mode & 0o777) for name in names}

    try:
        data.mkdir(mode=0o755)
        site = Site(ServerSettings(data=data))
        site.store.write(lambda tx: events.log(tx, "Nothing")).result()
        assert modes() == dict.fromkeys(names, "0o600")
        for name in names:
            (data / name).chmod(0o644)
        again = Site(ServerSettings(data=data))
        assert modes() == dict.fromkeys(names, "0o600")
        again.close()
        site.close()
    finally:
        os.umask(before)


def test_help_has_an_example():
    result = CliRunner().invoke(main, ["serve", "--help"])
    assert "python cli.py serve --port 8080" in result.output
    assert result.output.count("[default:") >= 7
