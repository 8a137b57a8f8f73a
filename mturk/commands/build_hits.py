"""`build-hits`: folders of images -> study/."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.console import versions
from glimpse.experiment import MODES, PRESETS, check_exclusion_rule, preset
from glimpse.program import command
from glimpse.questions import only_question
from glimpse.stop_rule import StopRule

from ..design.limits import check_words
from .following import given
from .image_options import image_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from glimpse.experiment import Experiment
    from glimpse.questions import Question

    from ..building.building import Built, Making
    from ..design.stimuli import Images

# Options that are fields of the experiment: None means "as the preset says".
NUMBERS = (
    "pairing",
    "scenes",
    "sides",
    "hits_per_batch",
    "trials_per_cell",
    "sentinels_per_hit",
    "max_sentinels_in_a_row",
    "max_wrong_sentinels",
    "practice_trials",
    "break_every",
    "workers_per_hit",
    "reward_usd",
    "time_allotted_minutes",
    "stop_when",
)
# What a HIT file says nothing about; the other options that a HIT file decides do not go with it.
BESIDE_A_FILE = (
    "max_wrong_sentinels",
    "break_every",
    "workers_per_hit",
    "reward_usd",
    "time_allotted_minutes",
    "stop_when",
)
FILE_DECIDES = (
    "mode",
    "preset_name",
    "contrasts",
    "ours",
    "baselines",
    "sentinel_exposure_ms",
    "allow_missing",
    *(name for name in NUMBERS if name not in {*BESIDE_A_FILE, "practice_trials"}),
)


def _default(name: str) -> str:
    """Say a number's defaults in both modes."""
    limited, unlimited = (getattr(preset(mode), name) for mode in MODES)
    return str(limited) if limited == unlimited else f"{limited} limited-time, {unlimited} unlimited-time"


