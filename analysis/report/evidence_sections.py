"""The report's sections about the question: rates, curves, ranking, pairs, studies compared."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .blocks import Block, Row, line, paragraph, table
from .findings import seconds, tests
from .methods import adjustment
from .tables import DASH, NBSP, count, exposure, interval, level_text, number, oriented, p_text, percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def some(block: Block | None) -> tuple[Block, ...]:
    """Return the block, if there is one."""
    return () if block is None else (block,)


def groups_of(facts: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows of a preference table by their name ("real over crn"), seen from the real condition."""
    real = facts["experiment"]["real"]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        filled = {
            key: float("nan") if value is None and key != "exposure_ms" else value
            for key, value in row.items()
        }
        seen = oriented(filled, flip=row["condition_b"] == real)
        groups.setdefault(f"{seen['winner']} over {seen['loser']}", []).append(seen)
    return groups


WITHIN = {
    "two-way": "allow for workers and for pairs of images (two-way)",
    "scene": "allow for workers and for scenes",
    "worker": "allow for workers, but not for pairs of images",
    "pair": "allow for pairs of images, but not for workers",
    "worker-bootstrap": "come from a bootstrap over workers, and do not allow for pairs of images",
    "pair-bootstrap": "come from a bootstrap over pairs of images, and do not allow for workers",
}


def _within(facts: Mapping[str, Any]) -> str:
    cluster = facts["settings"]["cluster"]
    apart = cluster == "scene" and facts["experiment"]["pairing"] != "same-item"
    return WITHIN[cluster] + (" (that of either side by itself)" if apart else "")


def preference_section(
    facts: Mapping[str, Any], figures: Mapping[str, Block], *, limited: bool
) -> tuple[Block, ...]:
    """Return the table of all cells."""
    groups = groups_of(facts, facts["preference"])
    rows: list[Row] = []
    for name, cells in groups.items():
        if limited:
            rows.append(Row(group=name))
        for cell in cells:
            label = exposure(cell["exposure_ms"]) if limited else name
            rows.append(line(label, *_preference_cells(cell)))
    adjusted = f"; p-values are adjusted over {adjustment(facts)}" if tests(facts) > 1 else ""
    level = level_text(facts["settings"]["level"])
    head = (
        "Exposure" if limited else "Preference",
        "Rate",
        f"{level} interval",
        "Answers",
        "Workers",
        "Pairs",
        "n eff.",
        "p",
        "p adjusted",
        "naive interval",
        "p binomial",
    )
    blocks = [
        paragraph(
            f"The share of trials in which the first condition was chosen. Intervals and tests "
            f"{_within(facts)}{adjusted}; chance is 50{NBSP}%."
        ),
        table(
            head,
            rows,
            caption="n eff.: how many independent answers would be as informative. The naive interval "
            "(Wilson) and the exact binomial p treat all answers as independent, as most papers do; they "
            "are descriptive only.",
        ),
    ]
    notes = list(dict.fromkeys(row["note"] for row in facts["preference"] if row["note"]))
    blocks += [paragraph(f"Notes: {'; '.join(notes)}.", note=True)] if notes else []
    return (*blocks, *(some(figures.get("preference")) if limited else ()))


def _preference_cells(cell: Mapping[str, Any]) -> tuple[str, ...]:
    effective = cell["n_effective"]
    return (
        percent(cell["rate"]),
        interval(cell["low"], cell["high"]),
        f"{cell['n']:,}",
        f"{cell['n_workers']}",
        f"{cell['n_pairs']}",
        number(effective, 0),
        p_text(cell["p_value"]),
        p_text(cell["p_adjusted"]),
        interval(cell["wilson_low"], cell["wilson_high"]),
        p_text(cell["p_binomial"]),
    )


