"""Recruiting at a made-up Prolific, by commands: from build-hits to paid bonuses."""

import csv
import json
from collections import Counter

import pytest
from tests.mturk.client.prolific import TOKEN, People, Wire, install

from glimpse.study import read_study


@pytest.fixture
def wire(monkeypatch):
    found = Wire()
    install(monkeypatch, found)
    return found


@pytest.fixture
def people(server, wire, study):
    return People(server, wire, study)


def rows_of(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_from_publish_to_paid_bonuses(study, server, wire, people, glimpse, at):
    status, out, err = glimpse("publish", "study", "--to", "prolific", "--places", "4", "--yes", *at)
    assert (status, err) == (0, []), (out, err)
    (found,) = wire.fake.studies.values()
    assert found["status"] == "ACTIVE"
    assert found["total_available_places"] == 4
    assert found["reward"] == 100
    done = [people.finish(wrong=2 if number == 0 else 0) for number in range(3)]
    assert Counter(one["status"] for one in wire.fake.submissions.values()) == {"AWAITING REVIEW": 3}
    status, out, err = glimpse("collect", "study", *at)
    assert (status, err) == (0, []), (out, err)
    rows = rows_of(study.folder.parent / "results" / "workers.csv")
    assert {(row["panel"], row["verified"]) for row in rows} == {("prolific", "listed")}
    heads = lines_of(study.folder.parent / "results" / "assignments.jsonl")
    assert {(line["panel"], line["verified"]) for line in heads} == {("prolific", "listed")}
    status, out, err = glimpse("status", "study", *at)
    assert (status, err) == (0, [])
    assert "     3  finished on both sides" in out
    status, out, err = glimpse("review", "study", "--replace", "--bonus", "0.50", "--yes", *at)
    assert (status, err) == (0, []), (out, err)
    assert Counter(kind for _, kind, _ in wire.fake.paid) == {"reward": 3, "bonus": 3}
    assert {amount for _, kind, amount in wire.fake.paid if kind == "bonus"} == {50}
    assert found["total_available_places"] == 5
    assert len(done) == 3
    before = list(wire.fake.paid)
    status, out, err = glimpse("review", "study", "--replace", "--bonus", "0.50", "--yes", *at)
    assert (status, err) == (0, [])
    assert wire.fake.paid == before
    assert found["total_available_places"] == 5
    assert TOKEN not in (study.folder / "published" / "prolific.jsonl").read_text()
    assert read_study(study.folder).study == study.study
