"""What the report says of a study is what was done: derived from trials and answers, never from defaults."""

import html
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from glimpse.analysis.reading.exclusion import Rules
from glimpse.analysis.report.evaluation import evaluate
from glimpse.analysis.report.findings import findings
from glimpse.analysis.report.methods import assumptions, methods_text
from glimpse.analysis.report.page import section
from glimpse.analysis.report.settings import AnalysisSettings
from glimpse.analysis.report.summary import summarize
from glimpse.analysis.report.wording import shared_values
from glimpse.analysis.statistics.preference import Intervals
from glimpse.text import joined
from tests.analysis import folders
from tests.analysis.report.conftest import collected, edited
from tests.analysis.report.test_report import run

Facts = dict[str, Any]
NBSP = "\u00a0"


def copied(folder: Path, to: Path, lines: slice = slice(None)) -> Path:
    """Copy a results folder, or some of its assignments."""
    shutil.copytree(folder, to)
    path = to / "assignments.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[lines]))
    return to


def facts_of(*folders: Path, rules: Rules | None = None) -> Facts:
    evidence = evaluate(folders, AnalysisSettings(rules=rules or Rules()))
    return summarize(evidence, {"glimpse": "9.9"})


def said(*folders: Path, rules: Rules | None = None) -> str:
    return methods_text(facts_of(*folders, rules=rules))


def words(facts: Facts, name: str) -> str:
    """All texts of a section of the page; of a list of names and values, "name: value."."""
    found = section(name, shared_values(facts)).html
    text = re.sub(r"<[^>]+>", " ", found.replace("</dt><dd>", ": ").replace("</dd>", ". "))
    return html.unescape(text).replace(NBSP, " ")


def test_templates_break_lines_where_they_like_and_values_keep_theirs() -> None:
    text = "\r- One,\r  two\r \r{value}.\r\r- Three".replace("{value}", "a\n  b  c")
    assert joined(text, "- ", "\n").split("\n- ") == ["- One, two a\n  b  c.", "Three"]
    assert joined("<p>One,\rtwo</p>\r\r<p>three</p>\r", "<", "") == "<p>One, two</p><p>three</p>"


def test_pooled_studies_each_have_their_own_design(limited: Path, other: Path) -> None:
    facts = facts_of(limited, other)
    text = methods_text(facts)
    assert facts["settings"]["max_wrong_sentinels"] is None
    assert [study["experiment"]["max_wrong_sentinels"] for study in facts["studies"]] == [0, 2]
    assert (
        "images in 2 limited-time two-alternative forced-choice studies, analysed with Glimpse 9.9 " in text
    )
    assert "analysed with Glimpse 9.9 and pooled here." in text
    assert "side by side for 1/8, 1/4, 1/2, 1, 2, 3, 4 or 8 s, and" in text
    assert "each HIT was done by 2 to 4 participants, who saw the same pairs." in text
    assert "The reward was $2.00 or $1.00, depending on the study." in text
    assert (
        "Assignments with more wrong answers to sentinels than their study allows (0 or 2), incomplete ones "
        "and all but a participant's first in a batch were excluded (" in text
    )
    assert "excluded when it has more wrong sentinels than its study allows (0 or 2). Incomplete" in words(
        facts, "exclusions"
    )
    assert "The sentinel rule is each study's own." in assumptions(facts)[3]
    rows = [(row["rule"], row["allowed"], row["used"]) for row in facts["sensitivity"]]
    assert rows == [
        *[("number", number, False) for number in (0, 1, 2, 3)],
        ("own", None, True),
        ("none", None, False),
    ]
    assert facts["sensitivity"][4]["largest_change"] == 0
    assert "each study's own (this report)" in words(facts, "sensitivity")
    design = words(facts, "design")
    assert "Studies: 2, pooled." in design
    assert "Exposures: 1/8, 1/4, 1/2, 1, 2, 3, 4 and 8 s." in design
    assert "Reward: $2.00 or $1.00." in design


