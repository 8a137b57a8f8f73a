"""Faults in what users type: each is one message that names the place, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import glimpse
from glimpse.errors import GlimpseError
from glimpse.main import main
from glimpse.study import read_study

STUDY = """title = "Pictures"
mode = "unlimited-time"
real = ""
[[questions]]
name = "quality"
text = "Which picture looks better?"
[[questions]]
name = "fit"
text = "Which picture fits the description better?"
[context]
text = "prompts.csv"
[design]
contrasts = [["mine", "theirs"]]
trials_per_cell = 2
hits_per_batch = 1
[sentinels]
mismatch = true
question = "fit"
per_hit = 2
[people]
reward = "1.00"
contact = "me@example.org"
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    for condition in ("mine", "theirs"):
        (tmp_path / "images" / condition).mkdir(parents=True)
        for item in range(4):
            pixels = rng.integers(0, 256, (8, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / condition / f"{item}.png")
    (tmp_path / "prompts.csv").write_text("item,text\n" + "".join(f"{i},fox {i}\n" for i in range(4)))
    (tmp_path / "study.toml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["build-hits", *words])


def refused(message: str, *words: str) -> None:
    """Check that a command ends in this message alone, and writes nothing."""
    before = sorted(Path().rglob("*"))
    result = run(*words)
    assert result.exit_code == 1
    assert f"Error: {message}" in result.output
    assert "defect" not in result.output
    assert sorted(Path().rglob("*")) == before


LATE = [
    ("[people]", "[page]\nfixation_ms = 1\n[people]", "21: page.fixation_ms is 1; allowed are 300 to"),
    ("[people]", "[page]\nsubmit_origins = ['https://a.b\" x']\n[people]", "21: origin 'https://a.b\" x'"),
    ("[people]", '[page]\nconsent = ""\n[people]', "21: page.consent is ''; write the path of a file."),
    ('"Pictures"', '""', "1: title is empty; workers read it"),
    ('"Pictures"', '"T"\npixel_ratio = 0.5', "2: pixel_ratio is 0.5; allowed are 1 to 8."),
    ('"theirs"', '"none"', "13: design.contrasts: there is no condition 'none' among the images"),
    ('"theirs"', '"mine"', "13: contrast mine:mine must name two different"),
    ("[design]", "[design]\nexposures_ms = [500]", "13: design.exposures_ms belongs to mode limited-time"),
    ("[design]", '[design]\npairing = "random"', "13: pairing is 'random', and each item has its own"),
    ("[design]", '[design]\nstop_when = "x"', "13: design.stop_when: 'x' is no part of a rule"),
    ("[people]", '[people]\nleast_hourly = "nan"', "21: people.least_hourly is 'nan'; it must be dollars"),
    ("[people]", '[people]\nleast_hourly = "-1"', "21: people.least_hourly is '-1'; it must be dollars"),
    ('"1.00"', '"1.001"', "21: people.reward is 1.001; it must be dollars and cents"),
    ("[people]", "[people]\nminutes_allotted = 1", "21: HIT b1-h01 takes about"),
    ("per_hit = 2", "per_hit = 2\nkeep_sides = true", "20: sentinels.keep_sides has no effect without"),
    ("per_hit = 2", "per_hit = 2\nmax_wrong = 2", "20: sentinels.max_wrong is 2 and sentinels.per_hit 2"),
    ('question = "fit"', 'question = "x"', "18: sentinels.question is 'x'; the questions are"),
    ("fits the", "fits\\u0007 the", "7: question fit holds the character U+0007"),
    ('"fit"\ntext', '"fit"\nlabels = ["a", "a "]\ntext', "7: question fit has two labels of the same words"),
    ("per_batch = 1", "per_batch = 9999999", "15: 9,999,999 HITs of up to"),
]


@pytest.mark.parametrize(("found", "instead", "message"), LATE, ids=[case[2][:40] for case in LATE])
def test_what_is_refused_late_is_named_with_its_line_too(
    here: Path, found: str, instead: str, message: str
) -> None:
    Path("study.toml").write_text(STUDY.replace(found, instead, 1))
    refused(f"study.toml, line {message}", "study.toml")
    with pytest.raises(GlimpseError, match=r"^study.toml, line \d+: ") as caught:
        glimpse.build_study("study.toml")
    assert f"study.toml, line {message}" in str(caught.value)
    assert not Path("study").exists()


def test_what_was_typed_keeps_the_name_of_its_option(here: Path) -> None:
    refused("--title is empty", "study.toml", "--title", " ")
    refused("--pixel-ratio is 0.5", "study.toml", "--pixel-ratio", "0.5")


@pytest.mark.parametrize(
    ("found", "instead", "hint"),
    [
        ("real =", 'title = "a"\nreal =', "stands in a file once; leave one out."),
        ('"Pictures"', r'"C:\Users"', r"write \\ for \, and / in paths."),
        ('"Pictures"', "Pictures", "Texts stand in quotation marks"),
    ],
)
def test_a_file_that_is_no_toml_says_what_to_do(here: Path, found: str, instead: str, hint: str) -> None:
    Path("study.toml").write_text(STUDY.replace(found, instead, 1))
    refused("study.toml is no TOML file: ", "study.toml")
    assert hint in run("study.toml").output


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("mine/1,theirs/1,left\ntheirs/1,mine/1,left", "sentinels.csv, line 3 says the opposite of line 2"),
        ("mine/1,theirs/1,left\nmine/1,theirs/1,right", "sentinels.csv, line 3 says the opposite of line 2"),
        ("mine/1,theirs/1,left,2", "sentinels.csv, line 2: 4 cells under 3 columns"),
    ],
)
def test_known_answers_that_contradict_each_other_are_refused(here: Path, rows: str, message: str) -> None:
    Path("sentinels.csv").write_text(f"left,right,correct\n{rows}\n")
    Path("study.toml").write_text(STUDY.replace("mismatch = true", 'file = "sentinels.csv"'))
    refused(message, "study.toml")


