"""Times that the page measured: how long workers took, and how long the images really stood."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.counting import USUAL_HZ

from .grouping import analysed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ..reading.judgments import Judgments
    from .clustering import Codes, Floats
    from .gathering import Gathered
    from .grouping import Analysed

RESPONSE_COLUMNS = (
    "contrast", "exposure_ms", "n", "n_recorded", "mean_ms", "p05_ms", "p25_ms", "median_ms", "p75_ms",
    "p95_ms", "note",
)  # fmt: skip
EXPOSURE_COLUMNS = (
    "exposure_ms", "n", "n_recorded", "mean_ms", "sd_ms", "p05_ms", "median_ms", "p95_ms",
    "largest_error_ms", "within_one_frame", "note",
)  # fmt: skip
PERCENTS = (5, 25, 50, 75, 95)
SLACK_MS = 0.5  # rounding of the clock, when "within one frame" is judged


def response_times(judgments: Judgments | pd.DataFrame | Gathered | Analysed) -> pd.DataFrame:
    """Quantiles of response_ms in every cell, and over all (contrast "all"): RESPONSE_COLUMNS.

    judgments: as marked by `exclusion.exclude`. Where no time was recorded the quantiles are missing, and
    `note` says so.
    """
    answers = analysed(judgments)
    gathered, cells = answers.gathered, answers.gathered.cells
    times, ends = _by_group(answers, gathered.shown.cell, len(cells), lambda part: gathered.times(part)[0])
    rows = [_described(times[first:last], PERCENTS) for first, last in pairwise(ends)]
    table = pd.DataFrame({
        "contrast": ["all", *cells["contrast"]], "exposure_ms": [np.nan, *cells["exposure_ms"]],
    }).join(pd.DataFrame([_described(times, PERCENTS), *rows]))  # fmt: skip
    missing = np.where(table["n_recorded"] > 0, "", "no response times were recorded")
    return table.assign(note=missing)[table["n"] > 0].reset_index(drop=True)[list(RESPONSE_COLUMNS)]


def _by_group(
    answers: Analysed, of_trial: Codes, groups: int, read: Callable[[slice], NDArray[Any]]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """A number of each analysed answer, those of a group together, and where the groups begin and end.

    of_trial: the group of each trial, -1 for none. read: the numbers of a part. Returns (N,) and
    (groups + 1,).
    """
    gathered, n = answers.gathered, answers.by_trial[0]
    counts = np.bincount(of_trial[of_trial >= 0], weights=n[of_trial >= 0], minlength=groups)
    ends = np.append(0, np.cumsum(counts)).astype(np.int64)
    found, at = np.empty(ends[-1], dtype=np.float32), ends[:-1].copy()
    for here in gathered.parts:
        group = of_trial.astype(np.int16)[gathered.trial[here]]
        kept = np.flatnonzero(answers.keep[here] & (group >= 0))
        order = kept[np.argsort(group[kept], kind="stable")]
        own = np.bincount(group[order], minlength=groups)
        first = np.cumsum(own) - own
        found[np.repeat(at - first, own) + np.arange(len(order))] = read(here)[order]
        at += own
    return found, ends


def _described(times: NDArray[np.float32], percents: Sequence[int]) -> dict[str, float]:
    """n, n_recorded, mean_ms, and quantiles named p05_ms ... with median_ms; NaN without times, whose order
    may change."""
    names = ["median_ms" if p == 50 else f"p{p:02d}_ms" for p in percents]
    missing = np.isnan(times)
    known = times[~missing] if missing.any() else times
    if not len(known):
        return {"n": len(times), "n_recorded": 0, **dict.fromkeys(("mean_ms", *names), np.nan)}
    mean = float(known.mean(dtype=float))
    found = np.percentile(known, percents, overwrite_input=True)
    quantiles = dict(zip(names, map(float, found), strict=True))
    return {"n": len(times), "n_recorded": len(known), "mean_ms": mean, **quantiles}


def achieved_exposures(
    judgments: Judgments | pd.DataFrame | Gathered | Analysed,
    assignments: pd.DataFrame,
) -> pd.DataFrame:
    """How long images stood, by planned exposure: EXPOSURE_COLUMNS.

    judgments: as marked by `exclusion.exclude`; those of unlimited time have no place here, and where all
    are, the table is empty. assignments: `Results.assignments`. within_one_frame: share of recorded exposures
    that are at most one frame of the worker's screen off (60 Hz where the rate is not known).
    """
    answers = analysed(judgments)
    gathered = answers.gathered
    planned = np.unique(gathered.shown.exposure_ms[answers.by_trial[0] > 0])
    planned = planned[~np.isnan(planned)]
    exposure_ms = np.nan_to_num(gathered.shown.exposure_ms, nan=-1.0)
    group = np.where(np.isin(exposure_ms, planned), np.searchsorted(planned, exposure_ms), -1)
    group[answers.by_trial[0] == 0] = -1
    hz = assignments.drop_duplicates("assignment").set_index("assignment")["refresh_hz"].astype(float)
    frame_ms = (1000 / hz.where(hz > 0, USUAL_HZ)).reindex(gathered.assignments).to_numpy(float)

    shown_ms, ends = _by_group(answers, group, len(planned), lambda part: gathered.times(part)[1])
    near = _near(answers, group, len(planned), frame_ms)
    rows = []
    for number, (first, last) in enumerate(pairwise(ends)):
        own = shown_ms[first:last]
        row = _described(own, (5, 50, 95)) | {"exposure_ms": planned[number]}
        rows.append(row | _errors(own, planned[number], near[number]))
    table = pd.DataFrame(rows, columns=list(EXPOSURE_COLUMNS))
    return table.assign(note=np.where(table["n_recorded"] > 0, "", "no exposures were measured"))


def _near(answers: Analysed, of_trial: Codes, groups: int, frame_ms: Floats) -> NDArray[np.int64]:
    """How many measured exposures of each group are at most a frame of their screen off: (groups,)."""
    gathered, found = answers.gathered, np.zeros(groups, dtype=np.int64)
    for here in gathered.parts:
        trial = gathered.trial[here]
        error_ms = np.abs(gathered.times(here)[1] - gathered.shown.exposure_ms[trial])
        close = error_ms <= frame_ms[gathered.assignment[here]] + SLACK_MS
        group = of_trial[trial]
        found += np.bincount(group[close & answers.keep[here] & (group >= 0)], minlength=groups)
    return found


def _errors(shown_ms: NDArray[np.float32], planned_ms: float, near: int) -> dict[str, float]:
    """sd_ms, largest_error_ms and within_one_frame of what was measured. near: how many within a frame."""
    error_ms = shown_ms[~np.isnan(shown_ms)].astype(float) - planned_ms
    if not len(error_ms):
        return dict.fromkeys(("sd_ms", "largest_error_ms", "within_one_frame"), np.nan)
    return {"sd_ms": float(error_ms.std()), "largest_error_ms": float(np.abs(error_ms).max()),
            "within_one_frame": near / len(error_ms)}  # fmt: skip