def test_one_rule_for_pooled_studies_is_not_theirs(limited: Path, other: Path) -> None:
    facts = facts_of(limited, other, rules=Rules(max_wrong_sentinels=1))
    found = findings(facts)[-1].text
    assert "This report allows 1 wrong sentinel; the studies' own rules allow 0 or 2." in found.replace(
        NBSP, " "
    )
    assert "is not the studies' own." in assumptions(facts)[3]
    assert "Assignments with wrong answers to more than 1 sentinel, incomplete ones and" in methods_text(
        facts
    )
    assert "(the studies' own rules: more than 0 or 2)" in words(facts, "exclusions")


@pytest.mark.parametrize(
    ("rules", "own", "allowed", "used"),
    [
        (Rules(max_wrong_sentinels=5), 1, [0, 1, 2, 3, 5, None], 5),
        (Rules(), 7, [0, 1, 2, 3, 7, None], 7),
        (Rules(max_wrong_sentinels=2), 1, [0, 1, 2, 3, None], 2),
        (Rules(sentinel_filter=False), 1, [0, 1, 2, 3, None], None),
    ],
)
def test_the_rule_of_the_report_has_its_row(
    unlimited: Path, tmp_path: Path, rules: Rules, own: int, allowed: list[int | None], used: int | None
) -> None:
    folder = edited(copied(unlimited, tmp_path / "r"), max_wrong_sentinels=own)
    rows = facts_of(folder, rules=rules)["sensitivity"]
    assert [row["allowed"] for row in rows] == allowed
    assert [row["allowed"] for row in rows if row["used"]] == [used]
    assert [row["largest_change"] for row in rows if row["used"]] == [0]


def test_repeats_that_are_kept_are_not_called_excluded(limited: Path) -> None:
    facts = facts_of(limited, rules=Rules(repeat_workers="keep"))
    assert "Assignments with a wrong answer to any sentinel and incomplete ones were excluded (" in (
        methods_text(facts)
    )
    assert "Incomplete assignments are excluded too, but a worker's repeated assignments are kept." in words(
        facts, "exclusions"
    )


def test_repeats_are_of_a_batch_where_there_are_several(limited: Path, unlimited: Path) -> None:
    rule = "incomplete ones and all but a participant's first"
    assert f"{rule} were excluded (" in said(limited)
    assert f"{rule} in a batch were excluded (" in said(unlimited)


def test_without_the_filter_only_other_rules_are_named(limited: Path) -> None:
    text = said(limited, rules=Rules(sentinel_filter=False))
    assert (
        "No assignment was excluded for its sentinels. Incomplete assignments and all but a participant's "
        "first were excluded (0 assignments, 0.0 %), which leaves 168 answers to genuine trials for analysis."
        in text
    )
    assert "208 answers, 40 of them to sentinels;" in text


def test_answers_left_out_for_their_exposure_are_counted_once(limited: Path) -> None:
    facts = facts_of(limited, rules=Rules(max_exposure_error_ms=5))
    rows = {row["reason"]: row for row in facts["exclusions"]}
    lost, sentinels, everything = (rows[name] for name in ("exposure error", "wrong sentinels", "any"))
    assert lost["judgments"] > 0 < sentinels["judgments"]
    assert everything["judgments"] == lost["judgments"] + sentinels["judgments"]
    assert everything["workers"] >= max(lost["workers"], sentinels["workers"])
    text = f"{lost['judgments']} more answers"
    apart = "measured exposure differed from the planned one by more than 5 ms"
    assert f", and so were {text} whose {apart}, which leaves " in methods_text(facts)
    found = findings(facts)[-1].text.replace(NBSP, " ")
    assert f"{text} were left out because the {apart}." in found
    assert "An exposure error excludes a single answer, not its assignment." in words(facts, "exclusions")


