"""How many people one server carries at once: they join, load images, save every trial, and submit.

    python benchmarks/people.py                            250, 500 and 1,000 people; about ten minutes
    python benchmarks/people.py --people 100 --trials 10

People behave as the page does. They come by a panel's link during half a minute; for every trial they load
two images and save once (before the onset, with the answer before), what is new, as the page sends it; then
they submit. Trials are the last of a HIT of 110, when what the server holds is largest, and take `--pace`
seconds, give or take a half. One person in ten stops before submitting.

Server and people share this machine. Printed are how long a save takes, and what is missing of the saves and
submissions that the server acknowledged: aims are a p99 under 250 ms, and nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._http import FORM, Line
from benchmarks._measures import kept_waiting_ms, processor
from benchmarks._sizes import whole_number
from benchmarks.server import ROOT, Server

LENGTH = 110  # trials of a HIT
ARRIVING_S = 30.0
HITS = 50
JSON = {"Content-Type": "application/json"}


@dataclass
class Seen:
    """What people saw: seconds by kind of request; by assignment, what the server acknowledged last."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)
    submitted: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


class Browser:
    """A person's browser: it keeps cookies, and notes how long each kind of request takes."""

    def __init__(self, port: int, seen: Seen) -> None:
        self.line, self.seen, self.cookie = Line(port), seen, ""

    async def ask(
        self, kind: str, method: str, path: str, body: str = "", head: dict[str, str] | None = None
    ) -> tuple[int, str, bytes]:
        """Send one request and return the status, where it leads, and the body."""
        started = time.perf_counter()
        status, answer, found = await self.line.ask(
            method, path, body, {"Cookie": self.cookie, **(head or {})}
        )
        self.seen.seconds.setdefault(kind, []).append(time.perf_counter() - started)
        for kept in re.findall(rb"(?i)set-cookie: ([^;\r]+)", answer):
            self.cookie = kept.decode()
        leads = re.search(rb"(?i)location: (\S+)", answer)
        return status, leads[1].decode() if leads else "", found


def built(folder: Path, images: int = 24) -> None:
    """Build and publish a study whose HITs have LENGTH trials, with images of some 100 kB."""
    from PIL import Image

    dice = random.Random(0)
    for condition in ("real", "crn", "pix2pix", "image-space"):
        (folder / "images" / condition).mkdir(parents=True)
        for item in range(images):
            picture = Image.frombytes("RGB", (64, 32), dice.randbytes(6144)).resize((512, 256))
            picture.save(folder / "images" / condition / f"{item:03d}.png")
    options = ["--mode", "limited-time", "--hits-per-batch", str(HITS), "--workers-per-hit", "40"]
    for words in (["build-hits", *options], ["publish", "study", "--to", "local"]):
        command = [sys.executable, str(ROOT / "cli.py"), *words]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


def record(number: int, dice: random.Random) -> dict[str, object]:
    """Return an answer as the page records it."""
    return {
        "trial": f"t{number:05}", "side": dice.choice(["left", "right"]),
        "response_ms": round(dice.uniform(300, 3000), 1), "shown_ms": 1000.1, "frames": 60,
        "onset_ms": round(dice.uniform(0, 1e6), 1), "presented_ms": 1000.2,
    }  # fmt: skip


async def joined(browser: Browser, study: str, number: int) -> str:
    """Come by the panel's link, accept, and open the page; returns the assignment."""
    query = urlencode({"PROLIFIC_PID": f"p{number:023}", "STUDY_ID": "s", "SESSION_ID": f"e{number}"})
    address = f"/join/{study}?{query}"
    _, _, page = await browser.ask("join", "GET", address)
    csrf = re.search(rb'name="csrf" value="(\w+)"', page)
    if csrf is None:
        raise OSError(f"join: {page[:300]!r}")
    status, leads, page = await browser.ask("accept", "POST", address, f"csrf={csrf[1].decode()}", FORM)
    assignment = leads.rpartition("/")[2]
    if status != 303 or not assignment:
        raise OSError(f"accept: {status} {page[:300]!r}")
    await browser.ask("page", "GET", f"/worker/assignments/{assignment}")
    status, _, page = await browser.ask("page", "GET", f"/worker/assignments/{assignment}/page")
    if status != 200:
        raise OSError(f"page: {status}")
    return assignment


