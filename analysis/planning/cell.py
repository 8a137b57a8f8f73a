"""One planned cell, simulated many times over and analysed as `analyze` does.

Images are dealt as `build-hits` deals them. Answers about one image are alike, so the variance is that of
answers clustered by worker, image of side A and image of side B (Cameron, Gelbach & Miller 2011):

    V = V_w + V_a + V_b - V_wa - V_wb - V_ab + V_wab,

each term with its correction G / (G - 1), not below any of V_w, V_a, V_b and V_wab; the interval is Wilson's
with the effective sample size p (1 - p) / V and a t quantile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from glimpse.errors import GlimpseError
from glimpse.plan import deal
from glimpse.precision import as_equal

from ..statistics.degrees import rarer_worth
from ..statistics.distributions import t_quantile, t_test
from ..statistics.preference import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpse.precision import Spread

    from .size import StudySize

    Floats = NDArray[np.floating[Any]]
    Ints = NDArray[np.int64]

ANSWERS_AT_ONCE = 4_000_000
DEALS = 20  # cells over which the simulated studies of a design take turns
TRIALS_DEALT = 200_000  # or fewer cells, where it takes so many trials to deal them


class Deal(NamedTuple):
    """Which images a cell shows: numbers from 0 of each side's images, shape (HITs, trials of the cell)."""

    image_a: Ints
    image_b: Ints

    @property
    def pairs_per_image(self) -> float:
        """In how many pairs an image stands that is shown at all, on average over both sides."""
        return self.image_a.size * 2 / (_count(self.image_a) + _count(self.image_b))


def _count(codes: Ints) -> int:
    return int(codes.max()) + 1


