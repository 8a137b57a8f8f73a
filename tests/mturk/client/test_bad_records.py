"""One bad record never stops the others: whatever a worker sent or a file holds, it is named and left."""

import json

import pytest

from glimpse.errors import GlimpseError
from glimpse.mturk.answers import MAX_XML, encode
from glimpse.mturk.collecting.collecting import collect
from glimpse.mturk.collecting.reviewing import Wishes, review
from glimpse.mturk.collecting.status import by_batch, survey
from glimpse.mturk.publishing.ledger import Ledger, ledger_path
from glimpse.mturk.publishing.publication import PublicationSettings
from glimpse.mturk.publishing.publishing import publish
from glimpse.mturk.server.storage.workers import SIMULATOR
from tests.mturk.client.conftest import Nowhere, answers


@pytest.fixture
def published(study, server):
    """A study on the local server, and the id of its first HIT."""
    hits = publish(study, server.requester(), Nowhere(), lambda _: None, PublicationSettings(in_nines=False))
    return study, server, hits[0].hit_id


def books(study, *, lenient=False):
    return Ledger(ledger_path(study.folder, "local"), lenient=lenient)


def nested(study, depth):
    """Return a submission with a list of so many levels in what it says of the page."""
    text = json.dumps({**answers(study, "b1-h01"), "page": {"x": 0}})
    return encode({"answers": text.replace('"x": 0', '"x": ' + "[" * depth + "]" * depth)})


# What the door let in before it had the readers' limits, or has in a database of an earlier version.
BAD = {
    "200,001 characters": lambda _: encode({"answers": "x" * 200_001}),
    "more than any reader takes": lambda _: encode({"comment": "&" * 1_048_000}),
    "no XML": lambda _: "left",
    "nothing": lambda _: " ",
    "a control character": lambda _: encode({"answers": "x"}).replace("x<", "\x0b<"),
    "a NUL": lambda _: encode({"answers": "x"}).replace("x<", "\0<"),
    "nested as deep as Python can just read": lambda study: nested(study, 990),
    "a number without end": lambda _: encode({"answers": '{"schema": ' + "9" * 5000 + "}"}),
}


@pytest.mark.parametrize("name", BAD)
def test_an_answer_that_cannot_be_read_stops_nobody(published, tmp_path, name):
    study, server, hit = published
    bad = server.submit(study, hit, "ann", answer=BAD[name](study))
    good = server.submit(study, hit, "bob")
    requester, out = server.requester(), tmp_path / "results"
    listed = requester.call("ListAssignmentsForHIT", HITId=hit)["Assignments"]
    assert [one["AssignmentId"] for one in listed] == [bad, good]
    found = collect(study, requester, books(study), out)
    assert (found.new, found.unreadable) == (2, 1)
    assert [problem.partition(":")[0] for problem in found.problems] == [bad]
    again = collect(study, requester, books(study), out)
    assert (again.new, again.total, again.unreadable) == (0, 2, 1)
    [batch] = by_batch(survey(study, requester, books(study)), study.experiment.reward_usd, fees=False)
    assert (batch.submitted, batch.excluded) == (2, 1)
    done = review(study, requester, books(study), Wishes(), lambda _: True)
    assert {one.assignment_id for one in done.approve} == {bad, good}


def test_submissions_of_every_depth_are_collected(published, tmp_path):
    study, server, hit = published
    server.change(lambda tx: tx.run("UPDATE hits SET max_assignments = 300"))
    for depth in range(900, 1000, 2):
        server.submit(study, hit, f"w{depth}", answer=nested(study, depth))
    out = tmp_path / "results"
    assert collect(study, server.requester(), books(study), out).new == 50
    assert len((out / "assignments.jsonl").read_text().splitlines()) == 50


