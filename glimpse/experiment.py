"""The experiment: contrasts, exposures, counts, sentinels, reward; the paper's numbers are the defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from glimpse.errors import GlimpseError
from glimpse.experiment_checks import check_contrasts, check_counts, check_exposures, check_sentinels
from glimpse.questions import DEFAULT_QUESTION, Question, check_questions, questions_of
from glimpse.single import Task, check_single, real_per_exposure
from glimpse.staircase import StaircaseSettings
from glimpse.stop_rule import StopRule

if TYPE_CHECKING:
    from collections.abc import Mapping

Contrast = tuple[str, str]
Mode = Literal["limited-time", "unlimited-time"]
PresetName = Literal["glimpse", "paper", "authors", "hype-infinity", "hype-time"]
Pairing = Literal["random", "same-item"]
Scenes = Literal["without-replacement", "with-replacement"]
Sides = Literal["balanced", "random"]
# Where the known answers come from: a condition beside the real one, a file, or a picture of another item.
Sentinels = Literal["condition", "file", "mismatch"]
# Whether trials are planned beforehand, or drawn by the server for each assignment; or whether it decides
# how long each image is shown, answer by answer.
Allocations = Literal["fixed", "adaptive", "staircase"]

# Presets of one image at a time alone, and the mode of each.
SINGLE_PRESETS: dict[str, Mode] = {"hype-infinity": "unlimited-time", "hype-time": "limited-time"}
MODES: tuple[Mode, ...] = get_args(Mode)
PAIR_PRESETS = ("glimpse", "paper", "authors")
TASKS: tuple[Task, ...] = get_args(Task)
PRESETS: tuple[PresetName, ...] = get_args(PresetName)
PAPER_EXPOSURES_MS = (125, 250, 500, 1000, 2000, 4000, 8000)
# From this exposure on, whoever looks sees which of two images is real, if one is as bad as a sentinel's.
PLAIN_MS = 1000
# Fields that study.json leaves out where they say what is usual, as earlier versions never stated them.
LEFT_OUT = frozenset({
    "stop_when", "questions", "sentinels", "sentinel_question", "hit_trials", "allocation", "first", "task",
    "shown", "real_share", "blocks", "staircase", "feedback",
})  # fmt: skip
PAPER_BASELINES = ("image-space", "pix2pix", "encoder-decoder", "full-resolution")


@dataclass(frozen=True)
class Batch:
    """HITs published together: their contrasts, and the condition of their sentinels (None: no sentinels).

    Of one image at a time they have no contrasts, but conditions that are `shown`, the real one among them.
    """

    batch: str
    contrasts: tuple[Contrast, ...]
    sentinel: str | None
    shown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """Everything about a study that is decided before its images are looked at.

    `real` is the condition of photographs, None where nothing is one.
    `sentinel` is the condition whose images stand against real ones in every batch; None where each batch
    names its own, or where there are none. A cell is one contrast at one exposure; `trials_per_cell` counts
    in one HIT. Where `hit_trials` is stated, all the trials of a HIT, cells are spread over the HITs of a
    batch, each equally often to within one, and `trials_per_cell` is the most that a HIT has of one.
    With `allocation` "adaptive" our own server draws the compared trials of each assignment (`allocation`),
    such that the `first` conditions are told apart, from each other and the next; None: all, the first most.
    `pairing`, `scenes` and `sides` are None where a file that a design
    was taken from does not say them.
    An assignment is excluded when more than `max_wrong_sentinels` of its sentinels are wrong. The study may
    stop before its places are filled when `stop_when` holds; None: it states no such rule.
    `questions` are asked of every trial, in this order; the answer known of a sentinel is that to
    `sentinel_question`, None for the first one. `sentinels` says where known answers come from: images of
    the sentinel condition beside real ones, a file of the requester's, or a mismatch of image and context.

    With `task` "single" a trial shows one image: there are no contrasts, but conditions that are `shown`; a
    cell is one of them at one exposure, of which `trials_per_cell` counts the generated ones. Real images are
    `real_share` of a HIT's compared trials, which fall into `blocks` that are balanced each. With
    `allocation` "staircase" our own server decides exposures by the rule `staircase`, and tells whether each
    answer was right where `feedback` asks for it.
    """

    mode: Mode
    preset: PresetName
    real: str | None
    sentinel: str | None
    contrasts: tuple[Contrast, ...]
    batches: tuple[Batch, ...]
    exposures_ms: tuple[int | None, ...]
    sentinel_exposure_ms: int | None
    pairing: Pairing | None
    scenes: Scenes | None
    sides: Sides | None
    hits_per_batch: int
    trials_per_cell: int
    sentinels_per_hit: int
    max_sentinels_in_a_row: int
    max_wrong_sentinels: int
    practice_trials: int
    break_every: int
    workers_per_hit: int
    reward_usd: Decimal
    time_allotted_minutes: int
    stop_when: StopRule | None = None
    questions: tuple[Question, ...] = (DEFAULT_QUESTION,)
    sentinels: Sentinels = "condition"
    sentinel_question: str | None = None
    hit_trials: int | None = None
    allocation: Allocations = "fixed"
    first: int | None = None
    task: Task = "pairs"
    shown: tuple[str, ...] = ()
    real_share: float = 0.5
    blocks: int = 1
    staircase: StaircaseSettings | None = None
    feedback: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that no study can have; GlimpseError names the field."""
        _check_choices(self)
        check_questions(self.questions)
        check_single(self)
        check_contrasts(self)
        check_exposures(self)
        check_counts(self)
        check_sentinels(self)
        if self.stop_when is not None:
            self.stop_when.check(self.contrasts, self.exposures_ms)

    def __repr__(self) -> str:
        exposures = len(self.exposures_ms)
        what, count = ("condition", len(self.shown)) if self.shown else ("contrast", len(self.contrasts))
        shown = f" at {exposures} exposure{'s' * (exposures != 1)}" if self.mode == "limited-time" else ""
        workers = f"{self.workers_per_hit} worker{'s' * (self.workers_per_hit != 1)}"
        return (
            f"<Experiment: {self.mode}, {count} {what}{'s' * (count != 1)}{shown}, {self.hits} "
            f"HIT{'s' * (self.hits != 1)} for {workers} each at ${self.reward_usd}>"
        )

    @property
    def judged_by(self) -> Question:
        """The question to which the answers of sentinels and practice trials are known."""
        names = [question.name for question in self.questions]
        return self.questions[names.index(self.sentinel_question) if self.sentinel_question else 0]

    @property
    def cells(self) -> int:
        """Number of cells over all batches."""
        return len(self.shown or self.contrasts) * len(self.exposures_ms)

    @property
    def hits(self) -> int:
        """Number of HITs over all batches."""
        return len(self.batches) * self.hits_per_batch

    def genuine_per_hit(self, batch: Batch) -> int:
        """Return the number of a HIT's scored trials that are no sentinels."""
        if self.hit_trials is not None:
            return self.hit_trials - self.known_per_hit
        if self.task == "single":
            generated = (len(batch.shown) - 1) * self.trials_per_cell
            return (generated + real_per_exposure(generated, self.real_share)) * len(self.exposures_ms)
        return len(batch.contrasts) * len(self.exposures_ms) * self.trials_per_cell

    @property
    def sentinel_exposures_ms(self) -> tuple[int | None, ...]:
        """The exposures of sentinels: the stated one, else the trials' own that are long enough to see it.

        A sentinel must be plain to whoever looks: exposures of a second and more are, else the longest.
        """
        if self.sentinel_exposure_ms is not None or self.mode == "unlimited-time":
            return (self.sentinel_exposure_ms,)
        stated = [exposure for exposure in self.exposures_ms if exposure is not None]
        return tuple(exposure for exposure in stated if exposure >= PLAIN_MS) or (max(stated),)

    @property
    def known_per_hit(self) -> int:
        """Number of a HIT's trials whose answer is known: practice trials and sentinels."""
        return self.practice_trials + self.sentinels_per_hit

    def trials_per_hit(self, batch: Batch) -> int:
        """Return the number of a HIT's trials: practice, genuine, sentinels."""
        return self.practice_trials + self.genuine_per_hit(batch) + self.sentinels_per_hit

    @property
    def conditions(self) -> tuple[str, ...]:
        """Every condition whose images are needed, in the order of their first mention."""
        named = [*self.shown, *(name for contrast in self.contrasts for name in contrast)]
        if self.sentinels == "condition" and (self.sentinels_per_hit or self.practice_trials):
            named += [self.real or "", *(batch.sentinel or "" for batch in self.batches)]
        return tuple(dict.fromkeys(filter(None, named)))

    def to_json(self) -> dict[str, Any]:
        """Return the experiment as study.json holds it; `Experiment.from_json` reads it back.

        What a study without a rule for stopping, or without a choice of sentinels, would say is left out.
        """
        usual = {field.name: field.default for field in fields(self) if field.name in LEFT_OUT}
        value = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _plain(one) for name, one in value.items() if name not in usual or one != usual[name]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Experiment:
        """Read what `to_json` wrote; GlimpseError for missing and unknown keys and values of a wrong kind."""
        _check_keys("experiment", value, {field.name for field in fields(cls)}, LEFT_OUT)
        stated = value.get("stop_when")
        try:
            return cls(
                **{
                    **value,
                    "stop_when": None if stated is None else StopRule.from_json(stated),
                    **_of_single(value),
                    "questions": questions_of(value),
                    "contrasts": _contrasts(value["contrasts"]),
                    "batches": tuple(_batch(batch) for batch in value["batches"]),
                    "exposures_ms": tuple(value["exposures_ms"]),
                    "reward_usd": Decimal(value["reward_usd"]),
                }
            )
        except (TypeError, ValueError, InvalidOperation) as error:
            raise GlimpseError(f"experiment holds a value of a wrong kind: {error}.") from error


