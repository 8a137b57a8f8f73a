"""What is computed of a study of single images, a question at a time: tables, curves and staircases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.errors import NothingLeftError
from glimpse.questions import KINDS

from ..statistics.detection import DETECTION_COLUMNS as TABLE_COLUMNS
from ..statistics.detection import detection_table
from ..statistics.detection_answers import single_answers, ways_of
from ..statistics.detection_areas import fit_binormal, roc_points
from ..statistics.detection_curve import sensitivity_curves
from ..statistics.detection_differences import detection_differences
from ..statistics.detection_workers import detection_means, detection_workers
from ..statistics.mistaken import image_table
from ..statistics.staircases import (
    BLOCK_COLUMNS,
    SYSTEM_COLUMNS,
    SYSTEM_DIFFERENCES_COLUMNS,
    THRESHOLD_COLUMNS,
    Staircases,
    image_errors,
    staircase_blocks,
    staircase_thresholds,
    threshold_differences,
    threshold_table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glimpse.questions import Question
    from glimpse.staircase import StaircaseSettings

    from ..reading.detections import Climbed
    from ..statistics.detection_areas import Binormal
    from ..statistics.detection_curve import SensitivityCurve
    from ..statistics.preference import Intervals
    from .settings import AnalysisSettings

ROC_COLUMNS = ("condition", "rating", "n_generated", "n_real", "hit_rate", "false_alarm_rate")


@dataclass(frozen=True)
class Climbs:
    """HYPE-time: tables as `statistics.staircases` names their columns, and the rows that they are made of.

    rows: worker, system, line (a number a block), trial (of the block, from 1), exposure_ms.
    """

    settings: StaircaseSettings
    rows: pd.DataFrame
    blocks: pd.DataFrame
    thresholds: pd.DataFrame
    systems: pd.DataFrame
    differences: pd.DataFrame


@dataclass(frozen=True)
class SingleStatistics:
    """What was found of one question.

    conditions, exposures: `statistics.detection` by condition, and by condition and exposure (no rows where
    there is one exposure, or a staircase chose). unfiltered: by condition, with the other choice of the
    sentinel filter. differences: of conditions, all exposures together, or by exposure if there are several.
    workers: with the names of workers. roc: ROC_COLUMNS, no rows without confidence. binormal: by condition.
    climbs: None where no staircase chose exposures. images: `statistics.mistaken.image_table`.
    """

    question: Question
    conditions: pd.DataFrame
    exposures: pd.DataFrame
    unfiltered: pd.DataFrame
    differences: pd.DataFrame
    curves: list[SensitivityCurve]
    workers: pd.DataFrame
    means: pd.DataFrame
    roc: pd.DataFrame
    binormal: Mapping[str, Binormal | None]
    climbs: Climbs | None
    images: pd.DataFrame

    @property
    def by_exposure(self) -> bool:
        """Whether several exposures are told apart."""
        return len(self.exposures) > 0


def single_statistics(
    judgments: pd.DataFrame,
    other: pd.DataFrame | None,
    question: Question,
    real: str,
    settings: AnalysisSettings,
    climbed: Climbed | None = None,
) -> SingleStatistics:
    """Compute everything of one question.

    judgments: DETECTION_COLUMNS of `reading.detections`, of this question. other: the same with the other
    choice of the sentinel filter; None where it excludes nobody else. NothingLeftError where nothing is
    left; GlimpseError for a way of clustering that single images do not have.
    """
    used = settings.intervals
    ways = ways_of(used)
    counted = judgments[~judgments["excluded"].astype(bool) & ~judgments["sentinel"].astype(bool)]
    pooled = judgments.assign(exposure_ms=np.nan) if climbed else judgments
    answers = single_answers(pooled, real)
    tally = answers.tally()
    several = len(answers.exposures_ms) > 1
    names = pd.factorize(counted["worker"])[1]
    workers = detection_workers(answers, level=used.level)
    roc, binormal = _ratings(answers, question)
    conditions = detection_table(tally, used, ways=ways)
    return SingleStatistics(
        question=question,
        conditions=conditions,
        exposures=detection_table(tally, used, by_exposure=several, ways=ways).iloc[: None if several else 0],
        unfiltered=conditions if other is None else _unfiltered(other, real, settings, ways),
        differences=detection_differences(tally, used, by_exposure=several, ways=ways),
        curves=sensitivity_curves(tally, used, threshold=settings.threshold, ways=ways) if several else [],
        workers=workers.assign(worker=np.asarray(names, dtype=object)[workers["worker"]]),
        means=detection_means(workers),
        roc=roc,
        binormal=binormal,
        climbs=climbs_of(counted, climbed, used) if climbed else None,
        images=image_table(pooled.loc[counted.index]),
    )


def _unfiltered(
    other: pd.DataFrame, real: str, settings: AnalysisSettings, ways: tuple[str, ...]
) -> pd.DataFrame:
    """By condition; no rows where nothing is left."""
    try:
        answers = single_answers(other.assign(exposure_ms=np.nan), real)
    except NothingLeftError:
        return pd.DataFrame(columns=list(TABLE_COLUMNS))
    return detection_table(answers, settings.intervals, ways=ways)


def _ratings(answers: Any, question: Question) -> tuple[pd.DataFrame, dict[str, Binormal | None]]:
    """Curves of ratings by condition, all exposures together; nothing where an answer has no confidence."""
    if len(KINDS[question.answer].answers) < 3:
        return pd.DataFrame(columns=list(ROC_COLUMNS)), {}
    tally = answers.tally()
    levels = np.unique(tally.rating)
    parts, models = [], {}
    for code in answers.generated_conditions:
        counts = [
            np.array([tally.n[mask & (tally.rating == level)].sum() for level in levels])
            for mask in (tally.of_generated(code), tally.of_real(code))
        ]
        name = answers.conditions[code]
        models[name] = fit_binormal(*counts)
        H, F = (roc_points(one) for one in counts)
        parts.append(pd.DataFrame({
            "condition": name, "rating": [None, *levels[::-1].tolist()],
            "n_generated": [0, *counts[0][::-1].tolist()], "n_real": [0, *counts[1][::-1].tolist()],
            "hit_rate": H, "false_alarm_rate": F,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)[list(ROC_COLUMNS)], models


def climbs_of(counted: pd.DataFrame, climbed: Climbed, used: Intervals) -> Climbs:
    """The staircases of those assignments that count, a block after the other in the order of the answers."""
    rows, rule = staircase_rows(counted, climbed), climbed.settings
    systems, of = np.unique(rows["system"].to_numpy(str), return_inverse=True)
    people, names = pd.factorize(rows["worker"])
    image = pd.factorize(rows["condition"].astype(str) + "/" + rows["item"].astype(str))[0]
    answers = Staircases(
        people, of, rows["block"].to_numpy(int), rows["exposure_ms"].to_numpy(float),
        rows["correct"].to_numpy(bool), tuple(map(str, systems)), rule.least_ms, rule.most_ms, image,
        rows["generated"].to_numpy(bool),
    )  # fmt: skip
    found, shared = staircase_blocks(answers), image_errors(answers)
    thresholds = staircase_thresholds(found).sort_values("system", kind="stable", ignore_index=True)
    differences = threshold_differences(thresholds, used, shared)
    table = threshold_table(thresholds, used, shared)
    named = np.asarray(names, dtype=object)
    return Climbs(
        rule, rows[["worker", "system", "line", "trial", "exposure_ms"]],
        found.assign(worker=named[found["worker"]])[list(BLOCK_COLUMNS)],
        thresholds.assign(worker=named[thresholds["worker"]])[list(THRESHOLD_COLUMNS)],
        table[list(SYSTEM_COLUMNS)], differences[list(SYSTEM_DIFFERENCES_COLUMNS)],
    )  # fmt: skip


def staircase_rows(counted: pd.DataFrame, climbed: Climbed) -> pd.DataFrame:
    """Judgments with the system, the block and the place in it of each, in the order of the trials.

    counted: the judgments that count. Blocks are numbered over all assignments. Adds system, block, line and
    trial. What was shown without any generated image is left out.
    """
    shown = counted[counted["generated"].astype(bool)].groupby("assignment", observed=True)["condition"]
    system = shown.agg(lambda names: " + ".join(sorted(set(map(str, names)))))
    place = counted["trial"].astype(str).map(climbed.places).to_numpy(dtype=np.int64)
    ends = np.cumsum(climbed.sizes)
    block = np.searchsorted(ends, place, side="right")
    line = pd.factorize(pd.MultiIndex.from_arrays([counted["assignment"].astype(str), block]))[0]
    rows = counted.assign(
        system=counted["assignment"].astype(str).map(system.rename(index=str)),
        line=line, block=line, trial=place - (ends - climbed.sizes)[block] + 1,
    )  # fmt: skip
    rows = rows[rows["system"].notna()]
    return rows.sort_values(["line", "trial"], kind="stable").reset_index(drop=True)
