"""A small study that is registered, its answers, and copies of it that a test may change."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from glimpse.analysis.commands import register as command
from tests.analysis.analyses import run
from tests.analysis.bundling.conftest import build

AT = "2026-03-01T10:00:00Z"


class Clock:
    """Stands in for `datetime` in the command: the time is AT, or what a test sets."""

    at = AT

    @classmethod
    def now(cls, zone: Any) -> "Clock":
        return cls()

    def strftime(self, form: str) -> str:
        return self.at


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr(command, "datetime", Clock)
    monkeypatch.setattr(Clock, "at", AT)
    return Clock


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """study/ and results/ of a limited-time study at three exposures; not registered."""
    folder = tmp_path_factory.mktemp("built")
    return build(folder, sentinels_per_hit=2, exposures_ms=(250, 1000, 4000))


@pytest.fixture
def study(built: Path, tmp_path: Path) -> Path:
    """A copy of the study's folder."""
    shutil.copytree(built / "study", tmp_path / "study", copy_function=os.link)
    return tmp_path / "study"


@pytest.fixture
def results(built: Path, tmp_path: Path) -> Path:
    """A copy of the results, which are marked as people's."""
    shutil.copytree(built / "results", tmp_path / "results")
    path = tmp_path / "results" / "assignments.jsonl"
    path.write_text(path.read_text().replace('"simulated":true', '"simulated":false'))
    return tmp_path / "results"


def register(study: Path, *options: object) -> str:
    """Register, and return what was printed."""
    result = run("register", study, *options)
    assert result.exit_code == 0, result.output
    return result.output
