"""A study answered by simulated workers, as its page would submit it, marked `simulated`.

`read_plan` takes the study apart, `answer_study` is pure; `simulated_results` writes what it returns.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.errors import GlimpseError
from glimpse.program import program
from glimpse.progress import untracked

from .observer import (
    Observer,
    chance_of_left,
    choose_left,
    draw_pairs,
    draw_workers,
    realism_curve,
    response_times,
    strength,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from glimpse.progress import Track

    from .observer import Workers

COLUMNS = (
    "batch",
    "hit",
    "position",
    "trial",
    "contrast",
    "exposure_ms",
    "sentinel",
    "condition_left",
    "stimulus_left",
    "condition_right",
    "stimulus_right",
)
REFRESH_HZ = (60.0, 60.0, 60.0, 60.0, 75.0, 120.0, 144.0)
VIEWPORTS = ([1366, 657], [1440, 789], [1536, 730], [1920, 969], [2560, 1297])
BETWEEN_TRIALS_MS = 1400.0
LATE_FRAME = 0.004


@dataclass(frozen=True)
class Hit:
    """The trials of one HIT, one entry of every array a trial (T,)."""

    name: str
    batch: str
    trials: tuple[str, ...]
    distance: NDArray[np.float64]
    exposure_ms: NDArray[np.float64]
    a_is_left: NDArray[np.bool_]
    pair: NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """What a study asks of workers: where it lies, its private document, its trials, its files as bytes.

    `quality` is how real each of its conditions looks to an observer.
    """

    folder: Path
    study: str
    document: dict[str, Any]
    hits: tuple[Hit, ...]
    pairs: int
    quality: dict[str, float]
    files: dict[str, bytes]
    agent: str

    def hit_of(self, slot: int) -> Hit:
        """Return the HIT of a place: HIT after HIT in turn, so that a part of the study is balanced."""
        return self.hits[slot % len(self.hits)]

    @property
    def workers_per_hit(self) -> int:
        """How many distinct workers a HIT is for."""
        return int(self.document["experiment"]["workers_per_hit"])

    @property
    def places(self) -> int:
        """How many assignments fill the study."""
        return self.workers_per_hit * len(self.hits)

    def people(self, workers: int | None) -> int:
        """Return `workers`, or else how many fill the study; GlimpseError where it has no room for them."""
        count = self.places if workers is None else workers
        if not 1 <= count <= self.places:
            raise GlimpseError(
                f"--workers is {count}; this study has {self.places} places ({len(self.hits)} HITs of "
                f"{self.workers_per_hit} workers), so it must be from 1 to {self.places}."
            )
        return count


@dataclass(frozen=True)
class Visit:
    """One simulated person at one HIT: who, and the page's submission."""

    worker_id: str
    hit: str
    slot: int
    submission: dict[str, Any]
    seconds: float


def read_plan(folder: Path, observer: Observer, version: str = "") -> Plan:
    """Read study/ (study.json and trials.csv); `version` of Glimpse is how the simulator names itself.

    Raises GlimpseError that names the file and what it lacks, or the condition that the study lacks.
    """
    if not folder.is_dir():
        raise GlimpseError(
            f"{folder}: there is no such folder. Build a study first: "
            f"{program()} build-hits --mode limited-time"
        )
    files = {}
    for name in ("study.json", "trials.csv"):
        path = folder / name
        if not path.is_file():
            raise GlimpseError(
                f"{folder}: {name} is missing, so this is no study that build-hits has written."
            )
        files[name] = path.read_bytes()
    document = _document(folder / "study.json", files["study.json"])
    rows = _rows(folder / "trials.csv", files["trials.csv"])
    pairs: dict[tuple[str, ...], int] = {}
    hits: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        hits.setdefault((row["batch"], row["hit"]), []).append(row)
    quality = _qualities(folder, document["experiment"], rows, observer)
    built = tuple(_hit(batch, hit, trials, quality, pairs) for (batch, hit), trials in hits.items())
    stated = document.get("plan_sha256")
    if stated is not None and stated != hashlib.sha256(files["trials.csv"]).hexdigest():
        raise GlimpseError(f"{folder / 'trials.csv'}: changed since build-hits. Build the study again.")
    agent = "glimpse-simulator" + (f"/{version}" if version else "")
    return Plan(folder, str(document["study"]), document, built, len(pairs), quality, files, agent)


