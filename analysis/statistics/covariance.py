"""Clustered covariances of sums over answers: workers, the images of one side, those of the other.

Cameron, Gelbach & Miller (2011), "Robust inference with multiway clustering", J. Bus. Econ. Stat. 29(2): the
variance is the sum over the ways of clustering, minus that of their intersections, plus ...; each term with
its own correction G / (G - 1). An answer belongs to two images, one a side:

    V = V_worker + V_a + V_b - V_worker,a - V_worker,b - V_a,b + V_worker,a,b.

Over several contrasts an image may stand as A in one and as B in another; then all answers that share an
image count as correlated, on whichever side it stands (dyadic clustering: Aronow, Samii & Assenova 2015,
"Cluster-robust variance estimation for dyadic data", Political Analysis 23(4)). The sum can come out below
its parts, or negative, in small samples; it is therefore not allowed below the variance by any one way, nor
below that of independent answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse

from .choices import STANDARD
from .clustering import Entries, divide
from .degrees import rarer_worth
from .sharing import stretches
from .terms import ClusterTerms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from .choices import Cluster
    from .clustering import Codes, Floats
    from .sharing import Answers, Seen
    from .terms import Groups

    Parts = Mapping[str, Floats]  # by way of clustering


class Cells(NamedTuple):
    """Rates of C cells and their variances, each of shape (C,); NaN where a cell is empty or has one cluster.

    n, k: answers, and those that are 1; a tie counts as a half, and k is float then. combined: the multiway
    variance with its floor. alone: variance by each way of clustering by itself ("worker", "image_a",
    "image_b", "pair"), and of independent answers ("answer"). clusters, effective: how many clusters of each
    way there are, and how many equal ones they are worth. df: degrees of freedom of `combined`.
    """

    n: NDArray[np.int64]
    k: NDArray[Any]
    combined: Floats
    alone: Mapping[str, Floats]
    clusters: Mapping[str, NDArray[np.int64]]
    effective: Mapping[str, Floats]
    df: Floats

    @property
    def rate(self) -> Floats:
        """k / n; NaN in empty cells."""
        return divide(self.k, self.n)

    def at(self, rows: Codes) -> Cells:
        """Some of the cells."""
        return Cells(
            self.n[rows], self.k[rows], self.combined[rows],
            {name: values[rows] for name, values in self.alone.items()},
            {name: values[rows] for name, values in self.clusters.items()},
            {name: values[rows] for name, values in self.effective.items()}, self.df[rows],
        )  # fmt: skip


class Covariances(NamedTuple):
    """Covariance matrices (d, d) of a sum of scores: combined, those that it must not fall below, and, one of
    these, that of independent answers.

    The combined matrix may have negative eigenvalues. Setting those to zero, as is often done, depends on the
    choice of parameters; the floor of `variance`, taken along each direction asked for, does not.
    """

    combined: Floats
    floors: tuple[Floats, ...]
    answer: Floats
    df: float

    def variance(self, direction: Floats) -> Floats:
        """Variance along `direction` (..., d), not below that of any one way or of independent answers."""
        parts = [np.einsum("...i,ij,...j->...", direction, m, direction)
                 for m in (self.combined, *self.floors)]  # fmt: skip
        return np.asarray(np.max(parts, axis=0))

    def moments(self) -> tuple[float, float]:
        """Mean of the variances along all axes, and how many equal ones they are worth.

        Not below independent answers. The other floors have no place where effects cancel, as those of images
        do in what is left of a fit.
        """
        if not np.isfinite(self.combined).all():
            return np.nan, np.nan
        d, plain = len(self.combined), float(np.trace(self.answer))
        if not (self.df > 1 and plain > 0):
            return np.nan, np.nan
        trace, squares = float(np.trace(self.combined)), float((self.combined**2).sum())
        # An estimate's squares are too large by its own noise: that of a covariance from df + 1 clusters.
        squares = (squares - trace**2 / self.df) * self.df**2 / ((self.df - 1) * (self.df + 2))
        if trace <= plain:  # by chance: nothing but the spread of answers is to be seen
            trace, squares = plain, float((self.answer**2).sum())
        return trace / d, float(np.clip(trace**2 / max(squares, trace**2 / d), 1.0, d))

    def transform(self, matrix: Floats) -> Covariances:
        """Covariances of matrix @ scores; matrix is (e, d)."""
        answer, combined, *floors = (
            matrix @ m @ matrix.T for m in (self.answer, self.combined, *self.floors)
        )
        return Covariances(combined, tuple(floors), answer, self.df)


class Tally:
    """What any clustered variance needs of the analysed answers, by group and by cluster.

    groups: of the answers. cluster: what makes them alike. n: (G,) answers of each group. grams, clusters:
    as `ClusterTerms` has them, of stimuli and workers. effective: of "worker", "image" and "pair", by kind of
    set, how many equal clusters theirs are worth (Carter, Schnepel & Steigerwald 2017; for images, of the
    condition that has the fewest).
    """

    def __init__(
        self,
        groups: Groups,
        seen: Seen,
        of_trial: Entries,
        workers: ClusterTerms,
        cluster: Cluster = STANDARD,
    ) -> None:
        """of_trial: answers of each trial in each group. workers: as `ClusterTerms.of_workers` gives them."""
        self.groups, self.cluster, self.workers = groups, cluster, workers
        self.n = np.bincount(of_trial.group, weights=of_trial.n, minlength=len(groups)).astype(np.int64)
        terms = ClusterTerms.of_stimuli(groups, of_trial, seen) + workers
        self.grams, self.clusters, self.effective = terms.grams, terms.clusters, terms.effective()

    @classmethod
    def of(cls, answers: Answers, seen: Seen, groups: Groups, cluster: Cluster = STANDARD) -> Tally:
        """Of answers, a worker's together."""
        of_trial = Entries.counted(answers.trial, answers.group, len(groups))
        parts = (answers.at(here) for here in stretches(answers.worker))
        return cls(groups, seen, of_trial, worker_terms(groups, parts, seen, cluster), cluster)

    @property
    def cells(self) -> pd.DataFrame:
        """CELL_KEYS."""
        return self.groups.cells

    @property
    def cell(self) -> Codes:
        """The row of `cells` of each group: (G,)."""
        return self.groups.cell

    @property
    def sets(self) -> dict[str, Codes]:
        """By kind, the set that each cell is in."""
        return self.groups.sets

    def df(self, kind: str, numbers: Codes | int) -> Any:
        """Degrees of freedom in sets of cells: the fewest effective clusters of any way, less one."""
        ways = [self.effective[way][kind][numbers] for way in self.cluster.ways]
        return np.min(ways, axis=0) - 1

    def count(self, way: str, kind: str, numbers: Codes | int) -> Any:
        """How many clusters sets of cells have; "image": of the side that has the fewest."""
        if way == "image":
            return np.minimum(*(self.clusters[f"image_{side}"][kind][numbers] for side in "ab"))
        return self.clusters[way][kind][numbers]

    def covariances(
        self, scores: Floats, kind: str, numbers: Codes | int, *, corrected: bool = True
    ) -> Covariances:
        """Of a sum of scores, (G, d) for an answer of each group, over one or several sets of cells.

        corrected: by G / (G - 1); False for a test whose distribution allows for few clusters already.
        """
        return self.joined(self.parts(scores), kind, numbers, corrected=corrected)

    def parts(self, scores: Floats) -> Parts:
        """Covariances (d, d) of a sum of scores (G, d) by each way of clustering, as they come."""
        return {way: np.asarray(scores.T @ (self.grams[way] @ scores)) for way in self._ways}

    def parts_of_cells(self, scores: Floats) -> dict[str, sparse.csr_array]:
        """The same of the sums of single cells, (C, C) for C of them. scores: (G,), one an answer."""
        G, C = len(self.cell), len(self.cells)
        own = sparse.csr_array((scores, (np.arange(G), self.cell)), shape=(G, C))
        return {way: sparse.csr_array(own.T @ sparse.csr_array(self.grams[way]) @ own) for way in self._ways}

    def joined(self, parts: Parts, kind: str, numbers: Codes | int, *, corrected: bool = True) -> Covariances:
        """What the parts come to, for scores of the answers of one or several sets of cells."""
        if corrected:
            parts = {way: own * self._correction(way, kind, numbers) for way, own in parts.items()}
        floors = tuple(_sum(parts, of) for of in floors_of(self.cluster))
        df = float(np.min(self.df(kind, numbers)))
        return Covariances(_sum(parts, signs(self.cluster)), floors, parts["worker pair"], df)

    @property
    def _ways(self) -> list[str]:
        """The ways of clustering that the variance is made of."""
        return [way for way in dict.fromkeys((*signs(self.cluster), *FLOORS)) if way in self.grams]

    def centring(self, scores: Floats) -> Floats:
        """What the images' part of `covariances` lacks where the mean of each cell is gone from its scores.

        An answer about two images holds the effects of both. Summed over the answers of one image, those of
        its partners cancel once the cell's mean is taken out, though the partners are a sample, too: what
        they have in common is worth 1 / G of the variance by them, G their number. Where the images' own
        effects cancel, as in a test of transitivity, little else is left to be seen.
        scores: (G, d), as in `covariances`; the result is (d, d), to be added.
        """
        found = np.zeros((scores.shape[1],) * 2)
        if "image" in self.cluster.ways:
            first, second = self.groups.neighbours
            here = np.any(scores != 0, axis=1)[first]
            first, second = first[here], second[here]
            for way, sign in (("image_a", 1), ("image_b", 1), ("pair", -1)):
                alike = np.asarray(self.grams[way][first, second], dtype=float).ravel()
                share = sign * alike / self.clusters[way]["cell"][self.cell[first]]
                found += scores[first].T @ (share[:, None] * scores[second])
        return found

    def _correction(self, way: str, kind: str, numbers: Codes | int) -> float:
        """G / (G - 1), G the clusters of a set, or of the one of several that has the fewest."""
        if way.endswith("_ab"):
            sides = [self._correction(way[:-2] + side, kind, numbers) for side in "ab"]
            return float(np.sqrt(sides[0] * sides[1]))
        G = int(np.min(self.clusters[way][kind][numbers]))
        return G / (G - 1) if G > 1 else np.nan

    def rates(self, one: NDArray[Any], top: int | None = None) -> Cells:
        """The rate of each cell and its variance. one: (G,) what the answers of a group count, from 0 to 1.

        top: `one` is in steps of 1 / top, a mean on a scale; None: a rate, in halves, or, where there are no
        ties, in whole numbers. With p = K / N, the sum of squares of a cell's cluster sums of residuals is
        that of k - p n over its clusters. It follows from whole numbers, which are combined without rounding,
        however many answers.
        """
        C, is_rate = len(self.cells), top is None
        if top is None:
            top = 1 if np.isin(one, (0, 1)).all() else 2
        steps = np.round(one * np.float64(top)).astype(np.int64)
        n, k = (np.bincount(self.cell, weights=w, minlength=C).astype(np.int64)
                for w in (self.n, self.n * steps))  # fmt: skip
        moments = {
            way: self._cell_moments(way, steps)
            for way in self.grams
            if not way.endswith("_ab")  # no image is on both sides of a cell
        }
        variance = {
            way: divide(_squares(n, k, sums) / top**2 * G, n**2 * (G - 1.0))
            for way, sums in moments.items()
            for G in [self.clusters[way]["cell"]]
        }
        variance |= {way: np.zeros(C) for way in self.grams if way.endswith("_ab")}
        combined = _sum(variance, signs(self.cluster))
        floors = [_sum(variance, of) for of in floors_of(self.cluster)]
        every = np.arange(C)
        ways = ("worker", "image", "pair")
        df = self.df("cell", every)
        if is_rate:
            df = np.minimum(df, self._rarer_df(n, k, steps, top, moments))
        return Cells(
            n, k if top == 1 else k / top, np.maximum.reduce([combined, *floors]),
            {**{way: variance[way] for way in ("worker", "image_a", "image_b", "pair")},
             "answer": variance["worker pair"]},
            {**{way: self.count(way, "cell", every) for way in ("worker", "image_a", "image_b", "pair")}},
            {way: self.effective[way]["cell"] for way in ways}, df,
        )  # fmt: skip

    def _rarer_df(
        self,
        n: NDArray[np.int64],
        k: NDArray[np.int64],
        steps: NDArray[np.int64],
        top: int,
        moments: Mapping[str, Floats],
    ) -> Floats:
        """Degrees of freedom by the answers of the rarer kind: see `rarer_worth`."""
        rare_a = 2 * k <= top * n
        own = np.where(rare_a[self.cell], steps, top - steps)
        single = np.bincount(self.cell, weights=self.n * own**2, minlength=len(n)) / top**2
        total = np.where(rare_a, k, top * n - k) / top
        worth = []
        for way in self.cluster.ways:
            for side in ("image_a", "image_b") if way == "image" else (way,):
                nn, nk, kk = moments[side]
                squares = np.where(rare_a, kk, top**2 * nn - 2 * top * nk + kk) / top**2
                even = self.effective[way]["cell"]
                worth.append(rarer_worth(squares, total, single, even))
        return np.asarray(np.min(worth, axis=0) - 1)

    def _cell_moments(self, way: str, steps: NDArray[np.int64]) -> Floats:
        """Sums over a cell's clusters of n n, n k and k k: (3, C)."""
        first, second = self.groups.neighbours
        block = np.asarray(self.grams[way][first, second], dtype=float).ravel()
        weights = (block, block * steps[second], block * (steps[first] * steps[second]))
        C = len(self.cells)
        return np.stack([np.bincount(self.cell[first], weights=w, minlength=C) for w in weights])


