"""How fast the server takes submissions, against the least that could work; and how it carries large studies.

    python benchmarks/server.py            everything, a few minutes
    python benchmarks/server.py --kill 50  the kill test, as often as wanted

The peer is the throw-away minimum on the same framework: a Starlette route that inserts the form into
SQLite (WAL, synchronous=FULL) and answers. Ours checks session, assignment, deadline and state, keeps the
counters, writes the audit log, renders the acknowledgement, and is as durable. Both run in one process on
this machine with the clients beside them; the ratio is what can be compared between machines.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import multiprocessing
import platform
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._http import FORM, Line
from benchmarks._measures import processor
from benchmarks._sizes import whole_number

ROOT = Path(__file__).resolve().parents[1]

WORKERS = 64
EACH = 40
ANSWER = json.dumps({"schema": 1, "answers": [{"trial": f"t{n:04}", "side": "left"} for n in range(200)]})
HTML = (
    '<HTMLQuestion xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/'
    'HTMLQuestion.xsd"><HTMLContent>x</HTMLContent><FrameHeight>0</FrameHeight></HTMLQuestion>'
)


def minimum(folder: Path, port: int) -> None:
    """Serve the throw-away minimum."""
    import socket

    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request  # noqa: TC002 - Starlette looks at the annotation
    from starlette.responses import Response
    from starlette.routing import Route

    connection = sqlite3.connect(folder / "minimum.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE answers (assignment TEXT, answer TEXT)")

    async def submit(request: Request) -> Response:
        form = await request.form()
        connection.execute("INSERT INTO answers VALUES (?, ?)", (form["assignmentId"], form["answers"]))
        return Response("ok")

    app = Starlette(routes=[Route("/mturk/externalSubmit", submit, methods=["POST"])])
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.bind(("127.0.0.1", port))
    bound.listen(512)
    uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[bound])


async def one_worker(port: int, requests: list[tuple[str, str]], latencies: list[float]) -> None:
    """Send a worker's submissions over one connection."""
    line = Line(port)
    await line.open()
    for cookie, assignment in requests:
        body = urlencode({"assignmentId": assignment, "answers": ANSWER})
        started = time.perf_counter()
        status, _, answer = await line.ask("POST", "/mturk/externalSubmit", body, FORM | {"Cookie": cookie})
        latencies.append(time.perf_counter() - started)
        if status != 200:
            raise SystemExit(f"refused: {status} {answer!r}")
    line.close()


