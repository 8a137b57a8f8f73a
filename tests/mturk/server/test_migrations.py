"""Databases of other versions: older ones are migrated whole or not at all, newer ones are refused."""

import hashlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from glimpse.errors import GlimpseError
from glimpse.mturk.collecting.collecting import collect
from glimpse.mturk.publishing.client import connect, endpoint
from glimpse.mturk.publishing.ledger import Ledger, ledger_path
from glimpse.mturk.server.storage import assignments, schema
from glimpse.mturk.server.storage.database import Store
from glimpse.mturk.server.storage.workers import participants_of
from glimpse.study import read_study
from tests.mturk.server.test_durability import inconsistencies

pytestmark = pytest.mark.sqlite

ROOT = Path(__file__).parents[3]
VERSION_1 = ROOT / "tests/data/version-1"
EXPECTED = json.loads((VERSION_1 / "expected.json").read_text(encoding="utf-8"))


SIMULATED = 3  # workers in the first version's database


@pytest.fixture
def old(tmp_path):
    """A database that the first version wrote, in a folder of its own."""
    return Path(shutil.copytree(VERSION_1 / "server", tmp_path / "server")) / "server.sqlite3"


def with_connection(path, function):
    connection = sqlite3.connect(path)
    try:
        return function(connection)
    finally:
        connection.close()


def version(path):
    return with_connection(path, lambda connection: connection.execute("PRAGMA user_version").fetchone()[0])


def digests(path):
    """Return, by table, how many rows it has and their digest, in the columns of the first version."""

    def read(connection):
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = {}
        # Since the fifth version a HIT's question stands in a table of its own.
        apart = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'questions'").fetchone()
        for table, expected in EXPECTED["tables"].items():
            source = f"{table} JOIN questions USING (seq)" if table == "hits" and apart else table
            rows = connection.execute(f"SELECT {', '.join(expected['columns'])} FROM {source}").fetchall()
            if table == "workers":  # the third version tells the simulator's from people who gave a name
                panels = [row[expected["columns"].index("panel")] for row in rows]
                assert panels.count("simulator") in {0, SIMULATED}
                rows = [["local" if cell == "simulator" else cell for cell in row] for row in rows]
            text = "\n".join(sorted(json.dumps(list(row), ensure_ascii=False) for row in rows))
            found[table] = (len(rows), hashlib.sha256(text.encode()).hexdigest())
        return found

    return with_connection(path, read)


def as_written():
    return {table: (expected["rows"], expected["sha256"]) for table, expected in EXPECTED["tables"].items()}


def layout(path):
    """Return the columns of every table and the definition of every index."""

    def read(connection):
        made = connection.execute("SELECT name, type, sql FROM sqlite_master WHERE sql NOT NULL").fetchall()
        return {
            name: " ".join(sql.split())
            if kind == "index"
            else connection.execute(f"PRAGMA table_info ({name})").fetchall()
            for name, kind, sql in made
        }

    return with_connection(path, read)


def opened(path):
    Store(path, time.time).close()


def test_an_older_database_is_migrated_and_loses_nothing(old, tmp_path):
    assert version(old) == 1
    assert digests(old) == as_written()
    opened(old)
    opened(tmp_path / "new.sqlite3")
    assert version(old) == version(tmp_path / "new.sqlite3") == schema.VERSION
    assert digests(old) == as_written()
    assert layout(old) == layout(tmp_path / "new.sqlite3")
    opened(old)
    assert digests(old) == as_written()


def test_counts_of_an_older_database_are_those_of_its_rows(old):
    opened(old)
    assert inconsistencies(old) == {}
    kept = with_connection(
        old,
        lambda connection: connection.execute(
            "SELECT page_needs FROM hits WHERE study IS NOT NULL"
        ).fetchall(),
    )
    assert kept
    assert all(json.loads(needs)["window"][0] > 100 for (needs,) in kept)


def test_a_database_restored_from_a_dump_has_no_version_and_is_migrated(old, tmp_path):
    restored = tmp_path / "restored.sqlite3"
    dump = with_connection(old, lambda connection: "\n".join(connection.iterdump()))
    with_connection(restored, lambda connection: connection.executescript(dump))
    assert version(restored) == 0
    opened(restored)
    assert version(restored) == schema.VERSION
    assert digests(restored) == as_written()


def test_a_newer_database_is_refused_and_left_alone(old):
    newer = schema.VERSION + 1
    with_connection(old, lambda connection: connection.execute(f"PRAGMA user_version = {newer}"))
    before = old.read_bytes()
    with pytest.raises(GlimpseError) as raised:
        opened(old)
    assert str(raised.value) == (
        f"{old} was written by a newer version of Glimpse (its schema is {newer}, this version reads "
        f"{schema.VERSION} and older). Update Glimpse, or start with another folder: "
        "python cli.py serve --data FOLDER"
    )
    assert old.read_bytes() == before


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "other.sqlite3"
    with_connection(path, lambda connection: connection.execute("CREATE TABLE addresses (name)"))
    with pytest.raises(
        GlimpseError, match=r"migrated from schema 0 to \d+ \(no such table.*Nothing in it was changed"
    ):
        opened(path)
    assert version(path) == 0
    assert list(layout(path)) == ["addresses"]


KILLED_HALF_WAY = """
import os, signal, sys, time
from pathlib import Path
from glimpse.mturk.server.storage import migrations
from glimpse.mturk.server.storage.database import Store

steps = migrations._missing

def half_of_them(connection):
    connection.execute("PRAGMA cache_size = 10")
    yield from steps(connection)
    yield "UPDATE events SET detail = hex(zeroblob(20000))"
    yield "DELETE FROM assignments"
    path = Path(sys.argv[1] + "-wal")
    assert path.stat().st_size > 1_000_000, "what is not committed must have reached the disk"
    os.kill(os.getpid(), signal.SIGKILL)

migrations._missing = half_of_them
Store(Path(sys.argv[1]), time.time)
"""


