"""`analyze`, end to end: from simulated answers to the folder that a reviewer reads."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from glimpse import __version__
from glimpse.analysis.figures.drawing import figure_formats
from glimpse.analysis.report.report import check_out, write_report
from glimpse.errors import GlimpseError
from glimpse.main import main
from tests.analysis.folders import build_study, state_rule, write_scores

FILES = {
    "agreement.csv", "curves.csv", "differences.csv", "exclusions.csv", "judgments.csv", "methods.txt",
    "preference.csv", "preference.tex", "ranking.csv", "ranking_differences.csv", "report.html",
    "sensitivity.csv", "summary.json", "workers.csv",
}  # fmt: skip
SVG = ("--figures", "svg")
FIGURES = {"preference", "ranking", "realism_vs_time", "workers"}
JUDGMENTS = (
    "assignment,worker,hit,trial,pair,contrast,condition_a,condition_b,item_a,item_b,exposure_ms,shown_ms,side_of_a,"
    "chosen_side,chose_a,response_ms,sentinel,correct,excluded,reason"
)
PREFERENCE = (
    "contrast,condition_a,condition_b,exposure_ms,n,k,ties,rate,low,high,se_worker,se_image_a,se_image_b,se_pair,"
    "se,n_effective,df,wilson_low,wilson_high,p_value,p_adjusted,p_binomial,p_equivalent,n_workers,"
    "effective_workers,n_images_a,n_images_b,effective_images,n_pairs,filtered,note"
)


MARGIN = "equivalence is 0.6 (60 percentage points); it must lie between 0 and 0.5 (50 points), such as 0.05."


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A limited-time study of 60 simulated workers, some of them clicking at random."""
    folder = tmp_path_factory.mktemp("limited")
    study = build_study(folder / "study", hits=6, per_cell=3, workers=10)
    assert (
        run("simulate", study, "--out", folder / "results", "--random-share", 0.1, "--seed", 5).exit_code == 0
    )
    return folder / "results"


