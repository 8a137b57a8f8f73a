"""Times that the page measured: how long workers took, and how long the images really stood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glimpse.counting import USUAL_HZ

from ..reading.exclusion import included
from .clustering import divide
from .preference import occurring_cells, place
from .quantiles import percentiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from ..reading.judgments import Judgments

    Timed = Iterator[tuple[NDArray[np.integer], NDArray[np.float32]]]

RESPONSE_COLUMNS = (
    "contrast", "exposure_ms", "n", "n_recorded", "mean_ms", "p05_ms", "p25_ms", "median_ms", "p75_ms",
    "p95_ms", "note",
)  # fmt: skip
EXPOSURE_COLUMNS = (
    "exposure_ms", "n", "n_recorded", "mean_ms", "sd_ms", "p05_ms", "median_ms", "p95_ms",
    "largest_error_ms", "within_one_frame", "note",
)  # fmt: skip
SLACK_MS = 0.5  # rounding of the clock, when "within one frame" is judged


def response_times(judgments: Judgments | pd.DataFrame, *, filtered: bool = True) -> pd.DataFrame:
    """Quantiles of response_ms in every cell, and over all (contrast "all"): RESPONSE_COLUMNS.

    judgments: as marked by `exclusion.exclude`. Where no time was recorded the quantiles are missing, and
    `note` says so.
    """
    cells = occurring_cells(judgments, filtered=filtered)

    def read() -> Timed:
        for part in included(judgments, ("contrast", "exposure_ms", "response_ms"), filtered=filtered):
            cell, times = place(part, cells) + 1, part["response_ms"].to_numpy(np.float32)
            yield cell, times
            yield np.zeros_like(cell), times  # the row of all

    table = pd.DataFrame({
        "contrast": ["all", *cells["contrast"]], "exposure_ms": [np.nan, *cells["exposure_ms"]],
    })  # fmt: skip
    described = _described(read, len(table), (5, 25, 50, 75, 95), "no response times were recorded")
    return table.join(described)[list(RESPONSE_COLUMNS)]


def _described(read: Callable[[], Timed], groups: int, percents: Sequence[int], missing: str) -> pd.DataFrame:
    """One row a group: n, n_recorded, mean_ms, quantiles named p05_ms ... with median_ms, and note.

    Quantiles and mean are missing, and `note` says so, in groups without times.
    """
    n, total = np.zeros(groups, dtype=np.int64), np.zeros(groups)
    for group, times in read():
        n += np.bincount(group, minlength=groups)
        total += np.bincount(group, weights=np.nan_to_num(times), minlength=groups)
    recorded, found = percentiles(read, groups, percents)
    names = ["median_ms" if p == 50 else f"p{p:02d}_ms" for p in percents]
    return pd.DataFrame({
        "n": n, "n_recorded": recorded, "mean_ms": divide(total, recorded),
        **dict(zip(names, found.T, strict=True)), "note": np.where(recorded > 0, "", missing),
    })  # fmt: skip


def achieved_exposures(
    judgments: Judgments | pd.DataFrame, assignments: pd.DataFrame, *, filtered: bool = True
) -> pd.DataFrame:
    """How long images stood, by planned exposure: EXPOSURE_COLUMNS.

    judgments: as marked by `exclusion.exclude`; those of unlimited time have no place here, and where all
    are, the table is empty. assignments: `Results.assignments`. within_one_frame: share of recorded exposures
    that are at most one frame of the worker's screen off (60 Hz where the rate is not known).
    """
    planned = occurring_cells(judgments, filtered=filtered)["exposure_ms"].dropna().unique()
    if not len(planned):
        return pd.DataFrame(columns=list(EXPOSURE_COLUMNS))
    planned.sort()
    hz = assignments.drop_duplicates("assignment").set_index("assignment")["refresh_hz"].astype(float)
    frame_ms = 1000 / hz.where(hz > 0, USUAL_HZ)

    def timed() -> Iterator[tuple[NDArray[np.integer], pd.DataFrame]]:
        for part in included(judgments, ("assignment", "exposure_ms", "shown_ms"), filtered=filtered):
            own = part[part["exposure_ms"].notna()]
            yield np.searchsorted(planned, own["exposure_ms"]), own

    def read() -> Timed:
        return ((group, own["shown_ms"].to_numpy(np.float32)) for group, own in timed())

    table = pd.DataFrame({"exposure_ms": planned})
    table = table.join(_described(read, len(table), (5, 50, 95), "no exposures were measured"))
    return table.join(_errors(timed(), frame_ms, len(table)))[list(EXPOSURE_COLUMNS)]


def _errors(
    timed: Iterable[tuple[NDArray[np.integer], pd.DataFrame]], frame_ms: pd.Series, groups: int
) -> pd.DataFrame:
    """One row a planned exposure: sd_ms, largest_error_ms, within_one_frame. frame_ms: by assignment."""
    n, largest, sums = np.zeros(groups), np.full(groups, -np.inf), np.zeros((3, groups))
    for group, part in timed:
        error = (part["shown_ms"].astype(float) - part["exposure_ms"]).to_numpy()
        near = np.abs(error) <= part["assignment"].map(frame_ms).to_numpy(float) + SLACK_MS
        known = ~np.isnan(error)
        own, far = group[known], np.abs(error[known])
        n += np.bincount(own, minlength=groups)
        sums += [np.bincount(own, weights=w[known], minlength=groups) for w in (error, error**2, near)]
        np.maximum.at(largest, own, far)
    mean, square, within = divide(sums, n)
    return pd.DataFrame({
        "sd_ms": np.sqrt(np.maximum(square - mean**2, 0)), "within_one_frame": within,
        "largest_error_ms": np.where(n > 0, largest, np.nan),
    })  # fmt: skip