async def person(
    number: int, port: int, study: str, images: list[str], chosen: argparse.Namespace, seen: Seen
) -> None:
    """Take part as one person, from the link to the submission."""
    dice = random.Random(number)
    await asyncio.sleep(dice.uniform(0, ARRIVING_S))
    browser = Browser(port, seen)
    try:
        await browser.line.open()
        assignment = await joined(browser, study, number)
        place = f"/worker/assignments/{assignment}/progress"
        first = LENGTH - chosen.trials
        answers = [record(trial, dice) for trial in range(first)]
        state = {"v": 1, "seq": 0, "agreed": 1, "at": first, "again": [], "answers": answers, "open": None}

        async def save(method: str, **part: Any) -> None:
            state["seq"] += 1
            text = json.dumps({**state, **part}, separators=(",", ":"))
            status, _, said = await browser.ask("save", method, place, text, JSON)
            if status != 204:
                raise OSError(f"save: {status} {said[:200]!r}")
            seen.saved[assignment] = json.loads(json.dumps(state))

        for trial in range(first, LENGTH):
            for image in dice.sample(images, 2):
                await browser.ask("image", "GET", f"/media/{study}/{image}")
            await asyncio.sleep(chosen.pace * dice.uniform(0.5, 1.5))
            state |= {"at": trial, "open": {"place": trial}}
            if trial == first:
                await save("PUT")
            else:
                await save("PATCH", **{"from": trial - 2, "answers": answers[trial - 2 :]})
            answers.append(record(trial, dice))
        if number % 10:
            sent = json.dumps({"schema": 1, "answers": answers})
            body = urlencode({"assignmentId": assignment, "answers": sent})
            status, _, said = await browser.ask("submit", "POST", "/mturk/externalSubmit", body, FORM)
            if status != 200:
                raise OSError(f"submission: {status} {said[:200]!r}")
            seen.submitted[assignment] = sent
    except (OSError, asyncio.IncompleteReadError) as error:
        seen.failed.append(f"person {number}: {error!r}")


def missing(data: Path, seen: Seen) -> list[str]:
    """Return the assignments of which what was acknowledged is not in the database of a server that ended."""
    from glimpse.mturk.answers import parse_answer_xml

    connection = sqlite3.connect(data / "server.sqlite3")
    rows = connection.execute("SELECT assignment_id, answer, progress FROM assignments").fetchall()
    kept = {assignment: (answer, progress) for assignment, answer, progress in rows}
    lost = [
        name
        for name, sent in seen.submitted.items()
        if parse_answer_xml(kept[name][0] or "")["answers"] != sent
    ]
    # A submission that was not answered may have been stored, and then there is no progress any more.
    going = [name for name in seen.saved if name not in seen.submitted and kept[name][0] is None]
    return lost + [name for name in going if json.loads(kept[name][1] or "null") != seen.saved[name]]


async def everybody(people: int, port: int, folder: Path, chosen: argparse.Namespace) -> Seen:
    """Let all of them take part at once."""
    study = json.loads((folder / "study/study.json").read_text())
    images, seen = sorted(stimulus["file"] for stimulus in study["stimuli"].values()), Seen()
    await asyncio.gather(*(person(n, port, study["study"], images, chosen, seen) for n in range(people)))
    return seen


def measured(people: int, chosen: argparse.Namespace) -> None:
    """Measure one number of people on a new server, and print what they saw."""
    with tempfile.TemporaryDirectory(prefix="glimpse-bench-") as name:
        folder = Path(name)
        server = Server(folder / "server")
        try:
            built(folder)
            began, kept = time.perf_counter(), kept_waiting_ms([server.process.pid])
            seen = asyncio.run(everybody(people, server.port, folder, chosen))
            took_ms = 1000 * (time.perf_counter() - began)
            kept = (kept_waiting_ms([server.process.pid]) - kept) / took_ms
            peak = server.peak_mb()
        finally:
            server.stop()
        lost = missing(folder / "server", seen)
    saves = len(seen.seconds.get("save", []))
    print(
        f"{people:,} people: {saves:,} saves, {len(seen.submitted):,} submissions acknowledged, {len(lost)} "
        f"of them lost; {len(seen.failed)} people could not go on; server at most {peak:.0f} MB, "
        f"its main thread was ready and had to wait for a processor {100 * kept:.0f} % of the time"
    )
    for problem in (*seen.failed[:3], *lost[:3]):
        print(f"  {problem}")
    for kind, seconds in seen.seconds.items():
        ordered = sorted(1000 * one for one in seconds)
        p50, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
        print(f"  {kind:7} {len(ordered):8,}   p50 {p50:7.1f}   p99 {p99:7.1f}   worst {ordered[-1]:7.1f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=whole_number(1, 2000), nargs="+", default=[250, 500, 1000])
    parser.add_argument("--trials", type=whole_number(1, LENGTH), default=20, help="of each person")
    parser.add_argument("--pace", type=whole_number(1, 60), default=4, metavar="SECONDS", help="of a trial")
    chosen = parser.parse_args()
    print(f"{processor()}, which server and people share")
    for people in chosen.people:
        measured(people, chosen)


if __name__ == "__main__":
    main()
