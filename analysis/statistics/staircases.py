"""HYPE-time: thresholds of workers and systems from staircases over exposures.

Zhou et al. (2019), "HYPE: A Benchmark for Human eYe Perceptual Evaluation of Generative Models" (NeurIPS,
arXiv 1904.01121), section 3.1 by memory (the full text could not be had to verify section numbers): a worker
does several blocks, each a staircase of its own; what a worker needs is the mean over blocks of the exposure
that a block showed most often (its mode); a system's score is the mean over workers, in ms. More is better
for the system: people need longer to tell its images from real ones.

Ours: of exposures that were shown equally often, their mean. The interval is Student's over workers, with
what their shared images add (`image_errors`); the paper's, by memory, is a bootstrap over workers. Beside the
mode stands the mean of the exposures at which
the staircase turned (Wetherill & Levitt 1965, Br. J. Math. Stat. Psychol. 18(1)), the usual estimate, as a
check. Both are near the exposure at which people are right in p = (longer / (longer + shorter))^(1 / rights)
of trials, 63 % with the paper's numbers (10 ms up, 30 ms down after three right answers), not the 75 % that
the paper names: there is as much to go up as down only where p^3 / (1 - p^3) = 10 / 30.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glimpse.errors import GlimpseError, NothingLeftError
from glimpse.text import counted

from .clustering import divide
from .distributions import t_quantile, t_test
from .preference import Intervals, adjust

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from .clustering import Codes, Floats

BLOCK_COLUMNS = (
    "worker", "system", "block", "n", "right_share", "modal_ms", "turns", "turning_ms", "drift_ms",
    "at_limit_share", "settled", "note",
)  # fmt: skip
THRESHOLD_COLUMNS = (
    "worker", "system", "blocks", "n", "right_share", "threshold_ms", "between_blocks_ms", "turning_ms",
    "settled_blocks", "at_limit_share",
)  # fmt: skip
SYSTEM_COLUMNS = (
    "system", "n_workers", "threshold_ms", "low", "high", "se", "se_images", "sd", "df", "turning_ms",
    "blocks", "settled_blocks", "at_limit_workers", "note",
)  # fmt: skip
SYSTEM_DIFFERENCES_COLUMNS = (
    "system_1", "system_2", "threshold_1", "threshold_2", "difference", "low", "high", "df", "p_value",
    "p_adjusted",
)  # fmt: skip
LEAST_TURNS = 4  # in the second half of a block
DRIFT = 0.25  # of the exposure: how far the last quarter of a block may lie from the one before
MOSTLY = 0.5
FEW = "one worker: no interval"


@dataclass(frozen=True, eq=False)
class Staircases:
    """N answers of staircases, a block's in the order in which they were given.

    worker, system, block: (N,) codes from 0; a block's number is within its worker. exposure_ms: (N,) as
    planned. right: (N,). systems: what the codes stand for. least_ms, most_ms: the limits of exposures; None
    takes the smallest and the largest that occur. image, generated: (N,) codes, and the truth; None: not
    known.
    """

    worker: Codes
    system: Codes
    block: Codes
    exposure_ms: Floats
    right: NDArray[np.bool_]
    systems: tuple[str, ...]
    least_ms: float | None = None
    most_ms: float | None = None
    image: Codes | None = None
    generated: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        N = len(self.worker)
        if not N:
            raise NothingLeftError("there are no answers of staircases to analyse.")
        for name in ("system", "block", "exposure_ms", "right"):
            size = len(getattr(self, name))
            if size != N:
                raise GlimpseError(f"{name} has {counted(size, 'value')} for {counted(N, 'answer')}.")
        if not np.isfinite(np.asarray(self.exposure_ms, dtype=float)).all():
            raise GlimpseError("an exposure of a staircase is missing; every answer needs one.")


def staircase_blocks(answers: Staircases) -> pd.DataFrame:
    """One row a worker, system and block, with BLOCK_COLUMNS.

    modal_ms: the exposure shown most often. turns: how often exposures turned from shorter to longer or back;
    turning_ms: their mean, the first two left out. drift_ms: the mean exposure of the last quarter less that
    of the quarter before. at_limit_share: of the second half, at the shortest or longest exposure allowed.
    settled: whether the second half turned LEAST_TURNS times, is not mostly at a limit, and drifts by no more
    than DRIFT of its exposure; else `note` says why.
    """
    order = np.lexsort((np.arange(len(answers.worker)), answers.block, answers.system, answers.worker))
    keys = np.stack([code[order] for code in (answers.worker, answers.system, answers.block)])
    exposure = np.asarray(answers.exposure_ms, dtype=float)[order]
    new = np.append(True, (np.diff(keys, axis=1) != 0).any(axis=0))
    block, start = np.cumsum(new) - 1, np.flatnonzero(new)
    B, n = len(start), np.bincount(block)
    place = np.arange(len(block)) - start[block]
    share = place / n[block]
    turned, turning = _turns(block, exposure)
    late = share >= 0.5
    third, fourth = (share >= 0.5) & (share < 0.75), share >= 0.75
    low = exposure.min() if answers.least_ms is None else answers.least_ms
    high = exposure.max() if answers.most_ms is None else answers.most_ms
    limit = (exposure <= low) | (exposure >= high)
    drift = _means(exposure, block, fourth, B) - _means(exposure, block, third, B)
    at_limit = _means(limit.astype(float), block, late, B)
    late_turns = np.bincount(block[turning & late], minlength=B)
    counts = np.bincount(block[turning], minlength=B)
    reasons = np.select(
        [at_limit > MOSTLY, late_turns < LEAST_TURNS,
         np.abs(drift) > DRIFT * _means(exposure, block, late, B)],
        ["at the shortest or longest exposure", "turned too seldom", "still moving"], "",
    )  # fmt: skip
    return pd.DataFrame({
        "worker": keys[0][start], "system": np.asarray(answers.systems, dtype=object)[keys[1][start]],
        "block": keys[2][start], "n": n,
        "right_share": _means(answers.right[order].astype(float), block, np.ones(len(block), bool), B),
        "modal_ms": _modes(block, exposure, B), "turns": counts, "turning_ms": turned, "drift_ms": drift,
        "at_limit_share": at_limit, "settled": reasons == "", "note": reasons,
    })[list(BLOCK_COLUMNS)]  # fmt: skip


def _means(values: Floats, block: Codes, keep: NDArray[np.bool_], B: int) -> Floats:
    sums = np.bincount(block[keep], weights=values[keep], minlength=B)
    return divide(sums, np.bincount(block[keep], minlength=B))


def _modes(block: Codes, exposure: Floats, B: int) -> Floats:
    """The exposure that each block has most often; of several, their mean."""
    values, code = np.unique(exposure, return_inverse=True)
    key, count = np.unique(block * len(values) + code, return_counts=True)
    own = key // len(values)
    most = np.zeros(B, dtype=np.int64)
    np.maximum.at(most, own, count)
    best = count == most[own]
    return _means(values[key % len(values)], own, best, B)


def _turns(block: Codes, exposure: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """The mean exposure at which each block turned, the first two turns left out, and where it turned."""
    B = int(block[-1]) + 1
    step = np.append(0.0, np.diff(exposure))
    step[np.append(True, np.diff(block) != 0)] = 0.0
    moved = np.flatnonzero(step)
    other = (np.diff(np.sign(step[moved])) != 0) & (np.diff(block[moved]) == 0)
    turning = np.zeros(len(block), dtype=bool)
    turning[moved[1:][other] - 1] = True  # the last trial before it goes the other way
    at = np.flatnonzero(turning)
    before = np.searchsorted(block[at], block[at])
    kept = np.zeros(len(block), dtype=bool)
    kept[at[np.arange(len(at)) - before >= 2]] = True
    return _means(exposure, block, kept, B), turning


def staircase_thresholds(blocks: pd.DataFrame) -> pd.DataFrame:
    """One row a worker and system, with THRESHOLD_COLUMNS, from `staircase_blocks`.

    threshold_ms: the mean over blocks of the modal exposures; between_blocks_ms: their standard deviation.
    """
    by = blocks.assign(right=blocks["right_share"] * blocks["n"]).groupby(["worker", "system"], sort=False)
    found = pd.DataFrame({
        "blocks": by.size(), "n": by["n"].sum(), "right_share": by["right"].sum() / by["n"].sum(),
        "threshold_ms": by["modal_ms"].mean(), "between_blocks_ms": by["modal_ms"].std(),
        "turning_ms": by["turning_ms"].mean(), "settled_blocks": by["settled"].sum(),
        "at_limit_share": by["at_limit_share"].mean(),
    })  # fmt: skip
    return found.reset_index()[list(THRESHOLD_COLUMNS)]


def image_errors(answers: Staircases) -> dict[str, float]:
    """By system, the standard error in ms that images add to the mean threshold beyond workers, since workers
    share them; 0 where images are not known.

    To first order: an image that is told less often than others moves everybody's threshold up. r is what is
    left of an answer (right or wrong) beside the block's own share for that kind of image and the slope b of
    right answers over exposure, within blocks. With R the sums of r by image, the mean threshold varies by
    (sum of R^2 - sum of r^2) / N^2 / b^2, and not below 0.
    """
    if answers.image is None or answers.generated is None:
        return dict.fromkeys(answers.systems, 0.0)
    found = {}
    for code, name in enumerate(answers.systems):
        mine = np.flatnonzero(answers.system == code)
        rows = pd.DataFrame({
            "worker": answers.worker[mine], "block": answers.block[mine],
            "generated": answers.generated[mine], "x": np.asarray(answers.exposure_ms, dtype=float)[mine],
            "right": answers.right[mine].astype(float),
        })  # fmt: skip
        by = rows.groupby(["worker", "block", "generated"])
        x, right = (rows[column] - by[column].transform("mean") for column in ("x", "right"))
        spread = float((x**2).sum())
        slope = float((x * right).sum()) / spread if spread else 0.0
        left = (right - slope * x).to_numpy()
        sums = np.bincount(answers.image[mine], weights=left)
        shared = max(float((sums**2).sum() - (left**2).sum()), 0.0)
        found[name] = float(np.sqrt(shared)) / len(mine) / slope if slope > 0 else 0.0
    return found


def threshold_table(
    thresholds: pd.DataFrame, settings: Intervals | None = None, images: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """One row a system, with SYSTEM_COLUMNS, from `staircase_thresholds`: HYPE-time's score.

    images: `image_errors`. The interval is Student's over workers, wider by what images add.
    at_limit_workers: how many were at a limit in most of their
    second halves; their thresholds are no more than bounds.
    """
    settings = settings or Intervals()
    by = thresholds.groupby("system", sort=False)
    n, mean = by.size().to_numpy(), by["threshold_ms"].mean().to_numpy()
    sd, df = by["threshold_ms"].std().to_numpy(), (n - 1).astype(float)
    of_workers = divide(sd, np.sqrt(n))
    of_images = np.array([(images or {}).get(str(name), 0.0) for name in by.groups])
    se = np.sqrt(of_workers**2 + of_images**2)
    df = np.where(of_workers > 0, df * divide(se, of_workers) ** 4, df)
    reach = t_quantile((1 + settings.level) / 2, np.maximum(df, 1)) * np.where(df > 0, se, np.nan)
    limited = thresholds["at_limit_share"] > MOSTLY
    return pd.DataFrame({
        "system": list(by.groups), "n_workers": n, "threshold_ms": mean,
        "low": np.maximum(mean - reach, 0.0), "high": mean + reach, "se": se, "se_images": of_images,
        "sd": sd, "df": df,
        "turning_ms": by["turning_ms"].mean().to_numpy(), "blocks": by["blocks"].sum().to_numpy(),
        "settled_blocks": by["settled_blocks"].sum().to_numpy(),
        "at_limit_workers": limited.groupby(thresholds["system"], sort=False).sum().to_numpy(),
        "note": np.where(df > 0, "", FEW),
    })[list(SYSTEM_COLUMNS)]  # fmt: skip


def threshold_differences(
    thresholds: pd.DataFrame, settings: Intervals | None = None, images: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Every two systems, with SYSTEM_DIFFERENCES_COLUMNS: the difference of their thresholds, in ms.

    Of workers who did both, by their own differences (paired t test); else Welch's (1947). images: as for
    `threshold_table`; those of both systems count as different ones.
    """
    settings = settings or Intervals()
    wide = thresholds.pivot(index="worker", columns="system", values="threshold_ms")
    names = list(dict.fromkeys(thresholds["system"]))
    rows = []
    for place, one in enumerate(names):
        for two in names[place + 1 :]:
            of_images = sum((images or {}).get(name, 0.0) ** 2 for name in (one, two))
            difference, alone, df = _between(wide[one].to_numpy(float), wide[two].to_numpy(float))
            se = float(np.sqrt(alone**2 + of_images))
            reach = float(t_quantile((1 + settings.level) / 2, max(df, 1.0))) * se
            p_value = float(t_test(difference / se, df)) if se > 0 else np.nan
            means = wide[one].mean(), wide[two].mean()
            rows.append((one, two, *means, difference, difference - reach, difference + reach, df, p_value))
    table = pd.DataFrame(rows, columns=list(SYSTEM_DIFFERENCES_COLUMNS[:-1]))
    return table.assign(p_adjusted=adjust(table["p_value"].to_numpy(float), settings.adjust))


