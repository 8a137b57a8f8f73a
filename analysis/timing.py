"""Times that the page measured: how long workers took, and how long the images really stood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.exclusion import genuine

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
    kept = genuine(judgments, ["contrast", "exposure_ms", "response_ms"], filtered=filtered)
    rows = [_response_row("all", float("nan"), kept["response_ms"])]
    cells: Any = kept.groupby(["contrast", "exposure_ms"], observed=True, dropna=False)["response_ms"]
    rows += [_response_row(str(name), float(exposure), group) for (name, exposure), group in cells]
    return pd.DataFrame(rows, columns=list(RESPONSE_COLUMNS))


def _response_row(contrast: str, exposure_ms: float, times: pd.Series) -> dict[str, Any]:
    row = {"contrast": contrast, "exposure_ms": exposure_ms, "n": len(times)}
    recorded = times.dropna().to_numpy(float)
    return row | _quantiles(recorded, (5, 25, 50, 75, 95), "no response times were recorded")


def _quantiles(times: np.ndarray, percents: tuple[int, ...], missing: str) -> dict[str, Any]:
    """n_recorded, mean_ms, and quantiles named p05_ms ... with median_ms; None, and a note, without times."""
    names = ["median_ms" if p == 50 else f"p{p:02d}_ms" for p in percents]
    if not len(times):
        return {"n_recorded": 0, "mean_ms": None, **dict.fromkeys(names), "note": missing}
    found = dict(zip(names, np.percentile(times, percents).tolist(), strict=True))
    return {"n_recorded": len(times), "mean_ms": float(times.mean()), **found, "note": ""}


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
    kept = genuine(judgments, ["assignment", "exposure_ms", "shown_ms"], filtered=filtered)
    kept = kept[kept["exposure_ms"].notna()]
    hz_of = assignments.drop_duplicates("assignment").set_index("assignment")["refresh_hz"].astype(float)
    hz = hz_of.reindex(kept["assignment"].cat.categories).to_numpy(float)
    frame_ms = (1000 / np.where(hz > 0, hz, USUAL_HZ)).astype(np.float32)
    near = np.round(hz / 5) * 5 if by_refresh_rate else np.full(len(hz), np.nan)
    rates, rate = np.unique(near, return_inverse=True)
    code = kept["assignment"].cat.codes.to_numpy()
    rows = []
    for exposure_ms in np.unique(kept["exposure_ms"]):
        here = np.flatnonzero(kept["exposure_ms"] == exposure_ms)
        shown, own = kept["shown_ms"].to_numpy()[here], code[here]
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