def _document(path: Path, data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
        int(document["experiment"]["workers_per_hit"])
        for name in ("study", "secret"):
            if not isinstance(document[name], str):
                raise TypeError(f"{name} is not text")
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise GlimpseError(
            f"{path}: not a study that build-hits has written ({type(error).__name__}: {error}). "
            "Build it again."
        ) from None
    return dict(document)


def _rows(path: Path, data: bytes) -> list[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""))
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        rows = [] if missing else list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise GlimpseError(f"{path}: not a CSV file in UTF-8 ({error}). Build the study again.") from None
    if missing:
        raise GlimpseError(f"{path}: column {', '.join(missing)} is missing. Build the study again.")
    if not rows:
        raise GlimpseError(f"{path}: there are no trials. Build the study again.")
    for number, row in enumerate(rows, start=2):
        if None in row or any(row[name] is None for name in COLUMNS):
            raise GlimpseError(f"{path}, line {number}: has not one value a column. Build the study again.")
    return rows


def _qualities(
    folder: Path, experiment: Mapping[str, Any], rows: Sequence[dict[str, str]], observer: Observer
) -> dict[str, float]:
    """Return how real each condition looks, by what the study shows it for; GlimpseError for a stranger."""
    shown: dict[str, set[bool]] = {}  # condition -> whether the trials that show it have a known answer
    for row in rows:
        known = "1" in (row["sentinel"], row.get("practice"))
        for name in (row["condition_left"], row["condition_right"]):
            shown.setdefault(name, set()).add(known)
    strangers = [name for name in observer.quality if name not in shown]
    if strangers:
        raise GlimpseError(
            f"--quality names {' and '.join(strangers)}, which {folder} does not have; its conditions are "
            f"{', '.join(sorted(shown))}. Name one of these, or leave it out."
        )
    roles = {
        name: "compared sentinel" if len(kinds) > 1 else "sentinel" if True in kinds else "compared"
        for name, kinds in shown.items()
    } | {str(experiment.get("real")): "real"}
    return {name: observer.quality_of(name, roles[name]) for name in shown}


def _exposure(row: dict[str, str]) -> float:
    text = row["exposure_ms"]
    try:
        value = float(text) if text else math.inf
    except ValueError:
        value = math.nan
    if not value > 0:
        raise GlimpseError(
            f"trials.csv: trial {row['trial']}: exposure_ms is {text!r}; it must be a positive number, or "
            "empty for unlimited time."
        )
    return value


def _hit(
    batch: str,
    name: str,
    rows: Sequence[dict[str, str]],
    quality: Mapping[str, float],
    pairs: dict[tuple[str, ...], int],
) -> Hit:
    first = [row["contrast"].split(":")[0] for row in rows]
    a_is_left = np.array([row["condition_left"] == a for row, a in zip(rows, first, strict=True)])
    distance = np.array([quality[row["condition_left"]] - quality[row["condition_right"]] for row in rows])
    keys = [(row["contrast"], *sorted((row["stimulus_left"], row["stimulus_right"]))) for row in rows]
    return Hit(
        name=name,
        batch=batch,
        trials=tuple(row["trial"] for row in rows),
        distance=np.where(a_is_left, distance, -distance),
        exposure_ms=np.array([_exposure(row) for row in rows]),
        a_is_left=a_is_left,
        pair=np.array([pairs.setdefault(key, len(pairs)) for key in keys], dtype=np.int64),
    )