def curve_section(facts: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return the fitted realism curves."""
    if not facts["curves"]:
        return ()
    rows = []
    for curve in facts["curves"]:
        name = f"{curve['condition']} over {curve['versus']}"
        if not curve["identified"]:
            rows.append(line(name, "not identified", "", "", "", "", curve["note"]))
            continue
        plateau = f"{percent(curve['plateau'])} ({interval(curve['plateau_low'], curve['plateau_high'])})"
        middle = f"{seconds(curve['midpoint_ms'])} {_times(curve, 'midpoint')}"
        slope = f"{number(curve['slope'])} ({number(curve['slope_low'])}–{number(curve['slope_high'])})"
        reached = curve["threshold_status"] == "reached"
        threshold = (
            f"{seconds(curve['threshold_ms'])} {_times(curve, 'threshold')}" if reached else "not reached"
        )
        rows.append(line(name, plateau, middle, slope, threshold, p_text(curve["p_fit"]), curve["note"]))
    share = percent(facts["curves"][0]["threshold"], 0)
    return (
        paragraph(
            f"Each contrast's rates as a {facts['settings']['curve']} function of log exposure, from chance "
            f"to a plateau. The plateau is what people can tell given time; the midpoint is where half of "
            f"the way from chance to it is done."
        ),
        table(
            (
                "Contrast",
                "Plateau",
                "Midpoint",
                "Slope per octave",
                f"{share} reached at",
                "p of fit",
                "Note",
            ),
            rows,
            (0, 6),
            caption="Small p of fit: the curve does not describe the rates. Intervals are from two-way "
            f"sandwich errors (workers and pairs), {level_text(facts['settings']['level'])}.",
        ),
    )


def _times(curve: Mapping[str, Any], name: str) -> str:
    low, high = curve[f"{name}_low_ms"], curve[f"{name}_high_ms"]
    if low is None:
        return ""
    return f"({seconds(low, unit=False)}–{'∞' if high is None else seconds(high, unit=False)})"


def ranking_section(facts: Mapping[str, Any], figures: Mapping[str, Block]) -> tuple[Block, ...]:
    """Return the strengths per exposure."""
    if not facts["rankings"]:
        return ()
    if not any(ranking["identified"] for ranking in facts["rankings"]):
        why = "; ".join(dict.fromkeys(ranking["note"] for ranking in facts["rankings"]))
        return (paragraph(f"The conditions cannot be ranked: {why}"),)
    rows = []
    for ranking in facts["rankings"]:
        label = exposure(ranking["exposure_ms"])
        if not ranking["identified"]:
            rows.append(line(label, "not identified: " + ranking["note"], "", "", ""))
            continue
        strengths = zip(
            ranking["conditions"], ranking["strengths"], ranking["low"], ranking["high"], strict=True
        )
        order = ", ".join(
            f"{name} {number(s)} ({number(low)} to {number(high)})" for name, s, low, high in strengths
        )
        rows.append(
            line(
                label,
                order,
                number(ranking["left_bias"]),
                p_text(ranking["transitivity_p"]),
                ranking["note"],
            )
        )
    return (
        paragraph(
            "Bradley-Terry strengths in log odds, strongest first, with intervals; they sum to zero at each "
            "exposure. Conditions that never met there, directly or through others, cannot be ranked."
        ),
        *some(figures.get("ranking")),
        table(
            ("Exposure", "Strengths, strongest first", "Left bias", "p transitivity", "Note"),
            rows,
            (0, 1, 4),
            caption="Left bias: log odds of choosing left between equals. Small p: no single number a "
            "condition explains all contrasts.",
        ),
    )


def pair_section(facts: Mapping[str, Any], figures: Mapping[str, Block]) -> tuple[Block, ...]:
    """Return the pairs at both ends."""
    if not facts["pairs"]:
        return ()
    rows: list[Row] = []
    last = ("", "")
    for row in facts["pairs"]:
        if (row["contrast"], row["end"]) != last:
            last = (row["contrast"], row["end"])
            rows.append(Row(group=f"{row['loser']} taken over {row['winner']} {row['end']} often"))
        rows.append(
            line(
                row["item_loser"],
                row["item_winner"],
                exposure(row["exposure_ms"]),
                f"{row['k']} of {row['n']}",
                percent(row["rate"], 0),
                interval(row["low"], row["high"], 0),
            )
        )
    limited = facts["experiment"]["mode"] == "limited-time"
    caption = (
        "Intervals are Wilson's, for a pair chosen in advance; the extremes of many pairs are extreme by "
        "chance too, and other pairs may be as extreme as the ones shown."
    )
    return (
        *some(figures.get("hardest_pairs")),
        table(
            ("Item", "against item", "Exposure", "Chosen", "Rate", f"95{NBSP}% interval"),
            rows,
            (0, 1),
            caption="Only pairs shown for a second or longer, where there are such. " * limited + caption,
        ),
    )


def comparison_section(facts: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return each folder by itself."""
    if not facts["comparison"]:
        return ()
    rows: list[Row] = []
    for name, cells in groups_of(facts, facts["comparison"]).items():
        rows.append(Row(group=name))
        rows += [
            line(
                exposure(cell["exposure_ms"]),
                cell["source"],
                f"{cell['n']:,}",
                percent(cell["rate"]),
                interval(cell["low"], cell["high"]),
                _difference(cell),
                p_text(cell["p_difference"]),
            )
            for cell in sorted(cells, key=lambda cell: cell["exposure_ms"] or 0.0)
        ]
    counts, level = facts["counts"], level_text(facts["settings"]["level"])
    return (
        paragraph(
            "Each folder by itself; differences, in points, are from the first folder. They take the folders "
            "as independent samples, of other workers and of other pairs; p-values are not adjusted. "
            f"Here {count(counts['shared_workers'], 'worker')} and {count(counts['shared_pairs'], 'pair')} "
            "occur in more than one."
        ),
        table(
            ("Exposure", "Folder", "Answers", "Rate", f"{level} interval", "Difference and interval", "p"),
            rows,
            (0, 1),
        ),
    )


def _difference(cell: Mapping[str, Any]) -> str:
    """A rate's difference from the first folder's and its interval, in points, seen as the rate is seen."""
    turned = cell["winner"] == cell["condition_b"]
    names = ("difference", *(("difference_high", "difference_low")[:: 1 if turned else -1]))
    middle, low, high = (100 * (-1 if turned else 1) * cell[name] for name in names)
    if not math.isfinite(middle):
        return DASH
    return f"{number(middle, 1)} ({number(low, 1)} to {number(high, 1)})"
