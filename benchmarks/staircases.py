"""How long a page waits for its next exposure, where the server decides it answer by answer.

    python benchmarks/staircases.py                         64 people at once, a trial of each every 3 s or so
    python benchmarks/staircases.py --pace 1                the same in a hurry that no page allows
    python benchmarks/staircases.py --people 16 --trials 5

People behave as the page does: they save each answer, and hear how long to show the next image. A trial of
HYPE-time takes about 3 s: 1.2 s of feedback, the cross, half a second of the image, the mask and the answer.
Between two saves of a person are `--pace` seconds in the middle, and a half more or less for one in three.
Trials are the last of a HIT of 450, when what the server reads and keeps is largest; what came before is
sent as a whole, as after a reload, before the clock starts. Each exposure is compared with the rule.

Server and people share this machine; what each of them costs the processor is printed apart. The aim is
100 ms at 64 people.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._measures import processor, used_ms
from benchmarks._sizes import whole_number
from benchmarks.people import JSON, Browser, Seen, joined
from benchmarks.server import ROOT, Server
from glimpse.staircase import next_exposure
from glimpse.study import read_study

if TYPE_CHECKING:
    from glimpse.study import Study

LENGTH, BLOCKS = 450, 3


def built(folder: Path, people: int) -> Study:
    """Build and publish a study with a place for everybody."""
    from PIL import Image

    dice = random.Random(0)
    for condition in ("real", "gan"):
        (folder / "images" / condition).mkdir(parents=True)
        for item in range(LENGTH // 2):
            picture = Image.frombytes("RGB", (16, 16), dice.randbytes(768))
            picture.save(folder / "images" / condition / f"{item:03d}.png")
    options = ["--preset", "hype-time", "--hits-per-batch", str(people)]
    for words in (["build-hits", *options], ["publish", "study", "--to", "local"]):
        command = [sys.executable, str(ROOT / "cli.py"), *words]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return read_study(folder / "study")


class Person:
    """One person at the end of their HIT; the rule is checked at every trial."""

    def __init__(self, number: int, study: Study, chosen: argparse.Namespace) -> None:
        self.number, self.study, self.chosen = number, study, chosen
        self.dice, self.waited_ms = random.Random(number), list[float]()
        if study.experiment.staircase is None:
            raise ValueError("the study has no staircase")
        self.rule, self.size = study.experiment.staircase, LENGTH // BLOCKS
        self.first = LENGTH - chosen.trials

    async def arrive(self, port: int) -> None:
        """Join, and send what was answered so far."""
        self.browser = Browser(port, Seen())
        await self.browser.line.open()
        assignment = await joined(self.browser, self.study.study, self.number)
        self.place = f"/worker/assignments/{assignment}/"
        _, _, said = await self.browser.ask("state", "GET", f"{self.place}state")
        trials = self.study.trials_of(json.loads(said)["hit"])
        self.right = [self.dice.random() < 0.75 for _ in range(LENGTH)]
        self.answers = [
            {"trial": trial.trial, "choices": {"real": "real" if (trial.condition_left == "real") == ok else
             "generated"}, "response_ms": {"real": 812.3}, "shown_ms": 483.3, "frames": 29,
             "onset_ms": 90812.3, "presented_ms": 483.1, "exposure_ms": 480}
            for trial, ok in zip(trials, self.right, strict=True)
        ]  # fmt: skip
        await self._save("PUT", self.first, 0)

    async def work(self) -> None:
        """Answer the last trials."""
        await asyncio.sleep(self.chosen.pace * self.dice.random())
        for at in range(self.first + 1, LENGTH):
            began = time.perf_counter()
            await self._save("PATCH", at, at - 2)
            self.waited_ms.append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(self.chosen.pace * math.exp(0.4 * self.dice.gauss(0, 1)))
        self.browser.line.close()

    async def _save(self, method: str, at: int, start: int) -> None:
        state: dict[str, Any] = {"v": 1, "seq": at, "agreed": 1, "at": at, "open": None, "stairs": 1}
        state |= {"answers": self.answers[start:at], **({"from": start} if method == "PATCH" else {})}
        body = json.dumps(state, separators=(",", ":"))
        head = {"Cookie": self.browser.cookie, **JSON}
        status, found, _ = await self.browser.line.ask(method, f"{self.place}progress", body, head)
        told = re.search(rb"(?i)x-exposure-ms: (\d+)", found)
        block = at // self.size * self.size
        if status != 204 or told is None or int(told[1]) != next_exposure(self.rule, self.right[block:at]):
            raise ValueError(f"trial {at}: {status} {found!r}")


async def everybody(server: Server, study: Study, chosen: argparse.Namespace) -> tuple[list[float], float]:
    """Let all take part at once: how long each waited for each exposure, and the server's work a save; ms."""
    people = [Person(number, study, chosen) for number in range(chosen.people)]
    for person in people:
        await person.arrive(server.port)
    before = used_ms(server.process.pid)
    await asyncio.gather(*(person.work() for person in people))
    waited_ms = sorted(one for person in people for one in person.waited_ms)
    return waited_ms, (used_ms(server.process.pid) - before) / len(waited_ms)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=whole_number(1, 500), default=64)
    parser.add_argument("--trials", type=whole_number(2, LENGTH - 2), default=20, help="of each person")
    parser.add_argument("--pace", type=whole_number(1, 60), default=3, metavar="SECONDS", help="of a trial")
    chosen = parser.parse_args()
    print(f"{processor()}, which server and people share")
    with tempfile.TemporaryDirectory(prefix="glimpse-bench-") as name:
        folder = Path(name)
        server = Server(folder / "server")
        try:
            study = built(folder, chosen.people)
            found, cost_ms = asyncio.run(everybody(server, study, chosen))
        finally:
            server.stop()
    p50, p95, p99 = (found[int(len(found) * share)] for share in (0.5, 0.95, 0.99))
    print(
        f"{chosen.people} people, a trial every {chosen.pace} s, {len(found):,} exposures, each as the "
        f"rule says: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms, worst {found[-1]:.1f} ms; a save "
        f"costs the server {cost_ms:.1f} ms of a processor"
    )


if __name__ == "__main__":
    main()