def test_the_question_and_practice_are_the_study_s(tmp_path: Path) -> None:
    folder = collected(tmp_path, practice=3)
    path = folder / "study.json"
    document = json.loads(path.read_text())
    document["page"] = {"question": "Which image is sharper?"}
    document["versions"] = {"glimpse": "9.8"}
    path.write_text(json.dumps(document))
    text = said(folder)
    assert (
        'were then covered by masks, and the participant chose one of them ("Which image is sharper?").'
        in text
    )
    assert (
        "with a known answer (image-space against real, shown for 4 s); 3 practice trials per HIT were not "
        in text
    )
    assert "study (Chen and Koltun 2017), run with Glimpse 9.8 and analysed with Glimpse 9.9." in text
    assert "realistic" not in text


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (
            {"sides": "balanced"},
            "Images were paired at random; the order of trials was random and sides were balanced. ",
        ),
        (
            {"sides": "random"},
            "Images were paired at random; the order of trials and the sides were random. ",
        ),
        ({}, "Images were paired at random. "),
        ({"sides": "random", "pairing": None}, "The order of trials and the sides were random. "),
        ({"pairing": "same-item"}, ""),  # which the trials do not bear out
        ({"pairing": None}, ""),
    ],
)
def test_pairing_and_sides_are_said_where_they_are_known(
    limited: Path, tmp_path: Path, stated: dict[str, Any], expected: str
) -> None:
    text = said(edited(copied(limited, tmp_path / "r"), **stated))
    assert (
        f"the participant chose one of them. {expected}42 image pairs of 28 images a condition were compared "
        "in 2 HITs" in text
    )


def test_tests_are_counted_not_cells(unlimited: Path, tmp_path: Path) -> None:
    assert "with the same effective sample sizes, adjusted over 2 cells (Holm)." in said(unlimited)
    half = copied(unlimited, tmp_path / "r")
    path = half / "assignments.jsonl"
    lines = [line for line in path.read_text().splitlines(keepends=True) if json.loads(line)["hit"] < "b2"]
    path.write_text("".join(lines))
    text = said(half)
    assert (
        "tested against chance (1/2) by two-sided score tests with the same effective sample sizes. " in text
    )
    assert "We compared crn and pix2pix images in an unlimited-time" in text
    assert text.startswith(
        "[SIMULATED ANSWERS: not evidence about people.] [PRELIMINARY: 8 of 16 places (50.0 %)"
    )


def test_folders_of_one_study_fill_its_places_once(limited: Path, tmp_path: Path) -> None:
    run("simulate", limited.parent / "study", "--out", tmp_path / "again", "--seed", 8)
    first = json.loads((limited / "assignments.jsonl").read_text().splitlines()[0])["hit"]
    path = tmp_path / "again" / "assignments.jsonl"
    lines = [line for line in path.read_text().splitlines(keepends=True) if json.loads(line)["hit"] == first]
    path.write_text("".join(lines))
    facts = facts_of(limited, tmp_path / "again")
    assert (facts["counts"]["assignments"], facts["counts"]["places"], facts["counts"]["filled"]) == (
        12,
        8,
        8,
    )
    assert "each HIT was done by 4 to 8 participants, who saw the same pairs." in methods_text(facts)
    assert "Places: 8 of 8 filled." in words(facts, "design")
    more = facts_of(tmp_path / "again")
    assert findings(more)[0].text.startswith("The study is under way: 4 of 8 places (50.0\u00a0%) are filled")


def test_a_study_json_that_says_little(limited: Path, tmp_path: Path) -> None:
    known = ("mode", "max_wrong_sentinels")
    every = json.loads((limited / "study.json").read_text())["experiment"]
    folder = edited(copied(limited, tmp_path / "r"), drop=tuple(name for name in every if name not in known))
    facts = facts_of(folder)
    text = methods_text(facts)
    assert (
        "We compared crn, pix2pix and real images in a limited-time two-alternative forced-choice study, "
        "analysed with Glimpse 9.9. On each trial two images appeared side by side for 1/8, 1/4, 1/2, 1, 2, "
        "4 or 8 s, and the participant chose one of them. 42 image pairs of 28 images a condition were "
        "compared in 2 HITs of up to 26 "
        "trials, of which 5 were sentinels with a known answer (image-space against real, shown for 4 s). 8 "
        "participants submitted 8 assignments and gave 208 answers, 40 of them to sentinels; each HIT was "
        "done by 4 participants, who saw the same pairs. Assignments with" in text
    )
    assert "None" not in text + words(facts, "design")
    shown = (
        "exposures_ms",
        "sentinel_exposures_ms",
        "sentinels_per_hit",
        "trials_per_cell",
        "practice_trials",
    )
    assert [facts["experiment"][name] for name in shown] == [
        folders.EXPOSURES["limited-time"],
        [4000],
        5,
        1,
        0,
    ]
    assert facts["counts"]["places"] is None
    assert "Chen" not in words(facts, "cite")
    result = run("analyze", folder, "--out", tmp_path / "report", "--figures", "svg")
    assert result.exit_code == 0, result.output
    assert "against None" not in (tmp_path / "report" / "report.html").read_text()