def test_a_record_that_the_model_does_not_allow_is_left_out_of_the_list(published, caplog):
    study, server, hit = published
    bad, good = server.submit(study, hit, "ann"), server.submit(study, hit, "bob")
    server.change(lambda tx: tx.run("UPDATE assignments SET accepted = 'x' WHERE assignment_id = ?", bad))
    listed = server.requester().call("ListAssignmentsForHIT", HITId=hit)
    assert [one["AssignmentId"] for one in listed["Assignments"]] == [good]
    assert listed["NumResults"] == 1
    assert "Assignments[0].AcceptTime is 'x'" in caplog.text
    assert bad in caplog.text


def test_what_no_reader_takes_is_refused_at_the_door(published, browser):
    _, server, hit = published
    page = browser.get(server.url + "/worker/session").json()
    browser.post(server.url + "/worker/sign-in", data={"name": "ann", "csrf": page["csrf"]})
    csrf = browser.get(server.url + "/worker/session").json()["csrf"]
    at = browser.post(f"{server.url}/worker/hits/{hit}/accept", data={"csrf": csrf}).headers["location"]
    form = {"assignmentId": (None, at.rpartition("/")[2]), "answers": (None, "&" * 1_000_000)}
    reply = browser.post(server.url + "/mturk/externalSubmit", files=form)
    assert reply.status_code == 413
    assert f"allowed: {MAX_XML}" in reply.text
    form["answers"] = (None, "&" * 400_000)
    assert browser.post(server.url + "/mturk/externalSubmit", files=form).status_code == 200


@pytest.mark.parametrize("claim", [{"simulated": True}, {"page": {"user_agent": "glimpse-simulator/9"}}])
def test_a_page_that_calls_itself_simulated_brands_nothing(published, tmp_path, claim):
    study, server, hit = published
    claimed = server.submit(study, hit, "ann", **claim)
    server.submit(study, hit, "bob")
    server.submit(study, hit, "A1SIM", panel=SIMULATOR)
    found = collect(study, server.requester(), books(study), tmp_path / "results")
    written = (tmp_path / "results" / "assignments.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in written]
    assert [line["simulated"] for line in lines] == [False, False, True]
    [problem] = found.problems
    assert problem.startswith(
        f"{claimed}: submission says that it is simulated, and the requester's key does not"
    )
    assert lines[0]["answers"] == []
    states = survey(study, server.requester(), books(study))
    assert [one.reason for one in states[0].submitted] == ["unreadable", None, None]


def test_damaged_lines_of_results_are_named_and_left(published, tmp_path):
    study, server, hit = published
    out = tmp_path / "results"
    server.submit(study, hit, "ann")
    collect(study, server.requester(), books(study), out)
    damage = {"workers.csv": b"w0,AGONE,M\xfcller\n", "assignments.jsonl": b'{"assignment_id": 7}\n'}
    for name, line in damage.items():
        (out / name).write_bytes((out / name).read_bytes() + line)
    server.submit(study, hit, "bob")
    found = collect(study, server.requester(), books(study), out)
    assert (found.new, found.total) == (1, 2)
    assert [problem.partition(":")[0] for problem in found.damaged] == [
        f"{out}/assignments.jsonl, line 2", f"{out}/workers.csv, line 3"]  # fmt: skip
    for name, line in damage.items():
        assert line in (out / name).read_bytes()


@pytest.mark.parametrize(
    "line", [b"garbage", b"[" * 100_000, b'{"event": "outcome", "key": "hit:x"}', b'{"event": "eaten"}', b"7"]
)
def test_a_damaged_line_of_a_ledger_stops_only_what_would_pay(published, tmp_path, line):
    study, server, hit = published
    path = ledger_path(study.folder, "local")
    path.write_bytes(path.read_bytes() + line + b"\n")
    server.submit(study, hit, "ann")
    ledger = books(study, lenient=True)
    found = collect(study, server.requester(), ledger, tmp_path / "results")
    assert found.new == 1
    assert len(found.damaged) == 1
    assert "is not a ledger's line" in found.damaged[0]
    assert survey(study, server.requester(), ledger)[0].places == 3
    with pytest.raises(GlimpseError, match="is not a ledger's line"):
        review(study, server.requester(), ledger, Wishes(), lambda _: True)
