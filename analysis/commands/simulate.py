"""`simulate`: simulated workers answer a study, into results/ or through a running server."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click


@click.command()
@click.argument("study", type=click.Path(path_type=Path), default="study", required=False)
@click.option(
    "--out", type=click.Path(path_type=Path), default="results", show_default=True, help="Folder to write."
)
@click.option(
    "--workers", type=int, default=None, help="How many people.  [default: as many as fill the study]"
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same answers."
)
@click.option(
    "--quality",
    multiple=True,
    metavar="NAME=VALUE",
    help="How real a condition looks given time: real is 0; with -1 the photograph is chosen 84 % of the "
    "time. Repeatable; the usual conditions have defaults.",
)
@click.option("--random-share", type=float, default=0.01, show_default=True, help="Share of random clickers.")
@click.option(
    "--lapse", type=float, default=0.003, show_default=True, help="Mean share of trials answered blindly."
)
@click.option(
    "--pair-sd", type=float, default=0.45, show_default=True, help="Spread between pairs, probit units."
)
@click.option(
    "--ability-sd", type=float, default=0.25, show_default=True, help="Spread of ability between workers."
)
@click.option(
    "--side-bias-sd", type=float, default=0.10, show_default=True, help="Spread of side bias, probit units."
)
@click.option(
    "--through-server",
    metavar="URL",
    is_flag=False,
    flag_value="",
    default=None,
    help="Answer over HTTP on a running server, as its workers; without URL, on the one that `serve` runs.",
)
@click.option(
    "--concurrency", type=click.IntRange(1, 64), default=8, show_default=True, help="Workers at a time."
)
def simulate(
    *,
    study: Path,
    out: Path,
    workers: int | None,
    seed: int,
    quality: tuple[str, ...],
    random_share: float,
    lapse: float,
    pair_sd: float,
    ability_sd: float,
    side_bias_sd: float,
    through_server: str | None,
    concurrency: int,
) -> None:
    """Let simulated workers answer a study; marked simulated.

    STUDY is a folder written by build-hits. The people differ in ability, care, side bias and speed, and some
    click at random; every pair has a difficulty of its own. What they write is marked simulated for good, and
    never replaces answers of real people.

    \b
    Examples:
      python cli.py simulate
      python cli.py simulate --workers 40 --quality crn=-0.5 --seed 7
      python cli.py simulate --through-server http://127.0.0.1:8080
    """
    from analysis.observer import Observer, parse_quality
    from analysis.simulation import answer_study, read_plan, refuse_real_answers, write_results
    from analysis.through_server import answer_on_server, default_url

    console = click.get_current_context().obj
    observer = Observer(
        quality=parse_quality(quality),
        random_share=random_share,
        lapse_mean=lapse,
        pair_sd=pair_sd,
        ability_sd=ability_sd,
        side_bias_sd=side_bias_sd,
    )
    plan = read_plan(study, observer, console.versions()["glimpse"])
    if through_server is not None:
        url = through_server or default_url()
        done, idle = answer_on_server(url, plan, observer, seed, workers, concurrency, console.track)
        console.say(f"{done} simulated workers answered at {url}, every assignment marked simulated.")
        if idle:
            console.say(f"{idle} found nothing to do: they had answered before, or every place is taken.")
        console.next("python cli.py collect" + ("" if study == Path("study") else f" {study}"))
        return
    earlier = refuse_real_answers(out)
    visits = answer_study(plan, observer, seed, workers, console.track)
    record = {"seed": seed, "observer": asdict(observer), "versions": console.versions("numpy", "scipy")}
    write_results(plan, visits, seed, out, record)
    if earlier:
        console.say(f"Replaced {earlier} simulated assignments of an earlier run.")
    answers = sum(len(visit.submission["answers"]) for visit in visits)
    console.say(
        f"Wrote {out}/: {len(visits)} of {plan.places} assignments, {answers} answers, "
        "every one marked simulated."
    )
    console.next(f"python cli.py analyze {out}/")
