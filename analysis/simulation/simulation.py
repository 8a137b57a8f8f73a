"""A study answered by simulated workers, as its page would submit it, marked `simulated`.

`simulated_study` takes the study apart, `answer_study` is pure; `simulated_results` writes what it returns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.errors import GlimpseError
from glimpse.progress import untracked
from glimpse.questions import is_plain

from .answering import alike, draw_answers, fill_forms
from .observer import (
    chance_of_left,
    choose_left,
    draw_images,
    draw_items,
    draw_pairs,
    draw_workers,
    drive_to_left,
    realism_curve,
    response_times,
    strength,
)
from .single_people import SinglePeople

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpse.progress import Track

    from .observer import Observer, Workers
    from .simulated_study import SimulatedHit, SimulatedStudy
    from .single_people import NextExposure

    Floats = NDArray[np.float64]

REFRESH_HZ = (60.0, 60.0, 60.0, 60.0, 75.0, 120.0, 144.0)
VIEWPORTS = ([1366, 657], [1440, 789], [1536, 730], [1920, 969], [2560, 1297])
BETWEEN_TRIALS_MS = 1400.0
LATE_FRAME = 0.004
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
BETWEEN_PEOPLE = timedelta(minutes=2)
CONSENT_S = 20


@dataclass(frozen=True)
class Visit:
    """One simulated person at one HIT: who, and the page's submission."""

    worker_id: str
    hit: str
    slot: int
    submission: dict[str, Any]
    seconds: float


def answer_study(
    plan: SimulatedStudy,
    observer: Observer,
    seed: int,
    workers: int | None = None,
    track: Track = untracked,
) -> list[Visit]:
    """Let `workers` simulated people (default: as many as fill the study) answer, HIT after HIT in turn.

    The same seed gives the same people and answers; fewer workers are the first of the same people.
    GlimpseError where a server draws the trials.
    """
    if plan.drawn is not None:
        raise GlimpseError(
            f"{plan.folder}: a server draws the trials of this study for each assignment (allocation "
            "adaptive). Publish it to your own server, and let simulated workers answer there: simulate "
            "--through-server."
        )
    count = plan.people(workers)
    crowd = Crowd(plan, observer, seed)
    return [crowd.visit(slot, plan.hit_of(slot)) for slot in track(range(count), "simulated workers", count)]


class Crowd:
    """The simulated people of one study and seed, who can be asked in any order and answer the same.

    `pairs` and `images` are the effects under the first question, `under` those under each.
    """

    def __init__(self, plan: SimulatedStudy, observer: Observer, seed: int) -> None:
        self.plan, self.observer, self.seed = plan, observer, seed
        self.people = draw_workers(observer, plan.places, np.random.default_rng([seed, 1]))
        self.pairs = draw_pairs(observer, plan.pairs, np.random.default_rng([seed, 2]))
        self.images = draw_images(observer, plan.images, np.random.default_rng([seed, 4]))
        self.items = draw_items(observer, plan.items, np.random.default_rng([seed, 5]))
        self.single = SinglePeople(plan, observer, seed) if plan.single else None
        self.under = [(self.pairs, self.images)]
        for place in range(1, len(plan.questions)):
            rng, like = np.random.default_rng([seed, 6, place]), observer.question_correlation
            pairs = alike(self.pairs, draw_pairs(observer, plan.pairs, rng), like)
            self.under.append((pairs, alike(self.images, draw_images(observer, plan.images, rng), like)))

    def worker_id(self, slot: int) -> str:
        """Return the id under which a person signs in, in the platform's form."""
        return f"ASIMULATED{self.seed}X{slot:05d}"

    def visit(self, slot: int, hit: SimulatedHit, told: NextExposure | None = None) -> Visit:
        """Let the person with number `slot` answer a HIT; `told` says the exposures of a staircase."""
        rng = np.random.default_rng([self.seed, 3, slot])
        person = _one(self.people, slot)
        d = np.array([_effects(hit, v, u) for v, u in self.under])
        ease = np.where(hit.item >= 0, self.items[hit.item], 0.0) if self.plan.items else np.zeros(len(d[0]))
        if self.single:
            hit, chosen, responses = self.single.answers(slot, hit, person, d, rng, told)
        else:
            chosen, responses = _answers(self.plan, hit, person, d, ease, self.observer, rng)
        sent, seconds = _submission(self.plan, hit, chosen, responses, rng)
        sent |= _beside(self.plan, slot, np.random.default_rng([self.seed, 7, slot]))
        if self.plan.clips:
            own, hz = np.random.default_rng([self.seed, 8, slot]), sent["page"]["refresh_hz"]
            sent["answers"] = self.plan.clips.recorded(sent["answers"], hz, own)
        return Visit(self.worker_id(slot), hit.name, slot, sent, seconds)


