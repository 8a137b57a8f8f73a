"""A study answered by simulated workers, as its page would submit it, marked `simulated`.

`read_simulated` takes the study apart, `answer_study` is pure; `simulated_results` writes what it returns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.errors import GlimpseError
from glimpse.program import program
from glimpse.progress import untracked
from glimpse.study import is_own_plan, read_document
from glimpse.submission import SIMULATOR
from glimpse.trials import iterate_trials

from .observer import (
    PLAIN,
    Observer,
    chance_of_left,
    choose_left,
    draw_images,
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
    from glimpse.trials import Trial

    from .observer import Workers

REFRESH_HZ = (60.0, 60.0, 60.0, 60.0, 75.0, 120.0, 144.0)
VIEWPORTS = ([1366, 657], [1440, 789], [1536, 730], [1920, 969], [2560, 1297])
BETWEEN_TRIALS_MS = 1400.0
LATE_FRAME = 0.004


@dataclass(frozen=True)
class SimulatedHit:
    """The trials of one HIT, one entry of every array a trial (T,); pairs and images are numbers from 0."""

    name: str
    batch: str
    trials: tuple[str, ...]
    distance: NDArray[np.float64]
    exposure_ms: NDArray[np.float64]
    a_is_left: NDArray[np.bool_]
    pair: NDArray[np.int64]
    image_a: NDArray[np.int64]
    image_b: NDArray[np.int64]


@dataclass(frozen=True)
class SimulatedStudy:
    """What a study asks of workers: where it lies, its private document, its trials, its files as bytes.

    `quality` is how real each of its conditions looks to an observer.
    """

    folder: Path
    study: str
    document: dict[str, Any]
    hits: tuple[SimulatedHit, ...]
    pairs: int
    images: int
    quality: dict[str, float]
    files: dict[str, bytes]
    agent: str

    def hit_of(self, slot: int) -> SimulatedHit:
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


def read_simulated(folder: Path, observer: Observer, version: str = "") -> SimulatedStudy:
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
            raise GlimpseError(f"{folder}: {name} is missing, so build-hits did not write this folder.")
        files[name] = path.read_bytes()
    document = _document(folder / "study.json")
    trials = list(iterate_trials(folder / "trials.csv"))
    pairs: dict[tuple[str, ...], int] = {}
    images: dict[tuple[str, ...], int] = {}
    hits: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        hits.setdefault((trial.batch, trial.hit), []).append(trial)
    experiment = document["experiment"]
    quality = _qualities(folder, experiment, trials, observer)
    built = tuple(
        _hit(batch, hit, own, experiment, quality, pairs, images) for (batch, hit), own in hits.items()
    )
    if not is_own_plan(document, folder / "trials.csv"):
        raise GlimpseError(f"{folder / 'trials.csv'}: changed since build-hits. Build the study again.")
    agent = SIMULATOR + (f"/{version}" if version else "")
    name, counts = str(document["study"]), (len(pairs), len(images))
    return SimulatedStudy(folder, name, document, built, *counts, quality, files, agent)


def _document(path: Path) -> dict[str, Any]:
    """Read study.json with what simulated workers need of it."""
    document = read_document(path)
    lacking = [name for name in ("secret",) if not isinstance(document.get(name), str)]
    if not document["experiment"].get("workers_per_hit"):
        lacking.append("experiment.workers_per_hit")
    if lacking:
        raise GlimpseError(
            f"{path}: not a study that build-hits has written; it lacks {' and '.join(lacking)}. "
            "Build it again."
        )
    return document


def _qualities(
    folder: Path, experiment: Mapping[str, Any], trials: Sequence[Trial], observer: Observer
) -> dict[str, float]:
    """Return how real each condition looks, by what the study shows it for; GlimpseError for a stranger."""
    shown: dict[str, set[bool]] = {}  # condition -> whether the trials that show it have a known answer
    for trial in trials:
        for name in (trial.condition_left, trial.condition_right):
            shown.setdefault(name, set()).add(trial.sentinel or trial.practice)
    if not _by_condition(experiment):  # then its bad images are not the condition's usual ones
        shown = {name: {False} if False in kinds else kinds for name, kinds in shown.items()}
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


def _by_condition(experiment: Mapping[str, Any]) -> bool:
    """Tell whether answers are known by a condition's images; not by a file of them, or by a mismatch."""
    return bool(experiment.get("sentinels", "condition") == "condition")


