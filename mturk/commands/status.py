"""`status`: how a published study stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.program import command
from glimpse.text import counted, exposure_name, listed

from .following import given, results_option
from .options import published_options
from .panels import show_panel
from .places import where_people_go

if TYPE_CHECKING:
    from glimpse.experiment import Experiment
    from glimpse.stopping import CellState

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
    from ..collecting.participants import study_notices
    from ..collecting.status import by_batch, stopping, survey
    from ..publishing.allocating import ranking_lines
    from ..publishing.own_server import clock_notice
    from ..publishing.publication import rewards_of
    from ..publishing.published import find

    frozen, requester, ledger = find(study, on, endpoint, data)
    target = requester.endpoint
    named = given("study", "on", "data", "endpoint")
    for notice in filter(None, [clock_notice(target), *study_notices(requester, frozen.study)]):
        console.warn(notice)
    for line in ledger.damaged:
        console.warn(f"passed over: {line}")
    states = survey(frozen, requester, ledger, console.track)
    if not states:
        console.say(f"Study {frozen.study} at {target.name} ({target.url}): no HIT was created yet.")
        to = [] if target.name == "local" else ["--to", target.name]
        console.next(command("publish", *given("study"), *to, *given("data", "endpoint")))
        return
    batches = by_batch(
        states, frozen.experiment.reward_usd, fees=target.name != "local", rewards=rewards_of(ledger)
    )
    console.say(f"Study {frozen.study} at {target.name} ({target.url})")
    for line in table(batches):
        console.say(line)
    expired = sum(batch.expired_places for batch in batches)
    full = not expired and not any(batch.open or batch.out for batch in batches)
    rule = stopping_lines(frozen.experiment, stopping(frozen, states), full=full)
    for line in [*rule, *ranking_lines(frozen, target)]:
        console.say(line)
    show_panel(console, frozen, requester)
    if expired:
        console.say(
            f"Expired: {counted(expired, 'place')}. Open again: {command('review', *named, '--extend', '7')}"
        )
    ends = [state.expires for state in states if state.expires and state.open]
    if ends:
        console.say(f"Places stay open until {max(ends):%Y-%m-%d %H:%M %Z}. Workers find them here:")
        for address in where_people_go(frozen, requester, [state.hit for state in states]):
            console.say(f"  {address}")
    if any(batch.submitted for batch in batches):
        console.next(command("review", *named))
    else:
        console.next(command("collect", *named, *results_option(frozen)))


SHORT_NAMED = 3  # HITs that the next round waits for


def stopping_lines(experiment: Experiment, cells: list[CellState], *, full: bool) -> list[str]:
    """Return how the study's rule for stopping stands, a line a cell; none where it states no rule.

    full: all places are filled, so that no further round comes.
    """
    rule = experiment.stop_when
    if rule is None:
        return []
    limited = experiment.mode == "limited-time"
    met = sum(cell.met_after is not None for cell in cells)
    verdict = "The rule holds: you may stop here"
    if met < len(cells):
        verdict = (
            f"The rule holds in {met} of {len(cells)} cells so far" if met else "The rule does not hold yet"
        )
        if full:
            where = f" in {len(cells) - met} of {len(cells)} cells" if met else ""
            verdict = f"All places are filled, and the rule was not met{where}"
    names = [f"{cell.contrast}{f' at {exposure_name(cell.exposure_ms)}' * limited}" for cell in cells]
    width = max(map(len, names))
    return [
        f"May stop when {rule.text(limited=limited)}.",
        *(
            f"  {name.ljust(width)}  {_state(cell, full=full)}"
            for name, cell in zip(names, cells, strict=True)
        ),
        f"{verdict}. The intervals hold however often you look, for what this study shows.",
    ]


def _state(cell: CellState, *, full: bool) -> str:
    """Return the first condition's rate in a cell, and since when the rule holds, or what it waits for."""
    chosen, _, _ = cell.contrast.partition(":")
    shown = f"{chosen} in {100 * cell.low:.1f} to {100 * cell.high:.1f} %"
    after = f"after {counted(cell.rounds, 'whole round')} of {counted(cell.hits, 'HIT')}"
    if cell.met_after is not None:
        since = f" ({cell.met_at})" if cell.met_at else ""
        return f"{shown} {after}: holds since round {cell.met_after}{since}"
    if full:
        return f"{shown} {after}: not met"
    names = cell.short[:SHORT_NAMED]
    more = len(cell.short) - len(names)
    waits = listed([*names, *([f"{more} more"] if more else [])])
    return f"{shown} {after}: not yet; the next round needs a worker in {waits}"


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
