"""Everything that a report says, computed once: from results folders and settings to one `Evidence`."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.errors import GlimpseError, NothingLeftError
from glimpse.progress import untracked

from ..figures.stimuli import load_stimuli
from ..reading.belonging import belonging
from ..reading.exclusion import Exclusion, Rules, exclude, included
from ..reading.results import Results, read_results
from ..statistics.agreement import agreement_table
from ..statistics.choices import ALPHA, EXPOSURES
from ..statistics.clustering import Occurring, way_of
from ..statistics.columns import PREFERENCE_COLUMNS
from ..statistics.comparison import comparison_table
from ..statistics.pairs import pair_table
from ..statistics.preference import CELL_KEYS, Intervals, design_cells, preference_table
from ..statistics.psychometric import CurveFit, fit_curves
from ..statistics.ranking import Ranking, rank_conditions
from ..statistics.sequential import stopping_table, with_anytime
from ..statistics.timing import achieved_exposures, response_times
from ..statistics.workers import SideBias, sentinel_table, side_bias, worker_table
from .metrics import Metrics, compare_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from glimpse.progress import Track

    from ..figures.stimuli import Stimuli
    from ..reading.judgments import Judgments


@dataclass(frozen=True)
class AnalysisSettings:
    """How answers are turned into evidence; every choice that `analyze` offers.

    rules: exclusion. intervals: intervals, tests. curve: one of `choices.CURVE_SHAPES`. exposure: one of
    `choices.EXPOSURES`. compare: set the folders against each other as well as pooling them. seed: of
    bootstraps. metrics, directions: as `scores.read_scores` takes them.
    """

    rules: Rules = field(default_factory=Rules)
    intervals: Intervals = field(default_factory=Intervals)
    curve: str = "logistic"
    exposure: str = "nominal"
    compare: bool = False
    seed: int = 0
    metrics: tuple[Path, ...] = ()
    directions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the choices that no other part checks."""
        if self.exposure not in EXPOSURES:
            raise GlimpseError(f"exposure is {self.exposure!r}; allowed are {' and '.join(EXPOSURES)}.")


@dataclass(frozen=True)
class Evidence:
    """What was found. Tables as docs/file-formats.md names them; `curves` and `ranking` have no rows where
    none apply."""

    settings: AnalysisSettings
    results: Results
    exclusion: Exclusion
    counts: dict[str, int]
    preference: pd.DataFrame
    unfiltered: pd.DataFrame
    curves: list[CurveFit]
    rankings: list[Ranking]
    workers: pd.DataFrame
    agreement: pd.DataFrame
    sentinels: pd.DataFrame
    side_bias: SideBias
    response_times: pd.DataFrame
    exposures: pd.DataFrame
    sensitivity: pd.DataFrame
    pairs: pd.DataFrame
    comparison: pd.DataFrame
    stopping: pd.DataFrame
    metrics: Metrics
    stimuli: Sequence[Stimuli | None]
    digests: tuple[tuple[str, str], ...]


def evaluate(
    folders: Sequence[Path],
    settings: AnalysisSettings,
    images: Path | None = None,
    track: Track = untracked,
) -> Evidence:
    """Read the folders and compute everything. GlimpseError where nothing can be analysed, and why.

    images: the folder of the stimuli, for the pairs that are to be shown.
    """
    if settings.compare and len(folders) < 2:
        raise GlimpseError("--compare compares results folders; name two or more.")
    _refuse_twice(folders)
    results = belonging(read_results(list(folders), track=track))
    exclusion = exclude(results, settings.rules)
    judgments = exclusion.judgments
    try:
        counts = _counts(judgments)
    except NothingLeftError as error:
        raise GlimpseError(f"{error}{_problems_found(results)}") from None
    cells = design_cells(results.trials, results.experiment.get("contrasts") or ())
    contrasts = list(dict.fromkeys(cells["contrast"]))
    preference = _preference(judgments, cells, settings)
    lifted = exclude(results, replace(settings.rules, sentinel_filter=not settings.rules.sentinel_filter))
    other = _preference(lifted.judgments, cells, settings)
    pairs = pair_table(judgments, contrasts, results.real)
    stimuli, problems = load_stimuli(images, pairs, results) if images else ([None] * len(pairs), ())
    level = settings.intervals.level
    metrics = compare_metrics(results, judgments, contrasts, settings.metrics, settings.directions, level)
    return Evidence(
        settings=settings,
        results=replace(results, problems=(*results.problems, *problems, *metrics.problems)),
        exclusion=exclusion,
        counts=counts,
        preference=with_anytime(preference, exclusion, level).assign(filtered=settings.rules.sentinel_filter),
        unfiltered=with_anytime(other, lifted, level).assign(filtered=not settings.rules.sentinel_filter),
        stopping=stopping_table(exclusion),
        metrics=metrics,
        curves=_curves(judgments, contrasts, results.real, settings),
        rankings=rank_conditions(judgments, level=level),
        workers=worker_table(judgments, level=level),
        agreement=agreement_table(judgments, level=level),
        sentinels=sentinel_table(judgments, level=level),
        side_bias=side_bias(judgments, level=level),
        response_times=response_times(judgments),
        exposures=achieved_exposures(judgments, results.assignments),
        sensitivity=sensitivity(results, settings, cells, exclusion, preference),
        pairs=pairs,
        stimuli=stimuli,
        comparison=_comparison(judgments, cells, settings) if settings.compare else pd.DataFrame(),
        digests=tuple(_digest(folder) for folder in folders),
    )


