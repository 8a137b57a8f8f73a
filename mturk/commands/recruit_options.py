"""Options of `publish` that concern a panel, and what they were given as."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

ACTIONS = ("pause", "start", "stop")


@dataclass(frozen=True)
class PanelOptions:
    """What was asked of a panel; `action` is one of `ACTIONS`, or empty."""

    places: int | None = None
    draft: bool = False
    action: str = ""
    reward: Decimal | None = None
    workspace: str | None = None
    project: str | None = None
    signed_links: bool = False
    exclude: tuple[Path, ...] = ()
    panels: tuple[str, ...] = ()


def panel_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that go with --to prolific."""
    options = [
        click.option("--places", metavar="N", type=click.IntRange(min=1), show_default="all of the study",
                     help="With --to prolific: how many places in all; start small, and give more later."),
        click.option("--draft", is_flag=True, show_default=True,
                     help="With --to prolific: make the draft, to be looked at there, and publish nothing."),
        *(click.option(f"--{name}", is_flag=True, show_default=True,
                       help=f"With --to prolific: {name} the published study.") for name in ACTIONS),
        click.option("--reward", metavar="AMOUNT", show_default="the study's, where the account pays in USD",
                     help="Another reward for a published study, in dollars; with --to prolific that of a "
                     "draft, in the account's currency."),
        click.option("--workspace", metavar="NAME", show_default="the only one",
                     help="With --to prolific: which workspace of the account pays."),
        click.option("--project", metavar="ID", show_default="the workspace's first",
                     help="With --to prolific: the project in which the study is listed."),
        click.option("--signed-links", is_flag=True, show_default=True,
                     help="With --to prolific: let Prolific sign links; only some workspaces can."),
        click.option("--exclude", metavar="FOLDER", multiple=True, show_default="nobody",
                     type=click.Path(path_type=Path, exists=True),
                     help="Results folder, or workers.csv, of an earlier study: who is in it is kept out of "
                     "this one (repeatable)."),
    ]  # fmt: skip
    options.append(
        click.option("--panel", "panels", metavar="NAME=PLACES", multiple=True, show_default="none",
                     help="With --to local: codes and so many places for connect, sona or lab (repeatable)."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def read_options(given: dict[str, Any]) -> PanelOptions:
    """Return the options as they were given; UsageError for those that do not go together."""
    from ..recruiting.by_links import read_panel

    actions = [name for name in ACTIONS if given[name]]
    if len(actions) > 1 or (actions and (given["draft"] or given["places"])):
        raise click.UsageError("--pause, --start, --stop, --draft and --places: give one of them.")
    for text in given["panels"]:
        read_panel(text)
    return PanelOptions(
        places=given["places"],
        draft=given["draft"],
        action=actions[0] if actions else "",
        reward=_amount(given["reward"]),
        workspace=given["workspace"],
        project=given["project"],
        signed_links=given["signed_links"],
        exclude=given["exclude"],
        panels=given["panels"],
    )


def refuse_without_panel(options: PanelOptions, to: str) -> None:
    """Raise UsageError where an option of a panel was given and none is published to."""
    default = PanelOptions()
    if options.panels and to != "local":
        raise click.UsageError(f"--panel is for studies on our own server; it does not go with --to {to}.")
    for field in fields(options):
        if field.name in {"exclude", "panels", "reward"}:
            continue
        if getattr(options, field.name) != getattr(default, field.name):
            name = options.action if field.name == "action" else field.name.replace("_", "-")
            raise click.UsageError(f"--{name} goes with --to prolific.")


def _amount(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount <= 0:
        raise click.BadParameter(f"{text!r} is no amount; needed: such as 1.50", param_hint="--reward")
    return amount
