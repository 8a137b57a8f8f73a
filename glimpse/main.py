"""The command line: every command of Glimpse by name, and how each talks to a person.

A command's options stand in `<package>/commands/<command>.py`; this file finds them by name. A command's
module is imported when the command runs, so `--help` is instant.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from glimpse.console import Console
from glimpse.errors import GlimpseError
from glimpse.program import as_called
from glimpse.version import __version__

# In the order in which a study uses them: command -> (package, what it does).
COMMANDS = {
    "synthesize": ("crn", "Turn label maps into images, one folder per condition."),
    "train": ("crn", "Train a network from a dataset, stage by stage."),
    "import-weights": ("crn", "Convert published weights into Glimpse's own files."),
    "gallery": ("crn", "Lay out label maps, conditions and photographs side by side."),
    "build-hits": ("mturk", "Turn folders of images or clips into a study: design, check and freeze it."),
    "preview": ("mturk", "Open a HIT's page as a worker would see it."),
    "serve": ("mturk", "Run the MTurk-compatible server with its pages for workers."),
    "publish": ("mturk", "Show the price, host the images and create the HITs."),
    "status": ("mturk", "Show what is open, submitted, excluded so far and paid."),
    "collect": ("mturk", "Fetch new assignments into results/."),
    "review": ("mturk", "Approve, pay bonuses, replace excluded assignments."),
    "import-results": ("mturk", "Read MTurk batch CSV files, or votes from anywhere, into results/."),
    "simulate": ("analysis", "Let simulated workers answer a study; the answers are marked simulated."),
    "analyze": ("analysis", "Compute tables, figures and the report from results/."),
    "power": ("analysis", "Plan a study: interval width, power and price."),
    "register": ("analysis", "Write down what a study plans, with a time stamp."),
    "bundle": ("analysis", "Pack a study, its answers and its report into one file without anybody's id."),
    "reproduce": ("analysis", "Check a bundle, analyse it again, and say whether the same comes out."),
    "demo": ("", "Run every step, from label maps to a report, on the local server."),
}


def _readable(error: Exception) -> click.ClickException:
    """Turn any failure of a command into one message; GLIMPSE_DEBUG=1 adds the traceback."""
    if os.environ.get("GLIMPSE_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, GlimpseError):
        return click.ClickException(str(error))
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return click.ClickException(f"{where}{error.strerror or error}.")
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if package not in {"", "glimpse"}:
        return click.ClickException(
            f"The package {package} is not installed in this Python ({sys.executable}). Activate the "
            "environment that holds Glimpse (`. .venv/bin/activate`), or install it as README.md says."
        )
    return click.ClickException(
        f"unexpected {type(error).__name__}: {error}. This is a defect of Glimpse; "
        "set GLIMPSE_DEBUG=1 to see where, and report it with the command you typed."
    )


def _say_default(option: click.Parameter) -> None:
    """Write a default that is described in words as other defaults are written; Click adds parentheses."""
    if isinstance(option, click.Option) and isinstance(option.show_default, str):
        option.help = f"{option.help}  [default: {option.show_default}]"
        option.show_default = False


class Commands(click.Group):
    """A group that imports a command's module only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order in which a study uses them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one command; None when there is no such command."""
        if name not in COMMANDS:
            return None
        package, _ = COMMANDS[name]
        function = name.replace("-", "_")
        module = f"glimpse.{package}.commands.{function}" if package else f"glimpse.{function}"
        command: click.Command = getattr(import_module(module), function)
        command.help = as_called(command.help or "")
        for option in command.params:
            _say_default(option)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelt one gets the nearest names."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {' or '.join(near)}?", ctx) from None

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what Glimpse is, with the program named as it was called."""
        self.help = as_called(self.help or "")
        super().format_help_text(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table above, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever goes wrong ends in one readable message and status 1."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise  # Click ends in silence where the reader of a pipe has gone
        except Exception as error:  # noqa: BLE001 - no traceback may reach a user
            raise _readable(error) from None


@click.command(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="glimpse")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Glimpse: human evaluation of generative images, from label maps to a report.

    \b
    Quick start, on the bundled samples:
      python cli.py synthesize
      python cli.py build-hits --mode limited-time
      python cli.py simulate
      python cli.py analyze results/
    """
    ctx.obj = Console()
