"""Answers of simulated studies in which workers, pairs and images differ: what `coverage.py` analyses.

    logit P(A is chosen) = mu + worker + pair + image of A - image of B

with normal effects; the truth is the mean of P over all of them. Nothing here comes from the analysis or from
`simulate`. Which images meet is dealt by the planner of `build-hits`, as in a real study.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import optimize, special

from glimpse.analysis.statistics.gathering import Gathered, Shown
from glimpse.analysis.statistics.runs import Runs
from glimpse.analysis.statistics.sharing import stretches
from glimpse.plan import Layout, deal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

EXPOSURES_MS = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
DEALS = 20  # plans over which simulated cells take turns
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(61)


@dataclass(frozen=True)
class Setting:
    """A study: its size, its images, and how workers, pairs and images differ (logit standard deviations).

    cells: of a HIT; others: its sentinels. one_does_half: the last worker of each HIT is one and the same.
    answered: share of assignments that are in.
    """

    name: str
    hits: int
    workers_per_hit: int
    trials_per_cell: int
    cells: int
    others: int
    images: int = 24
    same_item: bool = False
    worker: float = 0.5
    pair: float = 0.4
    image: float = 0.6
    one_does_half: bool = False
    answered: float = 1.0

    @property
    def spread(self) -> float:
        """Standard deviation of all effects on an answer together."""
        return float(np.sqrt(self.worker**2 + self.pair**2 + 2 * self.image**2))

    @property
    def worker_of(self) -> NDArray[np.int64]:
        """The worker of each place (HITs, workers a HIT), numbered from 0."""
        H, W = self.hits, self.workers_per_hit
        if not self.one_does_half:
            return np.arange(H * W).reshape(H, W)
        others = np.arange(H * (W - 1)).reshape(H, W - 1)
        return np.concatenate([others, np.full((H, 1), H * (W - 1))], axis=1)

    def deal(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
        """Return the cell of every trial of every HIT and the items of both sides, in the order of cells."""
        layout = Layout(self.hits, self.cells, 1, self.trials_per_cell, self.others, 0, max(1, self.others))
        label, *items = deal(layout, self.images, rng, same_item=self.same_item)
        order = np.argsort(label, axis=1, kind="stable")[:, : self.cells * self.trials_per_cell]
        return tuple(np.take_along_axis(of, order, axis=1) for of in (label, *items))


LIMITED = Setting("limited-time", 10, 20, 5, cells=21, others=5)
UNLIMITED = Setting("unlimited-time", 5, 10, 100, cells=1, others=10)
FEW = Setting("3 workers x 20 trials", 1, 3, 20, cells=1, others=0, images=50)
UNEQUAL = Setting("1 of 10 workers does half", 9, 2, 20, cells=1, others=0, images=200, one_does_half=True)
PARTIAL = replace(LIMITED, name="limited-time, a third in", answered=1 / 3)


def mean_rate(mu: float, spread: float) -> float:
    """The mean of logistic(mu + N(0, spread^2))."""
    return float((special.expit(mu + spread * NODES) * WEIGHTS).sum() / WEIGHTS.sum())


@cache
def center(rate: float, spread: float) -> float:
    """The mu at which the mean rate is `rate`."""
    return float(optimize.brentq(lambda mu: mean_rate(mu, spread) - rate, -20, 20, xtol=1e-12))


def draw_cells(setting: Setting, rate: float, count: int, rng: np.random.Generator) -> Drawn:
    """Answers of one cell of each of `count` studies, each a contrast of its own: "a0:b0", "a1:b1", ..."""
    H, P, n = setting.hits, setting.trials_per_cell, setting.images
    dealt: list[Any] = []
    while len(dealt) < min(DEALS, count):
        _, *items = setting.deal(rng)
        by_cell = [of.reshape(H, setting.cells, P).swapaxes(0, 1) for of in items]
        dealt += list(zip(*by_cell, strict=True))
    study = np.arange(count)[:, None, None]
    item_a, item_b = (
        np.stack([dealt[number % len(dealt)][side] for number in range(count)]) + study * n for side in (0, 1)
    )
    number = np.broadcast_to(study, item_a.shape).reshape(-1, P)
    effect = rng.normal(0, setting.image, (2, count * n)) if setting.image else np.zeros((2, count * n))
    looks = (effect[0][item_a] - effect[1][item_b]).reshape(-1, P)
    names = [f"a{k}:b{k}" for k in range(count)]
    both = item_a.reshape(-1, P), item_b.reshape(-1, P)
    logit = center(rate, setting.spread) + looks
    return _answered(setting, names, number, np.full(number.shape, np.nan), both, logit, rng)


def draw_study(setting: Setting, rates: Mapping[str, NDArray[Any]], rng: np.random.Generator) -> Drawn:
    """Answers of one study; rates: "a:b" -> how often a is chosen at each exposure, (7,), or (1,) in
    unlimited time, where each contrast has its own HITs and workers.

    An image looks alike in all contrasts and exposures.
    """
    limited = len(next(iter(rates.values()))) > 1
    if limited:
        label, item_a, item_b = setting.deal(rng)
        contrast, exposure = np.divmod(label, len(EXPOSURES_MS))
    else:
        dealt = [setting.deal(rng)[1:] for _ in rates]
        item_a, item_b = (np.concatenate(of) for of in zip(*dealt, strict=True))
        exposure = np.zeros_like(item_a)
        contrast = exposure + np.repeat(np.arange(len(rates)), setting.hits)[:, None]
    sides = [name.split(":") for name in rates]
    conditions = {name: place for place, name in enumerate(sorted({name for of in sides for name in of}))}
    effect = rng.normal(0, 1, (len(conditions), setting.images)) * setting.image
    a, b = (np.array([conditions[of[side]] for of in sides])[contrast] for side in (0, 1))
    mu = np.array([[center(float(rate), setting.spread) for rate in of] for of in rates.values()])
    logit = mu[contrast, exposure] + effect[a, item_a] - effect[b, item_b]
    shown_ms = np.array(EXPOSURES_MS if limited else (np.nan,))[exposure]
    return _answered(setting, list(rates), contrast, shown_ms, (item_a, item_b), logit, rng)


@dataclass(frozen=True)
class Drawn:
    """Answers of simulated studies, those of one after another: H HITs of T trials, W workers each.

    names: texts of the contrasts. contrast, exposure_ms, pair, a_left and each of items: (H, T). worker:
    (H, W). here: (H, W) whether the assignment is in. chose_a: (H, W, T).
    """

    names: list[str]
    contrast: NDArray[Any]
    exposure_ms: NDArray[Any]
    items: tuple[NDArray[Any], NDArray[Any]]
    pair: NDArray[Any]
    a_left: NDArray[Any]
    worker: NDArray[Any]
    here: NDArray[Any]
    chose_a: NDArray[Any]

    def gathered(self) -> Gathered:
        """As `gather` has them of `table`, without the way through texts, which takes most of the time."""
        order = np.argsort(self.worker.ravel(), kind="stable")
        order = order[self.here.ravel()[order]]  # the assignments, those of a worker together
        W, T = self.worker.shape[1], self.contrast.shape[1]
        trial = (order // W)[:, None] * T + np.arange(T)
        left = self.chose_a.reshape(-1, T)[order] == self.a_left.ravel()[trial]
        workers, worker = np.unique(self.worker.ravel()[order], return_inverse=True)
        assignment = np.repeat(np.arange(len(order)), T)
        N = len(assignment)
        return Gathered(
            *self._shown(), worker, _texts(workers), _texts(order), np.zeros(len(order), dtype=np.int64),
            pd.Index([""]), None, tuple(stretches(worker[assignment])), Runs.of(assignment),
            trial.ravel().astype(np.int32), left.ravel().view(np.int8), np.zeros(N, dtype=np.int8), ("",),
            (np.full(N, np.nan, dtype=np.float32),) * 2,
        )  # fmt: skip

    def _shown(self) -> tuple[pd.DataFrame, Shown]:
        """The cells, and what each trial shows."""
        contrast, ms = self.contrast.ravel(), self.exposure_ms.ravel()
        times, time = np.unique(ms, return_inverse=True)
        order = np.argsort(self.names, kind="stable")  # cells are in the order of names
        rank = np.argsort(order)
        keys, cell = np.unique(rank[contrast] * len(times) + time, return_inverse=True)
        sides = [self.names[order[key // len(times)]].split(":") for key in keys]
        a, b = zip(*sides, strict=True)
        cells = pd.DataFrame({"contrast": [":".join(of) for of in sides], "condition_a": a, "condition_b": b,
                              "exposure_ms": times[keys % len(times)]})  # fmt: skip
        conditions = {name: code for code, name in enumerate(dict.fromkeys((*a, *b)))}
        M = 1 + int(max(of.max() for of in self.items))
        of_side = [
            np.array([conditions[name] for name in side])[cell] * M + item.ravel()
            for side, item in zip((a, b), self.items, strict=True)
        ]
        image_a, image_b = np.unique(np.concatenate(of_side), return_inverse=True)[1].reshape(2, -1)
        item_a, item_b = (item.ravel() for item in self.items)
        shown = Shown(
            cell, ms, self.a_left.ravel(), image_a, image_b, item_a, item_b, self.pair.ravel(),
            np.full(len(cell), -1, dtype=np.int8), _texts(range(M)), _texts(range(int(self.pair.max()) + 1)),
        )  # fmt: skip
        return cells, shown

    def table(self) -> pd.DataFrame:
        """One row an answer, as `analyze` has judgments."""

        def spread(values: NDArray[Any], axis: int | None) -> NDArray[Any]:
            full = values if axis is None else np.expand_dims(values, axis)
            return np.broadcast_to(full, self.chose_a.shape)[self.here].ravel()

        trial = np.arange(self.contrast.size).reshape(self.contrast.shape)
        assignment = np.arange(self.worker.size).reshape(self.worker.shape)
        left, chosen, code = spread(self.a_left, 1), spread(self.chose_a, None), spread(self.contrast, 1)
        of = [name.split(":") for name in self.names]
        return pd.DataFrame({
            "assignment": spread(assignment, 2), "worker": spread(self.worker, 2),
            "trial": spread(trial, 1), "pair": spread(self.pair, 1),
            "item_a": spread(self.items[0], 1), "item_b": spread(self.items[1], 1),
            "contrast": _text(code, self.names), "condition_a": _text(code, [a for a, _ in of]),
            "condition_b": _text(code, [b for _, b in of]), "exposure_ms": spread(self.exposure_ms, 1),
            "chose_a": chosen, "side_of_a": _text(left, ["right", "left"]),
            "chosen_side": _text(left == chosen, ["right", "left"]),
            "shown_ms": np.nan, "response_ms": 1000.0, "excluded": False, "reason": "", "sentinel": False,
            "practice": False,
        })  # fmt: skip


def _answered(
    setting: Setting,
    names: list[str],
    contrast: NDArray[Any],
    exposure_ms: NDArray[Any],
    items: tuple[NDArray[Any], NDArray[Any]],
    logit: NDArray[Any],
    rng: np.random.Generator,
) -> Drawn:
    """Answer the trials of HITs, all (HITs, trials); HITs are those of one study after another."""
    studies, T, W = len(logit) // setting.hits, logit.shape[1], setting.workers_per_hit
    # One number for each pair of a contrast's items; pairs of unique rows take ten times as long.
    M = 1 + int(max(of.max() for of in items))
    key = (contrast.astype(np.int64) * M + items[0]) * M + items[1]
    pairs, pair = np.unique(key.ravel(), return_inverse=True)
    logit = logit + (rng.normal(0, 1, len(pairs)) * setting.pair)[pair].reshape(logit.shape)
    own = setting.worker_of
    people = int(own.max()) + 1
    worker = (own + np.arange(studies)[:, None, None] * people).reshape(-1, W)
    effect = rng.normal(0, 1, studies * people) * setting.worker
    chose = rng.random((len(logit), W, T)) < special.expit(logit[:, None] + effect[worker][:, :, None])
    a_left = rng.random(logit.shape) < 0.5
    places = np.argsort(rng.random((studies, setting.hits * W)), axis=1)
    here = (places < np.ceil(setting.answered * setting.hits * W)).reshape(-1, W)
    return Drawn(names, contrast, exposure_ms, items, pair.reshape(logit.shape), a_left, worker, here, chose)


def _texts(values: Any) -> pd.Index:
    return pd.Index([str(value) for value in values])


def _text(code: NDArray[Any], texts: Any) -> pd.Categorical:
    """A column of texts from their numbers; texts may come twice."""
    found, at = np.unique(np.asarray(texts, dtype=object).astype(str), return_inverse=True)
    return pd.Categorical.from_codes(at[code.astype(np.int64)], found)
