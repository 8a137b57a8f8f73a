"""`preview`: a HIT's page, opened from the disk or from a small server."""

from __future__ import annotations

from pathlib import Path

import click

from glimpse.program import command

from .following import given


@click.command()
@click.argument("study", type=click.Path(path_type=Path), default=Path("study"))
@click.option("--hit", metavar="NAME", default=None, show_default="the first", help="Which HIT's page.")
@click.option("--serve", is_flag=True, help="Serve the page on this computer instead of opening the file.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default="any free one", help="Port of --serve."
)
@click.option(
    "--before-accepting", is_flag=True, help="Show the page as it looks before the HIT is accepted."
)
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open a browser window.")
def preview(
    study: Path, hit: str | None, serve: bool, port: int, before_accepting: bool, browser: bool
) -> None:
    """Open a HIT's page as a worker would see it.

    Nothing is sent: at the end the page shows what it would submit. STUDY is the folder that
    build-hits wrote.

    \b
    Examples:
      python cli.py preview
      python cli.py preview study --hit b1-h03 --serve
    """
    from glimpse.opening import open_browser
    from glimpse.study import read_study

    from ..page.previewing import address_on_disk, serving

    console = click.get_current_context().obj
    found = read_study(study)
    name = found.hit(hit).hit if hit else found.hits[0].hit
    if not serve:
        address = address_on_disk(found, name, accepted=not before_accepting)
        if not browser or not open_browser(address):
            console.say("No browser was opened. Open this address in one on this computer:")
        console.say(address)
        console.next(command("publish", *given("study"), "--to", "local"))
        return
    with serving(found, name, port, accepted=not before_accepting) as (server, address):
        console.say(f"{address}\nServing HIT {name}; stop with Ctrl+C.")
        if browser:
            open_browser(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.say("Stopped.")
