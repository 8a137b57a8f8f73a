"""summary.json: everything that was found, for machines and for the pages that are made of it.

Documented field by field in docs/summary.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.files import plain
from analysis.tables import records

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from analysis.evaluation import Evidence

SCHEMA_VERSION = 1
PROBLEMS_LISTED = 50
EXPERIMENT_FIELDS = (
    "mode", "preset", "real", "sentinel", "contrasts", "exposures_ms", "sentinel_exposure_ms", "pairing",
    "hits_per_batch", "trials_per_cell", "sentinels_per_hit", "practice_trials", "max_wrong_sentinels",
    "workers_per_hit", "reward_usd", "time_allotted_minutes",
)  # fmt: skip


def summarize(evidence: Evidence, versions: Mapping[str, str]) -> dict[str, Any]:
    """Return the summary as plain JSON values; NaN and infinity are null."""
    results = evidence.results
    found = {
        "schema_version": SCHEMA_VERSION,
        "versions": dict(versions),
        "simulated": results.simulated,
        "sources": [{"folder": name, "answers_sha256": digest} for name, digest in evidence.digests],
        "studies": [
            {"study": name, "title": study.get("title") or "", "plan_sha256": study.get("plan_sha256")}
            for name, study in results.studies.items()
        ],
        "experiment": _experiment(evidence),
        "settings": _settings(evidence),
        "counts": _counts(evidence),
        "exclusions": records(evidence.exclusion.counts),
        "preference": records(evidence.preference),
        "preference_other_filter": records(evidence.unfiltered),
        "curves": [fit.to_dict() for fit in evidence.curves],
        "rankings": [ranking.to_dict() for ranking in evidence.rankings],
        "agreement": records(evidence.agreement),
        "side_bias": evidence.side_bias.to_dict(),
        "sentinels": records(evidence.sentinels),
        "worker_flags": _flags(evidence),
        "response_times": records(evidence.response_times),
        "achieved_exposures": records(evidence.exposures),
        "sensitivity": records(evidence.sensitivity),
        "pairs": records(evidence.pairs),
        "comparison": records(evidence.comparison),
        "problems": [str(problem) for problem in results.problems[:PROBLEMS_LISTED]],
        "problem_count": len(results.problems),
    }
    return dict(plain(found))


def _experiment(evidence: Evidence) -> dict[str, Any]:
    results = evidence.results
    known = {name: results.experiment.get(name) for name in EXPERIMENT_FIELDS}
    shown = results.trials[~results.trials["practice"]]
    genuine = shown[~shown["sentinel"]]
    pairs = [*(results.experiment.get("contrasts") or ()), genuine["condition_a"], genuine["condition_b"]]
    shown_there = {*genuine["condition_a"].unique(), *genuine["condition_b"].unique()}
    # In the order of the contrasts, the real condition last.
    named = dict.fromkeys(name for pair in pairs for name in pair if name in shown_there)
    names = sorted(named, key=lambda name: name == results.real)
    # Two folders of one study both bring its trials.
    sizes = shown.drop_duplicates("trial").groupby("hit", observed=True).size()
    return known | {"conditions": names, "trials_per_hit": int(sizes.max()), "hits": len(sizes)}


def _settings(evidence: Evidence) -> dict[str, Any]:
    settings, rules = evidence.settings, evidence.settings.rules
    allowed = rules.max_wrong_sentinels
    return {
        "sentinel_filter": rules.sentinel_filter,
        "max_wrong_sentinels": evidence.results.max_wrong_sentinels if allowed is None else allowed,
        "repeat_workers": rules.repeat_workers,
        "max_exposure_error_ms": rules.max_exposure_error_ms,
        "exposure": settings.exposure,
        "cluster": settings.intervals.cluster,
        "level": settings.intervals.level,
        "adjust": settings.intervals.adjust,
        "resamples": settings.intervals.resamples,
        "curve": settings.curve,
        "compare": settings.compare,
        "seed": settings.seed,
    }


def _counts(evidence: Evidence) -> dict[str, Any]:
    results, counts = evidence.results, evidence.counts
    assignments = evidence.exclusion.assignments
    times = sorted(text for text in results.assignments["submitted_at"] if text)
    per_hit = results.experiment.get("workers_per_hit")
    hits = results.trials[~results.trials["practice"]]["hit"].nunique()
    return {
        "hits": int(results.assignments["hit"].nunique()),
        "assignments": len(assignments),
        "places": int(per_hit) * hits if per_hit else None,
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
        for flag in ("one side", "like a coin", "fast")
    ]
