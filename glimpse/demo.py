"""`demo`: every step from label maps to a report, run as a person would type it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from glimpse.program import CALLED_AS, checkout, command, program

if TYPE_CHECKING:
    from collections.abc import Iterator


START_S = 120  # so long may a busy machine take to start the server, or to end it


class Step:
    """Runs commands as a person would type them, and shows what it typed."""

    def __init__(self) -> None:
        # -P: nothing in the folder where the demo runs, a `cli.py` or `glimpse` of the user's own, gets in.
        self.start = [sys.executable, "-P", "-m", "glimpse"]
        self.environment = {**os.environ, CALLED_AS: program()}
        if here := checkout():  # an installed Glimpse is found by itself
            path = os.pathsep.join(filter(None, [str(here), os.environ.get("PYTHONPATH")]))
            self.environment["PYTHONPATH"] = path

    def run(self, *words: str) -> None:
        """Run one command; ClickException when it fails, after its own message."""
        click.secho(f"\n$ {command(*words)}", fg="cyan", bold=True)
        if subprocess.run([*self.start, *words], env=self.environment, check=False).returncode:
            raise click.ClickException(f"the demo stopped at `{words[0]}`; its message is above.")

    @contextmanager
    def serve(self, data: Path, *words: str) -> Iterator[None]:
        """Keep a server running on `data` meanwhile; its log goes to <data>/server.log."""
        words = ("serve", "--data", str(data), *words)
        click.secho(f"\n$ {command(*words)} &", fg="cyan", bold=True)
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The log has the link that opens the dashboard.
        descriptor = os.open(data / "server.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as log:
            server = subprocess.Popen([*self.start, *words], env=self.environment, stdout=log, stderr=log)
        try:
            for _ in range(START_S * 10):
                if (data / "endpoint").exists():
                    break
                if server.poll() is not None:
                    raise click.ClickException(f"the server stopped at once; {data}/server.log says why.")
                time.sleep(0.1)
            else:
                raise click.ClickException(f"the server did not start in {START_S} s; see {data}/server.log.")
            yield
        finally:
            server.terminate()
            server.wait(timeout=START_S)


@click.command()
@click.option(
    "--out",
    default="demo",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Folder for everything the demo writes; a second run replaces it.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the design and of the simulated workers.")
def demo(out: str, seed: int) -> None:
    """Run every step, from label maps to a report, on the local server.

    \b
    Simulated workers answer, so the report says SIMULATED. Example:
      python cli.py demo
    """
    folder = Path(out)
    if folder.exists() and any(folder.iterdir()) and not (folder / ".glimpse-demo").exists():
        raise click.ClickException(
            f"{out}/ holds files that the demo did not write; name another folder with --out."
        )
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
        at = (Path(data) / "endpoint").read_text().strip()
        step.run("simulate", study, "--through-server", at, "--data", data)
        step.run("review", study, "--data", data)
        step.run("collect", study, "--data", data, "--out", results)
    step.run("analyze", results, "--out", report, "--images", images)
    click.secho(
        f"\nDone in {time.monotonic() - began:.0f} s; everything is in {out}/, which can be deleted.",
        bold=True,
    )
    click.echo(f"The report:          {Path(report).resolve() / 'report.html'}")
    make = "make try, or " if checkout() and out == "demo" else ""
    click.echo(f"Try a HIT yourself:  {make}{command('preview', study, '--serve')}")
