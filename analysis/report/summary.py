"""summary.json: everything that was found, for machines and for the pages that are made of it.

Documented field by field in docs/summary.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glimpse.files import plain

from ..statistics.workers import WORKER_FLAGS
from .design import experiment, origin, single
from .registered import registration_facts
from .tables import records

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from ..reading.results import Results
    from .evaluation import Evidence

SCHEMA_VERSION = 2
PROBLEMS_LISTED = 50


def summarize(evidence: Evidence, versions: Mapping[str, str]) -> dict[str, Any]:
    """Return the summary as plain JSON values; NaN and infinity are null."""
    results = evidence.results
    own = single([results.max_wrong_of(study) for study in results.studies])
    found = {
        "schema_version": SCHEMA_VERSION,
        "versions": dict(versions),
        "simulated": results.simulated,
        "sources": [{"folder": name, "answers_sha256": digest} for name, digest in evidence.digests],
        "studies": [_study(results, name) for name in results.studies],
        "experiment": experiment(results, list(results.studies)),
        "settings": evidence.settings.to_json(own),
        "counts": _counts(evidence),
        "images": records(evidence.images),
        "exclusions": records(evidence.exclusion.counts),
        **_of_question(evidence),
        "other_questions": [_of_question(one) for one in evidence.others],
        "correlation": records(evidence.correlation),
        "sentinels": records(evidence.sentinels),
        "worker_flags": _flags(evidence),
        "participants": records(evidence.participants),
        "achieved_exposures": records(evidence.exposures),
        **({"playing": records(evidence.playing)} if results.moving else {}),
        "problems": [str(problem) for problem in results.problems[:PROBLEMS_LISTED]],
        "problem_count": len(results.problems),
    }
    # As above, a study that was not registered says what it always did.
    if evidence.registrations:
        found["registrations"] = _registrations(evidence, found)
    return dict(plain(found))


def _registrations(evidence: Evidence, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    answered = [row for one in (facts, *facts["other_questions"]) for row in one["preference"] if row["n"]]
    shown = {"contrasts": [row["contrast"] for row in answered],
             "exposures_ms": [row["exposure_ms"] for row in answered]}  # fmt: skip
    return registration_facts(
        evidence.registrations, plain(facts), evidence.results, evidence.settings, plain(shown)
    )


def _of_question(evidence: Evidence) -> dict[str, Any]:
    """What is about one question."""
    question = evidence.results.question
    about = {"name": question.name, "text": question.text, "answer": question.answer}
    return {
        "question": about | {"judges_sentinels": question.name == evidence.results.judged_by},
        "preference": records(evidence.preference),
        "preference_other_filter": records(evidence.unfiltered),
        "ties": records(evidence.ties),
        "scale": records(evidence.scale),
        "distribution": records(evidence.distribution),
        "curves": [fit.to_dict() for fit in evidence.curves],
        "differences": records(evidence.differences),
        "rankings": [ranking.to_dict() for ranking in evidence.rankings],
        "leaderboard": records(evidence.leaderboard),
        "wins": records(evidence.wins),
        "groups": records(evidence.groups),
        "groups_agree": records(evidence.groups_agree),
        "davidson": records(evidence.davidson),
        "agreement": records(evidence.agreement),
        "side_bias": evidence.side_bias.to_dict(),
        "response_times": records(evidence.response_times),
        "sensitivity": records(evidence.sensitivity),
        "pairs": records(evidence.pairs),
        "comparison": records(evidence.comparison),
        # A study that people came to by one way has nothing to say here, and says it as it always did.
        **({"panels": records(evidence.panels)} if len(evidence.panels) else {}),
        "stopping": records(evidence.stopping),
        "metrics": records(evidence.metrics.table),
    }


def _study(results: Results, name: str) -> dict[str, Any]:
    """One of the studies that were pooled, with its own design."""
    document = results.studies[name]
    return {
        "study": name,
        "title": document.get("title") or "",
        "plan_sha256": document.get("plan_sha256"),
        **origin(document),
        "experiment": experiment(results, [name]),
    }


def _counts(evidence: Evidence) -> dict[str, Any]:
    results, counts = evidence.results, evidence.counts
    assignments = evidence.exclusion.assignments
    times = sorted(text for text in results.assignments["submitted_at"] if text)
    a_hit = results.assignments.groupby("hit", observed=True)["worker"].nunique()
    places, filled = _places(results)
    return {
        "hits": len(a_hit),
        "assignments": len(assignments),
        "places": places,
        "filled": filled,
        "fewest_workers_a_hit": int(a_hit.min()),
        "most_workers_a_hit": int(a_hit.max()),
        "simulated_assignments": int(results.assignments["simulated"].sum()),
        "workers": int(results.assignments["worker"].nunique()),
        "judgments": counts["judgments"],
        "genuine": counts["genuine"],
        "sentinels": counts["sentinels"],
        "excluded_assignments": int(assignments["excluded"].sum()),
        "analysed": counts["analysed"],
        "analysed_workers": counts["analysed_workers"],
        "pairs": counts["pairs"],
        "shared_workers": _shared_workers(results.assignments),
        "shared_pairs": counts["shared_pairs"],
        "first_submitted_at": times[0] if times else None,
        "last_submitted_at": times[-1] if times else None,
    }


def _places(results: Results) -> tuple[int | None, int | None]:
    """How many assignments the studies planned, and how many of these are in; what came beside them is not
    counted. (None, None) where a study does not say, or was imported: more answers may or may not come."""
    done = results.assignments.groupby("hit", observed=True).size()
    places = filled = 0
    for name, document in results.studies.items():
        a_hit = document["experiment"].get("workers_per_hit")
        if not isinstance(a_hit, int) or document.get("imported_from"):
            return None, None
        mine = results.trials[(results.trials["study"] == name) & ~results.trials["practice"]]
        hits = mine["hit"].unique()
        if document["experiment"].get("allocation") == "adaptive":  # a HIT in results is one assignment
            places += a_hit * document["experiment"]["hits_per_batch"]
            filled += int((done.reindex(hits, fill_value=0) > 0).sum())
            continue
        places += a_hit * len(hits)
        filled += int(done.reindex(hits, fill_value=0).clip(upper=a_hit).sum())
    return places, filled


def _shared_workers(assignments: pd.DataFrame) -> int:
    """How many workers occur in more than one folder."""
    together = assignments[["worker", "source"]].drop_duplicates()
    return int((together["worker"].value_counts() > 1).sum())


def _flags(evidence: Evidence) -> list[dict[str, Any]]:
    """How many workers stand out, by what; who they are stays in workers.csv, as pseudonyms."""
    flags = [flag for text in evidence.workers["flags"] for flag in str(text).split("; ") if flag]
    left_out = evidence.exclusion.assignments.groupby("worker", observed=True)["excluded"].all()
    kept = evidence.workers[~evidence.workers["worker"].map(left_out).astype(bool)]
    of_kept = [flag for text in kept["flags"] for flag in str(text).split("; ") if flag]
    return [
        {"flag": flag, "workers": flags.count(flag), "workers_kept": of_kept.count(flag)}
        for flag in WORKER_FLAGS
    ]