def _curves(
    judgments: Judgments, contrasts: Sequence[str], real: str | None, settings: AnalysisSettings
) -> list[CurveFit]:
    return fit_curves(
        judgments,
        contrasts,
        real=real,
        family=settings.curve,
        exposure=settings.exposure,
        level=settings.intervals.level,
    )


def _refuse_twice(folders: Sequence[Path]) -> None:
    named: set[Path] = set()
    for folder in folders:
        if folder.resolve() in named:
            raise GlimpseError(f"{folder} is named twice; name each results folder once.")
        named.add(folder.resolve())


def _problems_found(results: Results) -> str:
    """What else was found while reading, for whoever cannot get to the report that lists it."""
    if not results.problems:
        return ""
    more = f", and {len(results.problems) - 1} more" if len(results.problems) > 1 else ""
    return f" Problems in the input: {results.problems[0]}{more}."


def _counts(judgments: Judgments) -> dict[str, int]:
    """Judgments by kind, and what they are of. NothingLeftError where none is analysed."""
    workers, pairs, in_source = Occurring(), Occurring(), Occurring()
    found = {"judgments": len(judgments), "analysed": 0, "sentinels": 0}
    for part in included(judgments, ("worker",)):
        found["analysed"] += len(part)
        workers.add(np.zeros(len(part), dtype=np.int8), way_of(part["worker"]))
    for part in judgments.parts(("pair", "sentinel", "source")):
        sentinel, pair = part["sentinel"].to_numpy(bool), way_of(part["pair"])
        found["sentinels"] += int(sentinel.sum())
        pairs.add(sentinel, pair)
        in_source.add(way_of(part["source"]).code, pair)
    return found | {
        "genuine": found["judgments"] - found["sentinels"],
        "analysed_workers": workers.counts()[0],
        "pairs": pairs.counts()[False],
        "shared_pairs": in_source.shared(),
    }


def _preference(judgments: Judgments, cells: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """Return preference.csv, with empty cells where the rules leave nothing."""
    rng = np.random.default_rng(settings.seed)
    try:
        return preference_table(judgments, cells, settings.intervals, rng=rng)
    except NothingLeftError:
        table = cells[CELL_KEYS].assign(n=0, k=0, n_workers=0, n_pairs=0, filtered=True, note="no answers")
        return table.reindex(columns=list(PREFERENCE_COLUMNS)).astype({"df": "Int64"})


def sensitivity(
    results: Results, settings: AnalysisSettings, cells: pd.DataFrame, used: Exclusion, base: pd.DataFrame
) -> pd.DataFrame:
    """Return how the findings change with the strictness of the sentinel rule.

    used, base: what the rules of this report give, and its preference.csv. Columns: rule ("number" of wrong
    sentinels that are allowed, each study's "own" where these differ, or "none"), allowed (that number; NaN
    for the others), used (the rule of this report), excluded_assignments, judgments, largest_change (of any
    cell's rate against this report's, in rate units), decisions_changed (cells whose adjusted test changes
    its verdict at ALPHA). A rule that leaves nothing has NaN in the last three.
    """
    chosen, own = (
        settings.rules.max_wrong_sentinels,
        {results.max_wrong_of(study) for study in results.studies},
    )
    ours = own if chosen is None else {chosen}
    numbers = {*range(min(4, int(used.assignments["n_sentinels"].max()))), *(ours if len(ours) == 1 else ())}
    kinds: list[tuple[str, int | None]] = [("number", number) for number in sorted(numbers)]
    kinds += [("own", None)] if len(own) > 1 else []
    mine = ("number", *ours) if len(ours) == 1 else ("own", None)
    rows = []
    for kind, allowed in [*kinds, ("none", None)]:
        rules = replace(settings.rules, sentinel_filter=kind != "none", max_wrong_sentinels=allowed)
        this = (kind, allowed) == mine if settings.rules.sentinel_filter else kind == "none"
        row = {"rule": kind, "allowed": math.nan if allowed is None else float(allowed), "used": this}
        rows.append(row | _strictness(results, settings, cells, base, rules))
    return pd.DataFrame(rows)


def _strictness(
    results: Results, settings: AnalysisSettings, cells: pd.DataFrame, base: pd.DataFrame, rules: Rules
) -> dict[str, Any]:
    """What one rule gives."""
    found = exclude(results, rules)
    row: dict[str, Any] = {
        "excluded_assignments": int(found.assignments["excluded"].sum()),
        "judgments": 0,
        "largest_change": math.nan,
        "decisions_changed": math.nan,
    }
    table = _preference(found.judgments, cells, settings)
    kept = int(table["n"].sum())
    if not kept:
        return row
    change = (table["rate"] - base["rate"]).abs()
    both = table["p_adjusted"].notna() & base["p_adjusted"].notna()
    moved = (table["p_adjusted"] < ALPHA) != (base["p_adjusted"] < ALPHA)
    return row | {
        "judgments": kept,
        "largest_change": float(change.max()),
        "decisions_changed": int((moved & both).sum()),
    }


def _comparison(judgments: Judgments, cells: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """Each folder by itself, and its differences from the first."""
    sources = judgments.sources
    return comparison_table(
        {name: _preference(judgments.of_source(name), cells, settings) for name in sources}
    )


def _digest(folder: Path) -> tuple[str, str]:
    """Return the folder's name and the SHA-256 of its answers."""
    with (folder / "assignments.jsonl").open("rb") as answers:
        return str(folder), hashlib.file_digest(answers, "sha256").hexdigest()