def test_an_image_that_is_none_is_named_where_sentinels_are_mismatches(here: Path) -> None:
    whole = Path("images/mine/1.png").read_bytes()
    Path("images/mine/1.png").write_bytes(whole[:40])
    refused("images/mine/1.png cannot be read as an image", "study.toml")
    Image.new("RGB", (4, 4)).save("images/mine/1.png")
    refused("images/mine/1.png is 4x4 and images/theirs/1.png is 16x8", "study.toml")


def test_an_answer_alone_asks_in_the_language_of_the_page(here: Path) -> None:
    words = "--mode unlimited-time --contrast all --real= --sentinels-per-hit 0 --trials-per-cell 2"
    assert run(*words.split(), "--language", "de", "--answer", "scale-5").exit_code == 0
    (question,) = read_study("study").experiment.questions
    assert (question.text, question.answer) == ("Welches Bild ist realistischer?", "scale-5")


def test_a_file_written_elsewhere_names_the_images(here: Path) -> None:
    words = [
        "--mode",
        "unlimited-time",
        "--contrast",
        "all",
        "--real=",
        "--sentinels-per-hit",
        "0",
        "--trials-per-cell",
        "2",
    ]
    assert run(*words).exit_code == 0
    assert run(*words, "--write", "plans/study.toml").exit_code == 0
    assert run("plans/study.toml", "--out", "again").exit_code == 0
    assert read_study("again").study == read_study("study").study


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--reward-usd", "abc"), "reward_usd is 'abc'; it must be dollars and cents"),
        (("--least-hourly", "inf"), "least_hourly is 'inf'; it must be dollars and cents"),
        (("--stop-when", "x"), "stop_when: 'x' is no part of a rule"),
        (("--context-when", "before"), "--context-when has no effect without --context-text or"),
    ],
)
def test_no_file_is_written_that_builds_nothing(here: Path, words: tuple[str, str], message: str) -> None:
    refused(message, *words, "--write", "new.toml")


def test_python_refuses_a_pairing_that_prompts_do_not_allow_as_the_command_does(here: Path) -> None:
    Path("study.toml").write_text(STUDY.replace("[design]", '[design]\npairing = "random"'))
    with pytest.raises(GlimpseError, match="pairing is 'random'"):
        glimpse.build_study("study.toml")
