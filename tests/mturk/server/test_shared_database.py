"""Servers that share a PostgreSQL database: no slot is given twice, and what one does the others know."""

import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from glimpse.errors import GlimpseError
from glimpse.main import main
from glimpse.mturk.server import site as site_module
from glimpse.mturk.server.storage import meta, schema
from glimpse.mturk.server.storage import postgresql as engine
from glimpse.mturk.server.storage.database import Store
from tests.mturk.server import postgresql
from tests.mturk.server.test_clock import DAY, Machine

ROOT = Path(__file__).parents[3]
WORKERS, SLOTS = 200, 50

RACE = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from glimpse.mturk.server.protocol.errors import RequestError
from glimpse.mturk.server.storage.database import Store
from glimpse.mturk.server.storage.transitions import accept

store = Store(sys.argv[1], time.time)
print("ready", flush=True)
sys.stdin.readline()

def one(number):
    try:
        return bool(store.write(lambda tx: accept(tx, sys.argv[2], f"A{number}")).result())
    except RequestError:
        return False

with ThreadPoolExecutor(32) as pool:
    print(sum(pool.map(one, range(int(sys.argv[3]), int(sys.argv[4])))))
store.close()
"""


@pytest.fixture
def database():
    if not postgresql.is_there():
        pytest.skip(postgresql.MISSING)
    return "postgresql"


@pytest.fixture
def two(start, tmp_path):
    """Two servers on one database, each with a folder of its own."""
    first = start(tmp_path / "first")
    return first, start(tmp_path / "second", database=first.site.settings.database)


def test_two_processes_that_race_give_every_slot_once(two, publish, turk):
    """`turk` and `publish` have a server of their own; the race is on the database of the pair."""
    first, _ = two
    hit_id = publish(SLOTS, client=first.requester())["HITId"]
    command = [sys.executable, "-c", RACE, first.site.settings.database, hit_id]
    half = WORKERS // 2
    racers = [
        subprocess.Popen(
            [*command, str(begin), str(begin + half)], cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for begin in (0, half)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    taken = [int(racer.communicate()[0]) for racer in racers]
    assert sum(taken) == SLOTS
    found = first.requester().get_hit(HITId=hit_id)["HIT"]
    assert found["NumberOfAssignmentsPending"] == SLOTS
    assert found["HITStatus"] == "Unassignable"


def test_what_is_begun_at_one_server_ends_at_another(two, publish):
    first, second = two
    hit_id = publish(2, client=first.requester())["HITId"]
    ann = first.worker("ann")
    mine = ann.take(hit_id)
    saved = ann.http.put(f"{second.url}/worker/assignments/{mine}/progress", content=json.dumps({"seq": 1}))
    assert saved.status_code == 204
    assert ann.http.get(f"/worker/assignments/{mine}/progress").json() == {"seq": 1}
    data = {"assignmentId": mine, "choice": "left"}
    assert ann.http.post(f"{second.url}/mturk/externalSubmit", data=data).status_code == 200
    listed = first.requester(*_keys(first)).list_assignments_for_hit(HITId=hit_id)["Assignments"]
    assert [one["AssignmentId"] for one in listed] == [mine]


def _keys(server):
    return next(iter(server.site.keys.items()))


def test_who_signs_out_at_one_server_is_signed_out_at_all(two, monkeypatch):
    monkeypatch.setattr(site_module, "_HEAR_S", 0.0)
    first, second = two
    ann = first.worker("ann")
    copied = dict(ann.http.cookies)
    assert ann.http.get(f"{second.url}/worker/session").json()["worker"] == ann.id
    assert ann.press("/worker/sign-out").status_code == 303
    thief = second.browser(cookies=copied)
    thief.get("/health")
    assert thief.get("/worker/session").json()["worker"] is None


def test_what_another_server_gave_out_is_taken_back_in_time(two, publish, monkeypatch):
    monkeypatch.setattr(site_module, "_HEAR_S", 0.0)
    first, second = two
    hit_id = publish(1, client=first.requester(), duration=60)["HITId"]
    first.worker("ann").take(hit_id)
    second.clock.skip(120)
    second.browser().get("/health")
    assert second.requester(*_keys(second)).get_hit(HITId=hit_id)["HIT"]["NumberOfAssignmentsPending"] == 0


def test_a_clock_that_is_confirmed_at_one_server_is_believed_by_those_that_agree(
    start, tmp_path, monkeypatch, question
):
    """A week is over at all machines but one, whose clock is wrong: what it says, nobody confirmed."""
    monkeypatch.setattr(site_module, "_HEAR_S", 0.0)
    good, wrong = Machine(), Machine()
    first = start(tmp_path / "first", clock=good.clock())
    shared = {"database": first.site.settings.database}
    second = start(tmp_path / "second", clock=good.clock(), **shared)
    third = start(tmp_path / "third", clock=wrong.clock(), **shared)
    hit = first.requester().create_hit(
        Title="T", Description="D", Reward="1", Question=question, LifetimeInSeconds=600,
        AssignmentDurationInSeconds=600,
    )["HIT"]["HITId"]  # fmt: skip
    good.wall += 7 * DAY
    wrong.wall -= 7 * DAY
    servers = (first, second, third)
    for server in servers:
        assert "7.0 days" in server.browser().get("/health").text
    dashboard = first.browser(follow_redirects=True)
    seen = dashboard.get("/dashboard/", params={"token": first.site.requester_token})
    token = re.search(r'name="csrf" value="(\w+)"', seen.text)[1]
    assert "The clock has jumped" not in dashboard.post("/dashboard/clock", data={"csrf": token}).text
    said = [server.browser().get("/health").text == "ok\n" for server in servers]
    assert said == [True, True, False]
    assert second.requester(*_keys(second)).get_hit(HITId=hit)["HIT"]["HITStatus"] == "Reviewable"
    good.wall += 7 * DAY
    assert second.browser().get("/health").text != "ok\n"


def test_a_database_that_went_away_is_said_and_found_again(two):
    first, _ = two
    store = first.site.store
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid != pg_backend_pid() AND datname = $1"
    )
    import psycopg

    name = first.site.settings.database.rpartition("/")[2]
    with psycopg.connect(first.site.settings.database, autocommit=True) as connection:
        psycopg.RawCursor(connection).execute(kill, [name])
    browser = first.browser()
    assert browser.get("/worker/sign-in").status_code == 200
    assert {browser.get("/health").status_code for _ in range(8)} == {200}
    assert store.write(lambda tx: tx.now).result() == pytest.approx(time.time(), abs=60)


def test_readings_of_threads_that_ended_leave_no_connection_behind(two):
    """A database takes a hundred connections; threads come and go."""
    store = two[0].site.store
    count = "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database()"
    before = store.read(lambda tx: tx.one(count)["n"])
    for _ in range(10):
        reader = threading.Thread(target=store.read, args=(meta.secret,))
        reader.start()
        reader.join()
    assert store.read(lambda tx: tx.one(count)["n"]) == before


def test_a_database_of_a_newer_version_is_refused(two):
    first, _ = two
    address = first.site.settings.database
    newer = str(schema.VERSION + 1)
    first.site.store.write(
        lambda tx: tx.run("UPDATE meta SET value = ? WHERE key = 'schema'", newer)
    ).result()
    with pytest.raises(GlimpseError, match=r"written by a newer version of Glimpse \(its schema is"):
        Store(address, time.time)


@pytest.mark.parametrize("text", ["mysql://x", "server.db", ""])
def test_another_address_is_refused_in_words(text, tmp_path):
    with pytest.raises(GlimpseError, match="needed: postgresql://USER@HOST/NAME"):
        site_module.ServerSettings(data=tmp_path, database=text)


def test_a_database_that_is_not_there_is_said(tmp_path):
    with pytest.raises(GlimpseError, match=r"The database cannot be reached: .*Look at --database"):
        Store("postgresql://glimpse@127.0.0.1:1/none", time.time)


@pytest.mark.parametrize("task", [["--backup", "x.tar"], ["--restore", __file__]])
def test_backups_of_a_shared_database_are_pg_dump_s(task):
    result = CliRunner().invoke(main, ["serve", "--database", "postgresql://h/n", *task])
    assert result.exit_code == 2
    assert "Back a PostgreSQL database up with" in result.output


def test_statements_are_translated():
    assert engine.translated("a = ?1 AND b = ?2 OR c = ?1") == "a = $1 AND b = $2 OR c = $1"
    assert engine.translated_schema("x INTEGER PRIMARY KEY AUTOINCREMENT, y REAL, z TEXT) WITHOUT ROWID") == (
        'x BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, y DOUBLE PRECISION, z TEXT COLLATE "C") '
    )


def test_an_address_that_no_database_can_hold_is_no_page(start, database):
    """PostgreSQL takes no NUL; a page of refusal looks the study up, too."""
    server = start()
    assert server.browser().get("/media/s%00/a.png").status_code in {403, 404}
    assert server.browser().get("/join/s%00").status_code in {400, 404}
