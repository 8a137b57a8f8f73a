"""Agreement between workers who saw the same trials.

The coding matters: whether workers chose the same *side* of the same trial is agreement; whether they chose
the same *condition* says whether trials differ in which condition wins, and is near 0 where one wins all of
them, though everybody agrees. Both are computed, each under its name; "side" is the one to report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from .clustering import divide
from .distributions import t_quantile
from .grouping import analysed

if TYPE_CHECKING:
    from ..reading.judgments import Judgments
    from .clustering import Codes, Floats
    from .gathering import Gathered
    from .grouping import Analysed

AGREEMENT_COLUMNS = (
    "scope", "coding", "n_units", "n_ratings", "n_workers", "alpha", "alpha_low", "alpha_high", "kappa",
    "note",
)  # fmt: skip
ALL = -1  # in place of a contrast's code
CODINGS = ("side", "condition")


def agreement_table(
    judgments: Judgments | pd.DataFrame | Gathered | Analysed, *, level: float = 0.95
) -> pd.DataFrame:
    """Krippendorff's alpha and Fleiss' kappa: by side, overall and per contrast; by condition per contrast.

    Over all contrasts there is no coding by condition: which of two conditions is A would decide it.
    judgments: as marked by `exclusion.exclude`. A unit is a trial with two or more answers. alpha_low/high:
    from jackknives over workers, images, trials and answers (`Ratings.variance`). Where an index is not
    defined (nobody shares a trial, or all answers are the same) it is missing and `note` says so. Answers
    that choose neither side are left out; a scale counts by its sides. Where sides are not known, none are
    coded.
    """
    answers = analysed(judgments)
    gathered, shown = answers.gathered, answers.gathered.shown
    contrast, names = pd.factorize(gathered.cells["contrast"])
    of_trial = np.append(contrast, -1)[shown.cell]
    n, left = _decided(answers)
    firsts = {"side": left, "condition": np.where(shown.a_left, left, n - left)}
    everybody = _of_workers(answers, of_trial, len(names))
    rows = []
    for number in [ALL, *np.unique(of_trial[n > 0]).tolist()]:
        trials = np.flatnonzero((n > 0) if number == ALL else (n > 0) & (of_trial == number))
        workers = everybody.of(number)
        codings = CODINGS[:1] if number == ALL else CODINGS
        for coding in codings if gathered.sided else codings[1:]:
            units = trials[n[trials] >= 2]
            counts = np.stack([firsts[coding][units], n[units] - firsts[coding][units]], axis=1)
            images = (shown.image_a[units], shown.image_b[units])
            ratings = Ratings(counts.astype(float), images, workers.changes[coding], workers.number)
            scope = "all" if number == ALL else str(names[number])
            rows.append({"scope": scope, "coding": coding} | ratings.row(level))
    return pd.DataFrame(rows, columns=list(AGREEMENT_COLUMNS))


class _Workers(NamedTuple):
    """Of workers in each contrast: changes, by coding, what leaving one out takes from the sums that alpha is
    made of, (M, 3) of rows that answered; contrast (M,), and the worker (M,)."""

    contrast: Codes
    worker: Codes
    changes: dict[str, Floats]

    @property
    def number(self) -> int:
        """How many workers there are."""
        return len(np.unique(self.worker))

    def of(self, contrast: int) -> _Workers:
        """Those of one contrast, or their sums over ALL."""
        if contrast != ALL:
            here = self.contrast == contrast
            changes = {coding: own[here] for coding, own in self.changes.items()}
            return _Workers(self.contrast[here], self.worker[here], changes)
        code, workers = pd.factorize(self.worker)
        changes = {coding: _added(own, code) for coding, own in self.changes.items()}
        return _Workers(np.full(len(workers), ALL), workers, changes)


def _of_workers(answers: Analysed, of_trial: Codes, contrasts: int) -> _Workers:
    """What each worker adds to each contrast. of_trial: the contrast of each trial."""
    gathered, (n, left) = answers.gathered, _decided(answers)
    a_left = gathered.shown.a_left
    sides = without_an_answer(np.stack([left, n - left], axis=1))  # of an answer left, and right
    swapped = np.where(a_left[:, None, None], sides, sides[:, :, [0, 2, 1]])
    of_answers = [np.ascontiguousarray(table.reshape(-1, 3).T) for table in (sides, swapped)]
    found = []
    for here in gathered.parts:
        at = here.start + np.flatnonzero(answers.keep[here] & gathered.decided(here))
        trial, right = gathered.trial[at], (~gathered.left(at)).astype(np.int8)
        key = gathered.worker[gathered.assignment[at]].astype(np.int64) * contrasts + of_trial[trial]
        code, keys = pd.factorize(key)
        given = 2 * trial.astype(np.int64) + right
        own = [
            np.stack([np.bincount(code, weights=column[given]) for column in table], axis=1)
            for table in of_answers
        ]
        found.append((keys, *own))
    keys, side, condition = (np.concatenate(column) for column in zip(*found, strict=True))
    return _Workers(keys % contrasts, keys // contrasts, {"side": side, "condition": condition})


def _decided(answers: Analysed) -> tuple[Codes, Codes]:
    """Answers of each trial (T,) that choose a side, and those of them that chose left."""
    left, right = (answers.by_outcome @ (answers.gathered.left_share == share) for share in (1.0, 0.0))
    return left + right, left


def _added(changes: Floats, code: Codes) -> Floats:
    """Changes (M, 3) added up by code."""
    return np.stack([np.bincount(code, weights=column) for column in changes.T], axis=1)


def without_an_answer(counts: Floats) -> Floats:
    """What leaving out one answer, of the first or the second value, takes from the sums of each unit.

    counts: (units, 2). Returns (units, 2, 3). A unit with one answer left has none, and one with a single
    answer adds nothing.
    """
    a, b = counts.astype(float).T
    rated = a + b >= 2
    found = np.zeros((len(a), 2, 3))
    for value, (fewer_a, fewer_b) in enumerate(((a - 1, b), (a, b - 1))):
        left = fewer_a + fewer_b >= 2
        sums = (_different(np.maximum(fewer_a, 0), np.maximum(fewer_b, 0)), fewer_a, fewer_b)
        for column, (new, old) in enumerate(zip(sums, (_different(a, b), a, b), strict=True)):
            found[:, value, column] = np.where(rated, np.where(left, new, 0.0) - old, 0.0)
    return found


class Ratings(NamedTuple):
    """Answers to units that have two or more. counts: (units, 2), of the two values. images: of both sides,
    (units,) codes. of_workers: what leaving out each takes from the sums that alpha is made of, (workers, 3).
    workers: how many there are, of all units."""

    counts: Floats
    images: tuple[Codes, Codes]
    of_workers: Floats
    workers: int

    def row(self, level: float) -> dict[str, object]:
        """What the table says of them."""
        counts = self.counts
        row: dict[str, object] = {
            "n_units": len(counts), "n_ratings": int(counts.sum()), "n_workers": self.workers, "alpha": None,
            "alpha_low": None, "alpha_high": None, "kappa": None, "note": "",
        }  # fmt: skip
        if not len(counts):
            return {**row, "note": "no trial was answered by two workers"}
        if not counts.sum(axis=0).all():
            return {**row, "note": "all answers are the same: agreement beyond chance is not defined"}
        alpha, (variance, df) = krippendorff_alpha(counts), self.variance()
        reach = float(t_quantile((1 + level) / 2, df)) * np.sqrt(variance) if df > 0 else 2.0
        low, high = max(alpha - reach, -1.0), min(alpha + reach, 1.0)
        return {**row, "alpha": alpha, "alpha_low": low, "alpha_high": high, "kappa": fleiss_kappa(counts)}

    def variance(self) -> tuple[float, int]:
        """Variance of alpha, and its degrees of freedom.

        Jackknives that leave out one worker, one image of either side, one unit, one answer (Efron & Stein
        1981), put together as clustered variances are (see `covariance`): workers + images of one side +
        images of the other - units - answers, and not below any of these.
        """
        a, b = self.counts.T
        of_unit = -np.stack([_different(a, b), a, b], axis=1)
        image_a, image_b = (self._jackknife(_added(of_unit, pd.factorize(codes)[0])) for codes in self.images)
        worker, unit = self._jackknife(self.of_workers), self._jackknife(of_unit)
        answer = self._jackknife(without_an_answer(self.counts).reshape(-1, 3), self.counts.ravel())
        found = [worker, image_a, image_b, unit, answer]
        combined = worker[0] + image_a[0] + image_b[0] - unit[0] - answer[0]
        return max(combined, *(part[0] for part in found)), min(part[1] for part in found[:3]) - 1

    def _jackknife(self, changes: Floats, times: Floats | None = None) -> tuple[float, int]:
        """Variance by leaving out one cluster at a time, and how many clusters there are.

        changes: (M, 3), what each takes from the sums. times: (M,), how many clusters are like each.
        """
        without = _alpha(*(np.array(_sums(self.counts))[:, None] + changes.T))
        weight = np.ones(len(changes)) if times is None else times
        weight = np.where(np.isfinite(without), weight, 0.0)
        G = int(weight.sum())
        if G < 2:
            return np.inf, G
        without = np.where(weight > 0, without, 0.0)
        mean = (weight * without).sum() / G
        return float((G - 1) / G * (weight * (without - mean) ** 2).sum()), G


def krippendorff_alpha(counts: Floats) -> float:
    """Nominal alpha of two values from counts (units, 2), each unit with two or more ratings.

    Krippendorff (2011), "Computing Krippendorff's alpha-reliability": 1 - (n - 1) o_ab / (n_a n_b), with o_ab
    the coincidences of different values. NaN where all values are equal.
    """
    return float(_alpha(*_sums(counts)))


def _sums(counts: Floats) -> tuple[Any, Any, Any]:
    """(coincidences of different values, total of the first, total of the second)."""
    a, b = counts[:, 0], counts[:, 1]
    return _different(a, b).sum(), a.sum(), b.sum()


def _different(a: Floats, b: Floats) -> Floats:
    """Coincidences of different values in units with a answers of one and b of the other."""
    return divide(a * b, np.maximum(a + b - 1, 1.0))


def _alpha(different: Any, n_a: Any, n_b: Any) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 - (n_a + n_b - 1) * different / (n_a * n_b))


def fleiss_kappa(counts: Floats) -> float:
    """Fleiss' kappa (1971) of two values from counts (units, 2); units may differ in their number of ratings.

    The observed agreement is the mean over units, the expected one follows from the share of each value over
    all ratings. NaN where all values are equal.
    """
    m = counts.sum(axis=1)
    observed = ((counts * (counts - 1)).sum(axis=1) / (m * (m - 1))).mean()
    share = counts.sum(axis=0) / counts.sum()
    expected = float((share**2).sum())
    return float((observed - expected) / (1 - expected)) if expected < 1 else float("nan")
