"""The examples: what their README says is typed in order, and what comes out is what they say."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from glimpse.mturk.design.study_file import read_study_file
from glimpse.study import Study, read_study
from tests.house.test_docs import run_guide

ROOT = Path(__file__).parents[2]
README = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
# Of each example: its folder, the heading of its commands, and the study and report that they write.
TEXT, EDIT, PAPER = (
    ("text-to-image", "Text to image", "study", "report"),
    ("editing", "Editing with a reference", "edits", "edit-report"),
    ("paper-2017", "The paper's study", "paper", "paper-report"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(ROOT / "examples", folder / "examples")
    return folder


def typed(example: tuple[str, str, str, str], folder: Path, until: str = "") -> tuple[Study, dict]:
    """Type what the README says of one example; return its study, and its report's summary.json.

    `until`: leave out the commands from this one on, and the summary.
    """
    _, heading, study, report = example
    part = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)[1]
    if until:
        part = part.partition(f"python cli.py {until}")[0] + "```\n"
    count, _ = run_guide(part, folder)
    assert count == len(re.findall("^python ", part, re.MULTILINE)) >= 3
    if until:
        return read_study(folder / study), {}
    summary = json.loads((folder / report / "summary.json").read_text(encoding="utf-8"))
    return read_study(folder / study), summary


def page(study: Study) -> str:
    return study.page_path(study.hits[0].hit).read_text(encoding="utf-8")


@pytest.mark.slow
def test_text_to_image(made: Path) -> None:
    study, _ = typed(TEXT, made, "simulate")
    assert [question.name for question in study.experiment.questions] == ["quality", "alignment"]
    assert study.experiment.real is None
    assert len(study.experiment.contrasts) == 3
    assert {trial.context for trial in study.trials} <= set(study.contexts)
    assert study.contexts[study.trials[0].context].text in page(study)
    assert not re.search("realis|photograph", page(study).lower())


@pytest.mark.slow
def test_editing_with_a_reference(made: Path) -> None:
    study, _ = typed(EDIT, made, "simulate")
    assert study.experiment.questions[0].answer == "scale-5"
    assert study.experiment.reward_usd == 0
    assert all(context.image in study.stimuli for context in study.contexts.values())
    assert "Comparing edited pictures" in page(study)
    assert not re.search("realis", page(study).lower())


@pytest.mark.slow
def test_the_papers_study(made: Path) -> None:
    study, summary = typed(PAPER, made)
    assert [hit.trials for hit in study.hits] == [110] * 10
    said = read_study_file(made / "examples" / "paper-2017" / "study.toml")
    assert said["preset_name"] == "paper"
    plain = {"mode", "preset_name", "images", "real", "seed"}
    stated = {name for name in said if name not in plain}
    assert stated >= {"exposures_ms", "workers_per_hit", "reward_usd", "sentinel_exposure_ms"}
    assert summary["simulated"]


def test_the_papers_file_states_what_its_preset_says_anyway() -> None:
    from glimpse.experiment import preset
    from glimpse.mturk.building.requested import experiment_of

    said = read_study_file(ROOT / "examples" / "paper-2017" / "study.toml")
    conditions = ("crn", "image-space", "pix2pix", "real")
    assert experiment_of(said, conditions) == preset("limited-time", "paper")


@pytest.mark.parametrize("example", [TEXT, EDIT, PAPER], ids=lambda example: example[0])
def test_the_readme_names_every_example(example: tuple[str, str, str, str]) -> None:
    assert f"[`{example[0]}`]({example[0]}/study.toml)" in README
    assert f"\n## {example[1]}\n" in README
