"""Which options of a command were given, and refusals of those that would do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_given(name: str) -> bool:
    """Tell whether the running command's parameter `name` was given, whatever its value."""
    return click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT


def refuse_given(names: Iterable[str], why: str) -> None:
    """Raise UsageError for the first of these options that was given; `why` follows the option's name."""
    by_name = {param.name: param for param in click.get_current_context().command.params}
    for name in names:
        if is_given(name):
            raise click.UsageError(f"{by_name[name].opts[0]} {why}")