def _of_single(value: Mapping[str, Any]) -> dict[str, Any]:
    """Read what one image at a time alone states."""
    found: dict[str, Any] = {}
    if "shown" in value:
        found["shown"] = tuple(map(str, value["shown"]))
    if value.get("staircase") is not None:
        found["staircase"] = StaircaseSettings.from_json(value["staircase"])
    return found


def preset(mode: str, name: str = "glimpse") -> Experiment:
    """Return a mode's defaults: `glimpse`; `paper`, as its text says; `authors`, as their files are.

    The conditions are the paper's; `designed` puts others in their place. GlimpseError for unknown words.
    """
    _check_choice("mode", mode, MODES)
    _check_choice("preset", name, PRESETS)
    if name in SINGLE_PRESETS:
        raise GlimpseError(f"--preset {name} belongs to --task single, one image at a time; name that, too.")
    limited = mode == "limited-time"
    contrasts: tuple[Contrast, ...] = (("crn", "real"), ("pix2pix", "real"), ("crn", "pix2pix"))
    if not limited:
        contrasts = tuple(("crn", baseline) for baseline in PAPER_BASELINES)
    sentinel = "image-space" if limited or name == "glimpse" else None
    own = name == "glimpse"
    return Experiment(
        mode=cast("Mode", mode),
        preset=cast("PresetName", name),
        real="real",
        sentinel=sentinel,
        contrasts=contrasts,
        batches=_batches(cast("Mode", mode), contrasts, sentinel),
        exposures_ms=PAPER_EXPOSURES_MS if limited else (None,),
        sentinel_exposure_ms=4000 if limited and not own else None,
        pairing="same-item" if name == "authors" else "random",
        scenes="without-replacement" if own else "with-replacement",
        sides="balanced" if own else "random",
        hits_per_batch=10 if limited else 5,
        trials_per_cell=5 if limited else 100,
        sentinels_per_hit=5 if limited else 10,
        max_sentinels_in_a_row=2,
        max_wrong_sentinels=0 if limited else 1,
        practice_trials=0,
        break_every=30,
        workers_per_hit=20 if limited else 10,
        reward_usd=Decimal("2.00" if limited else "1.00"),
        time_allotted_minutes=30 if limited else 15,
    )