@pytest.fixture(scope="module")
def report(results: Path) -> Path:
    out = results.parent / "report"
    result = run("analyze", results, "--out", out, "--images", results.parent / "none")
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def summary(report: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((report / "summary.json").read_text())
    return found


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_every_file_is_there_and_listed(report: Path, summary: dict[str, Any]) -> None:
    figures = {f"{name}.{kind}" for name in FIGURES for kind in ("png", "pdf", "svg")}
    assert {path.name for path in report.iterdir()} == FILES | figures == set(summary["files"])


def test_tables_have_their_columns(report: Path) -> None:
    assert ",".join(rows(report / "judgments.csv")[0]).startswith(JUDGMENTS)
    assert ",".join(rows(report / "preference.csv")[0]).startswith(PREFERENCE)


def test_both_filters_are_in_the_table(report: Path) -> None:
    table = rows(report / "preference.csv")
    assert len(table) == 2 * 21
    assert {row["filtered"] for row in table} == {"0", "1"}


def test_numbers_agree_between_files(report: Path, summary: dict[str, Any]) -> None:
    judgments = rows(report / "judgments.csv")
    for cell in summary["preference"]:
        mine = [
            row
            for row in judgments
            if row["contrast"] == cell["contrast"]
            and float(row["exposure_ms"]) == cell["exposure_ms"]
            and row["sentinel"] == row["excluded"] == "0"
        ]
        assert cell["n"] == len(mine)
        assert cell["k"] == sum(row["chose_a"] == "1" for row in mine)
    counts = summary["counts"]
    assert counts["judgments"] == len(judgments) == counts["genuine"] + counts["sentinels"]
    assert counts["excluded_assignments"] == sum(
        row["excluded"] == "1" for row in rows(report / "exclusions.csv")
    )


def test_what_was_simulated_is_found_again(summary: dict[str, Any]) -> None:
    cells = {(cell["contrast"], cell["exposure_ms"]): cell for cell in summary["preference"]}
    assert cells["pix2pix:real", 8000]["high"] < 0.15
    assert cells["crn:pix2pix", 8000]["low"] > 0.75
    assert cells["crn:real", 125]["low"] < 0.5 < cells["crn:real", 125]["high"]
    curve = next(curve for curve in summary["curves"] if curve["contrast"] == "pix2pix:real")
    assert curve["identified"]
    assert curve["plateau_low"] < 0.989 <= curve["plateau_high"] + 0.01
    assert summary["rankings"][-1]["conditions"] == ["real", "crn", "pix2pix"]
    assert summary["counts"]["excluded_assignments"] >= 3


def test_findings_are_printed_and_open_the_page(
    results: Path, report: Path, summary: dict[str, Any], tmp_path: Path
) -> None:
    out = run("analyze", results, "--out", tmp_path / "r", *SVG).output
    assert out.startswith("SIMULATED answers: nothing below is evidence about people.\n")
    words = " ".join(out.replace("\n", " ").split())
    page = (report / "report.html").read_text()
    for finding in summary["findings"]:
        assert " ".join(finding.replace("\u00a0", " ").split()) in words
        assert finding in page
    assert re.search(
        r"people chose real over pix2pix in 9\d\.\d % \(95 % interval 9?\d\.\d–\d+\.\d %\)", words
    )
    assert f"Next: python -m webbrowser -t {tmp_path}/r/report.html" in out


class _Links(HTMLParser):
    """Collects what a page would load, its headings, and the texts of its images."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.alts: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            self.alts.append(values.get("alt") or "")
        self.loads += [str(values[name]) for name in ("src", "href") if name in values]
        if tag == "section":
            self.headings.append(str(values["id"]))


def test_the_page_is_self_contained_and_in_order(report: Path) -> None:
    page = (report / "report.html").read_text()
    links = _Links()
    links.feed(page)
    assert all(link.startswith(("data:", "#")) for link in links.loads)
    assert "url(" not in page
    assert "&#34;" not in page.split("</style>")[0]
    assert len(links.alts) == 4
    assert all(links.alts)
    assert links.headings == [
        "findings", "preference", "curves", "differences", "ranking", "design", "exclusions", "workers",
        "pairs",
        "sensitivity", "assumed", "methods", "cite", "provenance",
    ]  # fmt: skip


def test_no_worker_is_on_the_page_or_in_the_summary(results: Path, report: Path) -> None:
    names = [row[key] for row in rows(results / "workers.csv") for key in ("worker", "worker_id")]
    for name in ("report.html", "summary.json", "methods.txt", "preference.tex"):
        text = (report / name).read_text()
        assert not [worker for worker in names if worker in text]
    for path in report.iterdir():
        assert b"ASIMULATED" not in path.read_bytes()


def test_simulated_stands_everywhere(report: Path, summary: dict[str, Any]) -> None:
    assert summary["simulated"] is True
    page = (report / "report.html").read_text()
    assert "<strong>SIMULATED</strong>Every answer was made by the simulator." in page
    assert "<title>SIMULATED: Realism of street scenes</title>" in page
    assert "SIMULATED" in (report / "preference.tex").read_text()
    assert (report / "methods.txt").read_text().startswith("[SIMULATED ANSWERS")


def test_people_s_answers_are_not_called_simulated(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results, tmp_path / "r")
    path = tmp_path / "r" / "assignments.jsonl"
    path.write_text(path.read_text().replace('"simulated":true', '"simulated":false'))
    output = run("analyze", tmp_path / "r", "--out", tmp_path / "report", *SVG).output
    assert "SIMULATED" not in output
    for name in ("report.html", "preference.tex", "methods.txt"):
        assert "SIMULATED" not in (tmp_path / "report" / name).read_text().upper().replace("SIMULATED_", "")
    text = path.read_text().replace('"simulated":false', '"simulated":true', 1)
    path.write_text(text)
    run("analyze", tmp_path / "r", "--out", tmp_path / "report", *SVG)
    page = (tmp_path / "report" / "report.html").read_text()
    assert "<strong>SIMULATED</strong>1 of 60 assignments were made by the simulator." in page


def test_same_answers_same_bytes(results: Path, report: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    run("analyze", results, "--out", again, "--images", results.parent / "none")
    differing = [
        path.name for path in report.iterdir() if path.read_bytes() != (again / path.name).read_bytes()
    ]
    assert differing == []


def test_figures_embed_their_fonts(report: Path) -> None:
    for name in FIGURES:
        assert b"/FontFile2" in (report / f"{name}.pdf").read_bytes()
        assert b"/Type3" not in (report / f"{name}.pdf").read_bytes()
        assert b"<text" not in (report / f"{name}.svg").read_bytes()
    with Image.open(report / "realism_vs_time.png") as image:
        assert image.width == 990  # 3.3 in at 300 dpi


def test_pairs_are_shown_with_their_images(results: Path, tmp_path: Path) -> None:
    pairs = json.loads((results.parent / "report" / "summary.json").read_text())["pairs"]
    for row in pairs:
        for who in ("winner", "loser"):
            path = tmp_path / "images" / row[who] / f"{row[f'item_{who}']}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 32), (200, 90, 30)).save(path)
    out = tmp_path / "report"
    run("analyze", results, "--out", out, "--images", tmp_path / "images", *SVG)
    with Image.open(out / "hardest_pairs.png") as image:
        assert (200, 90, 30) in {colour[:3] for _, colour in image.convert("RGB").getcolors(10**6) or ()}
    assert 'id="fig-hardest_pairs"' in (out / "report.html").read_text()


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
    assert "[PRELIMINARY: 19 of 60 places (31.7%) filled.]" in (report / "methods.txt").read_text()
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
    assert "90% intervals" in summary["methods"]
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
    assert "The left image was chosen in 100.0% of trials" in text.replace("100.0 %", "100.0%")
    # Nothing is said of a condition that always won.
    assert all("say nothing of the conditions" in one["note"] for one in summary["rankings"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--level", "1.5"], "Error: level is 1.5; it must lie between 0 and 1, such as 0.95."),
        (["--level", "0.9999999999999"], "Error: level is 0.9999999999999; the highest is 0.999999."),
        (
            ["--threshold", "40"],
            "Error: threshold is 0.4 (40 %); it must lie between 0.5 and 1 (50 and 100 %), such as 0.75.",
        ),
        (["--equivalence", "60"], f"Error: {MARGIN}"),
        (["--figures", "gif"], "Error: --figures 'gif': allowed are png, pdf, svg, separated by commas."),
        (["--max-exposure-error-ms", "-1"], "Error: max_exposure_error_ms is -1.0; it must be 0 or more."),
    ],
)
def test_wrong_options_are_one_line(results: Path, tmp_path: Path, options: list[str], message: str) -> None:
    result = run("analyze", results, "--out", tmp_path / "r", *options)
    assert result.exit_code == 1
    assert result.output == message + "\n"
    assert not (tmp_path / "r").exists()


def test_folders_that_are_no_results(tmp_path: Path) -> None:
    missing = run("analyze", tmp_path / "r", "--out", tmp_path / "report")
    assert missing.output == (
        f"Error: {tmp_path}/r does not exist: there are no answers yet. `python cli.py collect` fetches "
        "people's; `python cli.py simulate` lets simulated people answer, marked so everywhere.\n"
    )
    (tmp_path / "r").write_text("")
    file = run("analyze", tmp_path / "r", "--out", tmp_path / "report")
    assert file.output == (
        f"Error: {tmp_path}/r is not a folder. Name the results folder that collect or simulate wrote.\n"
    )
    (tmp_path / "r").unlink()
    (tmp_path / "r").mkdir()
    empty = run("analyze", tmp_path / "r", "--out", tmp_path / "report")
    assert empty.exit_code == 1
    assert "not a results folder, or nothing was collected yet" in empty.output


def test_what_analyze_did_not_write_is_never_replaced(report: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    check_out(out)
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(
        GlimpseError, match=r"holds files that analyze did not write \(thesis.tex\); move them"
    ):
        check_out(out)
    (tmp_path / "file").write_text("")
    with pytest.raises(GlimpseError, match="is a file; name a folder for the report with --out"):
        check_out(tmp_path / "file")
    check_out(report)


def test_a_report_that_fails_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "report"
    write_report({"a.csv": b"1", "summary.json": b'{"files": ["a.csv", "summary.json"]}'}, out)

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("glimpse.analysis.report.report.write_whole", full)
    with pytest.raises(OSError, match="No space left"):
        write_report({"a.csv": b"2"}, out)
    assert (out / "a.csv").read_bytes() == b"1"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_figure_formats() -> None:
    assert figure_formats("PDF, png,pdf") == ("pdf", "png")
    with pytest.raises(GlimpseError, match="allowed are png, pdf, svg"):
        figure_formats(",")


def _paths(value: object, section: str = "") -> set[tuple[str, str]]:
    """(section, field) of everything in the summary; a list within a list belongs to the outer one."""
    found: set[tuple[str, str]] = set()
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            for key, inner in item.items():
                found.add((section, key))
                if isinstance(inner, (dict, list)) and section != "versions":
                    found |= _paths(inner, section or key)
    return found


def test_every_field_is_documented(results: Path, tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", seed=9, study="otherstudy012345")
    state_rule(study, {"excludes": 0.5})
    run("simulate", study, "--out", tmp_path / "pilot", "--seed", 7)
    scores = write_scores(study, tmp_path / "lpips.csv")
    run(
        "analyze", results, tmp_path / "pilot", "--compare", "--metric", scores, "--out", tmp_path / "r", *SVG
    )
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    text = (Path(__file__).parents[3] / "docs" / "summary.md").read_text()
    sections = {part.split("`")[0]: part for part in text.split("\n## `")[1:]}
    assert set(sections) == set(summary)

    def fields(section: str) -> set[str]:
        own = set(re.findall(r"^\| `(\w+)` \|", sections[section], re.MULTILINE))
        inherited = re.findall(r"have the fields of `(\w+)`", sections[section])
        named = set(re.findall(r"`(\w+)`", sections[section])) if section == "versions" else set()
        lacking = re.findall(r"without `(\w+)` and\s`(\w+)`", sections[section])
        return own.union(named, *(fields(name) for name in inherited)) - {*chain(*lacking)}

    for section in sections:
        present = {field for where, field in _paths(summary) if where == section}
        assert present - fields(section) == set(), section
        if section != "versions":
            assert fields(section) - present == set(), section
