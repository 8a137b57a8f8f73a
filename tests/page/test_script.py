"""The page's script: its pure parts by node's own test runner, its shape, what becomes of it in a page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.exposures import experiment, make_study
from glimpse.mturk.page import pages
from glimpse.mturk.page.data import page_data
from glimpse.questions import only_question

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "templates"
NODE_TESTS = sorted(Path(__file__).parent.glob("*.test.js"))
OLDEST_NODE = 18


@pytest.fixture(scope="module")
def node() -> Callable[..., str]:
    """A function that runs node and returns what it prints."""
    path = shutil.which("node")
    if path is None:
        pytest.skip("without node")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version[1:].split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"node before v{OLDEST_NODE}")

    def run(*arguments: str | Path, given: str = "") -> str:
        command = [path, *arguments]
        found = subprocess.run(command, input=given, capture_output=True, text=True, cwd=ROOT, check=False)
        assert found.returncode == 0, found.stdout + found.stderr
        return found.stdout

    return run


@pytest.mark.parametrize("file", NODE_TESTS, ids=lambda file: file.name)
def test_the_pure_parts_by_themselves(node: Callable[..., str], file: Path) -> None:
    printed = node("--test", file)
    assert re.search(r"pass [1-9]\d*\s", printed), printed


def test_every_pure_part_has_tests() -> None:
    """The linter's list names the parts that use nothing of the page."""
    config = (ROOT / "eslint.config.js").read_text()
    pure = re.findall(r"'(\w+)\.js'", re.search(r"PURE = \[(.*?)\]", config, flags=re.DOTALL)[1])
    assert {file.name for file in NODE_TESTS} == {f"{part}.test.js" for part in pure}


def test_a_page_runs_every_part_once() -> None:
    parts = [*pages._SCRIPT, *pages._OPTIONAL, pages._START]
    assert sorted(parts) == sorted(path.stem for path in (TEMPLATES / "page").glob("*.js"))


@pytest.mark.parametrize("file", sorted(TEMPLATES.rglob("*.js")), ids=lambda file: file.name)
def test_no_line_is_longer_than_120_characters(file: Path) -> None:
    long = {n: len(line) for n, line in enumerate(file.read_text().splitlines(), 1) if len(line) > 120}
    assert not long


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert json.loads((ROOT / "package.json").read_text())["private"] is True


def bare(script: str) -> str:
    """A script without white space, comments, and what may be left out before a closing bracket."""
    script = re.sub(r"^ *//.*", "", script, flags=re.MULTILINE)
    return re.sub(r",(?=[\])}])|;(?=})", "", re.sub(r"\s+", "", script))


def test_compacting_takes_nothing_but_space_and_comments() -> None:
    parts = [*pages._SCRIPT, *pages._OPTIONAL, pages._START]
    source = "".join((TEMPLATES / "page" / f"{part}.js").read_text() for part in parts)
    compact = pages._script(*pages._OPTIONAL)
    assert bare(compact) == bare("(() => {'use strict';\n" + source + "})();")
    lines = [line for line in source.splitlines() if not line.lstrip().startswith("//")]
    texts = [found[0] for found in re.finditer(pages._TEXT, "\n".join(lines))]
    assert len(texts) > 100
    assert [text for text in texts if text not in compact] == []


def test_the_compacted_script_is_javascript(node: Callable[..., str], tmp_path: Path) -> None:
    script = tmp_path / "page.js"
    script.write_text(pages._script(*pages._OPTIONAL))
    node("--check", script)


def test_the_script_reads_the_trials_that_were_packed(node: Callable[..., str], tmp_path: Path) -> None:
    study = make_study(tmp_path, experiment((60, 125, 8000), 3, sentinels_per_hit=1), 8, (64, 32))
    hit = study.hits[0].hit
    data = json.dumps(page_data(study, hit, "https://images.example/"))
    unpack = (
        TEMPLATES / "page" / "trials.js"
    ).read_text() + f"console.log(JSON.stringify(unpackTrials({data})))"
    assert json.loads(node("-", given=unpack)) == [
        {
            "id": trial.trial,
            "files": [study.stimuli[name].file for name in (trial.stimulus_left, trial.stimulus_right)],
            "text": "",
            "ms": trial.exposure_ms,
            "correct": None,
        }
        for trial in study.trials_of(hit)
    ]


def test_a_pair_that_is_gone_is_asked_for_in_the_past_or_in_the_studys_own_words(tmp_path: Path) -> None:
    study = make_study(tmp_path, experiment((60,), 2), 4, (64, 32))
    other = replace(
        study, experiment=replace(study.experiment, questions=(only_question("Which face is older?"),))
    )
    for asked, expected in ((study, "Which image looked more realistic?"), (other, "Which face is older?")):
        assert page_data(asked, study.hits[0].hit, "")["a"] == [expected]
