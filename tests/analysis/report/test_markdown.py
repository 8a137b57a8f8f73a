"""The report as Markdown: whole tables that Markdown readers take, one a question, and the methods."""

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from glimpse.analysis.report.findings import findings
from glimpse.analysis.report.markdown import as_markdown
from tests.analysis.analyses import run

PLAIN = {"text", "softbreak", "strong_open", "strong_close"}  # SIMULATED is bold
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def tables_in(text: str) -> list[list[list[str]]]:
    """The tables of a Markdown text as a reader of it finds them: rows of cells."""
    found: list[list[list[str]]] = []
    tokens = READER.parse(text)
    for before, token in pairwise(tokens):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif before.type in {"th_open", "td_open"}:
            found[-1][-1].append(token.content)
    return found


def test_rates_findings_and_methods_are_all_there(summary: dict[str, Any]) -> None:
    text = as_markdown(summary, findings(summary))
    (table,) = tables_in(text)
    assert table[0] == ["Preference", "Exposure", "Rate", "95 % interval", "Answers", "Workers", "p adjusted"]
    assert len(table) == 1 + len(summary["preference"])
    assert {len(row) for row in table} == {7}
    assert [row[1] for row in table[1:3]] == ["1/8 s", "1/4 s"]
    for finding in summary["findings"]:
        assert f"- {finding}".replace("\u00a0", " ") in text
    assert summary["methods"] in text
    assert "> **SIMULATED** answers" in text


def test_each_question_has_its_own_table(report_of_several: Path) -> None:
    summary = json.loads((report_of_several / "summary.json").read_text())
    text = as_markdown(summary, findings(summary))
    assert len(tables_in(text)) == 3
    for asked in ("How much better is one image?", "Which image do you prefer?"):
        assert f"\n## {asked}\n" in text


def test_a_name_with_a_bar_breaks_no_table(summary: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(summary).replace("pix2pix", "pix|2|pix"))
    (table,) = tables_in(as_markdown(changed, findings(changed)))
    assert {len(row) for row in table} == {7}
    assert any("pix|2|pix" in row[0] for row in table)


@pytest.mark.parametrize(
    "name",
    [
        "*ours*",
        "_ours_",
        "__ours__",
        "# x #",
        "my_own_model",
        "`x`",
        "<b>x",
        "[x](y)",
        "![x](y)",
        "~~x~~",
        "a\\*b",
        "&amp;",
        "# x",
        "x|y",
    ],
)
def test_a_name_is_shown_as_it_is(summary: dict[str, Any], name: str) -> None:
    changed = json.loads(json.dumps(summary).replace("pix2pix", json.dumps(name)[1:-1]))
    changed["studies"][0]["title"] = name
    tokens = READER.parse(as_markdown(changed, findings(changed)))
    inline = [token.children or [] for token in tokens if token.type == "inline"]
    assert {one.type for children in inline for one in children} <= PLAIN
    shown = ["".join(one.content for one in children) for children in inline]
    assert shown[0] == name
    assert f"crn over {name}" in shown
    assert any(f"{name} over real in" in text for text in shown)


@pytest.mark.parametrize("name", ["1. x", "12) x", "- x", "+ x", "> x"])
def test_a_finding_that_begins_with_a_name_is_one_line(summary: dict[str, Any], name: str) -> None:
    text = as_markdown(summary, [replace(findings(summary)[0], text=f"{name} agrees with people")])
    kinds = Counter(token.type for token in READER.parse(text.split("\n## ")[0]))
    assert kinds["list_item_open"] == 1
    assert kinds["ordered_list_open"] == 0
    assert kinds["blockquote_open"] == 1, "SIMULATED alone"
    assert any(token.content == f"{name} agrees with people" for inline in READER.parse(text)
               for token in inline.children or [])  # fmt: skip


def test_the_command_prints_it(results: Path, tmp_path: Path) -> None:
    done = run("analyze", results, "--out", tmp_path / "r", "--figures", "png", "--format", "markdown")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("# ")
    assert "\n## Methods\n" in done.output
    assert "Next:" not in done.output
