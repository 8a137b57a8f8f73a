"""The report of a study that asks several questions."""

import csv
import json
import re
import shutil
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import glimpse
from glimpse.analysis.report.wording import each_question
from tests.analysis.analyses import rows, run
from tests.analysis.folders import ask, build_study
from tests.analysis.report.conftest import QUESTIONS

NAMES = [one["name"] for one in QUESTIONS]
WITH_QUESTION = (
    "preference.csv", "curves.csv", "ranking.csv", "ranking_differences.csv", "differences.csv",
    "agreement.csv", "sensitivity.csv", "leaderboard.csv", "win_matrix.csv", "ties.csv", "scale.csv",
    "distribution.csv", "davidson.csv",
)  # fmt: skip


def test_every_question_has_its_statistics(summary_of_several: dict[str, Any], several: Path) -> None:
    each = each_question(summary_of_several)
    assert [one["question"]["name"] for one in each] == NAMES
    with (several / "trials.csv").open(newline="") as file:
        trials = {row["trial"]: row for row in csv.DictReader(file) if row["sentinel"] == "0"}
    lines = [json.loads(line) for line in (several / "assignments.jsonl").read_text().splitlines()]
    answers = [answer for line in lines for answer in line["answers"] if answer["trial"] in trials]
    for one in each:
        name = one["question"]["name"]
        neither = sum(answer["choices"][name] in ("tie", 0) for answer in answers)
        assert sum(cell["n"] for cell in one["preference_other_filter"]) == len(answers)
        assert sum(cell["ties"] for cell in one["preference_other_filter"]) == neither
    assert [bool(one["ties"]) for one in each] == [True, True, False]
    assert [bool(one["scale"]) for one in each] == [True, False, False]
    assert len(summary_of_several["correlation"]) == 3


def test_p_values_are_adjusted_within_a_question(summary_of_several: dict[str, Any]) -> None:
    for one in each_question(summary_of_several):
        found = sorted((cell["p_value"], cell["p_adjusted"]) for cell in one["preference"])
        assert len(found) == 2
        assert found[0][1] == pytest.approx(min(1, 2 * found[0][0]))


def test_other_questions_have_the_fields_that_the_documentation_names(
    summary_of_several: dict[str, Any],
) -> None:
    text = (Path(__file__).parents[3] / "docs" / "summary.md").read_text()
    part = text.split("\n## `other_questions`")[1].split("\n## ")[0].split("as they stand")[0]
    named = set(re.findall(r"`(\w+)`", part))
    for other in summary_of_several["other_questions"]:
        assert {*other, "panels"} == named  # these are there where several panels sent people
        assert set(other) <= set(summary_of_several)


def test_tables_begin_with_the_question(report_of_several: Path) -> None:
    for name in WITH_QUESTION:
        lines = (report_of_several / name).read_text().splitlines()
        assert lines[0].startswith("question,"), name
    assert {row["question"] for row in rows(report_of_several / "preference.csv")} == set(NAMES)
    assert {row["question"] for row in rows(report_of_several / "judgments.csv")} == set(NAMES)
    assert {row["question"] for row in rows(report_of_several / "scale.csv")} == {"quality"}
    table = (report_of_several / "preference.tex").read_text()
    assert [table.count(f"\n{name} & ") for name in NAMES] == [1, 1, 1]


def test_every_question_has_a_part_of_the_page_with_its_figures(report_of_several: Path) -> None:
    page = (report_of_several / "report.html").read_text()
    sections = re.findall(r'<section id="([\w-]+)"', page)
    assert len(sections) == len(set(sections))
    assert [name for name in sections if name.startswith("question-")] == [f"question-{n}" for n in NAMES]
    assert {"answers-quality", "answers-overall"} <= set(sections)
    assert "answers-fit" not in sections
    links = re.findall(r'<a href="#([\w-]+)"', page)
    assert links == sections
    for name in NAMES:
        assert (report_of_several / f"preference-{name}.svg").exists()
        assert f'id="fig-preference-{name}"' in page
    assert 'id="fig-answers-quality"' in page


def test_nothing_speaks_of_realism_where_no_question_does(report_of_several: Path) -> None:
    for name in ("report.html", "methods.txt", "preference.tex", "summary.json"):
        text = (report_of_several / name).read_text().replace("Realism of street scenes", "")
        text = re.sub(r"data:image[^\"]+|<dd>.*?</dd>", "", text)
        assert not re.search(r"realis|fooled|photograph|look real", text, re.IGNORECASE), name


