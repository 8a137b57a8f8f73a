"""What clustered variances add up: of each kind of cluster sums of n n', how many there are, how large."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .clustering import Entries, cross_gram, divide, gram, occurring, sizes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .clustering import Codes, Floats, Gram
    from .sharing import Answers, Seen

LARGEST = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Groups:
    """The groups that answers are in. cells: CELL_KEYS. cell: (G,) the row of `cells` of each group."""

    cells: pd.DataFrame
    cell: Codes

    def __len__(self) -> int:
        """How many there are."""
        return len(self.cell)

    @cached_property
    def sets(self) -> dict[str, Codes]:
        """By kind ("cell", "contrast", "exposure_ms", "all"), the set that each cell is in: (C,)."""
        C = len(self.cells)
        by = {
            kind: pd.factorize(self.cells[kind], use_na_sentinel=False)[0]
            for kind in ("contrast", "exposure_ms")
        }
        return {"cell": np.arange(C), **by, "all": np.zeros(C, dtype=np.int64)}

    @cached_property
    def labels(self) -> dict[str, tuple[Codes, int]]:
        """By kind, the set that each group is in, (G,), and how many sets there are."""
        return {kind: (codes[self.cell], int(codes.max(initial=-1)) + 1) for kind, codes in self.sets.items()}

    @cached_property
    def neighbours(self) -> tuple[Codes, Codes]:
        """Every two groups of one cell, in both orders, and each with itself."""
        order = np.argsort(self.cell, kind="stable")
        size = np.bincount(self.cell, minlength=len(self.cells))
        start = (np.cumsum(size) - size)[self.cell[order]]
        mine = size[self.cell[order]]
        first = np.repeat(order, mine)
        within = np.arange(len(first)) - np.repeat(np.cumsum(mine) - mine, mine)
        return first, order[np.repeat(start, mine) + within]

    @cached_property
    def condition(self) -> dict[str, Codes]:
        """By side, the condition of each group, (G,), in one numbering."""
        return {side: codes[self.cell] for side, codes in condition_codes(self.cells).items()}


def condition_codes(cells: pd.DataFrame) -> dict[str, Codes]:
    """The conditions of each cell, by side, in one numbering."""
    names = np.concatenate([cells[f"condition_{side}"].to_numpy(str) for side in "ab"])
    a, b = np.unique(names, return_inverse=True)[1].reshape(2, -1)
    return {"a": a, "b": b}


@dataclass
class ClusterTerms:
    """Clusters of several kinds ("worker", "image_a", "worker pair", ...).

    grams: (G, G). clusters: by kind of set, how many have answers in it. moments: by kind of set, sums of n
    and of n^2, n the answers of a cluster in it.
    """

    groups: Groups
    grams: dict[str, Gram] = field(default_factory=dict)
    clusters: dict[str, dict[str, NDArray[np.int64]]] = field(default_factory=dict)
    moments: dict[str, dict[str, Floats]] = field(default_factory=dict)

    @classmethod
    def of_stimuli(cls, groups: Groups, of_trial: Entries, seen: Seen) -> ClusterTerms:
        """Images and pairs: what they add up to follows from how often each trial was answered how."""
        found, G = cls(groups), len(groups)
        entries = {
            way: Entries.counted(code[of_trial.cluster], of_trial.group, G, of_trial.n)
            for way, code in seen._asdict().items()
        }
        for way, own in entries.items():
            found._add(way, own, condition=groups.condition.get(way[-1]))
        found._add_gram("image_ab", cross_gram(entries["image_a"], entries["image_b"], G))
        found._measure("pair", entries["pair"])
        found._measure_images(entries["image_a"], entries["image_b"])
        return found

    @classmethod
    def of_workers(cls, groups: Groups, answers: Answers, seen: Seen, *, images: bool) -> ClusterTerms:
        """Some workers, each with all answers: alone, and with what they saw. images: with images, too."""
        found, G = cls(groups), len(groups)
        alone = Entries.counted(answers.worker, answers.group, G)
        found._add("worker", alone)
        found._measure("worker", alone)
        of = seen._asdict() if images else {"pair": seen.pair}
        span = 1 + max(int(code.max(initial=0)) for code in of.values())
        both = {}
        for way, code in of.items():
            again = answers.pair_again if way == "pair" else answers.image_again
            key = answers.worker[again].astype(np.int64) * span + code[answers.trial[again]]
            both[way] = Entries.counted(key, answers.group[again], G)
            singles = np.bincount(answers.group[~again], minlength=G)
            found._add(f"worker {way}", both[way], singles=singles)
        if images:
            found._add_gram("worker image_ab", cross_gram(both["image_a"], both["image_b"], G))
        return found

    def __add__(self, other: ClusterTerms) -> ClusterTerms:
        """Both, of different clusters."""
        return self._with(other, 1)

    def __sub__(self, other: ClusterTerms) -> ClusterTerms:
        """These less some of them."""
        return self._with(other, -1)

    def _with(self, other: ClusterTerms, sign: int) -> ClusterTerms:
        return ClusterTerms(
            self.groups, _joined(self.grams, other.grams, sign),
            _joined(self.clusters, other.clusters, sign), _joined(self.moments, other.moments, sign),
        )  # fmt: skip

    def effective(self) -> dict[str, dict[str, Floats]]:
        """How many equal clusters those of a kind are worth in each set: (sum of n)^2 / sum of n^2."""
        return {
            way: {kind: divide(n**2, squares) for kind, (n, squares) in of_kind.items()}
            for way, of_kind in self.moments.items()
        }

    def _add(
        self, way: str, entries: Entries, condition: Codes | None = None, singles: Codes | None = None
    ) -> None:
        """Add clusters of one kind. condition: (G,) of the images that they are, if they are images; a set
        then counts those of the condition that has the fewest. singles: as for `gram`."""
        self._add_gram(way, gram(entries, len(self.groups), singles))
        K = 1 if condition is None else int(condition.max(initial=0)) + 1
        own = self.clusters.setdefault(way, {})
        for kind, (label, number) in self.groups.labels.items():
            by = label * K + (0 if condition is None else condition)
            counts = occurring(entries, by, number * K, singles).reshape(-1, K)
            fewest = np.where(counts > 0, counts, LARGEST).min(axis=1)
            own[kind] = np.where(counts.any(axis=1), fewest, 0)

    def _add_gram(self, way: str, found: Gram) -> None:
        self.grams[way] = found

    def _measure(self, way: str, entries: Entries) -> None:
        """Add what the effective number of clusters follows from."""
        self.moments[way] = {
            kind: np.stack(sizes(entries, label, number))
            for kind, (label, number) in self.groups.labels.items()
        }

    def _measure_images(self, a: Entries, b: Entries) -> None:
        """The same for images, on whichever side; a set takes the condition that has the fewest.

        So are the images of a set of several contrasts counted, too: a condition that comes late in the order
        of names stands as A in few of them, which says nothing of how many images it has.
        """
        condition, G = self.groups.condition, len(self.groups)
        K = 1 + max(int(codes.max(initial=0)) for codes in condition.values())
        # An image on side b counts with groups that follow those of side a.
        sides = Entries(*map(np.concatenate, zip(a, b._replace(group=b.group + G), strict=True)))
        of_side = np.concatenate([condition["a"], condition["b"]])
        own = self.moments["image"] = {}
        for kind, (label, number) in self.groups.labels.items():
            by = np.tile(label, 2) * K + of_side
            n, squares = (m.reshape(-1, K) for m in sizes(sides, by, number * K))
            fewest = np.nanargmin(np.nan_to_num(divide(n**2, squares), nan=np.inf), axis=1)
            own[kind] = np.stack([m[np.arange(len(m)), fewest] for m in (n, squares)])
            if kind != "cell":
                counts = occurring(sides, by, number * K).reshape(-1, K)
                fewest = np.where(counts > 0, counts, LARGEST).min(axis=1)
                for way in ("image_a", "image_b"):
                    self.clusters[way][kind] = np.where(counts.any(axis=1), fewest, 0)


def _joined(mine: Mapping[str, Any], other: Mapping[str, Any], sign: int) -> dict[str, Any]:
    """Two nested tables of sums, one added to the other or taken from it."""
    found = dict(mine)
    for name, value in other.items():
        if name not in mine:
            found[name] = value
        elif isinstance(value, dict):
            found[name] = _joined(mine[name], value, sign)
        else:
            found[name] = mine[name] + sign * value
    return found
