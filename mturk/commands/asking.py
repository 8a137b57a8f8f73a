"""A person's clear yes before money is spent."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation

import click


def agree(total: Decimal, otherwise: str, currency: str = "") -> None:
    """Let a person type the amount that will be spent, in dollars unless a currency is named.

    Anything else ends the command, saying `otherwise`.
    """
    if not sys.stdin.isatty():
        shown = f"{total} {currency}" if currency else f"${total}"
        raise click.UsageError(
            f"this spends {shown}. Add --yes, or run it in a terminal and type the amount."
        )
    typed = click.prompt(f"Type the total ({total}) to spend it; anything else stops", default="")
    try:
        agreed = Decimal(typed.strip().lstrip("$")) == total
    except InvalidOperation:
        agreed = False
    if not agreed:
        raise click.ClickException(f"stopped; {otherwise}.")