def deals(size: StudySize, rng: np.random.Generator) -> list[Deal]:
    """Deal the images of some cells of the planned study, as build-hits would."""
    layout = size.layout
    batches = -(-DEALS // layout.cells)
    batches = max(1, min(batches, TRIALS_DEALT // (layout.hits * layout.trials)))
    found: list[Deal] = []
    for _ in range(batches):
        label, *items = deal(layout, size.images, rng, same_item=size.same_item, replacement=size.replacement)
        cells = range(min(layout.cells, DEALS - len(found)))
        found += [Deal(*(_numbered(item[label == cell], layout.hits) for item in items)) for cell in cells]
    return found


def _numbered(items: Ints, hits: int) -> Ints:
    """Number the images that occur from 0."""
    return np.unique(items, return_inverse=True)[1].reshape(hits, -1)


@dataclass(frozen=True)
class Outcomes:
    """What simulated studies gave, one entry of every array a study (S,): rates and intervals in [0, 1]."""

    rate: Floats
    low: Floats
    high: Floats
    p_value: Floats


def simulate_cell(
    size: StudySize,
    rate: float,
    spread: Spread,
    studies: int,
    rng: np.random.Generator,
    dealt: list[Deal] | None = None,
) -> Outcomes:
    """Simulate one cell of `studies` studies and analyse each.

    rate: the true preference rate over all workers, pairs and images; spread: their standard deviations.
    dealt: `deals` of `size`, over which the studies take turns; None deals anew.
    """
    if not 0 < rate < 1:
        raise GlimpseError(f"--rate is {rate:g}; a true preference rate lies between 0 and 1.")
    dealt = deals(size, rng) if dealt is None else dealt
    shares = np.bincount(np.arange(studies) % len(dealt), minlength=len(dealt)).tolist()
    at_once = max(1, ANSWERS_AT_ONCE // size.answers)
    parts = []
    for one, share in zip(dealt, shares, strict=True):
        for done in range(0, share, at_once):
            chosen = _answers(one, size, rate, spread, min(at_once, share - done), rng)
            parts.append(_analysed(one, chosen))
    rates, low, high, p_value = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Outcomes(rates, low, high, p_value)


def _answers(
    dealt: Deal, size: StudySize, rate: float, spread: Spread, studies: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return whether A was chosen, (S, H, P, W): a HIT's W workers answer all of its P pairs."""
    a, b = dealt
    pair, pairs = _pair_codes(dealt)
    (H, P), W = a.shape, size.workers_per_hit

    def normal(*shape: int) -> NDArray[np.float32]:
        return rng.standard_normal((studies, *shape), dtype=np.float32)

    mu = ndtri(rate) * np.sqrt(1 + spread.worker**2 + spread.pair**2 + 2 * spread.image**2)
    shown = spread.image * (normal(_count(a))[:, a] - normal(_count(b))[:, b])
    shown += spread.pair * normal(pairs)[:, pair] + np.float32(mu)
    drive = shown[..., None] + spread.worker * normal(H, 1, W)
    return np.asarray(rng.random((studies, H, P, W), dtype=np.float32) < ndtr(drive))


def _pair_codes(dealt: Deal) -> tuple[Ints, int]:
    """Number the pairs that occur; return the numbers and how many there are."""
    a, b = dealt
    found, code = np.unique(a * _count(b) + b, return_inverse=True)
    return code.reshape(a.shape), len(found)


def _analysed(dealt: Deal, chosen: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats, Floats]:
    """Return rate, interval and p-value of each study (S,)."""
    p: Floats = chosen.mean(axis=(1, 2, 3), dtype=np.float64)
    variance = three_way(dealt, chosen)
    df = degrees_of_freedom(dealt, chosen)
    if (df <= 0).any():  # one image of a side: nothing can be said
        return p, np.zeros_like(p), np.ones_like(p), np.ones_like(p)
    flat = variance <= 0
    n = np.where(flat, df + 1, p * (1 - p) / np.where(flat, 1.0, variance))
    low, high = wilson(p, n, t_quantile(0.975, df))
    # The interval's dual: p is below 5 % exactly where the interval leaves 1/2 out.
    return p, low, high, np.asarray(t_test(2 * (p - 0.5) * np.sqrt(n), df))


def degrees_of_freedom(dealt: Deal, chosen: NDArray[np.bool_]) -> Floats:
    """Return those of the t quantile of each study (S,): the fewest effective clusters of any way, less one.

    Clusters of unequal size are worth fewer equal ones (Carter, Schnepel & Steigerwald 2017): `as_equal`; so
    are those of the rarer answers, where these are about few images or by few workers: `rarer_worth`.
    """
    S, H, P, W = chosen.shape
    of_trial, of_worker = (chosen.sum(axis=axis, dtype=np.int64).reshape(S, -1) for axis in (3, 2))
    total = of_worker.sum(axis=1)
    rare_a = 2 * total <= H * P * W
    rarer = np.where(rare_a, total, H * P * W - total).astype(float)

    def worth(chose_a: Ints, answers: Ints | int, even: float) -> Floats:
        """What clusters with so many answers (G,), and so many of them for A (S, G), are worth."""
        mine = np.where(rare_a[:, None], chose_a, answers - chose_a).astype(float)
        return rarer_worth((mine**2).sum(axis=1), rarer, rarer, np.full(S, float(even)))

    found = [worth(of_worker, P, H * W)]
    for side in dealt:
        code = side.ravel()
        order = np.argsort(code, kind="stable")
        starts = np.flatnonzero(np.diff(code[order], prepend=-1))
        answers = W * np.diff(starts, append=len(code))
        chose_a = np.add.reduceat(of_trial[:, order], starts, axis=1)
        found.append(worth(chose_a, answers, as_equal(code.tolist())))
    return np.asarray(np.min(found, axis=0) - 1)


def three_way(dealt: Deal, chosen: NDArray[np.bool_]) -> Floats:
    """Return the variance of each study's rate (S,): by worker, image of side A and image of side B."""
    S, H, P, W = chosen.shape
    a, b = dealt
    pair, _ = _pair_codes(dealt)
    within = np.arange(H)[:, None] * H * P  # keeps the images of one HIT's workers apart from the next HIT's
    rows = chosen.reshape(S, H * P, W)
    sums = rows.sum(axis=2, dtype=np.int32)[..., None]
    p = sums.sum(axis=(1, 2)) / (H * P * W)

    def squares(counts: NDArray[np.integer], answers: Ints | int) -> Floats:
        """V of clusters with so many answers each, and so many of them for A: (S, clusters, ...)."""
        number = counts[0].size
        residual = (counts - p[:, None, None] * answers) ** 2
        return np.asarray(residual.sum(axis=(1, 2)) / (H * P * W) ** 2 * number / max(number - 1, 1))

    def variance(values: NDArray[np.integer] | NDArray[np.bool_], codes: Ints, each: int) -> Floats:
        """V of rows (S, H P, ...) of `each` answers, clustered by `codes` (H, P)."""
        code = codes.ravel()
        order = np.argsort(code, kind="stable")
        starts = np.flatnonzero(np.diff(code[order], prepend=-1))
        if each == 1 and len(starts) == len(code):  # every answer is a cluster
            return np.asarray(p * (1 - p) / (H * P * W - 1))
        counts = np.add.reduceat(values[:, order], starts, axis=1, dtype=np.int32)
        return squares(counts, each * np.diff(starts, append=len(code))[:, None])

    v_w = squares(chosen.sum(axis=2, dtype=np.int32), P)
    v_a, v_b, v_ab = (variance(sums, codes, W) for codes in (a, b, pair))
    v_wa, v_wb, v_wab = (variance(rows, within + codes, 1) for codes in (a, b, pair))
    total = v_w + v_a + v_b - v_wa - v_wb - v_ab + v_wab
    return np.asarray(np.maximum.reduce([total, v_w, v_a, v_b, v_wab]))
