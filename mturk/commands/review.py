"""`review`: approve, bonus, replace, and reject only who is named."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.program import command
from glimpse.text import counted

from .asking import agree
from .following import given, results_option
from .options import published_options
from .panels import panel_review_options, panel_step

if TYPE_CHECKING:
    from glimpse.study import Study

    from ..collecting.closing import Closing
    from ..collecting.reviewing import Review, Wishes
    from ..publishing.client import Requester
    from ..publishing.ledger import Ledger


@click.command()
@click.argument("study", type=click.Path(path_type=Path), default=Path("study"))
@click.option("--approve/--no-approve", default=True, show_default=True,
              help="Approve every submission waiting for review, excluded ones too.")  # fmt: skip
@click.option(
    "--replace", is_flag=True, help="Open a new place for every excluded assignment.", show_default=True
)
@click.option(
    "--bonus", metavar="USD", help="Pay everybody approved this much more.", show_default="no bonus"
)
@click.option(
    "--bonus-to",
    multiple=True,
    metavar="ID",
    help="Pay the bonus only to these assignments.",
    show_default="everybody approved",
)
@click.option("--bonus-reason", metavar="TEXT", default="Thank you for your careful work.", show_default=True,
              help="What the worker reads with it.")  # fmt: skip
@click.option(
    "--reject",
    multiple=True,
    metavar="ID",
    help="Refuse payment of this assignment; repeatable.",
    show_default="nobody",
)
@click.option(
    "--reason",
    metavar="TEXT",
    default="",
    help="Why; needed with --reject, and shown to the worker.",
    show_default="none",
)
@click.option(
    "--overturn",
    multiple=True,
    metavar="ID",
    help="Approve this rejected assignment after all.",
    show_default="nobody",
)
@click.option(
    "--extend",
    "extend_days",
    metavar="DAYS",
    type=float,
    help="Reopen expired places for this many days.",
    show_default="they stay closed",
)
@click.option(
    "--close",
    "closes",
    is_flag=True,
    help="Close the places that nobody has taken, and do nothing else.",
    show_default="they stay open until they expire",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.", show_default=True)
@click.option(
    "--yes",
    is_flag=True,
    help="Accept the price of places and bonuses, and the closing of places, without being asked.",
    show_default=True,
)
@panel_review_options
@published_options
@click.pass_obj
def review(
    console: Any,
    /,
    *,
    study: Path,
    approve: bool,
    replace: bool,
    bonus: str | None,
    bonus_to: tuple[str, ...],
    bonus_reason: str,
    reject: tuple[str, ...],
    reason: str,
    overturn: tuple[str, ...],
    extend_days: float | None,
    closes: bool,
    dry_run: bool,
    yes: bool,
    on: str,
    data: Path,
    endpoint: str | None,
    **panel: Any,
) -> None:
    """Approve, pay bonuses, replace excluded assignments.

    Everybody who submitted is approved, unless named with --reject. Exclusion concerns the analysis, not
    payment: excluded assignments are approved too, and --replace opens a new place for each. Running it
    again pays nobody twice and opens no place twice.

    \b
    Examples:
      python cli.py review --dry-run
      python cli.py review --replace
      python cli.py review --bonus 0.50 --bonus-reason "The task took longer than we said."
      python cli.py review --reject 3ABC... --reason "The same key was pressed for all 110 pairs."
      python cli.py review --close
    """
    from ..collecting.reviewing import Wishes
    from ..collecting.reviewing import review as review_study
    from ..publishing.published import find

    wishes = Wishes(
        approve=approve,
        reject=reject,
        reason=reason,
        overturn=overturn,
        bonus_usd=_amount(bonus),
        bonus_to=bonus_to,
        bonus_reason=bonus_reason,
        replace=replace,
        extend_days=extend_days,
    )
    if closes:
        _refuse_more_than_closing()
        close_places(console, *find(study, on, endpoint, data), dry_run=dry_run, yes=yes)
        return
    frozen, requester, ledger = find(study, on, endpoint, data)

    with panel_step(frozen, requester, wishes, panel, dry_run=dry_run) as step:

        def confirm(what: Review) -> bool:
            moves = requester.endpoint.name != "local"
            for line in lines(what, wishes, moves_money=None if step else moves, dry_run=dry_run):
                console.say(line)
            if step is not None:
                step.confirm(console, what, dry_run=dry_run, yes=yes)
            elif not dry_run and requester.endpoint.costs_money and what.total_usd and not yes:
                agree(what.total_usd, "nothing was done or paid")
            return not dry_run

        done = review_study(frozen, requester, ledger, wishes, confirm, dry_run=dry_run, track=console.track)
        if step is not None and not dry_run:
            step.execute()
    if dry_run:
        console.say("Nothing was done (--dry-run).")
        console.next(command("review", *given(without=("dry_run",))))
        return
    if done.steps:
        console.say("Done.")
    watch = ["--watch"] if done.replacements or done.extend else []
    named = [*given("study", "on", "data", "endpoint"), *results_option(frozen), *watch]
    console.next(command("collect", *named))


def _refuse_more_than_closing() -> None:
    others = given(without=("study", "closes", "dry_run", "yes", "on", "data", "endpoint"))
    if others:
        raise click.UsageError(f"--close closes places and does nothing else; leave {others[0]} out.")


def close_places(
    console: Any, frozen: Study, requester: Requester, ledger: Ledger, *, dry_run: bool, yes: bool
) -> None:
    """Close the places that nobody has taken; on the paid site only with a clear yes."""
    from ..collecting.closing import close

    def confirm(what: Closing) -> bool:
        if not what.hits:
            console.say("No place is open.")
            return False
        verb = "Would close" if dry_run else "Close"
        console.say(f"{verb} {counted(what.places, 'open place')} of {counted(len(what.hits), 'HIT')}.")
        if what.working:
            console.say(f"Whoever is at work may still submit: {counted(what.working, 'assignment')}.")
        if not dry_run and requester.endpoint.costs_money and not yes:
            agree_to_close()
        return not dry_run

    what = close(frozen, requester, ledger, confirm, track=console.track)
    named = given("study", "on", "data", "endpoint")
    if dry_run:
        console.say("Nothing was done (--dry-run).")
        console.next(command("review", *given(without=("dry_run",))))
        return
    if what.hits:
        console.say(f"Closed. Open them again: {command('review', *named, '--extend', '7')}")
    console.next(command("collect", *named, *results_option(frozen)))


def agree_to_close() -> None:
    """Let a person say yes to the closing of places; anything else ends the command."""
    if not sys.stdin.isatty():
        raise click.UsageError("this closes places. Add --yes, or run it in a terminal and confirm it.")
    if not click.confirm("Close them?", default=False):
        raise click.ClickException("stopped; every place is as it was.")


def _amount(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text.strip().lstrip("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise click.BadParameter(
            f"{text!r} is no amount; expected dollars such as 0.50", param_hint="--bonus"
        )
    return amount


def lines(what: Review, wishes: Wishes, *, moves_money: bool | None, dry_run: bool) -> list[str]:
    """Return in words what a review does, or would do; of money nothing where a panel moves it (None)."""
    verb = "Would " if dry_run else ""
    steps = [
        (len(what.approve), f"approve {counted(len(what.approve), 'assignment')}"),
        (len(what.reject), f"reject {counted(len(what.reject), 'assignment')}: {wishes.reason.rstrip('.')}"),
        (len(what.overturn), f"approve {counted(len(what.overturn), 'rejected assignment')} after all"),
        (
            len(what.bonus),
            f"pay {counted(len(what.bonus), 'assignment')} a bonus of ${wishes.bonus_usd or 0:.2f}",
        ),
        (what.replacements, f"open {counted(what.replacements, 'new place')} for excluded assignments"),
        (
            len(what.extend),
            f"open {counted(len(what.extend), 'expired HIT')} for {wishes.extend_days or 0:g} days",
        ),
    ]
    said = [_capital(verb + text) + "." for count, text in steps if count]
    if what.total_usd and moves_money is not None:
        parts = [
            f"${what.reward_usd} rewards + ${what.fees_usd} fees" if what.reward_usd else "",
            f"${what.bonus_usd} bonuses with their fees" if what.bonus_usd else "",
        ]
        price = f"Price: {' + '.join(part for part in parts if part)} = ${what.total_usd}."
        said.append(
            price if moves_money else f"That is ${what.total_usd} for you to pay: this server moves no money."
        )
    if what.unreplaced:
        excluded, places = counted(what.excluded, "assignment"), counted(what.unreplaced, "new place")
        said.append(f"Excluded by the study's rules: {excluded}. --replace opens {places}.")
    return said or ["Nothing is waiting."]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
