"""What `import glimpse` gives of studies of one image at a time: such a study planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from inspect import signature
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from glimpse.calling import flag, in_python, known, number, path_of, refuse, warn, whole, word, words
from glimpse.errors import GlimpseError
from glimpse.experiment import SINGLE_PRESETS
from glimpse.experiment_checks import SMALLEST
from glimpse.questions import SINGLE_KINDS, SINGLE_QUESTION
from glimpse.staircase import StaircaseSettings

from .design.limits import check_words

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from decimal import Decimal

    from glimpse.experiment import Experiment

IMAGES = "give the path of a folder that holds one folder of images a condition, or the names of conditions"
RULE = 'give a dict such as {"longer_ms": 30, "shorter_ms": 10, "rights": 1}'


class SingleNumbers(TypedDict, total=False):
    """The numbers of an experiment of one image at a time."""

    sentinel: str
    systems_apart: bool
    real_share: float
    exposures_ms: Sequence[int]
    staircase: Mapping[str, int]
    feedback: bool
    trials_per_hit: int
    blocks: int
    sentinels_per_hit: int
    max_wrong_sentinels: int
    practice_trials: int
    hits_per_batch: int
    workers_per_hit: int
    reward_usd: str | float | Decimal
    time_allotted_minutes: int


@in_python
def plan_single(
    images: str | os.PathLike[str] | Sequence[str],
    *,
    preset: str = "glimpse",
    mode: str | None = None,
    question: str | None = None,
    answer: str = "real-or-generated",
    real: str | None = None,
    conditions: Sequence[str] = (),
    **numbers: Unpack[SingleNumbers],
) -> Experiment:
    """Plan a study of one image at a time, each real or generated; write nothing.

    Args:
        images: The folder of images, one folder a condition; or the names of the conditions, to plan before
            there are images.
        preset: Whose numbers: "glimpse", "hype-infinity" (no time limit) or "hype-time" (staircases).
        mode: "limited-time" shows each image for one of several exposures, "unlimited-time" until the answer;
            None: the preset's, else "limited-time".
        question: The question on the page; None: whether the image is real or generated.
        answer: "real-or-generated"; or "confidence-4" or "confidence-6", which ask how sure people are, too.
        real: The condition of real images; None: real.
        conditions: The generated conditions to show; empty: all but the sentinels'.
        **numbers: What takes the place of the preset's numbers: sentinel (the condition that is plainly
            generated, whose images are sentinels), systems_apart (each generated condition has HITs of its
            own), real_share (0.5), exposures_ms (in limited time), staircase (what is other in the rule by
            which our server chooses exposures: a mapping with start_ms, least_ms, most_ms, longer_ms,
            shorter_ms, rights; it makes the study one with a staircase), feedback (a staircase's page says
            after each answer if it was right), trials_per_hit (sentinels and practice too), blocks (of a HIT,
            each balanced, each a staircase of its own), sentinels_per_hit, max_wrong_sentinels,
            practice_trials, hits_per_batch, workers_per_hit, reward_usd, time_allotted_minutes.

    Returns:
        Experiment, which `glimpse.build_study` takes.

    Raises:
        ArgumentError: An argument has a wrong type.
        GlimpseError: A condition is not among the images, or no study can have such a number.

    Source:
        Zhou et al. (2019), HYPE: the presets "hype-infinity" and "hype-time"; docs/one-image.md says where
        ours differ.

    Example:
        >>> import glimpse
        >>> glimpse.plan_single(["real", "mine"], preset="hype-time", hits_per_batch=10)
        <Experiment: limited-time, 2 conditions at 1 exposure, 10 HITs for 1 worker each at $7.00>
    """
    from .building.requested import experiment_of, spread_for_time
    from .design.stimuli import find_images

    known(
        "plan_single",
        numbers,
        {*SingleNumbers.__annotations__, *signature(plan_single).parameters} - {"numbers"},
    )
    kind = word("answer", answer, SINGLE_KINDS)
    said: dict[str, Any] = {
        "task": "single",
        "preset_name": word("preset", preset, ("glimpse", *SINGLE_PRESETS)),
        "asked": [replace(SINGLE_QUESTION, text=_text(question), answer=kind)],
        "shown": words("conditions", conditions),
    }
    said |= {name: word(name, one) for name, one in (("mode", mode), ("real", real)) if one is not None}
    for name, value in numbers.items():
        said |= _stated(name, value)
    if isinstance(images, list | tuple):
        return experiment_of(said, words("images", images))
    folder = path_of("images", images, IMAGES)
    if (folder / "study.json").is_file():
        raise GlimpseError(f"{folder} is a study, not a folder of images; {IMAGES}.")
    found = find_images(folder)
    experiment, warnings = spread_for_time(experiment_of(said, found.conditions), said, found)
    for warning in warnings:
        warn(warning)
    return experiment


def _text(question: str | None) -> str:
    if question is None:
        return SINGLE_QUESTION.text
    check_words("question", word("question", question))
    return question


def _stated(name: str, value: Any) -> dict[str, Any]:
    """Return what one of the numbers says, by the names of `study_fields`; ArgumentError for a wrong type."""
    if name == "staircase":
        return _staircase(value)
    if name == "exposures_ms":
        several = value if isinstance(value, list | tuple | range) else [value]
        return {name: tuple(whole(f"{name}[{place}]", one, 1) for place, one in enumerate(several))}
    if name in {"systems_apart", "feedback"}:
        return {name: flag(name, value)}
    if name == "sentinel":
        return {name: word(name, value)}
    if name in {"real_share", "reward_usd"}:
        return {name: number(name, value) if name == "real_share" else str(value)}
    return {"hit_trials" if name == "trials_per_hit" else name: whole(name, value, SMALLEST.get(name, 1))}


def _staircase(rule: Any) -> dict[str, Any]:
    if not isinstance(rule, Mapping):
        refuse("staircase", rule, RULE)
    known("staircase", rule, [field.name for field in fields(StaircaseSettings)])
    return {"allocation": "staircase", **{name: whole(name, value, 1) for name, value in rule.items()}}
