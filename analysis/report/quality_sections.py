"""The report's sections about the study itself: design, exclusion, workers, sensitivity, provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .blocks import Block, line, paragraph, table
from .evidence_sections import groups_of, some
from .findings import by_study
from .methods import sentinels_shown
from .tables import DASH, count, dollars, exposure, interval, number, p_text, percent, seconds_of, series

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


FLAGS = {
    "one side": "kept to one side",
    "like a coin": "answered like a coin",
    "fast": "answered faster than people can look",
}


def exclusion_section(facts: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return what was left out and why."""
    rows = [
        line(
            "in all" if row["reason"] == "any" else row["reason"],
            f"{row['assignments']}",
            f"{row['workers']}",
            f"{row['judgments']:,}",
        )
        for row in facts["exclusions"]
    ]
    rules = facts["settings"]
    if not facts["counts"]["sentinels"]:
        sentinel = "No sentinels were answered"
    elif rules["sentinel_filter"]:
        sentinel = f"An assignment is excluded when {_too_wrong(facts)}"
    else:
        sentinel = "The sentinel filter is off"
    repeats = (
        "and a worker's later assignments in a batch"
        if rules["repeat_workers"] == "first"
        else "but no repeats"
    )
    caption = "An assignment with two reasons counts under both, and once in all."
    if rules["max_exposure_error_ms"] is not None:
        caption += " Exposure error: single answers of assignments that stay."
    return (
        paragraph(
            f"{sentinel}; also excluded are incomplete assignments, {repeats}. Payment is another matter."
        ),
        table(("Reason", "Assignments", "Workers", "Answers"), rows, caption=caption),
    )


def _too_wrong(facts: Mapping[str, Any]) -> str:
    """The sentinel rule of this report, and the study's own where that is another."""
    allowed, own = facts["settings"]["max_wrong_sentinels"], by_study(facts, "max_wrong_sentinels")
    numbers = series([str(number) for number in own], "or")
    if allowed is None:
        stated = f" ({numbers})" if own else ""
        return f"it has more wrong sentinels than its study allows{stated}"
    wrong = f"it has more than {count(allowed, 'wrong sentinel')}" if allowed else "it has a wrong sentinel"
    whose = "study's" if len(facts["studies"]) == 1 else "studies'"
    return wrong if own in ([], [allowed]) else f"{wrong} (the {whose} own rule: more than {numbers})"


def worker_section(facts: Mapping[str, Any], figures: Mapping[str, Block]) -> tuple[Block, ...]:
    """Return sides, sentinels, agreement and times; of nobody in particular."""
    sides = facts["side_bias"]
    flagged = [f"{row['workers']} {FLAGS[row['flag']]}" for row in facts["worker_flags"] if row["workers"]]
    text = f"Left was chosen in {percent(sides['left_share'])} of trials"
    if sides["low"] is not None:
        text += f" ({interval(sides['low'], sides['high'])}; p = {p_text(sides['p_value'])} against one half)"
    text += f". Standing out, whether excluded or not: {series(flagged)}." if flagged else "."
    places = {name: place for place, name in enumerate(_contrasts(facts))}
    rows = [
        line(
            "all contrasts" if row["scope"] == "all" else row["scope"].replace(":", " against "),
            row["coding"],
            number(row["alpha"]),
            f"{number(row['alpha_low'])} to {number(row['alpha_high'])}"
            if row["alpha"] is not None
            else DASH,
            number(row["kappa"]),
            f"{row['n_units']:,}",
            row["note"],
        )
        for row in sorted(facts["agreement"], key=lambda row: places.get(row["scope"], -1))
    ]
    head = ("Contrasts", "Coded by", "alpha", "Interval", "kappa", "Trials", "Note")
    return (
        paragraph(text),
        *some(figures.get("workers")),
        *_sentinel_errors(facts),
        Block("heading", "Agreement"),
        table(
            head,
            rows,
            (0, 1, 6),
            caption="Krippendorff's alpha and Fleiss' kappa. Coded by side: did "
            "people who saw the same trial choose the same image? Coded by condition, agreement is near 0 "
            "wherever one condition wins in most pairs; it stands here so that nobody mistakes it for the "
            "other.",
        ),
        *_times_measured(facts),
    )


