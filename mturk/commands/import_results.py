"""`import-results`: MTurk batch result files into results/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from glimpse.program import command

SHOWN_PROBLEMS = 10


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE.csv...",
                type=click.Path(path_type=Path, exists=True, dir_okay=False))  # fmt: skip
@click.option(
    "--format",
    "kind",
    type=click.Choice(["crn-authors", "amt-real-vs-fake", "glimpse"]),
    default="crn-authors",
    show_default=True,
    help="Whose page the workers used.",
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True,
              help="Folder that is written.")  # fmt: skip
@click.option(
    "--real",
    metavar="NAME",
    help="The condition of real images.",
    show_default="real; for amt-real-vs-fake the folder on the side that the file calls real",
)
@click.option(
    "--sentinel",
    "sentinels",
    multiple=True,
    metavar="NAME",
    help="Trials of NAME against real images are sentinels; repeatable.",
    show_default="none",
)
@click.option(
    "--practice",
    "practice_trials",
    metavar="N",
    type=click.IntRange(min=0),
    help="The first N trials were practice; amt-real-vs-fake only.",
    show_default="10",
)
@click.option(
    "--exposure-ms",
    metavar="MS",
    type=click.IntRange(1, 60_000),
    help="How long images were shown; amt-real-vs-fake only.",
    show_default="1000",
)
@click.option("--study", type=click.Path(path_type=Path), default=Path("study"), show_default=True,
              help="The study whose pages were used; glimpse only.")  # fmt: skip
@click.pass_obj
def import_results(
    console: Any,
    *,
    files: tuple[Path, ...],
    kind: str,
    out: Path,
    real: str | None,
    sentinels: tuple[str, ...],
    practice_trials: int | None,
    exposure_ms: int | None,
    study: Path,
) -> None:
    """Read MTurk batch CSV files into results/.

    The files are what MTurk's website gives under "Download CSV". A condition is the folder in an image's
    address. Name all files of one study together, such as one per baseline. Rows that cannot be read are
    named by line and left out.

    \b
    Examples:
      python cli.py import-results Batch_1_results.csv --sentinel image-space
      python cli.py import-results expt.csv --format amt-real-vs-fake --sentinel vigilance
      python cli.py import-results Batch_2_results.csv --format glimpse --study study
    """
    from glimpse.study import read_study

    from ..importing.batch_results import Options, write_results
    from ..importing.batch_results import import_results as read_files

    if kind != "amt-real-vs-fake" and (practice_trials is not None or exposure_ms is not None):
        raise click.UsageError("--practice and --exposure-ms go with --format amt-real-vs-fake.")
    if kind == "glimpse" and (real or sentinels):
        raise click.UsageError(
            "with --format glimpse the study states --real and --sentinel; leave them out."
        )
    options = Options(real, sentinels, practice_trials, exposure_ms)
    found = read_files(files, kind, options, read_study(study) if kind == "glimpse" else None)
    write_results(found, out)
    console.say(f"Read {len(found.lines)} assignments of {len(found.workers)} workers.")
    for name, value in found.facts.items():
        console.say(f"  {name}: {', '.join(map(str, value)) if isinstance(value, list) else value}")
    for problem in found.problems[:SHOWN_PROBLEMS]:
        console.warn(problem)
    if len(found.problems) > SHOWN_PROBLEMS:
        console.warn(f"... and {len(found.problems) - SHOWN_PROBLEMS} more rows")
    if kind != "glimpse" and not sentinels:
        console.warn("no --sentinel NAME was given: nobody is excluded for wrong sentinels")
    console.say(f"Written: {out}/")
    console.next(command("analyze", f"{out}/"))
