"""What `import glimpse` gives of this package: a study planned, and built."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import glimpse.experiment as experiments
from glimpse.calling import flag, in_python, known, number, path_of, refuse, warn, whole, word, words
from glimpse.errors import GlimpseError
from glimpse.experiment import Experiment, check_exclusion_rule
from glimpse.experiment_checks import SMALLEST
from glimpse.forms import FormField
from glimpse.questions import Question, only_question
from glimpse.stop_rule import StopRule

from .api_spreading import SPREADING, spread_as_asked
from .design.limits import check_words
from .design.study_fields import BY_NAME

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from decimal import Decimal
    from pathlib import Path

    from glimpse.study import Study

    from .building.building import Built

IMAGES = "give the path of a folder that holds one folder of images a condition"


class Numbers(TypedDict, total=False):
    """The numbers of an experiment, and how its trials are put together."""

    exposures_ms: Sequence[int]
    sentinel_exposure_ms: int
    pairing: str
    scenes: str
    sides: str
    hits_per_batch: int
    trials_per_cell: int
    trials_per_hit: int
    allocation: str
    first: int
    sentinels_per_hit: int
    max_sentinels_in_a_row: int
    max_wrong_sentinels: int
    practice_trials: int
    break_every: int
    workers_per_hit: int
    reward_usd: str | float | Decimal
    time_allotted_minutes: int
    stop_when: str | None
    sentinels: str
    sentinel_question: str


WORDS = ("pairing", "scenes", "sides", "sentinels", "sentinel_question")


class About(TypedDict, total=False):
    """What stands with a study's images, and what its pages say beside the questions."""

    context_text: str | os.PathLike[str]
    context_image: str | os.PathLike[str]
    context_when: str
    sentinel_file: str | os.PathLike[str]
    sentinel_keep_sides: bool
    form: Sequence[Mapping[str, Any]]
    language: str
    wording: str | os.PathLike[str]
    contact: str
    institution: str
    ethics: str
    comment: bool
    frame_rate: float
    clip_seconds: float
    trim: bool
    play: str
    again: bool
    must_see_all: bool
    least_hourly: str | float | Decimal
    exclude: str | Sequence[str]


PATHS = ("context_text", "context_image", "sentinel_file", "wording", "exclude")
FLAGS = ("sentinel_keep_sides", "comment", "allow_missing", "trim", "again", "must_see_all")
NUMBERS_GIVEN = ("pixel_ratio", "frame_rate", "clip_seconds", "least_hourly")
WHOLE = {"seed": 0, "fixation_ms": 0, "display_width": 1}  # each with its smallest value


