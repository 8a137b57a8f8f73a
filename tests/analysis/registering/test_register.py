"""`register`: the text, what may be amended and how, what is refused."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import glimpse
from glimpse.analysis.planning.ranking_power import (
    RankingSize,
    chance_told_apart,
    drawn_studies,
    expected_errors,
)
from glimpse.analysis.registering.expected import RANKING_STUDIES
from glimpse.analysis.registering.wording import tidy
from glimpse.precision import TYPICAL
from glimpse.registration import carry_registration, read_registration
from tests.analysis.analyses import run
from tests.analysis.bundling.conftest import draw_images
from tests.analysis.registering.conftest import register

GOLDEN = Path(__file__).parents[2] / "data" / "registration" / "small.md"


def stable(text: str) -> str:
    """The text without what differs between studies of one design: ids, digests, simulated numbers."""
    text = re.sub(r"\d+\.\d %, power \d+ %", "WIDTH, power POWER", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "SHA-256", text)
    return re.sub(r"(Study:|Glimpse) [\w.]+", r"\1 ...", text)


def versions(study: Path) -> list:
    return json.loads((study / "registration.json").read_text())["versions"]


def test_the_text_of_a_small_study(study):
    register(
        study, "--hypothesis", "People choose real over crn\nat 4 s.", "--equivalence", 5,
        "--also", "agreement", "--replace-excluded",
    )  # fmt: skip
    assert stable((study / "registration.md").read_text()) == GOLDEN.read_text()


def test_expected_numbers_are_those_of_power(study, tmp_path):
    """The same seed simulates other studies, as power has variants between; widths agree closely."""
    register(study, "--rate", 0.75)
    quick = ("--rate", 0.75, "--spread", 0.25, 0.15, "--studies", 50)
    assert run("power", study, *quick, "--out", tmp_path / "power").exit_code == 0
    header, *lines = (tmp_path / "power" / "power.csv").read_text().splitlines()
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    planned = next(float(row["width"]) for row in rows if row["planned"] == "True")
    found = {row["spread"]: row["width"] for row in versions(study)[0]["expected"]}
    assert found["typical"] == pytest.approx(planned, rel=0.1)


def test_registering_twice_changes_nothing(study):
    register(study, "--level", 0.99)
    before = (study / "registration.json").read_bytes(), (study / "registration.md").read_bytes()
    for options in ((), ("--level", 0.99)):
        said = register(study, *options)
        assert "was registered like this at 2026-03-01T10:00:00Z; nothing new was written." in said
    assert ((study / "registration.json").read_bytes(), (study / "registration.md").read_bytes()) == before


def test_another_registration_needs_a_reason(study, clock):
    register(study, "--hypothesis", "Real wins.")
    first = versions(study)
    refused = run("register", study, "--level", 0.99)
    assert refused.exit_code == 1
    assert "level: 0.95, now 0.99" in refused.output
    assert "alpha" not in refused.output
    assert 'never overwritten. Add a dated amendment with --amend "REASON"' in refused.output
    assert versions(study) == first
    clock.at = "2026-03-02T11:30:00Z"
    register(study, "--level", 0.99, "--amend", "A reviewer asked for it.")
    kept, amended = versions(study)
    assert [kept] == first
    assert (amended["reason"], amended["registered_at"]) == ("A reviewer asked for it.", clock.at)
    assert amended["changes"] == [{"field": "level", "was": 0.95, "now": 0.99}]
    assert amended["hypotheses"][0] == "Real wins."  # as registered before
    text = (study / "registration.md").read_text()
    assert "Registered 2026-03-01 10:00 UTC, amended 2026-03-02 11:30 UTC" in text
    assert "1. 2026-03-02 11:30 UTC: A reviewer asked for it. Changed: level: 0.95, now 0.99." in text
    assert "`glimpse analyze results/ --level 0.99`" in text


def test_a_text_that_was_changed_is_not_overwritten(study):
    register(study)
    path = study / "registration.md"
    path.write_text(path.read_text() + "Pasted at osf.io/abcde.\n")
    refused = run("register", study, "--level", 0.9, "--amend", "why")
    assert refused.exit_code == 1
    assert "registration.md is not as register wrote it, and would be overwritten" in refused.output
    assert len(versions(study)) == 1
    register(study)  # unchanged: both files stay
    assert path.read_text().endswith("Pasted at osf.io/abcde.\n")


@pytest.mark.parametrize("left", ["nothing", "the earlier text"])
def test_a_run_that_broke_off_is_finished(study, left):
    register(study)
    path = study / "registration.md"
    earlier = path.read_text()
    register(study, "--level", 0.9, "--amend", "why")
    whole = path.read_text()
    path.unlink() if left == "nothing" else path.write_text(earlier)
    register(study)
    assert path.read_text() == whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--amend", "why"), "is not registered yet, so that there is nothing to amend. Leave --amend out."),
        (("--amend", " "), "Invalid value for --amend: it is empty; say why you amend."),
        (("--hypothesis", ""), "Invalid value for --hypothesis: it is empty; write a sentence."),
        (("--level", 2), "level is 2.0; it must lie between 0 and 1"),
        (("--rate", 1), "--rate is 1; it must lie between 0 and 1, for example 0.6."),
        (("--no-sentinel-filter", "--max-wrong", 1), "contradict each other"),
        (("--metric", "no.csv"), "no.csv is no file; name a CSV file with columns such as item, condition"),
        (("--items", "no.csv"), "no.csv is no file; name a CSV file with columns such as item, group."),
        (("--items", __file__), "lacks the columns item and group"),
        (("--d-prime", 0.5), "--d-prime is for studies of one image at a time; this one shows pairs."),
        (("--also", "luck"), "'luck' is not one of"),
    ],
)
def test_wrong_options_write_nothing(study, options, message):
    result = run("register", study, *options)
    assert result.exit_code != 0
    assert message in " ".join(result.output.split())
    assert not list(study.glob("registration*"))


def test_an_amendment_without_a_change_is_refused(study):
    register(study)
    result = run("register", study, "--amend", "why not")
    assert result.exit_code == 1
    assert "nothing differs from what was registered at 2026-03-01T10:00:00Z" in result.output


def test_what_is_no_study_is_refused(tmp_path):
    result = run("register", tmp_path)
    assert result.exit_code == 1
    assert "holds no study (no study.json)" in result.output


def test_a_registration_of_another_design_is_refused(study):
    register(study)
    path = study / "registration.json"
    text = path.read_text()
    path.write_text(re.sub(r'"design_sha256": "\w{8}', '"design_sha256": "00000000', text))
    result = run("register", study, "--level", 0.9, "--amend", "why")
    assert result.exit_code == 1
    assert "registers another design than the study.json beside it" in result.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 9}, "schema_version is 9; this program reads 1"),
        ({"study": 3}, "field 'study' is missing or not text"),
        ({"versions": []}, "field 'versions' is missing or empty"),
        ({"versions": [{"registered_at": "now"}]}, "version 1: field 'reason' is missing or of a wrong kind"),
    ],
)
def test_a_damaged_registration_is_named(study, change, message):
    register(study)
    path = study / "registration.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    result = run("register", study)
    assert result.exit_code == 1
    assert message in result.output


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("hypotheses",), [3], "version 1: field 'hypotheses' must list texts"),
        (("changes",), [{"field": "level"}], "each of field 'changes' must have `field`, `was` and `now`"),
        (("planned", "places"), "8", "field 'planned.places' is '8', which cannot be"),
        (("planned", "exposures_ms"), None, "field 'planned.exposures_ms' is None, which cannot be"),
        (("analysis", "level"), "x", "field 'analysis.level' is 'x', which cannot be"),
        (("analysis", "metrics"), ["a.csv"], "field 'analysis.metrics' is ['a.csv'], which cannot be"),
        (("options", "level"), [1], "option 'level' was registered as [1], which register does not take"),
        (("options", "level"), None, "option 'level' was registered as None"),
        (("options", "hypotheses"), "Real wins.", "option 'hypotheses' was registered as 'Real wins.'"),
    ],
)
def test_an_edited_registration_is_named(study, place, value, message):
    register(study, "--level", 0.9)
    path = study / "registration.json"
    value_of = json.loads(path.read_text())
    inside = value_of["versions"][0]
    for name in place[:-1]:
        inside = inside[name]
    inside[place[-1]] = value
    path.write_text(json.dumps(value_of))
    result = run("register", study)
    assert result.exit_code == 1
    assert message in result.output
    assert "defect of Glimpse" not in result.output


def test_a_folder_of_results_is_not_registered(results):
    refused = run("register", results)
    assert refused.exit_code == 1
    assert "results is a folder of answers. Name the study that build-hits wrote" in refused.output
    assert not (results / "registration.json").exists()


def test_what_is_no_file_of_text_is_left_alone(study):
    """A folder in the place of either file, and a text that is not UTF-8, are refused and kept."""
    text, kept = study / "registration.md", study / "registration.json"
    text.mkdir()
    refused = run("register", study)
    assert "registration.md is not as register wrote it" in refused.output
    assert not kept.exists()
    text.rmdir()
    register(study)
    text.write_bytes(b"\xff\xfe")
    refused = run("register", study, "--level", 0.9, "--amend", "why")
    assert "registration.md is not as register wrote it" in refused.output
    assert text.read_bytes() == b"\xff\xfe"
    kept.unlink()
    kept.mkdir()
    refused = run("register", study)
    assert "registration.json is no file. Move it away." in refused.output


def test_a_registered_study_is_not_replaced(study, built):
    register(study)
    result = run("build-hits", "--images", built / "images", "--force", "--out", study)
    assert result.exit_code == 1
    assert "was registered (registration.json); it is never overwritten." in result.output


def test_published_hits_are_said(study):
    (study / "published").mkdir()
    (study / "published" / "local.jsonl").write_text("")
    assert "HITs of this study exist already" in " ".join(register(study).split())
    assert (
        "HITs of this study had been created before this registration"
        in (study / "registration.md").read_text()
    )


def test_results_get_it_and_later_amendments(study, tmp_path, clock):
    assert carry_registration(study, tmp_path / "none") == ""  # nothing is registered
    register(study)
    assert run("simulate", study, "--out", tmp_path / "out", "--workers", 3).exit_code == 0
    copied = tmp_path / "out" / "registration.json"
    assert copied.read_bytes() == (study / "registration.json").read_bytes()
    clock.at = "2026-03-05T10:00:00Z"
    register(study, "--level", 0.9, "--amend", "A wider audience.")
    assert carry_registration(study, tmp_path / "out") == ""
    assert len(read_registration(tmp_path / "out").versions) == 2


def test_another_registration_in_results_is_kept_and_said(study, tmp_path, clock):
    register(study)
    shutil.copytree(study, tmp_path / "earlier")
    for name in ("registration.json", "registration.md"):
        (study / name).unlink()
    clock.at = "2026-04-01T10:00:00Z"
    register(study, "--level", 0.9)
    wrong = carry_registration(study, tmp_path / "earlier")
    assert "is another registration than" in wrong
    assert read_registration(tmp_path / "earlier").latest.registered_at == "2026-03-01T10:00:00Z"


def test_a_study_without_one_leaves_none_in_simulated_results(study, tmp_path):
    register(study)
    run("simulate", study, "--out", tmp_path / "out", "--workers", 3)
    (study / "registration.json").unlink()
    assert run("simulate", study, "--out", tmp_path / "out", "--workers", 3).exit_code == 0
    assert not (tmp_path / "out" / "registration.json").exists()


def planned(tmp_path: Path, *options: object) -> tuple[dict, str]:
    """Build a study of these options, register it, and return its version and its text."""
    images = draw_images(tmp_path / "images")
    built = run("build-hits", "--images", images, "--out", tmp_path / "study", *options)
    assert built.exit_code == 0, built.output
    register(tmp_path / "study")
    return versions(tmp_path / "study")[0], (tmp_path / "study" / "registration.md").read_text()


def test_single_images(tmp_path):
    version, text = planned(
        tmp_path, "--task", "single", "--mode", "unlimited-time", "--real", "real", "--condition", "crn",
        "--condition", "pix2pix", "--trials-per-hit", 8, "--workers-per-hit", 5, "--sentinels-per-hit", 0,
        "--answer", "confidence-4",
    )  # fmt: skip
    assert version["analyses"] == ["detection", "areas", "differences"]
    assert {row["of"] for row in version["expected"]} == {"d_prime"}
    assert "People tell crn from real: their d\u2032 differs from 0." in text
    assert "| as usual |" in text
    assert "contrast" not in text
    refused = run("register", tmp_path / "study", "--equivalence", 5, "--amend", "why")
    assert "--equivalence is for studies of pairs" in refused.output
    refused = run("register", tmp_path / "study", "--rate", 0.6, "--amend", "why")
    assert "--rate is for studies of pairs; this one shows one image at a time." in refused.output


def test_staircases(tmp_path):
    version, text = planned(
        tmp_path, "--task", "single", "--preset", "hype-time", "--real", "real", "--condition", "crn",
        "--condition", "pix2pix", "--trials-per-hit", 8, "--blocks", 1,
    )  # fmt: skip
    assert "staircases" in version["analyses"]
    assert version["planned"]["exposures_ms"] == [None]
    assert "10 ms longer after an error, 30 ms shorter after 3 right answers in a row" in text
    assert "Glimpse does not predict how wide the interval of a threshold will be." in text
    refused = run("register", tmp_path / "study", "--d-prime", 0.5, "--amend", "why")
    assert "--d-prime says nothing of a staircase" in refused.output


def test_many_systems_with_a_stopping_rule_and_two_questions(tmp_path):
    images = draw_images(tmp_path / "images")
    questions = [{"name": "better", "text": "Which is better?", "answer": "choice-or-tie"},
                 {"name": "nicer", "text": "How much nicer is one?", "answer": "scale-5"}]  # fmt: skip
    experiment = glimpse.plan_study(
        images, mode="unlimited-time", questions=questions, real="", trials_per_hit=6, hits_per_batch=20,
        workers_per_hit=5, sentinels_per_hit=0, pairing="same-item", stop_when="width=0.2",
        contrasts=["real:crn", "real:pix2pix", "real:image-space", "crn:pix2pix", "crn:image-space",
                   "pix2pix:image-space"],
    )  # fmt: skip
    with pytest.warns(UserWarning, match="Each condition shows 8 images"):
        glimpse.build_study(images, experiment, tmp_path / "study", contact="me@lab.org")
    register(tmp_path / "study")
    version = versions(tmp_path / "study")[0]
    assert version["analyses"] == ["rates", "ties", "scales", "differences", "ranking", "stopping"]
    assert version["hypotheses"][0].startswith(
        "For each question (better and nicer): of real and crn, real is"
    )
    text = (tmp_path / "study" / "registration.md").read_text()
    assert (
        "is at most 20 percentage points wide in every contrast. That interval holds at every look." in text
    )
    assert "If the 4 conditions are equally spaced" in text
    assert "They do not allow for ties." in text


@pytest.mark.parametrize("first", [None, 1, 2])
def test_trials_that_the_server_draws(tmp_path, first):
    """What is expected of the ranking is that of the draws which the study asks for."""
    images = draw_images(tmp_path / "images")
    experiment = glimpse.plan_study(
        images, mode="unlimited-time", real="", trials_per_hit=8, hits_per_batch=20, workers_per_hit=5,
        sentinels_per_hit=0, allocation="adaptive", contrasts=["all"], **({"first": first} if first else {}),
    )  # fmt: skip
    with pytest.warns(UserWarning, match="Each condition shows 8 images"):
        glimpse.build_study(images, experiment, tmp_path / "study", contact="me@lab.org")
    register(tmp_path / "study")
    (row,) = (one for one in versions(tmp_path / "study")[0]["expected"] if one["of"] == "ranking")
    systems = row["systems"]
    size = RankingSize(systems, 8, 8, 5, row["strength_spread"], first or 3, adaptive=True, leading=first)
    errors = expected_errors(size, 100, TYPICAL, drawn_studies(size, TYPICAL, 0))
    rng = np.random.default_rng([0, 100])
    assert row["first"] == size.first
    assert row["told_apart"] == chance_told_apart(errors, size.first, 0.95, RANKING_STUDIES, rng)
    text = " ".join((tmp_path / "study" / "registration.md").read_text().split())
    who = {None: "leading conditions,", 1: "1 leading condition and", 2: "2 leading conditions and"}[first]
    assert f"an answer tells most about the {who}" in text
    assert "Those of rates hold for trials dealt evenly" in text


def test_metrics_are_registered_by_their_digest(study, tmp_path, clock):
    scores = tmp_path / "lpips.csv"
    scores.write_text("item,condition,value\n000,crn,0.5\n000,real,0.1\n")
    register(study, "--metric", scores)
    version = versions(study)[0]
    assert [one["file"] for one in version["analysis"]["metrics"]] == ["lpips.csv"]
    assert str(tmp_path) not in json.dumps(version)
    scores.write_text("item,condition,value\n000,crn,0.6\n000,real,0.1\n")
    assert "metrics: lpips.csv (SHA-256" in run("register", study, "--metric", scores).output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A\nb\n  c\n", "# A\n\nb c\n"),
        ("- a\n  b\n- c\nd\n", "- a b\n- c d\n"),
        ("x\n\n1. a\n2. b\n\n\n\ny\n", "x\n\n1. a\n2. b\n\ny\n"),
        ("| a |\n\n|---|\n| b |\n", "| a |\n|---|\n| b |\n"),
    ],
)
def test_markdown_is_tidied(text, expected):
    assert tidy(text) == expected
