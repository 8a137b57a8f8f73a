"""Collecting: nothing lost, nothing twice, whatever was sent and whenever it stops."""

import contextlib
import csv
import json
import threading

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from glimpse.errors import GlimpseError
from glimpse.main import main
from glimpse.mturk.answers import encode
from glimpse.mturk.collecting import collecting
from glimpse.mturk.collecting.collecting import collect, read_heads
from glimpse.mturk.collecting.participants import People, participants
from glimpse.mturk.publishing.client import CredentialsError, Endpoint, EndpointError, Requester, connect
from glimpse.mturk.publishing.ledger import Ledger, ledger_path
from glimpse.mturk.publishing.publication import PublicationSettings
from glimpse.mturk.publishing.publishing import publish
from glimpse.mturk.server.storage import assignments, studies, transitions
from glimpse.mturk.server.storage.workers import LOCAL, SIMULATOR, worker_for
from glimpse.people import pseudonym
from glimpse.registration import design_digest
from tests.mturk.client.conftest import Nowhere


@pytest.fixture
def published(study, server):
    """A study on the local server, and a function that collects it."""
    hits = publish(study, server.requester(), Nowhere(), lambda _: None, PublicationSettings(in_nines=False))
    return study, server, [hit.hit_id for hit in hits]


def fetch(study, server, out, name="local", requester=None):
    return collect(study, requester or server.requester(name), Ledger(ledger_path(study.folder, name)), out)


def workers(out):
    return list(csv.DictReader((out / "workers.csv").read_text().splitlines()))


def lines(out):
    return [json.loads(line) for line in (out / "assignments.jsonl").read_text().splitlines()]


def test_new_assignments_are_added_and_old_ones_stay(published, tmp_path):
    study, server, (one, two) = published
    out = tmp_path / "results"
    first = server.submit(study, one, "ann")
    assert (fetch(study, server, out).new, fetch(study, server, out).new) == (1, 0)
    before = (out / "assignments.jsonl").read_bytes()
    second = server.submit(study, two, "bob", panel=SIMULATOR, simulated=True)
    found = fetch(study, server, out)
    assert (found.new, found.total, found.places, found.simulated, found.complete) == (1, 2, 6, 1, False)
    assert (out / "assignments.jsonl").read_bytes().startswith(before)
    ann, bob = lines(out)
    assert (ann["assignment_id"], bob["assignment_id"]) == (first, second)
    assert list(ann) == [
        "assignment_id", "study", "hit", "hit_id", "worker", "status", "accepted_at", "submitted_at",
        "simulated", "page", "answers"]  # fmt: skip
    assert (ann["hit"], ann["hit_id"], ann["status"], ann["simulated"]) == ("b1-h01", one, "Submitted", False)
    assert bob["simulated"] is True
    assert ann["submitted_at"].endswith("Z")
    assert ann["page"]["viewport"] == [1280, 800]
    assert len(ann["answers"]) == len(study.trials_of("b1-h01"))
    for name in ("study.json", "trials.csv"):
        assert (out / name).read_bytes() == (study.folder / name).read_bytes()


def test_workers_are_pseudonyms_and_the_list_is_private(published, tmp_path):
    study, server, (one, _) = published
    out = tmp_path / "results"
    server.submit(study, one, "ann")
    fetch(study, server, out)
    worker = server.worker("ann")
    assert workers(out) == [
        {"worker": pseudonym(study.secret, worker), "worker_id": worker, "participant": "ann"}
    ]
    assert worker not in (out / "assignments.jsonl").read_text()
    assert (out / "workers.csv").stat().st_mode & 0o777 == 0o600


def test_participants_stand_beside_their_worker_ids_where_there_are_any(published, tmp_path):
    study, server, (one, _) = published
    out = tmp_path / "results"
    comes = {("prolific", "5f1c"): "5f1c", ("lab", "P, 1"): "P, 1", ("guest", "77"): "", (LOCAL, "A1SIM"): ""}
    ids = {}
    for who, participant in comes.items():
        worker = server.change(lambda tx, who=who: worker_for(tx, server.site.secret, *who))
        ids[worker] = participant
        if who[0] != LOCAL:
            server.change(lambda tx, at=(worker, study.study, who[0]): studies.add_arrival(tx, *at, {}))
    for hit, worker in zip([one, one, one, published[2][1]], ids, strict=True):
        assignment = server.change(lambda tx, at=(hit, worker): transitions.accept(tx, *at))
        server.change(lambda tx, at=assignment: transitions.submit(tx, assignments.find(tx, at), "<a/>"))
    fetch(study, server, out)
    assert {row["worker_id"]: row["participant"] for row in workers(out)} == ids
    assert "5f1c" not in (out / "assignments.jsonl").read_text()


