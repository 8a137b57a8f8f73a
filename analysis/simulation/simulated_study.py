"""A study taken apart for simulated workers: its trials as arrays, and how good its conditions look."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.errors import GlimpseError
from glimpse.forms import FormField
from glimpse.program import program
from glimpse.questions import DEFAULT_QUESTION, LEFT, REAL, RIGHT, Question, questions_of
from glimpse.staircase import StaircaseSettings
from glimpse.study import is_own_plan, read_document, read_study
from glimpse.submission import SIMULATOR
from glimpse.text import counted
from glimpse.trials import iterate_trials

from .detector import Detector
from .drawn_hit import drawable as trials_drawable
from .drawn_hit import trials_on
from .observer import PLAIN
from .playing import PlayedClips

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from glimpse.study import Study
    from glimpse.trials import Trial

    from .observer import Observer


@dataclass(frozen=True)
class SimulatedHit:
    """The trials of one HIT, one entry of every array a trial (T,).

    distance: (Q, T) how much better condition A is under each question, in probit units. pair, image_a,
    image_b, item: numbers from 0; item is -1 where the two images have no item in common and no prompt.
    Of one image at a time (`single`) it is image_a, and distance its d' without a time limit, 0 for real.
    """

    name: str
    batch: str
    trials: tuple[str, ...]
    distance: NDArray[np.float64]
    exposure_ms: NDArray[np.float64]
    a_is_left: NDArray[np.bool_]
    pair: NDArray[np.int64]
    image_a: NDArray[np.int64]
    image_b: NDArray[np.int64]
    item: NDArray[np.int64]
    single: bool = False
    practice: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))


@dataclass(frozen=True)
class SimulatedStudy:
    """What a study asks of workers: where it lies, its private document, its trials, its files as bytes.

    `quality` is how real each of its conditions looks to an observer; of several questions, under each, as
    "question:condition". `items` counts prompts, or scenes that both images show. `clips` says how its
    clips play; None for images. Where a server draws each assignment's trials, `drawn` reads them: from a
    page, the batch and the name of the HIT that was planned.
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
    items: int = 0
    questions: tuple[Question, ...] = (DEFAULT_QUESTION,)
    forms: tuple[FormField, ...] = ()
    clips: PlayedClips | None = None
    drawn: Callable[[str, str, str], SimulatedHit] | None = None
    judged_by: int = 0

    @property
    def single(self) -> bool:
        """Whether it shows one image at a time."""
        return bool(self.document["experiment"].get("task") == "single")

    @property
    def staircase(self) -> StaircaseSettings | None:
        """The rule of its exposures; None where they are planned."""
        stated = self.document["experiment"].get("staircase")
        return None if stated is None else StaircaseSettings.from_json(stated)

    @property
    def blocks(self) -> int:
        """How many blocks a HIT has."""
        return int(self.document["experiment"].get("blocks", 1))

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
                f"--workers is {count}; this study has {counted(self.places, 'place')} "
                f"({counted(len(self.hits), 'HIT')} of {counted(self.workers_per_hit, 'worker')}), so it "
                f"must be from 1 to {self.places}."
            )
        return count


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
    codes = Codes()
    hits: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        hits.setdefault((trial.batch, trial.hit), []).append(trial)
    experiment = document["experiment"]
    asked, judged_by = _questions(folder, experiment)
    quality = _qualities(folder, experiment, asked, trials, observer)
    known = None if _by_condition(experiment) else judged_by
    if experiment.get("task") == "single":
        built = tuple(_single_hit(*names, own, quality, codes) for names, own in hits.items())
    else:
        built = tuple(_hit(*names, own, quality, codes, known) for names, own in hits.items())
    drawn = None
    if experiment.get("allocation") == "adaptive":
        drawn = _reader_of_drawn(read_study(folder), quality, codes, known)
    if not is_own_plan(document, folder / "trials.csv"):
        raise GlimpseError(f"{folder / 'trials.csv'}: changed since build-hits. Build the study again.")
    return SimulatedStudy(
        folder, str(document["study"]), document, built, len(codes.pairs), len(codes.images), _named(quality),
        files, SIMULATOR + (f"/{version}" if version else ""), len(codes.items),
        asked, tuple(map(FormField.from_json, document.get("forms", []))), PlayedClips.of(document), drawn,
        judged_by,
    )  # fmt: skip


