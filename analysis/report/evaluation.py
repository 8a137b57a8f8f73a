"""Everything that a report says, computed once: from results folders and settings to one `Evidence`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.errors import GlimpseError, NothingLeftError
from glimpse.files import refuse_twice
from glimpse.progress import untracked

from ..figures.aside import aside
from ..figures.stimuli import load_stimuli
from ..reading.belonging import belonging
from ..reading.exclusion import Exclusion, exclude
from ..reading.participants import participants
from ..reading.registrations import FoundRegistration, read_registrations
from ..reading.results import Results, read_results
from ..statistics.agreement import agreement_table
from ..statistics.comparison import comparison_table
from ..statistics.correlation import correlation_table
from ..statistics.davidson import davidson_table
from ..statistics.differences import difference_table
from ..statistics.gathering import design_cells, gather
from ..statistics.grouping import analysed
from ..statistics.item_groups import agreement_of_groups
from ..statistics.pairs import pair_table
from ..statistics.playing import playing_table
from ..statistics.psychometric import blank_curve, estimate_curves
from ..statistics.ranking import rank_conditions
from ..statistics.scales import distribution_table, scale_table, ties_table
from ..statistics.sequential import stopping_table
from ..statistics.timing import achieved_exposures, response_times
from ..statistics.win_matrix import leaderboard, win_matrix
from ..statistics.workers import SideBias, sentinel_table, side_bias, worker_table
from .counts import counts_of, images_of
from .crowd import item_groups, told_one_by_one
from .filtering import filtered_or_not, rates_under, sensitivity
from .metrics import Metrics, compare_metrics
from .moving import note_of_clips, table_of_clips
from .pair_drawing import pairs_drawing
from .prompts import prompts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from glimpse.progress import Track

    from ..figures.drawing import DrawingBoard
    from ..figures.stimuli import Stimuli
    from ..reading.design import Problem
    from ..reading.judgments import Judgments
    from ..statistics.curve import CurveFit
    from ..statistics.grouping import Analysed
    from ..statistics.preference import Intervals
    from ..statistics.ranked import Ranking
    from .settings import AnalysisSettings


PAIRS_OF = 3  # contrasts, where there are too many to tell of each
NO_PANEL = "no panel"


@dataclass(frozen=True)
class Evidence:
    """What was found about one question. Tables as docs/file-formats.md names them; `curves` and `ranking`
    have no rows where none apply.

    others: the same of the study's other questions. What is not about a question is the same object in all:
    settings, exclusion.assignments, exclusion.counts, counts, images, workers, sentinels (judged by one
    question), exposures, playing, participants, correlation, digests; registrations only the first has.
    """

    settings: AnalysisSettings
    results: Results
    exclusion: Exclusion
    counts: dict[str, int]
    images: pd.DataFrame
    preference: pd.DataFrame
    unfiltered: pd.DataFrame
    ties: pd.DataFrame
    scale: pd.DataFrame
    distribution: pd.DataFrame
    davidson: pd.DataFrame
    curves: list[CurveFit]
    differences: pd.DataFrame
    rankings: list[Ranking]
    wins: pd.DataFrame
    leaderboard: pd.DataFrame
    groups: pd.DataFrame
    groups_agree: pd.DataFrame
    workers: pd.DataFrame
    agreement: pd.DataFrame
    sentinels: pd.DataFrame
    side_bias: SideBias
    response_times: pd.DataFrame
    exposures: pd.DataFrame
    playing: pd.DataFrame
    participants: pd.DataFrame
    sensitivity: pd.DataFrame
    pairs: pd.DataFrame
    comparison: pd.DataFrame
    panels: pd.DataFrame
    stopping: pd.DataFrame
    metrics: Metrics
    correlation: pd.DataFrame
    stimuli: Sequence[Stimuli | None]
    digests: tuple[tuple[str, str], ...]
    others: tuple[Evidence, ...] = ()
    registrations: tuple[FoundRegistration, ...] = ()

    @property
    def each(self) -> tuple[Evidence, ...]:
        """What was found about every question, in the order in which they were asked."""
        return (self, *self.others)


def evaluate(
    folders: Sequence[Path],
    settings: AnalysisSettings,
    images: Path | None = None,
    track: Track = untracked,
    board: DrawingBoard | None = None,
) -> Evidence:
    """Read the folders and compute everything. GlimpseError where nothing can be analysed, and why.

    images: the folder of the stimuli, for the pairs that are to be shown. board: where these are drawn while
    the rest is computed.
    """
    if settings.compare and len(folders) < 2:
        raise GlimpseError("--compare compares results folders; name two or more.")
    refuse_twice(folders, "results folder")
    results = belonging(read_results(list(folders), track=track))
    exclusion = exclude(results, settings.rules)
    cells = design_cells(results.trials, results.experiment.get("contrasts") or ())
    asked = [_asked(exclusion, question.name) for question in results.questions]
    try:
        answers = {
            one.results.question.name: analysed(
                replace(gather(one.judgments, cells), sided=results.sided), cluster=settings.intervals.cluster
            )
            for one in asked
        }
    except NothingLeftError as error:
        raise GlimpseError(f"{error}{_problems_found(results)}") from None
    described = aside(lambda: _described(results, answers, settings.intervals))
    pairs = [_pairs(one, one_s, images, board) for one, one_s in zip(asked, answers.values(), strict=True)]
    own = [
        shown | _of_question(one, one_s, settings, shown.pop("problems"))
        for one, one_s, shown in zip(asked, answers.values(), pairs, strict=True)
    ]
    judged = answers[results.judged_by]
    common = {
        "settings": settings, "counts": counts_of(judged), "images": images_of(judged, results.real),
        "digests": tuple(_digest(folder) for folder in folders),
    }  # fmt: skip
    shared, texts = described()
    shared |= common
    first, *others = (Evidence(**shared, **text, **mine) for text, mine in zip(texts, own, strict=True))
    registrations, wrong = read_registrations(results)
    each = (problem for one in (first, *others) for problem in one.results.problems)
    known = replace(first.results, problems=tuple(dict.fromkeys([*each, *wrong])))
    found = replace(first, results=known, others=tuple(others), registrations=registrations)
    return _of_clips(found) if results.moving else found


def _of_clips(evidence: Evidence) -> Evidence:
    """Return what was found with its notes in the words of clips."""
    tables: dict[str, Any] = {
        one.name: table_of_clips(getattr(evidence, one.name))
        for one in fields(evidence)
        if isinstance(getattr(evidence, one.name), pd.DataFrame)
    }
    return replace(
        evidence,
        **tables,
        curves=[replace(one, note=note_of_clips(one.note)) for one in evidence.curves],
        rankings=[replace(one, note=note_of_clips(one.note)) for one in evidence.rankings],
        side_bias=replace(evidence.side_bias, note=note_of_clips(evidence.side_bias.note)),
        metrics=evidence.metrics._replace(table=table_of_clips(evidence.metrics.table)),
        others=tuple(_of_clips(one) for one in evidence.others),
    )


def _asked(exclusion: Exclusion, question: str) -> Exclusion:
    """The same assignments excluded, with the answers to another question."""
    if question == exclusion.results.question.name:
        return exclusion
    results, known = exclusion.results.asked(question), exclusion.judgments
    return exclusion._replace(
        results=results, judgments=results.judgments.marked(known.reason, known.max_error_ms)
    )


def _pairs(
    exclusion: Exclusion, answers: Analysed, images: Path | None, board: DrawingBoard | None
) -> dict[str, Any]:
    """Return the pairs of one question that are shown, their images, and the problems with these."""
    results = exclusion.results
    contrasts = list(dict.fromkeys(answers.gathered.cells["contrast"]))
    told = told_one_by_one(contrasts, results.real)
    pairs = pair_table(answers, told[:PAIRS_OF] if len(told) < len(contrasts) else told, results.real)
    pairs = pairs.assign(prompt=prompts_of(pairs, results))
    stimuli, problems = load_stimuli(images, pairs, results) if images else ([None] * len(pairs), ())
    if board:
        board.begin(pairs_drawing(results, pairs, stimuli))
    return {"pairs": pairs, "stimuli": stimuli, "problems": problems}


def _of_question(
    exclusion: Exclusion, answers: Analysed, settings: AnalysisSettings, problems: Sequence[Problem]
) -> dict[str, Any]:
    """Return those parts of `Evidence` that are about one question, but for its `_pairs` and what is
    `_described`. problems: with its images."""
    results, level = exclusion.results, settings.intervals.level
    first = results.question == results.questions[0]  # by which a rule for stopping is judged
    cells = answers.gathered.cells
    contrasts = list(dict.fromkeys(cells["contrast"]))
    told = told_one_by_one(contrasts, results.real)
    blank = blank_curve(settings.curve, settings.exposure, level, settings.threshold)
    curves = estimate_curves(answers, told, results.real, blank)
    preference, unfiltered, known = filtered_or_not(results, settings, answers, exclusion)
    metrics = compare_metrics(results, answers, contrasts, settings.metrics, settings.directions, level)
    groups, no_groups = item_groups(results, answers, settings)
    rankings = rank_conditions(
        answers, level=level, adjustment=settings.intervals.adjust, rng=np.random.default_rng(settings.seed)
    )
    return {
        "results": replace(results, problems=(*results.problems, *problems, *metrics.problems, *no_groups)),
        "exclusion": exclusion,
        "preference": preference,
        "unfiltered": unfiltered,
        "stopping": stopping_table(exclusion, answers.gathered).iloc[: None if first else 0],
        "metrics": metrics,
        "curves": [one.curve for one in curves],
        "differences": difference_table(answers, curves, results.real, settings.intervals),
        "rankings": rankings,
        "wins": win_matrix(preference, rankings),
        "leaderboard": leaderboard(rankings, preference),
        "groups": groups,
        "groups_agree": agreement_of_groups(groups),
        "side_bias": side_bias(answers, level=level),
        "response_times": response_times(answers),
        "sensitivity": sensitivity(results, settings, answers, exclusion, known),
        "comparison": _comparison(exclusion.judgments, cells, settings)
        if settings.compare
        else pd.DataFrame(),
        "panels": _panels(exclusion.judgments, cells, settings),
    }


def _described(
    results: Results, answers: Mapping[str, Analysed], intervals: Intervals
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return those parts of `Evidence` that nothing else is computed from, half of the work: what is about no
    question, and what is about each."""
    level, judged = intervals.level, answers[results.judged_by]
    shared = {
        "workers": worker_table(judged.gathered, level=level),
        "sentinels": sentinel_table(judged.gathered, level=level, cluster=judged.cluster.name),
        "exposures": achieved_exposures(judged, results.assignments),
        "playing": playing_table(judged, results.assignments),
        "participants": participants(results),
        "correlation": correlation_table(answers, level=level),
    }
    each = [
        {
            "agreement": agreement_table(one, level=level),
            "ties": ties_table(one, intervals),
            "scale": scale_table(one, intervals),
            "distribution": distribution_table(one) if one.gathered.kind.tie else pd.DataFrame(),
            "davidson": davidson_table(one, level=level),
        }
        for one in answers.values()
    ]
    return shared, each


def _problems_found(results: Results) -> str:
    """What else was found while reading, for whoever cannot get to the report that lists it."""
    if not results.problems:
        return ""
    more = f", and {len(results.problems) - 1} more" if len(results.problems) > 1 else ""
    return f" Problems in the input: {results.problems[0]}{more}."


def _comparison(judgments: Judgments, cells: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """Each folder by itself, and its differences from the first."""
    return comparison_table(
        {name: rates_under(gather(judgments.of_source(name), cells), settings) for name in judgments.sources}
    )


def _panels(judgments: Judgments, cells: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """The people of each panel by themselves, and how far they are from the first panel's; else no rows."""
    parts = {name or NO_PANEL: judgments.of_panel(name) for name in judgments.panels}
    parts = {name: part for name, part in parts.items() if part.any_counts}
    if len(parts) < 2:
        return pd.DataFrame()
    return comparison_table(
        {name: rates_under(gather(part, cells), settings) for name, part in parts.items()}
    )


def _digest(folder: Path) -> tuple[str, str]:
    """Return the folder's name and the SHA-256 of its answers."""
    with (folder / "assignments.jsonl").open("rb") as answers:
        return str(folder), hashlib.file_digest(answers, "sha256").hexdigest()
