"""Single images in Python: answers as rows, hits and false alarms by condition, thresholds of staircases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.calling import flag, in_python, number, numbers, refuse, whole, word
from glimpse.errors import ArgumentError, GlimpseError

from ..reading.detections import Climbed, question_detections
from ..reading.exclusion import Exclusion
from ..reading.results import Results
from ..report.single_tables import climbs_of
from ..statistics import detection
from ..statistics.detection_answers import single_answers, ways_of
from ..statistics.preference import Intervals

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from decimal import Decimal

NEEDED = ("worker", "condition", "item", "exposure_ms", "generated", "rating")
ROWS = "give what glimpse.exclude(results) returns, or rows of glimpse.detections(judgments)"
STAIRCASE_TABLES = {"system": "systems", "worker": "thresholds", "block": "blocks"}


@in_python
def detections(judgments: Exclusion) -> pd.DataFrame:
    """Return what people said of single images, one row an answer.

    Args:
        judgments: What `glimpse.exclude` returned, of a study that shows one image at a time.

    Returns:
        DataFrame as in judgments.csv: condition, item, exposure_ms (missing where images stayed until the
        answer), generated (the truth), said_generated (the answer), rating (negative for real, positive for
        generated, the further from 0 the surer), correct, response_ms, excluded and reason, among others.
        Staircases' exposures follow from the answers.

    Raises:
        ArgumentError: `judgments` is something else.
        GlimpseError: The study shows pairs.

    Example:
        >>> import glimpse
        >>> judgments = glimpse.exclude(glimpse.read_results("single-results"))
        >>> rows = glimpse.detections(judgments)
        >>> rows.groupby(["condition", "generated"], observed=True)["said_generated"].mean().round(2)
        condition  generated
        crn        True         0.51
        pix2pix    True         0.88
        real       False        0.24
        Name: said_generated, dtype: float64
    """
    return _rows(_of_single(judgments))


@in_python
def detection_table(
    judgments: Exclusion | pd.DataFrame,
    *,
    by_exposure: bool = False,
    level: float = 0.95,
    cluster: str = "images",
    adjust: str = "holm",
    real: str | None = None,
) -> pd.DataFrame:
    """Return hits, false alarms, errors, d' and criterion of each generated condition, with intervals.

    Args:
        judgments: What `glimpse.exclude` returned; or rows of `glimpse.detections`. Sentinels and what is
            excluded are left out.
        by_exposure: A row for each exposure of a condition; False: all exposures together.
        level: Confidence level of the intervals, between 0 and 1.
        cluster: What makes answers alike: "images" or "two-way" (workers and images), "worker", or "pair"
            (images); "scene" is an earlier name of "images".
        adjust: How the p-values of d' are adjusted over the rows: "holm", or "bh" (Benjamini-
            Hochberg).
        real: The condition of real images; None: as the study says.

    Returns:
        DataFrame with one row a condition, as in detection.csv: n_generated and hits, n_real and
        false_alarms, hit_rate, false_alarm_rate, taken_for_real (1 - hit_rate), errors (HYPE-infinity's
        score), d_prime, criterion and area (under the curve of ratings, where there is confidence), each with
        _low and _high; p_d and p_d_adjusted (of d' = 0), n_workers, n_images, note.

    Raises:
        ArgumentError: `judgments` is something else, or lacks a column; an option has a wrong type.
        GlimpseError: The study shows pairs, an option is out of its range, or no answer is left.

    Source:
        Green & Swets (1966); log-linear rates: Hautus (1995); errors: Zhou et al. (2019), HYPE.

    Example:
        >>> import glimpse
        >>> judgments = glimpse.exclude(glimpse.read_results("single-results"))
        >>> table = glimpse.detection_table(judgments)
        >>> table[["condition", "hits", "false_alarms", "errors", "d_prime", "criterion"]].round(2)
          condition  hits  false_alarms  errors  d_prime  criterion
        0       crn    93            85    0.37     0.73       0.35
        1   pix2pix   154            85    0.18     1.86      -0.21
    """
    settings = Intervals(number("level", level), word("cluster", cluster), word("adjust", adjust))
    rows = judgments if isinstance(judgments, pd.DataFrame) else _rows(_of_single(judgments))
    for name in NEEDED:
        if name not in rows:
            raise ArgumentError(f"judgments lacks the column {name!r}; {ROWS}.")
    if not len(rows):
        raise ArgumentError(f"judgments has no rows; {ROWS}.")
    about = dict(rows.attrs)
    own = about.get("real") if real is None else word("real", real)
    if own is None or own not in set(rows["condition"].astype(str)):
        names = ", ".join(map(repr, sorted(set(rows["condition"].astype(str)))))
        refuse("real", real, f"name the condition of real images; judgments has {names}")
    if about.get("staircase") and flag("by_exposure", by_exposure):
        raise GlimpseError(
            "by_exposure is True, but a staircase chose the exposures: they follow from the answers. Use "
            "glimpse.staircase_table(judgments)."
        )
    if not flag("by_exposure", by_exposure):
        rows = rows.assign(exposure_ms=np.nan)
    answers = single_answers(rows, str(own))
    table = detection.detection_table(answers, settings, by_exposure=by_exposure, ways=ways_of(settings))
    table.attrs |= about
    return table


@in_python
def staircase_table(judgments: Exclusion, *, by: str = "system", level: float = 0.95) -> pd.DataFrame:
    """Return the thresholds that staircases found (HYPE-time): of systems, of workers, or of blocks.

    Args:
        judgments: What `glimpse.exclude` returned, of a study whose exposures a staircase chose.
        by: "system", "worker" or "block": what a row is.
        level: Confidence level of the intervals of systems, between 0 and 1.

    Returns:
        DataFrame as in staircase_systems.csv, staircase_workers.csv or staircase_blocks.csv. Of systems:
        n_workers, threshold_ms (the mean over workers of the mean over blocks of the exposure shown most
        often) with low and high, turning_ms, blocks and settled_blocks, note.

    Raises:
        ArgumentError: `judgments` is something else, or an option has a wrong type.
        GlimpseError: No staircase chose the exposures, an option is out of its range, or no answer is left.

    Source:
        Zhou et al. (2019), HYPE: thresholds; `analysis/statistics/staircases.py` says what is ours.

    Example:
        >>> import glimpse
        >>> judgments = glimpse.exclude(glimpse.read_results("staircase-results"))
        >>> glimpse.staircase_table(judgments)[["system", "n_workers", "threshold_ms", "low", "high"]].round()
            system  n_workers  threshold_ms    low   high
        0      crn          6         636.0  491.0  781.0
        1  pix2pix          6         428.0  362.0  495.0
    """
    settings = Intervals(number("level", level))
    table = STAIRCASE_TABLES[word("by", by, tuple(STAIRCASE_TABLES))]
    results = _of_single(judgments).results
    climbed = Climbed.of(results.experiment, results.trials)
    if climbed is None:
        raise GlimpseError(
            "the exposures of this study were planned, not chosen by a staircase. Use "
            "glimpse.detection_table(judgments, by_exposure=True)."
        )
    rows = question_detections(judgments, results.judged_by)
    rows = rows[~rows["excluded"].astype(bool) & ~rows["sentinel"].astype(bool)]
    if not len(rows):
        raise GlimpseError("there are no answers of staircases to analyse: all are excluded.")
    found: pd.DataFrame = getattr(climbs_of(rows, climbed, settings), table)
    found.attrs |= _about(results)
    return found


@in_python
def detection_power_table(
    workers: int,
    images: int | None = None,
    *,
    trials_per_hit: int = 100,
    conditions: int = 1,
    d_prime: Sequence[float] = (0.25, 0.5, 1.0),
    alpha: float = 0.05,
    reward_usd: str | float | Decimal = "1.00",
) -> pd.DataFrame:
    """Say how wide the intervals of a study of single images will be, before anybody is paid.

    The planned study stands beside the same with half and twice as many workers, and images, for workers and
    images that differ little, as usual, or a lot. It is computed, not simulated.

    Args:
        workers: How many people answer, a HIT each.
        images: How many images a condition has; None: half of a HIT's trials.
        trials_per_hit: Images that a person sees, half of them real.
        conditions: Generated conditions, which share the other half.
        d_prime: How well people tell generated images from real ones: above 0, at most 5; one at least.
        alpha: Level of the test that d' is 0, between 0 and 1; intervals are of 1 - alpha.
        reward_usd: Of a HIT.

    Returns:
        DataFrame as in single_power.csv, one row a design, spread and d': vary ("planned", "workers" or
        "images"), workers, images, trials, conditions, answers (about a condition), price_usd (with
        Mechanical Turk's fees), spread with its standard deviations, d_prime, se, width (of the interval of
        d'), df, power, width_taken and width_errors (of the shares taken for real and of errors).

    Raises:
        ArgumentError: An argument has a wrong type.
        GlimpseError: A number is out of its range.

    Source:
        `analysis/planning/single_power.py` has the formulas.

    Example:
        >>> import glimpse
        >>> table = glimpse.detection_power_table(30, 50, d_prime=[0.5])
        >>> table = table[table["spread"] == "as usual"]
        >>> table[["vary", "workers", "images", "width", "power"]].round(2)
               vary  workers  images  width  power
        1   planned       30      50   0.38   1.00
        4   workers       15      50   0.47   0.99
        7   workers       60      50   0.33   1.00
        10   images       30      25   0.48   0.98
        13   images       30     100   0.33   1.00
    """
    from ..planning.single_power import single_plan, single_size

    size = single_size(
        whole("workers", workers, 2),
        None if images is None else whole("images", images, 2),
        whole("trials_per_hit", trials_per_hit, 2),
        whole("conditions", conditions, 1),
        str(reward_usd),
    )
    level = Intervals(1 - number("alpha", alpha)).level
    return single_plan(size, numbers("d_prime", d_prime), level=level)


def _of_single(judgments: Any) -> Exclusion:
    """Return what `exclude` gave; ArgumentError for another thing, GlimpseError for a study of pairs."""
    if isinstance(judgments, Results):
        raise ArgumentError("judgments is of type Results; call glimpse.exclude(results) first.")
    if not isinstance(judgments, Exclusion):
        refuse("judgments", judgments, ROWS)
    if judgments.results.experiment.get("task") != "single":
        raise GlimpseError(
            "judgments are of pairs; this is for studies that show one image at a time. Use "
            "glimpse.preference_table(judgments)."
        )
    return judgments


def _rows(judgments: Exclusion) -> pd.DataFrame:
    rows = question_detections(judgments)
    rows.attrs |= _about(judgments.results)
    return rows


def _about(results: Results) -> dict[Hashable | None, Any]:
    about: dict[Hashable | None, Any] = {"real": results.real, "simulated": results.simulated}
    return {**about, "staircase": True} if results.experiment.get("staircase") else about
