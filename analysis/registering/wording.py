"""The text of a registration: registration.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from glimpse.files import plain
from glimpse.text import counted

from ..report.analyses import exploratory_titles
from ..report.crowd import is_crowded
from ..report.formats import NBSP, series
from ..report.wording import answers_in_words, template
from ..statistics.choices import CLUSTERS
from .expected import spreads_in_words
from .planned_tests import planned_tests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glimpse.experiment import Experiment
    from glimpse.study import Study

    from .expected import Expectation

SENTINELS = {
    "condition": "{} of the condition {} beside real ones",
    "file": "whose answers a file of ours states",
    "mismatch": "one of whose two {} belongs to another prompt",
}


def registration_text(
    study: Study, version: Mapping[str, Any], expected: Expectation, command: str, design_sha256: str
) -> str:
    """Return registration.md without its amendments, in Markdown, a paragraph a line.

    version: the fields of a `RegisteredVersion` but for `text`. command: which makes the report.
    """
    one, settings = study.experiment, version["analysis"]

    def seen(text: str) -> str:
        return text.replace("image", "clip") if study.moving else text

    rows = plain(expected.rows)
    values = {
        **version,
        "experiment": one,
        "title": study.title,
        "study": study.study,
        "moving": study.moving,
        "settings": settings,
        "answers": [
            _answers(question.kind, "clip" if study.moving else "image") for question in one.questions
        ],
        "paired": _paired(study),
        "contrasts": _contrasts(one),
        "contexts": len(study.contexts),
        "dealt": _dealt(one),
        "sentinels": _sentinels(study),
        "exclusions": _exclusions(one, settings),
        "measured": _measured(study),
        "tests": [seen(text) for text in planned_tests(one, settings, version["analyses"])],
        "interval_note": seen(_interval_note(one, settings)),
        "command": command,
        "rates": _by_spread(rows, "rate"),
        "ds": _by_spread(rows, "d_prime"),
        "ranking": [row for row in rows if row["of"] == "ranking"],
        "spreads": [seen(text) for text in spreads_in_words(one.task)],
        "note": expected.note,
        "exploratory": exploratory_titles(one.task, version["analyses"]),
        "design_sha256": design_sha256,
        "plan_sha256": study.plan_sha256,
    }
    text = template("registration.md.j2", prose=False).render(values)
    return tidy(text)


def tidy(text: str) -> str:
    """Return Markdown with each paragraph and entry in one line, and one empty line between what stands "
    "apart.

    >>> tidy("# A\\nb\\nc\\n\\n\\n- d\\n  e\\n- f\\n")
    '# A\\n\\nb c\\n\\n- d e\\n- f\\n'
    """
    lines: list[str] = []
    for raw in text.replace(NBSP, " ").splitlines():
        line = re.sub(r" {2,}", " ", raw.strip())
        starts = re.match(r"#+ |- |\d+\. |\|", line)
        if line and lines and lines[-1] and not starts and not lines[-1].startswith("#"):
            lines[-1] += f" {line}"
            continue
        kind = starts[0][0] if starts else ""
        last = lines[-1] if lines else ""
        # A list or a table ends where something else begins.
        if (
            line
            and last
            and (last[0] == "#" or (kind != last[0] and not (kind.isdigit() and last[0].isdigit())))
        ):
            lines.append("")
        if line or last:
            lines.append(line)
    return "\n".join(_closed(lines)).strip() + "\n"


def _closed(lines: Sequence[str]) -> list[str]:
    """Lines without the empty ones between two entries of a list or two rows of a table."""
    found: list[str] = []
    for place, line in enumerate(lines):
        after = lines[place + 1] if place + 1 < len(lines) else ""
        if not line and found and after and found[-1][0] == after[0] and after[0] in "-|":
            continue
        found.append(line)
    return found


def _by_spread(rows: Sequence[Mapping[str, Any]], of: str) -> list[tuple[str, list[Mapping[str, Any]]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["of"] == of:
            found.setdefault(row["spread"], []).append(row)
    return list(found.items())


def _answers(kind: Any, image: str) -> str:
    if kind.single:
        if kind.scale:
            return f"{2 * kind.steps} steps from surely real to surely generated"
        return "real or generated"
    return answers_in_words(kind, image)


def _paired(study: Study) -> str:
    one = study.experiment
    if one.task == "single":
        return f"{100 * one.real_share:g} % of a HIT's trials show a real one"
    return {"same-item": "both sides of a pair show one item", "random": "paired at random"}.get(
        one.pairing or "", "paired as the plan says"
    )


def _contrasts(one: Experiment) -> str:
    names = {name for pair in one.contrasts for name in pair}
    if not is_crowded([":".join(pair) for pair in one.contrasts]):
        return series([" against ".join(pair) for pair in one.contrasts])
    every = len(names) * (len(names) - 1) // 2 == len({*map(frozenset, one.contrasts)})
    return "every two conditions" if every else "those of study.json"


def _dealt(one: Experiment) -> str:
    trials = sorted({one.genuine_per_hit(batch) for batch in one.batches})
    count = " or ".join(str(number) for number in trials)
    said = f"{count} in each HIT, in random order"
    if one.task == "pairs" and one.sides:
        said += ", with balanced sides" if one.sides == "balanced" else ", with random sides"
    if one.allocation == "adaptive":
        leading = "leading conditions"
        if one.first:
            leading = f"{counted(one.first, 'leading condition')} and the next"
        said += (
            "; the server draws those of each assignment, four fifths where an answer tells most about the "
            f"{leading}, one fifth at random"
        )
    elif one.hit_trials is not None:
        said += "; cells are spread over HITs, each equally often"
    return said


def _sentinels(study: Study) -> str:
    one, what = study.experiment, "clips" if study.moving else "images"
    if one.sentinels == "condition" and one.task == "single":
        return f"{what} of the condition {_sentinel_conditions(one)}, which are plainly generated"
    return SENTINELS[one.sentinels].format(what, _sentinel_conditions(one))


def _sentinel_conditions(one: Experiment) -> str:
    names = dict.fromkeys(name for name in (one.sentinel, *(batch.sentinel for batch in one.batches)) if name)
    return " or ".join(names)


def _exclusions(one: Experiment, settings: Mapping[str, Any]) -> list[str]:
    said = ["Assignments that lack an answer to a trial are excluded."]
    if one.sentinels_per_hit and settings["sentinel_filter"]:
        allowed = settings["max_wrong_sentinels"]
        wrong = f"{allowed + 1} or more" if allowed else "one or more"
        said.append(
            f"Assignments with {wrong} wrong answers to the {one.sentinels_per_hit} sentinels are excluded."
        )
    elif one.sentinels_per_hit:
        said.append("Nobody is excluded for wrong answers to sentinels.")
    if settings["repeat_workers"] == "first":
        said.append("Of a participant's assignments in a batch, the first counts.")
    else:
        said.append("All assignments of a participant count.")
    off = settings["max_exposure_error_ms"]
    if off is not None and one.mode == "limited-time":
        said.append(f"Answers whose measured exposure is off by more than {off:g} ms are excluded.")
    return said


def _measured(study: Study) -> list[str]:
    one = study.experiment
    said = ["The answer to each trial, and its response time."]
    if one.mode == "limited-time":
        said.append("How long each trial was really shown, as the page measures it.")
    if study.moving:
        said.append("How often each clip was played, and lost frames.")
    said.append("Browser, screen and refresh rate, and how often the page lost the focus.")
    if study.forms:
        said.append(f"Answers to the forms: {', '.join(field.name for field in study.forms)}.")
    return said


def _interval_note(one: Experiment, settings: Mapping[str, Any]) -> str:
    cluster = CLUSTERS[settings["cluster"]]
    if one.task == "single":
        return " and allow for differences between workers and between images"
    return f" and {cluster.allowance}"
