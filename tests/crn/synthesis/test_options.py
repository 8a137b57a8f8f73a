"""Numbers that `synthesize`, `gallery` and `import-weights` cannot use: one clear message each."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from glimpse.main import main

HUGE = "9" * 30
OPTIONS = {
    ("synthesize",): ("--samples", "--fps", "--frames", "--clip-seconds", "--batch", "--size"),
    ("gallery",): ("--rows", "--cell-width"),
    ("import-weights", "nothing.pth"): ("--size",),
}
CASES = [(words, option) for words, options in OPTIONS.items() for option in options]


@pytest.mark.parametrize(("words", "option"), CASES)
@pytest.mark.parametrize("value", ["0", "-1", HUGE, "nan", "inf", "0x0", f"{HUGE}x{HUGE}"])
def test_numbers_that_cannot_work_are_refused_by_their_option(tmp_path, monkeypatch, words, option, value):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [*words, option, value])
    assert result.exit_code == 2, result.output
    assert f"Invalid value for '{option}'" in result.output
    assert not list(Path.cwd().iterdir())
