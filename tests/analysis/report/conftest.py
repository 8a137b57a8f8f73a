"""One study and its report, for the tests of both."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.analysis import folders
from tests.analysis.analyses import run
from tests.analysis.folders import ask, build_study


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A limited-time study of 60 simulated workers, some of them clicking at random."""
    folder = tmp_path_factory.mktemp("limited")
    study = build_study(folder / "study", hits=6, per_cell=3, workers=10)
    assert (
        run("simulate", study, "--out", folder / "results", "--random-share", 0.1, "--seed", 5).exit_code == 0
    )
    return folder / "results"


@pytest.fixture(scope="session")
def report(results: Path) -> Path:
    out = results.parent / "report"
    (results.parent / "none").mkdir()
    result = run("analyze", results, "--out", out, "--images", results.parent / "none")
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="session")
def summary(report: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((report / "summary.json").read_text())
    return found


QUESTIONS = [
    {"name": "quality", "text": "How much better is one image?", "answer": "scale-5"},
    {"name": "overall", "text": "Which image do you prefer?", "answer": "choice-or-tie"},
    {"name": "fit", "text": "Which image fits the prompt better?", "answer": "choice"},
]


@pytest.fixture(scope="session")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of an unlimited-time study that asks three questions, one of each kind of answer."""
    folder = tmp_path_factory.mktemp("several")
    study = build_study(folder / "study", "unlimited-time", hits=4, per_cell=3, workers=8, sentinels=2)
    assert run("simulate", study, "--out", folder / "results", "--seed", 5).exit_code == 0
    ask(folder / "results", QUESTIONS)
    return folder / "results"


@pytest.fixture(scope="session")
def report_of_several(several: Path) -> Path:
    out = several.parent / "report"
    (several.parent / "none").mkdir()
    result = run("analyze", several, "--out", out, "--images", several.parent / "none", "--figures", "svg")
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="session")
def summary_of_several(report_of_several: Path) -> dict[str, Any]:
    """The summary of the study with several questions."""
    found: dict[str, Any] = json.loads((report_of_several / "summary.json").read_text())
    return found


def collected(folder: Path, *options: object, **design: Any) -> Path:
    """Return the results folder of a small simulated study."""
    study = build_study(folder / "study", **{"hits": 2, "per_cell": 1, "workers": 4, **design})
    assert run("simulate", study, "--out", folder / "results", *options).exit_code == 0
    return folder / "results"


def edited(folder: Path, *, drop: tuple[str, ...] = (), **stated: Any) -> Path:
    """Change what a results folder's study.json states of the experiment; `drop` names what goes."""
    path = folder / "study.json"
    document = json.loads(path.read_text())
    document["experiment"] |= stated
    for name in drop:
        del document["experiment"][name]
    path.write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="session")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collected(tmp_path_factory.mktemp("limited"), "--random-share", 0.4, "--seed", 6)


@pytest.fixture(scope="session")
def unlimited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unlimited")
    return collected(folder, mode="unlimited-time", per_cell=20, sentinels=10)


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another study: two exposures, a milder rule, another reward, half of the workers."""
    folder = tmp_path_factory.mktemp("other")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(folders.EXPOSURES, "limited-time", [500, 3000])
        found = collected(folder, "--random-share", 0.3, seed=9, study="otherstudy012345", workers=2)
    return edited(found, max_wrong_sentinels=2, reward_usd="1")
