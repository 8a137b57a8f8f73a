"""The templates that say what was found, and the values that they share beside those of summary.json."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from glimpse.questions import DEFAULT_QUESTION, KINDS
from glimpse.stated import TABLE
from glimpse.text import environment, joined

from ..statistics.choices import ADJUSTMENTS, CLUSTERS, CURVE_SHAPES, STANDARD
from ..statistics.ranked import ranks_of
from ..statistics.workers import WORKER_FLAGS
from . import formats
from .crowd import at_longest, is_crowded, only, told_one_by_one
from .leaderboard import rank_set
from .printing import headings, printed
from .tables import facing, oriented

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jinja2 import Template

    from glimpse.questions import AnswerKind

Rows = list[dict[str, Any]]
# What of_all_questions puts together.
POOLED = frozenset({"curves", "differences", "rankings", "davidson", "agreement", "metrics", "ties", "scale"})
CURVE_NEEDS = 3  # exposures
STATED = ("max_wrong_sentinels", "pairing", "question", "reward_usd", "workers_per_hit")


@cache
def template(name: str, *, prose: bool = True) -> Template:
    """Return a template of `templates/report/`; values are escaped in one of HTML."""
    pages = environment(html=name.endswith(".html.j2"), prose=prose)
    pages.filters |= formats.FILTERS | {
        "by_contrast": by_contrast,
        "by_exposure": by_exposure,
        "groupby_order": groupby_order,
        "headings": headings,
        "in_order": in_order,
        "longest": at_longest,
        "only": only,
        "rank_set": rank_set,
        "printed": printed,
        "ranks": ranks_of,
    }
    return pages.get_template(f"report/{name}")


APART = "\x1e"  # between entries: a control character that no name of a condition can have meant


def entries(name: str, values: Mapping[str, Any]) -> list[str]:
    """Return what a text template says, an entry each: these begin with "- " or "* "."""
    return joined(template(name).render(values), "[-*] ", APART).split(APART)


def paragraph(name: str, values: Mapping[str, Any]) -> str:
    """Return what a text template says in one paragraph."""
    return joined(template(name).render(values), "$", "")


def each_question(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the summary once for every question, with that question's statistics at the top."""
    return [dict(facts), *({**facts, **other} for other in facts["other_questions"])]


