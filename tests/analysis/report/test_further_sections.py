"""The report of a study that states when it may stop, and of metrics that are set against people."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from glimpse.analysis.report.page import render
from glimpse.analysis.report.wording import near_an_end
from glimpse.main import main
from tests.analysis.folders import build_study, state_rule, write_scores

FULL = "All places are filled, and the rule was not met"
SVG = ("--figures", "svg", "--images", Path(__file__).parent)  # a folder without images


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("further")
    study = build_study(folder / "study", hits=4, per_cell=4, workers=10)
    state_rule(study, {"excludes": 0.5, "exposures_ms": [125, 8000]})
    assert run("simulate", study, "--out", folder / "results", "--seed", 3).exit_code == 0
    return study


@pytest.fixture(scope="module")
def report(study: Path) -> Path:
    folder = study.parent
    words = []
    for name, sign in (("lpips", 1.0), ("clip-score", -1.0)):
        words += ["--metric", write_scores(study, folder / f"{name}.csv", sign=sign)]
    result = run("analyze", folder / "results", "--out", folder / "report", *words, *SVG)
    assert result.exit_code == 0, result.output
    return folder / "report"


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def summary(report: Path) -> dict[str, Any]:
    return dict(json.loads((report / "summary.json").read_text()))


def section(report: Path, name: str) -> str:
    page = (report / "report.html").read_text()
    found = re.search(rf'<section id="{name}".*?</section>', page, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0])).replace("\u00a0", " ") if found else ""


def test_the_report_says_whether_the_rule_holds(report: Path) -> None:
    cells = summary(report)["stopping"]
    assert [(cell["contrast"], cell["exposure_ms"]) for cell in cells] == [
        (contrast, exposure_ms)
        for contrast in ("crn:real", "pix2pix:real", "crn:pix2pix")
        for exposure_ms in (125, 8000)
    ]
    met = [cell for cell in cells if cell["met_after"]]
    assert 0 < len(met) < 6
    assert all(cell["met_at"].endswith("Z") for cell in met)
    rule = "the 95 % interval leaves out 50 % in every contrast at 1/8 s and 8 s"
    (finding,) = (text for text in summary(report)["findings"] if "may stop" in text)
    assert finding.startswith(
        f"The study may stop when {rule}. {FULL} in {6 - len(met)} of 6 cells. The rule is judged by"
    )
    text = section(report, "stopping")
    assert rule in text
    assert "It is about the images that were shown, not about new ones." in text
    assert "Waudby-Smith" in section(report, "cite")
    then = "once the 95 % interval left out 50 % in every contrast at 1/8 s and 8 s, by confidence"
    assert f"The study could stop early {then}" in (report / "methods.txt").read_text()


def test_a_constant_metric_prefers_none(study: Path, tmp_path: Path) -> None:
    lines = write_scores(study, tmp_path / "lpips.csv", sign=1.0).read_text().splitlines()
    (tmp_path / "lpips.csv").write_text(
        "\n".join([lines[0], *(f"{line.rpartition(',')[0]},1" for line in lines[1:])])
    )
    words = ("--metric", tmp_path / "lpips.csv", "--out", tmp_path / "report")
    assert run("analyze", study.parent / "results", *words, *SVG).exit_code == 0
    tie = "lpips has the same value for both images of every pair, so that it prefers none."
    assert tie in summary(tmp_path / "report")["findings"]
    page = (tmp_path / "report/report.html").read_text()
    assert "lpips: all pairs tie." in page
    assert "the metric has the same value for both images of every pair" in section(
        tmp_path / "report", "metric"
    )


def test_preference_csv_has_the_intervals_at_every_look(report: Path) -> None:
    table = [row for row in rows(report / "preference.csv") if row["filtered"] == "1"]
    assert len(table) == 21
    assert all(float(row["anytime_low"]) < float(row["anytime_high"]) for row in table)
    cell = next(row for row in table if row["contrast"] == "crn:pix2pix" and row["exposure_ms"] == "8000")
    (stated,) = (
        c for c in summary(report)["stopping"] if c["contrast"] == "crn:pix2pix" and c["exposure_ms"] == 8000
    )
    assert float(cell["anytime_low"]) == pytest.approx(stated["low"])
    # Seen from the real condition where it takes part.
    (real,) = (
        c for c in summary(report)["stopping"] if c["contrast"] == "crn:real" and c["exposure_ms"] == 8000
    )
    ends = f"{100 * (1 - real['high']):.1f}–{100 * (1 - real['low']):.1f} %"
    assert f"real over crn, 8 s {ends}" in section(report, "stopping")


def test_a_rule_that_held_says_since_when(study: Path, tmp_path: Path) -> None:
    other = build_study(tmp_path / "study", hits=4, per_cell=4, workers=10)
    state_rule(other, {"excludes": 0.5, "contrasts": [["pix2pix", "real"]]})
    run("simulate", other, "--out", tmp_path / "results")
    run("analyze", tmp_path / "results", "--out", tmp_path / "report", *SVG)
    (cell,) = summary(tmp_path / "report")["stopping"]
    (finding,) = (text for text in summary(tmp_path / "report")["findings"] if "may stop" in text)
    time = cell["met_at"].replace("T", " ")[:16]
    assert f"The rule has held since round {cell['met_after']} ({time} UTC)." in finding


def test_a_study_without_a_rule_says_nothing_of_stopping(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", hits=2, per_cell=1, workers=3)
    run("simulate", study, "--out", tmp_path / "results")
    run("analyze", tmp_path / "results", "--out", tmp_path / "report", *SVG)
    found = summary(tmp_path / "report")
    assert (found["stopping"], found["metrics"]) == ([], [])
    assert section(tmp_path / "report", "stopping") == section(tmp_path / "report", "metric") == ""
    assert "anytime_low" not in rows(tmp_path / "report" / "preference.csv")[0]
    assert not (tmp_path / "report" / "metric.csv").exists()


def test_a_rule_that_is_damaged_is_named(study: Path, tmp_path: Path) -> None:
    other = build_study(tmp_path / "study", hits=2, per_cell=1, workers=3)
    run("simulate", other, "--out", tmp_path / "results")
    state_rule(tmp_path / "results", {"excludes": 3})
    result = run("analyze", tmp_path / "results", "--out", tmp_path / "report")
    assert result.exit_code == 1
    assert (
        "results/study.json: experiment.stop_when: excludes is 3; it must be a number between"
        in result.output
    )


def test_metrics_stand_in_table_figure_and_findings(report: Path) -> None:
    table = rows(report / "metric.csv")
    assert [(row["metric"], row["contrast"]) for row in table] == [
        (metric, contrast)
        for metric in ("lpips", "clip-score")
        for contrast in ("crn:real", "pix2pix:real", "crn:pix2pix", "")
    ]
    first, second = ([row["accuracy"] for row in part] for part in (table[:4], table[4:]))
    assert first == second  # one is the other's negative
    pairs = rows(report / "metric_pairs.csv")
    assert sum(int(row["n"]) for row in pairs) == 2 * int(table[3]["n"])
    found = [text for text in summary(report)["findings"] if "prefers the image" in text]
    share = f"{100 * float(table[3]['accuracy']):.1f}\u00a0%"
    assert [text.startswith(f"{name} prefers the image that people chose in {share} (95\u00a0% interval ")
            for name, text in zip(("lpips", "clip-score"), found, strict=True)] == [True, True]  # fmt: skip
    text = section(report, "metric")
    assert "lpips (lower is better)" in text
    assert "clip-score (higher is better)" in text
    page = (report / "report.html").read_text()
    assert re.search(
        r'id="fig-metric"><img src="data:image/svg[^>]+alt="Preference rate of each pair against', page
    )
    assert (report / "metric.svg").stat().st_size > 10_000


def test_what_a_file_of_scores_lacks_is_listed(study: Path, tmp_path: Path) -> None:
    scores = write_scores(study, tmp_path / "lpips.csv")
    lines = [line for line in scores.read_text().splitlines() if ",real," not in line]
    lines[3] = lines[3].rpartition(",")[0] + ",high"
    scores.write_text("\n".join([*lines, "nobody,crn,1"]) + "\n")
    result = run("analyze", study.parent / "results", "--metric", scores, "--out", tmp_path / "report", *SVG)
    assert result.exit_code == 0, result.output
    problems = summary(tmp_path / "report")["problems"]
    assert f"{scores}, line 4: value is 'high', not a number; left out" in problems
    assert f"{scores}, line {len(lines) + 1}: item 'nobody' of crn is in no trial; left out" in problems
    assert any(
        re.search(r"no value of lpips for (\d+) of \1 images of real; pairs with them", p) for p in problems
    )
    of = {row["contrast"]: row["n"] for row in summary(tmp_path / "report")["metrics"]}
    assert of["crn:real"] == 0 < of["crn:pix2pix"]
    assert "no pair has values on both sides" in section(tmp_path / "report", "metric")


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("item,condition,value\n1,crn,0.5\n", (), "no trial shows two images that have a value of lpips"),
        ("item,value\n1,0.5\n", (), "column(s) condition are missing"),
        ("", (), "the file is empty"),
        ("item,condition,value\n1,crn,1\n", ("--metric-direction", "up"), "allowed are lower and higher"),
    ],
)
def test_scores_of_no_use_end_in_one_message(
    study: Path, tmp_path: Path, text: str, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "lpips.csv").write_text(text)
    metric = ("--metric", tmp_path / "lpips.csv", *words)
    result = run("analyze", study.parent / "results", *metric, "--out", tmp_path / "report")
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("rate", "images", "cluster", "doubted"),
    [
        (0.93, 24, "images", 1),
        (0.07, 24, "images", 1),
        (0.9, 24, "images", 0),
        (1.0, 24, "images", 0),  # has an interval of its own kind
        (0.93, 50, "images", 0),  # each image in one pair
        (0.93, 24, "two-way", 0),
    ],
)
def test_rates_near_an_end_are_doubted_where_images_recur(
    rate: float, images: int, cluster: str, doubted: int
) -> None:
    other = {"n": 1000, "rate": 0.6, "n_pairs": 50, "n_images_a": 24, "n_images_b": 24}
    empty = {"n": 0, "rate": None, "n_pairs": 0, "n_images_a": 0, "n_images_b": 0}
    mine = other | {"rate": rate, "n_images_a": images, "n_images_b": 50}
    facts = {"settings": {"cluster": cluster}, "preference": [other, empty, mine]}
    assert near_an_end(facts) == doubted


def test_the_report_says_of_rates_near_an_end_that_their_intervals_hold_less_often(report: Path) -> None:
    assert not near_an_end(summary(report))  # every image is in one pair of a cell
    assert "claim" not in section(report, "preference")
    facts = summary(report)
    facts["preference"][-1] |= {"rate": 0.96, "n_images_a": 3}
    facts["preference"][-2] |= {"rate": 0.02, "n_images_b": 3}
    page = render(facts, [], "", ("preference.tex", ""), {}).replace("\u00a0", " ")
    assert "2 rates above 90 %" in page
    assert "rest on images that stand in several pairs. Such a rate follows" in " ".join(page.split())
