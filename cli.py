"""The command line: every command of Glimpse by name, and how each talks to a person.

A command's options stand in `<package>/commands/<command>.py`; this file finds them, and is the only place
that knows all three packages. A command's module is imported when the command runs, so `--help` is instant.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
import traceback
from importlib import metadata
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

__version__ = "0.1.0"

# In the order in which a study uses them: command -> (package, what it does).
COMMANDS = {
    "synthesize": ("crn", "Turn label maps into images, one folder a condition."),
    "train": ("crn", "Train a network from a dataset, stage by stage."),
    "import-weights": ("crn", "Convert published weights into Glimpse's own files."),
    "gallery": ("crn", "Lay out label maps, conditions and photographs side by side."),
    "build-hits": ("mturk", "Turn folders of images into a study: designed, checked, frozen."),
    "preview": ("mturk", "Open a HIT's page as a worker would see it."),
    "serve": ("mturk", "Run the MTurk-compatible server with its pages for workers."),
    "publish": ("mturk", "Host the images and create the HITs; the price comes first."),
    "status": ("mturk", "Show what is open, submitted, excluded so far and paid."),
    "collect": ("mturk", "Fetch new assignments into results/."),
    "review": ("mturk", "Approve, pay bonuses, replace excluded assignments."),
    "import-results": ("mturk", "Read MTurk batch CSV files into results/."),
    "simulate": ("analysis", "Let simulated workers answer a study; marked simulated."),
    "analyze": ("analysis", "Compute tables, figures and the report from results/."),
    "power": ("analysis", "Plan a study: interval width, power and price."),
    "demo": ("", "Run the whole way, from label maps to report, on the local server."),
}


class Console:
    """What commands use to speak to a person; they reach it as `click.get_current_context().obj`."""

    def say(self, text: str = "") -> None:
        """Print one line of results to standard output."""
        click.echo(text)

    def warn(self, text: str) -> None:
        """Print a warning to standard error."""
        click.secho(f"Warning: {text}", fg="yellow", err=True)

    def next(self, command: str) -> None:
        """Print what to type next."""
        click.echo(f"\nNext: {click.style(command, bold=True)}")

    def track(self, items: Iterable[Any], label: str, total: int | None = None) -> Iterator[Any]:
        """Pass `items` on, with a progress bar on a terminal and about ten plain lines elsewhere.

        `total` is the number of items, where `len(items)` does not tell.
        """
        if total is None:
            total = len(items) if hasattr(items, "__len__") else 0
        if sys.stderr.isatty():
            with click.progressbar(items, length=total, label=label, file=sys.stderr) as bar:
                yield from bar
            return
        step = max(1, total // 10)
        for done, item in enumerate(items, start=1):
            yield item
            if done % step == 0 or done == total:
                click.echo(f"{label}: {done}/{total or '?'}", err=True)

    def experiment(self, mode: str) -> dict[str, Any]:
        """Return the default experiment of a mode as study.json writes it, for planning before there is a study."""
        from mturk.experiment import preset

        return preset(mode, "glimpse").to_json()

    def price(self, reward_usd: Decimal, workers_per_hit: int, hits: int) -> Decimal:
        """Return what `hits` HITs cost in US dollars, fees included, in the cheapest batches."""
        from mturk.pricing import price

        return price(reward_usd, workers_per_hit, hits).total_usd

    def versions(self, *packages: str) -> dict[str, str]:
        """Versions of Glimpse, Python and `packages`, to be recorded beside every output."""
        found = {name: metadata.version(name) for name in packages}
        return {"glimpse": __version__, "python": platform.python_version(), **found}


def _user_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions whose text is written for the person at the keyboard."""
    from analysis.errors import AnalysisError
    from crn.errors import CRNError
    from mturk.errors import MTurkError

    return AnalysisError, CRNError, MTurkError


def _readable(error: Exception) -> click.ClickException:
    """Turn any failure of a command into one message; GLIMPSE_DEBUG=1 adds the traceback."""
    if os.environ.get("GLIMPSE_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, _user_errors()):
        return click.ClickException(str(error))
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return click.ClickException(f"{where}{error.strerror or error}.")
    return click.ClickException(
        f"unexpected {type(error).__name__}: {error}. This is a defect of Glimpse; "
        "set GLIMPSE_DEBUG=1 to see where, and report it with the command you typed."
    )


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
        module = f"{package}.commands.{function}" if package else "demo"
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table above, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever goes wrong ends in one readable message and status 1."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:  # noqa: BLE001 - no traceback may reach a user
            raise _readable(error) from None


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="glimpse")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Glimpse: human evaluation of generative images, from label maps to a report.

    \b
    The shortest way, on the bundled samples:
      python cli.py synthesize
      python cli.py build-hits --mode limited-time
      python cli.py simulate
      python cli.py analyze results/
    """
    ctx.obj = Console()


if __name__ == "__main__":
    main()
