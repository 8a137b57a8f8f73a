"""The findings in plain sentences, with their intervals: what a reader of the report sees first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .tables import NBSP, count, exposure, interval, level_text, oriented, p_text, percent, seconds_of, series

if TYPE_CHECKING:
    from collections.abc import Mapping

ALPHA = 0.05
FEWEST = 2  # workers, and pairs, below which nothing can be said of their spread
REASONS = {"incomplete": "missing answers", "repeat worker": "a repeated worker"}


@dataclass(frozen=True)
class Finding:
    """A sentence; `main` ones are about the question of the study, the others about its quality."""

    text: str
    main: bool


def findings(facts: Mapping[str, Any]) -> list[Finding]:
    """Return the findings of a summary: how much of the study is in, where that is not all; one a contrast;
    then exclusion, and what else a reader must know."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in facts["preference"]:
        groups.setdefault(row["contrast"], []).append(row)
    real = facts["experiment"]["real"]
    curves = {curve["contrast"]: curve for curve in facts["curves"]}
    found = [Finding(text, False) for text in (_progress(facts),) if text]
    for contrast, rows in groups.items():
        seen = [oriented(row, flip=row["condition_b"] == real) for row in rows if row["n"]]
        if not seen:
            found.append(
                Finding(f"{contrast.replace(':', ' against ')}: there are no answers to analyse.", True)
            )
        elif seen[0]["exposure_ms"] is None:
            found.append(Finding(_unlimited(seen[0], facts), True))
        else:
            found.append(Finding(_limited(seen, curves.get(contrast), facts), True))
    found += [Finding(text, False) for text in (_excluded(facts), _unmeasured(facts), _damage(facts)) if text]
    return found


def _rate(row: Mapping[str, Any], facts: Mapping[str, Any], *, named: bool) -> str:
    what = f"{level_text(facts['settings']['level'])} interval " if named else ""
    return f"{percent(row['rate'])} ({what}{interval(row['low'], row['high'])})"


def _verdict(row: Mapping[str, Any]) -> int:
    """1: significantly above 1/2, -1: below, 0: neither, by the adjusted two-way test."""
    p = row["p_adjusted"]
    if p is None or not p < ALPHA:
        return 0
    return 1 if row["rate"] > 0.5 else -1


def _undecided(row: Mapping[str, Any]) -> str:
    """Why a cell without a verdict has none."""
    if row["p_adjusted"] is None or min(row["n_workers"], row["n_pairs"]) < FEWEST:
        return "too few workers or pairs for a test"
    if row["p_value"] < ALPHA:  # its interval, which is not adjusted, leaves chance out
        return "which is not significant once adjusted for all cells"
    return "which cannot be told from chance"


