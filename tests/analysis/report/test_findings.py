"""What the findings say of rates, curves, few images and equivalence, and how."""

import re
from pathlib import Path

import numpy as np

from glimpse.analysis.report.drawings import _words_of
from glimpse.analysis.report.findings import findings
from glimpse.analysis.statistics.psychometric import _too_few
from tests.analysis.report.test_methods import NBSP, Facts, facts_of, words


def verdicts(facts: Facts, changes: dict[float, tuple[float, float]], plain: float = 1.0) -> str:
    """The finding about pix2pix and crn where the rates and adjusted p-values of some exposures are these.

    plain: of other exposures, before the adjustment.
    """
    preference = []
    for row in facts["preference"]:
        rate, p = changes.get(row["exposure_ms"], (0.512, 1.0))
        before = min(p, plain)
        preference.append({**row, "rate": rate, "low": 0.4, "high": 0.6, "p_value": before, "p_adjusted": p})
    found = findings(facts | {"preference": preference, "curves": []})
    text = next(finding.text for finding in found if "crn over pix2pix" in finding.text)
    return text.replace(NBSP, " ")


def test_effects_between_the_first_and_the_last_exposure_are_said(limited: Path) -> None:
    facts = facts_of(limited)
    chance = "which cannot be distinguished from chance"
    start = "At 8 s, people chose crn over pix2pix in 51.2 % (95 % interval 40.0–60.0 %) of trials, "
    start += f"{chance}; at 1/8 s in "
    assert verdicts(facts, {500: (0.9, 0.001), 1000: (0.9, 0.001)}) == (
        f"{start}51.2 % (40.0–60.0 %), {chance} either. The preference is significant at 1/2 and 1 s."
    )
    assert verdicts(facts, {125: (0.1, 0.001), 500: (0.9, 0.001)}) == (
        f"{start}10.0 % (40.0–60.0 %). The preference is significant at 1/2 s. A preference for pix2pix over "
        f"crn is significant at 1/8 s."
    )
    assert verdicts(facts, {}) == (
        f"{start}51.2 % (40.0–60.0 %), {chance} either. No preference is significant at any exposure."
    )
    late = verdicts(facts, {4000: (0.9, 0.001), 8000: (0.9, 0.001)})
    assert late.endswith(f"51.2 % (40.0–60.0 %), {chance}. The preference is significant from 4 s on.")
    gap = verdicts(facts, {1000: (0.9, 0.001), 8000: (0.9, 0.001)})
    assert gap.endswith("The preference is significant at 1 and 8 s.")


def test_what_adjustment_takes_away_is_said(limited: Path) -> None:
    """The interval of such a rate leaves 50 % out: that chance explains it would contradict this."""
    adjusted = "which is not significant after adjustment for multiple tests"
    text = verdicts(facts_of(limited), {8000: (0.9, 0.001)}, plain=0.02)
    assert text == (
        "At 8 s, people chose crn over pix2pix in 90.0 % (95 % interval 40.0–60.0 %) of trials; at 1/8 s in "
        f"51.2 % (40.0–60.0 %), {adjusted}. The preference is significant at 8 s."
    )


def test_few_exposures_are_counted_in_words_that_fit(other: Path) -> None:
    few = "a curve has three parameters, and answers are at"
    assert {curve["note"] for curve in facts_of(other)["curves"]} == {f"{few} 2 exposures only"}
    assert _too_few(np.array([5.0]), np.array([2.0]), 4) == f"{few} 1 exposure only"


def found_in(facts: Facts, word: str) -> list[str]:
    """The findings that have a word."""
    return [text for one in findings(facts) if word in (text := one.text.replace(NBSP, " "))]


def test_no_curves_are_said_once(other: Path, limited: Path) -> None:
    facts = facts_of(other)
    assert found_in(facts, "curve") == [
        "No realism curve is fitted: that takes answers at three exposures or more."
    ]
    assert "not identified" not in words(facts, "curves")
    facts["settings"]["exposure"] = "measured"
    facts["achieved_exposures"] = [row | {"n_recorded": 0} for row in facts["achieved_exposures"]]
    assert found_in(facts, "measured") == [
        "No exposure was measured: the choice of measured exposures has no effect, since there is no curve."
    ]
    assert found_in(facts_of(limited), "No realism curve is fitted") == []


