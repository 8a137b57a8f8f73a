"""How long a page waits for its next exposure, where the server decides it answer by answer.

    python benchmarks/staircases.py                        64 people at once, a trial of each every 3 s or so
    python benchmarks/staircases.py --people 16 --trials 5

People behave as the page does: they save each answer, and hear how long to show the next image. Trials are
the last of a HIT of 450, as HYPE-time has them, when what the server reads and keeps is largest. Each
exposure is compared with the rule. Server and people share this machine; the aim is 100 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._measures import processor
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


async def person(
    number: int, port: int, study: Study, chosen: argparse.Namespace, waited_ms: list[float]
) -> None:
    """Take part as one person; the rule is checked at every trial."""
    dice, browser = random.Random(number), Browser(port, Seen())
    await browser.line.open()
    assignment = await joined(browser, study.study, number)
    place = f"/worker/assignments/{assignment}/"
    _, _, said = await browser.ask("state", "GET", f"{place}state")
    trials, settings = study.trials_of(json.loads(said)["hit"]), study.experiment.staircase
    if settings is None:
        raise ValueError("the study has no staircase")
    first, size = LENGTH - chosen.trials, LENGTH // BLOCKS
    right = [dice.random() < 0.75 for _ in range(LENGTH)]
    answers = [
        {"trial": trial.trial, "choices": {"real": "real" if (trial.condition_left == "real") == ok else
         "generated"}, "response_ms": {"real": 812.3}, "shown_ms": 483.3, "frames": 29, "onset_ms": 90812.3,
         "presented_ms": 483.1, "exposure_ms": 480}
        for trial, ok in zip(trials, right, strict=True)
    ]  # fmt: skip
    for at in range(first, LENGTH):
        if at > first:
            await asyncio.sleep(chosen.pace * dice.uniform(0.5, 1.5))
        state = {"v": 1, "seq": at, "agreed": 1, "at": at, "open": None, "stairs": 1, "answers": answers[:at]}
        if at > first:
            state |= {"from": at - 2, "answers": answers[at - 2 : at]}
        body = json.dumps(state, separators=(",", ":"))
        began = time.perf_counter()
        method = "PATCH" if at > first else "PUT"
        status, head, _ = await browser.line.ask(
            method, f"{place}progress", body, {"Cookie": browser.cookie, **JSON}
        )
        waited_ms.append(1000 * (time.perf_counter() - began))
        told = re.search(rb"(?i)x-exposure-ms: (\d+)", head)
        block = at // size * size
        if status != 204 or told is None or int(told[1]) != next_exposure(settings, right[block:at]):
            raise ValueError(f"trial {at}: {status} {head!r}")
    browser.line.close()


async def everybody(port: int, study: Study, chosen: argparse.Namespace) -> list[float]:
    """Let all of them take part at once; return how long each waited for each exposure, in ms."""
    waited_ms: list[float] = []
    await asyncio.gather(*(person(n, port, study, chosen, waited_ms) for n in range(chosen.people)))
    return waited_ms


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=whole_number(1, 500), default=64)
    parser.add_argument("--trials", type=whole_number(1, LENGTH - 2), default=20, help="of each person")
    parser.add_argument("--pace", type=whole_number(1, 60), default=3, metavar="SECONDS", help="of a trial")
    chosen = parser.parse_args()
    print(f"{processor()}, which server and people share")
    with tempfile.TemporaryDirectory(prefix="glimpse-bench-") as name:
        folder = Path(name)
        server = Server(folder / "server")
        try:
            study = built(folder, chosen.people)
            found = sorted(asyncio.run(everybody(server.port, study, chosen)))
        finally:
            server.stop()
    p50, p95, p99 = (found[int(len(found) * share)] for share in (0.5, 0.95, 0.99))
    print(
        f"{chosen.people} people, {len(found):,} exposures, each as the rule says: p50 {p50:.1f} ms, p95 "
        f"{p95:.1f} ms, p99 {p99:.1f} ms, worst {found[-1]:.1f} ms"
    )


if __name__ == "__main__":
    main()
