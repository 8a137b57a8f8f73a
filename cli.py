"""The command line: every command of Glimpse by name, and how each talks to a person.

A command's options stand in `<package>/commands/<command>.py`; this file finds them, and is the only place
that knows all three packages. A command's module is imported when the command runs, so `--help` is instant.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sized
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal
    from pathlib import Path

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
        """Pass `items` on, with a progress bar on a terminal, a plain line every two seconds elsewhere.

        `total` is the number of items, where `len(items)` does not tell.
        """
        if total is None:
            total = len(items) if isinstance(items, Sized) else 0
        if sys.stderr.isatty():
            with click.progressbar(items, length=total, label=label, file=sys.stderr) as bar:
                yield from bar
            return
        done, said = 0, time.monotonic()
        for done, item in enumerate(items, start=1):
            yield item
            if time.monotonic() - said > 2 and done != total:
                click.echo(f"{label}: {done}/{total or '?'}", err=True)
                said = time.monotonic()
        click.echo(f"{label}: {done}/{total or done}", err=True)

    def experiment(self, mode: str) -> dict[str, Any]:
        """Return the default experiment of a mode as study.json writes it."""
        from mturk.experiment import preset

        experiment: dict[str, Any] = preset(mode, "glimpse").to_json()
        return experiment

    def price(self, reward_usd: Decimal, workers_per_hit: int, hits: int) -> Decimal:
        """Return what `hits` HITs cost in US dollars, fees included, in the cheapest batches."""
        from mturk.pricing import price

        total: Decimal = price(reward_usd, workers_per_hit, hits).total_usd
        return total

    def versions(self, *packages: str) -> dict[str, str]:
        """Versions of Glimpse, Python and `packages`, to be recorded beside every output."""
        import platform
        from importlib import metadata

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
        import traceback

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
        if not package:
            return demo
        function = name.replace("-", "_")
        command: click.Command = getattr(import_module(f"{package}.commands.{function}"), function)
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
    The shortest way, on the bundled samples:
      python cli.py synthesize
      python cli.py build-hits --mode limited-time
      python cli.py simulate
      python cli.py analyze results/
    """
    ctx.obj = Console()


class Step:
    """Runs commands as a person would type them, and shows what it typed."""

    def __init__(self) -> None:
        self.start = [sys.executable, "-m", "cli"]
        path = os.pathsep.join(filter(None, [os.path.dirname(__file__), os.environ.get("PYTHONPATH")]))  # noqa: PTH120
        self.environment = {**os.environ, "PYTHONPATH": path}

    def run(self, *words: str) -> None:
        """Run one command; ClickException when it fails, after its own message."""
        import subprocess

        click.secho(f"\n$ python cli.py {' '.join(words)}", fg="cyan", bold=True)
        if subprocess.run([*self.start, *words], env=self.environment, check=False).returncode:
            raise click.ClickException(f"the demo stopped at `{words[0]}`; its message is above.")

    @contextmanager
    def serve(self, data: Path, *words: str) -> Iterator[None]:
        """Keep a server running on `data` meanwhile; its log goes to <data>/server.log."""
        import subprocess

        words = ("serve", "--data", str(data), *words)
        click.secho(f"\n$ python cli.py {' '.join(words)} &", fg="cyan", bold=True)
        data.mkdir(parents=True, exist_ok=True)
        with (data / "server.log").open("wb") as log:
            server = subprocess.Popen([*self.start, *words], env=self.environment, stdout=log, stderr=log)
        try:
            for _ in range(300):
                if (data / "endpoint").exists():
                    break
                if server.poll() is not None:
                    raise click.ClickException(f"the server stopped at once; {data}/server.log says why.")
                time.sleep(0.1)
            else:
                raise click.ClickException(f"the server did not start in 30 s; see {data}/server.log.")
            yield
        finally:
            server.terminate()
            server.wait(timeout=20)


@click.command()
@click.option(
    "--out",
    default="demo",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Folder for everything the demo makes; a second run starts it over.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the design and of the simulated workers.")
def demo(out: str, seed: int) -> None:
    """Run the whole way, from label maps to report, on the local server.

    \b
    Simulated workers answer, so the report says SIMULATED. Example:
      python cli.py demo
    """
    import shutil
    from pathlib import Path

    folder = Path(out)
    if folder.exists() and any(folder.iterdir()) and not (folder / ".glimpse-demo").exists():
        raise click.ClickException(f"{out}/ holds something that is no demo; name another folder with --out.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / ".glimpse-demo").touch()
    began = time.monotonic()
    images, study, data = f"{out}/images", f"{out}/study", f"{out}/server"
    results, report = f"{out}/results", f"{out}/report"
    step = Step()
    step.run("synthesize", "--out", images)
    step.run("build-hits", "--mode", "limited-time", "--images", images, "--out", study, "--seed", str(seed))
    with step.serve(Path(data), "--port", "0", "--study", study):
        step.run("publish", study, "--to", "local", "--data", data)
        step.run("simulate", study, "--through-server", (Path(data) / "endpoint").read_text().strip())
        step.run("review", study, "--data", data)
        step.run("collect", study, "--data", data, "--out", results)
    step.run("analyze", results, "--out", report, "--images", images)
    click.secho(
        f"\nDone in {time.monotonic() - began:.0f} s; everything is in {out}/, which can be deleted.",
        bold=True,
    )
    click.echo(f"The report:          {Path(report).resolve() / 'report.html'}")
    click.echo(f"Try a HIT yourself:  make try, or python cli.py preview {study} --serve")


if __name__ == "__main__":
    main()