def test_thresholds_are_printed_as_given(limited: Path) -> None:
    facts = facts_of(limited)
    curve = facts["curves"][0] | {"threshold": 0.9999, "identified": True, "threshold_status": "not reached"}
    cells = [cell for cell in facts["preference"] if cell["contrast"] == curve["contrast"]]
    for cell in cells:  # significantly preferred, so that the curve is told of
        cell |= {"rate": 0.1, "p_value": 0.001, "p_adjusted": 0.001}
    (text,) = found_in(facts | {"curves": [curve]}, "fitted curve")
    assert "The fitted curve does not reach 99.99 % at any exposure." in text


def few_of(facts: Facts, number: int, effective: float, cells: int) -> list[str]:
    rows = [row | {"n_images_a": 40, "n_images_b": 40, "effective_images": 40.0, "effective_workers": 40.0,
                   "n_workers": 40} for row in facts["preference"]]  # fmt: skip
    for row in rows[:cells]:
        row |= {"n_images_a": number, "effective_images": effective}
    return found_in(facts | {"preference": rows}, "too few")


def test_few_images_name_their_contrasts(limited: Path) -> None:
    facts = facts_of(limited)
    assert few_of(facts, 6, 4.2, 1) == [
        (
            "The preference rate of crn against real at 1/8 s rests on too few images: 6 of "
            "a condition, worth "
            "4.2 since some stood in far more answers than others. Take it as a pilot's "
            "result, not as a finding."
        )
    ]
    assert few_of(facts, 7, 7.0, 9) == [
        (
            "The preference rates of crn against real at every exposure; pix2pix against "
            "real at 1/8 and 1/4 s "
            "rest on too few images: as few as 7 of a condition. Their intervals are less "
            "certain than they look."
        )
    ]
    for place, row in enumerate(facts["preference"]):
        row["contrast"] = f"c{place % 9}:real"
    assert few_of(facts, 7, 7.0, 4)[0].startswith(
        "4 preference rates, of 4 contrasts (see Preference rates), rest on too few images: as few as 7 of "
    )


def test_where_all_rates_rest_on_too_few_they_are_not_listed(limited: Path) -> None:
    facts = facts_of(limited)
    cells = len(facts["preference"])
    (text,) = few_of(facts, 7, 7.0, cells)
    assert text.startswith(
        f"All {cells} preference rates rest on too few images: as few as 7 of a condition."
    )


def test_two_methods_are_compared_in_whole_sentences(limited: Path, unlimited: Path) -> None:
    rates = r"[\d.]+ % of trials, and \S+ over \S+ in [\d.]+ %, a difference of .* percentage points \(.*"
    for folder, people in ((limited, "At 8 s, people"), (unlimited, "People")):
        (text,) = found_in(facts_of(folder), " %, a difference of")
        assert re.fullmatch(rf"{people} chose \S+ over \S+ in {rates}", text)


def test_the_legend_of_answers_has_the_study_s_word_for_neither() -> None:
    labels = ("left is better", "no difference", "right is better")
    assert [_words_of(points, 1, labels) for points in (-1, 0, 1)] == [
        "other",
        "no difference",
        "first-named",
    ]
    assert _words_of(0, 1, ()) == _words_of(0, 1, ("a", "I cannot see any difference", "b")) == "neither"
    assert _words_of(2, 2, ("a", "b", "c", "d", "e")) == "+2"


def test_equivalence_names_up_to_three_pairs(limited: Path) -> None:
    facts = facts_of(limited)
    rows = [facts["preference"][6] | {"condition_a": f"c{place}", "contrast": f"c{place}:real",
            "p_equivalent": 0.01 * place} for place in range(1, 11)]  # fmt: skip
    facts |= {"preference": rows, "curves": []}
    facts["settings"]["equivalence"] = 0.05
    assert found_in(facts, "quivalent") == [
        (
            "Equivalent at 8 s: real–c1, real–c2, real–c3 and 1 other pair, each with a rate "
            "within 5 percentage "
            "points of chance (p = 0.040 at most; see Preference rates)."
        ),
        (
            "Not shown to be equivalent at 8 s (a rate within 5 percentage points of chance; see Preference "
            "rates): real–c5, real–c6, real–c7 and 3 other pairs."
        ),
    ]