@in_python
def plan_study(
    images: str | os.PathLike[str] | Sequence[str],
    *,
    mode: str = "limited-time",
    preset: str = "glimpse",
    questions: str | Sequence[str | Mapping[str, Any]] = (),
    real: str | None = None,
    sentinel: str | None = None,
    contrasts: Sequence[str | tuple[str, str]] = (),
    ours: str | None = None,
    baselines: Sequence[str] = (),
    **numbers: Unpack[Numbers],
) -> Experiment:
    """Plan a study: which conditions are compared, at which exposures, by how many people; write nothing.

    Args:
        images: The folder of images, one folder a condition; or the names of the conditions, to plan before
            there are images.
        mode: "limited-time" shows each pair for one of several exposures, "unlimited-time" until the answer.
        preset: Whose numbers: "glimpse", "paper", "authors"; `plan_single` has "hype-infinity", "hype-time".
        questions: What is asked of each pair: a text, or for each question a mapping with `name`, `text`,
            `answer` ("choice", "choice-or-tie", "scale-5" or "scale-7") and `labels`. Empty: "Which image is
            more realistic?"
        real: The condition of real photographs; None: real, if there is one; "": nothing is a photograph.
        sentinel: The condition whose images, beside real ones, are sentinels, trials with a known answer;
            None: image-space, if there is one.
        contrasts: Conditions to compare, each as "a:b" or ("a", "b"). Empty: in limited time every two but
            the sentinels', in unlimited time `ours` with each baseline.
        ours, baselines: In unlimited time, the condition that is compared with each of `baselines`; None and
            empty: crn, and all other conditions.
        **numbers: Numbers that take the place of the preset's: exposures_ms, sentinel_exposure_ms, pairing
            ("random" or "same-item"), scenes ("without-replacement" or "with-replacement"), sides ("balanced"
            or "random"), hits_per_batch, trials_per_cell (in one HIT), trials_per_hit (cells are spread over
            HITs, each equally often), allocation ("fixed", or "adaptive": our own server draws each
            assignment's trials), first (with "adaptive": how many leading conditions are to be told apart, at
            the others' cost), sentinels_per_hit, max_sentinels_in_a_row, max_wrong_sentinels (more exclude
            an assignment), practice_trials, break_every (trials), workers_per_hit, reward_usd (of a HIT),
            time_allotted_minutes, stop_when (when the study may stop early, such as "excludes-chance" or
            "width=0.10"), sentinels (where known answers come from: "condition", "file" or "mismatch"),
            sentinel_question (the name of the question that they answer).

    Returns:
        Experiment, which `glimpse.build_study` and `glimpse.power_table` take. Its fields are the numbers
        above; `trials_per_hit(batch)`, `hits` and `cells` count.

    Raises:
        ArgumentError: An argument has a wrong type, or there is no number of that name.
        GlimpseError: A condition is not among the images, or no study can have such a number.

    Source:
        Chen & Koltun (2017), Section 5 and supplement: the presets "paper" and "authors".

    Example:
        >>> import glimpse
        >>> experiment = glimpse.plan_study("images", hits_per_batch=4, reward_usd="1.50")
        >>> experiment
        <Experiment: limited-time, 3 contrasts at 7 exposures, 4 HITs for 20 workers each at $1.50>
        >>> [experiment.trials_per_hit(batch) for batch in experiment.batches]
        [110]
    """
    from .design.contrasts import infer

    known("plan_study", numbers, {*Numbers.__annotations__, *signature(plan_study).parameters} - {"numbers"})
    experiment = infer(
        _preset(mode, preset),
        _conditions(images),
        real=None if real is None else word("real", real),
        sentinel=None if sentinel is None else word("sentinel", sentinel),
        contrasts=_contrasts(contrasts),
        ours=None if ours is None else word("ours", ours),
        baselines=words("baselines", baselines),
        numbers=_numbers({name: one for name, one in numbers.items() if name not in SPREADING}, questions),
    )
    experiment = spread_as_asked(experiment, numbers)
    check_exclusion_rule(experiment)
    return experiment


