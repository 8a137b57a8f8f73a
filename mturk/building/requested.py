"""What a requester asked for, in a study file, by options or as arguments -> the experiment, and its making.

`said` holds the stated things alone, by their names in `design.study_fields`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from glimpse.console import versions
from glimpse.context import Context
from glimpse.errors import GlimpseError
from glimpse.experiment import check_exclusion_rule, preset
from glimpse.language import SOURCE, language, read_wording
from glimpse.progress import untracked
from glimpse.questions import DEFAULT_QUESTION, SINGLE_QUESTION, Question
from glimpse.stop_rule import StopRule

from ..design.context import read_contexts
from ..design.contrasts import infer, money
from ..design.cuts import CutSettings
from ..design.limits import TITLE
from ..design.singles import fitted, is_single, refuse_foreign, single_experiment
from ..design.sources import Sources
from ..design.spreading import drawn, spread, spread_where_needed
from ..design.study_fields import BY_NAME
from ..page.consent import read_consent
from .building import Making, Texts
from .imaging import PIXEL_RATIO
from .pay import LEAST_HOURLY_USD
from .single_rows import shown_items

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glimpse.experiment import Experiment
    from glimpse.language import Language
    from glimpse.progress import Track

    from ..design.stimuli import Images

IMAGES = Path("images")
# What a HIT file says nothing about.
BESIDE_A_FILE = (
    "max_wrong_sentinels",
    "break_every",
    "workers_per_hit",
    "reward_usd",
    "time_allotted_minutes",
    "stop_when",
)
NUMBERS = (
    *BESIDE_A_FILE,
    "pairing",
    "scenes",
    "sides",
    "hits_per_batch",
    "trials_per_cell",
    "hit_trials",
    "allocation",
    "first",
    "exposures_ms",
    "sentinels_per_hit",
    "sentinel_exposure_ms",
    "sentinel_question",
    "max_sentinels_in_a_row",
    "practice_trials",
)
# What a HIT file decides.
FILE_DECIDES = (
    "mode",
    "preset_name",
    "contrasts",
    "ours",
    "baselines",
    "allow_missing",
    "sentinel_file",
    "sentinel_mismatch",
    *(name for name in NUMBERS if name not in {*BESIDE_A_FILE, "practice_trials", "exposures_ms"}),
)
# What says nothing unless one of others is stated.
ONLY_WITH = {"sentinel_keep_sides": ("sentinel_file",), "context_when": ("context_text", "context_image")}
# What `page_settings` takes as it was stated.
PAGE = (
    "fixation_ms",
    "origins",
    "display_width",
    "display",
    "language",
    "contact",
    "institution",
    "ethics",
    "comment",
    "context_when",
    "play",
    "again",
    "must_see_all",
)


def numbers_of(said: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the fields of an experiment that were stated, of `names`, as the experiment holds them."""
    numbers = {name: said[name] for name in names if name in said}
    if "reward_usd" in numbers:
        numbers["reward_usd"] = money(str(numbers["reward_usd"]))
    if "stop_when" in numbers:
        numbers["stop_when"] = StopRule.parse(numbers["stop_when"])
    numbers["questions"] = tuple(said.get("asked") or [question_of(said)])
    return numbers


def experiment_of(said: Mapping[str, Any], conditions: Sequence[str]) -> Experiment:
    """Return the experiment over the conditions at hand; GlimpseError where there can be none such."""
    numbers = numbers_of(said, *NUMBERS)
    single = is_single(said)
    if not single:
        refuse_foreign(said, single=False)
    sources = [name for name in ("sentinel", "sentinel_file", "sentinel_mismatch") if said.get(name)]
    if len(sources) > 1:
        options = " and ".join("--" + name.replace("_", "-") for name in sources)
        raise GlimpseError(f"{options} both say where known answers come from; give one of them.")
    if sources and sources[0] != "sentinel":
        numbers["sentinels"] = sources[0].removeprefix("sentinel_")
    if single:
        experiment = single_experiment(said, conditions, numbers)
        check_exclusion_rule(experiment)
        return experiment
    trials, adaptive = numbers.pop("hit_trials", None), numbers.pop("allocation", "fixed") == "adaptive"
    first = numbers.pop("first", None) if adaptive else None
    if trials is not None and "trials_per_cell" in said:
        raise GlimpseError(
            "--trials-per-hit and --trials-per-cell both say how long a HIT is; give one of them."
        )
    if "pairing" not in said and (adaptive or "context_text" in said or "context_image" in said):
        numbers["pairing"] = "same-item"  # a prompt or reference is an item's own
    experiment = infer(
        preset(said.get("mode", "limited-time"), said.get("preset_name", "glimpse")),
        conditions,
        real=said.get("real"),
        sentinel=said.get("sentinel"),
        contrasts=said.get("contrasts", ()),
        ours=said.get("ours"),
        baselines=said.get("baselines", ()),
        numbers=numbers,
    )
    if adaptive:
        experiment = drawn(experiment, trials, said.get("hits_per_batch"), first)
    elif trials is not None:
        experiment = spread(experiment, trials, said.get("hits_per_batch"))
    check_exclusion_rule(experiment)
    return experiment


