"""A study of several questions and forms, from the server into results: nothing lost or miscounted."""

import json

import pytest
from click.testing import CliRunner

from glimpse.analysis.reading.exclusion import exclude
from glimpse.analysis.reading.results import read_results
from glimpse.main import main
from glimpse.mturk.answers import encode
from glimpse.mturk.collecting.collecting import collect, read_heads
from glimpse.mturk.collecting.reviewing import Wishes, review
from glimpse.mturk.collecting.status import by_batch, survey
from glimpse.mturk.publishing.ledger import Ledger, ledger_path
from glimpse.mturk.publishing.publication import PublicationSettings
from glimpse.mturk.publishing.publishing import publish
from glimpse.mturk.server.storage.screening import Exclusions
from glimpse.study import read_study
from glimpse.trials import OTHER_SIDE
from tests.mturk.client.conftest import Nowhere

QUESTIONS = [
    {"name": "quality", "text": "Which looks better?", "answer": "choice-or-tie"},
    {"name": "fit", "text": "Which fits better?", "answer": "scale-5"},
]
FORMS = [
    {"name": "age", "text": "How old are you?", "kind": "choice", "options": ["under 30", "30 or older"]},
    {"name": "hours", "text": "How many hours?", "kind": "number", "required": False},
    {"name": "note", "text": "What did you look at?", "kind": "text"},
]
BESIDE = {
    "form": {"age": "under 30", "hours": "", "note": 'the sky, "page": "x"'},
    "comment": 'Thank you, "page": {}',
    "consented_at": "2026-11-29T09:00:00Z",
}


@pytest.fixture
def asked(study):
    """The small study, asking two questions and a form; sentinels are judged by the second question."""
    path = study.folder / "study.json"
    document = json.loads(path.read_text())
    document["experiment"] |= {"questions": QUESTIONS, "sentinel_question": "fit"}
    path.write_text(json.dumps(document | {"forms": FORMS}))
    return read_study(study.folder)


@pytest.fixture
def published(asked, server):
    settings = PublicationSettings(in_nines=False)
    hits = publish(asked, server.requester(), Nowhere(), lambda _: None, settings)
    return asked, server, [hit.hit_id for hit in hits]


def answers(study, hit, *, wrong=0, middle=0):
    """Return what a page sends: sentinels right on the scale, `wrong` of them wrongly, `middle` undecided."""
    records = []
    for trial in study.trials_of(hit):
        side = trial.correct_side or "left"
        fit = -2 if side == "left" else 1
        if trial.sentinel and (wrong or middle):
            fit, wrong, middle = (-fit, wrong - 1, middle) if wrong else (0, wrong, middle - 1)
        choices = {"quality": OTHER_SIDE[side] if trial.sentinel else "tie", "fit": fit}
        times = {"shown_ms": trial.exposure_ms, "frames": 15, "onset_ms": 1.0}
        took = {"quality": 700, "fit": 900}
        records.append({"trial": trial.trial, "choices": choices, "response_ms": took, **times})
    page = {"user_agent": "t", "viewport": [1280, 800], "device_pixel_ratio": 1, "refresh_hz": 60}
    return {"schema": 2, "study": study.study, "hit": hit, "page": page, "answers": records}


def submit(published, name, place=0, how=None, **changes):
    study, server, hits = published
    body = {**answers(study, f"b1-h{place + 1:02d}", **(how or {})), **BESIDE, **changes}
    return server.submit(study, hits[place], name, answer=encode({"answers": json.dumps(body)}))


def fetch(published, out):
    study, server, _ = published
    return collect(study, server.requester(), Ledger(ledger_path(study.folder, "local")), out)


def lines(out):
    return [json.loads(line) for line in (out / "assignments.jsonl").read_text().splitlines()]


def test_every_answer_and_entry_arrives_and_is_analysed(published, tmp_path):
    out = tmp_path / "results"
    submit(published, "ann")
    found = fetch(published, out)
    assert (found.new, found.problems, found.damaged) == (1, [], [])
    assert fetch(published, out).new == 0
    (line,) = lines(out)
    assert {name: line[name] for name in BESIDE} == BESIDE
    assert line["answers"] == answers(published[0], "b1-h01")["answers"]
    results = read_results(out)
    assert results.problems == ()
    assert [question.name for question in results.questions] == ["quality", "fit"]
    assert {len(results.asked(name).judgments) for name in ("quality", "fit")} == {9}


