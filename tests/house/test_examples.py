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
# Of each example: its folder, the heading of its commands, and what they write: study, results, report.
TEXT, EDIT, PAPER = (
    ("text-to-image", "Text to image", "study", "results", "report"),
    ("editing", "Editing with a reference", "edits", "edit-results", "edit-report"),
    ("paper-2017", "The paper's study", "paper", "paper-results", "paper-report"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(ROOT / "examples", folder / "examples")
    return folder


def typed(example: tuple[str, str, str, str, str], folder: Path) -> tuple[Study, list[dict]]:
    """Type what the README says of one example; return its study, and the answers that were analysed."""
    _, heading, study, results, report = example
    part = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)[1]
    count, _ = run_guide(part, folder)
    assert count == len(re.findall("^python ", part, re.MULTILINE)) >= 4
    summary = json.loads((folder / report / "summary.json").read_text(encoding="utf-8"))
    assert summary["simulated"]
    assert (summary["problem_count"], summary["problems"]) == (0, [])
    assert (folder / report / "report.html").is_file()
    lines = (folder / results / "assignments.jsonl").read_text(encoding="utf-8").splitlines()
    return read_study(folder / study), [json.loads(line) for line in lines]


def page(study: Study) -> str:
    return study.page_path(study.hits[0].hit).read_text(encoding="utf-8")


@pytest.mark.slow
def test_text_to_image(made: Path) -> None:
    study, given = typed(TEXT, made)
    assert [question.name for question in study.experiment.questions] == ["quality", "alignment"]
    assert study.experiment.real is None
    assert len(study.experiment.contrasts) == 3
    assert {trial.context for trial in study.trials} <= set(study.contexts)
    assert study.contexts[study.trials[0].context].text in page(study)
    assert not re.search("realis|photograph", page(study).lower())
    answers = [answer["choices"] for one in given for answer in one["answers"]]
    assert all(answer.keys() == {"quality", "alignment"} for answer in answers)
    assert {answer["alignment"] for answer in answers} == {"left", "tie", "right"}
    assert {one["form"]["age"] for one in given} <= set(study.forms[0].options)


@pytest.mark.slow
def test_editing_with_a_reference(made: Path) -> None:
    study, given = typed(EDIT, made)
    assert study.experiment.questions[0].answer == "scale-5"
    assert study.experiment.reward_usd == 0
    assert all(context.image in study.stimuli for context in study.contexts.values())
    assert "Comparing edited pictures" in page(study)
    assert not re.search("realis", page(study).lower())
    answers = {answer["choices"]["edit"] for one in given for answer in one["answers"]}
    assert answers <= {-2, -1, 0, 1, 2}
    assert len(answers) > 2


@pytest.mark.slow
def test_the_papers_study(made: Path) -> None:
    study, given = typed(PAPER, made)
    assert [hit.trials for hit in study.hits] == [110] * 10
    said = read_study_file(made / "examples" / "paper-2017" / "study.toml")
    assert said["preset_name"] == "paper"
    plain = {"mode", "preset_name", "images", "real", "seed"}
    stated = {name for name in said if name not in plain}
    assert stated >= {"exposures_ms", "workers_per_hit", "reward_usd", "sentinel_exposure_ms"}
    assert len(given) == 200


def test_the_papers_file_states_what_its_preset_says_anyway() -> None:
    from glimpse.experiment import preset
    from glimpse.mturk.building.requested import experiment_of

    said = read_study_file(ROOT / "examples" / "paper-2017" / "study.toml")
    conditions = ("crn", "image-space", "pix2pix", "real")
    assert experiment_of(said, conditions) == preset("limited-time", "paper")


@pytest.mark.parametrize("example", [TEXT, EDIT, PAPER], ids=lambda example: example[0])
def test_the_readme_names_every_example(example: tuple[str, str, str, str, str]) -> None:
    assert f"[`{example[0]}`]({example[0]}/study.toml)" in README
    assert f"\n## {example[1]}\n" in README
