"""Collecting and publishing, seen from the client: time and memory against the shortest possible loop.

Collecting: `assignments` answers of 110 trials each (about 10 kB of XML) come page by page from a stand-in
for boto3, so that only the client's own work is measured. Peer: the loop of most scripts, which lists
everything into memory and then writes one file (at most 20,000, since it holds them all). Ours reads and
checks every answer, waits for the disk every 8 MB, keeps pseudonyms, can be killed.

Publishing: `hits` HITs to the real server in a process of its own. Peer: a bare loop over
`create_hit_with_hit_type`, without ledger, tokens or a check of anything.

    python benchmarks/collecting.py
    python benchmarks/collecting.py --assignments 5000 --hits 100
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._measures import processor, wall_seconds
from benchmarks._sizes import whole_number
from benchmarks.server import Server, client

if TYPE_CHECKING:
    from collections.abc import Callable

PER_HIT = 1000
PEER_AT_MOST = 20_000
COLLECTED_HITS = 10
# Where nobody is asked who took part, which only a running local server can say.
ENDPOINT = "sandbox"
ROUNDS = 3
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Spent(NamedTuple):
    """What one run took."""

    wall_s: float
    processor_s: float


def make_study(folder: Path, hits: int) -> None:
    """Build a study of 110 trials a HIT with the command line."""
    from PIL import Image

    dice = Random(0)
    for condition in ("real", "crn", "pix2pix", "image-space"):
        (folder / "images" / condition).mkdir(parents=True)
        for item in range(120):
            picture = Image.frombytes("RGB", (16, 16), dice.randbytes(768))
            picture.save(folder / "images" / condition / f"{item:03d}.png")
    command = [sys.executable, str(Path(__file__).parents[1] / "cli.py"), "build-hits"]
    options = ["--mode", "limited-time", "--hits-per-batch", str(hits), "--workers-per-hit", str(PER_HIT)]
    subprocess.run([*command, *options], cwd=folder, check=True, capture_output=True)


class StandIn:
    """Gives `total` assignments, a page at a time, as boto3 would; the first HITs have one more."""

    def __init__(self, study, total: int) -> None:
        from glimpse.mturk.answers import encode

        self.hit_ids = {f"3HIT{number:04d}": hit.hit for number, hit in enumerate(study.hits)}
        each, more = divmod(total, len(self.hit_ids))
        self.share = {hit_id: each + (place < more) for place, hit_id in enumerate(self.hit_ids)}
        self.answers = {}
        for hit_id, hit in self.hit_ids.items():
            times = {"response_ms": 812.5, "shown_ms": 250.1, "frames": 15, "onset_ms": 3.2}
            answers = [{"trial": trial.trial, "side": "left", **times} for trial in study.trials_of(hit)]
            page = {"user_agent": "Mozilla/5.0 (X11; Linux x86_64)", "viewport": [1280, 800]}
            page |= {"device_pixel_ratio": 1, "refresh_hz": 60, "focus_losses": 0}
            whole = {"schema": 1, "study": study.study, "hit": hit, "page": page, "answers": answers}
            self.answers[hit_id] = encode({"answers": json.dumps(whole, separators=(",", ":"))})

    def get_hit(self, HITId: str):
        """Answer GetHIT."""
        return {"HIT": {"HITId": HITId}}

    def list_assignments_for_hit(self, HITId: str, NextToken: str = "0", MaxResults: int = 100, **_):
        """Answer ListAssignmentsForHIT."""
        share, start = self.share[HITId], int(NextToken)
        page = [self._one(HITId, n) for n in range(start, min(share, start + MaxResults))]
        more = {"NextToken": str(start + MaxResults)} if start + MaxResults < share else {}
        return {"Assignments": page, "NumResults": len(page), **more}

    def _one(self, hit_id: str, number: int):
        return {
            "AssignmentId": f"3ASSIGNMENT{hit_id}{number:08d}",
            "WorkerId": f"AWORKER{number:08d}",
            "HITId": hit_id,
            "AssignmentStatus": "Submitted",
            "AcceptTime": MOMENT,
            "SubmitTime": MOMENT,
            "Answer": "".join([self.answers[hit_id]]),
        }


def peer_collects(client: StandIn, out: Path) -> None:
    """List everything, then write it."""
    everything = []
    for hit_id in client.hit_ids:
        token = {}
        while True:
            answer = client.list_assignments_for_hit(HITId=hit_id, **token)
            # A copy, as parsing a response makes one.
            everything += [{**one, "Answer": (one["Answer"] + " ")[:-1]} for one in answer["Assignments"]]
            if "NextToken" not in answer:
                break
            token = {"NextToken": answer["NextToken"]}
    out.mkdir()
    (out / "results.json").write_text(json.dumps(everything, default=str))


def we_collect(study, client: StandIn, out: Path) -> None:
    """Collect as the command does, then once more, when there is nothing new."""
    from glimpse.mturk.collecting.collecting import collect
    from glimpse.mturk.publishing.client import Requester, endpoint
    from glimpse.mturk.publishing.ledger import Ledger, ledger_path

    ledger = Ledger(ledger_path(study.folder, ENDPOINT))
    for hit_id, hit in client.hit_ids.items():
        facts = {"hit": hit, "batch": "b1", "part": 1, "places": client.share[hit_id] + 1, "hit_id": hit_id}
        ledger.record("outcome", key=f"hit:{hit}:1", hit_type_id="3TYPE", **facts)
    found = collect(study, Requester(endpoint(ENDPOINT), client), ledger, out)
    if found.new != sum(client.share.values()):
        raise SystemExit(f"{found.new} assignments were collected, not {sum(client.share.values())}")


def one_collection(kind: str, folder: Path, total: int) -> None:
    """Run in a process of its own: collect once, print seconds and the peak memory in MB."""
    from glimpse.study import read_study

    study = read_study(folder / "study")
    client = StandIn(study, total)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, worked = time.perf_counter(), time.process_time()
    out = folder / kind
    if kind == "peer":
        peer_collects(client, out)
    else:
        we_collect(study, client, out)
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "cpu": cpu, "grown_mb": max(peak - before, 4) / 1024}))


def collecting(folder: Path, kind: str, total: int) -> dict[str, float]:
    """Measure one way of collecting in a fresh process."""
    words = [sys.executable, __file__, "--one", kind, "--folder", str(folder), "--assignments", str(total)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def report_collecting(folder: Path, total: int) -> None:
    """Collect a small number both ways, then the whole number our way, and print."""
    small = min(total, PEER_AT_MOST)
    for kind, label, count in (("peer", "list everything, then write", small), ("first", "collect", small),
                               ("ours", "collect", total)):  # fmt: skip
        one = collecting(folder, kind, count)
        rate = count / one["seconds"]
        print(
            f"  {label:28} {count:7} {one['seconds']:7.1f} s, {rate:6.0f}/s, memory +{one['grown_mb']:.0f} MB"
        )
        if kind == "peer":
            peer = one
        elif kind == "first":
            ratios = (one[name] / peer[name] for name in ("seconds", "cpu", "grown_mb"))
            print("  ratio: time {:.2f}, processor {:.2f}, memory {:.3f}".format(*ratios))
        (folder / "study" / "published" / f"{ENDPOINT}.jsonl").unlink(missing_ok=True)
    size = (folder / "ours" / "assignments.jsonl").stat().st_size / 1e6
    print(f"  {size:.0f} MB were written, synced every 8 MB")


def publishing(folder: Path, hits: int) -> dict[str, float]:
    """Publish to a server in a process of its own, by the bare loop and by ours; seconds for each."""
    from glimpse.mturk.page.pages import question_xml
    from glimpse.mturk.publishing.publication import PublicationSettings
    from glimpse.mturk.publishing.publishing import publish
    from glimpse.study import read_study

    study = read_study(folder / "study")
    server = Server(folder / "server")
    try:
        requester, images = reached(server, folder / "server")
        times = {"Title": "t", "Description": "d", "Reward": "1.00", "AssignmentDurationInSeconds": 600}
        kind = requester.call("CreateHITType", **times)["HITTypeId"]
        questions = [question_xml(study, hit.hit, f"/media/{study.study}/") for hit in study.hits]

        def bare() -> None:
            for question in questions:
                requester.client.create_hit_with_hit_type(
                    HITTypeId=kind, MaxAssignments=20, LifetimeInSeconds=86_400, Question=question
                )

        def ours() -> None:
            published = publish(study, requester, images, lambda _: None, PublicationSettings(in_nines=False))
            if len(published) != hits:
                raise SystemExit(f"{len(published)} HITs were published, not {hits}")

        return {"bare": wall_seconds(bare), "ours": wall_seconds(ours)}
    finally:
        server.stop()


def reached(server: Server, data: Path):
    """Return a requester of a running server, and a hosting that has every image already."""
    from glimpse.mturk.publishing.client import connect, endpoint
    from glimpse.mturk.publishing.hosting import LocalHosting

    target = endpoint("local", server.url, data)
    return connect(target), SimpleNamespace(base_url=LocalHosting(target).base_url, host=lambda *_: None)


def served(folder: Path, total: int) -> dict[str, list[Spent]]:
    """Collect from a server in a process of its own, in turn by a bare loop of boto3 and by ours."""
    from glimpse.mturk.collecting.collecting import collect
    from glimpse.mturk.publishing.ledger import Ledger, ledger_path
    from glimpse.mturk.publishing.publication import PublicationSettings
    from glimpse.mturk.publishing.publishing import publish
    from glimpse.study import read_study

    study, data = read_study(folder / "study"), folder / "server"
    server = Server(data)
    requester, images = reached(server, data)
    hits = publish(study, requester, images, lambda _: None, PublicationSettings(in_nines=False))
    server.stop()
    fill(data, StandIn(study, total), {hit.part.hit: hit.hit_id for hit in hits})
    server = Server(data)
    try:
        requester, _ = reached(server, data)

        def bare() -> None:
            pages, seen = client(data, server.url).get_paginator("list_assignments_for_hit"), 0
            for hit in hits:
                all_pages = pages.paginate(HITId=hit.hit_id, PaginationConfig={"PageSize": 100})
                seen += sum(len(page["Assignments"]) for page in all_pages)
            if seen != total:
                raise SystemExit(f"{seen} assignments came, not {total}")

        def ours() -> None:
            out = folder / "served"
            shutil.rmtree(out, ignore_errors=True)
            found = collect(study, requester, Ledger(ledger_path(study.folder, "local")), out)
            if found.new != total or found.problems:
                raise SystemExit(f"{found.new} assignments were collected, not {total}")

        rounds = [(spent(bare), spent(ours)) for _ in range(ROUNDS)]
        return {"bare": [one for one, _ in rounds], "ours": [one for _, one in rounds]}
    finally:
        server.stop()


def fill(data: Path, client: StandIn, hit_ids: dict[str, str]) -> None:
    """Put what a stand-in would give into a stopped server's database."""
    connection = sqlite3.connect(data / "server.sqlite3", isolation_level=None)
    now, order = time.time(), 0
    connection.execute("BEGIN")
    for stand_in, hit in client.hit_ids.items():
        share, hit_id, answer = client.share[stand_in], hit_ids[hit], client.answers[stand_in]
        numbers = range(order, order + share)
        connection.executemany(
            "INSERT INTO assignments (assignment_id, hit_id, worker_id, status, accepted, deadline, "
            "submitted, auto_approval, answer, submit_order) VALUES (?, ?, ?, 'Submitted', ?, ?, ?, ?, ?, ?)",
            ((f"3{n:029}", hit_id, f"A{n}", now, now + 600, now, now + 1e6, answer, n) for n in numbers),
        )
        connection.executemany(
            "INSERT INTO workers (worker_id, panel, name, created) VALUES (?, 'local', ?, ?)",
            ((f"A{n}", f"somebody {n}", now) for n in numbers),
        )
        connection.execute(
            "UPDATE hits SET max_assignments = ?, submitted = ? WHERE hit_id = ?", (share, share, hit_id)
        )
        order += share
    connection.execute("COMMIT")
    connection.close()