@pytest.mark.parametrize("kind", ["choice-or-tie", "scale-7"])
def test_one_question_beside_the_default(kind: str, tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", hits=2, workers=4)
    run("simulate", study, "--out", tmp_path / "results", "--seed", 3)
    ask(tmp_path / "results", [{"name": "taste", "text": "Which is nicer?", "answer": kind}])
    result = run("analyze", tmp_path / "results", "--out", tmp_path / "r", "--figures", "svg")
    assert result.exit_code == 0, result.output
    assert "ties counted as halves" in " ".join(result.output.split())
    assert "realism" not in result.output
    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert {"preference_vs_time.svg", "answers.svg", "ties.csv", "preference.svg"} <= names
    assert not rows(tmp_path / "r" / "preference.csv")[0].get("question")
    methods = (tmp_path / "r" / "methods.txt").read_text()
    assert "a limited-time paired-comparison study" in methods
    assert ("on a scale of 7 points" in methods) is (kind == "scale-7")


def test_findings_are_printed_by_question(several: Path, tmp_path: Path) -> None:
    result = run("analyze", several, "--out", tmp_path / "r", "--figures", "svg")
    lines = result.output.splitlines()
    places = [lines.index(text) for text in (*(one["text"] for one in QUESTIONS), "The study")]
    assert places == sorted(places)
    found = json.loads((tmp_path / "r" / "summary.json").read_text())["findings"]
    named = [text.split(":")[0] for text in found if text.split(":")[0] in NAMES]
    assert list(dict.fromkeys(named)) == NAMES
    assert len(list(chain(named))) >= 6


def test_prompts_stand_with_their_pairs(several: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    shutil.copytree(several, folder)
    lines = rows(folder / "trials.csv")
    texts = {row["item_left"]: f"a street with {number} <cars>" for number, row in enumerate(lines)}
    texts |= dict.fromkeys(list(texts)[::2], "\u0634\u0627\u0631\u0639 " + 90 * "word ")
    with (folder / "trials.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*lines[0], "context"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"context": row["item_left"]} for row in lines)
    document = json.loads((folder / "study.json").read_text())
    document["contexts"] = {item: {"text": text} for item, text in texts.items()}
    (folder / "study.json").write_text(json.dumps(document))
    for row in lines:
        for side in ("left", "right"):
            path = tmp_path / "images" / row[f"condition_{side}"] / f"{row[f'item_{side}']}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 32), (200, 90, 30)).save(path)
    out = tmp_path / "r"
    result = run("analyze", folder, "--out", out, "--images", tmp_path / "images", "--figures", "svg")
    assert result.exit_code == 0, result.output
    pairs = json.loads((out / "summary.json").read_text())["pairs"]
    left = {(row["item_left"], row["item_right"]): row["item_left"] for row in lines}
    for pair in pairs:
        items = pair["item_winner"], pair["item_loser"]
        text = texts[left.get(items) or left[items[::-1]]]
        assert pair["prompt"] == (text if len(text) <= 300 else f"{text[:300].rstrip()}\u2026")
    assert {len(pair["prompt"]) > 200 for pair in pairs} == {True, False}
    page = (out / "report.html").read_text()
    assert "&lt;cars&gt;" in page
    assert "\u0634\u0627\u0631\u0639" in page
    assert (out / "hardest_pairs-quality.png").exists()


def test_python_gives_the_tables_of_each_question(several: Path, summary_of_several: dict[str, Any]) -> None:
    results = glimpse.read_results(several)
    for one in each_question(summary_of_several):
        judgments = glimpse.exclude(results, question=one["question"]["name"])
        rates = [cell["rate"] for cell in one["preference"]]
        assert glimpse.preference_table(judgments)["rate"].tolist() == pytest.approx(rates)
        again = glimpse.preference_table(judgments.table())  # a table of one question, ties among them
        assert sorted(again["rate"]) == pytest.approx(sorted(rates))
        strengths = [value for ranking in one["rankings"] for value in ranking["strengths"]]
        found = glimpse.ranking_table(glimpse.rank_conditions(judgments))["strength"]
        assert found.tolist() == pytest.approx(strengths)
    with pytest.raises(glimpse.GlimpseError, match=r"no question 'beauty' .* quality, overall, fit"):
        glimpse.exclude(results, question="beauty")