def _effects(hit: SimulatedHit, pairs: Floats, images: Floats) -> Floats:
    """Return what images and pairs add in each trial (T,): of the only image, what it adds itself."""
    if hit.single:
        return np.asarray(images[hit.image_a], dtype=float)
    return np.asarray(images[hit.image_a] - images[hit.image_b] + pairs[hit.pair], dtype=float)


def _one(people: Workers, index: int) -> Workers:
    cut = slice(index, index + 1)
    return type(people)(
        people.ability[cut], people.lapse[cut], people.side_bias[cut], people.speed[cut], people.random[cut]
    )


def _submission(
    plan: SimulatedStudy,
    hit: SimulatedHit,
    chosen: dict[str, list[Any]],
    responses: dict[str, Floats],
    rng: np.random.Generator,
) -> tuple[dict[str, Any], float]:
    """Return what the page would send, and how many seconds it took.

    chosen, responses: as `_answers` returns them.
    """
    response = np.sum(list(responses.values()), axis=0)
    refresh_hz = float(rng.choice(REFRESH_HZ))
    frames, shown = _frames(hit.exposure_ms, refresh_hz, rng)
    onset = np.cumsum(BETWEEN_TRIALS_MS + np.nan_to_num(shown) + response) - np.nan_to_num(shown) - response
    plain = is_plain(plan.questions)
    answers = []
    for i, trial in enumerate(hit.trials):
        took = {name: round(float(times[i]), 1) for name, times in responses.items()}
        choices = {name: given[i] for name, given in chosen.items()}
        (side, *_), (ms, *_) = choices.values(), took.values()
        answers.append(
            {
                "trial": trial,
                **({"side": side, "response_ms": ms} if plain else {"choices": choices, "response_ms": took}),
                "shown_ms": None if math.isnan(shown[i]) else round(float(shown[i]), 2),
                "frames": None if math.isnan(shown[i]) else int(frames[i]),
                "onset_ms": round(float(onset[i]), 1),
                **({"exposure_ms": int(hit.exposure_ms[i])} if plan.staircase else {}),
            }
        )
    page = {
        "user_agent": plan.agent,
        "viewport": VIEWPORTS[int(rng.integers(len(VIEWPORTS)))],
        "device_pixel_ratio": 1,
        "refresh_hz": refresh_hz,
        "focus_losses": int(rng.poisson(0.1)),
    }
    head = {"schema": 1 if plain else 2, "study": plan.study, "hit": hit.name, "simulated": True}
    seconds = float(onset[-1] + response[-1]) / 1000 + float(rng.uniform(30, 120))
    return {**head, "page": page, "answers": answers}, seconds


def _answers(
    plan: SimulatedStudy,
    hit: SimulatedHit,
    person: Workers,
    d: Floats,
    ease: Floats,
    observer: Observer,
    rng: np.random.Generator,
) -> tuple[dict[str, list[Any]], dict[str, Floats]]:
    """Return the answers to each question by its name, and how long each took in ms (T,)."""
    chosen: dict[str, list[Any]] = {}
    responses: dict[str, Floats] = {}
    item_sd = np.where(hit.item >= 0, observer.item_sd, 0.0)
    for question, distance, effects in zip(plan.questions, hit.distance, d, strict=True):
        mu = strength(observer, realism_curve(distance, hit.exposure_ms, observer.slope), item_sd)
        p_left = chance_of_left(mu, effects, hit.a_is_left, person, ease)
        if question.answer == "choice":
            left = choose_left(p_left, rng)[0]
            chosen[question.name] = ["left" if one else "right" for one in left]
        else:
            drive = drive_to_left(mu, effects, hit.a_is_left, person, ease)[0]
            chosen[question.name] = draw_answers(question.kind, observer, drive, person, rng)
        responses[question.name] = response_times(observer, p_left, person, rng)[0]
    return chosen, responses


def _beside(plan: SimulatedStudy, slot: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return what a person says beside the answers, where the study has forms or asks more than one choice.

    Forms are filled at random, nobody comments, and everybody agrees shortly after they began.
    """
    if is_plain(plan.questions) and not plan.forms:
        return {}
    agreed = START + BETWEEN_PEOPLE * slot + timedelta(seconds=CONSENT_S)
    said: dict[str, Any] = {"comment": "", "consented_at": f"{agreed:%Y-%m-%dT%H:%M:%SZ}"}
    return {**said, "form": fill_forms(plan.forms, rng)} if plan.forms else said


def _frames(
    exposure_ms: NDArray[np.float64], refresh_hz: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return frames and shown_ms (T,), NaN where the exposure is unlimited; a frame is late now and then."""
    late = rng.random(exposure_ms.shape) < LATE_FRAME
    jitter = rng.normal(0, 0.05, exposure_ms.shape)
    limited = np.isfinite(exposure_ms)
    frames = np.where(limited, np.floor(exposure_ms * refresh_hz / 1000 + 0.5) + late, np.nan)
    return frames, frames * 1000 / refresh_hz + jitter