def spread_for_time(
    experiment: Experiment, said: Mapping[str, Any], images: Images
) -> tuple[Experiment, list[str]]:
    """Return the experiment, its cells spread over HITs if one with all takes too long; what to say.

    Of one image at a time, HITs are made as short as the images need.
    """
    if experiment.task == "single":
        return fitted(experiment, said, shown_items(images, experiment))
    contexts = read_contexts(said.get("context_text"), said.get("context_image"))
    items = contexts.texts or contexts.images
    read = [Context(contexts.text(item), "image" if contexts.images else "") for item in items]
    experiment, warning = spread_where_needed(experiment, said, read)
    return experiment, [warning] if warning else []


def stated_by(experiment: Experiment) -> dict[str, Any]:
    """Return all that an experiment says, by the names of `FIELDS`: `experiment_of` makes it again."""
    said = {name: getattr(experiment, name) for name in ("mode", "sentinel", *NUMBERS)}
    said = {name: value for name, value in said.items() if value not in {None, (None,)}}
    if experiment.task == "single":
        return _stated_by_single(experiment, said)
    if experiment.hit_trials is not None:
        del said["trials_per_cell"]
    if experiment.allocation == "fixed":
        del said["allocation"]
    said |= {"reward_usd": str(experiment.reward_usd), "preset_name": experiment.preset}
    said |= {"real": experiment.real or "", "asked": experiment.questions}
    said["contrasts"] = tuple(map(":".join, experiment.contrasts))
    if experiment.stop_when:
        said["stop_when"] = experiment.stop_when.typed()
    return said | ({"sentinel_mismatch": True} if experiment.sentinels == "mismatch" else {})


def _stated_by_single(experiment: Experiment, said: dict[str, Any]) -> dict[str, Any]:
    """Return all that an experiment of one image at a time says; `said`: what it shares with one of pairs."""
    del said["scenes"]
    if experiment.hit_trials is not None:
        del said["trials_per_cell"]
    stairs = experiment.staircase
    if stairs is not None:
        del said["exposures_ms"]
    if experiment.allocation == "fixed":
        del said["allocation"]
    said |= {"reward_usd": str(experiment.reward_usd), "preset_name": experiment.preset, "task": "single"}
    said |= {"real": experiment.real, "asked": experiment.questions, "real_share": experiment.real_share}
    said |= {"shown": experiment.shown[:-1], "blocks": experiment.blocks}
    said["systems_apart"] = len(experiment.batches) > 1 or len(experiment.shown) == 2
    return said | ({**stairs.to_json(), "feedback": experiment.feedback} if stairs else {})


def making_of(
    said: Mapping[str, Any],
    questions: Sequence[Question],
    *,
    force: bool = False,
    track: Track = untracked,
    beside: Mapping[str, bytes] | None = None,
) -> Making:
    """Return how the study is made; GlimpseError for a consent that cannot be read, or words to no effect."""
    for name, others in ONLY_WITH.items():
        if said.get(name) and not any(said.get(other) for other in others):
            needed = " or ".join(BY_NAME[other].option for other in others)
            raise GlimpseError(
                f"{BY_NAME[name].option} has no effect without {needed}; give that, or leave it out."
            )
    return Making(
        seed=said.get("seed", 0),
        versions=versions("numpy", "pillow"),
        encoding=said.get("encoding", "auto"),
        cut=CutSettings(said.get("trim", False), said.get("clip_seconds"), said.get("frame_rate")),
        check=said.get("check", "auto"),
        pixel_ratio=said.get("pixel_ratio", PIXEL_RATIO),
        texts=texts_of(said, questions),
        page=page_of(said),
        force=force,
        track=track,
        sources=Sources(
            said.get("context_text"),
            said.get("context_image"),
            said.get("sentinel_file"),
            keep_sides=said.get("sentinel_keep_sides", False),
        ),
        forms=tuple(said.get("form", ())),
        beside=beside or {},
        least_hourly_usd=money(str(said["least_hourly"]), "least_hourly")
        if "least_hourly" in said
        else LEAST_HOURLY_USD,
    )


def page_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the pages were asked to be, as `page_settings` takes it."""
    page = {name: said[name] for name in PAGE if name in said}
    if "consent" in said:
        text = said["consent"]
        page["consent"] = read_consent(text) if isinstance(text, Path) else text
    if "wording" in said:
        page["wording"] = read_wording(said["wording"], said.get("language", SOURCE))
    return page


def question_of(said: Mapping[str, Any]) -> Question:
    """Return what is asked where nothing is stated, in the page's language: which image is more realistic,
    or of one at a time whether it is real."""
    if is_single(said):
        return replace(SINGLE_QUESTION, text=_words_of(said).say("questions.realism"))
    return Question(DEFAULT_QUESTION.name, _words_of(said).say("questions.realism"))


def _words_of(said: Mapping[str, Any]) -> Language:
    page = page_of({name: said[name] for name in ("language", "wording") if name in said})
    return language(page.get("language", SOURCE), page.get("wording"), single=is_single(said))


def texts_of(said: Mapping[str, Any], questions: Sequence[Question]) -> Texts:
    """Return the words of the list of HITs: as stated, else they follow from the questions."""
    found = Texts()
    if tuple(questions) != (DEFAULT_QUESTION,):
        found = Texts(
            title=shorten(questions[0].text, TITLE, placeholder=" ..."),
            description=_words_of(said).say("tasks.description", count=len(questions)),
        )
    return replace(found, **{name: said[name] for name in ("title", "description") if name in said})
