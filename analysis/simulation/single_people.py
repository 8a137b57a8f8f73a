"""The simulated people of a study of one image at a time: their answers, by what `detector` says they see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy.special import ndtr

from glimpse.errors import GlimpseError
from glimpse.questions import value_of
from glimpse.single import block_sizes
from glimpse.staircase import next_exposure

from .detector import Detector, location, share_seen
from .observer import response_times

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from glimpse.questions import AnswerKind
    from glimpse.staircase import StaircaseSettings

    from .observer import Observer, Workers
    from .simulated_study import SimulatedHit, SimulatedStudy

    Floats = NDArray[np.float64]
    # How long to show the next image, in ms, by all answers before it.
    NextExposure: TypeAlias = Callable[[Sequence[Any]], float]


class SinglePeople:
    """What the simulated people of a study of one image at a time answer."""

    def __init__(self, plan: SimulatedStudy, observer: Observer, seed: int) -> None:
        self.plan, self.seed = plan, seed
        if not isinstance(observer, Detector):
            raise GlimpseError(f"{plan.folder}: one image at a time needs the settings of a Detector.")
        self.detector = observer
        self.lean = observer.criterion_sd * np.random.default_rng([seed, 9]).normal(size=plan.places)

    def answers(
        self,
        slot: int,
        hit: SimulatedHit,
        person: Workers,
        d: Floats,
        rng: np.random.Generator,
        told: NextExposure | None = None,
    ) -> tuple[SimulatedHit, dict[str, list[Any]], dict[str, Floats]]:
        """Return the HIT as it was shown, answers by question, and how long each took in ms (T,).

        `told` says the exposures of a staircase; the rule itself if it is not given.
        """
        one = Looker(self.detector, person, float(self.lean[slot]))
        stairs = self.plan.staircase
        if stairs is not None:
            hit = self._climbed(told or self._ruled(stairs, hit), hit, one, d, slot)
        chosen: dict[str, list[Any]] = {}
        responses: dict[str, Floats] = {}
        for question, distance, effects in zip(self.plan.questions, hit.distance, d, strict=True):
            drive = one.drive(hit.exposure_ms, distance, effects)
            chosen[question.name] = one.said(question.kind, drive, self._noise(slot, question.name))
            responses[question.name] = response_times(self.detector, ndtr(-drive)[None, :], person, rng)[0]
        return hit, chosen, responses

    def _noise(self, slot: int, question: str) -> np.random.Generator:
        """Return what draws a person's answers to a question: the same however often it is asked for."""
        return np.random.default_rng([self.seed, 10, slot, *question.encode()])

    def _climbed(
        self, told: NextExposure, hit: SimulatedHit, one: Looker, d: Floats, slot: int
    ) -> SimulatedHit:
        """Return the HIT with the exposures that its own answers lead to."""
        judged = self.plan.judged_by
        question, distance = self.plan.questions[judged], hit.distance[judged]
        exposure_ms, said = hit.exposure_ms.copy(), list[Any]()
        for trial in range(len(exposure_ms)):
            if not hit.practice[trial]:
                exposure_ms[trial] = told(said)
            drive = one.drive(exposure_ms, distance, d[judged])
            said.append(one.said(question.kind, drive, self._noise(slot, question.name))[trial])
        return replace(hit, exposure_ms=exposure_ms)

    def _ruled(self, stairs: StaircaseSettings, hit: SimulatedHit) -> NextExposure:
        """Return what tells exposures by the rule, in blocks that begin anew."""
        signal, practice = hit.distance[self.plan.judged_by] != 0, int(hit.practice.sum())
        sizes = block_sizes(len(signal) - practice, self.plan.blocks)
        starts = [practice + sum(sizes[:block]) for block in range(len(sizes))]

        def told(said: Sequence[Any]) -> float:
            start = max(one for one in starts if one <= len(said))
            pairs = zip(said[start:], signal[start:], strict=False)
            return next_exposure(stairs, [(value_of(one) > 0) == bool(generated) for one, generated in pairs])

        return told


@dataclass(frozen=True)
class Looker:
    """One of these people: how they differ from others, and how far they lean to "real"."""

    observer: Detector
    person: Workers
    lean: float

    def drive(self, exposure_ms: Floats, distance: Floats, effects: Floats) -> Floats:
        """Return what favours "generated" in each trial, beyond the criterion (T,)."""
        seen = distance * share_seen(exposure_ms, self.observer.half_ms, self.observer.slope)
        m, k = location(seen - self.observer.criterion, self.observer)
        shown = np.where(distance == 0, 0.0, self.person.ability[0] * m)
        return np.asarray(shown + effects - k - self.lean, dtype=float)

    def said(self, kind: AnswerKind, drive: Floats, rng: np.random.Generator) -> list[Any]:
        """Draw the answers to trials, of which `drive` (T,) says what favours "generated"."""
        evidence = drive + rng.normal(size=drive.shape)
        place = np.searchsorted(self.observer.scale_step * np.arange(1 - kind.steps, kind.steps), evidence)
        careless = (rng.random(drive.shape) < self.person.lapse[0]) | self.person.random[0]
        place = np.where(careless, rng.integers(len(kind.answers), size=drive.shape), place)
        return [kind.answers[one] for one in place]
