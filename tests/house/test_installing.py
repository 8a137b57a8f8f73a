"""What the guide to installing promises: commands that work without PyTorch, the short list, completion."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import setuptools
from click.shell_completion import BashComplete

from glimpse import __version__
from glimpse.main import main
from tests.house.guides import given_own_images

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")
# What only the networks need, and the guide leaves out.
OF_NETWORKS = {"torch", "safetensors"}


def run(folder, *words, **environment):
    """Run a command in a folder, as a user does."""
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *map(str, words)], cwd=folder, check=False,
        env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture
def without_networks(tmp_path):
    """An environment in which the packages of the networks cannot be imported."""
    missing = tmp_path / "missing"
    missing.mkdir()
    for name in OF_NETWORKS:
        (missing / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module {name}', name='{name}')\n")
    return {"PYTHONPATH": str(missing)}


def test_studies_run_and_are_analysed_without_pytorch(tmp_path, without_networks):
    given_own_images(tmp_path)
    for words in (
        ("build-hits", "--mode", "limited-time", "--sentinel", "blurred", "--hits-per-batch", 1,
         "--workers-per-hit", 2),
        ("simulate",),
        ("analyze", "results/", "--figures", "png"),
        ("power", "--help"),
        ("serve", "--help"),
    ):  # fmt: skip
        done = run(tmp_path, *words, **without_networks)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "report.html").exists()


@pytest.mark.parametrize("command", ["synthesize", "demo"])
def test_commands_of_the_networks_say_what_is_missing(tmp_path, without_networks, command):
    done = run(tmp_path, command, **without_networks)
    assert done.returncode == 1
    assert re.match(r"Error: The package (torch|safetensors) is not installed in this Python", done.stderr)
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.png"))


def test_the_short_list_is_what_setup_needs_but_for_the_networks(monkeypatch):
    needed: list[str] = []
    monkeypatch.setattr(setuptools, "setup", lambda **options: needed.extend(options["install_requires"]))
    monkeypatch.chdir(ROOT)
    exec((ROOT / "setup.py").read_text(), {"__file__": str(ROOT / "setup.py")})
    names = {re.split(r"[><=~]", one)[0] for one in needed}
    (line,) = re.findall(r"^pip install (boto3 .*)$", GUIDE, re.MULTILINE)
    assert set(line.replace('"', "").split()) == names - OF_NETWORKS


def test_tab_completes_commands_options_and_values():
    complete = BashComplete(main, {}, "glimpse", "_GLIMPSE_COMPLETE").get_completions
    assert [one.value for one in complete([], "bui")] == ["build-hits"]
    assert [one.value for one in complete(["build-hits"], "--allo")] == ["--allow-missing", "--allocation"]
    assert [one.value for one in complete(["build-hits", "--mode"], "")] == ["limited-time", "unlimited-time"]


def test_the_citation_names_this_version():
    stated = re.findall(
        r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert stated == [__version__]
