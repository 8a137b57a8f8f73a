"""`power`: plan a study before anybody is paid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.console import versions
from glimpse.experiment_checks import MOST_WORKERS_PER_HIT
from glimpse.given import is_given, refuse_given
from glimpse.program import program

from ..statistics.choices import ALPHA
from .options import out_option, seed_option

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN = "the experiment's"
OF_RANKINGS = ("strength_spread", "first", "allocation")
OF_RATES = ("mode", "trials_per_cell", "rate", "slip")
DRAWN = ("studies", "seed")  # by simulated studies, which single images do without


@click.command()
@click.argument("study", type=click.Path(path_type=Path), required=False)
@click.option(
    "--mode",
    type=click.Choice(["limited-time", "unlimited-time"]),
    default="limited-time",
    show_default=True,
    help="Without STUDY: the mode whose default experiment is planned.",
)
@click.option(
    "--hits",
    type=click.IntRange(min=1),
    default=None,
    show_default=OWN,
    help="HITs a batch.",
)
@click.option(
    "--workers-per-hit",
    type=click.IntRange(1, MOST_WORKERS_PER_HIT),
    default=None,
    show_default=OWN,
    help="Distinct workers a HIT.",
)
@click.option(
    "--trials-per-cell",
    type=click.IntRange(min=1),
    default=None,
    show_default=OWN,
    help="Trials of a cell (one contrast at one exposure) in a HIT.",
)
@click.option(
    "--images",
    type=click.IntRange(2, 100_000),
    default=None,
    metavar="N",
    show_default="those of STUDY, else of images/, else the paper's 500",
    help="Images of each condition.",
)
@click.option(
    "--reward", default=None, metavar="USD", show_default=OWN, help="Reward of an assignment in dollars."
)
@click.option(
    "--rate",
    type=float,
    multiple=True,
    default=(0.55, 0.6, 0.75),
    show_default=True,
    help="A true preference rate to detect, between 0 and 1. Repeatable.",
)
@click.option(
    "--spread",
    type=(float, float),
    multiple=True,
    metavar="WORKER PAIR",
    show_default="0.1 0.07, 0.25 0.15, 0.5 0.27",
    help="How much workers differ, and pairs beyond their images: standard deviations in probit units, 0 to "
    "5. Repeatable.",
)
@click.option(
    "--image-spread",
    type=float,
    default=None,
    metavar="SD",
    show_default="0.3; without --spread 0.14, 0.3, 0.54",
    help="How much the images of a condition differ in how real they look: standard deviation in probit "
    "units, 0 to 5.",
)
@click.option(
    "--slip",
    type=float,
    default=0.02,
    show_default=True,
    help="Share of sentinels that a careful worker gets wrong, 0 to 0.5.",
)
@click.option(
    "--alpha",
    type=float,
    default=ALPHA,
    show_default=True,
    help="Level of the test of one cell alone, between 0 and 1.",
)
@click.option(
    "--studies",
    type=click.IntRange(min=50),
    default=400,
    show_default=True,
    help="Simulated studies of each design; more give smaller Monte Carlo errors.",
)
@click.option(
    "--systems",
    type=click.IntRange(2, 100),
    default=None,
    show_default="plan rates, not a ranking",
    help="Plan a ranking of so many systems, all compared with all on the same items: how many answers until "
    "the first ones are told apart with 90 % probability.",
)
@click.option("--strength-spread", type=float, default=1.0, show_default=True, metavar="SD",
              help="With --systems: standard deviation of their strengths, in log odds, above 0, to 10; they "
              "are equally spaced.")  # fmt: skip
@click.option("--first", type=click.IntRange(1, 100), default=3, show_default=True,
              help="With --systems: how many of the leading ones are to be told apart.")  # fmt: skip
@click.option("--allocation", type=click.Choice(["fixed", "adaptive"]), default="fixed", show_default=True,
              help="With --systems: trials are planned, or drawn by your own server to tell the leading ones "
              "apart.")  # fmt: skip
@click.option("--trials-per-hit", type=click.IntRange(1, 5000), default=60, show_default=True,
              help="With --systems: trials that a worker answers.")  # fmt: skip
@click.option("--task", type=click.Choice(["pairs", "single"]), default="pairs", show_default=True,
              help="What a trial shows. single: plan d', errors and shares taken for real, from "
              "--workers-per-hit, --images, --trials-per-hit (half of them real) and --reward.")  # fmt: skip
@click.option("--d-prime", type=float, multiple=True, default=(0.25, 0.5, 1.0), show_default=True,
              help="With --task single: how well people tell generated images from real ones. "
              "Repeatable.")  # fmt: skip
@click.option("--generated", type=click.IntRange(1, 1000), default=1, show_default=True,
              help="With --task single: conditions of generated images, which share a worker's "
              "trials.")  # fmt: skip
@seed_option("Same seed, same table.")
@out_option("power")
def power(
    *,
    study: Path | None,
    mode: str,
    hits: int | None,
    workers_per_hit: int | None,
    trials_per_cell: int | None,
    images: int | None,
    reward: str | None,
    rate: tuple[float, ...],
    spread: tuple[tuple[float, float], ...],
    image_spread: float | None,
    slip: float,
    alpha: float,
    studies: int,
    seed: int,
    out: Path,
    **ranking: Any,
) -> None:
    """Plan a study: interval width, power and price.

    Simulates the planned study and variants with fewer and more workers, HITs or images, for workers, pairs
    and images that differ a little, as usual, or a lot, and shows what sentinel rules do. STUDY is a folder
    written by build-hits; without it, the default experiment of --mode is planned.

    \b
    Examples:
      python cli.py power
      python cli.py power --mode unlimited-time --rate 0.52 --images 24
      python cli.py power study/ --workers-per-hit 9 --reward 1.50
      python cli.py power --systems 20 --images 200
      python cli.py power --task single --workers-per-hit 30 --images 50
    """
    counts, spreads = (images, hits, workers_per_hit), (spread, image_spread)
    if _plans_otherwise(study, counts, ranking, spreads, (alpha, reward, studies, seed), out):
        return
    from glimpse.experiment import preset

    from ..planning.planning import (
        check_out,
        describe,
        known_contexts,
        known_images,
        next_step,
        note_of_drawn,
        plan_power,
        read_experiment,
        write_plan,
    )

    console = click.get_current_context().obj
    if study is not None and is_given("mode"):
        raise click.UsageError(f"--mode is for planning without STUDY; {study} has its own. Leave one out.")
    check_out(out)
    experiment = preset(mode, "glimpse").to_json() if study is None else read_experiment(study)
    count, source = known_images(study) if images is None else (images, "")
    found = plan_power(
        experiment,
        changes={
            "hits": hits,
            "workers_per_hit": workers_per_hit,
            "trials_per_cell": trials_per_cell,
            "reward_usd": reward,
            "images": count,
        },
        rates=rate,
        spreads=spread,
        image_spread=image_spread,
        settings={"studies": studies, "seed": seed, "alpha": alpha, "slip": slip, "images_from": source},
        track=console.track,
    )
    for line in describe(found, known_contexts(study)):
        console.say(line)
    if drawn := note_of_drawn(experiment, study, count):
        console.warn(drawn)
    written = write_plan(found, out, versions("numpy", "scipy", "pandas", "matplotlib"))
    console.say(f"\nWrote {out}/: {', '.join(written)}.")
    console.next(f"{program()} {next_step(found, study)}")


def _plan_ranking(
    study: Path | None,
    counts: tuple[int | None, int | None],
    ranking: Mapping[str, Any],
    spreads: tuple[tuple[tuple[float, float], ...], float | None],
    settings: tuple[float, int, int],
    out: Path,
) -> None:
    """Plan a ranking, print it, and write ranking_power.csv."""
    from glimpse.files import write_whole
    from glimpse.precision import PAPER_IMAGES, TYPICAL, Spread

    from ..planning.planning import check_out
    from ..planning.ranking_power import RankingSize, ranking_plan, said_of

    if study is not None:
        raise click.UsageError(f"--systems plans without STUDY; leave {study} or --systems out.")
    console = click.get_current_context().obj
    check_out(out)
    worker, pair = spreads[0][0] if spreads[0] else (TYPICAL.worker, TYPICAL.pair)
    spread = Spread(worker, pair, TYPICAL.image if spreads[1] is None else spreads[1])
    alpha, studies, seed = settings
    adaptive = ranking["allocation"] == "adaptive"
    first = ranking["first"] if is_given("first") else min(ranking["first"], ranking["systems"] - 1)
    size = RankingSize(
        ranking["systems"], counts[0] or PAPER_IMAGES, ranking["trials_per_hit"], counts[1] or 10,
        ranking["strength_spread"], first, adaptive, first if adaptive else None,
    )  # fmt: skip
    plan = ranking_plan(size, spread=spread, level=1 - alpha, studies=studies, seed=seed, track=console.track)
    console.say(
        f"{size.systems} systems on {size.items} items; strengths differ by {size.spread:g} (standard "
        f"deviation, log odds), workers, pairs and images by {worker:g}, {pair:g}, {spread.image:g} probit.\n"
    )
    for line in said_of(plan, size):
        console.say(line)
    write_whole(out / "ranking_power.csv", plan.to_csv(index=False, lineterminator="\n"))
    console.say(f"\nWrote {out}/: ranking_power.csv.")
    more = f" --allocation adaptive --first {first}" if adaptive else ""
    more += f" --trials-per-hit {size.trials_per_hit}" if is_given("trials_per_hit") else ""
    console.next(f"{program()} build-hits --mode unlimited-time --contrast all{more}")


def _plans_otherwise(
    study: Path | None,
    counts: tuple[int | None, int | None, int | None],
    options: dict[str, Any],
    spreads: tuple[tuple[tuple[float, float], ...], float | None],
    settings: tuple[float, str | None, int, int],
    out: Path,
) -> bool:
    """Plan single images or a ranking where asked to; settings: level of tests, reward, studies, seed."""
    alpha, reward, studies, seed = settings
    if _is_single(options):
        _plan_single(study, counts, options, spreads, (alpha, reward), out)
        return True
    if options["systems"] is None:
        refuse_given(OF_RANKINGS, "works only with --systems; add it, or leave this out.")
        refuse_given(
            ("trials_per_hit",), "works only with --systems or --task single; add one, or leave this out."
        )
        return False
    refuse_given((*OF_RATES, "hits", "reward"), "works only without --systems; leave one of them out.")
    _plan_ranking(study, (counts[0], counts[2]), options, spreads, (alpha, studies, seed), out)
    return True


def _is_single(options: dict[str, Any]) -> bool:
    """Whether single images are planned; UsageError where options of theirs are given for pairs."""
    if options["task"] == "single":
        refuse_given((*OF_RANKINGS, *OF_RATES, *DRAWN), "works only with --task pairs; leave it out.")
        return True
    refuse_given(("d_prime", "generated"), "works only with --task single; add it, or leave this out.")
    return False


def _plan_single(
    study: Path | None,
    counts: tuple[int | None, int | None, int | None],
    single: Mapping[str, Any],
    spreads: tuple[tuple[tuple[float, float], ...], float | None],
    settings: tuple[float, str | None],
    out: Path,
) -> None:
    """Plan a study of single images, print it, and write single_power.csv."""
    from glimpse.files import write_whole
    from glimpse.text import counted

    from ..planning.planning import check_out
    from ..planning.single_power import SPREADS, SingleSpread, said_of_single, single_plan, single_size

    context = click.get_current_context()
    if study is not None:
        raise click.UsageError(f"--task single plans without STUDY; leave {study} or --task out.")
    if is_given("systems"):
        raise click.UsageError("--systems plans a ranking of pairs; leave it or --task single out.")
    console = context.obj
    check_out(out)
    images, hits, workers = counts
    people = (hits or 1) * (workers or 30)
    size = single_size(people, images, single["trials_per_hit"], single["generated"], settings[1])
    given = [SingleSpread(f"by {worker:g}", worker, worker) for worker, _ in spreads[0]] or SPREADS
    if spreads[1] is not None:
        given = [replace(one, image=spreads[1]) for one in given]
    plan = single_plan(size, single["d_prime"], given, level=1 - settings[0])
    console.say(
        f"{counted(size.workers, 'worker')}, {counted(size.trials, 'trial')} each, half of them real; "
        f"{counted(size.images, 'image')} of each condition; {size.conditions} generated.\n"
    )
    for line in said_of_single(plan, size):
        console.say(line)
    write_whole(out / "single_power.csv", plan.to_csv(index=False, lineterminator="\n"))
    console.say(f"\nWrote {out}/: single_power.csv.")
    console.next(f"{program()} build-hits --task single")
