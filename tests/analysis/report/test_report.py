"""`analyze`, end to end: from simulated answers to the folder that a reviewer reads."""

import json
import re
import shutil
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from glimpse.analysis.figures.drawing import figure_formats
from glimpse.analysis.report.report import check_out, write_report
from glimpse.analysis.statistics.playing import PLAYING_COLUMNS
from glimpse.errors import GlimpseError
from tests.analysis.analyses import rows, run
from tests.analysis.folders import build_study, state_rule, write_scores

FILES = {
    "agreement.csv", "curves.csv", "differences.csv", "exclusions.csv", "judgments.csv", "methods.txt",
    "leaderboard.csv", "leaderboard.tex", "participants.csv", "preference.csv", "preference.tex",
    "ranking.csv", "ranking_differences.csv", "report.html", "sensitivity.csv", "summary.json",
    "win_matrix.csv", "workers.csv",
}  # fmt: skip
NOT_OF_A_CHOICE = ("ties", "scale", "distribution", "davidson", "correlation")
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


def test_every_file_is_there_and_listed(report: Path, summary: dict[str, Any]) -> None:
    figures = {f"{name}.{kind}" for name in FIGURES for kind in ("png", "pdf", "svg")}
    figures |= {"summary.png"}
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
        "findings", "preference", "curves", "differences", "ranking", "design", "participants",
        "exclusions", "workers", "pairs", "sensitivity", "assumed", "methods", "cite", "provenance",
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


def test_pairs_are_shown_with_their_images(results: Path, summary: dict[str, Any], tmp_path: Path) -> None:
    pairs = summary["pairs"]
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


def test_every_field_is_documented(results: Path, summary_of_several: dict[str, Any], tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", seed=9, study="otherstudy012345")
    state_rule(study, {"excludes": 0.5})
    run("simulate", study, "--out", tmp_path / "pilot", "--seed", 7)
    scores = write_scores(study, tmp_path / "lpips.csv")
    items = {row[f"item_{side}"] for row in rows(results / "trials.csv") for side in ("left", "right")}
    groups = [f"{item},scenes" for item in sorted(items)]
    (tmp_path / "groups.csv").write_text("\n".join(["item,group", *groups]))
    further = ("--compare", "--metric", scores, "--items", tmp_path / "groups.csv")
    run("analyze", results, tmp_path / "pilot", *further, "--out", tmp_path / "r", *SVG)
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    summary |= {name: summary_of_several[name] for name in NOT_OF_A_CHOICE}
    summary["playing"] = [dict.fromkeys(PLAYING_COLUMNS)]
    summary["panels"] = summary["comparison"]
    text = (Path(__file__).parents[3] / "docs" / "summary.md").read_text()
    sections = {part.split("`")[0]: part for part in text.split("\n## `")[1:]}
    sections.pop("registrations")  # see test_registered_report
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
