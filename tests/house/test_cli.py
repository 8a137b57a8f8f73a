"""The command line as a whole: every command has help and a place in the README, and help is instant."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from glimpse import __version__
from glimpse.console import Console
from glimpse.errors import GlimpseError
from glimpse.main import COMMANDS, Commands, main

ROOT = Path(__file__).parents[2]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "cli.py", *words], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name):
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert f"python cli.py {name}" in result.output
    command = main.get_command(None, name)
    assert command.help.splitlines()[0] == COMMANDS[name][1]
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert parameter.help, f"{name} {parameter.opts[0]} has no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name):
    assert f"`{name}`" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_defaults_are_written_alike(name):
    words = CliRunner().invoke(main, [name, "--help"]).output
    assert "[default: (" not in " ".join(words.split())


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom glimpse.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'pandas', 'boto3', 'matplotlib', 'numpy', 'jinja2'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_version():
    result = run("--version")
    assert result.stdout == f"glimpse, version {__version__}\n"


def test_without_the_environment_the_message_says_so():
    """-S: a Python without its site-packages."""
    words = [sys.executable, "-S", "cli.py", "analyze"]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: The package click is not installed in this Python")


def test_an_unknown_command_is_one_message():
    result = run("synthesise")
    assert result.returncode == 2
    assert "No such command 'synthesise'. Did you mean synthesize?" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (GlimpseError("results/: no assignments."), "Error: results/: no assignments.\n"),
        (
            OSError(28, "No space left on device", "report/x.csv"),
            "Error: report/x.csv: No space left on device.\n",
        ),
        (ZeroDivisionError("division by zero"), "This is a defect of Glimpse"),
        (ModuleNotFoundError("No module", name="pandas.core"), "The package pandas is not installed"),
        (ModuleNotFoundError("No module", name="glimpse.crn.gone"), "This is a defect of Glimpse"),
    ],
)
def test_whatever_fails_ends_in_one_message(monkeypatch, error, message):
    def fail(*words):
        raise error

    monkeypatch.setattr(Commands, "get_command", lambda self, ctx, name: click.Command(name, callback=fail))
    result = CliRunner().invoke(main, ["analyze"])
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def test_tracking_passes_items_on_and_prints_plain_lines(capsys):
    assert list(Console().track(range(25), "Counting")) == list(range(25))
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["Counting: 25/25"]
