"""Trials drawn in the database, SQLite's and PostgreSQL's: after a stop they go on as if there was none."""

import json
from argparse import Namespace

import pytest

from benchmarks import accepting
from glimpse.allocation import PRIOR_SD
from glimpse.drawn import DrawnTrials
from glimpse.mturk.answers import encode, parse_answer_xml
from glimpse.mturk.page.pool import DRAWN
from glimpse.mturk.server.protocol.errors import RequestError
from glimpse.mturk.server.storage import assignments, draws, transitions
from glimpse.mturk.server.storage.workers import LOCAL, forget, worker_for

POOL = accepting.pool_of(4, 12, 16)


def change(server, function):
    return server.site.store.write(function).result()


def accept(server, number):
    worker = change(server, lambda tx: worker_for(tx, server.site.secret, LOCAL, f"worker {number}"))
    assignment = change(server, lambda tx: transitions.accept(tx, "S", worker))
    return change(server, lambda tx: tx.one("SELECT * FROM draws WHERE assignment_id = ?", assignment))


def submit(server, row, choose):
    """Choose by `choose(left, right)` where nothing is known, and what is right elsewhere."""
    drawn, pairs = DrawnTrials.from_text(row["trials"]), iter(json.loads(row["pairs"]))
    sides = [
        "left" if str(place) in POOL["hits"]["b1-h01"]["known"] else choose(*next(pairs)[:2])
        for place in range(16)
    ]
    records = [
        {"trial": f"t{drawn.first + place}", "choices": {"realism": side}, "response_ms": {"realism": 700}}
        for place, side in enumerate(sides)
    ]
    sent = {"schema": 2, "study": "s", "hit": drawn.hit, "answers": records}
    text = encode({"answers": json.dumps(sent)})
    change(server, lambda tx: transitions.submit(tx, assignments.find(tx, row["assignment_id"]), text))


def by_number(left, right):
    return "left" if left < right else "right"


@pytest.fixture
def drawing(start):
    server = start()
    change(server, lambda tx: draws.put_pool(tx, "s", json.dumps(POOL)))
    change(server, lambda tx: accepting.add_hit(tx, "s", 20))
    return server


def test_a_server_that_was_ended_goes_on_where_it_stopped(drawing, start):
    for number in range(3):
        submit(drawing, accept(drawing, number), by_number)
    at_work = accept(drawing, 3)
    before = change(drawing, lambda tx: draws.standings(tx, "s"))
    drawing.stop()
    draws._KNOWN.clear()
    again = start(drawing.site.settings.data)
    assert change(again, lambda tx: draws.standings(tx, "s")) == before
    assert [one.condition for one in before] == POOL["conditions"]
    row = accept(again, 4)
    assert (at_work["number"], row["number"]) == (4, 5)
    submit(again, at_work, by_number)
    stored = change(again, lambda tx: assignments.find(tx, at_work["assignment_id"]))
    assert parse_answer_xml(stored["answer"])[DRAWN] == at_work["trials"]


def test_ties_count_half_and_what_cannot_be_read_nothing(drawing):
    submit(drawing, accept(drawing, 0), lambda *_: "tie")
    tied = change(drawing, lambda tx: draws.standings(tx, "s"))
    assert {one.strength for one in tied} == {0.0}
    assert all(one.sd < PRIOR_SD * 0.75**0.5 for one in tied)  # that of the prior, against the mean of four
    assert sum(one.answers for one in tied) == 2 * 11
    row = accept(drawing, 1)
    text = encode({"answers": "no JSON"})
    change(drawing, lambda tx: transitions.submit(tx, assignments.find(tx, row["assignment_id"]), text))
    assert change(drawing, lambda tx: draws.standings(tx, "s")) == tied


def test_withdrawn_answers_count_no_more(drawing):
    submit(drawing, accept(drawing, 0), by_number)
    change(drawing, lambda tx: forget(tx, "worker 0", answers=True))
    assert {one.answers for one in change(drawing, lambda tx: draws.standings(tx, "s"))} == {0}
    assert accept(drawing, 1)["number"] == 2


def test_a_pool_is_kept_for_good(drawing):
    change(drawing, lambda tx: draws.put_pool(tx, "s", json.dumps(POOL)))
    with pytest.raises(RequestError, match="Another pool is kept for this study"):
        change(drawing, lambda tx: draws.put_pool(tx, "s", json.dumps({**POOL, "seed": 2})))


def test_a_study_whose_trials_are_planned_draws_none(drawing):
    change(drawing, lambda tx: accepting.add_hit(tx, "planned", 3))
    worker = change(drawing, lambda tx: worker_for(tx, drawing.site.secret, LOCAL, "ann"))
    assignment = change(drawing, lambda tx: transitions.accept(tx, "PLANNED", worker))
    assert change(drawing, lambda tx: draws.drawn_of(tx, assignment)) is None
    assert change(drawing, lambda tx: draws.standings(tx, "planned")) is None


def test_the_benchmark_measures_what_it_says(tmp_path, capsys):
    accepting.measure(tmp_path / "db", Namespace(systems=4, items=12, assignments=3, trials=16))
    assert "first accept after a start" in capsys.readouterr().out
