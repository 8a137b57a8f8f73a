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

from ..figures.aside import aside
from ..figures.stimuli import load_stimuli
from ..reading.belonging import belonging
from ..reading.exclusion import Exclusion, Rules, exclude
from ..reading.results import Results, read_results
from ..statistics.agreement import agreement_table
from ..statistics.columns import PREFERENCE_COLUMNS
from ..statistics.comparison import comparison_table
from ..statistics.curve import THRESHOLD
from ..statistics.differences import difference_table
from ..statistics.gathering import CELL_KEYS, Gathered, design_cells, gather
from ..statistics.grouping import analysed
from ..statistics.pairs import pair_table
from ..statistics.preference import Intervals, preference_table
from ..statistics.psychometric import blank_curve, estimate_curves
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
    from ..statistics.curve import CurveFit
    from ..statistics.grouping import Analysed


@dataclass(frozen=True)
class AnalysisSettings:
    """How answers are turned into evidence; every choice that `analyze` offers.

    rules: exclusion. intervals: intervals, tests. curve: one of `choices.CURVE_SHAPES`. exposure: one of
    `choices.EXPOSURES`. threshold: the rate whose exposure the curves are asked for. compare: set the folders
    against each other as well as pooling them. seed: of bootstraps. metrics, directions: as
    `scores.read_scores` takes them.
    """

    rules: Rules = field(default_factory=Rules)
    intervals: Intervals = field(default_factory=Intervals)
    curve: str = "logistic"
    exposure: str = "nominal"
    threshold: float = THRESHOLD
    compare: bool = False
    seed: int = 0
    metrics: tuple[Path, ...] = ()
    directions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the choices that no other part checks."""
        blank_curve(self.curve, self.exposure, self.intervals.level, self.threshold)

    @property
    def alpha(self) -> float:
        """The level of every test whose verdict is stated: what the intervals leave."""
        return self.intervals.alpha


@dataclass(frozen=True)
class Evidence:
    """What was found. Tables as docs/file-formats.md names them; `curves` and `ranking` have no rows where
    none apply."""

    settings: AnalysisSettings
    results: Results
    exclusion: Exclusion
    counts: dict[str, int]
    images: pd.DataFrame
    preference: pd.DataFrame
    unfiltered: pd.DataFrame
    curves: list[CurveFit]
    differences: pd.DataFrame
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
    cells = design_cells(results.trials, results.experiment.get("contrasts") or ())
    gathered = gather(exclusion.judgments, cells)
    cluster, level = settings.intervals.cluster, settings.intervals.level
    try:
        answers = analysed(gathered, cluster=cluster)
    except NothingLeftError as error:
        raise GlimpseError(f"{error}{_problems_found(results)}") from None
    described = aside(lambda: _described(results, answers, level, folders))
    contrasts = list(dict.fromkeys(cells["contrast"]))
    blank = blank_curve(settings.curve, settings.exposure, level, settings.threshold)
    curves = estimate_curves(answers, contrasts, results.real, blank)
    preference, unfiltered = _filtered_or_not(results, settings, answers, exclusion)
    pairs = pair_table(answers, contrasts, results.real)
    stimuli, problems = load_stimuli(images, pairs, results) if images else ([None] * len(pairs), ())
    metrics = compare_metrics(results, answers, contrasts, settings.metrics, settings.directions, level)
    return Evidence(
        settings=settings,
        results=replace(results, problems=(*results.problems, *problems, *metrics.problems)),
        exclusion=exclusion,
        counts=_counts(answers),
        images=_images(answers, results.real),
        preference=preference,
        unfiltered=unfiltered,
        stopping=stopping_table(exclusion, gathered),
        metrics=metrics,
        curves=[one.curve for one in curves],
        differences=difference_table(answers, curves, results.real, settings.intervals),
        rankings=rank_conditions(answers, level=level, adjustment=settings.intervals.adjust),
        side_bias=side_bias(answers, level=level),
        sensitivity=sensitivity(results, settings, answers, exclusion, preference),
        pairs=pairs,
        stimuli=stimuli,
        comparison=_comparison(exclusion.judgments, cells, settings) if settings.compare else pd.DataFrame(),
        **described(),
    )


def _described(results: Results, answers: Analysed, level: float, folders: Sequence[Path]) -> dict[str, Any]:
    """Return those parts of `Evidence` that nothing else is computed from: half of the work."""
    gathered = answers.gathered
    return {
        "workers": worker_table(gathered, level=level),
        "agreement": agreement_table(answers, level=level),
        "sentinels": sentinel_table(gathered, level=level, cluster=answers.cluster.name),
        "response_times": response_times(answers),
        "exposures": achieved_exposures(answers, results.assignments),
        "digests": tuple(_digest(folder) for folder in folders),
    }


def _filtered_or_not(
    results: Results, settings: AnalysisSettings, answers: Analysed, exclusion: Exclusion
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return preference.csv as the settings have it, and with the other choice of the sentinel filter."""
    on, level = settings.rules.sentinel_filter, settings.intervals.level
    lifted = exclude(results, replace(settings.rules, sentinel_filter=not on))
    gathered = _under(answers.gathered, lifted)
    mine, other = _preference(answers, settings), _preference(gathered, settings, answers)
    return (
        with_anytime(mine, exclusion, answers.gathered, level).assign(filtered=on),
        with_anytime(other, lifted, gathered, level).assign(filtered=not on),
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


def _counts(answers: Analysed) -> dict[str, int]:
    """Judgments by kind, and what they are of."""
    gathered, shown = answers.gathered, answers.gathered.shown
    sources, trials = len(gathered.sources), len(shown.cell)
    judged = np.zeros(sources * trials, dtype=np.int64)  # of each trial, by source
    for here in gathered.parts:
        source = gathered.source[gathered.assignment[here]].astype(np.int64)
        judged += np.bincount(source * trials + gathered.trial[here], minlength=len(judged))
    source, trial = np.divmod(np.flatnonzero(judged), max(trials, 1))
    seen = np.unique(shown.pair[trial].astype(np.int64) * sources + source) // max(sources, 1)
    sentinel = shown.cell < 0
    sentinels = int(judged[np.tile(sentinel, sources)].sum())
    return {
        "judgments": len(gathered),
        "analysed": int(answers.keep.sum()),
        "sentinels": sentinels,
        "genuine": len(gathered) - sentinels,
        "analysed_workers": int(np.count_nonzero(np.bincount(answers.worker()))),
        "pairs": len(np.unique(shown.pair[trial[~sentinel[trial]]])),
        "shared_pairs": int((np.bincount(seen) > 1).sum()),
    }


def _images(answers: Analysed, real: str | None) -> pd.DataFrame:
    """How many images of each condition were judged, and in how many pairs of a cell each stood on average:
    condition, images, pairs_per_image."""
    shown, cells = answers.gathered.shown, answers.gathered.cells
    trial = np.flatnonzero(answers.by_trial[0])
    names = [cells[f"condition_{side}"].to_numpy(str)[shown.cell[trial]] for side in "ab"]
    table = pd.DataFrame({
        "condition": np.concatenate(names), "cell": np.tile(shown.cell[trial], 2),
        "image": np.concatenate([shown.image_a[trial], shown.image_b[trial]]),
        "pair": np.tile(shown.pair[trial], 2),
    }).drop_duplicates()  # fmt: skip
    each = table.groupby("condition")
    uses = table.groupby(["condition", "cell"])
    per_image = (uses.size() / uses["image"].nunique()).groupby("condition").mean()
    found = pd.DataFrame({"images": each["image"].nunique(), "pairs_per_image": per_image}).reset_index()
    return found.sort_values("condition", key=lambda names: names == real, kind="stable", ignore_index=True)


def _under(gathered: Gathered, rules: Exclusion) -> Gathered:
    """The same answers under other rules."""
    return gathered.marked(rules.judgments.reason, rules.judgments.max_error_ms)


def _preference(
    judgments: Gathered | Analysed, settings: AnalysisSettings, base: Analysed | None = None
) -> pd.DataFrame:
    """Return preference.csv, with empty cells where the rules leave nothing. base: answers that were counted
    under other rules."""
    rng = np.random.default_rng(settings.seed)
    gathered = judgments if isinstance(judgments, Gathered) else judgments.gathered
    try:
        answers = base.under(gathered) if base else analysed(judgments, cluster=settings.intervals.cluster)
        return preference_table(answers, gathered.cells, settings.intervals, rng=rng)
    except NothingLeftError:
        nothing = {"n": 0, "k": 0, "n_workers": 0, "n_images_a": 0, "n_images_b": 0, "n_pairs": 0}
        table = gathered.cells[CELL_KEYS].assign(**nothing, filtered=True, note="no answers")
        return table.reindex(columns=list(PREFERENCE_COLUMNS))


def sensitivity(
    results: Results, settings: AnalysisSettings, answers: Analysed, used: Exclusion, base: pd.DataFrame
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
    rows: list[dict[str, Any]] = []
    known: dict[bytes, dict[str, Any]] = {}
    for kind, allowed in [*kinds, ("none", None)]:
        rules = replace(settings.rules, sentinel_filter=kind != "none", max_wrong_sentinels=allowed)
        this = (kind, allowed) == mine if settings.rules.sentinel_filter else kind == "none"
        row = {"rule": kind, "allowed": math.nan if allowed is None else float(allowed), "used": this}
        found = exclude(results, rules)
        same = found.judgments.reason.tobytes()  # rules that exclude the same give the same
        if same not in known:
            known[same] = _strictness(_under(answers.gathered, found), answers, settings, base)
        out = {"excluded_assignments": int(found.assignments["excluded"].sum())}
        rows.append(row | out | known[same])
    return pd.DataFrame(rows)


def _strictness(
    gathered: Gathered, answers: Analysed, settings: AnalysisSettings, base: pd.DataFrame
) -> dict[str, Any]:
    """What one rule gives."""
    row: dict[str, Any] = {"judgments": 0, "largest_change": math.nan, "decisions_changed": math.nan}
    table = _preference(gathered, settings, answers)
    kept = int(table["n"].sum())
    if not kept:
        return row
    change = (table["rate"] - base["rate"]).abs()
    both = table["p_adjusted"].notna() & base["p_adjusted"].notna()
    moved = (table["p_adjusted"] < settings.alpha) != (base["p_adjusted"] < settings.alpha)
    return {
        "judgments": kept,
        "largest_change": float(change.max()),
        "decisions_changed": int((moved & both).sum()),
    }


def _comparison(judgments: Judgments, cells: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """Each folder by itself, and its differences from the first."""
    return comparison_table(
        {name: _preference(gather(judgments.of_source(name), cells), settings) for name in judgments.sources}
    )


def _digest(folder: Path) -> tuple[str, str]:
    """Return the folder's name and the SHA-256 of its answers."""
    with (folder / "assignments.jsonl").open("rb") as answers:
        return str(folder), hashlib.file_digest(answers, "sha256").hexdigest()
