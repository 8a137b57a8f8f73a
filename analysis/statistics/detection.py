"""Real or generated? Hits, false alarms, d', criterion and the share of errors, by condition and exposure.

A generated image is the signal, "generated" is yes. With H the rate of hits (generated images that are said
to be generated), F that of false alarms (real ones that are), and z the normal quantile (Green & Swets 1966;
Macmillan & Creelman 2005, eqs. 1.5 and 2.1),

    d' = z(H) - z(F),    c = -(z(H) + z(F)) / 2.

c is above 0 where people tend to say "real". Rates are those of all answers together, over people and images
as they come, so that d' is what an unbiased judge of the pooled answers would have; it is a little below the
mean of the workers' own. Log-linear rates (Hautus 1995) keep z finite.

Intervals allow for workers and images, and for the correlation that shared workers give.

HYPE-infinity (Zhou et al., NeurIPS 2019, arXiv 1904.01121, section 3.2 by memory of the paper: its full text
could not be had to verify section numbers) is the share of images that are judged wrongly, half of them real,
without a limit of time: 50 % is chance, more is "hyper-realism". Here it is the mean of the share of errors
on generated and on real images, which is the same where there are as many of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from .clustering import divide
from .detection_areas import areas
from .detection_rates import said_generated, z_of
from .distributions import t_quantile, t_test
from .preference import Intervals, adjust, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .clustering import Floats
    from .detection_answers import DetectionTally, SingleAnswers
    from .detection_rates import SaidGenerated

DETECTION_COLUMNS = (
    "condition", "exposure_ms", "n_generated", "hits", "hit_rate", "hit_low", "hit_high",
    "n_real", "false_alarms", "false_alarm_rate", "false_alarm_low", "false_alarm_high",
    "taken_for_real", "taken_low", "taken_high", "errors", "errors_low", "errors_high", "p_errors",
    "d_prime", "d_low", "d_high", "d_se", "d_df", "p_d", "p_d_adjusted",
    "criterion", "criterion_low", "criterion_high", "criterion_se", "p_criterion",
    "area", "area_low", "area_high", "area_se",
    "n_workers", "effective_workers", "n_images", "n_images_real", "effective_images", "note",
)  # fmt: skip
NO_REAL = "no answers about real images"
NO_GENERATED = "no answers about generated images"
FEW = "one worker or one image only: no interval"
EXTREME = "a rate is 0 or 1: d' is log-linear, and beyond it the interval says little"


class HitsAndAlarms(NamedTuple):
    """M rows of a table: each a condition, an exposure (None: all), and two of the rates of `said`."""

    condition: NDArray[np.int64]
    exposure: tuple[int | None, ...]
    hit: NDArray[np.int64]
    false_alarm: NDArray[np.int64]
    said: SaidGenerated


def compare(
    tally: DetectionTally,
    rows: Sequence[tuple[int, int | None]],
    ways: Sequence[str] = ("worker", "image"),
    settings: Intervals | None = None,
) -> HitsAndAlarms:
    """Rates of hits and of false alarms of conditions at exposures, with what they share."""
    hits = np.array([tally.of_generated(*row) for row in rows])
    real = np.array([tally.of_real(*row) for row in rows])
    distinct, own = np.unique(real, axis=0, return_inverse=True)
    kinds = [f"generated {condition}" for condition, _ in rows] + ["real"] * len(distinct)
    said = said_generated(tally, np.concatenate([hits, distinct]), ways, settings, kinds)
    M = len(rows)
    conditions, exposures = zip(*rows, strict=True)
    return HitsAndAlarms(np.array(conditions), exposures, np.arange(M), M + own.ravel(), said)


def detection_table(
    answers: SingleAnswers | DetectionTally,
    settings: Intervals | None = None,
    *,
    by_exposure: bool = False,
    ways: Sequence[str] = ("worker", "image"),
) -> pd.DataFrame:
    """One row a condition with generated images, or one a condition and exposure, with DETECTION_COLUMNS.

    Args:
        answers: About single images.
        settings: Level, and how p-values are adjusted over the rows.
        by_exposure: A row for every exposure; else all exposures together, and `exposure_ms` is NaN.
        ways: What makes answers alike, of "worker" and "image".

    Returns:
        Rates in [0, 1] with Wilson's interval, and d', criterion (both in standard deviations) and area
        (under the curve of ratings) with theirs. p_d: of d' = 0, p_errors: of errors in 1/2 of the answers.
        `note` says why a number is missing; area is NaN where answers have no confidence.
    """
    settings = settings or Intervals()
    tally = answers if not hasattr(answers, "tally") else answers.tally()
    rows = rows_of(tally, by_exposure=by_exposure)
    return table_of(compare(tally, rows, ways, settings), settings)


def rows_of(tally: DetectionTally, *, by_exposure: bool) -> list[tuple[int, int | None]]:
    """The conditions with generated images, each at all exposures together or at each."""
    conditions = [int(code) for code in np.unique(tally.condition[tally.generated])]
    exposures = [int(code) for code in np.unique(tally.exposure)] if by_exposure else [None]
    return [(condition, exposure) for condition in conditions for exposure in exposures]


def table_of(found: HitsAndAlarms, settings: Intervals) -> pd.DataFrame:
    """DETECTION_COLUMNS of what was compared."""
    said, tally = found.said, found.said.tally
    exposures = [np.nan if code is None else tally.exposures_ms[code] for code in found.exposure]
    table = pd.DataFrame({
        "condition": [tally.conditions[code] for code in found.condition],
        "exposure_ms": np.array(exposures, dtype=float),
    })  # fmt: skip
    table = table.join(_rates(found)).join(_errors(found, settings))
    d = said.sums_of_z(weights_of(found, 1.0, -1.0))
    c = said.sums_of_z(weights_of(found, -0.5, -0.5))
    table = table.assign(
        d_prime=d.value, d_low=d.low, d_high=d.high, d_se=d.se, d_df=d.df, p_d=d.p_value,
        p_d_adjusted=adjust(d.p_value, settings.adjust), criterion=c.value, criterion_low=c.low,
        criterion_high=c.high, criterion_se=c.se, p_criterion=c.p_value,
    )  # fmt: skip
    table = table.join(areas(said, found.hit, found.false_alarm))
    return table.assign(note=_notes(found)).reindex(columns=list(DETECTION_COLUMNS))


def weights_of(found: HitsAndAlarms, hit: float, false_alarm: float) -> Floats:
    """Weights of all rates in a sum of each row's two: (M, R)."""
    weights = np.zeros((len(found.hit), len(found.said.n)))
    rows = np.arange(len(found.hit))
    weights[rows, found.hit], weights[rows, found.false_alarm] = hit, false_alarm
    return weights


