"""What a report says of a registration: before or after the first answer, and what was done otherwise."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from glimpse.analysis.bundling.contents import stage_results, stage_study
from glimpse.analysis.bundling.making import BundleOptions, _differences
from glimpse.analysis.reading.exclusion import Rules
from glimpse.analysis.report.evaluation import evaluate
from glimpse.analysis.report.methods import methods_text
from glimpse.analysis.report.page import section
from glimpse.analysis.report.registered import _names
from glimpse.analysis.report.settings import AnalysisSettings
from glimpse.analysis.report.single_report import build_single, evaluate_single
from glimpse.analysis.report.summary import summarize
from glimpse.analysis.report.wording import shared_values
from glimpse.analysis.statistics.preference import Intervals
from glimpse.registration import carry_registration, design_digest
from tests.analysis.analyses import run
from tests.analysis.bundling.conftest import draw_images, edit_lines
from tests.analysis.registering.conftest import register

BEFORE, AFTER = "2026-01-02T08:00:00Z", "2026-03-01T10:00:00Z"  # simulated answers are of 5 January 2026
DOCS = Path(__file__).parents[3] / "docs"


def facts_of(results: Path, settings: AnalysisSettings | None = None) -> dict[str, Any]:
    evidence = evaluate([results], settings or AnalysisSettings())
    return summarize(evidence, {"glimpse": "0"})


def text_of(facts: dict[str, Any]) -> str:
    """The section's words, without its tags."""
    found = str(section("registered", shared_values(facts)).html)
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


def rows_of(facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["what"]: row for row in facts["registrations"][0]["compared"]}


@pytest.fixture
def registered(study: Path, results: Path, clock: Any) -> Path:
    """Results that carry a registration from before the first answer."""
    clock.at = BEFORE
    register(study, "--hypothesis", "Real <b>wins</b>.")
    assert carry_registration(study, results) == ""
    return results


def test_without_a_registration_nothing_is_said(results):
    facts = facts_of(results)
    assert "registrations" not in facts
    assert section("registered", shared_values(facts)).html == ""
    assert "registered" not in methods_text(facts)


def test_what_was_registered_before_and_kept(registered):
    facts = facts_of(registered)
    one = facts["registrations"][0]
    assert (one["before_first_answer"], one["of_this_design"], one["why_unknown"]) == (True, True, None)
    assert not any(row["differs"] for row in one["compared"])
    text = text_of(facts)
    assert "registered on 2026-01-02 08:00 UTC, before the first answer (2026-01-05 09:00 UTC)." in text
    assert "Design and analysis are as registered." in text
    assert "only a public registry, such as OSF, proves it" in text
    assert "Real &lt;b&gt;wins&lt;/b&gt;." in text
    assert "The study was registered on 2026-01-02, before the first answer." in methods_text(facts)


def test_each_field_is_documented(registered):
    facts = facts_of(registered)
    part = (DOCS / "summary.md").read_text().partition("## `registrations`")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)) == set(facts["registrations"][0])


def test_what_was_done_otherwise_is_flagged(registered):
    settings = AnalysisSettings(
        Rules(sentinel_filter=False), Intervals(0.99, "worker", equivalence=0.05), curve="weibull"
    )
    facts = facts_of(registered, settings)
    differing = {name for name, row in rows_of(facts).items() if row["differs"]}
    assert differing == {
        "Level of intervals", "Answers cluster by", "Wrong sentinels allowed", "Shape of curves",
        "Margin of equivalence",
    }  # fmt: skip
    level = rows_of(facts)["Level of intervals"]
    assert (level["registered"], level["used"], level["amended"]) == ("95 %", "99 %", None)
    assert "tests of equivalence" in facts["registrations"][0]["not_registered"]
    assert "otherwise than registered: level of intervals," in methods_text(facts)
    assert "5 of 14 rows differ from what was registered" in text_of(facts)


