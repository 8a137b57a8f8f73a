"""`status`: how a published study stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.program import command
from glimpse.text import counted

from .following import given, results_option
from .options import published_options

if TYPE_CHECKING:
    from ..collecting.status import BatchStatus

COLUMNS = (
    "batch",
    "HITs",
    "places",
    "open",
    "at work",
    "to review",
    "approved",
    "rejected",
    "excluded",
    "paid",
)


@click.command()
@click.argument("study", type=click.Path(path_type=Path), default=Path("study"))
@published_options
@click.pass_obj
def status(console: Any, study: Path, on: str, data: Path, endpoint: str | None) -> None:
    """Show what is open, submitted, excluded so far and paid.

    Excluded assignments are left out of the analysis; they are paid like all others.

    \b
    Examples:
      python cli.py status
      python cli.py status pilot-study --on sandbox
    """
    from ..collecting.status import by_batch, survey
    from ..publishing.published import find
    from ..publishing.publishing import where_workers_go

    frozen, requester, ledger = find(study, on, endpoint, data)
    target = requester.endpoint
    named = given("study", "on", "data", "endpoint")
    for line in ledger.damaged:
        console.warn(f"passed over: {line}")
    states = survey(frozen, requester, ledger, console.track)
    if not states:
        console.say(f"Study {frozen.study} at {target.name} ({target.url}): no HIT was created yet.")
        to = [] if target.name == "local" else ["--to", target.name]
        console.next(command("publish", *given("study"), *to, *given("data", "endpoint")))
        return
    batches = by_batch(states, frozen.experiment.reward_usd, fees=target.name != "local")
    console.say(f"Study {frozen.study} at {target.name} ({target.url})")
    for line in table(batches):
        console.say(line)
    expired = sum(batch.expired_places for batch in batches)
    if expired:
        console.say(
            f"Expired: {counted(expired, 'place')}. Open again: {command('review', *named, '--extend', '7')}"
        )
    ends = [state.expires for state in states if state.expires and state.open]
    if ends:
        console.say(f"Places stay open until {max(ends):%Y-%m-%d %H:%M %Z}. Workers find them here:")
        for address in where_workers_go(frozen, requester, [state.hit for state in states]):
            console.say(f"  {address}")
    if any(batch.submitted for batch in batches):
        console.next(command("review", *named))
    else:
        console.next(command("collect", *named, *results_option(frozen)))


def table(batches: list[BatchStatus]) -> list[str]:
    """Return the counts as lines of aligned columns, with a line of sums where there are several batches."""
    names = (
        "batch",
        "hits",
        "places",
        "open",
        "out",
        "submitted",
        "approved",
        "rejected",
        "excluded",
        "paid_usd",
    )
    rows = [[getattr(batch, name) for name in names] for batch in batches]
    if len(rows) > 1:
        rows.append(["all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])])
    cells = [list(COLUMNS), *([*map(str, row[:-1]), f"${row[-1]}"] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(COLUMNS))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
