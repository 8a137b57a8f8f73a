"""A participant withdraws while the server runs: identity and answers go everywhere, and never come back."""

import json
import threading
from pathlib import Path

import httpx
import pytest

from glimpse.analysis.reading.results import read_results
from glimpse.mturk.answers import WITHDRAWN
from glimpse.mturk.collecting import withdrawing
from glimpse.mturk.collecting.collecting import collect
from glimpse.mturk.collecting.reviewing import Wishes, review
from glimpse.mturk.collecting.status import by_batch, survey
from glimpse.mturk.collecting.withdrawing import remove_lines
from glimpse.mturk.publishing.ledger import Ledger, exclusive, ledger_path
from glimpse.mturk.publishing.publication import PublicationSettings
from glimpse.mturk.publishing.publishing import publish
from glimpse.mturk.server.storage import events, studies
from glimpse.mturk.server.storage.screening import Exclusions
from glimpse.people import pseudonym
from tests.mturk.client.conftest import Nowhere

SECRETS = ("ann of the lab", "I live in Ulm")


@pytest.fixture
def published(study, server, tmp_path):
    """A study with answers of three people, two of one name, collected into results/."""
    hits = publish(study, server.requester(), Nowhere(), lambda _: None, PublicationSettings(in_nines=False))
    ids = [hit.hit_id for hit in hits]
    server.submit(study, ids[0], SECRETS[0], comment=SECRETS[1])
    worker = server.worker(SECRETS[0], "lab")
    server.change(lambda tx: studies.add_arrival(tx, worker, study.study, "lab", {}))
    server.submit(study, ids[1], SECRETS[0], comment=SECRETS[1], panel="lab")
    server.submit(study, ids[0], "bob")
    fetch(study, server, tmp_path / "results")
    return study, server, ids


def fetch(study, server, out):
    return collect(study, server.requester(), Ledger(ledger_path(study.folder, "local")), out)


def lines(out):
    return [json.loads(line) for line in (out / "assignments.jsonl").read_text().splitlines()]


def stored(server):
    """Return what the running server's files hold."""
    return b"".join(path.read_bytes() for path in Path(server.data).glob("server.sqlite3*"))


def test_one_command_removes_everything_while_the_server_runs(published, glimpse, at, tmp_path):
    study, server, ids = published
    worker, out = server.worker(SECRETS[0]), tmp_path / "results"
    assert all(text.encode() in stored(server) for text in (*SECRETS, worker))
    status, said, errors = glimpse("serve", "--forget", SECRETS[0], "--answers", *at)
    assert (status, errors) == (0, [])
    assert said == [
        "Identities removed: 2. Assignments kept without a name: 2.",
        f"Answers removed from {server.data}: 2. What was paid stays on record.",
        "Removed from results: 2 lines of assignments.jsonl, 2 of workers.csv.",
        "Delete old backups and copies of results, and analyze again: reports still count them.",
    ]
    assert [line["worker"] for line in lines(out)] == [pseudonym(study.secret, server.worker("bob"))]
    everything = stored(server) + b"".join(path.read_bytes() for path in out.iterdir())
    for text in (*SECRETS, worker, pseudonym(study.secret, worker)):
        assert text.encode() not in everything
    assert len(read_results(out).assignments) == 1
    # A later submission arrives; the withdrawn ones do not, here or in a new folder, and keep their places.
    server.submit(study, ids[1], "eve")
    found = fetch(study, server, out)
    assert (found.new, found.total, found.problems) == (1, 4, [])
    assert (fetch(study, server, tmp_path / "again").new, len(lines(tmp_path / "again"))) == (2, 2)


def test_who_withdrew_is_paid_and_replaced(published, glimpse, at):
    study, server, _ = published
    glimpse("serve", "--forget", SECRETS[0], "--answers", *at)
    books = Ledger(ledger_path(study.folder, "local"))
    [batch] = by_batch(survey(study, server.requester(), books), study.experiment.reward_usd, fees=False)
    assert (batch.submitted, batch.excluded) == (3, 2)
    assert len(review(study, server.requester(), books, Wishes(), lambda _: True).approve) == 3
    rows = server.site.store.read(lambda tx: tx.all("SELECT status, answer FROM assignments ORDER BY seq"))
    assert [row["status"] for row in rows] == ["Approved"] * 3
    assert [row["answer"] == WITHDRAWN for row in rows] == [True, True, False]