def test_killed_half_way_the_old_database_is_whole(old):
    outcome = subprocess.run([sys.executable, "-c", KILLED_HALF_WAY, str(old)], cwd=ROOT, check=False)
    assert outcome.returncode == -signal.SIGKILL
    assert version(old) == 1
    assert digests(old) == as_written()
    opened(old)
    assert version(old) == schema.VERSION
    assert digests(old) == as_written()


# Through boto3


def as_json(value):
    """Return an answer of boto3 as expected.json writes it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    found = {key: as_json(inner) for key, inner in value.items()}
    for key in {"Question", "Answer"} & found.keys():
        found[key] = f"sha256:{hashlib.sha256(found[key].encode()).hexdigest()}"
    return found


@pytest.fixture
def listed(old, start):
    """A function that lists through boto3 what a server on the old database has, all pages, at its time."""
    server = start(old.parent)
    server.clock.stop_at(EXPECTED["clock"])
    turk = server.requester()

    def all_pages(operation, member, **parameters):
        pages = turk.get_paginator(operation).paginate(**parameters, PaginationConfig={"PageSize": 3})
        return as_json([row for page in pages for row in page[member]])

    all_pages.server, all_pages.turk = server, turk
    return all_pages


def test_boto3_lists_the_same_hits_and_assignments(listed):
    api = EXPECTED["api"]
    assert listed("list_hits", "HITs") == api["ListHITs"]
    for hit_id, expected in api["GetHIT"].items():
        assert as_json(listed.turk.get_hit(HITId=hit_id)["HIT"]) == expected
    for state, expected in api["ListReviewableHITs"].items():
        found = listed("list_reviewable_hits", "HITs", Status=state)
        assert [hit["HITId"] for hit in found] == expected
    for hit_id, expected in api["ListAssignmentsForHIT"].items():
        assert listed("list_assignments_for_hit", "Assignments", HITId=hit_id) == expected
        assert (
            listed("list_bonus_payments", "BonusPayments", HITId=hit_id) == api["ListBonusPayments"][hit_id]
        )


def test_boto3_lists_the_same_qualifications_and_blocks(listed):
    api = EXPECTED["api"]
    types = listed("list_qualification_types", "QualificationTypes", MustBeRequestable=False)
    assert types == api["ListQualificationTypes"]
    for type_id, expected in api["ListWorkersWithQualificationType"].items():
        for state, holders in expected.items():
            found = listed(
                "list_workers_with_qualification_type",
                "Qualifications",
                QualificationTypeId=type_id,
                Status=state,
            )
            assert found == holders
    for type_id, expected in api["ListHITsForQualificationType"].items():
        found = listed("list_hits_for_qualification_type", "HITs", QualificationTypeId=type_id)
        assert [hit["HITId"] for hit in found] == expected
    assert listed("list_qualification_requests", "QualificationRequests") == api["ListQualificationRequests"]
    assert listed("list_worker_blocks", "WorkerBlocks") == api["ListWorkerBlocks"]


def test_people_and_their_progress_are_still_known(listed):
    store = listed.server.site.store
    for study, expected in EXPECTED["api"]["participants"].items():
        assert store.read(lambda tx, study=study: participants_of(tx, study)) == expected
    for assignment_id, expected in EXPECTED["progress"].items():
        row = store.read(lambda tx, name=assignment_id: assignments.find(tx, name))
        assert json.loads(row["progress"]) == expected


def answered(folder):
    """Return the records of a results folder without their status: some were approved later."""
    lines = (folder / "assignments.jsonl").read_text(encoding="utf-8").splitlines()
    return [{**json.loads(line), "status": None} for line in lines]


def test_a_study_that_was_published_then_is_collected_as_it_was(old, listed, tmp_path):
    study = read_study(shutil.copytree(VERSION_1 / "study-limited", tmp_path / "study"))
    ledger = Ledger(ledger_path(study.folder, "local"))
    assert ledger.pending == {}
    found, before = tmp_path / "results", VERSION_1 / "results-collected"
    collect(study, connect(endpoint("local", listed.server.url, old.parent)), ledger, found)
    assert answered(found) == answered(before)
    for name in ("study.json", "trials.csv", "workers.csv"):
        assert (found / name).read_bytes() == (before / name).read_bytes()


def test_work_goes_on_in_the_older_database(listed):
    (waiting,) = [
        row
        for rows in EXPECTED["api"]["ListAssignmentsForHIT"].values()
        for row in rows
        if row["AssignmentStatus"] == "Submitted"
    ][:1]
    listed.turk.approve_assignment(AssignmentId=waiting["AssignmentId"])
    found = listed.turk.get_assignment(AssignmentId=waiting["AssignmentId"])["Assignment"]
    assert found["AssignmentStatus"] == "Approved"


@pytest.mark.parametrize(
    "damage", [lambda data: bytes(100) + data[100:], lambda data: data[: len(data) // 2]]
)
def test_a_damaged_database_is_said_as_that(tmp_path, damage):
    source = ROOT / "tests" / "data" / "version-1" / "server" / "server.sqlite3"
    path = tmp_path / "server.sqlite3"
    path.write_bytes(damage(source.read_bytes()))
    with pytest.raises(
        GlimpseError, match=r"server.sqlite3 is damaged, or not a database \(.*Restore it from"
    ):
        Store(path, time.time)
