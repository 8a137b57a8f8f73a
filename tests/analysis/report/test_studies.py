"""`analyze` of studies of every kind, and with every option: what the report then says."""

import json
import re
import shutil
from pathlib import Path

import pytest

from glimpse import __version__
from tests.analysis.analyses import rows, run
from tests.analysis.folders import build_study

SVG = ("--figures", "svg")


def test_unlimited_time(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", "unlimited-time", hits=3, per_cell=40, workers=8, sentinels=10)
    run("simulate", study, "--out", tmp_path / "r")
    result = run("analyze", tmp_path / "r", "--out", tmp_path / "report", *SVG)
    assert result.exit_code == 0, result.output
    assert "People preferred crn to pix2pix in" in result.output
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert summary["curves"] == []
    assert [cell["exposure_ms"] for cell in summary["preference"]] == [None, None]
    assert "realism_vs_time.svg" not in summary["files"]
    assert "crn over pix2pix &" in (tmp_path / "report" / "preference.tex").read_text()


def test_a_study_under_way_and_a_cut_line(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results, tmp_path / "r")
    path = tmp_path / "r" / "assignments.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:20])[:-80])
    result = run("analyze", tmp_path / "r", "--out", tmp_path / "report", *SVG)
    assert result.exit_code == 0
    assert f"Warning: {path}, line 20: not JSON (" in result.output
    words = " ".join(result.output.split())
    assert "- The study is under way: 19 of 60 places (31.7 %) are filled, and every number" in words
    assert words.index("under way") < words.index("people chose")
    report = tmp_path / "report"
    page = (report / "report.html").read_text()
    assert "<strong>Under way</strong>19 of 60 places (31.7\u00a0%) are filled. Every number" in page
    assert "[PRELIMINARY: 19 of 60 places (31.7 %) filled.]" in (report / "methods.txt").read_text()
    assert "1 problem in the input is listed under Provenance" in " ".join(result.output.split())


def test_one_assignment_gives_flagged_rows_and_no_nan(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results, tmp_path / "r")
    path = tmp_path / "r" / "assignments.jsonl"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    result = run("analyze", tmp_path / "r", "--out", tmp_path / "report", "--no-sentinel-filter", *SVG)
    assert result.exit_code == 0, result.output
    text = (tmp_path / "report" / "summary.json").read_text()
    summary = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in summary.json"))
    assert all(cell["note"].startswith("one worker or one image only") for cell in summary["preference"])
    assert not summary["curves"][0]["identified"]
    assert "Realism curves" not in summary["methods"]
    assert "which cannot be tested with so few workers or images" in summary["findings"][1]
    page = (tmp_path / "report" / "report.html").read_text()
    assert "A realism curve starts at chance" not in page
    assert "Lines: fitted curves" not in page
    assert "The sentinel filter is off." in summary["findings"][-1]
    assert ">nan" not in (tmp_path / "report" / "report.html").read_text()


def test_everybody_excluded_says_what_to_do(results: Path, tmp_path: Path) -> None:
    study = results.parent / "study"
    run("simulate", study, "--out", tmp_path / "r", "--random-share", 1, "--workers", 4, "--seed", 1)
    result = run("analyze", tmp_path / "r", "--out", tmp_path / "report")
    assert result.exit_code == 1
    assert re.fullmatch(
        r"Error: all 4 assignments are excluded \(judgments: \d+ for 'wrong sentinels'\)\. Analyse with "
        r"--no-sentinel-filter or a larger --max-wrong to see what is there\.\n",
        result.output,
    )
    assert not (tmp_path / "report").exists()
    lifted = run("analyze", tmp_path / "r", "--out", tmp_path / "report", "--no-sentinel-filter", *SVG)
    assert lifted.exit_code == 0, lifted.output


def test_folders_that_differ_are_told_of_first(tmp_path: Path) -> None:
    """An added condition is compared in other months than the old ones: what drifted spoils the ranking."""
    study = build_study(tmp_path / "study", "unlimited-time", hits=2, per_cell=40, workers=8, sentinels=10)
    for name, strength in (("then", "-3"), ("alike", "-3"), ("now", "3")):
        seed = {"then": 1, "alike": 2, "now": 3}[name]
        run("simulate", study, "--strength", f"crn={strength}", "--seed", seed, "--out", tmp_path / name)
    said = {}
    for name in ("alike", "now"):
        both = (tmp_path / "then", tmp_path / name)
        result = run("analyze", *both, "--compare", "--out", tmp_path / f"to-{name}", *SVG)
        said[name] = " ".join(result.output.split())
    told = "Rates differ from one results folder to another"
    assert told not in said["alike"]
    assert f"{told}: crn against" in said["now"]
    assert said["now"].index(told) < said["now"].index("People ")


def test_contrasts_of_one_folder_only_are_not_compared(results: Path, tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", seed=9, study="otherstudy012345", contrasts=[["crn", "real"]])
    run("simulate", study, "--out", tmp_path / "pilot", "--seed", 7)
    result = run("analyze", results, tmp_path / "pilot", "--compare", "--out", tmp_path / "report", *SVG)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "report" / "report.html").read_text()
    compared = page.partition("Studies compared</h2>")[2].partition("</section>")[0]
    assert "real over crn" in compared
    assert "pix2pix" not in compared
    assert re.search(r"contrasts? with answers in one folder only: see comparison\.csv\.", compared)


def test_folders_are_pooled_and_compared(results: Path, tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", seed=9, study="otherstudy012345")
    run("simulate", study, "--out", tmp_path / "pilot", "--seed", 7)
    out = tmp_path / "report"
    result = run("analyze", results, tmp_path / "pilot", "--compare", "--out", out, *SVG)
    assert result.exit_code == 0, result.output
    summary = json.loads((out / "summary.json").read_text())
    assert summary["counts"]["assignments"] == 60 + 18
    assert [study["study"] for study in summary["studies"]] == ["abcdefgh01234567", "otherstudy012345"]
    table = rows(out / "comparison.csv")
    assert [row["source"] for row in table[::21]] == ["results", "pilot"]
    assert table[0]["difference"] == ""
    first, second = table[0], table[21]
    assert float(second["difference"]) == pytest.approx(float(second["rate"]) - float(first["rate"]))
    page = (out / "report.html").read_text()
    assert 'id="comparison"' in page
    assert "Here 0\u00a0workers and 0\u00a0pairs occur in more than one folder." in page
    assert "<dt>Studies</dt><dd>2, pooled</dd>" in page
    assert "counts as two independent workers" in page
    assert "Differences between folders treat the folders as independent samples." in page
    row = next(row for row in table if row["difference"] and row["condition_b"] == "real")
    points = [100 * -float(row[name]) for name in ("difference", "difference_high", "difference_low")]
    text = f"{points[0]:.1f} ({points[1]:.1f} to {points[2]:.1f})".replace("-", "\u2212")
    assert f">{text}</td>" in page
    alone = run("analyze", results, "--compare", "--out", tmp_path / "x")
    assert alone.output == "Error: --compare compares results folders; name two or more.\n"


def test_options_reach_the_analysis(results: Path, tmp_path: Path) -> None:
    result = run(
        "analyze", results, "--out", tmp_path / "r", "--max-wrong", 2, "--repeat-workers", "keep",
        "--max-exposure-error-ms", 12.5, "--exposure", "measured", "--cluster", "worker-bootstrap",
        "--adjust", "bh", "--curve", "weibull", "--level", 0.9, "--format", "json", *SVG, "--seed", 3,
        "--equivalence", 5, "--threshold", 80,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["settings"] == {
        "sentinel_filter": True,
        "max_wrong_sentinels": 2,
        "repeat_workers": "keep",
        "max_exposure_error_ms": 12.5,
        "exposure": "measured",
        "cluster": "worker-bootstrap",
        "level": 0.9,
        "alpha": 0.1,
        "equivalence": 0.05,
        "threshold": 0.8,
        "adjust": "bh",
        "resamples": 10_000,
        "curve": "weibull",
        "compare": False,
        "seed": 3,
    }
    assert [row["allowed"] for row in summary["sensitivity"]] == [0, 1, 2, 3, None]
    assert [row["used"] for row in summary["sensitivity"]] == [False, False, True, False, False]
    assert "percentile bootstrap over participants" in summary["methods"]
    assert "90 % intervals" in summary["methods"]
    assert "Weibull functions of log exposure, as measured by the page, between" in summary["methods"]
    page = (tmp_path / "r" / "report.html").read_text()
    assert "come from a bootstrap over workers, and ignore differences between images" in page
    assert (
        "rates with 90\u00a0% intervals, bootstrap over workers. Lines: fitted curves with pointwise 90"
        in page
    )
    assert "two-way 95" not in page
    assert "The sentinel rule was chosen for this report and is not the study&#39;s own." in page
    assert "This report allows 2\u00a0wrong sentinels; the study&#39;s own rule allows 0." in page
    assert "when it has more than 2\u00a0wrong sentinels (the study&#39;s own rule: more than 0). " in page
    assert (
        "% Caption: Preference rates (per cent) with 90\\,\\% intervals\n%   (bootstrap over workers);"
        in (tmp_path / "r" / "preference.tex").read_text()
    )
    assert re.search(
        r"\d+\u00a0more answers were left out because the measured exposure differed from the planned one by "
        r"more than 12.5",
        page,
    )
    assert any(row["reason"] == "exposure error" and row["judgments"] for row in summary["exclusions"])


def test_exposures_that_nobody_measured_are_not_called_measured(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results, tmp_path / "r")
    path = tmp_path / "r" / "assignments.jsonl"
    path.write_text(re.sub(r'"shown_ms":[\d.]+', '"shown_ms":null', path.read_text()))
    options = ("--exposure", "measured", "--max-exposure-error-ms", 10, *SVG)
    words = " ".join(run("analyze", tmp_path / "r", "--out", tmp_path / "report", *options).output.split())
    found = (
        "No exposure was measured: the curves use the planned exposures instead and those answers are kept."
    )
    assert found in words
    page = (tmp_path / "report" / "report.html").read_text()
    assert "The realism curves use exposures as planned." in page
    assert "as measured by the page" not in (tmp_path / "report" / "methods.txt").read_text()


def test_conditions_that_never_met_are_not_ranked(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", contrasts=[["crn", "real"], ["pix2pix", "image-space"]])
    run("simulate", study, "--out", tmp_path / "r")
    result = run("analyze", tmp_path / "r", "--out", tmp_path / "report", *SVG)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "report" / "report.html").read_text()
    assert (
        page.count("The conditions cannot be ranked: nothing links {crn, real} and {image-space, pix2pix}")
        == 1
    )
    assert "Bradley-Terry strengths assume" not in page
    assert "R. A. Bradley" not in page
    assert f"Glimpse {__version__}: human evaluation" in page
    assert "ranking.svg" not in {path.name for path in (tmp_path / "report").iterdir()}


def test_scene_is_the_earlier_name_of_images(results: Path, report: Path, tmp_path: Path) -> None:
    result = run("analyze", results, "--out", tmp_path / "r", "--cluster", "scene", *SVG)
    assert result.exit_code == 0, result.output
    for name in ("preference.csv", "curves.csv", "ranking.csv", "differences.csv"):
        assert (tmp_path / "r" / name).read_bytes() == (report / name).read_bytes()


@pytest.mark.parametrize(
    ("cluster", "text"),
    [
        ("images", "account for differences between workers and between the images of either side"),
        ("two-way", "but not for images that recur in several pairs"),
        ("worker", "account for differences between workers, but not between images"),
    ],
)
def test_clusters_are_described_as_they_are(results: Path, tmp_path: Path, cluster: str, text: str) -> None:
    result = run("analyze", results, "--out", tmp_path / "r", "--cluster", cluster, *SVG)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "r" / "report.html").read_text()
    assert text in page
    assert ("two conditions' pictures of the same item" in page.replace("&#39;", "'")) == (
        cluster == "images"
    )
    # The clustering is that of every table, curves and ranking too.
    assert "preference rates only" not in page


def test_the_level_moves_the_verdicts(results: Path, tmp_path: Path) -> None:
    """At 99.9 % a finding is one at p < 0.001, in the sentences and in the table of sensitivity."""
    found = {}
    for level in (0.95, 0.999):
        out = tmp_path / str(level)
        assert run("analyze", results, "--level", level, "--out", out, *SVG).exit_code == 0
        found[level] = json.loads((out / "summary.json").read_text())
    assert found[0.999]["settings"]["alpha"] == 0.001
    tables = [
        [(cell["contrast"], cell["p_adjusted"]) for cell in one["preference"]] for one in found.values()
    ]
    assert tables[0] == tables[1]
    between = {name for name, p in tables[0] if 0.001 <= p < 0.05}
    assert between
    sentences = [" ".join(one["findings"]) for one in found.values()]
    assert sentences[0] != sentences[1]
    for level, one in found.items():
        cells = {(cell["contrast"], cell["exposure_ms"]): cell["p_adjusted"] < 1 - level + 1e-12
                 for cell in one["preference"]}  # fmt: skip
        text = " ".join(one["findings"]).replace("\u00a0", " ")
        never = sum(not any(on for (name, _), on in cells.items() if name == contrast)
                    for contrast in {name for name, _ in cells})  # fmt: skip
        assert text.count("No preference is significant at any exposure") == never


def test_few_images_are_a_finding(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", hits=3, per_cell=3, workers=8, images=4, seed=2)
    run("simulate", study, "--out", tmp_path / "r", "--seed", 1)
    result = run("analyze", tmp_path / "r", "--out", tmp_path / "report", *SVG)
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert max(row["images"] for row in summary["images"]) == 4
    assert any("too few images" in sentence.replace("\u00a0", " ") for sentence in summary["findings"])
    # Few images stay few, whatever the intervals allow for.
    by_worker = run("analyze", tmp_path / "r", "--cluster", "worker", "--out", tmp_path / "w", *SVG)
    assert by_worker.exit_code == 0, by_worker.output
    assert "too few images" in (tmp_path / "w" / "report.html").read_text().replace("\u00a0", " ")


def test_everybody_on_one_side_is_a_finding(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results, tmp_path / "r")
    path = tmp_path / "r" / "assignments.jsonl"
    path.write_text(re.sub(r'"side":"right"', '"side":"left"', path.read_text()))
    result = run("analyze", tmp_path / "r", "--out", tmp_path / "report", "--no-sentinel-filter", *SVG)
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert (summary["side_bias"]["raw_share"], summary["side_bias"]["left_share"]) == (1.0, 1.0)
    text = " ".join(summary["findings"]).replace("\u00a0", " ")
    assert "The left image was chosen in 100.0 % of trials" in text
    # Nothing is said of a condition that always won.
    assert all("say nothing of the conditions" in one["note"] for one in summary["rankings"])