def _sentinel_errors(facts: Mapping[str, Any]) -> tuple[Block, ...]:
    rows = [
        line(
            row["scope"],
            f"{row['n']:,}",
            f"{row['wrong']:,}",
            percent(row["rate"]),
            interval(row["low"], row["high"]) if row["low"] is not None else DASH,
            percent(row["lapse_rate"]),
        )
        for row in facts["sentinels"]
        if row["n"]
    ]
    if not rows:
        return ()
    caption = "Lapse rate: twice the errors, since half of the blind answers come out right."
    return (
        Block("heading", "Sentinels"),
        table(("Assignments", "Answers", "Wrong", "Rate", "Interval", "Lapse rate"), rows, caption=caption),
    )


def _times_measured(facts: Mapping[str, Any]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    shown = [row for row in facts["achieved_exposures"] if row["n_recorded"]]
    if shown:
        rows = [
            line(
                exposure(row["exposure_ms"]),
                f"{row['n_recorded']:,}",
                number(row["median_ms"], 0),
                f"{number(row['p05_ms'], 0)} to {number(row['p95_ms'], 0)}",
                number(row["largest_error_ms"], 0),
                percent(row["within_one_frame"]),
            )
            for row in shown
        ]
        head = (
            "Planned",
            "Answers measured",
            "Median (ms)",
            "5 % to 95 % (ms)",
            "Largest error (ms)",
            "Within a frame",
        )
        blocks += [Block("heading", "Exposures as measured by the page"), table(head, rows)]
    places = {name: place for place, name in enumerate(_contrasts(facts))}
    timed = [row for row in facts["response_times"] if row["n_recorded"]]
    if timed:
        times = [
            line(
                "all" if row["contrast"] == "all" else row["contrast"].replace(":", " against "),
                "" if row["contrast"] == "all" else exposure(row["exposure_ms"]),
                f"{row['n_recorded']:,}",
                number(row["median_ms"], 0),
                f"{number(row['p05_ms'], 0)} to {number(row['p95_ms'], 0)}",
            )
            for row in sorted(timed, key=lambda row: places.get(row["contrast"], -1))
        ]
        titles = ("Contrast", "Exposure", "Answers", "Median (ms)", "5 % to 95 % (ms)")
        blocks += [Block("heading", "Response times"), table(titles, times, (0, 1))]
    limited = facts["experiment"]["mode"] == "limited-time"
    missing = [*(["exposures"] if limited and not shown else []), *([] if timed else ["response times"])]
    if missing:
        blocks.append(
            paragraph(f"The page recorded no {series(missing).replace(' and ', ' and no ')}.", note=True)
        )
    return tuple(blocks)


def sensitivity_section(facts: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return what other sentinel rules would have found; nothing where there are no sentinels."""
    if not facts["counts"]["sentinels"]:
        return ()
    rules = {"own": "each study's own", "none": "no sentinel filter"}
    rows = []
    for row in facts["sensitivity"]:
        rule = rules.get(row["rule"]) or f"{row['allowed']:.0f} wrong allowed"
        rows.append(
            line(
                rule + (" (this report)" if row["used"] else ""),
                f"{row['excluded_assignments']}",
                f"{row['judgments']:,}",
                "–" if row["largest_change"] is None else f"{100 * row['largest_change']:.1f}",
                "–" if row["decisions_changed"] is None else f"{row['decisions_changed']:.0f}",
            )
        )
    blocks = [
        paragraph(
            "Does it matter how strictly workers are filtered? Each rule, against the one of this report."
        ),
        table(
            ("Rule", "Excluded", "Answers", "Largest change of a rate (points)", "Tests that change sides"),
            rows,
        ),
    ]
    names = "With" if facts["settings"]["sentinel_filter"] else "Without"
    other = "without" if facts["settings"]["sentinel_filter"] else "with"
    both = []
    groups, others = (groups_of(facts, facts[key]) for key in ("preference", "preference_other_filter"))
    for name, cells in groups.items():
        for cell, twin in zip(cells, others.get(name, ()), strict=False):
            both.append(
                line(
                    name,
                    exposure(cell["exposure_ms"]),
                    percent(cell["rate"]),
                    interval(cell["low"], cell["high"]),
                    percent(twin["rate"]),
                    interval(twin["low"], twin["high"]),
                )
            )
    head = ("Contrast", "Exposure", f"{names} filter", "Interval", f"{other.capitalize()} filter", "Interval")
    return (
        *blocks,
        Block("heading", f"Rates {names.lower()} and {other} the sentinel filter"),
        table(head, both, (0, 1)),
    )


def design_section(facts: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return what the study was."""
    experiment, counts = facts["experiment"], facts["counts"]
    several = len(facts["studies"])
    places = f"{counts['filled']:,} of {counts['places']:,} filled" if counts["places"] else "not stated"
    kinds = f"{counts['genuine']:,} to genuine trials, {counts['sentinels']:,} to sentinels"
    entries = [
        *([("Studies", f"{several}, pooled")] if several > 1 else []),
        ("Mode", experiment["mode"]),
        ("Conditions", series(experiment["conditions"])),
        ("Contrasts", series([pair.replace(":", " against ") for pair in _contrasts(facts)])),
        ("Exposures", seconds_of(experiment["exposures_ms"])),
        ("Question", _stated(facts, "question")),
        ("Pairing", _stated(facts, "pairing")),
        ("HITs", f"{experiment['hits']} of up to {count(experiment['trials_per_hit'], 'trial')}"),
        ("Sentinels", _sentinels(experiment)),
        ("Practice", _a_hit(experiment["practice_trials"])),
        ("Workers per HIT", _stated(facts, "workers_per_hit")),
        ("Places", places),
        ("Assignments", f"{counts['assignments']:,}, by {count(counts['workers'], 'worker')}"),
        ("Answers", f"{counts['judgments']:,}: {kinds}"),
        ("Pairs", f"{counts['pairs']:,}"),
        ("Reward", _stated(facts, "reward_usd", dollars)),
        ("Collected", _when(counts)),
    ]
    return (Block("facts", entries=tuple(entries)),)


def _stated(facts: Mapping[str, Any], name: str, text: Callable[[Any], str] = str) -> str:
    """What study.json states, or each of several studies."""
    return series([text(value) for value in by_study(facts, name)], "or") or "not stated"


def _a_hit(number: int | None) -> str:
    return "not as many in every HIT" if number is None else f"{number} a HIT" if number else "none"


def _contrasts(facts: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(row["contrast"] for row in facts["preference"]))


def _sentinels(experiment: Mapping[str, Any]) -> str:
    number = experiment["sentinels_per_hit"]
    return _a_hit(number) if number == 0 else f"{_a_hit(number)} ({sentinels_shown(experiment)})"


def _when(counts: Mapping[str, Any]) -> str:
    first, last = counts["first_submitted_at"], counts["last_submitted_at"]
    if not first:
        return "no times recorded"
    return first[:10] if first[:10] == last[:10] else f"{first[:10]} to {last[:10]}"


def _settings(settings: Mapping[str, Any]) -> str:
    """The settings as options are written; those of a bootstrap only where there is one."""
    drawn = settings["cluster"].endswith("bootstrap")
    words = {True: "yes", False: "no"}
    return ", ".join(
        f"{name.replace('_', ' ')} {words[value] if isinstance(value, bool) else value}"
        for name, value in settings.items()
        if value is not None and (drawn or name not in {"resamples", "seed"})
    )


def provenance_section(facts: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return what the report was made from."""
    entries = [
        (f"Answers in {source['folder']}", f"SHA-256 {source['answers_sha256']}")
        for source in facts["sources"]
    ]
    entries += [
        ("Study", f"{study['study']}; plan SHA-256 {study['plan_sha256'] or 'not recorded'}")
        for study in facts["studies"]
    ]
    entries += [
        ("Settings", _settings(facts["settings"])),
        ("Versions", ", ".join(f"{key} {value}" for key, value in facts["versions"].items())),
    ]
    blocks = [Block("facts", entries=tuple(entries))]
    if facts["problem_count"]:
        more = facts["problem_count"] - len(facts["problems"])
        blocks += [Block("heading", "Problems in the input"), Block("list", entries=tuple(facts["problems"]))]
        blocks += [paragraph(f"and {more} more", note=True)] if more > 0 else []
    return tuple(blocks)