def test_without_answers_these_stay(published, glimpse, at, tmp_path):
    _, server, _ = published
    before = (tmp_path / "results/assignments.jsonl").read_bytes()
    status, said, _ = glimpse("serve", "--forget", SECRETS[0], *at)
    assert (status, said[0]) == (0, "Identities removed: 2. Assignments kept without a name: 2.")
    assert (tmp_path / "results/assignments.jsonl").read_bytes() == before
    assert SECRETS[1].encode() in stored(server)
    assert SECRETS[0].encode() not in stored(server)


def test_what_was_broken_off_after_the_server_is_finished_by_the_same_command(
    published, glimpse, at, tmp_path
):
    words = ("serve", "--forget", SECRETS[0], "--answers", *at)
    (tmp_path / "results").rename(tmp_path / "aside")
    status, said, errors = glimpse(*words)
    assert status == 0
    assert errors == [
        "Warning: no results folder was searched: name each that holds their answers with --results"
    ]
    (tmp_path / "aside").rename(tmp_path / "results")
    status, said, _ = glimpse(*words)
    assert (status, said[2]) == (0, "Removed from results: 2 lines of assignments.jsonl, 2 of workers.csv.")
    status, _, errors = glimpse(*words)
    assert status == 1
    assert errors == [f"Error: Nobody on this server has the name or id '{SECRETS[0]}'. Nor do results."]


def test_several_folders_and_one_that_is_none(published, glimpse, at, tmp_path):
    study, server, _ = published
    fetch(study, server, tmp_path / "second")
    words = ("serve", "--forget", SECRETS[0], "--answers", "--results", "results", "--results", "second", *at)
    status, _, errors = glimpse(*words, "--results", "nowhere")
    assert status == 1
    assert "nowhere is not a results folder" in errors[0]
    assert SECRETS[0].encode() in stored(server)
    assert glimpse(*words)[0] == 0
    assert [len(lines(tmp_path / name)) for name in ("results", "second")] == [1, 1]


def test_options_that_do_not_go_together(glimpse, at):
    for words in (["--answers"], ["--forget", "x", "--results", "results"]):
        status, _, errors = glimpse("serve", *words, *at)
        assert status == 2
        assert "--answers goes with --forget NAME, and --results with --answers." in errors[-1]


def test_a_collect_at_work_is_waited_for(published, tmp_path):
    out = tmp_path / "results"
    with exclusive(out / ".lock", "busy"):
        waiting = threading.Thread(target=remove_lines, args=(out, SECRETS[0]))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        assert len(lines(out)) == 3
    waiting.join(60)
    assert len(lines(out)) == 1


def test_others_lines_stay_byte_for_byte(published, tmp_path):
    """What others said of them and others' damaged lines stay; their own go, damaged ones too."""
    study, server, _ = published
    out, worker = tmp_path / "results", server.worker("bob")
    mine = pseudonym(study.secret, worker)
    path = out / "assignments.jsonl"
    (first, *_) = (line for line in lines(out) if line["worker"] != mine)
    other = json.dumps({**first, "assignment_id": "other", "comment": f"{mine} was here"})
    kept = [json.dumps(first) + "\n", other + "\n", '{"worker": "w0", cut\n']
    path.write_text("".join([kept[0], '{"worker": "' + mine + '", cut\n', *kept[1:]]))
    removed = remove_lines(out, "nobody", [worker])
    assert (removed.assignments, removed.people) == (1, 1)
    assert path.read_text() == "".join(kept)


def test_only_the_requester_may_ask(published):
    _, server, _ = published
    reply = httpx.post(f"{server.url}/forget", json={"name": SECRETS[0], "answers": True})
    assert reply.status_code == 403
    assert SECRETS[0].encode() in stored(server)


def test_the_dashboard_counts_anew_and_sees_that_something_changed(published, glimpse, at):
    study, server, _ = published
    dashboard = Exclusions([study.folder])

    def counted():
        return dict(server.site.store.read(lambda tx: dashboard.count(tx, study.study)).by_batch)

    before = server.site.store.read(events.last)
    assert counted() == {}
    assert glimpse("serve", "--forget", SECRETS[0], "--answers", *at)[0] == 0
    assert server.site.store.read(events.last) > before
    dashboard.begin_anew()
    assert counted() == {"b1": 2}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, ": the server that runs there is of an earlier version. Stop it, and run this command again."),
        (500, ". Run this command again."),
    ],
)
def test_a_server_that_cannot_is_named(published, glimpse, at, monkeypatch, status, said):
    _, server, _ = published
    monkeypatch.setattr(withdrawing, "ask", lambda *_, **__: httpx.Response(status, text="?"))
    code, _, errors = glimpse("serve", "--forget", "ann", "--answers", *at)
    assert (code, errors) == (1, [f"Error: {server.url}/forget answers {status}{said}"])