def test_imported_answers_are_described_by_what_the_file_holds(tmp_path: Path) -> None:
    from tests.mturk.importing.test_batch_results import authors_rows, write

    rows = authors_rows()
    for row in rows:
        for name in ("Reward", "MaxAssignments", "AssignmentDurationInSeconds"):
            row.pop(name, None)
        row["Input.image_A_url_11"] = row["Input.image_A_url_11"].replace("/crn/", "/image-space/")
        row["Input.image_B_url_11"] = row["Input.image_B_url_11"].replace("/crn/", "/image-space/")
        row["Input.time_11"] = "1000"
    write(tmp_path / "r.csv", rows)
    out = tmp_path / "imported"
    result = run("import-results", tmp_path / "r.csv", "--sentinel", "image-space", "--out", out)
    assert result.exit_code == 0, result.output
    facts = facts_of(out, rules=Rules(sentinel_filter=False))
    text = methods_text(facts)
    assert text.startswith(
        "We compared crn and real images in a limited-time two-alternative forced-choice study (Chen and "
        "Koltun 2017), analysed with Glimpse 9.9. On each trial two images appeared side by side for 1/8 or "
        "1/4 s, and the participant chose one of them. Both images of a pair showed the same scene. "
    )
    assert (
        "of which 2 were sentinels with a known answer (image-space against real, shown for 1 or 4 s)."
        in text
    )
    assert "$" not in text
    assert assumptions(facts)[3].endswith("The study states no sentinel rule of its own.")
    used = facts_of(out, rules=Rules(max_wrong_sentinels=2))
    assert assumptions(used)[3].endswith("sentinel rule of its own; this report's rule is used instead.")


def test_a_pair_that_nobody_chose_is_not_called_chosen_most_often(limited: Path) -> None:
    facts = facts_of(limited)
    values = shared_values(facts) | {"figures": {}}
    chosen = str(section("pairs", values).html)
    assert "crn chosen over real most often" in chosen
    none = [{**row, "k": 0, "rate": 0.0} for row in facts["pairs"]]
    never = str(section("pairs", values | {"pairs": none}).html)
    assert "crn never chosen over real" in never
    assert "most often" not in never
    assert "crn chosen over real least often" in never
    assert never.count("0 of ") == sum(row["end"] == "least" for row in facts["pairs"])


def test_one_worker_is_not_tested(limited: Path, tmp_path: Path) -> None:
    facts = facts_of(copied(limited, tmp_path / "r", slice(1)), rules=Rules(sentinel_filter=False))
    assert {row["p_value"] for row in facts["preference"]} == {None}
    text = methods_text(facts)
    assert "tested" not in text
    assert (
        "1 participant submitted 1 assignment and gave 26 answers, 5 of them to sentinels; each HIT was done "
        "by 1 participant." in text
    )
    assert "were compared in 1 HIT of" in text


def test_methods_name_what_the_report_shows(limited: Path) -> None:
    facts = facts_of(limited)
    text = methods_text(facts)
    assert "ranked by Bradley-Terry strengths (Bradley and Terry 1952) at each exposure: a logistic" in text
    assert "Krippendorff's alpha and Fleiss' kappa of the side chosen." in text
    for images, row in enumerate(facts["images"], start=15):
        row["images"] = images
    for name in ("rankings", "agreement"):
        facts[name] = []
    text = methods_text(facts)
    assert "of 15 to 17 images a condition" in text
    assert not any(word in text for word in ("Bradley", "Krippendorff"))


def test_a_level_is_not_rounded_to_certainty(limited: Path) -> None:
    settings = AnalysisSettings(rules=Rules(), intervals=replace(Intervals(), level=0.999999))
    text = methods_text(summarize(evaluate([limited], settings), {}))
    assert "given with 99.9999 % intervals" in text