def _rates(found: HitsAndAlarms) -> pd.DataFrame:
    said, H, F = found.said, found.hit, found.false_alarm
    low, high = (said.intervals[name].to_numpy(float) for name in ("low", "high"))
    effective = np.minimum(said.effective["worker"][H], said.effective["worker"][F])
    return pd.DataFrame({
        "n_generated": said.n[H], "hits": said.k[H], "hit_rate": said.rate[H], "hit_low": low[H],
        "hit_high": high[H], "n_real": said.n[F], "false_alarms": said.k[F],
        "false_alarm_rate": said.rate[F], "false_alarm_low": low[F], "false_alarm_high": high[F],
        "taken_for_real": 1 - said.rate[H], "taken_low": 1 - high[H], "taken_high": 1 - low[H],
        "n_workers": np.maximum(said.clusters["worker"][H], said.clusters["worker"][F]),
        "effective_workers": effective, "n_images": said.clusters["image"][H],
        "n_images_real": said.clusters["image"][F],
        "effective_images": np.minimum(said.effective["image"][H], said.effective["image"][F]),
    })  # fmt: skip


def _errors(found: HitsAndAlarms, settings: Intervals) -> pd.DataFrame:
    """The mean of the shares of errors on generated and on real images, with Wilson's interval."""
    said, H, F = found.said, found.hit, found.false_alarm
    errors = (1 - said.rate[H] + said.rate[F]) / 2
    weights = weights_of(found, -0.5, 0.5)
    variance, df = said.variance(weights), said.freedom(weights)
    n = divide(errors * (1 - errors), np.where(variance > 1e-15, variance, np.nan))
    lent = said.intervals["n_effective"].to_numpy(float)
    n = np.where(variance > 1e-15, n, lent[H] + lent[F])
    at = np.where(df > 0, df, 1.0)
    quantile = t_quantile((1 + settings.level) / 2, at)
    n = np.where(df > 0, n, np.nan)
    low, high = wilson(errors, n, quantile)
    return pd.DataFrame({
        "errors": errors, "errors_low": low, "errors_high": high,
        "p_errors": t_test(2 * (errors - 0.5) * np.sqrt(n), at),
    })  # fmt: skip


def _notes(found: HitsAndAlarms) -> NDArray[np.str_]:
    said, H, F = found.said, found.hit, found.false_alarm
    extreme = np.isin(said.rate, (0.0, 1.0))
    few = ~(np.minimum(said.df[H], said.df[F]) > 0)
    return np.select(
        [said.n[H] == 0, said.n[F] == 0, few, extreme[H] | extreme[F]],
        [NO_GENERATED, NO_REAL, FEW, EXTREME],
        "",
    )


def d_prime(hits: Any, misses: Any, false_alarms: Any, rejections: Any) -> tuple[Any, Any]:
    """d' and criterion of counts as of one observer, log-linear (Hautus 1995).

    Example:
        >>> d, c = d_prime(9, 1, 2, 7)
        >>> round(float(d), 4), round(float(c), 4)
        (1.7675, -0.2095)
    """
    hits, false_alarms = np.asarray(hits), np.asarray(false_alarms)
    H = z_of(hits, hits + np.asarray(misses))
    F = z_of(false_alarms, false_alarms + np.asarray(rejections))
    return H - F, -(H + F) / 2
