"""What to type next: commands that work as they are printed, with all that the next one needs to know."""

from __future__ import annotations

from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.errors import GlimpseError
from glimpse.study import identity, read_document

if TYPE_CHECKING:
    from glimpse.study import Study

RESULTS = Path("results")


def given(*names: str, without: tuple[str, ...] = ()) -> list[str]:
    """Return as words what was typed after the running command.

    `names` are those of its parameters that are wanted (none: all of them); `without` are left out.
    """
    ctx = click.get_current_context()
    words: list[str] = []
    for param in ctx.command.params:
        name = str(param.name)
        typed_here = ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if typed_here and name not in without and (not names or name in names):
            words += _words(param, ctx.params[name])
    return words


def _words(param: click.Parameter, value: Any) -> list[str]:
    if isinstance(param, click.Option) and param.is_flag:
        return [(param.opts if value else param.secondary_opts)[0]]
    values = value if param.multiple or param.nargs == -1 else [value]
    option = [] if isinstance(param, click.Argument) else [param.opts[0]]
    return [word for one in values for word in (*option, _text(one))]


def _text(value: Any) -> str:
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def results_option(study: Study) -> list[str]:
    """Return the --out that `collect` needs: none where results/ is free, or holds this study's results."""
    name = study.folder.resolve().name if study.folder else study.study
    others = (Path(f"{name}-results{'' if n == 1 else f'-{n}'}") for n in count(1))
    folder = next(folder for folder in chain([RESULTS], others) if _takes(folder, study))
    return [] if folder == RESULTS else ["--out", str(folder)]


def _takes(folder: Path, study: Study) -> bool:
    """Tell whether `collect` would write a study's results into a folder."""
    try:
        if not (folder / "study.json").exists():
            return not (folder / "assignments.jsonl").exists()
        return identity(read_document(folder / "study.json")) == study.identity
    except (OSError, GlimpseError):
        return False
