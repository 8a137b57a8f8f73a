"""d' over exposures: recovered, where it ends, and what is not identified."""

import numpy as np
import pytest

from benchmarks.detection import EXPOSURES_MS, SLOPE, Study, Watchers, fixed
from glimpse.analysis.statistics.detection_answers import SingleAnswers
from glimpse.analysis.statistics.detection_curve import sensitivity_curves


def test_known_curves_are_recovered():
    """End, middle, slope and threshold of many people, and how often intervals of a few hold them."""
    people = Watchers(400, 250.0)
    (fit,) = sensitivity_curves(fixed(people, 400, np.random.default_rng(0)))
    end = people.end / Study(1, 2, 0.0).spread
    assert fit.identified
    assert (fit.end, fit.slope) == pytest.approx((end, SLOPE), rel=0.08)
    assert fit.midpoint_ms == pytest.approx(250.0, rel=0.08)
    assert fit.threshold_status == "reached"
    assert fit.threshold_ms == pytest.approx(people.exposure_at(0.75), rel=0.08)
    held = []
    for seed in range(60):
        (own,) = sensitivity_curves(fixed(Watchers(16, 250.0), 140, np.random.default_rng(seed)))
        if own.threshold_ms is not None:
            held.append(own.threshold_low <= people.exposure_at(0.75) <= own.threshold_high)
    assert len(held) > 50
    assert np.mean(held) > 0.88


def test_the_band_is_around_the_curve():
    (fit,) = sensitivity_curves(fixed(Watchers(20, 250.0), 140, np.random.default_rng(1)))
    band = fit.at(np.array([125.0, 250.0, fit.midpoint_ms, fit.threshold_ms]))
    assert (band["low"] < band["d_prime"]).all()
    assert (band["d_prime"] < band["high"]).all()
    assert band["d_prime"].to_numpy()[2:] == pytest.approx([fit.end / 2, fit.threshold_d])


@pytest.mark.parametrize(("share", "status"), [(0.9999, "not reached"), (0.51, "before")])
def test_thresholds_that_were_not_shown_have_no_number(share, status):
    answers = fixed(Watchers(60, 250.0), 140, np.random.default_rng(3))
    (fit,) = sensitivity_curves(answers, threshold=share)
    assert fit.threshold_status == status
    assert fit.threshold_ms is None


def test_what_does_not_rise_or_has_few_exposures_is_no_curve():
    flat = fixed(Watchers(30, 1e7), 140, np.random.default_rng(4))
    (fit,) = sensitivity_curves(flat)
    assert (fit.identified, fit.end) == (False, None)
    assert fit.note
    few = fixed(Watchers(30, 250.0), 140, np.random.default_rng(4))
    (fit,) = sensitivity_curves(few.where(few.exposure < 3))
    assert "fewer than 4" in fit.note


def test_without_exposures_there_are_no_curves():
    two = np.array([0, 1])
    answers = SingleAnswers(0 * two, two, two, 0 * two, two > 0, np.array([-1, 1]), ("real", "m"))
    assert sensitivity_curves(answers) == []
    assert len(EXPOSURES_MS) == 7
