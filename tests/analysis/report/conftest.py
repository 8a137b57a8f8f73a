"""One study and its report, for the tests of both."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.analyses import run
from tests.analysis.folders import build_study


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
    result = run("analyze", results, "--out", out, "--images", results.parent / "none")
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="session")
def summary(report: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((report / "summary.json").read_text())
    return found
