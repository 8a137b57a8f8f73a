"""One image at a time: the experiment that was asked for, or that the conditions suggest. Pure.

The presets "hype-infinity" and "hype-time" follow Zhou et al. (2019), "HYPE: A Benchmark for Human eYe
Perceptual Evaluation of Generative Models" (NeurIPS 2019, arXiv 1904.01121), in the numbers that our notes
have of it; its text was not at hand when this was written. docs/one-image.md says where ours differs, and
why.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from glimpse.errors import GlimpseError
from glimpse.experiment import SINGLE_PRESETS, Batch, preset
from glimpse.single import USUAL_TRIALS
from glimpse.single_plan import check_enough
from glimpse.staircase import StaircaseSettings

from .contrasts import USUAL_REAL, USUAL_SENTINEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glimpse.experiment import Experiment, Mode, PresetName
    from glimpse.questions import Question

# What is stated of pairs alone, and of one image at a time alone, by the names of `study_fields`.
OF_PAIRS = (
    "contrasts", "ours", "baselines", "pairing", "scenes", "sides", "context_text", "context_image",
    "context_when", "sentinel_mismatch", "sentinel_keep_sides", "stop_when", "from_hits", "trim",
    "first",
)  # fmt: skip
OF_SINGLE = (
    "shown", "real_share", "blocks", "systems_apart", "feedback", "start_ms", "least_ms", "most_ms",
    "longer_ms", "shorter_ms", "rights",
)  # fmt: skip
STAIRS = OF_SINGLE[5:]


def is_single(said: Mapping[str, Any]) -> bool:
    """Tell whether one image at a time is asked for; GlimpseError where a preset and the task disagree."""
    name, task = said.get("preset_name", "glimpse"), said.get("task")
    if name in SINGLE_PRESETS and task == "pairs":
        raise GlimpseError(f"--preset {name} shows one image at a time; leave --task pairs out.")
    return task == "single" or name in SINGLE_PRESETS


def refuse_foreign(said: Mapping[str, Any], *, single: bool) -> None:
    """Raise GlimpseError for what is stated, and belongs to the other task; the message names the option."""
    from .study_fields import BY_NAME

    for name in OF_PAIRS if single else OF_SINGLE:
        if said.get(name) not in {None, (), False}:
            task = "pairs" if single else "single"
            raise GlimpseError(
                f"{BY_NAME[name].option} belongs to --task {task}; this study shows "
                f"{'one image at a time' if single else 'pairs'}. Leave it out."
            )
    if not single and said.get("allocation") == "staircase":
        raise GlimpseError(
            "--allocation staircase belongs to --task single; this study shows pairs. Allowed are fixed and "
            "adaptive: give one of these, or leave it out."
        )


def single_preset(mode: Mode, name: PresetName, question: Question) -> Experiment:
    """Return a mode's defaults of one image at a time, with conditions that `shown` are put in place of.

    GlimpseError for a preset of pairs, and for a mode that a preset has not.
    """
    if name not in {"glimpse", *SINGLE_PRESETS}:
        allowed = ", ".join(["glimpse", *SINGLE_PRESETS])
        raise GlimpseError(
            f"--preset {name} belongs to --task pairs; with --task single there are {allowed}."
        )
    pairs = preset(mode)
    usual = replace(
        pairs,
        preset=name,
        sentinel="image-space",
        contrasts=(),
        batches=(Batch("b1", (), "image-space", ("crn", "real")),),
        pairing=None,
        sides=None,
        trials_per_cell=5,
        questions=(question,),
        hit_trials=USUAL_TRIALS + pairs.sentinels_per_hit,
        task="single",
        shown=("crn", "real"),
    )
    return _hype(usual) if name in SINGLE_PRESETS else usual


def _hype(usual: Experiment) -> Experiment:
    """Return the numbers of HYPE-infinity: 30 people a system, each with 50 real images and 50 of the system.

    Of HYPE-time: three blocks of 150 images, half of them real, each a staircase. Nobody answers for two
    systems, and there are no sentinels.
    """
    found = replace(
        usual,
        sentinel=None,
        batches=(Batch("b1", (), None, ("crn", "real")),),
        sentinels_per_hit=0,
        max_wrong_sentinels=0,
        hits_per_batch=30,
        workers_per_hit=1,
        hit_trials=100,
        time_allotted_minutes=30,
    )
    if usual.preset == "hype-infinity":
        return found
    stairs = StaircaseSettings()
    return replace(
        found,
        exposures_ms=(stairs.start_ms,),
        allocation="staircase",
        staircase=stairs,
        feedback=True,
        hit_trials=450,
        blocks=3,
        break_every=75,
        reward_usd=Decimal("7.00"),
        time_allotted_minutes=90,
    )


def single_experiment(
    said: Mapping[str, Any], conditions: Sequence[str], numbers: Mapping[str, Any]
) -> Experiment:
    """Return the experiment over the conditions at hand.

    Args:
        said: What was stated, by the names of `study_fields`.
        conditions: The conditions that there are images of.
        numbers: The fields of an experiment that were stated; its questions always are.

    Raises:
        GlimpseError: There is no real condition, no other one, or a number that no study can have.
    """
    refuse_foreign(said, single=True)
    name = cast("PresetName", said.get("preset_name", "glimpse"))
    mode = cast("Mode", said.get("mode") or SINGLE_PRESETS.get(name, "limited-time"))
    if name in SINGLE_PRESETS and mode != SINGLE_PRESETS[name]:
        raise GlimpseError(f"--preset {name} is of --mode {SINGLE_PRESETS[name]}; leave --mode {mode} out.")
    numbers = dict(numbers)
    usual = single_preset(mode, name, numbers["questions"][0])
    numbers |= _stairs(said, numbers, usual)
    if "trials_per_cell" in numbers and "hit_trials" in numbers:
        raise GlimpseError(
            "--trials-per-hit and --trials-per-cell both say how long a HIT is; give one of them."
        )
    if "trials_per_cell" in numbers:
        numbers["hit_trials"] = None
    _check_modes(mode, numbers)
    for one in ("real_share", "blocks", "feedback"):
        if one in said:
            numbers[one] = float(said[one]) if one == "real_share" else said[one]
    known = numbers.get("sentinels", usual.sentinels) == "condition" and any(
        numbers.get(count, getattr(usual, count)) for count in ("sentinels_per_hit", "practice_trials")
    )
    real = _real(said.get("real"), conditions)
    sentinel = _sentinel(said.get("sentinel"), conditions, needed=known)
    shown = _shown(said.get("shown", ()), conditions, real, sentinel)
    apart = said.get("systems_apart", name in SINGLE_PRESETS)
    groups = [(one, real) for one in shown if one != real] if apart else [shown]
    batches = tuple(Batch(f"b{place}", (), sentinel, group) for place, group in enumerate(groups, start=1))
    return replace(usual, real=real, sentinel=sentinel, shown=shown, batches=batches, **numbers)


def fitted(
    experiment: Experiment, said: Mapping[str, Any], items: Mapping[str, Sequence[str]]
) -> tuple[Experiment, list[str]]:
    """Return the experiment with HITs as short as its images allow, and what to say of it.

    Only where nobody said how long HITs are, and it is no preset's number: else GlimpseError says what lacks.
    """
    if {"hit_trials", "trials_per_cell"} & set(said) or experiment.preset in SINGLE_PRESETS:
        return experiment, []
    trials, least = experiment.hit_trials or 0, experiment.known_per_hit + 2 * experiment.blocks
    for length in range(trials, least - 1, -1):
        found = replace(experiment, hit_trials=length)
        try:
            for batch in found.batches:
                check_enough(found, batch, items)
        except GlimpseError:
            continue
        if length == trials:
            return found, []
        compared = length - found.known_per_hit
        return found, [
            (
                f"HITs have {compared} images beside sentinels, not {USUAL_TRIALS}: nobody sees an image "
                "twice, and there are no more. Bring more images, or set another number with "
                "--trials-per-hit."
            )
        ]
    return experiment, []


def _stairs(said: Mapping[str, Any], numbers: Mapping[str, Any], usual: Experiment) -> dict[str, Any]:
    """Return what is stated of a staircase; GlimpseError for its numbers without one."""
    allocation = numbers.get("allocation", usual.allocation)
    if allocation == "adaptive":
        raise GlimpseError("--allocation adaptive draws pairs, and belongs to --task pairs. Leave it out.")
    stated = {name: said[name] for name in STAIRS if name in said}
    if allocation != "staircase":
        if stated or said.get("feedback"):
            from .study_fields import BY_NAME

            option = BY_NAME[next(iter(stated), "feedback")].option
            raise GlimpseError(f"{option} is of a staircase; add --allocation staircase, or leave it out.")
        return {"allocation": allocation, "staircase": None, "feedback": False}
    if "exposures_ms" in numbers:
        raise GlimpseError(
            "--exposure-ms does not go with a staircase, which begins at --staircase-start-ms."
        )
    settings = replace(usual.staircase or StaircaseSettings(), **stated)
    found: dict[str, Any] = {"allocation": "staircase", "staircase": settings}
    found["exposures_ms"] = (settings.start_ms,)
    return found


def _check_modes(mode: Mode, numbers: Mapping[str, Any]) -> None:
    """Refuse exposures in unlimited time, where images stay until the answer."""
    for name in ("exposures_ms", "sentinel_exposure_ms"):
        if mode == "unlimited-time" and numbers.get(name) not in {None, (None,)}:
            option = "--" + name.replace("exposures", "exposure").replace("_", "-")
            raise GlimpseError(
                f"{option} belongs to --mode limited-time; in unlimited time images stay until the answer. "
                "Leave it out."
            )


def _real(name: str | None, conditions: Sequence[str]) -> str:
    """Return the condition of real images; GlimpseError where there is none."""
    chosen = USUAL_REAL if name is None else name
    if chosen not in conditions:
        lacking = f"there is no condition {chosen!r}" if chosen else "nothing is real"
        raise GlimpseError(
            f"One image at a time is real or generated, and {lacking}; found are {', '.join(conditions)}. "
            "Name "
            "the real one with --real."
        )
    return chosen


def _sentinel(name: str | None, conditions: Sequence[str], *, needed: object) -> str | None:
    """Return the condition of images that are plainly generated; GlimpseError where one is needed."""
    if name is not None and name not in conditions:
        raise GlimpseError(
            f"--sentinel: there is no condition {name!r} among the images; found are {', '.join(conditions)}."
        )
    if name is None and USUAL_SENTINEL in conditions:
        return USUAL_SENTINEL if needed else None
    if name is None and needed:
        raise GlimpseError(
            f"Sentinels need a condition that is plainly generated; there is no {USUAL_SENTINEL!r} among "
            f"{', '.join(conditions)}. Name one with --sentinel, take known answers from --sentinel-file, or "
            "do without: --sentinels-per-hit 0."
        )
    return name


def _shown(
    named: Sequence[str], conditions: Sequence[str], real: str, sentinel: str | None
) -> tuple[str, ...]:
    """Return the conditions that are shown, the real one last; GlimpseError where none is generated."""
    for name in named:
        if name not in conditions:
            raise GlimpseError(
                f"--condition: there is no condition {name!r} among the images; found are "
                f"{', '.join(conditions)}."
            )
    usual = [name for name in conditions if name not in {real, sentinel}]
    generated = [name for name in dict.fromkeys(named or usual) if name != real]
    if not generated:
        raise GlimpseError(
            f"Nothing is generated among {', '.join(conditions)}: {real!r} is real"
            + (f", and {sentinel!r} the sentinels'" if sentinel else "")
            + ". Add a condition, or name one with --condition."
        )
    return (*generated, real)
