"""Races for slots, crashes at any moment, a full disk: nothing is lost, nothing is there twice."""

import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from glimpse.mturk.server.protocol.errors import RequestError, ServiceFault
from glimpse.mturk.server.storage.database import Store
from glimpse.mturk.server.storage.transitions import accept

ROOT = Path(__file__).parents[3]

CHECKS = {
    "counters": """SELECT hit_id FROM hits WHERE pending != (SELECT COUNT(*) FROM assignments a
        WHERE a.hit_id = hits.hit_id AND a.status = 'Accepted') OR submitted + approved + rejected !=
        (SELECT COUNT(*) FROM assignments a WHERE a.hit_id = hits.hit_id AND a.submitted IS NOT NULL)""",
    "given up": """SELECT hit_id FROM hits WHERE returned != (SELECT COUNT(*) FROM assignments a
        WHERE a.hit_id = hits.hit_id AND a.status = 'Returned') OR abandoned !=
        (SELECT COUNT(*) FROM assignments a WHERE a.hit_id = hits.hit_id AND a.status = 'Abandoned')""",
    "bonuses": """SELECT hit_id FROM hits WHERE bonus_cents != (SELECT COALESCE(SUM(CAST(ROUND(100 * amount)
        AS INTEGER)), 0) FROM bonuses b WHERE b.hit_id = hits.hit_id)""",
    "tallies": """SELECT study, batch, hit_type_id, disposed, hits, max_assignments, pending, submitted,
          approved, rejected, returned, abandoned, bonus_cents FROM tallies WHERE hits > 0
        EXCEPT SELECT COALESCE(study, ''), COALESCE(batch, ''), hit_type_id, disposed IS NOT NULL, COUNT(*),
          SUM(max_assignments), SUM(pending), SUM(submitted), SUM(approved), SUM(rejected), SUM(returned),
          SUM(abandoned), SUM(bonus_cents) FROM hits GROUP BY 1, 2, 3, 4""",
    "questions": "SELECT hit_id FROM hits WHERE seq NOT IN (SELECT seq FROM questions)",
    "too many": "SELECT hit_id FROM hits WHERE pending + submitted + approved + rejected > max_assignments",
    "twice": """SELECT hit_id FROM assignments WHERE status NOT IN ('Returned', 'Abandoned')
        GROUP BY hit_id, worker_id HAVING COUNT(*) > 1""",
    "tokens": """SELECT result FROM tokens WHERE operation LIKE 'CreateHIT%' AND result NOT IN
        (SELECT hit_id FROM hits)""",
}


def inconsistencies(path):
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {name: rows for name, sql in CHECKS.items() if (rows := connection.execute(sql).fetchall())}
    finally:
        connection.close()


def test_many_workers_race_for_few_slots(server, publish, turk):
    hit_id = publish(20)["HITId"]
    outcomes = []

    def one(number):
        def change(tx):
            return accept(tx, hit_id, f"A{number}")

        try:
            outcomes.append(server.site.store.write(change).result())
        except RequestError as error:
            outcomes.append(error)

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(one, range(200)))
    assert sum(isinstance(outcome, str) for outcome in outcomes) == 20
    assert turk.get_hit(HITId=hit_id)["HIT"]["NumberOfAssignmentsPending"] == 20
    assert server.site.store.shared or inconsistencies(server.site.store.path) == {}


def test_the_same_worker_in_many_windows_gets_one_assignment_of_a_batch(server, turk, publish):
    once = turk.create_qualification_type(
        Name="o", Description="d", Keywords="glimpse-once", QualificationTypeStatus="Active"
    )["QualificationType"]["QualificationTypeId"]
    rule = {"QualificationTypeId": once, "Comparator": "DoesNotExist"}
    hits = [publish(10, requirements=[rule])["HITId"] for _ in range(5)]
    worker = server.worker("quick")
    token = worker.http.get("/worker/session").json()["csrf"]

    def press(hit_id):
        return worker.http.post(f"/worker/hits/{hit_id}/accept", data={"csrf": token}).status_code

    with ThreadPoolExecutor(10) as pool:
        codes = list(pool.map(press, hits * 4))
    taken = server.site.store.read(lambda tx: tx.all("SELECT DISTINCT hit_id FROM assignments"))
    assert len(taken) == 1
    assert codes.count(303) == 4


def test_a_change_that_fails_takes_no_other_with_it(tmp_path):
    store = Store(tmp_path / "s.sqlite3", time.time)
    gate = threading.Event()

    def insert(key, error=None):
        def change(tx):
            gate.wait()
            tx.run("INSERT INTO meta VALUES (?, '1')", key)
            if error:
                raise error
            return key

        return store.write(change)

    waiting = [insert("first"), insert("bad", RequestError("no")), insert("last")]
    gate.set()
    assert waiting[0].result() == "first"
    assert waiting[2].result() == "last"
    with pytest.raises(RequestError, match="no"):
        waiting[1].result()
    keys = store.read(lambda tx: {row["key"] for row in tx.all("SELECT key FROM meta")})
    assert keys == {"secret", "first", "last"}
    store.close()
    store.close()
    with pytest.raises(ServiceFault, match="shutting down"):
        store.write(lambda tx: None)


