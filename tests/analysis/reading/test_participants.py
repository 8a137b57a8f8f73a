"""Who took part: counts and ranges by hand, everybody once, and nothing that anybody wrote."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from glimpse.analysis.reading.participants import COLUMNS, browser, participants
from glimpse.analysis.reading.results import read_results
from glimpse.errors import GlimpseError
from glimpse.main import main
from tests.analysis.folders import build_study

FORMS = [
    {"name": "age", "text": "How old are you?", "kind": "choice", "options": ["under 30", "30 or older"]},
    {"name": "hours", "text": "How many hours?", "kind": "number", "required": False},
    {"name": "note", "text": "What did you look at?", "kind": "text"},
]
ENTERED = [
    {"age": "30 or older", "hours": "4", "note": "Ann Lee, ann@example.org"},
    {"age": "under 30", "hours": "1,5", "note": " "},
    {"age": "30 or older", "hours": "", "note": "the sky"},
    {"age": "Ann Lee", "hours": "many", "note": ""},
    None,
]
AGENTS = [
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0",
    "Mozilla/5.0 (Macintosh) AppleWebKit/605.1 (KHTML, like Gecko) Version/19.1 Safari/605.1.15",
    "",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five participants of a study with three fields; the first one took two HITs."""
    study, out = build_study(tmp_path / "study", hits=2, per_cell=1), tmp_path / "r"
    document = json.loads((study / "study.json").read_text())
    (study / "study.json").write_text(json.dumps({**document, "forms": FORMS}))
    assert (
        CliRunner().invoke(main, ["simulate", str(study), "--out", str(out), "--workers", "6"]).exit_code == 0
    )
    rows = [json.loads(line) for line in (out / "assignments.jsonl").read_text().splitlines()]
    for place, row in enumerate(rows):
        for name in ("form", "comment", "consented_at"):
            row.pop(name, None)
        row["submitted_at"] = f"2026-01-05T10:{(10, 20, 30, 40, 50, 20)[place]}:00Z"
        row["accepted_at"] = "2026-01-05T10:00:00Z"
        row["page"]["user_agent"] = AGENTS[place % 5]
        row["page"]["refresh_hz"] = (59.94, 60.02, 143.8, None, 120.0, 60.0)[place]
        if ENTERED[place % 5] is not None:
            row |= {"form": ENTERED[place % 5], "comment": "Thank you. Ann Lee" if place < 2 else ""}
    rows[5] |= {"worker": rows[0]["worker"]}
    (out / "assignments.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return out


def facts(table: pd.DataFrame, about: str) -> dict[str, Any]:
    return table[table["about"] == about].set_index("value")["n"].to_dict()


def test_everybody_is_counted_once(folder: Path) -> None:
    table = participants(read_results(folder))
    assert tuple(table.columns) == COLUMNS
    assert facts(table, "participants") == {"": 5}
    assert facts(table, "assignments") == {"": 6}
    age = {"under 30": 1, "30 or older": 2, "another answer": 1, "no answer": 1}
    assert list(facts(table, "form: age").items()) == list(age.items())
    assert table[table["about"] == "form: age"]["share"].tolist() == [0.2, 0.4, 0.2, 0.2]
    assert facts(table, "form: note") == {"": 2}
    assert facts(table, "comments") == {"": 2}
    assert facts(table, "browser") == {"Chrome": 1, "Edge": 1, "Firefox": 1, "Safari": 1, "not known": 1}
    assert facts(table, "refresh rate") == {"60 Hz": 2, "120 Hz": 1, "144 Hz": 1, "not known": 1}


def test_numbers_have_a_median_and_a_range(folder: Path) -> None:
    table = participants(read_results(folder)).set_index("about")
    numbers = table[["n", "median", "low", "high"]]
    assert numbers.loc["form: hours"].tolist() == [2, 2.75, 1.5, 4]
    # 10, 20, 20, 30, 40 and 50 minutes for $2.
    assert numbers.loc["minutes"].tolist() == [6, 25, 20, 37.5]
    assert numbers.loc["pay an hour"].tolist() == pytest.approx([6, 5, 3.25, 6])


def test_nothing_that_anybody_wrote_and_nobody_s_id(folder: Path) -> None:
    results = read_results(folder)
    text = participants(results).to_csv()
    for word in (
        "Ann",
        "example.org",
        "sky",
        *results.assignments["worker"],
        *results.assignments["assignment"],
    ):
        assert word not in text


def test_without_forms_there_are_browsers_and_minutes(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", hits=1, per_cell=1)
    CliRunner().invoke(main, ["simulate", str(study), "--out", str(tmp_path / "r")])
    table = participants(read_results(tmp_path / "r"))
    assert facts(table, "browser") == {"simulator": 6}
    assert not table["about"].str.startswith("form").any()


def test_a_form_that_no_study_has_is_named(folder: Path) -> None:
    document = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps({**document, "forms": [{"name": "age"}]}))
    with pytest.raises(GlimpseError, match=r"study.json of study abcdefgh01234567, field 'forms': a form"):
        participants(read_results(folder))


def test_browsers_that_call_themselves_others() -> None:
    assert browser("Mozilla/5.0 Chrome/142.0 Safari/537.36 OPR/125.0") == "Opera"
    assert browser("Mozilla/5.0 (iPhone) CriOS/142.0 Safari/604.1") == "Chrome"
    assert browser("curl/8") == "another"


@pytest.mark.parametrize(
    "beside",
    [{"form": {"age": "under 30"}}, {"comment": "-"}, {"consented_at": "2026-01-05T09:59:00Z"},
     {"comment": "-", "more": "a field that no page sends"}],
)  # fmt: skip
def test_a_file_is_looked_through_again_only_where_a_line_holds_more_than_answers(
    tmp_path: Path, beside: dict[str, Any]
) -> None:
    study, out = build_study(tmp_path / "study", hits=1, per_cell=1), tmp_path / "r"
    CliRunner().invoke(main, ["simulate", str(study), "--out", str(out)])
    assert read_results(out).without_words == {out}
    first, *others = (out / "assignments.jsonl").read_text().splitlines(keepends=True)
    (out / "assignments.jsonl").write_text("".join([json.dumps(json.loads(first) | beside) + "\n", *others]))
    assert not read_results(out).without_words