def of_all_questions(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary with the statistics of all questions together, where they are lists."""
    each = each_question(facts)
    lists = [name for name in facts if name in POOLED]
    return {**facts, **{name: [row for one in each for row in one[name]] for name in lists}}


def shared_values(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary with what follows from it and is said in several places."""
    experiment, counts, studies = facts["experiment"], facts["counts"], facts["studies"]
    rules, question = facts["settings"], facts["question"]
    questions = [question_of(one) for one in each_question(facts)]
    contrasts = list(dict.fromkeys(row["contrast"] for row in facts["preference"]))
    realism = all(one["name"] == DEFAULT_QUESTION.name for one in questions)
    return {
        **facts,
        **kind_of(facts),
        "questions": questions,
        "many": len(questions) > 1,
        "playing": facts.get("playing", []),
        "registrations": facts.get("registrations", []),
        "realism": question["name"] == DEFAULT_QUESTION.name,
        "curve_named": "realism curve" if realism else "preference curve",
        "several": len(studies) > 1,
        "limited": experiment["mode"] == "limited-time",
        "under_way": counts["places"] is not None and counts["filled"] < counts["places"],
        "full": counts["places"] is not None and counts["filled"] >= counts["places"],
        # Of the pages of all studies it is known what they do; their design is known to be the paper's.
        "made_here": all(study["run_with"] for study in studies),
        "after_the_paper": all(
            study["run_with"] or study["imported_from"] == "crn-authors" for study in studies
        ),
        "stated": {name: stated(facts, name) for name in STATED},
        # Votes that were collected elsewhere: a table of them has no HITs, sentinels or places.
        "voted": all(study["imported_from"] == TABLE for study in studies),
        "sides_known": facts["side_bias"]["raw_share"] is not None,
        "contrasts": contrasts,
        "crowded": is_crowded(contrasts),
        "told": told_one_by_one(contrasts, experiment["real"]),
        "board": at_longest(facts["leaderboard"]),
        # What p-values are adjusted for.
        "tests": sum(row["p_value"] is not None for row in facts["preference"]),
        "measured": measured_share(facts),
        "near_an_end": near_an_end(facts),
        "left_out": {row["reason"]: row for row in facts["exclusions"]},
        "facing": facing(facts["preference"], experiment["real"]),
        "cluster": CLUSTERS[rules["cluster"]].spoken(stimulus_of(facts)),
        # No contrast has answers at as many exposures as a curve needs.
        "short": all(len(curve["exposures_ms"]) < CURVE_NEEDS for curve in facts["curves"]),
        "adjustment": ADJUSTMENTS[rules["adjust"]],
        "curve_shape": CURVE_SHAPES[rules["curve"]],
        "flags": WORKER_FLAGS,
    }


def question_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the question that a summary has the statistics of, with its kind of answers in words."""
    return {**facts["question"], **kind_of(facts)}


def kind_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether the answers may be ties, whether they are on a scale, and how far that reaches,
    with words for them; and the share of ties in each cell."""
    kind = KINDS[facts["question"]["answer"]]
    return {
        "tied": kind.tie,
        "scaled": kind.scale,
        "steps": kind.steps,
        # What people saw: one word for it, wherever a sentence is about their study.
        "image": stimulus_of(facts),
        "answers": answers_in_words(kind, stimulus_of(facts)),
        "neither": {(row["contrast"], row["exposure_ms"]): row for row in facts["ties"]},
    }


def stimulus_of(facts: Mapping[str, Any]) -> str:
    """Return what people saw, in a word: "image" or "clip"."""
    return "clip" if "playing" in facts else "image"


def answers_in_words(kind: AnswerKind, stimulus: str = "image") -> str:
    """Say what kind of answers a question has."""
    if kind.scale:
        return f"a scale of {len(kind.answers)} points from the left {stimulus} to the right"
    return "left, right, or neither" if kind.tie else "left or right"


def stated(facts: Mapping[str, Any], name: str) -> list[Any]:
    """What study.json states of the design, each value once; empty where a study does not state it."""
    values = [study["experiment"][name] for study in facts["studies"]]
    return [] if None in values else list(dict.fromkeys(values))


def measured_share(facts: Mapping[str, Any]) -> float | None:
    """The share of answers whose exposure the page measured; None where exposure is unlimited."""
    rows = [row for row in facts["achieved_exposures"] if row["exposure_ms"] is not None]
    answers = sum(row["n"] for row in rows)
    return sum(row["n_recorded"] for row in rows) / answers if answers else None


def near_an_end(facts: Mapping[str, Any]) -> int:
    """How many rates are above 0.9 or below 0.1 and rest on images that stand in several pairs of their cell.

    Their intervals by worker and image hold the truth less often than they claim: docs/coverage.md.
    """
    if facts["settings"]["cluster"] != STANDARD.name:
        return 0
    return sum(
        (0 < row["rate"] < 0.1 or 0.9 < row["rate"] < 1)
        and row["n_pairs"] > min(row["n_images_a"], row["n_images_b"])
        for row in facts["preference"]
        if row["n"]
    )


def by_contrast(rows: Iterable[Mapping[str, Any]], flip: Mapping[str, bool]) -> list[tuple[str, Rows]]:
    """Rows of a preference table by their name ("real over crn"); flip: as `tables.facing` gives it."""
    groups: dict[str, Rows] = {}
    for row in rows:
        cell = oriented(row, flip=flip[row["contrast"]])
        groups.setdefault(f"{cell['winner']} over {cell['loser']}", []).append(cell)
    return list(groups.items())


def groupby_order(rows: Rows, keys: Sequence[str]) -> list[tuple[tuple[Any, ...], Rows]]:
    """Rows by what these keys hold, in the order in which each first occurs."""
    groups: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return list(groups.items())


def by_exposure(cells: Rows) -> Rows:
    """Cells in the order of their exposures."""
    return sorted(cells, key=lambda cell: cell["exposure_ms"] or 0.0)


def in_order(rows: Rows, key: str, names: Sequence[str]) -> Rows:
    """Rows in the order of names, which their `key` holds; those that it does not name come first."""
    places = {name: place for place, name in enumerate(names)}
    return sorted(rows, key=lambda row: places.get(row[key], -1))
