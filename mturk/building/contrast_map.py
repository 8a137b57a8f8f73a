"""Which conditions meet, and how often: the counts of many contrasts as a map of squares."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glimpse.blocks import parts
from glimpse.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from glimpse.experiment import Experiment
    from glimpse.study import Study

MANY = 20  # contrasts from which on a map says more than a table
_NUMBERS = 26  # conditions up to which a square has room for its number


@dataclass(frozen=True)
class MapRow:
    """One condition: its squares (trials with each other condition, None: itself) and all its trials."""

    name: str
    squares: tuple[int | None, ...]
    trials: int


@dataclass(frozen=True)
class ContrastMap:
    """The trials of each two conditions; `fewest` and `most` of a contrast that the study has.

    `numbers`: there is room for them in the squares. `in_hits`: (fewest, most) contrasts of a HIT, and how
    many HITs do not connect all conditions that meet.
    """

    rows: tuple[MapRow, ...]
    fewest: int
    most: int
    in_hits: tuple[int, int]
    unconnected: int
    hits: int

    @property
    def numbers(self) -> bool:
        """Whether squares show their numbers."""
        return len(self.rows) <= _NUMBERS

    def shade(self, trials: int | None) -> int:
        """Return how dark a square is, from 0 (never met) to 6 (as often as those that met most)."""
        return max(1, round(6 * trials / self.most)) if trials else 0


def contrast_map(study: Study) -> ContrastMap | None:
    """Count how often conditions meet in a study's compared trials; None where its contrasts are few."""
    trials, contrasts = study.trials, study.experiment.contrasts
    if len(contrasts) < MANY:
        return None
    real = study.experiment.real
    shown = {name for contrast in contrasts for name in contrast}
    names = sorted(shown, key=lambda name: (name == real, name))
    number = {name: place for place, name in enumerate(names)}
    met: Counter[tuple[str, str]] = Counter()
    hits: dict[str, set[str]] = {}
    for trial in trials:
        if trial.sentinel or trial.practice:
            continue
        left, right = trial.condition_left, trial.condition_right
        met[left, right] += 1
        met[right, left] += 1
        hits.setdefault(trial.hit, set()).add(trial.contrast)
    rows = []
    for name in names:
        squares = tuple(None if name == other else met[name, other] for other in names)
        rows.append(MapRow(name, squares, sum(filter(None, squares))))
    counts = [met[a, b] for a, b in contrasts]
    whole = _parts([":".join(contrast) for contrast in contrasts], number)
    unconnected = sum(_parts(sorted(one), number) > whole for one in hits.values())
    sizes = [len(one) for one in hits.values()]
    return ContrastMap(
        tuple(rows), min(counts), max(counts), (min(sizes), max(sizes)), unconnected, len(hits)
    )


def connection_warnings(experiment: Experiment) -> Iterator[str]:
    """Say which conditions no chain of contrasts joins, since no ranking has both."""
    names = list(dict.fromkeys(name for contrast in experiment.contrasts for name in contrast))
    ends = [[names.index(name) for name in contrast] for contrast in experiment.contrasts]
    part = parts(np.array(ends), len(names))
    groups = [[name for name, own in zip(names, part, strict=True) if own == one] for one in np.unique(part)]
    if len(groups) > 1:
        yield (
            f"The contrasts never compare these groups with one another: {'; '.join(map(listed, groups))}. A "
            "ranking cannot order conditions of different groups; add a contrast between them, such as "
            f"--contrast {groups[0][0]}:{groups[1][0]}."
        )


def _parts(contrasts: Sequence[str], number: dict[str, int]) -> int:
    """Return into how many parts some contrasts leave the conditions."""
    ends = np.array([[number[name] for name in contrast.split(":")] for contrast in contrasts])
    return len(set(parts(ends, len(number)).tolist()))