def measured(port: int, work: list[list[tuple[str, str]]]) -> dict[str, float]:
    """Return submissions a second and latencies (ms) for workers who all submit at once."""
    latencies: list[float] = []

    async def everybody() -> float:
        started = time.perf_counter()
        await asyncio.gather(*(one_worker(port, requests, latencies) for requests in work))
        return time.perf_counter() - started

    seconds = asyncio.run(everybody())
    ordered = sorted(latencies)
    return {
        "per_second": len(ordered) / seconds,
        "p50_ms": 1000 * ordered[len(ordered) // 2],
        "p99_ms": 1000 * ordered[int(len(ordered) * 0.99)],
    }


class Server:
    """Our server in a process of its own, as `serve` starts it."""

    def __init__(self, data: Path) -> None:
        command = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", "0", "--data", str(data)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=data.parent)
        line = self.process.stdout.readline() if self.process.stdout else ""
        self.url = re.search(r"http://[\d.:]+", line)[0]  # type: ignore[index]
        self.port = int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        """End it as a person would."""
        self.process.terminate()
        self.process.wait()

    def peak_mb(self) -> float:
        """Return the most memory that it held, in MB (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def client(data: Path, url: str):
    """Return a boto3 client with the server's keys."""
    import boto3

    from glimpse.mturk.server.protocol.signing import load_keys

    key, secret = next(iter(load_keys(data / "credentials").items()))
    return boto3.client(
        "mturk",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


def prepared(data: Path) -> list[list[tuple[str, str]]]:
    """Fill a stopped server's database with accepted assignments; returns (cookie, assignment) a worker."""
    from starlette.responses import Response

    from glimpse.mturk.server.pages.sessions import Session, Sessions
    from glimpse.mturk.server.site import ServerSettings, Site
    from glimpse.mturk.server.storage.transitions import accept
    from glimpse.mturk.server.storage.workers import worker_for

    site = Site(ServerSettings(data=data))
    hits = [
        row["hit_id"] for row in site.store.read(lambda tx: tx.all("SELECT hit_id FROM hits LIMIT ?", EACH))
    ]
    sessions = Sessions(site.secret)
    work = []
    for number in range(WORKERS):

        def change(tx, number=number):
            worker = worker_for(tx, site.secret, "local", f"bench {number}")
            return worker, [accept(tx, hit, worker) for hit in hits]

        worker, assignments = site.store.write(change).result()
        response = Response()
        sessions.keep(response, Session(f"nonce{number}", worker), secure=False)
        cookie = response.headers["set-cookie"].partition(";")[0]
        work.append([(cookie, assignment) for assignment in assignments])
    site.close()
    return work


def submissions(folder: Path) -> dict[str, dict[str, float]]:
    """Measure both servers, one after the other, twice; returns the better turn of each."""
    results: dict[str, dict[str, float]] = {}
    for turn in range(2):
        data = folder / f"ours{turn}"
        ours = Server(data)
        turk = client(data, ours.url)
        for number in range(EACH):
            turk.create_hit(
                Title=f"T{number}", Description="D", Reward="1", Question=HTML, LifetimeInSeconds=86_400,
                AssignmentDurationInSeconds=3600, MaxAssignments=1000,
            )  # fmt: skip
        ours.stop()
        work = prepared(data)
        ours = Server(data)
        keep_better(results, "glimpse", measured(ours.port, work))
        ours.stop()
        port = 18_200 + turn
        least = multiprocessing.Process(target=minimum, args=(folder / f"ours{turn}", port))
        least.start()
        time.sleep(2)
        keep_better(results, "minimum", measured(port, work))
        least.terminate()
        least.join()
    return results


def keep_better(results: dict[str, dict[str, float]], name: str, found: dict[str, float]) -> None:
    """Keep the faster of two turns: the slower one measures what else the machine did."""
    if name not in results or found["per_second"] > results[name]["per_second"]:
        results[name] = found


def publishing(folder: Path, hits: int = 1000) -> dict[str, float]:
    """Publish HITs one by one through boto3, each with a token and a 40 kB question."""
    data = folder / "publishing"
    server = Server(data)
    turk = client(data, server.url)
    hit_type = turk.create_hit_type(Title="T", Description="D", Reward="1", AssignmentDurationInSeconds=600)
    question = HTML.replace(">x<", ">" + "x" * 40_000 + "<")
    started = time.perf_counter()
    for number in range(hits):
        turk.create_hit_with_hit_type(
            HITTypeId=hit_type["HITTypeId"], LifetimeInSeconds=86_400, MaxAssignments=9, Question=question,
            UniqueRequestToken=f"token-{number}",
        )  # fmt: skip
    seconds = time.perf_counter() - started
    listed = sum(len(page["HITs"]) for page in turk.get_paginator("list_hits").paginate())
    server.stop()
    return {"hits": listed, "seconds": seconds, "per_second": hits / seconds}


def listing(folder: Path, assignments: int = 100_000) -> dict[str, float]:
    """List one HIT's assignments page by page; the server's memory must not grow with them."""
    data = folder / "listing"
    server = Server(data)
    turk = client(data, server.url)
    hit = turk.create_hit(
        Title="T", Description="D", Reward="1", Question=HTML, LifetimeInSeconds=86_400,
        AssignmentDurationInSeconds=3600, MaxAssignments=assignments,
    )["HIT"]["HITId"]  # fmt: skip
    server.stop()
    connection = sqlite3.connect(data / "server.sqlite3", isolation_level=None)
    now, answer = time.time(), "<QuestionFormAnswers/>" + "x" * 4000
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO assignments (assignment_id, hit_id, worker_id, status, accepted, deadline, submitted, "
        "auto_approval, answer, submit_order) VALUES (?, ?, ?, 'Submitted', ?, ?, ?, ?, ?, ?)",
        ((f"3{n:029}", hit, f"A{n}", now, now + 600, now, now + 1e6, answer, n) for n in range(assignments)),
    )
    connection.execute("UPDATE hits SET submitted = ?", (assignments,))
    connection.execute("COMMIT")
    connection.close()
    server = Server(data)
    turk = client(data, server.url)
    started, seen = time.perf_counter(), 0
    for page in turk.get_paginator("list_assignments_for_hit").paginate(
        HITId=hit, PaginationConfig={"PageSize": 100}
    ):
        seen += len(page["Assignments"])
    seconds = time.perf_counter() - started
    peak = server.peak_mb()
    server.stop()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"assignments": seen, "seconds": seconds, "server_peak_mb": peak, "client_peak_mb": own}


def killing(folder: Path, times: int) -> dict[str, object]:
    """Kill the server at random under load; count what was acknowledged and is not there."""
    path = ROOT / "tests/mturk/server/test_durability.py"
    spec = importlib.util.spec_from_file_location("durability", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is missing")
    durability = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(durability)
    acknowledged, database = durability.killed_again_and_again(folder, times, workers=8)
    return {
        "kills": times,
        "acknowledged": len(acknowledged),
        "twice": len(acknowledged) - len({assignment for assignment, _ in acknowledged}),
        "lost": len(durability.lost_or_doubled(acknowledged, database)),
        "inconsistencies": durability.inconsistencies(database),
    }


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kill", type=whole_number(0), default=0, metavar="N", help="run the kill test N times instead"
    )
    parser.add_argument("--only", choices=["submissions", "publishing", "listing"], help="one of the three")
    options = parser.parse_args()
    print(processor())
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {WORKERS} workers at once")
    with tempfile.TemporaryDirectory(prefix="glimpse-bench-") as name:
        folder = Path(name)
        if options.kill:
            print("killing    ", killing(folder, options.kill))
            return
        if options.only in {None, "submissions"}:
            found = submissions(folder)
            for server, numbers in found.items():
                print(f"{server:12}", {key: round(value, 1) for key, value in numbers.items()})
            ratio = found["glimpse"]["per_second"] / found["minimum"]["per_second"]
            print(
                f"ratio        {ratio:.2f} of the minimum's submissions a second ({len(ANSWER)} bytes each)"
            )
        if options.only in {None, "publishing"}:
            print("publishing  ", {key: round(value, 1) for key, value in publishing(folder).items()})
        if options.only in {None, "listing"}:
            print("listing     ", {key: round(value, 1) for key, value in listing(folder).items()})


if __name__ == "__main__":
    main()
