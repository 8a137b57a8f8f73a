"""What was registered in advance, and what a report does otherwise: facts for summary.json and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glimpse.files import file_digest
from glimpse.registration import change_in_words, value_in_words

from ..reading.item_groups import found_beside
from ..statistics.choices import ADJUSTMENTS, CLUSTERS, CURVE_SHAPES
from .analyses import shown_analyses, titles_of
from .formats import NBSP, exposures, level_text, milliseconds, series, some

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import pandas as pd

    from glimpse.registration import RegisteredVersion

    from ..reading.registrations import FoundRegistration
    from ..reading.results import Results
    from .settings import AnalysisSettings

    Settings = Mapping[str, Any]


def _wrong(settings: Settings) -> str:
    return str(settings["max_wrong_sentinels"]) if settings["sentinel_filter"] else "any number"


def _margin(settings: Settings) -> str:
    margin = settings["equivalence"]
    return "not tested" if margin is None else f"{100 * margin:g} percentage points"


def _off(settings: Settings) -> str:
    off = settings["max_exposure_error_ms"]
    return "any" if off is None else milliseconds(off)


def _seed(settings: Settings) -> str:
    one = CLUSTERS.get(settings["cluster"])
    return str(settings["seed"]) if one is None or one.bootstrap else "not used"


def _named(choices: Mapping[str, Any], name: str, label: str) -> str:
    """A choice as reports name it; one that only a later version knows by its key."""
    return str(getattr(choices[name], label)) if name in choices else name


# What is compared, in words; what a study must have for it; which settings it needs, and what they say.
COMPARED: tuple[tuple[str, str, tuple[str, ...], Callable[[Settings], str]], ...] = (
    ("Level of intervals", "", ("level",), lambda s: level_text(s["level"])),
    ("Answers cluster by", "", ("cluster",), lambda s: _named(CLUSTERS, s["cluster"], "name")),
    ("Adjustment of p-values", "", ("adjust",), lambda s: _named(ADJUSTMENTS, s["adjust"], "label")),
    ("Wrong sentinels allowed", "sentinels", ("sentinel_filter", "max_wrong_sentinels"), _wrong),
    ("Of a participant's assignments in a batch", "", ("repeat_workers",),
     lambda s: "the first counts" if s["repeat_workers"] == "first" else "all count"),
    ("Exposure error allowed", "exposures", ("max_exposure_error_ms",), _off),
    ("Exposures of curves", "exposures", ("exposure",),
     lambda s: "as measured" if s["exposure"] == "measured" else "as planned"),
    ("Shape of curves", "exposures", ("curve",), lambda s: _named(CURVE_SHAPES, s["curve"], "label")),
    ("Threshold of curves", "exposures", ("threshold",), lambda s: level_text(s["threshold"])),
    ("Margin of equivalence", "", ("equivalence",), _margin),
    ("Seed of the bootstrap", "", ("seed", "cluster"), _seed),
    ("Metrics", "", ("metrics",), lambda s: value_in_words(s["metrics"])),
    ("Groups of items", "", ("items",), lambda s: value_in_words(s["items"])),
)  # fmt: skip


def registration_facts(
    found: Sequence[FoundRegistration],
    facts: Mapping[str, Any],
    results: Results,
    settings: AnalysisSettings,
    shown: Mapping[str, Sequence[Any]],
) -> list[dict[str, Any]]:
    """Return what summary.json says of each study's registration, documented in docs/summary.md.

    facts: the rest of the summary. shown: "conditions", "contrasts" ("a:b") and "exposures_ms" with answers.
    """
    used = dict(facts["settings"]) | _files(results, settings)
    names = shown_analyses(facts)
    task = "single" if results.single else "pairs"
    return [_facts(one, used, names, task, results, shown) for one in found]


def _files(results: Results, settings: AnalysisSettings) -> dict[str, Any]:
    """The files of metrics and groups that were used, as a registration names them."""
    groups = settings.items or found_beside(results.folders)
    return {
        name: [{"file": path.name, "sha256": file_digest(path)} for path in paths]
        for name, paths in (("metrics", settings.metrics), ("items", [groups] if groups else []))
    }


def _facts(
    found: FoundRegistration, used: Settings, names: Sequence[str], task: str, results: Results,
    shown: Mapping[str, Sequence[Any]],
) -> dict[str, Any]:  # fmt: skip
    versions = found.registration.versions
    first, latest = versions[0], versions[-1]
    before = [one for one in versions if found.was_before(one.registered_at)]
    in_force = before[-1] if before else first
    rows: list[dict[str, Any]] = []
    if found.of_this_design:
        if used["max_wrong_sentinels"] is None:
            used = {**used, "max_wrong_sentinels": results.max_wrong_of(found.registration.study)}
        has = {"": True, "exposures": results.mode == "limited-time", "sentinels": _has_sentinels(results)}
        rows = _settings_rows(in_force, latest, used, {name for name, there in has.items() if there})
        rows += _design_rows(in_force, results, found.registration.study, task, shown)
    return {
        "study": found.registration.study,
        "of_studies": len(results.studies),
        "registered_at": first.registered_at,
        "sha256": found.sha256,
        "design_sha256": found.registration.design_sha256,
        "of_this_design": found.of_this_design,
        "first_answer_at": found.first_answer_at or None,
        "before_first_answer": found.was_before(first.registered_at),
        "why_unknown": found.why_unknown(first.registered_at) or None,
        "published": first.published,
        "hypotheses": list(in_force.hypotheses),
        "amendments": [
            {
                "registered_at": one.registered_at,
                "reason": one.reason,
                "changes": [change_in_words(change) for change in one.changes],
                "before_first_answer": found.was_before(one.registered_at),
            }
            for one in versions[1:]
        ],
        "compared": rows,
        "registered": titles_of(task, latest.analyses),
        "not_registered": titles_of(task, {*names} - {*latest.analyses}),
        "not_shown": titles_of(task, {*latest.analyses} - {*names}),
    }


def _row(what: str, registered: str, used: str, *, amended: str = "", differs: bool) -> dict[str, Any]:
    texts = {"what": what, "registered": registered, "amended": amended or None, "used": used}
    plain_spaces = {name: text and text.replace(NBSP, " ") for name, text in texts.items()}
    return {**plain_spaces, "differs": differs}


def _settings_rows(
    in_force: RegisteredVersion, latest: RegisteredVersion, used: Settings, has: Collection[str]
) -> list[dict[str, Any]]:
    """The settings that both know, and where they differ; what nobody asked for is left out."""
    rows = []
    for what, of, needed, said in COMPARED:
        known = all(name in one for name in needed for one in (in_force.analysis, latest.analysis, used))
        if not known or of not in has:
            continue
        was, then, now = (said(one) for one in (in_force.analysis, latest.analysis, used))
        if {was, then, now} <= {"none", "not tested", "not used", "any"}:
            continue
        amended = then if then != was else ""
        rows.append(_row(what, was, now, amended=amended, differs=now != was))
    return rows


def _design_rows(
    version: RegisteredVersion, results: Results, study: str, task: str, shown: Mapping[str, Sequence[Any]]
) -> list[dict[str, Any]]:
    """What the design planned, and what came of it."""
    planned, rows = version.planned, []
    if task == "pairs":
        drawn = results.studies[study]["experiment"].get("allocation") == "adaptive"
        rows.append(_names("Contrasts", planned["contrasts"], shown["contrasts"], drawn=drawn))
    else:
        rows.append(_names("Conditions", planned["conditions"], shown["conditions"], drawn=False))
    if results.mode == "limited-time" and None not in planned["exposures_ms"]:
        rows.append(_exposures(planned["exposures_ms"], shown["exposures_ms"]))
    own = results.assignments[results.assignments["study"] == study]
    places, filled, answers = planned["places"], len(own), _genuine(own)
    rule, more, fewer = planned["stop_when"], filled > places, filled < places
    # Fewer are as registered where a rule lets it stop early, and more where excluded ones are replaced.
    otherwise = (fewer and not rule) or (more and not planned["replace_excluded"])
    rows.append(_row("Assignments", f"{places:,}", f"{filled:,}", differs=otherwise))
    lacking = filled == places and answers != planned["answers"]
    rows.append(
        _row("Answers that are no sentinels", f"{planned['answers']:,}", f"{answers:,}",
             differs=otherwise or lacking)
    )  # fmt: skip
    stops = f"early when {rule}" if rule else "when all places are filled"
    now = f"{100 * filled / places:.0f} % of places are filled" if fewer else "all places are filled"
    rows.append(_row("Data collection stops", stops, now, differs=fewer and not rule))
    return rows


def _has_sentinels(results: Results) -> bool:
    return bool(results.trials["sentinel"].any())


def _genuine(assignments: pd.DataFrame) -> int:
    return int(assignments["n_answered"].sum() - assignments["n_sentinels"].sum())


def _names(what: str, planned: Sequence[str], shown: Sequence[str], *, drawn: bool) -> dict[str, Any]:
    """Names of conditions or contrasts; those with answers, whichever of a contrast stands first.

    drawn: whether a server draws trials, so that some may have none.
    """
    there = {frozenset(name.split(":")) for name in shown}
    lacking = [name for name in planned if frozenset(name.split(":")) not in there]
    if not lacking:
        return _row(what, f"{len(planned)}", "all have answers", differs=False)
    noun = what.lower().removesuffix("s")
    listed = some([name.replace(":", " against ") for name in lacking], noun)
    return _row(what, f"{len(planned)}", f"no answers to {listed}", differs=not drawn)


def _exposures(planned: Sequence[float], shown: Sequence[float]) -> dict[str, Any]:
    lacking = sorted({*planned} - {*shown})
    used = f"no answers at {exposures(lacking)}" if lacking else "all have answers"
    return _row("Exposures", exposures(sorted(planned)), used, differs=bool(lacking))


def registered_sentence(registrations: Sequence[Mapping[str, Any]]) -> str:
    """Return what a paper says of the registration; empty where there is nothing, or nobody can tell.

    registrations: as `registration_facts` returns them.
    """
    said = []
    for one in registrations:
        if not one["of_this_design"] or one["before_first_answer"] is None:
            continue
        what = f"Study {one['study']}" if one["of_studies"] > 1 else "The study"
        when = "before" if one["before_first_answer"] else "after"
        text = f"{what} was registered on {one['registered_at'][:10]}, {when} the first answer"
        differing = [row["what"].lower() for row in one["compared"] if row["differs"]]
        said.append(f"{text}; otherwise than registered: {series(differing)}." if differing else f"{text}.")
    others = registrations[0]["of_studies"] - len(registrations) if registrations else 0
    if said and others:
        said.append("The other study was not." if others == 1 else f"The other {others} studies were not.")
    return " ".join(said)