def test_fewer_answers_than_planned_are_flagged(registered):
    path = registered / "assignments.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:12]))
    rows = rows_of(facts_of(registered))
    assert (rows["Assignments"]["registered"], rows["Assignments"]["used"]) == ("18", "12")
    assert rows["Data collection stops"]["used"] == "67 % of places are filled"
    assert rows["Data collection stops"]["differs"]


def test_a_registration_after_the_first_answer_is_said(study, results, clock):
    clock.at = AFTER
    register(study)
    carry_registration(study, results)
    facts = facts_of(results)
    assert facts["registrations"][0]["before_first_answer"] is False
    assert "after the first answer (2026-01-05 09:00 UTC): it is no registration in advance" in text_of(facts)
    assert "registered on 2026-03-01, after the first answer." in methods_text(facts)


def test_amendments_are_told_from_what_was_registered_first(study, registered, clock):
    clock.at = AFTER
    register(study, "--level", 0.99, "--amend", "Asked for by <i>a reviewer</i>.")
    carry_registration(study, registered)
    facts = facts_of(registered, AnalysisSettings(intervals=Intervals(0.99)))
    level = rows_of(facts)["Level of intervals"]
    assert (level["registered"], level["amended"], level["used"]) == ("95 %", "99 %", "99 %")
    assert level["differs"]
    text = text_of(facts)
    assert "as amended" in text
    assert (
        "2026-03-01 10:00 UTC, after the first answer : Asked for by &lt;i&gt;a reviewer&lt;/i&gt;. "
        "(level: 0.95, now 0.99)"
    ) in text


def test_times_of_simulated_answers_tell_nothing(built, registered):
    shutil.copy(built / "results" / "assignments.jsonl", registered)
    facts = facts_of(registered)
    assert facts["registrations"][0]["before_first_answer"] is None
    assert "nobody can tell: the answers are simulated, and so are their times" in text_of(facts)
    assert "registered" not in methods_text(facts)


def test_simulated_answers_are_not_the_first_where_there_are_people(registered):
    def mark(place: int, line: dict[str, Any]) -> None:
        line["simulated"] = place < 3
        if place < 3:
            line["accepted_at"] = "2025-12-01T09:00:00Z"

    edit_lines(registered, mark)
    one = facts_of(registered)["registrations"][0]
    assert (one["before_first_answer"], one["first_answer_at"][:10]) == (True, "2026-01-05")


@pytest.mark.parametrize("drawn", [True, False])
def test_contrasts_without_answers_are_named_and_may_be_drawn_so(drawn):
    planned = [f"m{a}:m{b}" for a in range(4) for b in range(a)]
    row = _names("Contrasts", planned, ["m1:m0", "m0:m2"], drawn=drawn)
    assert row["used"] == "no answers to m2 against m1, m3 against m0, m3 against m1 and 1 other contrast"
    assert row["differs"] is not drawn


def test_coarse_times_of_the_same_day_tell_nothing(registered):
    def coarsen(place: int, line: dict[str, Any]) -> None:
        line["accepted_at"], line["submitted_at"] = "2026-01-01T23:50:00Z", "2026-01-02T00:00:00Z"

    edit_lines(registered, coarsen)
    assert facts_of(registered)["registrations"][0]["why_unknown"] == "times were made coarser"


def test_a_registration_of_another_design_is_a_problem(registered):
    path = registered / "registration.json"
    path.write_text(re.sub(r'"design_sha256": "\w{8}', '"design_sha256": "00000000', path.read_text()))
    facts = facts_of(registered)
    assert facts["registrations"][0]["compared"] == []
    assert "The registration is of another design" in text_of(facts)
    assert any("registers another design than the study.json beside it" in text for text in facts["problems"])


def test_a_damaged_registration_is_a_problem(registered):
    (registered / "registration.json").write_text("{")
    facts = facts_of(registered)
    assert "registrations" not in facts
    assert any("registration.json, line 1: not JSON" in text for text in facts["problems"])


