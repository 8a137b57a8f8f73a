"""Studies of every kind, packed and reproduced; and a bundle that was kept."""

import re
from pathlib import Path

import pytest

from glimpse.analysis.bundling.reproducing import open_bundle, reproduce
from glimpse.errors import GlimpseError
from tests.analysis.analyses import run
from tests.analysis.bundling.conftest import (
    analyze,
    build,
    build_clips,
    build_singles,
    bundled,
    import_votes,
)

pytestmark = pytest.mark.slow
KEPT = Path(__file__).parents[2] / "data" / "bundle" / "study.zip"
QUESTIONS = [
    {"name": "quality", "text": "How much better is one image?", "answer": "scale-5"},
    {"name": "overall", "text": "Which image do you prefer?", "answer": "choice-or-tie"},
]
KINDS = {
    "unlimited": {"mode": "unlimited-time", "trials_per_cell": 4, "sentinels_per_hit": 2},
    "several questions": {
        "mode": "unlimited-time",
        "trials_per_cell": 4,
        "sentinels_per_hit": 2,
        "questions": QUESTIONS,
    },
}


def packed_and_run_again(folder, *options):
    """Return what `bundle` printed, and what came of the analysis of its file."""
    result = bundled(folder, folder / "report", *options)
    assert result.exit_code == 0, result.output
    return result.output, reproduce(open_bundle(folder / "study.zip", folder / "out"))


@pytest.mark.parametrize(
    "kind", [pytest.param("unlimited", marks=pytest.mark.exhaustive), "several questions"]
)
def test_a_study_is_packed_and_reproduced(kind, tmp_path):
    """The report of the bundle says what that of the original results said: `bundle` warns of nothing."""
    folder = build(tmp_path, **KINDS[kind])
    analyze(folder)
    printed, found = packed_and_run_again(folder)
    assert "Warning" not in printed
    assert found.reproduced
    assert found.comparison.same
    assert found.elsewhere == ()


@pytest.mark.exhaustive
def test_a_study_of_clips_is_packed_and_reproduced(tmp_path):
    folder = build_clips(tmp_path)
    analyze(folder)
    printed, found = packed_and_run_again(folder, "--images", "previews")
    assert "Warning" not in printed
    assert "clips, whose SHA-256 stand in study/study.json" in printed
    assert found.comparison.same
    assert not list((folder / "out").rglob("*.mp4"))


SINGLES = {
    "unlimited": ("--mode", "unlimited-time", "--trials-per-hit", 24, "--answer", "confidence-6"),
    "limited": ("--mode", "limited-time", "--trials-per-hit", 28),
    "staircases": (
        "--mode", "limited-time", "--allocation", "staircase", "--trials-per-hit", 24, "--blocks", 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "kind", ["unlimited", *(pytest.param(kind, marks=pytest.mark.exhaustive) for kind in list(SINGLES)[1:])]
)
def test_a_study_of_single_images_is_packed_and_reproduced(kind, tmp_path):
    folder = build_singles(tmp_path, *SINGLES[kind])
    analyze(folder)
    printed, found = packed_and_run_again(folder)
    assert "Warning" not in printed
    assert found.comparison.same
    described = (folder / "out" / "dataset_description.json").read_text()
    assert "1 if it was called generated, 0 if it was called real" in described
    readme = (folder / "out" / "README.md").read_text()
    assert "SIMULATED answers" in readme
    assert "said of images of crn, image-space, pix2pix and real whether they are real" in readme
    assert not list((folder / "out" / "report").glob("*.pdf"))  # the formats of the report that was given


def test_imported_votes_are_packed_without_a_study_and_reproduced(tmp_path):
    """STUDY and RESULTS are one folder; opaque names of images, which look like ids of Prolific, may stay."""
    folder = import_votes(tmp_path)
    analyze(folder)
    made = run("bundle", folder / "results", folder / "results", folder / "report", "--out",
               folder / "votes.zip")  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "images and pages, which an imported study does not have" in made.output
    bundle = open_bundle(folder / "votes.zip", folder / "out")
    assert reproduce(bundle).comparison.same
    assert not (folder / "out" / "results" / "workers.csv").exists()
    with pytest.raises(GlimpseError, match="was imported: its pages are not known"):
        bundle.page_of()


def test_other_settings_are_kept_and_used_again(tmp_path):
    folder = build(tmp_path, sentinels_per_hit=2)
    conditions = list(enumerate(("real", "crn", "pix2pix")))
    scores = [f"{n:03d},{name},{n + place}" for n in range(8) for place, name in conditions]
    (folder / "lpips.csv").write_text("\n".join(["item,condition,value", *scores]) + "\n")
    (folder / "items.csv").write_text("item,group\n" + "".join(f"{n:03d},{'ab'[n % 2]}\n" for n in range(8)))
    analyze(
        folder, "--no-sentinel-filter", "--cluster", "worker", "--level", 0.9, "--adjust", "bh", "--curve",
        "weibull", "--threshold", 80, "--equivalence", 10, "--metric", folder / "lpips.csv",
    )  # fmt: skip
    without = bundled(folder, folder / "report")
    assert without.exit_code == 1
    assert "has metrics; name their files with --metric" in without.output
    printed, found = packed_and_run_again(folder, "--metric", folder / "lpips.csv")
    assert "Warning" not in printed
    assert found.comparison.same
    settings = found.bundle.manifest["analysis"]["settings"]
    assert (settings["level"], settings["cluster"], settings["curve"]) == (0.9, "worker", "weibull")
    assert (folder / "out" / "report" / "ranking_groups.csv").exists()
    assert (folder / "out" / "analysis" / "lpips.csv").exists()


# What was answered and what was counted; intervals and tests may become better ones.
COUNTED = re.compile(r"judgments|exclusions|participants|(preference|leaderboard).*(, (n|k|rate|wins))$")


def test_a_bundle_of_an_earlier_version_is_reproduced(tmp_path):
    """It is read, and every answer, exclusion, count and rate comes out as it was then."""
    found = reproduce(open_bundle(KEPT, tmp_path)).comparison
    assert found.numbers > 5000
    assert found.missing == []
    assert [one for one in found.deviations if COUNTED.match(f"{one.file}, {one.place}")] == []
