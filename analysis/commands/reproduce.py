"""`reproduce`: a bundle, checked and analysed again."""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.given import refuse_given

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..bundling.reproducing import Bundle, Reproduction

DIFFERS = 3  # the exit status where something came out otherwise
SHOWN = 8


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path), metavar="STUDY.ZIP")
@click.option("--out", type=click.Path(path_type=Path), default=None, show_default="a folder that is removed",
              help="New folder in which the bundle and its new report stay.")  # fmt: skip
@click.option("--tolerance", type=click.FloatRange(min=0, max=0.1), default=1e-6, show_default=True,
              help="How far numbers may differ, as a share of the larger one.")  # fmt: skip
@click.option("--preview", is_flag=True, help="Open a HIT as participants saw it, and analyse nothing.")
@click.option(
    "--hit", metavar="NAME", default=None, show_default="the first", help="Which HIT --preview opens."
)
@click.option("--browser/--no-browser", default=True, show_default=True,
              help="Open a browser window for --preview.")  # fmt: skip
@click.pass_obj
def reproduce(
    console: Any,
    *,
    bundle: Path,
    out: Path | None,
    tolerance: float,
    preview: bool,
    hit: str | None,
    browser: bool,
) -> None:
    """Check a bundle, analyse it again, and say whether the same comes out.

    Every file is compared with its SHA-256, then every number of the new report with that in the bundle. The
    exit status is 0 where it is the same, 3 where it is not, 1 where the bundle was changed or cannot be
    read.

    \b
    Examples:
      python cli.py reproduce study.zip
      python cli.py reproduce study.zip --out checked/
      python cli.py reproduce study.zip --preview
    """
    if math.isnan(tolerance):
        raise click.BadParameter("it is nan; name a number from 0 to 0.1.", param_hint="--tolerance")
    if preview:
        refuse_given(
            ["tolerance"], "says nothing with --preview, which analyses nothing. Leave one of them out."
        )
    else:
        refuse_given(["hit", "browser"], "says how --preview opens a HIT. Add --preview, or leave it out.")
    from ..bundling.reproducing import open_bundle
    from ..bundling.reproducing import reproduce as run_again

    with _folder(out, keep=preview) as folder:
        found = open_bundle(bundle, folder)
        console.say(f"{found.title}\n{len(found.manifest['files']):,} files, each with its SHA-256.")
        if preview:
            _preview(console, found, hit, browser=browser)
            return
        result = run_again(found, tolerance)
        _say(console, result)
        if out:
            console.say(f"\nWrote {out}/: the bundle, and its new report in {out}/report-again/.")
    if not result.reproduced:
        sys.exit(DIFFERS)


@contextmanager
def _folder(out: Path | None, *, keep: bool) -> Iterator[Path]:
    """Yield an empty folder; one that was not asked for is removed, and so is one that was not filled."""
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise click.ClickException(f"{out} is there and not empty; name a new folder with --out.")
    folder = out or Path(tempfile.mkdtemp(prefix="reproduce-"))
    folder.mkdir(parents=True, exist_ok=True)
    done = False
    try:
        yield folder
        done = True
    finally:
        if not done or not (keep or out):
            shutil.rmtree(folder, ignore_errors=True)


def _preview(console: Any, bundle: Bundle, hit: str | None, *, browser: bool) -> None:
    from glimpse.opening import open_browser, page_address

    page, name = bundle.page_of(hit)
    address = page_address(page, name)
    if not browser or not open_browser(address):
        console.say("No browser was opened. Open this address in one on this computer:")
    console.say(f"{address}\nHIT {name}; nothing is sent. The files stay in {bundle.folder}.")


def _say(console: Any, result: Reproduction) -> None:
    """Say what was compared, what differs, and why it may."""
    found = result.comparison
    console.say(f"Analysed again: {found.files} files of the report compared, {found.numbers:,} numbers.")
    if found.largest:
        console.say(f"The largest difference within the tolerance is {found.largest:.1g} of a number.")
    for (one, several), listed, count in (
        (("number differs", "numbers differ"), found.deviations, found.counts["deviations"]),
        (("text differs", "texts differ"), found.words, found.counts["words"]),
        (("file is not made now", "files are not made now"), found.missing, len(found.missing)),
        (("figure has other bytes", "figures have other bytes"), found.pictures, len(found.pictures)),
        (("file or field is new", "files or fields are new"), found.added, len(found.added)),
    ):
        _list(console, several if count > 1 else one, listed, count)
    if result.elsewhere:
        console.say("\nNot the same as where the bundle was made:")
        for text in result.elsewhere:
            console.say(f"  {text}")
    console.say(f"\n{_verdict(result)}")


def _list(console: Any, what: str, listed: Sequence[Any], count: int) -> None:
    if not count:
        return
    console.say(f"\n{count:,} {what}:")
    for one in listed[:SHOWN]:
        console.say(f"  {one}")
    if count > SHOWN:
        console.say(f"  and {count - SHOWN:,} more")


def _verdict(result: Reproduction) -> str:
    if result.comparison.same:
        return "Reproduced: every number, word and figure is the same."
    if result.reproduced:
        return "Reproduced: every number is the same; what else differs comes from other versions."
    if result.elsewhere:
        return "NOT reproduced; the versions or the processor above may be why."
    return "NOT reproduced, with the same versions on the same kind of computer."