def test_the_design_is_the_same_in_a_bundle(study, registered, tmp_path):
    """Without the secret the digest stays, and both files go along."""

    class Lines:
        """Stands in for an Anonymizer."""

        def lines(self, folder: Path) -> list[str]:
            return []

    notes = stage_study(study, tmp_path / "bundled" / "study", "digests")
    (tmp_path / "bundled" / "results").mkdir()
    stage_results(registered, tmp_path / "bundled" / "results", Lines())
    for part in ("study", "results"):
        stated = json.loads((tmp_path / "bundled" / part / "registration.json").read_text())
        document = json.loads((tmp_path / "bundled" / part / "study.json").read_text())
        assert "secret" not in document
        assert design_digest(document) == stated["design_sha256"]
    assert (tmp_path / "bundled" / "study" / "registration.md").exists()
    assert not any("registration" in note for note in notes)


def test_the_report_of_single_images_has_it(tmp_path):
    images, study, results = (tmp_path / name for name in ("images", "study", "results"))
    built = run(
        "build-hits", "--task", "single", "--mode", "unlimited-time", "--images", draw_images(images),
        "--out", study, "--real", "real", "--condition", "crn", "--condition", "pix2pix",
        "--trials-per-hit", 8, "--hits-per-batch", 3, "--workers-per-hit", 4, "--sentinels-per-hit", 0,
    )  # fmt: skip
    assert built.exit_code == 0, built.output
    register(study)
    assert run("simulate", study, "--out", results).exit_code == 0
    evidence = evaluate_single([results], AnalysisSettings(intervals=Intervals(0.9)))
    files = build_single(evidence, {"glimpse": "0"})
    one = json.loads(files["summary.json"])["registrations"][0]
    assert [row["what"] for row in one["compared"] if row["differs"]] == ["Level of intervals"]
    assert one["not_registered"] == ["each participant's own d\u2032"]
    assert '<section id="registered"' in files["report.html"].decode()


@pytest.mark.parametrize(("coarsen", "said"), [("day", 1), (None, 4)])
def test_a_bundle_with_coarse_times_says_nothing_of_what_these_change(coarsen, said):
    """Whether a registration was first cannot be told any more; whatever else differs is said."""
    one = {"first_answer_at": "2026-01-05T09:00:00Z", "before_first_answer": True, "why_unknown": None}
    other = {"first_answer_at": "2026-01-04T23:58:00Z", "before_first_answer": None, "why_unknown": "coarse"}
    was, now = ({"registrations": [times | {"sha256": text}]} for times, text in ((one, "0"), (other, "1")))
    assert len(_differences(was, now, BundleOptions(coarsen=coarsen))) == said


def test_the_registration_of_another_study_is_a_problem(registered):
    """As above, and its study is not among those of the answers."""
    path = registered / "registration.json"
    path.write_text(re.sub(r'"study": "\w+"', '"study": "another"', path.read_text(), count=1))
    facts = facts_of(registered)
    assert facts["registrations"][0]["compared"] == []
    assert "The registration is of another design" in text_of(facts)


def test_of_two_studies_the_registered_one_is_named(registered, tmp_path):
    """A report that pools it with another says so, and that the other was not registered."""
    other = shutil.copytree(registered, tmp_path / "other")
    (other / "registration.json").unlink()
    document = json.loads((other / "study.json").read_text())
    own = document["study"]
    (other / "study.json").write_text(json.dumps(document | {"study": "other"}))
    edit_lines(other, lambda place, line: line.update(study="other"))
    facts = summarize(evaluate([registered, other], AnalysisSettings()), {"glimpse": "0"})
    assert facts["registrations"][0]["of_studies"] == 2
    assert text_of(facts).count(f"1 of the 2 studies in this report was registered. Study {own} was") == 1
    methods = methods_text(facts)
    assert f"Study {own} was registered on 2026-01-02, before the first answer" in methods
    assert "The other study was not." in methods
