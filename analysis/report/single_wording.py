"""What a study of single images found, in sentences, and how it is described in a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.text import counted

from ..statistics.choices import ADJUSTMENTS
from .formats import exposure, interval, level_text, number, p_equal, percent, seconds, series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from .settings import AnalysisSettings
    from .single_tables import Climbs, SingleStatistics

Row = Any  # of a DataFrame
NBSP = "\u00a0"
FEWEST = 5  # workers or images below which a finding says so
COMPARED = 10  # differences that are told in sentences


def statements(found: SingleStatistics, settings: AnalysisSettings) -> list[str]:
    """Return what was found about one question, the most wanted first."""
    level = level_text(settings.intervals.level)
    said: list[str] = []
    if found.climbs:  # which keeps everybody near one share of right answers: others say little
        return _of_climbs(found.climbs, settings) + doubts(found)
    for row in _rows(found.conditions):
        said += _of_condition(row, settings, limited=found.by_exposure)
    if found.by_exposure:
        said += [text for curve in found.curves for text in _of_curve(curve, settings.threshold, level)]
    said += _of_differences(found, settings)
    return said + doubts(found)


def leading(found: SingleStatistics, settings: AnalysisSettings) -> list[str]:
    """Return what a slide begins with, a sentence a system: its threshold, or how well people tell."""
    if found.climbs:
        said = _of_climbs(found.climbs, settings)
        return [text for text in said if text.startswith("People need")]
    return [_of_condition(row, settings, limited=found.by_exposure)[-1]
            for row in _rows(found.conditions)]  # fmt: skip


def _of_condition(row: Row, settings: AnalysisSettings, *, limited: bool) -> list[str]:
    level = level_text(settings.intervals.level)
    when = ", all exposures together" if limited else ""
    if not row.n_generated:
        return [f"{row.condition}: no answers count."]
    ends = f"({level} interval {interval(row.taken_low, row.taken_high)})"
    taken = (
        f"{row.condition} was taken for real in {percent(1 - row.hits / row.n_generated)} of "
        f"{counted(row.n_generated, 'answer', ',')}{when} {ends}"
    )
    if not row.n_real:
        return [f"{taken}. No answers about real images count: nothing can be said of how well people tell."]
    both = (
        f"{taken}; real images were taken for generated in {percent(row.false_alarm_rate)} of {row.n_real:,}."
    )
    return [both, _telling(row, settings)]


def _p(p: float, adjusted: float) -> str:
    """A p-value that is adjusted, and says so where that makes a difference."""
    return p_equal(adjusted) if p == adjusted else f"adjusted {p_equal(adjusted)}"


def _telling(row: Row, settings: AnalysisSettings) -> str:
    """How well people tell, and which way they lean."""
    level, alpha = level_text(settings.intervals.level), settings.alpha
    ends = f"{number(row.d_low)} to {number(row.d_high)}"
    errors = (
        f"they err in {percent(row.errors)} ({interval(row.errors_low, row.errors_high)}; chance is "
        f"{percent(0.5, 0)})"
    )
    d = f"d\u2032 = {number(row.d_prime)} ({level} interval {ends}), {_p(row.p_d, row.p_d_adjusted)}"
    if np.isnan(row.p_d):
        return f"{row.condition}: d\u2032 = {number(row.d_prime)}, {row.note}."
    if row.p_d_adjusted >= alpha:
        able = f"People cannot be shown to tell {row.condition} from real images: {d}; {errors}."
    elif row.d_prime < 0:
        able = f"{row.condition} looks more real than real images: {d}; {errors}."
    else:
        able = f"People tell {row.condition} from real images: {d}; {errors}."
    if row.p_criterion < alpha:
        lean = "real" if row.criterion > 0 else "generated"
        measured = f"criterion {number(row.criterion)}, {p_equal(row.p_criterion)}"
        able += f" They lean to \u201c{lean}\u201d ({measured})."
    return able


def _of_curve(curve: Any, share: float, level: str) -> list[str]:
    right = percent(share, 0) if round(100 * share, 6).is_integer() else percent(share)
    if not curve.identified:
        return [f"{curve.condition}: no curve over exposures: {curve.note}."]
    told = f"an unbiased observer is right in {right} of trials"
    if curve.threshold_status == "reached":
        ends = f"{seconds(curve.threshold_low)} to {seconds(curve.threshold_high)}"
        from_then = f"from an exposure of {seconds(curve.threshold_ms)} on ({level} interval {ends})"
        return [f"With {curve.condition}, {told} {from_then}."]
    where = {
        "before": "already at the shortest exposure shown",
        "beyond": "only beyond the longest exposure shown, if the curve goes on as it began",
    }
    if curve.threshold_status in where:
        return [f"With {curve.condition}, {told} {where[curve.threshold_status]}."]
    ends = f"d\u2032 ends at {number(curve.end)}, below the {number(curve.threshold_d)} at which {told}"
    return [f"With {curve.condition}, no exposure is long enough: {ends}."]


def _of_differences(found: SingleStatistics, settings: AnalysisSettings) -> list[str]:
    rows = found.differences[found.differences["measure"] == "taken_for_real"]
    if found.by_exposure:
        rows = rows[rows["exposure_ms"] == rows["exposure_ms"].max()]
    if not 0 < len(rows) <= COMPARED:
        return []
    level = level_text(settings.intervals.level)
    said = []
    for row in _rows(rows):
        when = f" at {exposure(row.exposure_ms)}" if found.by_exposure else ""
        if not np.isfinite(row.p_adjusted):
            continue
        more, less = (row.condition_1, row.condition_2)
        gap, low, high = row.difference, row.low, row.high
        if gap < 0:
            more, less, gap, low, high = less, more, -gap, -high, -low
        ends = f"{level} interval {number(100 * low, 1)} to {number(100 * high, 1)}"
        points = f"{number(100 * gap, 1)} percentage points ({ends}, {_p(row.p_value, row.p_adjusted)})"
        if row.p_adjusted < settings.alpha:
            said.append(f"{more} was taken for real more often than {less}{when}, by {points}.")
        else:
            said.append(f"{more} and {less} do not differ significantly in how often they were taken for real"
                        f"{when}: {points}.")  # fmt: skip
    return said


def _of_climbs(climbs: Climbs, settings: AnalysisSettings) -> list[str]:
    said, level = [], level_text(settings.intervals.level)
    for row in _rows(climbs.systems):
        ends = f" ({level} interval {number(row.low, 0)} to {number(row.high, 0)}{NBSP}ms)"
        ends = "" if np.isnan(row.low) else ends
        said.append(
            f"People need {number(row.threshold_ms, 0)}{NBSP}ms{ends} to tell {row.system} from real images: "
            f"the mean of {counted(row.n_workers, 'threshold')} by staircases (HYPE-time)."
        )
        if row.settled_blocks < 0.8 * row.blocks:
            said.append(
                f"Only {row.settled_blocks} of {row.blocks} staircases of {row.system} settled, so "
                "that its threshold depends on where they began."
            )
        if row.at_limit_workers:
            said.append(
                f"{row.at_limit_workers} of {row.n_workers} people were mostly at the shortest or longest "
                f"exposure with {row.system}; their thresholds are bounds."
            )
    for row in _rows(climbs.differences):
        if np.isfinite(row.p_adjusted):
            pair = (row.system_1, row.system_2)
            longer, shorter = pair if row.difference > 0 else pair[::-1]
            clear = row.p_adjusted < settings.alpha
            verdict = "takes longer to tell than" if clear else "does not differ significantly from"
            said.append(f"{longer} {verdict} {shorter}: {number(abs(row.difference), 0)}{NBSP}ms, "
                        f"{_p(row.p_value, row.p_adjusted)}.")  # fmt: skip
    return said


def doubts(found: SingleStatistics) -> list[str]:
    """Return what rests on few workers or images, a sentence each."""
    said = []
    for what, column in (("people", "n_workers"), ("images", "n_images")):
        few = found.conditions[found.conditions[column] < FEWEST]
        if len(few):
            names = series(list(few["condition"]))
            least = int(few[column].min())
            said.append(f"Findings about {names} rest on few {what} ({least}): take them as a pilot's.")
    return said


def _rows(table: pd.DataFrame) -> list[Any]:
    return list(table.itertuples())


def single_methods(
    each: Sequence[SingleStatistics], facts: Mapping[str, Any], settings: AnalysisSettings
) -> str:
    """Return the paragraph for a paper; each: of each question, in the order in which they were asked."""
    counts, level = facts["counts"], level_text(settings.intervals.level)
    shown: Sequence[str] = list(each[0].conditions["condition"])
    about = f"{facts['real']} (real) and of {series(shown)} (generated)"
    asked = series([f"\u201c{one.question.text}\u201d" for one in each])
    opening = (
        f"{counted(counts['workers'], 'participant', ',')} saw one image at a time and "
        + ("said of each whether it was real or generated" if len(each) == 1 else f"answered of each {asked}")
        + f": {counted(counts['counted_judgments'], 'answer', ',')}; images of {about}."
    )
    sentences = [opening]
    if lost := counts["excluded_assignments"]:
        sentences.append(f"{lost} of {counted(counts['assignments'], 'assignment')} were excluded.")
    sentences.append(
        "Generated images are the signal: hits are generated images called generated, false alarms real "
        "images called generated. We report d\u2032 = z(H) \u2212 z(F) and the criterion "
        "c = \u2212(z(H) + z(F)) / 2 from log-linear rates (Hautus 1995), and the mean of the shares of "
        "errors on generated and on real images (the score of HYPE-infinity; Zhou et al. 2019)."
    )
    if any(len(one.roc) for one in each):
        sentences.append("The area under the curve of confidence ratings is that of the trapezoid.")
    sentences += [_of_rule(one) for one in each if one.climbs]
    sentences.append(
        f"{level} intervals account for correlation within participants and images (multi-way cluster-robust "
        "variance; Cameron, Gelbach and Miller 2011), with Satterthwaite's degrees of freedom; p-values are "
        f"adjusted by {ADJUSTMENTS[settings.intervals.adjust].label}."
    )
    return " ".join(sentences)


def _of_rule(found: SingleStatistics) -> str:
    """How a staircase chose exposures, and what a threshold is."""
    if found.climbs is None:
        return ""
    rule = found.climbs.settings
    return (
        f"Exposures followed a staircase within each block: from {rule.start_ms} ms, {rule.longer_ms} ms "
        f"longer after an error and {rule.shorter_ms} ms shorter after "
        f"{counted(rule.rights, 'right answer')} in a row, within {rule.least_ms} and {rule.most_ms} ms, "
        f"which settles where {percent(rule.target, 0)} of answers are right. A participant's "
        "threshold is the mean over blocks of the exposure shown most often; intervals of a system's "
        "mean are over participants and images."
    )
