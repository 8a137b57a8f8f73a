"""How long a server draws an assignment's trials: 50 systems, 500 items, after many assignments.

    python benchmarks/accepting.py [--systems 50] [--items 500] [--assignments 300] [--trials 60]

Everything happens in the server's own transactions, on a database in a temporary folder: a worker accepts,
and submits. Times are of the processor, in ms: those of accepting and of submitting, and of the first accept
after a start, which reads what was drawn before. Beside them, accepting in a study whose trials are planned.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._sizes import whole_number
from glimpse.drawn import DrawnTrials
from glimpse.mturk.answers import encode
from glimpse.mturk.page.pool import POOL_VERSION
from glimpse.mturk.server.storage import assignments, draws, transitions
from glimpse.mturk.server.storage.database import Store, Transaction
from glimpse.mturk.server.storage.workers import LOCAL, worker_for

KNOWN = (0, 3, 6, 9, 12)  # places of the sentinels


def pool_of(systems: int, items: int, trials: int) -> dict[str, Any]:
    """Return a pool as `publish` sends it."""
    known = {str(place): ["x" * 42, "left", True, ""] for place in KNOWN}
    return {
        "version": POOL_VERSION,
        "study": "s",
        "seed": 1,
        "conditions": [f"system-{number:02d}" for number in range(systems)],
        "items": [f"{number:06d}" for number in range(items)],
        "stimuli": [[[f"{a:05d}{b:015d}", 0] for b in range(items)] for a in range(systems)],
        "contrasts": [[a, b] for b in range(systems) for a in range(b)],
        "exposures": [0],
        "endings": 1,
        "contexts": [],
        "hits": {"b1-h01": {"trials": trials, "known": known}},
        "first": 1000,
        "question": "realism",
        "judged_by": "realism",
        "max_wrong": 1,
    }


def add_hit(tx: Transaction, study: str, places: int) -> None:
    """Add a HIT with places for everybody."""
    tx.run(
        "INSERT INTO hit_types (hit_type_id, digest, title, description, reward, duration_s, "
        "auto_approval_s, requirements, created) VALUES (?, ?, 't', 'd', '1.00', 3600, 3600, '[]', 0)",
        study, study,
    )  # fmt: skip
    seq = tx.insert(
        "INSERT INTO hits (hit_id, hit_type_id, annotation, study, batch, name, max_assignments, first_max, "
        "created, expires) VALUES (?, ?, '', ?, 'b1', 'b1-h01', ?, ?, 0, 1e12) RETURNING seq",
        study.upper(), study, study, places, places,
    )  # fmt: skip
    tx.run("INSERT INTO questions (seq, question) VALUES (?, '')", seq)


def answer(text: str, theta: np.ndarray, pairs: list[list[int]], rng: np.random.Generator) -> str:
    """Return what a page sends."""
    drawn = DrawnTrials.from_text(text)
    compared = iter(pairs)
    records = []
    for place in range(len(drawn.packed) // 42):
        left = place in KNOWN
        if not left:
            a, b, *_ = next(compared)
            left = rng.random() < 1 / (1 + np.exp(theta[b] - theta[a]))
        side = "left" if left else "right"
        records.append({"trial": f"t{drawn.first + place:04d}", "side": side, "response_ms": 700})
    return encode({"answers": json.dumps({"schema": 1, "study": "s", "hit": drawn.hit, "answers": records})})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--systems", type=whole_number(3, 500), default=50)
    parser.add_argument("--items", type=whole_number(10, 100_000), default=500)
    parser.add_argument("--assignments", type=whole_number(3), default=300)
    parser.add_argument("--trials", type=whole_number(14, 500), default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder) / "server.sqlite3", options)


def measure(path: Path, options: argparse.Namespace) -> None:
    """Let everybody accept and submit, then start anew."""
    store = Store(path, time.time)
    pool = json.dumps(pool_of(options.systems, options.items, options.trials))
    theta = np.random.default_rng(0).normal(0, 1, options.systems)
    rng = np.random.default_rng(1)
    store.write(lambda tx: draws.put_pool(tx, "s", pool)).result()
    for study in ("s", "planned"):
        store.write(lambda tx, study=study: add_hit(tx, study, options.assignments + 1)).result()
    times: dict[str, list[float]] = {"accept": [], "submit": [], "accept, trials planned": []}

    def timed(name: str, function: Any) -> Any:
        def change(tx: Transaction) -> Any:
            start = time.thread_time()
            found = function(tx)
            times.setdefault(name, []).append(1000 * (time.thread_time() - start))
            return found

        return store.write(change).result()

    for number in range(options.assignments):
        worker = store.write(lambda tx, n=number: worker_for(tx, "secret", LOCAL, f"worker {n}")).result()
        timed("accept, trials planned", lambda tx, w=worker: transitions.accept(tx, "PLANNED", w))
        one = timed("accept", lambda tx, w=worker: transitions.accept(tx, "S", w))
        row = store.read(lambda tx, one=one: tx.one("SELECT * FROM draws WHERE assignment_id = ?", one))
        text = answer(row["trials"], theta, json.loads(row["pairs"]), rng)
        timed("submit", lambda tx, o=one, t=text: transitions.submit(tx, assignments.find(tx, o), t))
    store.close()
    store = Store(path, time.time)
    worker = store.write(lambda tx: worker_for(tx, "secret", LOCAL, "the next one")).result()
    timed("first accept after a start", lambda tx: transitions.accept(tx, "S", worker))
    store.close()
    print(f"{options.systems} systems, {options.items} items, {options.assignments} assignments")
    for name, found in times.items():
        print(f"{name:28} median {np.median(found):7.2f} ms   worst {max(found):7.2f} ms")


if __name__ == "__main__":
    main()
