"""Simulated answers as results/, in the very format that `collect` writes, marked `simulated`."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.files import refuse_others, write_whole
from glimpse.people import PRIVATE, WORKER_COLUMNS, WORKERS, pseudonym, workers_csv
from glimpse.registration import REGISTRATION, carry_registration
from glimpse.submission import ASSIGNMENTS, SIMULATION, AnswerError, assignment_line, read_line, write_lines

from .simulation import BETWEEN_PEOPLE, START

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .simulated_study import SimulatedStudy
    from .simulation import Visit

# Of a submission, in the order of `glimpse.submission.Submission.body`.
BODY = ("simulated", "consented_at", "comment", "page", "answers", "form")
# What `simulate` and `collect` write into a results folder, apart from hidden files.
WRITTEN = ("study.json", "trials.csv", ASSIGNMENTS, WORKERS, SIMULATION, REGISTRATION)


def _entity(kind: str, *parts: object) -> str:
    """Return an id of 30 characters in the platform's form, the same for the same parts."""
    digest = hashlib.sha256("\0".join(str(part) for part in (kind, *parts)).encode()).hexdigest()
    return ("3" + digest.upper())[:30]


def assignment(plan: SimulatedStudy, visit: Visit, seed: int) -> dict[str, Any]:
    """Return the visit as a line of assignments.jsonl."""
    accepted = START + BETWEEN_PEOPLE * visit.slot
    submitted = accepted + timedelta(seconds=math.ceil(visit.seconds))
    body = {name: visit.submission[name] for name in BODY if visit.submission.get(name)}
    return assignment_line(
        _entity("assignment", plan.study, seed, visit.slot),
        visit.hit,
        _entity("hit", plan.study, visit.hit),
        pseudonym(str(plan.document["secret"]), visit.worker_id),
        status="Submitted",
        times=(f"{accepted:%Y-%m-%dT%H:%M:%SZ}", f"{submitted:%Y-%m-%dT%H:%M:%SZ}"),
        body=body,
        study=plan.study,
    )


def check_out(results: Path) -> int:
    """Return how many simulated assignments `results` holds, which may be replaced.

    Raises GlimpseError where it is no results folder, and where an assignment in it is not simulated.
    """
    refuse_others(results, WRITTEN, "results", "simulate and collect")
    return _simulated(results / ASSIGNMENTS)


def _simulated(path: Path) -> int:
    """Return how many assignments a file holds; GlimpseError if one is not simulated."""
    if not path.exists():
        return 0
    lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    real = 0
    for line in lines:
        try:
            real += read_line(line).get("simulated") is not True
        except AnswerError:
            real += 1
    if real:
        raise GlimpseError(
            f"{path}: {real} of its {len(lines)} assignments are not marked simulated, and simulated answers "
            "never replace answers of people. Name another folder with --out."
        )
    return len(lines)


def write_results(
    plan: SimulatedStudy,
    visits: Sequence[Visit],
    seed: int,
    results: Path,
    record: dict[str, Any] | None = None,
) -> str:
    """Write results/ as `collect` does, and `record` (settings, seed, versions) beside as simulation.json.

    Returns what is wrong with what was registered of the study, or "". GlimpseError as of `check_out`.
    """
    check_out(results)
    (results / REGISTRATION).unlink(missing_ok=True)  # of the answers that are replaced
    for name, data in plan.files.items():
        write_whole(results / name, data)
    lines = [assignment(plan, visit, seed) for visit in visits]
    names = [(line["worker"], visit.worker_id) for line, visit in zip(lines, visits, strict=True)]
    write_whole(results / WORKERS, workers_csv([WORKER_COLUMNS[:2], *names]), mode=PRIVATE)
    if record is not None:
        write_whole(results / SIMULATION, json.dumps(record, indent=1) + "\n")
    write_whole(results / ASSIGNMENTS, write_lines(lines, compact=True))
    return carry_registration(plan.folder, results)
