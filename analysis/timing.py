"""Times that the page measured: how long workers took, and how long the images really stood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.clustering import ROWS
from analysis.exclusion import counted

RESPONSE_COLUMNS = (
    "contrast", "exposure_ms", "n", "n_recorded", "mean_ms", "p05_ms", "p25_ms", "median_ms", "p75_ms",
    "p95_ms", "note",
)  # fmt: skip
EXPOSURE_COLUMNS = (
    "exposure_ms", "refresh_hz", "n", "n_recorded", "mean_ms", "sd_ms", "p05_ms", "median_ms", "p95_ms",
    "largest_error_ms", "within_one_frame", "note",
)  # fmt: skip
USUAL_HZ = 60.0
SLACK_MS = 0.5  # rounding of the clock, when "within one frame" is judged


def response_times(judgments: pd.DataFrame, *, filtered: bool = True) -> pd.DataFrame:
    """Quantiles of response_ms in every cell, and over all (contrast "all"): RESPONSE_COLUMNS.

    judgments: as marked by `exclusion.exclude`. Where no time was recorded the quantiles are missing, and
    `note` says so.
    """
    keep, times = counted(judgments, filtered=filtered), judgments["response_ms"].to_numpy()
    contrast, exposure = judgments["contrast"].astype("category"), judgments["exposure_ms"].to_numpy(float)
    rows = [_response_row("all", float("nan"), times[keep])]
    for code, name in enumerate(contrast.cat.categories):
        mine = keep & (contrast.cat.codes.to_numpy() == code)
        for value in np.sort(pd.unique(exposure[mine])):
            here = mine & (np.isnan(exposure) if np.isnan(value) else exposure == value)
            rows.append(_response_row(str(name), float(value), times[here]))
    return pd.DataFrame(rows, columns=list(RESPONSE_COLUMNS))


def _response_row(contrast: str, exposure_ms: float, times: np.ndarray) -> dict[str, Any]:
    row = {"contrast": contrast, "exposure_ms": exposure_ms, "n": len(times)}
    recorded = times[~np.isnan(times)]
    return row | _quantiles(recorded, (5, 25, 50, 75, 95), "no response times were recorded")


def _quantiles(times: np.ndarray, percents: tuple[int, ...], missing: str) -> dict[str, Any]:
    """n_recorded, mean_ms, and quantiles named p05_ms ... with median_ms; None, and a note, without times."""
    names = ["median_ms" if p == 50 else f"p{p:02d}_ms" for p in percents]
    if not len(times):
        return {"n_recorded": 0, "mean_ms": None, **dict.fromkeys(names), "note": missing}
    total = sum(float(times[at : at + ROWS].sum(dtype=float)) for at in range(0, len(times), ROWS))
    found = dict(zip(names, _percentiles(times, percents), strict=True))
    return {"n_recorded": len(times), "mean_ms": total / len(times), **found, "note": ""}


def _percentiles(times: np.ndarray, percents: tuple[int, ...]) -> list[float]:
    """As np.percentile of doubles, without making doubles of all the times."""
    place = np.array(percents) / 100 * (len(times) - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, len(times) - 1)
    times = np.partition(times, np.unique([*below, *above]))
    low, high = times[below].astype(float), times[above].astype(float)
    share = place - below
    near_low, near_high = low + (high - low) * share, high - (high - low) * (1 - share)
    return [float(value) for value in np.where(share < 0.5, near_low, near_high)]


def achieved_exposures(
    judgments: pd.DataFrame,
    assignments: pd.DataFrame,
    *,
    filtered: bool = True,
    by_refresh_rate: bool = False,
) -> pd.DataFrame:
    """How long images stood, by planned exposure (and refresh rate, to the nearest 5 Hz): EXPOSURE_COLUMNS.

    judgments: as marked by `exclusion.exclude`; those of unlimited time have no place here, and where all
    are, the table is empty. assignments: `Results.assignments`. within_one_frame: share of recorded exposures
    that are at most one frame of the worker's screen off (60 Hz where the rate is not known). refresh_hz is
    missing for rows over all rates, and where it was not recorded (see `note`).
    """
    exposures = judgments["exposure_ms"].to_numpy(float)
    keep = counted(judgments, filtered=filtered) & ~np.isnan(exposures)
    hz_of = assignments.drop_duplicates("assignment").set_index("assignment")["refresh_hz"].astype(float)
    hz = hz_of.reindex(judgments["assignment"].cat.categories).to_numpy(float)
    frame_ms = (1000 / np.where(hz > 0, hz, USUAL_HZ)).astype(np.float32)
    near = np.round(hz / 5) * 5 if by_refresh_rate else np.full(len(hz), np.nan)
    rates, rate = np.unique(near, return_inverse=True)
    code = judgments["assignment"].cat.codes.to_numpy()
    rows = []
    for exposure_ms in np.sort(pd.unique(exposures[keep])):
        here = keep & (exposures == exposure_ms)
        shown, own = judgments["shown_ms"].to_numpy()[here], code[here]
        for number in np.unique(rate[own]):
            mine = rate[own] == number
            row = _achieved(float(exposure_ms), float(rates[number]), shown[mine], frame_ms[own[mine]])
            if by_refresh_rate and row["refresh_hz"] is None:
                row["note"] = "; ".join(filter(None, [row["note"], "the screen's rate was not recorded"]))
            rows.append(row)
    return pd.DataFrame(rows, columns=list(EXPOSURE_COLUMNS))


def _achieved(exposure_ms: float, rate: float, shown: np.ndarray, frame_ms: np.ndarray) -> dict[str, Any]:
    """One row: shown and frame_ms are (n,), NaN in shown where nothing was recorded."""
    refresh_hz = None if np.isnan(rate) else rate
    row: dict[str, Any] = {"exposure_ms": exposure_ms, "refresh_hz": refresh_hz, "n": len(shown)}
    recorded = ~np.isnan(shown)
    shown, frame_ms = shown[recorded].astype(float), frame_ms[recorded]
    row |= _quantiles(shown, (5, 50, 95), "no exposures were measured")
    row |= {"sd_ms": None, "largest_error_ms": None, "within_one_frame": None}
    if len(shown):
        error = np.abs(shown - exposure_ms)
        row |= {"sd_ms": float(shown.std()), "largest_error_ms": float(error.max())}
        row["within_one_frame"] = float((error <= frame_ms + SLACK_MS).mean())
    return row