STIMULI = {
    "image": {"image_a": 1, "image_b": 1, "image_ab": 1, "pair": -1},
    "pair": {"pair": 1},
}
FLOORS = ("worker", "pair", "image_a", "image_b", "image_ab", "worker pair")


def _sum(parts: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    return np.asarray(sum(weight * parts[way] for way, weight in weights.items()))


def signs(cluster: Cluster) -> dict[str, int]:
    """What the variance is the sum of, and the sign of each: one way plus the other, less what they share."""
    found: dict[str, int] = {}
    for way in cluster.ways:
        if way == "worker":
            found["worker"] = 1
            continue
        found |= STIMULI[way]
        if "worker" in cluster.ways:
            found |= {f"worker {name}": -sign for name, sign in STIMULI[way].items()}
    return found


def floors_of(cluster: Cluster) -> list[dict[str, float]]:
    """What the variance by several ways is not allowed to fall below: workers, the images of one side (of
    both, halved, as names decide which is which), pairs, independent answers."""
    if len(cluster.ways) < 2:
        return []
    images = dict.fromkeys(("image_a", "image_b", "image_ab"), 0.5)
    return [
        {"worker": 1.0},
        {"pair": 1.0},
        {"worker pair": 1.0},
        *([images] if "image" in cluster.ways else []),
    ]


def worker_terms(groups: Groups, parts: Iterable[Answers], seen: Seen, cluster: Cluster) -> ClusterTerms:
    """Those of workers, some at a time."""
    found = ClusterTerms(groups)
    for part in parts:
        found = found + ClusterTerms.of_workers(groups, part, seen, images="image" in cluster.ways)
    return found


def _squares(n: NDArray[np.int64], k: NDArray[np.int64], moments: Floats) -> Floats:
    """Sum over a cell's clusters of (k - p n)^2, p its rate; in whole numbers but for the last step."""
    N, K = n.astype(object), k.astype(object)
    nn, nk, kk = (sums.astype(np.int64).astype(object) for sums in moments)
    scaled = N * N * kk - 2 * N * K * nk + K * K * nn
    return np.array([a / b if b else 0.0 for a, b in zip(scaled, N * N, strict=True)], dtype=float)
