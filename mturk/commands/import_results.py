"""`import-results`: MTurk batch result files, and tables of votes, into results/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.files import refuse_twice
from glimpse.given import refuse_given
from glimpse.program import command
from glimpse.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..importing.batch_results import Imported

SHOWN_PROBLEMS = 10
TABLES = ("table", "single")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE.csv...",
                type=click.Path(path_type=Path, exists=True, dir_okay=False))  # fmt: skip
@click.option(
    "--format",
    "kind",
    type=click.Choice(["crn-authors", "amt-real-vs-fake", "glimpse", "table", "single"]),
    default="crn-authors",
    show_default=True,
    help="Whose page the workers used; table: votes from anywhere, a row an answer; single: the same of "
    "single images, real or generated.",
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True,
              help="Folder that is written.")  # fmt: skip
@click.option(
    "--real",
    metavar="NAME",
    help="The condition of real images.",
    show_default="real; for amt-real-vs-fake the folder on the side that the file calls real; for table none",
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
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="ROLE=NAME",
    help="What a column says, where its name is not a usual one: worker, item, item_a, item_b, a, b, winner, "
    "chose_a, question, exposure_ms, exposure_s, time, response_ms; of single: worker, item, condition, "
    "answer, said_generated, exposure_ms, exposure_s, time, response_ms; repeatable; table and single only.",
    show_default="guessed by usual names",
)
@click.option("--a-is-left", is_flag=True, help="The first condition of a row stood left; table only.")
@click.option("--only", metavar="QUESTION", help="Of several questions, the one to read; table only.",
              show_default="all")  # fmt: skip
@click.option("--title", metavar="TEXT", help="What the report is called; table and single only.",
              show_default="the file's name")  # fmt: skip
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
    columns: tuple[str, ...],
    a_is_left: bool,
    only: str | None,
    title: str | None,
) -> None:
    """Read MTurk batch CSV files, or votes from anywhere, into results/.

    The files are what MTurk's website gives under "Download CSV". A condition is the folder in an image's
    address. Name all files of one study together, such as one per baseline. Rows that cannot be read are
    named by line and left out. With --format table they are votes that were collected anywhere: who compared
    what, and which was chosen.

    \b
    Examples:
      python cli.py import-results Batch_1_results.csv --sentinel image-space
      python cli.py import-results expt.csv --format amt-real-vs-fake --sentinel vigilance
      python cli.py import-results Batch_2_results.csv --format glimpse --study study
      python cli.py import-results votes.csv --format table --column worker=who --real photo
      python cli.py import-results answers.csv --format single --column condition=generator
    """
    from glimpse.registration import carry_registration
    from glimpse.study import read_study

    from ..importing.batch_results import Options, write_results
    from ..importing.batch_results import import_results as read_files

    refuse_twice(files, "file")
    if kind != "glimpse":
        refuse_given(
            ["study"], f"goes with --format glimpse; with --format {kind} it says nothing. Leave it out."
        )
    _check_given(kind, {
        ("amt-real-vs-fake",): {"--practice": practice_trials, "--exposure-ms": exposure_ms},
        ("table",): {"--a-is-left": a_is_left, "--only": only},
        TABLES: {"--column": columns, "--title": title},
    })  # fmt: skip
    if kind == "glimpse" and (real or sentinels):
        raise click.UsageError(
            "with --format glimpse the study states --real and --sentinel; leave them out."
        )
    if kind in TABLES:
        if sentinels:
            raise click.UsageError(f"with --format {kind} there are no sentinels; leave --sentinel out.")
        found = _of_table(kind, files, columns, real, title, only, a_is_left=a_is_left)
    else:
        options = Options(real, sentinels, practice_trials, exposure_ms)
        found = read_files(files, kind, options, read_study(study) if kind == "glimpse" else None)
    write_results(found, out)
    wrong = carry_registration(study, out) if kind == "glimpse" else ""
    console.say(f"Read {counted(len(found.lines), 'assignment')} of {counted(len(found.workers), 'worker')}.")
    for name, value in found.facts.items():
        console.say(f"  {name}: {', '.join(map(str, value)) if isinstance(value, list) else value}")
    for problem in [*filter(None, [wrong]), *found.problems[:SHOWN_PROBLEMS]]:
        console.warn(problem)
    if len(found.problems) > SHOWN_PROBLEMS:
        console.warn(f"... and {len(found.problems) - SHOWN_PROBLEMS} more rows")
    if kind not in {"glimpse", *TABLES} and not sentinels:
        console.warn("no --sentinel NAME was given: nobody is excluded for wrong sentinels")
    console.say(f"Written: {out}/")
    console.next(command("analyze", f"{out}/"))


def _check_given(kind: str, of: Mapping[tuple[str, ...], Mapping[str, object]]) -> None:
    """Raise UsageError for options that other formats have; of: by format, what was given."""
    for kinds, given in of.items():
        if kind not in kinds and any(value not in {None, False, ()} for value in given.values()):
            raise click.UsageError(f"{' and '.join(given)} go with --format {' or '.join(kinds)}.")


def _of_table(
    kind: str,
    files: Sequence[Path],
    columns: Sequence[str],
    real: str | None,
    title: str | None,
    only: str | None,
    *,
    a_is_left: bool,
) -> Imported:
    """Read a table of votes on pairs, or of answers to single images."""
    from ..importing.single_voted_study import single_study_of
    from ..importing.single_votes import read_single_votes
    from ..importing.voted_study import study_of
    from ..importing.votes import read_votes

    named = ", ".join(path.name for path in files)
    if kind == "single":
        return single_study_of(
            read_single_votes(files, columns), real=real, title=title or f"Answers of {named}"
        )
    votes = read_votes(files, columns, a_is_left=a_is_left)
    return study_of(votes, real=real, title=title or f"Votes of {named}", only=only)