def spent(work: Callable[[], None]) -> Spent:
    """Run it; returns the wall time and this process's own time on the processor, in s."""
    began, worked = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - began, time.process_time() - worked)


def say_served(took: dict[str, list[Spent]]) -> None:
    """Print each round and the median of their ratios."""
    for bare, ours in zip(took["bare"], took["ours"], strict=True):
        print(f"  bare loop {bare.wall_s:7.1f} s ({bare.processor_s:.1f} s of processor in the client), "
              f"collect {ours.wall_s:7.1f} s ({ours.processor_s:.1f} s)")  # fmt: skip
    ratios = sorted(ours.wall_s / bare.wall_s for bare, ours in zip(took["bare"], took["ours"], strict=True))
    print(f"  ratio {ratios[len(ratios) // 2]:.2f}")


def say(what: str, took: dict[str, float]) -> None:
    """Print two times and their ratio."""
    print(f"  bare loop {took['bare']:7.1f} s\n  {what:9} {took['ours']:7.1f} s")
    print(f"  ratio {took['ours'] / took['bare']:.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assignments", type=whole_number(1), default=100_000)
    parser.add_argument("--hits", type=whole_number(1, 10_000), default=1000)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        one_collection(chosen.one, chosen.folder, chosen.assignments)
        return
    print(processor())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "collecting"
        folder.mkdir()
        make_study(folder, COLLECTED_HITS)
        print(f"collecting {chosen.assignments} assignments of 110 answers:")
        report_collecting(folder, chosen.assignments)
        print("the same from a server of ours, server included:")
        say_served(served(folder, chosen.assignments))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "publishing"
        folder.mkdir()
        make_study(folder, chosen.hits)
        print(f"publishing {chosen.hits} HITs, server included:")
        say("publish", publishing(folder, chosen.hits))


if __name__ == "__main__":
    main()
