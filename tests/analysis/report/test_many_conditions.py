"""The report of many conditions: ranking first, tables that stay short, figures within a page."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glimpse.analysis.report.crowd import at_longest, is_crowded, told_one_by_one
from tests.analysis.analyses import rows, run

NAMES = [f"m{number:02d}" for number in range(1, 20)]


def write_votes(path: Path, names: list[str], exposures: tuple[int, ...] = ()) -> None:
    """Votes of 10 workers on 4 items in which earlier names win."""
    rng = np.random.default_rng(0)
    lines = []
    for worker in range(10):
        for place, a in enumerate(names):
            for other, b in enumerate(names[:place]):
                item = int(rng.integers(4))
                won = int(rng.random() < 1 / (1 + np.exp(0.25 * (place - other))))
                times = exposures or ("",)
                lines += [f"w{worker},i{item},{a},{b},{won},{exposure}" for exposure in times]
    head = "user,item,condition_a,condition_b,chose_a" + (",exposure_ms" if exposures else ",x")
    path.write_text("\n".join([head, *lines]) + "\n")


def report_of(folder: Path, names: list[str], exposures: tuple[int, ...] = (), *options: object) -> Path:
    write_votes(folder / "votes.csv", names, exposures)
    done = run("import-results", folder / "votes.csv", "--format", "table", "--real", "real", "--a-is-left",
               "--out", folder / "results")  # fmt: skip
    assert done.exit_code == 0, done.output
    done = run("analyze", folder / "results", "--out", folder / "report", "--figures", "png", *options)
    assert done.exit_code == 0, done.output
    return folder / "report"


@pytest.fixture(scope="module")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twenty")
    (folder / "items.csv").write_text("item,group\ni0,faces\ni1,faces\ni2,text\ni3,text\nzz,text\n")
    return report_of(folder, ["real", *NAMES])


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report_of(tmp_path_factory.mktemp("limited"), ["real", *NAMES[:7]], (125, 1000, 8000))


def page_of(report: Path) -> str:
    return re.sub(r"data:image[^\"]*", "", (report / "report.html").read_text())


def section(page: str, name: str) -> str:
    return page.partition(f'<section id="{name}"')[2].partition("</section>")[0]


def test_few_contrasts_are_all_told_and_many_only_beside_the_real_condition() -> None:
    names = [f"m{number}:real" for number in range(4)] + [f"m{number}:n{number}" for number in range(9)]
    assert told_one_by_one(names[:12], "real") == names[:12]
    assert is_crowded(names)
    assert told_one_by_one(names, "real") == names[:4]
    assert told_one_by_one(names, None) == []
    times = [{"exposure_ms": value} for value in (125, 8000, 8000)]
    assert at_longest(times) == times[1:]
    assert at_longest([*times, {"exposure_ms": None}]) == [{"exposure_ms": None}]


def test_the_ranking_comes_first_and_no_section_is_long(twenty: Path, limited: Path) -> None:
    for report in (twenty, limited):
        page = page_of(report)
        ids = re.findall(r'<section id="(\w+)"', page)
        assert ids[:2] == ["findings", "ranking"]
        for name in ids:
            assert section(page, name).count("<tr") <= 45, name
        assert section(page, "findings").count("<li") <= 6
        assert "Table (leaderboard.tex)" in page


def test_the_leaderboard_is_in_all_forms(twenty: Path) -> None:
    board = rows(twenty / "leaderboard.csv")
    assert len(board) == 20
    tex = (twenty / "leaderboard.tex").read_text()
    shown = section(page_of(twenty), "ranking")
    for row in board:
        assert f"& {row['condition']} & " in tex
        assert f"<td>{row['condition']}</td>" in shown
    found = json.loads((twenty / "summary.json").read_text())["leaderboard"]
    assert [row["condition"] for row in found] == [row["condition"] for row in board]
    assert len(rows(twenty / "win_matrix.csv")) == 20 * 19


def test_figures_are_no_wider_than_a_page(twenty: Path, limited: Path) -> None:
    for report in (twenty, limited):
        for path in report.glob("*.png"):
            with Image.open(path) as image:
                width, height = image.size
            assert width <= 7.05 * 300, path.name
            assert height <= 11.0 * 300, path.name
    assert (twenty / "wins.png").exists()
    assert (limited / "preference_vs_time.png").exists()


def test_curves_are_those_beside_the_real_condition(limited: Path) -> None:
    facts = json.loads((limited / "summary.json").read_text())
    assert len(facts["curves"]) == 7
    assert all("real" in curve["contrast"].split(":") for curve in facts["curves"])
    lines = (limited / "preference.tex").read_text().splitlines()
    assert max(line.count("&") for line in lines) == 6
    assert sum(line.startswith(("real over", "m")) for line in lines) == 28 * 3


def test_groups_beside_the_results_are_ranked_and_strangers_named(twenty: Path) -> None:
    facts = json.loads((twenty / "summary.json").read_text())
    assert {row["group"] for row in facts["groups"]} == {"faces", "text"}
    assert any("nobody judged item 'zz'" in problem for problem in facts["problems"])
    assert section(page_of(twenty), "groups").count("<tr") >= 3
    assert len(rows(twenty / "ranking_groups.csv")) == 40


@pytest.mark.parametrize(
    ("studied", "begins"),
    [("twenty", "The ranking rests on too few images: 4 of a"), ("limited", "The rankings rest on too few")],
)
def test_of_many_conditions_it_is_the_ranking_that_rests_on_too_few(
    request: pytest.FixtureRequest, studied: str, begins: str
) -> None:
    """Single contrasts always have few answers there; the ranking pools them."""
    found = json.loads((request.getfixturevalue(studied) / "summary.json").read_text())["findings"]
    few = [text.replace("\u00a0", " ") for text in found if "too few" in text]
    assert len(few) == 1
    assert few[0].startswith(begins)