def test_a_list_of_two_columns_is_read_and_gets_its_third(published, tmp_path):
    study, server, (one, _) = published
    out = tmp_path / "results"
    server.submit(study, one, "ann")
    fetch(study, server, out)
    path, row = out / "workers.csv", workers(out)[0]
    path.write_text(f"worker,worker_id\n{row['worker']},{row['worker_id']}\nw0,AGONE\n")
    path.chmod(0o644)
    server.submit(study, one, "bob")
    fetch(study, server, out)
    assert [(one["worker_id"], one["participant"]) for one in workers(out)] == [
        (server.worker("ann"), "ann"), ("AGONE", ""), (server.worker("bob"), "bob")]  # fmt: skip
    assert path.read_text().startswith("worker,worker_id,participant\n")
    assert path.stat().st_mode & 0o777 == 0o600


def test_elsewhere_nobody_is_asked_who_is_who(study, server, tmp_path):
    hits = publish(study, server.requester("sandbox"), Nowhere(), lambda _: None, PublicationSettings())
    server.submit(study, hits[0].hit_id, "ann")
    fetch(study, server, tmp_path / "r", "sandbox")
    assert [row["participant"] for row in workers(tmp_path / "r")] == [""]


def test_who_is_who_is_not_told_with_other_keys(published, start):
    study, server, _ = published
    strange = connect(Endpoint("local", server.url, start().data))
    with pytest.raises(CredentialsError, match=r"/participants/\w+ refuses the keys in .*/credentials"):
        participants(strange, study.study)


def test_simulated_results_are_left_alone(published, tmp_path):
    study, server, (one, _) = published
    out = tmp_path / "results"
    result = CliRunner().invoke(main, ["simulate", str(study.folder), "--out", str(out)])
    assert result.exit_code == 0, result.output
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    server.submit(study, one, "ann")
    with pytest.raises(GlimpseError) as raised:
        fetch(study, server, out)
    assert str(raised.value) == (
        f"{out} holds answers made by `simulate` (simulation.json); answers of people do not go into the "
        f"same folder. Choose another one: --out {out}-collected"
    )
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert fetch(study, server, tmp_path / "results-collected").new == 1


def test_an_assignment_approved_later_stays_as_it_was_received(published, tmp_path):
    study, server, (one, _) = published
    out = tmp_path / "results"
    name = server.submit(study, one, "ann")
    fetch(study, server, out)
    before = (out / "assignments.jsonl").read_bytes()
    server.requester().call("ApproveAssignment", AssignmentId=name)
    fetch(study, server, out)
    assert (out / "assignments.jsonl").read_bytes() == before


def test_what_cannot_be_read_is_kept_and_said(published, tmp_path):
    study, server, (one, two) = published
    out = tmp_path / "results"
    other = encode(
        {"answers": json.dumps({"schema": 1, "study": study.study, "hit": "b1-h02", "answers": []})}
    )
    strange = [{"trial": "t9999", "side": "left"}]
    sent = {
        server.submit(study, one, "ann", answer=encode({"comment": "hi"})): "no field 'answers'",
        server.submit(study, one, "bob", answer=encode({"answers": "{"})): "submission is not JSON",
        server.submit(study, one, "cid", answer=other): "submission is of HIT b1-h02",
        server.submit(study, two, "dan", answers=strange): "trials that its HIT does not have, such as t9999",
    }
    found = fetch(study, server, out)
    assert (found.new, found.unreadable) == (4, 4)
    for line, problem in zip(lines(out), found.problems, strict=True):
        assert sent[line["assignment_id"]] in line["problem"]
        assert line["raw"].startswith("<?xml")
        assert problem == f"{line['assignment_id']}: {line['problem']}"
    assert fetch(study, server, out).unreadable == 4