def _count(name: str, text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make the option of one whole number."""
    option = "--" + name.replace("_", "-")
    return click.option(option, name, type=int, default=None, show_default=_default(name), help=text)


@click.command()
@click.option(
    "--mode", type=click.Choice(MODES), default="limited-time", show_default=True, help="The experiment."
)
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    default=Path("images"),
    show_default=True,
    help="Folder of condition folders.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("study"),
    show_default=True,
    help="The study folder to write.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same images: same study."
)
@click.option(
    "--preset",
    "preset_name",
    type=click.Choice(PRESETS),
    default="glimpse",
    show_default=True,
    help="Which defaults: Glimpse's own, the paper's, or those of the authors' files.",
)
@click.option(
    "--real", metavar="NAME", default="real", show_default=True, help="The condition of real photographs."
)
@click.option(
    "--sentinel",
    metavar="NAME",
    default=None,
    show_default="image-space, if there is one",
    help="Condition to pair with real images in sentinels.",
)
@click.option(
    "--contrast",
    "contrasts",
    metavar="A:B",
    multiple=True,
    show_default="every pair but the sentinel's",
    help="Compare two conditions (repeatable).",
)
@click.option(
    "--ours",
    metavar="NAME",
    default=None,
    show_default="crn, if there is one",
    help="Unlimited-time: compare NAME with each baseline.",
)
@click.option(
    "--baseline",
    "baselines",
    metavar="NAME",
    multiple=True,
    show_default="all other conditions",
    help="Unlimited-time: a baseline, with a batch of its own (repeatable).",
)
@click.option(
    "--exposure-ms",
    "exposures_ms",
    type=int,
    multiple=True,
    show_default="125 250 500 1000 2000 4000 8000",
    help="Limited-time: an exposure (repeatable).",
)
@click.option(
    "--sentinel-exposure-ms",
    type=int,
    default=None,
    show_default="drawn from the exposures of 1 s and more; 4000 with --preset paper or authors",
    help="Limited-time: exposure of the sentinels.",
)
@click.option(
    "--pairing",
    type=click.Choice(("random", "same-item")),
    default=None,
    show_default="random; same-item with --preset authors",
    help="How scenes are paired.",
)
@click.option(
    "--scenes",
    type=click.Choice(("without-replacement", "with-replacement")),
    default=None,
    show_default="without-replacement",
    help="How scenes are drawn.",
)
@click.option(
    "--sides",
    type=click.Choice(("balanced", "random")),
    default=None,
    show_default="balanced",
    help="How sides are assigned.",
)
@_count("hits_per_batch", "HITs per batch.")
@_count("trials_per_cell", "Trials of each cell in a HIT.")
@_count("sentinels_per_hit", "Sentinels per HIT.")
@_count("max_sentinels_in_a_row", "Longest run of sentinels.")
@_count(
    "max_wrong_sentinels",
    "Exclude assignments with more wrong sentinels than this; must be below --sentinels-per-hit.",
)
@_count("practice_trials", "Practice trials with feedback, before the HIT's own.")
@_count("break_every", "Offer a break after this many trials; 0: none.")
@_count("workers_per_hit", "Distinct workers per HIT.")
@click.option(
    "--reward-usd",
    default=None,
    metavar="AMOUNT",
    show_default=_default("reward_usd"),
    help="Reward of an assignment in dollars.",
)
@_count("time_allotted_minutes", "Time a worker has for a HIT.")
@click.option(
    "--stop-when",
    default=None,
    metavar="RULE",
    show_default="none",
    help="When the study may stop before its places are filled: excludes-chance, or width=0.10, in every "
    "contrast at the longest exposure; add contrast=A:B, exposure=MS or level=0.99 for others. status tells.",
)
@click.option("--allow-missing", is_flag=True, help="Leave out items that not every condition has.")
@click.option(
    "--title", default=None, show_default="Which image is more realistic?", help="Title that workers see."
)
@click.option(
    "--description", default=None, show_default="a general one", help="One sentence for the list of HITs."
)
@click.option("--question", default=None, show_default="Which image is more realistic?", help="The question.")
@click.option(
    "--consent",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    show_default="a general one",
    help="File with the consent: Markdown, or paragraphs separated by empty lines.",
)
@image_options
@click.option(
    "--fixation-ms", type=int, default=600, show_default=True, help="Time from a trial's start to the images."
)
@click.option(
    "--submit-origin",
    "origins",
    metavar="URL",
    multiple=True,
    show_default="MTurk and the page's own",
    help="A further origin to which pages may submit (repeatable).",
)
@click.option(
    "--from-hits",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="Take the design from a HIT file of the CRN's authors or of AMT_Real_vs_Fake.",
)
@click.option("--force", is_flag=True, help="Replace a study that was never published.")
def build_hits(**options: Any) -> None:
    """Turn folders of images into a study: design, check and freeze it.

    The --images folder holds one folder per condition; files of the same name show the same scene. Numbers
    are those of Chen & Koltun (2017) unless you give others; design.html in the study folder shows the
    design and its price.

    \b
    Examples:
      python cli.py build-hits --mode limited-time
      python cli.py build-hits --mode unlimited-time --ours crn --baseline pix2pix
      python cli.py build-hits --contrast mine:real --contrast theirs:real --hits-per-batch 4
    """
    from ..building.building import Making, Texts, build
    from ..design.stimuli import find_images

    console = click.get_current_context().obj
    making = Making(
        seed=options["seed"],
        versions=versions("numpy", "pillow"),
        encoding=options["encoding"],
        check=options["check"],
        pixel_ratio=options["pixel_ratio"],
        texts=Texts(**_stated(options, "title", "description")),
        page=_page(options),
        force=options["force"],
        track=console.track,
    )
    images = find_images(options["images"])
    if options["from_hits"]:
        built = _from_file(options, images, making)
    else:
        experiment = _experiment(options, images.conditions)
        built = build(images, experiment, options["out"], making, allow_missing=options["allow_missing"])
    for warning in built.warnings:
        console.warn(warning)
    _report(console, built)


def _from_file(options: dict[str, Any], images: Images, making: Making) -> Built:
    """Build the design of a HIT file; what the file does not say comes from the options."""
    from ..building.building import build_rows
    from ..design.contrasts import money
    from ..importing.batch_csv import read_hit_file

    if words := given(*FILE_DECIDES):
        raise click.UsageError(f"{words[0]} does not go with --from-hits: the file decides it.")
    design = read_hit_file(
        options["from_hits"],
        images,
        real=options["real"],
        sentinel=options["sentinel"],
        practice_trials=options["practice_trials"],
        exposure_ms=options["exposures_ms"][0] if options["exposures_ms"] else None,
    )
    numbers = _stated(options, *BESIDE_A_FILE)
    if "reward_usd" in numbers:
        numbers["reward_usd"] = money(numbers["reward_usd"])
    if "stop_when" in numbers:
        numbers["stop_when"] = StopRule.parse(numbers["stop_when"])
    if options["question"] is not None:
        numbers["questions"] = (_question(options["question"]),)
    experiment = replace(design.experiment, **numbers)
    check_exclusion_rule(experiment)
    return build_rows(images, experiment, design.trials, options["out"], making, design.warnings)


def _stated(options: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return those of the options that say something."""
    return {name: options[name] for name in names if options[name] is not None}


def _page(options: dict[str, Any]) -> dict[str, Any]:
    """Collect what the page was asked to be."""
    from ..page.consent import read_consent

    page = _stated(options, "fixation_ms", "origins", "display_width", "display")
    if options["consent"]:
        page["consent"] = read_consent(options["consent"])
    return page


def _question(text: str) -> Question:
    """Return the study's one question, a choice."""
    check_words("--question", text)
    return only_question(text)


def _experiment(options: dict[str, Any], conditions: tuple[str, ...]) -> Experiment:
    """Turn the options into an experiment over the conditions that were found."""
    from ..design.contrasts import infer

    numbers = _stated(options, *NUMBERS, "sentinel_exposure_ms")
    if options["exposures_ms"]:
        numbers["exposures_ms"] = options["exposures_ms"]
    if options["question"] is not None:
        numbers["questions"] = (_question(options["question"]),)
    if "stop_when" in numbers:
        numbers["stop_when"] = StopRule.parse(numbers["stop_when"])
    experiment = infer(
        preset(options["mode"], options["preset_name"]),
        conditions,
        real=options["real"],
        sentinel=options["sentinel"],
        contrasts=options["contrasts"],
        ours=options["ours"],
        baselines=options["baselines"],
        numbers=numbers,
    )
    check_exclusion_rule(experiment)
    return experiment


def _report(console: Any, built: Built) -> None:
    """Say what was written and what to type next."""
    from ..building.design_page import study_price

    study, experiment = built.study, built.study.experiment
    trials = ", ".join(str(n) for n in sorted({hit.trials for hit in study.hits}))
    contrasts = ", ".join(f"{a}:{b}" for a, b in experiment.contrasts)
    console.say(f"Wrote {study.folder}: {len(study.hits)} HITs of {trials} trials, {experiment.mode}.")
    console.say(f"  contrasts   {contrasts}")
    exposures = [f"{exposure}" for exposure in experiment.exposures_ms if exposure is not None]
    console.say(f"  exposures   {' '.join(exposures) + ' ms' if exposures else 'until answered'}")
    sentinels = ", ".join(
        dict.fromkeys(f"{b.sentinel}:{experiment.real}" for b in experiment.batches if b.sentinel)
    )
    console.say(f"  sentinels   {experiment.sentinels_per_hit} a HIT ({sentinels or 'none'})")
    file_bytes = study.image_path(next(iter(study.stimuli))).stat().st_size
    for label, text in built.imaging.lines(file_bytes):
        console.say(f"  {label:<12}{text}")
    console.say(
        f"  workers     {experiment.workers_per_hit} a HIT at ${experiment.reward_usd}: "
        f"${study_price(experiment).total_usd} with Mechanical Turk's fees"
    )
    if experiment.stop_when:
        rule = experiment.stop_when.text(limited=experiment.mode == "limited-time")
        console.say(f"  may stop    when {rule}")
    console.say(f"  design      {study.folder}/design.html")
    console.next(command("preview", *([] if study.folder == Path("study") else [str(study.folder)])))