def shows_single(folder: Path) -> bool:
    """Tell whether a study shows one image at a time; not where it cannot be read, which is said later."""
    path = folder / "study.json"
    return path.is_file() and _document(path)["experiment"].get("task") == "single"


def _reader_of_drawn(
    study: Study, quality: Mapping[str, Mapping[str, float]], codes: Codes, known: int | None
) -> Callable[[str, str, str], SimulatedHit]:
    """Return what reads the HIT on a page; everything that may be drawn is numbered beforehand."""
    for pair, images in trials_drawable(study):
        codes.add(pair, images)

    def drawn(page: str, batch: str, name: str) -> SimulatedHit:
        shown = trials_on(page, study, name)
        return _hit(batch, shown[0].hit, shown, quality, codes, known)

    return drawn


def _questions(folder: Path, experiment: Mapping[str, Any]) -> tuple[tuple[Question, ...], int]:
    """Return what is asked, and the place of the question to which known answers are known."""
    asked = questions_of(experiment)
    names = [question.name for question in asked]
    judged_by = experiment.get("sentinel_question") or names[0]
    if judged_by not in names:
        raise GlimpseError(
            f"{folder / 'study.json'}: sentinel_question is {judged_by!r}; the questions are "
            f"{', '.join(names)}."
        )
    return asked, names.index(judged_by)


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
    folder: Path,
    experiment: Mapping[str, Any],
    asked: Sequence[Question],
    trials: Sequence[Trial],
    observer: Observer,
) -> dict[str, dict[str, float]]:
    """Return how real each condition looks under each question, by what the study shows it for.

    GlimpseError for a condition or a question that it does not have.
    """
    shown: dict[str, set[bool]] = {}  # condition -> whether the trials that show it have a known answer
    for trial in trials:
        for name in filter(None, (trial.condition_left, trial.condition_right)):
            shown.setdefault(name, set()).add(trial.sentinel or trial.practice)
    if not _by_condition(experiment):  # then its bad images are not the condition's usual ones
        shown = {name: {False} if False in kinds else kinds for name, kinds in shown.items()}
    several = len(asked) > 1
    allowed = {*shown, *(f"{one.name}:{name}" for one in asked for name in shown if several)}
    strangers = [name for name in observer.quality if name not in allowed]
    if strangers:
        also = f", each also as QUESTION:CONDITION, such as {asked[0].name}:{min(shown)}" if several else ""
        raise GlimpseError(
            f"--quality names {' and '.join(strangers)}, which {folder} does not have; its conditions are "
            f"{', '.join(sorted(shown))}{also}. Name one of these, or leave it out."
        )
    roles = {
        name: "compared sentinel" if len(kinds) > 1 else "sentinel" if True in kinds else "compared"
        for name, kinds in shown.items()
    } | {str(experiment.get("real")): "real"}
    if isinstance(observer, Detector):
        strangers = [name for name in observer.d_prime if name not in roles]
        if strangers:
            raise GlimpseError(
                f"--d-prime names {' and '.join(strangers)}, which {folder} does not have; its conditions "
                "are "
                f"{', '.join(sorted(shown))}."
            )
        return {one.name: {name: observer.d_prime_of(name, roles[name]) for name in shown} for one in asked}
    if not several:
        return {asked[0].name: {name: observer.quality_of(name, roles[name]) for name in shown}}
    return {
        one.name: {name: observer.quality_under(one.name, name, roles[name]) for name in shown}
        for one in asked
    }


