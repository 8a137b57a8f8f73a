"""Options that somebody typed: where one says nothing of what is asked for, it is refused, not ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_typed(name: str) -> bool:
    """Tell whether the running command was given the parameter called `name`."""
    return click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT


def refuse_typed(names: Iterable[str], why: str) -> None:
    """Raise UsageError for a given parameter of `names`; `why` goes on: "works only with ..."."""
    for param in click.get_current_context().command.params:
        if param.name in names and is_typed(str(param.name)):
            raise click.UsageError(f"{param.opts[0]} {why}")