def test_heads_of_lines_are_read_whatever_people_wrote(published, tmp_path):
    out = tmp_path / "results"
    one = submit(published, "ann")
    two = submit(published, "bob", comment="", form={})
    three = submit(published, "eve", form={"page": "}", "age": "under 30"})
    fetch(published, out)
    damaged = []
    heads = list(read_heads(out / "assignments.jsonl", damaged))
    assert [head["assignment_id"] for head in heads] == [one, two, three]
    assert damaged == []


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"age": "My name is Ann Lee"}, "form field age: the answer is none of its options"),
        ({"hours": "Ann Lee's"}, "form field hours: the answer is no number"),
        ({"iq": "Ann Lee"}, "form has a field 'iq', which the study does not ask"),
    ],
)
def test_an_entry_that_no_form_takes_is_kept_and_named(published, tmp_path, form, problem):
    out = tmp_path / "results"
    name = submit(published, "ann", form=form)
    found = fetch(published, out)
    assert found.problems == [f"{name}: {problem}"]
    (line,) = lines(out)
    assert (line["form"], line["problem"], "raw" in line) == (form, problem, False)
    assert len(line["answers"]) == 9
    assert read_results(out).assignments["n_answered"].tolist() == [9]


def test_an_answer_of_another_kind_is_kept_and_named(published, tmp_path):
    out = tmp_path / "results"
    body = answers(published[0], "b1-h01")
    body["answers"][3]["choices"]["fit"] = 3
    name, trial = submit(published, "ann", **body), body["answers"][3]["trial"]
    assert fetch(published, out).problems == [
        f"{name}: trial {trial} does not answer fit by one of -2, -1, 0, 1, 2"
    ]
    assert lines(out)[0]["answers"] == body["answers"]
    assert read_results(out).assignments["n_answered"].tolist() == [8]


def test_review_status_and_dashboard_count_them_as_the_analysis_does(published, tmp_path):
    """A wrong sentinel on the question that judges excludes, a tie too; a wrong other answer does not."""
    study, server, _ = published
    submit(published, "right")
    submit(published, "wrong", how={"wrong": 1})
    submit(published, "undecided", place=1, how={"middle": 1})
    lacking = answers(study, "b1-h02")
    del lacking["answers"][-1]["choices"]["quality"]
    submit(published, "incomplete", place=1, **lacking)
    fetch(published, tmp_path / "results")
    books = Ledger(ledger_path(study.folder, "local"))
    [batch] = by_batch(survey(study, server.requester(), books), study.experiment.reward_usd, fees=False)
    assert (batch.submitted, batch.excluded) == (4, 3)
    dashboard = Exclusions([study.folder])
    counted = server.site.store.read(lambda tx: dashboard.count(tx, study.study))
    assert dict(counted.by_batch) == {"b1": 3}
    kept = exclude(read_results(tmp_path / "results"))
    assert int(kept.assignments["excluded"].sum()) == 3
    done = review(study, server.requester(), books, Wishes(), lambda _: True)
    assert len(done.approve) == 4


def test_answers_without_form_are_as_before(published, tmp_path):
    out = tmp_path / "results"
    submit(published, "ann", form={}, comment="", consented_at="")
    fetch(published, out)
    assert list(lines(out)[0])[-3:] == ["simulated", "page", "answers"]


def test_simulated_people_answer_them_through_the_server(published, tmp_path):
    study, server, _ = published
    words = ["simulate", str(study.folder), "--through-server", server.url, "--data", str(server.data)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    found = fetch(published, tmp_path / "results")
    assert (found.new, found.simulated, found.problems) == (6, 6, [])
    for line in lines(tmp_path / "results"):
        assert all(list(answer["choices"]) == ["quality", "fit"] for answer in line["answers"])
        assert (line["form"]["note"], line["consented_at"][-1]) == ("Simulated.", "Z")
    assert read_results(tmp_path / "results").problems == ()