def designed(
    experiment: Experiment,
    *,
    contrasts: tuple[Contrast, ...],
    real: str | None,
    sentinel: str | None,
    **numbers: object,
) -> Experiment:
    """Return `experiment` with other conditions and, by field name, other numbers.

    In unlimited time each contrast is a batch; without `sentinel` its sentinels use the contrast's own second
    condition (or first, where the second is `real`), if there is a real one. GlimpseError as in `Experiment`.
    """
    known = {field.name for field in fields(experiment)}
    _check_keys("experiment", {**experiment.to_json(), **numbers}, known, LEFT_OUT)
    by_condition = numbers.get("sentinels", experiment.sentinels) == "condition"
    batches = _batches(experiment.mode, contrasts, sentinel, real if by_condition else None)
    changed = {"real": real, "sentinel": sentinel, "contrasts": contrasts, "batches": batches, **numbers}
    return replace(experiment, **cast("dict[str, Any]", changed))


def check_exclusion_rule(experiment: Experiment) -> None:
    """Raise GlimpseError where a HIT has too few sentinels for anybody to be excluded; results may be so."""
    allowed, sentinels = experiment.max_wrong_sentinels, experiment.sentinels_per_hit
    if 0 < sentinels <= allowed:
        raise GlimpseError(
            f"max_wrong_sentinels is {allowed} and sentinels_per_hit {sentinels}, so nobody could ever be "
            "excluded; the first must be smaller than the second. Lower --max-wrong-sentinels, or raise "
            "--sentinels-per-hit."
        )


