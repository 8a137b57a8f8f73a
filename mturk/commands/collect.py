"""`collect`: new assignments into results/."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.program import command
from glimpse.progress import untracked
from glimpse.text import counted

from .following import given
from .options import published_options
from .panels import free_places, panel_marks

if TYPE_CHECKING:
    from glimpse.progress import Track
    from glimpse.study import Study

    from ..collecting.collecting import Collected
    from ..publishing.client import Requester
    from ..publishing.ledger import Ledger

SHOWN_PROBLEMS = 5


@click.command()
@click.argument("study", type=click.Path(path_type=Path), default=Path("study"))
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True,
              help="Folder that is written, or added to.")  # fmt: skip
@click.option(
    "--watch", is_flag=True, help="Keep checking until every place is done; Ctrl-C stops.", show_default=True
)
@click.option("--interval", "interval_s", metavar="SECONDS", type=click.FloatRange(min=1), default=30,
              show_default=True, help="How often --watch looks.")  # fmt: skip
@click.option("--only-verified", is_flag=True, show_default=True,
              help="Leave out who came by a link that Prolific neither signed nor lists.")  # fmt: skip
@published_options
@click.pass_obj
def collect(
    console: Any,
    *,
    study: Path,
    out: Path,
    on: str,
    watch: bool,
    interval_s: float,
    only_verified: bool,
    data: Path,
    endpoint: str | None,
) -> None:
    """Fetch new assignments into results/.

    Run it as often as you like: it adds what is new and leaves the rest as it is. Workers appear under
    pseudonyms; only workers.csv, which only you can read, says who is who.

    \b
    Examples:
      python cli.py collect
      python cli.py collect --watch --interval 60
      python cli.py collect pilot-study --on sandbox --out pilot-results
    """
    from ..publishing.client import CredentialsError, EndpointError
    from ..publishing.published import find

    def look(track: Track = untracked) -> Collected:
        # Found anew each time: a server that was started again may have another address.
        return _pass(console, find(study, on, endpoint, data), out, track, only_verified=only_verified)

    found = look(console.track)
    _report(console, found, out)
    while watch and not found.complete:
        try:
            time.sleep(interval_s)
            found = look()
        except KeyboardInterrupt:
            console.say("Stopped. Everything collected so far is on disk.")
            break
        except (EndpointError, CredentialsError) as error:
            console.warn(f"{error} (looking again in {interval_s:g} s)")
            continue
        if found.new:
            _report(console, found, out)
    if not found.total:
        console.say("No answers yet; look again later.")
        console.next(command("collect", *given(without=("watch",)), "--watch"))
    else:
        console.next(command("analyze", f"{out}/"))


def _pass(
    console: Any,
    published: tuple[Study, Requester, Ledger],
    out: Path,
    track: Track,
    *,
    only_verified: bool,
) -> Collected:
    """Fetch what is new, with the panel's side of it where there is one."""
    from ..collecting.collecting import collect as collect_study

    study, requester, _ = published
    marks = panel_marks(study, requester, only_verified=only_verified)
    found = collect_study(*published, out, track, marks=marks)
    if marks is not None:
        marks.mark_workers(out)
        free_places(console, study, requester)
        if marks.left_out:
            console.say(f"Left out, as not verified: {counted(len(marks.left_out), 'assignment')}.")
            found.places -= len(marks.left_out)
    return found


def _report(console: Any, found: Collected, out: Path) -> None:
    console.say(
        f"{counted(found.new, 'new assignment')}; {found.total} of {counted(found.places, 'place')} done. "
        f"Written: {out}/"
    )
    if found.simulated:
        console.warn(
            f"{out}/ holds {counted(found.simulated, 'assignment')} made by the simulator, not by people"
        )
    if found.registration:
        console.warn(found.registration)
    for line in found.damaged[:SHOWN_PROBLEMS]:
        console.warn(f"left as it is, and passed over: {line}")
    if len(found.damaged) > SHOWN_PROBLEMS:
        console.warn(f"... and {len(found.damaged) - SHOWN_PROBLEMS} more lines")
    for problem in found.problems[:SHOWN_PROBLEMS]:
        console.warn(f"kept as received: assignment {problem}")
    if len(found.problems) > SHOWN_PROBLEMS:
        console.warn(
            f"... and {len(found.problems) - SHOWN_PROBLEMS} more, marked `problem` in assignments.jsonl"
        )
