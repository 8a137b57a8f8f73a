"""The product's fault table, docs/faults.md: the tests that it names are there; and tests of some rows."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from glimpse.main import main
from tests.house import guides

ROOT = Path(__file__).parents[2]
BREAKING = Path(__file__).with_name("breaking.py")
KILLED = 137
ROW = re.compile(r"^\| (?P<fault>.+?) \| (?P<happens>.+?) \| (?P<tests>.+?) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_row_of_the_fault_table_names_tests_that_exist():
    rows = list(ROW.finditer((ROOT / "docs" / "faults.md").read_text(encoding="utf-8")))
    rows = [row for row in rows if row["fault"] != "fault" and set(row["fault"]) != {"-"}]
    assert len(rows) > 30
    for row in rows:
        named = NAMED.findall(row["tests"])
        assert named, f"{row['fault']}: no test is named"
        for file, test in named:
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"


# Commands that are broken off: what they leave, and whether they go on


def glimpse(folder, *words):
    subprocess.run(
        [sys.executable, ROOT / "cli.py", *words], cwd=folder, check=True, capture_output=True, timeout=300
    )


BUILD = ("build-hits", "--mode", "limited-time", "--sentinel", "blurred", "--hits-per-batch", "2", "--force")


def with_labels(folder):
    import torch

    from glimpse.crn.network.checkpoints import save_weights
    from glimpse.crn.network.config import NetworkConfig
    from glimpse.crn.network.model import CRN

    config = NetworkConfig(height=16, width=32, features=(4, 4, 4))
    save_weights(folder / "tiny", CRN(config, torch.Generator().manual_seed(0)), config)
    rng = np.random.default_rng(0)
    (folder / "labels").mkdir()
    for item in range(4):
        Image.fromarray(rng.integers(0, 19, (16, 32), dtype=np.uint8)).save(folder / "labels" / f"{item}.png")


def with_study(folder):
    guides.given_own_images(folder)
    glimpse(folder, *BUILD, "--seed", "5", "--workers-per-hit", "4")


def with_results(folder):
    with_study(folder)
    glimpse(folder, "simulate")


def with_report(folder):
    with_results(folder)
    glimpse(folder, "analyze", "results", "--figures", "png", "--seed", "3")


def with_few_images(folder):
    guides.given_own_images(folder)
    for path in folder.glob("images/*/*.png"):
        if int(path.stem) > 1:
            path.unlink()


@dataclass(frozen=True)
class Broken:
    """A command to break off: what it finds, what it is, where it writes, and how often it is tried.

    `together`: the folder appears whole or not at all; otherwise each of its files does. `sizes`: limits in
    bytes that a file may not exceed. `imports`: what to load once for all runs.
    """

    given: Callable[[Path], None]
    words: tuple[str, ...]
    out: str
    imports: tuple[str, ...]
    together: bool = False
    kills: int = 40
    fulls: int = 3
    sizes: tuple[int, ...] = ()


LABELS = ("synthesize", "labels", "--weights", "tiny.safetensors")
IMPORT = ("import-results", "batch_results.csv", "--format", "crn-authors")
CONDITIONS = ("--real", "real", "--sentinel", "image-space")
ANALYZE = ("analyze", "results", "--figures", "png")
COMMANDS = {
    "synthesize": Broken(
        with_labels, LABELS, "images", ("torch", "crn.synthesis.synthesis"), kills=6, fulls=2, sizes=(100,)
    ),
    "build-hits": Broken(
        guides.given_own_images, BUILD, "study", ("mturk.building.building",), True,
        sizes=(100, 20_000),
    ),
    "build-hits-again": Broken(
        with_study, BUILD, "study", ("mturk.building.building",), True,
        sizes=(100, 20_000),
    ),
    "gallery": Broken(
        with_few_images, ("gallery", "images"), "gallery", ("crn.synthesis.gallery",), kills=3, fulls=1
    ),
    "simulate": Broken(
        with_study, ("simulate",), "results", ("analysis.simulation.simulation",), kills=8, sizes=(9_000,)
    ),
    "import-results": Broken(
        guides.given_authors_results, (*IMPORT, *CONDITIONS), "results", ("mturk.importing.batch_results",),
        sizes=(2_000,),
    ),
    "analyze": Broken(
        with_results, ANALYZE, "report", ("analysis.report.report",), True, kills=2, fulls=1, sizes=(9_000,)
    ),
    "analyze-again": Broken(
        with_report, ANALYZE, "report", ("analysis.report.report",), True, kills=2, fulls=1
    ),
    "power": Broken(
        lambda folder: None, ("power", "--studies", "50"), "power", ("analysis.planning.planning",),
        kills=3, fulls=1,
    ),
}  # fmt: skip
SECOND = {"analyze-again", "build-hits-again", "gallery"}  # they break off as others do, again or elsewhere


def files_in(folder):
    """Map the visible files of a folder to their digests; what a broken run hides away begins with a dot."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def hidden_in(folder):
    return [path.name for path in folder.rglob(".*") if path.name != ".lock"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.exhaustive] if name in SECOND else []) for name in COMMANDS],
)
def test_a_command_that_breaks_off_leaves_whole_files_and_goes_on(name, tmp_path):
    """Killed at flushes and renames, without room at flushes, and without room in the middle of a write."""
    command = COMMANDS[name]
    out = command.out
    template, work = tmp_path / "template", tmp_path / "work"
    for folder in (template, work):
        folder.mkdir()
    command.given(template)
    wanted = {"template": str(template), "work": str(work)}
    wanted |= {key: getattr(command, key) for key in ("words", "imports", "kills", "fulls", "sizes")}
    (tmp_path / "specification.json").write_text(json.dumps(wanted))
    subprocess.run([sys.executable, BREAKING, tmp_path / "specification.json"], check=True, timeout=900)
    statuses = json.loads((work / "statuses.json").read_text())
    assert statuses.pop("whole") == 0, (work / "whole.txt").read_text()
    before, whole = files_in(template / out), files_in(work / "whole" / out)
    assert whole
    assert sum(broken.startswith("killed") for broken in statuses) >= 4  # two places and the runs after them
    for broken, status in statuses.items():
        printed = (work / f"{broken}.txt").read_text()
        left = files_in(work / broken / out)
        if broken.endswith(".again"):
            assert (status, printed.count("Traceback")) == (0, 0), f"{broken}: {printed}"
            assert left.keys() == whole.keys()
            assert same(left, whole) == [], broken
            continue
        assert status == (KILLED if broken.startswith("killed") else 1), f"{broken}: {printed}"
        if command.together:
            assert left in ({}, before, whole), broken
        else:
            assert left.keys() <= before.keys() | whole.keys()
            assert same(left, {**before, **whole}) == [], broken
        if not broken.startswith("killed"):
            assert re.search(r"Error: .*(No space left on device|File too large)", printed), printed
            assert "Traceback" not in printed
            assert hidden_in(work / broken) == []
            assert not command.together or left == before


