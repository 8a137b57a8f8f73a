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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--condition x", "--condition names the images of one network: give LABELS or --weights, too."),
        (
            "--frames 3",
            "--frames says how long the drawn drive is: it works only with --video, without LABELS.",
        ),
        ("labels --frames 3 --video v.mp4", "it works only with --video, without LABELS."),
        ("--unknown void", "--unknown says how to read LABELS; there are none here."),
        ("--video v.mp4 --encoding train-ids", "--encoding says how to read LABELS; there are none here."),
        ("labels --fps 20", "--fps works only with --video or --clip-seconds."),
        ("labels --clips c", "--clips works only with --clip-seconds."),
        ("labels --grids g", "--grids works only with --grid."),
    ],
)
def test_options_of_synthesize_that_would_change_nothing_are_refused(tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["synthesize", *words.split()])
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.output.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", ["", "--video v.mp4 --frames 2"])
def test_a_network_of_another_label_set_is_refused_before_anything_is_drawn(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["synthesize", "--weights", "camvid-crn", *words.split()])
    assert result.exit_code == 1, result.output
    assert (
        "what is drawn without LABELS: is of label set 'cityscapes', but weights 'camvid-crn'"
        in result.output
    )
    assert not list(tmp_path.iterdir())
