"""Response times and achieved exposures: quantiles as NumPy has them, and notes where none was recorded."""

import numpy as np
import pandas as pd
import pytest

from glimpse.analysis.statistics.timing import (
    EXPOSURE_COLUMNS,
    RESPONSE_COLUMNS,
    achieved_exposures,
    response_times,
)


def judgments(n=200):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "assignment": pd.Categorical(np.where(np.arange(n) % 2, "a1", "a2")),
        "worker": np.where(np.arange(n) % 2, "w1", "w2"), "trial": [f"t{number // 2}" for number in range(n)],
        "item_a": "i", "item_b": "i", "side_of_a": "left", "chose_a": rng.random(n) < 0.5,
        "contrast": "crn:real", "exposure_ms": np.where(np.arange(n) < n / 2, 125.0, 500.0),
        "response_ms": rng.lognormal(6.8, 0.5, n), "sentinel": False, "excluded": False, "reason": "",
    })  # fmt: skip
    return frame.assign(shown_ms=frame["exposure_ms"] + rng.normal(0, 3, n))


ASSIGNMENTS = pd.DataFrame({"assignment": ["a1", "a2"], "refresh_hz": [144.1, 59.9]})


def test_response_times_are_quantiles_of_each_cell_and_of_all():
    frame = judgments()
    table = response_times(frame)
    assert tuple(table.columns) == RESPONSE_COLUMNS
    assert table["contrast"].tolist() == ["all", "crn:real", "crn:real"]
    assert table.loc[0, "median_ms"] == pytest.approx(frame["response_ms"].median())
    cell = frame.loc[frame["exposure_ms"] == 125, "response_ms"]
    assert table.loc[1, "p95_ms"] == pytest.approx(np.percentile(cell, 95))
    assert table["n_recorded"].tolist() == [200, 100, 100]


def test_missing_times_are_said():
    frame = judgments()
    frame.loc[frame["exposure_ms"] == 125, ["response_ms", "shown_ms"]] = np.nan
    table = response_times(frame)
    assert table["note"].tolist() == ["", "no response times were recorded", ""]
    assert table["n_recorded"].tolist() == [100, 0, 100]
    shown = achieved_exposures(frame, ASSIGNMENTS)
    assert shown["note"].tolist() == ["no exposures were measured", ""]


def test_achieved_exposures_are_compared_with_a_frame_of_the_screen():
    frame = judgments()
    frame["shown_ms"] = frame["exposure_ms"] + 10.0
    table = achieved_exposures(frame, ASSIGNMENTS)
    assert tuple(table.columns) == EXPOSURE_COLUMNS
    # 10 ms is within a frame at 60 Hz (16.7 ms) and not at 144 Hz (6.9 ms).
    assert table["within_one_frame"].tolist() == [0.5, 0.5]
    assert table["largest_error_ms"].tolist() == [10.0, 10.0]


def test_an_unknown_refresh_rate_counts_as_60_hz():
    frame = judgments().assign(shown_ms=lambda table: table["exposure_ms"] + 10.0)
    table = achieved_exposures(frame, ASSIGNMENTS.assign(refresh_hz=[np.nan, 0.0]))
    assert table["within_one_frame"].tolist() == [1.0, 1.0]


def test_unlimited_time_has_no_exposures():
    frame = judgments().assign(exposure_ms=np.nan)
    assert achieved_exposures(frame, ASSIGNMENTS).empty
    assert response_times(frame)["n"].tolist() == [200, 200]
