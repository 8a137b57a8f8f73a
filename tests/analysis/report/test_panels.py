"""A study that several panels fed: pooled, each by itself, and whether they differ."""

import json
import shutil
from pathlib import Path

import pytest

from glimpse.analysis.reading.exclusion import exclude
from glimpse.analysis.reading.results import read_results
from tests.analysis.analyses import rows, run


def fed(results: Path, folder: Path, *panels: str, unusual: bool = False) -> Path:
    """Copy results; its lines say in turn by which panel people came."""
    shutil.copytree(results, folder)
    path = folder / "assignments.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for number, line in enumerate(lines):
        name = panels[number % len(panels)]
        marks = {"panel": name, "verified": "signed"} if name else {}
        body = {**line, **marks, **({"extra": 1} if unusual else {})}
        lines[number] = body
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.mark.parametrize("unusual", [False, True])
def test_answers_carry_their_panel(results: Path, tmp_path: Path, unusual: bool) -> None:
    found = read_results(fed(results, tmp_path / "r", "prolific", "connect", "", unusual=unusual))
    assert found.assignments["panel"].value_counts().to_dict() == {"prolific": 20, "connect": 20, "": 20}
    table = exclude(found).judgments.table(exclude(found).judgments.columns)
    assert set(table["panel"].unique()) == {"prolific", "connect", ""}
    assert "panel" not in exclude(read_results(results)).judgments.columns


def test_panels_are_pooled_shown_and_compared(results: Path, tmp_path: Path) -> None:
    folder, out = fed(results, tmp_path / "r", "prolific", "connect"), tmp_path / "report"
    result = run("analyze", folder, "--out", out, "--figures", "svg")
    assert result.exit_code == 0, result.output
    table = rows(out / "panels.csv")
    assert {row["source"] for row in table} == {"prolific", "connect"}
    first, second = table[0], table[len(table) // 2]
    assert (first["source"], first["difference"], first["p_difference"]) == ("prolific", "", "")
    assert float(second["difference"]) == pytest.approx(float(second["rate"]) - float(first["rate"]))
    assert 0 <= float(second["p_difference"]) <= 1
    summary = json.loads((out / "summary.json").read_text())
    pooled = summary["preference"][0]
    assert int(first["n"]) + int(second["n"]) == pooled["n"]
    page = (out / "report.html").read_text()
    assert 'id="panels"' in page
    assert "Panels compared" in page
    assert "panel" in rows(out / "judgments.csv")[0]


@pytest.mark.parametrize("panels", [("prolific",), ("",)])
def test_one_panel_alone_is_nothing_to_compare(
    results: Path, tmp_path: Path, panels: tuple[str, ...]
) -> None:
    folder, out = fed(results, tmp_path / "r", *panels), tmp_path / "report"
    assert run("analyze", folder, "--out", out, "--figures", "svg").exit_code == 0
    assert not (out / "panels.csv").exists()
    assert "panels" not in json.loads((out / "summary.json").read_text())
    assert 'id="panels"' not in (out / "report.html").read_text()
