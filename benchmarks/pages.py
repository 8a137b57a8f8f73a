"""How fast the server's pages are for a large study, against the same pages for a small one.

    python benchmarks/pages.py              50 and 5,000 HITs of 110 trials; about a minute
    python benchmarks/pages.py --hits 500 --seconds 2

Each page is asked for over one connection, for the small study and for the large one in one run; the ratio
is what can be compared between machines. Then clients ask for the pages of the large study all at once, and
/health is asked for meanwhile: how long it takes is what anybody else waits. Where other work keeps the
processors busy, part of that is no doing of the server's: Linux says for how long its main thread and this
process were ready to run and did not, and the last figures are without it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._http import Line
from benchmarks._measures import kept_waiting_ms, processor
from benchmarks._sizes import whole_number
from benchmarks.server import HTML, Server, client

SMALL = 50
# A HIT of 110 trials: consent, instructions, script, and 42 characters a trial.
QUESTION = HTML.replace(">x<", ">" + "x" * 34_000 + "<")
# As often as a client asks for each: most join or look for work, some requesters look on.
KINDS = ("join", "list", "dashboard", "live")


def fill(turk, study: str, hits: int) -> None:
    """Publish a study, a twentieth of its HITs in each batch."""
    for number in range(hits):
        turk.create_hit(
            Title=f"T{number % 20}", Description="D", Reward="1", Question=QUESTION, MaxAssignments=20,
            LifetimeInSeconds=86_400, AssignmentDurationInSeconds=3600,
            RequesterAnnotation=f"glimpse:{study}:b{number % 20}:h{number:05}",
        )  # fmt: skip


def signed_in(server: Server, token: str) -> httpx.Client:
    """Return a browser of a worker who came by name, and is the requester."""
    browser = httpx.Client(base_url=server.url, timeout=300, follow_redirects=True)
    page = browser.get("/worker/sign-in")
    csrf = re.search(r'name="csrf" value="(\w+)"', page.text)[1]  # type: ignore[index]
    browser.post("/worker/sign-in", data={"name": "ann", "csrf": csrf})
    browser.get("/dashboard/", params={"token": token})
    return browser


def addresses(study: str) -> dict[str, str]:
    """Return the pages, by name."""
    return {
        "join": f"/join/{study}",
        "list": "/worker/",
        "studies": "/dashboard/",
        "dashboard": f"/dashboard/studies/{study}",
        "live": f"/dashboard/studies/{study}/live",
    }


def timed(browser: httpx.Client, path: str, seconds: float) -> tuple[float, int]:
    """Return the median time of a page in ms, and its size in bytes."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < until:
        started = time.perf_counter()
        page = browser.get(path)
        times.append(time.perf_counter() - started)
        if page.status_code != 200:
            raise SystemExit(f"{path}: {page.status_code}")
    return 1000 * sorted(times)[len(times) // 2], len(page.content)


async def crowd(
    server: Server, paths: list[str], cookies: str, clients: int, seconds: float
) -> dict[str, float]:
    """Ask for pages from all clients at once; returns pages a second, and how long /health took (ms)."""
    until = time.perf_counter() + seconds
    count, waits, ran = 0, [], []
    processes = (server.process.pid, os.getpid())

    async def get(path: str) -> None:
        line = Line(server.port)
        await line.open()
        status, _, answer = await line.ask("GET", path, headers={"Cookie": cookies, "Connection": "close"})
        line.close()
        if status != 200:
            raise SystemExit(f"{path}: {status} {answer[:80]!r}")

    async def somebody(number: int) -> None:
        nonlocal count
        while time.perf_counter() < until:
            await get(paths[number % len(paths)])
            count += 1
            # A person reads what came; nobody asks for the next page the moment that the last one is there.
            await asyncio.sleep(1)

    async def doctor() -> None:
        while time.perf_counter() < until:
            started, kept = time.perf_counter(), kept_waiting_ms(processes)
            await get("/health")
            waits.append(1000 * (time.perf_counter() - started))
            ran.append(max(0.0, waits[-1] - (kept_waiting_ms(processes) - kept)))
            await asyncio.sleep(0.05)

    await asyncio.gather(doctor(), *(somebody(number) for number in range(clients)))
    waits.sort()
    ran.sort()
    return {
        "pages_per_second": count / seconds,
        "health_p50_ms": waits[len(waits) // 2],
        "health_p99_ms": waits[int(len(waits) * 0.99)],
        "health_worst_ms": waits[-1],
        "less_other_work_p99_ms": ran[int(len(ran) * 0.99)],
        "less_other_work_worst_ms": ran[-1],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hits", type=whole_number(SMALL), default=5000)
    parser.add_argument("--clients", type=whole_number(1, 1000), default=64)
    parser.add_argument("--seconds", type=whole_number(1, 600), default=10, help="of the crowd")
    chosen = parser.parse_args()
    print(processor())
    found: dict[str, dict[int, tuple[float, int]]] = {}
    with tempfile.TemporaryDirectory(prefix="glimpse-bench-") as name:
        for hits in (SMALL, chosen.hits):
            data = Path(name) / str(hits)
            server = Server(data)
            fill(client(data, server.url), "s", hits)
            token = (data / "dashboard-token").read_text().strip()
            browser = signed_in(server, token)
            for page, path in addresses("s").items():
                found.setdefault(page, {})[hits] = timed(browser, path, 1)
            if hits == chosen.hits:
                cookies = "; ".join(f"{key}={value}" for key, value in browser.cookies.items())
                paths = [addresses("s")[kind] for kind in KINDS]
                crowded = asyncio.run(crowd(server, paths, cookies, chosen.clients, chosen.seconds))
            server.stop()
    print(f"{'page':10} {SMALL:>6} HITs {chosen.hits:>6} HITs  ratio      size")
    for page, by_size in found.items():
        (small, _), (large, size) = by_size[SMALL], by_size[chosen.hits]
        print(f"{page:10} {small:8.1f} ms {large:8.1f} ms  {large / small:5.2f}  {size:8} B")
    print(f"{chosen.clients} clients  ", ", ".join(f"{key} {value:.1f}" for key, value in crowded.items()))


if __name__ == "__main__":
    main()
