"""`build-hits`: folders of images, a study file, or both -> study/."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.errors import GlimpseError
from glimpse.experiment import check_exclusion_rule
from glimpse.files import write_whole
from glimpse.given import refuse_given
from glimpse.program import command
from glimpse.questions import DEFAULT_QUESTION
from glimpse.text import counted

from ..design.study_fields import BY_NAME
from .build_options import study_options, typed, with_question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glimpse.study import Study

    from ..building.building import Built, Making
    from ..building.earlier import Earlier
    from ..design.stimuli import Images

IMAGES = Path("images")
MANY = 20  # contrasts that nobody reads in a line


@click.command()
@click.argument("file", metavar="[STUDY.TOML]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("study"),
    show_default=True,
    help="The study folder to write.",
)
@study_options
@click.option(
    "--extend",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=None,
    metavar="STUDY",
    help="Add conditions to a study that was built before; it stays as it is.",
)
@click.option("--add", multiple=True, metavar="NAME", help="With --extend: a condition to add (repeatable).")
@click.option(
    "--write",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="STUDY.TOML",
    help="Write the study file that says the same as the options, with comments, and build nothing.",
)
@click.option(
    "--force", is_flag=True, help="Replace a study that was never published, or the file of --write."
)
@click.pass_context
def build_hits(
    ctx: click.Context,
    /,
    file: Path | None,
    out: Path,
    write: Path | None,
    extend: Path | None,
    add: tuple[str, ...],
    *,
    force: bool,
    **options: Any,
) -> None:
    """Turn folders of images or clips into a study: design, check and freeze it.

    The --images folder holds one folder per condition; files of the same name show the same scene. Numbers
    are those of Chen & Koltun (2017) unless you give others; design.html in the study folder shows the
    design and its price. STUDY.TOML says in a file what options say; options win over it.

    \b
    Examples:
      python cli.py build-hits --mode limited-time
      python cli.py build-hits --mode unlimited-time --ours crn --baseline pix2pix
      python cli.py build-hits --contrast mine:real --contrast theirs:real --hits-per-batch 4
      python cli.py build-hits --write study.toml
      python cli.py build-hits study.toml --seed 2
      python cli.py build-hits --extend study --add newcomer --out study-2
    """
    from ..design.study_faults import faults_of
    from ..design.study_file import read_study_file

    console = ctx.obj
    now = typed(ctx)
    earlier = None
    if (extend or add) and (file or write or extend is None):
        raise click.UsageError(
            "--add NAME goes with --extend STUDY, and neither with STUDY.TOML nor --write."
        )
    if write is not None:
        refuse_given(["out"], "says nothing beside --write, which builds nothing. Give it when you build.")
    with faults_of(file, now):
        read = read_study_file(file) if file else {}
        if extend:
            read, earlier = _extension(extend, add, out, now)
        said = with_question(read, now, options["question"], options["answer"])
        if write is not None:
            _write(console, said, read, file, write, force=force)
            return
        built = _built(said, file, out, earlier, force=force, track=console.track)
    for warning in built.warnings:
        console.warn(warning)
    _report(console, built)


def _extension(
    study: Path, add: tuple[str, ...], out: Path, now: Mapping[str, Any]
) -> tuple[dict[str, Any], Earlier]:
    """Return what a study with more conditions is asked to be, and what it keeps of the one before."""
    from ..building.extending import extension

    if out.resolve() == study.resolve():
        raise GlimpseError(
            f"--out {out} is the study that is extended, which stays as it is; name another folder."
        )
    return extension(study, add, now)


def _write(
    console: Any,
    said: Mapping[str, Any],
    read: Mapping[str, Any],
    file: Path | None,
    target: Path,
    *,
    force: bool,
) -> None:
    """Write a study file; one that was read keeps its comments."""
    from ..building.requested import making_of, numbers_of
    from ..design.study_writing import amended, study_text

    if target.exists() and not force:
        raise GlimpseError(
            f"{target} already exists; name another file with --write, or replace it with --force."
        )
    making_of(said, numbers_of(said, "reward_usd", "stop_when")["questions"])  # no file that builds nothing
    folder = file.parent if file else Path()
    if target.parent.resolve() != folder.resolve() and (folder / IMAGES).is_dir():
        said = {"images": folder / IMAGES, **said}
    if file:
        text = amended(file.read_text(encoding="utf-8-sig"), said, read, target.parent)
    else:
        text = study_text(said, target.parent)
    write_whole(target, text)
    console.say(f"Wrote {target}.")
    console.next(command("build-hits", str(target)))


def _built(
    said: Mapping[str, Any],
    file: Path | None,
    out: Path,
    earlier: Earlier | None = None,
    *,
    force: bool,
    track: Any,
) -> Built:
    """Build the study that was asked for."""
    from ..building.building import build
    from ..building.copies import copies
    from ..building.requested import experiment_of, making_of, spread_for_time
    from ..design.context import without_references
    from ..design.stimuli import find_images
    from ..recruiting.earlier import check_earlier

    check_earlier(said.get("exclude", ()))
    folder = said.get("images", file.parent / IMAGES if file else IMAGES)
    images = find_images(folder)
    if "from_hits" in said:
        beside = copies(said, out, folder, file=file)
        return _from_hits(said, images, out, force=force, track=track, beside=beside)
    experiment = experiment_of(said, without_references(images, said.get("context_image")).conditions)
    experiment, spread = spread_for_time(experiment, said, images)
    beside = copies(said, out, folder, file=file, experiment=experiment)
    making = making_of(said, experiment.questions, force=force, track=track, beside=beside)
    making = replace(making, earlier=earlier)
    missing = bool(said.get("allow_missing"))
    asked = "pairing" in said
    return build(
        images, experiment, out, making, allow_missing=missing, pairing_asked=asked, beforehand=spread
    )


def _from_hits(said: Mapping[str, Any], images: Images, out: Path, **how: Any) -> Built:
    """Build the design of a HIT file; what the file does not say comes from what was said beside it."""
    from ..building.building import build_rows
    from ..building.requested import BESIDE_A_FILE, FILE_DECIDES, making_of, numbers_of
    from ..importing.batch_csv import read_hit_file

    if decided := [name for name in FILE_DECIDES if name in said]:
        raise click.UsageError(
            f"{BY_NAME[decided[0]].option} does not go with --from-hits: the file decides it."
        )
    exposures = said.get("exposures_ms")
    design = read_hit_file(
        said["from_hits"],
        images,
        real=said.get("real", "real"),
        sentinel=said.get("sentinel"),
        practice_trials=said.get("practice_trials"),
        exposure_ms=exposures[0] if exposures else None,
    )
    experiment = replace(design.experiment, **numbers_of(said, *BESIDE_A_FILE))
    check_exclusion_rule(experiment)
    making: Making = making_of(said, experiment.questions, **how)
    return build_rows(images, experiment, design.trials, out, making, design.warnings)


def _report(console: Any, built: Built) -> None:
    """Say what was written and what to type next."""
    from ..building.design_page import study_price
    from ..building.pay import pay_line

    study, experiment = built.study, built.study.experiment
    hits, sizes = counted(len(study.hits), "HIT"), sorted({hit.trials for hit in study.hits})
    trials = ", ".join([*map(str, sizes[:-1]), counted(sizes[-1], "trial")])
    single = experiment.task == "single"
    contrasts = ", ".join(experiment.shown or [f"{a}:{b}" for a, b in experiment.contrasts])
    if len(experiment.contrasts) > MANY:
        compared = {name for pair in experiment.contrasts for name in pair}  # not the sentinels' condition
        contrasts = f"{len(experiment.contrasts)}, of {len(compared)} conditions"
    console.say(f"Wrote {study.folder}: {hits} of {trials}, {experiment.mode}.")
    console.say(f"  {'conditions' if single else 'contrasts ':<12}{contrasts}")
    exposures = [f"{exposure}" for exposure in experiment.exposures_ms if exposure is not None]
    shown_for = " ".join(exposures) + " ms" if exposures else "until answered"
    stairs = experiment.staircase
    if stairs:
        shown_for = f"by staircase, {stairs.least_ms} to {stairs.most_ms} ms, from {stairs.start_ms} ms on"
    console.say(f"  exposures   {shown_for}")
    if experiment.questions != (DEFAULT_QUESTION,):
        asked = ", ".join(f"{question.name} ({question.answer})" for question in experiment.questions)
        console.say(f"  questions   {asked}")
    console.say(f"  sentinels   {experiment.sentinels_per_hit} a HIT ({_known_by(study)})")
    shown = next(name for name, one in study.stimuli.items() if bool(one.frames) == study.moving)
    file_bytes = study.image_path(shown).stat().st_size
    for label, text in built.imaging.lines(file_bytes):
        console.say(f"  {label:<12}{text}")
    price = study_price(experiment)
    console.say(
        f"  workers     {experiment.workers_per_hit} a HIT at ${experiment.reward_usd}: ${price.reward_usd}; "
        f"${price.total_usd} with the fees of Mechanical Turk, your own server has none"
    )
    console.say(f"  time        {pay_line(study)}")
    if experiment.stop_when:
        rule = experiment.stop_when.text(limited=experiment.mode == "limited-time")
        console.say(f"  may stop    when {rule}")
    console.say(f"  design      {study.folder}/design.html")
    console.next(command("preview", *([] if study.folder == Path("study") else [str(study.folder)])))


def _known_by(study: Study) -> str:
    """Say where the answers to sentinels are known from."""
    experiment = study.experiment
    if experiment.sentinels == "file":
        return "from a file"
    if experiment.sentinels == "mismatch":
        return "another item's clip" if study.moving else "another item's picture"
    pairs = [
        str(batch.sentinel) if experiment.task == "single" else f"{batch.sentinel}:{experiment.real}"
        for batch in experiment.batches
        if batch.sentinel
    ]
    return ", ".join(dict.fromkeys(pairs)) or "none"