def same(left, right):
    """List the files that differ, but for a run's record of its own progress."""
    return [name for name, digest in left.items() if digest != right[name] and not name.endswith(".json")]


# Studies that are damaged on the disk


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Lay out a folder with a study and simulated answers to it."""
    folder = tmp_path_factory.mktemp("finished")
    with_results(folder)
    return folder


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    "cut in half": lambda study: halve(study / "study.json"),
    "empty": lambda study: (study / "study.json").write_bytes(b""),
    "not text": lambda study: (study / "study.json").write_bytes(b"\xff\xfe\x00{"),
    "another kind of JSON": lambda study: (study / "study.json").write_text("[1]"),
    "a plan cut in half": lambda study: halve(study / "trials.csv"),
    "no plan": lambda study: (study / "trials.csv").unlink(),
}
READERS = {
    "preview": ("preview", "study", "--no-browser"),
    "publish": ("publish", "study", "--to", "local", "--yes"),
    "status": ("status", "study"),
    "collect": ("collect", "study", "--out", "collected"),
    "review": ("review", "study"),
    "simulate": ("simulate", "study", "--out", "simulated"),
    "analyze": ("analyze", "results"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("command", READERS)
def test_a_damaged_study_is_named_and_nothing_is_written(finished, tmp_path, monkeypatch, command, damage):
    for name in ("study", "results"):
        shutil.copytree(finished / name, tmp_path / name)
        DAMAGES[damage](tmp_path / name)
    monkeypatch.chdir(tmp_path)
    before = files_in(tmp_path)
    result = CliRunner().invoke(main, READERS[command])
    assert result.exit_code == 1
    last = result.output.splitlines()[-1]
    assert re.match(r"Error: .*(study\.json|trials\.csv)", last), result.output
    assert "defect of Glimpse" not in result.output
    assert files_in(tmp_path) == before
