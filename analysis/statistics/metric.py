"""Metrics against people: how often a metric picks the image that people pick.

For every answer, y is 1 where the metric prefers the image that was chosen, 0 where it prefers the other, and
1/2 where it has the same value for both. The accuracy is the mean of y. Answers that share a worker or an
image are alike in y, too, so that its variance is clustered like that of a preference rate. As a measure of
what is attainable: how often an answer agrees with the majority of the *other* answers to the same trial, 1/2
where these are split evenly.

How far the metric's difference goes with people's preference, pair by pair, is Spearman's rank correlation of
the two; over several contrasts every pair counts from both sides, so that nothing depends on which condition
is called A. The line of the figure is 1 / (1 + exp(-slope d)), d the metric's difference, fitted to all
answers: it passes through 1/2 at d = 0, as a metric must that has no other information.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from .covariance import Tally
from .distributions import t_quantile
from .gathering import CELL_KEYS
from .grouping import analysed
from .preference import wilson
from .sharing import Answers, Seen, met_again
from .terms import Groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..reading.judgments import Judgments
    from ..reading.scores import Scores
    from .clustering import Floats
    from .gathering import Gathered
    from .grouping import Analysed

    Codes = NDArray[np.integer[Any]]

METRIC_COLUMNS = (
    "metric", "direction", "contrast", "condition_a", "condition_b", "n", "n_all", "ties", "accuracy", "low",
    "high", "df", "ceiling", "n_ceiling", "spearman", "slope", "n_pairs", "n_workers", "note",
)  # fmt: skip
PAIR_COLUMNS = (
    "metric",
    "contrast",
    "condition_a",
    "condition_b",
    "item_a",
    "item_b",
    "difference",
    "n",
    "k",
)
LEVELS = np.array([0.0, 0.5, 1.0])  # of y
ONE_CELL = pd.DataFrame([["images:", "image a", "image b", np.nan]], columns=CELL_KEYS)
STEPS, FARTHEST = 60, 50.0  # of the fitted line: Newton steps, and the steepest slope per standard difference
ALL_TIE = "the metric has the same value for both images of every pair"
FEW = "one worker or one image only: the interval is 0 to 1"


class Judged(NamedTuple):
    """Answers to trials with a value on both sides, each array (N,).

    contrast, worker, trial, image_a, image_b: codes. chose_a: whether condition A was chosen. difference:
    how much better A's image is by the metric, above 0 where it prefers A.
    """

    contrast: Codes
    worker: Codes
    trial: Codes
    image_a: Codes
    image_b: Codes
    chose_a: NDArray[np.bool_]
    difference: Floats

    def where(self, keep: NDArray[np.bool_] | Codes) -> Judged:
        """Some of them."""
        return Judged(
            self.contrast[keep], self.worker[keep], self.trial[keep], self.image_a[keep], self.image_b[keep],
            self.chose_a[keep], self.difference[keep],
        )  # fmt: skip

    @property
    def right(self) -> Floats:
        """y of each answer: 1, 0, or 1/2 where the metric ties."""
        toward_a = (np.sign(self.difference) + 1) / 2
        return np.where(self.chose_a, toward_a, 1 - toward_a)


def accuracy(judged: Judged, level: float = 0.95) -> dict[str, Any]:
    """Return how often the metric is right: n, ties (share), accuracy, low, high, df and note.

    Wilson's interval with the effective sample size p (1 - p) / V and the t quantile at the fewest effective
    clusters less one; V is clustered by worker, image of A and image of B (Cameron, Gelbach & Miller 2011).
    """
    y, n = judged.right, len(judged.worker)
    rate = float(y.mean())
    tally = _tally(judged)
    residuals = (LEVELS - rate)[:, np.newaxis]
    variance = float(tally.covariances(residuals, "all", 0).variance(np.ones(1))) / n**2
    df, ties = float(tally.df("all", 0)), float((judged.difference == 0).mean())
    row: dict[str, Any] = {"n": n, "ties": ties, "accuracy": rate, "df": df, "note": ""}
    if ties == 1:
        row["note"] = ALL_TIE
    if not df > 0:
        return row | {"low": 0.0, "high": 1.0, "note": FEW}
    n_effective = df + 1 if variance <= 1e-15 else rate * (1 - rate) / variance
    quantile = t_quantile((1 + level) / 2, np.array(df))
    low, high = wilson(np.array(rate), np.array(n_effective), quantile)
    return row | {"low": float(low), "high": float(high)}


def _tally(judged: Judged) -> Tally:
    """Answers in groups of those that are equally right (LEVELS)."""
    order = np.argsort(judged.worker, kind="stable")
    mine = judged.where(order)
    pairs, first, pair = np.unique(
        np.stack([mine.image_a, mine.image_b]), axis=1, return_index=True, return_inverse=True
    )
    seen = Seen(mine.image_a[first], mine.image_b[first], np.arange(pairs.shape[1]))
    again = met_again(mine.worker, pair, seen)
    answers = Answers(mine.worker, pair, np.searchsorted(LEVELS, mine.right), *again)
    return Tally.of(answers, seen, Groups(ONE_CELL, np.zeros(len(LEVELS), dtype=np.int64)))


def ceiling(trial: Codes, chose_a: NDArray[np.bool_]) -> tuple[float, int]:
    """Return how often an answer agrees with the majority of the others to its trial, and of how many.

    NaN and 0 answers where no trial has two answers.
    """
    _, code = np.unique(trial, return_inverse=True)
    n = np.bincount(code)
    k = np.bincount(code[chose_a], minlength=len(n))
    n, k = n[n > 1], k[n > 1]
    agree = k * _majority(k - 1, n - k) + (n - k) * _majority(n - k - 1, k)
    total = int(n.sum())
    return (float(agree.sum() / total), total) if total else (np.nan, 0)


def _majority(same: Codes, other: Codes) -> Floats:
    """1 where more others chose the same, 0 where fewer did, 1/2 where equally many."""
    return np.asarray((np.sign(same - other) + 1) / 2)


class PairCounts(NamedTuple):
    """Answers by pair of images, each array (P,): `first` is an answer's row; n answers, k of them for A."""

    first: Codes
    n: Codes
    k: Codes