def test_a_last_line_cut_short_is_fetched_again(published, tmp_path):
    study, server, (one, _) = published
    out = tmp_path / "results"
    for name in ("ann", "bob"):
        server.submit(study, one, name)
    fetch(study, server, out)
    whole = {name: (out / name).read_bytes() for name in ("workers.csv", "assignments.jsonl")}
    for name, complete in whole.items():
        # A crash while the workers are written comes before any of their assignments.
        for length in {0, 1, len(complete) // 2, len(complete) - 2, len(complete) - 1}:
            (out / name).write_bytes(complete[:length])
            if name == "workers.csv":
                (out / "assignments.jsonl").unlink()
            fetch(study, server, out)
            for other, content in whole.items():
                assert sorted((out / other).read_bytes().splitlines()) == sorted(content.splitlines())


class Killed(BaseException):
    pass


@pytest.mark.parametrize("at_once", [0, collecting.AT_ONCE])
def test_killed_at_every_step_nothing_is_lost_or_doubled(published, tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(collecting, "AT_ONCE", at_once)
    study, server, hits = published
    names = [server.submit(study, hit, f"w{n}{hit}") for hit in hits for n in range(2)]
    append, call = collecting.append, Requester.call
    for steps in range(1, 100):
        left, out = [steps], tmp_path / f"results-{steps}"

        def tick(left=left):
            left[0] -= 1
            if left[0] == 0:
                raise Killed

        def dying_append(path, text, tick=tick, **more):
            tick()
            append(path, text[: len(text) // 2], **more)
            tick()
            append(path, text[len(text) // 2 :], **more)
            tick()

        def dying_call(self, operation, tick=tick, **arguments):
            tick()
            return call(self, operation, **arguments)

        monkeypatch.setattr(collecting, "append", dying_append)
        monkeypatch.setattr(Requester, "call", dying_call)
        with contextlib.suppress(Killed):
            fetch(study, server, out)
        monkeypatch.setattr(collecting, "append", append)
        monkeypatch.setattr(Requester, "call", call)
        fetch(study, server, out)
        assert sorted(line["assignment_id"] for line in lines(out)) == sorted(names)
        assert sorted(row["worker"] for row in workers(out)) == sorted(
            {line["worker"] for line in lines(out)}
        )
        if left[0] > 0:
            break
    assert steps > (10 if at_once == 0 else 6)


def test_what_came_before_a_failure_is_written(published, tmp_path):
    study, server, hits = published
    names = [server.submit(study, hit, who) for hit, who in zip(hits, ("ann", "bob"), strict=True)]

    class Failing(Requester):
        def call(self, operation, **arguments):
            if arguments.get("HITId") == hits[1] and operation == "ListAssignmentsForHIT":
                raise EndpointError("nobody answers")
            return super().call(operation, **arguments)

    requester = server.requester()
    with pytest.raises(EndpointError):
        fetch(study, server, tmp_path / "r", requester=Failing(requester.endpoint, requester.client))
    assert [line["assignment_id"] for line in lines(tmp_path / "r")] == names[:1]


def test_nobody_is_asked_about_twice_and_lines_wait_for_one_another(published, tmp_path, monkeypatch):
    study, _, _ = published
    asked, pages = [], [["ann"], ["ann", "bob"], ["bob"], ["cid", "dan"], ["dan"]]
    folder = collecting.ResultsFolder(tmp_path, study, lambda: asked.append(1) or People({"cid": "C"}))
    for number, page in enumerate(pages):
        assignments = [
            {"AssignmentId": f"{number}{who}", "WorkerId": who, "HITId": "H", "AssignmentStatus": "Submitted"}
            for who in page
        ]
        folder.take(assignments, "b1-h01")
    assert len(asked) == 3  # for ann, for bob, and for dan, who came with cid
    assert not (tmp_path / "assignments.jsonl").exists()
    folder.write()
    assert [line["assignment_id"][1:] for line in lines(tmp_path)] == [who for page in pages for who in page]
    assert [row["worker_id"] for row in workers(tmp_path)] == ["ann", "bob", "cid", "dan"]
    monkeypatch.setattr(collecting, "AT_ONCE", 1)
    folder.take([{**assignments[0], "AssignmentId": "more"}], "b1-h01")
    assert lines(tmp_path)[-1]["assignment_id"] == "more"


def test_two_collectors_at_once_write_every_assignment_once(published, tmp_path):
    study, server, hits = published
    names = [server.submit(study, hit, f"w{n}{hit}") for hit in hits for n in range(3)]
    out, found = tmp_path / "results", []
    threads = [threading.Thread(target=lambda: found.append(fetch(study, server, out))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(line["assignment_id"] for line in lines(out)) == sorted(names)
    assert sorted(one.new for one in found) == [0, 0, 0, 6]


def test_it_pages_through_everything(published, tmp_path):
    study, server, hits = published
    call, asked = Requester.call, []

    class Small(Requester):
        def call(self, operation, **arguments):
            asked.append(operation)
            if "MaxResults" in arguments:
                arguments["MaxResults"] = 1
            return call(self, operation, **arguments)

    for hit in hits:
        for n in range(3):
            server.submit(study, hit, f"w{n}{hit}")
    requester = server.requester()
    found = fetch(study, server, tmp_path / "r", requester=Small(requester.endpoint, requester.client))
    assert (found.new, found.complete) == (6, True)
    assert asked.count("ListAssignmentsForHIT") >= 6


def test_full_hits_are_not_asked_about_again(published, tmp_path):
    study, server, (one, _) = published
    for n in range(3):
        server.submit(study, one, f"w{n}")
    fetch(study, server, tmp_path / "r")
    asked, requester = [], server.requester()

    class Watching(Requester):
        def call(self, operation, **arguments):
            asked.append((operation, arguments.get("HITId")))
            return super().call(operation, **arguments)

    fetch(study, server, tmp_path / "r", requester=Watching(requester.endpoint, requester.client))
    assert ("ListAssignmentsForHIT", one) not in asked


def test_elsewhere_workers_get_the_qualification_that_keeps_them_to_one_hit(study, server, tmp_path):
    hits = publish(study, server.requester("sandbox"), Nowhere(), lambda _: None, PublicationSettings())
    server.submit(study, hits[0].hit_id, "ann")
    server.change(
        lambda tx: tx.run("DELETE FROM qualifications")
    )  # as at an endpoint that grants none itself
    fetch(study, server, tmp_path / "r", "sandbox")
    rows = server.site.store.read(lambda tx: tx.all("SELECT worker_id, status FROM qualifications"))
    assert [tuple(row) for row in rows] == [(server.worker("ann"), "Granted")]


def test_results_of_another_study_are_left_alone(published, large_study, server, tmp_path):
    study, server, _ = published
    out = tmp_path / "results"
    fetch(study, server, out)
    publish(large_study, server.requester(), Nowhere(), lambda _: None, PublicationSettings(in_nines=False))
    with pytest.raises(
        GlimpseError, match=r"holds results of another study \(.*\)\. Choose another folder with --out"
    ):
        fetch(large_study, server, out)
    (out / "study.json").write_text("{}")
    with pytest.raises(GlimpseError, match=r"study.json: field 'study' .* is missing.* Move .*results away"):
        fetch(study, server, out)


def test_a_study_without_hits_says_so(study, server, tmp_path):
    ledger = Ledger(ledger_path(study.folder, "local"))
    with pytest.raises(
        GlimpseError, match=r"names no HITs: publishing did not get that far. Run publish again"
    ):
        collect(study, server.requester(), ledger, tmp_path / "r")


@given(
    st.lists(
        st.binary(max_size=60) | st.sampled_from([b'{"assignment_id": "A", "hit_id": "H"', b"[]", b"{}"])
    )
)
def test_any_file_of_assignments_is_read(tmp_path, rows):
    path = tmp_path / "assignments.jsonl"
    path.write_bytes(b"\n".join(rows))
    for head in read_heads(path):
        assert isinstance(head["assignment_id"], str)


def test_what_was_registered_goes_along_and_another_design_is_said(published, tmp_path):
    study, server, (one, _) = published
    server.submit(study, one, "ann")
    document = json.loads((study.folder / "study.json").read_text())
    planned = {"conditions": [], "contrasts": [], "exposures_ms": [None], "places": 1, "answers": 1,
               "stop_when": None, "replace_excluded": False}  # fmt: skip
    version = {
        "registered_at": "2026-03-01T10:00:00Z", "reason": "", "glimpse": "1", "published": False,
        "options": {}, "hypotheses": [], "analysis": {}, "analyses": [], "planned": planned,
        "assumed": {}, "expected": [], "changes": [], "text": "",
    }  # fmt: skip
    registered = {"schema_version": 1, "study": study.study, "plan_sha256": study.plan_sha256,
                  "design_sha256": design_digest(document), "versions": [version]}  # fmt: skip
    path = study.folder / "registration.json"
    path.write_text(json.dumps(registered))
    out = tmp_path / "results"
    assert fetch(study, server, out).registration == ""
    assert (out / "registration.json").read_bytes() == path.read_bytes()
    path.write_text(json.dumps(registered | {"design_sha256": "0"}))
    found = fetch(study, server, out)
    assert "registers another design than the study.json beside it" in found.registration
    assert (found.total, len(lines(out))) == (1, 1)
