"""`bundle`: a study, its results and its report as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from glimpse.program import command

DIFFERENCES_SHOWN = 5


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("report", type=click.Path(path_type=Path), required=False)
@click.option("--out", type=click.Path(path_type=Path), default=Path("study.zip"), show_default=True,
              help="The file to write.")  # fmt: skip
@click.option(
    "--images",
    type=click.Choice(["all", "previews", "digests"]),
    default="all",
    show_default=True,
    help="Where images may not be shared: small previews, or their SHA-256 alone.",
)
@click.option("--comments", is_flag=True, help="Keep what participants wrote, where it names nobody.")
@click.option(
    "--coarsen-times",
    "coarsen",
    type=click.Choice(["hour", "day"]),
    default=None,
    show_default="times stay",
    help="Move submissions back to the full hour or day; how long each took stays.",
)
@click.option("--licence", metavar="NAME", default="", show_default="none stated",
              help="Licence of the data, such as CC-BY-4.0.")  # fmt: skip
@click.option("--cite", metavar="TEXT", default="", show_default="not said", help="How to cite the study.")
@click.option("--metric", "metrics", metavar="FILE", multiple=True, type=click.Path(path_type=Path),
              show_default="none", help="A metric's scores that REPORT used (repeatable).")  # fmt: skip
@click.option("--metric-direction", "directions", metavar="[NAME=]lower|higher", multiple=True,
              show_default="as usual names say", help="As in analyze (repeatable).")  # fmt: skip
@click.option("--items", metavar="FILE", type=click.Path(path_type=Path), default=None,
              show_default="an items.csv in RESULTS or beside it", help="As in analyze.")  # fmt: skip
@click.option(
    "--hugging-face",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=None,
    show_default="none",
    help="Also write the tables as a dataset folder of Hugging Face: Parquet where pyarrow is, else CSV.",
)
@click.pass_obj
def bundle(
    console: Any,
    *,
    study: Path,
    results: Path,
    report: Path | None,
    out: Path,
    images: str,
    comments: bool,
    coarsen: str | None,
    licence: str,
    cite: str,
    metrics: tuple[Path, ...],
    directions: tuple[str, ...],
    items: Path | None,
    hugging_face: Path | None,
) -> None:
    """Pack a study, its answers and its report into one file without anybody's id.

    STUDY is what build-hits wrote, RESULTS what collect wrote, REPORT what analyze wrote: its settings are
    kept, and the report is made again from the answers as the bundle has them. Numbers stand for people; what
    tells who somebody is, a key or an address is looked for in every file, and nothing is written where one
    is found.

    \b
    Examples:
      python cli.py bundle study results report --licence CC-BY-4.0
      python cli.py bundle study results report --images digests --coarsen-times day --out shared.zip
    """
    from ..bundling.making import BundleOptions, make_bundle
    from ..bundling.promises import warning_of

    options = BundleOptions(
        images, comments, coarsen, licence, cite, metrics, directions, items, hugging_face
    )
    made = make_bundle(study, results, report, out, options)
    for text in made.differs[:DIFFERENCES_SHOWN]:
        console.warn(f"the bundle's report differs from {report}: {text}")
    if len(made.differs) > DIFFERENCES_SHOWN:
        console.warn(f"and {len(made.differs) - DIFFERENCES_SHOWN} more differences.")
    if made.unregistered:
        console.warn(made.unregistered)
    if made.promise:
        console.warn(warning_of(made.promise))
    console.say("Left out:")
    for note in made.manifest["left_out"]:
        console.say(click.wrap_text(note, 100, "- ", "  "))
    console.say(f"\nWrote {out}: {len(made.manifest['files']) + 1} files, {made.size / 1e6:.1f} MB.")
    console.say(f"SHA-256 {made.sha256}")
    if hugging_face:
        console.say(f"Wrote {hugging_face}/: the tables, with a dataset card.")
    console.next(command("reproduce", str(out)))
