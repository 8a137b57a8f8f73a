"""`build-hits` and `preview`, as typed."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from glimpse import opening
from glimpse.errors import GlimpseError
from glimpse.main import main
from glimpse.mturk.page.previewing import serving
from glimpse.study import read_study


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    for condition in ("real", "crn", "pix2pix", "image-space"):
        (tmp_path / "images" / condition).mkdir(parents=True)
        for item in range(4):
            pixels = rng.integers(0, 256, (8, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / condition / f"{item}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_defaults_work_on_a_small_sample(here: Path) -> None:
    result = run("build-hits", "--mode", "limited-time")
    assert result.exit_code == 0, result.output
    for text in (
        "Wrote study: 10 HITs of 110 trials, limited-time.",
        "crn:real, pix2pix:real, crn:pix2pix",
        "5 a HIT (image-space:real)",
        "20 a HIT at $2.00: $400.00; $480.00 with the fees of Mechanical Turk, your own server has none",
        "about 10 minutes (30 allotted), $2.00 is $12.00 an hour",
        "Warning: There are 4 scenes, and a HIT shows 220",
        "Next: python cli.py preview",
    ):
        assert text in result.output
    assert len(read_study("study").hits) == 10


def test_options_reach_the_study(here: Path) -> None:
    words = (
        "build-hits --mode unlimited-time --baseline pix2pix --hits-per-batch 2 --trials-per-cell 3 --seed 4"
    )
    words += " --sentinels-per-hit 1 --max-wrong-sentinels 0 --reward-usd 0.5 --workers-per-hit 3"
    words += " --out other --title T --encode webp"
    words += " --submit-origin https://lab.example --display-width 300"
    result = run(*words.split())
    assert result.exit_code == 0, result.output
    study = read_study("other")
    assert (study.seed, study.title, len(study.hits), study.hits[0].trials) == (4, "T", 2, 4)
    assert study.page_settings["origins"] == ["https://lab.example"]
    assert study.page_settings["width"] == 300
    assert {stimulus.file[-5:] for stimulus in study.stimuli.values()} == {".webp"}
    assert "Next: python cli.py preview other" in result.output


def test_consent_is_read_from_a_file(here: Path) -> None:
    Path("consent.txt").write_text("First\nparagraph.\n\nSecond.\n")
    assert run("build-hits", "--consent", "consent.txt").exit_code == 0
    assert read_study("study").page_settings["consent"] == "First\nparagraph.\n\nSecond.\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--images nowhere", "There is no folder nowhere"),
        ("--real photos", "no condition 'photos'"),
        ("--contrast crn:gan", "no condition 'gan'"),
        ("--hits-per-batch 0", "hits_per_batch is 0"),
        ("--reward-usd free", "reward_usd is 'free'"),
        ("--exposure-ms 0", "exposure 0 in limited-time"),
    ],
)
def test_one_clear_message_and_nothing_written(here: Path, words: str, message: str) -> None:
    result = run("build-hits", *words.split())
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert message in result.output
    assert not Path("study").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--title", "x" * 129], "--title has 129 characters; Mechanical Turk allows 1 to 128."),
        (
            ["--description", "x" * 2001],
            "--description has 2001 characters; Mechanical Turk allows 1 to 2000.",
        ),
        (["--title", " "], "--title is empty; workers read it, so give at least one word."),
        (["--question", ""], "--question is empty; workers read it, so give at least one word."),
        (
            ["--title", "Which\x07?"],
            "--title holds the character U+0007, which no page can show; leave it out.",
        ),
        (
            ["--time-allotted-minutes", "525601"],
            "--time-allotted-minutes is 525601; Mechanical Turk allows 1 to 525600.",
        ),
        (
            ["--workers-per-hit", "10001"],
            (
                "--workers-per-hit is 10001; allowed are 1 to 10000. More people need more HITs: raise "
                "--hits-per-batch."
            ),
        ),
        (
            [word for number in range(1, 38) for word in ("--exposure-ms", str(number))]
            + ["--sentinel-exposure-ms", "1", "--trials-per-cell", "1"],
            "--exposure-ms: the study has 37 exposures; a page holds 1 to 36.",
        ),
        (
            ["--consent", "latin.txt"],
            (
                "--consent latin.txt is not UTF-8 text (invalid continuation byte at byte 3). "
                "Save it as UTF-8."
            ),
        ),
        (
            ["--consent", "empty.txt"],
            "--consent empty.txt is empty; it must hold what participants agree to.",
        ),
    ],
)
def test_what_no_hit_can_be_is_said_before_anything_is_written(
    here: Path, words: list[str], message: str
) -> None:
    Path("latin.txt").write_bytes("Caf\xe9 and text".encode("latin-1"))
    Path("empty.txt").write_text("\n \n")
    result = run("build-hits", "--hits-per-batch", "1", *words)
    assert (result.exit_code, result.output.splitlines()[-1]) == (1, f"Error: {message}")
    assert not list(here.glob("*study*"))


def test_the_longest_words_that_a_hit_can_have(here: Path) -> None:
    words = ["--title", "x" * 128, "--description", "y" * 2000, "--time-allotted-minutes", "525600"]
    assert run("build-hits", "--hits-per-batch", "1", *words).exit_code == 0


def test_an_existing_study_is_refused_and_forced(here: Path) -> None:
    words = ["build-hits", "--hits-per-batch", "1"]
    assert run(*words).exit_code == 0
    refused = run(*words)
    assert refused.exit_code == 1
    assert "study already exists" in refused.output
    assert run(*words, "--force").exit_code == 0


def test_a_design_from_a_hit_file(here: Path) -> None:
    header = "image_A_url_1,image_B_url_1,image_A_url_2,image_B_url_2"
    Path("hits.csv").write_text(f"{header}\nh/crn/0.jpg,h/real/0.jpg,h/real/1.jpg,h/image-space/1.jpg\n")
    result = run("build-hits", "--from-hits", "hits.csv", "--sentinel", "image-space")
    assert result.exit_code == 0, result.output
    study = read_study("study")
    assert [(t.contrast, t.sentinel) for t in study.trials] == [
        ("crn:real", False),
        ("image-space:real", True),
    ]


def test_what_a_hit_file_does_not_say_can_be_given_beside_it(here: Path) -> None:
    header = "image_A_url_1,image_B_url_1,image_A_url_2,image_B_url_2"
    Path("hits.csv").write_text(f"{header}\nh/crn/0.jpg,h/real/0.jpg,h/real/1.jpg,h/image-space/1.jpg\n")
    words = ["build-hits", "--from-hits", "hits.csv", "--sentinel", "image-space"]
    refused = run(*words, "--trials-per-cell", "3")
    assert refused.exit_code == 2
    assert refused.output.splitlines()[-1] == (
        "Error: --trials-per-cell does not go with --from-hits: the file decides it."
    )
    numbers = ["--workers-per-hit", "3", "--reward-usd", "0.5", "--time-allotted-minutes", "7"]
    result = run(*words, *numbers, "--break-every", "9")
    assert result.exit_code == 0, result.output
    experiment = read_study("study").experiment
    assert (experiment.workers_per_hit, f"{experiment.reward_usd}") == (3, "0.5")
    assert (experiment.time_allotted_minutes, experiment.break_every) == (7, 9)


@pytest.mark.parametrize(("allowed", "sentinels"), [(9, 5), (5, 5), (1, 1)])
def test_a_rule_that_can_never_exclude_is_refused(here: Path, allowed: int, sentinels: int) -> None:
    words = ["build-hits", "--max-wrong-sentinels", allowed, "--sentinels-per-hit", sentinels]
    result = run(*map(str, words))
    assert (result.exit_code, result.output) == (
        1,
        (
            f"Error: max_wrong_sentinels is {allowed} and sentinels_per_hit {sentinels}, so nobody could "
            "ever be excluded; the first must be smaller than the second. Lower --max-wrong-sentinels, or "
            "raise --sentinels-per-hit.\n"
        ),
    )
    assert not Path("study").exists()


@pytest.mark.parametrize(("allowed", "sentinels"), [(4, 5), (9, 0)])
def test_a_rule_that_can_exclude_or_has_nothing_to_is_taken(here: Path, allowed: int, sentinels: int) -> None:
    words = ["build-hits", "--max-wrong-sentinels", allowed, "--sentinels-per-hit", sentinels]
    result = run(*map(str, words), "--hits-per-batch", "1")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("reward", ["-1", "1e30", "nan", "1.005"])
def test_a_reward_is_dollars_and_cents(here: Path, reward: str) -> None:
    result = run("build-hits", "--reward-usd", reward)
    assert result.exit_code == 1
    assert "; it must be dollars and cents from 0 to 10000, for example 1.50.\n" in result.output


def test_preview_prints_the_address(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("build-hits", "--hits-per-batch", "2").exit_code == 0
    opened: list[str] = []
    monkeypatch.setattr(opening.webbrowser, "open", lambda address: bool(opened.append(address)))
    result = run("preview", "--hit", "b1-h02")
    assert result.exit_code == 0, result.output
    assert "No browser was opened" in result.output
    assert opened[0].startswith("file://")
    assert "/study/pages/b1-h02.html?assignmentId=TRIALRUN" in opened[0]
    assert opened[0] in result.output
    before = run("preview", "--before-accepting", "--no-browser")
    assert "assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE" in before.output


def test_preview_of_what_is_not_there(here: Path) -> None:
    assert "holds no study" in run("preview").output
    assert run("build-hits", "--hits-per-batch", "2").exit_code == 0
    result = run("preview", "--hit", "b7")
    assert result.exit_code == 1
    assert "There is no HIT 'b7' in this study; it has b1-h01, b1-h02." in result.output


def test_the_preview_server_serves_pages_and_images_only(here: Path) -> None:
    assert run("build-hits", "--hits-per-batch", "1").exit_code == 0
    study = read_study("study")
    with serving(study, "b1-h01", 0, accepted=True) as (server, address):
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}"
        with urllib.request.urlopen(address) as reply:
            assert b"Which image is more realistic?" in reply.read()
        image = next(iter(study.stimuli.values())).file
        with urllib.request.urlopen(f"{base}/images/{image}") as reply:
            assert reply.headers["Content-Type"] == "image/png"
        for path in (
            "/study.json",
            "/trials.csv",
            "/",
            "/pages/",
            "/pages/../study.json",
            "/images/%2e%2e/trials.csv",
        ):
            with pytest.raises(urllib.error.HTTPError, match="404") as error:
                urllib.request.urlopen(base + path)
            error.value.close()
        with (
            pytest.raises(GlimpseError, match="cannot be used"),
            serving(study, "b1-h01", server.server_port, accepted=True),
        ):
            pass
        server.shutdown()
        thread.join()