def _hit(
    batch: str,
    name: str,
    trials: Sequence[Trial],
    experiment: Mapping[str, Any],
    quality: Mapping[str, float],
    pairs: dict[tuple[str, ...], int],
    images: dict[tuple[str, ...], int],
) -> SimulatedHit:
    a_is_left = np.array([one.condition_left == one.contrast.partition(":")[0] for one in trials])
    distance = np.array([quality[one.condition_left] - quality[one.condition_right] for one in trials])
    if not _by_condition(experiment):
        plain = [{"left": PLAIN, "right": -PLAIN}.get(one.correct_side or "", np.nan) for one in trials]
        distance = np.where(np.isnan(plain), distance, plain)
    keys = [(one.contrast, *sorted((one.stimulus_left, one.stimulus_right))) for one in trials]
    left = _codes([(one.condition_left, one.item_left) for one in trials], images)
    right = _codes([(one.condition_right, one.item_right) for one in trials], images)
    return SimulatedHit(
        name=name,
        batch=batch,
        trials=tuple(one.trial for one in trials),
        distance=np.where(a_is_left, distance, -distance),
        exposure_ms=np.array([one.exposure_ms or math.inf for one in trials], dtype=float),
        a_is_left=a_is_left,
        pair=_codes(keys, pairs),
        image_a=np.where(a_is_left, left, right),
        image_b=np.where(a_is_left, right, left),
    )


def _codes(keys: Sequence[tuple[str, ...]], known: dict[tuple[str, ...], int]) -> NDArray[np.int64]:
    """Return the number of each key; those not yet in `known` are added to it."""
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int64)


def answer_study(
    plan: SimulatedStudy,
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

    def __init__(self, plan: SimulatedStudy, observer: Observer, seed: int) -> None:
        self.plan, self.observer, self.seed = plan, observer, seed
        self.people = draw_workers(observer, plan.places, np.random.default_rng([seed, 1]))
        self.pairs = draw_pairs(observer, plan.pairs, np.random.default_rng([seed, 2]))
        self.images = draw_images(observer, plan.images, np.random.default_rng([seed, 4]))

    def worker_id(self, slot: int) -> str:
        """Return the id under which a person signs in, in the platform's form."""
        return f"ASIMULATED{self.seed}X{slot:05d}"

    def visit(self, slot: int, hit: SimulatedHit) -> Visit:
        """Let the person with number `slot` answer a HIT."""
        rng = np.random.default_rng([self.seed, 3, slot])
        person = _one(self.people, slot)
        d = self.images[hit.image_a] - self.images[hit.image_b] + self.pairs[hit.pair]
        submission, seconds = _submission(self.plan, hit, person, d, self.observer, rng)
        return Visit(self.worker_id(slot), hit.name, slot, submission, seconds)


def _one(people: Workers, index: int) -> Workers:
    cut = slice(index, index + 1)
    return type(people)(
        people.ability[cut], people.lapse[cut], people.side_bias[cut], people.speed[cut], people.random[cut]
    )


def _submission(
    plan: SimulatedStudy,
    hit: SimulatedHit,
    person: Workers,
    d: NDArray[np.float64],
    observer: Observer,
    rng: np.random.Generator,
) -> tuple[dict[str, Any], float]:
    """Return what the page would send, and how many seconds it took."""
    mu = strength(observer, realism_curve(hit.distance, hit.exposure_ms, observer.slope))
    p_left = chance_of_left(mu, d, hit.a_is_left, person)
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