@in_python
def build_study(
    images: str | os.PathLike[str],
    experiment: Experiment | None = None,
    out: str | os.PathLike[str] = "study",
    *,
    seed: int = 0,
    title: str | None = None,
    description: str | None = None,
    question: str | None = None,
    consent: str | Sequence[str] | None = None,
    display_width: int | None = None,
    display: str = "fixed",
    fixation_ms: int = 600,
    encoding: str = "auto",
    check: str = "auto",
    pixel_ratio: float = 2,
    allow_missing: bool = False,
    replace: bool = False,
    **about: Unpack[About],
) -> Study:
    """Turn folders of images into a study: designed, checked, frozen in a folder.

    The folder is what `glimpse build-hits` writes: `glimpse preview` shows it, `glimpse publish` puts it
    online. What its designer should know, such as scenes that a worker meets twice, comes as a UserWarning,
    and stands in design.html.

    Args:
        images: The folder of images: one folder a condition, files of one name showing one scene. PNG, JPEG,
            WebP, AVIF, TIFF and the like; images that stand beside each other have one size. Or a study
            file, study.toml, which says all that follows, and the experiment; arguments win over it.
        experiment: What `glimpse.plan_study` returned; None: `plan_study(images)`, or the study file's.
        out: The study's folder, which must be new.
        seed: The same seed and images give the same study.
        title, description: The title that workers see, and one sentence for the list of HITs.
        question: The only question on the page; None: the experiment's.
        consent: What participants agree to, one text or a list of paragraphs; None: a general one.
        display_width: Width of an image on the screen, in CSS pixels; None: the images', at most what
            fits a laptop's window, 586 x 314.
        display: "fixed", or "fit": as large as a window has room for, up to the images' own size or
            `display_width`.
        fixation_ms: Time from a trial's start to its images, in ms.
        encoding: How images are stored: "auto" (as they are if all are encoded alike, else PNG), "keep",
            "png", "jpeg" or "webp".
        check: Which images are looked at: those that are "drawn", "all", or "auto": all, up to 5,000.
        pixel_ratio: Pixels kept of an image for each that is shown; larger images are scaled down.
        allow_missing: Leave out items that not every condition has.
        replace: Replace a study in `out` that was never published.
        **about: What stands with the images, and what pages say: context_text (prompts by item: a table
            item,text, a metadata.jsonl, or a folder of .txt files), context_image (a folder of reference
            images), context_when ("with" the pair, or "before" it), sentinel_file (a table
            left,right,correct), sentinel_keep_sides, form (fields, each a mapping with `name`, `text`,
            `kind`, `options`, `when`, `required`), language ("en"), wording (a TOML file of texts), contact,
            institution, ethics, comment (ask for one), least_hourly (dollars), exclude (results or studies
            whose people are kept out). Of clips: frame_rate, clip_seconds, trim, play, again, must_see_all.

    Returns:
        Study: `folder`, `experiment`, `trials` (one Trial a trial), `hits`, `stimuli`.

    Raises:
        ArgumentError: An argument has a wrong type.
        GlimpseError: A condition or an item is missing, an image cannot be read or has another size, or
            `out` exists. Nothing is written then.

    Example:
        >>> import glimpse
        >>> numbers = {"trials_per_cell": 1, "sentinels_per_hit": 3, "hits_per_batch": 2}
        >>> experiment = glimpse.plan_study("images", pairing="same-item", **numbers)
        >>> asked = {"question": "Which image looks real?", "contact": "me@lab.org"}
        >>> glimpse.build_study("images", experiment, "small-study", **asked)
        <Study in small-study: 2 HITs of 24 trials, limited-time, 3 contrasts>
    """
    from .design.study_faults import faults_of

    known("build_study", about, {*About.__annotations__, *signature(build_study).parameters} - {"about"})
    folder = _folder(images, f"{IMAGES}, or that of a study file")
    target = path_of("out", out, "give the path of the study's folder to write")
    if not isinstance(experiment, Experiment | None):
        refuse("experiment", experiment, "give what glimpse.plan_study(images) returns")
    said = _said({
        "seed": seed, "title": title, "description": description, "question": question, "consent": consent,
        "display_width": display_width, "display": display, "fixation_ms": fixation_ms, "check": check,
        "encoding": encoding, "pixel_ratio": pixel_ratio, "allow_missing": allow_missing, **about,
    })  # fmt: skip
    with faults_of(folder if folder.suffix == ".toml" else None, said):
        built = _built(folder, experiment, target, said, force=flag("replace", replace))
    for warning in built.warnings:
        warn(warning)
    return built.study


def _built(
    folder: Path, experiment: Experiment | None, target: Path, said: dict[str, Any], *, force: bool
) -> Built:
    """Build a study of a folder of images, or of a study file, over which `said` wins."""
    from .building.building import build
    from .building.copies import copies
    from .building.requested import IMAGES as USUAL_IMAGES
    from .building.requested import experiment_of, making_of, spread_for_time
    from .design.context import without_references
    from .design.stimuli import find_images
    from .design.study_file import read_study_file
    from .recruiting.earlier import check_earlier

    file = folder if folder.suffix == ".toml" else None
    if file:
        said = read_study_file(file) | said
        folder = said.get("images", folder.parent / USUAL_IMAGES)
    check_earlier(said.get("exclude", ()))
    if "from_hits" in said:
        raise GlimpseError(f"{file} takes its design from a HIT file, which build-hits alone does.")
    found = find_images(folder)
    beforehand: list[str] = []
    if experiment is None:
        experiment = experiment_of(said, without_references(found, said.get("context_image")).conditions)
        experiment, beforehand = spread_for_time(experiment, said, found)
    elif "asked" in said:
        experiment = dataclasses.replace(experiment, questions=said["asked"])
    said |= {"task": "single"} if experiment.task == "single" else {}
    beside = copies(said, target, folder, file=file, experiment=experiment)
    making = making_of(said, experiment.questions, force=force, beside=beside)
    return build(
        found,
        experiment,
        target,
        making,
        allow_missing=said.get("allow_missing", False),
        pairing_asked="pairing" in said,
        beforehand=beforehand,
    )


