"""`simulate`: simulated workers answer a study, into results/ or through a running server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from glimpse.console import versions
from glimpse.given import refuse_given
from glimpse.precision import IMAGE_SD, PAIR_SD
from glimpse.program import program
from glimpse.text import counted

from .options import out_option, seed_option

if TYPE_CHECKING:
    from glimpse.console import Console

    from ..simulation.observer import Observer
    from ..simulation.simulated_study import SimulatedStudy

OF_PAIRS = ("pair_sd", "item_sd", "side_bias_sd", "tie_threshold")
OF_SINGLE = ("d_prime", "criterion", "criterion_sd", "half_ms")


@click.command()
@click.argument("study", type=click.Path(path_type=Path), default="study", required=False)
@out_option("results", "Folder to write; simulated answers of an earlier run in it are replaced.")
@click.option(
    "--workers",
    type=int,
    default=None,
    show_default="as many as fill the study",
    help="How many simulated workers answer; each does one HIT.",
)
@seed_option("Same seed, same answers.")
@click.option(
    "--quality",
    multiple=True,
    metavar="NAME=VALUE",
    show_default="by its name and role; see simulation.json",
    help="How real a condition of the study looks without a time limit, from -10 to 10: the real one is 0, "
    "and beside one of -1 it is chosen 84 % of the time. QUESTION:NAME=VALUE says it for one of several "
    "questions. Repeatable.",
)
@click.option(
    "--strength",
    multiple=True,
    metavar="NAME=VALUE",
    show_default="none stated",
    help="The same as a Bradley-Terry strength: how good a condition looks in log odds, on any common zero. "
    "Beside one of 0, one of 1 is chosen 73 % of the time. Repeatable; in place of --quality.",
)
@click.option(
    "--random-share",
    type=float,
    metavar="SHARE",
    default=0.01,
    show_default=True,
    help="Share of workers who click at random, 0 to 1.",
)
@click.option(
    "--lapse",
    type=float,
    metavar="SHARE",
    default=0.003,
    show_default=True,
    help="Share of trials that the others answer without looking, on average, 0 to 0.5.",
)
@click.option(
    "--pair-sd",
    type=float,
    metavar="SD",
    default=PAIR_SD,
    show_default=True,
    help="How much pairs differ, beyond their images: standard deviation on the scale of --quality, 0 to 5.",
)
@click.option(
    "--image-sd",
    type=float,
    metavar="SD",
    default=IMAGE_SD,
    show_default=True,
    help="How much the images of a condition differ in how real they look: standard deviation on the scale "
    "of --quality, 0 to 5.",
)
@click.option(
    "--item-sd",
    type=float,
    metavar="SD",
    default=0.0,
    show_default=True,
    help="How much prompts (or scenes, where both images show one) differ in how hard they make it to tell "
    "conditions apart: standard deviation of what each adds to every worker's factor, 0 to 1.",
)
@click.option(
    "--tie-threshold",
    type=float,
    metavar="SD",
    default=0.3,
    show_default=True,
    help="How little two images differ where workers answer a tie, or 0 of a scale: on the scale of "
    "--quality, 0 to 5. Equal images tie with 0.3 in 24 % of trials.",
)
@click.option(
    "--scale-step",
    type=float,
    metavar="SD",
    default=0.8,
    show_default=True,
    help="How much more they differ for each further step of a scale: on the scale of --quality, 0 to 5.",
)
@click.option(
    "--question-correlation",
    type=float,
    metavar="R",
    default=0.5,
    show_default=True,
    help="How alike pairs and images look under the first question and under another, 0 to 1.",
)
@click.option(
    "--ability-sd",
    type=float,
    metavar="SD",
    default=0.25,
    show_default=True,
    help="How much workers differ in how well they see: standard deviation of a factor around 1, 0 to 1.",
)
@click.option(
    "--side-bias-sd",
    type=float,
    metavar="SD",
    default=0.10,
    show_default=True,
    help="How much workers lean to one side: standard deviation on the scale of --quality, 0 to 5.",
)
@click.option(
    "--d-prime",
    multiple=True,
    metavar="NAME=VALUE",
    show_default="sqrt(2) times its distance from a photograph",
    help="One image at a time: d' of a condition without a time limit, -20 to 20. Repeatable.",
)
@click.option(
    "--criterion",
    type=float,
    metavar="Z",
    default=0.6,
    show_default=True,
    help="One image at a time: how plainly generated an image must look to be called so; with 0.6, 27 % of "
    "real images are. -5 to 5.",
)
@click.option(
    "--criterion-sd",
    type=float,
    metavar="SD",
    default=0.2,
    show_default=True,
    help="One image at a time: how much workers differ in --criterion, 0 to 5.",
)
@click.option(
    "--half-ms",
    type=float,
    metavar="MS",
    default=120.0,
    show_default=True,
    help="One image at a time: the exposure at which half of d' is there.",
)
@click.option(
    "--through-server",
    metavar="URL",
    is_flag=False,
    flag_value="",
    default=None,
    help="Answer over HTTP as workers of a running server, instead of writing --out. Without URL: the server "
    "that `serve` runs. Put this option after STUDY.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="With --through-server: workers at a time.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("server"),
    show_default=True,
    help="With --through-server: data folder of the server, with its key.",
)
def simulate(
    *,
    study: Path,
    out: Path,
    workers: int | None,
    seed: int,
    quality: tuple[str, ...],
    strength: tuple[str, ...],
    lapse: float,
    d_prime: tuple[str, ...],
    criterion: float,
    criterion_sd: float,
    half_ms: float,
    through_server: str | None,
    concurrency: int,
    data: Path,
    **observed: float,
) -> None:
    """Let simulated workers answer a study; the answers are marked simulated.

    STUDY is a folder written by build-hits (default: study). The people differ in ability, care, side bias
    and speed, and some click at random; some images look more real than others of their condition, and some
    pairs are easier than others. Ties and scales follow from how much two images seem to differ; forms are
    filled at random. The answers stay marked simulated and never replace answers of real people.

    \b
    Examples:
      python cli.py simulate
      python cli.py simulate --workers 40 --quality crn=-0.5 --seed 7
      python cli.py simulate --strength sdxl=1.2 --strength flux=1.5 --strength ours=0.9
      python cli.py simulate --through-server http://127.0.0.1:8080
    """
    from ..simulation.detector import detector
    from ..simulation.observer import Observer, known_qualities, parse_quality
    from ..simulation.simulated_study import read_simulated, shows_single
    from ..simulation.through_server import answer_on_server, default_url

    console = click.get_current_context().obj
    detecting = {"criterion": criterion, "criterion_sd": criterion_sd, "half_ms": half_ms}
    if through_server is None:
        refuse_given(
            ["concurrency", "data"],
            "works only with --through-server; leave it out, or add --through-server.",
        )
    else:
        refuse_given(
            ["out"], "cannot be combined with --through-server: `collect` writes the results. Leave one out."
        )
    qualities = known_qualities(parse_quality(quality), parse_quality(strength, "--strength"))
    observer = Observer(quality=qualities, lapse_mean=lapse, **observed)
    if shows_single(study):
        observer = detector(observer, parse_quality(d_prime, "--d-prime"), **detecting)
    plan = read_simulated(study, observer, versions()["glimpse"])
    _refuse_idle(plan)
    if through_server is not None:
        url = through_server or default_url(data)
        done, idle = answer_on_server(url, data, plan, observer, seed, workers, concurrency, console.track)
        console.say(
            f"{counted(done, 'simulated worker')} answered at {url}, every assignment marked simulated."
        )
        if idle:
            console.say(f"{idle} found nothing to do: they had answered before, or every place is taken.")
        console.next(f"{program()} collect" + ("" if study == Path("study") else f" {study}"))
        return
    _write(console, plan, observer, (seed, workers), out)


def _write(
    console: Console, plan: SimulatedStudy, observer: Observer, drawn: tuple[int, int | None], out: Path
) -> None:
    """Write results/; drawn: the seed, and how many people."""
    from ..simulation.detector import settings_used
    from ..simulation.simulated_results import check_out, write_results
    from ..simulation.simulation import answer_study

    earlier = check_out(out)
    visits = answer_study(plan, observer, *drawn, console.track)
    used = settings_used(observer, plan.quality)
    record = {"seed": drawn[0], "observer": used, "versions": versions("numpy", "scipy")}
    if wrong := write_results(plan, visits, drawn[0], out, record):
        console.warn(wrong)
    if earlier:
        console.say(f"Replaced {counted(earlier, 'simulated assignment')} of an earlier run.")
    answers = sum(len(visit.submission["answers"]) for visit in visits)
    console.say(
        f"Wrote {out}/: {len(visits)} of {counted(plan.places, 'assignment')}, {counted(answers, 'answer')}, "
        "every one marked simulated."
    )
    console.next(f"{program()} analyze {out}/")


def _refuse_idle(plan: SimulatedStudy) -> None:
    """Raise UsageError where something was given that plays no part in how this study is answered."""
    kinds, leave = [question.kind for question in plan.questions], "Leave it out."
    if plan.single:
        refuse_given(OF_PAIRS, f"is for studies of pairs; this one shows one image at a time. {leave}")
    else:
        refuse_given(OF_SINGLE, f"is for studies of one image at a time; this one shows pairs. {leave}")
    if not any(kind.tie for kind in kinds):
        refuse_given(["tie_threshold"], f"is for questions with ties, and this study has none. {leave}")
    if all(kind.steps == 1 for kind in kinds):
        refuse_given(["scale_step"], f"is for questions on a scale, and this study has none. {leave}")
    if len(kinds) == 1:
        refuse_given(
            ["question_correlation"], f"is for studies of several questions; this one asks one. {leave}"
        )
