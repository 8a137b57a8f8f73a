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

from ..reading.exclusion import included
from .clustering import WORKER, ScoreSums, way_of
from .distributions import t_quantile
from .preference import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..reading.judgments import Judgments
    from ..reading.scores import Scores
    from .clustering import Floats

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
OF_ANSWERS = ("worker", "trial", "contrast", "condition_a", "item_a", "condition_b", "item_b", "chose_a")
WAYS = (WORKER, "image_a", "image_b")
STEPS, FARTHEST = 60, 50.0  # of the fitted line: Newton steps, and the steepest slope per standard difference
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

    Wilson's interval with the effective sample size p (1 - p) / V and the t quantile at the fewest clusters
    less one; V is clustered by worker, image of A and image of B (Cameron, Gelbach & Miller 2011).
    """
    y, n = judged.right, len(judged.worker)
    rate = float(y.mean())
    sums = ScoreSums(WAYS)
    codes = (judged.worker, judged.image_a, judged.image_b)
    sums.add((y - rate)[:, np.newaxis], {way: way_of(code) for way, code in zip(WAYS, codes, strict=True)})
    found = sums.covariances()
    fewest = min(found.clusters)
    variance = float(found.variance(np.ones(1))) / n**2
    ties = float((judged.difference == 0).mean())
    row: dict[str, Any] = {"n": n, "ties": ties, "accuracy": rate, "df": fewest - 1, "note": ""}
    if fewest < 2:
        return row | {"low": 0.0, "high": 1.0, "note": FEW}
    still = variance <= 1e-15
    n_effective = float(fewest) if still else rate * (1 - rate) / variance
    quantile = t_quantile((1 + level) / 2, np.array(fewest - 1))
    low, high = wilson(np.array(rate), np.array(n_effective), quantile)
    return row | {"low": float(low), "high": float(high)}


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
    judgments: Judgments | pd.DataFrame,
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
    judged, names, asked = _gather(judgments, scores)
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


def _gather(judgments: Judgments | pd.DataFrame, scores: Scores) -> tuple[Judged, _Names, list[int]]:
    """The analysed answers that have values on both sides, and how many answers each contrast has in all."""
    table = scores.table
    conditions, items = (pd.Index(table[name].unique()) for name in ("condition", "item"))
    value = np.full((len(conditions) + 1, len(items) + 1), np.nan)  # the last row and column: unknown, -1
    value[conditions.get_indexer(table["condition"]), items.get_indexer(table["item"])] = table["value"]
    sign = -1.0 if scores.direction == "lower" else 1.0
    found, asked, contrasts = [], np.zeros(0, dtype=np.int64), pd.Index([])
    for part in included(judgments, OF_ANSWERS):
        texts = {name: part[name].astype("category").cat for name in OF_ANSWERS[:-1]}
        codes = {name: text.codes.to_numpy() for name, text in texts.items()}
        contrasts = texts["contrast"].categories.astype(str)
        asked = np.bincount(codes["contrast"], minlength=len(contrasts)) + (asked if len(asked) else 0)
        images = []
        for side in "ab":
            condition = conditions.get_indexer(texts[f"condition_{side}"].categories.astype(str))
            item = items.get_indexer(texts[f"item_{side}"].categories.astype(str))
            images.append((condition[codes[f"condition_{side}"]], item[codes[f"item_{side}"]]))
        difference = sign * (value[images[0]] - value[images[1]])
        image_a, image_b = (condition * len(items) + item for condition, item in images)
        judged = Judged(codes["contrast"], codes["worker"], codes["trial"], image_a, image_b,
                        part["chose_a"].to_numpy(bool), difference)  # fmt: skip
        found.append(judged.where(np.isfinite(difference)))
    together = Judged(*(np.concatenate(column) for column in zip(*found, strict=True)))
    answered = np.flatnonzero(asked)
    renamed = np.searchsorted(answered, together.contrast)
    names = _Names(contrasts[answered], conditions, items)
    return together._replace(contrast=renamed), names, asked[answered].tolist()
