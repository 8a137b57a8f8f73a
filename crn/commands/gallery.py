"""`gallery`: conditions side by side, as a figure and as a page to look through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from glimpse.program import program


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


@click.command()
@click.argument("images", type=click.Path(path_type=Path), default=Path("images"))
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="Folder of the items' label maps.  [default: IMAGES/labels, or the bundled samples']",
)
@click.option(
    "--label-set",
    help="Label set of the label maps: cityscapes, gta5, camvid, nyu, or a .json file.  [default: detected]",
)
@click.option(
    "--items",
    default="",
    help="Items to show, separated by commas, or how many of the first.  [default: all; 6 in the figures]",
)
@click.option(
    "--columns",
    default="",
    help='Columns in order, separated by commas; "layout" is the label maps.  '
    "[default: layout, baselines, ours, real]",
)
@click.option("--ours", help="The condition that stands beside the photographs.  [default: crn]")
@click.option("--real", default="real", show_default=True, help="The condition of the photographs.")
@click.option(
    "--rows", type=click.IntRange(1, 1000), default=6, show_default=True, help="Items in the PNG and the PDF."
)
@click.option(
    "--cell-width",
    type=click.IntRange(8, 4096),
    default=320,
    show_default=True,
    help="Width of an image in the PNG, in pixels.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("gallery"),
    show_default=True,
    help="Where to write.",
)
def gallery(images: Path, *, items: str, columns: str, rows: int, out: Path, **options: Any) -> None:
    """Lay out label maps, conditions and photographs side by side.

    IMAGES has a folder for each condition: IMAGES/<condition>/<item>.png. The command writes gallery.png,
    gallery.pdf (for a paper) and index.html, a page for looking through everything.

    \b
    Examples:
      python cli.py gallery
      python cli.py gallery images/ --labels my_labels/ --ours my-model
      python cli.py gallery --columns layout,scenes-diverse-1,scenes-diverse-2,real --items 000003,000007
    """
    from ..synthesis.gallery import open_gallery, write_gallery

    console = click.get_current_context().obj
    found = open_gallery(
        images,
        labels=options["labels"],
        labels_in=options["label_set"],
        columns=_names(columns),
        ours=options["ours"],
        real=options["real"],
    )
    shown = found.only(_names(items))
    if found.left_out and not items:
        several, such = len(found.left_out), found.left_out[0]
        console.warn(f"{several} items are not in every column and are left out (such as {such}).")
    if found.strange:
        console.warn(
            f"the label maps hold values that the label set {found.label_set} does not know. They are shown "
            "as void; name another with --label-set."
        )
    rows = max(rows, len(shown.items)) if items else rows
    written = write_gallery(
        shown,
        out,
        rows=rows,
        cell_width=options["cell_width"],
        title=images.resolve().name,
        track=console.track,
    )
    names = " | ".join(column.title for column in shown.columns)
    console.say(f"{written.png}, {written.pdf}: {min(rows, len(shown.items))} items, {names}")
    beside = f", with {written.images} images beside it" if written.images else ""
    console.say(f"{written.page}: {len(shown.items)} items to look through in a browser{beside}")
    console.next(f"open {written.page} in a browser, or: {program()} build-hits --mode limited-time")