def _between(one: Floats, two: Floats) -> tuple[float, float, float]:
    """Difference of means, its standard error and degrees of freedom."""
    both = np.isfinite(one) & np.isfinite(two)
    if both.sum() > 1 and (both == (np.isfinite(one) | np.isfinite(two))).all():
        gap = (one - two)[both]
        return float(gap.mean()), float(gap.std(ddof=1) / np.sqrt(len(gap))), float(len(gap) - 1)
    parts = [values[np.isfinite(values)] for values in (one, two)]
    difference = float(parts[0].mean() - parts[1].mean())
    if min(map(len, parts)) < 2:
        return difference, np.nan, np.nan
    variances = [values.var(ddof=1) / len(values) for values in parts]
    total = sum(variances)
    below = sum(v**2 / (len(values) - 1) for v, values in zip(variances, parts, strict=True))
    return difference, float(np.sqrt(total)), float(total**2 / below) if below > 0 else np.nan


def steady_share(longer_ms: float, shorter_ms: float, rights: int) -> float:
    """The share of right answers at which a staircase goes up as far as down.

    Example:
        >>> round(steady_share(10, 30, 3), 2)
        0.63
    """
    return float((longer_ms / (longer_ms + shorter_ms)) ** (1 / rights))


def systems_of(shown: Sequence[Sequence[str]]) -> list[str]:
    """What a staircase is of: the generated conditions that it shows, joined."""
    return [" + ".join(sorted(set(names))) for names in shown]
