"""How clips really played, as the page saw it: starts, frames, stalls, plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.counting import USUAL_HZ

from .grouping import analysed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..reading.judgments import Judgments
    from .gathering import Gathered
    from .grouping import Analysed

PLAYING_COLUMNS = (
    "exposure_ms", "n", "n_recorded", "mean_plays", "most_plays", "n_starts", "together", "largest_skew_ms",
    "with_dropped", "most_dropped", "with_stalls", "flagged", "note",
)  # fmt: skip
SUMS = (
    "n",
    "n_recorded",
    "plays",
    "n_starts",
    "together",
    "n_counted",
    "with_dropped",
    "with_stalls",
    "flagged",
)
LARGEST = ("most_plays", "largest_skew_ms", "most_dropped")


def playing_table(
    judgments: Judgments | pd.DataFrame | Gathered | Analysed, assignments: Any
) -> pd.DataFrame:
    """How the clips of analysed answers played, by planned exposure: PLAYING_COLUMNS; empty of images.

    judgments: as marked by `exclusion.exclude`. assignments: `Results.assignments`. n_recorded: answers whose
    page counted plays. together: share of n_starts, those whose start it measured, in which both clips began
    to move in one refresh of the worker's screen (60 Hz where the rate is not known). with_dropped,
    with_stalls, flagged: shares of the answers in which frames never came, a clip waited, or the page flagged
    the trial for either or for the start.
    """
    answers = analysed(judgments)
    gathered = answers.gathered
    planned = np.unique(gathered.shown.exposure_ms[answers.by_trial[0] > 0])  # NaN last, once
    hz = assignments.drop_duplicates("assignment").set_index("assignment")["refresh_hz"].astype(float)
    frame_ms = (1000 / hz.where(hz > 0, USUAL_HZ)).reindex(gathered.assignments).to_numpy(float)
    sums = {name: np.zeros(len(planned)) for name in SUMS}
    largest = {name: np.zeros(len(planned)) for name in LARGEST}
    for part in gathered.parts:
        played = gathered.played(part)
        if played is None:
            return pd.DataFrame(columns=list(PLAYING_COLUMNS))
        group = _group_of(gathered.shown.exposure_ms[gathered.trial[part]], planned)
        keep = answers.keep[part] & (group >= 0)
        one = _measured(played[keep], frame_ms[gathered.assignment[part]][keep])
        for name in SUMS:
            sums[name] += np.bincount(group[keep], weights=one[name], minlength=len(planned))
        for name in LARGEST:
            np.maximum.at(largest[name], group[keep], one[name])
    return _table(planned, sums, largest)


def _group_of(exposure_ms: NDArray[np.float64], planned: NDArray[np.float64]) -> NDArray[np.int64]:
    """The place of each exposure among the planned ones; -1 for none."""
    found = np.searchsorted(planned, exposure_ms)
    found[np.isnan(exposure_ms)] = len(planned) - 1
    near = planned[np.minimum(found, len(planned) - 1)]
    return np.where((near == exposure_ms) | (np.isnan(near) & np.isnan(exposure_ms)), found, -1)


def _measured(played: NDArray[Any], frame_ms: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """What each answer adds to SUMS, and to LARGEST."""
    skew = np.abs(played["skew_ms"])
    started = ~np.isnan(skew)
    return {
        "n": np.ones(len(played)),
        "n_recorded": played["plays"] >= 0,
        "plays": np.maximum(played["plays"], 0),
        "n_starts": started,
        "together": started & (np.nan_to_num(skew) <= frame_ms / 2),
        "n_counted": played["dropped"] >= 0,
        "with_dropped": played["dropped"] > 0,
        "with_stalls": played["stalls"] > 0,
        "flagged": played["noted"] > 0,
        "most_plays": np.maximum(played["plays"], 0),
        "largest_skew_ms": np.nan_to_num(skew),
        "most_dropped": np.maximum(played["dropped"], 0),
    }


def _table(
    planned: NDArray[np.float64], sums: dict[str, NDArray[Any]], largest: dict[str, NDArray[Any]]
) -> pd.DataFrame:
    """Rates and largest values; missing where nothing was recorded."""

    def share(name: str, of: str) -> NDArray[np.float64]:
        return np.where(sums[of] > 0, sums[name] / np.maximum(sums[of], 1), np.nan)

    def known(name: str, of: str) -> NDArray[np.float64]:
        return np.where(sums[of] > 0, largest[name], np.nan)

    table = pd.DataFrame({
        "exposure_ms": planned, **{name: sums[name].astype(int) for name in ("n", "n_recorded", "n_starts")},
        "mean_plays": share("plays", "n_recorded"), "most_plays": known("most_plays", "n_recorded"),
        "together": share("together", "n_starts"), "largest_skew_ms": known("largest_skew_ms", "n_starts"),
        "with_dropped": share("with_dropped", "n_counted"),
        "most_dropped": known("most_dropped", "n_counted"),
        "with_stalls": share("with_stalls", "n_recorded"), "flagged": share("flagged", "n_recorded"),
    })  # fmt: skip
    note = np.where(table["n_recorded"] > 0, "", "the page did not record how clips played")
    return table.assign(note=note)[list(PLAYING_COLUMNS)]