def shorter(experiment: Experiment) -> str:
    """Return the option of build-hits that makes this experiment's HITs shorter."""
    return "--trials-per-cell" if experiment.hit_trials is None else "--trials-per-hit"


def _batches(
    mode: Mode, contrasts: tuple[Contrast, ...], sentinel: str | None, real: str | None = "real"
) -> tuple[Batch, ...]:
    """Return one batch for limited time and one a contrast for unlimited time."""
    if mode == "limited-time":
        return (Batch("b1", contrasts, sentinel),)
    return tuple(
        Batch(f"b{number}", ((a, b),), sentinel or (None if real is None else a if b == real else b))
        for number, (a, b) in enumerate(contrasts, start=1)
    )


def _contrasts(value: Any) -> tuple[Contrast, ...]:
    """Read [["a", "b"], ...]; ValueError for another shape."""
    return tuple((str(a), str(b)) for a, b in value)


def _batch(value: Mapping[str, Any]) -> Batch:
    """Read one batch of study.json."""
    _check_keys("experiment.batches", value, {field.name for field in fields(Batch)}, frozenset({"shown"}))
    shown = tuple(map(str, value.get("shown", ())))
    return Batch(str(value["batch"]), _contrasts(value["contrasts"]), value["sentinel"], shown)


def _plain(value: Any) -> Any:
    """Turn a field's value into what JSON can hold; money becomes a string."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Batch):
        own = {"batch": value.batch, "contrasts": _plain(value.contrasts), "sentinel": value.sentinel}
        return {**own, "shown": list(value.shown)} if value.shown else own
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.to_json() if isinstance(value, StopRule | Question | StaircaseSettings) else value


def _check_keys(
    where: str, value: Mapping[str, Any], known: set[str], optional: frozenset[str] = frozenset()
) -> None:
    """Refuse keys that nobody would read and name those that are missing."""
    if unknown := sorted(set(value) - known):
        raise GlimpseError(
            f"{where} has unknown keys: {', '.join(unknown)}. Known are {', '.join(sorted(known))}."
        )
    if missing := sorted(known - optional - set(value)):
        raise GlimpseError(f"{where} lacks: {', '.join(missing)}.")


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is not among the allowed ones."""
    if value not in allowed:
        raise GlimpseError(f"{name} is {value!r}; allowed are {', '.join(allowed)}.")


def _check_choices(experiment: Experiment) -> None:
    """Check the fields that take one of a few words."""
    _check_choice("mode", experiment.mode, MODES)
    _check_choice("preset", experiment.preset, PRESETS)
    _check_choice("sentinels", experiment.sentinels, get_args(Sentinels))
    _check_choice("allocation", experiment.allocation, get_args(Allocations))
    _check_choice("task", experiment.task, TASKS)
    for name, words in (("pairing", Pairing), ("scenes", Scenes), ("sides", Sides)):
        value = getattr(experiment, name)
        if value is not None:
            _check_choice(name, value, get_args(words))