@pytest.mark.sqlite
def test_a_full_disk_is_said_and_nothing_is_half_done(server, publish, turk):
    hit_id = publish(2)["HITId"]
    worker = server.worker("w")
    assignment = worker.take(hit_id)
    store = server.site.store
    pages = store.write(lambda tx: tx.one("PRAGMA page_count")[0]).result()
    store.write(lambda tx: tx.run(f"PRAGMA max_page_count = {pages}")).result()
    worker.http.headers["Referer"] = f"{server.url}/worker/assignments/{assignment}/page?hitId=1"
    full = worker.submit(assignment, answers="x" * 500_000)
    assert full.status_code == 503
    assert "full" in full.text
    assert f'href="/worker/assignments/{assignment}" target="_top">Back to the task' in full.text
    with pytest.raises(turk.exceptions.ServiceFault, match="full"):
        publish(Question=_long_question())
    store.write(lambda tx: tx.run("PRAGMA max_page_count = 1000000")).result()
    assert worker.submit(assignment, answers="x" * 500_000).status_code == 200
    assert turk.list_hits()["NumResults"] == 1
    assert inconsistencies(store.path) == {}


def _long_question():
    from glimpse.mturk.page.pages import html_question

    return html_question("<p>" + "x" * 60_000)


def test_a_restart_keeps_everything(start, tmp_path, question):
    first = start()
    turk = first.requester()
    hit_id = turk.create_hit(
        Title="T", Description="D", Reward="1", Question=question, LifetimeInSeconds=600, MaxAssignments=2,
        AssignmentDurationInSeconds=600,
    )["HIT"]["HITId"]  # fmt: skip
    worker = first.worker("w")
    assignment = worker.take(hit_id)
    worker.http.put(f"/worker/assignments/{assignment}/progress", json=[1])
    cookies = dict(worker.http.cookies)
    first.stop()
    second = start()
    again = second.browser(cookies=cookies)
    assert again.get(f"/worker/assignments/{assignment}/progress").json() == [1]
    reply = again.post("/mturk/externalSubmit", data={"assignmentId": assignment, "a": "1"})
    assert reply.status_code == 200
    assert second.requester().get_assignment(AssignmentId=assignment)["HIT"]["HITId"] == hit_id


# kill -9


class Process:
    """A server in a process of its own."""

    def __init__(self, data):
        self.data = data
        self.errors = (data.parent / "errors.txt").open("w")
        command = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", "0", "--data", str(data)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.errors, text=True, cwd=data.parent
        )
        self.url = re.search(r"http://[\d.:]+", self.process.stdout.readline())[0]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def work_until_killed(url, number, acknowledged, study):
    """Join, submit, note what was acknowledged; until the server is gone."""
    try:
        with httpx.Client(base_url=url, timeout=60, verify=False) as http:
            for turn in range(1000):
                name = f"w{number}-{turn}-{random.random()}"
                http.cookies.clear()
                page = http.get(f"/join/{study}", params={"participant": name})
                token = re.search(r'name="csrf" value="(\w+)"', page.text)[1]
                reply = http.post(f"/join/{study}", params={"participant": name}, data={"csrf": token})
                assignment = reply.headers["location"].rpartition("/")[2]
                answer = f"{name} {'x' * 5000}"
                reply = http.post(
                    "/mturk/externalSubmit", data={"assignmentId": assignment, "answers": answer}
                )
                if reply.status_code == 200:
                    acknowledged.append((assignment, name))
    except (httpx.HTTPError, TypeError, KeyError):
        return


def killed_again_and_again(folder, times, workers=6):
    """Start and kill a server `times` times under load; returns (acknowledged, database path)."""
    import boto3
    from botocore.config import Config

    from glimpse.mturk.server.protocol.signing import load_keys

    data = folder / "server"
    acknowledged = []
    for turn in range(times):
        running = Process(data)
        if turn == 0:
            key, secret = next(iter(load_keys(data / "credentials").items()))
            turk = boto3.client(
                "mturk", endpoint_url=running.url, region_name="us-east-1", aws_access_key_id=key,
                aws_secret_access_key=secret, config=Config(retries={"max_attempts": 1}),
            )  # fmt: skip
            html = (
                '<HTMLQuestion xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/'
                'HTMLQuestion.xsd"><HTMLContent>x</HTMLContent><FrameHeight>0</FrameHeight></HTMLQuestion>'
            )
            for number in range(5):
                turk.create_hit(
                    Title="T", Description="D", Reward="1", Question=html, LifetimeInSeconds=86_400,
                    AssignmentDurationInSeconds=3600, MaxAssignments=100_000,
                    RequesterAnnotation=f"glimpse:killed:b1:h{number}",
                )  # fmt: skip
            turk.close()
        threads = [
            threading.Thread(target=work_until_killed, args=(running.url, number, acknowledged, "killed"))
            for number in range(workers)
        ]
        for thread in threads:
            thread.start()
        enough = len(acknowledged) + random.randint(1, 15)
        deadline = time.monotonic() + 120
        while len(acknowledged) < enough and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.02))
        running.kill()
        for thread in threads:
            thread.join()
    return acknowledged, data / "server.sqlite3"


def lost_or_doubled(acknowledged, path):
    """Return the acknowledged submissions that are not in the database as they were sent."""
    connection = sqlite3.connect(path)
    try:
        stored = dict(
            connection.execute("SELECT assignment_id, answer FROM assignments WHERE answer IS NOT NULL")
        )
    finally:
        connection.close()
    return [
        name for assignment, name in acknowledged if f"<FreeText>{name} " not in stored.get(assignment, "")
    ]


@pytest.mark.slow
def test_killed_at_random_nothing_acknowledged_is_lost(tmp_path):
    acknowledged, path = killed_again_and_again(tmp_path, times=8)
    assert len(acknowledged) >= 8
    assert len({assignment for assignment, _ in acknowledged}) == len(acknowledged)
    assert lost_or_doubled(acknowledged, path) == []
    assert inconsistencies(path) == {}
