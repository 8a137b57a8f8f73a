"""Simulated answers as results/, in the very format that `collect` writes, marked `simulated`."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.files import refuse_others, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .simulation import Plan, Visit

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
# What `simulate` and `collect` write into a results folder, apart from hidden files.
WRITTEN = ("study.json", "trials.csv", "assignments.jsonl", "workers.csv", "simulation.json")


def pseudonym(secret: str, worker_id: str) -> str:
    """Return the name of a worker in results/: "w" and 12 hex digits, by the study's secret."""
    return "w" + hmac.new(secret.encode(), worker_id.encode(), hashlib.sha256).hexdigest()[:12]


def _entity(kind: str, *parts: object) -> str:
    """Return an id of 30 characters in the platform's form, the same for the same parts."""
    digest = hashlib.sha256("\0".join(str(part) for part in (kind, *parts)).encode()).hexdigest()
    return ("3" + digest.upper())[:30]


def assignment(plan: Plan, visit: Visit, seed: int) -> dict[str, Any]:
    """Return the visit as a line of assignments.jsonl."""
    accepted = START + timedelta(minutes=2 * visit.slot)
    submitted = accepted + timedelta(seconds=math.ceil(visit.seconds))
    return {
        "assignment_id": _entity("assignment", plan.study, seed, visit.slot),
        "study": plan.study,
        "hit": visit.hit,
        "hit_id": _entity("hit", plan.study, visit.hit),
        "worker": pseudonym(str(plan.document["secret"]), visit.worker_id),
        "status": "Submitted",
        "accepted_at": f"{accepted:%Y-%m-%dT%H:%M:%SZ}",
        "submitted_at": f"{submitted:%Y-%m-%dT%H:%M:%SZ}",
        "simulated": True,
        "page": visit.submission["page"],
        "answers": visit.submission["answers"],
    }


def check_out(results: Path) -> int:
    """Return how many simulated assignments `results` holds, which may be replaced.

    Raises GlimpseError where it is no results folder, and where an assignment in it is not simulated.
    """
    refuse_others(results, WRITTEN, "results", "simulate and collect")
    return _simulated(results / "assignments.jsonl")


def _simulated(path: Path) -> int:
    """Return how many assignments a file holds; GlimpseError if one is not simulated."""
    if not path.exists():
        return 0
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    real = 0
    for line in lines:
        try:
            real += json.loads(line).get("simulated") is not True
        except (ValueError, AttributeError):
            real += 1
    if real:
        raise GlimpseError(
            f"{path}: {real} of its {len(lines)} assignments are not marked simulated, and simulated answers "
            "never replace what people answered. Name another folder with --out."
        )
    return len(lines)


def write_results(
    plan: Plan, visits: Sequence[Visit], seed: int, results: Path, record: dict[str, Any] | None = None
) -> None:
    """Write results/ as `collect` does, and `record` (settings, seed, versions) beside as simulation.json.

    GlimpseError as of `check_out`.
    """
    check_out(results)
    for name, data in plan.files.items():
        write_whole(results / name, data)
    lines = [assignment(plan, visit, seed) for visit in visits]
    names = io.StringIO(newline="")
    table = csv.writer(names, lineterminator="\n")
    table.writerow(["worker", "worker_id"])
    table.writerows([line["worker"], visit.worker_id] for line, visit in zip(lines, visits, strict=True))
    private = results / "workers.csv"
    write_whole(private, names.getvalue())
    private.chmod(0o600)
    if record is not None:
        write_whole(results / "simulation.json", json.dumps(record, indent=1) + "\n")
    text = "".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines)
    write_whole(results / "assignments.jsonl", text)