def by_pair(judged: Judged) -> PairCounts:
    """Add up the answers to each pair of images within a contrast."""
    key = judged.contrast.astype(np.int64)
    for code in (judged.image_a, judged.image_b):
        key = key * (int(code.max(initial=0)) + 1) + code
    _, first, code = np.unique(key, return_index=True, return_inverse=True)
    n = np.bincount(code)
    return PairCounts(first, n, np.bincount(code[judged.chose_a], minlength=len(n)))


def spearman(difference: Floats, rate: Floats, *, both_sides: bool) -> float:
    """Return the rank correlation of pairs' differences with their rates; NaN where one of them is constant.

    both_sides: every pair counts from A's side and from B's.
    """
    if both_sides:
        difference, rate = np.concatenate([difference, -difference]), np.concatenate([rate, 1 - rate])
    if len(difference) < 3 or np.ptp(difference) == 0 or np.ptp(rate) == 0:
        return np.nan
    ranks = [pd.Series(values).rank() for values in (difference, rate)]
    return float(ranks[0].corr(ranks[1]))


def slope(difference: Floats, n: Codes, k: Codes) -> float:
    """Return the slope of log odds against the difference, by maximum likelihood, through 1/2 at 0.

    NaN where all differences are 0. Where the answers never contradict the metric it is FARTHEST per root
    mean square of the differences: a step.
    """
    scale = float(np.sqrt(np.average(difference**2, weights=n)))
    if scale == 0:
        return np.nan
    d, beta = difference / scale, 0.0
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(beta * d, -500, 500)))
        score = float(((k - n * chance) * d).sum())
        information = float((n * chance * (1 - chance) * d**2).sum())
        step = score / max(information, 1e-12)
        beta = float(np.clip(beta + np.clip(step, -2, 2), -FARTHEST, FARTHEST))
        if abs(step) < 1e-12:
            break
    return beta / scale


