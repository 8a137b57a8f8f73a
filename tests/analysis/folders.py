"""Small study folders in the format of build-hits, made without it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = [
    *("batch", "hit", "position", "trial", "contrast", "exposure_ms", "sentinel", "correct_side"),
    *("condition_left", "item_left", "stimulus_left", "condition_right", "item_right", "stimulus_right"),
    "practice",
]
CONTRASTS = {
    "limited-time": [["crn", "real"], ["pix2pix", "real"], ["crn", "pix2pix"]],
    "unlimited-time": [["crn", "pix2pix"], ["crn", "encoder-decoder"]],
}
EXPOSURES = {"limited-time": [125, 250, 500, 1000, 2000, 4000, 8000], "unlimited-time": [None]}


def build_study(
    folder: Path,
    mode: str = "limited-time",
    *,
    hits: int = 3,
    per_cell: int = 2,
    workers: int = 6,
    sentinels: int = 5,
    practice: int = 0,
    seed: int = 0,
    study: str = "abcdefgh01234567",
    contrasts: list[list[str]] | None = None,
    images: int = 10**6,
) -> Path:
    """Write study.json and trials.csv and return the folder."""
    rng = np.random.default_rng(seed)
    contrasts, exposures = contrasts or CONTRASTS[mode], EXPOSURES[mode]
    limited = mode == "limited-time"
    batches = [("b1", contrasts)] if limited else [(f"b{i}", [c]) for i, c in enumerate(contrasts, start=1)]
    rows: list[list[Any]] = []
    names = []
    for batch, mine in batches:
        for number in range(1, hits + 1):
            hit = f"{batch}-h{number:02d}"
            names.append(
                {"hit": hit, "batch": batch, "trials": 0, "page": f"pages/{hit}.html", "page_sha256": "0"}
            )
            trials = [
                (f"{a}:{b}", e, 0, 0, a, b) for a, b in mine for e in exposures for _ in range(per_cell)
            ]
            trials += [
                ("image-space:real", 4000 if limited else None, 1, 0, "image-space", "real")
            ] * sentinels
            trials += [
                ("image-space:real", 4000 if limited else None, 0, 1, "image-space", "real")
            ] * practice
            for position, place in enumerate(rng.permutation(len(trials)), start=1):
                rows.append(_row(batch, hit, position, trials[place], images, rng))
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    folder.mkdir(parents=True)
    (folder / "trials.csv").write_text(text.getvalue())
    experiment = {
        "mode": mode,
        "preset": "glimpse",
        "real": "real",
        "sentinel": "image-space" if sentinels else None,
        "contrasts": contrasts,
        "batches": [{"batch": batch, "contrasts": mine} for batch, mine in batches],
        "exposures_ms": exposures,
        "sentinel_exposure_ms": 4000 if limited else None,
        "pairing": "random",
        "hits_per_batch": hits,
        "trials_per_cell": per_cell,
        "sentinels_per_hit": sentinels,
        "practice_trials": practice,
        "max_wrong_sentinels": 0 if limited else 1,
        "workers_per_hit": workers,
        "reward_usd": "2.00",
        "time_allotted_minutes": 30,
    }
    document = {
        "schema_version": 1,
        "study": study,
        "title": "Realism of street scenes",
        "experiment": experiment,
        "seed": seed,
        "versions": {},
        "secret": "00ff" * 8,
        "stimuli": {},
        "hits": names,
        "plan_sha256": hashlib.sha256(text.getvalue().encode()).hexdigest(),
    }
    (folder / "study.json").write_text(json.dumps(document))
    return folder


def _row(
    batch: str, hit: str, position: int, trial: tuple[Any, ...], images: int, rng: np.random.Generator
) -> list[Any]:
    contrast, exposure_ms, sentinel, practice, a, b = trial
    left, right = [(name, f"{rng.integers(images):06d}") for name in (a, b)]
    if rng.random() < 0.5:
        left, right = right, left
    correct = ("left" if left[0] == "real" else "right") if sentinel else ""
    stimuli = ["".join(pair) for pair in (left, right)]
    return [
        batch, hit, position, f"{hit}-{position}", contrast, "" if exposure_ms is None else exposure_ms,
        sentinel, correct, *left, stimuli[0], *right, stimuli[1], practice,
    ]  # fmt: skip


def state_rule(study: Path, rule: dict[str, Any]) -> None:
    """Let a study state when it may stop."""
    document = json.loads((study / "study.json").read_text())
    document["experiment"]["stop_when"] = rule
    (study / "study.json").write_text(json.dumps(document))


def ask(results: Path, questions: list[dict[str, str]], seed: int = 0) -> None:
    """Turn the answers of results into answers to these questions: the more alike, the nearer a side's own.

    Sentinels keep their side.
    """
    rng = np.random.default_rng(seed)
    document = json.loads((results / "study.json").read_text()) | {"schema_version": 2}
    document["experiment"]["questions"] = questions
    (results / "study.json").write_text(json.dumps(document))
    with (results / "trials.csv").open(newline="") as file:
        sentinels = {row["trial"] for row in csv.DictReader(file) if row["sentinel"] == "1"}
    lines = []
    for line in (results / "assignments.jsonl").read_text().splitlines():
        record = json.loads(line) | {"schema": 2}
        for answer in record["answers"]:
            side, response_ms = answer.pop("side"), answer.pop("response_ms")
            plain = answer["trial"] in sentinels
            answer["choices"] = {one["name"]: _choice(one["answer"], side, rng, plain) for one in questions}
            answer["response_ms"] = {one["name"]: response_ms for one in questions}
        lines.append(json.dumps(record) + "\n")
    (results / "assignments.jsonl").write_text("".join(lines))


def _choice(kind: str, side: str, rng: np.random.Generator, plain: bool) -> str | int:
    """An answer of a kind by somebody who chose a side; plain: surely."""
    if not plain and rng.random() < 0.2:
        side = "left" if side == "right" else "right"
    if kind.startswith("scale"):
        points = int(rng.integers(0 if not plain else 1, int(kind[-1]) // 2 + 1))
        return -points if side == "left" else points
    return "tie" if kind == "choice-or-tie" and not plain and rng.random() < 0.3 else side


QUALITY = {"real": 0.0, "crn": 0.4, "pix2pix": 0.8, "encoder-decoder": 0.7, "image-space": 2.0}


def write_scores(study: Path, file: Path, *, noise: float = 0.3, sign: float = 1.0) -> Path:
    """Write a metric of every image that the study shows: worse for worse conditions, and noise."""
    rng = np.random.default_rng(1)
    with (study / "trials.csv").open(newline="") as text:
        rows = list(csv.DictReader(text))
    images = dict.fromkeys(
        (row[f"item_{side}"], row[f"condition_{side}"]) for row in rows for side in ("left", "right")
    )
    lines = [f"{item},{name},{sign * (QUALITY[name] + noise * rng.normal()):.6f}" for item, name in images]
    file.write_text("\n".join(["item,condition,value", *lines]) + "\n")
    return file