def _unlimited(row: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    first, second = row["winner"], row["loser"]
    basis = (
        f"{count(row['n'], 'answer')} of {count(row['n_workers'], 'worker')} on "
        f"{count(row['n_pairs'], 'pair')}"
    )
    verdict = _verdict(row)
    if verdict == 0:
        p = "" if row["p_adjusted"] is None else f"adjusted p = {p_text(row['p_adjusted'])}; "
        return (
            f"People chose {first} over {second} in {_rate(row, facts, named=True)} of trials, "
            f"{_undecided(row)} ({p}{basis})."
        )
    if verdict < 0:
        row = oriented({**row, "condition_a": first, "condition_b": second}, flip=True)
        first, second = second, first
    return f"People preferred {first} to {second} in {_rate(row, facts, named=True)} of trials; {basis}."


def _limited(rows: list[dict[str, Any]], curve: Mapping[str, Any] | None, facts: Mapping[str, Any]) -> str:
    verdict = _verdict(rows[-1])
    if verdict < 0:
        rows = [
            oriented({**row, "condition_a": row["winner"], "condition_b": row["loser"]}, flip=True)
            for row in rows
        ]
    last, first = rows[-1], rows[0]
    doubt = "" if verdict else f", {_undecided(last)}"
    text = f"At {exposure(last['exposure_ms'])}, people chose {last['winner']} over {last['loser']} in "
    text += f"{_rate(last, facts, named=True)} of trials{doubt}"
    if len(rows) > 1:
        text += f"; at {exposure(first['exposure_ms'])} in {_rate(first, facts, named=False)}"
        if not _verdict(first):
            also = f", {_undecided(first)}"
            text += also + " either" * (also == doubt)
    return f"{text}.{_significant(rows)}" + (_threshold(curve) if verdict > 0 and curve else "")


def _significant(rows: list[dict[str, Any]]) -> str:
    """At which of several exposures either condition is significantly preferred."""
    if len(rows) < 2 or all(row["p_adjusted"] is None for row in rows):
        return ""
    text = ""
    names = {1: "The preference", -1: f"A preference for {rows[0]['loser']} over {rows[0]['winner']}"}
    for verdict, name in names.items():
        here = [row["exposure_ms"] for row in rows if _verdict(row) == verdict]
        to_the_end = len(here) > 1 and here == [row["exposure_ms"] for row in rows[-len(here) :]]
        where = f"from {exposure(here[0])} on" if to_the_end else f"at {seconds_of(here)}"
        text += f" {name} is significant {where}." if here else ""
    return text or " At no exposure is a preference significant."


def _threshold(curve: Mapping[str, Any]) -> str:
    share = percent(curve["threshold"], 0)
    if not curve["identified"]:
        return f" No realism curve is given ({curve['note']})."
    if curve["threshold_status"] != "reached":
        return f" The fitted curve does not reach {share} at any exposure."
    if curve["threshold_high_ms"] is None:
        bounds = f"interval from {seconds(curve['threshold_low_ms'])}, with no upper end"
    else:
        bounds = f"{seconds(curve['threshold_low_ms'], unit=False)}–{seconds(curve['threshold_high_ms'])}"
    return f" The fitted curve reaches {share} at {seconds(curve['threshold_ms'])} ({bounds})."


def seconds(milliseconds: float, *, unit: bool = True) -> str:
    """A time in seconds with two significant digits: 868.9 -> "0.87 s"."""
    value = milliseconds / 1000
    digits = max(0, 1 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:.{min(digits, 3)}f}" + (f"{NBSP}s" if unit else "")


def _excluded(facts: Mapping[str, Any]) -> str:
    """How many were excluded and why, under which rule, and whether the sentinel filter matters."""
    parts = [_counted(facts), _left_out(facts), _rule(facts), _difference(facts)]
    return " ".join(part for part in parts if part)


def _counted(facts: Mapping[str, Any]) -> str:
    counts = facts["counts"]
    if not counts["excluded_assignments"]:
        return "No assignment was excluded."
    share = percent(counts["excluded_assignments"] / counts["assignments"])
    verb = "was" if counts["excluded_assignments"] == 1 else "were"
    named = [
        f"{row['assignments']:,} for {REASONS.get(row['reason'], row['reason'])}"
        for row in facts["exclusions"]
        if row["reason"] != "any" and row["assignments"]
    ]
    return (
        f"{counts['excluded_assignments']:,} of {count(counts['assignments'], 'assignment')} ({share}) "
        f"{verb} excluded: {series(named)}."
    )


def _left_out(facts: Mapping[str, Any]) -> str:
    """Single answers of assignments that stay; `exclusions` counts no others."""
    row = next((row for row in facts["exclusions"] if row["reason"] == "exposure error"), None)
    if row is None or not row["judgments"]:
        return ""
    verb = "was" if row["judgments"] == 1 else "were"
    return (
        f"{count(row['judgments'], 'more answer')} {verb} left out because the measured exposure was more "
        f"than {facts['settings']['max_exposure_error_ms']:g}{NBSP}ms off."
    )


def measured_share(facts: Mapping[str, Any]) -> float | None:
    """The share of answers whose exposure the page measured; None where exposure is unlimited."""
    rows = [row for row in facts["achieved_exposures"] if row["exposure_ms"] is not None]
    answers = sum(row["n"] for row in rows)
    return sum(row["n_recorded"] for row in rows) / answers if answers else None


def _unmeasured(facts: Mapping[str, Any]) -> str:
    """What options that need measured exposures could not do."""
    rules, share = facts["settings"], measured_share(facts)
    asked = rules["exposure"] == "measured" or rules["max_exposure_error_ms"] is not None
    if not asked or share == 1:
        return ""
    if share is None:
        return (
            "Exposure is unlimited in this study: there is none to measure, and no such option has an effect."
        )
    missing = (
        "No exposure was measured" if share == 0 else f"{percent(1 - share)} of exposures were not measured"
    )
    kept = "no answer is left out for them" if rules["max_exposure_error_ms"] is not None else ""
    planned = "the curves take them as planned" if rules["exposure"] == "measured" else ""
    return f"{missing}: {' and '.join(part for part in (planned, kept) if part)}."


def by_study(facts: Mapping[str, Any], name: str) -> list[Any]:
    """What study.json states of the design, each value once; empty where a study does not state it."""
    values = [study["experiment"][name] for study in facts["studies"]]
    return [] if None in values else list(dict.fromkeys(values))


def tests(facts: Mapping[str, Any]) -> int:
    """How many cells were tested, which is what p-values are adjusted for."""
    return sum(row["p_value"] is not None for row in facts["preference"])


def _rule(facts: Mapping[str, Any]) -> str:
    """What a reader must know about a sentinel rule that is not the study's own."""
    used, own = facts["settings"]["max_wrong_sentinels"], by_study(facts, "max_wrong_sentinels")
    if not facts["counts"]["sentinels"]:
        return ""
    if not facts["settings"]["sentinel_filter"]:
        return "The sentinel filter is off."
    if used is None or own in ([], [used]):
        return ""
    whose = "study's" if len(facts["studies"]) == 1 else "studies'"
    there = series([str(number) for number in own], "or")
    return f"The sentinel rule is not the {whose} own: {used} wrong allowed here, {there} there."


def _difference(facts: Mapping[str, Any]) -> str:
    off = next((row for row in facts["sensitivity"] if row["rule"] == "none"), None)
    if off is None or off["largest_change"] is None or not facts["settings"]["sentinel_filter"]:
        return ""
    wrong = next((row for row in facts["exclusions"] if row["reason"] == "wrong sentinels"), None)
    if wrong is None or not wrong["assignments"]:
        return ""
    changed = off["decisions_changed"]
    verdicts = f"{count(changed, 'test')} of {tests(facts)} " if changed else "no test "
    verdicts += "change their verdict" if changed > 1 else "changes its verdict"
    return (
        f"Without the sentinel filter no preference rate differs by more than "
        f"{100 * off['largest_change']:.1f}{NBSP}points, and {verdicts}."
    )


def under_way(facts: Mapping[str, Any]) -> str:
    """How much of the study is in: "4 of 6 places (66.7 %)"; empty where all of it is, or nobody knows."""
    counts = facts["counts"]
    if counts["places"] is None or counts["filled"] >= counts["places"]:
        return ""
    share = percent(counts["filled"] / counts["places"])
    return f"{counts['filled']:,} of {counts['places']:,} places ({share})"


def _progress(facts: Mapping[str, Any]) -> str:
    much = under_way(facts)
    if not much:
        return ""
    verb = "is" if facts["counts"]["filled"] == 1 else "are"
    which = "study is" if len(facts["studies"]) == 1 else "studies are"
    return f"The {which} under way: {much} {verb} filled, and every number here will still move."


def _damage(facts: Mapping[str, Any]) -> str:
    if not facts["problem_count"]:
        return ""
    one = facts["problem_count"] == 1
    return (
        f"{count(facts['problem_count'], 'problem')} in the input {'is' if one else 'are'} listed under "
        f"Provenance; what could be read was analysed."
    )