def metric_table(
    judgments: Judgments | pd.DataFrame | Gathered | Analysed,
    scores: Scores,
    contrasts: Sequence[str] = (),
    *,
    level: float = 0.95,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a metric against people, and the pairs that this is made of.

    Args:
        judgments: As marked by `exclusion.exclude`.
        scores: The metric's values of images.
        contrasts: In the order wanted; those that are not named follow.
        level: Confidence level.

    Returns:
        METRIC_COLUMNS, one row a contrast and, where there are several, a last one over all, whose contrast
        is empty. n of n_all answers have a value on both sides; a contrast without any has NaN. PAIR_COLUMNS,
        one row a pair: difference, above 0 where the metric prefers A, and k of n answers that chose A.

    Raises:
        NothingLeftError: No judgment is left.
    """
    judged, names, asked = _gather(analysed(judgments), scores)
    pairs = by_pair(judged)
    rows = []
    wanted = {name: place for place, name in enumerate(contrasts)}
    occurring = enumerate(names.contrasts.tolist())
    for number, name in sorted(occurring, key=lambda one: wanted.get(one[1], len(wanted))):
        here = judged.where(judged.contrast == number)
        a, _, b = str(name).partition(":")
        about = {"contrast": name, "condition_a": a, "condition_b": b, "n_all": asked[number]}
        rows.append(about | _row(here, level, several=False))
    if len(rows) > 1:
        about = {"contrast": "", "condition_a": "", "condition_b": "", "n_all": sum(asked)}
        rows.append(about | _row(judged, level, several=True))
    table = pd.DataFrame(rows).assign(metric=scores.name, direction=scores.direction)
    first = judged.where(pairs.first)
    listed = pd.DataFrame({"difference": first.difference, "n": pairs.n, "k": pairs.k})
    contrast = np.asarray(names.contrasts, dtype=object)[first.contrast]
    listed = listed.assign(metric=scores.name, contrast=contrast)
    for side, image in (("a", first.image_a), ("b", first.image_b)):
        condition, item = names.image(image)
        listed = listed.assign(**{f"condition_{side}": condition, f"item_{side}": item})
    place = listed["contrast"].map(lambda name: wanted.get(name, len(wanted)))
    listed = listed.iloc[np.argsort(place.to_numpy(), kind="stable")].reset_index(drop=True)
    return table.reindex(columns=list(METRIC_COLUMNS)), listed[list(PAIR_COLUMNS)]


def _row(judged: Judged, level: float, *, several: bool) -> dict[str, Any]:
    """What is said of some answers."""
    empty = {"n": 0, "n_ceiling": 0, "n_pairs": 0, "n_workers": 0, "note": "no pair has values on both sides"}
    if not len(judged.worker):
        return empty
    pairs = by_pair(judged)
    difference = judged.difference[pairs.first]
    attained, of = ceiling(judged.trial, judged.chose_a)
    return accuracy(judged, level) | {
        "ceiling": attained,
        "n_ceiling": of,
        "spearman": spearman(difference, pairs.k / pairs.n, both_sides=several),
        "slope": slope(difference, pairs.n, pairs.k),
        "n_pairs": len(pairs.n),
        "n_workers": len(np.unique(judged.worker)),
    }


class _Names(NamedTuple):
    """What the codes of contrasts and images stand for; an image's is condition x items + item."""

    contrasts: pd.Index
    conditions: pd.Index
    items: pd.Index

    def image(self, code: Codes) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
        """Condition and item of each image."""
        condition, item = np.divmod(code, len(self.items))
        return self.conditions.to_numpy(object)[condition], self.items.to_numpy(object)[item]


def _gather(answers: Analysed, scores: Scores) -> tuple[Judged, _Names, list[int]]:
    """The analysed answers that have values on both sides, and how many answers each contrast has in all."""
    gathered, shown = answers.gathered, answers.gathered.shown
    keep = answers.keep & gathered.decided()  # a tie says nothing of which image people pick
    trial, worker = gathered.trial[keep], gathered.worker[gathered.assignment[keep]]
    table, cells = scores.table, gathered.cells
    conditions, items = (pd.Index(table[name].unique()) for name in ("condition", "item"))
    value = np.full((len(conditions) + 1, len(items) + 1), np.nan)  # the last row and column: unknown, -1
    value[conditions.get_indexer(table["condition"]), items.get_indexer(table["item"])] = table["value"]
    images = []
    for side in "ab":
        condition = conditions.get_indexer(cells[f"condition_{side}"].astype(str))[shown.cell]
        item = items.get_indexer(shown.items.astype(str))[getattr(shown, f"item_{side}")]
        images.append((condition, item))
    sign = -1.0 if scores.direction == "lower" else 1.0
    of_trial = sign * (value[images[0]] - value[images[1]])
    image_a, image_b = (condition * len(items) + item for condition, item in images)
    contrast, names = pd.factorize(cells["contrast"])
    own = contrast[shown.cell[trial]]
    asked = np.bincount(own, minlength=len(names))
    judged = Judged(own, worker, trial, image_a[trial], image_b[trial],
                    gathered.chose_a()[keep] == 1, of_trial[trial])  # fmt: skip
    judged = judged.where(np.isfinite(judged.difference))
    answered = np.flatnonzero(asked)
    renamed = np.searchsorted(answered, judged.contrast)
    found = _Names(pd.Index(names[answered].astype(str)), conditions, items)
    return judged._replace(contrast=renamed), found, asked[answered].tolist()
