"""What stands on summary.png: the report's own first finding, its main figure, its doubts and numbers."""

import csv

import pandas as pd
import pytest

from glimpse.analysis.report.drawings import drawings_of
from glimpse.analysis.report.evaluation import evaluate
from glimpse.analysis.report.findings import findings
from glimpse.analysis.report.settings import AnalysisSettings
from glimpse.analysis.report.slides import MOST_RANKED, _few_contrasts, _of_pairs, slide
from glimpse.analysis.report.summary import summarize


@pytest.fixture(scope="module", params=["limited", "unlimited"])
def made(request):
    """The evidence of a small study, its findings and its slide."""
    folder = request.getfixturevalue(request.param)
    evidence = evaluate([folder], AnalysisSettings())
    found = findings(summarize(evidence, {}))
    return request.param, folder, evidence, found, slide(evidence, drawings_of(evidence), found)["summary"]


def test_it_says_the_first_finding_and_every_doubt(made):
    kind, _, evidence, found, drawing = made
    words = drawing.options["words"]
    main = [one.text for one in found if one.main]
    assert (words.finding, *words.further) == tuple(main)
    assert words.doubts == tuple(one.text for one in found if one.doubt)
    assert any("too few" in text for text in words.doubts) == (kind == "limited")
    assert words.question == evidence.results.question.text
    assert drawing.tables[0] == {"limited": "realism", "unlimited": "rates"}[kind]
    assert drawing.options["simulated"]


def test_it_counts_people_answers_and_images_and_names_nobody(made):
    _, folder, evidence, _, drawing = made
    words = drawing.options["words"]
    people, answers, images = (part.split()[0].replace(",", "") for part in words.numbers.split(" \u00b7 "))
    assert int(people) == evidence.counts["analysed_workers"]
    assert int(answers) == evidence.counts["analysed"]
    assert int(images) == evidence.images["images"].sum()
    with (folder / "workers.csv").open() as file:
        ids = [cell for row in list(csv.reader(file))[1:] for cell in row if cell]
    said = f"{words}{drawing.tables}"
    assert ids
    assert not [one for one in ids if one in said]


def test_of_many_contrasts_those_with_the_real_condition_are_drawn():
    rows = [{"winner": a, "loser": b, "series": f"{a} over {b}"} for a, b in ("xy", "xz", "rx", "ry", "yz")]
    (few,), _, note = _few_contrasts((pd.DataFrame(rows),), "r", 3)
    assert (few["series"].tolist(), note) == (["r over x", "r over y"], "drawn: 2 of 5 contrasts")
    (few,), _, note = _few_contrasts((pd.DataFrame(rows),), None, 3)
    assert (len(few), note) == (3, "drawn: 3 of 5 contrasts")
    assert _few_contrasts((pd.DataFrame(rows),), "r", 5)[2] == ""


def test_of_many_conditions_the_leaderboard_is_drawn_as_far_as_it_has_place(made):
    """Those of a study of few conditions stand in for many."""
    from dataclasses import replace

    evidence = made[2]
    names = [f"m{number}" for number in range(50)]
    board = pd.DataFrame(
        {"exposure_ms": float("nan"), "condition": names, "rank_low": 1, "rank_high": 50, "strength": 0.0,
         "low": -1.0, "high": 1.0}
    )  # fmt: skip
    contrasts = pd.DataFrame({"contrast": [f"{name}:r" for name in names]})
    main = _of_pairs(replace(evidence, leaderboard=board, preference=contrasts), {})
    assert main.kind == "board"
    assert len(main.tables[0]) == MOST_RANKED
    assert main.tables[0]["condition"].iloc[0] == "1\u201350   m0"
    assert main.note.endswith("the first 42 of 50 conditions")