def _preset(mode: object, name: object) -> Experiment:
    """Return the defaults of a mode."""
    if name in experiments.SINGLE_PRESETS:
        raise GlimpseError(f"{name} shows one image at a time: glimpse.plan_single(images, preset={name!r}).")
    return experiments.preset(word("mode", mode), word("preset", name))


def _conditions(images: object) -> tuple[str, ...]:
    """Return the conditions of a folder of images, or those that are named."""
    from .design.stimuli import find_images

    if isinstance(images, list | tuple):
        return words("images", images)
    return find_images(_folder(images, f"{IMAGES}, or the names of the conditions")).conditions


def _folder(images: object, wanted: str) -> Path:
    """Return the folder of images; GlimpseError for a study."""
    folder = path_of("images", images, wanted)
    if (folder / "study.json").is_file():
        raise GlimpseError(f"{folder} is a study, not a folder of images; {wanted}.")
    return folder


def _contrasts(contrasts: object) -> list[str]:
    """Return contrasts as a:b."""
    found = []
    for contrast in contrasts if isinstance(contrasts, list | tuple) else [contrasts]:
        pair = contrast if isinstance(contrast, tuple) else (contrast,)
        if not all(isinstance(name, str) for name in pair) or len(pair) > 2:
            refuse("contrasts", contrasts, 'give a list of "a:b", or of ("a", "b")')
        found.append(":".join(pair))
    return found


def _numbers(numbers: Mapping[str, object], questions: object) -> dict[str, object]:
    """Return the numbers of an experiment, and its questions, as it takes them."""
    found = {
        name: _number(name, value)
        for name, value in numbers.items()
        if not (name == "stop_when" and value is None)  # its default
    }
    several = questions if isinstance(questions, list | tuple) else (questions,)
    return {**found, **({"questions": tuple(map(_question, several))} if several else {})}


def _question(value: object) -> Question:
    """Return a question, of a text or of a mapping as study files have it."""
    if isinstance(value, str):
        check_words("question", value)
        return only_question(value)
    if not isinstance(value, Mapping):
        refuse("questions", value, "give a text, or a list of mappings with name, text and answer")
    return Question.from_json(dict(value))


def _number(name: str, value: object) -> object:
    """Return a number of an experiment as it takes it; ArgumentError for a wrong type."""
    if name in WORDS:
        return word(name, value)
    if name == "stop_when":
        return StopRule.parse(word(name, value))
    if name == "exposures_ms":
        several = value if isinstance(value, list | tuple | range) else [value]
        return tuple(whole(f"exposures_ms[{place}]", item, 1) for place, item in enumerate(several))
    return str(value) if name == "reward_usd" else whole(name, value, SMALLEST.get(name, 1))


def _said(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what arguments say that is not their default, by the names that study files have for it."""
    said: dict[str, Any] = {}
    defaults = {name: one.default for name, one in signature(build_study).parameters.items()}
    for name, value in given.items():
        if name in defaults and (
            value is None or (type(value), value) == (type(defaults[name]), defaults[name])
        ):
            continue
        if name == "question":
            said["asked"] = (_question(word(name, value)),)
        elif name == "consent":
            said[name] = "\n\n".join(words(name, value))
            check_words("--consent", said[name])
        elif name == "form":
            said[name] = tuple(FormField.from_json(one) for one in value)
        elif name in PATHS:
            said[name] = words(name, value) if name == "exclude" else path_of(name, value, "give a path")
        elif name in FLAGS:
            said[name] = flag(name, value)
        elif name in WHOLE:
            said[name] = whole(name, value, WHOLE[name])
        elif name in NUMBERS_GIVEN:
            said[name] = str(value) if name == "least_hourly" else number(name, value)
        else:
            said[name] = word(name, value, BY_NAME[name].allowed)
    return said
