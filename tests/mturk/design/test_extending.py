"""A system added to a study that was built: new trials for it, old names for the others, nothing changed."""

from __future__ import annotations

import csv
import hashlib
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from PIL import Image

from glimpse.main import main
from glimpse.mturk.building.extending import anchors
from glimpse.study import read_study

if TYPE_CHECKING:
    from pathlib import Path

OLD = ("a", "b", "c", "real")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("extending")
    noise = random.Random(0)
    for condition in (*OLD, "new", "blurred"):
        (found / "images" / condition).mkdir(parents=True)
        for item in range(30):
            picture = Image.frombytes("RGB", (16, 16), noise.randbytes(16 * 16 * 3))
            picture.save(found / "images" / condition / f"{item:03d}.png")
    words = (
        "--mode unlimited-time --contrast all --trials-per-hit 20 --sentinel blurred --sentinels-per-hit 2"
    )
    # The new condition is not there yet.
    (found / "images" / "new").rename(found / "new")
    numbers = "--sentinels-per-hit 2 --hits-per-batch 4 --workers-per-hit 3 --pairing same-item"
    run(found, *words.split(), *numbers.split())
    (found / "new").rename(found / "images" / "new")
    return found


def run(folder: Path, *words: str, out: str = "study", code: int = 0) -> str:
    places = [] if "--extend" in words else ["--images", str(folder / "images")]
    result = CliRunner().invoke(main, ["build-hits", *words, *places, "--out", str(folder / out)])
    assert result.exit_code == code, result.output
    return result.output


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_new_trials_compare_the_new_condition_and_old_names_stay(folder: Path) -> None:
    before = digests(folder / "study")
    run(folder, "--extend", str(folder / "study"), "--add", "new", out="more")
    assert digests(folder / "study") == before
    old, more = read_study(folder / "study"), read_study(folder / "more")
    contrasts = Counter(trial.contrast for trial in more.trials if not trial.sentinel)
    fresh = {contrast for contrast in contrasts if "new" in contrast.split(":")}
    assert {contrast.split(":")[1] for contrast in fresh} == set(OLD)
    assert len(contrasts) - len(fresh) == 2
    assert max(contrasts.values()) - min(contrasts.values()) <= 1
    # As often as each of the old ones was shown.
    shown = Counter(name for trial in old.trials if not trial.sentinel for name in trial.contrast.split(":"))
    of_new = sum(contrasts[one] for one in fresh)
    assert 0.9 * min(shown.values()) <= of_new <= 1.6 * max(shown.values())
    assert (more.experiment.hit_trials, more.experiment.workers_per_hit) == (20, 3)
    assert more.study != old.study
    assert more.secret == old.secret
    names = {(t.condition_left, t.item_left): t.stimulus_left for t in old.trials}
    again = {(t.condition_left, t.item_left): t.stimulus_left for t in more.trials}
    assert {names[key] == again[key] for key in names.keys() & again.keys()} == {True}


def test_other_images_under_old_names_are_refused(folder: Path, tmp_path: Path) -> None:
    path = folder / "images" / "real" / "003.png"
    kept = path.read_bytes()
    Image.new("RGB", (16, 16), (1, 2, 3)).save(path)
    try:
        said = run(folder, "--extend", str(folder / "study"), "--add", "new", out="never", code=1)
    finally:
        path.write_bytes(kept)
    assert "1 files are not those of" in said
    assert not (folder / "never").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--add", "a"), "--add a: "),
        ((), "name the condition that is added with --add"),
        (("--add", "nobody"), "there is no condition 'nobody' among the images"),
    ],
)
def test_what_cannot_be_added_is_refused(folder: Path, words: tuple[str, ...], message: str) -> None:
    said = run(folder, "--extend", str(folder / "study"), *words, out="never", code=1)
    assert message in " ".join(said.split())


def test_adding_goes_with_a_study_that_is_there(folder: Path) -> None:
    assert "--add NAME goes with --extend STUDY" in run(folder, "--add", "new", out="never", code=2)


def test_the_results_of_both_are_analysed_together_and_the_anchors_compared(folder: Path) -> None:
    run(folder, "--extend", str(folder / "study"), "--add", "new", out="second")
    for study in ("study", "second"):
        words = ["simulate", str(folder / study), "--out", str(folder / f"results-{study}")]
        assert CliRunner().invoke(main, words).exit_code == 0
    results = [str(folder / f"results-{study}") for study in ("study", "second")]
    words = ["analyze", *results, "--compare", "--out", str(folder / "report")]
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 0, found.output
    rows = list(csv.DictReader((folder / "report" / "comparison.csv").read_text().splitlines()))
    compared = {row["contrast"] for row in rows if row["difference"]}
    again = {trial.contrast for trial in read_study(folder / "second").trials if not trial.sentinel}
    assert compared == {contrast for contrast in again if "new" not in contrast.split(":")}
    ranked = list(csv.DictReader((folder / "report" / "ranking.csv").read_text().splitlines()))
    assert {row["condition"] for row in ranked} == {*OLD, "new"}


def test_anchors_are_a_few_and_spread() -> None:
    every = [(f"m{a}", f"m{b}") for b in range(20) for a in range(b)]
    found = anchors(every, 20)
    assert len(found) == 2
    assert len(set(anchors(every, 100))) == 11


def test_the_study_that_is_extended_is_not_replaced(folder: Path) -> None:
    before = digests(folder / "study")
    words = ("--extend", str(folder / "study"), "--force", "--add", "new")
    assert "is the study that is extended" in run(folder, *words, code=1)
    assert "new is given twice" in run(folder, *words, "--add", "new", out="twice", code=1)
    assert digests(folder / "study") == before