def _named(quality: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return qualities by condition, of several questions by "question:condition"."""
    if len(quality) == 1:
        return dict(*quality.values())
    return {f"{one}:{name}": value for one, found in quality.items() for name, value in found.items()}


def _by_condition(experiment: Mapping[str, Any]) -> bool:
    """Tell whether answers are known by a condition's images; not by a file of them, or by a mismatch."""
    return bool(experiment.get("sentinels", "condition") == "condition")


@dataclass(frozen=True)
class Codes:
    """Numbers from 0 of the pairs, images and items of a study."""

    pairs: dict[tuple[str, ...], int] = field(default_factory=dict)
    images: dict[tuple[str, ...], int] = field(default_factory=dict)
    items: dict[tuple[str, ...], int] = field(default_factory=dict)

    def add(self, pair: tuple[str, ...], images: tuple[tuple[str, ...], ...]) -> None:
        """Number a pair that may be shown, its images, and their item."""
        self.pairs.setdefault(pair, len(self.pairs))
        for image in images:
            self.images.setdefault(image, len(self.images))
            self.items.setdefault((image[1],), len(self.items))


def _hit(
    batch: str,
    name: str,
    trials: Sequence[Trial],
    quality: Mapping[str, Mapping[str, float]],
    codes: Codes,
    known: int | None,
) -> SimulatedHit:
    """Take a HIT apart; under the question with place `known`, what is known is so plainly, in any trial."""
    a_is_left = np.array([one.condition_left == one.contrast.partition(":")[0] for one in trials])
    distance = np.array(
        [
            [under[one.condition_left] - under[one.condition_right] for one in trials]
            for under in quality.values()
        ]
    )
    if known is not None:
        plain = np.array([{LEFT: PLAIN, RIGHT: -PLAIN}.get(one.correct_side or "", np.nan) for one in trials])
        distance[known] = np.where(np.isnan(plain), distance[known], plain)
    keys = [(one.contrast, *sorted((one.stimulus_left, one.stimulus_right))) for one in trials]
    left = _codes([(one.condition_left, one.item_left) for one in trials], codes.images)
    right = _codes([(one.condition_right, one.item_right) for one in trials], codes.images)
    prompts = [one.context or (one.item_left if one.item_left == one.item_right else "") for one in trials]
    return SimulatedHit(
        name=name,
        batch=batch,
        trials=tuple(one.trial for one in trials),
        distance=np.where(a_is_left, distance, -distance),
        exposure_ms=np.array([one.exposure_ms or math.inf for one in trials], dtype=float),
        a_is_left=a_is_left,
        pair=_codes(keys, codes.pairs),
        image_a=np.where(a_is_left, left, right),
        image_b=np.where(a_is_left, right, left),
        item=np.array(
            [codes.items.setdefault((item,), len(codes.items)) if item else -1 for item in prompts]
        ),
    )


def _single_hit(
    batch: str,
    name: str,
    trials: Sequence[Trial],
    quality: Mapping[str, Mapping[str, float]],
    codes: Codes,
) -> SimulatedHit:
    """Take a HIT of one image at a time apart; what a file knows is plainly so."""
    image = _codes([(one.condition_left, one.item_left) for one in trials], codes.images)
    distance = np.array([[under[one.condition_left] for one in trials] for under in quality.values()])
    plain = np.array([{REAL: 0.0}.get(one.correct_side or "", np.nan) for one in trials])
    distance = np.where(np.isnan(plain), distance, plain)
    return SimulatedHit(
        name=name,
        batch=batch,
        trials=tuple(one.trial for one in trials),
        distance=distance,
        exposure_ms=np.array([one.exposure_ms or math.inf for one in trials], dtype=float),
        a_is_left=np.ones(len(trials), dtype=np.bool_),
        pair=image,
        image_a=image,
        image_b=image,
        item=np.full(len(trials), -1),
        single=True,
        practice=np.array([one.practice for one in trials]),
    )


def _codes(keys: Sequence[tuple[str, ...]], known: dict[tuple[str, ...], int]) -> NDArray[np.int64]:
    """Return the number of each key; those not yet in `known` are added to it."""
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int64)