def answer_study(
    plan: Plan,
    observer: Observer,
    seed: int,
    workers: int | None = None,
    track: Track = untracked,
) -> list[Visit]:
    """Let `workers` simulated people (default: as many as fill the study) answer, HIT after HIT in turn.

    The same seed gives the same people and answers; fewer workers are the first of the same people.
    """
    count = plan.people(workers)
    crowd = Crowd(plan, observer, seed)
    return [crowd.visit(slot, plan.hit_of(slot)) for slot in track(range(count), "simulated workers", count)]


class Crowd:
    """The simulated people of one study and seed, who can be asked in any order and answer the same."""

    def __init__(self, plan: Plan, observer: Observer, seed: int) -> None:
        self.plan, self.observer, self.seed = plan, observer, seed
        self.people = draw_workers(observer, plan.places, np.random.default_rng([seed, 1]))
        self.difficulty = draw_pairs(observer, plan.pairs, np.random.default_rng([seed, 2]))

    def worker_id(self, slot: int) -> str:
        """Return the id under which a person signs in, in the platform's form."""
        return f"ASIMULATED{self.seed}X{slot:05d}"

    def visit(self, slot: int, hit: Hit) -> Visit:
        """Let the person with number `slot` answer a HIT."""
        rng = np.random.default_rng([self.seed, 3, slot])
        person, difficulty = _one(self.people, slot), self.difficulty[hit.pair]
        submission, seconds = _submission(self.plan, hit, person, difficulty, self.observer, rng)
        return Visit(self.worker_id(slot), hit.name, slot, submission, seconds)


def _one(people: Workers, index: int) -> Workers:
    cut = slice(index, index + 1)
    return type(people)(
        people.ability[cut], people.lapse[cut], people.side_bias[cut], people.speed[cut], people.random[cut]
    )


def _submission(
    plan: Plan,
    hit: Hit,
    person: Workers,
    pair: NDArray[np.float64],
    observer: Observer,
    rng: np.random.Generator,
) -> tuple[dict[str, Any], float]:
    """Return what the page would send, and how many seconds it took."""
    mu = strength(observer, realism_curve(hit.distance, hit.exposure_ms, observer.slope))
    p_left = chance_of_left(mu, pair, hit.a_is_left, person)
    left = choose_left(p_left, rng)[0]
    response = response_times(observer, p_left, person, rng)[0]
    refresh_hz = float(rng.choice(REFRESH_HZ))
    frames, shown = _frames(hit.exposure_ms, refresh_hz, rng)
    onset = np.cumsum(BETWEEN_TRIALS_MS + np.nan_to_num(shown) + response) - np.nan_to_num(shown) - response
    answers = [
        {
            "trial": hit.trials[i],
            "side": "left" if left[i] else "right",
            "response_ms": round(float(response[i]), 1),
            "shown_ms": None if math.isnan(shown[i]) else round(float(shown[i]), 2),
            "frames": None if math.isnan(shown[i]) else int(frames[i]),
            "onset_ms": round(float(onset[i]), 1),
        }
        for i in range(len(hit.trials))
    ]
    page = {
        "user_agent": plan.agent,
        "viewport": VIEWPORTS[int(rng.integers(len(VIEWPORTS)))],
        "device_pixel_ratio": 1,
        "refresh_hz": refresh_hz,
        "focus_losses": int(rng.poisson(0.1)),
    }
    submission: dict[str, Any] = {"schema": 1, "study": plan.study, "hit": hit.name, "simulated": True}
    submission |= {"page": page, "answers": answers}
    seconds = float(onset[-1] + response[-1]) / 1000 + float(rng.uniform(30, 120))
    return submission, seconds


def _frames(
    exposure_ms: NDArray[np.float64], refresh_hz: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return frames and shown_ms (T,), NaN where the exposure is unlimited; a frame is late now and then."""
    late = rng.random(exposure_ms.shape) < LATE_FRAME
    jitter = rng.normal(0, 0.05, exposure_ms.shape)
    limited = np.isfinite(exposure_ms)
    frames = np.where(limited, np.floor(exposure_ms * refresh_hz / 1000 + 0.5) + late, np.nan)
    return frames, frames * 1000 / refresh_hz + jitter
